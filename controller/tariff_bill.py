"""A day's price of electricity, step by step and piece by piece. Pure.

Beside `mpc.tariff`, which needs the sum only: here every piece is seen, and the sum is the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mpc.tariff import Tariff

STEP = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class BillStep:
    """What a kWh costs from `starts_at` on, per kWh; None where the spot price is unknown."""

    starts_at: datetime
    ends_at: datetime
    spot: float | None
    pieces: dict[str, float | None]  # before VAT: margin, adder, then the charges by name
    vat: float | None
    total: float | None


def day_bill(
    tariff: Tariff, day: date, spot_at: Callable[[datetime], float | None]
) -> list[BillStep]:
    """Every quarter-hour of a local day; equal ones that follow each other are put together."""
    zone = ZoneInfo(tariff.calendar.timezone)
    at = datetime.combine(day, time(), zone).astimezone(UTC)
    last = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
    steps: list[BillStep] = []
    while at < last:
        step = _step(tariff, at, spot_at(at))
        if steps and _same(steps[-1], step):
            step = BillStep(
                steps.pop().starts_at, step.ends_at, step.spot, step.pieces, step.vat, step.total
            )
        steps.append(step)
        at += STEP
    return steps


def mean_total(steps: list[BillStep]) -> float | None:
    """The mean over the time of which the price is known."""
    known = [step for step in steps if step.total is not None]
    seconds = sum((step.ends_at - step.starts_at).total_seconds() for step in known)
    if not seconds:
        return None
    weighted = (
        (step.total or 0.0) * (step.ends_at - step.starts_at).total_seconds() for step in known
    )
    return sum(weighted) / seconds


def _step(tariff: Tariff, at: datetime, spot: float | None) -> BillStep:
    pieces: dict[str, float | None] = {}
    if tariff.margin_frac:
        pieces["margin"] = None if spot is None else spot * tariff.margin_frac
    if tariff.adder_per_kwh:
        pieces["adder"] = tariff.adder_per_kwh
    local = tariff.calendar.local(at)
    for piece in tariff.energy:
        fits = piece.validity.covers(local.date()) and piece.window.includes(local, tariff.calendar)
        if fits and piece.name not in pieces:
            pieces[piece.name] = _of_spot(piece.per_kwh, piece.spot_frac, spot)
    for piece in tariff.energy:
        pieces.setdefault(piece.name, 0.0)
    parts = [spot, *pieces.values()]
    known = [part for part in parts if part is not None]
    before_vat = sum(known) if len(known) == len(parts) else None
    vat = None if before_vat is None else before_vat * tariff.vat_frac
    total = None if before_vat is None or vat is None else before_vat + vat
    return BillStep(at, at + STEP, spot, pieces, vat, total)


def _of_spot(per_kwh: float, spot_frac: float, spot: float | None) -> float | None:
    if spot_frac == 0.0:
        return per_kwh
    return None if spot is None else per_kwh + spot_frac * spot


def _same(before: BillStep, after: BillStep) -> bool:
    return (before.spot, before.pieces) == (after.spot, after.pieces)
