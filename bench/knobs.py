"""Benchmark: what each kind of knob saves, from a fine flow set-point down to two relays.

Usage: python -m bench.knobs [--houses ...] [--from DAY ...] [--days N] [--write]
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bench.baseline import cost_per_k, plant_only, tuned_curve
from bench.comparison import Comparison, compare
from bench.run import run_in_memory
from bench.spec import RunSpec
from bench.tables import Row, markdown_table
from bench.truth import TrueKpis
from bench.zones import load_zone
from controller.steering import can_follow
from controller.store import open_store
from controller.wear import Ledger
from drivers.api import Capability
from drivers.profile import load_profile

CASES = (
    ("generic_modbus", "flow_setpoint"),
    ("nibe_s", "curve_offset"),
    ("generic_modbus", "room_setpoint"),
    ("generic_modbus", "power_limit"),
    ("shelly_sg_ready", "sg_ready"),
)
"""Profile and knob: the finest there is, a stored whole kelvin, a stored room set-point, a limit
that can only hold back, and two relays with nothing known of the pump but its meter."""

HOUSES = ("slab2004", "brick1935")
SPANS = ("2024-12-09", "2024-02-12", "2024-01-08")
ZONE = "DK1"
DAYS = 7.0

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "knobs.md"


@dataclass(frozen=True, slots=True)
class KnobRun:
    """One knob on one house in one week, beside the same pump on its own curve."""

    spec: RunSpec
    curve: TrueKpis
    ours: TrueKpis
    side_by_side: Comparison
    stored_writes: int  # to memory that wears

    def row(self) -> Row:
        """A line of the table."""
        return {
            "profile": self.spec.profile,
            "knob": self.spec.knob,
            "house": self.spec.house,
            "from": _local_day(self.spec),
            "curve": self.curve.cost,
            "ours": self.ours.cost,
            "at equal mean": self.side_by_side.cost_at_equal_mean,
            "saved %": 100.0 * self.side_by_side.saved_frac,
            "room curve": self.curve.mean_room_temp_c,
            "room ours": self.ours.mean_room_temp_c,
            "K·h too cold curve": self.curve.comfort_kh_below,
            "K·h too cold ours": self.ours.comfort_kh_below,
            "starts curve": self.curve.compressor_starts,
            "starts ours": self.ours.compressor_starts,
            "stored writes": self.stored_writes,
        }


def run_knob(spec: RunSpec) -> KnobRun:
    """Steer with the knob of the spec; the opponent needs no controller, nobody writes to it."""
    if spec.curve is None:
        raise ValueError("a comparison needs a heating curve")
    base = plant_only(spec, spec.curve)
    with tempfile.TemporaryDirectory(prefix="heatherd-") as folder:
        ours = run_in_memory(spec, Path(folder)).true
        writes = stored_writes(Path(folder))
    both = compare(base, ours, cost_per_k(spec, spec.curve))
    return KnobRun(spec, base, ours, both, writes)


def stored_writes(directory: Path) -> int:
    """Writes to memory that wears, of all purposes, in the ledger of a run."""
    with open_store(directory / "state.db") as store:
        return sum(register.total for register in Ledger(store).registers())


def week_spec(house: str, first_day: str, days: float) -> RunSpec:
    """A week of a house on its own tuned curve, in local days."""
    local = datetime.fromisoformat(first_day).replace(tzinfo=ZoneInfo(load_zone(ZONE).timezone))
    return RunSpec(
        house=house, zone=ZONE, start_at=local.astimezone(UTC), days=days, seed=1, strategy="mpc",
        curve=tuned_curve(house, ZONE),
    )  # fmt: skip


def run_all(specs: Sequence[RunSpec], *, workers: int) -> list[KnobRun]:
    """Every spec, spread over processes; a line on stderr as each is done."""
    with ProcessPoolExecutor(workers) as pool:
        jobs = [pool.submit(run_knob, spec) for spec in specs]
        for number, job in enumerate(as_completed(jobs), 1):
            done = job.result()
            sys.stderr.write(
                f"{number}/{len(jobs)} {done.spec.profile} {done.spec.knob} {done.spec.house} "
                f"{_local_day(done.spec)}: {100.0 * done.side_by_side.saved_frac:+.1f} % saved\n"
            )
    return [job.result() for job in jobs]


def summary(runs: Sequence[KnobRun]) -> Row:
    """One knob over all its runs."""
    spec = runs[0].spec
    curve = sum(run.curve.cost for run in runs)
    equal = sum(run.side_by_side.cost_at_equal_mean for run in runs)
    return {
        "profile": spec.profile,
        "knob": spec.knob,
        "can follow": can_follow(load_profile(spec.profile).knobs[Capability(spec.knob)]),
        "runs": len(runs),
        "saved % of all bills": 100.0 * (1.0 - equal / curve),
        "worst run %": 100.0 * min(run.side_by_side.saved_frac for run in runs),
        "best run %": 100.0 * max(run.side_by_side.saved_frac for run in runs),
        "room curve": statistics.mean(run.curve.mean_room_temp_c for run in runs),
        "room ours": statistics.mean(run.ours.mean_room_temp_c for run in runs),
        "K·h too cold curve": statistics.mean(run.curve.comfort_kh_below for run in runs),
        "K·h too cold ours": statistics.mean(run.ours.comfort_kh_below for run in runs),
        "starts curve": statistics.mean(run.curve.compressor_starts for run in runs),
        "starts ours": statistics.mean(run.ours.compressor_starts for run in runs),
        "stored writes a week": statistics.mean(
            run.stored_writes * 7.0 / run.spec.days for run in runs
        ),
    }


def page(runs: Sequence[KnobRun], days: float) -> str:
    """The page for the documentation."""
    cases = list(dict.fromkeys((run.spec.profile, run.spec.knob) for run in runs))
    rows = [
        summary([run for run in runs if (run.spec.profile, run.spec.knob) == case])
        for case in cases
    ]
    return f"""# What each knob saves

Simulated. The same houses and weeks ({days:g}-day runs in {ZONE}, real prices and weather,
forecasts as issued), steered with one kind of knob at a time, against the pump on its own tuned
heating curve. Bills are in EUR; *at equal mean* moves our bill to the curve's mean room temperature
and counts the heat left in the house. K·h too cold are kelvin-hours below 20 °C in the worse zone.
Stored writes are those to a memory that wears, hand-back included. Reproduce with
`python -m bench.knobs --write`.

## By knob

{markdown_table(rows)}
## Run by run

{markdown_table([run.row() for run in runs])}"""


def _local_day(spec: RunSpec) -> str:
    return f"{spec.start_at.astimezone(ZoneInfo(load_zone(spec.zone).timezone)):%Y-%m-%d}"


def main() -> None:
    """Run, print, and with --write keep the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.knobs", description=__doc__)
    parser.add_argument("--houses", nargs="+", default=HOUSES)
    parser.add_argument("--from", nargs="+", default=SPANS, dest="first_days")
    parser.add_argument(
        "--cases", nargs="+", default=[":".join(case) for case in CASES], metavar="PROFILE:KNOB"
    )
    parser.add_argument("--days", type=float, default=DAYS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    specs = [
        replace(week_spec(house, first_day, arguments.days), profile=profile, knob=knob)
        for profile, knob in (case.split(":") for case in arguments.cases)
        for house in arguments.houses
        for first_day in arguments.first_days
    ]
    text = page(run_all(specs, workers=arguments.workers), arguments.days)
    sys.stdout.write(text)
    if arguments.write:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
