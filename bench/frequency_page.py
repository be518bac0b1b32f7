"""The page of the frequency benchmark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.frequency_boundary import reason_rows
from bench.frequency_house import CAPACITY_W, Cost, cost_rows
from bench.frequency_pump import HOUSE, OUTDOOR_C, Ready
from bench.frequency_tests import Outcome
from bench.tables import Row, markdown_table
from mpc.prequalify import SineFit, passed

OWN_PACE = "the emulated pump's own pace"


@dataclass(frozen=True, slots=True)
class SineRow:
    """One period with one latency."""

    latency_s: int
    period_s: float
    fit: SineFit


def page(
    ready: Ready,
    outcomes: Sequence[Outcome],
    sines: Sequence[SineRow],
    costs: Sequence[Cost],
    *,
    boundary: Sequence[Row],
) -> str:
    """The page for the documentation."""
    ramps = list(dict.fromkeys(outcome.actuator.ramp_frac_per_s for outcome in outcomes))
    middle = ramps[min(2, len(ramps) - 1)]
    return f"""# Frequency response of the emulated pump

Simulated. The sequences of the Nordic prequalification, and a step for the continental product,
pass through the whole chain at one second: a source of 1 mHz that is one second late, the droop,
the pump's limits, a power limit in watts, a latency, a ramp, and the emulated pump of the house
`{HOUSE}` at {OUTDOOR_C:g} °C outdoors. The verdicts are those of `mpc/prequalify.py`. Reproduce
with `python -m bench.frequency --write`; `--logs FOLDER` keeps every run in the operators' format.

One pump offers {ready.capacity_w:.0f} W each way around a baseline of {ready.baseline_w:.0f} W,
fixed before each test. The ramp is a share of that capacity per second; *own pace* is the pump
alone, which unloads at once when its limit falls and loads slowly. No inverter promises that: read
the slower ramps first.

What flatters: the emulated control learns its own watts, so that it holds a limit nearly exactly;
it is mild and nothing frosts; no hot water is asked for; the compressor runs already. What does
not: a log of one second shows a start up to a second late (the operators ask for ten rows a second
in tests of FCR-D). The sine tests are not judged, because the verdict needs the operators' model of
the grid; gain and delay are printed, and FCR-N without that verdict is no product yet. Two hours of
full activation, which a load must sustain, are a matter of the house: they stand at the end. No
test of a real machine stands behind this page.

## Which products pass

A product passes with an actuator when all its tests below do.

{markdown_table(_products(outcomes))}
## Where the boundary lies

The same chain and judges with a pump that draws exactly what its limit says: by latency the slowest
ramp, in shares of the capacity a second, with which a test still passes. A dynamic or a static
product needs all its tests. This is what an actuator has to be; measure yours with
`heatherd measure-knob` ([how](../how-to/measure-the-power-limit.md)).

{markdown_table(boundary)}
### Why the emulated pump does not pass

With the quickest actuator tried and its own pace; beside it the same actuator with the exact pump.
What fails there too is the chain's: the source is one second late, the latency comes on top, and a
row a second shows a start up to one second late. What fails here alone is the pump's: its
compressor loads by a bounded change of speed, so that more power comes slowly, and power that was
spared returns slowly.

{markdown_table(reason_rows(outcomes))}
{"".join(_verdicts(outcomes, ramp) for ramp in ramps)}## Figures at {_ramp_text(middle)}

{"".join(_figures(outcomes, name, middle) for name in _names(outcomes))}## FCR-N, sines

At a ramp of 5 % a second. Gain is the amplitude of the answer over what the droop asks: from
{min(sine.fit.gain_frac for sine in sines):.2f} to {max(sine.fit.gain_frac for sine in sines):.2f},
because the pump loads slowly. Delay is that of the whole chain, less whole periods.

{markdown_table(_sines(sines))}
## Two hours of full activation in a house

What an activation costs and what comes back: {CAPACITY_W:.0f} W less than the half hour before, for
two hours of a night of one temperature, without heatherd: the pump's own control with its tuned
curve decides afterwards, so that the whole rebound is seen. Everything is against a twin that lives
the same night undisturbed, family and hot water included, and is watched for twelve hours more.
Where more than the promise is held, or the twin starts less often, the compressor could not go so
low and stopped, or it cycled already: heatherd does not arm such a pump
([Frequency](../how-to/frequency.md)).

{markdown_table(cost_rows(costs))}"""


def _products(outcomes: Sequence[Outcome]) -> list[Row]:
    """How many of the actuators pass, and the slowest that does."""
    groups: dict[str, dict[tuple[float, int], bool]] = {}
    for outcome in outcomes:
        ramp = outcome.actuator.ramp_frac_per_s or float("inf")
        key = (ramp, outcome.actuator.latency_s)
        for name in outcome.test.counts_for:
            verdicts = groups.setdefault(name, {})
            verdicts[key] = verdicts.get(key, True) and passed(outcome.criteria)
    return [
        {
            "product": name,
            "actuators tried": len(verdicts),
            "that pass": sum(verdicts.values()),
            "longest latency that passes at any ramp (s)": max(
                (latency for (_, latency), ok in verdicts.items() if ok), default=None
            ),
            "slowest ramp that passes at any latency": min(
                ((ramp, _ramp_text(ramp)) for (ramp, _), ok in verdicts.items() if ok),
                default=(0.0, "none"),
            )[1],
        }
        for name, verdicts in groups.items()
    ]


def _names(outcomes: Sequence[Outcome]) -> list[str]:
    return list(dict.fromkeys(outcome.test.name for outcome in outcomes))


def _verdicts(outcomes: Sequence[Outcome], ramp: float | None) -> str:
    rows: list[Row] = []
    for name in _names(outcomes):
        row: dict[str, str] = {"test": name}
        for outcome in outcomes:
            if outcome.test.name == name and outcome.actuator.ramp_frac_per_s == ramp:
                row[f"{outcome.actuator.latency_s} s"] = _verdict(outcome)
        rows.append(row)
    return f"## Verdicts by latency, {_ramp_text(ramp)}\n\n{markdown_table(rows)}\n"


def _verdict(outcome: Outcome) -> str:
    stopped = f", {outcome.stops} stops" if outcome.stops else ""
    if passed(outcome.criteria):
        return f"pass{stopped}"
    failed = sum(not criterion.passed for criterion in outcome.criteria)
    return f"{failed} of {len(outcome.criteria)} fail{stopped}"


def _figures(outcomes: Sequence[Outcome], name: str, ramp: float | None) -> str:
    rows: list[Row] = []
    bounds: list[str] = []
    for outcome in outcomes:
        if outcome.test.name != name or outcome.actuator.ramp_frac_per_s != ramp:
            continue
        rows.append(
            {"latency (s)": outcome.actuator.latency_s}
            | {each.name: _figure(each.value) for each in outcome.criteria}
        )
        bounds = [f"{each.name} {_bounds(each.low, each.high)}" for each in outcome.criteria]
    return f"### {name}\n\nAllowed: {'; '.join(bounds)}.\n\n{markdown_table(rows)}\n"


def _figure(value: float) -> float | None:
    """Two decimals without a negative zero; None for what is no finite number."""
    return round(value, 2) + 0.0 if math.isfinite(value) else None


def _bounds(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    return f"at least {low:g}" if low is not None else f"at most {high:g}"


def _sines(sines: Sequence[SineRow]) -> list[Row]:
    rows: dict[float, dict[str, float]] = {}
    for sine in sines:
        row = rows.setdefault(sine.period_s, {"period (s)": sine.period_s})
        row[f"gain, {sine.latency_s} s"] = sine.fit.gain_frac
        row[f"delay (s), {sine.latency_s} s"] = sine.fit.delay_s
    return list(rows.values())


def _ramp_text(ramp: float | None) -> str:
    if ramp is None or ramp == float("inf"):
        return OWN_PACE
    return f"{100.0 * ramp:g} % of the capacity a second"
