"""The compressor machine: capacity, electricity, start-up, frost and defrost.

Refrigerant temperatures follow the load: evaporating Te = source - a_e (heat share) (1 + frost),
condensing Tc = flow water + a_c (heat share). With s = frequency share of the highest speed:

    heat at rest Q = Q0 s exp(0.028 (Te - Te0)) (1 - 0.0045 (Tc - Tc0))     suction density, lift
    compressor power = Q (Tc - Te) / ((Tc + 273.15) eta)                    Carnot with efficiency
    eta = eta_peak (1 - 0.30 (s - s_best)^2) (1 - 0.35 ((lift - lift_best) / lift_best)^2)

The efficiency peaks at middle speed (leakage below, friction above) and at the lift the scroll's
built-in volume ratio fits. Fan and inverter are added. After a start oil and refrigerant have to
find their places: heat begins at a fifth. Frost grows with the moisture the cold coil takes from
the air and is melted by reversing the cycle, with heat from the water loop.
Own formulation; shape checked against published EN 14511 tables of 5 to 9 kW inverter units.
"""

import math
from dataclasses import dataclass

EVAPORATOR_SLOPE_PER_K = 0.028
CONDENSER_SLOPE_PER_K = 0.0045
SPEED_PENALTY = 0.30
LIFT_PENALTY = 0.35
BEST_LIFT_K = 40.0
SMALLEST_LIFT_K = 14.0  # the expansion valve needs pressure
REFERENCE_SOURCE_C = 7.0
REFERENCE_FLOW_C = 35.0
CYCLE_LAG_S = 60.0  # pressures follow the speed
WARM_UP_S = 130.0
COOL_DOWN_S = 1500.0
MELTING_J_PER_KG = 334_000.0
MELTING_LOSS_FACTOR = 1.6  # heat that goes past the ice, to air and metal
FROST_UA_PENALTY = 1.1  # on the evaporator's approach, at the mass that triggers a defrost
LEAST_FROSTING_S = 2100.0  # between two defrosts
COIL_CONTACT_FRAC = 0.75
AIR_KG_PER_S_PER_W = 1.35e-4  # fan air per watt of rated heat, about 400 m3/h per kW
FREEZING_GUARD_C = 8.0  # a defrost stops before the water gets this cold
INVERTER_W = 20.0
CRANKCASE_BELOW_C = 10.0
PASCAL_HPA = 1013.25


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineTruth:
    """True parameters of the unit; `nominal_w` is the heat at A7/W35, full speed, no losses."""

    source: str  # "air" or "ground"
    nominal_w: float
    hz_max: float
    modulation_min_frac: float
    eta_peak: float
    best_speed_frac: float
    evaporator_approach_k: float
    condenser_approach_k: float
    fan_w: float  # or brine pump
    standby_w: float
    crankcase_w: float
    frost_limit_kg: float
    defrost_w: float  # taken from the loop
    ground_c: float = 9.0
    brine_kwh_per_k: float = 6.0
    brine_w_per_k: float = 900.0


def moisture_frac(air_c: float) -> float:
    """Saturated humidity ratio, kg water per kg air (Magnus formula, WMO guide no. 8)."""
    pressure_hpa = 6.112 * math.exp(17.62 * air_c / (243.12 + air_c))
    return 0.622 * pressure_hpa / (PASCAL_HPA - pressure_hpa)


class Machine:
    """The refrigerant circuit's state. `hz` asked per step is obeyed as given: limits and
    protection times are the firmware's business, defrosting is the machine's own."""

    __slots__ = (
        "_condensing_0_c",
        "_evaporating_0_c",
        "_melt_left_j",
        "_since_defrost_s",
        "_source_moisture_frac",
        "_source_seen_c",
        "brine_c",
        "compressor_w",
        "defrosting",
        "defrosts",
        "frost_kg",
        "heat_w",
        "load_frac",
        "power_w",
        "truth",
        "warm_frac",
    )

    def __init__(self, truth: MachineTruth) -> None:
        self.truth = truth
        self.load_frac = 0.0
        self.warm_frac = 0.0
        self.frost_kg = 0.0
        self.defrosting = False
        self.defrosts = 0
        self.heat_w = 0.0
        self.power_w = 0.0
        self.compressor_w = 0.0
        self.brine_c = truth.ground_c - 3.0
        self._melt_left_j = 0.0
        self._since_defrost_s = 0.0
        self._source_seen_c = math.nan
        self._source_moisture_frac = 0.0
        self._evaporating_0_c = REFERENCE_SOURCE_C - truth.evaporator_approach_k
        self._condensing_0_c = REFERENCE_FLOW_C + truth.condenser_approach_k

    def step(
        self, step_s: float, *, hz: float, outdoor_c: float, humidity_frac: float, flow_c: float
    ) -> None:
        """Run one step; afterwards `heat_w`, `power_w` and the states tell what happened."""
        truth = self.truth
        idle_w = truth.standby_w
        if self.defrosting:
            self._defrost(step_s, flow_c)
            self.power_w = self.compressor_w + idle_w
            return
        if hz <= 0.0:
            self._rest(step_s)
            crankcase_w = truth.crankcase_w if outdoor_c < CRANKCASE_BELOW_C else 0.0
            self.power_w = idle_w + crankcase_w
            if outdoor_c > 3.0 and self.frost_kg > 0.0:  # a mild coil drips off by itself
                self.frost_kg = max(0.0, self.frost_kg - 2e-4 * (outdoor_c - 1.0) * step_s)
            return
        air = truth.source == "air"
        source_c = outdoor_c if air else self.brine_c
        speed_frac = hz / truth.hz_max
        frost_share = self.frost_kg / truth.frost_limit_kg
        evaporating_c = source_c - truth.evaporator_approach_k * self.load_frac * (
            1.0 + FROST_UA_PENALTY * frost_share * frost_share
        )
        condensing_c = flow_c + truth.condenser_approach_k * self.load_frac
        resting_w = (
            truth.nominal_w
            * speed_frac
            * math.exp(EVAPORATOR_SLOPE_PER_K * (evaporating_c - self._evaporating_0_c))
            * max(0.2, 1.0 - CONDENSER_SLOPE_PER_K * (condensing_c - self._condensing_0_c))
        )
        lift_k = max(condensing_c - evaporating_c, SMALLEST_LIFT_K)
        off_speed = speed_frac - truth.best_speed_frac
        off_lift = (lift_k - BEST_LIFT_K) / BEST_LIFT_K
        eta_frac = (
            truth.eta_peak
            * (1.0 - SPEED_PENALTY * off_speed * off_speed)
            * max(0.4, 1.0 - LIFT_PENALTY * off_lift * off_lift)
        )
        resting_power_w = resting_w * lift_k / ((condensing_c + 273.15) * eta_frac)
        self.warm_frac += step_s / WARM_UP_S * (1.0 - self.warm_frac)
        self.load_frac += step_s / CYCLE_LAG_S * (resting_w / truth.nominal_w - self.load_frac)
        self.heat_w = resting_w * (0.2 + 0.8 * self.warm_frac)
        self.compressor_w = resting_power_w * (0.6 + 0.4 * self.warm_frac)
        fan_w = truth.fan_w * (0.35 + 0.65 * speed_frac)
        self.power_w = self.compressor_w + fan_w + INVERTER_W + idle_w
        if air:
            self._frost(
                step_s, source_c=outdoor_c, humidity_frac=humidity_frac, coil_c=evaporating_c
            )
        else:
            self._cool_brine(step_s, self.heat_w - self.compressor_w)

    def _rest(self, step_s: float) -> None:
        self.warm_frac -= step_s / COOL_DOWN_S * self.warm_frac
        self.load_frac -= step_s / CYCLE_LAG_S * self.load_frac
        self.heat_w = 0.0
        self.compressor_w = 0.0
        if self.truth.source != "air":
            self._cool_brine(step_s, 0.0)

    def _cool_brine(self, step_s: float, taken_w: float) -> None:
        truth = self.truth
        inflow_w = truth.brine_w_per_k * (truth.ground_c - self.brine_c)
        self.brine_c += step_s * (inflow_w - taken_w) / (truth.brine_kwh_per_k * 3.6e6)

    def _frost(
        self, step_s: float, *, source_c: float, humidity_frac: float, coil_c: float
    ) -> None:
        """Grow frost from the air's moisture above saturation at the coil; start a defrost."""
        self._since_defrost_s += step_s
        surface_c = coil_c + 2.0  # fins are warmer than the refrigerant
        if surface_c >= 0.0:
            self.frost_kg = max(0.0, self.frost_kg - 1e-4 * surface_c * step_s)
            return
        if source_c != self._source_seen_c:
            self._source_seen_c = source_c
            self._source_moisture_frac = moisture_frac(source_c)
        excess = humidity_frac * self._source_moisture_frac - moisture_frac(surface_c)
        if excess > 0.0:
            air_kg_per_s = AIR_KG_PER_S_PER_W * self.truth.nominal_w * COIL_CONTACT_FRAC
            self.frost_kg += step_s * air_kg_per_s * excess
        full = self.frost_kg >= self.truth.frost_limit_kg
        if full and self._since_defrost_s >= LEAST_FROSTING_S:
            self.defrosting = True
            self.defrosts += 1
            self._melt_left_j = self.frost_kg * MELTING_J_PER_KG * MELTING_LOSS_FACTOR

    def _defrost(self, step_s: float, flow_c: float) -> None:
        """Reverse cycle: heat from the loop and the compressor's own work melt the frost."""
        truth = self.truth
        self.heat_w = -truth.defrost_w
        self.compressor_w = 0.18 * truth.defrost_w
        self._melt_left_j -= step_s * (truth.defrost_w + self.compressor_w)
        if self._melt_left_j <= 0.0 or flow_c < FREEZING_GUARD_C:
            self.defrosting = False
            self._since_defrost_s = 0.0
            self.frost_kg = 0.0 if self._melt_left_j <= 0.0 else 0.5 * self.frost_kg
            self.warm_frac = 0.3
            self.load_frac = 0.0


@dataclass(frozen=True, slots=True)
class SheetValue:
    """Heat and electricity as an EN 14511 test bench reads them."""

    heat_w: float
    power_w: float


EN_14511_HUMIDITY_FRAC = {-15.0: 0.72, -7.0: 0.75, 2.0: 0.84, 7.0: 0.87, 12.0: 0.89}
"""Of the air at the standard's dry and wet bulb pairs, e.g. A2 is 2 °C dry, 1 °C wet."""


def sheet_value(truth: MachineTruth, *, source_c: float, flow_c: float) -> SheetValue:
    """Full-speed heat and power at an EN 14511 point.

    Mean over whole frost and defrost cycles where the coil frosts (the standard's transient
    procedure), over the last hour else; without the circulation pump.
    """
    machine = Machine(truth)
    humidity_frac = EN_14511_HUMIDITY_FRAC.get(source_c, 0.8)
    machine.brine_c = source_c
    step_s = 5.0
    heat_j = power_j = counted_s = 0.0
    seen = 0
    for index in range(int(6.0 * 3600.0 / step_s)):
        machine.step(
            step_s, hz=truth.hz_max, outdoor_c=source_c, humidity_frac=humidity_frac, flow_c=flow_c
        )
        if truth.source != "air":
            machine.brine_c = source_c
        if machine.defrosts > seen:
            seen = machine.defrosts
            if seen == 1:
                heat_j = power_j = counted_s = 0.0
            elif seen == 3:
                break
        if seen == 0 and index * step_s == 5.0 * 3600.0:
            heat_j = power_j = counted_s = 0.0
        heat_j += machine.heat_w * step_s
        power_j += machine.power_w * step_s
        counted_s += step_s
    return SheetValue(heat_w=heat_j / counted_s, power_w=power_j / counted_s)
