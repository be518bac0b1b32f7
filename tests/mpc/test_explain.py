from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from mpc.explain import Activity, Reason, explain, summary
from mpc.plan import Plan, PlanRequest, Solved
from mpc.rules import heating_curve_plan
from mpc.solver import solve

STARTS_AT = datetime(2024, 1, 15, tzinfo=UTC)


def plan(
    heat_w: tuple[float, ...],
    price: tuple[float, ...],
    room_c: tuple[float, ...],
    *,
    known: bool = True,
) -> Plan:
    """One entry per hour."""
    n = len(heat_w)
    return Plan(
        made_at=STARTS_AT,
        starts_at=STARTS_AT,
        step_s=3600,
        source="mpc",
        heat_w=heat_w,
        power_w=tuple(h / 3.0 for h in heat_w),
        flow_c=(35.0,) * n,
        room_c=room_c,
        price_per_kwh=price,
        price_known=(known,) * n,
        low_c=(20.0,) * n,
        high_c=(22.0,) * n,
        cost=1.0,
        discomfort_kh=0.0,
    )


def test_blocks_cover_the_plan_without_gaps(make_request: Callable[..., PlanRequest]) -> None:
    result = solve(make_request(hours=48))
    assert isinstance(result, Solved)
    blocks = explain(result.plan)
    assert blocks[0].starts_at == result.plan.starts_at
    assert blocks[-1].ends_at == result.plan.starts_at + timedelta(hours=48)
    assert all(a.ends_at == b.starts_at for a, b in pairwise(blocks))
    assert all(b.ends_at - b.starts_at >= timedelta(minutes=30) for b in blocks)
    heat_wh = sum(b.mean_heat_w * (b.ends_at - b.starts_at).total_seconds() / 3600 for b in blocks)
    assert heat_wh == pytest.approx(sum(result.plan.heat_w) * 0.25, rel=0.001)
    assert Activity.RUNNING in {b.activity for b in blocks}


def test_cheap_heat_before_a_peak_and_coasting_through_it() -> None:
    blocks = explain(
        plan(
            heat_w=(4000.0, 4000.0, 0.0, 0.0, 4000.0, 4000.0),
            price=(0.1, 0.1, 0.6, 0.6, 0.3, 0.3),
            room_c=(21.0, 21.6, 21.2, 20.8, 21.2, 21.6),
        )
    )
    told = [(b.activity, b.reason) for b in blocks]
    assert told[0] == (Activity.RUNNING, Reason.BEFORE_PEAK)
    assert told[1] == (Activity.COASTING, Reason.EXPENSIVE)
    assert "70% below the mean" in blocks[0].sentence
    assert "4.0 kW" in blocks[0].sentence
    assert blocks[1].starts_at == STARTS_AT + timedelta(hours=2)


@pytest.mark.parametrize(
    ("heat_w", "price", "room_c", "reason"),
    [
        ((3000.0, 0.0), (0.1, 0.11), (21.0, 21.0), Reason.HOLD),
        ((3000.0, 0.0), (0.1, 0.2), (20.05, 20.0), Reason.COMFORT),
        ((0.0, 3000.0), (0.2, 0.1), (21.0, 21.0), Reason.EXPENSIVE),
        ((0.0, 0.0), (0.1, 0.1), (22.0, 22.0), Reason.MILD),
        ((0.0, 0.0, 3000.0), (0.24, 0.24, 0.21), (21.5, 21.3, 21.0), Reason.CHEAPER_LATER),
        ((3000.0, 0.0, 0.0), (-0.1, 0.1, 0.1), (21.0, 21.0, 21.0), Reason.BEFORE_PEAK),
        ((3000.0, 3000.0), (0.0, 0.0), (21.0, 21.0), Reason.HOLD),
    ],
)
def test_the_first_reason_follows_from_the_numbers(
    heat_w: tuple[float, ...], price: tuple[float, ...], room_c: tuple[float, ...], reason: Reason
) -> None:
    assert explain(plan(heat_w, price, room_c))[0].reason is reason


def test_a_guess_is_called_a_guess() -> None:
    block = explain(plan((3000.0, 3000.0), (0.1, 0.1), (21.0, 21.0), known=False))[0]
    assert block.reason is Reason.PRICE_UNKNOWN
    assert "guess" in block.sentence


def test_a_short_interruption_is_told_with_its_neighbour() -> None:
    heat_w = (3000.0,) * 8 + (0.0,) + (3000.0,) * 8
    n = len(heat_w)
    told = explain(replace(plan(heat_w, (0.1,) * n, (21.0,) * n), step_s=900))
    assert len(told) == 1
    assert told[0].mean_heat_w == pytest.approx(3000.0 * 16 / 17, abs=0.1)


def test_the_summary_compares_what_is_paid_with_the_mean() -> None:
    text = summary(plan((3000.0, 0.0), (0.1, 0.3), (21.0, 20.6)))
    assert text == (
        "In the next 2 h the heat pump uses 1.0 kWh at a price 50% below the mean of these hours; "
        "the rooms stay between 20.6 and 21.0 °C."
    )
    assert "at the mean price" in summary(plan((3000.0, 3000.0), (0.1, 0.3), (21.0, 20.6)))
    assert "0.0 kWh" in summary(plan((0.0, 0.0), (0.1, 0.3), (21.0, 20.6)))


def test_the_heating_curve_is_explained_too(make_request: Callable[..., PlanRequest]) -> None:
    blocks = explain(heating_curve_plan(make_request()))
    assert {b.activity for b in blocks} == {Activity.RUNNING}
