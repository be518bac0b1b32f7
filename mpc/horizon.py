"""The grid of steps a plan is made on, and what is known for each of them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """Equal steps in UTC from `starts_at`; every tuple has one entry per step."""

    starts_at: datetime
    step_s: int
    outdoor_c: tuple[float, ...]
    ghi_w_per_m2: tuple[float, ...]
    spot_per_kwh: tuple[float, ...]
    price_per_kwh: tuple[float, ...]  # what one more kWh costs the house: the tariff applied
    price_known: tuple[bool, ...]  # False where the price is our guess
    notes: tuple[str, ...]  # what had to be guessed, in words
