"""From the section [prices] to a price source; like connect.py it names concrete drivers."""

import os
import platform
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from controller.config import HouseConfig
from controller.config_prices import NORD_POOL_CURRENCIES, PriceOrigin
from drivers.api import Now, PriceSource
from drivers.errors import ConfigurationError
from drivers.prices.awattar import Awattar
from drivers.prices.backed_up import BackedUpPrices
from drivers.prices.csv_file import CsvPrices
from drivers.prices.datahub_pricelist import Charge, charges, in_force
from drivers.prices.energi_data_service import EnergiDataService
from drivers.prices.energy_charts import EnergyCharts
from drivers.prices.entsoe import Entsoe
from drivers.prices.json_rows import RowForm
from drivers.prices.json_sources import (
    HttpJsonPrices,
    JsonFilePrices,
    MqttPrices,
    home_assistant_prices,
)
from drivers.prices.live import LivePrices, PriceService
from drivers.prices.nordpool import NordPool
from drivers.prices.octopus import OctopusAgile
from drivers.prices.tibber import Tibber
from drivers.transports.http import HttpLink, PoliteLink, WebLink
from drivers.transports.mqtt import MqttLink

__all__ = ["Charge", "HttpLink", "danish_charges", "price_source", "price_sources"]

TOKEN_VARIABLE = "HEATHERD_PRICES_TOKEN"
BACKUP_TOKEN_VARIABLE = "HEATHERD_PRICES_BACKUP_TOKEN"
"""Tokens that are not in a file come from these variables of the environment."""


SENSOR_ROWS = ("/raw_today", "/raw_tomorrow")
"""Attributes of the Nord Pool sensor that most houses with Home Assistant have."""


def price_source(
    config: HouseConfig, mqtt: Callable[[], MqttLink], now: Now, *, web: HttpLink | None = None
) -> PriceSource | None:
    """What the configuration names, put together. Raises `ConfigurationError`."""
    sources = price_sources(config, mqtt, now, web=web)
    if len(sources) > 1:
        return BackedUpPrices(sources[0], sources[1])
    return sources[0] if sources else None


def price_sources(
    config: HouseConfig, mqtt: Callable[[], MqttLink], now: Now, *, web: HttpLink | None = None
) -> list[PriceSource]:
    """The source and its backup; nothing is asked yet. Raises `ConfigurationError`.

    `web` replaces the network in tests.
    """
    link = PoliteLink(WebLink() if web is None else web)
    origins = () if config.prices is None else config.prices.origins
    variables = (TOKEN_VARIABLE, BACKUP_TOKEN_VARIABLE)
    return [
        _source(_Origin(config, origin, link, variable), mqtt, now)
        for origin, variable in zip(origins, variables, strict=False)
    ]


async def danish_charges(
    gln: str, codes: tuple[str, ...], at: datetime, *, web: HttpLink | None = None
) -> tuple[Charge, ...]:
    """What a Danish company charges per kWh today or later. Raises a `DriverError`."""
    found = await charges(WebLink() if web is None else web, gln, codes, at=at)
    return in_force(found, at.astimezone(ZoneInfo("Europe/Copenhagen")).date())


class _Origin:
    """One source on its way to a driver."""

    def __init__(
        self, config: HouseConfig, origin: PriceOrigin, link: HttpLink, variable: str
    ) -> None:
        self.given = origin
        self.link = link
        self.currency = config.tariff.currency
        self.house = config.house.name
        self._variable = variable

    def token(self) -> str:
        """Raises `ConfigurationError`."""
        token = self.token_if_any()
        if token is None:
            raise ConfigurationError(
                f"prices: {self.given.kind} needs a token: set token_file or {self._variable}"
            )
        return token

    def token_if_any(self) -> str | None:
        """From the file, else from the environment. Raises `ConfigurationError`."""
        path = self.given.token_file
        if path is None:
            return os.environ.get(self._variable) or None
        try:
            return path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"prices: token_file {path} cannot be read") from error

    @property
    def form(self) -> RowForm:
        """How rows of JSON look."""
        given = self.given
        usual = SENSOR_ROWS if given.kind == "home_assistant" else ("",)
        return RowForm(
            rows=given.rows or usual,
            start=given.start_key,
            price=given.price_key,
            per_mwh=given.per_mwh,
            currency=self.currency,
        )


def _source(origin: _Origin, mqtt: Callable[[], MqttLink], now: Now) -> PriceSource:
    service = _service(origin)
    if service is None:
        return _of_the_house(origin, mqtt, now)
    return LivePrices(
        service,
        origin.currency,
        seed=f"{platform.node()} {origin.house}",
        exchange_rate=origin.given.exchange_rate,
    )


def _service(origin: _Origin) -> PriceService | None:
    """A service on the web; None: the source is in the house."""
    given, link, zone = origin.given, origin.link, origin.given.zone or ""
    service: PriceService | None = None
    match given.kind:
        case "entsoe":
            service = Entsoe(link, zone, origin.token())
        case "nordpool":
            asked = origin.currency if origin.currency in NORD_POOL_CURRENCIES else "EUR"
            service = NordPool(link, zone, asked)
        case "energi_data_service":
            foreign = origin.currency not in ("DKK", "EUR")
            service = EnergiDataService(link, zone, "EUR" if foreign else origin.currency)
        case "awattar":
            service = Awattar(link, zone)
        case "energy_charts":
            service = EnergyCharts(link, zone)
        case "octopus":
            service = OctopusAgile(
                link, given.product or "", given.tariff or "", payment=given.payment
            )
        case "tibber":
            service = Tibber(link, origin.token(), home=given.home, part=given.part)
        case _:
            pass
    return service


def _of_the_house(origin: _Origin, mqtt: Callable[[], MqttLink], now: Now) -> PriceSource:
    given, form, link = origin.given, origin.form, origin.link
    if given.kind == "home_assistant":
        return home_assistant_prices(
            link, given.url or "", form, entity=given.entity or "", token=origin.token()
        )
    if given.kind == "http_json":
        return HttpJsonPrices(link, given.url or "", form, token=origin.token_if_any())
    if given.kind == "mqtt":
        return MqttPrices(mqtt(), given.topic or "", form, now=now)
    if given.file is not None:
        return JsonFilePrices(given.file, form)
    if given.csv is None:
        raise ConfigurationError(f"prices: kind {given.kind} is not known")
    return CsvPrices(given.csv, origin.currency, per_mwh=given.per_mwh)
