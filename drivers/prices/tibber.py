"""Prices of a Tibber customer's home, by the customer's own token."""

from datetime import datetime, time
from typing import Literal

from pydantic import AwareDatetime, TypeAdapter

from drivers.api import PriceSeries
from drivers.errors import ConfigurationError, RefusedByDeviceError, TransientError
from drivers.prices.polling import Publication
from drivers.prices.series import CamelRow, read_json, series_of, spaced, utc
from drivers.transports.http import HttpAnswer, HttpLink, HttpRequest

URL = "https://api.tibber.com/v1-beta/gql"
_BAD_REQUEST = 400
_UNAUTHENTICATED = "UNAUTHENTICATED"
_QUERY = (
    "{viewer{homes{id currentSubscription{priceInfo(resolution: %s)"
    "{current{currency} today{total energy startsAt} tomorrow{total energy startsAt}}}}}}"
)
Part = Literal["total", "energy"]


class _Price(CamelRow):
    total: float | None = None
    energy: float | None = None
    starts_at: AwareDatetime
    currency: str | None = None


class _Current(CamelRow):
    currency: str | None = None


class _Info(CamelRow):
    current: _Current | None = None
    today: tuple[_Price, ...] = ()
    tomorrow: tuple[_Price, ...] = ()


class _Subscription(CamelRow):
    price_info: _Info | None = None


class _Home(CamelRow):
    id: str | None = None
    current_subscription: _Subscription | None = None


class _Viewer(CamelRow):
    homes: tuple[_Home, ...] = ()
    home: _Home | None = None


class _Data(CamelRow):
    viewer: _Viewer | None = None


class _Extensions(CamelRow):
    code: str = ""


class _Error(CamelRow):
    message: str = "no reason given"
    extensions: _Extensions = _Extensions()


class _Answer(CamelRow):
    data: _Data | None = None
    errors: tuple[_Error, ...] = ()


_ANSWER = TypeAdapter(_Answer)


class Tibber:
    """The `PriceService` of one home: `total` with taxes and VAT as billed, or `energy` without."""

    publication = Publication("Europe/Brussels", time(13))

    def __init__(
        self, link: HttpLink, token: str, *, home: str | None = None, part: Part = "total"
    ) -> None:
        """`home` is the identifier of one of several homes; else the first with prices counts."""
        self.name = f"Tibber {part}" + (f" {home}" if home else "")
        self._link = link
        self._token = token
        self._home = home
        self._part: Part = part

    async def ask(self, since: datetime, until: datetime, at: datetime) -> PriceSeries:
        """Today's and tomorrow's prices; the service cannot be asked for less.

        Some homes get nothing in quarter-hours: then hours are asked for. Raises a `DriverError`.
        """
        del since, until
        answer = await self._link.ask(self.request("QUARTER_HOURLY"), at)
        try:
            return self.parse(self._accepted(answer).body, at)
        except _EmptyError:
            answer = await self._link.ask(self.request("HOURLY"), at)
            return self.parse(self._accepted(answer).body, at)

    def request(self, resolution: str) -> HttpRequest:
        """The question in GraphQL. The link's own User-Agent names us: generic ones are blocked."""
        return HttpRequest(
            url=URL,
            headers=(("Authorization", f"Bearer {self._token}"),),
            json={"query": _QUERY % resolution},
        )

    def parse(self, body: bytes, at: datetime) -> PriceSeries:
        """The series in an answer; a 200 may hold errors instead. Raises a `DriverError`."""
        answer = read_json(_ANSWER, body, self.name)
        for error in answer.errors:
            if error.extensions.code == _UNAUTHENTICATED:
                raise ConfigurationError(f"{self.name}: the token is not accepted")
            raise TransientError(f"{self.name}: {error.extensions.code} {error.message}".strip())
        info = self._info(answer)
        rows = [*info.today, *info.tomorrow]
        if not rows:
            raise _EmptyError(f"{self.name}: the answer holds no price")
        currencies = [row.currency for row in rows] + [info.current and info.current.currency]
        currency = next((name for name in currencies if name), None)
        if currency is None:
            raise TransientError(f"{self.name}: the answer names no currency")
        return series_of(
            spaced((utc(row.starts_at), getattr(row, self._part)) for row in rows),
            issued_at=at,
            currency=currency,
            source=self.name,
        )

    def _info(self, answer: _Answer) -> _Info:
        viewer = answer.data.viewer if answer.data is not None else None
        homes = () if viewer is None else (*viewer.homes, *([viewer.home] if viewer.home else []))
        if self._home is not None:
            homes = tuple(home for home in homes if home.id == self._home)
            if not homes:
                raise ConfigurationError(f"{self.name}: the account has no such home")
        infos = [
            home.current_subscription.price_info for home in homes if home.current_subscription
        ]
        told = [info for info in infos if info is not None]
        if not told:
            raise RefusedByDeviceError(f"{self.name}: no home with a running subscription")
        return next((info for info in told if info.today or info.tomorrow), told[0])

    def _accepted(self, answer: HttpAnswer) -> HttpAnswer:
        if answer.status == _BAD_REQUEST:
            raise RefusedByDeviceError(f"{self.name}: answered 400: {answer.start}")
        return answer.checked()


class _EmptyError(TransientError):
    """A proper answer without prices."""
