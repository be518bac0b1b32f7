"""Knobs and sources that are fast enough, and the words for those that are not."""

from dataclasses import replace

import pytest

from controller.qualify import (
    UNSUITABLE,
    Duty,
    FrequencySource,
    Response,
    knob_refusals,
    source_refusals,
)
from drivers.api import Capability, Knob, WriteClass
from drivers.profile import load_profile

LIMIT = Knob(
    capability=Capability.POWER_LIMIT, point="limit", minimum=0.0, maximum=5000.0, resolution=10.0,
    write_class=WriteClass.VOLATILE,
)  # fmt: skip
PROMPT = Response(latency_s=1.0, ramp_frac_per_s=0.25)
GOOD = FrequencySource(resolution_hz=0.001, noise_hz=0.002, delay_s=0.5)


def refusals(duty=Duty.FCR_D_UP, knob=LIMIT, response=PROMPT, capacity_w=800.0):
    return knob_refusals(duty, knob, response, capacity_w=capacity_w)


@pytest.mark.parametrize("duty", list(Duty))
def test_a_prompt_volatile_power_limit_qualifies_for_everything(duty):
    assert refusals(duty) == ()


@pytest.mark.parametrize("duty", list(Duty))
def test_stored_registers_relays_and_set_points_are_refused_for_every_duty(duty):
    stored = refusals(duty, replace(LIMIT, write_class=WriteClass.PERSISTENT))
    assert stored == ("it is stored in a memory that wears",)
    for capability in UNSUITABLE:
        assert refusals(duty, replace(LIMIT, capability=capability)) == (UNSUITABLE[capability],)


def test_what_nobody_has_measured_does_not_qualify():
    assert refusals(response=Response()) == ("its latency and ramp have not been measured",)
    assert refusals(response=replace(PROMPT, ramp_frac_per_s=0.0)) == ("its ramp is not above 0",)
    share = replace(LIMIT, capability=Capability.COMPRESSOR_LIMIT, resolution=0.01)
    assert refusals(knob=share) == ("what a step of it is in power has not been measured",)
    assert refusals(knob=share, response=replace(PROMPT, w_per_unit=2500.0)) == ()


@pytest.mark.parametrize(
    ("duty", "latency_s", "ramp_frac_per_s", "ok"),
    [
        (Duty.FCR_D_UP, 2.0, 0.2, False),
        (Duty.FCR_D_UP, 2.0, 0.5, True),
        (Duty.FCR_D_UP, 3.0, 1.0, False),
        (Duty.FCR_D_UP, 2.0, 0.1, False),
        (Duty.FCR, 2.0, 0.1, True),
        (Duty.FCR, 2.0, 0.02, False),
        (Duty.FCR_N, 2.0, 0.02, True),
        (Duty.PEAK, 20.0, 0.05, True),
        (Duty.PEAK, 50.0, 0.05, False),
    ],
)
def test_latency_and_ramp_decide_by_duty(duty, latency_s, ramp_frac_per_s, ok):
    response = Response(latency_s=latency_s, ramp_frac_per_s=ramp_frac_per_s)
    assert (refusals(duty, response=response) == ()) is ok


def test_the_profile_s_own_latency_counts_when_it_is_longer_than_the_measured():
    assert refusals(knob=replace(LIMIT, latency_s=30.0)) == (
        "it starts after 30 s, 2.5 s are allowed",
        "it is complete after 34 s, 5 s are allowed",
    )


def test_a_knob_that_rests_or_is_coarse_or_in_parts_is_refused():
    rests = refusals(knob=replace(LIMIT, minimum_interval_s=300.0))
    assert rests == ("it may be written every 300 s, every 1 s is needed",)
    assert refusals(knob=replace(LIMIT, in_steps=True)) == (
        "it is written by several requests and shows anything between them",
    )
    coarse = replace(LIMIT, resolution=200.0)
    assert refusals(knob=coarse) == ("800 W are 4 of its steps, 7 are needed",)
    assert refusals(Duty.PEAK, coarse) == ()


def test_of_the_shipped_pumps_only_power_limits_could_serve():
    knobs = [
        knob
        for name in ("generic_modbus", "heishamon", "nibe_s", "shelly_sg_ready", "weishaupt_wem")
        for knob in load_profile(name).knobs.values()
    ]
    fit = {knob.capability for knob in knobs if not refusals(knob=knob)}
    assert fit == {Capability.POWER_LIMIT}


def test_a_meter_that_shows_tenths_of_a_hertz_is_refused():
    meter = FrequencySource(resolution_hz=0.1, noise_hz=None, delay_s=2.0)
    assert source_refusals(meter) == (
        "its resolution is 0.1 Hz, 0.005 Hz are allowed",
        "its error is not stated",
        "its delay is 2 s, 1 s are allowed",
    )
    assert source_refusals(GOOD) == ()
