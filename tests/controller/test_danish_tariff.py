"""Charges of Danish companies: what is asked, which price holds when, and the sections of it."""

import json
import tomllib
from datetime import date
from typing import Any

import pytest

from controller.config import parse_config
from controller.connect_prices import danish_charges
from controller.danish_tariff import sections
from controller.model_tariff import tariff_of
from controller.tariff_bill import day_bill
from drivers.errors import TransientError
from drivers.prices.datahub_pricelist import ENERGINET_GLN, in_force, parse, request
from tests.drivers.priced import at, recorded, web

Document = dict[str, Any]
BODY = recorded("energidataservice/constructed_datahubpricelist.json")
GLN = "5790000705689"


def changed(**values: object) -> bytes:
    """The first recorded row, and the same with other values."""
    document = json.loads(BODY)
    first = document["records"][0]
    return json.dumps({"records": [first, first | values]}).encode()


def hours_of(document: Document, text: str, day: date) -> list[float | None]:
    """What the configured tariff adds in each hour of a local day."""
    config = parse_config(document | {"tariff": tomllib.loads(text)["tariff"]})
    tariff = tariff_of(config.tariff, "Europe/Copenhagen")
    return [
        sum(part or 0.0 for part in step.pieces.values())
        for step in day_bill(tariff, day, lambda _: 0.0)
        for _ in range(round((step.ends_at - step.starts_at).total_seconds() / 3600))
    ]


def test_question_names_company_kind_and_charge_and_wants_all_rows() -> None:
    asked = request(GLN, ("DT_C_01",))
    assert asked.url == "https://api.energidataservice.dk/dataset/DatahubPricelist"
    parameters = dict(asked.params)
    assert json.loads(parameters["filter"]) == {
        "ChargeType": ["D03"],
        "GLN_Number": [GLN],
        "ChargeTypeCode": ["DT_C_01"],
    }
    assert parameters["limit"] == "0"
    assert "ChargeTypeCode" not in dict(request(ENERGINET_GLN).params)["filter"]


def test_hourly_charge_has_24_prices_and_a_daily_one_a_single_price() -> None:
    tax, grid = parse(BODY)
    assert (tax.code, set(tax.per_kwh), len(tax.per_kwh)) == ("EA-001", {0.008}, 24)
    assert grid.per_kwh == (0.1998,) * 6 + (0.5993,) * 11 + (1.798,) * 4 + (0.5993,) * 3
    assert (grid.since, grid.until, grid.with_vat) == (date(2026, 2, 23), None, True)


def test_empty_price_of_an_hour_is_the_first_one() -> None:
    rows = parse(changed(Price18=None, ValidFrom="2026-03-01T00:00:00"))
    assert rows[0].per_kwh[17] == 0.1998
    daily = parse(changed(ResolutionDuration="P1D", ValidFrom="2026-03-01T00:00:00"))
    assert set(daily[0].per_kwh) == {0.1998}


def test_sections_reckon_as_the_list_says(document: Document) -> None:
    tax, grid = parse(BODY)
    prices = hours_of(document, sections((grid, tax)), date(2026, 2, 24))
    assert prices == pytest.approx([price + 0.008 for price in grid.per_kwh])


def test_of_rows_that_overlap_the_latest_counts(document: Document) -> None:
    body = changed(ValidFrom="2026-04-01T00:00:00", ValidTo="2026-05-01T00:00:00", Price1=9.0)
    text = sections(parse(body))
    assert [hours_of(document, text, day)[0] for day in (
        date(2026, 3, 31), date(2026, 4, 1), date(2026, 4, 30), date(2026, 5, 1)
    )] == [0.1998, 9.0, 9.0, 0.1998]  # fmt: skip


def test_charge_without_vat_gets_none(document: Document) -> None:
    body = json.dumps({"records": [json.loads(BODY)["records"][1] | {"VATClass": "D01"}]}).encode()
    text = "[tariff]\nvat_frac = 0.25\n\n" + sections(parse(body))
    config = parse_config(document | tomllib.loads(text))
    tariff = tariff_of(config.tariff, "Europe/Copenhagen")
    assert tariff.price_per_kwh(0.0, at("2026-03-01 12:00")) == pytest.approx(0.008)


def test_past_rows_are_left_out() -> None:
    rows = parse(changed(ValidFrom="2025-01-01T00:00:00", ValidTo="2026-02-23T00:00:00"))
    assert len(in_force(rows, date(2026, 2, 22))) == 2
    assert len(in_force(rows, date(2026, 2, 23))) == 1


@pytest.mark.parametrize(
    "body", [b'{"records": []}', b"{}", changed(Price1=None), changed(ValidFrom="soon"), b"[1]"]
)
async def test_list_without_charges_is_a_failure(body: bytes) -> None:
    with pytest.raises(TransientError):
        await danish_charges(GLN, (), at("2026-03-01 12:00"), web=web(body))
