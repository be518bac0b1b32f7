"""The house as heat flows: two zones, their inner masses and a common two-layer envelope.

States: air (with furniture) and inner mass of each zone, inner and outer layer of the envelope.
Per zone, with temperatures in °C, conductances in W/K, heat in W:

    C_air  dTa/dt = G_am (Tm - Ta) + G_ae (Ti - Ta) + (G_light + G_leak) (To - Ta) + G_zz (Ta' - Ta)
                    + q_convective
    C_mass dTm/dt = G_am (Ta - Tm) + G_ground (Tg - Tm) + q_radiant_mass
    C_in   dTi/dt = sum_z G_ae (Ta - Ti) + G_io (Te - Ti) + q_radiant_envelope
    C_out  dTe/dt = G_io (Ti - Te) + G_oo (To - Te) + q_sun_on_walls

Leakage grows with wind and with the square root of the temperature difference (stack effect);
windows, doors and roof have no mass of their own. Explicit Euler: the shortest time constant of
the shipped houses is above 10 min, the step is 15 s.
"""

import math
from dataclasses import dataclass

from hil.weather import Sky

J_PER_KWH = 3.6e6
AIR_WH_PER_M3_K = 0.335  # volumetric heat capacity of room air
RADIANT_TO_MASS_FRAC = 0.6  # of radiation into a zone; the rest falls on the envelope
BLINDS_C = 24.0  # above this people draw blinds and open windows, the more the warmer
BLINDS_FRAC_PER_K = 0.35
BLINDS_LEAST_FRAC = 0.3
SUMMER_AIRING_PER_H = 4.0
SUMMER_AIRING_PER_H_K = 1.5
REFERENCE_C = 20.0  # of the stored heat
SETTLE_W_PER_K = 1500.0  # gain of the ideal emitter that finds the initial state
SETTLE_W_PER_K_MIN = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneTruth:
    """True parameters of one zone; windows (m²) face north, east, south, west."""

    air_kwh_per_k: float
    mass_kwh_per_k: float
    air_mass_w_per_k: float
    air_envelope_w_per_k: float
    light_w_per_k: float
    ground_w_per_k: float
    volume_m3: float
    leak_per_h: float
    leak_per_h_per_m_per_s: float
    leak_per_h_per_root_k: float
    window_m2: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildingTruth:
    """True parameters of the building."""

    living: ZoneTruth
    sleeping: ZoneTruth
    envelope_inner_kwh_per_k: float
    envelope_outer_kwh_per_k: float
    envelope_core_w_per_k: float  # inner to outer layer
    envelope_outdoor_w_per_k: float
    wall_m2: float  # opaque, for the sun on the outside
    wall_absorption_frac: float
    zones_w_per_k: float  # open doors and the wall between the zones
    glazing_frac: float  # g-value, frame, dirt and fixed shading together
    solar_to_air_frac: float
    ground_c: float


class Zone:
    """Air and inner mass of one zone, and what flows into them now."""

    __slots__ = (
        "air_c",
        "air_env_w_per_k",
        "air_k_per_j",
        "air_mass_w_per_k",
        "convective_w",
        "ground_w_per_k",
        "mass_c",
        "mass_k_per_j",
        "out_w_per_k",
        "radiant_w",
        "truth",
    )

    def __init__(self, truth: ZoneTruth, start_c: float) -> None:
        self.truth = truth
        self.air_c = start_c
        self.mass_c = start_c
        self.air_k_per_j = 1.0 / (truth.air_kwh_per_k * J_PER_KWH)
        self.mass_k_per_j = 1.0 / (truth.mass_kwh_per_k * J_PER_KWH)
        self.air_mass_w_per_k = truth.air_mass_w_per_k
        self.air_env_w_per_k = truth.air_envelope_w_per_k
        self.ground_w_per_k = truth.ground_w_per_k
        self.out_w_per_k = truth.light_w_per_k
        self.convective_w = 0.0  # gains and sun into the air, held over a minute
        self.radiant_w = 0.0


class Building:
    """The building's state; weather and gains are held between `expose` calls."""

    __slots__ = (
        "_core_w_per_k",
        "_inner_k_per_j",
        "_outdoor_c",
        "_outdoor_w_per_k",
        "_outer_k_per_j",
        "_wall_sun_w",
        "envelope_inner_c",
        "envelope_outer_c",
        "gained_j",
        "living",
        "lost_j",
        "sleeping",
        "truth",
    )

    def __init__(self, truth: BuildingTruth, start_c: float = REFERENCE_C) -> None:
        self.truth = truth
        self.living = Zone(truth.living, start_c)
        self.sleeping = Zone(truth.sleeping, start_c)
        self.envelope_inner_c = start_c
        self.envelope_outer_c = start_c
        self.gained_j = 0.0  # emitters, people, appliances, sun
        self.lost_j = 0.0  # to outdoor air and ground
        self._core_w_per_k = truth.envelope_core_w_per_k
        self._outdoor_w_per_k = truth.envelope_outdoor_w_per_k
        self._inner_k_per_j = 1.0 / (truth.envelope_inner_kwh_per_k * J_PER_KWH)
        self._outer_k_per_j = 1.0 / (truth.envelope_outer_kwh_per_k * J_PER_KWH)
        self._outdoor_c = start_c
        self._wall_sun_w = 0.0

    def expose(
        self, sky: Sky, *, gains_w: tuple[float, float], airing_per_h: tuple[float, float]
    ) -> None:
        """Weather, inner gains (half radiant) and window airing from now on."""
        truth = self.truth
        self._outdoor_c = sky.outdoor_c
        sun = sky.vertical_w_per_m2
        self._wall_sun_w = truth.wall_absorption_frac * truth.wall_m2 * sum(sun) / 4.0
        for zone, gain_w, airing in zip(
            (self.living, self.sleeping), gains_w, airing_per_h, strict=True
        ):
            own = zone.truth
            windows = own.window_m2
            too_warm_k = max(0.0, zone.air_c - BLINDS_C)
            clear_frac = max(BLINDS_LEAST_FRAC, 1.0 - BLINDS_FRAC_PER_K * too_warm_k)
            if sky.outdoor_c < zone.air_c:
                airing = airing + min(SUMMER_AIRING_PER_H, SUMMER_AIRING_PER_H_K * too_warm_k)
            solar_w = (truth.glazing_frac * clear_frac) * (
                windows[0] * sun[0]
                + windows[1] * sun[1]
                + windows[2] * sun[2]
                + windows[3] * sun[3]
            )
            leak_per_h = (
                own.leak_per_h
                + own.leak_per_h_per_m_per_s * sky.wind_m_per_s
                + own.leak_per_h_per_root_k * math.sqrt(abs(zone.air_c - sky.outdoor_c))
                + airing
            )
            zone.out_w_per_k = own.light_w_per_k + leak_per_h * own.volume_m3 * AIR_WH_PER_M3_K
            zone.convective_w = truth.solar_to_air_frac * solar_w + 0.5 * gain_w
            zone.radiant_w = (1.0 - truth.solar_to_air_frac) * solar_w + 0.5 * gain_w

    def step(
        self,
        step_s: float,
        *,
        convective_w: tuple[float, float],
        radiant_w: tuple[float, float],
    ) -> None:
        """One explicit step with the emitters' heat (W) into living and sleeping zone."""
        living, sleeping = self.living, self.sleeping
        inner_c, outer_c, outdoor_c = self.envelope_inner_c, self.envelope_outer_c, self._outdoor_c
        ground_c = self.truth.ground_c
        between_w = self.truth.zones_w_per_k * (sleeping.air_c - living.air_c)
        into_inner_w = self._core_w_per_k * (outer_c - inner_c)
        lost_w = 0.0
        gained_w = self._wall_sun_w
        for zone, crossing_w, warm_w, beaming_w in (
            (living, between_w, convective_w[0], radiant_w[0]),
            (sleeping, -between_w, convective_w[1], radiant_w[1]),
        ):
            air_c = zone.air_c
            mass_c = zone.mass_c
            beaming_w += zone.radiant_w
            warm_w += zone.convective_w
            to_mass_w = zone.air_mass_w_per_k * (air_c - mass_c)
            to_env_w = zone.air_env_w_per_k * (air_c - inner_c)
            to_out_w = zone.out_w_per_k * (air_c - outdoor_c)
            to_ground_w = zone.ground_w_per_k * (mass_c - ground_c)
            zone.air_c = air_c + step_s * zone.air_k_per_j * (
                warm_w + crossing_w - to_mass_w - to_env_w - to_out_w
            )
            zone.mass_c = mass_c + step_s * zone.mass_k_per_j * (
                to_mass_w + RADIANT_TO_MASS_FRAC * beaming_w - to_ground_w
            )
            into_inner_w += to_env_w + (1.0 - RADIANT_TO_MASS_FRAC) * beaming_w
            lost_w += to_out_w + to_ground_w
            gained_w += warm_w + beaming_w
        through_w = self._core_w_per_k * (inner_c - outer_c)
        outward_w = self._outdoor_w_per_k * (outer_c - outdoor_c)
        self.envelope_inner_c = inner_c + step_s * self._inner_k_per_j * into_inner_w
        self.envelope_outer_c = outer_c + step_s * self._outer_k_per_j * (
            through_w - outward_w + self._wall_sun_w
        )
        self.lost_j += step_s * (lost_w + outward_w)
        self.gained_j += step_s * gained_w

    def stored_kwh(self) -> float:
        """Heat in air, masses and envelope above 20 °C."""
        truth = self.truth
        return (
            truth.living.air_kwh_per_k * (self.living.air_c - REFERENCE_C)
            + truth.living.mass_kwh_per_k * (self.living.mass_c - REFERENCE_C)
            + truth.sleeping.air_kwh_per_k * (self.sleeping.air_c - REFERENCE_C)
            + truth.sleeping.mass_kwh_per_k * (self.sleeping.mass_c - REFERENCE_C)
            + truth.envelope_inner_kwh_per_k * (self.envelope_inner_c - REFERENCE_C)
            + truth.envelope_outer_kwh_per_k * (self.envelope_outer_c - REFERENCE_C)
        )

    def settle(
        self, *, air_c: float, radiant_frac: float, hours: float = 240.0
    ) -> tuple[float, float]:
        """Bring the masses near rest under the weather exposed last; mean heat (W) per zone needed.

        The air is held at `air_c` by an ideal emitter, so the masses end where a heated house
        has them: inner mass near the air, the envelope on its gradient.
        """
        self.living.air_c = self.sleeping.air_c = air_c
        self.living.mass_c = self.sleeping.mass_c = air_c - 0.2
        self.envelope_inner_c = air_c - 1.5
        self.envelope_outer_c = self._outdoor_c + 1.0
        heat_w = [0.0, 0.0]
        built_up_w = [0.0, 0.0]
        for _ in range(int(hours * 60.0)):
            for index, zone in enumerate((self.living, self.sleeping)):
                missing_k = air_c - zone.air_c
                built_up_w[index] = max(0.0, built_up_w[index] + SETTLE_W_PER_K_MIN * missing_k)
                heat_w[index] = max(0.0, built_up_w[index] + SETTLE_W_PER_K * missing_k)
            living_w, sleeping_w = heat_w
            warm = 1.0 - radiant_frac
            self.step(
                60.0,
                convective_w=(warm * living_w, warm * sleeping_w),
                radiant_w=(radiant_frac * living_w, radiant_frac * sleeping_w),
            )
        self.gained_j = self.lost_j = 0.0
        return heat_w[0], heat_w[1]
