"""Plans under a charge on power, judged by what the bill comes to."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from mpc.peak_charges import charges
from mpc.peak_cost import charge_of
from mpc.peak_state import counted, nothing_counted
from mpc.peak_tariff import PeakRate, PeakTariff, PeakValue
from mpc.peaks import PeakCharge, PeakGroup
from mpc.plan import Plan, PlanRequest, Site, Solved
from mpc.solver import solve
from mpc.tariff_calendar import Calendar

OSLO = Calendar(timezone="Europe/Oslo")
HOUR = PeakTariff(name="hour", rates=(PeakRate(price_per_kw=5.0),), calendar=OSLO)
QUARTER = replace(HOUR, name="quarter", interval_s=900, group=PeakGroup.FREE)
THREE_DAYS = replace(HOUR, name="three days", averaged=3)


def planned(request: PlanRequest, base_w: tuple[float, ...], *peaks: PeakCharge) -> Plan:
    steps = len(base_w)
    site = Site(
        base_load_w=base_w,
        pv_w=(0.0,) * steps,
        export_price_per_kwh=(0.0,) * steps,
        peaks=peaks,
    )
    result = solve(replace(request, site=site))
    assert isinstance(result, Solved)
    return result.plan


@pytest.mark.parametrize("tariff", [HOUR, QUARTER, THREE_DAYS], ids=lambda t: t.name)
def test_a_charge_on_power_makes_a_plan_with_a_lower_bill(
    make_request: Callable[..., PlanRequest], tariff: PeakTariff
) -> None:
    request = make_request(hours=24)
    horizon = request.horizon
    steps = len(horizon.outdoor_c)
    base_w = tuple(3000.0 if 68 <= i < 80 else 400.0 for i in range(steps))  # supper
    state = nothing_counted(tariff)
    for days in (3, 4, 5):
        before = horizon.starts_at - timedelta(days=days)
        state = counted(tariff, state, PeakValue(at=before, kw=2.0))
    (charge,) = charges(
        tariff, state, starts_at=horizon.starts_at, step_s=horizon.step_s, steps=steps
    )

    def bill(plan: Plan) -> float:
        import_kw = (np.array(plan.power_w) + np.array(base_w)) / 1000.0
        return plan.cost + charge_of(charge, import_kw)

    assert bill(planned(request, base_w, charge)) < bill(planned(request, base_w)) - 0.2
