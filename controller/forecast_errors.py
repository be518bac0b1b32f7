"""What forecasts say is kept, compared when its time comes, and told as age and errors. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from controller.forecasts import Known, value_at
from controller.snapshot import Snapshot
from controller.sunlight import ended_at
from drivers.api import Signal, WeatherSeries
from mpc.forecast_bias import ForecastBias
from mpc.forecast_errors import ForecastErrors
from mpc.price_shape import PriceShape
from mpc.weather_errors import LEADS_S, Came, Told, WeatherErrors


def weather_seen(
    errors: WeatherErrors, snapshot: Snapshot, weather: WeatherSeries | None, bias: ForecastBias
) -> WeatherErrors:
    """One more look: earlier forecasts are judged, and now and then one is kept."""
    at = snapshot.at
    came = Came(
        at=at,
        issued_at=None if weather is None else weather.issued_at,
        outdoor_c=snapshot.value(Signal.OUTDOOR_C),
        ghi_w_per_m2=value_at(weather, at, "ghi_w_per_m2"),
    )
    judged = errors.came(came) if errors.open else errors
    if weather is None or ended_at(weather) <= at or not judged.asks(at):
        return judged
    return judged.told(_told(at, weather, bias))


def _told(at: datetime, weather: WeatherSeries, bias: ForecastBias) -> Told:
    """What is said of the leads, as plans use it."""
    outdoor_c: list[float | None] = []
    ghi: list[float | None] = []
    for lead_s in LEADS_S:
        due_at = at + timedelta(seconds=lead_s)
        said_c = value_at(weather, due_at, "outdoor_c")
        outdoor_c.append(None if said_c is None else round(said_c + bias.correction_k(lead_s), 1))
        said = value_at(weather, due_at, "ghi_w_per_m2")
        ghi.append(None if said is None else round(said))
    return Told(
        at=at, issued_at=weather.issued_at, outdoor_c=tuple(outdoor_c), ghi_w_per_m2=tuple(ghi)
    )


def errors_now(
    at: datetime, known: Known, weather: WeatherErrors, shape: PriceShape
) -> ForecastErrors:
    """Age and errors of what is known now."""
    told = weather.now(at, None if known.weather is None else known.weather.issued_at)
    if known.prices is not None:
        age_s = max((at - known.prices.issued_at).total_seconds(), 0.0)
        told = replace(told, price_age_s=round(age_s))
    if not shape.last:
        return told
    days = [shape.last[-1].day + timedelta(days=ahead) for ahead in (1, 2)]
    bands = [band for band in map(shape.quantiles, days) if band is not None]
    return replace(
        told,
        price_per_kwh=tuple((round(low, 4), round(high, 4)) for low, high in bands),
        price_days=shape.days,
    )
