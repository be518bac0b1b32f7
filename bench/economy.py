"""Benchmark: what heatherd saves over a season, against whom, and where it loses.

Usage: python -m bench.economy [--arms ...] [--houses ...] [--zones ...] [--results DIR] [--write]

Every run is kept in a file as soon as it is done; started again, finished runs are read instead of
run, as long as neither the run nor the code has changed.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import mpc.solver  # noqa: F401  before the workers fork: all solve with the code of this moment
from bench.economy_bills import hourly_prices, price_after
from bench.economy_cases import HOUSES, Arm, Case, Place, all_cases
from bench.economy_equal import Money
from bench.economy_page import page
from bench.economy_runs import Outcome, code_version, keep, kept, run_case
from bench.economy_tables import judge, run_row
from bench.zones import zones

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks" / "economy.md"
RESULTS = ROOT / ".economy"
WORKERS = 2


def money_of(place: Place) -> Money:
    """The prices of a span."""
    return Money(
        hourly=hourly_prices(place.zone, place.start_at, round(24 * place.days)),
        after=price_after(place.zone, place.end_at),
    )


def results_folder(path: Path) -> Path:
    """Made with a note to version control that results are nobody's source."""
    path.mkdir(parents=True, exist_ok=True)
    (path / ".gitignore").write_text("*\n", encoding="utf-8")
    return path


def run_all(cases: Sequence[Case], folder: Path, *, workers: int) -> list[Outcome]:
    """What is kept is read, the rest is run; a line on stderr as each is done."""
    done = {case: outcome for case in cases if (outcome := kept(folder, case)) is not None}
    missing = [case for case in dict.fromkeys(cases) if case not in done]
    _say(f"{len(done)} of {len(done) + len(missing)} runs are kept for {code_version()}")
    with ProcessPoolExecutor(workers) as pool:
        jobs = [pool.submit(_run_and_keep, case, folder) for case in missing]
        try:
            for number, job in enumerate(as_completed(jobs), 1):
                outcome = job.result()
                done[outcome.case] = outcome
                _say(f"{number}/{len(missing)} {_line(outcome)}{_saved(outcome, done)}")
        except BaseException:
            pool.shutdown(cancel_futures=True)  # what is under way is finished and kept
            raise
    return [done[case] for case in cases]


def _run_and_keep(case: Case, folder: Path) -> Outcome:
    """In a worker: what is done stays done, whatever happens to the others."""
    outcome = run_case(case)
    keep(folder, outcome)
    return outcome


def _saved(outcome: Outcome, done: dict[Case, Outcome]) -> str:
    here = [run for run in done.values() if run.case.place == outcome.case.place]
    row = next(
        (run_row(r) for r in judge(here, money_of) if r.arm is outcome.case.arm), None
    )  # fmt: skip
    return "" if row is None else f", {row['spot saved %']:+.1f} % of spot saved"


def _line(outcome: Outcome) -> str:
    case = outcome.case
    where = f"{case.place.house} {case.place.zone} {case.place.first_day}"
    shift = f" {case.shift_k:+g} K" if case.shift_k else ""
    unsolved = f", {outcome.not_solved} plans failed" if outcome.not_solved else ""
    return f"{case.arm.value}{shift}, {where}: {outcome.cpu_s:.0f} s{unsolved}"


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main() -> None:
    """Run, print, and with --write keep the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.economy", description=__doc__)
    parser.add_argument("--arms", nargs="+", default=list(Arm), choices=list(Arm), metavar="ARM")
    parser.add_argument("--houses", nargs="+", default=HOUSES, choices=HOUSES)
    parser.add_argument("--zones", nargs="+", default=zones(), choices=zones())
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--usual-pace", action="store_true", help="cycle and plans as in a house")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    cases = [
        case
        for case in all_cases(usual_pace=arguments.usual_pace)
        if case.arm in {Arm.CURVE, *arguments.arms}
        and case.place.house in arguments.houses
        and case.place.zone in arguments.zones
    ]
    asked = {case.place for case in cases if case.arm is not Arm.CURVE}
    cases = [case for case in cases if case.place in asked]
    outcomes = run_all(cases, results_folder(arguments.results), workers=arguments.workers)
    text = page(judge(outcomes, money_of), outcomes)
    sys.stdout.write(text)
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
