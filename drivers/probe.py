"""What is behind a Modbus address: every known family is asked for by its own rules. Reads only.

The prober is given something that can read and close, nothing that can write. A dead address costs
one connection attempt, a silent or foreign one a few patient requests, whatever the number of
families; a family's own, longer timeout counts only once something has answered.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from drivers.errors import (
    DriverError,
    LinkLostError,
    NoAnswerError,
    RefusedByDeviceError,
    TransientError,
)
from drivers.evidence import (
    Candidate,
    RuledOut,
    best_first,
    contradiction,
    has_identity,
    judged,
    questions,
)
from drivers.points import Point, Space, Undecodable, decode, register_count
from drivers.profile import ModbusProfile
from drivers.profile_modbus import SerialLine
from drivers.transports.modbus import TcpLink
from drivers.transports.modbus_serial import SerialLink, SerialSettings

PATIENCE_S = 5.0
"""How long an address that has never answered is waited for, at each attempt."""

ATTEMPTS = 2
"""Families asked of a unit that has never answered, before it counts as silent."""

SILENT_POINTS = 2
"""Points of a family without any answer, in a row, before it is left alone."""

PAUSE_S = 0.5
"""A busy device needs a moment, and one that serves one client to see that the last has gone."""


class Registers(Protocol):
    """As much of a Modbus link as a prober may have."""

    async def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        """`count` registers from `address` (0-based). Raises a `DriverError`."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """How a family wants to be spoken to; families with equal rules share a connection."""

    port: int
    line: SerialLine | None
    timeout_s: float
    gap_s: float


OpenRegisters = Callable[[Rules], Registers]
"""Makes a link that keeps the rules; nothing is contacted yet."""

Asked = tuple[int, SerialLine | None]
"""A unit, and how its line was spoken on."""

OnProgress = Callable[[str, int, int], None]
"""Receives what is asked for now, how many families are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class _Unasked:
    """Why a family could not be asked for to the end, and whether the connection failed."""

    reason: str
    lost: bool


@dataclass(slots=True)
class Report:
    """What was found, what was ruled out, and what kept the prober from asking."""

    candidates: list[Candidate] = field(default_factory=list)  # best first
    ruled_out: list[RuledOut] = field(default_factory=list)
    trouble: str = ""  # why nothing can be found there at all
    answered: bool = False  # something spoke Modbus


class Prober:
    """Asks one address for one family after the other."""

    def __init__(
        self,
        open_registers: OpenRegisters,
        *,
        unit: int | None = None,
        patience_s: float = PATIENCE_S,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._open = open_registers
        self._unit = unit
        self._patience_s = patience_s
        self._on_progress = on_progress
        self._rules: Rules | None = None
        self._registers: Registers | None = None
        self._answered: set[Asked] = set()
        self._in_vain: dict[Asked, list[str]] = {}  # who has never answered, and what was said

    async def probe(self, profiles: Iterable[ModbusProfile]) -> Report:
        """Everything that fits; never raises for what a device does or does not."""
        report = Report()
        order = sorted(profiles, key=lambda known: (known.connection.timeout_s, known.name))
        try:
            for number, profile in enumerate(order):
                if self._on_progress is not None:
                    self._on_progress(profile.title, number, len(order))
                if not await self._try(profile, report):
                    break
        finally:
            await self._close()
        report.candidates = best_first(report.candidates)
        report.answered = bool(self._answered)
        if not report.answered and not report.trouble:
            report.trouble = "; ".join(said[-1] for said in self._in_vain.values())
        return report

    async def _try(self, profile: ModbusProfile, report: Report) -> bool:
        """One family; False when the address is not worth another question."""
        unit = profile.connection.unit if self._unit is None else self._unit
        asked = (unit, profile.connection.serial)
        if len(self._in_vain.get(asked, [])) >= ATTEMPTS:
            outcome: Candidate | RuledOut | _Unasked = _Unasked(
                f"unit {unit} does not answer", False
            )
        else:
            outcome = await self._examine(profile, asked)
        if isinstance(outcome, Candidate):
            report.candidates.append(outcome)
        elif isinstance(outcome, RuledOut):
            report.ruled_out.append(outcome)
        else:
            await self._close()  # the next family begins without this one's back-off
            where = f"unit {unit}"
            report.ruled_out.append(RuledOut(profile=profile, where=where, reason=outcome.reason))
            if outcome.lost and not self._answered:
                report.trouble = outcome.reason
                return False
        return True

    async def _examine(
        self, profile: ModbusProfile, asked: Asked
    ) -> Candidate | RuledOut | _Unasked:
        """The family's verdict, or why there is none."""
        where = f"unit {asked[0]}"
        answers: dict[str, float | str] = {}
        silent = 0
        for names in questions(profile):
            for name in names:
                try:
                    answers[name] = await self._ask(profile, asked, profile.points[name])
                    silent = 0
                except DriverError as error:
                    lost = isinstance(error, LinkLostError)
                    if asked not in self._answered:
                        self._in_vain.setdefault(asked, []).append(str(error))
                        return _Unasked(str(error), lost)
                    silent += 1
                    if silent >= SILENT_POINTS or lost:
                        return _Unasked(f"stopped answering: {error}", lost)
                    answers[name] = str(error)
            reason = contradiction(profile, answers)
            if reason is not None:
                return RuledOut(profile=profile, where=where, reason=reason)
        return judged(profile, where, answers)

    async def _ask(self, profile: ModbusProfile, asked: Asked, point: Point) -> float | str:
        """The point's value, or why there is none. Raises a `DriverError` that is no refusal."""
        registers = await self._link(profile, patient=asked in self._answered)
        where = (asked[0], point.space, point.address, register_count(point))
        try:
            try:
                raw = await registers.read(*where)
            except (LinkLostError, TransientError) as error:
                if not self._worth_repeating(error):
                    raise
                await asyncio.sleep(PAUSE_S)  # noqa: TID251  the wire's pause
                raw = await registers.read(*where)
        except RefusedByDeviceError:
            self._answered.add(asked)
            return "not on this device"
        self._answered.add(asked)
        value = decode(point, raw)
        return value.reason if isinstance(value, Undecodable) else value

    def _worth_repeating(self, error: DriverError) -> bool:
        """A busy or confused device is asked again, and one that was there a moment ago."""
        if isinstance(error, LinkLostError):
            return bool(self._answered)
        return not isinstance(error, NoAnswerError)

    async def _link(self, profile: ModbusProfile, *, patient: bool) -> Registers:
        """The open link if it keeps the family's rules, else a new one."""
        own = profile.connection
        timeout_s = own.timeout_s if patient else min(own.timeout_s, self._patience_s)
        rules = Rules(own.port, own.serial, timeout_s, own.gap_s)
        if self._registers is None or rules != self._rules:
            await self._close()
            self._rules = rules
            self._registers = self._open(rules)
        return self._registers

    async def _close(self) -> None:
        if self._registers is not None:
            await self._registers.close()
            self._registers = None


def over_tcp(host: str, port: int | None = None) -> OpenRegisters:
    """Links to a host, on its port or on the family's."""

    def opened(rules: Rules) -> Registers:
        return TcpLink(host, port or rules.port, timeout_s=rules.timeout_s, gap_s=rules.gap_s)

    return opened


def over_serial(device: str) -> OpenRegisters:
    """Links on a serial line, as each family talks on it."""

    def opened(rules: Rules) -> Registers:
        line = rules.line or SerialLine()
        settings = SerialSettings(
            baudrate=line.baudrate, parity=line.parity.value, stop_bits=line.stop_bits
        )
        return SerialLink(device, settings, timeout_s=rules.timeout_s, gap_s=rules.gap_s)

    return opened


def on_network(profiles: Iterable[ModbusProfile]) -> Sequence[ModbusProfile]:
    """Those that can be recognised, as they are spoken to over TCP: serial lines do not matter."""
    return [
        replace(profile, connection=replace(profile.connection, serial=None))
        for profile in profiles
        if has_identity(profile)
    ]


def on_lines(
    profiles: Iterable[ModbusProfile], baudrate: int | None = None
) -> Sequence[ModbusProfile]:
    """Those that can be recognised on a serial line, at their own or at the given speed."""
    found: list[ModbusProfile] = []
    for profile in profiles:
        line = profile.connection.serial
        if line is not None and has_identity(profile):
            line = line if baudrate is None else replace(line, baudrate=baudrate)
            connection = replace(profile.connection, serial=line)
            found.append(replace(profile, connection=connection))
    return found
