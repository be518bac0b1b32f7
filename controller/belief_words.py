"""What is believed of the house, for people: in notes of a cycle and in the status. Pure."""

from typing import Any

from controller.estimate import Belief
from mpc.estimator import NOTABLE_W

NAMES = ("room sensor", "second room's sensor")


def belief_notes(belief: Belief) -> tuple[str, ...]:
    """What stands out now; empty on most days."""
    notes = []
    passing_w = belief.estimate.passing_w
    for sensor, name in zip(belief.sensors, NAMES, strict=False):
        if sensor.frozen:
            hours = sensor.unchanged_s / 3600.0
            notes.append(
                f"{name} frozen: {sensor.value_c:g} °C for {hours:.0f} h, while the house must"
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
    second = belief.second_room
    told = {} if second is None or estimate.second_w is None else {
        "second_room_c": round(estimate.rooms_c[1], 2),
        "second_lasting_w": round(estimate.second_w),
        "second_sensor_frozen": second.frozen,
    }  # fmt: skip
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
        **told,
    }
