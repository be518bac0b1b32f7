"""What the identification benchmark found, as a page."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bench.identify_fits import FitFound
from bench.identify_houses import HELD_OUT_DAYS, TRAINED_DAYS, UNKNOWN_W
from bench.identify_measured import remarks
from bench.identify_score import LEADS_H, OURS, START_EVERY_H, best_opponent
from bench.mpc_process import Footprint
from bench.tables import Cell, Row, markdown_table

MEDIAN_K, P90_K = 0.3, 0.5
COVERED_FRAC = (0.75, 0.85)
FIT_S, FIT_MB = 60.0, 300.0
BIAS_K = 0.1
KINDS = ("light", "heavy", "floor")


def page(
    houses: Sequence[FitFound],
    records: Sequence[FitFound],
    fits: Mapping[str, Footprint],
    *,
    absent: Sequence[str],
    command: str,
) -> str:
    """The whole page."""
    spent_s = [house.fit_cpu_s for house in houses]
    return f"""# House models learned from records

What `mpc.identify` learns from {TRAINED_DAYS} days, judged on the {HELD_OUT_DAYS} days after them:
{len(houses)} simulated houses and every measured one. The simulated ones are those of the simulator
with their physics drawn over wide ranges (losses, capacities, windows and where they face, leakage,
emitters, people, sensors); with two zones, a two-layer envelope, airing, blinds and emitters that
are not linear they have another structure than any fitted model. They stand in real weather on
their own heating curve, half of them set back at night; recorded is what the service would see: the
pump's meter, a room sensor that reports changes of a tenth of a kelvin, an outdoor sensor that is a
little off, the sun of the forecast.

Free runs: every {START_EVERY_H} hours the state is taken from what was known by then; from there on
heat and weather are as recorded and the room is predicted. Errors are against what the room sensor
read. *Persistence* says the room stays as it is; *ARX* is linear in past rooms, heat, outdoor
temperature and sun, with strides and lags chosen by validation; *1R1C* has one resistance and one
capacity. All are fitted to the same days. Nothing is left out because it went badly. Reproduce with
`{command}`.

## Targets

{markdown_table(_targets(houses, records, fits))}
## Simulated houses: error of free runs

RMSE in K of each house's predictions at a lead: median and 90th percentile over the houses.

{markdown_table(_errors(houses))}
By class, 24 h ahead (light: below 100 Wh/K per m² of floor):

{markdown_table(_by_kind(houses))}
Against the best of the three opponents, chosen afresh for every house and lead:

{markdown_table(_against(houses))}
## Bands

The 80 % band of a prediction, over all hours up to 24: how many readings it holds, and its interval
score (width plus ten times what lies outside; low is good) beside two bands around the same
prediction: one of constant width, and one whose width grows with the lead. Both are as wide as
would have held 80 % of the last week of training.

{markdown_table(_bands(houses))}
Coverage by lead:

{markdown_table(_coverage(houses))}
## A heat nobody knows of

From the first held-out day on the living room gains or loses {UNKNOWN_W:.0f} W more. Room minus
what was predicted 24 h before, mean over the fourth to seventh day, without its sign:

{markdown_table(_unknown(houses))}
## What is learned of the house

Learned over true heat loss coefficient, and the structures that validation chose:

{markdown_table(_losses(houses))}
{markdown_table(_orders(houses))}
## Accepted or not

{markdown_table(_accepted(houses))}
{_reasons(houses)}## Bad records

The same records with something wrong in them. *Named*: the report names this fault, or another that
the same numbers could mean; *adopted*: the fit was accepted.

{markdown_table(_faults(houses))}
## Measured houses

{markdown_table(_measured(records))}
The same for bands, and what the fit said:

{markdown_table(_measured_bands(records))}
{markdown_table(_said(records))}
What the others can say:

{markdown_table([{"record": r.name, "lacks": r.lacks, "says": r.says} for r in remarks()])}
{_absent(absent)}## A nightly fit

Thirty measured days at a quarter of an hour, all structures, in a fresh process on one thread; the
time is what the processor worked, start of Python included.

{markdown_table(_fits(fits))}
The fits of {TRAINED_DAYS} days of the simulated houses took {_quantile(spent_s, 0.5):.1f} s in the
median and {max(spent_s):.1f} s at most.
"""


def _quantile(values: Sequence[float], share: float) -> float:
    return float(np.quantile(np.array(values, dtype=np.float64), share))


def _rmse_k(houses: Sequence[FitFound], who: str, lead: int) -> list[float]:
    return [h.scores["rmse_k"][who][lead] for h in houses if h.scores is not None]


def _figures(houses: Sequence[FitFound], name: str) -> list[float]:
    return [h.scores[name] for h in houses if h.scores is not None]


def _target(what: str, target: str, found: str, met: bool) -> Row:
    return {"what": what, "target": target, "found": found, "met": "yes" if met else "**no**"}


def _targets(
    houses: Sequence[FitFound], records: Sequence[FitFound], fits: Mapping[str, Footprint]
) -> list[Row]:
    day = _rmse_k(houses, OURS, -1)
    median_k, p90_k = _quantile(day, 0.5), _quantile(day, 0.9)
    covered = float(np.mean(_figures(houses, "covered_frac")))
    ours, constant = (
        float(np.mean(_figures(houses, name))) for name in ("score_k", "constant_score_k")
    )
    measured = [r for r in records if r.kind == "measured" and r.scores is not None]
    worse = [r.name for r in measured if any(not _holds(r, lead) for lead in (-2, -1))]
    faults = [fault for h in houses for fault in h.faults]
    named, adopted = sum(f["named"] for f in faults), sum(f["adopted"] for f in faults)
    bias = [abs(h.unknown_bias_k) for h in houses if h.unknown_bias_k is not None]
    within = sum(value <= BIAS_K for value in bias)
    peak_mb, cpu_s = (
        max((getattr(f, n) for f in fits.values()), default=np.nan) for n in ("peak_mb", "cpu_s")
    )
    low, high = COVERED_FRAC
    return [
        _target("simulated houses", "≥ 200", f"{len(houses)}", len(houses) >= 200),
        _target("24 h RMSE, median", f"≤ {MEDIAN_K} K", f"{median_k:.2f} K", median_k <= MEDIAN_K),
        _target("24 h RMSE, 90th percentile", f"≤ {P90_K} K", f"{p90_k:.2f} K", p90_k <= P90_K),
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
        _target(
            f"bias with {UNKNOWN_W:.0f} W unknown, days 4–7",
            f"≤ {BIAS_K} K",
            f"{within} of {len(bias)} houses, worst {max(bias, default=np.nan):.2f} K",
            within == len(bias),
        ),
    ]


def _holds(found: FitFound, lead: int) -> bool:
    """Not worse than the best opponent, to the hundredth of a kelvin."""
    if found.scores is None:
        return False
    rmse = found.scores["rmse_k"]
    return bool(round(rmse[OURS][lead], 2) <= round(best_opponent(rmse, lead)[1], 2))


def _errors(houses: Sequence[FitFound]) -> list[Row]:
    rows: list[Row] = []
    for who in _who(houses):
        row: dict[str, Cell] = {"": who}
        for i, lead in enumerate(LEADS_H):
            found = _rmse_k(houses, who, i)
            row[f"{lead} h median"] = _quantile(found, 0.5)
            row[f"{lead} h 90 %"] = _quantile(found, 0.9)
        rows.append(row)
    return rows


def _who(houses: Sequence[FitFound]) -> list[str]:
    return list(
        dict.fromkeys(w for h in houses if h.scores is not None for w in h.scores["rmse_k"])
    )


def _by_kind(houses: Sequence[FitFound]) -> list[Row]:
    rows: list[Row] = []
    for kind in KINDS:
        some = [h for h in houses if h.kind == kind]
        if not some:
            continue
        row: dict[str, Cell] = {"class": kind, "houses": len(some)}
        for who in _who(houses):
            found = _rmse_k(some, who, -1)
            row[f"{who} median"] = _quantile(found, 0.5)
            row[f"{who} 90 %"] = _quantile(found, 0.9)
        rows.append(row)
    return rows


def _against(houses: Sequence[FitFound]) -> list[Row]:
    rows: list[Row] = []
    for i, lead in enumerate(LEADS_H):
        best = [best_opponent(h.scores["rmse_k"], i)[1] for h in houses if h.scores is not None]
        ours = _rmse_k(houses, OURS, i)
        ratio = [o / b for o, b in zip(ours, best, strict=True)]
        rows.append(
            {
                "lead h": lead,
                "houses in which ours is better": sum(r < 1.0 for r in ratio),
                "of": len(ratio),
                "ours over best, median": _quantile(ratio, 0.5),
                "ours over best, 90 %": _quantile(ratio, 0.9),
            }
        )
    return rows


def _bands(houses: Sequence[FitFound]) -> list[Row]:
    rows: list[Row] = []
    for kind in (*KINDS, "all"):
        some = [h for h in houses if kind in ("all", h.kind)]
        if not _figures(some, "score_k"):
            continue
        scores = {
            name: float(np.mean(_figures(some, name)))
            for name in ("score_k", "constant_score_k", "growing_score_k")
        }
        covered = _figures(some, "covered_frac")
        rows.append(
            {
                "class": kind,
                "houses": len(some),
                "covered %": 100.0 * float(np.mean(covered)),
                "… by the constant band %": 100.0
                * float(np.mean(_figures(some, "constant_covered_frac"))),
                "houses between 75 and 85 %": sum(
                    COVERED_FRAC[0] <= c <= COVERED_FRAC[1] for c in covered
                ),
                "score K": scores["score_k"],
                "constant K": scores["constant_score_k"],
                "growing K": scores["growing_score_k"],
            }
        )
    return rows


def _coverage(houses: Sequence[FitFound]) -> list[Row]:
    found = np.array(_figures(houses, "covered_at_frac")).reshape(-1, len(LEADS_H))
    return [
        {"lead h": lead, "covered %": 100.0 * float(found[:, i].mean())}
        for i, lead in enumerate(LEADS_H)
    ]


def _unknown(houses: Sequence[FitFound]) -> list[Row]:
    rows: list[Row] = []
    for kind in (*KINDS, "all"):
        bias = [
            abs(h.unknown_bias_k)
            for h in houses
            if h.unknown_bias_k is not None and kind in ("all", h.kind)
        ]
        if bias:
            rows.append(
                {
                    "class": kind,
                    "houses": len(bias),
                    "median K": _quantile(bias, 0.5),
                    "90 % K": _quantile(bias, 0.9),
                    "largest K": max(bias),
                    f"within {BIAS_K} K": sum(b <= BIAS_K for b in bias),
                }
            )
    return rows


def _losses(houses: Sequence[FitFound]) -> list[Row]:
    rows: list[Row] = []
    for kind in KINDS:
        ratio = [h.loss_ratio for h in houses if h.kind == kind and h.loss_ratio is not None]
        if ratio:
            rows.append(
                {
                    "class": kind,
                    **{
                        name: _quantile(ratio, share)
                        for name, share in (("10 %", 0.1), ("median", 0.5), ("90 %", 0.9))
                    },
                }
            )
    return rows


def _counted(houses: Sequence[FitFound], of: Callable[[FitFound], str], name: str) -> list[Row]:
    counts = Counter(of(h) for h in houses)
    return [{name: key, "houses": number} for key, number in sorted(counts.items())]


def _orders(houses: Sequence[FitFound]) -> list[Row]:
    return _counted(houses, lambda h: h.order, "structure")


def _accepted(houses: Sequence[FitFound]) -> list[Row]:
    return _counted(houses, lambda h: "yes" if h.accepted else "no", "accepted")


def _reasons(houses: Sequence[FitFound]) -> str:
    refused = [h for h in houses if not h.accepted]
    if not refused:
        return ""
    lines = [f"- house {h.name} ({h.kind}, {h.words}): {'; '.join(h.reasons)}" for h in refused]
    return "Not accepted although nothing was spoiled:\n\n" + "\n".join(lines) + "\n\n"


def _faults(houses: Sequence[FitFound]) -> list[Row]:
    rows: dict[str, dict[str, int]] = {}
    for fault in (fault for h in houses for fault in h.faults):
        row = rows.setdefault(fault["words"], {"records": 0, "named": 0, "adopted": 0})
        row["records"] += 1
        row["named"] += int(fault["named"])
        row["adopted"] += int(fault["adopted"])
    return [{"fault": words, **row} for words, row in rows.items()]


def _measured(records: Sequence[FitFound]) -> list[Row]:
    """Errors of every predictor at every lead."""
    rows: list[Row] = []
    for found in records:
        if found.scores is None:
            continue
        for who, rmse in found.scores["rmse_k"].items():
            row: dict[str, Cell] = {"record": found.name, "": who}
            row |= {f"{lead} h K": k for lead, k in zip(LEADS_H, rmse, strict=True)}
            rows.append(row)
    return rows


def _measured_bands(records: Sequence[FitFound]) -> list[Row]:
    return [
        {
            "record": found.name,
            "predictions": found.scores["starts"],
            "covered %": 100.0 * found.scores["covered_frac"],
            "score K": found.scores["score_k"],
            "constant K": found.scores["constant_score_k"],
            "growing K": found.scores["growing_score_k"],
        }
        for found in records
        if found.scores is not None
    ]


def _said(records: Sequence[FitFound]) -> list[Row]:
    return [
        {
            "record": found.name,
            "what it is": found.words,
            "structure": found.order,
            "accepted": "yes" if found.accepted else "no",
            "reasons": "; ".join(found.reasons),
        }
        for found in records
    ]


def _fits(fits: Mapping[str, Footprint]) -> list[Row]:
    return [
        {"record": name, "processor s": fit.cpu_s, "peak MB": fit.peak_mb}
        for name, fit in fits.items()
    ]


def _absent(names: Sequence[str]) -> str:
    return f"Not there, so not judged: {', '.join(names)}.\n\n" if names else ""
