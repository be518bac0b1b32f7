"""Danish grid and system tariffs from Energi Data Service: the data set DatahubPricelist.

Price1 ... Price24 are DKK per kWh without VAT for the local wall-clock hours 0-1 ... 23-24. Only a
charge of hourly resolution uses them all; else, and for an empty one, Price1 counts. ValidFrom is
the first local day, ValidTo the day after the last. Of several rows that hold on a day the one
with the latest ValidFrom counts.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime

from pydantic import TypeAdapter, model_validator

from drivers.errors import TransientError
from drivers.prices.series import Row, read_json
from drivers.transports.http import HttpLink, HttpRequest

URL = "https://api.energidataservice.dk/dataset/DatahubPricelist"
ENERGINET_GLN = "5790000432752"
"""System and transmission tariffs and the electricity tax."""

HOURS = 24
_WITH_VAT = "D02"
_HOURLY = "PT1H"
_SOURCE = "DatahubPricelist"


class _Record(Row):
    ChargeOwner: str
    GLN_Number: str
    ChargeTypeCode: str
    Note: str | None = None
    ValidFrom: datetime
    ValidTo: datetime | None = None
    VATClass: str
    ResolutionDuration: str
    prices: tuple[float | None, ...]

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, record: object) -> object:
        if not isinstance(record, dict):
            return record
        prices = tuple(record.get(f"Price{hour}") for hour in range(1, HOURS + 1))
        return record | {"prices": prices}


class _Answer(Row):
    records: tuple[_Record, ...]


_ANSWER = TypeAdapter(_Answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One row: DKK per kWh before VAT for each local hour, over some local days."""

    owner: str
    code: str
    note: str
    since: date
    until: date | None  # the first day after; None is open
    with_vat: bool  # VAT is added
    per_kwh: tuple[float, ...]  # 24 of them


def request(gln: str, codes: tuple[str, ...] = ()) -> HttpRequest:
    """The question for a company's charges per kWh (D03), all rows, latest first."""
    chosen: dict[str, list[str]] = {"ChargeType": ["D03"], "GLN_Number": [gln]}
    if codes:
        chosen["ChargeTypeCode"] = list(codes)
    return HttpRequest(
        url=URL,
        params=(
            ("filter", json.dumps(chosen, separators=(",", ":"))),
            ("sort", "ValidFrom desc"),
            ("limit", "0"),
        ),
    )


async def charges(
    link: HttpLink, gln: str, codes: tuple[str, ...], *, at: datetime
) -> tuple[Charge, ...]:
    """A company's charges; all of them without codes. Raises a `DriverError`."""
    return parse((await link.ask(request(gln, codes), at)).checked().body)


def parse(body: bytes) -> tuple[Charge, ...]:
    """The charges in an answer, of each code the latest first. Raises `TransientError`."""
    found = [_charge(record) for record in read_json(_ANSWER, body, _SOURCE).records]
    if not found:
        raise TransientError(f"{_SOURCE}: there are no such charges")
    return tuple(sorted(found, key=lambda charge: (charge.code, -charge.since.toordinal())))


def in_force(found: tuple[Charge, ...], day: date) -> tuple[Charge, ...]:
    """Those that hold on this local day or later."""
    return tuple(charge for charge in found if charge.until is None or charge.until > day)


def _charge(record: _Record) -> Charge:
    base = record.prices[0]
    if base is None:
        raise TransientError(f"{_SOURCE}: {record.ChargeTypeCode} has no price")
    hourly = record.ResolutionDuration == _HOURLY
    return Charge(
        owner=record.ChargeOwner,
        code=record.ChargeTypeCode,
        note=record.Note or record.ChargeTypeCode,
        since=record.ValidFrom.date(),
        until=None if record.ValidTo is None else record.ValidTo.date(),
        with_vat=record.VATClass == _WITH_VAT,
        per_kwh=tuple(base if price is None or not hourly else price for price in record.prices),
    )
