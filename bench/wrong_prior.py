"""Benchmark: comfort and predictions from day one, with a house model that is wrong at first.

Usage: python -m bench.wrong_prior [--houses ...] [--results DIR] [--write]

Right is the model that was fitted offline to a fortnight of records; wrong ones have its losses and
capacities scaled. Nothing is learned before the first hour. A second table has a heat of 300 W in
the house that no model knows of. Finished runs are kept and read again, as long as neither run nor
code has changed.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from bench.baseline import plant_only, tuned_curve
from bench.day_ahead import Extra, day_ahead_offset
from bench.economy import results_folder
from bench.economy_cases import HOUSES, SLOW_PACE
from bench.economy_fit import fitted_model
from bench.economy_runs import code_version
from bench.run import run_in_memory
from bench.spec import RunSpec
from bench.tables import Row, markdown_table
from bench.truth import TrueKpis
from bench.zones import load_zone
from controller.model import house_model
from controller.recorder import Recorder
from hil.house import load_house
from hil.occupants import Family

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks" / "wrong-prior.md"
RESULTS = ROOT / ".wrong-prior"
DAYS = 7.0
SEED = 1
WHERE = {"DK1": "2024-02-05", "DE_LU": "2023-11-27"}
"""A week in each zone, first local days; no tuning or training week lies in them."""

ZONES = ("DK1", "DE_LU")
FACTORS = ((1.0, 1.0), (1.35, 1.5), (1.35, 0.5), (0.65, 1.5), (0.65, 0.5))
"""Losses and capacities of the house model over the right ones."""

EXTRA_W = (300.0, -300.0)
LOSSES = ("air_outdoor_w_per_k", "mass_outdoor_w_per_k")
CAPACITIES = ("mass_kwh_per_k", "floor_kwh_per_k")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One house in one week with one belief to begin with."""

    house: str
    zone: str
    loss_factor: float = 1.0
    mass_factor: float = 1.0
    extra_w: float = 0.0

    def spec(self) -> RunSpec:
        """The run, from the first hour on."""
        local = datetime.fromisoformat(WHERE[self.zone])
        factors = dict.fromkeys(LOSSES, self.loss_factor)
        factors |= dict.fromkeys(CAPACITIES, self.mass_factor)
        return RunSpec(
            house=self.house,
            zone=self.zone,
            start_at=local.replace(tzinfo=ZoneInfo(load_zone(self.zone).timezone)).astimezone(UTC),
            days=DAYS,
            seed=SEED,
            strategy="mpc",
            curve=tuned_curve(self.house, self.zone),
            refine=False,
            model=tuple((k, v * factors.get(k, 1.0)) for k, v in fitted_model(self.house)),
            control=SLOW_PACE,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it; comfort is that of the worse zone, in kelvin-hours outside the band."""

    case: Case
    below_kh: float
    above_kh: float
    curve_below_kh: float
    curve_above_kh: float
    room_c: float
    offset_mean_k: float
    offset_rms_k: float
    spread: float  # of the last day's readings, see `controller.innovations`

    def row(self) -> Row:
        """A line of the table."""
        case = self.case
        return {
            "house": case.house,
            "zone": case.zone,
            "loss": f"{100.0 * (case.loss_factor - 1.0):+.0f} %",
            "mass": f"{100.0 * (case.mass_factor - 1.0):+.0f} %",
            **({"unknown W": f"{case.extra_w:+.0f}"} if case.extra_w else {}),
            "K·h below": self.below_kh,
            "K·h above": self.above_kh,
            "curve below": self.curve_below_kh,
            "curve above": self.curve_above_kh,
            "room °C": self.room_c,
            "offset K": self.offset_mean_k,
            "rms K": self.offset_rms_k,
            "spread": self.spread,
        }


OUTCOME = TypeAdapter(Outcome)


def all_cases(houses: Iterable[str]) -> list[Case]:
    """Every house in one of the zones in turn, with every wrong belief and every unknown heat."""
    zone_of = {house: ZONES[index % 2] for index, house in enumerate(reversed(HOUSES))}
    places = [(house, zone_of[house]) for house in houses]
    wrong = [
        Case(house=h, zone=z, loss_factor=loss, mass_factor=mass)
        for h, z in places
        for loss, mass in FACTORS
    ]
    return wrong + [Case(house=h, zone=z, extra_w=w) for h, z in places for w in EXTRA_W]


def run_case(case: Case) -> Outcome:
    """Run it; the count begins with the first hour."""
    spec = case.spec()
    people = load_house(case.house).owner.people
    family = Family(seed=SEED, people=people, timezone=load_zone(case.zone).timezone)
    with tempfile.TemporaryDirectory(prefix="heatherd-") as folder:
        result = run_in_memory(spec, Path(folder), occupants=Extra(family, case.extra_w))
        recorder = Recorder(result.config.storage.directory / "records.db")
        try:
            records = list(recorder.records())
        finally:
            recorder.close()
    offset = day_ahead_offset(
        records, result.truths, model=house_model(result.config), house=case.house
    )
    curve = _curve_kpis(case.house, case.zone)
    return Outcome(
        case=case,
        below_kh=result.true.comfort_kh_below,
        above_kh=result.true.comfort_kh_above,
        curve_below_kh=curve.comfort_kh_below,
        curve_above_kh=curve.comfort_kh_above,
        room_c=result.true.mean_room_temp_c,
        offset_mean_k=offset.mean_k,
        offset_rms_k=offset.rms_k,
        spread=records[-1].belief.innovations.spread,
    )


@cache
def _curve_kpis(house: str, zone: str) -> TrueKpis:
    """The pump's own tuned curve in the same week."""
    return plant_only(Case(house=house, zone=zone).spec(), tuned_curve(house, zone))


def outcome_of(case: Case, folder: Path) -> Outcome:
    """What is kept is read, the rest is run and kept."""
    asked = json.dumps([asdict(case), asdict(case.spec())], sort_keys=True, default=str)
    key = hashlib.sha256(f"{asked} {code_version()}".encode()).hexdigest()[:16]
    path = folder / f"{case.house}_{case.zone}_{key}.json"
    if path.is_file():
        return OUTCOME.validate_json(path.read_bytes())
    outcome = run_case(case)
    partial = path.with_suffix(".partial")
    partial.write_bytes(OUTCOME.dump_json(outcome))
    partial.replace(path)
    return outcome


def page(outcomes: Sequence[Outcome]) -> str:
    """The page for the documentation."""
    wrong = [outcome.row() for outcome in outcomes if not outcome.case.extra_w]
    extra = [outcome.row() for outcome in outcomes if outcome.case.extra_w]
    return f"""# A wrong house to begin with

Simulated. Seven days from the first hour after installation, relaxed plans every hour, forecasts
and prices as issued. The planner begins with a house model whose losses and capacities are those of
a fitted model times a factor; `+0 %` is the fitted model itself. K·h are kelvin-hours outside
21 ± 1 °C in the worse zone, beside those of the pump's own tuned heating curve in the same week.
*Offset* is the mean of true room temperature minus its prediction of a day before on days 4 to 7,
*rms* its root mean square; such a prediction is made with the heat and weather that came. *Spread*
is how large innovations were over what the filter expects. Reproduce with
`python -m bench.wrong_prior --write`; with `--houses` it runs a part. {len(outcomes)} runs are
shown.

## Losses and capacities wrong

{markdown_table(wrong)}
## A constant heat that no model knows

What it adds to the offset is the difference to the house's `+0 %` run above; the rest is weather
that the model answers otherwise than the house.

{markdown_table(extra)}"""


def main() -> None:
    """Run, print, and with --write keep the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.wrong_prior", description=__doc__)
    parser.add_argument("--houses", nargs="+", default=HOUSES, choices=HOUSES)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    folder = results_folder(arguments.results)
    outcomes = []
    for case in all_cases(arguments.houses):
        outcomes.append(outcome_of(case, folder))
        sys.stderr.write(f"{outcomes[-1]}\n")
    text = page(outcomes)
    sys.stdout.write(text)
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
