"""Benchmark: comfort, cost and predictions from day one with a house model that is wrong at first.

Usage: python -m bench.wrong_prior [--houses ...] [--week-houses ...] [--kept] [--write]

Right is the model fitted offline to 60 days without noise; wrong ones have its losses and
capacities scaled. Four weeks with learning show what that costs; one week shows whether a heat that
no model knows of leaves an offset. Finished runs are kept and read again, as long as neither run
nor code has changed; with --kept only those are shown.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from bench.economy import results_folder
from bench.wrong_prior_fit import ZONE_OF
from bench.wrong_prior_page import page
from bench.wrong_prior_runs import MONTH_DAYS, WEEK_DAYS, Case, Outcome, Who, kept, outcome_of

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks" / "wrong-prior.md"
RESULTS = ROOT / ".wrong-prior"

MONTH_HOUSES = ("timber1972", "slab2004", "brick1935")
"""Light with radiators, a heavy heated floor, heavy walls with radiators."""

WEEK_HOUSES = ("timber1972", "slab2004", "brick1935", "villa1961", "rowhouse1988", "lowenergy2016")
FACTORS = ((1.35, 0.5), (0.65, 1.5), (1.35, 1.5), (0.65, 0.5), (1.0, 1.0))
"""Losses and capacities of the house model over the right ones."""

SHIFTS_K = (0.0, 1.5, 3.0)
"""Of the tuned curve: what a kelvin of mean room temperature costs."""

EXTRA_W = (0.0, 300.0, -300.0)


def all_cases(month_houses: Sequence[str], week_houses: Sequence[str]) -> list[Case]:
    """A house of four weeks with every belief, the weeks with unknown heat, then other houses."""
    cases = [case for house in month_houses[:1] for case in month_cases(house)]
    cases += [
        Case(house=house, who=Who.KNOWING, days=WEEK_DAYS, extra_w=w)
        for house in week_houses
        for w in EXTRA_W
    ]
    return cases + [case for house in month_houses[1:] for case in month_cases(house)]


def month_cases(house: str) -> list[Case]:
    """Curve and parallels, the knowing one, and everyone who learns."""
    curves = [Case(house=house, who=Who.CURVE, days=MONTH_DAYS, shift_k=k) for k in SHIFTS_K]
    learning = [
        Case(house=house, who=Who.LEARNING, days=MONTH_DAYS, loss_factor=loss, mass_factor=mass)
        for loss, mass in FACTORS
    ]
    return [*curves, Case(house=house, who=Who.KNOWING, days=MONTH_DAYS), *learning]


def run_all(cases: Sequence[Case], folder: Path, *, workers: int) -> list[Outcome]:
    """In order; a line on stderr as each is done."""
    with ProcessPoolExecutor(workers) as pool:
        outcomes = []
        for outcome in pool.map(partial(outcome_of, folder=folder), cases):
            outcomes.append(outcome)
            sys.stderr.write(f"{outcome.case}: {outcome.cpu_s:.0f} s\n")
            sys.stderr.flush()
    return outcomes


def main() -> None:
    """Run, print, and with --write keep the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.wrong_prior", description=__doc__)
    parser.add_argument("--houses", nargs="*", default=MONTH_HOUSES, choices=list(ZONE_OF))
    parser.add_argument("--week-houses", nargs="*", default=WEEK_HOUSES, choices=list(ZONE_OF))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--kept", action="store_true", help="run nothing: what is done so far")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    cases = all_cases(arguments.houses, arguments.week_houses)
    folder = results_folder(arguments.results)
    if arguments.kept:
        outcomes = [found for case in cases if (found := kept(case, folder)) is not None]
    else:
        outcomes = run_all(cases, folder, workers=arguments.workers)
    text = page(outcomes, asked=len(cases))
    sys.stdout.write(text)
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
