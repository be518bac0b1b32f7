"""Prices that something in the house already has: a JSON file, a page, a topic, a sensor."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

from drivers.api import Now, PriceSeries
from drivers.errors import ConfigurationError, TransientError
from drivers.prices.json_rows import RowForm, parse_rows
from drivers.transports.http import LARGEST_ANSWER_BYTES, HttpLink, HttpRequest
from drivers.transports.mqtt import MqttLink

_NOT_FOUND = 404


class JsonFilePrices:
    """A `PriceSource` over a JSON file that somebody else keeps fresh."""

    def __init__(self, path: Path, form: RowForm) -> None:
        self._path = path
        self._form = form

    async def fetch(self, now: datetime) -> PriceSeries:
        """The prices in the file, issued when it was written. Raises a `DriverError`."""
        try:
            written_at = datetime.fromtimestamp(self._path.stat().st_mtime, UTC)
            with self._path.open("rb") as file:
                body = file.read(LARGEST_ANSWER_BYTES)
        except OSError as error:
            raise TransientError(f"{self._path}: cannot be read: {error.strerror}") from error
        if written_at > now:
            raise TransientError(f"{self._path}: is from a time to come")
        return parse_rows(body, self._form, self._path.name, written_at)


class HttpJsonPrices:
    """A `PriceSource` over a page that answers with JSON, such as a program in the house."""

    def __init__(
        self, link: HttpLink, url: str, form: RowForm, *, token: str | None = None
    ) -> None:
        """With a token as its bearer. Raises `ConfigurationError` for what is no web address."""
        bearer = () if token is None else (("Authorization", f"Bearer {token}"),)
        url, _, query = url.partition("?")
        self._link = link
        self._form = form
        self._request = HttpRequest(
            url=url, params=tuple(parse_qsl(query, keep_blank_values=True)), headers=bearer
        )

    async def fetch(self, now: datetime) -> PriceSeries:
        """The prices on the page now. Raises a `DriverError`."""
        answer = await self._link.ask(self._request, now)
        if answer.status == _NOT_FOUND:
            raise ConfigurationError(f"{answer.place} does not exist (404)")
        return parse_rows(answer.checked().body, self._form, answer.place, now)


def home_assistant_prices(
    link: HttpLink, url: str, form: RowForm, *, entity: str, token: str
) -> HttpJsonPrices:
    """Prices from the attributes of a sensor in Home Assistant, through its REST interface.

    `form.rows` names the attributes that hold lists, such as /raw_today and /raw_tomorrow.
    """
    attributes = tuple(f"/attributes/{name.strip('/')}" for name in form.rows)
    page = f"{url.rstrip('/')}/api/states/{entity}"
    return HttpJsonPrices(link, page, replace(form, rows=attributes), token=token)


class MqttPrices:
    """A `PriceSource` over a topic: the last message counts, issued when it was heard."""

    def __init__(self, link: MqttLink, topic: str, form: RowForm, *, now: Now) -> None:
        self._topic = topic
        self._form = form
        self._now = now
        self._heard: tuple[bytes, datetime] | None = None
        link.subscribe(topic, self._hear)

    def _hear(self, _topic: str, payload: bytes, _retained: bool) -> None:
        if len(payload) <= LARGEST_ANSWER_BYTES:
            self._heard = payload, self._now()

    async def fetch(self, now: datetime) -> PriceSeries:
        """The prices in the last message. Raises a `DriverError`."""
        if self._heard is None:
            raise TransientError(f"nothing has been heard on {self._topic}")
        payload, heard_at = self._heard
        return parse_rows(payload, self._form, self._topic, min(heard_at, now))
