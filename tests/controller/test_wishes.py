"""Who wants which room temperature: the latest word counts, within frost and warmth."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config_comfort import Comfort
from controller.snapshot import Missing, Reading, Snapshot
from controller.wishes import Target, Wish, Wishes, forget_past, notice_thermostat, target
from drivers.api import Signal

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
COMFORT = Comfort()
NOTHING = Snapshot(AT, {})


def seen(
    setpoint_c: float | None = None, *, on: bool | None = None, minutes: float = 0.0
) -> Snapshot:
    at = AT + timedelta(minutes=minutes)
    signals = {}
    if setpoint_c is not None:
        signals[Signal.ROOM_SETPOINT_C] = Reading(setpoint_c, at)
    if on is not None:
        signals[Signal.ROOM_HEATING_ENABLED] = Reading(float(on), at)
    return Snapshot(at, signals)


def wanted(wishes: Wishes, snapshot: Snapshot = NOTHING, at: datetime = AT) -> Target:
    return target(wishes, COMFORT, snapshot, at)


def test_without_a_word_the_configuration_counts() -> None:
    assert wanted(Wishes()) == Target(21.0, 1.0, "configured")


@pytest.mark.parametrize(
    ("wish", "room_c", "reason"),
    [
        (Wish("override", 22.5, AT, None), 22.5, "override"),
        (Wish("away", None, AT, None), 17.0, "away"),
        (Wish("away", 15.0, AT, None), 15.0, "away"),
        (Wish("boost", None, AT, None), 22.0, "boost"),
    ],
)
def test_each_wish_moves_the_target(wish: Wish, room_c: float, reason: str) -> None:
    assert wanted(Wishes(wish=wish)) == Target(room_c, 1.0, reason)


def test_a_boost_lifts_what_the_wall_thermostat_says() -> None:
    wishes = Wishes(Wish("boost", None, AT, None), thermostat_c=19.0)
    assert wanted(wishes).room_c == 20.0


def test_a_wish_ends_by_itself_at_its_time() -> None:
    until = AT + timedelta(hours=2)
    wishes = Wishes(wish=Wish("override", 23.0, AT, until))
    assert wanted(wishes, at=until - timedelta(seconds=1)).room_c == 23.0
    assert wanted(wishes, at=until).reason == "configured"
    assert forget_past(wishes, until - timedelta(seconds=1)) is wishes
    assert forget_past(wishes, until) == Wishes()
    assert forget_past(replace(wishes, released=True), until) == Wishes(released=True)
    assert forget_past(Wishes(), until) == Wishes()


def test_a_turn_at_the_wall_after_a_command_counts_more_than_it() -> None:
    wishes = notice_thermostat(Wishes(), seen(20.0, minutes=-60))
    wishes = replace(wishes, wish=Wish("override", 23.0, AT, None))
    assert wanted(wishes).reason == "override"
    wishes = notice_thermostat(wishes, seen(19.0, minutes=5))
    assert wanted(wishes) == Target(19.0, 1.0, "wall thermostat")
    wishes = replace(wishes, wish=Wish("away", None, AT + timedelta(minutes=10), None))
    assert wanted(wishes).reason == "away"


def test_the_first_sight_of_a_thermostat_is_no_turn() -> None:
    wishes = Wishes(wish=Wish("override", 23.0, AT, None))
    noticed = notice_thermostat(wishes, seen(20.0, on=True, minutes=5))
    assert (noticed.thermostat_c, noticed.thermostat_at) == (20.0, None)
    assert wanted(noticed).reason == "override"


def test_a_thermostat_that_repeats_itself_or_falls_silent_changes_nothing() -> None:
    wishes = notice_thermostat(Wishes(), seen(20.0, on=True))
    assert notice_thermostat(wishes, seen(20.04, on=True, minutes=5)) is wishes
    assert notice_thermostat(wishes, seen(minutes=5)) is wishes
    silent = Snapshot(AT, {Signal.ROOM_SETPOINT_C: Missing("offline", AT)})
    assert notice_thermostat(wishes, silent) is wishes
    assert wanted(wishes, silent).reason == "wall thermostat"


def test_small_turns_do_not_add_up_unseen() -> None:
    wishes = notice_thermostat(Wishes(), seen(20.0))
    for step in range(1, 4):
        wishes = notice_thermostat(wishes, seen(20.0 + 0.04 * step, minutes=step))
    assert wishes.thermostat_c == pytest.approx(20.08)


def test_heating_switched_off_at_the_wall_means_away() -> None:
    off = seen(22.0, on=False)
    wishes = notice_thermostat(Wishes(), off)
    assert wanted(wishes, off) == Target(17.0, 1.0, "heating switched off at the thermostat")
    assert wanted(wishes, seen(22.0, on=True)).reason == "wall thermostat"


def test_a_switch_at_the_wall_after_a_command_counts_more_than_it() -> None:
    wishes = notice_thermostat(Wishes(), seen(20.0, on=True, minutes=-60))
    wishes = replace(wishes, wish=Wish("override", 23.0, AT, None))
    off = seen(20.0, on=False, minutes=5)
    assert wanted(notice_thermostat(wishes, off), off).room_c == 17.0


def test_a_command_after_the_switch_counts_more_than_it() -> None:
    off = seen(20.0, on=False, minutes=-60)
    wishes = replace(notice_thermostat(Wishes(), off), wish=Wish("override", 23.0, AT, None))
    assert wanted(wishes, off).room_c == 23.0


@given(
    kind=st.sampled_from(["override", "away", "boost"]),
    asked_c=st.floats(-50.0, 80.0),
    thermostat_c=st.none() | st.floats(-50.0, 80.0),
    on=st.none() | st.booleans(),
)
def test_no_wish_leaves_the_range_between_frost_and_too_warm(
    kind: str, asked_c: float, thermostat_c: float | None, on: bool | None
) -> None:
    wish = Wish(kind, asked_c, AT, None)  # type: ignore[arg-type]
    snapshot = seen(thermostat_c, on=on)
    wishes = notice_thermostat(Wishes(wish=wish), snapshot)
    room_c = wanted(wishes, snapshot).room_c
    assert COMFORT.frost_c + 1.0 <= room_c <= COMFORT.room_max_c - 0.5
