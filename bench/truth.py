"""The figures of a run from the plant's truth: what really happened. Pure."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from bench.zones import HourlyPrices
from hil.simulated_house import Truth
from mpc.tariff import Tariff

WARM_WATER_C = 40.0
"""Below this at the top of the tank a shower is no pleasure."""

WATER_KWH_PER_L_K = 1.163e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueKpis:
    """Comfort is that of the worst zone; the mean room temperature is that of both zones."""

    electricity_kwh: float
    cost: float
    spot_cost: float
    mean_price: float
    comfort_kh_below: float
    comfort_kh_above: float
    mean_room_temp_c: float
    heat_left_kwh: float  # in the house, and in the tank where its volume was told
    cold_water_kh: float
    compressor_starts: int
    spf: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def spot_at(prices: HourlyPrices, at: datetime) -> float:
    """The spot price in force; NaN outside the data."""
    index = math.floor((at - prices.starts_at).total_seconds() / 3600.0)
    value = prices.per_kwh[index] if 0 <= index < len(prices.per_kwh) else None
    return math.nan if value is None else value


def true_kpis(
    truths: Sequence[Truth],
    *,
    prices: HourlyPrices,
    tariff: Tariff,
    low_c: float,
    high_c: float,
    tank_l: float = 0.0,
) -> TrueKpis:
    """Sum up a trace; temperatures hold until the next entry, energies come from the counters.

    `tank_l`: of hot water; 0 leaves the tank out of the heat that is left.
    """
    below_kh = above_kh = spot_cost = cost = 0.0
    room_kh = hours_in_all = cold_water_kh = 0.0
    for now, following in pairwise(truths):
        hours = (following.at - now.at).total_seconds() / 3600.0
        used_kwh = following.electricity_kwh - now.electricity_kwh
        spot = spot_at(prices, now.at)
        spot_cost += used_kwh * spot
        cost += used_kwh * tariff.price_per_kwh(spot, now.at)
        below_kh += max(low_c - min(now.zone_c), 0.0) * hours
        above_kh += max(max(now.zone_c) - high_c, 0.0) * hours
        room_kh += sum(now.zone_c) / len(now.zone_c) * hours
        cold_water_kh += max(WARM_WATER_C - now.dhw_c, 0.0) * hours
        hours_in_all += hours
    first, last = truths[0], truths[-1]
    energy_kwh = last.electricity_kwh - first.electricity_kwh
    heat_kwh = last.heat_kwh - first.heat_kwh
    return TrueKpis(
        electricity_kwh=energy_kwh,
        cost=cost,
        spot_cost=spot_cost,
        mean_price=cost / energy_kwh if energy_kwh > 0.0 else math.nan,
        comfort_kh_below=below_kh,
        comfort_kh_above=above_kh,
        mean_room_temp_c=room_kh / hours_in_all,
        heat_left_kwh=last.stored_kwh
        - first.stored_kwh
        + WATER_KWH_PER_L_K * tank_l * (last.dhw_c - first.dhw_c),
        cold_water_kh=cold_water_kh,
        compressor_starts=last.compressor_starts - first.compressor_starts,
        spf=heat_kwh / energy_kwh if energy_kwh > 0.0 else math.nan,
    )
