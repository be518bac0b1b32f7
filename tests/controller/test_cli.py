"""The command line: words, exit codes and JSON, with and without a service."""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from controller.cli import app
from controller.store import Lease, open_store
from drivers.api import Capability
from drivers.testing import AN_INSTANT

Document = dict[str, Any]
VERBS = [
    ["status"],
    ["override", "22"],
    ["away"],
    ["boost"],
    ["resume"],
]


def toml(document: Document) -> str:
    """Just enough of a TOML writer for the tests' own documents."""
    lines: list[str] = []
    for section, keys in document.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join(lines)


@pytest.fixture
def file(document: Document, tmp_path: Path) -> Path:
    path = tmp_path / "house.toml"
    path.write_text(toml(document))
    return path


def heatherd(*words: str | Path, config: Path | None = None) -> Any:
    """What the command says and its exit code."""
    end = [] if config is None else ["-c", str(config)]
    return CliRunner().invoke(app, [*map(str, words), *end])


@dataclass
class Service:
    """Answers on the owner's channel as told, in a thread of its own; keeps what it was asked."""

    path: Path
    answer: Document
    asked: list[Document] = field(default_factory=list)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(json.loads(await reader.readline()))
        writer.write(json.dumps(self.answer).encode() + b"\n")
        writer.close()

    async def run(self, ready: threading.Event, stop: asyncio.Event) -> None:
        server = await asyncio.start_unix_server(self._talk, path=self.path)
        ready.set()
        await stop.wait()
        server.close()


@pytest.fixture
def service(document: Document) -> Iterator[Callable[[Document], Service]]:
    """Starts a service that always gives one answer."""
    ends: list[Callable[[], None]] = []

    def start(answer: Document) -> Service:
        subject = Service(Path(document["storage"]["socket"]), answer)
        ready, loop = threading.Event(), asyncio.new_event_loop()
        stop = asyncio.Event()
        thread = threading.Thread(target=loop.run_until_complete, args=[subject.run(ready, stop)])
        thread.start()
        assert ready.wait(5.0)

        def end() -> None:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
            loop.close()

        ends.append(end)
        return subject

    yield start
    for end in ends:
        end()


# ---- check ---------------------------------------------------------------------------------------


def test_check_shows_every_value_with_its_origin(file: Path) -> None:
    result = heatherd("check", config=file)
    assert result.exit_code == 0
    assert "house.year" in result.stdout
    assert "Heat goes through flow_setpoint: follows the plan in steps of 0.1 K" in result.stdout
    assert "It is valid. heatherd will only observe." in result.stdout


def test_check_as_json_is_one_document(file: Path) -> None:
    shown = json.loads(heatherd("check", "--json", config=file).stdout)
    assert shown["writes"] == []
    assert shown["settings"]["house.year"] == {"value": 1972, "origin": "file"}
    assert shown["settings"]["house.name"] == {"value": "house", "origin": "default"}
    assert shown["settings"]["prices"] == {"value": None, "origin": "default"}


def test_check_says_when_it_will_write(document: Document, file: Path) -> None:
    document["control"] = {"mode": "control"}
    file.write_text(toml(document))
    refused = heatherd("check", config=file)
    assert refused.exit_code == 3
    assert "is proven as far as 'simulated'" in refused.stderr
    document["heat_pump"]["accept_maturity"] = "simulated"
    file.write_text(toml(document))
    said = " ".join(heatherd("check", config=file).stdout.split())
    knobs = "curve_offset, dhw_setpoint, flow_setpoint, power_limit, room_setpoint"
    assert f"heatherd will write {knobs}" in said


def test_a_name_in_brackets_is_shown_as_it_is(document: Document, file: Path) -> None:
    document["house"]["name"] = "[/red] house"
    file.write_text(toml(document))
    assert "[/red] house" in heatherd("check", config=file).stdout


def test_check_lists_every_problem_with_the_file(document: Document, file: Path) -> None:
    document["house"]["yaer"] = document["house"].pop("year")
    document["comfort"] = {"room_c": 99}
    file.write_text(toml(document))
    result = heatherd("check", config=file)
    assert result.exit_code == 3
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{file}: ") for line in lines)
    assert any("did you mean 'year'?" in line for line in lines)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"[house", "not valid TOML"), (b"name = '\xff'", "not valid TOML")],
)
def test_what_is_no_toml_is_told(file: Path, content: bytes, reason: str) -> None:
    file.write_bytes(content)
    result = heatherd("check", config=file)
    assert result.exit_code == 3
    assert reason in result.stderr


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    result = heatherd("check", config=tmp_path / "nowhere.toml")
    assert result.exit_code == 3
    assert "nowhere.toml: No such file or directory" in result.stderr


@pytest.mark.parametrize("words", [*VERBS, ["check"], ["run"], ["release"]], ids=lambda w: w[0])
def test_every_verb_needs_a_valid_configuration(tmp_path: Path, words: list[str]) -> None:
    assert heatherd(*words, config=tmp_path / "nowhere.toml").exit_code == 3


# ---- the owner's verbs ---------------------------------------------------------------------------


@pytest.mark.parametrize("words", VERBS, ids=lambda words: words[0])
def test_without_a_service_the_verbs_say_so(file: Path, words: list[str]) -> None:
    result = heatherd(*words, config=file)
    assert result.exit_code == 4
    assert "no service answers on" in result.stderr


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (
            ["override", "22.5", "--for", "3 h"],
            {"verb": "override", "room_c": 22.5, "for_s": 10800.0},
        ),
        (["override", "20"], {"verb": "override", "room_c": 20.0, "for_s": None}),
        (["away", "--for", "7 d"], {"verb": "away", "room_c": None, "for_s": 604800.0}),
        (["away", "--room", "15"], {"verb": "away", "room_c": 15.0, "for_s": None}),
        (["boost"], {"verb": "boost", "for_s": 7200.0}),
        (["resume"], {"verb": "resume"}),
    ],
)
def test_each_verb_asks_the_service(
    file: Path,
    service: Callable[[Document], Service],
    words: list[str],
    request_: Document,
) -> None:
    running = service({"ok": True, "released": False, "wish": None})
    plain, as_json = heatherd(*words, config=file), heatherd(*words, "--json", config=file)
    assert (plain.exit_code, as_json.exit_code) == (0, 0)
    assert plain.stdout.strip()
    assert json.loads(as_json.stdout) == {"released": False, "wish": None}
    assert running.asked == [request_, request_]


def test_what_the_service_refuses_is_a_usage_error(
    file: Path, service: Callable[[Document], Service]
) -> None:
    service({"ok": False, "error": "room_c must be between 9 and 25.5 °C"})
    result = heatherd("override", "99", config=file)
    assert result.exit_code == 2
    assert "between 9 and 25.5" in result.stderr


@pytest.mark.parametrize("words", [["override", "warm"], ["boost", "--for", "soon"], ["fly"]])
def test_a_wrong_command_line_is_a_usage_error(file: Path, words: list[str]) -> None:
    assert heatherd(*words, config=file).exit_code == 2


def test_status_is_shown_to_people_and_programs(
    file: Path, service: Callable[[Document], Service]
) -> None:
    status = {
        "at": "2026-01-15T12:00:00+00:00", "target_c": 21.0, "target_reason": "configured",
        "signals": {"room_c": 20.5},
        "missing": {"dhw_c": {"reason": "[/x] offline", "since": "2026-01-15T11:00:00+00:00"}},
        "wanted": "heat", "wanted_source": "mpc", "planned_heat_w": 3000.0,
        "verdict": "altered", "settings": {"flow_setpoint": 35.0},
        "reasons": ["room at the frost floor"], "notes": ["open window? the rooms lose 2.1 kW"],
        "believed": {
            "room_c": 20.4, "lasting_w": -120, "passing_w": -2100,
            "innovations": {"readings": 400, "mean_k": 0.01, "spread": 1.1, "lag1": 0.2},
        },
    }  # fmt: skip
    service({"ok": True, "status": status, "released": True, "wish": None})
    people = heatherd("status", config=file)
    assert people.exit_code == 0
    for part in (
        "target 21.0 °C", "20.5", "[/x] offline", "frost floor", "released",
        "at 20.4 °C", "-120 W that last", "-2100 W that pass", "open window?",
    ):  # fmt: skip
        assert part in people.stdout
    assert json.loads(heatherd("status", "--json", config=file).stdout)["status"] == status


def test_status_before_the_first_cycle(file: Path, service: Callable[[Document], Service]) -> None:
    service({"ok": True, "status": None, "released": False, "wish": None})
    assert "its first cycle is not finished" in heatherd("status", config=file).stdout


# ---- release and run -----------------------------------------------------------------------------


@pytest.mark.parametrize(("free", "code"), [(True, 0), (False, 1)])
def test_release_asks_the_service(
    file: Path, service: Callable[[Document], Service], free: bool, code: int
) -> None:
    running = service({"ok": True, "handed_back": free, "released": True, "wish": None})
    assert heatherd("release", config=file).exit_code == code
    assert running.asked[-1] == {"verb": "release"}


def test_release_once_leaves_a_running_service_alone(
    file: Path, service: Callable[[Document], Service]
) -> None:
    running = service({"ok": True, "status": None, "released": False, "wish": None})
    result = heatherd("release", "--once", config=file)
    assert result.exit_code == 2
    assert "leave out --once" in result.stderr
    assert running.asked == [{"verb": "status"}]


@pytest.mark.parametrize("once", [False, True])
def test_release_without_a_service_and_without_leases_is_done(
    file: Path, document: Document, once: bool
) -> None:
    result = heatherd("release", "--json", *(["--once"] if once else []), config=file)
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"handed_back": True, "released": not once}
    with open_store(Path(document["storage"]["directory"]) / "state.db") as store:
        assert store.wishes().released is not once


@pytest.mark.sockets
@pytest.mark.enable_socket
def test_release_without_a_service_says_when_the_pump_cannot_be_reached(
    file: Path, document: Document
) -> None:
    document["heat_pump"].update(host="127.0.0.1", port=9)  # discard: nobody listens there
    file.write_text(toml(document))
    lease = Lease(Capability.CURVE_OFFSET, 0.0, 2.0, 2.0, AN_INSTANT, AN_INSTANT)
    path = Path(document["storage"]["directory"]) / "state.db"
    with open_store(path) as store:
        store.save_lease(lease)
    result = heatherd("release", "--once", config=file)
    assert result.exit_code == 1
    assert "could not be reached yet" in result.stdout
    with open_store(path) as store:
        assert store.leases() == {lease.capability: lease}


@pytest.mark.parametrize("verb", ["release", "run"])
def test_a_damaged_state_needs_a_person(file: Path, document: Document, verb: str) -> None:
    path = Path(document["storage"]["directory"]) / "state.db"
    path.write_bytes(b"no database " * 200)
    result = heatherd(verb, config=file)
    assert result.exit_code == 3
    assert "is damaged" in result.stderr


@pytest.mark.parametrize("verb", ["release", "run"])
def test_a_folder_that_cannot_be_used_is_worth_another_try(
    file: Path, document: Document, verb: str
) -> None:
    document["storage"]["directory"] = str(file)
    file.write_text(toml(document))
    result = heatherd(verb, config=file)
    assert result.exit_code == 1
    assert "state.db cannot be opened" in result.stderr


def test_run_refuses_what_may_not_be_written(document: Document, file: Path) -> None:
    document["control"] = {"mode": "control"}
    file.write_text(toml(document))
    result = heatherd("run", config=file)
    assert result.exit_code == 3
    assert "is proven as far as" in result.stderr


def test_run_refuses_a_second_service(file: Path, service: Callable[[Document], Service]) -> None:
    service({"ok": True, "status": None, "released": False, "wish": None})
    result = heatherd("run", config=file)
    assert result.exit_code == 3
    assert "a service already answers" in result.stderr


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    """`run` sets up logging for the whole process; the next test finds it as it was."""
    levels = {name: logging.getLogger(name).level for name in ("pymodbus", "asyncio", "aiomqtt")}
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


# ---- help ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "verb",
    sorted(
        command.name or command.callback.__name__
        for command in app.registered_commands
        if command.callback is not None
    ),
)
def test_every_help_page_has_an_example_that_names_its_verb(verb: str) -> None:
    result = heatherd(verb, "--help")
    assert result.exit_code == 0
    assert f"Example: heatherd {verb}" in result.stdout
