"""ENTSO-E's document A44: gaps filled to the end, sequences, resolutions, refusals in disguise."""

import asyncio
import csv
import io
import re
import zipfile
from dataclasses import dataclass
from statistics import fmean

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
from drivers.prices.entsoe import Entsoe, periods
from drivers.transports.in_memory_http import MemoryWebLink, Reply
from tests.drivers.priced import RECORDED, at, recorded, web

SINCE, UNTIL = at("2025-10-25 22:00"), at("2025-10-27 23:00")
NOW = at("2025-10-26 12:00")


@dataclass(frozen=True)
class Expected:
    file: str
    sequence: int
    start: str
    end: str
    step_s: int
    given: int
    filled: int
    mean: float


def _expected() -> list[Expected]:
    with (RECORDED / "entsoe/expected_after_fill.csv").open(encoding="utf-8") as file:
        return [
            Expected(
                row["file"], int(row["sequence"] or 1), row["start_utc"], row["end_utc"],
                60 * int(row["resolution"][2:-1]), int(row["points_given"]),
                int(row["points_after_fill"]), float(row["mean_after_fill"]),
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def service(link: MemoryWebLink | None = None, zone: str = "DK1") -> Entsoe:
    return Entsoe(link or web(b""), zone, "s3cret")


@pytest.mark.parametrize("row", _expected(), ids=lambda row: f"{row.file}-{row.start}")
def test_periods_are_filled_as_an_independent_reckoning_says(row: Expected) -> None:
    found = [
        period
        for period in periods(recorded(f"entsoe/{row.file}"), "test")
        if f"{period.starts_at:%Y-%m-%dT%H:%MZ}" == row.start and period.step_s == row.step_s
        and period.sequence == row.sequence
    ]  # fmt: skip
    (period,) = found
    known = [price for price in period.per_mwh if price is not None]
    assert f"{period.ends_at:%Y-%m-%dT%H:%MZ}" == row.end
    assert (period.given, len(known), len(period.per_mwh)) == (row.given, row.filled, row.filled)
    assert round(fmean(known), 4) == row.mean


def test_every_period_of_every_recorded_document_is_expected() -> None:
    rows = _expected()
    count = sum(len(periods(recorded(f"entsoe/{name}"), "test")) for name in {r.file for r in rows})
    assert count == len(rows)


def test_lowest_sequence_counts_wherever_it_stands() -> None:
    series = service().parse(recorded("entsoe/constructed_two_sequences.xml"), NOW)
    assert series.per_kwh == (0.060, 0.061, 0.062, 0.063)
    german = service(zone="DE-LU").parse(recorded("entsoe/DE_60M_15M_overlap.xml"), NOW)
    assert (german.step_s, len(german.per_kwh)) == (3600, 48)
    assert fmean(price for price in german.per_kwh if price is not None) == pytest.approx(
        (54.8979 + 83.72) / 2 / 1000, abs=1e-6
    )


def test_sequence_two_is_better_than_nothing() -> None:
    body = recorded("entsoe/constructed_two_sequences.xml").decode()
    early = re.sub(r"<TimeSeries>\s*<mRID>2.*?</TimeSeries>", "", body, flags=re.DOTALL)
    assert service().parse(early.encode(), NOW).per_kwh == (0.050, 0.051, 0.052, 0.053)


def test_mixed_resolutions_become_the_finest() -> None:
    series = service(zone="BE").parse(recorded("entsoe/BE_60M_15M_mix.xml"), NOW)
    assert (series.step_s, len(series.per_kwh)) == (900, 3 * 96)
    assert None not in series.per_kwh
    assert len(set(series.per_kwh[-4:])) == 1


@pytest.mark.parametrize(
    ("file", "quarters"),
    [("constructed_a03_dst_autumn_100q.xml", 100), ("constructed_a03_dst_spring_92q.xml", 92)],
)
def test_days_of_a_changed_clock_have_their_own_length(file: str, quarters: int) -> None:
    series = service().parse(recorded(f"entsoe/{file}"), NOW)
    assert (series.step_s, len(series.per_kwh)) == (900, quarters)


def test_negative_price_stays_negative() -> None:
    series = service().parse(recorded("entsoe/constructed_a03_dst_autumn_100q.xml"), NOW)
    assert series.per_kwh[40] == -0.0032
    assert min(price for price in series.per_kwh if price is not None) == -0.0032


def test_nothing_is_invented_before_the_first_given_point() -> None:
    body = recorded("entsoe/constructed_a03_gap_pt60m.xml").replace(
        b"<position>1<", b"<position>2<"
    )
    (period,) = periods(body, "test")
    assert period.per_mwh == (None, 10.0, 30.0, 30.0)


def test_points_beyond_their_period_are_passed_over() -> None:
    body = recorded("entsoe/constructed_a03_gap_pt60m.xml").replace(
        b"<position>3<", b"<position>5<"
    )
    (period,) = periods(body, "test")
    assert (period.given, period.per_mwh) == (2, (10.0,) * 4)


def test_curve_that_gives_every_point_is_not_filled() -> None:
    body = recorded("entsoe/constructed_a03_gap_pt60m.xml").replace(b">A03<", b">A01<")
    (period,) = periods(body, "test")
    assert period.per_mwh == (10.0, None, 30.0, None)


def test_newest_of_several_documents_in_an_archive_counts() -> None:
    old = recorded("entsoe/constructed_a03_gap_pt60m.xml").decode()
    new = re.sub("<createdDateTime>.*?<", "<createdDateTime>2030-01-01T00:00:00Z<", old)
    new = new.replace("10.0", "11.0")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("2.xml", new)
        archive.writestr("1.xml", old)
    zone = re.search("<in_Domain.mRID[^>]*>([^<]+)<", old)
    assert zone is not None
    series = service(zone=zone[1]).parse(packed.getvalue(), NOW)
    assert series.per_kwh == (0.011, 0.011, 0.030, 0.030)


def test_request_is_the_documented_one() -> None:
    request = service(zone="SE3").request(SINCE, UNTIL)
    assert request.url == "https://web-api.tp.entsoe.eu/api"
    assert dict(request.params) == {
        "securityToken": "s3cret",
        "documentType": "A44",
        "in_Domain": "10Y1001A1001A46L",
        "out_Domain": "10Y1001A1001A46L",
        "periodStart": "202510252200",
        "periodEnd": "202510272300",
        "contract_MarketAgreement.type": "A01",
    }


def test_zone_may_be_a_code_and_a_wrong_one_is_named() -> None:
    assert service(zone="10YES-REE------0").request(SINCE, UNTIL).params[2][1] == "10YES-REE------0"
    with pytest.raises(ConfigurationError, match="did you mean 'DE-LU'"):
        service(zone="DELU")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(status=401, body=b"Unauthorized"), ConfigurationError),
        (Reply(status=429), TransientError),
        (Reply(status=500), TransientError),
        (Reply(recorded("entsoe/ack_no_data.xml")), TransientError),
        (Reply(recorded("entsoe/ack_too_much.xml")), RefusedByDeviceError),
        (Reply(recorded("entsoe/ack_too_much.xml"), status=400), RefusedByDeviceError),
        (Reply(b""), TransientError),
        (Reply(status=204), TransientError),
        (Reply(b"<html>maintenance</html>"), TransientError),
        (Reply(b"PK\x03\x04broken"), TransientError),
        (Reply(b"{}"), TransientError),
        (LinkLostError("aborted"), LinkLostError),
    ],
)
async def test_every_disguise_of_a_failure_is_one(
    reply: Reply | Exception, error: type[DriverError]
) -> None:
    with pytest.raises(error) as caught:
        await service(web(reply)).ask(SINCE, UNTIL, NOW)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("MWH", "KWT"),
        ("PT60M", "P1Y"),
        ("<position>3<", "<position>x<"),
        ("30.0", "NaN"),
        ("30.0", ""),
        ("2025-01-01T04:00Z", "2025-01-01T04:30Z"),
        ("2025-01-01T04:00Z", "2024-01-01T04:00Z"),
        ("2025-01-01T04:00Z", "tomorrow"),
        ("timeInterval>", "interval>"),
        ("createdDateTime", "x"),
    ],
)
def test_damaged_document_is_no_series(old: str, new: str) -> None:
    body = recorded("entsoe/constructed_a03_gap_pt60m.xml").decode()
    assert old in body
    with pytest.raises(TransientError):
        periods(body.replace(old, new).encode(), "test")


def test_answer_for_another_zone_is_not_taken() -> None:
    with pytest.raises(TransientError, match="of this zone"):
        service(zone="SE3").parse(recorded("entsoe/constructed_two_sequences.xml"), NOW)


_DOCUMENT = recorded("entsoe/constructed_a03_gap_pt60m.xml")


@given(st.integers(0, len(_DOCUMENT) - 1), st.binary(max_size=6))
def test_any_damage_gives_prices_or_a_driver_error(place: int, noise: bytes) -> None:
    body = _DOCUMENT[:place] + noise + _DOCUMENT[place + len(noise) :]
    link = web(body)
    try:
        series = asyncio.run(service(link, "DK1").ask(SINCE, UNTIL, NOW))
    except DriverError:
        return
    assert all(price is None or abs(price) < float("inf") for price in series.per_kwh)
