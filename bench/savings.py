"""Whether the interval of `heatherd savings` is honest: many cases with a saving that is known.

A case is some weeks of days in a house drawn at random, in real weather (DK1, DE-LU). A day's
electricity is the house's balance (loss, gains and sun that do not always help) over a COP that
falls with the cold, with hot water and an error half of which is there the day after; it is not the
equation of the estimator. Steering saves another share every day, and a sixth of it only on the day
after, comparison days included. The truth is the share saved over the steered days. The naive
comparison takes four weeks before steering began and compares energy per degree day.
"""

import argparse
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from bench.savings_reckoned import CASES as HOUSES
from bench.savings_reckoned import RESULTS, Case, run, section
from bench.savings_reckoned import SEED as HOUSES_SEED
from bench.tables import markdown_table
from bench.zones import Zone, load_zone
from controller.savings_days import is_comparison_day
from mpc.arrays import FloatArray
from mpc.savings import Day, saving

CASES, SEED, ONE_IN = 400, 7, 4
WEEKS = (4, 8, 12)
PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "savings.md"
STARTS = (("DK1", date(2024, 1, 5)), ("DE_LU", date(2023, 1, 5)), ("DE_LU", date(2023, 10, 5)))
BEFORE = 28  # days of observing, for the naive comparison
LATER_FRAC = 1.0 / 6.0
LASTS_FRAC, ERROR_FRAC = 0.5, 0.08


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case."""

    truth: float
    frac: float
    low: float
    high: float
    naive: float


def case(number: int, *, days: int, one_in: int = ONE_IN, seed: int = SEED) -> Outcome:
    """One house, one season, one draw of comparison days."""
    rng = np.random.default_rng([seed, number])
    zone, first = STARTS[int(rng.integers(len(STARTS)))]
    first += timedelta(days=int(rng.integers(14)))
    outdoor_c, ghi = _weather(load_zone(zone), first, BEFORE + days)
    room_c = rng.uniform(20.0, 22.0) + rng.normal(0.0, 0.25, BEFORE + days)
    rise_k = rng.normal(0.0, 0.2, BEFORE + days)
    own_kwh = _electricity_kwh(rng, room_c - outdoor_c, ghi, rise_k)
    steered = np.array(
        [
            not is_comparison_day(first + timedelta(days=BEFORE + i), one_in=one_in, seed=number)
            for i in range(days)
        ]
    )
    before = np.append(False, steered[:-1])
    share = rng.uniform(-0.02, 0.2) + rng.normal(0.0, 0.04, days)
    saved = np.where(steered, share * (1.0 - LATER_FRAC), 0.0)
    saved += np.where(before, np.roll(share, 1) * LATER_FRAC, 0.0)
    used_kwh = own_kwh[BEFORE:] * (1.0 - saved)
    found = saving(
        [
            Day(
                energy_kwh=float(used_kwh[i]),
                difference_k=float(room_c[BEFORE + i] - outdoor_c[BEFORE + i]),
                ghi_w_per_m2=float(ghi[BEFORE + i]),
                room_rise_k=float(rise_k[BEFORE + i]),
                steered=bool(steered[i]),
                steered_before=bool(before[i]),
            )
            for i in range(days)
        ]
    )
    unsteered_kwh = own_kwh[BEFORE:][steered]
    truth = float(np.sum(share[steered] * unsteered_kwh) / np.sum(unsteered_kwh))
    difference_k = room_c - outdoor_c
    used_per_k = float(np.mean(used_kwh[steered]) / np.mean(difference_k[BEFORE:][steered]))
    naive = 1.0 - used_per_k / float(np.mean(own_kwh[:BEFORE]) / np.mean(difference_k[:BEFORE]))
    return Outcome(truth, found.frac, found.low_frac, found.high_frac, naive)


def _weather(zone: Zone, first: date, days: int) -> tuple[FloatArray, FloatArray]:
    """Daily means of outdoor temperature and global irradiance."""
    weather = zone.weather
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    hour = int((begin - weather.starts_at).total_seconds() // 3600)
    cut = slice(hour, hour + 24 * days)
    ghi = np.add(weather.direct_horizontal_w_per_m2[cut], weather.diffuse_horizontal_w_per_m2[cut])
    outdoor_c = np.array(weather.outdoor_c[cut])
    return outdoor_c.reshape(-1, 24).mean(axis=1), ghi.reshape(-1, 24).mean(axis=1)


def _electricity_kwh(
    rng: np.random.Generator, difference_k: FloatArray, ghi: FloatArray, rise_k: FloatArray
) -> FloatArray:
    """A day's electricity of a house on the pump's own control."""
    loss, capacity = rng.lognormal(np.log(180.0), 0.4), rng.uniform(5.0, 20.0)
    gains, aperture = rng.uniform(200.0, 800.0), rng.uniform(2.0, 10.0)
    need_w = loss * difference_k - gains - aperture * ghi
    heat_kwh = np.maximum(24.0 * need_w, 0.0) / 1000.0 + capacity * rise_k
    cop = rng.uniform(3.0, 4.5) - rng.uniform(0.04, 0.08) * (difference_k - 15.0)
    water_kwh = rng.uniform(1.0, 4.0) * rng.lognormal(0.0, 0.4, len(ghi))
    error = np.zeros(len(ghi))
    for day, news in enumerate(rng.normal(0.0, 1.0, len(ghi))):
        before = error[day - 1] if day else 0.0
        error[day] = LASTS_FRAC * before + np.sqrt(1.0 - LASTS_FRAC**2) * ERROR_FRAC * news
    standby_kwh = 0.3
    used_kwh = np.maximum(heat_kwh, 0.0) / np.maximum(cop, 1.5) * (1.0 + error)
    return np.asarray(used_kwh + water_kwh + standby_kwh, dtype=np.float64)


def figures(cases: int, *, days: int) -> dict[str, str | float | int | None]:
    """A row of the page."""
    found = [case(number, days=days) for number in range(cases)]
    points = 100.0 * np.array([[o.frac - o.truth, o.naive - o.truth] for o in found])
    naive_half = float(np.quantile(np.abs(points[:, 1]), 0.8))
    return {
        "weeks": days // 7,
        "cases": cases,
        "inside the interval, %": 100.0 * float(np.mean([o.low < o.truth < o.high for o in found])),
        "mean error, points": float(points[:, 0].mean()),
        "half-width of the interval, points": float(
            100.0 * np.median([(o.high - o.low) / 2.0 for o in found])
        ),
        "before/after: mean error, points": float(points[:, 1].mean()),
        "before/after: eight of ten errors below, points": naive_half,
    }


def page(cases: int, houses: list[Case]) -> str:
    """The benchmark's page: days compared, and houses reckoned."""
    rows = [figures(cases, days=7 * weeks) for weeks in WEEKS]
    return (
        "# Are the savings honest?\n\n"
        "`python -m bench.savings --write`. "
        + " ".join((__doc__ or "").split("\n\n", 1)[1].split())
        + f" One day in {ONE_IN} is a comparison day.\n\n"
        "The interval is to hold the truth in 75 to 85 of 100 cases, with a mean error below two "
        "points.\n\n"
        + markdown_table(rows)
        + "\nThese are drawn days, not runs of the controller: they test the reckoning, not how "
        "much is saved.\n\n## Reckoned by the house model\n\n" + section(houses)
    )


def main() -> None:
    """Print the page, with `--write` into the documentation."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--houses", type=int, default=HOUSES, help="to reckon")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where houses are kept")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    text = page(asked.cases, run(asked.houses, HOUSES_SEED, asked.results))
    if asked.write:
        PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
