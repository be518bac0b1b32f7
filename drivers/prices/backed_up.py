"""Two price sources that stand in for each other."""

from dataclasses import replace
from datetime import datetime

from drivers.api import PriceSeries, PriceSource, ResumingPrices
from drivers.errors import DriverError, TransientError
from drivers.prices.series import joined, known_until


class BackedUpPrices:
    """A `PriceSource`: the first one's prices; where it fails or knows less, the second one's.

    Both speak the same currency. The series says where it comes from and why.
    """

    def __init__(self, first: PriceSource, second: PriceSource) -> None:
        self._first = first
        self._second = second

    def resume(self, held: PriceSeries) -> bool:
        """Each takes up what it gave."""
        both = (self._first, self._second)
        resuming = [source for source in both if isinstance(source, ResumingPrices)]
        taken_up = any(source.resume(held) for source in resuming)
        return taken_up or len(resuming) < len(both)  # a file may have given it

    async def fetch(self, now: datetime) -> PriceSeries:
        """The prices known now. Raises `TransientError` naming both failures."""
        try:
            first = await self._first.fetch(now)
        except DriverError as error:
            return await self._without_first(now, error)
        try:
            second = await self._second.fetch(now)
        except DriverError:
            return first
        return _completed(first, second, now)

    async def _without_first(self, now: datetime, why: DriverError) -> PriceSeries:
        try:
            second = await self._second.fetch(now)
        except DriverError as error:
            raise TransientError(f"{why}; and of its backup: {error}") from error
        return replace(second, remark=f"{second.source} stands in: {why}")


def _completed(first: PriceSeries, second: PriceSeries, now: datetime) -> PriceSeries:
    """`first`, unless `second` knows more from now on."""
    until = known_until(first, now)
    if second.currency != first.currency or known_until(second, until) <= until:
        return first
    remark = f"{second.source} completes {first.source} from {until:%Y-%m-%d %H:%M} UTC on"
    return replace(joined(first, second), remark=remark)
