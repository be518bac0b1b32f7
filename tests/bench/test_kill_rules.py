"""The guard's rules over the lives of a controller, judged by the plant's truth."""

from collections.abc import Sequence

import pytest
from test_strain import AT, MINUTE, minutes

from bench.kill_rules import (
    Log,
    Rules,
    asked_too_early,
    breaches,
    changed_too_early,
    states_of,
)
from bench.strain import Bearable
from controller.actuation import rest_setting
from controller.guard import Allowed, Refused
from drivers.api import Capability
from drivers.profile import load_profile

FLOW = load_profile("generic_modbus").knobs[Capability.FLOW_SETPOINT]
SG = load_profile("shelly_sg_ready").knobs[Capability.SG_READY]
REST_C = rest_setting(FLOW)
BEARABLE = Bearable(flow_c=61.0, minimum_run_s=600.0, minimum_off_s=600.0, starts_per_hour=6)
RULES = Rules(knob=FLOW, bearable=BEARABLE, sg_hold_s=600.0)
TRUTHS = minutes((True, 20), (False, 15), (True, 15), (False, 20))


def asked(minute: int, flow_c: float) -> list[str]:
    """What is said of one command in that minute."""
    command = (AT + minute * MINUTE, Allowed({Capability.FLOW_SETPOINT: flow_c}))
    return list(asked_too_early([command], TRUTHS, RULES))


def log_of(states: Sequence[tuple[float, int]]) -> Log:
    held = [state for state, count in states for _ in range(count)]
    return [(AT + minute * MINUTE, state) for minute, state in enumerate(held)]


@pytest.mark.parametrize(
    ("minute", "flow_c", "too_early"),
    [
        (5, REST_C, 0),  # running since before the first look: nobody knows for how long
        (21, 40.0, 1),
        (21, REST_C, 0),
        (28, 40.0, 1),
        (30, 40.0, 0),
        (38, REST_C, 1),
        (38, 40.0, 0),
        (46, REST_C, 0),
    ],
)
def test_a_start_and_a_stop_are_too_early_by_the_true_compressor(
    minute: int, flow_c: float, too_early: int
) -> None:
    assert len(asked(minute, flow_c)) == too_early


def test_what_is_refused_or_shifted_asks_for_no_start() -> None:
    refused = [(AT + 21 * MINUTE, Refused(("no room temperature",)))]
    assert list(asked_too_early(refused, TRUTHS, RULES)) == []
    shift = load_profile("nibe_s").knobs[Capability.CURVE_OFFSET]
    shifting = Rules(knob=shift, bearable=BEARABLE, sg_hold_s=600.0)
    shifted = [(AT + 21 * MINUTE, Allowed({Capability.CURVE_OFFSET: 3.0}))]
    assert list(asked_too_early(shifted, TRUTHS, shifting)) == []


def test_a_state_lasts_at_most_from_the_look_before_it() -> None:
    states = states_of(TRUTHS)
    assert states[AT + 20 * MINUTE] == (False, 60.0)
    assert states[AT + 34 * MINUTE] == (False, 900.0)
    assert states[AT + 35 * MINUTE] == (True, 60.0)


@pytest.mark.parametrize(
    ("states", "too_early"),
    [
        ([(2.0, 5), (3.0, 12), (1.0, 12), (2.0, 3)], 0),
        ([(2.0, 5), (3.0, 4), (1.0, 12)], 1),
        ([(2.0, 5), (3.0, 4), (2.0, 12), (3.0, 12)], 0),
        ([(2.0, 5), (3.0, 12), (2.0, 3), (3.0, 12)], 1),
    ],
    ids=["held", "changed after 4 min", "handed back", "taken up again after 3 min"],
)
def test_a_state_of_sg_ready_is_replaced_only_after_its_time(
    states: Sequence[tuple[float, int]], too_early: int
) -> None:
    rules = Rules(knob=SG, bearable=BEARABLE, sg_hold_s=600.0)
    held = log_of(states)
    assert len(list(changed_too_early(held, rules))) == too_early
    assert len(breaches([], TRUTHS, held, rules)) == too_early
    assert list(changed_too_early(held, RULES)) == []


def test_a_plant_beyond_its_limits_is_a_breach_whoever_asked() -> None:
    assert breaches([], TRUTHS, [], RULES) == []
    short = minutes((True, 20), (False, 3), (True, 20), (False, 20))
    assert "the plant broke 1 limits" in breaches([], short, [], RULES)[0]
