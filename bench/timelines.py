"""Series of a simulation brought to equal steps for charts, and the days and hours below them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TypeAlias, TypedDict
from zoneinfo import ZoneInfo

Series: TypeAlias = Sequence[float | None]

STEPS_S = (900, 1800, 3600, 3 * 3600, 6 * 3600, 86400)
POINTS_MOST = 3000  # a month of quarter hours; a page with all charts is then about 400 kB
HOUR_TICK_DAYS_MOST = 62  # beyond this nobody can zoom in to hours by hand
CHEAP_FRAC = 0.25
COP_WINDOW_S = 3 * 3600  # COP of a quarter hour jumps with every start; three hours read well
COP_LEAST_W = 50.0  # below this mean power the pump stands still and a COP says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One series of its own steps: entry i holds from `starts_at + i * step_s`."""

    starts_at: datetime
    step_s: int
    values: Series


class Tick(TypedDict):
    """A mark on the time axis; rank 0 is a local midnight, higher ranks are finer."""

    at: int  # Unix seconds
    rank: int
    label: str


@dataclass(frozen=True, slots=True)
class Grid:
    """Equal steps that every series of the page is brought to."""

    starts_at: datetime
    step_s: int
    count: int

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(seconds=self.count * self.step_s)

    def means(self, at: Iterable[datetime], values: Series) -> list[float | None]:
        """Mean of the known values in each step, None where there is none."""
        sums, counts = [0.0] * self.count, [0] * self.count
        origin_s = self.starts_at.timestamp()
        for instant, value in zip(at, values, strict=True):
            i = int((instant.timestamp() - origin_s) // self.step_s)
            if value is not None and 0 <= i < self.count:
                sums[i] += value
                counts[i] += 1
        return [total / n if n else None for total, n in zip(sums, counts, strict=True)]

    def held(self, line: Timeline) -> list[float | None]:
        """Mean of a series of longer steps over each step of the grid, by quarter hours."""
        pieces_s = range(0, self.count * self.step_s, STEPS_S[0])
        at = [self.starts_at + timedelta(seconds=piece_s) for piece_s in pieces_s]
        entries = [(instant - line.starts_at) // timedelta(seconds=line.step_s) for instant in at]
        values = [line.values[i] if 0 <= i < len(line.values) else None for i in entries]
        return self.means(at, values)


def grid_over(first_at: datetime, last_at: datetime) -> Grid:
    """The finest steps that cover the span with at most `POINTS_MOST` points."""
    first_s, last_s = first_at.timestamp(), last_at.timestamp()
    for step_s in STEPS_S:
        start_s = first_s // step_s * step_s
        count = int((last_s - start_s) // step_s) + 1
        if count <= POINTS_MOST:
            break
    return Grid(datetime.fromtimestamp(start_s, UTC), step_s, count)


def running_cop(grid: Grid, heat_w: Series, power_w: Series) -> list[float | None]:
    """Heat over electricity in a window around each step, where both are known and the pump ran."""
    reach = max(0, COP_WINDOW_S // grid.step_s // 2)
    cop: list[float | None] = []
    for i in range(grid.count):
        window = slice(max(0, i - reach), i + reach + 1)
        known = [
            (heat, power)
            for heat, power in zip(heat_w[window], power_w[window], strict=True)
            if heat is not None and power is not None
        ]
        power_sum_w = sum(power for _, power in known)
        runs = power_sum_w > COP_LEAST_W * len(known)
        cop.append(max(0.0, sum(heat for heat, _ in known)) / power_sum_w if runs else None)
    return cop


def ticks(grid: Grid, timezone: ZoneInfo) -> list[Tick]:
    """Local midnights (rank 0), noons (1), sixth hours (2) and third hours (3), with their text."""
    days = grid.count * grid.step_s / 86400
    hours = range(0, 24, 3) if days <= HOUR_TICK_DAYS_MOST else range(1)
    rank = {0: 0, 12: 1, 6: 2, 18: 2}
    day = grid.starts_at.astimezone(timezone).replace(hour=0, minute=0, second=0, microsecond=0)
    marks: list[Tick] = []
    while day < grid.ends_at:
        for hour in hours:
            local = day.replace(hour=hour)
            if grid.starts_at <= local.astimezone(UTC) < grid.ends_at:
                label = f"{local:%a} {local.day}" if hour == 0 else f"{hour:02d} h"
                marks.append(
                    {"at": int(local.timestamp()), "rank": rank.get(hour, 3), "label": label}
                )
        day += timedelta(days=1)
    return marks


def cheap_spans(grid: Grid, price: Series, timezone: ZoneInfo) -> list[tuple[int, int]]:
    """The cheapest quarter of the steps of each local day, as spans of Unix seconds.

    Days without any difference in price have no cheap hours, nor has a page of steps longer than
    an hour.
    """
    if grid.step_s > 3600:
        return []
    origin_s = int(grid.starts_at.timestamp())
    spans: list[tuple[int, int]] = []
    steps = [(i, value) for i, value in enumerate(price) if value is not None]

    def local_day(step: tuple[int, float]) -> int:
        at = datetime.fromtimestamp(origin_s + step[0] * grid.step_s, timezone)
        return at.toordinal()

    for _, grouped in groupby(steps, key=local_day):
        day = list(grouped)
        ranked = sorted(day, key=lambda step: step[1])
        if ranked[0][1] == ranked[-1][1]:
            continue
        for i, _ in sorted(ranked[: round(CHEAP_FRAC * len(day))]):
            from_s = origin_s + i * grid.step_s
            if spans and spans[-1][1] == from_s:
                spans[-1] = (spans[-1][0], from_s + grid.step_s)
            else:
                spans.append((from_s, from_s + grid.step_s))
    return spans


def period(grid: Grid, timezone: ZoneInfo) -> str:
    """The span in words: "15 to 21 January 2024, local time in Copenhagen"."""
    first = grid.starts_at.astimezone(timezone)
    last = (grid.ends_at - timedelta(seconds=1)).astimezone(timezone)
    place = timezone.key.rpartition("/")[2].replace("_", " ")
    days = f"{last.day} {last:%B %Y}"
    if first.date() != last.date():
        same_month = (first.year, first.month) == (last.year, last.month)
        days = f"{first.day}{'' if same_month else f' {first:%B %Y}'} to {days}"
    return f"{days}, local time in {place}"
