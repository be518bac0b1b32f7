"""The house model fitted offline to 60 days without any noise: what a wrong belief is judged by.

Usage: python -m bench.wrong_prior_fit [houses ...]; writes bench/data/fitted_60_days.json.

For 60 days that no comparison uses the pump heats by its own tuned curve, which is moved up and
down in slots so that more is told of the storage. Heat into the rooms' water, weather and the
living zone's air are the plant's truth, without a sensor in between; the people stay unknown. The
fit is that of `mpc.identify`, of all parameters that a configuration can tell.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from bench.baseline import tuned_curve
from bench.economy_fit import FITTED, FITTED_FLOOR, STEP_S
from bench.run import archive_of
from bench.spec import Address, RunSpec, house_config
from bench.world import weather_trace
from bench.zones import load_zone
from controller.excitation import is_up
from controller.learn import day_one_prior
from hil.house import load_house
from hil.simulated_house import SimulatedHouse
from mpc.building import Building
from mpc.house_data import HouseData
from mpc.identify import identify
from mpc.identify_model import Identified, Order

TRAINED_FROM = {"DK1": "2024-10-07", "DE_LU": "2023-12-25"}
"""First local days in each zone."""

TRAINED_DAYS = 60.0
ZONE_OF = {
    "villa1961": "DK1", "timber1972": "DE_LU", "slab2004": "DK1",
    "rowhouse1988": "DE_LU", "lowenergy2016": "DK1", "brick1935": "DE_LU",
}  # fmt: skip
"""Where each house stands."""

SEED = 7
MOVE_K = 3.0
"""Of the flow, up or down: the room follows by a few tenths of a kelvin."""

SAMPLES = 3  # of a step, at whose ends the outdoor temperature is looked at
J_PER_KWH = 3.6e6
SURE = ("heat_to_mass_frac", "solar_to_mass_frac", "floor_air_w_per_k")
"""What no configuration tells stays typical, and what radiators hold."""

SURE_LOG_STD = 1e-3
FITTED_FILE = "fitted_60_days.json"


def training_spec(house: str, zone: str) -> RunSpec:
    """The 60 days on the pump's own curve."""
    local = datetime.fromisoformat(TRAINED_FROM[zone])
    return RunSpec(
        house=house,
        zone=zone,
        start_at=local.replace(tzinfo=ZoneInfo(load_zone(zone).timezone)).astimezone(UTC),
        days=TRAINED_DAYS,
        seed=SEED,
        strategy="heating-curve",
        curve=tuned_curve(house, zone),
        forecast_errors=False,
    )


def noise_free(spec: RunSpec) -> HouseData:
    """The plant's truth: means of heat and weather over each step, the room at its start."""
    archive = archive_of(spec)
    plant = SimulatedHouse(
        load_house(spec.house),
        weather_trace(archive),
        start_at=spec.start_at,
        seed=spec.seed,
        curve=spec.curve,
        room_setpoint_c=spec.room_c,
    )
    weather = archive.zone.weather
    heat_w, outdoor_c, ghi_w_per_m2, room_c = [], [], [], []
    for step in range(round(spec.days * 86_400.0 / STEP_S)):
        at = spec.start_at + timedelta(seconds=step * STEP_S)
        plant.firmware.curve_offset_k = MOVE_K if is_up(at) else -MOVE_K
        before, seen_c = plant.truth(), []
        for sample in range(1, SAMPLES + 1):
            plant.advance(at + timedelta(seconds=sample * STEP_S / SAMPLES))
            plant.pop_messages()
            seen_c.append(plant.truth().outdoor_c)
        hour = (at - weather.starts_at) // timedelta(hours=1)
        given_kwh = plant.truth().space_heat_kwh - before.space_heat_kwh
        heat_w.append(given_kwh * J_PER_KWH / STEP_S)
        outdoor_c.append(sum(seen_c) / SAMPLES)
        ghi_w_per_m2.append(
            weather.direct_horizontal_w_per_m2[hour] + weather.diffuse_horizontal_w_per_m2[hour]
        )
        room_c.append(before.zone_c[0])
    return HouseData(
        starts_at=spec.start_at,
        step_s=STEP_S,
        room_c=np.array(room_c),
        heat_w=np.array(heat_w),
        outdoor_c=np.array(outdoor_c),
        ghi_w_per_m2=np.array(ghi_w_per_m2),
    )


def trained(house: str, zone: str) -> Identified:
    """Run the 60 days and fit to all of them what an owner can write down."""
    spec = training_spec(house, zone)
    place = load_zone(zone)
    config = house_config(
        spec, load_house(house), place, address=Address(), directory=Path("unused")
    )
    usual = day_one_prior(config)
    sure = SURE if load_house(house).owner.emitter == "floor" else (*SURE, "floor_kwh_per_k")
    prior = replace(usual, log_std={**usual.log_std, **dict.fromkeys(sure, SURE_LOG_STD)})
    return identify(noise_free(spec), prior, orders=(Order.FULL,), patterns=False)


def told(building: Building, *, floor: bool) -> dict[str, float]:
    """The building in the words of the configuration's [house.model]."""
    names = FITTED_FLOOR if floor else FITTED
    return {name: float(f"{getattr(building, name):.4g}") for name in names}


@cache
def _stored() -> Mapping[str, Any]:
    stored: dict[str, Any] = json.loads(_file().read_text(encoding="utf-8"))
    return stored


def _file() -> Path:
    return Path(str(files("bench") / "data" / FITTED_FILE))


def right_model(house: str) -> tuple[tuple[str, float], ...]:
    """The fitted parameters that ship with the project, for `RunSpec.model`."""
    return tuple(_stored()[house]["model"].items())


def right_error_k(house: str) -> float:
    """Root mean square error of its 24 h predictions on thirds of the 60 days left out in turn."""
    return float(_stored()[house]["error_k"])


def main() -> None:
    """Fit the houses named (default: all) and write the shipped file."""
    parser = argparse.ArgumentParser(prog="python -m bench.wrong_prior_fit", description=__doc__)
    parser.add_argument("houses", nargs="*", default=list(ZONE_OF))
    path = _file()
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for house in parser.parse_args().houses:
        zone = ZONE_OF[house]
        found = trained(house, zone)
        floor = load_house(house).owner.emitter == "floor"
        (candidate,) = found.candidates
        rows[house] = {
            "model": told(found.building, floor=floor),
            "error_k": round(candidate.held_out_rmse_k, 3),
            "trained_from": TRAINED_FROM[zone],
            "trained_days": TRAINED_DAYS,
            "zone": zone,
        }
        path.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        sys.stdout.write(f"{house}: {rows[house]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
