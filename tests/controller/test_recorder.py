"""What was recorded survives restarts, kills, full disks and damaged files."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from beliefs import believed

from controller.act import NotApplied
from controller.guard import Memory, Refused, Wanted
from controller.recorder import Recorder, Records
from controller.records import RecordError, StepRecord
from controller.snapshot import Snapshot
from controller.wishes import Target
from mpc.plan import Estimate

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def record(minutes: float = 0.0, note: str = "") -> StepRecord:
    at = AT + timedelta(minutes=minutes)
    estimate = Estimate(at=at, state_c=(21.0,), disturbance_w=0.0, covariance=(0.1,))
    return StepRecord(
        continues=minutes > 0.0,
        snapshot=Snapshot(at, {}),
        target=Target(21.0, 1.0, "configured"),
        belief=believed(estimate),
        memory=Memory(seen_at=at),
        ghi_w_per_m2=0.0,
        outdoor_forecast_c=None,
        current=None,
        plan_hash=None,
        forecast_hash=None,
        released=False,
        wanted=Wanted({}, None, None, "none", "no plan"),
        verdict=Refused(("no plan",)),
        outcome=NotApplied("no plan"),
        notes=(note,),
        plan_time_ms=None,
        not_solved=False,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "records.db"


@contextmanager
def from_outside(path: Path) -> Iterator[sqlite3.Connection]:
    """Another process at the same file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        yield other


def break_disk(path: Path, table: str = "step") -> None:
    with from_outside(path) as other:
        other.execute(
            f"CREATE TRIGGER {table}_full BEFORE INSERT ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'no space left'); END"
        )


def mend_disk(path: Path, table: str = "step") -> None:
    with from_outside(path) as other:
        other.execute(f"DROP TRIGGER {table}_full")


def test_records_come_back_in_order_after_a_restart(path: Path) -> None:
    with closing(Recorder(path)) as recorder:
        for minutes in (2, 0, 1):
            recorder.append(record(minutes))
    with closing(Recorder(path)) as recorder:
        recorder.append(record(3))
        assert list(recorder.records()) == [record(minutes) for minutes in range(4)]
        assert recorder.count() == 4


def test_a_finished_record_is_there_for_a_reader_at_once(path: Path) -> None:
    with closing(Recorder(path)) as recorder:
        recorder.append(record())
        with closing(Records(path)) as reader:
            assert list(reader.records()) == [record()]


def test_equal_texts_are_kept_once_under_one_name(path: Path) -> None:
    with closing(Recorder(path)) as recorder:
        first = recorder.keep("plan", "a plan", AT)
        assert recorder.keep("plan", "a plan", AT + timedelta(hours=1)) == first
        other = recorder.keep("plan", "another plan", AT + timedelta(hours=2))
        recorder.append(record())
        assert recorder.count("plan") == 2
        assert recorder.content(first) == "a plan"
        assert recorder.content(other) == "another plan"
        assert recorder.content("unknown") is None
        assert list(recorder.contents("plan")) == ["a plan", "another plan"]
        assert recorder.latest("plan") == "another plan"
        assert recorder.latest("config") is None


def test_settings_that_come_back_are_the_latest_again(path: Path) -> None:
    with closing(Recorder(path)) as recorder:
        for hours, text in enumerate(("first", "second", "first")):
            recorder.keep("config", text, AT + timedelta(hours=hours))
        recorder.append(record())
        assert recorder.count("config") == 2
        assert recorder.latest("config") == "first"


def test_a_text_kept_before_a_restart_is_not_kept_twice(path: Path) -> None:
    for hours in (0, 1):
        with closing(Recorder(path)) as recorder:
            recorder.keep("config", "settings", AT + timedelta(hours=hours))
            recorder.append(record(hours))
            assert recorder.count("config") == 1


def test_closing_writes_what_waits(path: Path) -> None:
    with closing(Recorder(path)) as recorder:
        name = recorder.keep("config", "settings", AT)
    with closing(Records(path)) as reader:
        assert reader.content(name) == "settings"


def test_a_failing_disk_keeps_control_going_and_loses_nothing(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Recorder(path)) as recorder:
        recorder.append(record(0))
        break_disk(path)
        name = recorder.keep("plan", "made while the disk was full", AT)
        for minutes in (1, 2, 3):
            recorder.append(record(minutes))
        assert recorder.count() == 1
        assert "records wait in memory (3): no space left" in caplog.text
        mend_disk(path)
        recorder.append(record(4))
        assert list(recorder.records()) == [record(minutes) for minutes in range(5)]
        assert recorder.content(name) == "made while the disk was full"


def test_a_text_that_cannot_be_stored_holds_back_the_records_that_name_it(path: Path) -> None:
    with closing(Recorder(path)) as recorder:
        break_disk(path, "content")
        name = recorder.keep("plan", "a plan", AT)
        recorder.append(replace(record(), plan_hash=name))
        assert recorder.count() == 0
        mend_disk(path, "content")
        recorder.append(record(1))
        assert recorder.count() == 2
        assert recorder.content(name) == "a plan"


def test_a_full_file_recovers(path: Path) -> None:
    with closing(Recorder(path)) as recorder:
        pages = recorder._db.execute("PRAGMA page_count").fetchone()[0]
        recorder._db.execute(f"PRAGMA max_page_count={pages}")
        for minutes in range(30):
            recorder.append(record(minutes, "x" * 500))
        assert recorder.count() < 30
        recorder._db.execute("PRAGMA max_page_count=1000000")
        recorder.append(record(30))
        assert recorder.count() == 31


def test_closing_on_a_failing_disk_only_says_so(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(path)
    break_disk(path)
    recorder.append(record())
    recorder.close()
    assert caplog.text.count("records wait in memory (1)") == 2


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    path.parent.mkdir()
    for number in (1, 2):
        damaged = b"no database %d " % number * 200
        path.write_bytes(damaged)
        with closing(Recorder(path)) as recorder:
            recorder.append(record())
            assert list(recorder.records()) == [record()]
        assert path.with_name(f"records.db.{number}.corrupt").read_bytes() == damaged
    assert "is damaged" in caplog.text
    assert "records.db.2.corrupt" in caplog.text


def test_a_disk_that_is_not_there_yet_gets_the_records_when_it_comes(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.mkdir(parents=True)  # in the way, and no damage
    with closing(Recorder(path)) as recorder:
        name = recorder.keep("config", "settings", AT)
        recorder.append(record(0))
        assert recorder.count() == 0
        assert "records wait in memory" in caplog.text
        path.rmdir()
        recorder.append(record(1))
        assert list(recorder.records()) == [record(0), record(1)]
        assert recorder.content(name) == "settings"


def test_damage_while_running_costs_the_old_records_only(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Recorder(path)) as recorder:
        name = recorder.keep("config", "settings", AT)
        for minutes in range(20):
            recorder.append(record(minutes, "x" * 500))
        recorder._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        size = path.stat().st_size
        path.write_bytes(path.read_bytes()[:100] + b"\xff" * (size - 100))
        recorder._db.execute("PRAGMA shrink_memory")
        for minutes in range(20, 25):
            recorder.append(record(minutes))
        kept = [r.at for r in recorder.records()]
        assert kept == [record(minutes).at for minutes in range(20, 25)]
        assert recorder.content(name) == "settings"
    assert path.with_name("records.db.1.corrupt").stat().st_size == size
    assert "is damaged" in caplog.text


def test_a_reader_changes_nothing_and_says_what_it_cannot_read(path: Path) -> None:
    with pytest.raises(RecordError, match="there are no records at"):
        Records(path)
    assert not path.parent.exists()
    with closing(Recorder(path)) as recorder:
        recorder.append(record())
        with from_outside(path) as other:
            other.execute("UPDATE step SET record = '{}'")
            other.execute("INSERT INTO content VALUES ('bad', 'plan', 'now', 'not compressed')")
        with closing(Records(path)) as reader:
            with pytest.raises(RecordError, match=r"record of 2026-01-15T12:00:00\+00:00"):
                list(reader.records())
            with pytest.raises(RecordError, match="a kept text cannot be read"):
                reader.content("bad")
    path.write_bytes(b"no database " * 200)
    with closing(Records(path)) as reader, pytest.raises(RecordError, match="cannot be read"):
        reader.count()
