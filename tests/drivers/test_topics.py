"""Points in MQTT messages: found, judged and written; rules that make values of several points."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import OperatingState
from drivers.derived import RULES
from drivers.errors import OutOfRangeError
from drivers.points import Undecodable
from drivers.topics import (
    LONGEST_PAYLOAD_BYTES,
    Place,
    TopicPoint,
    decode,
    encode,
    full_topic,
    places,
    requested,
)

FLOW = TopicPoint(name="flow", topic="flow", unit="°C", minimum=-20.0, maximum=110.0)
JSON = dataclasses.replace(FLOW, pointer="/a~1b/0/~0t")
STATE = TopicPoint(name="state", topic="s", codes={"off": 0, "heating": 1})
SCALED = TopicPoint(
    name="limit", topic="l", command_topic="set", scale=0.01, offset=-0.2, decimals=0
)


@pytest.mark.parametrize(
    ("point", "payload", "value"),
    [
        (FLOW, b" 35.5\n", 35.5),
        (FLOW, b"-0", 0.0),
        (FLOW, b"3.5e1", 35.0),
        (JSON, b'{"a/b": [{"~t": 35.5}]}', 35.5),
        (JSON, b'{"a/b": [{"~t": "35.5"}]}', 35.5),
        (dataclasses.replace(FLOW, field=1), b"ok; 35.5 ;x", 35.5),
        (dataclasses.replace(STATE, pointer="/on", codes={"true": 1}), b'{"on": true}', 1.0),
        (dataclasses.replace(STATE, pointer="/on", codes={"false": 0}), b'{"on": false}', 0.0),
        (STATE, b"heating", 1.0),
        (dataclasses.replace(STATE, other_code=9), b"pool", 9.0),
        (SCALED, b"70", 0.5),
    ],
)
def test_a_value_is_found_at_its_place(point: TopicPoint, payload: bytes, value: float) -> None:
    assert decode(point, payload) == pytest.approx(value)


@pytest.mark.parametrize(
    "payload",
    [b"{}", b'{"a/b": []}', b'{"a/b": {"0": 1}}', b'{"a/b": 7}', b'{"a/b": [{}]}', b"[]", b"3"],
)
def test_a_message_without_the_place_says_nothing(payload: bytes) -> None:
    assert decode(JSON, payload) is None


@pytest.mark.parametrize("step", ["-1", "1234567", "²", "x"])
def test_a_place_in_a_list_is_a_small_number(step: str) -> None:
    assert decode(dataclasses.replace(FLOW, pointer=f"/{step}"), b"[1, 2]") is None


@pytest.mark.parametrize(
    ("point", "payload", "reason"),
    [
        (FLOW, b"", "is not a number"),
        (FLOW, b"1_000", "is not a number"),
        (FLOW, b"0x10", "is not a number"),
        (FLOW, b"NaN", "is not a number"),
        (FLOW, b"1e999", "is not a number"),
        (FLOW, b"1.2.3", "is not a number"),
        (FLOW, b"21,5", "is not a number"),
        (FLOW, b"\xff", "is not text"),
        (FLOW, b"111", "outside its plausible range"),
        (FLOW, b" " * (LONGEST_PAYLOAD_BYTES + 1), "too long"),
        (dataclasses.replace(FLOW, absent=("-",)), b"-", "no value"),
        (dataclasses.replace(FLOW, field=3), b"1;2", "only 2 fields"),
        (JSON, b"not JSON", "not JSON"),
        (JSON, b"[" * 60_000, "not JSON"),
        (JSON, b'{"a/b": [{"~t": null}]}', "null"),
        (JSON, b'{"a/b": [{"~t": [1]}]}', "nested"),
        (STATE, b"pool", "unknown code 'pool'"),
    ],
)
def test_what_is_no_value_says_why(point: TopicPoint, payload: bytes, reason: str) -> None:
    found = decode(point, payload)
    assert isinstance(found, Undecodable)
    assert reason in found.reason


@given(st.floats(-20.0, 110.0))
def test_what_is_written_reads_as_itself(value: float) -> None:
    assert decode(FLOW, encode(FLOW, value).encode()) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 110.1, -21.0])
def test_nothing_is_written_beyond_the_range(value: float) -> None:
    with pytest.raises(OutOfRangeError):
        encode(FLOW, value)


def test_a_code_that_does_not_exist_is_not_written() -> None:
    with pytest.raises(OutOfRangeError, match="not one of its codes"):
        encode(STATE, 2.0)


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "70"), (0.504, "70"), (-0.2, "0"), (-0.204, "0")]
)
def test_numbers_are_rounded_to_what_the_device_takes(value: float, text: str) -> None:
    assert encode(SCALED, value) == text


def test_a_command_may_wrap_the_value() -> None:
    point = dataclasses.replace(FLOW, command_topic="set", command='{"value": {value}}')
    assert encode(point, 35.5) == '{"value": 35.5}'
    assert requested(point, '{"value": 35.5}') == 35.5
    assert requested(point, '{"value": 350}') is None
    assert requested(point, "35.5") is None


def test_a_command_may_differ_by_state_and_hold_other_places() -> None:
    point = dataclasses.replace(
        STATE, command_topic="set", commands={"off": "0", "heating": "1 for {lapse_s}"}
    )
    assert encode(point, 1.0) == "1 for {lapse_s}"
    assert requested(point, "1 for 900") == 1.0
    assert requested(point, "0") == 0.0
    assert requested(point, "2") is None


def test_topics_lie_below_the_base_or_around_it() -> None:
    assert full_topic("cellar/pump", "state") == "cellar/pump/state"
    assert full_topic("relay", "stat/{base}/POWER1") == "stat/relay/POWER1"


def test_a_value_may_be_in_several_places() -> None:
    point = dataclasses.replace(FLOW, also=(Place(topic="other", pointer="/t"),))
    assert [(place.topic, place.pointer) for place in places(point)] == [
        ("flow", ""),
        ("other", "/t"),
    ]
    assert places(TopicPoint(name="sum", rule="sum", of=("a", "b"))) == ()


def test_who_is_commanded_is_writable() -> None:
    assert not FLOW.writable
    assert SCALED.writable
    assert TopicPoint(name="sg", rule="sg_contacts", of=("a", "b")).writable


@pytest.mark.parametrize(
    ("rule", "values", "result"),
    [
        ("sum", [1.0, 2.0, 3.0], 6.0),
        ("same", [2.0, 2.0], 2.0),
        ("sg_contacts", [1.0, 0.0], 1.0),
        ("sg_contacts", [0.0, 0.0], 2.0),
        ("sg_contacts", [0.0, 1.0], 3.0),
        ("sg_contacts", [1.0, 1.0], 4.0),
        ("running_state", [0.0, 1.0, 0.0], OperatingState.OFF),
        ("running_state", [30.0, 1.0, 0.0], OperatingState.DHW),
        ("running_state", [30.0, 0.0, 0.0], OperatingState.HEATING),
        ("running_state", [30.0, 0.0, 1.0], OperatingState.DEFROST),
    ],
)
def test_a_rule_makes_one_value_of_several(rule: str, values: list[float], result: float) -> None:
    assert RULES[rule].combine(values) == result
    if rule != "running_state":
        shares = dict(RULES[rule].split(result, len(values)))
        assert RULES[rule].combine([shares[place] for place in range(len(values))]) == result


@pytest.mark.parametrize(("rule", "values"), [("same", [1.0, 2.0]), ("sg_contacts", [0.5, 0.0])])
def test_parts_that_do_not_fit_make_no_value(rule: str, values: list[float]) -> None:
    assert isinstance(RULES[rule].combine(values), Undecodable)


@pytest.mark.parametrize(
    ("state", "parts"),
    [(OperatingState.DHW, {1: 1.0, 2: 0.0}), (OperatingState.DEFROST, {1: 0.0, 2: 1.0})],
)
def test_a_state_says_what_valve_and_flag_are(state: float, parts: dict[int, float]) -> None:
    assert dict(RULES["running_state"].split(state, 3)) == parts


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
POINTS = st.builds(
    TopicPoint,
    name=st.just("p"),
    topic=st.just("t"),
    pointer=st.sampled_from(["", "/a", "/a/0", "/a/b/c", "/"]),
    field=st.none() | st.integers(0, 5),
    scale=st.sampled_from([1.0, 0.1, -1.0, 1e9]),
    offset=st.sampled_from([0.0, -273.15]),
    minimum=st.just(-20.0),
    maximum=st.just(110.0),
    absent=st.just(("-1", "")),
    codes=st.sampled_from([{}, {"on": 1, "-1": 7}]),
    other_code=st.none() | st.just(9),
)


@given(POINTS, st.binary(max_size=300) | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_no_payload_makes_it_raise_or_leave_the_range(point: TopicPoint, payload: bytes) -> None:
    found = decode(point, payload)
    if isinstance(found, float):
        assert found in (1.0, 7.0, 9.0) if point.codes else -20.0 <= found <= 110.0
    else:
        assert found is None or isinstance(found, Undecodable)
