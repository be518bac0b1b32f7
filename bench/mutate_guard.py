"""Mutation testing of the guard: does a test notice each small change of a rule?

Usage: python -m bench.mutate_guard [MODULE ...] [--results DIR] [--write]

One process at a time: each mutant is a forked child that runs the guard's own tests, those with
random cases always with the same few. What is kept from an earlier run counts as long as neither
the guard nor its tests have changed.
"""

import argparse
import ast
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.mutants import mutants
from bench.mutate_page import EQUIVALENT, Tried, page
from bench.mutate_tests import TESTED, TESTS, Job, passes, prepare, try_all

ROOT = Path(__file__).resolve().parent.parent
CONTROLLER = ROOT / "controller"
PAGE = ROOT / "docs" / "benchmarks" / "mutation.md"
RESULTS = ROOT / ".bench-mutate"
MODULES = (
    "guard", "guard_memory", "guard_rules_bounds", "guard_rules_grid", "guard_rules_house",
    "guard_rules_pump", "guard_rules_stop", "guard_types", "grid_hold",
)  # fmt: skip
LEAST_RATE = 0.9
"""So many mutants must be noticed; every other needs its reason."""


def run(modules: Sequence[str], folder: Path) -> list[Tried]:
    """Every mutant of these modules; what is kept is not tried again."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_version()}.jsonl"
    kept = {(one.module, one.name): one for one in _kept(path)}
    sources = {name: (CONTROLLER / f"{name}.py").read_text(encoding="utf-8") for name in modules}
    jobs = [Job(name, mutant) for name, text in sources.items() for mutant in mutants(text)]

    def note(job: Job, survived: bool) -> None:
        one = Tried(job.module, job.mutant.name, job.mutant.line, survived)
        kept[job.module, job.mutant.name] = one
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(one)) + "\n")
        if survived and one.key not in EQUIVALENT:
            print(f"survived: {one.module}.py line {one.line}, {one.name}", flush=True)

    try_all([job for job in jobs if (job.module, job.mutant.name) not in kept], note)
    return [kept[job.module, job.mutant.name] for job in jobs]


def _kept(path: Path) -> list[Tried]:
    if not path.exists():
        return []
    return [Tried(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def _version() -> str:
    """Of all that the outcome depends on: the mutated modules, their tests, the operators."""
    files = [*(CONTROLLER / f"{module}.py" for module in MODULES), ROOT / "bench" / "mutants.py"]
    files += [TESTED / name for name in (*TESTS, "guarded.py")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def main() -> int:
    """Try, print, and with --write keep the page. Fails where a survivor has no reason."""
    parser = argparse.ArgumentParser(prog="python -m bench.mutate_guard", description=__doc__)
    parser.add_argument("modules", nargs="*", choices=[[], *MODULES], help="default: all")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}; all modules only")
    arguments = parser.parse_args()
    chosen = arguments.modules or MODULES
    if arguments.write and arguments.modules:
        parser.error("the page is about all modules")
    prepare()
    whole = (CONTROLLER / f"{MODULES[0]}.py").read_text(encoding="utf-8")
    if not passes(MODULES[0], ast.parse(whole)):
        print("the tests fail without any change: nothing can be said")
        return 1
    tried = run(chosen, arguments.results)
    survivors = [one for one in tried if one.survived]
    rate = 1.0 - len(survivors) / len(tried)
    print(f"{len(tried)} mutants, {len(tried) - len(survivors)} noticed: {rate:.1%}")
    keys = {one.key for one in survivors}
    known = {key for key in EQUIVALENT if key.partition(".")[0] in chosen}
    for key in sorted(known - keys):
        print(f"no longer survives, but has a reason: {key}")
    for key in sorted(keys - known):
        print(f"survived without a reason: {key}")
    if arguments.write:
        PAGE.write_text(page(tried), encoding="utf-8")
    return 0 if keys == known and rate >= LEAST_RATE else 1


if __name__ == "__main__":
    sys.exit(main())
