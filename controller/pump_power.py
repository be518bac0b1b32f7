"""What the pump can draw at today's temperatures without stopping, and what heat costs it. Pure."""

from dataclasses import dataclass

from controller.brine import source_now
from controller.model import HouseModel
from controller.snapshot import Snapshot
from controller.steering import COOLEST_FLOW_C, MILD_OUTDOOR_C, MODEST_FLOW_C
from drivers.api import Signal
from mpc.heat_pump import capacity_w, cop, part_load_gain

MARGIN_FRAC = 0.1
"""Kept from the ends: a pump that is asked for its very lowest power may stop instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerRange:
    """Electricity of a running compressor, the margin kept at both ends; heat per electricity."""

    least_w: float
    most_w: float
    cop: float  # at full load: the fewest kWh of heat that a kWh of electricity is


def power_range(snapshot: Snapshot, model: HouseModel, lowest_frac: float) -> PowerRange:
    """From the model's map; `lowest_frac` is the lowest continuous heat as a share of capacity."""
    outdoor_c, flow_c = snapshot.value(Signal.OUTDOOR_C), snapshot.value(Signal.FLOW_C)
    warm_c = MODEST_FLOW_C if flow_c is None else max(flow_c, COOLEST_FLOW_C)
    pump = model.heat_pump
    source_c = source_now(snapshot, pump, MILD_OUTDOOR_C if outdoor_c is None else outdoor_c)
    full_w = float(capacity_w(pump, source_c, warm_c))
    full_cop = float(cop(pump, source_c, warm_c))
    gain = float(part_load_gain(source_c, warm_c, lowest_frac))
    least_w = lowest_frac * full_w / (full_cop * gain) + pump.standby_w
    most_w = full_w / full_cop + pump.standby_w
    return PowerRange(
        least_w=least_w * (1.0 + MARGIN_FRAC), most_w=most_w * (1.0 - MARGIN_FRAC), cop=full_cop
    )
