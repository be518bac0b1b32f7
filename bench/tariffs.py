"""Example tariffs from the files in `bench/data/tariffs`: real forms, what is made up is said."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from controller.config_tariff import TariffSection
from controller.model_tariff import tariff_of
from mpc.tariff import Tariff

_MONEY = ("adder_per_kwh", "per_kwh", "fee_per_kwh", "fixed_per_kwh", "price_per_kw", "fee")


class TariffFileError(ValueError):
    """There is no such example; the message names those there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleTariff:
    """A tariff and what is known about where it comes from."""

    name: str
    title: str
    country: str  # ISO 3166 code
    timezone: str
    source: str
    synthetic: str  # what is made up, in words
    per_eur: float  # assumed rate of exchange
    section: Mapping[str, Any]  # [tariff] of a configuration, in its own currency

    def section_in_eur(self) -> dict[str, Any]:
        """The section with every price in euro, to go with prices of a zone in euro."""
        return {**_divided(self.section, self.per_eur), "currency": "EUR"}

    def tariff(self, *, in_eur: bool = False) -> Tariff:
        """What the planner reckons with, in the tariff's own local time."""
        section = self.section_in_eur() if in_eur else self.section
        return tariff_of(TariffSection.model_validate(section), self.timezone)


def tariff_names() -> tuple[str, ...]:
    """Names of the examples."""
    files = (resources.files("bench") / "data" / "tariffs").iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml")))


@cache
def load_tariff(name: str) -> ExampleTariff:
    """One of `tariff_names()`. Raises `TariffFileError` for any other name."""
    if name not in tariff_names():
        raise TariffFileError(f"no tariff {name!r}; there are {', '.join(tariff_names())}")
    file = resources.files("bench") / "data" / "tariffs" / f"{name}.toml"
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    section = document.pop("tariff")
    return ExampleTariff(name=name, section=section, **document)


def _divided(value: Any, by: float) -> Any:
    if isinstance(value, Mapping):
        return {
            key: inner / by if key in _MONEY else _divided(inner, by)
            for key, inner in value.items()
        }
    return [_divided(item, by) for item in value] if isinstance(value, list) else value
