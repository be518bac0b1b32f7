"""Profiles: strict reading, every problem named, and blocks that never bridge a hole."""

import copy
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.api import Capability, Maturity, OnSilence, Signal, WriteClass
from drivers.errors import ConfigurationError
from drivers.points import register_count
from drivers.profile import (
    ModbusProfile,
    Transport,
    blocks,
    load_modbus_profile,
    parse_profile,
    shipped_profiles,
)

SMALL: dict[str, object] = {
    "name": "small",
    "title": "A small pump",
    "kind": "heat_pump",
    "maturity": "simulated",
    "evidence": "none",
    "on_silence": "own_control",
    "source": "the test",
    "connection": {"largest_block": 4},
    "points": {
        "outdoor": {"space": "input", "address": 1, "kind": "int16", "scale": 0.1},
        "energy": {"space": "input", "address": 2, "kind": "uint32", "source": "elsewhere"},
        "flow_setpoint": {
            "space": "holding",
            "address": 1,
            "kind": "int16",
            "scale": 0.1,
            "minimum": 0,
            "maximum": 65,
            "writable": True,
        },
    },
    "signals": {"outdoor_c": "outdoor", "energy_kwh": "energy"},
    "knobs": {
        "flow_setpoint": {
            "point": "flow_setpoint",
            "minimum": 15,
            "maximum": 65,
            "resolution": 0.1,
            "write_class": "volatile",
            "release_value": 0,
        }
    },
}
REMOVED = object()


def parsed(mapping: Mapping[str, object], origin: str) -> ModbusProfile:
    """A Modbus profile from a parsed document."""
    profile = parse_profile(mapping, origin)
    assert isinstance(profile, ModbusProfile)
    return profile


def changed(path: str, value: object) -> dict[str, object]:
    """The small profile with one key, given as a dotted path, set or removed."""
    mapping = copy.deepcopy(SMALL)
    *parents, key = path.split(".")
    table = mapping
    for parent in parents:
        table = table.setdefault(parent, {})  # type: ignore[assignment]
    if value is REMOVED:
        del table[key]
    else:
        table[key] = value
    return mapping


def test_a_complete_profile_is_read() -> None:
    profile = parsed(SMALL, "here")
    assert profile.maturity is Maturity.SIMULATED
    assert profile.on_silence is OnSilence.OWN_CONTROL
    assert profile.signals[Signal.OUTDOOR_C] == "outdoor"
    assert profile.points["outdoor"].source == "the test"
    assert profile.points["energy"].source == "elsewhere"
    assert profile.knobs[Capability.FLOW_SETPOINT].release_value == 0.0
    assert profile.connection.port == 502


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("titel", "x", "here: titel: unknown key; did you mean 'title'?"),
        ("points.outdoor.scael", 0.1, "points.outdoor.scael: unknown key; did you mean 'scale'?"),
        ("connection.timeout", 3, "did you mean 'timeout_s'?"),
        ("signals.outdor_c", "outdoor", "did you mean 'outdoor_c'?"),
        ("signals.flow_c", "outdor", "there is no point 'outdor'; did you mean 'outdoor'?"),
        ("knobs.curve_ofset", {}, "no such capability; did you mean 'curve_offset'?"),
        ("knobs.flow_setpoint.point", "flow", "there is no point 'flow'"),
        ("name", REMOVED, "name: is missing"),
        ("name", 3, "name: must be a text"),
        ("kind", "heatpump", "did you mean 'heat_pump'?"),
        ("maturity", REMOVED, "maturity: is missing"),
        ("points", [], "points: must be a table"),
        ("points.outdoor", 3, "points.outdoor: must be a table"),
        ("points.outdoor.address", 65536, "must be a whole number from 0 to 65535"),
        ("points.outdoor.address", True, "must be a whole number"),
        ("points.energy.address", 65535, "last register lies beyond"),
        ("points.outdoor.mask", 1, "codes of a point that is only read"),
        ("points.outdoor.mask", 0, "must be a whole number from 1"),
        ("points.outdoor.weights", [1, 1000], "are for plain uint16 registers"),
        ("points.energy", {"space": "input", "address": 9, "kind": "uint16", "weights": [1, -1]},
         "must not be negative"),
        ("points.energy", {"space": "input", "address": 9, "kind": "uint16", "weights": [0, 0]},
         "not all 0"),
        ("points.energy", {"space": "input", "address": 9, "kind": "uint16", "weights": [1] * 5},
         "needs a largest_block of 5"),
        ("points.flow_setpoint.gate", 1, "points.flow_setpoint.gate: must be a table"),
        ("points.flow_setpoint.gate", {"on": 1}, "points.flow_setpoint.gate.off: is missing"),
        ("points.flow_setpoint.gate",
         {"on": 1, "off": 1, "value_when_off": 0, "register_when_off": 0}, "must differ from off"),
        ("points.outdoor.scale", 0, "no usable scale"),
        ("points.outdoor.scale", "0.1", "must be a number"),
        ("points.outdoor.scale", float("nan"), "must be a number"),
        ("points.outdoor.kind", "int", "must be one of"),
        ("points.outdoor.writable", True, "only holding registers"),
        ("points.outdoor.writable", 1, "must be true or false"),
        ("points.outdoor.sentinels", ["x"], "list of whole numbers"),
        ("points.flow_setpoint.minimum", 99, "is above maximum"),
        ("points.outdoor.codes", {"ten": 1}, "'ten' is not a whole number"),
        ("points.outdoor.codes", {"10": 1.5}, "must map to a whole number"),
        ("points.energy", {"space": "input", "address": 9, "kind": "float32", "codes": {"1": 1}},
         "a float32 has no codes"),
        ("points.energy.address", 1, "overlaps"),
        ("points.flow_setpoint.not_below", "outdor", "there is no point 'outdor'; did you mean"),
        ("points.outdoor.not_above", "energy", "are for a point that is written"),
        ("connection.write_function", 5, "must be a whole number from 6"),
        ("connection.write_function", 7, "must be 6 or 16"),
        ("connection.read_interval_s", -1, "must not be negative"),
        ("knobs.flow_setpoint.only_when", {"point": "outdoor"}, "names no value"),
        ("knobs.flow_setpoint.only_when", {"point": "outdor", "values": [1]}, "no point 'outdor'"),
        ("knobs.flow_setpoint.weekly_writes", 0, "must be above 0"),
        ("knobs.flow_setpoint.weekly_writes", 5, "a volatile knob wears nothing"),
        ("connection.poll_within_s", 0, "must be above 0"),
        ("connection.serial.stop_bits", 3, "must be a whole number from 1 to 2"),
        ("connection.largest_block", 1, "needs a largest_block of 2"),
        ("connection.timeout_s", 0, "must be above 0"),
        ("connection.gap_s", -1, "must not be negative"),
        ("knobs.flow_setpoint.maximum", 70, "is outside 0.0 .. 65.0"),
        ("knobs.flow_setpoint.minimum", 65, "must be below maximum"),
        ("knobs.flow_setpoint.resolution", 0.01, "finer than a step"),
        ("knobs.flow_setpoint.resolution", -1, "must be above 0"),
        ("knobs.flow_setpoint.write_class", "persistent", "only a volatile knob has one"),
        ("knobs.flow_setpoint.write_class", REMOVED, "a persistent knob needs safe_minimum"),
        ("knobs.flow_setpoint.write_class", "persistent", "has the minimum and maximum of"),
        ("knobs.flow_setpoint.safe_minimum", 20, "comes together with safe_maximum"),
        ("knobs.flow_setpoint.lapse_s", 0, "must be above 0"),
        ("knobs.flow_setpoint.settle_s", -1, "must not be negative"),
        ("points.flow_setpoint.writable", False, "is not writable"),
    ],
)  # fmt: skip
def test_every_mistake_is_named(path: str, value: object, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parsed(changed(path, value), "here")
    assert message in str(caught.value)
    assert all(line.startswith("here: ") for line in str(caught.value).splitlines())


def test_a_gate_takes_the_register_before_the_value() -> None:
    gate = {"on": 1, "off": 0, "value_when_off": 0, "register_when_off": 150}
    mapping = changed("points.flow_setpoint.gate", gate)
    point = parsed(mapping, "here").points["flow_setpoint"]
    assert register_count(point) == 2
    assert point.gate is not None
    assert point.gate.register_when_off == 150


SWITCH = {
    "points": ["flow_setpoint"],
    "on": 1,
    "off": 0,
    "value_when_off": 65,
    "value_beside_off": 20,
}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("points", ["flow_setpiont"], "there is no point 'flow_setpiont'; did you mean"),
        ("points", ["outdoor"], "outdoor is not writable"),
        ("points", [], "names no point"),
        ("on", 0, "must differ from off"),
        ("wait_s", -1, "must not be negative"),
        ("value_when_off", REMOVED, "is missing"),
        ("onn", 1, "unknown key"),
    ],
)
def test_every_mistake_in_a_switch_is_named(key: str, value: object, message: str) -> None:
    parsed(changed("points.flow_setpoint.switch", SWITCH), "here")
    mapping = changed("points.flow_setpoint.switch", {**SWITCH, key: value})
    if value is REMOVED:
        del mapping["points"]["flow_setpoint"]["switch"][key]  # type: ignore[index]
    with pytest.raises(ConfigurationError, match=message):
        parsed(mapping, "here")


def test_a_device_of_single_registers_has_no_knob_of_two() -> None:
    mapping = changed("points.flow_setpoint.kind", "int32")
    mapping["connection"]["write_function"] = 6  # type: ignore[index]
    with pytest.raises(ConfigurationError, match="function 6 would tear its 2 registers"):
        parsed(mapping, "here")


def test_a_float_has_no_step_that_a_knob_could_be_finer_than() -> None:
    mapping = changed("points.flow_setpoint.kind", "float32")
    mapping["points"]["flow_setpoint"]["scale"] = 1.0  # type: ignore[index]
    knob = parsed(mapping, "here").knobs[Capability.FLOW_SETPOINT]
    assert knob.resolution == 0.1


def test_safe_range_must_lie_inside_the_knob() -> None:
    mapping = changed("knobs.flow_setpoint.safe_minimum", 10)
    mapping["knobs"]["flow_setpoint"]["safe_maximum"] = 70  # type: ignore[index]
    with pytest.raises(ConfigurationError, match="must rise"):
        parsed(mapping, "here")


def test_all_problems_are_reported_at_once() -> None:
    mapping = changed("titel", "x")
    mapping["kind"] = "fridge"
    with pytest.raises(ConfigurationError) as caught:
        parsed(mapping, "here")
    assert len(str(caught.value).splitlines()) == 2


def test_unstated_write_class_and_silence_are_the_careful_ones() -> None:
    mapping = changed("on_silence", REMOVED)
    knob = mapping["knobs"]["flow_setpoint"]  # type: ignore[index]
    del knob["write_class"], knob["release_value"]
    knob |= {"minimum": 0, "safe_minimum": 20, "safe_maximum": 40}
    profile = parsed(mapping, "here")
    assert profile.on_silence is OnSilence.UNKNOWN
    assert profile.knobs[Capability.FLOW_SETPOINT].write_class is WriteClass.PERSISTENT


@pytest.mark.parametrize("name", shipped_profiles(Transport.MODBUS))
def test_shipped_profiles_are_valid_and_named_like_their_file(name: str) -> None:
    profile = load_modbus_profile(name)
    assert profile.name == name
    assert profile.signals
    assert all(point.source for point in profile.points.values())


@pytest.mark.parametrize("name", shipped_profiles(Transport.MODBUS))
def test_a_shipped_pump_that_lacks_a_capability_says_what_is_left_out(name: str) -> None:
    profile = load_modbus_profile(name)
    complete = profile.kind == "meter" or set(profile.knobs) == set(Capability)
    assert complete or profile.left_out.strip().startswith("- ")


def test_an_unknown_name_suggests_a_shipped_one() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'nibe_s'"):
        load_modbus_profile("nibe_x")


def test_a_path_reads_the_owners_own_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nkind = "meter"\ntitle = "t"\nmaturity = "field"\nevidence = ""')
    assert load_modbus_profile(path).name == "mine"
    assert load_modbus_profile(str(path)).kind == "meter"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"name = ", "not valid TOML"), (b"\xff\xfe", "not UTF-8"), (None, "cannot be read")],
)
def test_an_unreadable_file_is_a_configuration_error(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "broken.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        load_modbus_profile(path)


def profile_with(addresses: list[tuple[str, int, str]], largest_block: int) -> ModbusProfile:
    """A profile of bare points; the signals are assigned in order."""
    mapping = changed("knobs", {})
    mapping["points"] = {
        f"{space}{address}": {"space": space, "address": address, "kind": kind}
        for space, address, kind in addresses
    }
    names = list(mapping["points"])  # type: ignore[call-overload]
    mapping["signals"] = dict(zip([str(signal) for signal in Signal], names, strict=False))
    mapping["connection"] = {"largest_block": largest_block}
    return parsed(mapping, "here")


def test_blocks_stop_at_holes_spaces_and_the_largest_size() -> None:
    profile = profile_with(
        [
            ("input", 5, "int16"),
            ("input", 6, "uint32"),
            ("input", 8, "int16"),
            ("input", 10, "int16"),
            ("holding", 11, "int16"),
        ],
        3,
    )
    assert [(block.space, block.address, block.count) for block in blocks(profile)] == [
        ("holding", 11, 1),
        ("input", 5, 3),
        ("input", 8, 1),
        ("input", 10, 1),
    ]


def test_blocks_can_be_made_of_any_points() -> None:
    profile = parsed(SMALL, "here")
    assert [block.address for block in blocks(profile, ["flow_setpoint"])] == [1]
    assert [block.count for block in blocks(profile)] == [3]


@settings(deadline=None)
@given(
    st.dictionaries(
        st.integers(0, 40), st.sampled_from(["int16", "uint32"]), min_size=1, max_size=12
    ),
    st.integers(2, 6),
)
def test_blocks_cover_each_point_once_and_nothing_else(
    kinds: dict[int, str], largest_block: int
) -> None:
    layout = [("input", 2 * place, kind) for place, kind in kinds.items()]
    profile = profile_with(layout, largest_block)
    covered: list[int] = []
    for block in blocks(profile):
        assert block.count <= largest_block
        covered += range(block.address, block.address + block.count)
    expected: list[int] = []
    for point in profile.points.values():
        expected += range(point.address, point.address + register_count(point))
    assert sorted(covered) == sorted(expected)
