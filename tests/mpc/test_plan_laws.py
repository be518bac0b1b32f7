"""Laws that hold for every plan: prices, stores, limits, clock changes."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpc.building import EmitterKind
from mpc.numbers import numbers_of, shape_of, stage_of
from mpc.peak_charges import charges
from mpc.peak_state import nothing_counted
from mpc.peak_tariff import PeakRate, PeakTariff
from mpc.plan import PlanRequest, Solved
from mpc.problem import compiled
from mpc.solver import Conditions, first_conditions
from mpc.solvers import SOLVED, relaxed
from mpc.storage import Buffer, HotWater
from mpc.tariff_calendar import Calendar

Make = Callable[..., PlanRequest]
Solve = Callable[[PlanRequest], Solved]
STEPS = 96
FEW = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
BUFFER = Buffer(kwh_per_k=0.4, loss_w_per_k=0.0, room_c=18.0, state_c=48.0, low_c=43.0, high_c=53.0)


class Relaxed:
    """The relaxed problem of a request with everything but some numbers fixed."""

    def __init__(self, request: PlanRequest, met: Conditions | None = None) -> None:
        self.stage = stage_of(request)
        self.met = first_conditions(self.stage) if met is None else met
        self.ready = compiled(shape_of(self.stage))
        self.numbers = dict(numbers_of(self.stage, self.met.curve, self.met.tank))

    def solved(self, **changed: Any) -> tuple[float, Callable[[str], np.ndarray]]:
        """Cost, and the unknowns by name, with these numbers changed."""
        answer, said = relaxed(
            self.ready.matrices({**self.numbers, **changed}), ("clarabel", "piqp", "highs")
        )
        assert answer.status == SOLVED, said
        assert answer.x is not None
        x = answer.x
        return answer.cost, lambda name: self.ready.values(name, x)


def gap(cost: float) -> float:
    """What two proven answers to one problem may differ by."""
    return 2e-4 * (1.0 + abs(cost))


@FEW
@given(block=st.integers(0, 40), more_frac=st.floats(0.1, 2.0), seed=st.integers(0, 3))
def test_a_higher_price_in_a_step_never_raises_what_is_bought_in_it(
    everything: Make, block: int, more_frac: float, seed: int
) -> None:
    """With the value of stored heat and all else fixed, as the law demands."""
    asked = Relaxed(everything(seed=seed))
    before, values = asked.solved()
    price = asked.numbers["import_cost"].copy()
    more = more_frac * price[block]
    price[block] += more
    after, dearer = asked.solved(import_cost=price)
    slack_kw = (gap(before) + gap(after)) / more
    assert dearer("import_kw")[block] <= values("import_kw")[block] + slack_kw
    assert after >= before - gap(before)


@FEW
@given(
    outdoor_c=st.floats(-4.0, 10.0), swing=st.floats(0.0, 0.2), kind=st.sampled_from(EmitterKind)
)
def test_a_lossless_buffer_at_equal_end_state_never_costs_more_than_none(
    make_request: Make, outdoor_c: float, swing: float, kind: EmitterKind
) -> None:
    hour = np.arange(STEPS) / 4.0
    prices = tuple((0.25 + swing * np.sin((hour - 3.0) / 12.0 * 2.0 * math.pi)).tolist())
    plain = make_request(kind=kind, outdoor_c=outdoor_c, prices=prices)
    without, _ = Relaxed(plain).solved()
    with_buffer, values = Relaxed(replace(plain, buffer=BUFFER)).solved()
    assert with_buffer <= without + gap(without)
    assert values("buffer_c").max() <= BUFFER.high_c + 0.01


def lower(name: str, frac: float) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda numbers: {name: numbers[name] * frac}


def moved(name: str, by: float) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda numbers: {name: numbers[name] + by}


TIGHTER: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "less power": lower("power_max_kw", 0.3),
    "less heat": lower("heat_max_kw", 0.7),
    "less heat for the tank": lower("dhw_max_kw", 0.5),
    "a smaller heater": lower("heater_max_kw", 0.0),
    "fewer starts": lower("starts_left", 0.0),
    "fewer starts tomorrow": lower("starts_per_day", 0.0),
    "a warmer lower edge": moved("low_c", 0.5),
    "a cooler upper edge": moved("high_c", -0.5),
    "a cooler tank": moved("tank_high_c", -4.0),
    "a warmer tank": moved("tank_low_c", 4.0),
    "a longer rest": lambda numbers: {"busy_high": np.r_[np.zeros(8), numbers["busy_high"][8:]]},
    "a longer run": lambda numbers: {"busy_low": np.r_[np.ones(4), numbers["busy_low"][4:]]},
    "less to sell": lower("export_worth", 0.0),
    "a dearer kilowatt": lower("peak0_cost_per_kw", 3.0),
    "more reached before": moved("peak0_floor_kw", 1.0),
    "a warmer end": moved("stored_target_kwh", 2.0),
    "a warmer mean": moved("target_kh", 5.0),
}


@pytest.mark.parametrize("outdoor_c", [2.0, -7.0])
@pytest.mark.parametrize("what", TIGHTER)
def test_a_tighter_bound_or_a_dearer_kilowatt_never_lowers_the_cost(
    everything: Make, what: str, outdoor_c: float
) -> None:
    asked = Relaxed(everything(outdoor_c=outdoor_c))
    free, _ = asked.solved()
    tight, _ = asked.solved(**TIGHTER[what](asked.numbers))
    assert tight >= free - gap(free)


def test_a_longer_minimum_time_never_lowers_the_cost_of_whole_decisions(
    everything: Make, solved: Solve
) -> None:
    request = everything(room_c=20.6)
    costs, slack = [], 0.0
    for minimum_s in (900.0, 3600.0, 3 * 3600.0):
        machine = replace(request.compressor, minimum_run_s=minimum_s, minimum_off_s=minimum_s)
        d = solved(replace(request, compressor=machine)).diagnostics
        assert d.relaxed_gap_frac is not None
        assert d.refined_gap_frac is not None
        costs.append(d.relaxed_gap_frac)  # over the same bound, as a share of the same bill
        slack = max(slack, d.refined_gap_frac)
    assert costs[0] - slack - 1e-3 <= costs[1] <= costs[2] + slack + 1e-3


# Clock changes -----------------------------------------------------------------------------------

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
CHANGES = {
    date(2024, 3, 31): (92, "Europe/Copenhagen"),
    date(2024, 10, 27): (100, "Europe/Copenhagen"),
    date(2024, 3, 30): (96, "Europe/Copenhagen"),
    date(2025, 3, 30): (92, "Europe/Helsinki"),
    date(2025, 10, 26): (100, "Europe/Berlin"),
}


def at(request: PlanRequest, starts_at: datetime) -> PlanRequest:
    """The request with its horizon from another instant."""
    return replace(
        request,
        made_at=starts_at,
        horizon=replace(request.horizon, starts_at=starts_at),
        estimate=replace(request.estimate, at=starts_at),
    )


@pytest.mark.parametrize("day", CHANGES)
def test_the_local_day_of_a_peak_has_the_quarter_hours_it_really_has(day: date) -> None:
    quarters, zone = CHANGES[day]
    tariff = PeakTariff(
        name="days",
        interval_s=900,
        averaged=3,
        rates=(PeakRate(price_per_kw=50.0),),
        calendar=Calendar(timezone=zone),
    )
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    (charge,) = charges(
        replace(tariff, averaged=1),
        nothing_counted(tariff),
        starts_at=midnight - timedelta(hours=6),
        step_s=900,
        steps=2 * STEPS - 60,
    )[:1]
    groups = [charge.group_of_interval[j] for j in charge.interval_of_step if j >= 0]
    assert groups.count(groups[0]) == 24
    assert groups.count(groups[24]) == quarters
    assert groups == sorted(groups)


@pytest.mark.parametrize(
    ("day", "steps_before"),
    [(date(2024, 3, 30), 28), (date(2024, 3, 31), 24), (date(2024, 10, 27), 32)],
)
def test_hot_water_is_warm_by_the_local_clock_on_days_that_change_it(
    make_request: Make,
    make_hot_water: Callable[..., HotWater],
    relaxed_request: Make,
    solved: Solve,
    day: date,
    steps_before: int,
) -> None:
    """Seven o'clock is 7 hours after midnight, or 6, or 8."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=COPENHAGEN).astimezone(UTC)
    due_at = datetime(day.year, day.month, day.day, 7, tzinfo=COPENHAGEN).astimezone(UTC)
    due = int((due_at - midnight).total_seconds()) // 900
    assert due == steps_before
    low_c = tuple(50.0 if step == due - 1 else 40.0 for step in range(STEPS))
    water = replace(make_hot_water(STEPS), low_c=low_c, draw_kwh_per_k=(0.0,) * STEPS)
    request = relaxed_request(at(replace(make_request(), hot_water=water), midnight))
    plan = solved(request).plan
    ends_at = [plan.starts_at + timedelta(seconds=900 * (k + 1)) for k in range(STEPS)]
    warm = dict(zip(ends_at, plan.dhw_c, strict=True))
    assert warm[due_at] >= 50.0 - 0.1
    assert plan.dhw_c[0] < 49.0


@pytest.mark.parametrize("day", [date(2024, 3, 31), date(2024, 10, 27)])
def test_a_change_of_the_clock_changes_no_plan(
    everything: Make, relaxed_request: Make, solved: Solve, day: date
) -> None:
    """In UTC a night with a change is a night like any other."""
    request = relaxed_request(everything())
    midnight = datetime(day.year, day.month, day.day, tzinfo=COPENHAGEN).astimezone(UTC)
    plan = solved(at(request, midnight)).plan
    usual = solved(at(request, midnight - timedelta(days=7))).plan
    assert plan.heat_w == usual.heat_w
    assert plan.dhw_heat_w == usual.dhw_heat_w
