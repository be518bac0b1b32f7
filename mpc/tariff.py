"""What one more kWh costs the house, beside what it costs the exchange."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from mpc.arrays import FloatArray
from mpc.peak_tariff import PeakTariff
from mpc.tariff_calendar import ALWAYS, ANYTIME, SLICE_S, Calendar, Validity, Window, utc_starts


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyPiece:
    """One rate of one charge on energy: grid, tax, supplier, as `name` says; before VAT.

    Of the pieces with the same name the first that fits counts; different names add up. A local
    instant that no piece of a name fits costs nothing under that name.
    """

    name: str
    per_kwh: float = 0.0
    spot_frac: float = 0.0  # and this share of the spot price
    window: Window = ANYTIME
    validity: Validity = ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What a kWh fed in earns: (spot * share - fee, or a fixed price) * (1 + VAT)."""

    spot_frac: float = 1.0
    fee_per_kwh: float = 0.0
    fixed_per_kwh: float | None = None  # instead of spot
    vat_frac: float = 0.0  # households are paid without
    validity: Validity = ALWAYS

    def price_per_kwh(self, spot_per_kwh: float) -> float:
        """May be negative: then feeding in costs."""
        fixed = self.fixed_per_kwh
        earned = spot_per_kwh * self.spot_frac if fixed is None else fixed
        return (earned - self.fee_per_kwh) * (1.0 + self.vat_frac)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """Supplier's margin, grid fees and taxes per kWh, and value added tax on all of it.

    import = (spot * (1 + margin) + adder + sum of the pieces) * (1 + VAT). Peak charges stand
    beside it: they are paid per kW, not per kWh.
    """

    margin_frac: float  # supplier, share of the spot price
    adder_per_kwh: float  # whatever is the same in every hour, per kWh
    vat_frac: float
    currency: str
    calendar: Calendar = field(default_factory=Calendar)
    energy: tuple[EnergyPiece, ...] = ()
    export: Export | None = None  # None: nothing is earned
    peaks: tuple[PeakTariff, ...] = ()

    def price_per_kwh(self, spot_per_kwh: float, at: datetime | None = None) -> float:
        """Import price at an instant; a negative spot price stays a credit.

        Without `at` only for a tariff that is the same at all times, else raises ValueError.
        """
        if at is None and self.energy:
            raise ValueError("this tariff depends on the time: say when")
        added, frac = (0.0, 0.0) if at is None else self._pieces(self.calendar.local(at))
        factor = 1.0 + self.margin_frac + frac
        return (spot_per_kwh * factor + self.adder_per_kwh + added) * (1.0 + self.vat_frac)

    def import_prices(
        self, starts_at: datetime, step_s: int, spot_per_kwh: Sequence[float] | FloatArray
    ) -> FloatArray:
        """Import price of each UTC step from `starts_at`; one spot price per step.

        A step in which the tariff changes gets the mean over its quarter-hours. NaN stays NaN.
        """
        spot = np.asarray(spot_per_kwh, dtype=np.float64)
        added, frac = np.zeros(len(spot)), np.zeros(len(spot))
        for step, local in self._slices(starts_at, step_s, len(spot)) if self.energy else ():
            piece = self._pieces(local)
            added[step] += piece[0]
            frac[step] += piece[1]
        count = step_s // math.gcd(step_s, SLICE_S)
        factor = 1.0 + self.margin_frac + frac / count
        return (spot * factor + self.adder_per_kwh + added / count) * (1.0 + self.vat_frac)

    def export_prices(
        self, starts_at: datetime, step_s: int, spot_per_kwh: Sequence[float] | FloatArray
    ) -> FloatArray:
        """What a kWh fed in earns in each UTC step; zeros without a contract."""
        starts = utc_starts(starts_at, step_s, len(spot_per_kwh))
        pairs = zip(starts, spot_per_kwh, strict=True)
        return np.array([self.export_price_per_kwh(float(spot), at) for at, spot in pairs])

    def export_price_per_kwh(self, spot_per_kwh: float, at: datetime) -> float:
        """What a kWh fed in at an instant earns."""
        day = self.calendar.local(at).date()
        if self.export is None or not self.export.validity.covers(day):
            return 0.0
        return self.export.price_per_kwh(spot_per_kwh)

    def ended(self, at: datetime) -> tuple[str, ...]:
        """Charges on energy of which no rate is valid any more at an instant."""
        on = self.calendar.local(at).date()
        last: dict[str, bool] = {}
        for piece in self.energy:
            over = piece.validity.until is not None and piece.validity.until <= on
            last[piece.name] = last.get(piece.name, True) and over
        return tuple(name for name, over in last.items() if over)

    def _slices(self, starts_at: datetime, step_s: int, steps: int) -> list[tuple[int, datetime]]:
        """(step, local instant) of every slice in which no price changes."""
        if step_s <= 0:
            raise ValueError(f"no steps of {step_s} s")
        slice_s = math.gcd(step_s, SLICE_S)
        per_step = step_s // slice_s
        starts = utc_starts(starts_at, slice_s, steps * per_step)
        return [(i // per_step, self.calendar.local(at)) for i, at in enumerate(starts)]

    def _pieces(self, local: datetime) -> tuple[float, float]:
        """Sum per kWh and sum of shares of spot of what holds at a local instant."""
        added = frac = 0.0
        found: set[str] = set()
        day = local.date()
        for piece in self.energy:
            if piece.name in found or not piece.validity.covers(day):
                continue
            if piece.window.includes(local, self.calendar):
                found.add(piece.name)
                added += piece.per_kwh
                frac += piece.spot_frac
        return added, frac
