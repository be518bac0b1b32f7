"""Benchmark: the planner over a thousand houses, beside the raw solvers on the same matrices.

Usage: python -m bench.mpc_speed [--houses N] [--seed N] [--workers N] [--results DIR] [--write]

Every house is kept in a file as soon as it is done; started again, it goes on where it stopped, as
long as the planner and the houses are the same.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from bench.mpc_houses import SEED, drawn_house
from bench.mpc_measure import Measured, matrices_of, measured
from bench.mpc_page import page
from bench.mpc_process import Footprint, footprint, plain

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks" / "mpc.md"
RESULTS = ROOT / ".bench-mpc"
HOUSES, WORKERS = 1000, 2
PROCESSES = 5  # of each kind, each for another house
CODE = (
    "mpc/*.py", "bench/mpc_houses.py", "bench/mpc_models.py", "bench/mpc_measure.py",
    "bench/mpc_process.py", "bench/data/identified_houses.csv.gz", "bench/data/tariffs/*.toml",
)  # fmt: skip
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")


def code_version() -> str:
    """A digest of what a result depends on."""
    digest = hashlib.sha256()
    for pattern in CODE:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def run_house(number: int, seed: int) -> Measured:
    """In a worker process."""
    return measured(drawn_house(number, seed))


def run_all(
    numbers: Sequence[int],
    seed: int,
    kept: Path,
    *,
    workers: int = WORKERS,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Measured]:
    """What is kept is read, the rest is measured; in the order of `numbers`."""
    done = {m.number: m for m in _read(kept)}
    kept.write_text("".join(_stored(m) for m in done.values()), encoding="utf-8")
    missing = [number for number in numbers if number not in done]
    tell(f"{len(numbers) - len(missing)} of {len(numbers)} houses are kept")
    with (
        ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool,
        kept.open("a", encoding="utf-8") as file,
    ):
        jobs = [pool.submit(run_house, number, seed) for number in missing]
        for count, job in enumerate(as_completed(jobs), 1):
            found = job.result()
            file.write(_stored(found))
            file.flush()
            done[found.number] = found
            tell(f"{count}/{len(missing)} {_line(found)}")
    return [done[number] for number in numbers]


def _stored(found: Measured) -> str:
    return json.dumps(asdict(found)) + "\n"


def _read(kept: Path) -> list[Measured]:
    if not kept.is_file():
        return []
    lines = kept.read_text(encoding="utf-8").splitlines(keepends=True)
    # the last line of an interrupted run may be half a one
    return [Measured(**json.loads(line)) for line in lines if line.endswith("\n")]


def _line(m: Measured) -> str:
    """One house for who waits."""
    trouble = "; ".join([*m.failed, *m.first_failed, *m.broke, *filter(None, [m.unrefined])])
    return (
        f"house {m.number}: relaxed {m.resolve_ms:.0f} ms, raw {m.raw_clarabel_ms:.0f} ms, "
        f"refinement {m.refine_ms:.0f} ms" + (f", {trouble}" if trouble else "")
    )


def footprints(count: int, seed: int) -> dict[str, list[Footprint]]:
    """Fresh processes for the first houses."""
    found: dict[str, list[Footprint]] = {"planner": [], "clarabel": [], "highs": []}
    for number in range(count):
        house = drawn_house(number, seed)
        problem = plain(matrices_of(house.request))
        found["planner"].append(footprint("planner", [house.request]))
        for kind in ("clarabel", "highs"):
            found[kind].append(footprint(kind, [problem]))
    return found


def results_file(folder: Path, seed: int) -> Path:
    """Named by the code; the folder is nobody's source."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    return folder / f"{code_version()}-{seed}.jsonl"


def main() -> None:
    """Measure, print, and with --write keep the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.mpc_speed", description=__doc__)
    parser.add_argument("--houses", type=int, default=HOUSES)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    os.environ |= dict.fromkeys(ONE_THREAD, "1")  # before the workers are started
    seed = arguments.seed
    found = run_all(
        range(arguments.houses),
        seed,
        results_file(arguments.results, seed),
        workers=arguments.workers,
        tell=lambda text: print(text, file=sys.stderr, flush=True),
    )
    fresh = footprints(min(PROCESSES, arguments.houses), seed)
    command = f"python -m bench.mpc_speed --houses {arguments.houses} --seed {seed} --write"
    text = page(found, fresh, command)
    sys.stdout.write(text)
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
