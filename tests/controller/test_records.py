"""A record comes back exactly as it was written, small enough for years, or is refused."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from beliefs import LEARNED, believed
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.act import Applied, NotApplied
from controller.estimate import Belief
from controller.guard import Allowed, Altered, Memory, Purpose, Refused, Wanted
from controller.innovations import Innovations
from controller.records import RecordError, StepRecord, content_hash, from_json, to_json
from controller.room_sensor import RoomSensor
from controller.snapshot import Missing, Reading, Snapshot
from controller.wishes import Target
from drivers.api import Capability, Signal
from mpc.estimator import PASSING_STD_W, covariance_of
from mpc.plan import Estimate

AT = datetime(2026, 1, 15, 12, 0, 0, 123456, tzinfo=UTC)
FLOW = Capability.FLOW_SETPOINT
SENSOR = RoomSensor(
    20.5, 3723.4567, 61.2345, 0.098765, (20.123456, 19.987654, 24.555555, -123.456789, 67.890123),
    20.012345, 20.612345, frozen=True,
)  # fmt: skip


def full_record() -> StepRecord:
    """Everything that one cycle of a house with many sensors can bring."""
    signals = {
        signal: Reading(12.345 + number, AT if number % 3 else AT - timedelta(seconds=1.5))
        for number, signal in enumerate(Signal)
        if signal is not Signal.GRID_CONTACT  # a limit says what it meant
    }
    return StepRecord(
        continues=True,
        snapshot=Snapshot(AT, {**signals, Signal.ROOM_C: Missing("room sensor is offline", AT)}),
        target=Target(21.0, 1.0, "wall thermostat"),
        belief=replace(
            believed(
                Estimate(
                    at=AT,
                    state_c=(20.123456789012345, 19.98765432109876, 24.5555555555555),
                    disturbance_w=-123.45678901234567,
                    passing_w=67.89012345678901,
                    covariance=tuple(round(0.1234567890123456 / (n + 1), 9) for n in range(15)),
                )
            ),
            room=SENSOR,
            innovations=Innovations(412.0, -0.012345, 0.876543, 0.654321, -1.543210),
        ),
        memory=Memory(True, AT - timedelta(minutes=3), {FLOW: 38.2}, blocked_s=90.0, seen_at=AT),
        ghi_w_per_m2=123.45,
        outdoor_forecast_c=-1.25,
        current=38.2,
        writes_left=11.0,
        plan_hash="0123456789abcdef",
        forecast_hash="fedcba9876543210",
        released=False,
        wanted=Wanted({FLOW: 38.2}, True, 4321.0987654321, "mpc", "heat"),
        verdict=Altered(
            {FLOW: 36.0}, ("the compressor has run 3 of 10 min",), {FLOW: Purpose.SAFETY}
        ),
        outcome=Applied({FLOW: 36.0}, {FLOW: 36.04}),
        notes=("plan is 31 min old", "prices: the file is being written"),
        plan_time_ms=432.1,
        not_solved=False,
        config_hash="0011223344556677",
    )


def test_a_full_record_comes_back_exactly_and_is_small() -> None:
    record = full_record()
    text = to_json(record)
    assert from_json(text) == record
    assert "\n" not in text
    assert len(text.encode()) <= 2200  # a cycle a minute: 3 MB a day


numbers = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(max_size=20)
instants = st.integers(-(10**15), 10**15).map(lambda us: AT + timedelta(microseconds=us))
knobs = st.dictionaries(st.sampled_from(Capability), numbers, max_size=2)
purposes = st.dictionaries(st.sampled_from(Capability), st.sampled_from(Purpose), max_size=2)
reasons = st.lists(words, max_size=3).map(tuple)
names = st.none() | words
sensors = st.builds(
    RoomSensor, st.none() | numbers, *[numbers] * 3, st.lists(numbers, max_size=6).map(tuple),
    *[numbers] * 2, frozen=st.booleans(),
)  # fmt: skip
tallies = st.builds(Innovations, *[numbers] * 5)
learned = st.tuples(*[numbers] * len(LEARNED))


@st.composite
def any_record(draw: st.DrawFn) -> StepRecord:
    at = draw(instants)
    measured = st.one_of(
        st.builds(Reading, numbers, st.just(at) | instants), st.builds(Missing, words, instants)
    )
    estimate = Estimate(
        at=at,
        state_c=tuple(draw(st.lists(numbers, min_size=1, max_size=4))),
        disturbance_w=draw(numbers),
        passing_w=draw(numbers),
        covariance=tuple(draw(st.lists(numbers, max_size=4))),
    )
    return StepRecord(
        continues=draw(st.booleans()),
        snapshot=Snapshot(at, draw(st.dictionaries(st.sampled_from(Signal), measured, max_size=3))),
        target=Target(draw(numbers), draw(numbers), draw(words)),
        belief=replace(
            Belief(estimate, *draw(learned)), room=draw(sensors), innovations=draw(tallies)
        ),
        memory=draw(
            st.builds(
                Memory,
                st.none() | st.booleans(),
                st.none() | instants,
                st.none() | knobs,
                blocked_s=numbers,
                seen_at=st.just(at),
            )
        ),
        ghi_w_per_m2=draw(numbers),
        outdoor_forecast_c=draw(st.none() | numbers),
        current=draw(st.none() | numbers),
        plan_hash=draw(names),
        forecast_hash=draw(names),
        released=draw(st.booleans()),
        wanted=draw(
            st.builds(Wanted, knobs, st.none() | st.booleans(), st.none() | numbers, words, words)
        ),
        verdict=draw(
            st.builds(Allowed, knobs)
            | st.builds(Altered, knobs, reasons, purposes)
            | st.builds(Refused, reasons)
        ),
        outcome=draw(st.builds(Applied, knobs, knobs) | st.builds(NotApplied, words)),
        notes=draw(reasons),
        plan_time_ms=draw(st.none() | numbers),
        not_solved=draw(st.booleans()),
        config_hash=draw(names),
    )


@settings(max_examples=60, deadline=None)
@given(any_record())
def test_every_record_comes_back_exactly(record: StepRecord) -> None:
    assert from_json(to_json(record)) == record


def test_a_record_names_an_instant_in_any_zone() -> None:
    local = AT.astimezone(timezone(timedelta(hours=1)))
    record = full_record()
    estimate = replace(record.belief.estimate, at=local)
    moved = replace(
        record,
        snapshot=Snapshot(local, record.snapshot.signals),
        belief=replace(record.belief, estimate=estimate),
    )
    assert from_json(to_json(moved)).at == AT


def test_what_is_no_number_is_never_stored() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(replace(full_record(), ghi_w_per_m2=float("nan")))


def body() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(to_json(full_record()))
    return parsed


@pytest.mark.parametrize("text", ["", "null", "1", '"v"', "[]", "{}", "{", "\x00", "[" * 9999])
def test_garbage_is_no_record(text: str) -> None:
    with pytest.raises(RecordError):
        from_json(text)


@pytest.mark.parametrize("key", list(body()))
def test_a_record_with_a_hole_is_refused(key: str) -> None:
    holed = body()
    del holed[key]
    with pytest.raises(RecordError, match=f"'{key}'"):
        from_json(json.dumps(holed))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("v", 1),
        ("at", "yesterday"),
        ("at", "2026-01-15T12:00:00"),
        ("signals", {"no_such_signal": 1.0}),
        ("signals", {"room_c": "warm"}),
        ("signals", {"room_c": [1.0]}),
        ("signals", {"room_c": 10**400}),
        ("signals", {"room_c": {"missing": "offline", "since": "2026-01-15T12:00:00"}}),
        ("target", [21.0]),
        ("belief", []),
        ("memory", [None]),
        ("wanted", [{"warp": 9.0}, None, None, "mpc", "heat"]),
        ("verdict", {"perhaps": {}}),
        ("outcome", {}),
        ("notes", None),
    ],
)
def test_a_record_with_a_wrong_part_is_refused(key: str, value: object) -> None:
    with pytest.raises(RecordError):
        from_json(json.dumps({**body(), key: value}))


def test_a_record_of_the_version_before_is_read_with_what_plans_counted_on() -> None:
    """There the unexplained heat was one number, and its mean over a day stood beside it."""
    old = body()
    state_c, (moment_w, _), _, *learned, known_for_s, lowest_frac, _, _ = old["belief"]
    usual_w, whole = 55.5, [[1.0, 0.1, 0.2, 3.0], [0.1, 2.0, 0.3, 4.0], [0.2, 0.3, 5.0, 6.0]]
    whole.append([3.0, 4.0, 6.0, 700.0])
    covariance = [value for row in whole for value in row]
    old["belief"] = [
        state_c, moment_w, covariance, *learned, usual_w, known_for_s, lowest_frac
    ]  # fmt: skip
    record = from_json(json.dumps({**old, "v": 2}))
    new = full_record().belief
    assert record.version == 2
    assert record.belief.estimate.disturbance_w == usual_w
    assert record.belief.estimate.passing_w == moment_w - usual_w
    found = covariance_of(record.belief.estimate)
    assert found[:4, :4].tolist() == whole
    assert found[4].tolist() == [0.0, 0.0, 0.0, 0.0, PASSING_STD_W**2]
    assert record.belief == replace(
        new, estimate=record.belief.estimate, room=RoomSensor(), innovations=Innovations()
    )


def test_another_version_is_named() -> None:
    with pytest.raises(RecordError, match="record version 7, this program reads 3"):
        from_json(json.dumps({**body(), "v": 7}))


def test_equal_texts_share_a_name() -> None:
    assert content_hash("a plan") == content_hash("a plan") != content_hash("another")
    assert len(content_hash("")) == 16
