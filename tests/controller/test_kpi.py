"""The figures of a run, worked out by hand on a few records."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from beliefs import believed

from controller.act import NotApplied
from controller.config import HouseConfig
from controller.guard import Allowed, Altered, Memory, Refused, Wanted
from controller.kpi import Kpis, kpis, plan_times_ms
from controller.model import HouseModel, house_model
from controller.records import StepRecord
from controller.snapshot import Missing, Reading, Snapshot
from controller.wishes import Target
from drivers.api import Capability, Signal
from drivers.testing import AN_INSTANT
from mpc.building import capacities_kwh_per_k
from mpc.plan import Estimate

HOUR = timedelta(hours=1)
MakeRecord = Callable[..., StepRecord]


@pytest.fixture
def model(config: HouseConfig) -> HouseModel:
    tariff = config.tariff.model_copy(update={"adder_per_kwh": 0.1, "vat_frac": 0.25})
    return house_model(config.model_copy(update={"tariff": tariff}))


@pytest.fixture
def at_hour(model: HouseModel) -> MakeRecord:
    def make(hours: float, **values: float | None) -> StepRecord:
        at = AN_INSTANT + hours * HOUR
        signals = {
            Signal(name): Missing("gone", at) if value is None else Reading(value, at)
            for name, value in values.items()
        }
        states = (20.0,) * len(capacities_kwh_per_k(model.building))
        estimate = Estimate(at=at, state_c=states, disturbance_w=0.0, covariance=())
        return StepRecord(
            continues=hours > 0,
            snapshot=Snapshot(at, signals),
            target=Target(21.0, 1.0, "configured"),
            belief=believed(estimate),
            memory=Memory(),
            ghi_w_per_m2=0.0,
            outdoor_forecast_c=None,
            current=None,
            plan_hash=None,
            forecast_hash=None,
            released=False,
            wanted=Wanted({Capability.FLOW_SETPOINT: 35.0}, True, None, "mpc", "heat"),
            verdict=Allowed({Capability.FLOW_SETPOINT: 35.0}),
            outcome=NotApplied("observing"),
            notes=(),
            plan_time_ms=None,
            not_solved=False,
        )

    return make


def summed(records: list[StepRecord], model: HouseModel, spot: float | None = 0.2) -> Kpis:
    def spot_at(at: datetime) -> float | None:
        del at
        return spot

    return kpis(records, model=model, spot_at=spot_at)


def test_counters_give_energy_cost_and_performance(at_hour: MakeRecord, model: HouseModel) -> None:
    records = [
        at_hour(0, energy_kwh=100.0, heat_energy_kwh=300.0),
        at_hour(1, energy_kwh=101.0, heat_energy_kwh=303.5),
        at_hour(2, energy_kwh=103.0, heat_energy_kwh=310.5),
    ]
    found = summed(records, model)
    assert found.electricity_kwh == pytest.approx(3.0)
    assert found.spf == pytest.approx(3.5)
    assert found.spot_cost == pytest.approx(0.6)
    assert found.mean_price == pytest.approx((0.2 + 0.1) * 1.25)
    assert found.cost == pytest.approx(3.0 * 0.375)


def test_the_meter_counts_more_than_the_pump(at_hour: MakeRecord, model: HouseModel) -> None:
    records = [
        at_hour(0, meter_energy_kwh=0.0, energy_kwh=0.0),
        at_hour(1, meter_energy_kwh=2.0, energy_kwh=1.0),
    ]
    assert summed(records, model).electricity_kwh == pytest.approx(2.0)


def test_a_counter_that_was_reset_gives_way_to_power(
    at_hour: MakeRecord, model: HouseModel
) -> None:
    records = [at_hour(0, energy_kwh=500.0, power_w=1500.0), at_hour(0.5, energy_kwh=0.0)]
    assert summed(records, model).electricity_kwh == pytest.approx(0.75)


def test_without_heat_there_is_no_performance_figure(
    at_hour: MakeRecord, model: HouseModel
) -> None:
    records = [at_hour(0, power_w=1000.0, heat_w=3000.0), at_hour(1, power_w=1000.0), at_hour(2)]
    assert summed(records, model).spf is None
    assert summed(records[:2], model).spf == pytest.approx(3.0)


def test_an_unknown_price_leaves_the_cost_unknown(at_hour: MakeRecord, model: HouseModel) -> None:
    found = summed([at_hour(0, power_w=1000.0), at_hour(1)], model, spot=None)
    assert (found.cost, found.spot_cost, found.mean_price) == (None, None, None)
    assert found.electricity_kwh == pytest.approx(1.0)


def test_comfort_counts_kelvin_hours_outside_the_band(
    at_hour: MakeRecord, model: HouseModel
) -> None:
    records = [
        at_hour(0, room_c=19.0),  # an hour 1 K below 20
        at_hour(1, room_c=24.0),  # half an hour 2 K above 22
        at_hour(1.5, room_c=21.0),
        at_hour(2.5, room_c=None),
        at_hour(9.0, room_c=0.0),
    ]
    found = summed(records, model)
    assert found.comfort_kh_below == pytest.approx(1.0)
    assert found.comfort_kh_above == pytest.approx(1.0)
    assert found.mean_room_temp_c == pytest.approx((19.0 + 0.5 * 24.0 + 21.0) / 2.5)


def test_heat_left_in_the_house_is_valued(at_hour: MakeRecord, model: HouseModel) -> None:
    first, last = at_hour(0), at_hour(1)
    capacities = capacities_kwh_per_k(model.building)
    warmer = replace(last.belief.estimate, state_c=(20.5,) * len(capacities))
    last = replace(last, belief=replace(last.belief, estimate=warmer))
    assert summed([first, last], model).heat_left_kwh == pytest.approx(0.5 * sum(capacities))


def test_starts_interventions_and_failures_are_counted(
    at_hour: MakeRecord, model: HouseModel
) -> None:
    hz = [0.0, 40.0, None, 40.0, 0.0, 50.0]
    records = [at_hour(hour, compressor_hz=value) for hour, value in enumerate(hz)]
    records[1] = replace(records[1], verdict=Altered({}, ("bounded",)))
    records[2] = replace(records[2], verdict=Refused(("alarm 7",)), not_solved=True)
    nothing = Wanted({}, None, None, "none", "released")
    records[3] = replace(records[3], verdict=Refused(("released",)), wanted=nothing)
    found = summed(records, model)
    assert found.compressor_starts == 2
    assert found.guard_interventions == 2
    assert found.not_solved == 1


@pytest.mark.parametrize(
    ("times_ms", "expected"),
    [
        ([], None),
        ([None, None], None),
        ([5.0], (5.0, 5.0)),
        ([3.0, None, 1.0, 2.0], (2.0, 3.0)),
        ([float(n) for n in range(1, 101)], (50.5, 96.0)),
    ],
)
def test_planning_times_are_median_and_95th_percentile(
    times_ms: list[float | None], expected: tuple[float, float] | None
) -> None:
    assert plan_times_ms(times_ms) == expected


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_records_sum_up_to_nothing(
    at_hour: MakeRecord, model: HouseModel, count: int
) -> None:
    found = summed([at_hour(0, room_c=21.0)][:count], model)
    assert (found.electricity_kwh, found.heat_left_kwh, found.compressor_starts) == (0.0, 0.0, 0)
    assert (found.mean_room_temp_c, found.spf, found.mean_price) == (None, None, None)
