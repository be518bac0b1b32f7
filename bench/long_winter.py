"""Benchmark: a winter with pumps that can only be steered through a memory that wears out.

Usage: python -m bench.long_winter [--profiles ...] [--from DAY] [--days N] [--write]
"""

import argparse
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from bench.baseline import cost_per_k, plant_only
from bench.comparison import compare
from bench.knobs import KnobRun, week_spec
from bench.run import run_in_memory
from bench.spec import RunSpec, heat_pumps
from bench.tables import Row, markdown_table
from controller.actuation import choose_knob
from controller.guard import Purpose
from controller.store import open_store
from controller.wear import WEAKEST_MEMORY_WRITES, weekly_budget
from drivers.api import WriteClass
from drivers.profile import load_profile

HOUSE, FIRST_DAY, DAYS = "slab2004", "2024-01-08", 90.0
WEEK = timedelta(days=7)
YEAR_DAYS = 365.0

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "long-winter.md"


@dataclass(frozen=True, slots=True)
class Winter:
    """One pump's winter and what it cost its memory."""

    run: KnobRun
    budget: float  # planner writes in seven days
    fullest_week: int  # planner writes in the fullest seven days
    other_writes: int  # hand-back and safety

    def row(self) -> Row:
        """A line of the table."""
        run, days = self.run, self.run.spec.days
        return {
            "profile": run.spec.profile,
            "knob": run.spec.knob,
            "planner writes": run.stored_writes - self.other_writes,
            "other writes": self.other_writes,
            "fullest week": self.fullest_week,
            "budget a week": self.budget,
            "years to 100,000 writes": WEAKEST_MEMORY_WRITES
            / max(run.stored_writes / days * YEAR_DAYS, 1.0),
            "curve": run.curve.cost,
            "ours": run.ours.cost,
            "at equal mean": run.side_by_side.cost_at_equal_mean,
            "saved %": 100.0 * run.side_by_side.saved_frac,
            "room curve": run.curve.mean_room_temp_c,
            "room ours": run.ours.mean_room_temp_c,
            "K·h too cold curve": run.curve.comfort_kh_below,
            "K·h too cold ours": run.ours.comfort_kh_below,
            "starts curve": run.curve.compressor_starts,
            "starts ours": run.ours.compressor_starts,
        }


def winter_of(spec: RunSpec) -> Winter:
    """Steer for the whole span; the opponent is the same pump on its own tuned curve."""
    if spec.curve is None:
        raise ValueError("a comparison needs a heating curve")
    knob = choose_knob(load_profile(spec.profile).knobs, None)
    if knob is None or (budget := weekly_budget(knob)) is None:
        raise ValueError(f"{spec.profile} is not steered through a memory that wears")
    base = plant_only(spec, spec.curve)
    with tempfile.TemporaryDirectory(prefix="heatherd-") as folder:
        ours = run_in_memory(spec, Path(folder)).true
        writes = _writes(Path(folder))
    both = compare(base, ours, cost_per_k(spec, spec.curve))
    planned = sorted(at for at, purpose in writes if purpose is Purpose.PLANNER)
    run = KnobRun(replace(spec, knob=knob.capability.value), base, ours, both, len(writes))
    return Winter(run, budget, fullest_week(planned), len(writes) - len(planned))


def fullest_week(writes: Sequence[datetime]) -> int:
    """The most writes in any seven days; the instants must rise."""
    return max(
        (index + 1 - bisect_left(writes, at - WEEK) for index, at in enumerate(writes)), default=0
    )


def stored_only() -> list[str]:
    """Heat pumps that are steered for heat through a stored setting."""
    knobs = {name: choose_knob(load_profile(name).knobs, None) for name in heat_pumps()}
    return [
        name
        for name, knob in knobs.items()
        if knob is not None and knob.write_class is not WriteClass.VOLATILE
    ]


def _writes(directory: Path) -> list[tuple[datetime, Purpose]]:
    """Every write in the ledger of a run, one by one."""
    with open_store(directory / "state.db") as store:
        rows = store.database.execute("SELECT at, purpose FROM intent").fetchall()
    return [(datetime.fromisoformat(at), Purpose(purpose)) for at, purpose in rows]


def run_all(specs: Sequence[RunSpec], *, workers: int) -> list[Winter]:
    """Every spec, spread over processes; a line on stderr as each is done."""
    with ProcessPoolExecutor(workers) as pool:
        jobs = [pool.submit(winter_of, spec) for spec in specs]
        for number, job in enumerate(as_completed(jobs), 1):
            done = job.result()
            sys.stderr.write(
                f"{number}/{len(jobs)} {done.run.spec.profile}: "
                f"{100.0 * done.run.side_by_side.saved_frac:+.1f} % saved, fullest week "
                f"{done.fullest_week} of {done.budget:g} writes\n"
            )
    return [job.result() for job in jobs]


def page(winters: Sequence[Winter], first_day: str, days: float) -> str:
    """The page for the documentation."""
    profiles = " ".join(winter.run.spec.profile for winter in winters)
    command = f"python -m bench.long_winter --profiles {profiles} --write"
    return f"""# A winter of scarce writes

Simulated. {days:g} days from {first_day} in one house ({HOUSE}, DK1, real prices and weather,
forecasts as issued), with pumps that are steered through a stored setting, against the same pump
on its own tuned heating curve. The planner has a budget of writes in any seven days; handing back
and safety are counted beside it. The fullest week counts both of its ends, so it can show one write
more than the budget: one may follow exactly seven days after another. Bills are in EUR; *at equal
mean* moves our bill to the curve's mean room temperature and counts the heat left in the house.
K·h too cold are kelvin-hours below 20 °C in the worse zone. Reproduce with
`{command}`.

{markdown_table([winter.row() for winter in winters])}"""


def main() -> None:
    """Run, print, and with --write keep the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.long_winter", description=__doc__)
    parser.add_argument("--profiles", nargs="+", default=stored_only())
    parser.add_argument("--from", default=FIRST_DAY, dest="first_day", help="first local day")
    parser.add_argument("--days", type=float, default=DAYS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    week = week_spec(HOUSE, arguments.first_day, arguments.days)
    specs = [replace(week, profile=name) for name in arguments.profiles]
    winters = run_all(specs, workers=arguments.workers)
    text = page(winters, arguments.first_day, arguments.days)
    sys.stdout.write(text)
    if arguments.write:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
