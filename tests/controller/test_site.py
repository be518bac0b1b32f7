"""The rest of the house at the grid connection: base load, PV and the metered peak."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.config import HouseConfig, parse_config
from controller.experience import EXPERIENCE, Experience
from controller.model import house_model
from controller.site import SiteMemory, site_of
from controller.snapshot import Reading, Snapshot
from drivers.api import Absent, Sample, Signal
from drivers.meters.grid_meter import GridMeter
from mpc.horizon import Horizon

AT = datetime(2024, 1, 17, 12, tzinfo=UTC)
PEAK = {"name": "effekt", "interval": "1 h", "average_of": 3, "rates": [{"price_per_kw": 4.0}]}


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
    )  # an hour of it: a third of the way
    never_seen = memory.base_load_w(AT + timedelta(hours=6), config)
    assert never_seen == config.site.base_load_w


def test_pv_hides_the_base_load_so_the_configured_one_stays(document: dict[str, Any]) -> None:
    config = with_sections(document, site={"pv_kwp": 5.0})
    memory = watched(config, 8.0, grid_power_w=-900.0, power_w=600.0)
    assert memory.base_load_w(AT, config) == config.site.base_load_w


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
