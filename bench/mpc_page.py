"""What the planner's benchmark found, as a page."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from bench.mpc_measure import RAW_SEARCH_EVERY, Measured
from bench.mpc_models import identified_houses
from bench.mpc_process import Footprint
from bench.tables import Cell, Row, markdown_table
from mpc.plan import Search

Footprints = Mapping[str, Sequence[Footprint]]
"""By kind of process."""

RATIO_TARGET, RESOLVE_P95_MS = 1.6, 300.0
REFINE_MEDIAN_MS, REFINE_P95_MS = 1000.0, 5000.0
PEAK_MB = 160.0
LIMIT_MS = 1000.0 * Search().time_limit_s
FIRST_SOLVER_FRAC = 0.995
SPLIT = ("numbers", "canonicalisation", "solver", "replay")


def page(found: Sequence[Measured], footprints: Footprints, command: str) -> str:
    """The whole page."""
    return f"""# The planner over {len(found)} houses

Random houses: identified models of Dutch homes, certified heat pumps sized to them, example
tariffs, real prices and weather at random hours of the heating season and of summer, changes of
summer time included. Every house has hot water with deadlines, a back-up heater, PV or other loads,
a power limit, a start budget and minimum times; some have a buffer, a reserve, a disinfection, an
announced reduction. Nine tanks in ten are planned in whole charges, as the service asks for it, one
with the charges left to the solver. Horizon 48 h in steps of 15 min. Each house asks twice: for a
whole plan, and, a little later, for a relaxed one with another state, other prices and other
weather. Times are CPU times on one thread: on a machine that does nothing else they are what the
clock shows. Reproduce with
`{command}`.

## Targets

{markdown_table(_targets(found, footprints))}
## A relaxed plan again

From question to checked answer, the problem's structure compiled before. A plan takes one to three
passes, each with the power curves at the temperatures found before; *raw* is the sum over the
matrices of the same passes, solved as the solver's documentation shows it. The ratio is taken house
by house.

{markdown_table(_resolve(found))}
The parts of it:

{markdown_table(_split(found))}
## The first hours whole

Refinement stops at 1 % of what the plan's own electricity costs. HiGHS' own search, to the same gap
on the same matrices (at most 10 s by the clock), is run for every {RAW_SEARCH_EVERY}th house. The
gap to the relaxed optimum is no measure of the search: whole decisions cost something. A plan that
buys hardly anything has large gaps, because they are shares of what it buys.

{markdown_table(_refinement(found))}
{markdown_table(_gaps(found))}
## Reliability

Where the charges chosen beforehand do not fit beside everything else, the problem has no solution,
and *raw HiGHS* says so of its matrices (*Infeasible*). Such charges are left to the solver: times
are those of both problems, and whether the first solver was enough is asked of the second.

{markdown_table(_reliability(found))}
{_reasons(found)}## Memory and cold start

A fresh process that imports the planner and makes one whole plan, beside fresh processes that
import only the solver (and what it needs) and solve the same matrices, which somebody else made.

{markdown_table(_footprints(footprints))}
## The houses

{markdown_table(_models())}
{markdown_table(_drawn(found))}"""


def _q(values: Iterable[float], frac: float) -> float:
    listed = list(values)
    return float(np.quantile(listed, frac)) if listed else float("nan")


def _solved(found: Sequence[Measured]) -> list[Measured]:
    return [m for m in found if not m.failed]


def _ratio(m: Measured) -> float:
    return m.resolve_ms / m.raw_clarabel_ms


def _refined(found: Sequence[Measured]) -> list[Measured]:
    return [m for m in found if m.refine_status]


def _targets(found: Sequence[Measured], footprints: Footprints) -> list[Row]:
    plans = 2 * len(found)
    failed_first = sum(bool(m.first_failed) for m in found)
    failed = sum(len(m.failed) for m in found)
    broke = sum(len(m.broke) for m in found)
    solved, refined = _solved(found), _refined(found)
    ratio = _q(map(_ratio, solved), 0.5)
    resolve = _q((m.resolve_ms for m in solved), 0.95)
    refine_median = _q((m.refine_ms for m in refined), 0.5)
    refine_p95 = _q((m.refine_ms for m in refined), 0.95)
    first = 1.0 - failed_first / len(found)
    peak = max((f.peak_mb for f in footprints.get("planner", ())), default=float("nan"))

    def row(what: str, target: str, value: str, met: bool) -> Row:
        return {"what": what, "target": target, "found": value, "met": "yes" if met else "no"}

    median_s, p95_s = refine_median / 1000.0, refine_p95 / 1000.0

    return [
        row("relaxed plan over raw Clarabel, median", f"≤ {RATIO_TARGET:g}", f"{ratio:.2f}",
            ratio <= RATIO_TARGET),
        row("relaxed plan, p95", f"≤ {RESOLVE_P95_MS:g} ms", f"{resolve:.0f} ms",
            resolve <= RESOLVE_P95_MS),
        row("refinement, median", f"≤ {REFINE_MEDIAN_MS / 1000:g} s", f"{median_s:.2f} s",
            refine_median <= REFINE_MEDIAN_MS),
        row("refinement, p95", f"≤ {REFINE_P95_MS / 1000:g} s", f"{p95_s:.2f} s",
            refine_p95 <= REFINE_P95_MS),
        row("planner process, peak", f"≤ {PEAK_MB:g} MB", f"{peak:.0f} MB", peak <= PEAK_MB),
        row("houses the first solver was enough for", f"≥ {FIRST_SOLVER_FRAC:.1%}",
            f"{first:.2%}", first >= FIRST_SOLVER_FRAC),
        row("questions answered with a plan", "all", f"{plans - failed} of {plans}", not failed),
        row("accepted plans that break a hard constraint", "none", str(broke), not broke),
    ]  # fmt: skip


def _spread(what: str, values: Iterable[float]) -> Row:
    listed = list(values)
    quantiles = {"median": 0.5, "p95": 0.95, "largest": 1.0}
    return {
        "": what,
        "houses": len(listed),
        **{name: _q(listed, frac) for name, frac in quantiles.items()},
    }


def _resolve(found: Sequence[Measured]) -> list[Row]:
    solved = _solved(found)
    return [
        _spread("over raw Clarabel", map(_ratio, solved)),
        _spread("over raw HiGHS", (m.resolve_ms / m.raw_highs_ms for m in solved)),
        _spread("relaxed plan, ms", (m.resolve_ms for m in solved)),
        _spread("raw Clarabel, ms", (m.raw_clarabel_ms for m in solved)),
        _spread("raw HiGHS, ms", (m.raw_highs_ms for m in solved)),
        _spread("passes", (float(m.passes) for m in solved)),
        _spread("compiling a new structure, ms", (m.compile_ms for m in found)),
    ]


def _split(found: Sequence[Measured]) -> list[Row]:
    solved = _solved(found)
    rows: list[Row] = []
    for part in SPLIT:
        values = [m.split_ms.get(part, 0.0) for m in solved]
        share = sum(values) / max(sum(m.resolve_ms for m in solved), 1e-9)
        rows.append({**_spread(f"{part}, ms", values), "share of all %": 100.0 * share})
    return rows


def _refinement(found: Sequence[Measured]) -> list[Row]:
    beside = [m for m in found if m.raw_search_ms is not None]
    return [
        _spread("refinement, ms", (m.refine_ms for m in _refined(found))),
        _spread("… of the houses below, ms", (m.refine_ms for m in beside)),
        _spread("HiGHS' own search, ms", (m.raw_search_ms or 0.0 for m in beside)),
    ]


def _gaps(found: Sequence[Measured]) -> list[Row]:
    proven = [100.0 * m.refined_gap_frac for m in found if m.refined_gap_frac is not None]
    relaxed = [100.0 * m.relaxed_gap_frac for m in found if m.relaxed_gap_frac is not None]
    return [
        _spread("gap to the proven bound, %", proven),
        _spread("gap to the relaxed optimum, %", relaxed),
    ]


def _reliability(found: Sequence[Measured]) -> list[Row]:
    said = Counter(m.refine_status or "no relaxed plan" for m in found)
    rows: list[Row] = [
        {"what": "houses", "number": len(found)},
        {"what": "questions without a plan", "number": sum(len(m.failed) for m in found)},
        {
            "what": "houses in which the first solver was not enough",
            "number": sum(bool(m.first_failed) for m in found),
        },
        {
            "what": "houses in which raw HiGHS did not find the optimum",
            "number": sum(bool(m.raw_highs_said) for m in found),
        },
        {
            "what": "relaxed plans in place of refined ones",
            "number": sum(bool(m.unrefined) for m in found),
        },
        {
            "what": f"refinements of more than the {LIMIT_MS / 1000:g} s they have in operation",
            "number": sum(m.refine_ms > LIMIT_MS for m in found),
        },
        {"what": "hard constraints broken", "number": sum(len(m.broke) for m in found)},
    ]
    rows += [{"what": f"refinement: {status}", "number": n} for status, n in said.most_common()]
    return rows


def _reasons(found: Sequence[Measured]) -> str:
    """Each failure with its reason."""
    rows: list[Row] = []
    for m in found:
        for what, reasons in (
            ("no plan", m.failed),
            ("first solver", m.first_failed),
            ("raw HiGHS", [m.raw_highs_said] if m.raw_highs_said else []),
            ("not refined", [m.unrefined] if m.unrefined else []),
            ("broke", m.broke),
        ):
            rows += [
                {"house": m.number, "model": m.model, "tariff": m.tariff, "parts": m.parts or None,
                 "what": what, "reason": reason}
                for reason in dict.fromkeys(reasons)
            ]  # fmt: skip
    return f"Each of these:\n\n{markdown_table(rows)}\n" if rows else ""


def _footprints(footprints: Footprints) -> list[Row]:
    return [
        {
            "process": kind,
            "processes": len(all_),
            "peak MB, median": round(_q((f.peak_mb for f in all_), 0.5), 1),
            "peak MB, largest": round(_q((f.peak_mb for f in all_), 1.0), 1),
            "CPU s from start to answer, median": round(_q((f.cpu_s for f in all_), 0.5), 2),
        }
        for kind, all_ in footprints.items()
    ]


def _models() -> list[Row]:
    models = identified_houses()
    moved = Counter(name for model in models for name in model.repaired)
    rows: list[Row] = [
        {"identified models": "all, none left out", "number": len(models)},
        {
            "identified models": "brought to a loss that houses have, all parameters alike",
            "number": sum(model.scaled for model in models),
        },
        {
            "identified models": "with a quantity moved to the edge of what is possible",
            "number": sum(bool(model.repaired) for model in models),
        },
    ]
    return rows + [
        {"identified models": f"… {name}", "number": number} for name, number in moved.most_common()
    ]


def _drawn(found: Sequence[Measured]) -> list[Row]:
    def counted(of: Callable[[Measured], Iterable[str]]) -> Mapping[str, int]:
        return Counter(name for m in found for name in of(m))

    rows: list[Row] = []
    for of in (lambda m: [m.tariff], lambda m: m.parts.split(", ") if m.parts else []):
        for name, number in sorted(counted(of).items()):
            those = [m for m in _solved(found) if name in (m.tariff, *m.parts.split(", "))]
            ratio: Cell = round(_q(map(_ratio, those), 0.5), 2) if those else None
            refine: Cell = round(_q((m.refine_ms for m in those), 0.5)) if those else None
            late: Cell = round(_q((m.refine_ms for m in those), 0.95)) if those else None
            rows.append(
                {
                    "houses with": name,
                    "number": number,
                    "relaxed plan over raw Clarabel": ratio,
                    "refinement ms, median": refine,
                    "p95": late,
                }
            )
    return rows
