"""The rest of the house at the grid connection: base load, PV and the metered peak."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.config import HouseConfig, parse_config
from controller.experience import EXPERIENCE, Experience
from controller.model import house_model
from controller.site import SiteMemory, site_of, usual_of
from controller.snapshot import Reading, Snapshot
from drivers.api import Absent, Sample, Signal
from drivers.meters.grid_meter import GridMeter
from mpc.horizon import Horizon

AT = datetime(2024, 1, 17, 12, tzinfo=UTC)
PEAK = {"name": "effekt", "interval": "1 h", "average_of": 3, "rate": [{"price_per_kw": 4.0}]}


def looked(at: datetime, **power_w: float) -> Snapshot:
    return Snapshot(at, {Signal(name): Reading(value, at) for name, value in power_w.items()})


def horizon(steps: int = 96) -> Horizon:
    prices = (0.2,) * steps
    return Horizon(
        starts_at=AT,
        step_s=900,
        outdoor_c=(0.0,) * steps,
        ghi_w_per_m2=(500.0,) * steps,
        spot_per_kwh=prices,
        price_per_kwh=prices,
        price_known=(True,) * steps,
        notes=(),
    )


def with_sections(document: dict[str, Any], **sections: Mapping[str, Any]) -> HouseConfig:
    return parse_config({**document, **sections})


def watched(config: HouseConfig, hours: float, **power_w: float) -> SiteMemory:
    memory, at = SiteMemory(), AT - timedelta(hours=hours)
    tariff = house_model(config).tariff
    while at <= AT:
        memory = memory.seen(looked(at, **power_w), config, tariff)
        at += timedelta(minutes=1)
    return memory


def test_a_house_without_peaks_and_pv_plans_its_own_energy_only(config: HouseConfig) -> None:
    tariff = house_model(config).tariff
    assert site_of(horizon(), SiteMemory(), config, tariff) is None


def test_the_base_load_is_the_grid_meter_less_the_heat_pump(config: HouseConfig) -> None:
    memory = watched(config, 8.0, grid_power_w=2600.0, power_w=1800.0)
    assert memory.base_load_w(AT - timedelta(hours=2), config) == pytest.approx(
        500.0, abs=5.0
    )  # an hour of it: a third of the way from 350 to 800
    never_seen = memory.base_load_w(AT + timedelta(hours=6), config)
    assert never_seen == config.site.base_load_w


def test_behind_pv_nothing_is_learned_without_a_forecast_of_the_sun(
    document: dict[str, Any],
) -> None:
    config = with_sections(document, site={"pv_kwp": 5.0})
    memory = watched(config, 8.0, grid_power_w=-900.0, power_w=600.0)
    assert memory.base_load_w(AT, config) == config.site.base_load_w


def test_behind_pv_cloudy_and_sunny_days_show_load_and_performance(
    document: dict[str, Any],
) -> None:
    config = with_sections(document, site={"pv_kwp": 5.0, "pv_performance_frac": 0.8})
    tariff, memory = house_model(config).tariff, SiteMemory()
    for day in range(30):
        begin = AT + timedelta(days=day)
        for minute in range(0, 121, 5):
            sky = 100.0 + 40.0 * ((7 * day) % 15)
            net_w = 700.0 - 0.6 * 5.0 * sky
            look = looked(
                begin + timedelta(minutes=minute), grid_power_w=net_w + 500.0, power_w=500.0
            )
            memory = memory.seen(look, config, tariff, sky)
    assert memory.base_load_w(AT, config) == pytest.approx(700.0, abs=60.0)
    site = site_of(horizon(4), memory, config, tariff)
    assert site is not None
    assert site.pv_w[0] == pytest.approx(0.6 * 2500.0, rel=0.1)


def test_plans_leave_room_for_others_where_power_has_a_price(document: dict[str, Any]) -> None:
    tariff = {**document.get("tariff", {}), "peak": [PEAK]}
    config = with_sections(document, tariff=tariff)
    memory = watched(config, 8.0, grid_power_w=2600.0, power_w=1800.0)
    site = site_of(horizon(4), memory, config, house_model(config).tariff)
    assert site is not None
    margin_w = site.base_load_w[0] - memory.base_load_w(AT, config)
    assert margin_w == pytest.approx(
        memory.base.margin_w(AT + timedelta(hours=1), usual_of(config))
    )
    assert margin_w > 100.0


def test_an_hour_with_pv_to_spare_keeps_no_room_for_others(document: dict[str, Any]) -> None:
    tariff = {**document.get("tariff", {}), "peak": [PEAK]}
    config = with_sections(document, tariff=tariff, site={"pv_kwp": 5.0})
    site = site_of(horizon(4), SiteMemory(), config, house_model(config).tariff)
    assert site is not None
    assert site.base_load_w == (config.site.base_load_w,) * 4


def test_a_forecast_of_the_load_that_nobody_renewed_is_worth_less(config: HouseConfig) -> None:
    memory = watched(config, 30.0, grid_power_w=3800.0, power_w=1800.0)
    fresh_w = memory.base_load_w(AT, config)
    aged = replace(memory, base=memory.base.aged(AT + timedelta(days=300)))
    assert config.site.base_load_w <= aged.base_load_w(AT, config) < fresh_w


def test_pv_is_forecast_from_the_sun(document: dict[str, Any]) -> None:
    config = with_sections(document, site={"pv_kwp": 5.0, "pv_performance_frac": 0.8})
    site = site_of(horizon(), SiteMemory(), config, house_model(config).tariff)
    assert site is not None
    assert site.pv_w == (2000.0,) * 96
    assert site.peaks == ()


def test_experience_survives_a_restart_and_junk_does_not_break_it(config: HouseConfig) -> None:
    look = looked(AT, power_w=900.0, room_c=21.0)
    seen = Experience().seen(look, config, house_model(config), running_s=0.0, asked=True)
    assert EXPERIENCE.validate_json(EXPERIENCE.dump_json(seen)) == seen


class _Meter:
    name = "grid meter"

    async def read(self) -> Mapping[Signal, Sample | Absent]:
        return {
            Signal.METER_POWER_W: Sample(1234.0, AT),
            Signal.METER_ENERGY_KWH: Sample(9.0, AT),
        }

    async def close(self) -> None:
        return None


async def test_a_grid_meter_speaks_of_the_house_and_not_of_the_heat_pump() -> None:
    assert await GridMeter(_Meter()).read() == {Signal.GRID_POWER_W: Sample(1234.0, AT)}
