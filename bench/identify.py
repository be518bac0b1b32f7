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
    "bench/identify_score.py", "controller/house_prior.py",
)  # fmt: skip
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run_simulated(
    count: int, seed: int, folder: Path, *, workers: int, tell: Callable[[str], None]
) -> list[FitFound]:
    """What is kept is read, the rest is measured; in the order of the houses."""
    kept = folder / f"figures-{digest(CODE)}-{seed}.jsonl"
    done = {found.name: found for found in _read(kept)}
    kept.write_text("".join(_stored(found) for found in done.values()), encoding="utf-8")
    missing = [number for number in range(count) if f"{number}" not in done]
    tell(f"{count - len(missing)} of {count} houses are kept")
    work = partial(simulated, seed=seed, folder=folder)
    with (
        ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool,
        kept.open("a", encoding="utf-8") as file,
    ):
        for job in as_completed([pool.submit(work, number) for number in missing]):
            found = job.result()
            file.write(_stored(found))
            file.flush()
            done[found.name] = found
            tell(_line(found))
    return [done[f"{number}"] for number in range(count)]


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

    found = run_simulated(
        arguments.houses, arguments.seed, folder, workers=arguments.workers, tell=tell
    )
    houses, absent = measured_houses()
    records = []
    for house in (*houses, *emulated_runs()):
        records.append(of_record(house))
        tell(_line(records[-1]))
    command = (
        f"python -m bench.identify --houses {arguments.houses} --seed {arguments.seed} --write"
    )
    text = page(found, records, nightly(houses), absent=absent, command=command)
    sys.stdout.write(text)
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
