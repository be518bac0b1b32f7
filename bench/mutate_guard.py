"""Mutation testing of the guard: does a test notice each small change of a rule?

Usage: python -m bench.mutate_guard [MODULE ...] [--results DIR] [--write]

One process at a time: each mutant is a forked child that imports the guard with one change and runs
the guard's own tests, those with random cases always with the same few. What is kept from an
earlier run counts as long as neither the guard nor its tests have changed.
"""

import argparse
import ast
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import CodeType, ModuleType

from bench.mutants import mutants
from bench.mutate_page import EQUIVALENT, Tried, page

ROOT = Path(__file__).resolve().parent.parent
CONTROLLER, TESTED = ROOT / "controller", ROOT / "tests" / "controller"
PAGE = ROOT / "docs" / "benchmarks" / "mutation.md"
RESULTS = ROOT / ".bench-mutate"
MODULES = (
    "guard", "guard_memory", "guard_rules_bounds", "guard_rules_grid", "guard_rules_house",
    "guard_rules_pump", "guard_rules_stop", "guard_types", "grid_hold",
)  # fmt: skip
TESTS = (
    "test_guard.py", "test_guard_pump.py", "test_guard_tank.py", "test_guard_memory.py",
    "test_guard_freeze.py", "test_guard_grid.py",
)  # fmt: skip
LEAST_RATE = 0.9
"""So many mutants must be noticed; every other needs its reason."""

CPU_S = 60
"""More than any run of the tests takes: a mutant that never ends is noticed."""

RANDOM_CASES = 20


class _Mutated(importlib.abc.Loader, importlib.abc.MetaPathFinder):
    """Serves one module from a changed tree."""

    def __init__(self, name: str, code: CodeType) -> None:
        self._name, self._code = name, code

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)


def survives(module: str, tree: ast.Module) -> bool:
    """Whether all tests pass with this module; in a child of its own."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    try:
        result = _tested(f"controller.{module}", tree)
    except BaseException:  # noqa: BLE001  a mutant that cannot even be imported is noticed
        result = 1
    os._exit(result)


def _tested(name: str, tree: ast.Module) -> int:
    """The exit code of the tests with one module replaced."""
    import hypothesis
    import pytest

    sys.meta_path.insert(0, _Mutated(name, compile(tree, name, "exec")))
    hypothesis.settings.register_profile(
        "same", derandomize=True, database=None, deadline=None, max_examples=RANDOM_CASES
    )
    hypothesis.settings.load_profile("same")
    own = ["-c", os.devnull, "--rootdir", str(ROOT)]  # parents' imports warn: no error here
    options = [*own, "-x", "-q", "--noconftest", "--assert=plain", "-p", "no:cacheprovider"]
    return int(pytest.main([*options, *(str(TESTED / test) for test in TESTS)]))


def run(module: str, folder: Path) -> list[Tried]:
    """Every mutant of a module; what is kept is not tried again."""
    path = folder / f"{module}-{_version()}.jsonl"
    tried = _kept(path)
    done = {one.name for one in tried}
    for mutant in mutants((CONTROLLER / f"{module}.py").read_text(encoding="utf-8")):
        if mutant.name in done:
            continue
        one = Tried(module, mutant.name, mutant.line, survives(module, mutant.tree))
        tried.append(one)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(one)) + "\n")
        if one.survived and one.key not in EQUIVALENT:
            print(f"survived: {module}.py line {one.line}, {one.name}", flush=True)
    return tried


def _kept(path: Path) -> list[Tried]:
    if not path.exists():
        return []
    return [Tried(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def _version() -> str:
    """Of all that the outcome depends on: the mutated modules, their tests, the operators."""
    files = [*(CONTROLLER / f"{module}.py" for module in MODULES), ROOT / "bench" / "mutants.py"]
    files += [TESTED / name for name in (*TESTS, "guarded.py")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def _import_once() -> None:
    """What no mutant changes is imported before the first child, for all of them; no plugins."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in ("hypothesis", "pydantic", "pytest", "controller.actuation", "drivers.grid.limit"):
        importlib.import_module(name)


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
    _import_once()
    whole = (CONTROLLER / f"{MODULES[0]}.py").read_text(encoding="utf-8")
    if not survives(MODULES[0], ast.parse(whole)):
        print("the tests fail without any change: nothing can be said")
        return 1
    arguments.results.mkdir(parents=True, exist_ok=True)
    tried = [one for module in chosen for one in run(module, arguments.results)]
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
