"""Configurations, records and answers that nobody should have written are refused in words."""

import asyncio
import json
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest

from controller.config import LONGEST_SHOWN, MOST_STEPS, ConfigError
from controller.owner import LONGEST_ANSWER, ask
from controller.recorder import Recorder, Records
from controller.records import RecordError, from_json
from controller.replay import LONGEST_MESSAGE, ReplayError, recorded_config
from controller.terminal import LARGEST_CONFIG_BYTES, parsed

HOUSE = """
[house]
timezone = "Europe/Copenhagen"
year = 1972
area_m2 = 140
emitter = "radiator"
design_flow_c = 50
[heat_pump]
profile = "generic_modbus"
host = "192.0.2.1"
"""


# ---- configurations ---


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a = " + "[" * 5000, "nested without end"),
        ("[" + "a." * 3000 + "a]", "nested without end"),
        ("a = " + "9" * 5000, "not valid TOML"),
        ("#" * (LARGEST_CONFIG_BYTES + 1), "are no configuration"),
        (f'{HOUSE}topic = "a\\u0000"', "U\\+0000"),
        (f"{HOUSE}unit = 0x{'f' * 9000}", "a number of thousands of digits"),
        (f'{HOUSE}topic = "heishamon/#"', "wildcards"),
        (f'{HOUSE}[control]\nhorizon = "1000 d"', f"four to {MOST_STEPS} steps"),
        (f'{HOUSE}[control]\nplan_every = "9999999999 d"', "less than or equal"),
        (f'{HOUSE}[control]\ncycle = "0.001 s"', "not be shorter"),
    ],
)
def test_a_configuration_that_nobody_meant_is_refused_in_words(content: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        parsed(content.encode())
    assert max(map(len, str(caught.value).splitlines())) < 1000


def test_bytes_that_are_no_text_are_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="not valid TOML"):
        parsed(b"\xff\xfe")


def test_a_good_configuration_is_read() -> None:
    assert parsed(HOUSE.encode()).house.year == 1972


def test_a_wrong_value_is_quoted_shortly_and_without_its_password() -> None:
    text = f'[mqtt]\nbroker = "mqtt://me:secret@{"x" * 9000}"'
    with pytest.raises(ConfigError) as caught:
        parsed(f"{HOUSE}{text}".encode())
    assert "secret" not in str(caught.value)
    assert "x" * (LONGEST_SHOWN + 1) not in str(caught.value)


# ---- records ---


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An empty store."""
    Recorder(tmp_path / "records.db").close()
    return tmp_path / "records.db"


def put(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(statement, values)


def test_a_kept_text_that_would_fill_the_memory_is_refused(path: Path) -> None:
    packed = zlib.compress(b" " * 20_000_000)
    put(path, "INSERT INTO content VALUES ('a', 'config', '2026', ?)", packed)
    with closing(Records(path)) as records, pytest.raises(RecordError, match="larger than"):
        recorded_config(records)


def test_a_kept_text_of_a_megabyte_is_read(path: Path) -> None:
    packed = zlib.compress(b" " * 1_000_000)
    put(path, "INSERT INTO content VALUES ('a', 'plan', '2026', ?)", packed)
    with closing(Records(path)) as records:
        assert len(records.content("a") or "") == 1_000_000


def test_a_kept_text_that_breaks_off_is_refused(path: Path) -> None:
    packed = zlib.compress(b"text" * 100)[:-6]
    put(path, "INSERT INTO content VALUES ('a', 'plan', '2026', ?)", packed)
    with closing(Records(path)) as records, pytest.raises(RecordError, match="cut"):
        records.content("a")


def test_instants_that_are_none_are_refused_in_words(path: Path) -> None:
    put(path, "INSERT INTO step VALUES ('now', '{}')")
    put(path, "INSERT INTO quarter VALUES ('then', '{}')")
    with closing(Records(path)) as records:
        with pytest.raises(RecordError, match="'now' is no instant"):
            records.latest_at()
        with pytest.raises(RecordError, match="'then' is no instant"):
            list(records.quarters())


@pytest.mark.parametrize("means", ["[", "[1]", '{"a": "b"}', "null"])
def test_means_that_are_none_are_refused_in_words(path: Path, means: str) -> None:
    put(path, "INSERT INTO quarter VALUES ('2026-01-15T12:00:00+00:00', ?)", means)
    with closing(Records(path)) as records, pytest.raises(RecordError, match="cannot be read"):
        list(records.quarters())


def test_a_hash_that_is_a_number_of_hundreds_of_digits_names_nothing(path: Path) -> None:
    with closing(Records(path)) as records, pytest.raises(RecordError, match="cannot be read"):
        records.content(10**400)  # type: ignore[arg-type]


def test_an_error_quotes_little_of_an_unreadable_record() -> None:
    for text in (json.dumps({"v": "a" * 9000}), json.dumps({"v": 3, "at": "a" * 9000})):
        with pytest.raises(RecordError) as caught:
            from_json(text)
        assert len(str(caught.value)) < 300


def test_records_without_settings_cannot_be_replayed(path: Path) -> None:
    with closing(Records(path)) as records, pytest.raises(ReplayError, match="no configuration"):
        recorded_config(records)


# ---- the owner's channel ---


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"\n", "something else"),
        (b"[]\n", "something else"),
        (b'{"ok": 1}\n', "something else"),
        (b"\xff\n", "something else"),
        (b"[" * 90_000 + b"\n", "something else"),
        (b"x" * (LONGEST_ANSWER + 9), "more than"),
        (b"", "without an answer"),
    ],
)
async def test_something_else_behind_the_socket_is_told_from_the_service(
    tmp_path: Path, said: bytes, reason: str
) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(said)
        writer.close()

    path = tmp_path / "owner.sock"
    async with await asyncio.start_unix_server(speak, path=path):
        with pytest.raises(ConnectionError, match=reason):
            await ask(path, {"verb": "status"})


def test_what_is_quoted_of_damaged_records_stays_readable() -> None:
    assert str(ReplayError("plan a cannot be read")) == "plan a cannot be read"
    assert len(str(ReplayError("a" * 5000))) == LONGEST_MESSAGE + 1
