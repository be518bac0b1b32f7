"""Prices from a CSV file that the owner or a cron job keeps up to date."""

from datetime import datetime
from pathlib import Path

from drivers.api import PriceSeries
from drivers.series_file import SeriesFile

_KWH_PER_MWH = 1000.0


class CsvPrices:
    """A `PriceSource` over `timestamp_utc,price[,issued_at]`; an absent row is an unknown price.

    Steps of 15, 30 or 60 minutes are recognised by the spacing. `per_mwh` says that the file's
    prices are per MWh instead of per kWh.
    """

    def __init__(self, path: Path, currency: str, *, per_mwh: bool) -> None:
        self._file = SeriesFile(path, ("price",))
        self._currency = currency
        self._divisor = _KWH_PER_MWH if per_mwh else 1.0

    async def fetch(self, now: datetime) -> PriceSeries:
        """The prices issued up to `now`. Raises a `DriverError`."""
        rows = self._file.known(now)
        cells = [None if row is None else row.values[0] for row in rows.grid]
        return PriceSeries(
            issued_at=rows.issued_at,
            starts_at=rows.starts_at,
            step_s=rows.step_s,
            per_kwh=tuple(None if cell is None else cell / self._divisor for cell in cells),
            currency=self._currency,
            source=self._file.path.name,
        )
