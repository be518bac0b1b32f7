"""A year's bill as a measurement of the heat loss, with its uncertainty.

    heat of the bill - hot water = sum over the year of max(L (room - outdoor) - gains - sun, 0)

is solved for the loss L. Every assumption in it is wrong by something; the loss is computed again
with each one moved by a standard deviation, and the changes of log L add up in quadrature.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from scipy.optimize import brentq

from mpc.building import Building
from mpc.climate import DEGREE_DAYS_BASE_C, heat_need_kwh, year_with
from mpc.draws import PERSON_KWH
from mpc.prior import LossBelief


class Fuel(StrEnum):
    """What was billed, and in which unit."""

    GAS_M3 = "gas_m3"
    GAS_KWH = "gas_kwh"
    OIL_L = "oil_l"
    DISTRICT_HEAT_KWH = "district_heat_kwh"
    ELECTRIC_HEATING_KWH = "electric_heating_kwh"
    HEAT_PUMP_KWH = "heat_pump_kwh"


@dataclass(frozen=True, slots=True)
class Yield:
    """Heat into the house per billed unit, and the standard deviation of its logarithm."""

    kwh_per_unit: float
    log_std: float


BOILER_FRAC = 0.85
"""Heat over gross heating value of a boiler in use, old and new ones; assumption, wrong by 8 %."""

GAS_KWH_PER_M3, OIL_KWH_PER_L = 10.6, 10.6
"""Gross heating values: natural gas of Europe has 9.8 (the Netherlands) to 11.5 at the meter."""

YIELDS = {
    Fuel.GAS_M3: Yield(GAS_KWH_PER_M3 * BOILER_FRAC, 0.11),
    Fuel.GAS_KWH: Yield(BOILER_FRAC, 0.08),
    Fuel.OIL_L: Yield(OIL_KWH_PER_L * BOILER_FRAC, 0.10),
    Fuel.DISTRICT_HEAT_KWH: Yield(1.0, 0.03),
    Fuel.ELECTRIC_HEATING_KWH: Yield(1.0, 0.03),
    Fuel.HEAT_PUMP_KWH: Yield(2.7, 0.12),
}
"""The pump's is the middle of what field trials of air-source pumps found, 2.3 to 3.1."""

GROUND_SPF = 3.45  # the middle of 2.9 to 4.0, field trials of ground-source pumps

ROOM_C, ROOM_STD_K = 20.0, 1.0  # mean over rooms and nights; assumption
GAINS_LOG_STD = 0.35  # people, appliances and sun together; assumption
PEOPLE, PEOPLE_LOG_STD, TOLD_PEOPLE_LOG_STD = 2.5, 0.5, 0.3
TOLD_DEGREE_DAYS_LOG_STD = 0.04
METHOD_LOG_STD = 0.10
"""What a yearly balance of one number misses: wind, unheated rooms, a stove; assumption."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A year of heating; `degree_days` of that year and place below `base_c`."""

    fuel: Fuel
    amount: float
    degree_days: float
    base_c: float = DEGREE_DAYS_BASE_C
    degree_days_log_std: float = TOLD_DEGREE_DAYS_LOG_STD
    yielded: Yield | None = None  # None: the fuel's usual one
    people: float | None = None  # whose hot water is in the bill; 0: none is
    hot_water_included: bool = True


@dataclass(frozen=True, slots=True)
class BilledLoss:
    """The loss a bill speaks for, and what each doubt adds to its spread (of the logarithm)."""

    loss: LossBelief
    space_heat_kwh: float
    hot_water_kwh: float
    doubts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Assumed:
    heat_kwh: float
    hot_water_kwh: float
    degree_days: float
    base_c: float
    room_c: float
    gains_w: float
    aperture_m2: float


def billed_loss(bill: Bill, building: Building) -> BilledLoss:
    """The loss at which this house (its gains, its windows) needs what was billed.

    Raises ValueError for a bill that leaves nothing for heating, or that no house comes to.
    """
    yielded = bill.yielded or YIELDS[bill.fuel]
    people = PEOPLE if bill.people is None else bill.people
    assumed = _Assumed(
        heat_kwh=bill.amount * yielded.kwh_per_unit,
        hot_water_kwh=people * PERSON_KWH * 365.0 if bill.hot_water_included else 0.0,
        degree_days=bill.degree_days,
        base_c=bill.base_c,
        room_c=ROOM_C,
        gains_w=building.internal_gains_w,
        aperture_m2=building.solar_aperture_m2,
    )
    loss_w_per_k = _loss_w_per_k(assumed)
    people_std = PEOPLE_LOG_STD if bill.people is None else TOLD_PEOPLE_LOG_STD
    moved = {
        "heat per unit": replace(assumed, heat_kwh=_up(assumed.heat_kwh, yielded.log_std)),
        "hot water": replace(assumed, hot_water_kwh=_up(assumed.hot_water_kwh, people_std)),
        "degree days": replace(
            assumed, degree_days=_up(assumed.degree_days, bill.degree_days_log_std)
        ),
        "room temperature": replace(assumed, room_c=assumed.room_c + ROOM_STD_K),
        "people, appliances, sun": replace(
            assumed,
            gains_w=_up(assumed.gains_w, GAINS_LOG_STD),
            aperture_m2=_up(assumed.aperture_m2, GAINS_LOG_STD),
        ),
    }
    doubts = {name: abs(math.log(_loss_w_per_k(a) / loss_w_per_k)) for name, a in moved.items()}
    doubts["the method"] = METHOD_LOG_STD
    return BilledLoss(
        loss=LossBelief(loss_w_per_k, math.hypot(*doubts.values())),
        space_heat_kwh=assumed.heat_kwh - assumed.hot_water_kwh,
        hot_water_kwh=assumed.hot_water_kwh,
        doubts=doubts,
    )


def _up(value: float, log_std: float) -> float:
    return value * math.exp(log_std)


def _loss_w_per_k(assumed: _Assumed) -> float:
    """The loss at which a year's need is what is left for the rooms; need grows with the loss."""
    space_kwh = assumed.heat_kwh - assumed.hot_water_kwh
    if space_kwh <= 0.0:
        raise ValueError(
            f"a bill of {assumed.heat_kwh:.0f} kWh of heat leaves nothing for the rooms after "
            f"{assumed.hot_water_kwh:.0f} kWh of hot water"
        )
    year = year_with(assumed.degree_days, assumed.base_c)

    def excess(log_loss: float) -> float:
        need_kwh = heat_need_kwh(
            year,
            loss_w_per_k=math.exp(log_loss),
            room_c=assumed.room_c,
            gains_w=assumed.gains_w,
            aperture_m2=assumed.aperture_m2,
        )
        return need_kwh - space_kwh

    return math.exp(float(brentq(excess, 0.0, 12.0, xtol=1e-10)))
