"""What a run used and gave, counted from the plant's truth over a part of it. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from bench.truth import WARM_WATER_C, WATER_KWH_PER_L_K
from drivers.api import OperatingState
from hil.simulated_house import Truth

HOUR = timedelta(hours=1)
LOW_C, HIGH_C = 20.0, 22.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Energies by hour from the start of the count; comfort is that of the worse zone."""

    hourly_kwh: tuple[float, ...]  # electricity
    hourly_dhw_kwh: tuple[float, ...]  # the part of it for hot water
    heat_kwh: float
    backup_kwh: float
    heat_left_kwh: float  # in house, water and tank, end minus start
    mean_room_c: float
    below_kh: float
    above_kh: float
    cold_water_kh: float
    starts: int

    @property
    def electricity_kwh(self) -> float:
        """All of it."""
        return sum(self.hourly_kwh)

    @property
    def outside_kh(self) -> float:
        """Kelvin-hours outside the band, both sides."""
        return self.below_kh + self.above_kh

    @property
    def peak_kw(self) -> float:
        """The highest mean power over a clock hour."""
        return max(self.hourly_kwh)

    @property
    def spf(self) -> float:
        """Heat per electricity, hot water and back-up heater included."""
        return self.heat_kwh / self.electricity_kwh


def figures(
    truths: Sequence[Truth], *, start_at: datetime, end_at: datetime, tank_l: float
) -> Figures:
    """Count from `start_at` to `end_at`; both must be instants of the trace.

    Temperatures hold until the next entry, energies come from the counters.
    """
    span = [truth for truth in truths if start_at <= truth.at <= end_at]
    if not span or span[0].at != start_at or span[-1].at != end_at:
        raise ValueError(f"the trace does not hold {start_at} to {end_at}")
    hours = math.ceil((end_at - start_at) / HOUR)
    used_kwh, dhw_kwh = [0.0] * hours, [0.0] * hours
    below_kh = above_kh = cold_water_kh = room_kh = 0.0
    for now, following in pairwise(span):
        hour = (now.at - start_at) // HOUR
        lasts_h = (following.at - now.at) / HOUR
        kwh = following.electricity_kwh - now.electricity_kwh
        used_kwh[hour] += kwh
        if now.operating_state is OperatingState.DHW:
            dhw_kwh[hour] += kwh
        below_kh += max(LOW_C - min(now.zone_c), 0.0) * lasts_h
        above_kh += max(max(now.zone_c) - HIGH_C, 0.0) * lasts_h
        cold_water_kh += max(WARM_WATER_C - now.dhw_c, 0.0) * lasts_h
        room_kh += sum(now.zone_c) / len(now.zone_c) * lasts_h
    first, last = span[0], span[-1]
    tank_kwh = WATER_KWH_PER_L_K * tank_l * (last.dhw_c - first.dhw_c)
    return Figures(
        hourly_kwh=tuple(used_kwh),
        hourly_dhw_kwh=tuple(dhw_kwh),
        heat_kwh=last.heat_kwh - first.heat_kwh,
        backup_kwh=last.backup_kwh - first.backup_kwh,
        heat_left_kwh=last.stored_kwh - first.stored_kwh + tank_kwh,
        mean_room_c=room_kh / ((end_at - start_at) / HOUR),
        below_kh=below_kh,
        above_kh=above_kh,
        cold_water_kh=cold_water_kh,
        starts=last.compressor_starts - first.compressor_starts,
    )
