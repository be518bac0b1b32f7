"""Measured houses for the identification benchmark, and what can be said of those that lack a
room temperature or a heat measurement. Sources and licences: bench/data/measured/README.md.

Files under bench/data/unreleased are not part of a distribution (their terms have to be read
first); what is not there is left out and said to be.
"""

import csv
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from itertools import pairwise
from pathlib import Path

import numpy as np

from mpc.arrays import FloatArray
from mpc.building import EmitterKind, MassClass, archetype
from mpc.house_data import HouseData
from mpc.identify_model import Prior

QUARTER_S = 900.0
NO_DATE = datetime(2020, 1, 1, tzinfo=UTC)  # stands for a start that the source does not state
SIGNAL_W_PER_DEGC = 150.0  # assumption: 54 °C, the highest seen, is a boiler's 8 kW
BOPTEST_STARTS = {"winter_day0": 0.0, "shoulder": 10195200.0, "summer": 21427200.0}

Table = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredHouse:
    """A record with heat and room temperature, and what an owner would have said of the house."""

    name: str
    words: str
    measured: bool  # False: an emulator's, or with a heat that is only a signal
    data: HouseData
    prior: Prior
    split: int  # first held-out step


@dataclass(frozen=True, slots=True)
class Remark:
    """What can be said of a record that no house model can be learned from."""

    name: str
    lacks: str
    says: str


def measured_houses() -> tuple[list[MeasuredHouse], list[str]]:
    """All that are there, and the names of those whose files are not."""
    houses, absent = [], []
    for load in (_flexhouse, _armadillo, _darkgreybox, _nl_2):
        try:
            houses.append(load())
        except FileNotFoundError as error:
            absent.append(Path(error.filename).stem)
    return houses, absent


def emulated_runs() -> list[MeasuredHouse]:
    """BOPTEST's hydronic heat pump, closed loop under its own controller: runs of two days."""
    table = _table("measured", "emulator_boptest")
    runs = np.array(table["run"])
    found = []
    for run, starts_s in BOPTEST_STARTS.items():
        rows = runs == run
        steps = _Steps(_numbers(table, "time_s")[rows] - starts_s, QUARTER_S)
        data = HouseData(
            starts_at=NO_DATE,
            step_s=QUARTER_S,
            room_c=steps.firsts(_numbers(table, "temp_zone_degc")[rows]),
            heat_w=steps.means(_numbers(table, "floor_heat_w")[rows]),
            outdoor_c=steps.means(_numbers(table, "temp_out_degc")[rows]),
            ghi_w_per_m2=steps.means(_numbers(table, "ghi_w_per_m2")[rows]),
        )
        found.append(
            MeasuredHouse(
                name=f"BOPTEST {run}",
                words="emulator, floor heating, 192 m2",
                measured=False,
                data=data,
                prior=_prior(1995, 192.0, MassClass.MEDIUM, EmitterKind.FLOOR),
                split=len(data) // 2,
            )
        )
    return found


def remarks() -> list[Remark]:
    """The records without room temperature, and the one with hardly any."""
    found = [_heat_meter()]
    try:
        found.append(_nibe())
    except FileNotFoundError as error:
        found.append(Remark("NIBE F730", "the file", f"{Path(error.filename).name} is not there"))
    return found


def _flexhouse() -> MeasuredHouse:
    table = _table("unreleased", "house_flexhouse")
    at = _stamps(table)
    steps = _Steps(np.array([(t - at[0]).total_seconds() for t in at]), QUARTER_S)
    data = HouseData(
        starts_at=at[0],
        step_s=QUARTER_S,
        room_c=steps.firsts(_numbers(table, "temp_in_degc")),
        heat_w=steps.means(1000.0 * _numbers(table, "heat_input_kw")),
        outdoor_c=steps.means(_numbers(table, "temp_out_degc")),
        ghi_w_per_m2=steps.means(
            np.maximum(1000.0 * _numbers(table, "solar_kw_per_m2"), 0.0)
        ),  # the sensor's offset makes small negative values
    )
    return MeasuredHouse(
        name="FlexHouse",
        words="test house, electric heaters switched at random, 5.9 days in winter",
        measured=True,
        data=data,
        prior=_prior(1980, 120.0, MassClass.LIGHT, EmitterKind.RADIATOR),
        split=len(data) - int(1.9 * data.steps_per_day),
    )


def _armadillo() -> MeasuredHouse:
    table = _table("unreleased", "house_armadillo")
    data = HouseData(
        starts_at=NO_DATE,
        step_s=1800.0,
        room_c=_numbers(table, "temp_in_degc"),
        heat_w=_numbers(table, "heat_input_w"),
        outdoor_c=_numbers(table, "temp_out_degc"),
        ghi_w_per_m2=_numbers(table, "solar_w_per_m2"),
    )
    return MeasuredHouse(
        name="Armadillo Box",
        words="empty test house heated to 40 °C and left to cool, 4.8 days in the warm season",
        measured=True,
        data=data,
        prior=_prior(2012, 42.0, MassClass.LIGHT, EmitterKind.RADIATOR),
        split=len(data) - int(1.5 * data.steps_per_day),
    )


def _darkgreybox() -> MeasuredHouse:
    table = _table("measured", "building_darkgreybox")
    heat_w = 1000.0 * _numbers(table, "heat_output_source_unit")
    data = HouseData(
        starts_at=_stamps(table)[0],
        step_s=3600.0,
        room_c=_numbers(table, "temp_in_degc"),
        heat_w=heat_w,
        outdoor_c=_numbers(table, "temp_out_degc"),
        ghi_w_per_m2=np.zeros(len(heat_w)),  # not measured
    )
    return MeasuredHouse(
        name="darkgreybox",
        words="non-domestic building, heat taken as kW, no sun measured, 33 days in winter",
        measured=True,
        data=data,
        prior=_prior(1970, 1500.0, MassClass.MEDIUM, EmitterKind.RADIATOR),
        split=26 * data.steps_per_day,
    )


def _nl_2() -> MeasuredHouse:
    table = _table("measured", "house_nl_2")
    data = HouseData(
        starts_at=_stamps(table)[0],
        step_s=QUARTER_S,
        room_c=_numbers(table, "temp_in_degc"),
        heat_w=SIGNAL_W_PER_DEGC * _numbers(table, "heating_water_signal_degc"),
        outdoor_c=_numbers(table, "temp_out_degc"),
        ghi_w_per_m2=1000.0 * _numbers(table, "solar_kw_per_m2"),
    ).part(30 * 96, 30 * 96 + 37 * 96)
    return MeasuredHouse(
        name="Dutch house 2",
        words="lived-in, radiators, 37 winter days; heat is a signal of the boiler's water, its "
        "scale assumed: losses in W/K mean nothing",
        measured=False,
        data=data,
        prior=_prior(1975, 120.0, MassClass.MEDIUM, EmitterKind.RADIATOR),
        split=30 * 96,
    )


def _heat_meter() -> Remark:
    """Energy, water and their temperatures from the counters at midnight."""
    table = _table("measured", "house_dk_heatmeter")
    at = _stamps(table)
    heat_kwh = np.diff(_numbers(table, "heat_kwh_cumulative"))
    volume_m3 = np.diff(_numbers(table, "volume_m3_cumulative"))
    supply, back = (
        np.diff(_numbers(table, f"{which}_energy_m3degc_cumulative"))
        for which in ("supply", "return")
    )
    days = np.array([(later - now).total_seconds() / 86_400.0 for now, later in pairwise(at)])
    summer = np.array([t.month in (6, 7, 8) for t in at[:-1]])
    base_kwh = heat_kwh[summer].sum() / days[summer].sum()
    return Remark(
        "Danish house of 1969, heat meter",
        "room and outdoor temperature",
        f"{365.0 * heat_kwh.sum() / days.sum():.0f} kWh a year, of which hot water, pipes and "
        f"summer use {base_kwh:.1f} kWh a day; flow {supply.sum() / volume_m3.sum():.0f} °C, "
        f"return {back.sum() / volume_m3.sum():.0f} °C by volume. Neither losses nor capacity.",
    )


def _nibe() -> Remark:
    table = _table("unreleased", "heatpump_nibe_f730_room")
    at, room_c = _stamps(table), _numbers(table, "value")
    longest_h = max((later - now).total_seconds() for now, later in pairwise(at)) / 3600.0
    span_days = (at[-1] - at[0]).total_seconds() / 86_400.0
    return Remark(
        "NIBE F730",
        "heat, and a room temperature worth the name",
        f"{len(at)} room readings in {span_days:.0f} days, {np.min(room_c):.1f} to "
        f"{np.max(room_c):.1f} °C, up to {longest_h:.0f} h apart: no day of it can be predicted.",
    )


class _Steps:
    """Samples sorted into steps by their time from the first one."""

    def __init__(self, time_s: FloatArray, step_s: float) -> None:
        index = np.floor(time_s / step_s).astype(np.int64)
        self._count = int(index[-1])  # the last step may be half a one
        self._index = index

    def means(self, values: FloatArray) -> FloatArray:
        """Mean over each step; NaN without a sample."""
        sums = np.bincount(self._index, values)[: self._count]
        counts = np.bincount(self._index)[: self._count]
        found = np.full(self._count, np.nan)
        np.divide(sums, counts, out=found, where=counts > 0)
        return found

    def firsts(self, values: FloatArray) -> FloatArray:
        """The first sample of each step; NaN without one."""
        found = np.full(self._count, np.nan)
        steps, where = np.unique(self._index, return_index=True)
        inside = steps < self._count
        found[steps[inside]] = values[where[inside]]
        return found


def _prior(year: int, area_m2: float, mass: MassClass, emitter: EmitterKind) -> Prior:
    return Prior(building=archetype(year=year, area_m2=area_m2, mass=mass, emitter=emitter))


def _table(folder: str, name: str) -> Table:
    """Raises FileNotFoundError for what is not part of this copy."""
    raw = resources.files("bench").joinpath("data", folder, f"{name}.csv.gz").read_bytes()
    names, *rows = csv.reader(gzip.decompress(raw).decode("utf-8").splitlines())
    return dict(zip(names, zip(*rows, strict=True), strict=True))


def _numbers(table: Table, name: str) -> FloatArray:
    return np.array([float(cell) if cell else np.nan for cell in table[name]])


def _stamps(table: Table) -> list[datetime]:
    return [datetime.fromisoformat(cell) for cell in table["timestamp_utc"]]
