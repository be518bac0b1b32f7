"""What the house draws beside its heat pump, learned from samples whose truth is known."""

import json
from datetime import datetime, timedelta

import numpy as np
import pytest
from pydantic import TypeAdapter

from mpc.base_load import HOURS, BaseLoad, Usual, slot_of

MONDAY = datetime.fromisoformat("2026-01-12T00:00:00+01:00")
USUAL = Usual(load_w=350.0)
PV = Usual(load_w=350.0, pv_rated_w=6000.0, performance_frac=0.8)


def weeks(
    count: int, *, usual: Usual = USUAL, performance: float = 0.0, seed: int = 1
) -> tuple[BaseLoad, float]:
    """So many weeks of a household whose evenings differ, and the share of samples above high_w."""
    rng = np.random.default_rng(seed)
    base, above = BaseLoad(), []
    for hour in range(168 * count):
        local = MONDAY + timedelta(hours=hour)
        bright = max(np.sin(np.pi * (local.hour - 7) / 10.0), 0.0) * rng.uniform(0.1, 1.0)
        sun_w = usual.pv_rated_w * bright * 0.8
        net_w = mean_w(local) * rng.gamma(4.0, 0.25) - performance * sun_w
        if hour >= 84 * count:
            above.append(net_w > base.high_w(local, usual, sun_w))
        base = base.seen(local, net_w=net_w, sun_w=sun_w, hours=1.0, usual=usual)
    return base, float(np.mean(above))


def mean_w(local: datetime) -> float:
    evening = 1200.0 if 17 <= local.hour < 21 else 300.0
    return 1.5 * evening if local.weekday() >= 5 else evening


def test_before_anything_is_seen_the_load_is_the_usual_one() -> None:
    assert BaseLoad().load_w(MONDAY, USUAL) == USUAL.load_w
    assert BaseLoad().margin_w(MONDAY, USUAL) > 0.5 * USUAL.load_w


@pytest.mark.parametrize("day", [1, 5], ids=["working-day", "weekend"])
def test_evenings_and_weekends_are_told_apart(day: int) -> None:
    base, _ = weeks(8)
    for hour in (3, 18):
        local = MONDAY + timedelta(days=56 + day, hours=hour)
        assert base.load_w(local, USUAL) == pytest.approx(mean_w(local), rel=0.3)


@pytest.mark.parametrize("seed", range(3))
def test_one_sample_in_ten_lies_above_the_high_load(seed: int) -> None:
    _, above = weeks(12, seed=seed)
    assert above == pytest.approx(0.1, abs=0.03)


def test_cloudy_and_sunny_days_tell_load_and_pv_apart() -> None:
    base, above = weeks(12, usual=PV, performance=0.55)
    assert base.performance_frac(12, PV) == pytest.approx(0.55, abs=0.12)
    noon = MONDAY + timedelta(hours=12)
    assert base.load_w(noon, PV) == pytest.approx(mean_w(noon), abs=250.0)
    assert above == pytest.approx(0.1, abs=0.04)


def test_a_house_without_pv_has_no_performance() -> None:
    assert weeks(2)[0].performance_frac(12, USUAL) == 0.0


def test_an_old_profile_falls_back_to_the_usual_load() -> None:
    base, _ = weeks(8)
    evening = MONDAY + timedelta(days=56, hours=18)
    loads = [
        base.aged(evening + timedelta(days=d)).load_w(evening, USUAL) for d in (0, 40, 120, 400)
    ]
    assert loads == sorted(loads, reverse=True)
    assert loads[-1] == pytest.approx(USUAL.load_w, abs=1.0)


def test_a_profile_survives_as_text() -> None:
    adapter = TypeAdapter(BaseLoad)
    base, _ = weeks(3, usual=PV, performance=0.6)
    text = adapter.dump_json(base)
    assert adapter.validate_json(text) == base
    assert len(json.loads(text)["slots"]) == 2 * HOURS


def test_weekends_have_slots_of_their_own() -> None:
    days = [slot_of(MONDAY + timedelta(days=d, hours=5)) for d in range(7)]
    assert days == [5] * 5 + [5 + HOURS] * 2
