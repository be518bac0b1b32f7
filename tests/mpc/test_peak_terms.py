"""Peak charges in the plan: they come to what the bill says, and lower it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mpc.arrays import FloatArray
from mpc.numbers import numbers_of, shape_of, stage_of
from mpc.peak_cost import charge_of, level_of
from mpc.peaks import FeeStep, PeakCharge, PeakGroup
from mpc.plan import Plan, PlanRequest, Site, Solved
from mpc.problem import compiled
from mpc.solver import first_conditions
from mpc.solvers import SOLVED, relaxed

Make = Callable[..., PlanRequest]
Solve = Callable[[PlanRequest], Solved]
MakePeaks = Callable[..., PeakCharge]
STEPS = 96
QUARTERS = tuple(range(STEPS))
HOURS = tuple(k // 4 for k in QUARTERS)
NIGHT = tuple(0.5 if hour < 6 or hour >= 22 else 1.0 for hour in range(24))


def charge(kind: PeakGroup, **how: object) -> PeakCharge:
    """A charge on hours, all in one group unless each is on its own."""
    free = kind is PeakGroup.FREE
    values: dict[str, object] = {
        "name": "any",
        "kind": kind,
        "interval_s": 3600,
        "step_frac": 0.25,
        "interval_of_step": HOURS,
        "past_kw": (0.0,) * 24,
        "weight_frac": (1.0,) * 24,
        "group_of_interval": tuple(range(24)) if free else (0,) * 24,
        "floor_kw": (0.0,) * (24 if free else 1),
        "history_kw": (0.0,),
        "price_per_kw": 3.0,
    }
    return PeakCharge(**{**values, **how})  # type: ignore[arg-type]


QUARTER_HOURS: dict[str, object] = {
    "interval_s": 900,
    "step_frac": 1.0,
    "interval_of_step": QUARTERS,
    "past_kw": (0.0,) * STEPS,
    "weight_frac": (1.0,) * STEPS,
    "group_of_interval": QUARTERS,
    "floor_kw": (0.0,) * STEPS,
}
CHARGES = {
    "the month's highest hour": charge(PeakGroup.DAY),
    "three days, nights half": charge(
        PeakGroup.DAY, weight_frac=NIGHT, history_kw=(1.2, 0.8, 0.0), price_per_kw=9.0
    ),
    "five free hours": charge(PeakGroup.FREE, history_kw=(0.5,) * 5, price_per_kw=9.0),
    "quarter hours of at least 1 kW": charge(
        PeakGroup.FREE, **{**QUARTER_HOURS, "history_kw": (1.0,)}
    ),
    "hours of the day only": charge(
        PeakGroup.WEEK,
        interval_of_step=tuple(h if 7 <= h < 19 else -1 for h in HOURS),
        history_kw=(0.3, 0.0),
        floor_kw=(0.9,),
    ),
    "an hour half over": charge(PeakGroup.DAY, past_kw=(0.8, *[0.0] * 23)),
}


def connected(request: PlanRequest, *peaks: PeakCharge) -> PlanRequest:
    """With half a kilowatt of other loads, two in the evening, and these charges."""
    load_w = tuple(2000.0 if 17 <= hour < 19 else 500.0 for hour in HOURS)
    site = Site(
        base_load_w=load_w,
        pv_w=(0.0,) * STEPS,
        export_price_per_kwh=(0.0,) * STEPS,
        peaks=peaks,
    )
    return replace(request, site=site)


def imported_kw(request: PlanRequest, plan: Plan) -> FloatArray:
    assert request.site is not None
    total_w = np.array(plan.power_w) + np.array(request.site.base_load_w)
    return np.asarray(total_w / 1000.0)


def energy_bill(request: PlanRequest, plan: Plan) -> float:
    return float(imported_kw(request, plan) @ np.array(plan.price_per_kwh)) / 4.0


@pytest.mark.parametrize("name", CHARGES)
def test_the_term_comes_to_what_the_bill_says(make_request: Make, name: str) -> None:
    """With every step a block of its own there is nothing approximate about it."""
    request = connected(make_request(outdoor_c=4.0), CHARGES[name])
    request = replace(request, search=replace(request.search, fine_s=24 * 3600.0))
    stage = stage_of(request)
    met = first_conditions(stage)
    ready = compiled(shape_of(stage))
    answer, said = relaxed(ready.matrices(numbers_of(stage, met.curve, None)), ("clarabel",))
    assert answer.status == SOLVED, said
    assert answer.x is not None
    x = answer.x
    highest = [ready.values(f"peak0_{part}_kw", x) for part in ("over", "before")]
    threshold_kw = float(ready.values("peak0_threshold_kw", x))
    averaged = len(CHARGES[name].history_kw)
    level_kw = threshold_kw + sum(float(part.sum()) for part in highest) / averaged
    assert level_kw == pytest.approx(
        level_of(CHARGES[name], ready.values("import_kw", x)), abs=2e-3
    )


@pytest.mark.parametrize("name", CHARGES)
def test_a_charge_on_power_lowers_the_bill_of_the_plan(
    make_request: Make, relaxed_request: Make, solved: Solve, name: str
) -> None:
    request = relaxed_request(make_request(outdoor_c=4.0))
    asked, blind = connected(request, CHARGES[name]), connected(request)
    aware = solved(asked).plan
    unaware = solved(blind).plan
    bills = [
        energy_bill(asked, plan) + charge_of(CHARGES[name], imported_kw(asked, plan))
        for plan in (aware, unaware)
    ]
    assert bills[0] <= bills[1] + 0.01 * energy_bill(asked, unaware)
    levels = [level_of(CHARGES[name], imported_kw(asked, plan)) for plan in (aware, unaware)]
    assert levels[0] < levels[1] - 0.02
    assert aware.discomfort_kh < 0.1


def test_a_peak_reached_before_is_no_reason_to_hold_back(
    make_request: Make, relaxed_request: Make, solved: Solve
) -> None:
    request = relaxed_request(make_request(outdoor_c=4.0))
    reached = charge(PeakGroup.DAY, floor_kw=(9.0,))
    asked, free = connected(request, reached), connected(request)
    aware, unaware = solved(asked).plan, solved(free).plan
    assert energy_bill(asked, aware) == pytest.approx(energy_bill(asked, unaware), rel=1e-3)


def stepped(threshold_kw: float, fee: float) -> PeakCharge:
    """A step of a fee at this level; the highest hour of one day counts."""
    steps = (FeeStep(below_kw=threshold_kw, fee=1.0), FeeStep(below_kw=float("inf"), fee=fee))
    return charge(PeakGroup.DAY, steps=steps)


@pytest.mark.parametrize(("more", "stays"), [(5.0, True), (0.001, False)])
def test_a_plan_stays_below_a_fee_step_when_that_is_cheaper(
    make_request: Make, solved: Solve, more: float, stays: bool
) -> None:
    request = make_request(outdoor_c=4.0)
    free = connected(request)
    unaware_kw = level_of(stepped(1e3, 1.0), imported_kw(free, solved(free).plan))
    threshold_kw = 0.9 * unaware_kw
    fees = stepped(threshold_kw, 1.0 + more)
    asked = connected(request, fees)
    plan = solved(asked).plan
    imported = imported_kw(asked, plan)
    assert (level_of(fees, imported) < threshold_kw) == stays
    assert charge_of(fees, imported) == (1.0 if stays else 1.0 + more)


def test_power_that_nothing_can_lower_still_gets_a_plan(make_request: Make, solved: Solve) -> None:
    """Other loads alone are beyond the first step."""
    asked = connected(make_request(outdoor_c=4.0), stepped(1.5, 9.0))
    plan = solved(asked).plan
    assert level_of(stepped(1.5, 9.0), imported_kw(asked, plan)) >= 1.5
    assert plan.discomfort_kh < 0.1
