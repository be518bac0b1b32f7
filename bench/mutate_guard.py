"""Mutation testing of the guard: does a test notice each small change of a rule?

    python -m bench.mutate_guard

One process at a time: each mutant is a forked child that imports the guard with one change and runs
the guard's own tests, without the random ones. A mutant that no test notices is printed.
"""

import ast
import copy
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).parent.parent
MODULES = (
    "guard", "guard_memory", "guard_rules_bounds", "guard_rules_house", "guard_rules_pump",
    "guard_rules_stop",
)  # fmt: skip
TESTS = ("test_guard.py", "test_guard_pump.py", "test_guard_tank.py")
SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


def mutants(source: str) -> Iterator[tuple[str, ast.Module]]:
    """Every module with one change, and in words which."""
    tree = ast.parse(source)
    for index, node in enumerate(ast.walk(tree)):
        for kind in range(_ways(node)):
            changed = copy.deepcopy(tree)
            target = list(ast.walk(changed))[index]
            line = getattr(node, "lineno", 0)
            before = ast.unparse(node)
            _change(target, kind)
            yield f"line {line}: {before} -> {ast.unparse(target)}", changed


def _ways(node: ast.AST) -> int:
    """In how many ways a node can be changed."""
    match node:
        case ast.Compare():
            return len(node.ops)
        case ast.BinOp():
            return int(type(node.op) in SWAPPED)
        case (
            ast.BoolOp()
            | ast.Constant(value=bool() | float() | int())
            | ast.UnaryOp(op=ast.Not())
            | ast.Name(id="min" | "max" | "any" | "all")
        ):
            return 1
        case ast.AnnAssign(target=ast.Name(id="RULES"), value=ast.Tuple(elts=rules)):
            return len(rules)
        case _:
            return 0


def _change(node: ast.AST, kind: int) -> None:
    match node:
        case ast.Compare():
            node.ops[kind] = SWAPPED[type(node.ops[kind])]()  # type: ignore[call-overload]
        case ast.BoolOp() | ast.BinOp():
            node.op = SWAPPED[type(node.op)]()  # type: ignore[assignment]
        case ast.Constant(value=bool(value)):
            node.value = not value
        case ast.Constant(value=float(value) | int(value)):
            node.value = value + 1
        case ast.Name(id=name):
            node.id = NAMES[name]
        case ast.UnaryOp():
            node.op = ast.UAdd()
            node.operand = ast.Call(ast.Name("bool", ast.Load()), [node.operand], [])
            ast.fix_missing_locations(node)
        case ast.AnnAssign(value=ast.Tuple(elts=rules)):
            del rules[kind]


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


def _survives(name: str, tree: ast.Module) -> bool:
    """Whether all tests pass with this module; in a child of its own."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    import pytest

    try:
        full = f"controller.{name}"
        code = compile(ast.fix_missing_locations(tree), full, "exec")
        sys.meta_path.insert(0, _Mutated(full, code))
        files = [str(ROOT / "tests" / "controller" / test) for test in TESTS]
        own = ["-c", os.devnull, "--rootdir", str(ROOT)]  # parents' imports warn: no error here
        options = [*own, "-x", "-q", "--noconftest", "-p", "no:randomly", "-p", "no:cacheprovider"]
        result = int(pytest.main([*options, *files]))
    except BaseException:  # noqa: BLE001  a mutant that cannot even be imported is noticed
        result = 1
    os._exit(result)


def main() -> int:
    """Print what survives and the share that is noticed."""
    import hypothesis  # noqa: F401
    import pydantic  # noqa: F401
    import pytest  # noqa: F401

    import drivers.api  # noqa: F401  imported once, for all children

    whole = ast.parse((ROOT / "controller" / f"{MODULES[0]}.py").read_text())
    if not _survives(MODULES[0], whole):
        print("the tests fail without any change: nothing can be said")
        return 1
    total = survived = 0
    for name in MODULES:
        source = (ROOT / "controller" / f"{name}.py").read_text()
        for words, tree in mutants(source):
            total += 1
            if _survives(name, tree):
                survived += 1
                print(f"survived: {name}.py {words}", flush=True)
    print(f"{total} mutants, {total - survived} noticed: {(total - survived) / total:.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
