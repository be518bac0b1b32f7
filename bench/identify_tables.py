"""The tables of the identification benchmark's page."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bench.identify_fits import FitFound
from bench.identify_score import LEADS_H, OURS, best_opponent
from bench.mpc_process import Footprint
from bench.tables import Cell, Row

COVERED_FRAC = (0.75, 0.85)
BIAS_K = 0.1
KINDS = ("light", "heavy", "floor")


def quantile(values: Sequence[float], share: float) -> float:
    return float(np.quantile(np.array(values, dtype=np.float64), share))


def rmse_k(houses: Sequence[FitFound], who: str, lead: int) -> list[float]:
    return [h.scores["rmse_k"][who][lead] for h in houses if h.scores is not None]


def figures(houses: Sequence[FitFound], name: str) -> list[float]:
    return [h.scores[name] for h in houses if h.scores is not None]


def errors(houses: Sequence[FitFound]) -> list[Row]:
    rows: list[Row] = []
    for who in predictors(houses):
        row: dict[str, Cell] = {"": who}
        for i, lead in enumerate(LEADS_H):
            found = rmse_k(houses, who, i)
            row[f"{lead} h median"] = quantile(found, 0.5)
            row[f"{lead} h 90 %"] = quantile(found, 0.9)
        rows.append(row)
    return rows


def predictors(houses: Sequence[FitFound]) -> list[str]:
    return list(
        dict.fromkeys(w for h in houses if h.scores is not None for w in h.scores["rmse_k"])
    )


def by_kind(houses: Sequence[FitFound]) -> list[Row]:
    rows: list[Row] = []
    for kind in KINDS:
        some = [h for h in houses if h.kind == kind]
        if not some:
            continue
        row: dict[str, Cell] = {"class": kind, "houses": len(some)}
        for who in predictors(houses):
            found = rmse_k(some, who, -1)
            row[f"{who} median"] = quantile(found, 0.5)
            row[f"{who} 90 %"] = quantile(found, 0.9)
        rows.append(row)
    return rows


def against(houses: Sequence[FitFound]) -> list[Row]:
    rows: list[Row] = []
    for i, lead in enumerate(LEADS_H):
        best = [best_opponent(h.scores["rmse_k"], i)[1] for h in houses if h.scores is not None]
        ours = rmse_k(houses, OURS, i)
        ratio = [o / b for o, b in zip(ours, best, strict=True)]
        rows.append(
            {
                "lead h": lead,
                "houses in which ours is better": sum(r < 1.0 for r in ratio),
                "of": len(ratio),
                "ours over best, median": quantile(ratio, 0.5),
                "ours over best, 90 %": quantile(ratio, 0.9),
            }
        )
    return rows


def bands(houses: Sequence[FitFound]) -> list[Row]:
    rows: list[Row] = []
    for kind in (*KINDS, "all"):
        some = [h for h in houses if kind in ("all", h.kind)]
        if not figures(some, "score_k"):
            continue
        scores = {
            name: float(np.mean(figures(some, name)))
            for name in ("score_k", "constant_score_k", "growing_score_k")
        }
        covered = figures(some, "covered_frac")
        rows.append(
            {
                "class": kind,
                "houses": len(some),
                "covered %": 100.0 * float(np.mean(covered)),
                "… by the constant band %": 100.0
                * float(np.mean(figures(some, "constant_covered_frac"))),
                "houses between 75 and 85 %": sum(
                    COVERED_FRAC[0] <= c <= COVERED_FRAC[1] for c in covered
                ),
                "score K": scores["score_k"],
                "constant K": scores["constant_score_k"],
                "growing K": scores["growing_score_k"],
            }
        )
    return rows


def coverage(houses: Sequence[FitFound]) -> list[Row]:
    found = np.array(figures(houses, "covered_at_frac")).reshape(-1, len(LEADS_H))
    return [
        {"lead h": lead, "covered %": 100.0 * float(found[:, i].mean())}
        for i, lead in enumerate(LEADS_H)
    ]


def unknown(houses: Sequence[FitFound]) -> list[Row]:
    """What the 24 h predictions are off by, and how much of it the unknown heat adds."""
    rows: list[Row] = []
    for kind in (*KINDS, "all"):
        some = [h for h in houses if kind in ("all", h.kind)]
        for words, off_k in (("altogether", biases(some)), ("added", added_biases(some))):
            if off_k:
                rows.append(
                    {
                        "class": kind,
                        "": words,
                        "houses": len(off_k),
                        "median K": quantile(off_k, 0.5),
                        "90 % K": quantile(off_k, 0.9),
                        "largest K": max(off_k),
                        f"within {BIAS_K} K": sum(b <= BIAS_K for b in off_k),
                    }
                )
    return rows


def biases(houses: Sequence[FitFound]) -> list[float]:
    """Without sign, with the unknown heat."""
    return [abs(h.unknown_bias_k) for h in houses if h.unknown_bias_k is not None]


def added_biases(houses: Sequence[FitFound]) -> list[float]:
    """Without sign: with the unknown heat minus without it, in the same weather."""
    return [
        abs(h.unknown_bias_k - h.usual_bias_k)
        for h in houses
        if h.unknown_bias_k is not None and h.usual_bias_k is not None
    ]


def losses(houses: Sequence[FitFound]) -> list[Row]:
    rows: list[Row] = []
    for kind in KINDS:
        ratio = [h.loss_ratio for h in houses if h.kind == kind and h.loss_ratio is not None]
        if ratio:
            rows.append(
                {
                    "class": kind,
                    **{
                        name: quantile(ratio, share)
                        for name, share in (("10 %", 0.1), ("median", 0.5), ("90 %", 0.9))
                    },
                }
            )
    return rows


def _counted(houses: Sequence[FitFound], of: Callable[[FitFound], str], name: str) -> list[Row]:
    counts = Counter(of(h) for h in houses)
    return [{name: key, "houses": number} for key, number in sorted(counts.items())]


def orders(houses: Sequence[FitFound]) -> list[Row]:
    return _counted(houses, lambda h: h.order, "structure")


def accepted(houses: Sequence[FitFound]) -> list[Row]:
    return _counted(houses, lambda h: "yes" if h.accepted else "no", "accepted")


def reasons(houses: Sequence[FitFound]) -> str:
    refused = [h for h in houses if not h.accepted]
    if not refused:
        return ""
    lines = [f"- house {h.name} ({h.kind}, {h.words}): {'; '.join(h.reasons)}" for h in refused]
    return "Not accepted although nothing was spoiled:\n\n" + "\n".join(lines) + "\n\n"


def faults(houses: Sequence[FitFound]) -> list[Row]:
    rows: dict[str, dict[str, int]] = {}
    for fault in (fault for h in houses for fault in h.faults):
        row = rows.setdefault(fault["words"], {"records": 0, "named": 0, "adopted": 0})
        row["records"] += 1
        row["named"] += int(fault["named"])
        row["adopted"] += int(fault["adopted"])
    return [{"fault": words, **row} for words, row in rows.items()]


def measured(records: Sequence[FitFound]) -> list[Row]:
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


def measured_bands(records: Sequence[FitFound]) -> list[Row]:
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


def said(records: Sequence[FitFound]) -> list[Row]:
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


def nightly_fits(fits: Mapping[str, Footprint]) -> list[Row]:
    return [
        {"record": name, "processor s": fit.cpu_s, "peak MB": fit.peak_mb}
        for name, fit in fits.items()
    ]


def absent(names: Sequence[str]) -> str:
    return f"Not there, so not judged: {', '.join(names)}.\n\n" if names else ""
