"""The margin that plans leave free follows their own errors."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controller.config_comfort import Comfort
from controller.margin import LEADS_S, MARGIN, MOST_FRAC, MOST_WEATHER_FRAC, TRUSTED, Margin
from mpc.plan import Plan

AT = datetime(2024, 1, 15, 12, tzinfo=UTC)
COMFORT = Comfort()


def plan(made_at: datetime, room_c: float = 21.0, steps: int = 48) -> Plan:
    flat = (0.0,) * steps
    return Plan(
        made_at=made_at,
        starts_at=made_at,
        step_s=900,
        source="mpc",
        heat_w=flat,
        power_w=flat,
        flow_c=flat,
        room_c=(room_c,) * steps,
        price_per_kwh=flat,
        price_known=(True,) * steps,
        low_c=flat,
        high_c=flat,
        cost=0.0,
        discomfort_kh=0.0,
    )


def watched(error_k: float, plans: int, margin: Margin | None = None) -> Margin:
    """A margin after so many quarter-hourly plans whose rooms all missed by `error_k`."""
    kept = Margin() if margin is None else margin
    at = AT
    for _ in range(plans):
        kept = kept.promised(plan(at)).seen(at, 21.0 + error_k, asked=True)
        at += timedelta(minutes=15)
    return kept


def test_before_anything_was_measured_the_configured_margin_holds() -> None:
    assert Margin().kept_k(900.0, COMFORT) == COMFORT.margin_k
    assert Margin().kept_k(40 * 3600.0, COMFORT) == COMFORT.margin_k


def test_small_errors_free_the_band_and_large_ones_close_it() -> None:
    calm = watched(0.05, 500).kept_k(3600.0, COMFORT)
    rough = watched(0.5, 500).kept_k(3600.0, COMFORT)
    assert calm < 0.2 < COMFORT.margin_k < rough
    assert rough <= MOST_FRAC * COMFORT.band_k


def test_errors_far_ahead_count_as_those_of_the_longest_lead() -> None:
    margin = watched(0.2, 300)
    assert margin.kept_k(LEADS_S[-1], COMFORT) == margin.kept_k(30 * 3600.0, COMFORT)


def test_a_fixed_margin_ignores_what_was_measured() -> None:
    fixed = COMFORT.model_copy(update={"margin": "fixed"})
    assert watched(0.5, 200).kept_k(3600.0, fixed) == fixed.margin_k


def test_promises_lapse_while_nobody_steers_and_without_a_sensor() -> None:
    open_promise = Margin().promised(plan(AT))
    later = AT + timedelta(hours=1)
    assert open_promise.seen(later, 25.0, asked=False).errors == Margin().errors
    assert open_promise.seen(later, None, asked=True).errors == Margin().errors
    late = later + timedelta(minutes=6)
    assert open_promise.seen(late, 25.0, asked=True).errors == Margin().errors


def test_a_restart_keeps_what_was_learned() -> None:
    margin = watched(0.3, 20)
    assert MARGIN.validate_json(MARGIN.dump_json(margin)) == margin


@pytest.mark.parametrize("band_k", [0.1, 0.3, 2.0])
def test_a_part_of_the_band_is_always_left(band_k: float) -> None:
    comfort = COMFORT.model_copy(update={"band_k": band_k})
    assert watched(3.0, 500).kept_k(3600.0, comfort) <= MOST_FRAC * band_k + 1e-9


def test_a_short_plan_promises_only_what_it_covers() -> None:
    short = replace(plan(AT), room_c=(21.0,) * 6)
    assert [p.lead for p in Margin().promised(short).promises] == [0]


# ---- the weather's part --------------------------------------------------------------------------


def rough_weather(weather_k2: list[float], error_k: float = 0.3) -> Margin:
    """Plans of a day and more under weather that may do this to the rooms, again and again."""
    margin, at = Margin(), AT
    for number in range(600):
        told = (weather_k2[number % len(weather_k2)],) * len(LEADS_S)
        margin = margin.promised(plan(at), told).seen(at, 21.0 + error_k, asked=True)
        at += timedelta(minutes=15)
    return margin


def test_weather_as_usual_changes_nothing() -> None:
    without = watched(0.3, 600)
    margin = rough_weather([0.01])
    assert margin.kept_k(3600.0, COMFORT, 0.01) == pytest.approx(without.kept_k(3600.0, COMFORT))
    assert margin.kept_k(3600.0, COMFORT) == without.kept_k(3600.0, COMFORT)


def test_more_is_kept_free_for_weather_that_is_less_sure_than_usual() -> None:
    margin = rough_weather([0.0, 0.02])
    calm, usual, rough = (margin.kept_k(3600.0, COMFORT, k2) for k2 in (0.0, 0.01, 0.02))
    assert calm < usual < rough


@pytest.mark.parametrize("size", [0.001, 0.03, 0.5, 40.0])
def test_the_weather_is_never_counted_twice(size: float) -> None:
    """Over the weather that was watched, the squares kept are those of the rooms' errors."""
    wide = COMFORT.model_copy(update={"band_k": 4.0})
    spread = [0.0, 0.5 * size, size]
    margin = rough_weather(spread, error_k=0.4)
    kept = [margin.kept_k(3600.0, wide, k2) for k2 in spread]
    expected = watched(0.4, 600).kept_k(3600.0, wide)
    trust = margin.errors[0].count / (margin.errors[0].count + TRUSTED)
    measured = [(k - (1.0 - trust) * wide.margin_k) / trust for k in kept]
    alone = (expected - (1.0 - trust) * wide.margin_k) / trust
    assert sum(k * k for k in measured) / 3.0 == pytest.approx(alone * alone, rel=0.02)
    assert min(measured) ** 2 >= (1.0 - MOST_WEATHER_FRAC) * 0.98 * alone * alone


def test_on_the_first_day_weather_changes_nothing() -> None:
    assert Margin().kept_k(3600.0, COMFORT, 5.0) == COMFORT.margin_k


def test_a_margin_of_before_begins_to_count_the_weather_from_nothing() -> None:
    text = MARGIN.dump_json(watched(0.3, 600)).decode()
    before = MARGIN.validate_json(text.replace(',"weather_k2":0.0,"weighed":400.0', ""))
    assert before.errors[0].weighed == 0.0
    at, margin = AT + timedelta(days=30), replace(before, promises=())
    for _ in range(8):
        margin = margin.promised(plan(at), (0.04,) * len(LEADS_S)).seen(at, 21.3, asked=True)
        at += timedelta(minutes=15)
    assert margin.errors[0].weather_k2 == pytest.approx(0.04)
    rougher = margin.kept_k(3600.0, COMFORT, 0.08)
    assert rougher == pytest.approx(watched(0.3, 600).kept_k(3600.0, COMFORT), rel=0.02)
