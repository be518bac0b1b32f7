"""Water loop and emitters: flow and return water, circulation pump, radiators or floor slabs.

Flow water (condenser, pipes, a small buffer if there is one) and return water are mixed volumes:

    C_f dTf/dt = m c (Tr - Tf) + Q_machine - G_pipe (Tf - T_air)
    C_r dTr/dt = m c (T_back - Tr)

Radiator (metal and water one node at Tx, also its outlet): Q = K ((Tf + Tx)/2 - Ta)^n while water
flows, K (Tx - Ta)^n without flow; EN 442 with the arithmetic mean temperature. Floor (screed one
node): Q = K (Tx - Ta)^n, EN 1264; water to screed over the effectiveness 1 - exp(-UA / m c).
"""

import math
from dataclasses import dataclass

from hil.building import J_PER_KWH, REFERENCE_C

WATER_J_PER_KG_K = 4186.0
ROOM_DESIGN_C = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmitterTruth:
    """One zone's emitters at design: heat at a mean excess temperature over the room."""

    rated_w: float
    rated_excess_k: float
    exponent: float
    radiant_frac: float
    capacity_kwh_per_k: float
    water_w_per_k: float  # water to screed; 0 for radiators, where water and metal are one
    ground_w_per_k: float  # screed to the ground, through the insulation


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopTruth:
    """True parameters of the water loop."""

    flow_water_l: float
    return_water_l: float
    circulation_kg_per_s: float
    slow_circulation_frac: float  # while the compressor is off
    pump_w: float
    slow_pump_w: float
    pipe_w_per_k: float  # to the air of the living zone
    dhw_coil_w_per_k: float


class Emitter:
    """Radiators or floor of one zone; `body_c` is Tx of the module's equations."""

    __slots__ = (
        "_effectiveness_frac",
        "_factor_w",
        "_ground_c",
        "_ground_w_per_k",
        "_k_per_j",
        "_last_kg_per_s",
        "body_c",
        "truth",
    )

    def __init__(self, truth: EmitterTruth, ground_c: float) -> None:
        self.truth = truth
        self.body_c = ROOM_DESIGN_C
        self._k_per_j = 1.0 / (truth.capacity_kwh_per_k * J_PER_KWH)
        self._factor_w = truth.rated_w / truth.rated_excess_k**truth.exponent
        self._ground_w_per_k = truth.ground_w_per_k
        self._ground_c = ground_c
        self._effectiveness_frac = 1.0
        self._last_kg_per_s = -1.0

    def give_w(self, excess_k: float) -> float:
        """Heat to the room at a mean excess temperature; negative when the room is warmer."""
        if excess_k >= 0.0:
            return float(self._factor_w * excess_k**self.truth.exponent)
        return float(-self._factor_w * (-excess_k) ** self.truth.exponent)

    def excess_k(self, heat_w: float) -> float:
        """The inverse of `give_w` for heat into the room."""
        return float((max(heat_w, 0.0) / self._factor_w) ** (1.0 / self.truth.exponent))

    def step(
        self, step_s: float, *, flow_c: float, kg_per_s: float, air_c: float
    ) -> tuple[float, float, float]:
        """Returns outlet temperature (°C), heat to the room (W) and heat to the ground (W)."""
        body_c = self.body_c
        if self.truth.water_w_per_k > 0.0:
            if kg_per_s != self._last_kg_per_s:
                self._last_kg_per_s = kg_per_s
                carried = kg_per_s * WATER_J_PER_KG_K
                self._effectiveness_frac = (
                    1.0 - math.exp(-self.truth.water_w_per_k / carried) if carried > 0.0 else 1.0
                )
            outlet_c = flow_c - self._effectiveness_frac * (flow_c - body_c)
            mean_c = body_c
        else:
            outlet_c = body_c
            mean_c = 0.5 * (flow_c + body_c) if kg_per_s > 0.0 else body_c
        taken_w = kg_per_s * WATER_J_PER_KG_K * (flow_c - outlet_c)
        given_w = self.give_w(mean_c - air_c)
        ground_w = self._ground_w_per_k * (body_c - self._ground_c)
        self.body_c = body_c + step_s * self._k_per_j * (taken_w - given_w - ground_w)
        return outlet_c, given_w, ground_w

    def settle(self, *, heat_w: float, air_c: float, kg_per_s: float) -> float:
        """Set the body to give `heat_w` for ever; returns the flow temperature that needs."""
        mean_c = air_c + self.excess_k(heat_w)
        carried_w_per_k = kg_per_s * WATER_J_PER_KG_K
        if self.truth.water_w_per_k > 0.0:
            self.body_c = mean_c
            heat_w += self._ground_w_per_k * (mean_c - self._ground_c)
            effectiveness = 1.0 - math.exp(-self.truth.water_w_per_k / carried_w_per_k)
            return mean_c + heat_w / (carried_w_per_k * effectiveness)
        spread_k = heat_w / carried_w_per_k
        self.body_c = mean_c - 0.5 * spread_k
        return mean_c + 0.5 * spread_k


class WaterLoop:
    """Flow water, return water and the emitters of both zones."""

    __slots__ = (
        "_flow_k_per_j",
        "_living_frac",
        "_return_k_per_j",
        "convective_w",
        "flow_c",
        "given_j",
        "inlet_c",
        "living",
        "radiant_w",
        "return_c",
        "sleeping",
        "to_ground_j",
        "truth",
    )

    def __init__(
        self, truth: LoopTruth, *, living: EmitterTruth, sleeping: EmitterTruth, ground_c: float
    ) -> None:
        self.truth = truth
        self.living = Emitter(living, ground_c)
        self.sleeping = Emitter(sleeping, ground_c)
        self.flow_c = ROOM_DESIGN_C
        self.return_c = ROOM_DESIGN_C
        self.inlet_c = ROOM_DESIGN_C  # what the machine's return sensor sees
        self.convective_w = (0.0, 0.0)
        self.radiant_w = (0.0, 0.0)
        self.given_j = 0.0  # to the rooms, pipes included
        self.to_ground_j = 0.0
        self._living_frac = living.rated_w / (living.rated_w + sleeping.rated_w)
        self._flow_k_per_j = 1.0 / (truth.flow_water_l * WATER_J_PER_KG_K)
        self._return_k_per_j = 1.0 / (truth.return_water_l * WATER_J_PER_KG_K)

    def step(
        self,
        step_s: float,
        *,
        machine_w: float,
        kg_per_s: float,
        dhw_sink_c: float | None,
        air_c: tuple[float, float],
    ) -> float:
        """One explicit step; returns the heat (W) that went into the hot-water tank.

        With a `dhw_sink_c` the valve sends all water through the tank's coil; emitters and their
        return pipe stand.
        """
        flow_c, return_c = self.flow_c, self.return_c
        carried_w_per_k = kg_per_s * WATER_J_PER_KG_K
        to_tank_w = 0.0
        if dhw_sink_c is None:
            living_kg_per_s = kg_per_s * self._living_frac
            sleeping_kg_per_s = kg_per_s - living_kg_per_s
        else:
            living_kg_per_s = sleeping_kg_per_s = 0.0
        living_c, living_w, ground_1_w = self.living.step(
            step_s, flow_c=flow_c, kg_per_s=living_kg_per_s, air_c=air_c[0]
        )
        sleeping_c, sleeping_w, ground_2_w = self.sleeping.step(
            step_s, flow_c=flow_c, kg_per_s=sleeping_kg_per_s, air_c=air_c[1]
        )
        if dhw_sink_c is None:
            back_c = living_c * self._living_frac + sleeping_c * (1.0 - self._living_frac)
            self.inlet_c = return_c
            self.return_c = return_c + step_s * self._return_k_per_j * carried_w_per_k * (
                back_c - return_c
            )
        else:
            effectiveness = 1.0 - math.exp(-self.truth.dhw_coil_w_per_k / max(carried_w_per_k, 1.0))
            back_c = flow_c - effectiveness * (flow_c - dhw_sink_c)
            to_tank_w = carried_w_per_k * (flow_c - back_c)
            self.inlet_c = back_c
        pipes_w = self.truth.pipe_w_per_k * (flow_c - air_c[0])
        self.flow_c = flow_c + step_s * self._flow_k_per_j * (
            carried_w_per_k * (self.inlet_c - flow_c) + machine_w - pipes_w
        )
        radiant_1_w = self.living.truth.radiant_frac * living_w
        radiant_2_w = self.sleeping.truth.radiant_frac * sleeping_w
        self.radiant_w = (radiant_1_w, radiant_2_w)
        self.convective_w = (living_w - radiant_1_w + pipes_w, sleeping_w - radiant_2_w)
        self.given_j += step_s * (living_w + sleeping_w + pipes_w)
        self.to_ground_j += step_s * (ground_1_w + ground_2_w)
        return to_tank_w

    def stored_kwh(self) -> float:
        """Heat in water and emitters above 20 °C."""
        water_j = WATER_J_PER_KG_K * (
            self.truth.flow_water_l * (self.flow_c - REFERENCE_C)
            + self.truth.return_water_l * (self.return_c - REFERENCE_C)
        )
        return (
            water_j / J_PER_KWH
            + self.living.truth.capacity_kwh_per_k * (self.living.body_c - REFERENCE_C)
            + self.sleeping.truth.capacity_kwh_per_k * (self.sleeping.body_c - REFERENCE_C)
        )

    def settle(self, *, heat_w: tuple[float, float], air_c: float) -> None:
        """Start as if these heats had been flowing for long."""
        kg_per_s = self.truth.circulation_kg_per_s
        living_c = self.living.settle(
            heat_w=heat_w[0], air_c=air_c, kg_per_s=kg_per_s * self._living_frac
        )
        sleeping_c = self.sleeping.settle(
            heat_w=heat_w[1], air_c=air_c, kg_per_s=kg_per_s * (1.0 - self._living_frac)
        )
        self.flow_c = living_c * self._living_frac + sleeping_c * (1.0 - self._living_frac)
        self.return_c = self.flow_c - sum(heat_w) / (kg_per_s * WATER_J_PER_KG_K)
        self.inlet_c = self.return_c
        self.given_j = self.to_ground_j = 0.0
