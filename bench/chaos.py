"""Benchmark: weeks in which faults strike at random, beside the same weeks without any.

Usage: python -m bench.chaos [--weeks N] [--per-day RATE] [--results DIR] [--write]

One pump that returns by itself, one that keeps what it was told, one behind relays. Each week is
kept when it is done; started again, it goes on where it stopped.
"""

import argparse
import json
import logging
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.economy import results_folder
from bench.faulty_world import Lived, Strike, live
from bench.spec import RunSpec
from bench.tables import Row, markdown_table
from bench.truth import TrueKpis, true_kpis
from bench.zones import load_zone
from controller.guard import Refused
from controller.model import house_model
from drivers.api import Capability
from drivers.profile import load_profile
from hil import faults
from hil.house import load_house

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks" / "chaos.md"
RESULTS = ROOT / ".bench-chaos"
PROFILES = ("generic_modbus", "nibe_s", "shelly_sg_ready")
WEEKS, PER_DAY = 12, 4.0
SHORTEST_MIN, LONGEST_MIN = 10, 180
SEASON_STARTS_AT = datetime(2024, 1, 4, 23, tzinfo=UTC)
RELAXED = (("cycle", "5 min"), ("plan_every", "2 h"), ("horizon", "24 h"), ("step", "30 min"))
NOT_IN_CHAOS = {
    faults.HALF_OPEN, faults.WRONG_TRANSACTION,  # need real sockets
    faults.SLOW_DISK,  # waits in real time
    faults.CLOCK_AHEAD, faults.CLOCK_BACK,  # would tear the two weeks apart
    faults.COLD_LIMIT,  # cools the house by force
    faults.FOREIGN_WRITER,  # ends the steering, as it should
    faults.STALE_RETAINED,  # is met at the start only
}  # fmt: skip
STRIKING = tuple(fault for fault in faults.CATALOGUE if fault not in NOT_IN_CHAOS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """One pump in one week, with faults and without."""

    profile: str
    number: int
    per_day: float
    strikes: int
    coldest_c: float
    warmest_c: float
    frost_c: float
    over_the_limit: int  # commands above the highest flow temperature
    refused_frac: float  # of the cycles with faults
    cost: float
    plain_cost: float
    below_kh: float
    plain_below_kh: float

    @property
    def violations(self) -> int:
        """Hard limits that were broken."""
        return self.over_the_limit + (self.coldest_c < self.frost_c)


def timetable(spec: RunSpec, per_day: float) -> list[Strike]:
    """Faults at random instants, `per_day` of them on average; equal for equal specs."""
    chance = random.Random(f"chaos:{spec.profile}:{spec.start_at}:{spec.seed}:{per_day}")
    strikes, at = list[Strike](), spec.start_at
    while True:
        at += timedelta(minutes=5 * (1 + round(chance.expovariate(per_day / 288.0))))
        if at >= spec.end_at - timedelta(minutes=LONGEST_MIN):
            return strikes
        span = timedelta(minutes=chance.randint(SHORTEST_MIN, LONGEST_MIN))
        strikes.append(Strike(chance.choice(STRIKING), at, at + span))


def spec_of(profile: str, number: int) -> RunSpec:
    """A week of the season."""
    return RunSpec(
        house="timber1972", zone="DK1", start_at=SEASON_STARTS_AT + timedelta(days=7 * number),
        days=7.0, seed=number, strategy="mpc", profile=profile,
        curve=load_house("timber1972").curve, control=RELAXED,
    )  # fmt: skip


def week_of(spec: RunSpec, number: int, per_day: float) -> Week:
    """The same week twice."""
    strikes = timetable(spec, per_day)
    with tempfile.TemporaryDirectory(prefix="hd") as folder:
        struck = live(spec, strikes, Path(folder) / "struck" / "data")
        plain = live(spec, [], Path(folder) / "plain" / "data")
    rooms_c = [room_c for truth in struck.truths for room_c in truth.zone_c]
    ours, theirs = kpis_of(struck, spec), kpis_of(plain, spec)
    refusals = sum(isinstance(record.verdict, Refused) for record in struck.records)
    return Week(
        profile=spec.profile,
        number=number,
        per_day=per_day,
        strikes=len(strikes),
        coldest_c=min(rooms_c),
        warmest_c=max(rooms_c),
        frost_c=struck.config.comfort.frost_c,
        over_the_limit=over_the_limit(struck),
        refused_frac=refusals / len(struck.records),
        cost=ours.cost,
        plain_cost=theirs.cost,
        below_kh=ours.comfort_kh_below,
        plain_below_kh=theirs.comfort_kh_below,
    )


def over_the_limit(lived: Lived) -> int:
    """Commands above the highest flow temperature that the owner allows."""
    limit_c = lived.config.heat_pump.flow_max_c
    verdicts = [r.verdict for r in lived.records if not isinstance(r.verdict, Refused)]
    asked = [verdict.settings.get(Capability.FLOW_SETPOINT, 0.0) for verdict in verdicts]
    return sum(limit_c is not None and flow_c > limit_c for flow_c in asked)


def kpis_of(lived: Lived, spec: RunSpec) -> TrueKpis:
    """Cost and comfort from the plant's truth."""
    return true_kpis(
        lived.truths,
        prices=load_zone(spec.zone).spot_per_kwh,
        tariff=house_model(lived.config).tariff,
        low_c=spec.room_c - spec.band_k,
        high_c=spec.room_c + spec.band_k,
    )


def run_all(weeks: int, per_day: float, results: Path) -> list[Week]:
    """Every pump through the first weeks of the season; what is kept is not run again."""
    path = results_folder(results) / "weeks.jsonl"
    kept = {(week.profile, week.number): week for week in read(path) if week.per_day == per_day}
    for number in range(weeks):
        for profile in PROFILES:
            if (profile, number) in kept:
                continue
            week = week_of(spec_of(profile, number), number, per_day)
            kept[profile, number] = week
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(week)) + "\n")
            sys.stderr.write(f"{week}\n")
    return [week for week in kept.values() if week.number < weeks]


def read(path: Path) -> list[Week]:
    """What was done before."""
    if not path.exists():
        return []
    return [Week(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def page(weeks: Sequence[Week]) -> str:
    """The page for the documentation: what was really run."""
    count, per_day = max(week.number for week in weeks) + 1, weeks[0].per_day
    names = ", ".join(fault.name for fault in STRIKING)
    return f"""# Weeks of chaos

Simulated. In {count} week{"s" if count > 1 else ""} from {SEASON_STARTS_AT:%Y-%m-%d} on
(timber1972, DK1; cycles of 5 minutes, a plan every 2 hours) faults of the
[catalogue](../reference/faults.md) strike, {per_day:g} times a day on average, each for
{SHORTEST_MIN} to {LONGEST_MIN} minutes, several at once where it so happens: {names}.
Each week begins anew and is lived a second time without faults. A violation is a command above the
owner's highest flow temperature, or a room below the frost floor. Memory over a season and tasks
left behind are not measured here. Reproduce with `python -m bench.chaos --weeks {count} --write`;
it goes on where it stopped.

{markdown_table([row(profile, weeks) for profile in PROFILES])}"""


def row(profile: str, weeks: Sequence[Week]) -> Row:
    """One pump's line."""
    mine = [week for week in weeks if week.profile == profile]
    if not mine:
        return {"profile": profile, "weeks": 0}
    count = len(mine)
    return {
        "profile": profile,
        "on silence": load_profile(profile).on_silence.value,
        "weeks": count,
        "faults": sum(week.strikes for week in mine),
        "violations": sum(week.violations for week in mine),
        "coldest room": f"{min(week.coldest_c for week in mine):.1f}",
        "warmest room": f"{max(week.warmest_c for week in mine):.1f}",
        "not steered %": f"{100.0 * sum(week.refused_frac for week in mine) / count:.1f}",
        "cost a week": f"{sum(week.cost for week in mine) / count:.2f}",
        "without faults": f"{sum(week.plain_cost for week in mine) / count:.2f}",
        "K·h too cold a week": f"{sum(week.below_kh for week in mine) / count:.1f}",
        "without": f"{sum(week.plain_below_kh for week in mine) / count:.1f}",
    }


def main() -> None:
    """Run what is missing, print, and with --write keep the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--weeks", type=int, default=WEEKS)
    parser.add_argument("--per-day", type=float, default=PER_DAY, help="faults, on average")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)  # of faults there is no end here
    text = page(run_all(arguments.weeks, arguments.per_day, arguments.results))
    sys.stdout.write(text)
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
