"""Hot-water tank of two layers: heated by a coil below, drawn from above, losing to the house."""

from dataclasses import dataclass

from hil.hydronics import WATER_J_PER_KG_K

TAP_C = 40.0  # what people mix to, EN 16147 tapping profiles count useful water from here
COLD_C = 9.0  # mains


@dataclass(frozen=True, slots=True, kw_only=True)
class TankTruth:
    """True parameters of the tank; standing loss of the whole tank to the living zone's air."""

    volume_l: float
    loss_w_per_k: float
    layers_w_per_k: float


class HotWaterTank:
    """Two layers of equal volume. The sensor sits at mid-height and sees their mean."""

    __slots__ = ("_k_per_j", "drawn_j", "lost_j", "lost_w", "lower_c", "truth", "upper_c")

    def __init__(self, truth: TankTruth, *, upper_c: float = 50.0, lower_c: float = 46.0) -> None:
        self.truth = truth
        self.upper_c = upper_c
        self.lower_c = lower_c
        self.lost_w = 0.0
        self.lost_j = 0.0
        self.drawn_j = 0.0
        self._k_per_j = 2.0 / (truth.volume_l * WATER_J_PER_KG_K)

    @property
    def sensor_c(self) -> float:
        """What the pump's tank sensor reads."""
        return 0.5 * (self.upper_c + self.lower_c)

    def step(self, step_s: float, *, heat_w: float, tapped_l_per_min: float, room_c: float) -> None:
        """One explicit step; `tapped_l_per_min` is mixed water at the tap (40 °C)."""
        upper_c, lower_c = self.upper_c, self.lower_c
        tapped_w_per_k = 0.0
        if tapped_l_per_min > 0.0:
            share = (TAP_C - COLD_C) / max(upper_c - COLD_C, TAP_C - COLD_C)
            tapped_w_per_k = tapped_l_per_min * share / 60.0 * WATER_J_PER_KG_K
            self.drawn_j += step_s * tapped_w_per_k * (upper_c - COLD_C)
        mixing_w = self.truth.layers_w_per_k * (upper_c - lower_c)
        upper_lost_w = 0.5 * self.truth.loss_w_per_k * (upper_c - room_c)
        lower_lost_w = 0.5 * self.truth.loss_w_per_k * (lower_c - room_c)
        upper_c += (
            step_s
            * self._k_per_j
            * (tapped_w_per_k * (lower_c - upper_c) - mixing_w - upper_lost_w)
        )
        lower_c += (
            step_s
            * self._k_per_j
            * (tapped_w_per_k * (COLD_C - lower_c) + mixing_w - lower_lost_w + heat_w)
        )
        if lower_c > upper_c:  # warm water rises at once
            upper_c = lower_c = 0.5 * (upper_c + lower_c)
        self.upper_c = upper_c
        self.lower_c = lower_c
        self.lost_w = upper_lost_w + lower_lost_w
        self.lost_j += step_s * self.lost_w

    def stored_j(self) -> float:
        """Heat above the cold water's temperature."""
        return (self.upper_c + self.lower_c - 2.0 * COLD_C) / self._k_per_j
