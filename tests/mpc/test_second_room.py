"""Plans and beliefs of a house whose second zone has a sensor and a band of its own."""

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc import estimator
from mpc.building import (
    EmitterKind,
    MassClass,
    archetype,
    discretise,
    drive,
    emitter_for,
    floor_of,
    rooms_of,
    simulate,
    steady_state,
    with_radiators,
)
from mpc.changes import Away, Band, NoMargin, SetPoint, Window, changed
from mpc.checks import broken
from mpc.explain import explain, summary
from mpc.numbers import numbers_of, shape_of, stage_of
from mpc.plan import Estimate, NotSolved, Plan, PlanRequest, Reserve, RoomBand, Solved
from mpc.problem import compiled
from mpc.reasons import Reason
from mpc.replay import house_of, outside_kh
from mpc.request_check import flaw
from mpc.rules import RULES, heating_curve_plan, shifted
from mpc.second_zone import in_two_zones
from mpc.solver import first_conditions, solve
from mpc.what_if import what_if
from mpc.worth import worth

MakeRequest = Callable[..., PlanRequest]
WHOLE = archetype(year=1970, area_m2=140.0, mass=MassClass.LIGHT, emitter=EmitterKind.RADIATOR)
EMITTER = emitter_for(building=WHOLE, kind=EmitterKind.RADIATOR, design_flow_c=50.0)
RADIATORS = with_radiators(WHOLE, EMITTER)
COLDER = in_two_zones(RADIATORS, second_frac=0.4, exchange_w_per_k=60.0, heat_frac=0.3)
FIRST, SECOND = rooms_of(COLDER)


def in_zones(request: PlanRequest, *, second_c: float = 20.5, second_w: float = 0.0) -> PlanRequest:
    """The request for the house with a second zone that gets less heat than it loses."""
    estimate = estimator.initial(
        COLDER, at=request.made_at, room_c=21.0, outdoor_c=0.0, second_c=second_c
    )
    estimate = replace(estimate, second_w=second_w)
    asked = replace(request, building=COLDER, emitter=EMITTER, estimate=estimate)
    return replace(asked, search=replace(request.search, refine=False))


def with_second(request: PlanRequest, low_c: float, high_c: float) -> PlanRequest:
    steps = len(request.horizon.outdoor_c)
    band = RoomBand(low_c=(low_c,) * steps, high_c=(high_c,) * steps)
    return replace(request, comfort=replace(request.comfort, second=band))


def plan_of(request: PlanRequest) -> Plan:
    result = solve(request)
    assert isinstance(result, Solved), result
    return result.plan


def second_of(plan: Plan) -> np.ndarray:
    assert plan.second is not None
    return np.array(plan.second.room_c)


# ---- houses without one --------------------------------------------------------------------------


def test_a_house_of_one_zone_is_planned_as_before_there_were_two(
    make_request: MakeRequest,
) -> None:
    request = make_request(hours=24)
    plan = plan_of(replace(request, search=replace(request.search, refine=False)))
    with (Path(__file__).parent / "plan_of_one_zone.csv").open(encoding="utf-8") as file:
        rows = [tuple(map(float, row)) for row in list(csv.reader(file))[1:]]
    planned = np.array([plan.heat_w, plan.power_w, plan.room_c]).T
    assert planned == pytest.approx(np.array(rows), abs=0.11)  # a step of rounding elsewhere
    assert planned[:, 2] == pytest.approx(np.array(rows)[:, 2], abs=0.0011)
    assert plan.second is None
    assert plan.rooms_c == (plan.room_c,)


# ---- plans ---------------------------------------------------------------------------------------


def test_a_colder_second_zone_is_kept_in_its_band_at_the_cost_of_a_warmer_first(
    make_request: MakeRequest,
) -> None:
    request = in_zones(make_request())
    both, first_only = plan_of(request), plan_of(with_second(request, 5.0, 30.0))
    assert second_of(first_only).min() < 19.8
    assert second_of(both)[8:].min() > 19.95
    assert np.mean(both.room_c) > np.mean(first_only.room_c) + 0.2
    assert sum(both.power_w) > sum(first_only.power_w)


def test_a_second_zone_that_wants_less_costs_less(make_request: MakeRequest) -> None:
    request = in_zones(make_request())
    costs = [worth(r, plan_of(r)).total for r in (request, with_second(request, 17.0, 22.0))]
    assert costs[1] < costs[0] - 0.1


def test_a_replayed_plan_holds_both_rooms_as_the_model_moves_them(
    make_request: MakeRequest,
) -> None:
    request = in_zones(make_request(), second_w=-150.0)
    result = solve(request)
    assert isinstance(result, Solved)
    states = house_of(request).states_c(np.array(result.plan.heat_w))
    assert np.array(result.plan.room_c) == pytest.approx(states[FIRST], abs=1e-3)
    assert second_of(result.plan) == pytest.approx(states[SECOND], abs=1e-3)
    assert result.diagnostics.replay_error_k < 0.05
    assert broken(request, result.plan) == ()


def test_kelvin_hours_of_both_rooms_count_as_discomfort(make_request: MakeRequest) -> None:
    plan = plan_of(in_zones(make_request(), second_c=17.0))
    own = [outside_kh([c], [b], plan.step_s) for c, b in zip(plan.rooms_c, plan.bands, strict=True)]
    assert own[1] > 0.5
    assert plan.discomfort_kh == pytest.approx(sum(own))
    assert worth(in_zones(make_request(), second_c=17.0), plan).below >= 2.0 * own[1] - 1e-3


def test_unexplained_heat_of_the_second_zone_is_planned_with(make_request: MakeRequest) -> None:
    stove, window = (
        plan_of(in_zones(make_request(), second_w=heat_w)) for heat_w in (300.0, -300.0)
    )
    assert sum(stove.heat_w) < sum(window.heat_w)


def test_a_plan_that_is_no_number_in_the_second_room_is_broken(make_request: MakeRequest) -> None:
    request = in_zones(make_request())
    plan = plan_of(request)
    assert plan.second is not None
    gone = replace(plan.second, room_c=(float("nan"),) * len(plan.heat_w))
    assert broken(request, replace(plan, second=gone)) == ("the plan is not finite",)


@pytest.mark.parametrize("rule", [*RULES, "heating-curve"])
def test_a_rule_tells_the_second_room_and_heats_it_out_of_the_frost(
    make_request: MakeRequest, rule: str
) -> None:
    freezing = in_zones(make_request(), second_c=3.0)
    plan = heating_curve_plan(freezing) if rule == "heating-curve" else RULES[rule](freezing)
    assert len(second_of(plan)) == len(plan.heat_w)
    assert second_of(plan)[-1] > 5.0
    if rule != "heating-curve":
        assert plan.heat_w[0] > 0.9 * max(plan.heat_w)


def test_what_is_left_of_an_older_plan_has_both_rooms_left(make_request: MakeRequest) -> None:
    plan = plan_of(in_zones(make_request()))
    later = shifted(plan, plan.starts_at + timedelta(hours=3))
    assert later is not None
    assert later.second is not None
    assert plan.second is not None
    assert later.second.room_c == plan.second.room_c[12:]
    assert len(later.second.band.low_c) == len(later.heat_w)


def test_a_reserve_narrows_each_band_by_how_that_room_answers_to_heat(
    make_request: MakeRequest,
) -> None:
    request = in_zones(make_request())
    steps = len(request.horizon.outdoor_c)
    reserve = Reserve(up_w=(500.0,) * steps, down_w=(500.0,) * steps, sustain_s=3600.0)
    stage = stage_of(replace(request, reserve=reserve))
    met = first_conditions(stage)
    numbers = numbers_of(stage, met.curve, met.tank)
    drop_k = numbers["low_c"] - 20.0
    assert drop_k.shape == (2, len(stage.blocks))
    assert (drop_k > 0.0).all()
    pushed = discretise(COLDER, 3600.0).b_heat
    assert drop_k[1] / drop_k[0] == pytest.approx(pushed[SECOND] / pushed[FIRST], rel=1e-6)


def test_the_problem_has_the_same_structure_whatever_the_second_zone_wants(
    make_request: MakeRequest,
) -> None:
    request = in_zones(make_request())
    other = with_second(request, 17.0, 19.0)
    assert shape_of(stage_of(request)) == shape_of(stage_of(other))
    assert compiled(shape_of(stage_of(request))).symbols.shape.rooms == (FIRST, SECOND)


def test_a_request_whose_estimate_knows_other_zones_than_its_house_is_refused(
    make_request: MakeRequest,
) -> None:
    one, two = make_request(), in_zones(make_request())
    assert flaw(two) is None
    unlike = replace(two, estimate=replace(two.estimate, second_w=None))
    assert flaw(unlike) == "estimate and house do not have the same zones"
    assert "states" in (flaw(replace(two, building=one.building)) or "")
    apart = in_two_zones(RADIATORS, second_frac=0.4, exchange_w_per_k=60.0, own_heat=True)
    assert "of its own" in (flaw(replace(two, building=apart)) or "")
    band = RoomBand(low_c=(20.0,), high_c=(22.0,) * len(two.horizon.outdoor_c))
    short = replace(two, comfort=replace(two.comfort, second=band))
    assert "second.low_c has 1 entries" in (flaw(short) or "")
    zone = COLDER.second_zone
    assert zone is not None
    hollow = replace(COLDER, second_zone=replace(zone, mass_kwh_per_k=0.0))
    assert "second_zone.mass_kwh_per_k" in (flaw(replace(two, building=hollow)) or "")
    assert isinstance(solve(unlike), NotSolved)


# ---- words ---------------------------------------------------------------------------------------


def test_the_second_room_is_a_reason_to_heat_and_is_told(make_request: MakeRequest) -> None:
    request = in_zones(make_request(hours=24), second_c=20.0)
    plan = plan_of(request)
    blocks = explain(plan, request)
    assert Reason.COMFORT in {block.reason for block in blocks}
    assert Reason.COMFORT not in {b.reason for b in explain(replace(plan, second=None), request)}
    assert blocks[-1].second_to_c == second_of(plan)[-1]
    assert "second zone between" in summary(plan)


def test_other_wishes_move_both_bands(make_request: MakeRequest) -> None:
    asked = with_second(in_zones(make_request()), 18.0, 20.0)
    kept_k = (0.2,) * len(asked.horizon.outdoor_c)
    asked = replace(asked, comfort=replace(asked.comfort, kept_k=kept_k))

    def edges(request: PlanRequest) -> tuple[float, float]:
        assert request.comfort.second is not None
        return request.comfort.second.low_c[0], request.comfort.second.high_c[0]

    everywhen = Window(asked.horizon.starts_at, asked.horizon.starts_at + timedelta(days=2))
    assert edges(changed(asked, SetPoint(0.5))) == (18.5, 20.5)
    assert edges(changed(asked, Band(0.5))) == (17.5, 20.5)
    assert edges(changed(asked, Band(-2.0))) == (19.0, 19.0)
    assert edges(changed(asked, NoMargin(1.0))) == (17.8, 20.2)
    assert edges(changed(asked, Away(17.0, everywhen))) == (14.0, 20.0)


def test_another_set_point_is_counted_for_both_rooms(make_request: MakeRequest) -> None:
    found = what_if(in_zones(make_request(), second_c=20.0), SetPoint(-1.0))
    assert not isinstance(found, NotSolved)
    assert found.changed.room_lowest_c < found.asked.room_lowest_c
    assert found.changed.below_kh_per_day > found.asked.below_kh_per_day


# ---- the cut -------------------------------------------------------------------------------------


@given(frac=st.floats(0.05, 0.9), exchange=st.floats(0.0, 400.0))
def test_radiators_cut_with_the_house_leave_it_whole(frac: float, exchange: float) -> None:
    both = in_two_zones(RADIATORS, second_frac=frac, exchange_w_per_k=exchange)
    rest, whole = (
        steady_state(b, room_c=21.0, outdoor_c=-5.0, gain_w=300.0) for b in (both, RADIATORS)
    )
    assert float(rest.heat_w[0]) == pytest.approx(float(whole.heat_w[0]))
    assert rest.state_c[SECOND, 0] == pytest.approx(21.0)
    assert rest.state_c[:3, 0] == pytest.approx(whole.state_c[:, 0])
    assert floor_of(both) == 2


def test_in_the_second_zone_a_floors_heat_goes_through_its_mass() -> None:
    slab = archetype(year=2004, area_m2=165.0, mass=MassClass.MEDIUM, emitter=EmitterKind.FLOOR)
    both = in_two_zones(slab, second_frac=0.4, exchange_w_per_k=60.0, floor_heated=True)
    zone = both.second_zone
    assert zone is not None
    assert zone.mass_kwh_per_k == pytest.approx(
        0.4 * (slab.mass_kwh_per_k + (slab.floor_kwh_per_k or 0.0))
    )
    pushed = discretise(both, 900.0).b_heat
    assert pushed[SECOND] < 0.25 * pushed[SECOND + 1]
    cut_w, whole_w = (steady_state(b, room_c=21.0, outdoor_c=-5.0).heat_w for b in (both, slab))
    assert cut_w == pytest.approx(whole_w, rel=0.1)


# ---- belief --------------------------------------------------------------------------------------


def watched(
    second_w: float, *, hours: int = 72, second_dies_after_h: int | None = None
) -> tuple[Estimate, np.ndarray]:
    """A filter over two rooms with noisy readings, and the truth at its end."""
    rng, start = np.random.default_rng(3), datetime(2024, 1, 15, tzinfo=UTC)
    step = discretise(COLDER, 900.0)
    true = steady_state(COLDER, room_c=21.0, outdoor_c=0.0, gain_w=560.0).state_c[:, 0]
    believed = estimator.initial(
        COLDER, at=start, room_c=float(true[FIRST]), outdoor_c=0.0, second_c=float(true[SECOND])
    )
    for k in range(hours * 4):
        heat_w = 5000.0 if (k // 16) % 2 else 2500.0
        push = drive(step, outdoor_c=0.0, ghi_w_per_m2=0.0, gain_w=560.0, second_w=second_w)
        true = simulate(step, true, heat_w=[heat_w], drive_k=push)[:, 0]
        believed = estimator.predict(
            believed, COLDER, until=start + timedelta(seconds=900 * (k + 1)),
            heat_w=heat_w, outdoor_c=0.0, ghi_w_per_m2=0.0,
        )  # fmt: skip
        for room in (FIRST, SECOND):
            if room == SECOND and second_dies_after_h is not None and k >= 4 * second_dies_after_h:
                continue
            reading_c = float(true[room] + rng.normal(0.0, 0.1))
            believed = estimator.correct(believed, room_c=reading_c, std_k=0.15, air=room)
    return believed, true


@pytest.mark.parametrize("second_w", [-250.0, 0.0, 250.0])
def test_heat_that_only_the_second_zone_gets_is_found_there(second_w: float) -> None:
    believed, true = watched(second_w)
    assert believed.second_w == pytest.approx(second_w, abs=120.0)
    assert believed.disturbance_w == pytest.approx(0.0, abs=150.0)
    assert np.array(believed.state_c) == pytest.approx(true, abs=0.4)


def test_a_second_sensor_that_dies_leaves_what_it_has_taught_and_growing_doubt() -> None:
    believed, true = watched(-250.0, second_dies_after_h=48)
    alive, _ = watched(-250.0)
    assert believed.state_c[SECOND] == pytest.approx(true[SECOND], abs=0.5)
    assert believed.state_c[FIRST] == pytest.approx(true[FIRST], abs=0.2)
    doubt, before = (estimator.covariance_of(e)[SECOND, SECOND] for e in (believed, alive))
    assert doubt > 4.0 * before


def test_taking_one_room_back_leaves_what_the_other_has_taught() -> None:
    believed, _ = watched(200.0, hours=24)
    free = replace(believed, state_c=(15.0,) * 5, second_w=-900.0, disturbance_w=-800.0)
    unread = estimator.initial(COLDER, at=believed.at, room_c=None, outdoor_c=0.0)
    second = estimator.taken_back(believed, free, unread, air=SECOND)
    assert second.state_c == (*believed.state_c[:3], 15.0, 15.0)
    assert (second.second_w, second.disturbance_w) == (-900.0, believed.disturbance_w)
    first = estimator.taken_back(believed, free, unread, air=FIRST)
    assert first.state_c == (15.0, 15.0, 15.0, *believed.state_c[3:])
    assert (first.second_w, first.disturbance_w) == (believed.second_w, -800.0)
    both = estimator.taken_back(second, free, unread, air=FIRST)
    assert both.covariance == unread.covariance


def test_a_restart_keeps_the_lasting_heat_of_both_zones_and_how_sure_it_was() -> None:
    believed, _ = watched(200.0, hours=48)
    fresh = estimator.initial(COLDER, at=believed.at, room_c=21.0, outdoor_c=0.0, second_c=19.0)
    again = estimator.resumed(fresh, believed)
    assert (again.second_w, again.disturbance_w) == (believed.second_w, believed.disturbance_w)
    kept, was = estimator.covariance_of(again), estimator.covariance_of(believed)
    assert (kept[5, 5], kept[6, 6]) == pytest.approx((was[5, 5], was[6, 6]))
    assert (again.state_c[FIRST], again.state_c[SECOND]) == (21.0, 19.0)
