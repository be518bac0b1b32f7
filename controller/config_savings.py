"""The section [savings]: days on which the pump keeps its own control, for comparison. Pure."""

from pydantic import Field

from controller.config_values import Section


class SavingsSection(Section):
    """How a saving is measured."""

    comparison_days: bool = Field(
        False, description="now and then, on days drawn beforehand, leave the pump to itself"
    )
    one_in: int = Field(4, ge=2, le=28, description="one comparison day in so many")
    seed: int = Field(1, ge=0, description="another number draws other days")
