"""Run the guard's tests on a module with one change, in a forked child for each.

Where a change is inside a function, the tests are collected once and the child only gives the
function other code; where it is outside, the child imports everything anew.
"""

import ast
import functools
import importlib
import importlib.abc
import importlib.machinery
import os
import resource
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import hypothesis
import pytest

from bench.mutants import Mutant

ROOT = Path(__file__).resolve().parent.parent
TESTED = ROOT / "tests" / "controller"
TESTS = (
    "test_guard.py", "test_guard_pump.py", "test_guard_memory.py", "test_guard_freeze.py",
    "test_guard_sg_ready.py", "test_guard_grid.py", "test_guard_tank.py",
)  # fmt: skip
OPTIONS = (
    "-c", os.devnull, "--rootdir", str(ROOT), "-x", "--noconftest", "--assert=plain",
    "--capture=no", "-p", "no:terminal", "-p", "no:cacheprovider",
    *(str(TESTED / test) for test in TESTS),
)  # fmt: skip

CPU_S = 60
"""More than any run of the tests takes: a mutant that never ends is noticed."""

RANDOM_CASES = 20


@dataclass(frozen=True, slots=True)
class Job:
    """A mutant and its module."""

    module: str
    mutant: Mutant


Note = Callable[[Job, bool], None]
"""Is told of every job whether it survived."""


def prepare() -> None:
    """What no mutant changes is imported before the first child; no plugins, always equal cases."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in ("pydantic", "controller.actuation", "drivers.grid.limit"):
        importlib.import_module(name)
    hypothesis.settings.register_profile(
        "same", derandomize=True, database=None, deadline=None, max_examples=RANDOM_CASES
    )
    hypothesis.settings.load_profile("same")


def try_all(jobs: Iterable[Job], note: Note) -> None:
    """Try every job. Those outside functions first: after them the parent imports the guard too."""
    inside: list[tuple[Job, CodeType]] = []
    for job in jobs:
        code = _code_of(job.mutant)
        if code is None:
            note(job, passes(job.module, job.mutant.tree))
        else:
            inside.append((job, code))
    if inside:
        pytest.main([*OPTIONS], plugins=[_Loop(inside, note)])


def passes(module: str, tree: ast.Module) -> bool:
    """Whether all tests pass with this module in place of the real one."""
    name = f"controller.{module}"

    def tested() -> bool:
        sys.meta_path.insert(0, _Mutated(name, compile(tree, name, "exec")))
        return pytest.main([*OPTIONS]) == pytest.ExitCode.OK

    return _in_child(tested)


def _in_child(tested: Callable[[], bool]) -> bool:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    try:
        result = 0 if tested() else 1
    except BaseException:  # noqa: BLE001  a mutant that cannot even be imported is noticed
        result = 1
    os._exit(result)


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


class _Loop:
    """Runs the collected tests once for each job."""

    def __init__(self, jobs: Sequence[tuple[Job, CodeType]], note: Note) -> None:
        self._jobs, self._note = jobs, note

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        tests = [_called(item) for item in session.items]
        for job, code in self._jobs:
            function = _function(importlib.import_module(f"controller.{job.module}"), code.co_name)

            def tested(function: FunctionType = function, code: CodeType = code) -> bool:
                function.__code__ = code
                for test in tests:
                    test()
                return True

            self._note(job, _in_child(tested))
        return True


def _called(item: pytest.Item) -> Callable[[], object]:
    """The test as a plain function: the guard's own tests need no fixtures."""
    given = item.callspec.params if hasattr(item, "callspec") else {}
    if not isinstance(item, pytest.Function) or set(item.fixturenames) != set(given):
        raise LookupError(f"{item.nodeid} is no plain function")
    return functools.partial(item.obj, **given)


def _code_of(mutant: Mutant) -> CodeType | None:
    """The changed code where the change is in one function with a name of its own."""
    found = [
        code
        for code in _codes(compile(mutant.tree, "mutant", "exec"))
        if code.co_name == mutant.function and "<locals>" not in code.co_qualname
    ]
    return found[0] if len(found) == 1 else None


def _codes(code: CodeType) -> Iterable[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from _codes(inner)


def _function(module: ModuleType, name: str) -> FunctionType:
    """The function of this name in the module or in one of its classes."""
    owners = [module, *(owner for owner in vars(module).values() if isinstance(owner, type))]
    for owner in owners:
        found = vars(owner).get(name)
        found = found.fget if isinstance(found, property) else found
        if isinstance(found, FunctionType) and found.__module__ == module.__name__:
            return found
    raise LookupError(f"{module.__name__} has no function {name}")
