"""The sequences driven through the emulated pump, and what judges each."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bench.frequency_pump import Actuator, Ready, Run, drive
from mpc.arrays import FloatArray
from mpc.prequalify import (
    Criterion,
    ResponseLog,
    SineFit,
    continental_criteria,
    endurance_criteria,
    fast_ramp_criteria,
    linearity_criteria,
    sine_fit,
    static_criteria,
    step_criteria,
)
from mpc.reserve import DROOPS, Product

DATA = Path(__file__).resolve().parent / "data" / "fcr"
N_CHANGES_S = (360.0, 660.0, 960.0, 1260.0)
CONTINENTAL_STEP_S = 60.0
FCR_N = "FCR-N without its sines, whose gain is below: no product yet"


@dataclass(frozen=True, slots=True)
class SequenceTest:
    """A sequence, the product it is for, its judge, and what is not offered when it fails."""

    name: str
    counts_for: tuple[str, ...]
    product: Product
    made: Callable[[], FloatArray]
    judge: Callable[[ResponseLog], list[Criterion]]
    static: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test with one actuator."""

    test: SequenceTest
    actuator: Actuator
    criteria: list[Criterion]
    stops: int


def sequence(name: str) -> FloatArray:
    """Frequency of a shipped sequence, every second."""
    with (DATA / f"{name}.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    at_s, hz = ([float(row[key]) for row in rows] for key in ("t_s", "f_hz"))
    found: FloatArray = np.interp(np.arange(0.0, at_s[-1] + 1.0), at_s, hz)
    return found


def continental_step(to_hz: float) -> FloatArray:
    """A minute at 50 Hz, then full deviation for half an hour: our own sequence."""
    seconds = np.arange(0.0, CONTINENTAL_STEP_S + 1800.0)
    return np.where(seconds > CONTINENTAL_STEP_S, to_hz, 50.0)


def sine(period_s: float, periods: int) -> FloatArray:
    """A minute of rest, then 100 mHz around 50 Hz."""
    seconds = np.arange(0.0, 60.0 + period_s * periods)
    return 50.0 + np.where(
        seconds > 60.0, 0.1 * np.sin(2.0 * np.pi * (seconds - 60.0) / period_s), 0.0
    )


def _fcr_d(way: str) -> tuple[SequenceTest, ...]:
    product, name, start = Product(f"fcr_d_{way}"), f"FCR-D {way}", f"fcrd_{way}_"
    dynamic, static = f"{name}, dynamic", f"{name}, static"
    return (
        SequenceTest(
            f"{name}, linearity",
            (dynamic, static),
            product,
            partial(sequence, start + "linearity"),
            partial(linearity_criteria, droop=DROOPS[product]),
        ),
        SequenceTest(
            f"{name}, fast ramp",
            (dynamic,),
            product,
            partial(sequence, start + "dynamic_fast_ramp"),
            # back inside 49.9 ... 50.1 Hz after 0.9 of the 4.2 s that the return takes
            partial(fast_ramp_criteria, ramp_at_s=690.0, return_at_s=753.78, hold_ends_s=390.0),
        ),
        SequenceTest(
            f"{name}, static ramp",
            (static,),
            product,
            partial(sequence, start + "static_ramp"),
            partial(static_criteria, ramp_at_s=180.0, return_at_s=240.0),
            static=True,
        ),
        SequenceTest(
            f"{name}, static, half an hour",
            (static,),
            product,
            partial(sequence, start + "static_ramp_endurance_ler"),
            partial(endurance_criteria, from_s=240.0, to_s=1980.0),
            static=True,
        ),
    )


SEQUENCE_TESTS = (
    SequenceTest(
        "FCR-N, steps",
        (FCR_N,),
        Product.FCR_N,
        partial(sequence, "fcrn_step"),
        partial(step_criteria, changes_s=N_CHANGES_S),
    ),
    SequenceTest(
        "FCR-N, linearity",
        (FCR_N,),
        Product.FCR_N,
        partial(sequence, "fcrn_linearity"),
        partial(linearity_criteria, droop=DROOPS[Product.FCR_N]),
    ),
    *_fcr_d("up"),
    *_fcr_d("down"),
    *(
        SequenceTest(
            f"Continental FCR, step to {to_hz} Hz",
            ("Continental FCR",),
            Product.FCR,
            partial(continental_step, to_hz),
            partial(continental_criteria, step_at_s=CONTINENTAL_STEP_S),
        )
        for to_hz in (49.8, 50.2)
    ),
)


def run_test(ready: Ready, test: SequenceTest, actuator: Actuator) -> tuple[Outcome, Run]:
    """One test, judged by the production criteria."""
    run = drive(ready, test.made(), actuator, product=test.product, static=test.static)
    return Outcome(test, actuator, test.judge(run.log), run.stops), run


def run_sines(ready: Ready, actuator: Actuator) -> list[tuple[float, SineFit]]:
    """Gain and delay of FCR-N at each period of the program."""
    with (DATA / "fcr_sine_periods.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    droop = DROOPS[Product.FCR_N]
    found: list[tuple[float, SineFit]] = []
    for row in rows:
        period_s, periods = float(row["period_s"]), int(row["stationary_periods"])
        hz = sine(period_s, int(row["recommended_total_periods"]))
        run = drive(ready, hz, actuator, product=Product.FCR_N, static=False)
        found.append((period_s, sine_fit(run.log, droop, period_s=period_s, periods=periods)))
    return found
