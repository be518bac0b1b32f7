"""What the answers of weather services share. Pure."""

from dataclasses import dataclass
from datetime import datetime

from drivers.errors import TransientError

MPS_PER_KMPH = 1.0 / 3.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the house stands. Four decimals are 10 m; more tell who lives there."""

    latitude_deg: float
    longitude_deg: float
    altitude_m: float | None = None

    @property
    def latitude(self) -> str:
        """For a question."""
        return f"{self.latitude_deg:.4f}"

    @property
    def longitude(self) -> str:
        """For a question."""
        return f"{self.longitude_deg:.4f}"


def scaled(value: float | None, factor: float) -> float | None:
    """A hole stays a hole."""
    return None if value is None else value * factor


def aware(at: datetime, source: str) -> datetime:
    """An instant that says of which zone it is. Raises `TransientError`."""
    if at.tzinfo is None:
        raise TransientError(f"{source}: the time {at.isoformat()} has no offset")
    return at
