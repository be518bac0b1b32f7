"""How good a first guess of the heat loss is, over British homes with heat meters.

151 homes of HeatpumpMonitor.org with a heat meter, a year of data and a heat loss read off measured
days (data/metered_homes.csv; CC BY 4.0, HeatpumpMonitor.org, anonymous). Their degree days are not
known: those of the country stand in, as for an owner who gives none. Prints the table of the page
how-to/use-your-energy-bill.
"""

import csv
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from mpc.bill import Bill, Fuel, billed_loss
from mpc.building import Building, EmitterKind, MassClass, archetype
from mpc.climate import DEGREE_DAYS, DEGREE_DAYS_LOG_STD
from mpc.prior import LossBelief, combined, typical_loss

YEARS = {
    "Pre-1900": 1890,
    "1900 to 1939": 1930,
    "1940 to 1982": 1965,
    "1983 to 2011": 1997,
    "2012 or newer": 2015,
}
"""A year inside each class."""


@dataclass(frozen=True, slots=True)
class MeteredHome:
    """A home as its owner would describe it, its year of heat, and its measured loss."""

    building: Building
    heat_kwh: float
    loss_w_per_k: float

    @property
    def billed(self) -> LossBelief:
        """What the year's heat says."""
        bill = Bill(
            fuel=Fuel.DISTRICT_HEAT_KWH,
            amount=self.heat_kwh,
            degree_days=DEGREE_DAYS["Europe/London"],
            degree_days_log_std=DEGREE_DAYS_LOG_STD,
        )
        return billed_loss(bill, self.building).loss


@dataclass(frozen=True, slots=True)
class Quality:
    """Of guesses over homes: logarithms of measured over guessed loss."""

    bias: float
    spread: float
    said_spread: float  # what the guesses themselves say
    covered_frac: float  # measured losses inside the range of eight in ten


@cache
def metered_homes() -> tuple[MeteredHome, ...]:
    """All homes, in the order of the file."""
    text = resources.files("bench").joinpath("data", "metered_homes.csv").read_text("utf-8")
    return tuple(
        MeteredHome(
            building=archetype(
                year=YEARS[row["built"]],
                area_m2=float(row["area_m2"]),
                mass=MassClass.MEDIUM,
                emitter=EmitterKind.RADIATOR,
            ),
            heat_kwh=float(row["heat_kwh"]),
            loss_w_per_k=float(row["loss_w_per_k"]),
        )
        for row in csv.DictReader(text.splitlines())
    )


GUESSES: dict[str, Callable[[MeteredHome], LossBelief]] = {
    "year and area": lambda home: typical_loss(home.building),
    "a year's heat": lambda home: home.billed,
    "both": lambda home: combined(typical_loss(home.building), home.billed),
}


def quality(homes: Sequence[MeteredHome], guess: Callable[[MeteredHome], LossBelief]) -> Quality:
    """How far the guesses are off, and whether they know it."""
    guesses = [guess(home) for home in homes]
    pairs = list(zip(homes, guesses, strict=True))
    logs = [math.log(home.loss_w_per_k / found.w_per_k) for home, found in pairs]
    inside = [
        found.range_w_per_k[0] < home.loss_w_per_k < found.range_w_per_k[1] for home, found in pairs
    ]
    return Quality(
        bias=statistics.fmean(logs),
        spread=statistics.stdev(logs),
        said_spread=statistics.fmean(found.log_std for found in guesses),
        covered_frac=statistics.fmean(inside),
    )


def table() -> str:
    """The page's table."""
    homes = metered_homes()
    lines = [
        f"| guess from ({len(homes)} homes) | measured over guessed | spread | it says of itself "
        "| inside its range |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, guess in GUESSES.items():
        found = quality(homes, guess)
        lines.append(
            f"| {name} | {math.exp(found.bias):.2f} | {found.spread:.2f} "
            f"| {found.said_spread:.2f} | {found.covered_frac:.0%} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
