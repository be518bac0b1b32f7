"""The economy benchmark: what is counted, what is compared, who runs where."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.baseline import tuning_weeks
from bench.economy_bills import SPOT, TARIFFS, TOLD, fixed_price, flat_grid, grid_by_hour
from bench.economy_cases import (
    HOUSES,
    WEEKS,
    Arm,
    Case,
    Place,
    all_cases,
    opponent_places,
    relaxed_places,
    week_places,
)
from bench.economy_equal import ENERGY, Money, cost, saved_frac, yardstick
from bench.economy_figures import Figures, figures
from bench.economy_page import effort, page
from bench.economy_runs import Outcome, keep, kept, result_path, run_case
from bench.economy_tables import Judged, common, judge, targets
from drivers.api import OperatingState
from hil.simulated_house import Truth

START = datetime(2024, 1, 15, 23, tzinfo=UTC)
PLACE = Place(house="timber1972", zone="DK1", first_day="2024-01-16", days=0.25)
MONEY = Money(
    hourly={SPOT: (0.10, 0.30), **dict.fromkeys(TARIFFS, (0.20, 0.40))},
    after={SPOT: 0.20, **dict.fromkeys(TARIFFS, 0.30)},
)
CURVE = Figures(
    hourly_kwh=(1.0, 1.0),
    hourly_dhw_kwh=(0.0, 0.0),
    heat_kwh=6.0,
    backup_kwh=0.0,
    heat_left_kwh=0.0,
    mean_room_c=21.0,
    below_kh=0.0,
    above_kh=0.0,
    cold_water_kh=0.0,
    starts=4,
)
WARMER = replace(CURVE, hourly_kwh=(1.1, 1.1), heat_kwh=6.6, mean_room_c=22.0)


def truth(
    minutes: int, used_kwh: float, state: OperatingState, zones_c: tuple[float, float]
) -> Truth:
    return Truth(
        at=START + timedelta(minutes=minutes), zone_c=zones_c, outdoor_c=0.0, flow_c=35.0,
        return_c=30.0, power_w=0.0, heat_w=0.0, electricity_kwh=used_kwh, heat_kwh=3.0 * used_kwh,
        space_heat_kwh=0.0, dhw_heat_kwh=0.0, backup_kwh=0.5 * used_kwh, compressor_hz=0.0,
        compressor_starts=minutes // 60, defrosts=0, operating_state=state,
        stored_kwh=used_kwh, dhw_c=38.0 + minutes / 30.0,
    )  # fmt: skip


TRACE = [
    truth(0, 0.0, OperatingState.HEATING, (21.0, 19.5)),
    truth(60, 2.0, OperatingState.DHW, (22.5, 21.5)),
    truth(120, 3.0, OperatingState.OFF, (21.0, 21.0)),
]


def counted(minutes: tuple[int, int]) -> Figures:
    first, last = (START + timedelta(minutes=m) for m in minutes)
    return figures(TRACE, start_at=first, end_at=last, tank_l=200.0)


def test_a_run_is_counted_hour_by_hour_as_by_hand() -> None:
    run = counted((0, 120))
    assert run.hourly_kwh == (2.0, 1.0)
    assert run.hourly_dhw_kwh == (0.0, 1.0)
    assert (run.electricity_kwh, run.heat_kwh, run.spf, run.peak_kw) == (3.0, 9.0, 3.0, 2.0)
    assert (run.below_kh, run.above_kh, run.outside_kh) == (0.5, 0.5, 1.0)
    assert run.cold_water_kh == 2.0  # the first hour at 38 °C, the second at 40
    assert run.mean_room_c == pytest.approx((20.25 + 22.0) / 2.0)
    assert run.heat_left_kwh == pytest.approx(3.0 + 200.0 * 1.163e-3 * 4.0)
    assert (run.starts, run.backup_kwh) == (2, 1.5)


def test_counting_begins_where_it_is_told() -> None:
    run = counted((60, 120))
    assert run.hourly_kwh == (1.0,)
    assert run.starts == 1


def test_a_trace_that_ends_early_is_not_counted() -> None:
    with pytest.raises(ValueError, match="does not hold"):
        counted((0, 180))


def test_the_curve_saves_nothing_over_itself() -> None:
    line = yardstick([CURVE, WARMER], MONEY, SPOT)
    assert saved_frac(CURVE, line, MONEY, SPOT, spf=CURVE.spf) == pytest.approx(0.0)


def test_a_colder_house_alone_saves_nothing_at_equal_mean() -> None:
    line = yardstick([CURVE, WARMER], MONEY, SPOT)
    colder = replace(CURVE, hourly_kwh=(0.95, 0.95), mean_room_c=20.5)
    assert saved_frac(colder, line, MONEY, SPOT, spf=CURVE.spf) == pytest.approx(0.0)


def test_dear_hours_avoided_are_a_saving_of_money_and_not_of_energy() -> None:
    moved = replace(CURVE, hourly_kwh=(1.5, 0.5))
    spot, energy = (yardstick([CURVE, WARMER], MONEY, kind) for kind in (SPOT, ENERGY))
    assert saved_frac(moved, spot, MONEY, SPOT, spf=3.0) == pytest.approx(0.25)
    assert saved_frac(moved, energy, MONEY, ENERGY, spf=3.0) == pytest.approx(0.0)


def test_heat_left_is_worth_what_heat_costs_afterwards() -> None:
    fuller = replace(CURVE, heat_left_kwh=3.0)
    assert cost(fuller, MONEY, SPOT, spf=3.0) == pytest.approx(0.40 - 0.20)
    assert cost(fuller, MONEY, ENERGY, spf=3.0) == pytest.approx(2.0 - 1.0)


def test_a_warmer_house_never_earns_money() -> None:
    odd = replace(WARMER, hourly_kwh=(0.5, 0.5))
    line = yardstick([CURVE, odd], MONEY, SPOT)
    assert line.per_k == 0.0
    assert line.scatter_frac > 0.0


def test_points_off_the_line_show_as_scatter() -> None:
    bent = replace(WARMER, mean_room_c=21.5, hourly_kwh=(1.3, 1.3))
    straight = yardstick([CURVE, WARMER], MONEY, SPOT)
    assert straight.scatter_frac == pytest.approx(0.0, abs=1e-12)
    assert yardstick([CURVE, WARMER, bent], MONEY, SPOT).scatter_frac > 0.02


def test_a_constant_load_pays_the_same_under_both_grid_tariffs() -> None:
    hours = [datetime(2024, 1, 16, hour) for hour in range(24)]  # noqa: DTZ001  local wall clock
    flat = sum(flat_grid(0.1, at) for at in hours)
    assert sum(grid_by_hour(0.1, at) for at in hours) == pytest.approx(flat)
    assert grid_by_hour(0.1, hours[18]) > flat_grid(0.1, hours[18]) > grid_by_hour(0.1, hours[3])


def test_a_fixed_price_does_not_ask_the_exchange() -> None:
    at = datetime(2024, 1, 16, 18)  # noqa: DTZ001  local wall clock
    assert fixed_price(0.05, at) == fixed_price(0.50, at)


def test_every_house_is_steered_twice_in_both_zones_and_every_week_is_seen() -> None:
    places = week_places()
    assert len(set(places)) == len(places)
    for zone, weeks in WEEKS.items():
        for house in HOUSES:
            assert sum(p.house == house and p.zone == zone for p in places) == 2
        assert {p.first_day for p in places if p.zone == zone} == set(weeks)


def test_opponents_run_once_per_house_and_zone_where_we_run_too() -> None:
    some = opponent_places()
    assert len({(p.house, p.zone) for p in some}) == len(some) == 2 * len(HOUSES)
    assert set(some) <= set(week_places())


@pytest.mark.parametrize("place", week_places(), ids=str)
def test_no_counted_week_tuned_its_curve(place: Place) -> None:
    for week in tuning_weeks(place.house, place.zone):
        assert week + timedelta(days=7) <= place.start_at or place.end_at <= week


def test_every_case_is_another_run(tmp_path: Path) -> None:
    cases = all_cases()
    assert len({result_path(tmp_path, case) for case in cases}) == len(cases)


def test_a_finished_run_is_read_again_and_no_other(tmp_path: Path) -> None:
    case = Case(arm=Arm.CURVE, place=PLACE)
    outcome = run_case(case)
    assert len(outcome.figures.hourly_kwh) == 6
    keep(tmp_path, outcome)
    assert kept(tmp_path, case) == outcome
    assert kept(tmp_path, replace(case, shift_k=1.5)) is None
    assert kept(tmp_path, replace(case, arm=Arm.OURS)) is None


def outcomes(ours: Figures, arm: Arm = Arm.OURS) -> list[Outcome]:
    cases = [
        (Case(arm=Arm.CURVE, place=PLACE, shift_k=1.5), WARMER),
        (Case(arm=Arm.CURVE, place=PLACE), CURVE),
        (Case(arm=arm, place=PLACE), ours),
    ]
    return [Outcome(case=case, figures=f, not_solved=0, cpu_s=1.0) for case, f in cases]


def judged(ours: Figures, arm: Arm = Arm.OURS) -> list[Judged]:
    return judge(outcomes(ours, arm), lambda _: MONEY)


def test_a_run_is_judged_beside_the_unshifted_curve_of_its_place() -> None:
    (run,) = judged(replace(CURVE, hourly_kwh=(1.5, 0.5)))
    assert run.curve == CURVE
    assert run.saved_frac(SPOT) == pytest.approx(0.25)
    assert run.saved_frac(TOLD) == pytest.approx(1.0 - 0.5 / 0.6)


def test_a_run_without_a_line_to_compare_with_is_not_judged() -> None:
    assert judge(outcomes(CURVE)[1:], lambda _: MONEY) == []


@pytest.mark.parametrize(("hourly_kwh", "starts", "met"), [
    ((1.5, 0.5), 4, {"yes"}),
    ((0.5, 1.5), 5, {"no", "yes"}),
])  # fmt: skip
def test_targets_say_whether_they_are_met(
    hourly_kwh: tuple[float, float], starts: int, met: set[str]
) -> None:
    rows = targets(judged(replace(CURVE, hourly_kwh=hourly_kwh, starts=starts)))
    assert {row["met"] for row in rows} == met
    assert sum(row["met"] == "no" for row in rows) == (0 if met == {"yes"} else 5)


def test_opponents_are_compared_only_where_both_ran() -> None:
    ours, blind = judged(CURVE), judged(CURVE, Arm.BLIND)
    mine, theirs = common([*ours, *blind], Arm.BLIND)
    assert (mine, theirs) == (ours, blind)
    assert common(blind, Arm.BLIND) == ([], [])


def test_the_page_shows_losses_targets_and_what_it_took() -> None:
    dearer = replace(CURVE, hourly_kwh=(0.5, 1.5))
    everything = [*outcomes(dearer), *outcomes(CURVE, Arm.BLIND)[2:]]
    text = page(judge(everything, lambda _: MONEY), everything)
    assert "| no more starts than the curve | 4 / 4 | yes |" in text
    assert "| price-blind MPC | 1 |" in text
    assert "| heatherd | timber1972 | DK1 | 2024-01-16 | 0.40 | 0.50 | -25.00 |" in text
    assert "The 4 runs took 0 minutes of CPU" in text
    assert effort(everything)[0] == {
        "who": "tuned curve", "runs": 2, "days": 2, "CPU s": 2, "plans failed": 0,
    }  # fmt: skip


def test_relaxed_plans_run_once_in_each_of_the_eight_weeks_and_every_house() -> None:
    places = relaxed_places()
    weeks = [WEEKS[place.zone].index(place.first_day) for place in places]
    assert weeks == list(range(8))
    assert {place.house for place in places} == set(HOUSES)
    assert set(places) <= set(week_places())
