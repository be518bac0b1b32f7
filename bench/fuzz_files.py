"""Odd files: configurations of houses, descriptions of devices, prices and weather in CSV and JSON.

Each is accepted, or refused by the declared error whose lines a person can read. What is accepted
can be used: settings can be listed, drivers and house model made of them, a device read.
"""

import asyncio
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.fuzz_http import unsound
from bench.fuzz_services import ROWS
from bench.fuzz_spoil import ByteSpoiler, changed, dumped
from bench.fuzz_tally import Tally, accepted, refused, watched
from bench.fuzz_toml import HouseSpoiler, TomlSpoiler, house_files, profile_files
from bench.fuzz_topics import Broker
from controller.acceptance import may_write
from controller.clock import WallClock
from controller.config import ConfigError, HouseConfig, effective_values
from controller.connect import connect
from controller.house_prior import day_one
from controller.model import house_model
from controller.terminal import parsed
from drivers.api import PriceSource, WeatherSource
from drivers.errors import ConfigurationError, DriverError
from drivers.grid.limit import GridSource
from drivers.heat_pumps.modbus_pump import ModbusHeatPump
from drivers.heat_pumps.mqtt_pump import MqttHeatPump
from drivers.points import Space
from drivers.prices.csv_file import CsvPrices
from drivers.prices.json_sources import JsonFilePrices
from drivers.profile import AnyProfile, ModbusProfile, load_profile
from drivers.series_file import LONGEST_S
from drivers.transports.modbus_client import WRITE_SEVERAL
from drivers.weather.csv_file import CsvWeather

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


# ---- houses ---


def fuzz_houses(count: int, seed: int) -> Tally:
    """Read so many configurations."""
    tally = Tally("Configurations")
    chance = random.Random(f"houses {seed}")
    spoiler = HouseSpoiler(chance, house_files())
    while tally.payloads < count:
        way, text = spoiler.text()
        tally.payloads += 1
        tally.spoilt[way] += 1
        read = _reader(text)
        config = accepted(tally, "house", read, declared=(ConfigError,), example=text)
        if config is not None:
            accepted(
                tally, "house in use", _user(config), declared=(ConfigurationError,), example=text
            )
    return tally


def _reader(text: bytes) -> Callable[[], HouseConfig]:
    return lambda: parsed(text)


def _user(config: HouseConfig) -> Callable[[], None]:
    """As `heatherd check` does."""

    def use() -> None:
        for _, value, _ in effective_values(config):
            str(value)
        outside = connect(config, lambda: NOON)
        may_write(config, outside.pump)
        str(day_one(config).words)
        house_model(config)
        if outside.grid is not None and config.grid and not config.grid.contact:
            asyncio.run(_limited(outside.grid))

    return use


async def _limited(source: GridSource) -> None:
    await source.read()


# ---- devices ---


class Silence:
    """A Modbus device whose registers are all zero."""

    async def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        """Zeros."""
        del unit, space, address
        return [0] * count

    async def write(
        self, unit: int, address: int, values: object, *, function: int = WRITE_SEVERAL
    ) -> None:
        """Take anything."""

    async def close(self) -> None:
        """There is nothing to close."""


def fuzz_profiles(count: int, seed: int, folder: Path) -> Tally:
    """Read so many descriptions of devices, and the devices that they describe."""
    tally = Tally("Device descriptions")
    chance = random.Random(f"profiles {seed}")
    spoiler = TomlSpoiler(chance, profile_files())
    path = folder / "own.toml"
    while tally.payloads < count:
        way, text = spoiler.text()
        path.write_bytes(text)
        tally.payloads += 1
        tally.spoilt[way] += 1
        profile = accepted(
            tally,
            "profile",
            lambda: load_profile(path),
            declared=(ConfigurationError,),
            example=text,
        )
        if profile is not None:
            with watched(tally, "profile in use", text):
                asyncio.run(_read_once(profile))
    return tally


async def _read_once(profile: AnyProfile) -> None:
    device: ModbusHeatPump | MqttHeatPump
    try:
        if isinstance(profile, ModbusProfile):
            device = ModbusHeatPump("pump", profile, Silence(), unit=1, now=lambda: NOON)
        else:
            device = MqttHeatPump("pump", profile, Broker(), now=lambda: NOON)
        await device.read()
        for capability in device.knobs:
            await device.read_back(capability)
    except ConfigurationError:
        return


# ---- prices and weather ---

HOURS = 36


def _lines(header: str, row: str) -> bytes:
    begins_at = NOON - timedelta(hours=12)
    rows = [row.format(at=begins_at + timedelta(hours=k), k=k) for k in range(HOURS)]
    return "\n".join([header, *rows]).encode()


CELLS = (
    b"", b"nan", b"-inf", b"1e400", b"1_0", b"\xff", b'"', b'"a', b"0001-01-01T00:00:00+14:00",
    b"\x00",
    b"9999-12-31T23:00:00Z", b"2026-01-15T12:00:00", b"2026-01-15T12:07Z", b"0", b"1e308",
    b"9" * 5000, b"x" * 200_000, b"2036-01-15T12:00:00Z",
)  # fmt: skip


def fuzz_series(count: int, seed: int, folder: Path) -> Tally:
    """Read so many files of prices and weather."""
    tally = Tally("Price and weather files")
    chance = random.Random(f"series {seed}")
    path = folder / "series"
    prices = _lines("timestamp_utc,price", "{at:%Y-%m-%dT%H:%MZ},{k}.5")
    weather = _lines("timestamp_utc,outdoor_c,ghi_w_per_m2", "{at:%Y-%m-%dT%H:%MZ},{k}.5,0")
    rows = [{"start": f"2026-01-15T{hour:02d}:00:00Z", "price": 1.5 * hour} for hour in range(24)]
    kinds: list[tuple[str, bytes, Callable[[], PriceSource | WeatherSource]]] = [
        ("prices.csv", prices, lambda: CsvPrices(path, "EUR", per_mwh=False)),
        ("weather.csv", weather, lambda: CsvWeather(path)),
        ("prices.json", json.dumps({"today": rows}).encode(), lambda: JsonFilePrices(path, ROWS)),
    ]
    while tally.payloads < count:
        name, good, make = chance.choice(kinds)
        way, text = _spoilt_file(name, good, chance)
        path.write_bytes(text)
        tally.payloads += 1
        tally.spoilt[way] += 1
        asyncio.run(_fetch(make(), name, way, tally))
    return tally


def _spoilt_file(name: str, good: bytes, chance: random.Random) -> tuple[str, bytes]:
    draw = chance.random()
    spoiler = ByteSpoiler(chance)
    if draw < 0.08:
        return "healthy", good
    if draw < 0.4:
        way = chance.choice(tuple(spoiler.ways))
        return way, spoiler.ways[way](good)
    if name.endswith(".json"):
        return "other values", dumped(changed(json.loads(good), chance))
    lines = good.split(b"\n")
    for _ in range(chance.choice((1, 1, 2, 5))):
        place = chance.randrange(len(lines))
        cells = lines[place].split(b",")
        cells[chance.randrange(len(cells))] = chance.choice(CELLS)
        lines[place] = b",".join(cells)
    return "other cells", b"\n".join(lines)


async def _fetch(source: PriceSource | WeatherSource, name: str, way: str, tally: Tally) -> None:
    now = WallClock().now()  # files are as old as the file system says
    with watched(tally, name, way):
        try:
            series = await source.fetch(now)
        except DriverError as error:
            refused(tally, name, error, way)
            if way == "healthy":
                tally.violated(name, "a good file refused", error)
            return
        tally.readings += 1
        fault = unsound(series, now, longest_s=LONGEST_S + 3600)
        if fault is not None and fault != "weather of another time":
            tally.violated(name, fault, way)
