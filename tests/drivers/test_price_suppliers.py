"""Suppliers with prices of their own, Octopus Agile and Tibber: questions and answers."""

import json

import pytest

from drivers.errors import (
    ConfigurationError,
    DriverError,
    RefusedByDeviceError,
    TransientError,
)
from drivers.prices.octopus import OctopusAgile
from drivers.prices.tibber import Tibber
from drivers.transports.http import HttpLink
from drivers.transports.in_memory_http import Reply
from tests.drivers.priced import at, recorded, web

NOW = at("2025-10-26 12:30")
SINCE, UNTIL = at("2025-10-25 22:00"), at("2025-10-27 23:00")  # 25 hours and a day


# ---- Octopus -------------------------------------------------------------------------------------


def agile(link: HttpLink | None = None) -> OctopusAgile:
    return OctopusAgile(link or web(b""), "AGILE-24-10-01", "E-1R-AGILE-24-10-01-A")


def rate(
    since: str, until: str | None, pence: float, payment: str | None = None
) -> dict[str, object]:
    return {"value_exc_vat": pence, "value_inc_vat": pence * 1.05, "valid_from": since,
            "valid_to": until, "payment_method": payment}  # fmt: skip


def page(*rates: dict[str, object], following: str | None = None) -> bytes:
    return json.dumps({"count": len(rates), "next": following, "results": rates}).encode()


def test_octopus_is_asked_for_the_tariff_in_utc() -> None:
    request = agile().request(SINCE, UNTIL)
    assert request.url == (
        "https://api.octopus.energy/v1/products/AGILE-24-10-01/electricity-tariffs/"
        "E-1R-AGILE-24-10-01-A/standard-unit-rates/"
    )
    assert request.params == (
        ("period_from", "2025-10-25T22:00Z"),
        ("period_to", "2025-10-27T23:00Z"),
        ("page_size", "1500"),
    )


def test_octopus_pence_before_vat_become_pounds() -> None:
    body = page(
        rate("2025-10-26T00:30:00Z", "2025-10-26T01:00:00Z", -2.5),
        rate("2025-10-26T00:00:00Z", "2025-10-26T00:30:00Z", 18.04),
    )
    series = agile().parse(body, NOW)
    assert (series.starts_at, series.step_s) == (at("2025-10-26 00:00"), 1800)
    assert series.per_kwh == (0.1804, -0.025)
    assert series.currency == "GBP"


def test_octopus_rows_far_apart_are_no_series() -> None:
    with pytest.raises(TransientError, match="more than a year"):
        agile().parse(recorded("octopus/standard_unit_rates.json"), NOW)


def test_octopus_of_two_ways_of_paying_the_chosen_one_counts() -> None:
    span = ("2025-10-26T00:00:00Z", "2025-10-26T00:30:00Z")
    body = page(rate(*span, 20.0, "DIRECT_DEBIT"), rate(*span, 25.0, "NON_DIRECT_DEBIT"))
    assert agile().parse(body, NOW).per_kwh == (0.2,)
    other = OctopusAgile(web(b""), "P", "T", payment="NON_DIRECT_DEBIT")
    assert other.parse(body, NOW).per_kwh == (0.25,)


async def test_octopus_pages_are_followed_and_a_rate_without_end_fills_the_window() -> None:
    link = web(
        page(
            rate("2025-10-27T22:00:00Z", None, 30.0),
            following="https://elsewhere.example/v1/?page=2&period_from=2025-10-25T22%3A00Z",
        ),
        page(rate("2025-10-27T21:30:00Z", "2025-10-27T22:00:00Z", 10.0)),
    )
    series = await agile(link).ask(SINCE, UNTIL, NOW)
    assert series.per_kwh == (0.1, 0.3, 0.3)
    assert link.asked[1].url == agile().request(SINCE, UNTIL).url
    assert link.asked[1].params == (("page", "2"), ("period_from", "2025-10-25T22:00Z"))


async def test_octopus_endless_pages_are_given_up() -> None:
    link = web(page(rate("2025-10-27T22:00:00Z", None, 30.0), following="https://x.example/?a=1"))
    await agile(link).ask(SINCE, UNTIL, NOW)
    assert len(link.asked) == 4


async def test_octopus_refusal_says_why() -> None:
    link = web(Reply(recorded("octopus/error_day_night.json"), status=400))
    with pytest.raises(ConfigurationError, match="day and night rates"):
        await agile(link).ask(SINCE, UNTIL, NOW)


# ---- Tibber --------------------------------------------------------------------------------------


def test_tibber_is_asked_with_the_token_in_the_header() -> None:
    request = Tibber(web(b""), "s3cret").request("QUARTER_HOURLY")
    assert (request.url, request.method) == ("https://api.tibber.com/v1-beta/gql", "POST")
    assert request.headers == (("Authorization", "Bearer s3cret"),)
    query = str(request.json)
    assert "priceInfo(resolution: QUARTER_HOURLY)" in query
    assert query.count("{", 1) == query.count("}", 1, -1)
    assert "s3cret" not in query


@pytest.mark.parametrize(("part", "first"), [("total", 1.7628), ("energy", 1.4022)])
def test_tibber_gives_the_price_with_or_without_taxes(part: str, first: float) -> None:
    service = Tibber(web(b""), "t", part="energy" if part == "energy" else "total")
    series = service.parse(recorded("tibber/priceinfo_hourly_nok_2021.json"), NOW)
    assert (series.starts_at, series.step_s) == (at("2021-12-28 23:00"), 3600)
    assert (series.per_kwh[0], series.currency) == (first, "NOK")


async def test_tibber_home_without_quarter_hours_is_asked_for_hours() -> None:
    empty = recorded("tibber/priceinfo_empty_real_2026.json")
    link = web(empty, recorded("tibber/priceinfo_hourly_nok_2021.json"))
    series = await Tibber(link, "t").ask(SINCE, UNTIL, NOW)
    assert series.step_s == 3600
    assert ["HOURLY" in str(r.json) and "QUARTER" not in str(r.json) for r in link.asked] == [
        False,
        True,
    ]
    with pytest.raises(TransientError, match="no price"):
        await Tibber(web(empty), "t").ask(SINCE, UNTIL, NOW)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(recorded("tibber/constructed_error_unauthenticated.json")), ConfigurationError),
        (Reply(recorded("tibber/error_400_user_agent.json"), status=400), RefusedByDeviceError),
        (Reply(b'{"data":null,"errors":[{"message":"x"}]}'), TransientError),
        (Reply(b'{"data":{"viewer":{"homes":[]}}}'), RefusedByDeviceError),
        (Reply(b'{"data":{"viewer":{"homes":[{"currentSubscription":null}]}}}'),
         RefusedByDeviceError),
    ],
)  # fmt: skip
async def test_tibber_errors_inside_an_answer_are_found(
    reply: Reply, error: type[DriverError]
) -> None:
    with pytest.raises(error):
        await Tibber(web(reply), "t").ask(SINCE, UNTIL, NOW)


def home(identifier: str, rows: list[tuple[str, float]]) -> dict[str, object]:
    prices = [{"total": total, "energy": total, "startsAt": start} for start, total in rows]
    info = {"current": {"currency": "EUR"}, "today": prices, "tomorrow": []}
    return {"id": identifier, "currentSubscription": {"priceInfo": info}}


def account(*homes: dict[str, object]) -> bytes:
    return json.dumps({"data": {"viewer": {"homes": homes}}}).encode()


def test_tibber_offset_may_change_inside_a_day() -> None:
    body = account(
        home("a", [("2025-10-26T02:00:00+02:00", 0.1), ("2025-10-26T02:00:00+01:00", 0.2)])
    )
    assert Tibber(web(b""), "t").parse(body, NOW).per_kwh == (0.1, 0.2)


def test_tibber_one_of_several_homes_is_chosen() -> None:
    stamp = "2025-10-26T02:00:00+01:00"
    body = account(home("a", []), home("b", [(stamp, 0.2)]), home("c", [(stamp, 0.3)]))
    assert Tibber(web(b""), "t").parse(body, NOW).per_kwh == (0.2,)
    assert Tibber(web(b""), "t", home="c").parse(body, NOW).per_kwh == (0.3,)
    with pytest.raises(ConfigurationError, match="no such home"):
        Tibber(web(b""), "t", home="d").parse(body, NOW)


def test_tibber_stamp_without_offset_is_refused() -> None:
    with pytest.raises(TransientError):
        Tibber(web(b""), "t").parse(account(home("a", [("2025-10-26T02:00:00", 0.1)])), NOW)
