"""Each weather service: the question that is sent, and what is made of every kind of answer."""

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import (
    ConfigurationError,
    DriverError,
    LinkLostError,
    RefusedByDeviceError,
    TransientError,
)
from drivers.transports.http import HttpLink, PoliteLink
from drivers.transports.in_memory_http import Reply
from drivers.weather.answers import Place
from drivers.weather.bright_sky import BrightSky
from drivers.weather.live import WeatherService
from drivers.weather.met_norway import MetNorway
from drivers.weather.mosmix import Mosmix
from drivers.weather.open_meteo import OpenMeteo
from drivers.weather.series import Sky, ends_at, series_of
from tests.drivers.priced import at, recorded, web

PLACE = Place(latitude_deg=55.676123, longitude_deg=12.568, altitude_m=9.0)
HOUR = timedelta(hours=1)


def under_clouds(starts: Sequence[datetime], _: float, clouds: Sequence[float]) -> list[float]:
    """400 W/m² at day, less the clouds."""
    return [
        400.0 * (1.0 - cloud) if 6 <= start.hour < 18 else 0.0
        for start, cloud in zip(starts, clouds, strict=True)
    ]


SERVICES: dict[str, Callable[[HttpLink], WeatherService]] = {
    "open_meteo": lambda link: OpenMeteo(link, PLACE, "s3cret"),
    "met_norway": lambda link: MetNorway(link, PLACE, contact="me@x.org", sun=under_clouds),
    "bright_sky": lambda link: BrightSky(link, PLACE, sun=under_clouds),
    "mosmix": lambda link: Mosmix(link, "P0036", sun=under_clouds),
}


def kmz(kml: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("MOSMIX_L.kml", kml)
    return packed.getvalue()


KML = recorded("mosmix/mosmix_l_p0036_trimmed.kml")
MET = json.dumps(json.loads(recorded("metno/compact_40.7_-74_trimmed.json"))["data"]).encode()
QUARTERS = recorded("openmeteo/constructed_minutely15.json")


def bright_rows(first: str, **columns: Sequence[float | None]) -> bytes:
    length = len(next(iter(columns.values())))
    rows = [
        {"timestamp": (at(first) + k * HOUR).isoformat()} | {n: c[k] for n, c in columns.items()}
        for k in range(length)
    ]
    return json.dumps({"weather": rows, "sources": []}).encode()


BRIGHT = bright_rows(
    "2026-03-29 00:00",
    temperature=[2.0, 4.0, 6.0, 8.0],
    solar=[0.0, 0.0, 0.1, 0.3],
    wind_speed=[18.0, 18.0, 36.0, 36.0],
    cloud_cover=[0, 0, 50, 100],
)
GOOD = {
    "open_meteo": (QUARTERS, at("2026-01-15 10:05")),
    "met_norway": (MET, at("2020-07-20 11:50")),
    "bright_sky": (BRIGHT, at("2026-03-29 00:30")),
    "mosmix": (kmz(KML), at("2023-04-12 10:10")),
}


# ---- what every service has in common ------------------------------------------------------------


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    "reply",
    [
        Reply(b""),
        Reply(status=204),
        Reply(b"{}"),
        Reply(b"[]"),
        Reply(b"null"),
        Reply(b"<html>maintenance</html>"),
        Reply(b"PK\x03\x04 half an archive"),
        Reply(status=302),
        Reply(status=401),
        Reply(status=403),
        Reply(status=404),
        Reply(status=422),
        Reply(status=429),
        Reply(status=500),
        LinkLostError("aborted"),
    ],
    ids=lambda reply: f"{reply.status}-{len(reply.body)}" if isinstance(reply, Reply) else "abort",
)
async def test_no_disguise_of_a_failure_passes_for_weather(
    name: str, reply: Reply | Exception
) -> None:
    with pytest.raises(DriverError) as caught:
        await SERVICES[name](web(reply)).ask(at("2026-01-15 10:05"))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", SERVICES)
async def test_recorded_answer_covers_the_present_and_was_issued_before(name: str) -> None:
    body, now = GOOD[name]
    series = await SERVICES[name](web(body)).ask(now)
    assert series.starts_at <= now < ends_at(series)
    assert series.issued_at <= now
    assert len(series.outdoor_c) == len(series.ghi_w_per_m2) == len(series.wind_m_s or ())


@pytest.mark.parametrize("name", SERVICES)
async def test_weather_that_has_all_passed_is_no_forecast(name: str) -> None:
    body, now = GOOD[name]
    with pytest.raises(TransientError, match="no weather to come"):
        await SERVICES[name](web(body)).ask(now + 40 * HOUR)


@given(body=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@pytest.mark.parametrize("name", SERVICES)
def test_any_bytes_are_weather_or_a_driver_error(name: str, body: bytes) -> None:
    service: Any = SERVICES[name](web(b""))
    with pytest.raises(DriverError):
        service.parse(body, at("2026-01-15 10:05"))


# ---- one by one ----------------------------------------------------------------------------------


async def test_open_meteo_sunshine_of_the_interval_before_lands_in_the_step_it_was_in() -> None:
    link = web(QUARTERS)
    series = await OpenMeteo(link, PLACE).ask(at("2026-01-15 10:05"))
    assert series.starts_at == at("2026-01-15 10:00")
    assert series.step_s == 900
    assert list(series.ghi_w_per_m2) == [66.0, 72.0, 77.0, 82.0, 86.0, 90.0]  # not 61, not the null
    assert series.outdoor_c[0] == pytest.approx(-1.15)
    assert series.wind_m_s is not None
    assert series.wind_m_s[0] == pytest.approx(4.15)
    asked = dict(link.asked[0].params)
    assert asked["latitude"] == "55.6761"
    assert asked["timezone"] == "GMT"
    assert "apikey" not in asked


async def test_open_meteo_customers_ask_their_own_host_and_the_key_is_not_shown() -> None:
    link = web(QUARTERS)
    await OpenMeteo(link, PLACE, "s3cret").ask(at("2026-01-15 10:05"))
    assert link.asked[0].place.startswith("customer-api.")
    assert dict(link.asked[0].params)["apikey"] == "s3cret"


async def test_open_meteo_wind_in_km_per_h_is_told_in_m_per_s() -> None:
    body = QUARTERS.replace(b'"m/s"', b'"km/h"')
    series = await OpenMeteo(web(body), PLACE).ask(at("2026-01-15 10:05"))
    assert series.wind_m_s is not None
    assert series.wind_m_s[0] == pytest.approx(4.15 / 3.6)


async def test_open_meteo_says_what_was_wrong_with_the_question() -> None:
    reply = Reply(recorded("openmeteo/constructed_error_400.json"), status=400)
    with pytest.raises(RefusedByDeviceError, match="invalid String value"):
        await OpenMeteo(web(reply), PLACE).ask(at("2026-01-15 10:05"))


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"\xc2\xb0C"', b'"K"'), (b'"utc_offset_seconds": 0', b'"utc_offset_seconds": 3600')],
)
async def test_open_meteo_in_other_units_or_zones_is_not_believed(old: bytes, new: bytes) -> None:
    assert old in QUARTERS
    with pytest.raises(TransientError):
        await OpenMeteo(web(QUARTERS.replace(old, new)), PLACE).ask(at("2026-01-15 10:05"))


async def test_met_norway_is_told_who_asks_and_where_to_four_decimals() -> None:
    link = web(MET)
    await MetNorway(link, PLACE, contact="me@x.org", sun=under_clouds).ask(at("2020-07-20 11:50"))
    (request,) = link.asked
    assert dict(request.params) == {"lat": "55.6761", "lon": "12.5680", "altitude": "9"}
    assert dict(request.headers)["User-Agent"].endswith("me@x.org")


async def test_met_norway_is_asked_again_only_after_expires_and_if_it_has_changed() -> None:
    recorded_headers = json.loads(recorded("metno/compact_40.7_-74_trimmed.json"))["headers"]
    headers = {k: recorded_headers[k] for k in ("Date", "Expires", "Last-Modified")}
    link = web(Reply(MET, headers=headers), Reply(status=304, headers=headers))
    service = MetNorway(PoliteLink(link), PLACE, contact="me@x.org", sun=under_clouds)
    now = at("2020-07-20 11:45")
    first = await service.ask(now)
    assert await service.ask(now + timedelta(minutes=29)) == first
    assert len(link.asked) == 1
    again = await service.ask(now + timedelta(minutes=40))
    assert dict(link.asked[1].headers)["If-Modified-Since"] == headers["Last-Modified"]
    assert again.outdoor_c == first.outdoor_c


async def test_met_norway_sunshine_comes_from_its_clouds() -> None:
    series = await SERVICES["met_norway"](web(MET)).ask(at("2020-07-20 11:50"))
    assert series.ghi_w_per_m2[0] == pytest.approx(400.0 * (1.0 - (0.695 + 0.953) / 2.0))
    assert series.issued_at == at("2020-07-20 01:30:57")


async def test_met_norway_hours_that_lie_six_apart_are_joined_by_a_line() -> None:
    document = json.loads(MET)
    rows = document["properties"]["timeseries"]
    rows[5]["time"] = "2020-07-20T21:00:00Z"  # six hours after the one before
    series = await SERVICES["met_norway"](web(json.dumps(document).encode())).ask(
        at("2020-07-20 11:50")
    )
    assert ends_at(series) == at("2020-07-20 21:00")
    assert series.outdoor_c[-1] == pytest.approx(32.8 - 0.9 / 12.0)


async def test_met_norway_of_a_passing_version_counts_and_a_refusal_names_contact() -> None:
    series = await SERVICES["met_norway"](web(Reply(MET, status=203))).ask(at("2020-07-20 11:50"))
    assert series.source == "MET Norway"
    with pytest.raises(ConfigurationError, match=r"weather\.contact"):
        await SERVICES["met_norway"](web(Reply(status=403))).ask(at("2020-07-20 11:50"))


async def test_bright_sky_energy_of_the_hour_before_is_power_of_the_step() -> None:
    link = web(BRIGHT)
    series = await BrightSky(link, PLACE, sun=under_clouds).ask(at("2026-03-29 00:30"))
    assert list(series.ghi_w_per_m2) == pytest.approx([0.0, 100.0, 300.0])
    assert list(series.outdoor_c) == [3.0, 5.0, 7.0]
    assert list(series.wind_m_s or ()) == pytest.approx([5.0, 7.5, 10.0])
    assert dict(link.asked[0].params)["date"] == "2026-03-28T23:00+00:00"


async def test_bright_sky_station_without_sunshine_is_helped_by_its_clouds() -> None:
    body = bright_rows(
        "2026-06-01 10:00", temperature=[15.0] * 3, solar=[None] * 3, cloud_cover=[0, 50, 100]
    )
    series = await SERVICES["bright_sky"](web(body)).ask(at("2026-06-01 10:30"))
    assert list(series.ghi_w_per_m2) == pytest.approx([300.0, 100.0])
    assert series.wind_m_s is None


async def test_mosmix_kelvin_and_kilojoule_become_ours() -> None:
    series = await SERVICES["mosmix"](web(kmz(KML))).ask(at("2023-04-12 10:10"))
    assert series.issued_at == at("2023-04-12 09:00")
    assert series.starts_at == at("2023-04-12 10:00")
    assert series.outdoor_c[0] == pytest.approx((282.75 + 282.65) / 2.0 - 273.15)
    assert series.ghi_w_per_m2[0] == pytest.approx(540.0 / 3.6)
    assert len(series.outdoor_c) == 23


async def test_mosmix_holes_are_bridged_and_a_station_without_sunshine_has_clouds() -> None:
    body = kmz(KML.replace(b" 282.65 ", b" - ").replace(b'"Rad1h"', b'"RadS3"'))
    series = await SERVICES["mosmix"](web(body)).ask(at("2023-04-12 10:10"))
    assert series.outdoor_c[0] == pytest.approx(282.75 - 273.15)
    assert series.ghi_w_per_m2[4] == pytest.approx(400.0 * (1.0 - (0.96 + 0.88) / 2.0))


@pytest.mark.parametrize(
    "body",
    [
        kmz(KML)[:-40],
        kmz(KML.replace(b" 282.65 ", b" ")),
        kmz(KML.replace(b" 282.65 ", b" 9.5 ")),
        kmz(b"<!DOCTYPE x><x/>"),
        kmz(KML).replace(b".kml", b".txt"),
    ],
    ids=["cut", "a value missing", "°C instead of K", "own document type", "no KML"],
)
async def test_damaged_mosmix_files_are_told(body: bytes) -> None:
    with pytest.raises(TransientError):
        await SERVICES["mosmix"](web(body)).ask(at("2023-04-12 10:10"))


# ---- the laws of a series ------------------------------------------------------------------------


@pytest.mark.parametrize("day", ["2026-03-29 00:00", "2026-10-25 00:00"])
def test_days_of_23_and_25_hours_are_ordinary(day: str) -> None:
    moments = [at(day) + k * HOUR for k in range(49)]
    sky = Sky(
        outdoor_c={moment: float(k) for k, moment in enumerate(moments)},
        ghi_before_w_per_m2={moment: 10.0 * k for k, moment in enumerate(moments)},
    )
    series = series_of(sky, step_s=3600, issued_at=at(day), at=at(day), source="test")
    assert len(series.outdoor_c) == 48
    assert list(series.outdoor_c) == [k + 0.5 for k in range(48)]
    assert list(series.ghi_w_per_m2) == [10.0 * (k + 1) for k in range(48)]


@given(
    values=st.lists(st.none() | st.floats(-30.0, 40.0), min_size=2, max_size=60),
    shuffled=st.randoms(use_true_random=False),
)
def test_series_is_finite_unbroken_and_within_what_was_told_in_any_order(
    values: list[float | None], shuffled: Any
) -> None:
    start = at("2026-01-15 00:00")
    rows = [(start + k * HOUR, value) for k, value in enumerate(values)]
    shuffled.shuffle(rows)
    sky = Sky(outdoor_c=dict(rows), ghi_before_w_per_m2={moment: 5.0 for moment, _ in rows})
    known = [value for value in values if value is not None]
    try:
        series = series_of(sky, step_s=3600, issued_at=start, at=start, source="test")
    except TransientError:
        return
    assert min(known) - 1e-9 <= min(series.outdoor_c)
    assert max(series.outdoor_c) <= max(known) + 1e-9
    assert ends_at(series) <= start + (len(values) - 1) * HOUR
    assert start < ends_at(series)
