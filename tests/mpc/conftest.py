"""Requests to plan from: one house, made-up but plausible weather and prices."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from mpc.building import EmitterKind, MassClass, archetype, emitter_for
from mpc.estimator import initial
from mpc.heat_pump_maps import air_water_surrogate
from mpc.horizon import Horizon
from mpc.peaks import FeeStep, PeakCharge, PeakGroup
from mpc.plan import (
    BackupHeater,
    Comfort,
    Compressor,
    HeatLimits,
    PlanRequest,
    Site,
    Solved,
)
from mpc.solver import solve
from mpc.storage import HotWater, Tank

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


TANK = Tank(
    volume_l=200.0,
    loss_w_per_k=1.8,
    layers_w_per_k=4.0,
    heat_to_upper_frac=0.5,
    cold_c=9.0,
    room_c=18.0,
    approach_k=6.0,
)
DRAWS_KWH_PER_K = ((7, 0.024), (12, 0.008), (19, 0.03))  # at these hours: 30 l, 10 l and 40 l
FEE_STEPS = tuple(
    FeeStep(below_kw=below_kw, fee=fee)
    for below_kw, fee in ((2.0, 10.0), (3.0, 15.0), (5.0, 25.0), (10.0, 40.0), (math.inf, 80.0))
)


def _hot_water(steps: int, *, state_c: tuple[float, float] = (48.0, 44.0)) -> HotWater:
    """200 l, warm at all times and warmer by seven o'clock (every day the same)."""
    per_hour, draw, low = 3600 // STEP_S, np.zeros(steps), np.full(steps, 42.0)
    for day in range(0, steps, 24 * per_hour):
        for hour, kwh_per_k in DRAWS_KWH_PER_K:
            if day + hour * per_hour < steps:
                draw[day + hour * per_hour] = kwh_per_k
        low[day + 6 * per_hour : day + 7 * per_hour] = 46.0
    return HotWater(
        tank=TANK,
        state_c=state_c,
        draw_kwh_per_k=tuple(draw.tolist()),
        low_c=tuple(low.tolist()),
        high_c=(55.0,) * steps,
        below_price_per_kh=1.0,
    )


def _day_peaks(
    steps: int, *, fees: bool = False, price_per_kw: float = 4.0, step_s: int = STEP_S
) -> PeakCharge:
    """The mean of the three highest days, each its highest hour; two days came before."""
    per_hour = 3600 // step_s
    hours = -(-steps // per_hour)
    days = -(-hours // 24)
    return PeakCharge(
        name="three days",
        kind=PeakGroup.DAY,
        interval_s=3600,
        step_frac=1.0 / per_hour,
        interval_of_step=tuple(i // per_hour for i in range(steps)),
        past_kw=(0.0,) * hours,
        weight_frac=(1.0,) * hours,
        group_of_interval=tuple(i // 24 for i in range(hours)),
        floor_kw=(0.0,) * days,
        history_kw=(2.0, 1.5, 0.0),
        price_per_kw=price_per_kw,
        steps=FEE_STEPS if fees else (),
    )


def _site(steps: int, *, seed: int = 0, peaks: tuple[PeakCharge, ...] = ()) -> Site:
    """Other loads of 0.3 to 0.7 kW and a midday of PV."""
    hour = np.arange(steps) * STEP_S / 3600.0 % 24.0
    load_w = 300.0 + 400.0 * np.random.default_rng(seed).random(steps)
    pv_w = np.where((hour > 8.0) & (hour < 16.0), 1500.0 * np.sin((hour - 8.0) / 8.0 * np.pi), 0.0)
    return Site(
        base_load_w=tuple(load_w.tolist()),
        pv_w=tuple(np.maximum(pv_w, 0.0).tolist()),
        export_price_per_kwh=(0.05,) * steps,
        peaks=peaks,
    )


def _everything(*, fees: bool = False, seed: int = 0, **house: Any) -> PlanRequest:
    """A house with all parts: hot water, heater, PV, peak charge, limits; `house` as `_request`."""
    request = _request(**{"outdoor_c": 2.0, "year": 1985, "mass": MassClass.MEDIUM, **house})
    steps = len(request.horizon.outdoor_c)
    return replace(
        request,
        compressor=Compressor(
            minimum_run_s=1800.0,
            minimum_off_s=1800.0,
            dwell_s=1800.0,
            start_price=0.03,
            starts_per_day=10,
            starts_left=6,
            circulation_w=30.0,
            running=False,
            since_s=7200.0,
        ),
        heater=BackupHeater(stage_w=1000.0, stages=3),
        hot_water=_hot_water(steps),
        site=_site(steps, seed=seed, peaks=(_day_peaks(steps, fees=fees),)),
        limits=replace(request.limits, power_max_w=(6000.0,) * steps),
    )


def _relaxed(request: PlanRequest, **search: Any) -> PlanRequest:
    return replace(request, search=replace(request.search, refine=False, **search))


@lru_cache(maxsize=64)
def _solved(request: PlanRequest) -> Solved:
    result = solve(request)
    assert isinstance(result, Solved), result
    return result


@pytest.fixture
def solved() -> Callable[[PlanRequest], Solved]:
    """The answer to a request that has one."""
    return _solved


@pytest.fixture
def relaxed_request() -> Callable[..., PlanRequest]:
    """The same request without whole decisions."""
    return _relaxed


@pytest.fixture
def everything() -> Callable[..., PlanRequest]:
    """A house with all parts that a plan can have, but buffer and reserve."""
    return _everything


@pytest.fixture
def make_hot_water() -> Callable[..., HotWater]:
    return _hot_water


@pytest.fixture
def make_site() -> Callable[..., Site]:
    return _site


@pytest.fixture
def day_peaks() -> Callable[..., PeakCharge]:
    """The charge on the three highest days' hours."""
    return _day_peaks


@pytest.fixture
def make_request() -> Callable[..., PlanRequest]:
    return _request


@pytest.fixture
def priced() -> Callable[[PlanRequest, tuple[float, ...]], PlanRequest]:
    """The same request at other prices."""
    return _priced
