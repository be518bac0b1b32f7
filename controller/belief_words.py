"""What is believed of the house, for people: in notes of a cycle and in the status. Pure."""

from typing import Any

from controller.estimate import Belief
from mpc.estimator import NOTABLE_W


def belief_notes(belief: Belief) -> tuple[str, ...]:
    """What stands out now; empty on most days."""
    notes = []
    sensor, passing_w = belief.room, belief.estimate.passing_w
    if sensor.frozen:
        hours = sensor.unchanged_s / 3600.0
        notes.append(
            f"room sensor frozen: {sensor.value_c:g} °C for {hours:.0f} h, while the house must"
            " have moved; planned without it"
        )
    if passing_w < -NOTABLE_W:
        notes.append(f"open window? the rooms lose {-passing_w / 1000.0:.1f} kW unexplained")
    if passing_w > NOTABLE_W:
        notes.append(f"extra heat: the rooms get {passing_w / 1000.0:.1f} kW from elsewhere")
    return tuple(notes)


def believed(belief: Belief) -> dict[str, Any]:
    """The estimate and how good it has been; `spread` should be near 1, `lag1` near 0."""
    estimate, innovations = belief.estimate, belief.innovations
    return {
        "room_c": round(estimate.state_c[0], 2),
        "lasting_w": round(estimate.disturbance_w),
        "passing_w": round(estimate.passing_w),
        "innovations": {
            "readings": round(innovations.count),
            "mean_k": round(innovations.mean_k, 3),
            "spread": round(innovations.spread, 2),
            "lag1": round(innovations.lag1, 2),
        },
        "sensor_step_k": round(belief.room.step_k, 2),
        "sensor_frozen": belief.room.frozen,
    }
