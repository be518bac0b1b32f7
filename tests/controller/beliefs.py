"""Beliefs with a number in every field of their own, whatever is learned about houses next year."""

from dataclasses import fields

from controller.estimate import Belief
from mpc.plan import Estimate

PARTS = ("estimate", "room", "innovations", "second_room")
LEARNED = tuple(field.name for field in fields(Belief) if field.name not in PARTS)


def believed(estimate: Estimate, first: float = 0.8765432109876543) -> Belief:
    """The estimate, and beside it numbers that are all different."""
    return Belief(estimate, **{name: first * (n + 1) for n, name in enumerate(LEARNED)})
