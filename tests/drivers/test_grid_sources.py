"""Where limits come from: JSON over MQTT, a contact, windows; nothing on the wire hurts."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import Absent, Sample, Signal
from drivers.grid.contact import ContactLimit
from drivers.grid.limit import GridState, Window
from drivers.grid.mqtt_lpc import LpcTerms, MqttLpc
from drivers.grid.windows import WithWindows, staggered
from drivers.transports.in_memory import MemoryMqttLink

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
TERMS = LpcTerms(failsafe_w=4200.0, failsafe_minimum_s=7200.0, guaranteed_w=4200.0)


class Box:
    """A listener with its broker and its clocks."""

    def __init__(self, terms=TERMS):
        self.passed_s = 0.0
        self.link = MemoryMqttLink()
        self.source = MqttLpc(
            self.link, "grid/limit", terms, now=self.now, stopwatch_s=lambda: self.passed_s
        )

    def now(self):
        return AT + timedelta(seconds=self.passed_s)

    def say(self, body, **kept):
        self.link.deliver("grid/limit", json.dumps(body), **kept)

    def read(self):
        return asyncio.run(self.source.read())


def test_a_limit_over_mqtt_says_how_much_and_until_when():
    box = Box()
    box.say({"heartbeat": 1})
    box.passed_s = 10.0
    box.say({"limit_w": 4200, "duration_s": 600})
    limit = box.read()
    assert (limit.limit_w, limit.state) == (4200.0, GridState.LIMITED)
    assert limit.until == AT + timedelta(seconds=610)
    assert limit.issued_at == AT + timedelta(seconds=10)


def test_what_others_draw_is_taken_off():
    box = Box(replace(TERMS, others_w=1000.0))
    assert box.read().limit_w == 3200.0


def test_a_retained_limit_does_not_count():
    box = Box()
    box.say({"heartbeat": 1, "limit_w": 100}, retain=True)
    late = MqttLpc(box.link, "grid/limit", TERMS, now=box.now, stopwatch_s=lambda: 0.0)
    assert asyncio.run(late.read()).state is GridState.INIT
    assert "retained" in late.last_rejection


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"\xff", b"[]", b"{}", b"nan", b'{"limit_w": NaN, "heartbeat": 1}',
        b'{"limit_w": "9"}', b'{"limit_w": -4}', b'{"limit": 4}',
        b'{"heartbeat":1,"limit_w":1,"duration_s":-1}',
        b'{"reduction": 4}', b'{"reduction": {"starts_at": "x", "ends_at": "y", "limit_w": 1}}',
        b'{"heartbeat":1,"limit_w":1,"active":"no"}', b"[" * 5000,
    ],
)  # fmt: skip
def test_nonsense_on_the_topic_is_told_and_limits_nothing_new(payload):
    box = Box()
    box.link.deliver("grid/limit", payload)
    assert box.read().state is GridState.INIT
    assert box.source.last_rejection


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.dictionaries(
        st.sampled_from(["heartbeat", "limit_w", "duration_s", "reduction", "starts_at"]), inner
    ),
    max_leaves=6,
).map(lambda body: json.dumps(body).encode()))  # fmt: skip
def test_no_payload_raises(payload):
    box = Box()
    box.link.deliver("grid/limit", payload)
    assert box.read().guaranteed_w == 4200.0


def test_an_announced_window_is_kept_once_until_it_is_over():
    box = Box()
    window = {
        "starts_at": "2026-01-15T13:00:00+00:00",
        "ends_at": "2026-01-15T14:00:00+00:00",
        "limit_w": 500,
    }
    for _ in range(3):
        box.say({"reduction": window})
    assert [w.limit_w for w in box.source.windows] == [500.0]
    box.say({"reduction": {**window, "starts_at": "2026-01-15T13:00:00"}})
    assert "time zone" in box.source.last_rejection


class Contact:
    name = "contact"

    def __init__(self):
        self.answer = Absent("no message yet")

    async def read(self):
        return {Signal.GRID_CONTACT: self.answer}

    async def close(self):
        pass


def test_a_closed_or_unknown_contact_limits_and_an_open_one_does_not():
    contact = Contact()
    source = ContactLimit(
        contact, limit_w=4200.0, guaranteed_w=4200.0, stale_s=900.0, now=lambda: AT
    )
    seen = []
    for answer in (
        contact.answer,
        Sample(0.0, AT),
        Sample(1.0, AT),
        Sample(0.0, AT - timedelta(hours=1)),
        Absent("gone"),
    ):
        contact.answer = answer
        limit = asyncio.run(source.read())
        seen.append((limit.state.value, limit.limit_w))
    assert seen == [
        ("init", 4200.0),
        ("unlimited", None),
        ("limited", 4200.0),
        ("failsafe", 4200.0),
        ("failsafe", 4200.0),
    ]


def test_the_lower_of_limit_and_window_holds():
    box = Box()
    window = Window(starts_at=AT, ends_at=AT + timedelta(hours=1), limit_w=500.0)
    later = Window(
        starts_at=AT + timedelta(hours=3), ends_at=AT + timedelta(hours=4), limit_w=100.0
    )
    source = WithWindows(box.source, lambda: [later, window], guaranteed_w=4200.0, now=box.now)
    now = asyncio.run(source.read())
    assert (now.limit_w, now.state, now.until) == (500.0, GridState.REDUCTION, window.ends_at)
    assert now.ahead == (window, later)
    box.passed_s = 3600.0
    assert asyncio.run(source.read()).limit_w == 4200.0  # the failsafe limit beneath


def test_houses_return_from_a_window_at_different_moments():
    window = Window(starts_at=AT, ends_at=AT + timedelta(hours=1), limit_w=500.0)
    ends = {
        staggered(window, house=f"house {n}", recovery_s=900.0).ends_at - window.ends_at
        for n in range(50)
    }
    assert len(ends) > 40
    assert min(ends) >= timedelta(0)
    assert max(ends) <= timedelta(seconds=900)
