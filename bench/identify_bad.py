"""Records with something wrong in them, as houses really send them: what a fit must not believe."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from mpc.arrays import FloatArray
from mpc.house_data import HouseData

BLOCKS = 12  # of hours lost, spread over the record
BLOCK_H = 20
FROZEN_FROM_FRAC, FROZEN_DAYS = 0.4, 6
STUCK_W = 65535.0  # a 16-bit register that means "not known"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happened, the words under which a check may name it, and the record that comes of it."""

    words: str
    names: frozenset[str]
    spoil: Callable[[HouseData], HouseData]


def spoiled(data: HouseData) -> dict[str, tuple[Fault, HouseData]]:
    """The same record with each fault."""
    return {name: (fault, fault.spoil(data)) for name, fault in FAULTS.items()}


def _gaps(data: HouseData) -> HouseData:
    room_c = data.room_c.copy()
    every, lost = len(data) // BLOCKS, BLOCK_H * data.steps_per_day // 24
    for block in range(BLOCKS):
        room_c[block * every : block * every + lost] = np.nan
    return replace(data, room_c=room_c)


def _frozen(values: FloatArray, data: HouseData) -> FloatArray:
    first = int(FROZEN_FROM_FRAC * len(data))
    held = values.copy()
    held[first : first + FROZEN_DAYS * data.steps_per_day] = values[first]
    return held


def _fahrenheit(values: FloatArray) -> FloatArray:
    return np.asarray(values * 1.8 + 32.0, dtype=np.float64)


def _jump(data: HouseData) -> HouseData:
    """The sensor is moved to a warmer room."""
    room_c = data.room_c.copy()
    room_c[len(data) // 2 :] += 4.0
    return replace(data, room_c=room_c)


def _stuck(data: HouseData) -> HouseData:
    heat_w = data.heat_w.copy()
    heat_w[::7] = STUCK_W
    return replace(data, heat_w=heat_w)


def _swapped_flow(data: HouseData) -> HouseData:
    if data.flow_c is None:
        raise ValueError("no flow temperature to swap")
    return replace(data, room_c=data.flow_c, flow_c=data.room_c)


FAULTS: Mapping[str, Fault] = {
    "gaps": Fault(
        f"the room missing for {BLOCK_H} h, {BLOCKS} times", frozenset({"gaps", "short"}), _gaps
    ),
    "frozen room": Fault(
        f"room sensor frozen for {FROZEN_DAYS} days",
        frozenset({"frozen"}),
        lambda data: replace(data, room_c=_frozen(data.room_c, data)),
    ),
    "frozen outdoor": Fault(
        f"outdoor sensor frozen for {FROZEN_DAYS} days",
        frozenset({"frozen"}),
        lambda data: replace(data, outdoor_c=_frozen(data.outdoor_c, data)),
    ),
    "room in °F": Fault(
        "room in °F",
        frozenset({"unit", "impossible"}),
        lambda data: replace(data, room_c=_fahrenheit(data.room_c)),
    ),
    "outdoor in °F": Fault(
        "outdoor temperature in °F",
        frozenset({"unit", "impossible"}),
        lambda data: replace(data, outdoor_c=_fahrenheit(data.outdoor_c)),
    ),
    "heat in kW": Fault(
        "heat in kW read as W",
        frozenset({"unit"}),
        lambda data: replace(data, heat_w=data.heat_w / 1000.0),
    ),
    "heat in mW": Fault(
        "heat a thousand times too large",
        frozenset({"unit", "impossible"}),
        lambda data: replace(data, heat_w=data.heat_w * 1000.0),
    ),
    "room and outdoor swapped": Fault(
        "room and outdoor sensor swapped",
        frozenset({"swapped"}),
        lambda data: replace(data, room_c=data.outdoor_c, outdoor_c=data.room_c),
    ),
    "flow and room swapped": Fault(
        "flow and room sensor swapped", frozenset({"swapped", "impossible"}), _swapped_flow
    ),
    "negative heat": Fault(
        "heat with the wrong sign",
        frozenset({"impossible"}),
        lambda data: replace(data, heat_w=-data.heat_w),
    ),
    "stuck register": Fault(
        f"every seventh heat reads {STUCK_W:.0f}", frozenset({"impossible", "unit"}), _stuck
    ),
    "moved sensor": Fault("room sensor moved, 4 K warmer", frozenset({"jumps"}), _jump),
}
