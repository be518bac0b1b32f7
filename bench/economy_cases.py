"""Who runs where and when in the economy benchmark, chosen by rule and not by result.

Two zones; in each, eight weeks spread over its season and seven spans of four weeks that are the
season. Every house stands in both zones and is steered in two of the eight weeks with relaxed
plans; plans with whole decisions cost ten times as much and run once in each of the eight weeks.
No counted week tuned a curve.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from bench.baseline import tuned_curve
from bench.economy_fit import fitted_model
from bench.spec import Prices, RunSpec
from bench.zones import load_zone
from hil.firmware import Curve

HOUSES = ("brick1935", "lowenergy2016", "rowhouse1988", "slab2004", "timber1972", "villa1961")
WEEKS = {
    "DK1": (
        "2024-01-08", "2024-02-05", "2024-03-04", "2024-04-01",
        "2024-10-07", "2024-10-28", "2024-11-18", "2024-12-09",
    ),
    "DE_LU": (
        "2023-10-02", "2023-10-30", "2023-11-27", "2023-12-25",
        "2024-01-22", "2024-02-19", "2024-03-18", "2024-04-15",
    ),
}  # fmt: skip
"""First local days, Mondays: every fourth of a season; DK1's autumn has only eleven weeks between
the start of October and a tuning week or the end of the data, so there it is every third."""

STUDIED_DK1 = ("2024-01-08", "2024-10-07", "2024-12-09")
"""Weeks in which planner variants were tried during development: no blind test."""

SEASON = {
    "DK1": (
        "2024-01-08", "2024-02-05", "2024-03-04", "2024-04-01",
        "2024-10-07", "2024-11-04", "2024-12-02",
    ),
    "DE_LU": (
        "2023-10-02", "2023-10-30", "2023-11-27", "2023-12-25",
        "2024-01-22", "2024-02-19", "2024-03-18",
    ),
}  # fmt: skip
"""First local days of four weeks each: together the season, tuning weeks included."""

SEASON_HOUSES = {"DK1": "timber1972", "DE_LU": "slab2004"}
"""The hardest house (light, radiators) and the easiest (heavy floor), one in each zone."""

WEEK_DAYS, SEASON_DAYS = 7.0, 28.0
SETTLE_DAYS = 1.0
"""Before the count begins: the controller has met the house, nobody's first hours are counted."""

PARALLELS_K = (0.0, -3.0, -1.5, 1.5, 3.0)
"""Shifts of the tuned curve for the line of cost over mean temperature; the first is the curve."""

SEASON_PARALLELS_K = (0.0, 1.5, 3.0)
"""Four weeks scatter less than one."""

PACE = (("cycle", "2 min"), ("plan_every", "30 min"))
SLOW_PACE = (("cycle", "3 min"), ("plan_every", "60 min"))
"""Slower than in a house, for the budget; `--usual-pace` shows what it changes."""

SEED = 1


class Arm(StrEnum):
    """Who heats."""

    CURVE = "tuned curve"
    OURS = "heatherd"
    RELAXED = "heatherd, relaxed"
    ROOMS = "heatherd, rooms only"
    BLIND = "price-blind MPC"
    LED = "price-led rule"
    FORESIGHT = "MPC, perfect forecasts"
    REFERENCE = "fitted MPC, perfect forecasts"
    SEASON = "heatherd, season"


SLOW_ARMS = (Arm.SEASON,)
OWN_HOT_WATER = (Arm.CURVE, Arm.LED, Arm.ROOMS)
"""There the pump makes hot water whenever it likes; a rule knows no tank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A house in a zone over a counted span."""

    house: str
    zone: str
    first_day: str  # local
    days: float

    @property
    def start_at(self) -> datetime:
        """Local midnight at which the count begins."""
        zone = ZoneInfo(load_zone(self.zone).timezone)
        return datetime.fromisoformat(self.first_day).replace(tzinfo=zone).astimezone(UTC)

    @property
    def end_at(self) -> datetime:
        """When the count ends."""
        return self.start_at + timedelta(days=self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run."""

    arm: Arm
    place: Place
    shift_k: float = 0.0  # of the tuned curve, for the parallels
    usual_pace: bool = False

    @property
    def curve(self) -> Curve:
        """The pump's own curve: what runs alone, and what a hand-back returns to."""
        tuned = tuned_curve(self.place.house, self.place.zone)
        return replace(tuned, offset_k=tuned.offset_k + self.shift_k)

    def spec(self) -> RunSpec:
        """The run, settling included."""
        arm, place = self.arm, self.place
        perfect = arm in (Arm.FORESIGHT, Arm.REFERENCE)
        prices = Prices.FORESEEN if perfect else Prices.AS_ISSUED
        steered = {Arm.CURVE: "heating-curve", Arm.LED: "price-led"}
        return RunSpec(
            house=place.house,
            zone=place.zone,
            start_at=place.start_at - timedelta(days=SETTLE_DAYS),
            days=SETTLE_DAYS + place.days,
            seed=SEED,
            strategy=steered.get(arm, "mpc"),
            curve=self.curve,
            forecast_errors=not perfect,
            prices=Prices.UNKNOWN if arm is Arm.BLIND else prices,
            refine=arm not in (Arm.SEASON, Arm.RELAXED),
            hot_water=arm not in OWN_HOT_WATER,
            model=fitted_model(place.house) if arm is Arm.REFERENCE else (),
            control=() if self.usual_pace else SLOW_PACE if arm in SLOW_ARMS else PACE,
        )


def week_places() -> list[Place]:
    """Two of the eight weeks for every house in every zone, four apart, one step on per house."""
    return [
        Place(house=house, zone=zone, first_day=weeks[week], days=WEEK_DAYS)
        for zone, weeks in WEEKS.items()
        for index, house in enumerate(HOUSES)
        for week in (index % 4, index % 4 + 4)
    ]


def opponent_places() -> list[Place]:
    """One of the two weeks of every house and zone, winter's and autumn's in turn."""
    places = week_places()
    return [places[2 * pair + (pair + pair // len(HOUSES)) % 2] for pair in range(len(places) // 2)]


def relaxed_places() -> list[Place]:
    """One house in each of the eight weeks, the zones in turn; there with less of the plan, too.

    The places of `week_places` that are the least often seen house's, so that all six come up.
    """
    found: list[Place] = []
    for week in range(len(WEEKS["DK1"])):
        zone = tuple(WEEKS)[week % 2]
        here = [p for p in week_places() if (p.zone, p.first_day) == (zone, WEEKS[zone][week])]
        found.append(min(here, key=lambda p: sum(p.house == seen.house for seen in found)))
    return found


def season_places() -> list[Place]:
    """The whole season, four weeks at a time."""
    return [
        Place(house=house, zone=zone, first_day=first_day, days=SEASON_DAYS)
        for zone, house in SEASON_HOUSES.items()
        for first_day in SEASON[zone]
    ]


def reference_places() -> list[Place]:
    """Every house once, the zones in turn."""
    pairs = {(p.house, p.zone): p for p in opponent_places()}
    zones = tuple(WEEKS)
    return [pairs[house, zones[index % 2]] for index, house in enumerate(HOUSES)]


def _curves(places: Iterable[Place], shifts_k: Iterable[float] = PARALLELS_K) -> list[Case]:
    """The tuned curve and its parallels."""
    shifts_k = tuple(shifts_k)
    return [
        Case(arm=Arm.CURVE, place=place, shift_k=shift_k)
        for place in places
        for shift_k in shifts_k
    ]


def all_cases(*, usual_pace: bool = False) -> list[Case]:
    """The whole benchmark, what matters most first: an interrupted one says something already."""
    weeks, some, season = week_places(), opponent_places(), season_places()
    steered = [
        (Arm.OURS, weeks),
        (Arm.BLIND, some),
        (Arm.RELAXED, relaxed_places()),
        (Arm.ROOMS, relaxed_places()),
        (Arm.FORESIGHT, reference_places()),
        (Arm.LED, reference_places()),
        (Arm.REFERENCE, reference_places()),
    ]
    cases = _curves(weeks)
    cases += [
        Case(arm=arm, place=place, usual_pace=usual_pace)
        for arm, places in steered
        for place in places
    ]
    cases += _curves(season, SEASON_PARALLELS_K)
    cases += [Case(arm=Arm.SEASON, place=place, usual_pace=usual_pace) for place in season]
    return cases
