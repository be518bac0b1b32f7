"""Reasons that need the request: limits, peaks, the machine's times, the roof, hot water."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from mpc.explain import Activity, Block, explain
from mpc.peaks import PeakCharge, PeakGroup
from mpc.plan import BackupHeater, Compressor, Plan, PlanRequest, Site, Solved
from mpc.reasons import Reason
from mpc.solver import solve
from mpc.storage import HotWater, Tank

Make = Callable[..., PlanRequest]
HOURS = 8
STEPS = 4 * HOURS


def hourly(*values: float) -> tuple[float, ...]:
    """Each value for an hour of quarters, the last until the end."""
    spread = [value for value in values for _ in range(4)]
    return tuple(spread + [values[-1]] * (STEPS - len(spread)))


def told(
    request: PlanRequest,
    *,
    heat_w: tuple[float, ...],
    room_c: tuple[float, ...] = (),
    **more: Any,
) -> list[Block]:
    """What is said of a plan with these numbers; a third of the heat is electricity."""
    horizon = request.horizon
    usual: dict[str, Any] = {
        "power_w": tuple(heat / 3.0 for heat in heat_w),
        "run_frac": tuple(float(heat > 0.0) for heat in heat_w),
    }
    plan = Plan(
        made_at=request.made_at, starts_at=horizon.starts_at, step_s=horizon.step_s, source="mpc",
        heat_w=heat_w, flow_c=(35.0,) * STEPS, room_c=room_c or (21.0,) * STEPS,
        price_per_kwh=horizon.price_per_kwh, price_known=horizon.price_known,
        low_c=request.comfort.low_c, high_c=request.comfort.high_c, cost=1.0, discomfort_kh=0.0,
        **{**usual, **more},
    )  # fmt: skip
    return explain(plan, request)


@pytest.fixture
def request_(make_request: Make) -> PlanRequest:
    """Eight hours at a flat price: price is no reason for anything."""
    return make_request(hours=HOURS, prices=(0.2,) * STEPS)


def limited(request: PlanRequest, *limit_w: float) -> PlanRequest:
    return replace(request, limits=replace(request.limits, power_max_w=hourly(*limit_w)))


def connected(request: PlanRequest, *, base_w: float, pv_w: float, level_kw: float) -> PlanRequest:
    charge = PeakCharge(
        name="month", kind=PeakGroup.FREE, interval_s=3600, step_frac=0.25,
        interval_of_step=tuple(k // 4 for k in range(STEPS)), past_kw=(0.0,) * HOURS,
        weight_frac=(1.0,) * HOURS, group_of_interval=tuple(range(HOURS)),
        floor_kw=(0.0,) * HOURS, history_kw=(level_kw,), price_per_kw=5.0,
    )  # fmt: skip
    site = Site(
        base_load_w=(base_w,) * STEPS, pv_w=(pv_w,) * STEPS, export_price_per_kwh=(0.05,) * STEPS,
        peaks=(charge,) if level_kw > 0.0 else (),
    )  # fmt: skip
    return replace(request, site=site)


def test_as_much_as_a_limit_allows_is_the_limits_doing(request_: PlanRequest) -> None:
    standby_w = request_.heat_pump.standby_w
    block = told(
        limited(request_, 1500.0), heat_w=(4500.0,) * STEPS, power_w=(1500.0 + standby_w,) * STEPS
    )[0]
    assert block.reason is Reason.POWER_LIMIT
    assert "1.5 kW" in block.sentence


def test_a_reduction_is_named_during_it_and_before_it(request_: PlanRequest) -> None:
    warming = tuple(np.linspace(20.8, 21.6, 8).tolist()) + (21.0,) * (STEPS - 8)
    blocks = told(
        limited(request_, 3000.0, 3000.0, 1000.0, 1000.0, 3000.0),
        heat_w=hourly(5000.0, 5000.0, 0.0, 0.0, 3000.0),
        room_c=warming,
    )
    assert [block.reason for block in blocks[:2]] == [Reason.BEFORE_REDUCTION, Reason.REDUCTION]
    assert "1.0 kW" in blocks[1].sentence


def test_running_slower_within_a_reduction_is_told_as_such(request_: PlanRequest) -> None:
    blocks = told(
        limited(request_, 3000.0, 1000.0, 3000.0),
        heat_w=hourly(6000.0, 2000.0, 6000.0),
        power_w=hourly(1700.0, 1000.0 + request_.heat_pump.standby_w, 1700.0),
    )
    assert blocks[1].activity is Activity.RUNNING
    assert blocks[1].reason is Reason.REDUCTION


def test_a_pump_that_stays_below_the_billed_peak_says_so(request_: PlanRequest) -> None:
    site = connected(request_, base_w=1000.0, pv_w=0.0, level_kw=2.0)
    slowed = told(site, heat_w=hourly(6000.0, 3000.0, 3000.0))
    assert slowed[1].reason is Reason.PEAK_CHARGE
    busy = replace(site.site, base_load_w=hourly(1900.0, 1900.0, 200.0)) if site.site else None
    off = told(replace(site, site=busy), heat_w=hourly(0.0, 0.0, 3000.0))
    assert off[0].reason is Reason.PEAK_CHARGE


def test_power_left_over_from_the_roof_is_a_reason(request_: PlanRequest) -> None:
    sunny = connected(request_, base_w=500.0, pv_w=3000.0, level_kw=0.0)
    assert told(sunny, heat_w=(3000.0,) * STEPS)[0].reason is Reason.PV_SURPLUS
    dull = connected(request_, base_w=500.0, pv_w=600.0, level_kw=0.0)
    assert told(dull, heat_w=(3000.0,) * STEPS)[0].reason is Reason.HOLD


def test_minimum_times_are_named_while_they_last(request_: PlanRequest) -> None:
    started = Compressor(minimum_run_s=3600.0, minimum_off_s=3600.0, running=True, since_s=600.0)
    run = told(replace(request_, compressor=started), heat_w=hourly(3000.0, 0.0))
    assert run[0].reason is Reason.MINIMUM_RUN
    stopped = replace(started, running=False)
    rest = told(replace(request_, compressor=stopped), heat_w=hourly(0.0, 3000.0))
    assert rest[0].reason is Reason.MINIMUM_OFF
    long_ago = replace(stopped, since_s=7200.0)
    rest = told(replace(request_, compressor=long_ago), heat_w=hourly(0.0, 3000.0))
    assert rest[0].reason is Reason.MILD


def test_the_back_up_heater_is_named_where_it_is_needed(request_: PlanRequest) -> None:
    heater = replace(request_, heater=BackupHeater(stage_w=3000.0, stages=1))
    block = told(heater, heat_w=(6000.0,) * STEPS, heater_w=(2000.0,) * STEPS)[0]
    assert block.reason is Reason.BACK_UP_HEATER


# ---- hot water -----------------------------------------------------------------------------------


def with_tank(request: PlanRequest, **changes: Any) -> PlanRequest:
    water = HotWater(
        tank=Tank(
            volume_l=180.0, loss_w_per_k=1.8, layers_w_per_k=8.0, heat_to_upper_frac=0.5,
            cold_c=10.0, room_c=20.0, approach_k=5.0,
        ),
        state_c=(46.0, 44.0), draw_kwh_per_k=(0.0,) * STEPS, low_c=(35.0,) * STEPS,
        high_c=(60.0,) * STEPS, below_price_per_kh=1.0,
    )  # fmt: skip
    return replace(request, hot_water=replace(water, **changes))


def charged(request: PlanRequest, **more: Any) -> list[Block]:
    """The tank is heated in the second hour, the rooms in all others."""
    numbers: dict[str, Any] = {
        "dhw_heat_w": hourly(0.0, 5000.0, 0.0),
        "dhw_run_frac": hourly(0.0, 1.0, 0.0),
        "dhw_c": (46.0,) * 4 + (47.0, 49.0, 51.0, 53.0) + (52.0,) * (STEPS - 8),
        "power_w": (1700.0,) * STEPS,
    }
    return told(request, heat_w=hourly(3000.0, 0.0, 3000.0), **{**numbers, **more})


def test_hot_water_is_a_block_of_its_own_beside_those_of_the_rooms(request_: PlanRequest) -> None:
    blocks = charged(with_tank(request_))
    tank = [block for block in blocks if block.activity is Activity.HOT_WATER]
    rooms = [block for block in blocks if block.activity is not Activity.HOT_WATER]
    assert all(a.ends_at == b.starts_at for a, b in pairwise(rooms))
    assert len(tank) == 1
    assert (tank[0].starts_at, tank[0].ends_at) == (rooms[1].starts_at, rooms[1].ends_at)
    assert (tank[0].tank_from_c, tank[0].tank_to_c) == (46.0, 53.0)
    assert tank[0].mean_heat_w == 5000.0
    assert tank[0].sentence.startswith("Hot water to 53 °C: ")
    assert rooms[1].reason is Reason.HOT_WATER_FIRST


def test_hot_water_for_a_deadline_or_in_cheap_hours_or_against_legionella(
    request_: PlanRequest, priced: Callable[[PlanRequest, tuple[float, ...]], PlanRequest]
) -> None:
    def reason(request: PlanRequest, **more: Any) -> Reason:
        blocks = charged(request, **more)
        return next(b.reason for b in blocks if b.activity is Activity.HOT_WATER)

    assert reason(with_tank(request_)) is Reason.HOT_WATER
    due = with_tank(request_, low_c=hourly(35.0, 35.0, 35.0, 51.0))
    assert reason(due) is Reason.HOT_WATER_DEADLINE
    cheap = priced(with_tank(request_), hourly(0.3, 0.1, 0.3))
    assert reason(cheap) is Reason.HOT_WATER_CHEAP
    hot = (46.0,) * 4 + (50.0, 54.0, 58.0, 60.0) + (59.0,) * (STEPS - 8)
    clean = with_tank(request_, sanitise_c=60.0, sanitise_steps=(4, 11))
    assert reason(clean, dhw_c=hot) is Reason.LEGIONELLA
    heater = hourly(0.0, 3000.0, 0.0)
    assert (
        reason(with_tank(request_), heater_w=heater, dhw_heat_w=(0.0,) * STEPS)
        is Reason.BACK_UP_HEATER
    )


def test_a_plan_of_an_earlier_version_is_explained_without_its_request(
    request_: PlanRequest,
) -> None:
    old = told(request_, heat_w=hourly(3000.0, 0.0, 3000.0), run_frac=())
    assert [block.activity for block in old] == [
        Activity.RUNNING, Activity.IDLE, Activity.RUNNING,
    ]  # fmt: skip
    assert all(block.marginal_per_kwh is None for block in old)


def test_an_optimised_plan_with_hot_water_is_explained_whole(make_request: Make) -> None:
    request = make_request(hours=HOURS)
    request = with_tank(request, low_c=hourly(35.0, 35.0, 35.0, 48.0), state_c=(40.0, 35.0))
    result = solve(request)
    assert isinstance(result, Solved)
    blocks = explain(result.plan, request)
    rooms = [block for block in blocks if block.activity is not Activity.HOT_WATER]
    assert rooms[-1].ends_at - rooms[0].starts_at == timedelta(hours=HOURS)
    tank = [block for block in blocks if block.activity is Activity.HOT_WATER]
    assert {block.reason for block in tank} <= {Reason.HOT_WATER_DEADLINE, Reason.HOT_WATER_CHEAP}
    assert tank
    assert all(block.marginal_per_kwh is not None for block in blocks)
    assert all(block.sentence.endswith(".") and "\n" not in block.sentence for block in blocks)
