"""What the identification benchmark found, as a page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bench import identify_tables as tables
from bench.identify_fits import FitFound
from bench.identify_houses import HELD_OUT_DAYS, TRAINED_DAYS, UNKNOWN_W
from bench.identify_measured import remarks
from bench.identify_score import OURS, START_EVERY_H, best_opponent
from bench.mpc_process import Footprint
from bench.tables import Row, markdown_table

MEDIAN_K, P90_K = 0.3, 0.5
FIT_S, FIT_MB = 60.0, 300.0


def page(
    houses: Sequence[FitFound],
    records: Sequence[FitFound],
    fits: Mapping[str, Footprint],
    *,
    absent: Sequence[str],
    command: str,
) -> str:
    """The whole page."""
    sunny = _sunny(houses)
    spent_s = [house.fit_cpu_s for house in houses]
    return f"""# House models learned from records

What `mpc.identify` learns from {TRAINED_DAYS} days, judged on the {HELD_OUT_DAYS} days after them:
{len(houses)} simulated houses and every measured one. The simulated ones are those of the simulator
with their physics drawn over wide ranges (losses, capacities, windows and where they face, leakage,
emitters, people, sensors); with two zones, a two-layer envelope, airing, blinds and emitters that
are not linear they have another structure than any fitted model. They stand in real weather on
their own heating curve, half of them set back at night; recorded is what the service would see: the
pump's meter, a room sensor that reports changes of a tenth of a kelvin, an outdoor sensor that is a
little off. The sun is recorded twice: as the newest forecast told it, which is all that a service
without a sensor knows, and as it shone, which a sensor or a weather station nearby tells.

Free runs: every {START_EVERY_H} hours the state is taken from what was known by then; from there on
heat and weather are as recorded and the room is predicted. Errors are against what the room sensor
read. *Persistence* says the room stays as it is; *ARX* is linear in past rooms, heat, outdoor
temperature and sun, with strides and lags chosen by validation; *1R1C* has one resistance and one
capacity. All are fitted to the same days. The houses' own controls hold the rooms, so that a room
resembles itself a day before: persistence and ARX gain by that, and could not tell what other heat
would do. Nothing is left out because it went badly. Reproduce with
`{command}`.

## Targets

{markdown_table(_targets(houses, records, fits))}
## Simulated houses: error of free runs

RMSE in K of each house's predictions at a lead: median and 90th percentile over the houses. First
with the sun measured, in training and in the free run:

{markdown_table(tables.errors(sunny))}
By class, 24 h ahead (light: below 100 Wh/K per m² of floor):

{markdown_table(tables.by_kind(sunny))}
Against the best of the three opponents, chosen afresh for every house and lead:

{markdown_table(tables.against(sunny))}
The same with the sun of the newest forecast in training and free run, as in all that follows:

{markdown_table(tables.errors(houses))}
{markdown_table(tables.by_kind(houses))}
{markdown_table(tables.against(houses))}
## Bands

The 80 % band of a prediction, over all hours up to 24: how many readings it holds, and its interval
score (width plus ten times what lies outside; low is good) beside two bands around the same
prediction: one of constant width, and one whose width grows with the lead. Both are as wide as
would have held 80 % of the last week of training.

{markdown_table(tables.bands(houses))}
Coverage by lead:

{markdown_table(tables.coverage(houses))}
## A heat nobody knows of

From the first held-out day on the living room gains or loses {UNKNOWN_W:.0f} W more. Room minus
what was predicted 24 h before, mean over the fourth to seventh day, without its sign: altogether,
weather and people included, and what the unknown heat adds to the same days without it:

{markdown_table(tables.unknown(houses))}
## What is learned of the house

Learned over true heat loss coefficient, and the structures that validation chose:

{markdown_table(tables.losses(houses))}
{markdown_table(tables.orders(houses))}
## Accepted or not

{markdown_table(tables.accepted(houses))}
{tables.reasons(houses)}## Bad records

The same records with something wrong in them. *Named*: the report names this fault, or another that
the same numbers could mean; *adopted*: the fit was accepted.

{markdown_table(tables.faults(houses))}
## Measured houses

{markdown_table(tables.measured(records))}
The same for bands, and what the fit said:

{markdown_table(tables.measured_bands(records))}
{markdown_table(tables.said(records))}
What the others can say:

{markdown_table([{"record": r.name, "lacks": r.lacks, "says": r.says} for r in remarks()])}
{tables.absent(absent)}## A nightly fit

Thirty measured days at a quarter of an hour, all structures, in a fresh process on one thread; the
time is what the processor worked, start of Python included.

{markdown_table(tables.nightly_fits(fits))}
The fits of {TRAINED_DAYS} days of the simulated houses took {tables.quantile(spent_s, 0.5):.1f} s
in the median and {max(spent_s):.1f} s at most.
"""


def _target(what: str, target: str, found: str, met: bool) -> Row:
    return {"what": what, "target": target, "found": found, "met": "yes" if met else "**no**"}


def _targets(
    houses: Sequence[FitFound], records: Sequence[FitFound], fits: Mapping[str, Footprint]
) -> list[Row]:
    covered = float(np.mean(tables.figures(houses, "covered_frac")))
    ours, constant = (
        float(np.mean(tables.figures(houses, name))) for name in ("score_k", "constant_score_k")
    )
    measured = [r for r in records if r.kind == "measured" and r.scores is not None]
    worse = [r.name for r in measured if any(not _holds(r, lead) for lead in (-2, -1))]
    faults = [fault for h in houses for fault in h.faults]
    named, adopted = sum(f["named"] for f in faults), sum(f["adopted"] for f in faults)
    peak_mb, cpu_s = (
        max((getattr(f, n) for f in fits.values()), default=np.nan) for n in ("peak_mb", "cpu_s")
    )
    low, high = tables.COVERED_FRAC
    return [
        _target("simulated houses", "≥ 200", f"{len(houses)}", len(houses) >= 200),
        *_day_ahead("sun measured", _sunny(houses)),
        *_day_ahead("sun of the forecast", houses),
        _target(
            "measured houses, 12 and 24 h: not worse than the best opponent",
            "all",
            f"{len(measured) - len(worse)} of {len(measured)}",
            not worse,
        ),
        _target("80 % band covers", "75–85 %", f"{100 * covered:.0f} %", low <= covered <= high),
        _target("interval score, mean", f"< {constant:.2f} K", f"{ours:.2f} K", ours < constant),
        _target("nightly fit, 30 days", f"≤ {FIT_S:.0f} s", f"{cpu_s:.0f} s", cpu_s <= FIT_S),
        _target("… peak memory", f"≤ {FIT_MB:.0f} MB", f"{peak_mb:.0f} MB", peak_mb <= FIT_MB),
        _target("bad records named", "all", f"{named} of {len(faults)}", named == len(faults)),
        _target("bad records adopted", "none", f"{adopted}", adopted == 0),
        _bias(f"bias with {UNKNOWN_W:.0f} W unknown, days 4–7", tables.biases(houses)),
        _bias("… what the unknown heat adds to it", tables.added_biases(houses)),
    ]


def _bias(what: str, off_k: Sequence[float]) -> Row:
    within = sum(value <= tables.BIAS_K for value in off_k)
    found = f"{within} of {len(off_k)} houses, worst {max(off_k, default=np.nan):.2f} K"
    return _target(what, f"≤ {tables.BIAS_K} K", found, within == len(off_k))


def _sunny(houses: Sequence[FitFound]) -> list[FitFound]:
    """The same houses, judged where the sun was measured."""
    return [replace(h, scores=h.sunny_scores) for h in houses if h.sunny_scores is not None]


def _day_ahead(sun: str, houses: Sequence[FitFound]) -> list[Row]:
    day = tables.rmse_k(houses, OURS, -1)
    limits = (("median", 0.5, MEDIAN_K), ("90th percentile", 0.9, P90_K))
    found = [(name, tables.quantile(day, share), most_k) for name, share, most_k in limits]
    return [
        _target(f"24 h RMSE, {name}, {sun}", f"≤ {most_k} K", f"{got_k:.2f} K", got_k <= most_k)
        for name, got_k, most_k in found
    ]


def _holds(found: FitFound, lead: int) -> bool:
    """Not worse than the best opponent, to the hundredth of a kelvin."""
    if found.scores is None:
        return False
    rmse = found.scores["rmse_k"]
    return bool(round(rmse[OURS][lead], 2) <= round(best_opponent(rmse, lead)[1], 2))
