"""What is on the medium after a kill, and after a power cut: everything, but for five minutes."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from beliefs import believed
from test_recorder import AT, record

from controller.recorder import SYNC_EVERY_S, Recorder, Records
from controller.store import open_store
from mpc.plan import Estimate

UNTIL_KILLED = """
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_power_cut import belief
from test_recorder import record
from controller.recorder import Recorder
from controller.store import Store
folder = Path(sys.argv[1])
recorder, store = Recorder(folder / "records.db"), Store(folder / "state.db")
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


@pytest.mark.parametrize("tail", [b"", bytes(4096), b"\xa5" * 4096], ids=["cut", "zeros", "noise"])
def test_a_power_cut_loses_the_last_five_minutes_at_most(tmp_path: Path, tail: bytes) -> None:
    path, log = tmp_path / "records.db", tmp_path / "records.db-wal"
    last = 14
    now_s = 0.0
    recorder = Recorder(path, stopwatch_s=lambda: now_s)
    for minute in range(last + 1):
        now_s = minute * 60.0
        recorder.append(record(minute))
    on_medium, written = path.read_bytes(), log.read_bytes()
    recorder.close()
    for cut in range(0, len(written), 1500):
        after = tmp_path / "after"
        shutil.rmtree(after, ignore_errors=True)
        after.mkdir()
        (after / "records.db").write_bytes(on_medium)
        (after / "records.db-wal").write_bytes(written[:cut] + tail)
        with opened(after / "records.db") as records:
            kept = list(records.records())
        assert kept == [record(minute) for minute in range(len(kept))]
        assert record(last).at - kept[-1].at <= timedelta(seconds=SYNC_EVERY_S)
