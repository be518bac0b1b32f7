"""The opponent in every table: the pump's own heating curve, fairly tuned on other weeks.

Slope and room influence are searched on a grid; for each pair the offset is solved so that the mean
room temperature over the tuning weeks is the one wanted. Of these the cheapest counts, kelvin-hours
outside the comfort band being charged at a price that no saving of energy can outweigh.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from bench.archive import Archive
from bench.spec import Address, RunSpec, house_config
from bench.truth import TrueKpis, true_kpis
from bench.world import weather_trace
from bench.zones import load_zone, zones
from controller.model import house_model
from hil.firmware import Curve
from hil.house import house_names, load_house
from hil.simulated_house import SimulatedHouse, Truth

SLOPES_FRAC = (0.8, 1.0, 1.2)
"""Of the slope that the installer left."""

INFLUENCES_K_PER_K = (0.0, 2.0, 4.0)
OFFSET_TRIES = 4
MEAN_TOLERANCE_K = 0.03
DISCOMFORT_PRICE_PER_KH = 2.0
SAMPLE = timedelta(minutes=5)
PROBE_K = 1.5
"""Shift of the curve by which the cost of a warmer house is measured."""

TUNING_WEEKS = {
    "DK1": (
        datetime(2024, 1, 28, 23, tzinfo=UTC),
        datetime(2024, 4, 7, 22, tzinfo=UTC),
        datetime(2024, 11, 10, 23, tzinfo=UTC),
    ),
    "DE_LU": (
        datetime(2023, 1, 22, 23, tzinfo=UTC),
        datetime(2023, 3, 26, 22, tzinfo=UTC),
        datetime(2023, 11, 19, 23, tzinfo=UTC),
    ),
}
"""Winter, spring sun and autumn, so that the curve is good all season; none is in a comparison."""

SPRING_HEATS_ITSELF = ("lowenergy2016",)
"""In these houses the sun alone overheats the spring week: a curve with the wanted mean over it
would be a bad curve for the winter, so they are tuned without it."""

TUNED_FILE = "tuned_curves.json"


@dataclass(frozen=True, slots=True)
class Tuned:
    """A curve and what it did over the tuning weeks."""

    house: str
    zone: str
    curve: Curve
    mean_room_temp_c: float
    discomfort_kh: float
    cost: float


def plant_truths(spec: RunSpec, curve: Curve) -> list[Truth]:
    """The house on its own heating curve with nobody connected."""
    archive = Archive(
        load_zone(spec.zone),
        start_at=spec.start_at,
        end_at=spec.end_at,
        seed=spec.seed,
        forecast_errors=False,
    )
    plant = SimulatedHouse(
        load_house(spec.house),
        weather_trace(archive),
        start_at=spec.start_at,
        seed=spec.seed,
        curve=curve,
        room_setpoint_c=spec.room_c,
    )
    truths = [plant.truth()]
    at = spec.start_at
    while at < spec.end_at:
        at += SAMPLE
        plant.advance(at)
        plant.pop_messages()
        truths.append(plant.truth())
    return truths


def plant_only(spec: RunSpec, curve: Curve) -> TrueKpis:
    """The figures of `plant_truths`."""
    zone, house = load_zone(spec.zone), load_house(spec.house)
    config = house_config(spec, house, zone, address=Address(), directory=Path("unused"))
    return true_kpis(
        plant_truths(spec, curve),
        prices=zone.spot_per_kwh,
        tariff=house_model(config).tariff,
        low_c=spec.room_c - spec.band_k,
        high_c=spec.room_c + spec.band_k,
    )


def cost_per_k(spec: RunSpec, curve: Curve) -> tuple[float, float]:
    """What one kelvin of mean room temperature costs over the run: (whole bill, spot part).

    The heat that the warmer house has stored at the end is not part of it: it counts on its own.
    Over few days that stored heat is most of the difference and its price uncertain; a kelvin is
    never taken to cost less than nothing.
    """
    base = plant_only(spec, curve)
    warm = plant_only(spec, replace(curve, offset_k=curve.offset_k + PROBE_K))
    risen_k = warm.mean_room_temp_c - base.mean_room_temp_c
    stored_frac = (warm.heat_left_kwh - base.heat_left_kwh) / (base.electricity_kwh * base.spf)
    return (
        max(warm.cost - base.cost * (1.0 + stored_frac), 0.0) / risen_k,
        max(warm.spot_cost - base.spot_cost * (1.0 + stored_frac), 0.0) / risen_k,
    )


def tune(house: str, zone: str, weeks: Sequence[datetime], *, room_c: float = 21.0) -> Tuned:
    """The best curve of a house over some weeks."""
    installed = load_house(house).curve
    specs = [
        RunSpec(
            house=house,
            zone=zone,
            start_at=week,
            days=7,
            seed=7,
            strategy="heating-curve",
            room_c=room_c,
        )
        for week in weeks
    ]
    found = [
        _with_right_mean(specs, replace(
            installed, slope=round(installed.slope * frac, 3), room_influence_k_per_k=influence
        ))
        for frac in SLOPES_FRAC
        for influence in INFLUENCES_K_PER_K
    ]  # fmt: skip
    return min(found, key=lambda t: t.cost + DISCOMFORT_PRICE_PER_KH * t.discomfort_kh)


def _with_right_mean(specs: Sequence[RunSpec], curve: Curve) -> Tuned:
    """Solve the offset for the wanted mean room by secants (a kelvin of flow moves it little)."""
    room_c = specs[0].room_c
    offset_k, gain = curve.offset_k, 0.15
    best: Tuned | None = None
    before: tuple[float, float] | None = None
    for _ in range(OFFSET_TRIES):
        tried = replace(curve, offset_k=round(offset_k, 2))
        results = [plant_only(spec, tried) for spec in specs]
        mean_c = sum(r.mean_room_temp_c for r in results) / len(results)
        outside_kh = sum(r.comfort_kh_below + r.comfort_kh_above for r in results)
        now = Tuned(
            specs[0].house,
            specs[0].zone,
            tried,
            round(mean_c, 3),
            round(outside_kh, 2),
            round(sum(r.cost for r in results), 2),
        )
        if best is None or abs(mean_c - room_c) < abs(best.mean_room_temp_c - room_c):
            best = now
        if abs(mean_c - room_c) <= MEAN_TOLERANCE_K:
            break
        if before is not None and abs(mean_c - before[1]) > 1e-3:
            gain = max((mean_c - before[1]) / (offset_k - before[0]), 0.02)
        before = (offset_k, mean_c)
        offset_k += min(max((room_c - mean_c) / gain, -8.0), 8.0)
    if best is None:
        raise ValueError("no try was made")
    return best


def tuning_weeks(house: str, zone: str) -> tuple[datetime, ...]:
    """The weeks on which the curve of a house is tuned."""
    winter, spring, autumn = TUNING_WEEKS[zone]
    return (winter, autumn) if house in SPRING_HEATS_ITSELF else (winter, spring, autumn)


@cache
def _stored() -> dict[str, Any]:
    file = files("bench") / "data" / TUNED_FILE
    stored: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return stored


def tuned_curve(house: str, zone: str) -> Curve:
    """The tuned curve that ships with the project; the installer's where none was tuned."""
    row = _stored().get(f"{house}/{zone}")
    return load_house(house).curve if row is None else Curve(**row["curve"])


def main() -> None:
    """Tune the houses named (default: all) in every zone and write the shipped file."""
    parser = argparse.ArgumentParser(prog="python -m bench.baseline", description=__doc__)
    parser.add_argument("houses", nargs="*", default=house_names())
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    path = Path(str(files("bench") / "data" / TUNED_FILE))
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    with ProcessPoolExecutor(arguments.workers) as pool:
        jobs = {
            pool.submit(tune, house, zone, tuning_weeks(house, zone)): (house, zone)
            for house in arguments.houses
            for zone in zones()
        }
        for job in as_completed(jobs):
            house, zone = jobs[job]
            weeks = [at.isoformat() for at in tuning_weeks(house, zone)]
            rows[f"{house}/{zone}"] = {**asdict(job.result()), "tuning_weeks": weeks}
            path.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            sys.stdout.write(f"{house} in {zone}: {job.result().curve}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
