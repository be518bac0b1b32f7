"""A CSV file of equally spaced values that somebody else writes: prices or weather.

First column `timestamp_utc` (ISO 8601 with offset or Z, rising), then the columns of the reader,
the last of which it may do without, and optionally `issued_at`: when that row became known. Rows
issued later than now do not exist yet. Without the column, everything counts as issued when the
file was written.
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from drivers.errors import ConfigurationError, TransientError

STEPS_S = (900, 1800, 3600)
LARGEST_BYTES = 20_000_000
"""Five years of quarter-hours have some 8 MB."""

LONGEST_S = 10 * 366 * 86400
"""Rows further apart are not of one series: a wrong year must not fill the memory with holes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: the instant its values begin at, and when they became known."""

    line: int
    at: datetime
    issued_at: datetime
    values: tuple[float | None, ...]  # None where the cell is empty


@dataclass(frozen=True, slots=True)
class Rows:
    """What is known of a file at an instant; the grid has `None` where a row is missing."""

    issued_at: datetime
    starts_at: datetime
    step_s: int
    grid: tuple[Row | None, ...]


class SeriesFile:
    """Reads the file again only when it has changed."""

    def __init__(self, path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> None:
        self.path = path
        self._columns = tuple(columns)
        self._optional = tuple(optional)
        self._version: tuple[int, int] | None = None
        self._rows: tuple[Row, ...] = ()
        self._step_s = 0

    def known(self, now: datetime) -> Rows:
        """The rows issued up to `now`.

        Raises `TransientError` while there is no file or nothing has been issued, and
        `ConfigurationError` naming the line when the content is wrong.
        """
        self._refresh()
        visible = [row for row in self._rows if row.issued_at <= now]
        if not visible:
            raise TransientError(f"{self.path}: nothing in it has been issued yet")
        starts_at = visible[0].at
        places = {self._place(starts_at, row): row for row in visible}
        length = self._place(starts_at, visible[-1]) + 1
        return Rows(
            issued_at=max(row.issued_at for row in visible),
            starts_at=starts_at,
            step_s=self._step_s,
            grid=tuple(places.get(place) for place in range(length)),
        )

    def _place(self, starts_at: datetime, row: Row) -> int:
        return round((row.at - starts_at).total_seconds()) // self._step_s

    def _refresh(self) -> None:
        try:
            stat = self.path.stat()
            version = (stat.st_mtime_ns, stat.st_size)
            if version == self._version:
                return
            if stat.st_size > LARGEST_BYTES:
                raise ConfigurationError(f"{self.path}: has more than {LARGEST_BYTES} bytes")
            text = self.path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise TransientError(f"{self.path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"{self.path}: is not UTF-8 text") from error
        try:
            rows = self._parsed(text, datetime.fromtimestamp(stat.st_mtime, UTC))
        except csv.Error as error:
            raise ConfigurationError(f"{self.path}: is not CSV: {error}") from error
        self._step_s = self._step(rows)
        self._rows = rows
        self._version = version

    def _parsed(self, text: str, written_at: datetime) -> tuple[Row, ...]:
        lines = csv.reader(text.splitlines())
        header = [cell.strip() for cell in next(lines, [])]
        wanted = ["timestamp_utc", *self._columns]
        told = header[:-1] if header[-1:] == ["issued_at"] else header
        if told not in (wanted, [*wanted, *self._optional]):
            extra = "".join(f"[,{name}]" for name in (*self._optional, "issued_at"))
            raise ConfigurationError(
                f"{self.path}, line 1: the header must be {','.join(wanted)}{extra}"
            )
        rows: list[Row] = []
        for cells in lines:
            if not cells:
                continue
            row = self._row(lines.line_num, cells, header, written_at)
            if rows and row.at <= rows[-1].at:
                raise self._wrong(row.line, "the time does not lie after that of the line before")
            rows.append(row)
        return tuple(rows)

    def _row(
        self, line: int, cells: Sequence[str], header: Sequence[str], written_at: datetime
    ) -> Row:
        if len(cells) != len(header):
            raise self._wrong(line, f"{len(cells)} cells instead of {len(header)}")
        issued_at, told = written_at, cells[1:]
        if header[-1] == "issued_at":
            issued_at, told = self._instant(line, cells[-1]), cells[1:-1]
        values = tuple(self._number(line, cell) for cell in told)
        return Row(line, self._instant(line, cells[0]), issued_at, values)

    def _instant(self, line: int, cell: str) -> datetime:
        try:
            instant = datetime.fromisoformat(cell.strip())
        except ValueError as error:
            raise self._wrong(line, f"{_shown(cell)} is not an ISO 8601 time") from error
        if instant.tzinfo is None:
            raise self._wrong(line, f"{_shown(cell)} has no offset; write 2026-01-31T13:00:00Z")
        try:
            return instant.astimezone(UTC)
        except OverflowError as error:
            raise self._wrong(line, f"{_shown(cell)} is no time of this world") from error

    def _number(self, line: int, cell: str) -> float | None:
        if not cell.strip():
            return None
        try:
            number = float(cell)
        except ValueError as error:
            raise self._wrong(line, f"{_shown(cell)} is not a number") from error
        if not math.isfinite(number):
            raise self._wrong(line, f"{_shown(cell)} is not a finite number")
        return number

    def _step(self, rows: Sequence[Row]) -> int:
        """The closest spacing, which must be a known step that all others are multiples of."""
        gaps_s = [(after.at - before.at).total_seconds() for before, after in pairwise(rows)]
        if not gaps_s:
            raise ConfigurationError(f"{self.path}: needs at least two lines of values")
        if sum(gaps_s) > LONGEST_S:
            raise ConfigurationError(f"{self.path}: spans more than ten years")
        step_s = min(gaps_s)
        if step_s not in STEPS_S:
            raise ConfigurationError(
                f"{self.path}: the closest lines are {step_s:g} s apart; 15, 30 or 60 min expected"
            )
        for gap_s, row in zip(gaps_s, rows[1:], strict=True):
            if gap_s % step_s:
                raise self._wrong(row.line, f"lies off the grid of {step_s:g} s")
        return int(step_s)

    def _wrong(self, line: int, what: str) -> ConfigurationError:
        return ConfigurationError(f"{self.path}, line {line}: {what}")


def _shown(cell: str) -> str:
    """As much of a cell as a person reads."""
    return repr(cell[:40])
