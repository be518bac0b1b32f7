"""Benchmark: the tuned heating curve against the MPC over weeks, zones and houses, losses included.

Usage: python -m bench.first_weeks [--from DAY ...] [--houses ...] [--zones ...] [--write]
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bench.baseline import cost_per_k, plant_only, tuned_curve
from bench.comparison import Comparison, compare
from bench.run import run_in_memory
from bench.spec import RunSpec
from bench.tables import Row, markdown_table
from bench.truth import TrueKpis
from bench.zones import load_zone, zones

HOUSES = ("brick1935", "slab2004", "timber1972")
SPANS = ("2024-01-08", "2024-02-12", "2024-03-11", "2024-12-02")
DAYS = 10.0
"""First local days and length; no tuning week lies in them. Frost, thaw, spring, dear evenings."""

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "first-weeks.md"


@dataclass(frozen=True, slots=True)
class Pair:
    """One house in one week: the opponent, ours, and both side by side."""

    spec: RunSpec
    curve: TrueKpis
    ours: TrueKpis
    side_by_side: Comparison

    def row(self) -> Row:
        """A line of the table."""
        both = self.side_by_side
        return {
            "house": self.spec.house,
            "zone": self.spec.zone,
            "from": _local_day(self.spec),
            "curve": self.curve.cost,
            "MPC": self.ours.cost,
            "MPC at equal mean": both.cost_at_equal_mean,
            "saved %": 100.0 * both.saved_frac,
            "spot saved %": 100.0 * both.spot_saved_frac,
            "room curve": self.curve.mean_room_temp_c,
            "room MPC": self.ours.mean_room_temp_c,
            "K·h outside curve": _outside_kh(self.curve),
            "K·h outside MPC": _outside_kh(self.ours),
            "starts curve": self.curve.compressor_starts,
            "starts MPC": self.ours.compressor_starts,
            "SPF curve": self.curve.spf,
            "SPF MPC": self.ours.spf,
            "heat left more kWh": both.heat_left_more_kwh,
        }


def run_pair(house: str, zone: str, first_day: str, days: float) -> Pair:
    """Both strategies over the same days; the opponent needs no controller, nobody writes to it."""
    local = datetime.fromisoformat(first_day).replace(tzinfo=ZoneInfo(load_zone(zone).timezone))
    spec = RunSpec(
        house=house,
        zone=zone,
        start_at=local.astimezone(UTC),
        days=days,
        seed=1,
        strategy="mpc",
        curve=tuned_curve(house, zone),
    )
    curve = tuned_curve(house, zone)
    base = plant_only(spec, curve)
    with tempfile.TemporaryDirectory(prefix="heatherd-") as folder:
        ours = run_in_memory(spec, Path(folder)).true
    return Pair(spec, base, ours, compare(base, ours, cost_per_k(spec, curve)))


def run_all(
    houses: Sequence[str],
    where: Sequence[str],
    first_days: Sequence[str],
    *,
    days: float,
    workers: int,
) -> list[Pair]:
    """Every combination, spread over processes; a line on stderr as each is done."""
    with ProcessPoolExecutor(workers) as pool:
        jobs = [
            pool.submit(run_pair, house, zone, first_day, days)
            for house in houses
            for zone in where
            for first_day in first_days
        ]
        for number, job in enumerate(as_completed(jobs), 1):
            both = job.result().side_by_side
            spec = job.result().spec
            sys.stderr.write(
                f"{number}/{len(jobs)} {spec.house} {spec.zone} {_local_day(spec)}: "
                f"{100.0 * both.saved_frac:+.1f} % saved\n"
            )
    return [job.result() for job in jobs]


def means(pairs: Sequence[Pair]) -> Row:
    """The mean over all pairs of what can be averaged."""
    curve_cost = sum(p.curve.cost for p in pairs)
    curve_spot = sum(p.curve.spot_cost for p in pairs)
    equal = sum(p.side_by_side.cost_at_equal_mean for p in pairs)
    equal_spot = sum(p.side_by_side.spot_cost_at_equal_mean for p in pairs)
    return {
        "runs": len(pairs),
        "saved % of all bills": 100.0 * (1.0 - equal / curve_cost),
        "saved % of all spot": 100.0 * (1.0 - equal_spot / curve_spot),
        "mean of saved %": statistics.mean(100.0 * p.side_by_side.saved_frac for p in pairs),
        "losses": sum(p.side_by_side.saved_frac < 0.0 for p in pairs),
        "room curve": statistics.mean(p.curve.mean_room_temp_c for p in pairs),
        "room MPC": statistics.mean(p.ours.mean_room_temp_c for p in pairs),
        "K·h outside curve": statistics.mean(_outside_kh(p.curve) for p in pairs),
        "K·h outside MPC": statistics.mean(_outside_kh(p.ours) for p in pairs),
        "starts curve": statistics.mean(p.curve.compressor_starts for p in pairs),
        "starts MPC": statistics.mean(p.ours.compressor_starts for p in pairs),
    }


def _outside_kh(kpis: TrueKpis) -> float:
    return kpis.comfort_kh_below + kpis.comfort_kh_above


def _local_day(spec: RunSpec) -> str:
    return f"{spec.start_at.astimezone(ZoneInfo(load_zone(spec.zone).timezone)):%Y-%m-%d}"


def page(pairs: Sequence[Pair], days: float) -> str:
    """The page for the documentation."""
    return f"""# First weeks

Simulated. The pump's own heating curve, tuned per house and zone on other weeks, against heatherd's
MPC, over {days:g}-day runs on real prices and weather with forecasts as issued. The planner knows
type, year, area, emitter and data sheet of each house, nothing of the simulator. Bills are in EUR;
K·h outside are kelvin-hours outside 21 ± 1 °C in the worse zone. *At equal mean* moves our bill to
the curve's mean room temperature (with what a kelvin costs this house in this week, measured by
shifting its curve) and counts the heat left in the house at the end. Reproduce with
`python -m bench.first_weeks --write`.

## All runs together

{markdown_table([means(pairs)])}
## Run by run

{markdown_table([pair.row() for pair in pairs])}"""


def main() -> None:
    """Run, print, and with --write keep the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.first_weeks", description=__doc__)
    parser.add_argument("--houses", nargs="+", default=HOUSES)
    parser.add_argument("--zones", nargs="+", default=zones())
    parser.add_argument(
        "--from", nargs="+", default=SPANS, dest="first_days", help="first local days"
    )
    parser.add_argument("--days", type=float, default=DAYS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    pairs = run_all(
        arguments.houses,
        arguments.zones,
        arguments.first_days,
        days=arguments.days,
        workers=arguments.workers,
    )
    text = page(pairs, arguments.days)
    sys.stdout.write(text)
    if arguments.write:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
