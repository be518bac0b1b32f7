"""Benchmark: house models learned from records, on days they were not fitted to.

Usage: python -m bench.identify [--houses N] [--seed N] [--workers N] [--results DIR] [--write]

Simulated records are kept per house, figures in a file by the code that made them; started again,
it goes on where it stopped.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from bench.identify_fits import FitFound, of_record, simulated
from bench.identify_measured import MeasuredHouse, emulated_runs, measured_houses
from bench.identify_page import page
from bench.identify_process import fit_footprint
from bench.identify_records import PLANT, ROOT, digest
from bench.mpc_process import Footprint

PAGE = ROOT / "docs" / "benchmarks" / "identify.md"
RESULTS = ROOT / ".bench-identify"
HOUSES, WORKERS, SEED = 200, 2, 1
NIGHTLY_DAYS = 30.0
CODE = (
    *PLANT, "mpc/building.py", "mpc/house_data*.py", "mpc/identify*.py", "mpc/prior.py",
    "bench/identify_bad.py", "bench/identify_fits.py", "bench/identify_opponents.py",
    "bench/identify_measured.py", "bench/identify_score.py", "controller/house_prior.py",
)  # fmt: skip
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Kept:
    """Figures of houses in a file, by name: read again when there, written when new."""

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self._path = path
        self._tell = tell
        self.done = {found.name: found for found in _read(path)}
        text = "".join(_stored(found) for found in self.done.values())
        path.write_text(text, encoding="utf-8")  # without the half line of an interrupted run

    def keep(self, found: FitFound) -> None:
        """Write it down at once."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_stored(found))
        self.done[found.name] = found
        self._tell(_line(found))


def run_simulated(kept: Kept, count: int, seed: int, folder: Path, *, workers: int) -> None:
    """Measure the houses that are not kept yet."""
    missing = [number for number in range(count) if f"{number}" not in kept.done]
    work = partial(simulated, seed=seed, folder=folder)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for job in as_completed([pool.submit(work, number) for number in missing]):
            kept.keep(job.result())


def run_measured(kept: Kept, houses: Sequence[MeasuredHouse]) -> list[FitFound]:
    """The measured houses and the emulator's runs, in their order."""
    for house in houses:
        if house.name not in kept.done:
            kept.keep(of_record(house))
    return [kept.done[house.name] for house in houses]


def nightly(houses: Sequence[MeasuredHouse]) -> dict[str, Footprint]:
    """Fits of NIGHTLY_DAYS at a quarter of an hour, each in a fresh process."""
    return {
        house.name: fit_footprint(house.data.last_days(NIGHTLY_DAYS), house.prior)
        for house in houses
        if house.data.days >= NIGHTLY_DAYS and house.data.steps_per_day == 96
    }


def _stored(found: FitFound) -> str:
    return json.dumps(asdict(found)) + "\n"


def _read(kept: Path) -> list[FitFound]:
    if not kept.is_file():
        return []
    lines = kept.read_text(encoding="utf-8").splitlines(keepends=True)
    # the last line of an interrupted run may be half a one
    return [FitFound(**json.loads(line)) for line in lines if line.endswith("\n")]


def _line(found: FitFound) -> str:
    """One house for who waits."""
    if found.scores is None:
        return f"{found.name}: no predictions"
    rmse = {name: f"{at[-1]:.2f}" for name, at in found.scores["rmse_k"].items()}
    return (
        f"house {found.name} {found.kind} {found.order} {found.fit_cpu_s:.1f} s, "
        f"accepted {found.accepted}, 24 h {rmse}, covered {found.scores['covered_frac']:.2f}"
    )


def main() -> None:
    """Measure, print, and with --write keep the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.identify", description=__doc__)
    parser.add_argument("--houses", type=int, default=HOUSES)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    os.environ |= dict.fromkeys(ONE_THREAD, "1")  # before the workers are started
    folder = arguments.results
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    kept = Kept(folder / f"figures-{digest(CODE)}-{arguments.seed}.jsonl", tell)
    tell(f"{len(kept.done)} houses are kept")
    houses, absent = measured_houses()
    records = run_measured(kept, (*houses, *emulated_runs()))
    run_simulated(kept, arguments.houses, arguments.seed, folder, workers=arguments.workers)
    found = [kept.done[f"{number}"] for number in range(arguments.houses)]
    command = (
        f"python -m bench.identify --houses {arguments.houses} --seed {arguments.seed} --write"
    )
    text = page(found, records, nightly(houses), absent=absent, command=command)
    sys.stdout.write(text)
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
