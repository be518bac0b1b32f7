"""What a house showed over some days, on one grid of equal steps: the food of `mpc.identify`."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from mpc.arrays import FloatArray

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HouseData:
    """Measurements of a house in steps of `step_s` from `starts_at` (aware, UTC) on.

    All arrays have one entry per step; NaN means not known. `room_c` and `flow_c` are readings at
    the START of the step, the others means over it: `heat_w` what the emitters gave to the house
    (not hot water), `outdoor_c`, `ghi_w_per_m2` global horizontal irradiance, `wind_m_s`.
    Raises ValueError for a local or naive start, a step that does not divide the day, and arrays
    that are empty, unequal in length or hold infinities.
    """

    starts_at: datetime
    step_s: float
    room_c: FloatArray
    heat_w: FloatArray
    outdoor_c: FloatArray
    ghi_w_per_m2: FloatArray
    wind_m_s: FloatArray | None = None
    flow_c: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.starts_at.utcoffset() != timedelta(0):
            raise ValueError(f"house data must start at an aware UTC time, not {self.starts_at}")
        if not 0.0 < self.step_s <= DAY_S or DAY_S % self.step_s:
            raise ValueError(f"a step of {self.step_s} s does not divide the day")
        for name, values in self.series():
            if values.ndim != 1 or len(values) != len(self.room_c) or not len(values):
                raise ValueError(
                    f"{name} must have one value per step: {values.shape}, "
                    f"room_c has {self.room_c.shape}"
                )
            if np.isinf(values).any():
                raise ValueError(f"{name} holds infinite values; what is not known is NaN")

    def __len__(self) -> int:
        return len(self.room_c)

    @property
    def days(self) -> float:
        """Length in days."""
        return len(self) * self.step_s / DAY_S

    @property
    def steps_per_day(self) -> int:
        """Number of steps in 24 hours."""
        return round(DAY_S / self.step_s)

    def series(self) -> Iterator[tuple[str, FloatArray]]:
        """Name and values of every series that is there."""
        for field in fields(self):
            values = getattr(self, field.name)
            if isinstance(values, np.ndarray):
                yield field.name, values

    def at(self, step: int) -> datetime:
        """Start of this step; negative counts from the end."""
        return self.starts_at + timedelta(seconds=self.step_s * (step % len(self)))

    def step_at(self, at: datetime) -> int:
        """The step that holds this instant; raises ValueError outside the data."""
        step = int((at.astimezone(UTC) - self.starts_at).total_seconds() // self.step_s)
        if not 0 <= step < len(self):
            raise ValueError(f"{at} lies outside the data of {self.days:.1f} days")
        return step

    def part(self, first: int, end: int) -> "HouseData":
        """Steps `first` to `end` (exclusive) alone; raises ValueError if there are none."""
        if not 0 <= first < end <= len(self):
            raise ValueError(f"steps {first} to {end} are not part of 0 to {len(self)}")
        cut = slice(first, end)
        return replace(
            self,
            starts_at=self.at(first),
            room_c=self.room_c[cut],
            heat_w=self.heat_w[cut],
            outdoor_c=self.outdoor_c[cut],
            ghi_w_per_m2=self.ghi_w_per_m2[cut],
            wind_m_s=None if self.wind_m_s is None else self.wind_m_s[cut],
            flow_c=None if self.flow_c is None else self.flow_c[cut],
        )

    def last_days(self, days: float) -> "HouseData":
        """The last days alone; all of it when it is shorter."""
        steps = round(days * DAY_S / self.step_s)
        return self.part(max(len(self) - steps, 0), len(self))
