"""A second zone beside the first: rooms that follow the heating only through doors and walls."""

from __future__ import annotations  # `mpc.building` holds a second zone and imports this module

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mpc.arrays import FloatArray

if TYPE_CHECKING:
    from mpc.building import Building


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondZone:
    """Rooms apart from the first zone: own air and mass, joined by what doors and walls let pass.

    `heat_frac` is the share of the emitters' heat that goes here, past the floor or radiator state
    of the first zone; None: a heat input of its own. `gain_frac` and `solar_frac` are the shares of
    all gains (unexplained ones of the whole house too) and of all sun. Capacities in kWh/K,
    conductances in W/K.
    """

    air_kwh_per_k: float
    mass_kwh_per_k: float
    air_outdoor_w_per_k: float
    mass_outdoor_w_per_k: float
    air_mass_w_per_k: float
    exchange_w_per_k: float  # air to air of the first zone
    heat_frac: float | None
    gain_frac: float
    solar_frac: float
    heat_to_mass_frac: float | None = None  # of the heat that comes here; None: as in the first


def joined(
    b: Building, zone: SecondZone, one_a: FloatArray, one_u: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """W/K and W per unit of input of both zones, from those of the first alone (`mpc.building`).

    One more input stands last: heat into the air of the second zone alone.
    """
    n = len(one_a)
    air, mass = n, n + 1
    a = np.zeros((n + 2, n + 2))
    a[:n, :n] = one_a
    a[0, 0] -= zone.exchange_w_per_k
    a[0, air] = a[air, 0] = zone.exchange_w_per_k
    a[air, air] = -(zone.exchange_w_per_k + zone.air_outdoor_w_per_k + zone.air_mass_w_per_k)
    a[air, mass] = a[mass, air] = zone.air_mass_w_per_k
    a[mass, mass] = -(zone.air_mass_w_per_k + zone.mass_outdoor_w_per_k)
    u = np.zeros((n + 2, 5))
    u[:n, :4] = one_u
    u[air, 4] = 1.0
    u[air, 1], u[mass, 1] = zone.air_outdoor_w_per_k, zone.mass_outdoor_w_per_k
    to_air_and_mass = [1.0 - b.solar_to_mass_frac, b.solar_to_mass_frac]
    u[:n, 2] *= 1.0 - zone.solar_frac
    u[[air, mass], 2] = b.solar_aperture_m2 * zone.solar_frac * np.array(to_air_and_mass)
    u[0, 3], u[air, 3] = 1.0 - zone.gain_frac, zone.gain_frac
    to_mass_frac = zone.heat_to_mass_frac
    to_mass_frac = b.heat_to_mass_frac if to_mass_frac is None else to_mass_frac
    heat = np.array([1.0 - to_mass_frac, to_mass_frac])
    if zone.heat_frac is not None:
        u[:n, 0] *= 1.0 - zone.heat_frac
        u[[air, mass], 0] = zone.heat_frac * heat
        return a, u
    own = np.zeros(n + 2)
    own[[air, mass]] = heat
    return a, np.insert(u, 1, own, axis=1)


def in_two_zones(
    building: Building,
    *,
    second_frac: float,
    exchange_w_per_k: float,
    heat_frac: float | None = None,
    floor_heated: bool = False,
    own_heat: bool = False,
) -> Building:
    """The house cut in two: `second_frac` of all it loses, stores and gains is the second zone's.

    The whole stays what it was. `heat_frac` is the second zone's share of the emitters' heat
    (None: `second_frac`); with `own_heat` it has a heat input of its own instead. The first zone
    keeps its share of the floor or radiator state. `floor_heated`: that state is a floor; in the
    second zone, which has no such state, it counts to the mass and all heat goes through that.
    """
    rest = 1.0 - second_frac
    whole = ("air_kwh_per_k", "mass_kwh_per_k", "air_outdoor_w_per_k", "mass_outdoor_w_per_k")
    values = {name: getattr(building, name) for name in (*whole, "air_mass_w_per_k")}
    here = second_frac if heat_frac is None or own_heat else heat_frac
    zone = SecondZone(
        **{name: second_frac * value for name, value in values.items()},
        exchange_w_per_k=exchange_w_per_k,
        heat_frac=None if own_heat else here,
        gain_frac=second_frac,
        solar_frac=second_frac,
    )
    first = {name: rest * value for name, value in values.items()}
    floor_kwh_per_k = building.floor_kwh_per_k
    if floor_kwh_per_k is not None:
        first["floor_kwh_per_k"] = (1.0 - here) * floor_kwh_per_k
        first["floor_air_w_per_k"] = (1.0 - here) * building.floor_air_w_per_k
        if floor_heated:
            zone = replace(
                zone,
                mass_kwh_per_k=zone.mass_kwh_per_k + here * floor_kwh_per_k,
                air_mass_w_per_k=zone.air_mass_w_per_k + here * building.floor_air_w_per_k,
                heat_to_mass_frac=1.0,
            )
    return replace(building, second_zone=zone, **first)


def apart_w(zone: SecondZone, *, gain_w: float, sun_w: float, colder_k: float) -> float:
    """What of the whole house's gains and sun is not the first zone's, and what it gives away.

    `colder_k`: the air of the second zone below that of the first.
    """
    return zone.gain_frac * gain_w + zone.solar_frac * sun_w + zone.exchange_w_per_k * colder_k
