"""The command line: verbs and words, no logic. Other packages add verbs by entry points."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from controller import app as service
from controller.acceptance import may_write, tank_knob
from controller.actuation import choose_knob
from controller.care import NO_SHADOW_WEEK, add_care_verbs, shadow_week_is_due
from controller.clock import WallClock
from controller.config import HouseConfig, effective_values
from controller.config_values import parse_duration
from controller.connect import connect
from controller.connect_frequency import frequency_words
from controller.connect_peak import peak_words
from controller.danish_tariff import add_danish_tariff_verb
from controller.explain_verb import add_explain_verb
from controller.grid_words import hot_water_under_limit
from controller.history import add_history_verbs
from controller.hot_water_steering import hot_water_words
from controller.house_prior import day_one
from controller.learn_verb import add_learn_verb, learned_words
from controller.limit_verb import add_limit_verb
from controller.liveness import ClockTrust, Supervisor
from controller.online import Answer, ask_online
from controller.owner import ask
from controller.pace_verb import add_pace_verb
from controller.performance_verb import add_performance_verb
from controller.probe_verb import add_probe_verb
from controller.savings_verb import add_savings_verb
from controller.snapshot import Measured, Reading
from controller.steering import can_follow
from controller.store import StoreError
from controller.tariff_verb import add_tariff_verb
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

app = typer.Typer(
    name="heatherd",
    help="Open, local, real-time controller for heat pumps. New installations only observe.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
For = Annotated[
    str | None, typer.Option("--for", help='how long, such as "3 h"; default: until changed')
]
READ_PATIENCE_S = 5.0
"""How long `check --read` listens for messages of the broker."""


@app.command(epilog="Example: heatherd run -c house.toml")
def run(
    config: ConfigPath = DEFAULT_CONFIG,
    verbose: Annotated[bool, typer.Option("--verbose", help="say more")] = False,
    await_clock: Annotated[
        bool,
        typer.Option("--await-clock", help="only observe until the system's clock is synchronised"),
    ] = False,
) -> None:
    """Run the service until it is told to stop, then hand the pump back."""
    settings = load(config)
    _warn_of_haste(settings)
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(levelname)s %(name)s: %(message)s",
    )
    for chatty in ("asyncio", "aiomqtt"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        asyncio.run(_run(settings, ClockTrust() if await_clock else lambda: True))
    except* ConfigurationError as group:
        fail("; ".join(str(error) for error in group.exceptions))
    except* StoreError as group:
        fail("; ".join(str(error) for error in group.exceptions), Exit.FAILED)


async def _run(settings: HouseConfig, clock_is_right: Callable[[], bool]) -> None:
    stop = asyncio.Event()
    running = asyncio.get_running_loop()
    supervisor = Supervisor(os.environ.get("NOTIFY_SOCKET"), settings.control.cycle_s)

    def end() -> None:
        supervisor.stopping()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, end)
    await service.run(
        settings,
        clock=WallClock(),
        stop=stop,
        supervisor=supervisor,
        clock_is_right=clock_is_right,
    )


@app.command(epilog="Example: heatherd check -c house.toml --read")
def check(
    config: ConfigPath = DEFAULT_CONFIG,
    read: Annotated[
        bool, typer.Option("--read", help="also read every device once; never writes")
    ] = False,
    online: Annotated[
        bool, typer.Option("--online", help="also ask every source of prices and weather once")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Validate the configuration and print every effective value with its origin."""
    settings = load(config)
    values = [(key, value, origin) for key, value, origin in effective_values(settings)]
    try:
        outside = connect(settings, WallClock().now)
        granted = sorted(may_write(settings, outside.pump))
        house = day_one(settings)
    except ConfigurationError as error:
        fail(f"{config}: {error}")
    signals: dict[str, str] = {}
    if read:
        snapshot = asyncio.run(service.read_once(outside, WallClock(), patience_s=READ_PATIENCE_S))
        signals = {name.value: _in_words(value) for name, value in snapshot.signals.items()}
    answers = (
        asyncio.run(ask_online(settings, WallClock(), patience_s=READ_PATIENCE_S)) if online else []
    )
    _warn_of_haste(settings)
    knob = choose_knob(outside.pump.knobs, settings.heat_pump.capability)
    tank = hot_water_words(settings.hot_water, tank_knob(settings, outside.pump.knobs))
    peak = peak_words(settings, outside.pump.knobs)
    limited = hot_water_under_limit(settings, outside.pump)
    if as_json:
        shown = {key: {"value": _plain(value), "origin": origin} for key, value, origin in values}
        heat = None if knob is None else {"knob": knob.capability, "follows": can_follow(knob)}
        show_json(
            {
                "settings": shown,
                "writes": granted,
                "house": {"loss_w_per_k": house.loss.w_per_k, "range": house.loss.range_w_per_k},
                "heat": heat,
                "tank": tank,
                "peak": peak,
                "limited": None if limited is None else asdict(limited),
                "frequency": frequency_words(settings),
                "signals": signals,
                "online": [asdict(answer) for answer in answers],
            }
        )
        raise typer.Exit(_online_code(answers))
    table = Table("setting", "value", "from", box=None)
    for key, value, origin in values:
        table.add_row(key, "–" if value is None else escape(str(value)), origin)
    out.print(table)
    for name, text in signals.items():
        out.print(f"{name:24} {text}", highlight=False, markup=False)
    for answer in answers:
        mark = "" if answer.good else "no answer: "
        out.print(f"{answer.of:24} {mark}{answer.text}", highlight=False, markup=False)
    for said in house.words, *learned_words(settings):
        out.print(said, highlight=False, markup=False)
    if knob is None:
        out.print("This pump has no knob for heat.", highlight=False)
    else:
        out.print(f"Heat goes through {knob.capability}: {can_follow(knob)}.", highlight=False)
    for said in tank, *([] if peak is None else [peak]):
        out.print(said, highlight=False, markup=False)
    if limited is not None:
        out.print(limited.text, style=None if limited.stops else "yellow", markup=False)
    if promise := frequency_words(settings):
        out.print(promise, highlight=False, markup=False)
    will = f"write {', '.join(granted)} to the pump." if granted else "only observe."
    out.print(f"It is valid. heatherd will {will}", highlight=False)
    raise typer.Exit(_online_code(answers))


def _online_code(answers: list[Answer]) -> Exit:
    return Exit.OK if all(answer.good for answer in answers) else Exit.FAILED


def _warn_of_haste(settings: HouseConfig) -> None:
    if shadow_week_is_due(settings):
        err.print(NO_SHADOW_WEEK, style="yellow", markup=False, highlight=False, soft_wrap=True)


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _in_words(measured: Measured) -> str:
    return f"{measured.value:g}" if isinstance(measured, Reading) else f"– {measured.reason}"


def _ask(config: Path, request: dict[str, Any]) -> dict[str, Any]:
    path = load(config).storage.socket
    try:
        answer = asyncio.run(ask(path, request))
    except OSError as error:
        fail(f"no service answers on {path}: {error.strerror or error}", Exit.NO_SERVICE)
    if not answer.pop("ok"):
        fail(str(answer.get("error")), Exit.USAGE)
    return answer


def _tell(answer: dict[str, Any], as_json: bool, sentence: str) -> None:
    if as_json:
        show_json(answer)
    else:
        out.print(sentence, markup=False, highlight=False)


def _seconds(duration: str | None) -> float | None:
    try:
        return None if duration is None else parse_duration(duration)
    except ValueError as error:
        fail(f"--for: {error}", Exit.USAGE)


@app.command(epilog="Example: heatherd status --json")
def status(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """What the service sees, wants and does now."""
    answer = _ask(config, {"verb": "status"})
    if as_json:
        show_json(answer)
        return
    now = answer["status"]
    if now is None:
        out.print("The service has started; its first cycle is not finished.")
        return
    out.print(
        f"{now['at']}  target {now['target_c']:.1f} °C ({now['target_reason']})", highlight=False
    )
    table = Table("signal", "value", box=None)
    for name, value in now["signals"].items():
        table.add_row(name, f"{value:g}")
    for name, gone in now["missing"].items():
        table.add_row(name, escape(f"missing since {gone['since']}: {gone['reason']}"))
    out.print(table)
    out.print(_believed(now["believed"]), markup=False, highlight=False)
    for note in now["notes"]:
        out.print(f"note: {note}", markup=False, highlight=False)
    said = "; ".join(now.get("reasons", [])) or "no objection"
    out.print(f"wants {now['wanted']} ({now['wanted_source']}); guard: {said}", markup=False)
    if "not_applied" in now:
        out.print(f"pump: {now['not_applied']}", markup=False, highlight=False)
    elif now.get("in_effect"):
        held = ", ".join(f"{name} {value:g}" for name, value in now["in_effect"].items())
        out.print(f"pump: {held} in effect", markup=False, highlight=False)
    out.print("The pump is released." if answer["released"] else "", end="")


def _believed(found: dict[str, Any]) -> str:
    told, second = found["innovations"], ""
    if "second_room_c" in found:
        second = f", the second zone at {found['second_room_c']:.1f} °C"
    return (
        f"believes the room is at {found['room_c']:.1f} °C{second}, with {found['lasting_w']:+d} W"
        f" that last and {found['passing_w']:+d} W that pass; readings differ by"
        f" {told['mean_k']:+.2f} K in the mean, {told['spread']:.1f} times as much as expected"
    )


@app.command(epilog='Example: heatherd override 22.5 --for "3 h"')
def override(
    room_c: Annotated[float, typer.Argument(help="room temperature wanted, °C")],
    duration: For = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Want another room temperature."""
    request = {"verb": "override", "room_c": room_c, "for_s": _seconds(duration)}
    _tell(_ask(config, request), as_json, f"The room is to be {room_c:g} °C.")


@app.command(epilog='Example: heatherd away --for "7 d"')
def away(
    room_c: Annotated[float | None, typer.Option("--room", help="default: comfort.away_c")] = None,
    duration: For = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Nobody is at home: keep the house cooler."""
    request = {"verb": "away", "room_c": room_c, "for_s": _seconds(duration)}
    _tell(_ask(config, request), as_json, "Away.")


@app.command(epilog='Example: heatherd boost --for "2 h"')
def boost(
    duration: For = "2 h", config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """Make it a degree warmer for a while."""
    _tell(_ask(config, {"verb": "boost", "for_s": _seconds(duration)}), as_json, "Boost.")


@app.command(epilog="Example: heatherd release")
def release(
    once: Annotated[
        bool, typer.Option("--once", help="hand back, but do not stay released")
    ] = False,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Hand the pump back at once and keep hands off until `heatherd resume`.

    Works without a running service too: it then restores what a dead one left on the pump.
    """
    settings = load(config)
    running = asyncio.run(service.is_running(settings.storage.socket))
    if running and once:
        fail("a service is running and would take the pump up again: leave out --once", Exit.USAGE)
    if running:
        answer = _ask(config, {"verb": "release"})
    else:
        try:
            free = asyncio.run(
                service.hand_back_without_service(settings, WallClock(), stay_released=not once)
            )
        except ConfigurationError as error:
            fail(str(error))
        except StoreError as error:
            fail(str(error), Exit.FAILED)
        answer = {"handed_back": free, "released": not once}
    free = bool(answer["handed_back"])
    sentence = "The pump is on its own control." if free else "The pump could not be reached yet."
    _tell(answer, as_json, sentence)
    raise typer.Exit(Exit.OK if free else Exit.FAILED)


@app.command(epilog="Example: heatherd resume")
def resume(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """End a release and every timed wish."""
    _tell(_ask(config, {"verb": "resume"}), as_json, "heatherd steers again.")


add_care_verbs(app)
add_danish_tariff_verb(app)
add_explain_verb(app)
add_history_verbs(app)
add_learn_verb(app)
add_limit_verb(app)
add_pace_verb(app)
add_performance_verb(app)
add_probe_verb(app)
add_savings_verb(app)
add_tariff_verb(app)


def add_verbs_of_other_packages() -> None:
    """Verbs announced under the entry-point group `heatherd.verbs`."""
    for entry in sorted(entry_points(group="heatherd.verbs"), key=lambda e: e.name):
        entry.load()(app)


def main() -> None:
    """Entry point of the `heatherd` command.

    The service's own verbs need nothing but the controller: `release` works even when another
    package is broken, and starts at once.
    """
    own = {
        command.name or command.callback.__name__
        for command in app.registered_commands
        if command.callback
    }
    if len(sys.argv) < 2 or sys.argv[1] not in own:
        add_verbs_of_other_packages()
    app(prog_name="heatherd")
