"""What is on the medium after a kill, and after a power cut: everything, but for five minutes."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from beliefs import believed
from test_recorder import AT, record

from controller.recorder import FOLD_EVERY_S, SYNC_EVERY_S, Recorder, Records
from controller.store import open_store
from controller.tail import Tail, tail_of
from mpc.plan import Estimate

UNTIL_KILLED = """
import sys
import time
from datetime import timedelta
from itertools import count
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_power_cut import belief
from test_recorder import record
from controller.recorder import Recorder
from controller.store import Store
folder = Path(sys.argv[1])
recorder = Recorder(folder / "records.db", stopwatch_s=time.monotonic)
store = Store(folder / "state.db")
for minute in count():
    recorder.append(record(minute))
    store.save_belief(belief(minute))
    store.save_text("known", str(minute))
    print(minute, flush=True)
"""


def belief(minute: int) -> object:
    at = AT + timedelta(minutes=minute)
    return believed(Estimate(at=at, state_c=(21.0,), disturbance_w=0.0, covariance=(0.1,)))


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Records]:
    reader = Recorder(path)
    try:
        yield reader
    finally:
        reader.close()


@pytest.mark.timeout(90)
def test_a_kill_loses_nothing_that_was_finished(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    with subprocess.Popen(
        [sys.executable, "-c", UNTIL_KILLED, str(tmp_path), here],
        stdout=subprocess.PIPE, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        finished = [int(process.stdout.readline()) for _ in range(12)][-1]
        process.send_signal(signal.SIGKILL)
        process.wait()
    with opened(tmp_path / "records.db") as records:
        kept = list(records.records())
    assert kept == [record(minute) for minute in range(len(kept))]
    assert len(kept) >= finished + 1
    with open_store(tmp_path / "state.db") as store:
        known = store.text("known")
        assert known is not None
        assert int(known) >= finished
        assert store.belief() is not None
        assert store.belief().estimate.at >= AT + timedelta(minutes=finished)  # type: ignore[union-attr]


@pytest.mark.parametrize("noise", [b"", bytes(4096), b"\xa5" * 4096], ids=["cut", "zeros", "noise"])
def test_a_power_cut_loses_the_last_five_minutes_at_most(tmp_path: Path, noise: bytes) -> None:
    path, last, now_s, synced = tmp_path / "records.db", 14, 0.0, 0
    recorder = Recorder(path, stopwatch_s=lambda: now_s)
    recorder._tail = tail = CountedTail(tail_of(path))
    for minute in range(last + 1):
        now_s = minute * 60.0
        recorder.append(record(minute))
        synced = tail.synced_bytes
    on_medium, written = path.read_bytes(), tail_of(path).read_bytes()
    assert 0 < synced < len(written)
    recorder.close()
    for cut in range(synced, len(written), 211):
        after = fresh(tmp_path / "after")
        (after / "records.db").write_bytes(on_medium)
        (after / "records.db.tail").write_bytes(written[:cut] + noise)
        with opened(after / "records.db") as records:
            kept = list(records.records())
        assert kept == [record(minute) for minute in range(len(kept))]
        assert record(last).at - kept[-1].at <= timedelta(seconds=SYNC_EVERY_S)


def test_what_a_reader_kept_from_the_medium_stays_in_the_tail(tmp_path: Path) -> None:
    path, now_s = tmp_path / "records.db", 0.0
    recorder = Recorder(path, stopwatch_s=lambda: now_s)
    recorder.append(record(0))
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM step").fetchone()
    on_medium, now_s = path.read_bytes(), FOLD_EVERY_S
    recorder.append(record(1))
    assert recorder.count() == 2
    after = fresh(tmp_path / "after")  # without the log of writes, which was not synced
    (after / "records.db").write_bytes(on_medium)
    (after / "records.db.tail").write_bytes(tail_of(path).read_bytes())
    with opened(after / "records.db") as records:
        assert list(records.records()) == [record(0), record(1)]
    reader.close()
    now_s = 2.0 * FOLD_EVERY_S
    recorder.append(record(2))
    assert tail_of(path).read_bytes() == b""
    assert len(list(recorder.records())) == 3
    recorder.close()


class CountedTail(Tail):
    """Knows how much of it a power cut leaves."""

    synced_bytes = 0

    def sync(self) -> None:
        super().sync()
        self.synced_bytes = os.fstat(self._file).st_size


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
