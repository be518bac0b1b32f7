"""Benchmark: how sure forecasts say they are, and whether they are.

Usage: python -m bench.forecasts [--run issued|perfect] [--results DIR] [--write]

Prices beyond the published hours of two zones, archived weather forecasts of De Bilt, and the rooms
of a simulated house with forecasts as issued and with perfect ones. The two simulated runs, some
minutes each, are kept and read again as long as no code has changed; `--run` does one of them only.
"""

import argparse
import json
import logging
import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import TypeAdapter

from bench.economy import results_folder
from bench.economy_runs import code_version
from bench.forecast_error import FILE_NAME
from bench.run import run_in_memory
from bench.sky import Array
from bench.spec import RunSpec
from bench.tables import Row, markdown_table
from bench.zones import HOUR, load_zone, read_columns, zones
from controller.experience import EXPERIENCE
from controller.margin import LEADS_S, Errors
from controller.prices_beyond import PriceMemory
from controller.store import Store
from drivers.api import PriceSeries
from mpc.error_band import ErrorBand
from mpc.horizon import PriceForecast, WeatherForecast, build_horizon
from mpc.tariff import Tariff
from mpc.weather_errors import EVERY, SAMPLE_DAYS, USUAL_SUN_LOG, usual_outdoor_k

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "forecasts.md"
RESULTS = Path(__file__).resolve().parent.parent / ".forecasts"
KEPT_DAYS = 8  # a week before today, as live services keep it, and today
WARM_UP_DAYS = 30
FIRST, LAST = date(2024, 1, 1), date(2024, 12, 28)
HOUSE, ZONE, FIRST_DAY, DAYS = "timber1972", "DE_LU", "2024-03-18", 7.0
PACE = (("cycle", "3 min"), ("plan_every", "30 min"))
PAGE_HEAD = """# How sure forecasts are

heatherd says of every forecast between which errors it expects eight of ten. This page asks whether
that is so, and what the errors do. Reproduce with `python -m bench.forecasts --write`.

## Prices beyond the published hours

Day-ahead prices of 2024. At every midnight the prices of that day and the week before are known;
told are the mean absolute errors of the next day's and the second day's hours, in ct/kWh, by the
shape that heatherd has learned by then and by the rule that stands in before: each hour's mean over
the known days, half-way to their level. *Within* is the share of hours inside the quantiles said
the day before, 0.80 wanted; *width* is how far apart they are, in ct/kWh. The first days
are left out.

"""
WEATHER_HEAD = """
## Weather

Archived forecasts for De Bilt, winter 2024/25, watched every three hours. Errors are against the
newest run, which is no thermometer; temperatures are not corrected by a sensor here. Sun is the
logarithm of what came over what was forecast, by day.

"""
ROOMS_HEAD = """
## What the rooms make of it

Simulated: {days:g} days of March in a light house ({house}, {zone}), a plan every 30 minutes.
*Missed* is the root mean square of what plans promised of the room and what came, in K, with
forecasts as issued and with perfect ones; *by weather* is what both differ by. *Expected* is what
plans said the weather's errors would do. What the rooms miss holds the weather's part already:
plans take its usual size out and put in that of their own hours.

"""


# ---- prices --------------------------------------------------------------------------------------


def price_rows(last: date = LAST) -> list[Row]:
    """Every zone, one and two days ahead, from the days up to `last`."""
    return [row for zone in zones() for row in _zone_rows(zone, last)]


def _zone_rows(name: str, last: date) -> list[Row]:
    zone = load_zone(name)
    local, hourly = ZoneInfo(zone.timezone), zone.spot_per_kwh
    memory = PriceMemory()
    by_shape: dict[int, list[float]] = {1: [], 2: []}
    by_known: dict[int, list[float]] = {1: [], 2: []}
    inside: dict[int, list[bool]] = {1: [], 2: []}
    widths: dict[int, list[float]] = {1: [], 2: []}
    day = FIRST
    while day <= last:
        ends = [_midnight(day + timedelta(days=k), local) for k in (1, 2, 3)]
        series = _known(hourly.per_kwh, hourly.starts_at, _midnight(day, local), ends[0])
        memory = memory.seen(series, local, ends[0])
        for ahead in (1, 2) if day >= FIRST + timedelta(days=WARM_UP_DAYS) else ():
            real = _between(hourly.per_kwh, hourly.starts_at, ends[ahead - 1], ends[ahead])
            span = slice((ends[ahead - 1] - ends[0]) // HOUR, (ends[ahead] - ends[0]) // HOUR)
            shaped = real - _guess(series, memory, local)[span]
            low, high = memory.shape.quantiles(day + timedelta(days=ahead)) or (0.0, 0.0)
            by_shape[ahead] += shaped.tolist()
            by_known[ahead] += (real - _guess(series, PriceMemory(), local)[span]).tolist()
            inside[ahead] += ((low <= shaped) & (shaped <= high)).tolist()
            widths[ahead].append(high - low)
        day += timedelta(days=1)
    return [
        {
            "zone": name,
            "days ahead": ahead,
            "learned shape": _ct(by_shape[ahead]),
            "known days": _ct(by_known[ahead]),
            "within": float(np.mean(inside[ahead])),
            "width": _ct(widths[ahead]),
        }
        for ahead in (1, 2)
    ]


def _known(
    per_kwh: Sequence[float | None], since: datetime, today: datetime, until: datetime
) -> PriceSeries:
    """A week and a day of prices."""
    first = max((today - timedelta(days=KEPT_DAYS - 1) - since) // HOUR, 0)
    return PriceSeries(
        issued_at=today,
        starts_at=since + first * HOUR,
        step_s=3600,
        per_kwh=tuple(per_kwh[first : (until - since) // HOUR]),
        currency="EUR",
        source="archive",
    )


def _guess(series: PriceSeries, memory: PriceMemory, zone: ZoneInfo) -> Array:
    """The two days after the series as a plan would see them."""
    now = series.starts_at + HOUR * len(series.per_kwh)
    weather = WeatherForecast(starts_at=now, step_s=3600, outdoor_c=[0.0], ghi_w_per_m2=[0.0])
    prices = PriceForecast(
        starts_at=series.starts_at, step_s=3600, per_kwh=series.per_kwh, beyond=memory.beyond(zone)
    )
    tariff = Tariff(currency="EUR", margin_frac=0.0, adder_per_kwh=0.0, vat_frac=0.0)
    found = build_horizon(
        now=now, step_s=3600, length_s=50 * 3600, prices=prices, weather=weather, tariff=tariff
    )
    return np.array(found.spot_per_kwh)


def _between(
    per_kwh: Sequence[float | None], since: datetime, first: datetime, last: datetime
) -> Array:
    return np.array(per_kwh[(first - since) // HOUR : (last - since) // HOUR], dtype=np.float64)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _ct(errors: Sequence[float]) -> float:
    return 100.0 * float(np.mean(np.abs(errors)))


# ---- weather -------------------------------------------------------------------------------------


def weather_rows() -> list[Row]:
    """Temperature and sun, one to five days ahead."""
    _, columns = read_columns(FILE_NAME)
    values = {name: np.array(column, dtype=np.float64) for name, column in columns.items()}
    every = EVERY // HOUR
    rows: list[Row] = []
    for days in (1, 2):
        came, said = values["outdoor_c_day0"], values[f"outdoor_c_day{days}"]
        errors = (came - said)[::every]
        rows.append(_watched("outdoor, K", days, errors, usual_outdoor_k(days * 86400.0)))
    for days in (1, 2):
        came, said = values["ghi_w_per_m2_day0"], values[f"ghi_w_per_m2_day{days}"]
        light = (np.maximum(came, said) >= 50.0) & (np.minimum(came, said) >= 10.0)
        ratio = np.log(np.where(light, came, 1.0) / np.where(light, said, 1.0))[::every]
        rows.append(_watched("sun, log", days, ratio[light[::every]], USUAL_SUN_LOG))
    return rows


def _watched(of: str, days: int, errors: Array, usual_std: float) -> Row:
    """How often the band said before each error held it."""
    band, inside, widths = ErrorBand(), [], []
    for error in errors[np.isfinite(errors)]:
        low, high = band.quantiles(usual_std)
        inside.append(low <= error <= high)
        widths.append(high - low)
        band = band.seen([float(error)], usual_std=usual_std, days=SAMPLE_DAYS)
    return {
        "forecast": of,
        "days ahead": days,
        "errors": len(inside),
        "within": float(np.mean(inside)),
        "width": float(np.mean(widths)),
    }


# ---- rooms ---------------------------------------------------------------------------------------

MISSED: TypeAdapter[tuple[Errors, ...]] = TypeAdapter(tuple[Errors, ...])


def missed(run: str, folder: Path) -> tuple[Errors, ...]:
    """What a week's plans missed, by lead; kept, or run now."""
    file = folder / f"{run}-{code_version()}.json"
    if file.exists():
        return MISSED.validate_json(file.read_bytes())
    start = datetime.fromisoformat(FIRST_DAY).replace(tzinfo=ZoneInfo(load_zone(ZONE).timezone))
    spec = RunSpec(
        house=HOUSE, zone=ZONE, start_at=start.astimezone(UTC), days=DAYS, seed=1, strategy="mpc",
        forecast_errors=run == "issued", refine=False, control=PACE,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="hd") as name:
        run_in_memory(spec, Path(name))
        store = Store(Path(name) / "state.db")
        experience = store.value("experience", EXPERIENCE)
        store.close()
    if experience is None:
        raise RuntimeError(f"the run {run} has kept no experience")
    found = experience.margin.errors
    file.write_text(json.dumps([asdict(one) for one in found]), encoding="utf-8")
    return found


def room_rows(folder: Path) -> list[Row]:
    """Leads of the plans' margin, with and without errors of the weather."""
    pairs = zip(LEADS_S, missed("issued", folder), missed("perfect", folder), strict=True)
    return [
        {
            "lead, h": round(lead_s / 3600.0),
            "missed": math.sqrt(issued.square_k2),
            "missed, perfect forecasts": math.sqrt(perfect.square_k2),
            "by weather": math.sqrt(max(issued.square_k2 - perfect.square_k2, 0.0)),
            "expected": math.sqrt(issued.weather_k2),
        }
        for lead_s, issued, perfect in pairs
    ]


def page(folder: Path) -> str:
    """The whole page."""
    rooms = ROOMS_HEAD.format(days=DAYS, house=HOUSE, zone=ZONE)
    return (
        f"{PAGE_HEAD}{markdown_table(price_rows())}"
        f"{WEATHER_HEAD}{markdown_table(weather_rows())}"
        f"{rooms}{markdown_table(room_rows(folder))}"
    )


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", choices=("issued", "perfect"), help="one simulated run only")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where runs are kept")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    folder = results_folder(arguments.results)
    if arguments.run is not None:
        sys.stdout.write(f"{missed(arguments.run, folder)}\n")
        return
    text = page(folder)
    sys.stdout.write(text)
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
