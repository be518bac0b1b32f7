"""What a run of the fuzz has seen, and how it tries a driver without falling over itself."""

import math
from collections import Counter
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

MOST_VIOLATIONS = 20
"""More are counted, not kept."""

LONGEST_SHOWN = 200

T = TypeVar("T")


@dataclass(slots=True)
class Tally:
    """Counts of one kind of payload."""

    kind: str
    payloads: int = 0
    readings: int = 0  # values that a driver made
    refusals: int = 0  # times it said why there is none
    spoilt: Counter[str] = field(default_factory=Counter)  # payloads by what was done to them
    violations: Counter[str] = field(default_factory=Counter)  # by subject and broken rule
    examples: list[str] = field(default_factory=list)

    def violated(self, subject: str, rule: str, example: object) -> None:
        """A rule is broken."""
        self.violations[f"{subject}: {rule}"] += 1
        if len(self.examples) < MOST_VIOLATIONS:
            self.examples.append(f"{subject}: {rule}: {repr(example)[:LONGEST_SHOWN]}")


async def tried(tally: Tally, subject: str, attempt: Awaitable[T], example: object) -> T | None:
    """What a driver answers; an exception that escapes it is a violation."""
    try:
        return await attempt
    except Exception as error:  # noqa: BLE001  whatever escapes is what is looked for
        tally.violated(subject, f"{type(error).__name__} escapes", (str(error), example))
        return None


def out_of(low: float | None, high: float | None, value: float) -> bool:
    """Whether a value is no number or outside its bounds."""
    if not math.isfinite(value):
        return True
    return (low is not None and value < low) or (high is not None and value > high)


def together(kind: str, parts: Iterable[Tally]) -> Tally:
    """Several runs of one kind as one."""
    whole = Tally(kind)
    for part in parts:
        whole.payloads += part.payloads
        whole.readings += part.readings
        whole.refusals += part.refusals
        whole.spoilt += part.spoilt
        whole.violations += part.violations
        whole.examples = [*whole.examples, *part.examples][:MOST_VIOLATIONS]
    return whole
