"""Probing over Modbus: every family is found as itself, nothing is written, trouble is named."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from drivers.api import Signal
from drivers.errors import LinkLostError, TransientError
from drivers.evidence import Candidate, RuledOut, best_first, judged, questions, rivals
from drivers.points import Space, decode, encode
from drivers.probe import Prober, Registers, Report, on_lines, on_network, over_serial, over_tcp
from drivers.profile import ModbusProfile, Transport, load_modbus_profile, shipped_profiles
from drivers.recording import record_registers
from drivers.testing import RegisterBank, plausible
from drivers.transports.in_memory import MemoryModbusLink
from hil.device import Bus, EmulatedDevice
from hil.manners import Manners
from hil.modbus_server import BusServer
from hil.presence import Presence
from hil.registers import RegisterImage

ALL = [load_modbus_profile(name) for name in shipped_profiles(Transport.MODBUS)]
KNOWN = on_network(ALL)
ALSO_FITS = {
    # what has all registers of another family looks like it too; the type plate decides
    "sdm630": {"sdm72_v1"},
}


def bank_of(profile: ModbusProfile) -> RegisterBank:
    """The registers of a healthy device of the family."""
    bank = RegisterBank(profile)
    for name, values in profile.identity.values.items():
        bank.put(name, encode(profile.points[name], values[0]))
    return bank


def probe(bank: RegisterBank, known: list[ModbusProfile] | None = None) -> Report:
    prober = Prober(lambda _: MemoryModbusLink(bank), unit=1, patience_s=1.0)
    return asyncio.run(prober.probe(KNOWN if known is None else known))


@pytest.mark.parametrize("profile", KNOWN, ids=lambda known: known.name)
def test_every_family_is_found_as_itself_first_and_nothing_is_written(
    profile: ModbusProfile,
) -> None:
    bank = bank_of(profile)
    report = probe(bank)
    names = [found.profile.name for found in report.candidates]
    assert names[0] == profile.name
    assert set(names[1:]) == ALSO_FITS.get(profile.name, set())
    assert report.candidates[0].share == 1.0
    assert report.answered
    assert not bank.writes


def test_every_shipped_family_but_the_generic_one_can_be_recognised() -> None:
    assert {known.name for known in ALL} - {known.name for known in KNOWN} == {"generic_modbus"}


def test_another_value_where_the_family_has_its_own_rules_it_out() -> None:
    profile = load_modbus_profile("stiebel_isg")
    bank = bank_of(profile)
    bank.put("controller", [103])
    report = probe(bank, [profile])
    assert report.candidates == []
    assert report.ruled_out[0].reason.startswith("controller is 103, not 390 or ")


def test_a_missing_sensor_lowers_the_share_and_is_named() -> None:
    profile = load_modbus_profile("stiebel_isg")
    bank = bank_of(profile)
    optional = next(
        name for name in profile.signals.values() if name not in profile.identity.plausible
    )
    bank.remove(optional)
    found = probe(bank, [profile]).candidates[0]
    assert found.share < 1.0
    assert found.implausible == {optional: "not on this device"}


def test_the_firmware_is_told() -> None:
    profile = load_modbus_profile("luxtronik_shi")
    found = probe(bank_of(profile), [profile]).candidates[0]
    assert found.firmware["firmware_major"] == 3.0
    assert found.identified


def test_what_cannot_be_told_apart_is_said() -> None:
    report = probe(bank_of(load_modbus_profile("sdm630")))
    assert [other.profile.name for other in rivals(report.candidates)] == ["sdm72_v1"]
    assert rivals(probe(bank_of(load_modbus_profile("sdm120"))).candidates) == []
    assert rivals([]) == []


def test_a_profile_is_judged_by_every_question_and_none_is_asked_twice() -> None:
    for profile in KNOWN:
        asked = [name for names in questions(profile) for name in names]
        assert len(asked) == len(set(asked))
        answers = {name: plausible(profile.points[name]) for name in asked}
        answers |= {name: float(value[0]) for name, value in profile.identity.values.items()}
        assert isinstance(judged(profile, "unit 1", answers), Candidate)
        assert isinstance(judged(profile, "unit 1", {}), RuledOut)


def test_identified_families_come_before_those_that_merely_look_right() -> None:
    plain, sure = load_modbus_profile("sdm120"), load_modbus_profile("em24_ethernet")
    found = [probe(bank_of(profile), [profile]).candidates[0] for profile in (plain, sure)]
    assert [candidate.profile.name for candidate in best_first(found)] == [sure.name, plain.name]


class Moody:
    """Registers that fail now and then."""

    def __init__(self, bank: RegisterBank, moods: Callable[[int], Exception | None]) -> None:
        self._link = MemoryModbusLink(bank)
        self._moods = moods
        self.asked = 0

    async def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        self.asked += 1
        mood = self._moods(self.asked)
        if mood is not None:
            raise mood
        return await self._link.read(unit, space, address, count)

    async def close(self) -> None:
        """There is nothing to close."""


@pytest.mark.parametrize("mood", [TransientError("device busy"), LinkLostError("hung up")])
def test_a_device_that_is_busy_for_a_moment_is_asked_again(
    mood: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.probe.PAUSE_S", 0.0)
    profile = load_modbus_profile("em24_ethernet")
    moody = Moody(bank_of(profile), lambda asked: mood if asked == 3 else None)
    report = asyncio.run(Prober(lambda _: moody, unit=1).probe([profile]))
    assert [found.profile.name for found in report.candidates] == ["em24_ethernet"]


def test_a_device_that_falls_silent_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.probe.PAUSE_S", 0.0)
    profile = load_modbus_profile("stiebel_isg")
    moody = Moody(bank_of(profile), lambda asked: TransientError("no sense") if asked > 2 else None)
    report = asyncio.run(Prober(lambda _: moody, unit=1).probe([profile]))
    assert report.ruled_out[0].reason == "stopped answering: no sense"
    assert moody.asked < 8


# ---- recording ---


async def test_a_recording_decodes_to_what_was_read_and_lists_what_was_absent() -> None:
    profile = load_modbus_profile("em24_ethernet")
    bank = bank_of(profile)
    bank.remove("frequency")
    recording = await record_registers(profile, MemoryModbusLink(bank), 1)
    assert json.loads(json.dumps(recording)) == recording
    assert recording["absent"] == {"frequency": "RefusedByDeviceError"}
    assert {row["point"] for row in recording["rows"]} == set(profile.points) - {"frequency"}
    for row in recording["rows"]:
        point = profile.points[row["point"]]
        assert decode(point, row["registers"]) == row["value"]
        assert (row["space"], row["address"]) == (point.space, point.address)
        assert row["working"]
        assert row["source"]
        assert row["confidence"] == "read from a device"
    assert not bank.writes


# ---- over real sockets ---


class Watched(Bus):
    """A bus that notes every attempt to write."""

    def __init__(self, devices: Mapping[int, EmulatedDevice]) -> None:
        super().__init__(devices)
        self.writes: list[int] = []

    def write(self, unit: int, address: int, values: Sequence[int]) -> None:
        self.writes.append(address)
        super().write(unit, address, values)


def emulated(profile: ModbusProfile) -> EmulatedDevice:
    """A healthy device as the simulator shows it."""
    readings: dict[Signal, float | None] = {
        signal: plausible(profile.points[name]) for signal, name in profile.signals.items()
    }
    shown = {name: plausible(profile.points[name]) for name in profile.identity.plausible}
    shown |= {name: float(values[0]) for name, values in profile.identity.values.items()}
    manners = Manners(single_client=True, settings=shown)
    image = RegisterImage(
        profile, readings=lambda: readings, on_write=lambda _, __: None, manners=manners
    )
    return EmulatedDevice(image, Presence(manners))


@contextlib.asynccontextmanager
async def served(*profiles: ModbusProfile) -> AsyncIterator[tuple[Watched, int]]:
    bus = Watched({number: emulated(known) for number, known in enumerate(profiles, start=1)})
    server = BusServer(bus)
    try:
        yield bus, await server.start()
    finally:
        await asyncio.gather(*server._clients)  # the prober has hung up; they are about to notice
        await server.close()


@pytest.mark.sockets
@pytest.mark.enable_socket
@pytest.mark.parametrize("name", ["stiebel_isg", "luxtronik_shi", "nibe_s", "sdm630", "lambda_eul"])
async def test_an_emulated_device_that_serves_one_client_is_found(name: str) -> None:
    async with served(load_modbus_profile(name)) as (bus, port):
        report = await Prober(over_tcp("127.0.0.1", port), patience_s=2.0).probe(KNOWN)
        assert report.candidates[0].profile.name == name
        assert bus.writes == []


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_a_unit_behind_a_gateway_is_found_by_its_number() -> None:
    both = (load_modbus_profile("stiebel_isg"), load_modbus_profile("sdm630"))
    async with served(*both) as (_, port):
        report = await Prober(over_tcp("127.0.0.1", port), unit=2, patience_s=2.0).probe(KNOWN)
    assert report.candidates[0].profile.name == "sdm630"
    assert report.candidates[0].where == "unit 2"


async def trouble_with(port: int, *, patience_s: float = 0.2) -> tuple[Report, float]:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    report = await Prober(over_tcp("127.0.0.1", port), patience_s=patience_s).probe(KNOWN)
    return report, loop.time() - began_s


@contextlib.asynccontextmanager
async def listening(answer: bytes | None) -> AsyncIterator[int]:
    """A port that accepts everybody, and answers everything alike or nothing at all."""

    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        with contextlib.suppress(ConnectionError):
            while await reader.read(512):
                if answer is not None:
                    writer.write(answer)
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*(task for task in serving if task is not None))


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_a_refused_port_is_told_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        report, took_s = await trouble_with(free.getsockname()[1])
    assert "cannot be reached" in report.trouble
    assert not report.answered
    assert took_s < 2.0


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_a_silent_port_costs_a_few_times_the_patience() -> None:
    async with listening(None) as port:
        report, took_s = await trouble_with(port)
    assert "no answer within 0.2 s" in report.trouble
    units = {known.connection.unit for known in KNOWN}
    assert took_s < 2.0 * 0.2 * len(units) + 1.5


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_a_port_that_speaks_something_else_is_told() -> None:
    async with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        report, took_s = await trouble_with(port)
    assert "is not Modbus" in report.trouble
    assert report.candidates == []
    assert took_s < 5.0


# ---- serial lines ---


def test_families_on_a_serial_line_take_the_speed_that_is_given() -> None:
    own = {known.name: known.connection.serial for known in on_lines(ALL)}
    assert {"sdm120", "sdm630", "sdm72_v1", "em24_rs485", "janitza_b23"} <= set(own)
    assert own["sdm120"] is not None
    assert own["sdm120"].baudrate == 2400
    faster = on_lines(ALL, 19200)
    assert {known.connection.serial.baudrate for known in faster if known.connection.serial} == {
        19200
    }


async def test_a_line_that_is_not_there_is_told_in_words() -> None:
    report = await Prober(over_serial("/dev/no-such-line")).probe(on_lines(ALL))
    assert "there is no such device" in report.trouble


def test_over_the_network_serial_lines_do_not_part_the_families() -> None:
    assert {known.connection.serial for known in KNOWN} == {None}
    assert replace(KNOWN[0]) == KNOWN[0]


def test_a_prober_has_nothing_to_write_with() -> None:
    assert not hasattr(Registers, "write")
