"""Tariffs that come with the program, and how an owner's own words change them.

The files in `presets/` are data of the package: reading one is reading the program itself.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

_FOLDER = files("controller") / "presets"
_NAMED_LISTS = ("energy", "peak")


@dataclass(frozen=True, slots=True)
class Preset:
    """A tariff with its origin."""

    name: str
    title: str
    source: str
    valid_from: date
    tariff: Mapping[str, Any]


@cache
def preset_names() -> tuple[str, ...]:
    """All names, sorted."""
    names = (entry.name for entry in _FOLDER.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


@cache
def preset(name: str) -> Preset:
    """A preset by its name. Raises `ValueError`."""
    if name not in preset_names():
        raise ValueError(f"there is no preset {name!r}; there are {', '.join(preset_names())}")
    data = tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    return Preset(name, data["title"], data["source"], data["valid_from"], data["tariff"])


def overridden(given: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A preset's tariff with the owner's words in place of its own.

    Single values and whole tables replace. Rates and charges replace all those with the same name,
    and come before the others.
    """
    merged = {**given, **own}
    for key in _NAMED_LISTS:
        ours = own.get(key, ())
        if _tables(ours) and _tables(given.get(key, ())):
            names = {row.get("name") for row in ours}
            merged[key] = [*ours, *(row for row in given.get(key, ()) if row["name"] not in names)]
    return merged


def _tables(value: object) -> bool:
    return isinstance(value, Sequence) and all(isinstance(row, Mapping) for row in value)
