"""The house model fitted offline to a fortnight's records: the reference planner's knowledge.

Usage: python -m bench.economy_fit [houses ...]; writes bench/data/fitted_houses.json.

The service steers the house for two weeks that no comparison uses, with everything it usually
records. Then capacities, losses, window area and gains are chosen so that the model, driven by
recorded heat and weather from the first quarter of an hour on, follows the recorded room
temperature: least squares, drawn softly towards the archetype where the records say little. Nothing
of the simulator's truth is used.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from bench.baseline import tuned_curve
from bench.run import run_in_memory
from bench.spec import Address, RunSpec, house_config
from bench.zones import load_zone
from controller.estimate import delivered_heat_w
from controller.model import HouseModel, house_model
from controller.recorder import Recorder
from controller.records import StepRecord
from drivers.api import Signal
from hil.house import house_names, load_house
from mpc.arrays import FloatArray
from mpc.building import discretise, drive, simulate, steady_state

TRAINED_FROM, TRAINED_DAYS = datetime(2024, 1, 15, 23, tzinfo=UTC), 14.0
TRAINED_ZONE = "DK1"
SETTLED_AFTER = timedelta(days=1)
STEP_S = 900.0
FITTED = (
    "air_kwh_per_k",
    "mass_kwh_per_k",
    "air_outdoor_w_per_k",
    "mass_outdoor_w_per_k",
    "air_mass_w_per_k",
    "solar_aperture_m2",
    "internal_gains_w",
)
FITTED_FLOOR = (*FITTED, "floor_kwh_per_k")
ROOM_STD_K = 0.25  # what a model of three temperatures misses even when fitted
PRIOR_LOG_STD = 0.7  # an archetype's parameter is right within a factor of two
REACH_LOG = 1.6  # and never wrong by more than a factor of five
HOPELESS_K = 10.0  # residual of parameters that cannot be a house

FITTED_FILE = "fitted_houses.json"


@dataclass(frozen=True, slots=True)
class Training:
    """Records brought to equal steps: means of heat and weather, the room at each step's end."""

    heat_w: FloatArray
    outdoor_c: FloatArray
    ghi_w_per_m2: FloatArray
    room_c: FloatArray


@dataclass(frozen=True, slots=True)
class Fit:
    """What was found, in the words of the configuration's [house.model]."""

    model: dict[str, float]
    rmse_k: float
    archetype_rmse_k: float


def training_spec(house: str) -> RunSpec:
    """The fortnight, steered as usual with the archetype."""
    return RunSpec(
        house=house,
        zone=TRAINED_ZONE,
        start_at=TRAINED_FROM,
        days=TRAINED_DAYS,
        seed=7,
        strategy="mpc",
        refine=False,
        curve=tuned_curve(house, TRAINED_ZONE),
        control=(("cycle", "2 min"), ("plan_every", "30 min")),
    )


def training(records: Sequence[StepRecord], model: HouseModel) -> Training:
    """From records to steps; the first day, in which the sensors wake up, is left out."""
    begins_at = records[0].at + SETTLED_AFTER
    rows: list[tuple[int, float, float, float, float]] = []
    for record in records:
        snapshot = record.snapshot
        heat_w = delivered_heat_w(snapshot, model)
        outdoor_c = snapshot.value(Signal.OUTDOOR_C)
        room_c = snapshot.value(Signal.ROOM_C)
        if record.at < begins_at or heat_w is None or outdoor_c is None or room_c is None:
            continue
        step = int((record.at - begins_at).total_seconds() // STEP_S)
        rows.append((step, heat_w, outdoor_c, record.ghi_w_per_m2, room_c))
    table = np.array(rows)
    steps = table[:, 0].astype(np.int64)
    counts = np.bincount(steps)
    if np.any(counts == 0):
        raise ValueError("the records have gaps")
    heat, outdoor, ghi = (np.bincount(steps, table[:, i]) / counts for i in (1, 2, 3))
    ends = np.cumsum(counts) - 1
    return Training(heat, outdoor, ghi, table[ends, 4])


def misses_k(model: HouseModel, seen: Training) -> FloatArray:
    """Simulated minus recorded room, from a house at rest in the first day's weather."""
    building = model.building
    day = slice(0, int(86_400 / STEP_S))
    rest = steady_state(
        building,
        room_c=seen.room_c[0],
        outdoor_c=float(np.mean(seen.outdoor_c[day])),
        ghi_w_per_m2=float(np.mean(seen.ghi_w_per_m2[day])),
        gain_w=building.internal_gains_w,
    )
    step = discretise(building, STEP_S)
    pushed_k = drive(
        step,
        outdoor_c=seen.outdoor_c,
        ghi_w_per_m2=seen.ghi_w_per_m2,
        gain_w=building.internal_gains_w,
    )
    states = simulate(step, rest.state_c[:, 0], heat_w=seen.heat_w, drive_k=pushed_k)
    return np.asarray(states[0] - seen.room_c, dtype=np.float64)


def fit(spec: RunSpec, seen: Training) -> Fit:
    """The parameters that follow the records best."""
    first = _model(spec, {})
    names = FITTED if load_house(spec.house).owner.emitter == "radiator" else FITTED_FLOOR
    usual = np.array([getattr(first.building, name) for name in names])

    def residuals(log_factor: FloatArray) -> FloatArray:
        given = dict(zip(names, (usual * np.exp(log_factor)).tolist(), strict=True))
        try:
            missed = misses_k(_model(spec, given), seen)
        except ValueError:  # emitters that could not heat such a house
            missed = np.full(len(seen.room_c), HOPELESS_K)
        weight = np.sqrt(86_400 / STEP_S)  # neighbouring steps miss alike: a day counts once
        return np.concatenate([missed / ROOM_STD_K / weight, log_factor / PRIOR_LOG_STD])

    reach, steps = np.full(len(names), REACH_LOG), np.full(len(names), 1e-3)
    found = least_squares(residuals, np.zeros(len(names)), bounds=(-reach, reach), diff_step=steps)
    values = usual * np.exp(found.x)
    best = {name: float(f"{value:.4g}") for name, value in zip(names, values, strict=True)}
    return Fit(best, _rmse_k(_model(spec, best), seen), _rmse_k(first, seen))


def _model(spec: RunSpec, given: dict[str, float]) -> HouseModel:
    return house_model(
        house_config(
            replace(spec, model=tuple(given.items())),
            load_house(spec.house),
            load_zone(spec.zone),
            address=Address(),
            directory=Path("unused"),
        )
    )


def _rmse_k(model: HouseModel, seen: Training) -> float:
    return round(float(np.sqrt(np.mean(misses_k(model, seen) ** 2))), 3)


def trained(house: str) -> Fit:
    """Run the fortnight and fit."""
    spec = training_spec(house)
    with tempfile.TemporaryDirectory(prefix="heatherd-") as folder:
        run_in_memory(spec, Path(folder))
        recorder = Recorder(Path(folder) / "records.db")
        try:
            seen = training(list(recorder.records()), _model(spec, {}))
        finally:
            recorder.close()
    return fit(spec, seen)


@cache
def _stored() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(_file().read_text(encoding="utf-8"))
    return stored


def _file() -> Path:
    return Path(str(files("bench") / "data" / FITTED_FILE))


def fitted_model(house: str) -> tuple[tuple[str, float], ...]:
    """The fitted parameters that ship with the project, for `RunSpec.model`."""
    return tuple(_stored()[house]["model"].items())


def main() -> None:
    """Fit the houses named (default: all) and write the shipped file."""
    parser = argparse.ArgumentParser(prog="python -m bench.economy_fit", description=__doc__)
    parser.add_argument("houses", nargs="*", default=house_names())
    path = _file()
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for house in parser.parse_args().houses:
        found = trained(house)
        rows[house] = {
            "model": found.model,
            "rmse_k": found.rmse_k,
            "archetype_rmse_k": found.archetype_rmse_k,
            "trained_from": TRAINED_FROM.isoformat(),
            "trained_days": TRAINED_DAYS,
            "zone": TRAINED_ZONE,
        }
        path.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        sys.stdout.write(f"{house}: {found.archetype_rmse_k} K -> {found.rmse_k} K\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
