"""[tariff.hold]: keep the running metered interval under the peak that is paid for. Pure.

Nothing has a friendly default: a knob that nobody has measured does not qualify.
"""

from pydantic import Field

from controller.config_values import Duration, Section


class PeakHold(Section):
    """Hold the pump back within seconds; left out: only plans know the charges on power."""

    latency_s: Duration | None = Field(
        None,
        alias="latency",
        description="measured: from a write of the power limit to the first change of power",
    )
    ramp_frac_per_s: float | None = Field(
        None, gt=0, description="measured: share of the pump's full power a second, going down"
    )
