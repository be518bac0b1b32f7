"""Keeps the log of a reserve: one file a day (UTC) in the operators' format, written by the minute.

A card that wears is spared: a minute of rows is one write. A disk that is full costs rows, never
the answer to the frequency.
"""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controller.frequency_log import LogName, LogRow, header_text, rows_text
from mpc.reserve import Product

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 60
DAY = timedelta(days=1)


class FrequencyFiles:
    """Appends rows; of whole days the newest `keep_days` stay."""

    def __init__(
        self, directory: Path, product: Product, *, resource: str, area: str, keep_days: int
    ) -> None:
        self._directory = directory
        self._product = product
        self._resource, self._area = resource, area
        self._keep_days = keep_days
        self._rows: list[LogRow] = []
        self._failed = False

    def append(self, row: LogRow) -> None:
        """Take a row; never raises for a bad disk."""
        if self._rows and self._rows[0].at.date() != row.at.date():
            self.flush()
        self._rows.append(row)
        if len(self._rows) >= ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what is kept back."""
        rows, self._rows = self._rows, []
        if not rows:
            return
        try:
            self._write(rows)
        except OSError as error:
            if not self._failed:
                log.error("the log of the frequency cannot be written: %s", error)
            self._failed = True
        else:
            self._failed = False

    def _write(self, rows: list[LogRow]) -> None:
        path = self._directory / self._name(rows[0].at)
        self._directory.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        with path.open("a", encoding="ascii", newline="") as file:
            if new:
                file.write(header_text(self._product))
            file.write(rows_text(rows))
        if new:
            self._drop_old(path)

    def _name(self, at: datetime) -> str:
        day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return LogName(
            resource=self._resource, test_type="Operation", area=self._area, timezone="UTC",
            product=self._product, from_at=day, to_at=day + DAY,
        ).text()  # fmt: skip

    def _drop_old(self, newest: Path) -> None:
        """Names of one resource and product sort by day."""
        days = sorted(self._directory.glob(newest.name.rsplit("_", 2)[0] + "_*.csv"))
        for path in days[: -self._keep_days]:
            path.unlink()
