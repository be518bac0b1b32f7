"""What the owner wants now: the most recent of his commands and the wall thermostat. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from controller.config import HouseConfig
from controller.config_comfort import Comfort
from controller.excitation import moved
from controller.snapshot import Snapshot
from drivers.api import Signal

WishKind = Literal["override", "away", "boost"]

BOOST_K = 1.0
"""A boost lifts the whole band by this much."""

SAME_SETPOINT_K = 0.05
"""Thermostat set-points closer than this are the same."""

CONFIGURED, THERMOSTAT = AS_USUAL = ("configured", "wall thermostat")
"""Why the usual temperature is wanted."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One timed command of the owner; `until` None means until he says otherwise."""

    kind: WishKind
    room_c: float | None
    said_at: datetime
    until: datetime | None

    def holds_at(self, at: datetime) -> bool:
        """Whether the wish is in force."""
        return self.until is None or at < self.until


@dataclass(frozen=True, slots=True)
class Wishes:
    """All that is known of the owner's will; survives restarts."""

    wish: Wish | None = None
    thermostat_c: float | None = None  # the set-point last seen at the wall
    thermostat_on: bool | None = None  # whether heating was last seen switched on there
    thermostat_at: datetime | None = None  # when it was last turned or switched
    released: bool = False  # hands off the pump until `resume`


@dataclass(frozen=True, slots=True)
class Target:
    """The room temperature wanted now, and why."""

    room_c: float
    band_k: float
    reason: str


def notice_thermostat(wishes: Wishes, snapshot: Snapshot) -> Wishes:
    """Remember what the wall thermostat says, and when it was turned or switched.

    The first look is no turn: nobody knows when it happened.
    """
    setpoint_c = snapshot.value(Signal.ROOM_SETPOINT_C)
    enabled = snapshot.value(Signal.ROOM_HEATING_ENABLED)
    was_c, was_on = wishes.thermostat_c, wishes.thermostat_on
    if setpoint_c is None or (was_c is not None and abs(setpoint_c - was_c) < SAME_SETPOINT_K):
        setpoint_c = was_c
    on = was_on if enabled is None else enabled != 0.0
    if (setpoint_c, on) == (was_c, was_on):
        return wishes
    turned = (was_c is not None and setpoint_c != was_c) or (was_on is not None and on != was_on)
    return replace(
        wishes,
        thermostat_c=setpoint_c,
        thermostat_on=on,
        thermostat_at=snapshot.at if turned else wishes.thermostat_at,
    )


def forget_past(wishes: Wishes, at: datetime) -> Wishes:
    """Drop a wish that has run out."""
    if wishes.wish is not None and not wishes.wish.holds_at(at):
        return replace(wishes, wish=None)
    return wishes


def target(wishes: Wishes, comfort: Comfort, snapshot: Snapshot, at: datetime) -> Target:
    """Wanted at `at`: the latest of the owner's command, the wall thermostat, the configuration.

    Excitation, where it is switched on, moves what is wanted as usual, not what was asked for now.
    """
    room_c, band_k, reason = comfort.room_c, comfort.band_k, CONFIGURED
    if wishes.thermostat_c is not None:
        room_c, reason = wishes.thermostat_c, THERMOSTAT
    if snapshot.value(Signal.ROOM_HEATING_ENABLED) == 0.0:
        room_c, reason = comfort.away_c, "heating switched off at the thermostat"
    wish = wishes.wish
    turned_later = (
        wish is not None
        and wishes.thermostat_at is not None
        and wishes.thermostat_at > wish.said_at
    )
    if wish is not None and wish.holds_at(at) and not turned_later:
        match wish.kind:
            case "override" if wish.room_c is not None:
                room_c, reason = wish.room_c, "override"
            case "away":
                room_c = comfort.away_c if wish.room_c is None else wish.room_c
                reason = "away"
            case _:
                room_c, reason = room_c + BOOST_K, "boost"
    if comfort.excitation_k > 0.0 and reason in AS_USUAL:
        usual_c = room_c
        room_c, band_k = moved(room_c, comfort, at)
        reason = f"{reason}, moved by {room_c - usual_c:+.1f} K to learn the house"
    bounded_c = min(max(room_c, comfort.frost_c + 1.0), comfort.room_max_c - 0.5)
    return Target(bounded_c, band_k, reason)


def second_target(wanted: Target, config: HouseConfig) -> Target | None:
    """The same wish for the second zone: as much cooler or warmer as it always is, and its band."""
    zone = config.house.second_zone
    if zone is None:
        return None
    room_c = max(wanted.room_c + zone.offset_k, config.comfort.frost_c)
    return Target(room_c, wanted.band_k if zone.band_k is None else zone.band_k, wanted.reason)
