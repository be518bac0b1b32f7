"""Mutation testing: what is changed, one thing at a time, and what the page says of it."""

import ast

from bench.mutants import mutants
from bench.mutate_page import EQUIVALENT, Tried, page

SOURCE = """
LEAST = 3
RULES: tuple = (first, second)

@dataclass(frozen=True)
class Held:
    step: int = 0

def rule(a, b, draft):
    if a is None or not b < LEAST:
        return draft.because("too little", run=False)
    return {**draft, "x": min(a, 2.0 * b)}
"""
CHANGES = [
    "LEAST: `3` becomes `4`",
    "RULES: without the rule `first`",
    "RULES: without the rule `second`",
    "step: `0` becomes `1`",
    "rule: `a is None or not b < LEAST` becomes `a is None and (not b < LEAST)`",
    "rule: `a is None or not b < LEAST` without `a is None`",
    "rule: `a is None or not b < LEAST` without `not b < LEAST`",
    "rule: `a is None` becomes `a is not None`",
    "rule: `not b < LEAST` becomes `+bool(b < LEAST)`",
    "rule: `b < LEAST` becomes `b <= LEAST`",
    "rule: without `run=False`",
    "rule: `False` becomes `True`",
    "rule: without `**draft`",
    "rule: `min` becomes `max`",
    "rule: `2.0 * b` becomes `2.0 / b`",
    "rule: `2.0` becomes `3.0`",
]


def test_every_kind_of_change_is_made_and_nothing_in_decorators() -> None:
    assert sorted(mutant.name for mutant in mutants(SOURCE)) == sorted(CHANGES)


def test_each_mutant_differs_from_the_module_and_from_every_other() -> None:
    made = list(mutants(SOURCE))
    texts = {ast.unparse(mutant.tree) for mutant in made} - {ast.unparse(ast.parse(SOURCE))}
    assert len(texts) == len(made)
    for mutant in made:
        compile(mutant.tree, "mutant", "exec")


def test_changes_that_read_alike_have_names_of_their_own() -> None:
    names = [mutant.name for mutant in mutants("def f(a, b):\n    return a + 1, b + 1\n")]
    assert len(set(names)) == len(names)
    assert "f: `1` becomes `2` (2)" in names


def test_the_page_counts_what_was_noticed_and_gives_each_survivor_its_reason() -> None:
    key, reason = next(iter(EQUIVALENT.items()))
    module, _, name = key.partition(".")
    tried = [Tried(module, name, 1, True), *(Tried(module, c, 1, False) for c in "abc")]
    text = page([*tried, Tried("other", "new", 1, True)])
    assert f"| {module}.py | 4 | 3 | 75.0 |" in text
    assert "| together | 5 | 3 | 60.0 |" in text
    assert reason in text
    assert "| other.py | new | no reason known: a test is missing |" in text
