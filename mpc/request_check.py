"""Is a request something a plan can be made from? Asked before any mathematics."""

import math
from dataclasses import fields, is_dataclass
from typing import Any

from mpc.building import capacities_kwh_per_k
from mpc.peaks import FeeStep
from mpc.plan import PlanRequest

PER_STEP = {
    "hot_water": ("draw_kwh_per_k", "low_c", "high_c"),
    "site": ("base_load_w", "pv_w", "export_price_per_kwh"),
    "reserve": ("up_w", "down_w"),
}


def flaw(request: PlanRequest) -> str | None:
    """What makes the request unusable, in words; None when nothing does."""
    return _not_finite(request, "") or _wrong_shape(request) or _impossible(request)


def _not_finite(value: Any, name: str) -> str | None:
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{name} is {value}"
    if isinstance(value, tuple):
        if all(type(item) is float for item in value):
            bad = next((i for i, item in enumerate(value) if not math.isfinite(item)), None)
            return None if bad is None else f"{name}[{bad}] is {value[bad]}"
        return next((found for item in value if (found := _not_finite(item, name))), None)
    if isinstance(value, FeeStep):
        return None if value.below_kw > 0.0 and math.isfinite(value.fee) else f"{name} is {value}"
    if is_dataclass(value):
        for field in fields(value):
            inner = f"{name}.{field.name}" if name else field.name
            if found := _not_finite(getattr(value, field.name), inner):
                return found
    return None


def _wrong_shape(request: PlanRequest) -> str | None:
    horizon, comfort, limits = request.horizon, request.comfort, request.limits
    steps = len(horizon.outdoor_c)
    if steps < 2:
        return f"a horizon of {steps} steps is too short"
    lengths = {
        "ghi_w_per_m2": len(horizon.ghi_w_per_m2),
        "price_per_kwh": len(horizon.price_per_kwh),
        "price_known": len(horizon.price_known),
        "wind_m_s": len(horizon.wind_m_s) or steps,
        "source_c": len(horizon.source_c) or steps,
        "low_c": len(comfort.low_c),
        "high_c": len(comfort.high_c),
        "target_c": len(comfort.target_c),
        "missed_w": len(request.missed_w) or steps,
        "power_max_w": steps if limits.power_max_w is None else len(limits.power_max_w),
        **_lengths(request),
    }
    for name, length in lengths.items():
        if length != steps:
            return f"{name} has {length} entries for {steps} steps"
    into_s = (request.estimate.at - horizon.starts_at).total_seconds()
    if into_s >= horizon.step_s:
        return f"the estimate is {into_s:.0f} s into a horizon of {horizon.step_s} s steps"
    states = len(capacities_kwh_per_k(request.building))
    if len(request.estimate.state_c) != states:
        return f"the estimate has {len(request.estimate.state_c)} states, the house {states}"
    return _wrong_zones(request)


def _wrong_zones(request: PlanRequest) -> str | None:
    second = request.building.second_zone
    if (request.estimate.second_w is None) != (second is None):
        return "estimate and house do not have the same zones"
    if second is not None and second.heat_frac is None:
        return "a second zone with a heat input of its own cannot be planned"
    return None


def _lengths(request: PlanRequest) -> dict[str, int]:
    """Entries per step of the parts that a house may have."""
    found = {
        f"{part}.{name}": len(getattr(getattr(request, part), name))
        for part, names in PER_STEP.items()
        if getattr(request, part) is not None
        for name in names
    }
    charges = () if request.site is None else request.site.peaks
    if (second := request.comfort.second) is not None:
        found |= {"second.low_c": len(second.low_c), "second.high_c": len(second.high_c)}
    return found | {f"peak charge {c.name}": len(c.interval_of_step) for c in charges}


def _impossible(request: PlanRequest) -> str | None:
    building, emitter = request.building, request.emitter
    positive = {
        "horizon.step_s": request.horizon.step_s,
        "building.air_kwh_per_k": building.air_kwh_per_k,
        "building.mass_kwh_per_k": building.mass_kwh_per_k,
        "building.air_mass_w_per_k": building.air_mass_w_per_k,
        "building.mass_outdoor_w_per_k": building.mass_outdoor_w_per_k,
        "emitter.design_heat_w": emitter.design_heat_w,
        "emitter.exponent": emitter.exponent,
        "heat_pump.field_frac": request.heat_pump.field_frac,
        "heat_pump rated points": len(request.heat_pump.points),
        "heat_pump rated heat and power": min(
            (min(p.heat_w, p.power_w) for p in request.heat_pump.points), default=0.0
        ),
    }
    if request.hot_water is not None:
        positive["hot_water.tank.volume_l"] = request.hot_water.tank.volume_l
    if request.buffer is not None:
        positive["buffer.kwh_per_k"] = request.buffer.kwh_per_k
    if (zone := building.second_zone) is not None:
        for name in ("air_kwh_per_k", "mass_kwh_per_k", "air_mass_w_per_k", "mass_outdoor_w_per_k"):
            positive[f"building.second_zone.{name}"] = getattr(zone, name)
    if building.floor_kwh_per_k is not None:
        positive["building.floor_kwh_per_k"] = building.floor_kwh_per_k
        positive["building.floor_air_w_per_k"] = building.floor_air_w_per_k
    for name, value in positive.items():
        if value <= 0:
            return f"{name} must be positive, not {value}"
    heated_c = max(emitter.design_room_c, emitter.design_floor_c or emitter.design_room_c)
    if emitter.design_flow_c - emitter.design_spread_k / 2.0 <= heated_c:
        return "the emitter's design water is not warmer than what it heats"
    prices = (
        request.comfort.below_price_per_kh,
        request.comfort.above_price_per_kh,
        request.comfort.mean_price_per_kh,
    )
    return "comfort prices must not be negative" if min(prices) < 0.0 else None
