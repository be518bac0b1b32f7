"""The arithmetic behind every claim of a saving."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.baseline import cost_per_k, plant_only, tuned_curve, tuning_weeks
from bench.comparison import compare
from bench.first_weeks import DAYS, SPANS
from bench.run import run_in_memory
from bench.spec import RunSpec
from bench.truth import TrueKpis, true_kpis
from bench.zones import HourlyPrices, zones
from drivers.api import OperatingState
from hil.house import house_names
from hil.simulated_house import Truth
from mpc.tariff import Tariff

START = datetime(2024, 1, 15, 23, tzinfo=UTC)
TARIFF = Tariff(margin_frac=0.0, adder_per_kwh=0.10, vat_frac=0.25, currency="EUR")
SPEC = RunSpec(
    house="timber1972",
    zone="DK1",
    start_at=START,
    days=1.0,
    seed=1,
    strategy="heating-curve",
    curve=tuned_curve("timber1972", "DK1"),
)
OPPONENT = TrueKpis(
    electricity_kwh=100.0, cost=30.0, spot_cost=10.0, mean_price=0.30, comfort_kh_below=1.0,
    comfort_kh_above=0.0, mean_room_temp_c=21.0, heat_left_kwh=5.0, cold_water_kh=0.0,
    compressor_starts=10, spf=3.0,
)  # fmt: skip


def truth(hour: float, zones_c: tuple[float, float], used_kwh: float, stored_kwh: float) -> Truth:
    return Truth(
        at=START + timedelta(hours=hour), zone_c=zones_c, outdoor_c=0.0, flow_c=35.0,
        return_c=30.0, power_w=0.0, heat_w=0.0, electricity_kwh=used_kwh, heat_kwh=3.0 * used_kwh,
        space_heat_kwh=0.0, dhw_heat_kwh=0.0, backup_kwh=0.0, compressor_hz=0.0,
        compressor_starts=int(hour), defrosts=0, operating_state=OperatingState.OFF,
        stored_kwh=stored_kwh, dhw_c=50.0,
    )  # fmt: skip


def test_figures_are_those_worked_out_by_hand() -> None:
    prices = HourlyPrices(starts_at=START, per_kwh=(0.10, 0.30))
    truths = [
        truth(0, (21.0, 19.5), 0.0, 10.0),
        truth(1, (22.5, 21.5), 2.0, 11.0),
        truth(2, (21.0, 21.0), 3.0, 14.0),
    ]
    kpis = true_kpis(truths, prices=prices, tariff=TARIFF, low_c=20.0, high_c=22.0)
    assert kpis.electricity_kwh == 3.0
    assert kpis.spot_cost == pytest.approx(2.0 * 0.10 + 1.0 * 0.30)
    assert kpis.cost == pytest.approx(2.0 * 0.25 + 1.0 * 0.50)
    assert (kpis.comfort_kh_below, kpis.comfort_kh_above) == (0.5, 0.5)  # worse zone of each hour
    assert kpis.mean_room_temp_c == pytest.approx((20.25 + 22.0) / 2.0)
    assert (kpis.heat_left_kwh, kpis.compressor_starts, kpis.spf) == (4.0, 2, 3.0)


def test_cold_water_counts_and_a_warmer_tank_is_heat_left() -> None:
    prices = HourlyPrices(starts_at=START, per_kwh=(0.10, 0.30))
    tanks_c = (35.0, 38.0, 45.0)
    truths = [
        replace(truth(k, (21.0, 21.0), float(k), 10.0), dhw_c=c) for k, c in enumerate(tanks_c)
    ]
    known = {"prices": prices, "tariff": TARIFF, "low_c": 20.0, "high_c": 22.0}
    kpis = true_kpis(truths, **known, tank_l=200.0)
    assert kpis.cold_water_kh == 5.0 + 2.0
    assert kpis.heat_left_kwh == pytest.approx(200.0 * 1.163e-3 * 10.0)
    assert true_kpis(truths, **known).heat_left_kwh == 0.0


def test_equal_runs_save_nothing() -> None:
    both = compare(OPPONENT, OPPONENT, (5.0, 2.0))
    assert (both.saved_frac, both.spot_saved_frac) == (0.0, 0.0)


def test_a_colder_house_is_no_saving() -> None:
    ours = replace(OPPONENT, cost=25.0, spot_cost=8.0, mean_room_temp_c=20.0)
    both = compare(OPPONENT, ours, (5.0, 2.0))
    assert both.cost_at_equal_mean == pytest.approx(30.0)
    assert both.spot_cost_at_equal_mean == pytest.approx(10.0)


def test_heat_drained_from_the_house_is_no_saving() -> None:
    ours = replace(OPPONENT, cost=27.0, spot_cost=9.0, heat_left_kwh=5.0 - 30.0)
    both = compare(OPPONENT, ours, (5.0, 2.0))
    assert both.cost_at_equal_mean == pytest.approx(30.0)  # 30 kWh of 300 at 30 EUR
    assert both.saved_frac == pytest.approx(0.0)


def test_a_warmer_day_costs_about_its_losses_not_the_heating_up() -> None:
    assert SPEC.curve is not None
    base = plant_only(SPEC, SPEC.curve)
    whole, spot = cost_per_k(SPEC, SPEC.curve)
    assert 0.0 <= spot < whole
    assert whole < base.cost  # the losses of a kelvin are far below those of the whole house


def test_nobody_connected_is_the_same_as_a_controller_that_never_writes(tmp_path: Path) -> None:
    assert SPEC.curve is not None
    watched, alone = run_in_memory(SPEC, tmp_path).true, plant_only(SPEC, SPEC.curve)
    assert watched.electricity_kwh == pytest.approx(alone.electricity_kwh, rel=1e-9)
    assert watched.compressor_starts == alone.compressor_starts
    assert watched.mean_room_temp_c == pytest.approx(alone.mean_room_temp_c, abs=0.01)


@pytest.mark.parametrize("zone", zones())
def test_no_tuning_week_lies_in_a_comparison(zone: str) -> None:
    compared = [datetime.fromisoformat(day).replace(tzinfo=UTC) for day in SPANS]
    for house in house_names():
        for week in tuning_weeks(house, zone):
            for start in compared:
                apart = week + timedelta(days=7) <= start or start + timedelta(days=DAYS) <= week
                assert apart, f"{house} in {zone}: {week} and {start}"
