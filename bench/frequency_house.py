"""What two hours of full activation do to rooms and pump: the house beside its undisturbed twin."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from bench.baseline import tuned_curve
from bench.tables import Row
from drivers.api import Capability
from hil.house import load_house
from hil.simulated_house import SimulatedHouse, Truth
from hil.weather import WeatherTrace
from mpc.arrays import FloatArray

HOUSES = ("timber1972", "brick1935", "slab2004")
OUTDOOR_C = (-7.0, 2.0, 7.0)
CAPACITY_W = 500.0
SUSTAINED = timedelta(hours=2)
WATCHED = timedelta(hours=12)  # after the activation
MINUTE = timedelta(minutes=1)
BASELINE_MIN = 30
SETTLED_AT = datetime(2025, 1, 18, 0, tzinfo=UTC)  # after three days; the event begins at night
NO_LIMIT_W = 20_000.0
BACK_K = 0.1  # so near to the twin's rooms they count as recovered


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one activation."""

    house: str
    outdoor_c: float
    baseline_w: float
    held_frac: float  # of the promise, mean over the two hours, against the baseline
    stops: int  # of the compressor, more than the twin's
    colder_k: float  # largest, in the worse zone, against the twin
    back_h: float | None  # from the end of the activation; None: later than it was watched
    spared_kwh: float  # against the twin, in the two hours
    returned_kwh: float  # and what was used more afterwards
    highest_more_w: float  # mean of a quarter of an hour afterwards


def activation_costs() -> list[Cost]:
    """Every house in every weather."""
    return [activation_cost(house, outdoor_c) for house in HOUSES for outdoor_c in OUTDOOR_C]


def activation_cost(house: str, outdoor_c: float) -> Cost:
    """Settle on the tuned curve, then live the same night twice."""
    plant = settled(house, outdoor_c)
    twin = copy.deepcopy(plant)
    before = lived(plant, SETTLED_AT, timedelta(minutes=BASELINE_MIN), None)
    lived(twin, SETTLED_AT, timedelta(minutes=BASELINE_MIN), None)
    begins_at = SETTLED_AT + timedelta(minutes=BASELINE_MIN)
    baseline_w = mean_w(before)
    ends_at = begins_at + SUSTAINED
    during = lived(plant, begins_at, SUSTAINED, baseline_w - CAPACITY_W)
    undisturbed = lived(twin, begins_at, SUSTAINED, None)
    after = lived(plant, ends_at, WATCHED, NO_LIMIT_W)
    twin_after = lived(twin, ends_at, WATCHED, None)
    colder_k = gaps_k([*during, *after], [*undisturbed, *twin_after])
    late_k = gaps_k(after, twin_after)
    still = np.flatnonzero(late_k > BACK_K)
    more_w = np.array([a.power_w - b.power_w for a, b in zip(after, twin_after, strict=True)])
    quarters = np.convolve(more_w, np.full(15, 1.0 / 15.0), mode="valid")
    last = 0 if not len(still) else int(still[-1]) + 1
    return Cost(
        house=house,
        outdoor_c=outdoor_c,
        baseline_w=baseline_w,
        held_frac=(baseline_w - mean_w(during)) / CAPACITY_W,
        stops=starts_of([*during, *after]) - starts_of([*undisturbed, *twin_after]),
        colder_k=float(colder_k.max()),
        back_h=None if last >= len(late_k) else last / 60.0,
        spared_kwh=kwh(undisturbed) - kwh(during),
        returned_kwh=kwh(after) - kwh(twin_after),
        highest_more_w=float(quarters.max()),
    )


def settled(house: str, outdoor_c: float) -> SimulatedHouse:
    """After three days of this weather, without sun."""
    start_at = SETTLED_AT - timedelta(days=3)
    hours = 24 * 5
    weather = WeatherTrace(
        starts_at=start_at - timedelta(hours=1), step_s=3600, outdoor_c=(outdoor_c,) * hours,
        direct_horizontal_w_per_m2=(0.0,) * hours, diffuse_horizontal_w_per_m2=(0.0,) * hours,
        wind_m_per_s=(4.0,) * hours,
    )  # fmt: skip
    plant = SimulatedHouse(
        load_house(house), weather, start_at=start_at, seed=1, curve=tuned_curve(house, "DK1")
    )
    plant.advance(SETTLED_AT)
    return plant


def lived(
    plant: SimulatedHouse, from_at: datetime, span: timedelta, limit_w: float | None
) -> list[Truth]:
    """Minute by minute, under this limit of power; None: under none."""
    truths: list[Truth] = []
    for minute in range(1, span // MINUTE + 1):
        if limit_w is not None:
            plant.other_writer(Capability.POWER_LIMIT, limit_w)
        plant.advance(from_at + minute * MINUTE)
        truths.append(plant.truth())
    return truths


def gaps_k(with_it: Sequence[Truth], without: Sequence[Truth]) -> FloatArray:
    """How much colder the worse zone is than the twin's, minute by minute."""
    pairs = zip(with_it, without, strict=True)
    return np.array(
        [max(b - a for a, b in zip(x.zone_c, y.zone_c, strict=True)) for x, y in pairs],
        dtype=np.float64,
    )


def mean_w(truths: Sequence[Truth]) -> float:
    """Mean power."""
    return float(np.mean([truth.power_w for truth in truths]))


def kwh(truths: Sequence[Truth]) -> float:
    """Electricity."""
    return mean_w(truths) * len(truths) / 60_000.0


def starts_of(truths: Sequence[Truth]) -> int:
    """Of the compressor."""
    return truths[-1].compressor_starts - truths[0].compressor_starts


def cost_rows(costs: Sequence[Cost]) -> list[Row]:
    """For the page."""
    return [
        {
            "house": cost.house,
            "outdoors °C": cost.outdoor_c,
            "baseline W": round(cost.baseline_w),
            "held % of the promise": round(100.0 * cost.held_frac),
            "more starts": cost.stops,
            "colder by at most K": cost.colder_k,
            "back within 0.1 K after h": cost.back_h,
            "spared kWh": cost.spared_kwh,
            "used more afterwards kWh": cost.returned_kwh,
            "highest quarter above the twin W": round(cost.highest_more_w),
        }
        for cost in costs
    ]
