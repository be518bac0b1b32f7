"""Two runs side by side, at equal mean room temperature and with the heat left counted. Pure."""

from dataclasses import asdict, dataclass
from typing import Any

from bench.truth import TrueKpis


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Our run as it would have cost had it kept the opponent's mean room temperature.

    Each kelvin of difference counts with what it costs this house in these days (measured by
    shifting its heating curve), each kWh of heat more or less left in the house at the opponent's
    mean cost of heat.
    """

    cost_at_equal_mean: float
    spot_cost_at_equal_mean: float
    saved_frac: float  # of the whole bill
    spot_saved_frac: float  # of its spot part
    warmer_k: float  # our mean room temperature minus the opponent's
    heat_left_more_kwh: float
    cost_per_k: float
    spot_cost_per_k: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def compare(opponent: TrueKpis, ours: TrueKpis, per_k: tuple[float, float]) -> Comparison:
    """`per_k`: what a kelvin of mean room temperature costs, as (whole bill, spot part)."""
    warmer_k = ours.mean_room_temp_c - opponent.mean_room_temp_c
    more_kwh = ours.heat_left_kwh - opponent.heat_left_kwh
    heat_kwh = opponent.electricity_kwh * opponent.spf
    cost = ours.cost - per_k[0] * warmer_k - more_kwh * opponent.cost / heat_kwh
    spot = ours.spot_cost - per_k[1] * warmer_k - more_kwh * opponent.spot_cost / heat_kwh
    return Comparison(
        cost_at_equal_mean=cost,
        spot_cost_at_equal_mean=spot,
        saved_frac=1.0 - cost / opponent.cost,
        spot_saved_frac=1.0 - spot / opponent.spot_cost,
        warmer_k=warmer_k,
        heat_left_more_kwh=more_kwh,
        cost_per_k=per_k[0],
        spot_cost_per_k=per_k[1],
    )
