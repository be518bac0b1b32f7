"""One run of the benchmark with a wrong house model, and what is kept of it."""

import asyncio
import hashlib
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from bench.baseline import plant_truths, tuned_curve
from bench.day_ahead import Extra, Offset, day_ahead_offset
from bench.economy_figures import Figures, figures
from bench.economy_runs import code_version
from bench.opponents import planner_of
from bench.run import archive_of, drive
from bench.spec import Address, RunSpec, house_config
from bench.world import MemoryWorld
from bench.wrong_prior_fit import ZONE_OF, right_model
from bench.wrong_prior_nights import LearningWorld, Night, capacity_kwh_per_k
from bench.zones import load_zone
from controller.config import HouseConfig
from controller.model import house_model
from controller.recorder import Records
from hil.firmware import Curve
from hil.house import load_house
from hil.occupants import Family
from hil.simulated_house import Truth
from mpc.building import total_loss_w_per_k

SEED = 1
WHERE = {"DK1": "2024-02-05", "DE_LU": "2023-11-27"}
"""First local days of the runs; no training day lies in them."""

PACE = (("cycle", "5 min"), ("plan_every", "60 min"))
"""Slower than in a house, for the budget: most of the work is the cycles'."""

WEEK_DAYS, MONTH_DAYS = 7.0, 28.0
FIRST_DAYS, LAST_DAYS = (1, 7), (15, 28)
"""Of the run, the first being day 1: comfort counts in both, cost in the later ones."""

OFFSET_DAYS = (4, 7)
LOSSES = ("air_outdoor_w_per_k", "mass_outdoor_w_per_k")
CAPACITIES = ("mass_kwh_per_k", "floor_kwh_per_k")


class Who(StrEnum):
    """Who heats."""

    CURVE = "tuned curve"
    KNOWING = "fitted, does not learn"
    LEARNING = "learns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One house with one belief to begin with, or on its own heating curve."""

    house: str
    who: Who
    days: float
    loss_factor: float = 1.0
    mass_factor: float = 1.0
    extra_w: float = 0.0
    shift_k: float = 0.0  # of the curve

    @property
    def zone(self) -> str:
        """Where the house stands."""
        return ZONE_OF[self.house]

    def spec(self) -> RunSpec:
        """The run, from the first hour on."""
        local = datetime.fromisoformat(WHERE[self.zone])
        factors = dict.fromkeys(LOSSES, self.loss_factor)
        factors |= dict.fromkeys(CAPACITIES, self.mass_factor)
        model = right_model(self.house) if self.who is not Who.CURVE else ()
        return RunSpec(
            house=self.house,
            zone=self.zone,
            start_at=local.replace(tzinfo=ZoneInfo(load_zone(self.zone).timezone)).astimezone(UTC),
            days=self.days,
            seed=SEED,
            strategy="heating-curve" if self.who is Who.CURVE else "mpc",
            curve=self.curve,
            refine=False,
            model=tuple((k, v * factors.get(k, 1.0)) for k, v in model),
            control=PACE,
        )

    @property
    def curve(self) -> Curve:
        """The pump's own, tuned; what runs alone, and what a hand-back returns to."""
        tuned = tuned_curve(self.house, self.zone)
        return replace(tuned, offset_k=tuned.offset_k + self.shift_k)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it; no figures of the last days where the run is shorter."""

    case: Case
    first: Figures
    last: Figures | None
    offset: Offset | None  # of predictions for days 4 to 7; none were made by a curve
    month_offset: Offset | None  # for days 4 to 28, where the model stayed the same
    spread: float | None  # of the last day's innovations; a curve has none
    right: tuple[float, float]  # loss in W/K and storage in kWh/K of the fitted model
    nights: tuple[Night, ...]
    cpu_s: float  # the only one that differs between equal runs


OUTCOME = TypeAdapter(Outcome)


def span_of(case: Case, days: tuple[int, int]) -> tuple[datetime, datetime]:
    """First and last instant of these days of the run."""
    start_at = case.spec().start_at
    return start_at + timedelta(days=days[0] - 1), start_at + timedelta(days=days[1])


def run_case(case: Case) -> Outcome:
    """Run it; the count begins with the first hour."""
    began_s = time.process_time()
    if case.who is Who.CURVE:
        return _outcome(case, plant_truths(case.spec(), case.curve), began_s)
    spec, house, archive = case.spec(), load_house(case.house), archive_of(case.spec())
    family = Family(seed=SEED, people=house.owner.people, timezone=archive.zone.timezone)
    people = Extra(family, case.extra_w)
    learns = case.who is Who.LEARNING
    world = (LearningWorld if learns else MemoryWorld)(spec, archive, occupants=people)
    with tempfile.TemporaryDirectory(prefix="heatherd-") as folder:
        directory = Path(folder)
        config = house_config(spec, house, archive.zone, address=Address(), directory=directory)
        asyncio.run(drive(spec, config, world, planner=planner_of(spec), progress=None))
        offsets, spread = _offsets(case, config, world.truths)
    nights = world.nights if isinstance(world, LearningWorld) else ()
    bare = _outcome(case, world.truths, began_s)
    return replace(
        bare, offset=offsets[0], month_offset=offsets[1], spread=spread, nights=tuple(nights)
    )


def _outcome(case: Case, truths: Sequence[Truth], began_s: float) -> Outcome:
    """What the plant's truth tells."""
    tank_l = load_house(case.house).truth.tank.volume_l

    def counted(days: tuple[int, int]) -> Figures:
        start_at, end_at = span_of(case, days)
        return figures(truths, start_at=start_at, end_at=end_at, tank_l=tank_l)

    return Outcome(
        case=case,
        first=counted(FIRST_DAYS),
        last=counted(LAST_DAYS) if case.days >= LAST_DAYS[1] else None,
        offset=None,
        month_offset=None,
        spread=None,
        right=_right(case),
        nights=(),
        cpu_s=round(time.process_time() - began_s, 1),
    )


def _right(case: Case) -> tuple[float, float]:
    spec = replace(case.spec(), model=right_model(case.house))
    zone, house = load_zone(case.zone), load_house(case.house)
    config = house_config(spec, house, zone, address=Address(), directory=Path("unused"))
    building = house_model(config).building
    return total_loss_w_per_k(building), capacity_kwh_per_k(building)


def _offsets(
    case: Case, config: HouseConfig, truths: Sequence[Truth]
) -> tuple[tuple[Offset, Offset | None], float]:
    """Of predictions with the model of the beginning, and the last innovations' spread."""
    whole = case.who is Who.KNOWING and case.days >= LAST_DAYS[1]
    until = case.spec().start_at + timedelta(days=case.days if whole else WEEK_DAYS, minutes=5)
    stored = Records(config.storage.directory / "records.db")
    try:
        records = list(takewhile(lambda r: r.at <= until, stored.records()))
        (last,) = stored.records(stored.latest_at())
    finally:
        stored.close()
    model, house = house_model(config), case.house
    first = day_ahead_offset(records, truths, model=model, house=house, days=OFFSET_DAYS)
    days = (OFFSET_DAYS[0], LAST_DAYS[1])
    month = None
    if whole:
        month = day_ahead_offset(records, truths, model=model, house=house, days=days)
    return (first, month), last.belief.innovations.spread


def result_path(case: Case, folder: Path) -> Path:
    """Where the outcome is kept: named by what was run and by the code that ran it."""
    asked = json.dumps([asdict(case), asdict(case.spec())], sort_keys=True, default=str)
    key = hashlib.sha256(f"{asked} {code_version()}".encode()).hexdigest()[:16]
    return folder / f"{case.house}_{case.who.name.lower()}_{key}.json"


def kept(case: Case, folder: Path) -> Outcome | None:
    """The outcome of an earlier run of this very case with this very code."""
    path = result_path(case, folder)
    return OUTCOME.validate_json(path.read_bytes()) if path.is_file() else None


def outcome_of(case: Case, folder: Path) -> Outcome:
    """What is kept is read, the rest is run and kept."""
    found = kept(case, folder)
    if found is not None:
        return found
    outcome, path = run_case(case), result_path(case, folder)
    partial = path.with_suffix(".partial")
    partial.write_bytes(OUTCOME.dump_json(outcome))
    partial.replace(path)
    return outcome
