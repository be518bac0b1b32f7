"""Plans are made with the outdoor forecast as the house's own sensor corrects it."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from asking import first_request

from controller.config import HouseConfig
from controller.experience import EXPERIENCE, Experience
from controller.forecasts import Known
from controller.model import house_model
from controller.snapshot import Reading, Snapshot
from drivers.api import Signal, WeatherSeries
from drivers.testing import AN_INSTANT

NOW = AN_INSTANT


def look(at: datetime, outdoor_c: float | None) -> Snapshot:
    values = {Signal.ROOM_C: 21.0, Signal.OUTDOOR_C: outdoor_c}
    return Snapshot(at, {s: Reading(v, at) for s, v in values.items() if v is not None})


def steady(at: datetime, outdoor_c: float) -> WeatherSeries:
    """A forecast of sixty equal hours, issued now."""
    hours = 60
    return WeatherSeries(
        issued_at=at, starts_at=at, step_s=3600, outdoor_c=(outdoor_c,) * hours,
        ghi_w_per_m2=(0.0,) * hours, source="test",
    )  # fmt: skip


@pytest.fixture
def experienced(config: HouseConfig) -> Callable[..., Experience]:
    """Two weeks of looks at this sensor, the forecast saying 2 °C all the time."""

    def make(sensor_c: float | None, forecast_c: float | None = 2.0) -> Experience:
        found, model = Experience(), house_model(config)
        for quarter in range(14 * 96):
            at = NOW - timedelta(minutes=15 * (14 * 96 - quarter - 1))
            found = found.seen(
                look(at, sensor_c), config, model, running_s=0.0, asked=False,
                known=Known(weather=None if forecast_c is None else steady(at, forecast_c)),
            )  # fmt: skip
        return found

    return make


def planned_outdoor_c(config: HouseConfig, experience: Experience) -> tuple[float, ...]:
    known = Known(weather=steady(NOW, 2.0))
    request = first_request(look(NOW, 3.0), config, known=known, experience=experience)
    return request.horizon.outdoor_c


def test_a_warmer_sensor_warms_the_forecast_of_a_plan(
    config: HouseConfig, experienced: Callable[..., Experience]
) -> None:
    outdoor_c = planned_outdoor_c(config, experienced(3.0))
    assert outdoor_c[0] == pytest.approx(3.0, abs=0.1)
    assert 2.7 < outdoor_c[-1] <= 3.0


@pytest.mark.parametrize(("sensor_c", "forecast_c"), [(None, 2.0), (3.0, None)])
def test_without_sensor_or_forecast_nothing_is_corrected(
    config: HouseConfig,
    experienced: Callable[..., Experience],
    sensor_c: float | None,
    forecast_c: float | None,
) -> None:
    found = experienced(sensor_c, forecast_c)
    assert set(planned_outdoor_c(config, found)) == {2.0}


def test_an_experience_of_before_is_restored_without_the_sensors_word() -> None:
    text = EXPERIENCE.dump_json(Experience()).decode().replace(',"outdoor":', ',"ignored":')
    assert EXPERIENCE.validate_json(text).outdoor.seen_s == 0.0
