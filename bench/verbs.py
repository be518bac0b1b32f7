"""The verbs that need controller and simulator together: demo and simulate."""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench.baseline import tuned_curve
from bench.demo import run_both, write_report
from bench.run import run_in_memory
from bench.spec import RunSpec, heat_pumps
from bench.tables import terminal_table
from bench.zones import ArchiveError, load_zone, zones
from controller.actuation import PREFERRED
from drivers.profile import load_profile
from hil.house import house_names

DEFAULT_FROM = "2024-12-09"
DEFAULT_HOUSE = "slab2004"
EXIT_USAGE = 2

# A simulated day starts before the sensors have spoken: what the service warns of is no news here.
QUIET = logging.ERROR

err = Console(stderr=True)
out = Console()


def demo_command(
    *,
    days: Annotated[float, typer.Option(help="length of the run", min=0.25, max=60.0)] = 7.0,
    start: Annotated[str, typer.Option("--from", help="first local day")] = DEFAULT_FROM,
    zone: Annotated[str, typer.Option(help=f"price zone: {', '.join(zones())}")] = "DK1",
    house: Annotated[str, typer.Option(help=f"one of {', '.join(house_names())}")] = DEFAULT_HOUSE,
    out_dir: Annotated[Path, typer.Option("--out", help="folder of the report")] = Path(
        "demo-report"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="print the figures as JSON")] = False,
    seed: Annotated[int, typer.Option(help="same seed, same result")] = 1,
    broker: Annotated[
        str | None, typer.Option(help="mqtt://host:1883 of your own; default: one inside")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="whose registers or topics the simulated pump shows")
    ] = "generic_modbus",
    knob: Annotated[str, typer.Option(help="how heat is steered, as in heat_pump.knob")] = "auto",
) -> None:
    """Run the real controller against a simulated house over Modbus and MQTT, and report."""
    logging.basicConfig(level=QUIET)
    spec = _spec(
        house=house, zone=zone, start=start, days=days, seed=seed, profile=profile, knob=knob
    )
    with _progress(quiet=as_json) as bars, TemporaryDirectory(prefix="heatherd-") as folder:
        result = run_both(spec, Path(folder), broker=broker, report=bars)
        page = write_report(result, out_dir)
    if as_json:
        sys.stdout.write(json.dumps(result.as_dict()) + "\n")
        return
    out.print(terminal_table(result.rows(), title=result.title()))
    out.print(result.headline(), highlight=False)
    out.print(f"Report: {page}", highlight=False, soft_wrap=True)


def simulate_command(
    *,
    days: Annotated[float, typer.Option(help="length of the run", min=0.25, max=400.0)] = 28.0,
    start: Annotated[str, typer.Option("--from", help="first local day")] = "2024-01-08",
    zone: Annotated[str, typer.Option(help=f"price zone: {', '.join(zones())}")] = "DK1",
    house: Annotated[str, typer.Option(help=f"one of {', '.join(house_names())}")] = DEFAULT_HOUSE,
    strategy: Annotated[str, typer.Option(help="mpc or heating-curve")] = "mpc",
    seed: Annotated[int, typer.Option(help="same seed, same result")] = 1,
    records: Annotated[
        Path | None, typer.Option(help="keep the records in this folder, for replay and explain")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="whose registers or topics the simulated pump shows")
    ] = "generic_modbus",
    knob: Annotated[str, typer.Option(help="how heat is steered, as in heat_pump.knob")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="print the figures as JSON")] = False,
) -> None:
    """Run the controller in virtual time: no sockets, headless, longer spans."""
    logging.basicConfig(level=QUIET)
    if strategy not in ("mpc", "heating-curve"):
        _usage("--strategy must be mpc or heating-curve")
    spec = _spec(
        house=house, zone=zone, start=start, days=days, seed=seed, profile=profile,
        knob=knob, strategy=strategy,
    )  # fmt: skip
    with _progress(quiet=as_json) as bars, TemporaryDirectory(prefix="heatherd-") as folder:
        result = run_in_memory(
            spec, records or Path(folder), progress=lambda done: bars(strategy, done)
        )
    figures = result.as_dict()
    if as_json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    rows = [{"figure": k, "value": v} for k, v in figures.items() if k != "from_records"]
    out.print(
        terminal_table(rows, title=f"{house}, {zone}, {days:g} days from {start}: {strategy}")
    )
    if records is not None:
        out.print(f"Records: {records / 'records.db'}", highlight=False, soft_wrap=True)


def demo(app: typer.Typer) -> None:
    """Add the verb `demo`."""
    epilog = "Example: heatherd demo --house timber1972 --days 3 --out report"
    app.command("demo", epilog=epilog)(demo_command)


def simulate(app: typer.Typer) -> None:
    """Add the verb `simulate`."""
    epilog = "Example: heatherd simulate --zone DE_LU --from 2024-02-05 --days 28 --strategy mpc"
    app.command("simulate", epilog=epilog)(simulate_command)


def _spec(
    *,
    house: str,
    zone: str,
    start: str,
    days: float,
    seed: int,
    profile: str,
    knob: str,
    strategy: str = "mpc",
) -> RunSpec:
    if house not in house_names():
        _usage(f"--house {house}: unknown; there are {', '.join(house_names())}")
    pumps = heat_pumps()
    if profile not in pumps:
        _usage(f"--profile {profile}: no heat pump; there are {', '.join(pumps)}")
    offered = [str(c) for c in PREFERRED if c in load_profile(profile).knobs]
    if knob not in ("auto", *offered):
        _usage(f"--knob {knob}: {profile} has {', '.join(offered)} for heat")
    try:
        place = load_zone(zone)
        first_day = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(place.timezone))
    except (ArchiveError, ValueError) as error:
        _usage(str(error))
        raise
    spec = RunSpec(
        house=house,
        zone=zone,
        start_at=first_day.astimezone(UTC),
        days=days,
        seed=seed,
        strategy=strategy,
        profile=profile,
        knob=knob,
        curve=tuned_curve(house, zone),
    )
    reach_at = min(place.spot_per_kwh.ends_at, place.weather.ends_at)
    starts_at = max(place.spot_per_kwh.starts_at, place.weather.starts_at) + timedelta(days=1)
    if spec.start_at < starts_at or spec.end_at > reach_at - timedelta(hours=2):
        _usage(f"data of {zone} reach from {starts_at:%Y-%m-%d} to {reach_at:%Y-%m-%d}")
    return spec


def _usage(message: str) -> None:
    err.print(message, style="red", markup=False, highlight=False)
    raise typer.Exit(EXIT_USAGE)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """A bar per run; silent where the output is for a program."""
    bars = Progress(
        TextColumn("{task.description:>14}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=err,
        disable=quiet,
    )
    shown: dict[str, Any] = {}

    def show(name: str, done: float) -> None:
        if name not in shown:
            shown[name] = bars.add_task(name, total=1.0)
        bars.update(shown[name], completed=done)

    with bars:
        yield show
