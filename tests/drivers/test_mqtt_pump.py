"""A pump over MQTT: commands are sent once, never kept by the broker, and believed when shown."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from drivers.api import Absent, Capability, OperatingState, Sample, Signal, WriteClass
from drivers.errors import (
    ConfigurationError,
    LinkLostError,
    OutOfRangeError,
    RefusedByDeviceError,
    TransientError,
)
from drivers.heat_pumps.mqtt_pump import MqttHeatPump
from drivers.profile import DeviceKind, MqttProfile, load_mqtt_profile
from drivers.transports.in_memory import MemoryMqttLink

START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
BASE = "panasonic_heat_pump"
MODE = f"{BASE}/main/Heating_Mode"
SHIFT = f"{BASE}/main/Z1_Heat_Request_Temp"
SET_SHIFT = f"{BASE}/commands/SetZ1HeatRequestTemperature"

Published = tuple[str, str, int, bool]


class _Link(MemoryMqttLink):
    """Remembers what was published, and lets a device answer."""

    def __init__(self) -> None:
        super().__init__()
        self.connected = True
        self.published: list[Published] = []
        self.answer: Callable[[str, str], None] = lambda _topic, _payload: None
        self.cut = False

    async def publish(
        self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False
    ) -> None:
        if self.cut:
            raise LinkLostError("cut")
        self.published.append((topic, str(payload), qos, retain))
        self.answer(topic, str(payload))


class _HeishaMon:
    """A HeishaMon in curve mode that shows what it is told."""

    def __init__(self, profile: MqttProfile | None = None) -> None:
        self.link = _Link()
        self.now = START
        self.pump = MqttHeatPump(
            "pump",
            load_mqtt_profile("heishamon") if profile is None else profile,
            self.link,
            now=lambda: self.now,
        )
        self.link.answer = self.obey
        self.link.deliver(MODE, "0")

    def obey(self, topic: str, payload: str) -> None:
        if topic == SET_SHIFT:
            self.link.deliver(SHIFT, payload)


@pytest.fixture
def house() -> _HeishaMon:
    return _HeishaMon()


async def test_a_command_is_sent_once_surely_and_not_kept(house: _HeishaMon) -> None:
    await house.pump.write(Capability.CURVE_OFFSET, 2.0)
    assert house.link.published == [(SET_SHIFT, "2", 1, False)]
    assert await house.pump.read_back(Capability.CURVE_OFFSET) == Sample(2.0, START)


async def test_a_number_is_rounded_to_what_the_device_takes(house: _HeishaMon) -> None:
    await house.pump.write(Capability.CURVE_OFFSET, -0.4)
    assert house.link.published == [(SET_SHIFT, "0", 1, False)]


async def test_a_value_that_does_not_appear_is_sent_once_more(house: _HeishaMon) -> None:
    house.link.answer = lambda _topic, _payload: None
    house.link.deliver(SHIFT, "0")
    await house.pump.write(Capability.CURVE_OFFSET, 2.0)
    assert house.link.published == [(SET_SHIFT, "2", 1, False)] * 2
    assert await house.pump.read_back(Capability.CURVE_OFFSET) == Sample(0.0, START)


async def test_a_foreign_value_is_reported_as_it_is(house: _HeishaMon) -> None:
    await house.pump.write(Capability.CURVE_OFFSET, 2.0)
    house.link.deliver(SHIFT, "-1")
    assert await house.pump.read_back(Capability.CURVE_OFFSET) == Sample(-1.0, START)


async def test_in_another_mode_the_knob_is_refused(house: _HeishaMon) -> None:
    house.link.deliver(MODE, "1")
    with pytest.raises(RefusedByDeviceError, match="only while heating_mode is 0, and it is 1"):
        await house.pump.write(Capability.CURVE_OFFSET, 2.0)
    assert house.link.published == []
    await house.pump.write(Capability.FLOW_SETPOINT, 35.0)
    assert house.link.published == [(SET_SHIFT, "35", 1, False)]


@pytest.mark.parametrize("mode", ["-1", "7", ""])
async def test_an_unknown_mode_refuses_the_knob(house: _HeishaMon, mode: str) -> None:
    house.link.deliver(MODE, mode)
    with pytest.raises(TransientError, match="needs heating_mode, which is unknown"):
        await house.pump.write(Capability.CURVE_OFFSET, 2.0)
    assert house.link.published == []


async def test_a_stale_mode_is_unknown(house: _HeishaMon) -> None:
    house.now += timedelta(hours=1)
    with pytest.raises(TransientError, match="silent for 60 min"):
        await house.pump.write(Capability.CURVE_OFFSET, 2.0)


async def test_what_the_device_does_not_report_is_not_read_back(house: _HeishaMon) -> None:
    await house.pump.write(Capability.SG_READY, 3.0)
    await house.pump.write(Capability.COMPRESSOR_LIMIT, 0.5)
    assert house.link.published == [
        (f"{BASE}/commands/SetSmartGridMode", "1", 1, False),
        (f"{BASE}/commands/SetDemandControl", "133", 1, False),
    ]
    held = await house.pump.read_back(Capability.SG_READY)
    assert held == Absent("pump takes sg_ready but does not report it")


@pytest.mark.parametrize("value", [5.5, -6.0, float("nan"), float("inf")])
async def test_values_outside_the_knob_are_not_sent(house: _HeishaMon, value: float) -> None:
    with pytest.raises(OutOfRangeError):
        await house.pump.write(Capability.CURVE_OFFSET, value)
    assert house.link.published == []


async def test_unknown_and_forbidden_knobs_are_not_sent() -> None:
    profile = load_mqtt_profile("heishamon")
    knob = replace(profile.knobs[Capability.ON_OFF], write_class=WriteClass.FORBIDDEN)
    house = _HeishaMon(replace(profile, knobs={Capability.ON_OFF: knob}))
    with pytest.raises(ConfigurationError, match="must never be written"):
        await house.pump.write(Capability.ON_OFF, 1.0)
    with pytest.raises(ConfigurationError, match="offers no power_limit"):
        await house.pump.write(Capability.POWER_LIMIT, 1000.0)
    assert house.link.published == []


async def test_nothing_is_sent_to_a_device_that_is_offline(house: _HeishaMon) -> None:
    house.link.deliver(f"{BASE}/LWT", "Offline", retain=True)
    with pytest.raises(TransientError, match="LWT says Offline"):
        await house.pump.write(Capability.DHW_SETPOINT, 50.0)
    assert house.link.published == []


async def test_a_lost_broker_is_told(house: _HeishaMon) -> None:
    house.link.cut = True
    with pytest.raises(LinkLostError):
        await house.pump.write(Capability.DHW_SETPOINT, 50.0)


@pytest.mark.parametrize(
    ("hz", "valve", "defrost", "state"),
    [
        ("0", "0", "0", OperatingState.OFF),
        ("0", "1", "0", OperatingState.OFF),
        ("35", "0", "0", OperatingState.HEATING),
        ("35", "1", "0", OperatingState.DHW),
        ("35", "0", "1", OperatingState.DEFROST),
        ("0", "1", "1", OperatingState.DEFROST),
    ],
)
async def test_the_state_follows_from_compressor_valve_and_defrost(
    house: _HeishaMon, hz: str, valve: str, defrost: str, state: OperatingState
) -> None:
    house.link.deliver(f"{BASE}/main/Compressor_Freq", hz)
    house.link.deliver(f"{BASE}/main/ThreeWay_Valve_State", valve)
    house.link.deliver(f"{BASE}/main/Defrosting_State", defrost)
    observed = await house.pump.read()
    assert observed[Signal.OPERATING_STATE] == Sample(float(state), START)


@pytest.mark.parametrize(("text", "alarm"), [("No error", 0.0), ("H74", 1.0), ("F12", 1.0)])
async def test_an_error_text_is_an_alarm(house: _HeishaMon, text: str, alarm: float) -> None:
    house.link.deliver(f"{BASE}/main/Error", text)
    assert (await house.pump.read())[Signal.ALARM] == Sample(alarm, START)


async def test_it_tells_what_it_is(house: _HeishaMon) -> None:
    assert (house.pump.name, house.pump.on_silence) == ("pump", "holds")
    assert house.pump.maturity == "simulated"
    house.link.deliver(f"{BASE}/main/Outside_Temp", "warm")
    assert house.pump.rejected == 1
    assert "warm" in house.pump.last_rejection
    await house.pump.close()


async def test_a_profile_of_something_else_is_refused() -> None:
    profile = replace(load_mqtt_profile("heishamon"), kind=DeviceKind.METER)
    with pytest.raises(ConfigurationError, match="not of a heat pump"):
        _HeishaMon(profile)
