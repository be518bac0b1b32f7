"""Requests to plan from: one house, made-up but plausible weather and prices."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from mpc.building import EmitterKind, MassClass, archetype, emitter_for
from mpc.estimator import initial
from mpc.heat_pump_maps import air_water_surrogate
from mpc.horizon import Horizon
from mpc.plan import Comfort, HeatLimits, PlanRequest

STARTS_AT = datetime(2024, 1, 15, tzinfo=UTC)
STEP_S = 900


def _request(
    *,
    kind: EmitterKind = EmitterKind.RADIATOR,
    mass: MassClass = MassClass.LIGHT,
    year: int = 1970,
    hours: int = 24,
    outdoor_c: float = 0.0,
    room_c: float = 21.0,
    prices: tuple[float, ...] | None = None,
) -> PlanRequest:
    steps = hours * 3600 // STEP_S
    building = archetype(year=year, area_m2=140.0, mass=mass, emitter=kind)
    design_flow_c = 50.0 if kind is EmitterKind.RADIATOR else 38.0
    emitter = emitter_for(building=building, kind=kind, design_flow_c=design_flow_c)
    hour = np.arange(steps) * STEP_S / 3600.0
    outdoor = outdoor_c + 3.0 * np.sin((hour - 9.0) / 24.0 * 2.0 * math.pi)
    if prices is None:
        wave = 0.25 + 0.12 * np.sin((hour - 3.0) / 12.0 * 2.0 * math.pi)
        prices = tuple(wave.tolist())
    return PlanRequest(
        made_at=STARTS_AT,
        horizon=Horizon(
            starts_at=STARTS_AT,
            step_s=STEP_S,
            outdoor_c=tuple(outdoor.tolist()),
            ghi_w_per_m2=(0.0,) * steps,
            spot_per_kwh=prices,
            price_per_kwh=prices,
            price_known=(True,) * steps,
            notes=(),
        ),
        estimate=initial(building, at=STARTS_AT, room_c=room_c, outdoor_c=outdoor_c),
        comfort=Comfort(
            low_c=(20.0,) * steps,
            high_c=(22.5,) * steps,
            target_c=(21.0,) * steps,
            balance_kh=0.0,
            below_price_per_kh=2.0,
            above_price_per_kh=1.0,
            mean_price_per_kh=0.5,
        ),
        limits=HeatLimits(flow_max_c=55.0, power_max_w=None, modulation_min_frac=0.3),
        building=building,
        emitter=emitter,
        heat_pump=air_water_surrogate(emitter.design_heat_w),
    )


def _priced(request: PlanRequest, prices: tuple[float, ...]) -> PlanRequest:
    horizon = replace(request.horizon, spot_per_kwh=prices, price_per_kwh=prices)
    return replace(request, horizon=horizon)


@pytest.fixture
def make_request() -> Callable[..., PlanRequest]:
    return _request


@pytest.fixture
def priced() -> Callable[[PlanRequest, tuple[float, ...]], PlanRequest]:
    """The same request at other prices."""
    return _priced
