"""TOML files of houses and of devices: odd ones, written from examples and from the settings."""

import copy
import json
import random
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bench.fuzz_spoil import DEEP, DIGITS, HUGE, ODD, OPEN, ByteSpoiler, changed
from controller.config import HouseConfig
from drivers.profile import shipped_profiles

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "deploy" / "examples"
PROFILES = ROOT / "drivers" / "profiles"
TEXTS = tuple(
    """10 min|0 s|-1 h|1e9 d|999999999999 d|0.0000001 s|heat|mqtt://h|mqtts://h:0|mqtt://h:99999|
    mqtt://[::1]|http://[|http://h:x/|/dev/null|a/b|a/#|+|/a//b|/~2|/0/-1|06:00-22:00|24:00|12-25|
    02-30|easter-99|Europe/Copenhagen|posix/UTC|csv|nordpool|entsoe|mqtt|open_meteo|met_norway|mosmix|
    DK1|DE|EUR|DKK|2026-01-15T17:00:00+01:00|generic_modbus|shelly_sg_ready|heishamon|sdm630|x.toml|
    control|price-led|osqp|day|month|sensor.price|P0036|me@x.org""".replace("\n", "").split("|")
)
NUMBERS = (
    -1e300, -273.15, -40, -5, -1, 0, 1e-300, 0.001, 0.5, 1, 2, 3.7, 10, 21, 35, 55, 100, 900, 3600,
    65535, 65536, 1e6, 2**31, 1e15, 2**63, 1e300,
)  # fmt: skip
LINES = (
    b"a = " + b"[" * 5000, b"a = " + b"{a=" * 5000, b"a" + b".a" * 3000 + b" = 1", b"\r",
    b"[" + b"a." * 3000 + b"a]", b"a = " + b"9" * DIGITS, b"a = 0x" + b"f" * 20_000,
    b"a = 1e" + b"9" * 400, b'a = "\\u0000"', b'a = "\\ud800"', b"a = 0001-01-01T00:00:00+23:59",
    b"a = 9999-12-31", b"a = 24:00:00", b"a = nan", b"[[house]]", b"[house]", b"house = 1",
    b"[house.name]", b'"" = 1', b'"\\u0000" = 1', b"a = '''", b"\x00", b"# " + b"x" * 100_000,
    b"\xef\xbb\xbf",
)  # fmt: skip


def dumped_toml(document: Mapping[str, object]) -> bytes:
    """A document as TOML, tables inline."""
    lines = [f"{_key(key)} = {_value(value)}" for key, value in document.items()]
    return "\n".join(lines).encode("utf-8", errors="replace")


def _key(key: object) -> str:
    return json.dumps(str(key))


def _value(value: object) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items())
        return f"{{{inside}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return MARKED[value] if isinstance(value, str) and value in MARKED else _plain(value)


MARKED = {HUGE: "7" * DIGITS, DEEP: "[" * 3000, OPEN: "{a=" * 3000}


def _plain(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if abs(value) < 10**300 else hex(value)
        case float() | date() | time():
            return str(value)
        case None:
            return '""'
        case _:
            return json.dumps(str(value), ensure_ascii=True)


class TomlSpoiler:
    """Makes odd files of good ones."""

    def __init__(self, chance: random.Random, good: Sequence[bytes]) -> None:
        self._chance = chance
        self._good = good
        self._bytes = ByteSpoiler(chance)

    def text(self) -> tuple[str, bytes]:
        """What was done, and the file."""
        chance = self._chance
        good = chance.choice(self._good)
        draw = chance.random()
        if draw < 0.05:
            return "healthy", good
        if draw < 0.25:
            way = chance.choice(tuple(self._bytes.ways))
            return way, self._bytes.ways[way](good)
        if draw < 0.35:
            lines = good.split(b"\n")
            lines.insert(chance.randrange(len(lines) + 1), chance.choice(LINES))
            return "odd line", b"\n".join(lines)
        document = _document(good)
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            found = changed(document, chance, _odd())
            document = found if isinstance(found, dict) else {}
        return "other values", dumped_toml(document)


def _document(good: bytes) -> dict[str, Any]:
    return copy.deepcopy(_parsed(good))


@cache
def _parsed(good: bytes) -> dict[str, Any]:
    return tomllib.loads(good.decode())


@cache
def _odd() -> tuple[object, ...]:
    return (*ODD, *NUMBERS, *NUMBERS, *TEXTS)


class HouseSpoiler(TomlSpoiler):
    """The same, and settings that no example has."""

    def text(self) -> tuple[str, bytes]:
        """What was done, and the file."""
        chance = self._chance
        if chance.random() < 0.5:
            return super().text()
        document = _document(chance.choice(self._good))
        for _ in range(chance.choice((1, 2, 2, 3, 6))):
            *path, key = chance.choice(all_settings())
            table = document
            for name in path:
                inner = table.setdefault(name, {})
                table = inner if isinstance(inner, dict) else table[name][0]
            table[key] = chance.choice(_odd())
        return "other settings", dumped_toml(document)


@cache
def all_settings() -> tuple[tuple[str, ...], ...]:
    """The path of every setting of a house."""
    return tuple(_settings(HouseConfig, ()))


def _settings(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        where = (*path, field.alias or name)
        inner = _model_in(field.annotation)
        if inner is None or path[-1:] == ("backup",):
            yield where
        else:
            yield from _settings(inner, where)


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The section behind a setting; lists of sections count as a value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if getattr(annotation, "__origin__", None) is tuple:
        return None
    return next(filter(None, map(_model_in, getattr(annotation, "__args__", ()))), None)


def house_files() -> list[bytes]:
    """The examples, only in a checkout, and one with most sections."""
    examples = [path.read_bytes() for path in sorted(EXAMPLES.glob("*.toml"))]
    return [*examples, FULL]


def profile_files() -> list[bytes]:
    """Every shipped profile."""
    return [(PROFILES / f"{name}.toml").read_bytes() for name in shipped_profiles()]


FULL = b"""
[house]
timezone = "Europe/Berlin"
year = 1990
area_m2 = 140
emitter = "floor"
design_flow_c = 35
latitude_deg = 52.5
longitude_deg = 13.4
windows = { south_m2 = 12, north_m2 = 4 }
[heat_pump]
profile = "shelly_sg_ready"
accept_stop_on_silence = true
data_sheet = [{ source_c = 2, flow_c = 35, heat_w = 7000, power_w = 1890 }]
heater = { stage_w = 3000, stages = 2 }
[mqtt]
broker = "mqtt://192.0.2.1"
[grid]
topic = "grid/limit"
[[grid.reduction]]
starts_at = 2026-01-15T17:00:00+01:00
ends_at = 2026-01-15T19:00:00+01:00
limit_w = 1000
[room]
kind = "mqtt"
temperature_topic = "own/room"
temperature_pointer = "/t"
[hot_water]
enabled = true
ready = [{ at = "06:30" }, { at = "19:00", temperature_c = 50 }]
[site]
pv_kwp = 8
[tariff]
currency = "EUR"
vat_frac = 0.19
holidays = ["12-25", "easter-2"]
energy = [{ name = "a", per_kwh = 0.1, times = ["06:00-22:00"] }]
export = { fixed_per_kwh = 0.08 }
peak = [{ name = "b", rate = [{ price_per_kw = 3 }], window = [{ weight_frac = 0.5 }] }]
[prices]
kind = "http_json"
url = "http://192.0.2.1/p"
rows = ["/a", "/b"]
backup = { kind = "nordpool", zone = "DK1" }
[weather]
kind = "open_meteo"
backup = { kind = "mosmix", station = "P0036" }
[control]
mode = "observe"
horizon = "24 h"
[export.influxdb]
url = "http://192.0.2.1:8086"
"""
