"""What is read from /proc, and what the page says of it."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from bench.footprint import Footprint, children, page, used
from bench.written import HOUSE, written_b


def test_a_process_is_read_from_proc_and_one_that_is_gone_is_none() -> None:
    seen = used(os.getpid())
    assert seen is not None
    assert 1.0 < seen.pss_mb < 10_000.0
    assert seen.cpu_s > 0.0
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in children(os.getpid())
        child.communicate(b"\n")
    assert used(child.pid) is None


def test_the_share_of_a_core_counts_cycles_and_plans_at_their_usual_pace() -> None:
    seen = Footprint(
        minutes=10.0, start_s=3.0, start_cpu_s=1.5, first_plan_s=65.0,
        service_mb=80.0, planner_mb=120.0, together_mb=200.0, cycle_cpu_s=0.06,
        plan_cpu_s=1.8, written_mb_per_day=12.0, plans=3,
    )  # fmt: skip
    assert seen.cpu_frac == 0.06 / 60.0 + 1.8 / 900.0
    assert "| share of one core, cycles of 60 s and plans every 15 min | 0.3% |" in page(seen)


@pytest.mark.timeout(120)
def test_an_hour_of_the_service_spares_a_card() -> None:
    spec = replace(HOUSE, days=1.0 / 24.0, control=(("horizon", "12 h"),))  # to save time
    assert 0.1e6 < written_b(spec) < 2.0e6
