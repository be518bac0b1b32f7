"""What is believed before the data: parameters as logarithms, their usual spread, each structure.

The fit works in whitened units z: the logarithms (log odds for fractions) lie at
m + L z, L the Cholesky factor of the prior covariance, so that z is standard normal before any
data. Usual widths: the losses of 225 identified Dutch houses (doi 10.1016/j.enbuild.2022.112095)
scatter by about a factor of two about any table, their capacities and couplings by more.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from mpc.arrays import FloatArray
from mpc.building import RADIATOR_USUAL_FRAC, RADIATOR_WH_PER_W_K, Building, total_loss_w_per_k
from mpc.identify_model import FRACTIONS, Order, Prior

USUAL_LOG_STD = {
    "air_outdoor_w_per_k": 0.6,
    "mass_outdoor_w_per_k": 0.5,
    "air_mass_w_per_k": 0.7,
    "air_kwh_per_k": 0.7,
    "mass_kwh_per_k": 0.6,
    "floor_kwh_per_k": 0.6,
    "floor_air_w_per_k": 0.4,
    "solar_aperture_m2": 0.7,
    "internal_gains_w": 0.5,
    "wind_w_per_k_per_m_s": 0.8,
    "heat_to_mass_frac": 0.7,
    "solar_to_mass_frac": 0.8,
}
REACH_STD = 3.5  # no parameter is sought further from the prior than this
ONE_AIR_MASS_W_PER_M2_K = 100.0  # couples air and mass into one capacity
NO_LOSS_W_PER_K = 1e-3
DESIGN_DIFFERENCE_K = 33.0  # between rooms and the coldest day: sizes unknown radiators
DESIGN_EXCESS_K = 26.0  # of their mean water over the room
WIND_FRAC_PER_M_S = 0.1  # of the air's loss, where the prior knows no wind

LOSS_FREE = ("mass_outdoor_w_per_k",)
SKY_AND_PEOPLE = ("solar_aperture_m2", "internal_gains_w")
TWO_CAPACITIES = ("air_mass_w_per_k", "air_kwh_per_k", "mass_kwh_per_k", "solar_to_mass_frac")
EMITTER = ("floor_kwh_per_k", "floor_air_w_per_k")


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """One structure's parameters before the data, in whitened units."""

    building: Building
    names: tuple[str, ...]
    mean: FloatArray  # of logarithms and log odds
    root: FloatArray  # L

    def with_z(self, z: FloatArray) -> Building:
        """The building at these whitened parameters."""
        return with_logs(self.building, self.names, self.mean + self.root @ z[: len(self.names)])


def belief(prior: Prior, order: Order, *, windy: bool) -> Belief:
    """The prior in the terms of one structure; raises ValueError for an impossible correlation."""
    building = shaped(prior.building, order)
    if windy and building.wind_w_per_k_per_m_s <= 0.0:
        usual = WIND_FRAC_PER_M_S * max(building.air_outdoor_w_per_k, 0.1 * building.area_m2)
        building = replace(building, wind_w_per_k_per_m_s=usual)
    names = _free(building, order, windy=windy)
    stds = np.array([prior.log_std.get(name, USUAL_LOG_STD[name]) for name in names])
    correlation = np.eye(len(names))
    for (one, other), value in prior.correlation.items():
        if one in names and other in names:
            i, j = names.index(one), names.index(other)
            correlation[i, j] = correlation[j, i] = value
    try:
        root = np.linalg.cholesky(correlation * np.outer(stds, stds))
    except np.linalg.LinAlgError as error:
        raise ValueError("the prior's correlations contradict each other") from error
    return Belief(building, names, logs_of(building, names), np.asarray(root, dtype=np.float64))


def shaped(building: Building, order: Order) -> Building:
    """The building with the states of this structure and the same total loss and capacity."""
    if order in (Order.EMITTER, Order.FULL):
        return building if building.floor_kwh_per_k is not None else _with_radiators(building)
    if building.floor_kwh_per_k is not None:
        heavier = building.mass_kwh_per_k + building.floor_kwh_per_k
        building = replace(
            building,
            mass_kwh_per_k=heavier,
            floor_kwh_per_k=None,
            floor_air_w_per_k=0.0,
            heat_to_mass_frac=max(building.heat_to_mass_frac, 0.5),
        )
    if order is Order.TWO:
        return building
    return replace(
        building,
        air_outdoor_w_per_k=NO_LOSS_W_PER_K,
        mass_outdoor_w_per_k=total_loss_w_per_k(building),
        air_mass_w_per_k=ONE_AIR_MASS_W_PER_M2_K * building.area_m2,
    )


def logs_of(building: Building, names: tuple[str, ...]) -> FloatArray:
    """Logarithms (log odds for fractions) of these parameters."""
    values = [float(getattr(building, name)) for name in names]
    return np.array(
        [
            math.log(value / (1.0 - value)) if name in FRACTIONS else math.log(value)
            for name, value in zip(names, values, strict=True)
        ]
    )


def with_logs(building: Building, names: tuple[str, ...], logs: FloatArray) -> Building:
    """The building with these logarithms (log odds) of the parameters in `names`."""
    values = {
        name: 1.0 / (1.0 + math.exp(-value)) if name in FRACTIONS else math.exp(value)
        for name, value in zip(names, logs.tolist(), strict=True)
    }
    return replace(building, **values)  # type: ignore[arg-type]


def _with_radiators(building: Building) -> Building:
    design_w = DESIGN_DIFFERENCE_K * total_loss_w_per_k(building)
    return replace(
        building,
        floor_kwh_per_k=RADIATOR_WH_PER_W_K * design_w / 1000.0,
        floor_air_w_per_k=RADIATOR_USUAL_FRAC * design_w / DESIGN_EXCESS_K,
    )


def _free(building: Building, order: Order, *, windy: bool) -> tuple[str, ...]:
    names: list[str] = [*LOSS_FREE, *SKY_AND_PEOPLE]
    if order is Order.ONE:
        names += ["mass_kwh_per_k"]
    else:
        names += TWO_CAPACITIES
        if 0.0 < building.heat_to_mass_frac < 1.0:
            names += ["heat_to_mass_frac"]
    if order in (Order.EMITTER, Order.FULL):
        names += EMITTER
    if order is Order.FULL:
        names += ["air_outdoor_w_per_k"]
    if windy:
        names += ["wind_w_per_k_per_m_s"]
    return tuple(names)
