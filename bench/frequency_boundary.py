"""Where the boundary of each test lies, and why the emulated pump is beyond it.

The same chain and the same judges with a pump that draws exactly what its limit says: what then
still fails is the chain's, and the rest is the pump's. For every latency the slowest ramp that
passes is sought by halving: a slower ramp never passes where a faster one fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.frequency_pump import Actuator, Ready
from bench.frequency_tests import SEQUENCE_TESTS, Outcome, SequenceTest, run_test
from bench.tables import Row
from mpc.prequalify import Criterion, passed
from mpc.reserve import Headroom

LATENCIES_S = (0, 1, 2, 3, 5, 8, 12, 20, 30, 60)
RAMPS_FRAC_PER_S = (1.0, 0.5, 0.33, 0.25, 0.2, 0.15, 0.12, 0.1, 0.07, 0.05, 0.04, 0.03, 0.02, 0.01)
CAPACITY_W, BASELINE_W = 500.0, 2000.0


@dataclass(slots=True)
class _Control:
    """What the chain asks of a pump's control."""

    starts: int = 0
    running: bool = True


@dataclass(slots=True)
class ExactPump:
    """Draws its limit, the second it has it."""

    power_w: float = BASELINE_W
    limit_w: float = BASELINE_W
    firmware: _Control = field(default_factory=_Control)

    def limit(self, power_w: float | None) -> None:
        """What it is to draw."""
        self.limit_w = self.power_w if power_w is None else power_w

    def step(self) -> None:
        """One second."""
        self.power_w = self.limit_w


def exact() -> Ready:
    """In the middle of a range that leaves room for the promise on both sides."""
    room = Headroom(
        baseline_w=BASELINE_W, least_w=BASELINE_W - CAPACITY_W, most_w=BASELINE_W + CAPACITY_W
    )
    return Ready(ExactPump(), BASELINE_W, room, CAPACITY_W)


def slowest_ramp(ready: Ready, test: SequenceTest, latency_s: int) -> float | None:
    """Share of the capacity a second; None: not even the fastest tried passes."""
    fits, fails = -1, len(RAMPS_FRAC_PER_S)
    while fails - fits > 1:
        middle = (fits + fails) // 2
        actuator = Actuator(latency_s=latency_s, ramp_frac_per_s=RAMPS_FRAC_PER_S[middle])
        outcome, _ = run_test(ready, test, actuator)
        if passed(outcome.criteria):
            fits = middle
        else:
            fails = middle
    return RAMPS_FRAC_PER_S[fits] if fits >= 0 else None


def boundary_rows(
    latencies_s: Sequence[int] = LATENCIES_S, tests: Sequence[SequenceTest] = SEQUENCE_TESTS
) -> list[Row]:
    """For every test the slowest ramp that passes, by latency."""
    ready = exact()
    return [
        {"test": test.name}
        | {f"{late_s} s": _share(slowest_ramp(ready, test, late_s)) for late_s in latencies_s}
        for test in tests
    ]


def _share(ramp_frac_per_s: float | None) -> str:
    return "–" if ramp_frac_per_s is None else f"{100.0 * ramp_frac_per_s:g} %"


def reason_rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """Every criterion that the emulated pump fails with the quickest actuator, and whose it is.

    Beside it what a pump that follows exactly makes of the same actuator.
    """
    quickest = min(outcome.actuator.latency_s for outcome in outcomes)
    ready, rows = exact(), list[Row]()
    for outcome in outcomes:
        actuator = outcome.actuator
        if actuator.latency_s != quickest or actuator.ramp_frac_per_s is not None:
            continue
        exactly, _ = run_test(ready, outcome.test, actuator)
        rows += [
            {
                "test": outcome.test.name,
                "criterion": criterion.name,
                "allowed": _allowed(criterion),
                "emulated pump": f"{criterion.value:.2f}",
                "a pump that follows exactly": f"{best.value:.2f}",
                "fails by": "the chain" if not best.passed else "the pump",
            }
            for criterion, best in zip(outcome.criteria, exactly.criteria, strict=True)
            if not criterion.passed
        ]
    return rows


def _allowed(criterion: Criterion) -> str:
    if criterion.low is not None and criterion.high is not None:
        return f"{criterion.low:g} to {criterion.high:g}"
    if criterion.low is not None:
        return f"at least {criterion.low:g}"
    return f"at most {criterion.high:g}"
