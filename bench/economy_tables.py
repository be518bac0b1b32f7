"""Outcomes of the economy benchmark side by side: who saved what, where, and which targets are met.

Pure.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.economy_bills import SPOT, TARIFFS, TOLD
from bench.economy_cases import Arm, Place
from bench.economy_equal import ENERGY, Line, Money, cost, paid, yardstick
from bench.economy_figures import Figures
from bench.economy_runs import Outcome
from bench.tables import Row

KINDS = (SPOT, *TARIFFS, ENERGY)
SPOT_GOAL_FRAC = 0.12
CLEARLY_FRAC = 0.03
FORESIGHT_GOAL_FRAC = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A run beside the tuned curve in the same weather, at the run's own mean room temperature."""

    arm: Arm
    place: Place
    ours: Figures
    curve: Figures  # the tuned curve itself
    ours_cost: Mapping[str, float]  # by kind; heat left credited
    curve_cost: Mapping[str, float]  # what the curve would have cost at our mean
    ours_paid_per_kwh: float  # spot, mean over what was used
    curve_paid_per_kwh: float
    scatter_frac: float  # of the curve's spot cost about its line

    def saved_frac(self, kind: str) -> float:
        """Share of the curve's cost that this run saves."""
        return 1.0 - self.ours_cost[kind] / self.curve_cost[kind]


def judge(outcomes: Iterable[Outcome], money_of: Callable[[Place], Money]) -> list[Judged]:
    """Every run of a place whose tuned curve and at least one parallel were run, in order."""
    runs = list(outcomes)
    judged = []
    for place in dict.fromkeys(run.case.place for run in runs):
        here = [run for run in runs if run.case.place == place]
        curves = [run for run in here if run.case.arm is Arm.CURVE]
        curves.sort(key=lambda run: abs(run.case.shift_k))
        if len(curves) < 2 or curves[0].case.shift_k != 0.0:
            continue
        money, figures = money_of(place), [run.figures for run in curves]
        lines = {kind: yardstick(figures, money, kind) for kind in KINDS}
        judged += [
            _judged(run, figures[0], lines, money) for run in here if run.case.arm is not Arm.CURVE
        ]
    return judged


def _judged(run: Outcome, curve: Figures, lines: Mapping[str, Line], money: Money) -> Judged:
    ours = run.figures
    return Judged(
        arm=run.case.arm,
        place=run.case.place,
        ours=ours,
        curve=curve,
        ours_cost={kind: cost(ours, money, kind, spf=curve.spf) for kind in KINDS},
        curve_cost={kind: lines[kind].at(ours.mean_room_c) for kind in KINDS},
        ours_paid_per_kwh=paid(ours, money, SPOT) / ours.electricity_kwh,
        curve_paid_per_kwh=paid(curve, money, SPOT) / curve.electricity_kwh,
        scatter_frac=lines[SPOT].scatter_frac,
    )


def saved_of_all_frac(runs: Sequence[Judged], kind: str) -> float:
    """Share saved of all their money together: a dear week counts more than a cheap one."""
    return 1.0 - sum(r.ours_cost[kind] for r in runs) / sum(r.curve_cost[kind] for r in runs)


def summary(runs: Sequence[Judged]) -> Row:
    """Some runs together."""
    return {
        "runs": len(runs),
        "spot saved %": 100.0 * saved_of_all_frac(runs, SPOT),
        "mean of runs %": 100.0 * fmean(r.saved_frac(SPOT) for r in runs),
        **{f"bill, {name} %": 100.0 * saved_of_all_frac(runs, name) for name in TARIFFS},
        "kWh saved %": 100.0 * saved_of_all_frac(runs, ENERGY),
        "price per kWh lower %": 100.0 * (1.0 - _per_kwh(runs)),
        "lost runs": sum(r.saved_frac(TOLD) < 0.0 for r in runs),
        "room": fmean(r.ours.mean_room_c for r in runs),
        "K·h outside": fmean(r.ours.outside_kh for r in runs),
        "K·h cold water": fmean(r.ours.cold_water_kh for r in runs),
        "starts": fmean(r.ours.starts for r in runs),
        "peak kW": fmean(r.ours.peak_kw for r in runs),
        "SPF": sum(r.ours.heat_kwh for r in runs) / sum(r.ours.electricity_kwh for r in runs),
    }


def _per_kwh(runs: Sequence[Judged]) -> float:
    """Our mean price of a used kWh over the curve's, weighted with the curve's use."""
    weights = [r.curve.electricity_kwh for r in runs]
    ours = sum(r.ours_paid_per_kwh * w for r, w in zip(runs, weights, strict=True))
    return ours / sum(r.curve_paid_per_kwh * w for r, w in zip(runs, weights, strict=True))


def curve_row(runs: Sequence[Judged]) -> Row:
    """The tuned curve in the same places, for the same columns."""
    curves = [r.curve for r in runs]
    return {
        "who": Arm.CURVE.value,
        "runs": len(curves),
        "room": fmean(c.mean_room_c for c in curves),
        "K·h outside": fmean(c.outside_kh for c in curves),
        "K·h cold water": fmean(c.cold_water_kh for c in curves),
        "starts": fmean(c.starts for c in curves),
        "peak kW": fmean(c.peak_kw for c in curves),
        "SPF": sum(c.heat_kwh for c in curves) / sum(c.electricity_kwh for c in curves),
    }


def of(judged: Iterable[Judged], arm: Arm) -> list[Judged]:
    """The runs of one arm."""
    return [run for run in judged if run.arm is arm]


def common(judged: Sequence[Judged], arm: Arm) -> tuple[list[Judged], list[Judged]]:
    """Our runs and theirs in the places where both ran."""
    ours = {run.place: run for run in of(judged, Arm.OURS)}
    theirs = [run for run in of(judged, arm) if run.place in ours]
    return [ours[run.place] for run in theirs], theirs


def opponents(judged: Sequence[Judged]) -> list[Row]:
    """Who saves what; heatherd on all its runs and beside each opponent on the shared ones."""
    ours = of(judged, Arm.OURS)
    if not ours:
        return []
    rows: list[Row] = [curve_row(ours), {"who": Arm.OURS.value, **summary(ours)}]
    for arm in (Arm.RELAXED, Arm.ROOMS, Arm.BLIND, Arm.LED, Arm.FORESIGHT, Arm.REFERENCE):
        mine, theirs = common(judged, arm)
        if theirs:
            rows.append({"who": arm.value, **summary(theirs)})
            rows.append({"who": f"{Arm.OURS.value}, same runs", **summary(mine)})
    return rows


def grouped(runs: Sequence[Judged], name: str, key: Callable[[Judged], str]) -> list[Row]:
    """A summary per house, zone or week."""
    groups = sorted({key(run) for run in runs})
    return [{name: group, **summary([r for r in runs if key(r) == group])} for group in groups]


def run_row(run: Judged) -> Row:
    """One run beside the curve."""
    return {
        "who": run.arm.value,
        "house": run.place.house,
        "zone": run.place.zone,
        "from": run.place.first_day,
        "spot, curve": run.curve_cost[SPOT],
        "spot, run": run.ours_cost[SPOT],
        "spot saved %": 100.0 * run.saved_frac(SPOT),
        "± %": 100.0 * run.scatter_frac,
        **{f"bill, {name} %": 100.0 * run.saved_frac(name) for name in TARIFFS},
        "kWh saved %": 100.0 * run.saved_frac(ENERGY),
        "room curve": run.curve.mean_room_c,
        "room": run.ours.mean_room_c,
        "K·h outside curve": run.curve.outside_kh,
        "K·h outside": run.ours.outside_kh,
        "starts curve": run.curve.starts,
        "starts": run.ours.starts,
        "peak kW curve": run.curve.peak_kw,
        "peak kW": run.ours.peak_kw,
        "SPF curve": run.curve.spf,
        "SPF": run.ours.spf,
        "heat left kWh": run.ours.heat_left_kwh - run.curve.heat_left_kwh,
    }


def targets(judged: Sequence[Judged]) -> list[Row]:
    """What was promised, what came of it."""
    ours = of(judged, Arm.OURS)
    if not ours:
        return []
    spot, mean = saved_of_all_frac(ours, SPOT), fmean(r.saved_frac(SPOT) for r in ours)
    by_house = {
        house: [r for r in ours if r.place.house == house]
        for house in {r.place.house for r in ours}
    }
    house_spot = {house: saved_of_all_frac(runs, SPOT) for house, runs in by_house.items()}
    house_bill = {house: saved_of_all_frac(runs, TOLD) for house, runs in by_house.items()}
    least, worst = (min(d, key=d.__getitem__) for d in (house_spot, house_bill))
    starts = sum(r.ours.starts for r in ours), sum(r.curve.starts for r in ours)
    outside = sum(r.ours.outside_kh for r in ours), sum(r.curve.outside_kh for r in ours)
    cold = sum(r.ours.cold_water_kh for r in ours), sum(r.curve.cold_water_kh for r in ours)
    rows = [
        _target(
            f"spot part saved, mean of the runs ≥ {SPOT_GOAL_FRAC:.0%}",
            f"{mean:.1%}",
            mean >= SPOT_GOAL_FRAC,
        ),
        _target(
            f"the same of all their money together ≥ {SPOT_GOAL_FRAC:.0%}",
            f"{spot:.1%}",
            spot >= SPOT_GOAL_FRAC,
        ),
        _target(
            f"the same in every house, ≥ {SPOT_GOAL_FRAC:.0%}",
            f"least {house_spot[least]:.1%} ({least})",
            house_spot[least] >= SPOT_GOAL_FRAC,
        ),
        _target(
            "no house worse than its curve (whole bill)",
            f"worst {house_bill[worst]:+.1%} ({worst})",
            house_bill[worst] >= 0.0,
        ),
        _target("no more starts than the curve", f"{starts[0]} / {starts[1]}", _least(starts)),
        _target(
            "no more K·h outside the band", f"{outside[0]:.0f} / {outside[1]:.0f}", _least(outside)
        ),
        _target("no more K·h of cold water", f"{cold[0]:.0f} / {cold[1]:.0f}", _least(cold)),
    ]
    mine, blind = common(judged, Arm.BLIND)
    if blind:
        more = saved_of_all_frac(mine, SPOT) - saved_of_all_frac(blind, SPOT)
        goal = f"spot saved more than price-blind by {100.0 * CLEARLY_FRAC:.0f} points"
        rows.append(_target(goal, f"{100.0 * more:+.1f} points", more >= CLEARLY_FRAC))
    mine, perfect = common(judged, Arm.FORESIGHT)
    if perfect:
        kept, best = (1.0 - saved_of_all_frac(runs, TOLD) for runs in (mine, perfect))
        goal = f"bill within {FORESIGHT_GOAL_FRAC:.0%} of perfect forecasts"
        more = kept / best - 1.0
        rows.append(_target(goal, f"{more:+.1%}", more <= FORESIGHT_GOAL_FRAC))
    return rows


def _least(both: tuple[float, float]) -> bool:
    return both[0] <= both[1]


def _target(goal: str, found: str, met: bool) -> Row:
    return {"target": goal, "found": found, "met": "yes" if met else "no"}
