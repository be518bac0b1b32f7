"""What defrosting costs, by outdoor temperature, from the pump's own meters. Pure.

In each class of outdoor temperature two performance factors of space heating are compared: of all
of it, defrosts and the minutes after them included, and of steady heating alone. What defrosts
took is one minus their ratio. Frost that grows while the pump heats makes steady heating worse
too and is not seen; where a heat meter does not count backwards while the coil takes heat from the
house, the loss is larger than told.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from controller.pump_looks import HEAT, LONGEST_HELD, Look, Source, neighbours
from drivers.api import OperatingState, Signal

EDGES_C = (-7.0, -2.0, 2.0, 7.0)
"""Between classes: 2 and 7 are where frost is worst and where it ends in humid air."""

RECOVERY = timedelta(minutes=10)
"""After a defrost the water first has to get warm again."""

LEAST_HEATING_H, LEAST_DEFROSTS = 10.0, 3
"""Less says nothing about a class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefrostLoss:
    """A class of outdoor temperature; None: open, or not known."""

    from_c: float | None
    to_c: float | None
    heating_h: float  # defrosts included
    defrosts: int
    defrost_h: float
    counts_back: bool  # the heat meter showed heat taken from the house
    whole_cop: float | None
    steady_cop: float | None

    @property
    def loss_frac(self) -> float | None:
        """Of the heat that the same electricity gives without defrosts; never below 0."""
        if self.whole_cop is None or self.steady_cop is None or self.steady_cop <= 0.0:
            return None
        if self.heating_h < LEAST_HEATING_H or self.defrosts < LEAST_DEFROSTS:
            return None
        return max(1.0 - self.whole_cop / self.steady_cop, 0.0)


@dataclass(slots=True)
class _Class:
    hours: float = 0.0
    defrost_h: float = 0.0
    defrosts: int = 0
    counts_back: bool = False
    whole_wh: list[float] = field(default_factory=lambda: [0.0, 0.0])  # heat, electricity
    steady_wh: list[float] = field(default_factory=lambda: [0.0, 0.0])


def defrost_losses(looks: Iterable[Look], electricity: Source) -> list[DefrostLoss]:
    """Classes in which the pump heated, the coldest first; none where it never tells its state."""
    classes: dict[int, _Class] = {}
    defrosting = False
    recovered_at = None
    for now, then in neighbours(looks, LONGEST_HELD):
        outdoor_c = now.values.get(Signal.OUTDOOR_C)
        was, defrosting = defrosting, now.state is OperatingState.DEFROST
        if defrosting:
            recovered_at = then.at + RECOVERY
        if outdoor_c is None or now.state not in (OperatingState.HEATING, OperatingState.DEFROST):
            continue
        found = classes.setdefault(sum(outdoor_c >= edge for edge in EDGES_C), _Class())
        hours = (then.at - now.at).total_seconds() / 3600.0
        found.hours += hours
        found.defrosts += defrosting and not was
        found.defrost_h += hours if defrosting else 0.0
        heat_w, power_w = now.values.get(HEAT.power), now.values.get(electricity.power)
        if heat_w is None or power_w is None:
            continue
        found.counts_back |= defrosting and heat_w < 0.0
        _add(found.whole_wh, heat_w * hours, power_w * hours)
        if recovered_at is None or now.at >= recovered_at:
            _add(found.steady_wh, heat_w * hours, power_w * hours)
    return [_loss(number, classes[number]) for number in sorted(classes)]


def _add(sums: list[float], heat_wh: float, electricity_wh: float) -> None:
    sums[0] += heat_wh
    sums[1] += electricity_wh


def _loss(number: int, found: _Class) -> DefrostLoss:
    return DefrostLoss(
        from_c=EDGES_C[number - 1] if number > 0 else None,
        to_c=EDGES_C[number] if number < len(EDGES_C) else None,
        heating_h=found.hours,
        defrosts=found.defrosts,
        defrost_h=found.defrost_h,
        counts_back=found.counts_back,
        whole_cop=_cop(found.whole_wh),
        steady_cop=_cop(found.steady_wh),
    )


def _cop(sums: list[float]) -> float | None:
    heat_wh, electricity_wh = sums
    return heat_wh / electricity_wh if electricity_wh > 0.0 else None
