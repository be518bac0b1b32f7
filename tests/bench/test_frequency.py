"""The frequency benchmark: a few sequences, its logs and its page."""

import pytest

from bench.frequency import write_log
from bench.frequency_boundary import boundary_rows, reason_rows
from bench.frequency_house import CAPACITY_W, Cost, activation_cost
from bench.frequency_page import SineRow, page
from bench.frequency_pump import Actuator, prepare
from bench.frequency_tests import SEQUENCE_TESTS, run_test
from mpc.prequalify import SineFit, passed

BY_NAME = {test.name: test for test in SEQUENCE_TESTS}
PROMPT = Actuator(latency_s=1, ramp_frac_per_s=None)
SLOW = Actuator(latency_s=20, ramp_frac_per_s=0.05)


@pytest.fixture(scope="module")
def ready():
    return prepare()


def test_promised_capacity_lies_inside_the_pump_s_limits(ready):
    headroom = ready.headroom
    assert headroom.least_w <= headroom.baseline_w - ready.capacity_w + 10.0
    assert headroom.baseline_w + ready.capacity_w <= headroom.most_w + 10.0
    assert ready.baseline_w == pytest.approx(headroom.baseline_w, rel=0.02)


def test_a_slow_actuator_never_does_better_in_the_fast_ramp(ready):
    test = BY_NAME["FCR-D up, fast ramp"]
    prompt, _ = run_test(ready, test, PROMPT)
    slow, _ = run_test(ready, test, SLOW)
    for one, other in zip(prompt.criteria[1:3], slow.criteria[1:3], strict=True):
        assert one.value > other.value
    assert prompt.criteria[1].passed
    assert not passed(slow.criteria)


def test_the_compressor_is_never_stopped_by_an_activation(ready):
    outcome, run = run_test(ready, BY_NAME["FCR-D up, static ramp"], PROMPT)
    assert outcome.stops == 0
    assert all(row.setpoint_w >= ready.headroom.least_w for row in run.rows)


def test_every_run_is_kept_as_the_operators_want_it(ready, tmp_path):
    outcome, run = run_test(ready, BY_NAME["FCR-N, steps"], PROMPT)
    write_log(tmp_path, outcome, run)
    (file,) = tmp_path.iterdir()
    lines = file.read_bytes().split(b"\r\n")
    assert len(lines) == len(run.rows) + 2
    baselines = {line.split(b",")[5] for line in lines[1:-1]}
    assert len(baselines) == 1


def test_page_shows_failures_as_plainly_as_passes(ready):
    outcomes = [
        run_test(ready, BY_NAME[name], actuator)[0]
        for name in ("FCR-N, steps", "FCR-D up, fast ramp")
        for actuator in (PROMPT, SLOW)
    ]
    cost = Cost(
        house="timber1972", outdoor_c=2.0, baseline_w=900.0, held_frac=1.0, stops=0, colder_k=0.5,
        back_h=None, spared_kwh=1.0, returned_kwh=1.2, highest_more_w=400.0,
    )  # fmt: skip
    sine = SineRow(1, 60.0, SineFit(gain_frac=0.5, delay_s=12.0))
    text = page(ready, outcomes, [sine], [cost], boundary=[{"test": "a", "0 s": "5 %"}])
    assert "| a | 5 % |" in text
    assert "| timber1972 | 2.00 | 900 | 100 | 0 | 0.50 | – | 1.00 | 1.20 | 400 |" in text
    assert "| FCR-D up, dynamic | 2 | 0 | – | none |" in text
    assert "3 of 4 fail" in text
    assert "| 60.00 | 0.50 | 12.00 |" in text


def test_a_pump_that_follows_exactly_shows_the_boundary_of_each_test():
    names = ("FCR-D up, fast ramp", "Continental FCR, step to 49.8 Hz")
    rows = boundary_rows((0, 5, 30), [BY_NAME[name] for name in names])
    ramps = {row.pop("test"): row for row in rows}
    assert ramps["Continental FCR, step to 49.8 Hz"]["30 s"] == "–"
    for row in ramps.values():  # a later actuator never needs less of a ramp
        shares = [float("inf") if text == "–" else float(text.split()[0]) for text in row.values()]
        assert shares == sorted(shares)


def test_what_fails_is_the_chains_or_the_pumps(ready):
    outcomes = [
        run_test(ready, BY_NAME[f"FCR-D up, {name}"], PROMPT)[0]
        for name in ("static ramp", "fast ramp")
    ]
    found = {(row["test"], row["criterion"]): row["fails by"] for row in reason_rows(outcomes)}
    assert found == {
        ("FCR-D up, static ramp", "start (s)"): "the chain",
        ("FCR-D up, fast ramp", "excess on return (s)"): "the pump",
    }


def test_an_activation_in_a_slow_house_is_hardly_felt_and_its_energy_is_spared():
    cost = activation_cost("slab2004", -7.0)
    assert cost.stops == 0
    assert cost.held_frac == pytest.approx(1.0, abs=0.05)
    assert cost.spared_kwh == pytest.approx(2.0 * CAPACITY_W / 1000.0, abs=0.1)
    assert 0.0 < cost.colder_k < 0.2
