"""Small changes of a Python module, one at a time: what mutation testing tries. Pure."""

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one change."""

    name: str  # where and what; the same wherever in the module its function stands
    line: int
    function: str | None  # the innermost around the change; None: it is outside
    assigned: str | None  # the name that a change outside is assigned to
    tree: ast.Module


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module, from top to bottom.

    Changed are comparisons, arithmetic, logic and numbers; left out are single conditions of an
    `and` or `or`, keyword arguments of `because` (what a rule changes), what a dictionary takes
    over from another, and whole rules of `RULES`. Declarations in decorators stay: they are no
    rules.
    """
    tree = ast.parse(source)
    functions, outside = _places(tree)
    places = outside | functions
    seen = Counter[str]()
    for index, node in sorted(enumerate(ast.walk(tree)), key=lambda item: _position(item[1])):
        for new, shown in _variants(node) if node in places else ():
            changed = copy.deepcopy(tree)
            vars(list(ast.walk(changed))[index]).update(vars(new))
            words = shown or f"`{ast.unparse(node)}` becomes `{ast.unparse(new)}`"
            name = f"{places[node]}: {words}"
            seen[name] += 1
            again = f" ({seen[name]})" if seen[name] > 1 else ""
            ast.fix_missing_locations(changed)
            yield Mutant(
                name + again, _position(node)[0], functions.get(node), outside.get(node), changed
            )


def _position(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _places(tree: ast.Module) -> tuple[dict[ast.AST, str], dict[ast.AST, str]]:
    """The innermost function around each node; and outside, what it is assigned to. No decorators,
    no defaults of parameters."""
    functions: dict[ast.AST, str] = {}
    outside: dict[ast.AST, str] = {}
    for scope in ast.walk(tree):  # outer scopes come before inner ones
        match scope:
            case ast.FunctionDef(name=name, body=body):
                functions.update((node, name) for part in body for node in ast.walk(part))
            case ast.Assign(targets=[target], value=value):
                outside.update(dict.fromkeys(ast.walk(value), ast.unparse(target)))
            case ast.AnnAssign(target=target):
                outside.update(dict.fromkeys(ast.walk(scope), ast.unparse(target)))
    return functions, outside


def _variants(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """The node with each change by itself, and what was left out where something was."""
    for changed in _turned(node):
        yield changed, ""
    yield from _shortened(node)


def _turned(node: ast.AST) -> Iterator[ast.AST]:
    """The node saying something else."""
    new = copy.deepcopy(node)
    match new:
        case ast.Compare():
            for k in range(len(new.ops)):
                yield _with(new, k)
        case ast.BoolOp() | ast.BinOp() if type(new.op) in SWAPPED:
            new.op = SWAPPED[type(new.op)]()  # type: ignore[assignment]
            yield new
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.UnaryOp(op=ast.Not()):
            truth = ast.Call(ast.Name("bool", ast.Load()), [new.operand], [])
            yield ast.UnaryOp(ast.UAdd(), truth)
        case ast.Name(id="min" | "max" | "any" | "all" as name):
            yield ast.Name(NAMES[name], ast.Load())


def _with(node: ast.Compare, k: int) -> ast.Compare:
    new = copy.deepcopy(node)
    new.ops[k] = SWAPPED[type(new.ops[k])]()  # type: ignore[call-overload]
    return new


def _shortened(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """The node with one of its parts left out."""
    match node:
        case ast.BoolOp():
            for k, part in enumerate(node.values):
                new = copy.deepcopy(node)
                new.values[k] = ast.Constant(isinstance(node.op, ast.And))
                yield new, f"`{ast.unparse(node)}` without `{ast.unparse(part)}`"
        case ast.Call(func=ast.Attribute(attr="because")):
            for k, keyword in enumerate(node.keywords):
                called = copy.deepcopy(node)
                del called.keywords[k]
                yield called, f"without `{ast.unparse(keyword)}`"
        case ast.Dict():
            for k, key in enumerate(node.keys):
                if key is None:
                    rest = copy.deepcopy(node)
                    del rest.keys[k], rest.values[k]
                    yield rest, f"without `**{ast.unparse(node.values[k])}`"
        case ast.AnnAssign(target=ast.Name(id="RULES"), value=ast.Tuple(elts=rules) as whole):
            for k, rule in enumerate(rules):
                fewer = ast.Tuple([*whole.elts[:k], *whole.elts[k + 1 :]], ast.Load())
                shown = f"without the rule `{ast.unparse(rule)}`"
                yield ast.AnnAssign(node.target, node.annotation, fewer, node.simple), shown
