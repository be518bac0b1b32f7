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
from drivers.grid.lpc_inbox import LpcInbox, LpcTerms
from drivers.grid.mqtt_lpc import MqttLpc
from drivers.grid.others import Others, Share
from drivers.grid.windows import WithWindows, staggered
from drivers.transports.in_memory import MemoryMqttLink

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
TERMS = LpcTerms(failsafe_w=4200.0, failsafe_minimum_s=7200.0, guaranteed_w=4200.0)


class Box:
    """A listener with its broker and its clocks."""

    def __init__(self, terms=TERMS, *, kept=None, passed_s=0.0):
        self.passed_s = passed_s
        self.kept = kept
        self.link = MemoryMqttLink()
        self.inbox = LpcInbox(terms, now=self.now, stopwatch_s=lambda: self.passed_s - passed_s)
        self.source = MqttLpc(self.link, "grid/limit", self.inbox)
        self.source.remember(kept, lambda text: setattr(self, "kept", text))

    def restarted(self, after_s, terms=TERMS):
        """Another process on the same disk, so much later."""
        return Box(terms, kept=self.kept, passed_s=self.passed_s + after_s)

    def now(self):
        return AT + timedelta(seconds=self.passed_s)

    def say(self, body, **kept):
        self.link.deliver("grid/limit", json.dumps(body), **kept)

    def read(self, others_w=None):
        return asyncio.run(self.source.read(others_w))

    def sent(self, ago_s, body, **kept):
        """A message that says when it was sent."""
        at = self.now() - timedelta(seconds=ago_s)
        self.say({**body, "sent_at": at.isoformat()}, **kept)


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
    box = Box(replace(TERMS, share=Share(stated_w=1000.0)))
    assert box.read().limit_w == 3200.0


def test_a_retained_limit_does_not_count():
    box = Box()
    box.say({"heartbeat": 1, "limit_w": 100}, retain=True)
    late = LpcInbox(TERMS, now=box.now, stopwatch_s=lambda: 0.0)
    assert asyncio.run(MqttLpc(box.link, "grid/limit", late).read()).state is GridState.INIT
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
    assert box.inbox.last_rejection


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
    assert [w.limit_w for w in box.inbox.windows()] == [500.0]
    box.say({"reduction": {**window, "starts_at": "2026-01-15T13:00:00"}})
    assert "time zone" in box.inbox.last_rejection


WINDOW = {
    "starts_at": "2026-01-15T13:00:00+00:00",
    "ends_at": "2026-01-15T14:00:00+00:00",
    "limit_w": 500,
}


def test_a_limit_holds_on_over_a_restart_until_its_own_end():
    box = Box()
    box.say({"heartbeat": 1, "limit_w": 1000, "duration_s": 3600})
    again = box.restarted(300.0)
    limit = again.read()
    assert (limit.limit_w, limit.state) == (1000.0, GridState.LIMITED)
    assert (limit.issued_at, limit.until) == (AT, AT + timedelta(hours=1))
    again.passed_s += 100.0
    again.say({"heartbeat": 1})
    again.passed_s += 3199.0 - 100.0
    assert again.read().state is GridState.FAILSAFE  # no heartbeat for long
    assert box.restarted(3600.0).read().state is GridState.INIT  # over while nobody ran


def test_a_restart_gives_nobody_more_than_the_failsafe_limit():
    box = Box(replace(TERMS, failsafe_w=2000.0))
    box.say({"heartbeat": 1, "limit_w": 4000, "duration_s": 3600})
    assert box.read().limit_w == 4000.0
    assert box.restarted(10.0, replace(TERMS, failsafe_w=2000.0)).read().limit_w == 2000.0


def test_a_limit_without_an_end_lasts_over_a_restart_no_longer_than_the_failsafe():
    box = Box()
    box.say({"heartbeat": 1, "limit_w": 1000})
    again = box.restarted(10.0)
    assert again.read().until == AT + timedelta(seconds=10.0 + 7200.0)


def test_a_clock_that_went_back_over_a_restart_does_not_lengthen_a_limit():
    box = Box()
    box.say({"heartbeat": 1, "limit_w": 1000, "duration_s": 600})
    back = box.restarted(-86400.0)
    assert back.read().until == back.now() + timedelta(seconds=600)


def test_a_lifted_limit_does_not_come_back_with_a_restart():
    box = Box()
    box.say({"heartbeat": 1, "limit_w": 1000, "duration_s": 3600})
    box.say({"limit_w": 0, "active": False})
    assert box.restarted(5.0).read().limit_w == TERMS.failsafe_w


def test_the_boxs_failsafe_survives_a_restart_until_the_owner_agrees_on_another():
    box = Box()
    box.say({"heartbeat": 1, "failsafe_w": 1500, "failsafe_minimum_s": 10800})
    assert box.restarted(5.0).read().limit_w == 1500.0
    assert box.restarted(5.0, replace(TERMS, failsafe_w=4000.0)).read().limit_w == 4000.0


def test_an_announced_window_survives_a_restart_with_the_time_of_its_notice():
    box = Box()
    box.say({"reduction": WINDOW})
    (window,) = box.restarted(600.0).inbox.windows()
    assert (window.limit_w, window.issued_at) == (500.0, AT)
    assert box.restarted(7201.0).inbox.windows() == ()


@pytest.mark.parametrize("kept", ["", "[]", "nonsense", '{"limit": {"limit_w": "much"}}'])
def test_what_was_kept_and_cannot_be_read_begins_anew(kept):
    assert Box(kept=kept).read().state is GridState.INIT


def test_heartbeats_alone_write_nothing_to_the_disk():
    box = Box()
    written = []
    box.source.remember(None, written.append)
    for second in range(0, 600, 60):
        box.passed_s = float(second)
        box.sent(0.0, {"heartbeat": 1})
        box.read()
    assert written == []


def test_stale_repeated_and_overtaken_messages_do_not_count():
    box = Box()
    box.passed_s = 1000.0
    box.sent(121.0, {"heartbeat": 1, "limit_w": 100})
    assert "stale" in box.inbox.last_rejection
    box.sent(-121.0, {"heartbeat": 1, "limit_w": 100})
    assert "clocks" in box.inbox.last_rejection
    assert box.read().state is GridState.INIT
    box.sent(10.0, {"heartbeat": 1, "limit_w": 3000, "duration_s": 600})
    box.passed_s = 1060.0
    box.sent(75.0, {"limit_w": 9000})  # sent before the other, arrives after it
    assert "overtaken" in box.inbox.last_rejection
    box.sent(70.0, {"heartbeat": 1, "limit_w": 3000, "duration_s": 600})  # once more
    limit = box.read()
    assert (limit.limit_w, limit.until) == (3000.0, AT + timedelta(seconds=1600))


def test_overtaken_messages_do_not_count_after_a_restart_either():
    box = Box()
    box.sent(0.0, {"heartbeat": 1, "limit_w": 1000, "duration_s": 3600})
    again = box.restarted(30.0)
    again.sent(45.0, {"limit_w": 4000})
    assert again.read().limit_w == 1000.0


def test_a_retained_message_counts_when_it_tells_its_age():
    box = Box()
    box.sent(60.0, {"heartbeat": 1, "limit_w": 1000}, retain=True)
    assert box.read().limit_w == 1000.0
    old = Box()
    old.sent(86400.0, {"reduction": WINDOW}, retain=True)  # a notice is good until it is over
    assert [w.limit_w for w in old.inbox.windows()] == [500.0]


def test_a_window_is_revised_and_withdrawn_by_its_id_in_the_order_of_sending():
    box = Box()
    box.passed_s = 100.0
    box.sent(50.0, {"reduction": {**WINDOW, "id": "a"}})
    box.sent(20.0, {"reduction": {**WINDOW, "id": "a", "limit_w": 300}})
    box.sent(40.0, {"reduction": {**WINDOW, "id": "a", "limit_w": 400}})
    assert "overtaken" in box.inbox.last_rejection
    assert [w.limit_w for w in box.inbox.windows()] == [300.0]
    box.sent(5.0, {"reduction": {**WINDOW, "id": "a", "withdrawn": True}})
    box.sent(20.0, {"reduction": {**WINDOW, "id": "a", "limit_w": 300}})
    assert box.inbox.windows() == ()
    assert box.restarted(10.0).inbox.windows() == ()


def test_more_windows_than_anybody_needs_are_refused():
    box = Box()
    for number in range(25):
        box.say({"reduction": {**WINDOW, "id": str(number)}})
    assert len(box.inbox.windows()) == 20
    assert "20 windows" in box.inbox.last_rejection


MEASURED = replace(TERMS, share=Share(stated_w=2000.0, measured=True))


def test_a_measured_household_is_taken_off_the_total():
    box = Box(MEASURED)
    limit = box.read(others_w=1010.0)
    assert (limit.limit_w, limit.total_w, limit.others_w) == (2950.0, 4200.0, 1250.0)
    assert limit.remark == ""


def test_a_household_that_nobody_measures_is_the_stated_one_and_never_zero():
    limit = Box(MEASURED).read(others_w=None)
    assert (limit.limit_w, limit.others_w) == (2200.0, 2000.0)
    assert "not measured: stated as 2000 W" in limit.remark


def test_the_highest_household_share_of_five_minutes_counts():
    box, left_w = Box(MEASURED), []
    for minute, others_w in enumerate([500.0, 3000.0, 500.0, 500.0, None, 500.0, 500.0]):
        box.passed_s = 60.0 * minute
        left_w.append(box.read(others_w=others_w).limit_w)
    assert left_w == [3700.0, *[1200.0] * 5, 3700.0]


@given(st.lists(st.none() | st.floats(-9000.0, 9000.0), min_size=1, max_size=12))
def test_a_shared_limit_never_leaves_more_than_the_total(series):
    others = Others(Share(stated_w=700.0, measured=True))
    whole = asyncio.run(Box().source.read())
    for minute, others_w in enumerate(series):
        left = others.left_of(whole, AT + timedelta(minutes=minute), others_w)
        assert left.limit_w <= whole.limit_w
        assert left.limit_w <= max(whole.limit_w - (others_w or 0.0), 0.0)


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
