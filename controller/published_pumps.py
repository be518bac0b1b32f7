"""Heat pumps by their certified name: the table that ships with heatherd, and the search in it."""

import csv
import difflib
import gzip
import io
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from mpc.heat_pump import HeatPumpMap, SourceKind
from mpc.heat_pump_published import Plane, PublishedFit, published_map, scaled

TABLE = Path(__file__).parent / "data" / "published_pumps.csv.gz"
SUGGESTIONS = 5
MISS_WORTH_SAYING_FRAC = 0.15


class UnknownPumpError(ValueError):
    """No published unit of this name; the message names similar ones."""


def published(model: str, nominal_heat_w: float | None = None) -> HeatPumpMap:
    """The map of the unit called `model`, in another size if `nominal_heat_w` is given.

    The name is that of the certificate, with or without the maker, in any case and spacing.
    `UnknownPumpError` when there is none or more than one; ValueError when its figures are no map.
    """
    heat_pump = published_map(find(model)).heat_pump
    return heat_pump if nominal_heat_w is None else scaled(heat_pump, nominal_heat_w)


def doubt(model: str) -> str | None:
    """What an owner should know about the figures of this unit; None: nothing."""
    miss_frac = published_map(find(model)).miss_frac
    if miss_frac <= MISS_WORTH_SAYING_FRAC:
        return None
    return (
        f"the map of {model} misses one of its published COPs by {miss_frac:.0%}; "
        "rows of the data sheet would be surer"
    )


def find(model: str) -> PublishedFit:
    """The one unit of this name; `UnknownPumpError` otherwise."""
    key = _key(model)
    if key in _by_full_name():
        return _by_full_name()[key]
    named = [fit for name, fit in _by_full_name().items() if name.endswith(f" {key}")]
    if len(named) == 1:
        return named[0]
    similar = suggestions(model)
    found = f"there are {len(named)}" if named else "there is none"
    hint = "; did you mean " + ", ".join(map(repr, similar)) + "?" if similar else ""
    raise UnknownPumpError(f"one published heat pump called {model!r} is needed, {found}{hint}")


def suggestions(model: str, count: int = SUGGESTIONS) -> tuple[str, ...]:
    """Full names that hold all words of `model`, whole ones first, else the most similar names."""
    names, words = _by_full_name(), _key(model).split()
    holding = [key for key in names if all(word in key for word in words)]
    holding.sort(key=lambda key: -len(set(words) & set(key.split())))
    near = holding[:count] or difflib.get_close_matches(_key(model), names, n=count, cutoff=0.5)
    return tuple(names[key].name for key in near)


@lru_cache(maxsize=1)
def _by_full_name() -> Mapping[str, PublishedFit]:
    text = gzip.decompress(TABLE.read_bytes()).decode()
    fits = [_fit(row) for row in csv.DictReader(io.StringIO(text))]
    return MappingProxyType({_key(fit.name): fit for fit in fits})


def _fit(row: Mapping[str, str]) -> PublishedFit:
    def plane(quantity: str) -> Plane:
        a, b, c = (float(row[f"{quantity}_{part}"]) for part in ("outdoor", "flow", "const"))
        return a, b, c

    return PublishedFit(
        name=f"{row['maker']} {row['model']}",
        source=SourceKind(row["source"]),
        regulated=row["regulated"] == "1",
        standby_w=float(row["standby_w"]),
        heat_ref_w=float(row["heat_ref_w"]),
        cop_ref=float(row["cop_ref"]),
        cop=plane("cop"),
        heat_frac=plane("heat"),
    )


def _key(name: str) -> str:
    return " ".join(name.casefold().split())
