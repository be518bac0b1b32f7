"""What is said of the guard's mutants: the page, and why some of them change nothing. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.tables import Row, markdown_table

EQUIVALENT = {
    "guard_rules_grid._by_number: `6` becomes `7`": (
        "The rounding only clears binary dust from a number of the knob's steps; no step is finer."
    ),
}
"""Mutants that no test can notice, each with the reason."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One mutant and what came of it."""

    module: str
    name: str
    line: int
    survived: bool

    @property
    def key(self) -> str:
        """By which its reason is found."""
        return f"{self.module}.{self.name}"


def page(tried: Sequence[Tried]) -> str:
    """The page for the documentation."""
    modules = list(dict.fromkeys(one.module for one in tried))
    rows = [_row(f"{module}.py", [one for one in tried if one.module == module])
            for module in modules]  # fmt: skip
    survivors: list[Row] = [
        {
            "file": f"{one.module}.py",
            "change": one.name,
            "why no test notices it": EQUIVALENT.get(one.key, "no reason known: a test is missing"),
        }
        for one in tried
        if one.survived
    ]
    unnoticed = markdown_table(survivors) or "Nothing.\n"
    return f"""# Small changes of the guard

Does a test notice each small change of a rule? A comparison, a number, an `and`, a minimum is
turned around, or a condition, a rule or a part of what a rule changes is left out, one at a time;
then the guard's own tests run. Random sequences of wishes, readings, clock steps and restarts, and
the laws that hold for any input, are tested besides and do not count here. Reproduce with
`python -m bench.mutate_guard --write`; it goes on where it stopped.

{markdown_table([*rows, _row("together", tried)])}
## What no test notices

{unnoticed}"""


def _row(name: str, tried: Sequence[Tried]) -> Row:
    noticed = sum(not one.survived for one in tried)
    return {
        "file": name,
        "changes": len(tried),
        "noticed": noticed,
        "noticed %": f"{100.0 * noticed / len(tried):.1f}",
    }
