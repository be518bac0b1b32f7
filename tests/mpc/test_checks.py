"""Every rule catches a plan that breaks it and passes one that does not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mpc.checks import broken
from mpc.plan import Plan, PlanRequest
from mpc.replay import Decisions, house_of, plan_from

Make = Callable[..., PlanRequest]
ON, OFF = 1.0, 0.0


def idle(request: PlanRequest) -> Plan:
    """A plan that does nothing at all and breaks nothing."""
    house = house_of(request)
    return plan_from(request, house, Decisions(heat_w=0.0 * house.gain_w), source="any")


def free_to_turn(request: PlanRequest) -> PlanRequest:
    """The same without a shortest stay in hot water or heating."""
    return replace(request, compressor=replace(request.compressor, dwell_s=0.0))


def running(plan: Plan, run_frac: list[float], refined_steps: int = 24) -> Plan:
    padded = tuple(run_frac + [run_frac[-1]] * (len(plan.heat_w) - len(run_frac)))
    return replace(plan, run_frac=padded, refined_steps=refined_steps)


def put(values: tuple[float, ...], step: int, value: float) -> tuple[float, ...]:
    return (*values[:step], value, *values[step + 1 :])


def test_a_plan_that_does_nothing_breaks_nothing(everything: Make) -> None:
    request = everything()
    assert broken(request, replace(idle(request), refined_steps=24)) == ()


@pytest.mark.parametrize("name", ["heat_w", "power_w", "room_c", "dhw_c"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_none_break_a_plan(everything: Make, name: str, bad: float) -> None:
    request = everything()
    plan = idle(request)
    changed: dict[str, Any] = {name: put(getattr(plan, name), 7, bad)}
    assert broken(request, replace(plan, **changed)) == ("the plan is not finite",)


def test_power_over_its_limit_is_told_with_its_step(everything: Make) -> None:
    request = everything()
    plan, standby_w = idle(request), request.heat_pump.standby_w
    for drawn_w, fault in ((6000.0, False), (6150.0, False), (6300.0, True)):
        found = broken(request, replace(plan, power_w=put(plan.power_w, 5, drawn_w + standby_w)))
        assert any("step 5 draws" in words for words in found) == fault
    unlimited = replace(request, limits=replace(request.limits, power_max_w=None))
    assert broken(unlimited, replace(plan, power_w=put(plan.power_w, 5, 9e4))) == ()


def test_rooms_and_tank_at_once_break_a_plan(everything: Make) -> None:
    request = free_to_turn(everything())
    plan = running(idle(request), [OFF, ON, ON, ON])
    shared = replace(plan, dhw_run_frac=put(plan.dhw_run_frac, 2, 0.5))
    assert broken(request, shared) == ("rooms and hot water at the same time",)
    changed = replace(shared, run_frac=put(plan.run_frac, 2, 0.5))
    assert broken(request, changed) == ()


def test_more_than_the_heater_has_breaks_a_plan(everything: Make) -> None:
    request = everything()
    plan = idle(request)
    assert broken(request, replace(plan, heater_w=put(plan.heater_w, 3, 2970.0))) == ()
    found = broken(request, replace(plan, heater_w=put(plan.heater_w, 3, 3100.0)))
    assert found == ("more than 2970 W from the back-up heater",)


def test_water_over_its_limit_breaks_a_plan_only_while_heat_flows(everything: Make) -> None:
    request = everything()
    plan = idle(request)
    hot = replace(plan, flow_c=put(plan.flow_c, 9, 60.0))
    assert broken(request, hot) == ()
    found = broken(request, replace(hot, heat_w=put(plan.heat_w, 9, 500.0)))
    assert found == ("flow of 60.0 °C over the limit of 55 °C",)


def test_runs_and_rests_shorter_than_allowed_break_a_plan(everything: Make) -> None:
    request = free_to_turn(everything())  # half an hour each
    plan = idle(request)
    assert broken(request, running(plan, [OFF, ON, ON, OFF, OFF, ON, ON, OFF])) == ()
    found = broken(request, running(plan, [OFF, ON, OFF, OFF]))
    assert found == ("step 2 ends a run after 900 s of 1800 s",)
    found = broken(request, running(plan, [ON, ON, OFF, ON, ON]))
    assert found == ("step 3 ends a rest after 900 s of 1800 s",)
    assert broken(request, running(plan, [OFF, ON, OFF, ON], refined_steps=0)) == ()


def test_the_past_of_the_machine_counts(everything: Make) -> None:
    request = everything()
    plan = idle(request)
    young = replace(request, compressor=replace(request.compressor, running=True, since_s=600.0))
    assert broken(young, running(plan, [OFF])) == ("step 0 ends a run after 600 s of 1800 s",)
    assert broken(young, running(plan, [ON, ON, OFF])) == ()
    stopped = replace(request, compressor=replace(request.compressor, since_s=600.0))
    assert broken(stopped, running(plan, [ON])) == ("step 0 ends a rest after 600 s of 1800 s",)
    unknown = replace(request, compressor=replace(request.compressor, running=None, since_s=0.0))
    assert broken(unknown, running(plan, [ON])) == ()


def test_what_is_gone_of_the_first_step_is_no_time_to_run(everything: Make) -> None:
    request = everything()
    late = replace(request.estimate, at=request.estimate.at + timedelta(minutes=10))
    plan = running(idle(request), [ON, OFF])
    since = replace(request.compressor, running=True, since_s=1000.0)
    assert broken(replace(request, compressor=since), plan) == ()
    found = broken(replace(request, estimate=late, compressor=since), plan)
    assert found == ("step 1 ends a run after 1300 s of 1800 s",)


def test_a_power_limit_ends_a_run_early(everything: Make) -> None:
    request = everything()
    young = replace(request.compressor, running=True, since_s=60.0)
    nothing_w = (0.0,) * 8 + (6000.0,) * 88
    request = replace(request, compressor=young)
    reduced = replace(request, limits=replace(request.limits, power_max_w=nothing_w))
    plan = running(idle(request), [OFF])
    assert broken(reduced, plan) == ()
    assert broken(request, plan) != ()


def test_starts_beyond_the_budget_of_the_day_break_a_plan(everything: Make) -> None:
    request = everything()
    twice = running(idle(request), [ON, ON, OFF, OFF, ON, ON, OFF])
    for left, fault in ((2, False), (1, True)):
        machine = replace(request.compressor, starts_left=left)
        found = broken(replace(request, compressor=machine), twice)
        assert bool(found) == fault
        assert all("2 starts where 1 are left today" in words for words in found)
    for hours, left, fault in ((1.0, 1, False), (1.25, 1, True), (1.0, 0, True)):
        day_ends_at = request.horizon.starts_at + timedelta(hours=hours)
        machine = replace(request.compressor, starts_left=left, day_ends_at=day_ends_at)
        later = running(idle(request), [ON, ON, OFF, OFF, ON, ON, OFF])
        assert bool(broken(replace(request, compressor=machine), later)) == fault


def test_a_turn_to_hot_water_shorter_than_its_dwell_breaks_a_plan(everything: Make) -> None:
    request = everything()
    request = replace(request, compressor=replace(request.compressor, dwell_s=1800.0))
    plan = running(idle(request), [OFF])
    for steps, fault in ((1, True), (2, False)):
        dhw = list(plan.dhw_run_frac)
        dhw[4 : 4 + steps] = [ON] * steps
        found = broken(request, replace(plan, dhw_run_frac=tuple(dhw)))
        assert any("turns to hot water for" in words for words in found) == fault
    unended = put(plan.dhw_run_frac, 23, ON)
    assert not any(
        "turns to" in words for words in broken(request, replace(plan, dhw_run_frac=unended))
    )
