"""What a device's answers say about which family it is of. Pure.

A profile fits when every value of its identity is as it must be and every point that must have a
value has one. What speaks for it beyond that, the share of its signals with a plausible value,
only ranks: families share registers, and several may fit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from drivers.profile import AnyProfile

Answers = Mapping[str, float | str]
"""By point: its value, or in words why there is none. Points that were not asked are not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A profile that fits, where, and what speaks for it."""

    profile: AnyProfile
    where: str  # the unit or base topic that answered
    matched: Mapping[str, float]  # identity points with the value that they must have
    plausible: tuple[str, ...]  # points with a plausible value, of those that make its signals
    implausible: Mapping[str, str]  # those without, and why
    firmware: Mapping[str, float]

    @property
    def identified(self) -> bool:
        """Whether a value that only this family should have was seen, not just plausible ones."""
        return bool(self.matched)

    @property
    def share(self) -> float:
        """The share of the signals' points that have a plausible value, 0 ... 1."""
        asked = len(self.plausible) + len(self.implausible)
        return len(self.plausible) / asked if asked else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuledOut:
    """A profile that does not fit, and the first reason."""

    profile: AnyProfile
    where: str
    reason: str


def has_identity(profile: AnyProfile) -> bool:
    """Whether the profile says how to tell a device of its family."""
    return bool(profile.identity.values or profile.identity.plausible)


def questions(profile: AnyProfile) -> tuple[tuple[str, ...], ...]:
    """The points to ask for, in rounds: what rules it out soonest first, then all signals."""
    identity = profile.identity
    rounds: list[tuple[str, ...]] = []
    asked: set[str] = set()
    rest = (*identity.firmware, *sorted(set(profile.signals.values())))
    for names in (tuple(identity.values), identity.plausible, rest):
        fresh = tuple(name for name in dict.fromkeys(names) if name not in asked)
        asked.update(fresh)
        if fresh:
            rounds.append(fresh)
    return tuple(rounds)


def contradiction(profile: AnyProfile, answers: Answers) -> str | None:
    """Why the answers so far rule the profile out; None while they do not."""
    for name, allowed in profile.identity.values.items():
        answer = answers.get(name)
        if isinstance(answer, str):
            return f"{name}: {answer}"
        if answer is not None and answer not in allowed:
            expected = " or ".join(str(value) for value in allowed)
            return f"{name} is {answer:g}, not {expected}"
    for name in profile.identity.plausible:
        answer = answers.get(name)
        if isinstance(answer, str):
            return f"{name}: {answer}"
    return None


def judged(profile: AnyProfile, where: str, answers: Answers) -> Candidate | RuledOut:
    """What the answers to all questions make of the profile."""
    reason = contradiction(profile, answers)
    values = {name: answer for name, answer in answers.items() if not isinstance(answer, str)}
    if reason is None and not values:
        reason = "none of its points has a value"
    if reason is not None:
        return RuledOut(profile=profile, where=where, reason=reason)
    signals = sorted(set(profile.signals.values()))
    identity = profile.identity
    return Candidate(
        profile=profile,
        where=where,
        matched={name: values[name] for name in identity.values if name in values},
        plausible=tuple(name for name in signals if name in values),
        implausible={
            name: answer for name in signals if isinstance(answer := answers.get(name), str)
        },
        firmware={name: values[name] for name in identity.firmware if name in values},
    )


def best_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Most matched identity values first, then the largest share, then the most values."""
    return sorted(
        candidates,
        key=lambda found: (len(found.matched), found.share, len(found.plausible)),
        reverse=True,
    )


def rivals(ranked: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that fit as well as the first: same kind, same place, as many own values."""
    if not ranked:
        return []
    first = ranked[0]
    return [
        other
        for other in ranked[1:]
        if other.where == first.where
        and other.profile.kind == first.profile.kind
        and len(other.matched) >= len(first.matched)
    ]
