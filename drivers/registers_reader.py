"""Reads the signals of a profile in as few requests as the device allows, and never writes.

A block that the device refuses is read point by point from then on; a point that it refuses alone
is absent (models differ) and asked for again only every quarter of an hour. A block whose answer
came mutilated, or "busy", is asked for once more at the end of the cycle.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from drivers.api import Absent, Now, Sample, Signal
from drivers.errors import (
    DriverError,
    LinkLostError,
    NoAnswerError,
    RefusedByDeviceError,
    TransientError,
)
from drivers.points import Point, Space, Undecodable, decode, register_count
from drivers.profile import ModbusProfile, blocks
from drivers.profile_modbus import Block
from drivers.transports.modbus import ModbusLink

ASK_ABSENT_AGAIN = timedelta(minutes=15)


@dataclass(slots=True)
class _Request:
    """One block of the device, what to make of it, and when to leave it out."""

    space: Space
    address: int
    count: int
    points: tuple[tuple[Point, int, int, tuple[Signal, ...]], ...]  # point, first, past last
    refused: str = ""
    ask_again_at: datetime | None = None  # None: in every cycle


class RegistersReader:
    """The signals of one unit behind a link, as the profile describes them."""

    def __init__(self, profile: ModbusProfile, link: ModbusLink, unit: int, now: Now) -> None:
        self._link = link
        self._unit = unit
        self._now = now
        self._users = _users(profile)
        self._requests = [self._request(block) for block in blocks(profile)]
        self._rest = timedelta(seconds=profile.connection.read_interval_s)
        self._last: dict[Signal, Sample | Absent] = {}
        self._asked_at: datetime | None = None

    async def read(self) -> dict[Signal, Sample | Absent]:
        """Every signal of the profile; never raises a `DriverError`.

        A device that asks for rest is left alone: it is then what was read last, with its time.
        """
        now = self._now()
        if self._asked_at is None or not now - self._rest < self._asked_at <= now:
            self._last = await self._read_all()
            reached = any(isinstance(seen, Sample) for seen in self._last.values())
            self._asked_at = now if reached else None
        return dict(self._last)

    async def _read_all(self) -> dict[Signal, Sample | Absent]:
        """One cycle.

        When the link is lost or the device is silent, the rest of the cycle is not tried: a dead
        device costs one timeout, not one per block.
        """
        observed: dict[Signal, Sample | Absent] = {}
        pending = deque(self._requests)
        again: set[tuple[Space, int]] = set()
        dead: str | None = None
        while pending:
            request = pending.popleft()
            if dead is not None:
                _miss(request, dead, observed)
                continue
            try:
                await self._read(request, observed)
            except RefusedByDeviceError as error:
                if len(request.points) > 1:
                    pending.extendleft(reversed(self._split(request)))
                else:
                    request.refused = f"not on this device: {error}"
                    request.ask_again_at = self._now() + ASK_ABSENT_AGAIN
                    _miss(request, request.refused, observed)
            except (LinkLostError, NoAnswerError) as error:
                dead = str(error)
                _miss(request, dead, observed)
            except TransientError as error:
                _miss(request, str(error), observed)
                if (request.space, request.address) not in again:
                    again.add((request.space, request.address))
                    pending.append(request)
            except DriverError as error:
                _miss(request, str(error), observed)
        return observed

    async def read_point(self, point: Point) -> Sample | Absent:
        """One point outside the cycle; never raises a `DriverError`."""
        try:
            return await self.ask(point)
        except DriverError as error:
            return Absent(str(error))

    async def ask(self, point: Point) -> Sample | Absent:
        """As `read_point`, but raises the `DriverError` when there is no answer."""
        count = register_count(point)
        registers = await self._link.read(self._unit, point.space, point.address, count)
        return _outcome(decode(point, registers), self._now())

    async def _read(self, request: _Request, observed: dict[Signal, Sample | Absent]) -> None:
        if request.ask_again_at is not None and self._now() < request.ask_again_at:
            _miss(request, request.refused, observed)
            return
        registers = await self._link.read(self._unit, request.space, request.address, request.count)
        if len(registers) != request.count:  # nobody can tell which of them is which
            raise TransientError(f"{len(registers)} registers came instead of {request.count}")
        request.ask_again_at = None
        at = self._now()
        for point, first, past_last, signals in request.points:
            outcome = _outcome(decode(point, registers[first:past_last]), at)
            for signal in signals:
                observed[signal] = outcome

    def _split(self, request: _Request) -> list[_Request]:
        """Replace a refused block, for good, by one request per point."""
        singles = [
            self._request(Block(point.space, point.address, register_count(point), (point,)))
            for point, *_ in request.points
        ]
        place = self._requests.index(request)
        self._requests[place : place + 1] = singles
        return singles

    def _request(self, block: Block) -> _Request:
        return _Request(
            block.space,
            block.address,
            block.count,
            tuple(
                (
                    point,
                    point.address - block.address,
                    point.address - block.address + register_count(point),
                    self._users[point.name],
                )
                for point in block.points
            ),
        )


def _outcome(value: float | Undecodable, at: datetime) -> Sample | Absent:
    return Absent(value.reason) if isinstance(value, Undecodable) else Sample(value, at)


def _miss(request: _Request, reason: str, observed: dict[Signal, Sample | Absent]) -> None:
    """Answer every signal of a request with the same reason."""
    for *_, signals in request.points:
        for signal in signals:
            observed[signal] = Absent(reason)


def _users(profile: ModbusProfile) -> Mapping[str, tuple[Signal, ...]]:
    """The signals behind each point."""
    users: dict[str, tuple[Signal, ...]] = {}
    for signal, name in profile.signals.items():
        users[name] = (*users.get(name, ()), signal)
    return users
