"""What stands in for planner and price source when somebody else than the MPC is to be measured."""

from dataclasses import replace
from datetime import datetime

from bench.archive import Archive, ArchiveError
from bench.spec import RunSpec
from bench.zones import HOUR, HOUR_S
from controller.planner import InlinePlanner, Planner
from drivers.api import PriceSeries
from mpc.answer import rule_request
from mpc.plan import PlanRequest, PlanResult

FORESEEN_H = 96
"""Hours of prices known from now on: more than a plan looks ahead."""


class ForeseenPrices(Archive):
    """The archive of somebody who knows the coming days' prices before the auction."""

    def prices_at(self, now: datetime) -> PriceSeries:
        """The prices from this hour on, as far as there is data."""
        prices = self.zone.spot_per_kwh
        first = (now - prices.starts_at) // HOUR
        return PriceSeries(
            issued_at=now,
            starts_at=prices.starts_at + first * HOUR,
            step_s=HOUR_S,
            per_kwh=prices.per_kwh[first : first + FORESEEN_H],
            currency=self.zone.currency,
            source=self.zone.price_source,
        )


class UnknownPrices(Archive):
    """The archive of a house without a price source: every plan is made with a flat price."""

    def prices_at(self, now: datetime) -> PriceSeries:
        """Never anything."""
        raise ArchiveError(f"nobody tells prices at {now.isoformat()}")


class Rule:
    """A planner that follows a rule where the controller usually optimises."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def solve(self, request: PlanRequest) -> PlanResult:
        """The plan of the rule; what it cannot plan is not solved."""
        return rule_request(self._name, request)

    def close(self) -> None:
        return None


class Relaxed(InlinePlanner):
    """The optimisation without its whole decisions: faster, for long spans."""

    async def solve(self, request: PlanRequest) -> PlanResult:
        """Solve with shares of runs in every step."""
        return await super().solve(replace(request, search=replace(request.search, refine=False)))


def planner_of(spec: RunSpec) -> Planner | None:
    """Who plans in this run; None: nobody, the pump keeps its own curve."""
    if spec.strategy == "heating-curve":
        return None
    if spec.strategy == "mpc":
        return InlinePlanner() if spec.refine else Relaxed()
    return Rule(spec.strategy)
