"""The frozen process image of one cycle: every decision of the cycle sees exactly this. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from drivers.api import OperatingState, Signal
from drivers.grid.limit import GridLimit


@dataclass(frozen=True, slots=True)
class Reading:
    """A measured value in the unit of its signal, and when it was measured."""

    value: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no usable value: why, and since when."""

    reason: str
    since: datetime


Measured: TypeAlias = Reading | Missing


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All signals at one instant; a signal nobody promised is absent from the mapping."""

    at: datetime
    signals: Mapping[Signal, Measured]
    grid: GridLimit | None = None  # None: nobody can limit this house

    def value(self, signal: Signal) -> float | None:
        """The value of a good reading, else None. Zero is a value: compare with `is None`."""
        measured = self.signals.get(signal)
        return measured.value if isinstance(measured, Reading) else None

    def why_missing(self, signal: Signal) -> str | None:
        """The reason a signal has no value, or None when it has one."""
        measured = self.signals.get(signal)
        if measured is None:
            return "no device delivers it"
        return measured.reason if isinstance(measured, Missing) else None

    @property
    def coldest_room_c(self) -> float | None:
        """The coldest of the rooms that are measured; None: none is."""
        rooms = (self.value(Signal.ROOM_C), self.value(Signal.SECOND_ROOM_C))
        return min((room_c for room_c in rooms if room_c is not None), default=None)

    @property
    def operating_state(self) -> OperatingState | None:
        """What the pump is doing, as far as it says so."""
        value = self.value(Signal.OPERATING_STATE)
        if self.value(Signal.DEFROSTING) == 1.0:
            return OperatingState.DEFROST
        if value is None or int(value) not in set(OperatingState):
            return None
        return OperatingState(int(value))

    @property
    def pump_power_w(self) -> float | None:
        """The pump's electricity: at its meter, else as it says itself."""
        meter_w = self.value(Signal.METER_POWER_W)
        return self.value(Signal.POWER_W) if meter_w is None else meter_w

    @property
    def others_w(self) -> float | None:
        """What the rest of the house draws: its connection less the pump; None: not measured.

        Negative where a roof feeds in more.
        """
        house_w, pump_w = self.value(Signal.GRID_POWER_W), self.pump_power_w
        return None if house_w is None or pump_w is None else house_w - pump_w

    @property
    def compressor_on(self) -> bool | None:
        """Whether the compressor runs: by its frequency, else by the pump's electric power, else by
        what it says it is doing, else by the meter's power."""
        hz = self.value(Signal.COMPRESSOR_HZ)
        if hz is not None:
            return hz > 0.0
        power_w = self.value(Signal.POWER_W)
        if power_w is not None:
            return power_w > RUNNING_POWER_W
        state = self.operating_state
        if state is None or state is OperatingState.OTHER:
            meter_w = self.value(Signal.METER_POWER_W)
            return None if meter_w is None else meter_w > RUNNING_POWER_W
        return state is not OperatingState.OFF


RUNNING_POWER_W = 150.0
"""Above standby, circulation pump and crankcase heater of a domestic unit, below any compressor."""
