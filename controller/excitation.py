"""Small planned moves of the wanted temperature, from which more is learned of the house. Pure.

A house held at one temperature shows its loss but little of its storage. A square wave of the
wanted temperature moves heat on purpose: up or down for a slot, in blocks of as many ups as downs,
shuffled. Blocks are no whole number of days, so that moves are not mistaken for what the sun and
the people do every day.
"""

import random
from datetime import datetime, timedelta

from controller.config_comfort import Comfort

SLOT = timedelta(hours=4)
"""Long enough for a floor to follow, short enough for the air to be told from the mass."""

SLOTS = 8
"""Of a block: 32 hours, half of them up."""


def is_up(at: datetime) -> bool:
    """Whether the slot of this instant is an upward one; the same for ever, whoever asks."""
    slot = int(at.timestamp() // SLOT.total_seconds())
    block, place = divmod(slot, SLOTS)
    signs = [True] * (SLOTS // 2) + [False] * (SLOTS // 2)
    random.Random(block).shuffle(signs)
    return signs[place]


def moved(room_c: float, comfort: Comfort, at: datetime) -> tuple[float, float]:
    """Wanted temperature and band of this instant.

    The band is narrower by the move, so that it never leaves the one that was asked for.
    """
    move_k = comfort.excitation_k
    return room_c + (move_k if is_up(at) else -move_k), comfort.band_k - move_k
