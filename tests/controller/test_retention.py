"""Old records become means of a quarter of an hour; young ones stay as they are."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from test_recorder import AT, record

from controller.recorder import Recorder
from controller.records import StepRecord
from controller.snapshot import Missing, Reading, Snapshot
from drivers.api import Signal

KEEP = timedelta(days=2)


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    with closing(Recorder(tmp_path / "records.db", keep=KEEP)) as opened:
        yield opened


def of_room(minutes: float, room_c: float | None) -> StepRecord:
    plain = record(minutes)
    read = Missing("silent", plain.at) if room_c is None else Reading(room_c, plain.at)
    return replace(plain, snapshot=Snapshot(plain.at, {Signal.ROOM_C: read}))


def pass_time(recorder: Recorder, cycles: int, *, days: float = 4.0) -> None:
    """Cycles long after, each of which may thin out a quarter of an hour."""
    for minute in range(cycles):
        recorder.append(record(days * 1440 + minute))


def test_a_quarter_of_an_hour_becomes_one_mean_of_what_was_read(recorder: Recorder) -> None:
    for minute in range(30):
        recorder.append(of_room(minute, None if minute == 3 else 20.0 + minute / 10.0))
    pass_time(recorder, 2)
    (first_at, first), (second_at, second) = recorder.quarters()
    assert (first_at, second_at) == (AT, AT + timedelta(minutes=15))
    read = [20.0 + minute / 10.0 for minute in range(15) if minute != 3]
    assert first == {"room_c": pytest.approx(sum(read) / 14, abs=5e-4), "cycles": 15.0}
    assert second == {"room_c": pytest.approx(22.2), "cycles": 15.0}
    assert recorder.count() == 2  # the young ones


def test_young_records_are_never_touched(recorder: Recorder) -> None:
    for minute in range(60):
        recorder.append(of_room(minute, 20.0))
    pass_time(recorder, 60, days=1.9)
    assert recorder.count() == 120
    assert list(recorder.quarters()) == []


def test_without_a_limit_everything_is_kept(tmp_path: Path) -> None:
    with closing(Recorder(tmp_path / "records.db")) as recorder:
        recorder.append(record(0))
        pass_time(recorder, 3, days=1000.0)
        assert recorder.count() == 4


def test_texts_go_with_their_records_but_for_those_in_use_and_the_settings(
    recorder: Recorder,
) -> None:
    config = recorder.keep("config", "settings", AT)
    old = recorder.keep("plan", "an old plan", AT)
    lasting = recorder.keep("forecast", "known since ever", AT)
    recorder.append(replace(record(0), plan_hash=old, forecast_hash=lasting))
    for minute in range(10):
        at = 4 * 1440 + minute
        recorder.append(replace(record(at), forecast_hash=lasting))
    assert recorder.content(old) == "an old plan"  # leeway
    for minute in range(10):
        recorder.append(replace(record(8 * 1440 + minute), forecast_hash=lasting))
    assert recorder.content(old) is None
    assert recorder.content(lasting) == "known since ever"
    assert recorder.content(config) == "settings"


def test_a_record_that_nobody_can_read_any_more_stops_nothing(recorder: Recorder) -> None:
    recorder.append(record(0))
    recorder._db.execute("UPDATE step SET record = '{}'")
    pass_time(recorder, 1)
    assert [means for _, means in recorder.quarters()] == [{"cycles": 1.0}]
    assert recorder.count() == 1
