"""The emulated registers against the drivers' own reading of the profile."""

import pytest

from drivers.api import Capability, OperatingState, Signal
from drivers.errors import RefusedByDeviceError
from drivers.points import Space, Undecodable, decode, encode, register_count
from drivers.profile import Transport, blocks, load_modbus_profile, shipped_profiles
from hil.device import Bus, EmulatedDevice
from hil.registers import IllegalValueError, RegisterImage

READINGS = {
    Signal.OUTDOOR_C: -7.3,
    Signal.FLOW_C: 41.2,
    Signal.RETURN_C: 36.9,
    Signal.BRINE_C: -1.8,
    Signal.FLOW_SETPOINT_C: 35.0,
    Signal.DHW_C: 48.8,
    Signal.ROOM_C: 20.9,
    Signal.COMPRESSOR_HZ: 54.0,
    Signal.OPERATING_STATE: float(OperatingState.HEATING),
    Signal.DEFROSTING: 0.0,
    Signal.ALARM: 0.0,
    Signal.POWER_W: 1740.0,
    Signal.HEAT_W: 5210.0,
    Signal.ENERGY_KWH: 1234.5,
    Signal.HEAT_ENERGY_KWH: 4321.0,
    Signal.METER_POWER_W: 1750.25,
    Signal.METER_ENERGY_KWH: 1233.5,
    Signal.FREQUENCY_HZ: 50.0,
}


def image_of(name, **changes):
    written = []
    readings = READINGS | changes.pop("readings", {})
    image = RegisterImage(
        load_modbus_profile(name),
        readings=lambda: readings,
        on_write=lambda capability, value: written.append((capability, value)),
    )
    return image, written


def value_of(image, point_name):
    point = image.profile.points[point_name]
    return decode(point, image.read(1, point.space, point.address, register_count(point)))


@pytest.mark.parametrize("name", shipped_profiles(Transport.MODBUS))
def test_the_driver_decodes_what_the_plant_shows(name):
    image, _ = image_of(name)
    for signal, point_name in image.profile.signals.items():
        if point_name not in {knob.point for knob in image.profile.knobs.values()}:
            point = image.profile.points[point_name]
            assert value_of(image, point_name) == pytest.approx(
                READINGS[signal], abs=max(abs(point.scale) / 2, 1e-3)
            )


@pytest.mark.parametrize("name", shipped_profiles(Transport.MODBUS))
def test_the_drivers_blocks_can_be_read_in_one_request(name):
    image, _ = image_of(name)
    for block in blocks(image.profile):
        assert len(image.read(1, block.space, block.address, block.count)) == block.count


def test_a_missing_reading_shows_the_sentinel():
    image, _ = image_of("nibe_s", readings={Signal.ROOM_C: None})
    assert image.read(1, Space.INPUT, 26, 1) == [0x8000]
    assert isinstance(value_of(image, "room"), Undecodable)


def test_a_reading_outside_the_points_range_shows_its_end():
    image, _ = image_of("generic_modbus", readings={Signal.OUTDOOR_C: 500.0})
    point = image.profile.points["outdoor"]
    assert value_of(image, "outdoor") == point.maximum


def test_a_make_without_a_defrost_code_calls_it_heating():
    defrosting = {Signal.OPERATING_STATE: float(OperatingState.DEFROST)}
    image, _ = image_of("nibe_s", readings=defrosting)
    assert image.read(1, Space.INPUT, 1028, 1) == [30]


@pytest.mark.parametrize(("space", "address"), [(Space.INPUT, 0), (Space.INPUT, 2)])
def test_holes_are_refused(space, address):
    image, _ = image_of("nibe_s")
    with pytest.raises(RefusedByDeviceError, match="illegal address"):
        image.read(1, space, address, 1)
    with pytest.raises(RefusedByDeviceError, match="illegal address"):
        image.read(1, Space.INPUT, 1, 2)


def test_read_only_registers_take_no_write():
    image, written = image_of("generic_modbus")
    outdoor = image.profile.points["outdoor"]
    with pytest.raises(RefusedByDeviceError, match="takes no write"):
        image.write(1, outdoor.address + 100, [1])
    assert written == []


def test_a_value_without_meaning_is_refused_and_changes_nothing():
    image, written = image_of("generic_modbus")
    point = image.profile.points["room_setpoint"]
    before = image.read(1, Space.HOLDING, point.address, 1)
    with pytest.raises(IllegalValueError):
        image.write(1, point.address, [9999])
    assert image.read(1, Space.HOLDING, point.address, 1) == before
    assert written == []


def test_a_volatile_request_reaches_the_pump_and_lapses_by_itself():
    image, written = image_of("generic_modbus")
    knob = image.profile.knobs[Capability.FLOW_SETPOINT]
    point = image.profile.points[knob.point]
    image.write(1, point.address, list(encode(point, 38.5)))
    assert written == [(Capability.FLOW_SETPOINT, 38.5)]
    assert value_of(image, knob.point) == 38.5
    image.pass_time(knob.lapse_s - 1.0)
    assert value_of(image, knob.point) == 38.5
    image.pass_time(knob.lapse_s)
    assert written[-1] == (Capability.FLOW_SETPOINT, None)
    assert value_of(image, knob.point) == knob.release_value
    assert image.write_counts == {}


def test_a_renewed_request_lives_on():
    image, written = image_of("generic_modbus")
    knob = image.profile.knobs[Capability.FLOW_SETPOINT]
    point = image.profile.points[knob.point]
    image.write(1, point.address, list(encode(point, 38.5)))
    image.pass_time(500.0)
    image.write(1, point.address, list(encode(point, 38.5)))
    image.pass_time(1000.0)
    assert value_of(image, knob.point) == 38.5
    assert (Capability.FLOW_SETPOINT, None) not in written


def test_the_release_value_hands_back_at_once():
    image, written = image_of("generic_modbus")
    knob = image.profile.knobs[Capability.FLOW_SETPOINT]
    point = image.profile.points[knob.point]
    image.write(1, point.address, list(encode(point, 45.0)))
    image.write(1, point.address, list(encode(point, knob.release_value)))
    assert written[-1] == (Capability.FLOW_SETPOINT, None)


def test_a_gated_request_reaches_the_pump_with_its_mode_and_ends_with_it():
    image, written = image_of("luxtronik_shi")
    assert value_of(image, "power_limit") == 30000.0
    image.write(1, 10040, [1, 42])
    assert written == [(Capability.POWER_LIMIT, 4200.0)]
    image.pass_time(86400.0)  # it does not lapse
    assert image.read(1, Space.HOLDING, 10040, 2) == [1, 42]
    image.write(1, 10040, [0, 300])
    assert written[-1] == (Capability.POWER_LIMIT, None)


def test_half_of_a_gated_value_and_a_foreign_mode_are_refused():
    image, written = image_of("luxtronik_shi")
    for address, registers in [(10040, [1]), (10040, [2, 42])]:
        with pytest.raises(IllegalValueError):
            image.write(1, address, registers)
    with pytest.raises(RefusedByDeviceError, match="takes no write"):
        image.write(1, 10041, [42])
    assert written == []


def test_a_sum_without_a_reading_shows_its_sentinel():
    image, _ = image_of("stiebel_isg", readings={Signal.ENERGY_KWH: None})
    assert image.read(1, Space.INPUT, 3511, 5) == [0x8000] * 5


def test_a_persistent_value_stays_and_its_writes_are_counted():
    image, written = image_of("nibe_s")
    point = image.profile.points["curve_offset"]
    for value in (-2.0, 3.0):
        image.write(1, point.address, list(encode(point, value)))
    image.pass_time(30 * 86400.0)
    assert value_of(image, "curve_offset") == 3.0
    assert image.write_counts == {"curve_offset": 2}
    assert written[-1] == (Capability.CURVE_OFFSET, 3.0)


def test_a_setting_changed_at_the_panel_shows():
    image, _ = image_of("generic_modbus")
    image.hold(Capability.ROOM_SETPOINT, 22.5)
    assert value_of(image, "room_setpoint") == 22.5


def test_the_image_follows_the_readings_when_time_passes():
    readings = dict(READINGS)
    image = RegisterImage(
        load_modbus_profile("generic_modbus"), readings=lambda: readings, on_write=lambda *_: None
    )
    assert value_of(image, "flow") == 41.2
    readings[Signal.FLOW_C] = 44.0
    assert value_of(image, "flow") == 41.2
    image.pass_time(15.0)
    assert value_of(image, "flow") == 44.0


def test_a_bus_tells_its_units_apart():
    pump, _ = image_of("generic_modbus")
    meter, _ = image_of("sdm630")
    bus = Bus({1: EmulatedDevice(pump), 2: EmulatedDevice(meter)})
    point = meter.profile.points["active_power"]
    assert decode(point, bus.read(2, Space.INPUT, point.address, 2)) == 1750.25
    with pytest.raises(RefusedByDeviceError, match="unit 7"):
        bus.read(7, Space.INPUT, 0, 1)
    with pytest.raises(RefusedByDeviceError, match="unit 7"):
        bus.write(7, 0, [1])


KNOBS = [
    (name, capability)
    for name in shipped_profiles(Transport.MODBUS)
    for capability in load_modbus_profile(name).knobs
]


@pytest.mark.parametrize(("name", "capability"), KNOBS)
def test_every_knob_reaches_the_pump_after_its_delay_and_in_its_mode_only(name, capability):
    image, written = image_of(name)
    knob = image.profile.knobs[capability]
    point = image.profile.points[knob.point]
    image.write(1, point.address, list(encode(point, knob.maximum)))
    image.pass_time(knob.latency_s)
    value = None if knob.maximum == knob.release_value else knob.maximum
    expected = [(capability, value)] if image.in_force(capability) else []
    assert [order for order in written if order[0] is capability] == expected


def test_a_limit_acts_while_its_switch_is_on_and_rests_beside_it():
    image, written = image_of("nibe_s")
    image.write(1, 6012, [0])
    written.clear()
    image.write(1, 6007, [60])
    assert written == []
    image.write(1, 6012, [1])
    image.write(1, 6007, [50])
    image.write(1, 6012, [0])
    limits = [value for capability, value in written if capability is Capability.POWER_LIMIT]
    assert limits == [6000.0, 5000.0, None]


@pytest.mark.parametrize("name", shipped_profiles(Transport.MODBUS))
def test_the_device_shows_by_what_its_family_is_recognised(name):
    image, _ = image_of(name)
    identity = image.profile.identity
    for point, values in identity.values.items():
        assert value_of(image, point) in values
    for point in identity.plausible:
        assert not isinstance(value_of(image, point), Undecodable)
