"""The verbs that look back: why the pump does what it does, and whether it would do so again."""

import statistics
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import typer
from pydantic import ValidationError
from rich.progress import track
from rich.table import Table

from controller.app import heat_knob, hot_water_knob
from controller.config import HouseConfig
from controller.planner import PLAN
from controller.recorder import Records
from controller.records import RecordError
from controller.replay import (
    Difference,
    Replanned,
    ReplayError,
    recorded_config,
    replan,
    replay,
)
from controller.terminal import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    Exit,
    err,
    fail,
    load,
    out,
    show_json,
)
from drivers.errors import ConfigurationError
from mpc.explain import Block, explain, summary
from mpc.plan import Plan

SHOWN = 5
"""Differences shown in full; more of them rarely tell more."""

SAME_COST = 1e-6
"""Plans whose costs differ by less are the same plan: costs are recorded to six digits."""

Folder = Annotated[
    Path | None,
    typer.Option("--records", help="folder with records.db; default: as configured"),
]
T = TypeVar("T")


def add_history_verbs(app: typer.Typer) -> None:
    """Add the verbs `explain` and `replay`."""
    app.command("explain", epilog="Example: heatherd explain -c house.toml")(explain_command)
    app.command("replay", epilog="Example: heatherd replay --records demo-records --replan")(
        replay_command
    )


def explain_command(
    *, config: ConfigPath = DEFAULT_CONFIG, records: Folder = None, as_json: AsJson = False
) -> None:
    """Say in words what the latest plan does, when, and why."""
    with _open(config, records) as store:
        settings = recorded_config(store)
        text = store.latest("plan")
    if text is None:
        fail("No plan has been made yet.", Exit.FAILED)
    plan = PLAN.validate_json(text)
    blocks = explain(plan)
    if as_json:
        show_json(_as_dict(plan, blocks))
        return
    zone = settings.zone
    out.print(
        f"Plan for {settings.house.name} of {_day(plan.made_at, zone)}"
        f" {_clock(plan.made_at, zone)} ({plan.source})",
        markup=False,
        highlight=False,
    )
    out.print(summary(plan), markup=False, highlight=False)
    out.print(_table(blocks, settings))


def _as_dict(plan: Plan, blocks: list[Block]) -> dict[str, Any]:
    return {
        "made_at": plan.made_at.isoformat(),
        "source": plan.source,
        "summary": summary(plan),
        "cost": plan.cost,
        "blocks": [
            {
                **asdict(block),
                "starts_at": block.starts_at.isoformat(),
                "ends_at": block.ends_at.isoformat(),
            }
            for block in blocks
        ],
    }


def _table(blocks: list[Block], settings: HouseConfig) -> Table:
    zone = settings.zone
    table = Table("day", "from", "to", f"{settings.tariff.currency}/kWh", "room", "", box=None)
    day = ""
    for block in blocks:
        today = _day(block.starts_at, zone)
        table.add_row(
            "" if today == day else today,
            _clock(block.starts_at, zone),
            _end(block, zone),
            f"{block.mean_price_per_kwh:.3f}",
            f"{block.room_from_c:.1f} → {block.room_to_c:.1f} °C",
            block.sentence,
        )
        day = today
    return table


def _day(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b}"


def _end(block: Block, zone: ZoneInfo) -> str:
    """The clock time a block ends, with the weekday if that is not the one it began on."""
    last = (block.ends_at - timedelta(seconds=1)).astimezone(zone)
    same_day = last.date() == block.starts_at.astimezone(zone).date()
    weekday = "" if same_day else f"{block.ends_at.astimezone(zone):%a} "
    return weekday + _clock(block.ends_at, zone)


def _clock(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%H:%M}"


def replay_command(
    *,
    config: ConfigPath = DEFAULT_CONFIG,
    records: Folder = None,
    again: Annotated[
        bool, typer.Option("--replan", help="also solve every recorded plan again")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run recorded steps again and report every difference.

    Exit code 0: every step came out as recorded. The plan is taken from the records; --replan
    solves it again too and compares the costs, which may differ in the last digits between
    computers.
    """
    with _open(config, records) as store:
        run_again = replay(store, heat_knob, hot_water_knob)
        steps = list(_tracked(run_again, "steps", total=store.count(), quiet=as_json))
        plans = replan(store) if again else iter(())
        total = store.count("request")
        replanned = list(_tracked(plans, "plans", total=total, quiet=as_json or not again))
    differences = [difference for difference in steps if difference is not None]
    if as_json:
        show_json(_result(len(steps), differences, replanned))
    else:
        _show_differences(len(steps), differences)
        if again:
            _show_replanned(replanned)
    raise typer.Exit(Exit.FAILED if differences else Exit.OK)


def _result(
    steps: int, differences: list[Difference], replanned: list[Replanned]
) -> dict[str, Any]:  # fmt: skip
    return {
        "steps": steps,
        "differences": len(differences),
        "first": [
            {**asdict(difference), "at": difference.at.isoformat()}
            for difference in differences[:SHOWN]
        ],
        "plans": [{**asdict(plan), "at": plan.at.isoformat()} for plan in replanned],
        "mean_cost_change": _mean_change(replanned),
    }


def _show_differences(steps: int, differences: list[Difference]) -> None:
    plural = "" if len(differences) == 1 else "s"
    out.print(f"{steps} steps, {len(differences)} difference{plural}.", highlight=False)
    for difference in differences[:SHOWN]:
        for line in (
            f"{difference.at.isoformat()} {difference.stage}",
            f"  recorded: {difference.recorded}",
            f"  replayed: {difference.replayed}",
        ):
            out.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(differences) > SHOWN:
        out.print(f"... and {len(differences) - SHOWN} more.", highlight=False)


def _show_replanned(replanned: list[Replanned]) -> None:
    for plan in replanned:
        change = _change(plan)
        if change is None:
            was = "not solved" if plan.recorded_cost is None else f"{plan.recorded_cost:.6f}"
            now = "not solved" if plan.replanned_cost is None else f"{plan.replanned_cost:.6f}"
            out.print(f"{plan.at.isoformat()}  was {was}, now {now}", highlight=False)
        elif abs(change) > SAME_COST:
            out.print(f"{plan.at.isoformat()}  cost {change:+.6f}", highlight=False)
    mean = _mean_change(replanned)
    said = "" if mean is None else f", cost {mean:+.6f} in the mean"
    out.print(f"{len(replanned)} plans solved again{said}.", highlight=False)


def _change(plan: Replanned) -> float | None:
    if plan.recorded_cost is None or plan.replanned_cost is None:
        return None
    return plan.replanned_cost - plan.recorded_cost


def _mean_change(replanned: list[Replanned]) -> float | None:
    changes = [change for plan in replanned if (change := _change(plan)) is not None]
    return statistics.fmean(changes) if changes else None


@contextmanager
def _open(config: Path, records: Path | None) -> Iterator[Records]:
    """The records, closed at the end; what cannot be read or replayed ends the program in words."""
    folder = load(config).storage.directory if records is None else records
    try:
        store = Records(folder / "records.db")
        try:
            yield store
        finally:
            store.close()
    except (RecordError, ReplayError) as error:
        fail(str(error), Exit.NO_RECORDS)
    except ConfigurationError as error:
        fail(f"the recorded heat pump: {error}")
    except ValidationError as error:
        fail(f"a kept plan or request cannot be read: {error}", Exit.NO_RECORDS)


def _tracked(items: Iterable[T], name: str, *, total: int, quiet: bool) -> Iterable[T]:
    """The items behind a progress bar on standard error, unless a program is listening."""
    return track(items, name, total=total, console=err, transient=True, disable=quiet)
