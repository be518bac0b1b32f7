"""A belief as it stands in a record: lists of numbers. Pure."""

from dataclasses import astuple, replace
from datetime import datetime
from typing import Any

from controller.estimate import Belief
from controller.innovations import Innovations
from controller.room_sensor import RoomSensor
from mpc.estimator import PASSING_STD_W
from mpc.plan import Estimate


def belief_out(belief: Belief) -> list[object]:
    """All but its time, which is the record's."""
    return [
        *estimate_out(belief.estimate), belief.balance_kh,
        belief.emitter_gain_frac, belief.water_w_per_k, belief.heating_share_frac,
        belief.known_for_s, belief.lowest_frac, list(astuple(belief.room)),
        list(astuple(belief.innovations)),
        *([] if belief.second_room is None else [list(astuple(belief.second_room))]),
    ]  # fmt: skip


def estimate_out(e: Estimate) -> list[object]:
    """All but its time."""
    heats_w = [e.disturbance_w, e.passing_w, *([] if e.second_w is None else [e.second_w])]
    return [list(e.state_c), heats_w, list(e.covariance)]


def estimate_in(raw: list[Any], at: datetime) -> Estimate:
    """Back from `estimate_out`; raises one of `controller.records.UNREADABLE` for another."""
    lasting_w, passing_w, *second = raw[1]
    return Estimate(
        at=at,
        state_c=tuple(raw[0]),
        disturbance_w=lasting_w,
        passing_w=passing_w,
        second_w=second[0] if second else None,
        covariance=tuple(raw[2]),
    )


def belief_in(raw: list[Any], at: datetime) -> Belief:
    """Back from `belief_out`."""
    learned = Belief(estimate_in(raw, at), *raw[3:9])
    return replace(
        learned,
        room=_sensor_in(raw[9]),
        innovations=Innovations(*raw[10]),
        second_room=_sensor_in(raw[11]) if len(raw) > 11 else None,
    )


def _sensor_in(raw: list[Any]) -> RoomSensor:
    value_c, unchanged_s, unused_s, step_k, free, low_c, high_c, frozen = raw
    return RoomSensor(
        value_c, unchanged_s, unused_s, step_k, tuple(free), low_c, high_c, frozen=frozen
    )


def earlier_belief_in(raw: list[Any], at: datetime) -> Belief:
    """Of the earlier version: what plans counted on is what lasts, the rest of its heat passes.

    The covariance was a whole matrix over temperatures and one heat.
    """
    usual_w, rows = raw[7], len(raw[0]) + 1
    upper = [[*raw[2][k * rows + k : (k + 1) * rows], 0.0] for k in range(rows)]
    estimate = Estimate(
        at=at,
        state_c=tuple(raw[0]),
        disturbance_w=usual_w,
        passing_w=raw[1] - usual_w,
        covariance=(*(value for row in upper for value in row), PASSING_STD_W**2),
    )
    return Belief(estimate, *raw[3:7], *raw[8:10])
