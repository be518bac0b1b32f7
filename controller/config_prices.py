"""The section [prices]: where day-ahead prices come from. Pure."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from controller.config_values import Pointer, Section, Topic

Kind = Literal[
    "csv",
    "entsoe",
    "nordpool",
    "energi_data_service",
    "tibber",
    "octopus",
    "energy_charts",
    "awattar",
    "json_file",
    "http_json",
    "home_assistant",
    "mqtt",
]

_ROWS = ("rows", "start_key", "price_key", "per_mwh")
_KEYS: dict[str, tuple[str, ...]] = {
    "csv": ("csv", "per_mwh"),
    "entsoe": ("zone", "token_file", "exchange_rate"),
    "nordpool": ("zone", "exchange_rate"),
    "energi_data_service": ("zone", "exchange_rate"),
    "tibber": ("home", "part", "token_file", "exchange_rate"),
    "octopus": ("product", "tariff", "payment", "exchange_rate"),
    "energy_charts": ("zone", "exchange_rate"),
    "awattar": ("zone", "exchange_rate"),
    "json_file": ("file", *_ROWS),
    "http_json": ("url", "token_file", *_ROWS),
    "home_assistant": ("url", "entity", "token_file", *_ROWS),
    "mqtt": ("topic", *_ROWS),
}
"""Which keys belong to which kind of source."""

_NEEDED: dict[str, tuple[str, ...]] = {
    "csv": ("csv",),
    "entsoe": ("zone",),
    "nordpool": ("zone",),
    "energi_data_service": ("zone",),
    "tibber": (),
    "octopus": ("product", "tariff"),
    "energy_charts": ("zone",),
    "awattar": ("zone",),
    "json_file": ("file",),
    "http_json": ("url",),
    "home_assistant": ("url", "entity"),
    "mqtt": ("topic",),
}

_ZONES = {"energi_data_service": ("DK1", "DK2"), "awattar": ("DE", "AT")}

NORD_POOL_CURRENCIES = ("BGN", "DKK", "EUR", "NOK", "PLN", "RON", "SEK")
_CURRENCIES: dict[str, tuple[str, ...]] = {
    "entsoe": ("EUR",),
    "nordpool": NORD_POOL_CURRENCIES,
    "energi_data_service": ("DKK", "EUR"),
    "octopus": ("GBP",),
    "energy_charts": ("EUR",),
    "awattar": ("EUR",),
}
"""In which currencies a kind can answer; others take the tariff's word or say it themselves.

The platform of ENTSO-E also gives złoty for Poland: then `exchange_rate` is of that.
"""


class PriceOrigin(Section):
    """One source; which keys count depends on `kind`."""

    kind: Kind = Field("csv", description="the service, or where else the prices are")
    zone: str | None = Field(
        None, min_length=2, description="bidding zone, such as DK1 or DE-LU; aWATTar: DE or AT"
    )
    token_file: Path | None = Field(
        None, description="file with the service's token, which only the service can read"
    )
    exchange_rate: float | None = Field(
        None, gt=0, description="units of the tariff's currency per unit of the service's"
    )
    home: str | None = Field(None, description="tibber: identifier of one of several homes")
    part: Literal["total", "energy"] = Field(
        "total", description="tibber: as billed with taxes and VAT, or energy without them"
    )
    product: str | None = Field(
        None, pattern=r"^[A-Z0-9-]+$", description="octopus: such as AGILE-24-10-01"
    )
    tariff: str | None = Field(
        None, pattern=r"^[A-Z0-9-]+$", description="octopus: such as E-1R-AGILE-24-10-01-A"
    )
    payment: Literal["DIRECT_DEBIT", "NON_DIRECT_DEBIT"] = Field(
        "DIRECT_DEBIT", description="octopus: which rate, where they differ by it"
    )
    csv: Path | None = Field(None, description="csv: header timestamp_utc,price[,issued_at]")
    file: Path | None = Field(None, description="json_file: the file")
    url: str | None = Field(
        None,
        pattern=r"^https?://[^\s@]+$",
        description="http_json: the page; home_assistant: such as http://homeassistant.local:8123",
    )
    entity: str | None = Field(
        None, pattern=r"^[a-z_]+\.[a-z0-9_]+$", description="home_assistant: the sensor"
    )
    topic: Topic | None = Field(None, description="mqtt: where the prices are published")
    rows: tuple[Pointer, ...] = Field(
        (),
        description="JSON: pointers to the lists of rows; none: the document is the list, and of a "
        "sensor /raw_today and /raw_tomorrow among its attributes",
    )
    start_key: str = Field("start", description="JSON: in a row, when the price begins to hold")
    price_key: str = Field("price", description="JSON: in a row, the price")
    per_mwh: bool = Field(True, description="csv, JSON: true: prices are per MWh, false: per kWh")

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> Self:
        for key in _NEEDED[self.kind]:
            if getattr(self, key) is None:
                raise ValueError(f'kind "{self.kind}" needs {key}')
        for key, field in PriceOrigin.model_fields.items():
            changed = key != "kind" and getattr(self, key) != field.default
            if changed and key not in _KEYS[self.kind]:
                kinds = [f'"{kind}"' for kind, keys in _KEYS.items() if key in keys]
                raise ValueError(f'{key} is for kind {" or ".join(kinds)}, not "{self.kind}"')
        zones = _ZONES.get(self.kind)
        if zones is not None and self.zone not in zones:
            raise ValueError(f'kind "{self.kind}" has zone {" or ".join(zones)}')
        return self

    def converted(self, currency: str) -> str | None:
        """What is wrong with these prices in a tariff of this currency; None: nothing."""
        given = _CURRENCIES.get(self.kind)
        if given is None or currency in given or self.exchange_rate is not None:
            return None
        return (
            f'"{self.kind}" gives prices in {" or ".join(given)}, tariff.currency is {currency}: '
            "set exchange_rate"
        )


class PricesSection(PriceOrigin):
    """Day-ahead prices: a service on the web, or a file, page, sensor or topic in the house."""

    backup: PriceOrigin | None = Field(
        None, description="asked too, and used where the first one fails or knows less"
    )

    @property
    def origins(self) -> tuple[PriceOrigin, ...]:
        """The source and its backup."""
        return (self,) if self.backup is None else (self, self.backup)
