import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from itertools import pairwise

import numpy as np
import pytest

from bench import forecast_error
from bench.archive import Archive, ArchiveError, ArchivePrices, ArchiveWeather, load_zone, zones
from bench.sky import clear_sky_w_per_m2, diffuse_from_direct, extraterrestrial_w_per_m2
from bench.zones import HOUR, read_columns
from drivers.errors import TransientError
from hil.weather import WeatherTrace

START_AT = datetime(2024, 1, 15, tzinfo=UTC)
END_AT = START_AT + timedelta(days=7)


def week(*, seed: int = 1, forecast_errors: bool = True) -> Archive:
    return Archive(
        load_zone("DK1"),
        start_at=START_AT,
        end_at=END_AT,
        seed=seed,
        forecast_errors=forecast_errors,
    )


def around(day: datetime, *, zone: str = "DE_LU") -> Archive:
    return Archive(
        load_zone(zone),
        start_at=day - timedelta(days=2),
        end_at=day + timedelta(days=2),
        seed=1,
    )


@pytest.mark.parametrize("name", zones())
def test_every_zone_has_prices_and_weather_for_the_whole_of_2024(name: str) -> None:
    zone = load_zone(name)
    first_at = datetime(2023, 12, 31, 23, tzinfo=UTC)
    for series in (zone.spot_per_kwh, zone.weather):
        assert series.starts_at <= first_at
        assert series.ends_at >= datetime(2024, 12, 31, 22, tzinfo=UTC)


def test_prices_are_in_eur_per_kwh_at_their_stamp() -> None:
    # the German record of 2024: 936.28 EUR/MWh on 12 December, 17 h local time
    prices = load_zone("DE_LU").spot_per_kwh
    index = (datetime(2024, 12, 12, 16, tzinfo=UTC) - prices.starts_at) // HOUR
    assert prices.per_kwh[index] == 0.93628


def test_radiation_belongs_to_the_hour_before_its_stamp_and_temperature_to_the_hours_middle() -> (
    None
):
    starts_at, columns = read_columns("weather_DK1.csv.gz")
    weather = load_zone("DK1").weather
    index = (datetime(2024, 6, 1, 10, tzinfo=UTC) - starts_at) // HOUR
    assert (
        weather.direct_horizontal_w_per_m2[index]
        == columns["direct_horizontal_w_per_m2"][index + 1]
    )
    ends_c = columns["outdoor_c"][index : index + 2]
    assert ends_c[0] is not None
    assert ends_c[1] is not None
    assert weather.outdoor_c[index] == pytest.approx((ends_c[0] + ends_c[1]) / 2)


def test_the_sun_is_highest_when_the_radiation_is() -> None:
    zone = load_zone("DK1")
    weather = zone.weather
    hours = len(weather.outdoor_c)
    sky = clear_sky_w_per_m2(
        weather.starts_at, hours, latitude=zone.latitude, longitude=zone.longitude
    )
    measured = np.add(weather.direct_horizontal_w_per_m2, weather.diffuse_horizontal_w_per_m2)
    hour_of_day = (weather.starts_at.hour + np.arange(hours)) % 24
    centres_h = [np.sum(hour_of_day * series) / np.sum(series) for series in (sky, measured)]
    assert centres_h[0] == pytest.approx(centres_h[1], abs=0.15)


def test_estimated_diffuse_light_has_the_mean_of_the_known_one() -> None:
    zone = load_zone("DK1")
    weather = zone.weather
    beyond_air = extraterrestrial_w_per_m2(
        weather.starts_at,
        len(weather.outdoor_c),
        latitude=zone.latitude,
        longitude=zone.longitude,
    )
    estimated = diffuse_from_direct(np.array(weather.direct_horizontal_w_per_m2), beyond_air)
    known = np.array(weather.diffuse_horizontal_w_per_m2)
    assert estimated.mean() == pytest.approx(known.mean(), rel=0.1)
    assert np.corrcoef(estimated, known)[0, 1] > 0.9


def test_an_unknown_zone_is_refused_with_the_names_of_the_known_ones() -> None:
    with pytest.raises(ArchiveError, match="DK1, DE_LU"):
        load_zone("SE3")


@pytest.mark.parametrize(
    ("start_at", "end_at"),
    [
        (datetime(2023, 6, 1, tzinfo=UTC), datetime(2023, 6, 8, tzinfo=UTC)),
        (datetime(2024, 12, 30, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC)),
        (END_AT, START_AT),
    ],
)
def test_a_span_without_data_is_refused_with_the_span_there_is(
    start_at: datetime, end_at: datetime
) -> None:
    with pytest.raises(ArchiveError, match="there is 2023-12-31T23:00:00"):
        Archive(load_zone("DK1"), start_at=start_at, end_at=end_at, seed=1)


def test_a_span_without_time_zone_is_refused() -> None:
    with pytest.raises(ArchiveError, match="time zone"):
        Archive(load_zone("DK1"), start_at=datetime(2024, 1, 1), end_at=END_AT, seed=1)  # noqa: DTZ001


def test_tomorrows_prices_are_known_from_a_quarter_to_one_local_time() -> None:
    archive = week()
    published_at = START_AT + timedelta(hours=11, minutes=45)  # 12:45 in Denmark in winter
    before = archive.prices_at(published_at - timedelta(seconds=1))
    after = archive.prices_at(published_at)
    assert (len(before.per_kwh), len(after.per_kwh)) == (24, 48)
    assert before.issued_at == published_at - timedelta(days=1)
    assert after.issued_at == published_at
    assert before.starts_at == after.starts_at == datetime(2024, 1, 14, 23, tzinfo=UTC)
    assert after.per_kwh[:24] == before.per_kwh


@pytest.mark.parametrize(
    ("day", "hours"),
    [(datetime(2024, 3, 31, 12, tzinfo=UTC), 23), (datetime(2024, 10, 27, 12, tzinfo=UTC), 25)],
)
def test_days_of_a_clock_change_have_their_true_number_of_prices(day: datetime, hours: int) -> None:
    archive = around(day)
    before_publication = archive.prices_at(day.replace(hour=10))
    assert len(before_publication.per_kwh) == hours
    both_days = archive.prices_at(day)
    assert len(both_days.per_kwh) == hours + 24
    prices = archive.zone.spot_per_kwh
    index = (both_days.starts_at - prices.starts_at) // HOUR
    assert both_days.per_kwh == prices.per_kwh[index : index + hours + 24]


def test_prices_follow_each_other_without_seam_all_year() -> None:
    zone = load_zone("DE_LU")
    archive = Archive(
        zone,
        start_at=datetime(2024, 3, 1, tzinfo=UTC),
        end_at=datetime(2024, 11, 30, tzinfo=UTC),
        seed=1,
    )
    for day in range(270):
        now = datetime(2024, 3, 1, 15, tzinfo=UTC) + timedelta(days=day)
        series = archive.prices_at(now)
        index = (series.starts_at - zone.spot_per_kwh.starts_at) // HOUR
        assert series.per_kwh == zone.spot_per_kwh.per_kwh[index : index + len(series.per_kwh)]
        assert series.starts_at + len(series.per_kwh) * HOUR > now + timedelta(hours=30)


def test_a_hole_in_the_prices_stays_a_hole() -> None:
    zone = load_zone("DK1")
    index = (START_AT + 6 * HOUR - zone.spot_per_kwh.starts_at) // HOUR
    per_kwh = (*zone.spot_per_kwh.per_kwh[:index], None, *zone.spot_per_kwh.per_kwh[index + 1 :])
    holed = replace(zone, spot_per_kwh=replace(zone.spot_per_kwh, per_kwh=per_kwh))
    archive = Archive(holed, start_at=START_AT, end_at=END_AT, seed=1)
    series = archive.prices_at(START_AT + 6 * HOUR)
    assert [i for i, price in enumerate(series.per_kwh) if price is None] == [7]
    altered = archive.altered_after(START_AT - timedelta(days=2)).prices_at(START_AT)
    assert altered.per_kwh[7] is None


def test_forecasts_are_those_of_the_last_finished_run() -> None:
    archive = week()
    eight = START_AT + 7 * HOUR
    assert archive.weather_at(eight - timedelta(seconds=1)).starts_at == START_AT
    forecast = archive.weather_at(eight)
    assert forecast.starts_at == START_AT + 6 * HOUR
    assert forecast.issued_at == eight
    assert len(forecast.outdoor_c) == len(forecast.ghi_w_per_m2) == 72


def test_nothing_handed_out_was_issued_later() -> None:
    archive = week()
    for minutes in range(0, 7 * 24 * 60, 45):
        now = START_AT + timedelta(minutes=minutes)
        assert archive.prices_at(now).issued_at <= now
        assert archive.weather_at(now).issued_at <= now
        assert archive.weather_at(now).starts_at <= now


def test_a_forecast_depends_on_seed_and_issue_only() -> None:
    at = START_AT + timedelta(days=3)
    longer = Archive(
        load_zone("DK1"), start_at=START_AT + timedelta(days=2), end_at=END_AT + HOUR, seed=1
    )
    assert longer.weather_at(at) == week().weather_at(at)
    assert week(seed=2).weather_at(at) != week().weather_at(at)


def test_without_errors_the_forecast_is_the_weather_that_came() -> None:
    archive = week(forecast_errors=False)
    forecast = archive.weather_at(START_AT + timedelta(days=1))
    weather = archive.zone.weather
    index = (forecast.starts_at - weather.starts_at) // HOUR
    assert forecast.outdoor_c == pytest.approx(weather.outdoor_c[index : index + 72], abs=0.006)


def test_forecasts_are_cut_where_the_data_ends_and_where_it_begins() -> None:
    zone = load_zone("DK1")
    first_at, last_at = zone.weather.starts_at, zone.weather.ends_at
    archive = Archive(zone, start_at=first_at, end_at=first_at + HOUR, seed=1)
    assert archive.weather_at(first_at).starts_at == first_at
    assert len(archive.weather_at(first_at).outdoor_c) == 72 - 5
    archive = Archive(zone, start_at=last_at - HOUR, end_at=last_at, seed=1)
    last = archive.weather_at(last_at)
    assert last.starts_at + len(last.outdoor_c) * HOUR == last_at


def test_forecast_errors_have_the_spread_and_memory_of_archived_ones() -> None:
    zone = load_zone("DK1")
    start_at = datetime(2024, 1, 2, tzinfo=UTC)
    archive = Archive(zone, start_at=start_at, end_at=start_at + timedelta(days=240), seed=3)
    outdoor_c = np.array(zone.weather.outdoor_c)
    ghi = np.add(zone.weather.direct_horizontal_w_per_m2, zone.weather.diffuse_horizontal_w_per_m2)
    errors_k, errors_w_per_m2, actual_w_per_m2 = [], [], []
    for day in range(1, 240):
        forecast = archive.weather_at(start_at + timedelta(days=day))
        hours = slice(first := (forecast.starts_at - zone.weather.starts_at) // HOUR, first + 72)
        errors_k.append(np.array(forecast.outdoor_c) - outdoor_c[hours])
        errors_w_per_m2.append(np.array(forecast.ghi_w_per_m2) - ghi[hours])
        actual_w_per_m2.append(ghi[hours])
    error_k, error_w_per_m2 = np.array(errors_k), np.array(errors_w_per_m2)
    actual = np.array(actual_w_per_m2)
    archived = forecast_error.DE_BILT
    assert error_k[:, 24].std() == pytest.approx(archived.outdoor_std_k[1], rel=0.15)
    assert error_k[:, 48].std() == pytest.approx(archived.outdoor_std_k[2], rel=0.15)
    assert abs(error_k.mean()) < 0.15
    neighbours = np.corrcoef(error_k[:, 30], error_k[:, 31])[0, 1]
    assert neighbours == pytest.approx(archived.outdoor_hour_to_hour, abs=0.05)
    same_hour = np.corrcoef(error_k[1:, 20], error_k[:-1, 44])[0, 1]
    assert same_hour == pytest.approx(archived.outdoor_issue_to_issue, abs=0.12)
    assert np.all(error_w_per_m2[actual == 0.0] == 0.0)
    day_time = actual >= 50.0
    relative = error_w_per_m2[day_time] / actual[day_time].mean()
    assert relative.std() == pytest.approx(0.28, abs=0.10)  # 0.28 in the archive
    assert abs(relative.mean()) < 0.06


def test_forecast_irradiance_is_never_negative_nor_beyond_a_clear_sky() -> None:
    zone = load_zone("DE_LU")
    start_at = datetime(2023, 6, 1, tzinfo=UTC)
    archive = Archive(zone, start_at=start_at, end_at=start_at + timedelta(days=20), seed=5)
    for day in range(20):
        ghi = archive.weather_at(start_at + timedelta(days=day)).ghi_w_per_m2
        assert min(ghi) == 0.0
        assert max(ghi) < 1000.0


def test_the_constants_are_what_the_archived_forecasts_show() -> None:
    measured = forecast_error.measure()
    used = forecast_error.DE_BILT
    assert used.outdoor_std_k == pytest.approx(measured.outdoor_std_k, abs=0.01)
    for name in (
        "outdoor_hour_to_hour",
        "outdoor_issue_to_issue",
        "irradiance_log_std",
        "irradiance_hour_to_hour",
        "irradiance_issue_to_issue",
    ):
        assert getattr(used, name) == pytest.approx(getattr(measured, name), abs=0.01), name


def test_the_plants_weather_covers_the_span_with_a_day_to_spare() -> None:
    archive = week()
    truth = archive.truth_weather()
    assert truth["starts_at"] == START_AT - timedelta(days=1)
    assert truth["step_s"] == 3600
    assert truth["relative_humidity_frac"] is not None
    for column in (
        truth["outdoor_c"],
        truth["direct_horizontal_w_per_m2"],
        truth["diffuse_horizontal_w_per_m2"],
        truth["wind_m_per_s"],
        truth["relative_humidity_frac"],
    ):
        assert len(column) == 9 * 24
    assert (truth["latitude"], truth["longitude"]) == (56.13, 10.19)
    assert WeatherTrace(**truth).sky(START_AT).outdoor_c == pytest.approx(-1, abs=5)
    assert 0.0 < min(truth["relative_humidity_frac"]) <= max(truth["relative_humidity_frac"]) <= 1.0


def test_the_plants_weather_ends_with_the_data() -> None:
    zone = load_zone("DE_LU")
    last_at = zone.weather.ends_at
    archive = Archive(zone, start_at=last_at - 3 * HOUR, end_at=last_at, seed=1)
    truth = archive.truth_weather()
    assert truth["starts_at"] == last_at - 27 * HOUR
    assert truth["outdoor_c"] == zone.weather.outdoor_c[-27:]
    assert truth["relative_humidity_frac"] is None


def test_altering_what_comes_later_leaves_everything_earlier_as_it_was() -> None:
    archive = week()
    instant = START_AT + timedelta(days=3, hours=9, minutes=20)
    altered = archive.altered_after(instant)
    for minutes in range(0, 7 * 24 * 60, 30):
        now = START_AT + timedelta(minutes=minutes)
        prices, weather = archive.prices_at(now), archive.weather_at(now)
        assert (altered.weather_at(now) == weather) is (weather.issued_at <= instant)
        assert (altered.prices_at(now) == prices) is (prices.issued_at <= instant)


def test_altering_changes_every_price_and_temperature_that_comes_later() -> None:
    archive = week()
    instant = START_AT + timedelta(days=3, minutes=20)
    altered = archive.altered_after(instant)
    later = START_AT + timedelta(days=5)
    pairs = zip(archive.prices_at(later).per_kwh, altered.prices_at(later).per_kwh, strict=True)
    assert all(one != other for one, other in pairs)
    one, other = archive.truth_weather(), altered.truth_weather()
    first_changed = (instant - one["starts_at"]) // HOUR + 2  # the middle of the next whole hour
    assert one["outdoor_c"][:first_changed] == other["outdoor_c"][:first_changed]
    later_pairs = zip(
        one["outdoor_c"][first_changed:], other["outdoor_c"][first_changed:], strict=True
    )
    assert all(abs(old - new) >= 2.0 for old, new in later_pairs)
    assert archive.truth_weather() == week().truth_weather()


async def test_the_sources_answer_like_the_archive_and_fail_as_sources_do_outside_it() -> None:
    archive = week()
    now = START_AT + timedelta(days=1)
    assert await ArchivePrices(archive).fetch(now) == archive.prices_at(now)
    assert await ArchiveWeather(archive).fetch(now) == archive.weather_at(now)
    for source in (ArchivePrices(archive), ArchiveWeather(archive)):
        with pytest.raises(TransientError, match="outside the archive's span"):
            await source.fetch(END_AT + HOUR)


def test_the_shipped_files_are_those_the_readme_describes() -> None:
    folder = resources.files("bench").joinpath("data")
    readme = folder.joinpath("README.md").read_text(encoding="utf-8")
    files = [file for file in folder.iterdir() if file.name.endswith(".csv.gz")]
    assert len(files) == 6
    for file in files:
        content = file.read_bytes()
        assert f"{hashlib.sha256(content).hexdigest()}  {file.name}" in readme
    assert sum(len(file.read_bytes()) for file in files) < 1_000_000


@pytest.mark.parametrize("name", ["weather_DK1.csv.gz", "price_DE_LU.csv.gz"])
def test_columns_of_a_file_have_one_entry_per_hour(name: str) -> None:
    _, columns = read_columns(name)
    assert all(len(one) == len(other) for one, other in pairwise(columns.values()))
    assert all(len(column) > 8700 for column in columns.values())
