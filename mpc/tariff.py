"""What one more kWh costs the house, beside what it costs the exchange."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """Supplier's margin, grid fees and taxes per kWh, and value added tax on all of it."""

    margin_frac: float  # supplier, share of the spot price
    adder_per_kwh: float  # supplier, grid and electricity tax, per kWh
    vat_frac: float
    currency: str

    def price_per_kwh(self, spot_per_kwh: float) -> float:
        """(spot * (1 + margin) + adder) * (1 + VAT); a negative spot price stays a credit."""
        before_vat = spot_per_kwh * (1.0 + self.margin_frac) + self.adder_per_kwh
        return before_vat * (1.0 + self.vat_frac)
