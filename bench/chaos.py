"""Benchmark: a season in which faults strike at random, beside the same season without any.

Usage: python -m bench.chaos [--weeks N] [--per-day RATE] [--workers N] [--results DIR] [--write]

One pump that returns by itself, one that keeps what it was told, one behind relays. Each season
lives in a process of its own; each week is kept when it is done; started again, the season goes on
with the first week that is missing, in a house that is settled anew.
"""

import argparse
import json
import logging
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from itertools import product
from pathlib import Path
from statistics import linear_regression

from bench.chaos_season import (
    LONGEST_MIN,
    SHORTEST_MIN,
    STARTS_AT,
    STRIKING,
    Season,
    Week,
    live_through,
)
from bench.economy import results_folder
from bench.strain import HOT_FOR
from bench.tables import Row, markdown_table
from drivers.profile import load_profile

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks" / "chaos.md"
RESULTS = ROOT / ".bench-chaos"
PROFILES = ("generic_modbus", "nibe_s", "shelly_sg_ready")
WEEKS, PER_DAY, WORKERS = 12, 4.0, 2
NO_FAULTS = 0.0


def run_all(weeks: int, per_day: float, results: Path, *, workers: int) -> list[Week]:
    """Every pump through the first weeks of the season; what is kept is not lived again."""
    folder = results_folder(results)
    names = {
        (profile, rate): folder / f"{profile}-{rate:g}-a-day.jsonl"
        for profile, rate in product(PROFILES, (per_day, NO_FAULTS))
    }
    with ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        jobs = [
            pool.submit(
                _live_and_keep, Season(profile=profile, per_day=rate, first=n, end=weeks), path
            )
            for (profile, rate), path in names.items()
            if (n := len(read(path))) < weeks
        ]
        for job in as_completed(jobs):
            job.result()
    return [week for path in names.values() for week in read(path) if week.number < weeks]


def _live_and_keep(season: Season, path: Path) -> None:
    logging.basicConfig(level=logging.CRITICAL)  # of faults there is no end here

    def keep(week: Week) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(week)) + "\n")
        sys.stderr.write(f"{week}\n")

    live_through(season, keep)


def read(path: Path) -> list[Week]:
    """The weeks that were done before, from the first one on."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = {week.number: week for week in (Week(**json.loads(line)) for line in lines)}
    return [kept[number] for number in range(len(kept)) if number in kept]


def growth_frac(weeks: Sequence[Week]) -> float | None:
    """How much a process grew from its first week's end to its last's, by the straight line through
    all of them; the most of several processes, None where none lived for two weeks."""
    grown: list[float] = []
    for begun in {week.begun for week in weeks}:
        mine = [week for week in weeks if week.begun == begun]
        if len(mine) > 1:
            ages = [week.number - begun for week in mine]
            slope_mb, first_mb = linear_regression(ages, [week.rss_mb for week in mine])
            grown.append(slope_mb * max(ages) / first_mb)
    return max(grown, default=None)


def page(weeks: Sequence[Week]) -> str:
    """The page for the documentation: what was really run."""
    count = max(week.number for week in weeks) + 1
    per_day = max(week.per_day for week in weeks)
    names = ", ".join(fault.name for fault in STRIKING)
    plain = [week for week in weeks if week.per_day == NO_FAULTS]
    struck = [week for week in weeks if week.per_day != NO_FAULTS]
    return f"""# Weeks of chaos

Simulated. In {count} week{"s" if count > 1 else ""} from {STARTS_AT:%Y-%m-%d} on
(timber1972, DK1; cycles of 5 minutes, a plan every 2 hours) faults of the
[catalogue](../reference/faults.md) strike, {per_day:g} times a day on average, each for
{SHORTEST_MIN} to {LONGEST_MIN} minutes, several at once where it so happens: {names}.
The season is lived a second time without faults. Reproduce with
`python -m bench.chaos --weeks {count} --write`; it goes on where it stopped.

{markdown_table([row(profile, weeks) for profile in PROFILES])}
A violation is a command above the owner's highest flow temperature, a room below the frost floor,
or one of these of the true plant in a week: water to the rooms hotter than the guard tolerates, for
{HOT_FOR} minutes in a row; more starts of the compressor in an hour than allowed; a run or a rest
shorter than allowed, save where the pump's own alarm ended it. The emulated pump protects itself as
well: it rests and runs for ten minutes at least and starts three times an hour at most.

{markdown_table([plant_row(profile, struck) for profile in PROFILES])}
Each season is one process, service and house together; its memory is looked at when a week ends.
Left behind: asyncio tasks, threads and open files after the end of the service, more than before
its start. With faults the service is killed now and then; without, it is the same one all season.
Growth is that of the straight line through the readings at the end of every week. A single reading
swings by a few megabytes: SQLite keeps pages of its files, of which a killed service begins with
none, and what is free of the C library's heap lies scattered.

{markdown_table([memory_row(p, of) for p in PROFILES for of in (struck, plain)])}"""


def row(profile: str, weeks: Sequence[Week]) -> Row:
    """What the faults cost one pump's house."""
    mine = [week for week in weeks if week.profile == profile]
    struck = [week for week in mine if week.per_day != NO_FAULTS]
    plain = [week for week in mine if week.per_day == NO_FAULTS]
    if not struck or not plain:
        return {"profile": profile, "weeks": 0}
    count = len(struck)
    return {
        "profile": profile,
        "on silence": load_profile(profile).on_silence.value,
        "weeks": count,
        "faults": sum(week.strikes for week in struck),
        "violations": sum(week.violations for week in struck),
        "coldest room": f"{min(week.coldest_c for week in struck):.1f}",
        "warmest room": f"{max(week.warmest_c for week in struck):.1f}",
        "not steered %": f"{100.0 * sum(week.refused_frac for week in struck) / count:.1f}",
        "cost a week": f"{sum(week.cost for week in struck) / count:.2f}",
        "without faults": f"{sum(week.cost for week in plain) / len(plain):.2f}",
        "K·h too cold a week": f"{sum(week.below_kh for week in struck) / count:.1f}",
        "without": f"{sum(week.below_kh for week in plain) / len(plain):.1f}",
    }


def plant_row(profile: str, struck: Sequence[Week]) -> Row:
    """What the faults cost one pump."""
    mine = [week for week in struck if week.profile == profile]
    if not mine:
        return {"profile": profile, "starts": 0}
    runs_s = [week.shortest_run_s for week in mine if week.shortest_run_s is not None]
    rests_s = [week.shortest_rest_s for week in mine if week.shortest_rest_s is not None]
    return {
        "profile": profile,
        "starts": sum(week.starts for week in mine),
        "most in an hour": max(week.most_starts_per_hour for week in mine),
        "shortest run, min": f"{min(runs_s) / 60.0:.0f}" if runs_s else None,
        "shortest rest, min": f"{min(rests_s) / 60.0:.0f}" if rests_s else None,
        "hottest flow to the rooms": f"{max(week.hot_flow_c for week in mine):.1f}",
        "hottest return": f"{max(week.hottest_return_c for week in mine):.1f}",
    }


def memory_row(profile: str, weeks: Sequence[Week]) -> Row:
    """What one pump's season left in the computer."""
    mine = [week for week in weeks if week.profile == profile]
    if not mine:
        return {"profile": profile, "faults a day": None}
    grown = growth_frac(mine)
    left = [week.left for week in mine if week.left is not None]
    return {
        "profile": profile,
        "faults a day": f"{mine[0].per_day:g}",
        "processes": len({week.begun for week in mine}),
        "MB after the first week": f"{mine[0].rss_mb:.0f}",
        "most later": f"{max(week.rss_mb for week in mine[1:] or mine):.0f}",
        "growth after the first week %": None if grown is None else f"{100.0 * grown:.1f}",
        "tasks at a week's end": f"{min(w.tasks for w in mine)} to {max(w.tasks for w in mine)}",
        "left behind": max(left, default=None),
    }


def main() -> None:
    """Live what is missing, print, and with --write keep the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--weeks", type=int, default=WEEKS)
    parser.add_argument("--per-day", type=float, default=PER_DAY, help="faults, on average")
    parser.add_argument("--workers", type=int, default=WORKERS, help="seasons at a time")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    text = page(
        run_all(arguments.weeks, arguments.per_day, arguments.results, workers=arguments.workers)
    )
    sys.stdout.write(text)
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
