"""The house as a small network of thermal resistances and capacities."""

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import expm

from mpc.arrays import FloatArray
from mpc.second_zone import SecondZone, joined
from mpc.sun import Apertures

J_PER_KWH = 3.6e6
# What a room sensor feels at once: air, furniture and the surfaces near it, and its own lag. iPower
# WP5.5 counts 4 for air and furniture alone; 77 Dutch houses identified with a room, a mass and a
# heater have a median of 8 (tenth to ninetieth percentile 1 to 33;
# doi 10.1016/j.enbuild.2022.112095).
AIR_WH_PER_M2_K = 10.0
FLOOR_WH_PER_M2_K = 67.0  # heated screed, same source
AIR_MASS_W_PER_M2_K = 9.2  # ISO 13790: 4.5 m2/m2 x 3.45 W/m2K in series with 2.5 m2/m2 x 9.1 W/m2K
FLOOR_AIR_W_PER_M2_K = 9.0  # assumption after EN 1264-2 (8.92 * dT**1.1 W/m2, near 10 W/m2K)
RADIATOR_WH_PER_W_K = 0.03  # assumption per W of design heat: 14 l/kW water, 10 kg/kW steel, pipes
RADIATOR_USUAL_FRAC = 0.85  # conductance at usual over design excess: 0.6 ** 0.3, EN 442 exponent
RADIATOR_TO_MASS_FRAC = 0.35  # assumption: radiant share of panel radiators, EN 442 range 0.2-0.5
SOLAR_APERTURE_M2_PER_M2 = 0.04  # assumption: 15-20 % windows, g 0.6, frames, dirt and shading
SOLAR_TO_MASS_FRAC = 0.6  # assumption: most sun lands on floors and walls first
GAINS_W_PER_M2 = 4.0  # assumption: people and appliances, the usual 3-5 W/m2 (EN 16798-1)
NEW_HOUSE_FRAC = 0.5  # assumption: codes halved losses between 2005 and 2020, constant after


class EmitterKind(StrEnum):
    """What gives the heat to the rooms."""

    RADIATOR = "radiator"
    FLOOR = "floor"


class MassClass(StrEnum):
    """How heavy the construction is: timber frame, brick with light inner walls, all masonry."""

    LIGHT = "light"
    MEDIUM = "medium"
    HEAVY = "heavy"


MASS_WH_PER_M2_K = {MassClass.LIGHT: 60.0, MassClass.MEDIUM: 100.0, MassClass.HEAVY: 140.0}
EXPONENT = {EmitterKind.RADIATOR: 1.3, EmitterKind.FLOOR: 1.1}  # EN 442, EN 1264
SPREAD_K = {EmitterKind.RADIATOR: 7.0, EmitterKind.FLOOR: 5.0}  # usual design with heat pumps


@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """Parameters of the house model; capacities in kWh/K, conductances in W/K.

    States: air, mass[, floor or radiators][, second air, second mass]; see `rooms_of`, `floor_of`.
    """

    area_m2: float
    air_kwh_per_k: float
    mass_kwh_per_k: float
    floor_kwh_per_k: float | None  # of a heated floor, or of radiators and their water; None: none
    air_outdoor_w_per_k: float  # ventilation and infiltration, from the air
    mass_outdoor_w_per_k: float  # transmission, from the construction
    air_mass_w_per_k: float
    floor_air_w_per_k: float  # from floor or radiators to the rooms; 0 without that state
    heat_to_mass_frac: float  # radiant share of a radiator's heat
    solar_aperture_m2: float  # effective, on global horizontal irradiance
    solar_to_mass_frac: float
    internal_gains_w: float
    second_zone: SecondZone | None = None
    windows: Apertures | None = None  # by side; makes the irradiance (`mpc.sun`), not the model
    wind_w_per_k_per_m_s: float = 0.0  # more infiltration per m/s above `usual_wind_m_s`
    usual_wind_m_s: float = 4.0  # whose infiltration `air_outdoor_w_per_k` holds; assumption


@dataclass(frozen=True, slots=True, kw_only=True)
class Emitter:
    """Heat of the emitters at one design point, and how it varies with temperature."""

    kind: EmitterKind
    design_heat_w: float
    design_flow_c: float
    design_room_c: float
    design_spread_k: float  # flow minus return
    exponent: float  # 1.3 radiator, 1.1 floor (EN 442, EN 1264)
    design_floor_c: float | None = None  # heated floor at the design point, if it is a state


@dataclass(frozen=True, slots=True)
class Discrete:
    """One exact step: x' = a x + b_heat q + b_outdoor T_o + b_solar G + b_gain g [+ b_second g'].

    x in °C (states of `Building`), q and g in W, T_o in °C, G in W/m2, all constant over the step.
    `b_heat` is a vector; with a second heat input it has one column per input. g': see `drive`.
    """

    a: FloatArray
    b_heat: FloatArray
    b_outdoor: FloatArray
    b_solar: FloatArray
    b_gain: FloatArray
    b_second: FloatArray | None = None  # None: there is no second zone


@dataclass(frozen=True, slots=True)
class Steady:
    """Heat that holds a room temperature for ever, and the state this leads to (states x cases).

    `heat_w` has one entry per case; with a second heat input it is inputs x cases.
    """

    heat_w: FloatArray
    state_c: FloatArray


def archetype(*, year: int, area_m2: float, mass: MassClass, emitter: EmitterKind) -> Building:
    """A house of this construction year and size, before anything was learned about it.

    Losses per m2 of floor: iPower WP5.5 (Danish Energy Association, 2014), calibrated values for
    2025, construction years to 1960, 1961-1978 and 1979-2005. Later houses: the last class, falling
    linearly to NEW_HOUSE_FRAC in 2020. Floor-heated houses get the same total transmission.
    """
    vent, transmission = _losses_w_per_m2_k(year)
    floor = emitter is EmitterKind.FLOOR
    return Building(
        area_m2=area_m2,
        air_kwh_per_k=AIR_WH_PER_M2_K * area_m2 / 1000.0,
        mass_kwh_per_k=MASS_WH_PER_M2_K[mass] * area_m2 / 1000.0,
        floor_kwh_per_k=FLOOR_WH_PER_M2_K * area_m2 / 1000.0 if floor else None,
        air_outdoor_w_per_k=vent * area_m2,
        mass_outdoor_w_per_k=transmission * area_m2,
        air_mass_w_per_k=AIR_MASS_W_PER_M2_K * area_m2,
        floor_air_w_per_k=FLOOR_AIR_W_PER_M2_K * area_m2 if floor else 0.0,
        heat_to_mass_frac=0.0 if floor else RADIATOR_TO_MASS_FRAC,
        solar_aperture_m2=SOLAR_APERTURE_M2_PER_M2 * area_m2,
        solar_to_mass_frac=SOLAR_TO_MASS_FRAC,
        internal_gains_w=GAINS_W_PER_M2 * area_m2,
    )


def _losses_w_per_m2_k(year: int) -> tuple[float, float]:
    if year <= 1960:
        return 0.32, 1.49
    if year <= 1978:
        return 0.31, 0.97
    newness = min(max((year - 2005) / 15.0, 0.0), 1.0)
    frac = 1.0 - (1.0 - NEW_HOUSE_FRAC) * newness
    return 0.28 * frac, 0.52 * frac


def _rates(building: Building) -> tuple[FloatArray, FloatArray]:
    """Continuous dx/dt = A x + B u in K/s.

    u = heat(s) W, outdoor °C, irradiance W/m2, gain W[, gain of the second zone W].
    """
    b = building
    floor = b.floor_kwh_per_k is not None
    n = 3 if floor else 2
    a = np.zeros((n, n))
    u = np.zeros((n, 4))
    a[0, 0] = -(b.air_outdoor_w_per_k + b.air_mass_w_per_k)
    a[0, 1] = a[1, 0] = b.air_mass_w_per_k
    a[1, 1] = -(b.air_mass_w_per_k + b.mass_outdoor_w_per_k)
    u[0, 1], u[1, 1] = b.air_outdoor_w_per_k, b.mass_outdoor_w_per_k
    u[0, 2] = b.solar_aperture_m2 * (1.0 - b.solar_to_mass_frac)
    u[1, 2] = b.solar_aperture_m2 * b.solar_to_mass_frac
    u[0, 3] = 1.0
    if floor:
        given = b.floor_air_w_per_k * np.array([1.0 - b.heat_to_mass_frac, b.heat_to_mass_frac])
        a[:2, 0] -= given
        a[:2, 2] = given
        a[2, 0], a[2, 2] = b.floor_air_w_per_k, -b.floor_air_w_per_k
        u[2, 0] = 1.0
    else:
        u[0, 0], u[1, 0] = 1.0 - b.heat_to_mass_frac, b.heat_to_mass_frac
    if b.second_zone is not None:
        a, u = joined(b, b.second_zone, a, u)
    per_j = 1.0 / (capacities_kwh_per_k(b) * J_PER_KWH)
    return a * per_j[:, None], u * per_j[:, None]


def capacities_kwh_per_k(building: Building) -> FloatArray:
    """Heat capacity of each state."""
    all_states = [building.air_kwh_per_k, building.mass_kwh_per_k]
    if building.floor_kwh_per_k is not None:
        all_states.append(building.floor_kwh_per_k)
    if building.second_zone is not None:
        zone = building.second_zone
        all_states += [zone.air_kwh_per_k, zone.mass_kwh_per_k]
    return np.array(all_states)


def rooms_of(building: Building) -> tuple[int, ...]:
    """Which states are the zones' air, the first zone's first."""
    if building.second_zone is None:
        return (0,)
    return 0, 2 if building.floor_kwh_per_k is None else 3


def floor_of(building: Building) -> int | None:
    """Which state is that of heated floor or radiators, if any."""
    return None if building.floor_kwh_per_k is None else 2


def heat_inputs(building: Building) -> int:
    """How many heats go in: one, or one for each zone."""
    zone = building.second_zone
    return 2 if zone is not None and zone.heat_frac is None else 1


@lru_cache(maxsize=256)
def discretise(building: Building, step_s: float) -> Discrete:
    """The exact step of `step_s` for inputs constant over it: expm of [[A, B], [0, 0]] * step."""
    a, b = _rates(building)
    n, m = b.shape
    block = np.zeros((n + m, n + m))
    block[:n, :n], block[:n, n:] = a, b
    both = np.asarray(expm(block * step_s), dtype=np.float64)[:n]
    both.setflags(write=False)  # shared through the cache
    heats = heat_inputs(building)
    b_heat = both[:, n] if heats == 1 else both[:, n : n + heats]
    return Discrete(both[:, :n], b_heat, *both[:, n + heats :].T)


def drive(
    step: Discrete,
    *,
    outdoor_c: ArrayLike,
    ghi_w_per_m2: ArrayLike,
    gain_w: ArrayLike,
    second_w: float = 0.0,
) -> FloatArray:
    """What everything but heating and the state adds to the state, in K (states x steps).

    `second_w` is heat into the air of the second zone alone, where there is one.
    """
    outdoor, ghi, gain = np.broadcast_arrays(
        np.atleast_1d(np.asarray(outdoor_c, dtype=np.float64)), ghi_w_per_m2, gain_w
    )
    total = np.outer(step.b_outdoor, outdoor)
    total += np.outer(step.b_solar, ghi) + np.outer(step.b_gain, gain)
    if step.b_second is not None:
        total += step.b_second[:, None] * second_w
    return np.asarray(total, dtype=np.float64)


def simulate(
    step: Discrete, state_c: ArrayLike, *, heat_w: ArrayLike, drive_k: FloatArray
) -> FloatArray:
    """States at the end of every step (states x steps) from `state_c` under this heat.

    `heat_w` has one entry per step; with a second heat input it is inputs x steps.
    """
    x = np.asarray(state_c, dtype=np.float64)
    heat = np.asarray(heat_w, dtype=np.float64)
    given = np.outer(step.b_heat, heat) if step.b_heat.ndim == 1 else step.b_heat @ heat
    pushes = (given + drive_k).T
    rows = np.empty_like(pushes)
    for k, push in enumerate(pushes):
        x = step.a @ x + push
        rows[k] = x
    return rows.T


def steady_state(
    building: Building,
    *,
    room_c: ArrayLike,
    outdoor_c: ArrayLike,
    ghi_w_per_m2: ArrayLike = 0.0,
    gain_w: ArrayLike = 0.0,
    second_w: float = 0.0,
) -> Steady:
    """Heat and states with dx/dt = 0 at this room temperature; negative heat means none is needed.

    `gain_w` is all heat into the air beside heating and sun, internal gains included, `second_w`
    more of it into the second zone alone, where there is one. With a second heat input both zones
    are held at `room_c`; without, the second goes where it goes.
    """
    room, outdoor, ghi, gain = np.broadcast_arrays(
        np.atleast_1d(np.asarray(room_c, dtype=np.float64)), outdoor_c, ghi_w_per_m2, gain_w
    )
    a, b = _rates(building)
    heats = heat_inputs(building)
    held = [0] if heats == 1 else [*rooms_of(building)]
    free = [state for state in range(len(a)) if state not in held]
    unknowns = np.column_stack([b[:, :heats], a[:, free]])
    inputs = [outdoor, ghi, gain]
    if building.second_zone is not None:
        inputs.append(np.full(room.shape, second_w))
    known = np.outer(a[:, held].sum(axis=1), room) + b[:, heats:] @ np.stack(inputs)
    solved = np.linalg.solve(unknowns, -known)
    state_c = np.empty((len(a), len(room)))
    state_c[held], state_c[free] = room, solved[heats:]
    return Steady(heat_w=solved[0] if heats == 1 else solved[:heats], state_c=state_c)


def total_loss_w_per_k(building: Building) -> float:
    """Heat the emitters must give per kelvin between room and outdoors, at rest, without gains."""
    return float(np.sum(steady_state(building, room_c=1.0, outdoor_c=0.0).heat_w))


def emitter_for(
    *,
    building: Building,
    kind: EmitterKind,
    design_flow_c: float,
    design_outdoor_c: float = -12.0,
    design_room_c: float = 21.0,
) -> Emitter:
    """Emitters that just cover the loss at the design outdoor temperature with the design flow.

    Raises ValueError if the water would be no warmer than what it is to heat.
    """
    steady = steady_state(building, room_c=design_room_c, outdoor_c=design_outdoor_c)
    floor_c = None if building.floor_kwh_per_k is None else float(steady.state_c[2, 0])
    coldest_mean_c = (design_room_c if floor_c is None else floor_c) + 0.5
    if design_flow_c - SPREAD_K[kind] / 2.0 < coldest_mean_c:
        raise ValueError(
            f"design flow {design_flow_c} °C cannot heat this house at {design_outdoor_c} °C: "
            f"the mean water temperature must exceed {coldest_mean_c:.1f} °C"
        )
    return Emitter(
        kind=kind,
        design_heat_w=float(np.sum(steady.heat_w)),
        design_flow_c=design_flow_c,
        design_room_c=design_room_c,
        design_spread_k=SPREAD_K[kind],
        exponent=EXPONENT[kind],
        design_floor_c=floor_c,
    )


def _design_excess_k(emitter: Emitter, floor_c: ArrayLike | None) -> tuple[float, bool]:
    """Mean water over what it heats at the design point, and whether that is the floor's state."""
    mean_c = emitter.design_flow_c - emitter.design_spread_k / 2.0
    if floor_c is not None and emitter.design_floor_c is not None:
        return mean_c - emitter.design_floor_c, True
    return mean_c - emitter.design_room_c, False


def flow_for_heat(
    emitter: Emitter, heat_w: ArrayLike, room_c: ArrayLike, floor_c: ArrayLike | None = None
) -> FloatArray:
    """Flow temperature at which the emitters give `heat_w` (vectorised; none: that of the room).

    flow = T + E * r**(1/n) + S/2 * r with r = heat / design heat, n the exponent, S the design
    spread (constant water flow), E the design excess of the mean water over T; T is the room, or
    the heated floor when `floor_c` is given and the emitter knows its design floor temperature.
    """
    excess_k, from_floor = _design_excess_k(emitter, floor_c)
    ratio = np.maximum(np.asarray(heat_w, dtype=np.float64), 0.0) / emitter.design_heat_w
    heated_c = floor_c if floor_c is not None and from_floor else room_c
    rise_k = excess_k * ratio ** (1.0 / emitter.exponent) + emitter.design_spread_k / 2.0 * ratio
    return np.asarray(heated_c, dtype=np.float64) + rise_k


def heat_for_flow(
    emitter: Emitter, flow_c: ArrayLike, room_c: ArrayLike, floor_c: ArrayLike | None = None
) -> FloatArray:
    """The inverse of `flow_for_heat`; 0 where the water is not warmer than what it heats."""
    excess_k, from_floor = _design_excess_k(emitter, floor_c)
    heated_c = floor_c if floor_c is not None and from_floor else room_c
    rise_k = np.maximum(
        np.asarray(flow_c, dtype=np.float64) - np.asarray(heated_c, dtype=np.float64), 0.0
    )
    n, half_spread_k = emitter.exponent, emitter.design_spread_k / 2.0
    y = rise_k / excess_k  # r**(1/n); starts above the root of a convex function: Newton descends
    for _ in range(12):
        miss = excess_k * y + half_spread_k * y**n - rise_k
        y = np.maximum(y - miss / (excess_k + half_spread_k * n * y ** (n - 1.0)), 0.0)
    return np.asarray(emitter.design_heat_w * y**n, dtype=np.float64)


def with_radiators(building: Building, emitter: Emitter) -> Building:
    """The building with its radiators and their water as a third state.

    They delay and smooth the heat by about half an hour: dT_r/dt = (q - h (T_r - T_air)) / C, the
    radiant share of h (T_r - T_air) going to the mass. h is linear, taken at usual winter excess.
    """
    excess_k = emitter.design_flow_c - emitter.design_spread_k / 2.0 - emitter.design_room_c
    here_w = emitter.design_heat_w * _first_zone_frac(building)
    return replace(
        building,
        floor_kwh_per_k=RADIATOR_WH_PER_W_K * here_w / 1000.0,
        floor_air_w_per_k=RADIATOR_USUAL_FRAC * here_w / excess_k,
    )


def _first_zone_frac(building: Building) -> float:
    """Share of the emitters' heat that goes to the first zone."""
    zone = building.second_zone
    if zone is None:
        return 1.0
    if zone.heat_frac is not None:
        return 1.0 - zone.heat_frac
    apart = steady_state(building, room_c=1.0, outdoor_c=0.0).heat_w
    return float(apart[0, 0] / apart.sum())
