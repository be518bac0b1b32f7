"""Comparison days: local days, drawn beforehand, on which the pump is left to itself. Pure."""

import random
from datetime import date, datetime

from controller.config import HouseConfig

COMPARISON = "a comparison day: the pump keeps its own control"


def compares(at: datetime, config: HouseConfig) -> bool:
    """Whether the pump is left to itself now, because the local day was drawn for comparison."""
    section = config.savings
    return section.comparison_days and is_comparison_day(
        at.astimezone(config.zone).date(), one_in=section.one_in, seed=section.seed
    )


def is_comparison_day(day: date, *, one_in: int, seed: int) -> bool:
    """Whether this day was drawn: one of every `one_in`.

    Days are cut into blocks of `one_in`; in each block one is drawn. The draw depends on the seed
    and the block alone, so that nobody can choose the days by the weather.
    """
    block, place = divmod(day.toordinal(), one_in)
    return random.Random(f"{seed}:{block}").randrange(one_in) == place
