"""The planner's question for one look at a house, as the loop asks it at its first cycle."""

from controller.config import HouseConfig
from controller.estimate import first_belief
from controller.experience import Experience
from controller.forecasts import Known
from controller.guard import Memory
from controller.model import house_model
from controller.request import plan_request
from controller.snapshot import Snapshot
from controller.wishes import Target
from mpc.plan import PlanRequest


def first_request(
    snapshot: Snapshot,
    config: HouseConfig,
    *,
    known: Known | None = None,
    experience: Experience | None = None,
    whole: bool = False,
) -> PlanRequest:
    """With the wanted room at 21 ± 1 °C; where nothing is told, nothing is known."""
    model = house_model(config)
    return plan_request(
        snapshot,
        known=known or Known(),
        belief=first_belief(snapshot, model, None),
        target_at=lambda _: Target(21.0, 1.0, "configured"),
        model=model,
        config=config,
        memory=Memory(),
        experience=experience or Experience(),
        whole=whole,
    )
