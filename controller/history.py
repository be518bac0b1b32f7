"""The verb that looks back: whether the pump would do so again; and how records are opened."""

import statistics
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError
from rich.progress import track

from controller.app import grid_knobs, heat_knob, hot_water_knob
from controller.recorder import Records
from controller.records import RecordError
from controller.replay import (
    Difference,
    Replanned,
    ReplayError,
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
    """Add the verb `replay`."""
    app.command("replay", epilog="Example: heatherd replay --records demo-records --replan")(
        replay_command
    )


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
    with opened(config, records) as store:
        run_again = replay(store, heat_knob, hot_water_knob, grid_knobs)
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
def opened(config: Path, records: Path | None) -> Iterator[Records]:
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
