"""The page of the economy benchmark, from its outcomes. Pure."""

from collections.abc import Sequence

from bench.economy_bills import AFTER_H, FIXED_SPOT_PER_KWH, TOLD
from bench.economy_cases import PARALLELS_K, SEASON_HOUSES, SETTLE_DAYS, STUDIED_DK1, Arm
from bench.economy_runs import Outcome
from bench.economy_tables import (
    Judged,
    grouped,
    of,
    opponents,
    run_row,
    targets,
)
from bench.spec import VAT_FRAC
from bench.tables import Row, markdown_table

BUDGET_MIN, BUDGET_CORES = 60, 2

METHOD = f"""## How it is counted

- **Runs.** Six houses in two price zones, two of eight weeks per house and zone, with whole
  decisions in the plans' first hours, as in a house; *{Arm.RELAXED.value}* leaves those out, and
  *{Arm.ROOMS.value}* leaves hot water to the pump, each once in each of the eight weeks;
  *{Arm.SEASON.value}* is a whole season in spans of four weeks
  ({" and ".join(f"{house} in {zone}" for zone, house in SEASON_HOUSES.items())}). Weeks are chosen
  by calendar. No week tuned a curve; the season holds the tuning weeks, which favours the curve.
  Counting begins {SETTLE_DAYS:g} day after the start. Cycles and plans are slower than in a house,
  for the budget; `--usual-pace` shows what that changes.
- **What the planner knows.** Year, area, mass class, emitters and data sheet of the house; prices
  from their publication on; weather forecasts with archived errors. Nothing of the simulator.
- **Hot water** is planned with what `[hot_water]` asks for by default, to be ready at 6 and 20
  o'clock; on the curve the pump keeps it at the set-point of its maker, at whatever hour.
- **Seen before.** Losses were studied, and variants of the planner tried, in the DK1 weeks of
  {", ".join(STUDIED_DK1)}; planned hot water in those of rowhouse1988 (DK1 2024-03-04),
  lowenergy2016 (DE_LU 2024-02-19) and brick1935 (DE_LU 2023-10-02): judge those by the others.
  Whether the heat that a charge leaves in the pipes counts as lost, as partly the rooms' gain or
  not at all was decided by all of the weeks, so none is blind to that choice.
- **Tuned curve.** Slope, room influence and offset searched per house and zone on other weeks.
- **Equal mean.** The curve is run with shifts of {", ".join(f"{k:+g}" for k in PARALLELS_K)} K.
  A straight line through cost over mean room temperature says what the curve would have cost at
  the mean that a run kept; ± is the spread of the points about their line. Heat left in house,
  water and tank counts at what it costs in the {AFTER_H} hours after the run.
- **Spot** is the exchange's price of what was used, without fees and taxes. **Bills** include
  {100.0 * VAT_FRAC:.0f} % VAT: *{TOLD}* is the one the planner is told; *grid by hour* has a grid
  tariff that is three times as dear in the evening as by day and a third at night; *fixed price*
  has {FIXED_SPOT_PER_KWH:.2f} EUR/kWh in place of the spot price. The last two settle the same
  runs.
- **kWh saved** and **price per kWh lower** say where a saving comes from: running better, or at
  other hours. Percentages of several runs are of all their money together, *mean of runs* is the
  plain mean. Lost runs have a dearer bill than the curve.
- **Comfort.** K·h outside are kelvin-hours outside 21 ± 1 °C in the worse of two zones, K·h cold
  water those below 40 °C at the top of the tank. Peak is the highest mean of a clock hour.

## Opponents

- *{Arm.BLIND.value}*: the same controller without a price source. What modulation and weather
  alone bring.
- *{Arm.LED.value}*: the same controller following the rule of that name instead of a plan.
- *{Arm.FORESIGHT.value}*: the same controller; weather and prices known beforehand.
- *{Arm.REFERENCE.value}*: that, with a house model fitted offline to a fortnight's records
  (`python -m bench.economy_fit`).
"""


def page(judged: Sequence[Judged], outcomes: Sequence[Outcome]) -> str:
    """Everything, the summary first."""
    ours, season = of(judged, Arm.OURS), of(judged, Arm.SEASON)
    parts = [
        "# What it saves\n\nSimulated, on real prices and weather. "
        f"{_budget(outcomes)} Reproduce with `poe bench-economy`; an interrupted benchmark goes on "
        "where it stopped.\n",
        _part("Targets", targets(judged)),
        _part("Who saves what", opponents(judged)),
        _part("By house", grouped(ours, "house", lambda r: r.place.house)) if ours else "",
        _part("By zone", grouped(ours, "zone", lambda r: r.place.zone)) if ours else "",
        _part("By week", grouped(ours, "week", _week)) if ours else "",
        _part("The whole season", grouped(season, "house", _place)) if season else "",
        METHOD,
        _part("Run by run", [run_row(run) for run in judged]),
        _part("What the benchmark itself takes", effort(outcomes)),
    ]
    return "\n".join(part for part in parts if part)


def effort(outcomes: Sequence[Outcome]) -> list[Row]:
    """CPU seconds by arm, and plans that failed."""
    arms = list(dict.fromkeys(outcome.case.arm for outcome in outcomes))
    by_arm = [[o for o in outcomes if o.case.arm is arm] for arm in arms]
    return [
        {
            "who": arm.value,
            "runs": len(runs),
            "days": round(sum(o.case.spec().days for o in runs)),
            "CPU s": round(sum(o.cpu_s for o in runs)),
            "plans failed": sum(o.not_solved for o in runs),
        }
        for arm, runs in zip(arms, by_arm, strict=True)
    ]


def _budget(outcomes: Sequence[Outcome]) -> str:
    minutes = sum(o.cpu_s for o in outcomes) / 60.0
    return (
        f"The {len(outcomes)} runs took {minutes:.0f} minutes of CPU, {minutes / BUDGET_CORES:.0f} "
        f"minutes on {BUDGET_CORES} cores; the budget is {BUDGET_MIN}."
    )


def _part(title: str, rows: Sequence[Row]) -> str:
    return f"## {title}\n\n{markdown_table(rows)}" if rows else ""


def _week(run: Judged) -> str:
    return f"{run.place.zone} {run.place.first_day}"


def _place(run: Judged) -> str:
    return f"{run.place.house} in {run.place.zone}"
