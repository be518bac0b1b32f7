"""The verb `limit-log`: proof of how the grid operator's limits were obeyed."""

from datetime import datetime
from typing import Any

import typer

from controller.config import HouseConfig
from controller.history import Folder, opened
from controller.limit_log import Episode, episodes, planned_kwh
from controller.planner import PLAN
from controller.recorder import Records
from controller.replay import recorded_config
from controller.terminal import DEFAULT_CONFIG, AsJson, ConfigPath, out, show_json


def add_limit_verb(app: typer.Typer) -> None:
    """Add the verb `limit-log`."""
    app.command("limit-log", epilog="Example: heatherd limit-log -c house.toml --json")(limit_log)


def limit_log(
    config: ConfigPath = DEFAULT_CONFIG, records: Folder = None, as_json: AsJson = False
) -> None:
    """Print every limit of the grid operator: received, obeyed, released, power at the meter.

    Power is of the heat pump's meter, or what the pump says of itself. What an announced window
    saved is told against the plan that was in force when it was announced.
    """
    with opened(config, records) as store:
        settings = recorded_config(store)
        within_s = 300.0 if settings.grid is None else settings.grid.obey_within_s
        found = episodes(store.records(), obey_within_s=within_s)
        rows = [_row(store, episode, within_s) for episode in found]
    if as_json:
        show_json({"obey_within_s": within_s, "limits": rows})
    else:
        _show(rows, settings)


def _row(store: Records, episode: Episode, within_s: float) -> dict[str, Any]:
    e = episode
    took_s = None if e.obeyed_at is None else (e.obeyed_at - e.received_at).total_seconds()
    return {
        "state": e.state.value,
        "limit_w": e.limit_w,
        "total_w": e.total_w,
        "issued_at": _stamp(e.issued_at),
        "received_at": _stamp(e.received_at),
        "obeyed_at": _stamp(e.obeyed_at),
        "released_at": _stamp(e.released_at),
        "in_time": took_s is not None and took_s <= within_s,
        "highest_w": e.highest_w,
        "drawn_kwh": round(e.drawn_kwh, 3),
        "minutes_over": round(e.over_s / 60.0, 1),
        "minutes_over_by_hot_water": round(e.dhw_over_s / 60.0, 1),
        "minutes_at_frost_floor": round(e.frost_s / 60.0, 1),
        "minutes_unmeasured": round(e.unmeasured_s / 60.0, 1),
        "minutes_share_stated": round(e.stated_s / 60.0, 1),
        "notice_at": _stamp(e.notice_at),
        "baseline_plan": e.baseline_hash,
        "baseline_kwh": _baseline_kwh(store, e),
    }


def _baseline_kwh(store: Records, episode: Episode) -> float | None:
    if episode.baseline_hash is None or episode.released_at is None:
        return None
    text = store.content(episode.baseline_hash)
    if text is None:
        return None
    kwh = planned_kwh(PLAN.validate_json(text), episode.received_at, episode.released_at)
    return None if kwh is None else round(kwh, 3)


def _stamp(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


def _show(rows: list[dict[str, Any]], config: HouseConfig) -> None:
    if not rows:
        out.print("No limit in these records.")
        return
    for row in rows:
        received, obeyed, released = (
            _local(row[f"{word}_at"], config) for word in ("received", "obeyed", "released")
        )
        most = "not measured" if row["highest_w"] is None else f"{row['highest_w']:.0f} W at most"
        of = "" if row["total_w"] is None else f" of {row['total_w']:.0f} W with others"
        planned = "" if row["baseline_kwh"] is None else f", planned {row['baseline_kwh']:.2f} kWh"
        for line in (
            f"{row['state']}: {row['limit_w']:.0f} W{of}, received {received}, "
            f"obeyed {obeyed}, released {released}",
            f"  {most}, {row['drawn_kwh']:.2f} kWh{planned}, "
            f"{row['minutes_over']:.0f} min over{_hot_water(row)}",
        ):
            out.print(line, markup=False, highlight=False, soft_wrap=True)


def _hot_water(row: dict[str, Any]) -> str:
    minutes = row["minutes_over_by_hot_water"]
    return f", {minutes:.0f} of them by hot water" if minutes else ""


def _local(stamp: str | None, config: HouseConfig) -> str:
    if stamp is None:
        return "-"
    return datetime.fromisoformat(stamp).astimezone(config.zone).strftime("%Y-%m-%d %H:%M:%S")
