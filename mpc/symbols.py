"""What the terms of the optimisation are written in: its sizes, unknowns and numbers."""

from dataclasses import dataclass
from typing import Any

import cvxpy as cp

from mpc.peaks import PeakGroup


@dataclass(frozen=True, slots=True)
class PeakShape:
    """Sizes of one peak charge: metered rows within the fine blocks, groups, values averaged."""

    kind: PeakGroup
    fine_rows: int
    groups: int
    averaged: int
    fee_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What decides the structure of a problem: sizes and the parts the house has."""

    states: int
    rooms: tuple[int, ...]  # indices of the rooms' air among the states
    blocks: int
    fine: int
    segments: int  # of the power curve
    whole: int = 0
    run_blocks: int = 1
    off_blocks: int = 1
    dwell_blocks: int = 1
    starts_limited: bool = False
    power_limited: bool = False
    hot_water: bool = False
    heater_space: bool = False
    heater_hot_water: bool = False
    heater_stages: int = 0
    buffer: bool = False
    site: bool = False
    reserve: bool = False
    peaks: tuple[PeakShape, ...] = ()


@dataclass(frozen=True, slots=True)
class Term:
    """One wish or law: what it costs and what it demands."""

    cost: Any
    constraints: tuple[Any, ...]


class Symbols:
    """Unknowns and numbers by name; each comes into being where a term first names it."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.unknowns: dict[str, Any] = {}
        self.numbers: dict[str, Any] = {}
        self.bounds: list[Any] = []
        self.whole: dict[str, int] = {}  # so many first entries are whole numbers once refined

    def number(self, name: str, *dims: int, nonneg: bool = False) -> Any:
        """The parameter of this name."""
        if name not in self.numbers:
            self.numbers[name] = cp.Parameter(dims, name=name, nonneg=nonneg)
        return self.numbers[name]

    def unknown(self, name: str, *dims: int, nonneg: bool = False) -> Any:
        """The variable of this name. Bounds are rows of their own, so that columns stay ours."""
        if name not in self.unknowns:
            self.unknowns[name] = cp.Variable(dims, name=name)
            if nonneg:
                self.bounds.append(self.unknowns[name] >= 0.0)
        return self.unknowns[name]

    def decision(self, name: str) -> Any:
        """Share of each block in which something is on: 0 or 1 in the first `whole` blocks."""
        return self.choice(name, self.shape.blocks, whole=self.shape.whole)

    def choice(self, name: str, size: int, *, whole: int, most: float = 1.0) -> Any:
        """Between 0 and `most`; the first `whole` entries are whole numbers once refined."""
        if name not in self.unknowns:
            variable = cp.Variable(size, name=name)
            self.unknowns[name] = variable
            self.bounds += [variable >= 0.0, variable <= most]
            self.whole[name] = whole
        return self.unknowns[name]

    # What the terms talk about -------------------------------------------------------------

    @property
    def heat_kw(self) -> Any:
        """From the pump into the emitters or the buffer."""
        return self.unknown("heat_kw", self.shape.blocks, nonneg=True)

    @property
    def run(self) -> Any:
        """The compressor works for the rooms."""
        return self.decision("run")

    @property
    def dhw_run(self) -> Any:
        """The compressor works for hot water."""
        return self.decision("dhw_run") if self.shape.hot_water else 0.0

    @property
    def dhw_kw(self) -> Any:
        """From the pump into the tank."""
        return self.unknown("dhw_kw", self.shape.blocks, nonneg=True)

    @property
    def heater_kw(self) -> Any:
        """Back-up heat into the emitters or the buffer."""
        if not self.shape.heater_space:
            return 0.0
        return self.unknown("heater_kw", self.shape.blocks, nonneg=True)

    @property
    def dhw_heater_kw(self) -> Any:
        """Back-up heat into the tank."""
        if not self.shape.heater_hot_water:
            return 0.0
        return self.unknown("dhw_heater_kw", self.shape.blocks, nonneg=True)

    @property
    def busy(self) -> Any:
        """The compressor works."""
        return self.run + self.dhw_run

    @property
    def total_kw(self) -> Any:
        """Electricity of heat pump, its circulation pump and back-up heater, without standby."""
        blocks = self.shape.blocks
        total = self.unknown("power_kw", blocks, nonneg=True)
        if self.shape.hot_water:
            slope = self.number("dhw_power_slope", blocks)
            total = total + cp.multiply(slope, self.dhw_kw)
            total = total + cp.multiply(self.number("dhw_power_kw", blocks), self.dhw_run)
        if self.shape.heater_space or self.shape.heater_hot_water:
            total = total + (self.heater_kw + self.dhw_heater_kw) * self.number("heater_kw_per_kw")
        return total

    @property
    def balanced(self) -> bool:
        """Import is an unknown: it must be where `total_kw` has numbers that prices multiply."""
        return self.shape.site or self.shape.hot_water or self.shape.heater_space

    @property
    def import_kw(self) -> Any:
        """Drawn from the grid: with other loads and PV at the connection, else `total_kw`."""
        if not self.balanced:
            return self.total_kw
        return self.unknown("import_kw", self.shape.blocks, nonneg=True)
