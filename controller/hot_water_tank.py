"""From one snapshot to the next: how hot the tank is, what was drawn, when it was last hot through.

One sensor, two layers. Between charges a tank that cools faster than by its losses has been drawn
from; how much follows from the model of the layers. While it is charged nobody can tell, and time
that was not watched teaches nothing. Pure.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from scipy.optimize import brentq

from controller.config_hot_water import HotWaterSection
from controller.snapshot import Reading, Snapshot
from drivers.api import OperatingState, Signal
from mpc.draws import Draws, slot_of, watched
from mpc.storage import (
    WATER_KWH_PER_L_K,
    Tank,
    heated_below,
    layers_steps,
    risen_layers,
)

COLD_C, ROOM_C = 10.0, 20.0
"""Mains water over the year, and the air around a tank in a house."""

LABEL_C_W, LABEL_C_W_PER_L, LABEL_EXPONENT, LABEL_AT_K = 16.66, 8.33, 0.4, 45.0
"""Regulation (EU) 812/2013: 45 K above its room a tank of class C loses at most
16.66 + 8.33 V^0.4 W (V in litres)."""

LAYERS_W_PER_K = 5.0
"""Between the layers at rest: conduction in water and wall, and a little mixing."""

CHARGE_TO_UPPER_FRAC = 0.25
"""For the solver's straight lines only: a coil heats from below, and warm water rises; over a
charge that begins with the lower layer some 10 K cooler and ends with both alike, the upper one
takes a quarter."""

APPROACH_K = 6.0
"""Flow above the tank while it is charged."""

CHARGING_COP = 2.5
"""To guess the heat into the tank where only electricity is measured."""

NOTICE_K = 0.3
"""What the sensor must show beyond losses to count: its steps of 0.1 K and its noise."""

QUIET_S, LEAST_LEARNED_H = 1800.0, 0.1
"""After so long without anything to notice nothing has been drawn. What was watched of an hour for
less teaches nothing."""

GONE_S = 1800.0
"""Over a longer gap than this the layers are guessed anew from the sensor."""

PATIENCE_S = 600.0
"""A sensor may be silent for so long before the tank's temperature counts as unknown."""

RISES_K = 0.15
"""More than a sensor's step of 0.1 K between two looks at a tank that is charged."""

CHARGES_S = 2.0 * 3600.0
"""The heat of a charge is remembered over so long of charging: two or three charges."""

LOWER_BEHIND_K = 5.0
"""The lower layer below a sensor at the top, as long as nothing is known of it."""

THROUGH_K = 0.5
"""So far below what was asked for a tank still counts as hot through: the sensor's error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layered:
    """The two layers at an instant."""

    at: datetime
    upper_c: float
    lower_c: float

    @property
    def mean_c(self) -> float:
        """Of the whole tank."""
        return 0.5 * (self.upper_c + self.lower_c)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHour:
    """What was watched of the local hour under way."""

    starts_at: datetime
    hours: float
    kwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TankBelief:
    """All that is carried from cycle to cycle about the tank."""

    now: Layered | None  # None: never heard of
    reading: Reading | None  # the sensor's last word
    watch: Layered | None  # where the look-out for draws began; None: not on the look-out
    draws: Draws
    hour: OpenHour | None
    since: datetime  # the tank is under our eyes
    hot_since: datetime | None = None  # without a break
    sanitised_at: datetime | None = None  # hot through for long enough, last
    charge_w: float | None = None  # heat of a charge, defrosts and its slow start included
    charged_kwh: float = 0.0  # heat of the charge under way, pump and pipes included

    def sensor_c(self, at: datetime) -> float | None:
        """What the sensor says; None once it has been silent for too long to act on it."""
        reading = self.reading
        if reading is None or abs((at - reading.at).total_seconds()) > PATIENCE_S:
            return None
        return reading.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Energy drawn over a span that was watched; 0 is an answer."""

    since: datetime
    until: datetime
    kwh: float


def tank_of(section: HotWaterSection) -> Tank:
    """The owner's words as the planner's tank."""
    loss_w = LABEL_C_W + LABEL_C_W_PER_L * section.volume_l**LABEL_EXPONENT
    typical = loss_w / LABEL_AT_K
    return Tank(
        volume_l=section.volume_l,
        loss_w_per_k=typical if section.loss_w_per_k is None else section.loss_w_per_k,
        layers_w_per_k=LAYERS_W_PER_K,
        heat_to_upper_frac=CHARGE_TO_UPPER_FRAC,
        cold_c=COLD_C,
        room_c=ROOM_C,
        approach_k=APPROACH_K,
    )


def first_tank(section: HotWaterSection, at: datetime) -> TankBelief:
    """Before anything was seen."""
    draws = Draws(people=section.people)
    return TankBelief(now=None, reading=None, watch=None, draws=draws, hour=None, since=at)


def believe_tank(
    belief: TankBelief, snapshot: Snapshot, section: HotWaterSection, zone: ZoneInfo
) -> TankBelief:
    """The tank at the snapshot's instant. Over a clock that went backwards nothing is concluded."""
    at, reading_c = snapshot.at, snapshot.value(Signal.DHW_C)
    if reading_c is None:
        return replace(belief, watch=None, hot_since=None)
    if belief.draws.people != section.people:
        belief = replace(belief, draws=replace(belief.draws, people=section.people))
    look = _Look(tank_of(section), section.sensor, at, reading_c)
    now = belief.now
    passed_s = None if now is None else (at - now.at).total_seconds()
    drawn: Drawn | None = None
    watch: Layered | None = None
    if now is None or passed_s is None or not 0.0 <= passed_s <= GONE_S:
        layered = look.guessed()
        belief = replace(belief, hot_since=None, charged_kwh=0.0)
    elif snapshot.operating_state is OperatingState.DHW:
        heat_w = _charging_w(snapshot)
        given_kwh = None if heat_w is None else heat_w * passed_s / 3.6e6
        layered = look.charged(now, _into_tank_kwh(belief, given_kwh, section))
        belief = replace(
            belief,
            charge_w=_mean_w(belief.charge_w, heat_w, passed_s),
            charged_kwh=belief.charged_kwh + (given_kwh or 0.0),
        )
    else:
        layered, watch, drawn = look.watched(belief.watch or now)
        belief = replace(belief, charged_kwh=0.0)
    reading = Reading(reading_c, at)
    through = replace(belief, now=layered, reading=reading, watch=watch or layered)
    return _sanitised(_learned(through, drawn, zone), section)


@dataclass(frozen=True, slots=True)
class _Look:
    """One reading of the sensor, and what it can mean."""

    tank: Tank
    sensor: Literal["top", "middle"]
    at: datetime
    reading_c: float

    def guessed(self) -> Layered:
        """From the reading alone."""
        behind_k = LOWER_BEHIND_K if self.sensor == "top" else 0.0
        return Layered(at=self.at, upper_c=self.reading_c, lower_c=self.reading_c - behind_k)

    def charged(self, before: Layered, heat_kwh: float | None) -> Layered:
        """After a while of charging; without a known heat both layers follow the sensor.

        A sensor at the top that rises tells that the lower layer has come to it.
        """
        after = self._step(before, 0.0, heat_kwh or 0.0)
        if self.sensor != "top" or heat_kwh is None:
            return self._matched(after)
        through = self.reading_c > before.upper_c + RISES_K
        lower_c = self.reading_c if through else min(after.lower_c, self.reading_c)
        return Layered(at=self.at, upper_c=self.reading_c, lower_c=lower_c)

    def watched(self, watch: Layered) -> tuple[Layered, Layered | None, Drawn | None]:
        """The layers now, where the look-out begins anew (None: it goes on), and what was drawn."""
        quiet = self._step(watch, 0.0, 0.0)
        lack_k = self._seen_c(quiet) - self.reading_c
        if lack_k >= NOTICE_K:
            water = self._water_kwh_per_k(watch)
            after = self._step(watch, water, 0.0)
            warm_c = 0.5 * (watch.upper_c + after.upper_c)
            kwh = water * max(warm_c - self.tank.cold_c, 0.0)
            now = self._matched(after)
            return now, now, Drawn(since=watch.at, until=self.at, kwh=kwh)
        long = (self.at - watch.at).total_seconds() >= QUIET_S
        now = self._matched(quiet)
        if lack_k <= -NOTICE_K:  # heated by something we are not told of
            return now, now, None
        if long:
            return now, now, Drawn(since=watch.at, until=self.at, kwh=0.0)
        return now, watch, None

    def _water_kwh_per_k(self, watch: Layered) -> float:
        """The draw that explains the reading, up to three times the tank."""
        most = 3.0 * self.tank.volume_l * WATER_KWH_PER_L_K

        def missed_k(water: float) -> float:
            return self._seen_c(self._step(watch, water, 0.0)) - self.reading_c

        if missed_k(most) >= 0.0:
            return most
        return float(brentq(missed_k, 0.0, most, xtol=1e-6))

    def _step(self, before: Layered, water_kwh_per_k: float, heat_kwh: float) -> Layered:
        span_h = (self.at - before.at).total_seconds() / 3600.0
        if span_h <= 0.0:
            return replace(before, at=self.at)
        layers = layers_steps(
            heated_below(self.tank),
            step_h=np.array([span_h]),
            draw_kwh_per_k=np.array([water_kwh_per_k]),
        )
        start_c = (before.upper_c, before.lower_c)
        ends_c = risen_layers(layers, start_c, np.array([1000.0 * heat_kwh / span_h]))
        return Layered(at=self.at, upper_c=float(ends_c[0, 0]), lower_c=float(ends_c[1, 0]))

    def _seen_c(self, layered: Layered) -> float:
        return layered.upper_c if self.sensor == "top" else layered.mean_c

    def _matched(self, layered: Layered) -> Layered:
        """Both layers moved so that the sensor is right; the lower one is never the warmer."""
        off_k = self.reading_c - self._seen_c(layered)
        upper_c, lower_c = layered.upper_c + off_k, layered.lower_c + off_k
        if lower_c > upper_c:
            upper_c = lower_c = self.reading_c
        return Layered(at=self.at, upper_c=upper_c, lower_c=lower_c)


def _into_tank_kwh(
    belief: TankBelief, given_kwh: float | None, section: HotWaterSection
) -> float | None:
    """What of the pump's heat reaches the tank: pump and pipes are warmed first."""
    if given_kwh is None:
        return None
    cold_kwh = max(section.warm_up_kwh - belief.charged_kwh, 0.0)
    return max(given_kwh - cold_kwh, 0.0)


def _mean_w(before_w: float | None, heat_w: float | None, span_s: float) -> float | None:
    """The heat of charges, faded over `CHARGES_S` of charging."""
    if heat_w is None or heat_w <= 0.0 or before_w is None:
        return before_w if heat_w is None or heat_w <= 0.0 else heat_w
    return before_w + min(span_s / CHARGES_S, 1.0) * (heat_w - before_w)


def _charging_w(snapshot: Snapshot) -> float | None:
    heat_w = snapshot.value(Signal.HEAT_W)
    if heat_w is not None:
        return max(heat_w, 0.0)
    power_w = snapshot.value(Signal.POWER_W)
    if power_w is None:
        power_w = snapshot.value(Signal.METER_POWER_W)
    return None if power_w is None else max(power_w, 0.0) * CHARGING_COP


def _learned(belief: TankBelief, drawn: Drawn | None, zone: ZoneInfo) -> TankBelief:
    """Put what was drawn into the local hours it fell into."""
    if drawn is None:
        return belief
    kwh_per_s = drawn.kwh / (drawn.until - drawn.since).total_seconds()
    since = drawn.since
    while since < drawn.until:
        until = min(_hour_start(since, zone) + timedelta(hours=1), drawn.until)
        kwh = kwh_per_s * (until - since).total_seconds()
        belief = _add(belief, Drawn(since=since, until=until, kwh=kwh), zone)
        since = until
    return belief


def _add(belief: TankBelief, part: Drawn, zone: ZoneInfo) -> TankBelief:
    """A draw within one local hour; the hour before it, now over, is learned from."""
    hour, draws = belief.hour, belief.draws
    starts_at = _hour_start(part.since, zone)
    hours = (part.until - part.since).total_seconds() / 3600.0
    if hour is not None and hour.starts_at == starts_at:
        more = replace(hour, hours=hour.hours + hours, kwh=hour.kwh + part.kwh)
        return replace(belief, hour=more)
    if hour is not None and hour.hours >= LEAST_LEARNED_H:
        slot = slot_of(hour.starts_at.astimezone(zone))
        draws = watched(draws, slot, hours=min(hour.hours, 1.0), kwh=hour.kwh)
    opened = OpenHour(starts_at=starts_at, hours=hours, kwh=part.kwh)
    return replace(belief, draws=draws, hour=opened)


def _hour_start(at: datetime, zone: ZoneInfo) -> datetime:
    """When the local hour began that holds `at`, in UTC."""
    local = at.astimezone(zone)
    return at - timedelta(
        minutes=local.minute, seconds=local.second, microseconds=local.microsecond
    )


def _sanitised(belief: TankBelief, section: HotWaterSection) -> TankBelief:
    """Remember when both layers were last hot enough for long enough."""
    now, wanted_c = belief.now, section.legionella_c
    if now is None or wanted_c is None or min(now.upper_c, now.lower_c) < wanted_c - THROUGH_K:
        return replace(belief, hot_since=None)
    since = now.at if belief.hot_since is None else belief.hot_since
    long = (now.at - since).total_seconds() >= section.legionella_hold_s
    return replace(belief, hot_since=since, sanitised_at=now.at if long else belief.sanitised_at)
