"""Day-ahead prices from the ENTSO-E transparency platform: document A44.

Request and document: ENTSO-E, Transparency Platform RESTful API user guide, 4.2.10 (energy prices);
curve type A03: IEC 62325-351, a point holds until the next given one and to the end of its period.
"""

import io
import math
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from xml.etree.ElementTree import Element

from drivers.api import PriceSeries
from drivers.errors import ConfigurationError, RefusedByDeviceError, TransientError
from drivers.prices.polling import EURO_AUCTION
from drivers.prices.series import Span, per_kwh, series_of, utc
from drivers.prices.zones import eic_of
from drivers.transports.http import LARGEST_ANSWER_BYTES, HttpLink, HttpRequest, parse_xml

URL = "https://web-api.tp.entsoe.eu/api"
_STEPS_S = {"PT15M": 900, "PT30M": 1800, "PT60M": 3600, "PT1H": 3600}
MOST_STEPS = 2 * 366 * 96
"""Prices in an answer; a small document can speak of many long periods."""

_SEQUENCE = "classificationSequence_AttributeInstanceComponent.position"
_ZIP = b"PK\x03\x04"
_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One unbroken stretch of prices as the document gives it, gaps of its curve filled."""

    sequence: int  # 1: the coupled auction; a document without sequences counts as 1
    created_at: datetime
    domain: str
    currency: str
    starts_at: datetime
    step_s: int
    given: int  # points that the document holds; real ones hold some beyond the period's end
    per_mwh: tuple[float | None, ...]

    @property
    def ends_at(self) -> datetime:
        """The end of the last step."""
        return self.starts_at + timedelta(seconds=self.step_s * len(self.per_mwh))


class Entsoe:
    """The `PriceService` of one bidding zone."""

    publication = EURO_AUCTION

    def __init__(self, link: HttpLink, zone: str, token: str, *, url: str = URL) -> None:
        """`zone` is a name such as DK1 or an EIC. Raises `ConfigurationError`."""
        self.name = f"ENTSO-E {zone}"
        self._link = link
        self._eic = eic_of(zone)
        self._token = token
        self._url = url

    async def ask(self, since: datetime, until: datetime, at: datetime) -> PriceSeries:
        """Prices between two instants as far as published. Raises a `DriverError`."""
        answer = await self._link.ask(self.request(since, until), at)
        if answer.status == _UNAUTHORIZED:
            raise ConfigurationError(f"{self.name}: the token is not accepted (401)")
        if answer.body.lstrip()[:1] not in (b"<", b"P"):
            answer.checked()
            raise TransientError(f"{self.name}: the answer is no document: {answer.start}")
        return self.parse(answer.body, at)

    def request(self, since: datetime, until: datetime) -> HttpRequest:
        """The question for the prices between two instants."""
        return HttpRequest(
            url=self._url,
            params=(
                ("securityToken", self._token),
                ("documentType", "A44"),
                ("in_Domain", self._eic),
                ("out_Domain", self._eic),
                ("periodStart", f"{since.astimezone(UTC):%Y%m%d%H%M}"),
                ("periodEnd", f"{until.astimezone(UTC):%Y%m%d%H%M}"),
                ("contract_MarketAgreement.type", "A01"),
            ),
        )

    def parse(self, body: bytes, at: datetime) -> PriceSeries:
        """The series in an answer: lowest sequence, then finest resolution, then newest document.

        Raises a `DriverError`.
        """
        mine = [period for period in periods(body, self.name) if period.domain == self._eic]
        if not mine:
            raise TransientError(f"{self.name}: the answer holds no price of this zone")
        currencies = {period.currency for period in mine}
        if len(currencies) > 1:
            raise TransientError(f"{self.name}: prices in {' and '.join(sorted(currencies))}")
        spans = [
            Span(
                period.starts_at + timedelta(seconds=period.step_s * place),
                period.step_s,
                per_kwh(price),
            )
            for period in reversed(_wanted(mine))
            for place, price in enumerate(period.per_mwh)
            if price is not None
        ]
        return series_of(spans, issued_at=at, currency=currencies.pop(), source=self.name)


def periods(body: bytes, source: str) -> list[Period]:
    """Every period in an answer, which may be a document or an archive of them.

    Raises `TransientError`, also for an acknowledgement without data (code 999, "no matching data")
    and `RefusedByDeviceError` for other acknowledgements: their text tells them apart.
    """
    found: list[Period] = []
    steps = 0
    for document in _documents(body, source):
        root = parse_xml(document, source)
        if _name(root) == "Acknowledgement_MarketDocument":
            _raise_refusal(root, source)
        if _name(root) != "Publication_MarketDocument":
            raise TransientError(f"{source}: unexpected document {_name(root)}")
        try:
            for period in _periods(root):
                steps += len(period.per_mwh)
                if steps > MOST_STEPS:
                    raise ValueError("it holds more prices than two years have")
                found.append(period)
        except (ValueError, KeyError, OverflowError) as error:
            raise TransientError(f"{source}: the document is damaged: {error}") from error
    return found


def _wanted(found: list[Period]) -> list[Period]:
    """The best first, without those that a better one covers altogether."""
    best = sorted(found, key=lambda period: period.created_at, reverse=True)
    best.sort(key=lambda period: (period.sequence, period.step_s))
    covered: set[datetime] = set()
    wanted: list[Period] = []
    for period in best:
        quarters = round((period.ends_at - period.starts_at).total_seconds()) // 900
        slots = {period.starts_at + timedelta(minutes=15 * place) for place in range(quarters)}
        if not slots <= covered:
            wanted.append(period)
            covered |= slots
    return wanted


def _documents(body: bytes, source: str) -> Iterator[bytes]:
    if not body.startswith(_ZIP):
        yield body
        return
    left = LARGEST_ANSWER_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            for entry in archive.infolist():
                with archive.open(entry) as packed:
                    document = packed.read(left + 1)
                left -= len(document)
                if left < 0:
                    raise TransientError(f"{source}: the unpacked answer is too large")
                yield document
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError) as error:
        raise TransientError(f"{source}: the archive is damaged") from error


def _raise_refusal(root: Element, source: str) -> None:
    """Code 999 is both "nothing yet" and "you asked for too much": only the text says which."""
    texts = [element.text or "" for element in root.iter() if _name(element) == "text"]
    text = "; ".join(texts).strip() or "no reason given"
    if "no matching data" in text.lower():
        raise TransientError(f"{source}: nothing published yet for that time")
    raise RefusedByDeviceError(f"{source}: {text}")


def _periods(root: Element) -> Iterator[Period]:
    created_at = utc(datetime.fromisoformat(_text(root, "createdDateTime")))
    for series in _children(root, "TimeSeries"):
        if _text(series, "price_Measure_Unit.name") != "MWH":
            raise ValueError("prices are not per MWh")
        for period in _children(series, "Period"):
            interval = next(_children(period, "timeInterval"), None)
            if interval is None:
                raise KeyError("timeInterval")
            starts_at = utc(datetime.fromisoformat(_text(interval, "start")))
            ends_at = utc(datetime.fromisoformat(_text(interval, "end")))
            step_s = _STEPS_S[_text(period, "resolution")]
            count, rest_s = divmod(round((ends_at - starts_at).total_seconds()), step_s)
            if rest_s or not 0 < count <= 366 * 96:
                raise ValueError(f"a period from {starts_at} to {ends_at}")
            points = _points(period)
            yield Period(
                sequence=int(_text(series, _SEQUENCE, "1")),
                created_at=created_at,
                domain=_text(series, "in_Domain.mRID"),
                currency=_text(series, "currency_Unit.name"),
                starts_at=starts_at,
                step_s=step_s,
                given=len(points),
                per_mwh=_filled(points, count, _text(series, "curveType", "A03")),
            )


def _points(period: Element) -> dict[int, float]:
    points: dict[int, float] = {}
    for point in _children(period, "Point"):
        position, price = int(_text(point, "position")), float(_text(point, "price.amount"))
        if not math.isfinite(price):
            raise ValueError(f"a price of {price}")
        points[position] = price
    return points


def _filled(points: dict[int, float], count: int, curve: str) -> tuple[float | None, ...]:
    """A03: a missing point repeats the one before it; before the first given one nothing is known.

    Other curves give every point, and a missing one is unknown.
    """
    prices: list[float | None] = []
    last: float | None = None
    for position in range(1, count + 1):
        last = points.get(position, last if curve == "A03" else None)
        prices.append(last)
    return tuple(prices)


def _name(element: Element) -> str:
    """Without the namespace: its number has changed before."""
    return str(element.tag).rpartition("}")[2]


def _children(element: Element, name: str) -> Iterator[Element]:
    return (child for child in element if _name(child) == name)


def _text(element: Element, name: str, default: str | None = None) -> str:
    for child in _children(element, name):
        return (child.text or "").strip()
    if default is None:
        raise KeyError(name)
    return default
