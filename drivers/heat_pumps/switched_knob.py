"""A knob that acts only while a switch elsewhere in the device is on, such as NIBE's power limit.

Firmware decides which register is the switch: the first one that the device has is taken.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from drivers.api import Absent, Sample
from drivers.errors import DriverError, RefusedByDeviceError
from drivers.points import Point, Switch
from drivers.registers_reader import RegistersReader

Put = Callable[[Point, float], Awaitable[None]]
Pause = Callable[[float], Awaitable[None]]


async def real_pause(wait_s: float) -> None:
    """Let the device work."""
    # the device's own delay between two registers, not time the controller plans with
    await asyncio.sleep(wait_s)  # noqa: TID251


class SwitchedKnob:
    """The point of a knob and its switch, as one value."""

    def __init__(
        self, point: Point, switch: Switch, candidates: Sequence[Point], *, pause: Pause
    ) -> None:
        self._point = point
        self._switch = switch
        self._candidates = candidates
        self._pause = pause
        self._found: Point | None = None

    async def read(self, reader: RegistersReader) -> Sample | Absent:
        """The value in force; `value_when_off` while it is switched off."""
        try:
            switch = await self._switch_point(reader)
            state = await reader.ask(switch)
        except DriverError as error:
            return Absent(str(error))
        if isinstance(state, Absent):
            return state
        if state.value == self._switch.off:
            return Sample(self._switch.value_when_off, state.at)
        return await reader.read_point(self._point)

    async def write(self, value: float, reader: RegistersReader, put: Put) -> None:
        """Switch on where necessary, then write; or switch off. Raises a `DriverError`."""
        switch = await self._switch_point(reader)
        if value == self._switch.value_when_off:
            await put(switch, self._switch.off)
            await put(self._point, self._switch.value_beside_off)
            return
        state = await reader.ask(switch)
        if isinstance(state, Absent) or state.value != self._switch.on:
            await put(switch, self._switch.on)
            await self._pause(self._switch.wait_s)
        await put(self._point, value)

    async def _switch_point(self, reader: RegistersReader) -> Point:
        """The first candidate that the device has; one that it refuses or leaves empty is none."""
        if self._found is not None:
            return self._found
        for candidate in self._candidates:
            try:
                state = await reader.ask(candidate)
            except RefusedByDeviceError:
                continue
            if isinstance(state, Sample):
                self._found = candidate
                return candidate
        names = " and ".join(candidate.name for candidate in self._candidates)
        raise RefusedByDeviceError(
            f"{self._point.name} cannot be switched on: this device has no {names}"
        )
