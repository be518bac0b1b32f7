"""What a run of the fuzz has seen, and how it tries something without falling over itself."""

import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

SHOWN_OF_EACH, MOST_SHOWN = 2, 40
"""More examples of a rule, and of all rules, are counted and not kept."""

LONGEST_SHOWN = 300

LONGEST_CASE_S = 2.0
"""Processor time that one payload may take; a Raspberry Pi needs some five times as long."""

LONGEST_MESSAGE = 1000
"""Characters of a line of an error that a person can be asked to read."""

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
    slowest_s: float = field(default=0.0, compare=False)  # processor time of one payload
    peak_mb: float = field(default=0.0, compare=False)  # resident memory of the process, at most
    cpu_s: float = field(default=0.0, compare=False)  # processor time of all of it

    def violated(self, subject: str, rule: str, example: object) -> None:
        """A rule is broken."""
        self.violations[f"{subject}: {rule}"] += 1
        if self.violations[f"{subject}: {rule}"] <= SHOWN_OF_EACH:
            self.examples.append(f"{subject}: {rule}: {repr(example)[:LONGEST_SHOWN]}")


@contextmanager
def watched(tally: Tally, subject: str, example: object) -> Iterator[None]:
    """An exception that escapes the block, or one that takes long, is a violation."""
    began_s = time.process_time()
    try:
        yield
    except Exception as error:  # noqa: BLE001  whatever escapes is what is looked for
        where = _where(error)
        tally.violated(subject, f"{type(error).__name__} escapes{where}", (str(error), example))
    took_s = time.process_time() - began_s
    tally.slowest_s = max(tally.slowest_s, took_s)
    if took_s > LONGEST_CASE_S:
        tally.violated(subject, "a payload takes too long", (round(took_s, 1), example))


def _where(error: Exception) -> str:
    """The place in our own code that it comes from: different faults are told apart."""
    frame, place = error.__traceback__, ""
    while frame is not None:
        code = frame.tb_frame.f_code
        if "site-packages" not in code.co_filename and "/bench/" not in code.co_filename:
            place = f" {code.co_name}"
        frame = frame.tb_next
    return place


async def tried(tally: Tally, subject: str, attempt: Awaitable[T], example: object) -> T | None:
    """What a driver answers; an exception that escapes it is a violation."""
    with watched(tally, subject, example):
        return await attempt
    return None


def accepted(
    tally: Tally,
    subject: str,
    attempt: Callable[[], T],
    *,
    declared: tuple[type[Exception], ...],
    example: object,
) -> T | None:
    """What comes of a payload; only declared errors may refuse it, in words."""
    with watched(tally, subject, example):
        try:
            found = attempt()
        except declared as error:
            refused(tally, subject, error, example)
            return None
        tally.readings += 1
        return found
    return None


def refused(tally: Tally, subject: str, error: Exception, example: object) -> None:
    """A declared error: it has to say why in few words."""
    tally.refusals += 1
    lines = str(error).splitlines()
    if not any(line.strip() for line in lines):
        tally.violated(subject, "an error without words", (error, example))
    elif max(map(len, lines)) > LONGEST_MESSAGE:
        tally.violated(subject, "an error that nobody reads", (str(error), example))


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
        whole.slowest_s = max(whole.slowest_s, part.slowest_s)
        whole.peak_mb = max(whole.peak_mb, part.peak_mb)
        whole.cpu_s += part.cpu_s
        whole.examples = [*whole.examples, *part.examples][:MOST_SHOWN]
    return whole
