"""The benchmark with a wrong house model: who runs, what is compared, when a target is met."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bench.day_ahead import Offset
from bench.economy_figures import Figures
from bench.wrong_prior import all_cases
from bench.wrong_prior_fit import ZONE_OF, right_model, training_spec
from bench.wrong_prior_page import WITHIN_FRAC, dearer_frac, page, target
from bench.wrong_prior_runs import Case, Outcome, Who

HOUSE = "timber1972"
KNOWING = Case(house=HOUSE, who=Who.KNOWING, days=28.0)
LEARNING = replace(KNOWING, who=Who.LEARNING, loss_factor=1.35, mass_factor=0.5)
CURVES = [replace(KNOWING, who=Who.CURVE, shift_k=k) for k in (0.0, 3.0)]
HOURS = 14 * 24


def used(kwh: float, room_c: float, *, left_kwh: float = 0.0, below_kh: float = 0.0) -> Figures:
    return Figures(
        hourly_kwh=(kwh / HOURS,) * HOURS,
        hourly_dhw_kwh=(0.0,) * HOURS,
        heat_kwh=3.0 * kwh,
        backup_kwh=0.0,
        heat_left_kwh=left_kwh,
        mean_room_c=room_c,
        below_kh=below_kh,
        above_kh=0.0,
        cold_water_kh=0.0,
        starts=10,
    )


def outcome(case: Case, last: Figures | None, *, offset_k: float = 0.0) -> Outcome:
    return Outcome(
        case=case,
        first=used(100.0, 21.0) if last is None else last,
        last=last,
        offset=None if case.who is Who.CURVE else Offset(48, offset_k, 0.3),
        month_offset=None,
        spread=1.0,
        right=(150.0, 10.0),
        nights=(),
        cpu_s=1.0,
    )


CURVES_RUN = [
    outcome(CURVES[0], used(400.0, 21.0)),
    outcome(CURVES[1], used(440.0, 22.0)),
]


def dearer(learning: Figures, knowing: Figures) -> float:
    months = [outcome(KNOWING, knowing), outcome(LEARNING, learning)]
    return dearer_frac(months[1], months, CURVES_RUN)["bill"]


def test_the_same_run_is_no_dearer() -> None:
    assert dearer(used(380.0, 21.0), used(380.0, 21.0)) == pytest.approx(0.0)


def test_a_warmer_house_is_moved_to_the_other_mean_by_the_curves_price_of_a_kelvin() -> None:
    # the curve's parallel uses 40 kWh for 1 K, so 20 kWh more at half a kelvin more is no loss
    assert dearer(used(400.0, 21.5), used(380.0, 21.0)) == pytest.approx(0.0, abs=1e-9)


def test_heat_left_in_the_house_is_credited() -> None:
    assert dearer(used(380.0, 21.0, left_kwh=30.0), used(380.0, 21.0)) < -0.01


@pytest.mark.parametrize(("more_kwh", "met"), [(11.0, "yes"), (12.0, "no")])
def test_the_target_of_cost_is_met_within_three_percent(more_kwh: float, met: str) -> None:
    frac = dearer(used(380.0 + more_kwh, 21.0), used(380.0, 21.0))
    assert target("cost", WITHIN_FRAC, [frac])["met"] == met


def test_the_page_begins_with_every_target() -> None:
    weeks = [
        outcome(replace(KNOWING, days=7.0, extra_w=w), None, offset_k=k)
        for w, k in ((0.0, 0.04), (300.0, 0.09), (-300.0, -0.12))
    ]
    months = [outcome(KNOWING, used(380.0, 21.0)), outcome(LEARNING, used(385.0, 21.0))]
    lines = page([*CURVES_RUN, *months, *weeks], asked=9).splitlines()
    targets = [line for line in lines[2:9] if "|" in line][2:]
    assert len(targets) == 5
    assert [line.split("|")[-2].strip() for line in targets] == ["yes", "yes", "yes", "no", "no"]
    assert "| 0.10 | 0.16 | 1 of 2 |" in targets[4]  # -0.12 K with, 0.04 K without


def test_a_page_of_what_is_done_so_far_claims_no_target_that_was_not_measured() -> None:
    week = outcome(replace(KNOWING, days=7.0), None, offset_k=0.04)
    text = page([week, outcome(LEARNING, used(385.0, 21.0))], asked=9)
    assert text.count("| – | 0 of 0 | not yet measured |") == 5
    assert "2 of 9 runs are" in text


def test_every_wrong_belief_stands_beside_the_fitted_model() -> None:
    cases = all_cases([HOUSE], ["slab2004"])
    assert KNOWING in cases
    assert {(c.loss_factor, c.mass_factor) for c in cases if c.who is Who.LEARNING} == {
        (1.0, 1.0), (1.35, 1.5), (1.35, 0.5), (0.65, 1.5), (0.65, 0.5),
    }  # fmt: skip
    assert {c.extra_w for c in cases if c.house == "slab2004"} == {0.0, 300.0, -300.0}


@pytest.mark.parametrize("house", ZONE_OF)
def test_no_training_day_is_a_day_of_the_runs(house: str) -> None:
    trained, run = training_spec(house, ZONE_OF[house]), replace(KNOWING, house=house).spec()
    assert trained.end_at <= run.start_at or run.end_at <= trained.start_at
    assert trained.days == 60.0


def test_a_wrong_belief_scales_losses_and_storage_alone() -> None:
    right, wrong = dict(right_model(HOUSE)), dict(LEARNING.spec().model)
    assert wrong["mass_outdoor_w_per_k"] == pytest.approx(1.35 * right["mass_outdoor_w_per_k"])
    assert wrong["mass_kwh_per_k"] == pytest.approx(0.5 * right["mass_kwh_per_k"])
    assert wrong["solar_aperture_m2"] == right["solar_aperture_m2"]


def test_the_run_lasts_as_long_as_asked() -> None:
    spec = LEARNING.spec()
    assert spec.end_at - spec.start_at == timedelta(days=28)
