"""Run the guard's tests on a module with one change, in a forked child for each.

The tests are collected once; the child gives one function other code, or one name another value.
Where a change is in neither, the child imports everything anew.
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

Patch = Callable[[ModuleType], None]
Test = Callable[[], object]


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
    """Try every job. Those that need a new import first: later ones import the guard here too."""
    patched: list[tuple[Job, Patch]] = []
    for job in jobs:
        patch = _patch_of(job)
        if patch is None:
            note(job, passes(job.module, job.mutant.tree))
        else:
            patched.append((job, patch))
    if patched:
        pytest.main([*OPTIONS], plugins=[_Loop(patched, note)])


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

    def __init__(self, jobs: Sequence[tuple[Job, Patch]], note: Note) -> None:
        self._jobs, self._note = jobs, note

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        tests = [_called(item) for item in session.items]
        for job, patch in self._jobs:
            module = importlib.import_module(f"controller.{job.module}")
            noticed_by = _first_failure(tests, functools.partial(patch, module))
            self._note(job, noticed_by is None)
            if noticed_by:  # it may well notice the next change too
                tests.insert(0, tests.pop(noticed_by))
        return True


def _first_failure(tests: Sequence[Test], patch: Callable[[], None]) -> int | None:
    """The number of the first test that fails in a child with this change; None: all pass."""
    ours, childs = os.pipe()

    def tested() -> bool:
        patch()
        for number, test in enumerate(tests):
            try:
                test()
            except BaseException:
                os.write(childs, number.to_bytes(4, "big"))
                raise
        return True

    passed = _in_child(tested)
    os.close(childs)
    told = os.read(ours, 4)
    os.close(ours)
    return None if passed else int.from_bytes(told, "big")


def _called(item: pytest.Item) -> Test:
    """The test as a plain function: the guard's own tests need no fixtures."""
    given = item.callspec.params if hasattr(item, "callspec") else {}
    if not isinstance(item, pytest.Function) or set(item.fixturenames) != set(given):
        raise LookupError(f"{item.nodeid} is no plain function")
    return functools.partial(item.obj, **given)


def _patch_of(job: Job) -> Patch | None:
    """How to change the module that is imported already; None: it must be imported anew."""
    tree, mutant = job.mutant.tree, job.mutant
    if mutant.function is None:
        statements = [
            statement
            for statement in tree.body
            if isinstance(statement, ast.Assign | ast.AnnAssign)
            and mutant.assigned in [ast.unparse(target) for target in _targets(statement)]
        ]
        return functools.partial(_assign, statements[0]) if len(statements) == 1 else None
    codes = [
        code
        for code in _codes(compile(tree, "mutant", "exec"))
        if code.co_name == mutant.function and "<locals>" not in code.co_qualname
    ]
    return functools.partial(_replace, codes[0]) if len(codes) == 1 else None


def _targets(statement: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return statement.targets if isinstance(statement, ast.Assign) else [statement.target]


def _assign(statement: ast.stmt, module: ModuleType) -> None:
    """Give a name of the module its changed value, also where others have imported it."""
    before = dict(vars(module))
    exec(compile(ast.Module([statement], []), module.__name__, "exec"), vars(module))
    for name, value in vars(module).copy().items():
        old = before.get(name)
        if value is old:
            continue
        for other in [*sys.modules.values()]:
            if old is not None and getattr(other, "__dict__", {}).get(name) is old:
                setattr(other, name, value)


def _replace(code: CodeType, module: ModuleType) -> None:
    """Give the function of this name, in the module or one of its classes, other code."""
    owners = [module, *(owner for owner in vars(module).values() if isinstance(owner, type))]
    for owner in owners:
        found = vars(owner).get(code.co_name)
        found = found.fget if isinstance(found, property) else found
        if isinstance(found, FunctionType) and found.__module__ == module.__name__:
            found.__code__ = code
            return
    raise LookupError(f"{module.__name__} has no function {code.co_name}")


def _codes(code: CodeType) -> Iterable[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from _codes(inner)
