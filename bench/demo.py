"""The demo: one house, twice over the same days, once on its own curve and once under heatherd."""

import logging
import math
import multiprocessing
import queue
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.baseline import cost_per_k
from bench.comparison import Comparison, compare
from bench.report import KpiRow, Report, Timeline, Track, render
from bench.run import RunResult, run_over_sockets
from bench.spec import ENERGY_TAX_EUR_PER_KWH, GRID_EUR_PER_KWH, VAT_FRAC, RunSpec
from bench.tables import Row
from bench.truth import WARM_WATER_C, spot_at
from bench.zones import load_zone
from controller.model import house_model
from controller.recorder import Recorder
from hil.house import load_house

CURVE, OURS = "Heating curve", "heatherd"
POLL_S = 0.2
SHORTEST_TO_COMPARE_DAYS = 3.0

Show = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Both runs and what they mean beside each other."""

    spec: RunSpec
    curve: RunResult
    ours: RunResult
    comparison: Comparison

    def as_dict(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return {
            "house": self.spec.house,
            "zone": self.spec.zone,
            "from": self.spec.start_at.isoformat(),
            "days": self.spec.days,
            "seed": self.spec.seed,
            "simulated": True,
            "runs": {"heating-curve": self.curve.as_dict(), "mpc": self.ours.as_dict()},
            "comparison": self.comparison.as_dict(),
        }

    def title(self) -> str:
        """What was run."""
        facts = load_house(self.spec.house).owner.title
        return f"{facts}, {self.spec.zone}, {self.spec.days:g} days (simulated)"

    def headline(self) -> str:
        """The result in a sentence."""
        was, now = self.curve.true, self.ours.true
        if self.spec.days < SHORTEST_TO_COMPARE_DAYS:
            return "Too short to compare: heat stored at the start and the end outweighs the bill."
        currency = self.ours.config.tariff.currency
        saved = 100.0 * self.comparison.saved_frac
        return (
            f"heatherd heated this house for {now.cost:.2f} {currency} instead of "
            f"{was.cost:.2f} {currency}: {abs(saved):.1f} % {'less' if saved > 0 else 'more'} "
            "at the same mean room temperature, the heat left in the house counted."
        )

    def rows(self) -> list[Row]:
        """The table of the terminal."""
        return [
            {"figure": row.label, CURVE: row.values[CURVE], OURS: row.values[OURS]}
            for row in kpi_rows(self)
        ]


def run_both(spec: RunSpec, folder: Path, *, broker: str | None, report: Show) -> DemoResult:
    """Run both strategies, side by side where each has a broker of its own."""
    specs = {
        CURVE: replace(spec, strategy="heating-curve"),
        OURS: replace(spec, strategy="mpc"),
    }
    context = multiprocessing.get_context("spawn")
    news = context.Manager().Queue()
    with ProcessPoolExecutor(2 if broker is None else 1, mp_context=context) as pool:
        jobs = {
            name: pool.submit(_run, one, folder / one.strategy, broker, news)
            for name, one in specs.items()
        }
        if spec.curve is None:
            raise ValueError("the demo needs a heating curve to compare with")
        per_k = pool.submit(cost_per_k, specs[CURVE], spec.curve)
        while not all(job.done() for job in jobs.values()):
            _show(news, report)
            _raise_early(jobs.values())
        curve, ours = jobs[CURVE].result(), jobs[OURS].result()
        return DemoResult(spec, curve, ours, compare(curve.true, ours.true, per_k.result()))


def _run(spec: RunSpec, directory: Path, broker: str | None, news: Any) -> RunResult:
    logging.basicConfig(level=logging.ERROR)  # a process of its own inherits no settings
    name = OURS if spec.strategy == "mpc" else CURVE
    said = [-1]

    def progress(done: float) -> None:
        if int(done * 100) > said[0]:
            said[0] = int(done * 100)
            news.put((name, done))

    return run_over_sockets(spec, directory, broker=broker, progress=progress)


def _show(news: Any, report: Show) -> None:
    try:
        report(*news.get(timeout=POLL_S))
    except queue.Empty:
        return


def _raise_early(jobs: Iterable[Future[RunResult]]) -> None:
    """A run that failed ends the demo at once instead of at the end of the other."""
    for job in jobs:
        if job.done():
            job.result()


def write_report(result: DemoResult, folder: Path) -> Path:
    """The HTML page; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "index.html"
    page.write_text(render(report_of(result)), encoding="utf-8")
    return page


def report_of(result: DemoResult) -> Report:
    """Everything the page shows."""
    spec, zone = result.spec, load_zone(result.spec.zone)
    return Report(
        title=result.title(),
        headline=result.headline(),
        explanation=(
            "Both runs are simulated: the same house, pump, weather, people and prices. The first "
            "leaves the pump to its own heating curve, tuned for this house on other weeks; in the "
            "second heatherd runs it, knowing only what an owner knows and what had been published."
            " Hot water is the pump's own in both, as it is unless an owner lets heatherd plan it."
        ),
        timezone=zone.timezone,
        currency=zone.currency,
        tracks=(_track(CURVE, result.curve), _track(OURS, result.ours)),
        price_per_kwh=_prices(result),
        kpis=kpi_rows(result),
        notes=_notes(spec),
        made={
            "command": f"heatherd demo --house {spec.house} --zone {spec.zone} "
            f"--from {spec.start_at.astimezone(result.ours.config.zone):%Y-%m-%d} "
            f"--days {spec.days:g} --seed {spec.seed}",
            "heatherd": version("heatherd"),
            "cvxpy, piqp": f"{version('cvxpy')}, {version('piqp')}",
        },
        attributions=(zone.price_source, zone.weather_source),
        planned_heat_w=_planned(result.ours),
    )


def _track(name: str, run: RunResult) -> Track:
    spec, truths = run.spec, run.truths
    return Track(
        name=name,
        at=[t.at for t in truths],
        room_c={
            "living": [t.zone_c[0] for t in truths],
            "sleeping": [t.zone_c[1] for t in truths],
        },
        outdoor_c=[t.outdoor_c for t in truths],
        power_w=[t.power_w for t in truths],
        heat_w=[t.heat_w for t in truths],
        flow_c=[t.flow_c for t in truths],
        low_c=[spec.room_c - spec.band_k] * len(truths),
        high_c=[spec.room_c + spec.band_k] * len(truths),
    )


def _prices(result: DemoResult) -> Timeline:
    zone, tariff = load_zone(result.spec.zone), house_model(result.ours.config).tariff
    spots = [
        spot_at(zone.spot_per_kwh, result.spec.start_at + timedelta(hours=hour))
        for hour in range(math.ceil(result.spec.days * 24))
    ]
    prices = tariff.import_prices(result.spec.start_at, 3600, spots)
    return Timeline(
        starts_at=result.spec.start_at,
        step_s=3600,
        values=[None if math.isnan(price) else price for price in prices.tolist()],
    )


def _planned(run: RunResult) -> Timeline:
    """The heat that was planned for each cycle when it came."""
    cycle_s = int(run.config.control.cycle_s)
    recorder = Recorder(run.directory / "records.db")
    try:
        heats = [record.wanted.heat_w for record in recorder.records()]
    finally:
        recorder.close()
    return Timeline(starts_at=run.spec.start_at, step_s=cycle_s, values=heats)


def _notes(spec: RunSpec) -> Sequence[str]:
    return (
        "House, heat pump, people and devices are simulated by a model that shares nothing with "
        "heatherd's planner; prices and weather are real.",
        "Forecasts are as they were issued: prices from the day before, weather with errors drawn "
        "from archived forecasts.",
        f"The tariff is assumed: spot plus {GRID_EUR_PER_KWH * 100:.1f} ct grid and "
        f"{ENERGY_TAX_EUR_PER_KWH * 100:.1f} ct tax per kWh (Danish figures of 2014), "
        f"{VAT_FRAC:.0%} VAT.",
        f"Comfort is {spec.room_c:g} °C ± {spec.band_k:g} K in the worse of two zones.",
    )


def kpi_rows(result: DemoResult) -> list[KpiRow]:
    """The table: label, why it matters, one value per run."""
    both = {CURVE: result.curve, OURS: result.ours}
    currency = result.ours.config.tariff.currency

    def row(label: str, why: str, show: Callable[[RunResult], str]) -> KpiRow:
        return KpiRow(label=label, explanation=why, values={k: show(r) for k, r in both.items()})

    equal = {CURVE: result.curve.true.cost, OURS: result.comparison.cost_at_equal_mean}
    return [
        row(
            f"Bill ({currency})",
            "electricity of the heat pump, everything included",
            lambda r: f"{r.true.cost:.2f}",
        ),
        KpiRow(
            label=f"Bill at equal comfort ({currency})",
            explanation="at the same mean room temperature, heat left in the house counted",
            values={name: f"{cost:.2f}" for name, cost in equal.items()},
        ),
        row(
            f"Spot part ({currency})",
            "what the energy cost on the exchange",
            lambda r: f"{r.true.spot_cost:.2f}",
        ),
        row("Electricity (kWh)", "drawn by the pump", lambda r: f"{r.true.electricity_kwh:.1f}"),
        row(
            f"Mean price ({currency}/kWh)",
            "bill over electricity: lower means cheaper hours",
            lambda r: f"{r.true.mean_price:.3f}",
        ),
        row("Mean room (°C)", "mean of both zones", lambda r: f"{r.true.mean_room_temp_c:.2f}"),
        row(
            "Too cold (K·h)",
            "kelvin below the comfort band times hours, in the colder zone",
            lambda r: f"{r.true.comfort_kh_below:.1f}",
        ),
        row(
            "Too warm (K·h)",
            "kelvin above the comfort band times hours, in the warmer zone",
            lambda r: f"{r.true.comfort_kh_above:.1f}",
        ),
        row(
            "Cold hot water (K·h)",
            f"kelvin below {WARM_WATER_C:g} °C at the top of the tank times hours",
            lambda r: f"{r.true.cold_water_kh:.1f}",
        ),
        row(
            "Compressor starts",
            "every start wears the compressor",
            lambda r: str(r.true.compressor_starts),
        ),
        row("SPF", "heat over electricity, hot water included", lambda r: f"{r.true.spf:.2f}"),
        row(
            "Heat left (kWh)",
            "more in walls, floors and tank at the end than at the start",
            lambda r: f"{r.true.heat_left_kwh:.1f}",
        ),
        row(
            "Guard interventions",
            "minutes in which a wish was changed or refused",
            lambda r: str(r.recorded.guard_interventions),
        ),
        row(
            "Time per plan (ms)",
            "median, 95th percentile",
            lambda r: (
                "–"
                if r.recorded.plan_time_ms is None
                else f"{r.recorded.plan_time_ms[0]:.0f}, {r.recorded.plan_time_ms[1]:.0f}"
            ),
        ),
        row("Plans that failed", "not solved", lambda r: str(r.recorded.not_solved)),
    ]
