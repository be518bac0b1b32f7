"""The verb `learn`: a house from its records, adopted when it predicts better; and back again."""

import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from controller.clock import WallClock
from controller.config import HouseConfig
from controller.forecasts import KNOWN
from controller.learned import KEY, LESSONS, Lesson, Lessons
from controller.model import HouseModel, house_model
from controller.recorder import Records
from controller.records import RecordError
from controller.store import StoreError, open_store
from controller.terminal import DEFAULT_CONFIG, AsJson, ConfigPath, Exit, fail, load, out, show_json
from drivers.errors import ConfigurationError
from mpc.building import total_loss_w_per_k

if TYPE_CHECKING:
    from controller.learn import Study

REPORT = "learned.html"


def add_learn_verb(app: typer.Typer) -> None:
    """Add the verb `learn`."""
    app.command("learn", epilog="Example: heatherd learn -c house.toml --dry-run")(learn_command)


def learn_command(
    *,
    config: ConfigPath = DEFAULT_CONFIG,
    days: Annotated[float, typer.Option("--days", min=7.0, help="how far to look back")] = 30.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="adopt nothing")] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="back to the version before, and adopt no more")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="adopt again after a rollback")] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", help=f"where the report goes; default: {REPORT} by the records"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Learn the house from its records, and use what predicts the room better.

    The last days are not learned from: on them the new model must predict a day ahead better than
    the one in force, or nothing changes. A running service takes an adopted model up within a
    quarter of an hour. A timer runs this every night.
    """
    settings = load(config)
    try:
        if rollback:
            _roll_back(settings, as_json=as_json)
            return
        study = _study(settings, days, resume=resume, keep=not dry_run)
    except (RecordError, ValueError) as error:
        fail(f"nothing was learned: {error}", Exit.NO_RECORDS)
    except ConfigurationError as error:
        fail(str(error))
    except StoreError as error:
        fail(str(error), Exit.FAILED)
    from controller.learn_report import write_report  # the only place that draws pictures

    path = settings.storage.directory / REPORT if report is None else report
    try:
        write_report(study, path, zone=settings.zone)
    except OSError as error:
        fail(f"{path}: {error.strerror}", Exit.FAILED)
    _show(study, path, dry_run=dry_run, as_json=as_json)


def _study(settings: HouseConfig, days: float, *, resume: bool, keep: bool) -> "Study":
    """Read, learn, and unless it is a rehearsal keep what was adopted."""
    from controller.hindsight import told_afterwards
    from controller.learn import learn  # the service stays small without it
    from controller.learn_data import house_data

    lessons = _lessons(settings)
    if resume:
        lessons = lessons.resumed()
    model = _model(settings, lessons)
    records = Records(settings.storage.directory / "records.db")
    try:
        latest_at = records.latest_at()
        if latest_at is None:
            raise RecordError("nothing has been recorded yet")
        seen = house_data(records.records(latest_at - timedelta(days=days)), model)
        known = (KNOWN.validate_json(text) for text in records.contents("forecast"))
        data = told_afterwards(seen, (one.weather for one in known if one.weather is not None))
    finally:
        records.close()
    study = learn(data, config=settings, model=model, lessons=lessons, at=_now())
    if keep and study.lessons != _lessons(settings):
        _save(settings, study.lessons)
    return study


def model_in_force(settings: HouseConfig) -> HouseModel:
    """The house model a service with this configuration would work with now."""
    return _model(settings, _lessons(settings))


def lesson_in_force(settings: HouseConfig) -> Lesson | None:
    """The lesson that model is of; None as on day one."""
    return _lessons(settings).in_force(settings)


def _model(settings: HouseConfig, lessons: Lessons) -> HouseModel:
    held = lessons.in_force(settings)
    return house_model(settings, None if held is None else held.building)


def _now() -> datetime:
    return WallClock().now()


def _lessons(settings: HouseConfig) -> Lessons:
    path = settings.storage.directory / "state.db"
    if not path.exists():
        return Lessons()
    with open_store(path) as store:
        return store.value(KEY, LESSONS) or Lessons()


def _save(settings: HouseConfig, lessons: Lessons) -> None:
    with open_store(settings.storage.directory / "state.db") as store:
        store.save_value(KEY, LESSONS, lessons)


def _roll_back(settings: HouseConfig, *, as_json: bool) -> None:
    lessons = _lessons(settings)
    if lessons.version is None:
        fail("there is no learned model to take back", Exit.FAILED)
    back = lessons.rolled_back()
    _save(settings, back)
    if as_json:
        show_json({"version": back.version, "paused": back.paused})
        return
    now = "as on day one" if back.version is None else f"version {back.version}"
    out.print(
        f"The house model is {now} again; `heatherd learn --resume` lets heatherd adopt new ones.",
        highlight=False,
    )


def learned_words(settings: HouseConfig) -> tuple[str, ...]:
    """The learned model in force, for the owner, and what the last night's learning remarked."""
    try:
        lessons = _lessons(settings)
        held = lessons.in_force(settings)
    except (ConfigurationError, StoreError):
        return ()  # whoever needs the state says so
    remarks = tuple(f"Learning remarks: {remark}" for remark in lessons.remarks)
    if held is None:
        return remarks
    day = f"{held.learned_at.astimezone(settings.zone):%d %b %Y}"
    said = f"Learned on {day} (version {held.version}): it loses {held.loss_w_per_k:.0f} W/K."
    return (said, *remarks)


def _show(study: "Study", path: Path, *, dry_run: bool, as_json: bool) -> None:
    from controller.learn_report import loss_range_w_per_k, owner_sentence

    low, high = loss_range_w_per_k(study)
    if as_json:
        result: dict[str, Any] = {
            "adopted": study.adopted and not dry_run,
            "version": study.lessons.version,
            "error_k": _or_none(study.error_k),
            "error_before_k": _or_none(study.error_before_k),
            "loss_w_per_k": [low, total_loss_w_per_k(study.found.building), high],
            "order": str(study.found.order),
            "reasons": list(study.reasons),
            "findings": [finding.words for finding in study.found.findings],
            "drift": list(study.drift),
            "report": str(path),
        }
        show_json(result)
        return
    new, old = (_error_words(e) for e in (study.error_k, study.error_before_k))
    lines = [
        owner_sentence(study),
        f"Error a day ahead over the last days: new model {new}, model in force {old}.",
        *(finding.words for finding in study.found.findings),
        *study.drift,
        f"Report: {path}",
    ]
    if dry_run:
        lines.append("A rehearsal: nothing was changed.")
    for line in lines:
        out.print(line, markup=False, highlight=False)


def _error_words(error_k: float) -> str:
    return "not known" if math.isnan(error_k) else f"{error_k:.2f} K"


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
