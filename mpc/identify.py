"""Grey-box identification: from measurements to a house model with shown uncertainty."""

from mpc.house_data import HouseData
from mpc.identify_model import Identified, Order, Prediction, Prior

ORDERS = tuple(Order)


def identify(data: HouseData, prior: Prior, *, orders: tuple[Order, ...] = ORDERS) -> Identified:
    """The house model these measurements and this prior belief make most probable."""
    raise NotImplementedError


def unlearned(prior: Prior) -> Identified:
    """The prior as if it had been identified: the model in force before any data."""
    raise NotImplementedError


def free_run(found: Identified, data: HouseData, start: int, hours: float) -> Prediction:
    """The room from step `start` of the data on, known until there; inputs known all the way.

    The state is filtered from the data before `start` and the reading at it. Element i of the
    prediction is to be compared with `data.room_c[start + 1 + i]`.
    """
    raise NotImplementedError
