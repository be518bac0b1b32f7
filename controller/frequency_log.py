"""The log of a reserve in the operators' CSV format, one row a second. Pure.

Format: Technical Requirements for FCR Provision in the Nordic Synchronous Area, v1.1, 2025-03-28:
ASCII, comma, decimal point, CRLF, power in MW with consumption negative, at least 3 decimals. The
baseline is the one fixed when the reserve was armed and is never computed again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mpc.reserve import Product

SUFFIXES = {
    Product.FCR_N: "Fcrn",
    Product.FCR_D_UP: "FcrdUp",
    Product.FCR_D_DOWN: "FcrdDo",
    Product.FCR: "Fcr",  # our own: the Nordic format has none for the continental product
}
W_PER_MW = 1e6
ABSENT = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One second. Powers in W, consumption positive as everywhere else; None: not measured."""

    at: datetime
    power_w: float | None
    frequency_hz: float | None
    baseline_w: float
    setpoint_w: float
    activated_w: float  # asked of the pump by the droop, upwards positive
    capacity_w: float
    armed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LogName:
    """What the file's name says; times aware."""

    resource: str
    test_type: str  # "Operation" outside tests
    area: str
    timezone: str
    product: Product
    from_at: datetime
    to_at: datetime
    sampling: str = "1"  # seconds, or for instance "100ms"

    def text(self) -> str:
        """Resource, service, test, area, zone, interval and rate, joined by underscores."""
        interval = f"{self.from_at:%Y%m%dT%H%M}-{self.to_at:%Y%m%dT%H%M}"
        parts = (
            self.resource, SUFFIXES[self.product], self.test_type, self.area, self.timezone,
            interval, self.sampling,
        )  # fmt: skip
        return "_".join(part.replace("_", "-") for part in parts) + ".csv"


def log_text(product: Product, rows: Iterable[LogRow]) -> str:
    """The whole file."""
    return header_text(product) + rows_text(rows)


def header_text(product: Product) -> str:
    """Its first line."""
    suffix = SUFFIXES[product]
    header = (
        "DateTime", "InsAcPow", "GridFreq", f"ContMode_{suffix}", f"Cap_{suffix}", "CalcBaseline",
        "ContSetP", f"Activated_{suffix}",
    )  # fmt: skip
    return f"{','.join(header)}\r\n"


def rows_text(rows: Iterable[LogRow]) -> str:
    """The lines of these seconds."""
    return "".join(f"{_line(row)}\r\n" for row in rows)


def _line(row: LogRow) -> str:
    stamp = f"{row.at:%Y%m%dT%H%M%S}.{row.at.microsecond // 1000:03d}"
    frequency = ABSENT if row.frequency_hz is None else f"{row.frequency_hz:.3f}"
    power = ABSENT if row.power_w is None else _drawn_mw(row.power_w)
    return ",".join(
        (
            stamp, power, frequency, str(int(row.armed)), _mw(row.capacity_w),
            _drawn_mw(row.baseline_w), _drawn_mw(row.setpoint_w), _mw(row.activated_w),
        )
    )  # fmt: skip


def _mw(power_w: float) -> str:
    """Six decimals: a house is some thousandths of a megawatt."""
    return f"{power_w / W_PER_MW + 0.0:.6f}"


def _drawn_mw(power_w: float) -> str:
    return _mw(-power_w)
