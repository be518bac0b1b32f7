"""A weather forecast from a CSV file that something else writes."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from drivers.api import WeatherSeries
from drivers.errors import ConfigurationError
from drivers.series_file import Row, Rows, SeriesFile

LONGEST_HOLE_S = 3 * 3600  # weather is smooth enough for a straight line, but not for longer
_OUTDOOR_RANGE_C = (-60.0, 60.0)
_GHI_RANGE_W_PER_M2 = (0.0, 1500.0)  # above the solar constant only behind broken clouds
_WIND_RANGE_M_S = (0.0, 100.0)


class CsvWeather:
    """A `WeatherSource` over `timestamp_utc,outdoor_c,ghi_w_per_m2[,wind_m_s][,issued_at]`.

    Steps of 15, 30 or 60 minutes are recognised by the spacing; holes up to three hours are
    bridged by straight lines, longer ones are an error.
    """

    def __init__(self, path: Path) -> None:
        self._file = SeriesFile(path, ("outdoor_c", "ghi_w_per_m2"), ("wind_m_s",))

    async def fetch(self, now: datetime) -> WeatherSeries:
        """The forecast issued up to `now`. Raises a `DriverError`."""
        rows = self._file.known(now)
        outdoor_c = self._column(rows, 0, _OUTDOOR_RANGE_C)
        ghi_w_per_m2 = self._column(rows, 1, _GHI_RANGE_W_PER_M2)
        windy = any(row is not None and len(row.values) > 2 for row in rows.grid)
        return WeatherSeries(
            issued_at=rows.issued_at,
            starts_at=rows.starts_at,
            step_s=rows.step_s,
            outdoor_c=outdoor_c,
            ghi_w_per_m2=ghi_w_per_m2,
            source=self._file.path.name,
            wind_m_s=self._column(rows, 2, _WIND_RANGE_M_S) if windy else None,
        )

    def _column(self, rows: Rows, index: int, bounds: tuple[float, float]) -> Sequence[float]:
        """One column without holes."""
        column: list[float] = []
        for row in rows.grid:
            value = None if row is None else self._checked(row, index, bounds)
            if row is None or value is None:
                continue
            place = round((row.at - rows.starts_at).total_seconds()) // rows.step_s
            missing = place - len(column)
            if missing and not column:
                raise ConfigurationError(f"{self._file.path}: the first line has an empty cell")
            if missing * rows.step_s > LONGEST_HOLE_S:
                raise ConfigurationError(
                    f"{self._file.path}, line {row.line}: a hole of more than 3 h before it"
                )
            before = column[-1] if column else value
            rise = (value - before) / (missing + 1)
            column += [before + rise * (step + 1) for step in range(missing)]
            column.append(value)
        if len(column) != len(rows.grid):
            raise ConfigurationError(f"{self._file.path}: the last line has an empty cell")
        return tuple(column)

    def _checked(self, row: Row, index: int, bounds: tuple[float, float]) -> float | None:
        value = row.values[index]
        if value is not None and not bounds[0] <= value <= bounds[1]:
            raise ConfigurationError(
                f"{self._file.path}, line {row.line}: {value:g} is not plausible"
            )
        return value
