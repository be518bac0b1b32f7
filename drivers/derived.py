"""Values that a device does not publish as one: a rule makes them from several of its points. Pure.

Each rule works both ways: `combine` reads, `split` says what the parts must be for a value, in the
order in which they are to be written.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from drivers.api import OperatingState
from drivers.errors import OutOfRangeError
from drivers.points import Undecodable

Share = tuple[int, float]
"""Which of the parts, and its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A value from the values of other points, and back."""

    combine: Callable[[Sequence[float]], float | Undecodable]
    split: Callable[[float, int], Sequence[Share]]  # value, number of parts; OutOfRangeError
    count: int | None = None  # of parts; None: any


def _sum(values: Sequence[float]) -> float:
    return sum(values)


def _first_takes_all(value: float, count: int) -> Sequence[Share]:
    return [(0, value), *((place, 0.0) for place in range(1, count))]


def _same(values: Sequence[float]) -> float | Undecodable:
    """The value that all parts have."""
    if min(values) != max(values):
        return Undecodable(f"they differ: {', '.join(f'{value:g}' for value in values)}")
    return values[0]


def _to_all(value: float, count: int) -> Sequence[Share]:
    return [(place, value) for place in range(count)]


_CONTACTS = {(1.0, 0.0): 1.0, (0.0, 0.0): 2.0, (0.0, 1.0): 3.0, (1.0, 1.0): 4.0}
"""SG Ready 1.0 (label of the German heat pump association): contact 1, contact 2 -> state."""


def _sg_state(values: Sequence[float]) -> float | Undecodable:
    state = _CONTACTS.get((values[0], values[1]))
    return Undecodable("a contact is neither open nor closed") if state is None else state


def _sg_contacts(value: float, count: int) -> Sequence[Share]:
    """The contacts of a state; on the way no block is passed through, and 1 and 3 meet at normal.

    Contact 1 opens first and closes last: alone it is the block.
    """
    del count
    contacts = next((contacts for contacts, state in _CONTACTS.items() if state == value), None)
    if contacts is None:
        raise OutOfRangeError(f"{value:g} is no state of SG Ready: they are 1, 2, 3 and 4")
    first, second = contacts
    shares = [(0, first), (1, second)]
    return shares if first == 0.0 else shares[::-1]


def _running_state(values: Sequence[float]) -> float:
    """Off, heating, hot water or defrost from speed, hot-water valve and defrost flag.

    For pumps that publish no state of their own.
    """
    speed, to_dhw, defrosting = values
    if defrosting:
        return float(OperatingState.DEFROST)
    if speed <= 0.0:
        return float(OperatingState.OFF)
    return float(OperatingState.DHW if to_dhw else OperatingState.HEATING)


def _running_parts(value: float, count: int) -> Sequence[Share]:
    """Valve and defrost flag of a state; the speed is a reading of its own."""
    del count
    return [
        (1, 1.0 if value == OperatingState.DHW else 0.0),
        (2, 1.0 if value == OperatingState.DEFROST else 0.0),
    ]


RULES: Mapping[str, Rule] = {
    "sum": Rule(combine=_sum, split=_first_takes_all),
    "same": Rule(combine=_same, split=_to_all),
    "sg_contacts": Rule(combine=_sg_state, split=_sg_contacts, count=2),
    "running_state": Rule(combine=_running_state, split=_running_parts, count=3),
}
"""By the name that a profile gives."""
