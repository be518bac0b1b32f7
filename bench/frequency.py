"""Benchmark: the Nordic prequalification sequences on the emulated pump, over latency and ramp.

Usage: python -m bench.frequency [--latencies S ...] [--write] [--logs FOLDER]
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.frequency_boundary import boundary_rows
from bench.frequency_house import activation_costs
from bench.frequency_page import SineRow, page
from bench.frequency_pump import Actuator, Run, prepare
from bench.frequency_tests import SEQUENCE_TESTS, Outcome, run_sines, run_test
from controller.frequency_log import LogName, log_text

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "frequency.md"
LATENCIES_S = (1, 2, 5, 10, 20, 30, 60)
RAMPS_FRAC_PER_S = (None, 0.20, 0.05, 0.02)
SINE_RAMP_FRAC_PER_S = 0.05


def write_log(folder: Path, outcome: Outcome, run: Run) -> None:
    """The run as the operators want it."""
    folder.mkdir(parents=True, exist_ok=True)
    actuator = outcome.actuator
    name = LogName(
        resource=f"Emulated-{actuator.latency_s}s-{actuator.ramp_frac_per_s or 'own'}",
        test_type=outcome.test.name.replace(" ", "-"), area="None", timezone="UTC",
        product=outcome.test.product, from_at=run.rows[0].at, to_at=run.rows[-1].at,
    )  # fmt: skip
    (folder / name.text()).write_text(
        log_text(outcome.test.product, run.rows), encoding="ascii", newline=""
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run everything, print the page, and with --write keep it."""
    parser = argparse.ArgumentParser(prog="python -m bench.frequency", description=__doc__)
    parser.add_argument("--latencies", nargs="+", type=int, default=LATENCIES_S)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    parser.add_argument("--logs", type=Path, help="keep the 1 Hz logs in this folder")
    wanted = parser.parse_args(argv)
    ready = prepare()
    outcomes: list[Outcome] = []
    sines: list[SineRow] = []
    for latency_s in wanted.latencies:
        actuator = Actuator(latency_s=latency_s, ramp_frac_per_s=SINE_RAMP_FRAC_PER_S)
        sines += [SineRow(latency_s, *found) for found in run_sines(ready, actuator)]
        for ramp in RAMPS_FRAC_PER_S:
            for test in SEQUENCE_TESTS:
                outcome, run = run_test(ready, test, replace(actuator, ramp_frac_per_s=ramp))
                outcomes.append(outcome)
                if wanted.logs is not None:
                    write_log(wanted.logs, outcome, run)
        sys.stderr.write(f"latency {latency_s} s done\n")
    text = page(ready, outcomes, sines, activation_costs(), boundary=boundary_rows())
    sys.stdout.write(text)
    if wanted.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
