"""House data as stretches without gaps, ready for the filter."""

from dataclasses import dataclass

import numpy as np

from mpc.arrays import FloatArray
from mpc.building import Building
from mpc.house_data import HouseData
from mpc.identify_filter import Inputs

FILLED_S = 2 * 3600.0  # shorter gaps are bridged by a straight line and not counted as readings
LEAST_S = 36 * 3600.0  # shorter stretches teach nothing of a day ahead


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """A stretch and the step of the data it begins with."""

    first: int
    inputs: Inputs

    def __len__(self) -> int:
        return len(self.inputs.room_c)


def stretches(
    data: HouseData, building: Building, *, windy: bool, least_s: float = LEAST_S
) -> list[Stretch]:
    """The parts of the data in which everything is known, short gaps bridged."""
    longest = round(FILLED_S / data.step_s)
    room_c, missing = _bridged(data.room_c, longest)
    heat_w, no_heat = _bridged(data.heat_w, longest)
    outdoor_c, no_outdoor = _bridged(data.outdoor_c, longest)
    ghi_w_per_m2, no_sun = _bridged(data.ghi_w_per_m2, longest)
    filled = (missing | no_heat | no_outdoor | no_sun).astype(np.float64)
    wind_k_m_s = None
    if windy and data.wind_m_s is not None:
        over_m_s = np.nan_to_num(data.wind_m_s - building.usual_wind_m_s, nan=0.0)
        inside_c = float(np.nanmean(data.room_c))
        wind_k_m_s = over_m_s * (inside_c - outdoor_c)
    drives = np.column_stack([heat_w, outdoor_c, ghi_w_per_m2, np.zeros(len(data))])
    known = ~(np.isnan(room_c) | np.isnan(drives).any(axis=1))
    found = []
    for first, end in spells(known):
        if (end - first) * data.step_s >= least_s:
            cut = slice(first, end)
            wind = None if wind_k_m_s is None else wind_k_m_s[cut]
            inputs = Inputs(data.step_s, room_c[cut], drives[cut], wind, filled[cut])
            found.append(Stretch(first, inputs))
    return found


def spells(true: np.ndarray) -> list[tuple[int, int]]:
    """First and end (exclusive) of every run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], true.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _bridged(values: FloatArray, longest: int) -> tuple[FloatArray, np.ndarray]:
    """Values with short gaps filled by straight lines, and where."""
    missing = np.isnan(values)
    filled = values.copy()
    done = np.zeros(len(values), dtype=bool)
    for first, end in spells(missing):
        if end - first <= longest and first > 0 and end < len(values):
            edges = [first - 1, end]
            filled[first:end] = np.interp(np.arange(first, end), edges, values[edges])
            done[first:end] = True
    return filled, done
