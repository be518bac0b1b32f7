"""The tail of the records: whole lines come back, torn ones cost themselves, readers see it."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_recorder import AT, break_disk, mend_disk, record

from controller.recorder import FOLD_EVERY_S, FOLD_ROWS, Recorder, Records
from controller.records import to_json
from controller.tail import Row, Tail, rows_in, tail_of

VALUES = st.none() | st.integers() | st.text() | st.binary() | st.booleans()
ROWS = st.lists(st.tuples(st.text(min_size=1), st.lists(VALUES).map(tuple)), max_size=5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "records.db"


@contextmanager
def tail_at(path: Path) -> Iterator[Tail]:
    tail = Tail(path)
    try:
        yield tail
    finally:
        tail.close()


@settings(deadline=None)
@given(ROWS)
def test_rows_come_back_from_a_tail_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    file = tmp_path_factory.mktemp("t") / "tail"
    with tail_at(file) as tail:
        for row in rows:
            tail.add(row)
        assert rows_in(file) == rows
        tail.clear()
        assert rows_in(file) == []


@settings(deadline=None)
@given(cut=st.integers(min_value=0, max_value=400), noise=st.binary(max_size=50))
def test_a_torn_line_costs_only_itself(
    tmp_path_factory: pytest.TempPathFactory, cut: int, noise: bytes
) -> None:
    file = tmp_path_factory.mktemp("t") / "tail"
    rows: list[Row] = [("step", (str(number), b"\x00\n\xff" * 5)) for number in range(6)]
    with tail_at(file) as tail:
        for row in rows:
            tail.add(row)
        whole = file.read_bytes()
        file.write_bytes(whole[:cut] + noise)
    left = rows_in(file)
    assert left == rows[: len(left)]
    assert len(left) >= whole[:cut].count(b"\n")
    with tail_at(file) as tail:
        tail.add(("step", ("next", b"")))
    assert rows_in(file) == [*left, ("step", ("next", b""))]


def test_a_disk_that_takes_half_a_line_is_an_error_and_spoils_no_later_one(tmp_path: Path) -> None:
    out, into = os.pipe()  # takes only what fits, as a full disk does
    os.set_blocking(into, False)
    with tail_at(tmp_path / "tail") as tail:
        file, tail._file = tail._file, into
        with pytest.raises(OSError, match="bytes could be written"):
            tail.add(("step", ("x" * 100_000,)))
        os.write(file, os.read(out, 1000))
        tail._file = file
        tail.add(("step", ("next",)))
    assert rows_in(tmp_path / "tail") == [("step", ("next",))]
    os.close(out)
    os.close(into)


def test_readers_see_the_tail_and_the_database_as_one(path: Path) -> None:
    with closing(Recorder(path, stopwatch_s=lambda: 0.0)) as recorder:
        recorder.append(record(0))  # folded: the first one always is
        plan = recorder.keep("plan", "a plan", AT)
        for minute in (1, 2):
            recorder.append(record(minute))
        assert recorder.count() == 1
        with closing(Records(path)) as reader:
            assert list(reader.records()) == [record(minute) for minute in range(3)]
            assert list(reader.records(record(1).at)) == [record(1), record(2)]
            assert reader.count() == 3
            assert reader.latest_at() == record(2).at
            assert (reader.count("plan"), reader.content(plan)) == (1, "a plan")
            assert reader.latest("plan") == "a plan"
            assert list(reader.contents("plan")) == ["a plan"]
    assert rows_in(tail_of(path)) == []
    with closing(Records(path)) as reader:
        assert list(reader.records()) == [record(minute) for minute in range(3)]


@pytest.mark.parametrize("why", ["time", "rows"])
def test_the_tail_is_folded_after_an_hour_or_many_rows(path: Path, why: str) -> None:
    now_s = 0.0
    with closing(Recorder(path, stopwatch_s=lambda: now_s)) as recorder:
        recorder.append(record(0))
        for minute in range(1, FOLD_ROWS):
            recorder.append(record(minute))
        assert recorder.count() == 1
        assert len(rows_in(tail_of(path))) == FOLD_ROWS - 1
        now_s = FOLD_EVERY_S if why == "time" else 0.0
        recorder.append(record(FOLD_ROWS))
        assert recorder.count() == FOLD_ROWS + 1
        assert rows_in(tail_of(path)) == []


def test_what_a_killed_service_left_in_the_tail_is_in_the_next_ones_database(path: Path) -> None:
    killed = Recorder(path, stopwatch_s=lambda: 0.0)
    killed.append(record(0))
    name = killed.keep("config", "settings", AT)
    killed.append(record(1))
    with closing(Recorder(path, stopwatch_s=lambda: 0.0)) as recorder:
        assert list(recorder.records()) == [record(0), record(1)]
        assert recorder.content(name) == "settings"
        assert rows_in(tail_of(path)) == []


def test_a_row_in_both_is_one_row(path: Path) -> None:
    with closing(Recorder(path, stopwatch_s=lambda: 0.0)) as recorder:
        recorder.append(record(0))
        recorder.append(record(1))
        again = tail_of(path).read_bytes()
        recorder._fold()
        tail_of(path).write_bytes(again)  # killed between the database and the tail
        with closing(Records(path)) as reader:
            assert list(reader.records()) == [record(0), record(1)]
            assert reader.count() == 2


def test_a_database_that_refuses_leaves_the_records_in_the_tail(path: Path) -> None:
    with closing(Recorder(path, stopwatch_s=lambda: 0.0)) as recorder:
        recorder.append(record(0))
        break_disk(path)
        for minute in range(1, FOLD_ROWS + 3):
            recorder.append(record(minute))
        assert recorder.count() == 1
        assert len(rows_in(tail_of(path))) == FOLD_ROWS + 2
        mend_disk(path)
        recorder.append(record(FOLD_ROWS + 3))
        assert recorder.count() == FOLD_ROWS + 4
        assert rows_in(tail_of(path)) == []


def test_without_a_tail_every_record_goes_to_the_database(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tail_of(path).mkdir(parents=True)  # in the way
    with closing(Recorder(path, stopwatch_s=lambda: 0.0)) as recorder:
        recorder.append(record(0))
        recorder.append(record(1))
        assert recorder.count() == 2
    assert "records are not yet safe" in caplog.text


def test_records_of_an_earlier_version_are_read_and_thinned_out(path: Path) -> None:
    with closing(Recorder(path)) as recorder:
        recorder.append(record(0))
    old = replace(record(1), plan_hash="kept")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("INSERT INTO step VALUES (?, ?)", (old.at.isoformat(), to_json(old)))
    with closing(Recorder(path, stopwatch_s=lambda: 0.0)) as recorder:
        recorder.append(record(2))
        assert list(recorder.records()) == [record(0), old, record(2)]
        assert [at for at, _ in recorder.texts()] == [r.at.isoformat() for r in recorder.records()]


def test_a_reader_meets_no_gap_while_the_tail_is_folded(path: Path) -> None:
    seen: list[list[str]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            with closing(Records(path)) as reader:
                seen.append([at for at, _ in reader.texts()])

    instants = [record(minute).at.isoformat() for minute in range(3 * FOLD_ROWS)]
    with closing(Recorder(path, stopwatch_s=lambda: 0.0)) as recorder:
        recorder.append(record(0))
        thread = threading.Thread(target=read)
        thread.start()
        for minute in range(1, 3 * FOLD_ROWS):
            recorder.append(record(minute))
        stop.set()
        thread.join()
    assert seen
    assert all(ats == instants[: len(ats)] for ats in seen)
