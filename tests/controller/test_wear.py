"""The wear ledger: counts for life, a budget by time lived through, whatever the clock does."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.guard import Purpose
from controller.store import Store, StoreError, open_store
from controller.wear import KEPT, RESERVED_WEEKLY, Ledger, Lived, Move, weekly_budget
from drivers.api import Capability, Knob, WriteClass

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)


def knob(
    *, weekly_writes: float | None = None, write_class: WriteClass = WriteClass.PERSISTENT
) -> Knob:
    return Knob(
        capability=Capability.CURVE_OFFSET,
        point="offset",
        minimum=-10.0,
        maximum=10.0,
        resolution=1.0,
        write_class=write_class,
        weekly_writes=weekly_writes,
    )


OFFSET = knob()


def move(at: datetime, purpose: Purpose = Purpose.PLANNER, value: float = 2.0) -> Move:
    return Move(OFFSET, value, purpose, at)


def watch(ledger: Ledger, since: datetime, until: datetime) -> None:
    """The service is running."""
    at = since
    while at < until:
        at = min(at + HOUR, until)
        ledger.see(at)


@pytest.fixture
def ledger(store: Store) -> Ledger:
    opened = Ledger(store)
    opened.see(AT)
    return opened


# ---- time lived through --------------------------------------------------------------------------


def lived(*instants: datetime) -> Lived:
    result = Lived()
    for at in instants:
        result = result.seen(at)
    return result


def test_time_passes_with_the_clock() -> None:
    cycles = [AT + timedelta(minutes=n) for n in range(61)]
    assert lived(*cycles).total_s == 3600.0


def test_a_clock_that_goes_back_takes_no_time_and_gives_none() -> None:
    assert lived(AT, AT + HOUR, AT - DAY, AT - DAY + HOUR).total_s == 7200.0


def test_a_corrected_second_is_not_counted_twice() -> None:
    back = AT + timedelta(seconds=58)
    assert lived(AT, AT + timedelta(minutes=1), back, AT + timedelta(minutes=2)).total_s == 120.0


def test_a_long_stop_counts_once_the_clock_has_gone_on_for_an_hour() -> None:
    back_at = AT + 3 * DAY
    assert lived(AT, back_at).total_s == 0.0
    assert lived(AT, back_at, back_at + HOUR).total_s == (3 * DAY + HOUR).total_seconds()


def test_no_stop_counts_for_more_than_a_week() -> None:
    back_at = AT + 1000 * DAY
    assert lived(AT, back_at, back_at + HOUR).total_s == (WEEK + HOUR).total_seconds()


def test_a_leap_that_is_taken_back_never_was() -> None:
    future = AT + 3650 * DAY
    assert lived(AT, future, future + timedelta(minutes=5), AT, AT + HOUR).total_s == 3900.0


@given(
    st.lists(st.integers(-(10**9), 10**9).map(lambda s: timedelta(seconds=s)), max_size=40),
    st.integers(0, 50),
)
def test_a_clock_that_jumps_about_never_gives_more_than_it_went_on(
    jumps: list[timedelta], minutes: int
) -> None:
    """Each jump is followed by some minutes of ordinary time, too few to confirm it."""
    state, at = Lived().seen(AT), AT
    for jump in jumps:
        at = AT + jump
        state = state.seen(at)
        for _ in range(minutes):
            at += timedelta(minutes=1)
            state = state.seen(at)
        state = state.seen(at - DAY)  # and is taken back
    # a jump ahead of up to an hour cannot be told from a slow cycle
    assert state.total_s <= len(jumps) * (minutes * 60.0 + 3600.0)


# ---- the budget ----------------------------------------------------------------------------------


def test_a_stored_knob_has_fifteen_writes_a_week_unless_its_profile_says_otherwise() -> None:
    assert weekly_budget(OFFSET) == 15.0
    assert weekly_budget(knob(write_class=WriteClass.FORBIDDEN)) == 15.0
    assert weekly_budget(knob(weekly_writes=96.0)) == 96.0
    assert weekly_budget(knob(write_class=WriteClass.VOLATILE)) is None
    assert weekly_budget(knob(write_class=WriteClass.VOLATILE, weekly_writes=40.0)) == 40.0


def test_a_volatile_knob_may_always_be_written(ledger: Ledger) -> None:
    volatile = knob(write_class=WriteClass.VOLATILE)
    for _ in range(100):
        ledger.commit(Move(volatile, 1.0, Purpose.PLANNER, AT))
    assert ledger.writes_left(volatile) is None
    assert ledger.free_in(volatile) == timedelta(0)


def test_any_seven_days_hold_no_more_than_the_budget(ledger: Ledger) -> None:
    at = AT
    for _ in range(15):
        assert ledger.free_in(OFFSET) == timedelta(0)
        ledger.commit(move(at))
        watch(ledger, at, at + HOUR)
        at += HOUR
    assert ledger.writes_left(OFFSET) == 0.0
    assert ledger.free_in(OFFSET) == WEEK - 15 * HOUR
    watch(ledger, at, AT + WEEK - HOUR)
    assert ledger.writes_left(OFFSET) == 0.0
    watch(ledger, AT + WEEK - HOUR, AT + WEEK)
    assert ledger.writes_left(OFFSET) == 1.0
    watch(ledger, AT + WEEK, AT + WEEK + 2 * HOUR)
    assert ledger.writes_left(OFFSET) == 3.0


def test_a_budget_of_nothing_is_never_free(ledger: Ledger) -> None:
    assert ledger.free_in(knob(weekly_writes=0.0)) is None


@pytest.mark.parametrize("other", [Purpose.HAND_BACK, Purpose.SAFETY, Purpose.DSO])
def test_other_purposes_take_from_the_planner_only_beyond_their_reserve(
    ledger: Ledger, other: Purpose
) -> None:
    for _ in range(int(RESERVED_WEEKLY)):
        ledger.commit(move(AT, other))
    assert ledger.writes_left(OFFSET) == 15.0
    for _ in range(3):
        ledger.note(move(AT, other))
    assert ledger.writes_left(OFFSET) == 12.0
    for _ in range(100):
        ledger.note(move(AT, other))
    assert ledger.writes_left(OFFSET) == 0.0
    assert ledger.free_in(OFFSET) == WEEK


@pytest.mark.parametrize("jump", [-3650 * DAY, -DAY, 3650 * DAY])
def test_a_clock_that_jumps_grants_no_write(ledger: Ledger, jump: timedelta) -> None:
    for _ in range(15):
        ledger.commit(move(AT))
    ledger.see(AT + jump)
    assert ledger.writes_left(OFFSET) == 0.0
    ledger.see(AT + jump + timedelta(minutes=5))
    ledger.see(AT)
    assert ledger.writes_left(OFFSET) == 0.0
    watch(ledger, AT, AT + WEEK)
    assert ledger.writes_left(OFFSET) == 15.0


def test_registers_have_budgets_of_their_own(ledger: Ledger) -> None:
    ledger.commit(move(AT))
    other = Knob(
        capability=Capability.DHW_SETPOINT, point="dhw", minimum=40.0, maximum=60.0,
        resolution=0.5, write_class=WriteClass.PERSISTENT,
    )  # fmt: skip
    assert (ledger.writes_left(OFFSET), ledger.writes_left(other)) == (14.0, 15.0)


# ---- durable and small ---------------------------------------------------------------------------


def test_counts_and_time_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_store(path) as store:
        first = Ledger(store)
        first.see(AT)
        for _ in range(15):
            first.commit(move(AT))
        watch(first, AT, AT + 6 * DAY)
    with open_store(path) as store:
        second = Ledger(store)
        at = AT + 6 * DAY + timedelta(minutes=1)
        second.see(at)
        assert second.writes_left(OFFSET) == 0.0
        watch(second, at, at + DAY)
        assert second.writes_left(OFFSET) == 15.0


def test_a_write_is_known_to_another_process_before_it_is_made(
    ledger: Ledger, tmp_path: Path
) -> None:
    ledger.commit(move(AT))
    with open_store(tmp_path / "state.db") as other:
        assert Ledger(other).registers()[0].total == 1


def test_totals_for_life_survive_the_summing_up(ledger: Ledger, tmp_path: Path) -> None:
    many = KEPT + KEPT // 10 + 50
    for number in range(many):
        at = AT + number * timedelta(hours=2)
        ledger.note(move(at, Purpose.HAND_BACK if number % 3 else Purpose.PLANNER))
    (wear,) = ledger.registers()
    assert wear.total == many
    assert wear.writes[Purpose.PLANNER] == -(-many // 3)
    assert wear.since == "2026-01-15"
    other = sqlite3.connect(tmp_path / "state.db")
    ((rows,),) = other.execute("SELECT count(*) FROM intent").fetchall()
    ((days,),) = other.execute("SELECT count(*) FROM intent_day").fetchall()
    other.close()
    assert rows <= KEPT + KEPT // 10
    assert 0 < days <= 40


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(list(Purpose)), max_size=30))
def test_every_purpose_is_counted_for_life_and_for_the_week(purposes: list[Purpose]) -> None:
    with open_store(Path(":memory:")) as store:
        ledger = Ledger(store)
        ledger.see(AT)
        for purpose in purposes:
            ledger.commit(move(AT, purpose))
        found = ledger.registers()
    if not purposes:
        assert found == []
        return
    (wear,) = found
    assert wear.writes == {p: purposes.count(p) for p in Purpose if p in purposes}
    assert wear.week_planner == purposes.count(Purpose.PLANNER)
    assert wear.week_other == len(purposes) - wear.week_planner


# ---- a bad disk ----------------------------------------------------------------------------------


def fill(path: Path) -> sqlite3.Connection:
    """Every insert fails from now on."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute(
        "CREATE TRIGGER full BEFORE INSERT ON intent BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )
    return other


def test_what_cannot_be_counted_is_told(ledger: Ledger, tmp_path: Path) -> None:
    fill(tmp_path / "state.db").close()
    with pytest.raises(StoreError, match="cannot be counted: disk full"):
        ledger.commit(move(AT))
    assert ledger.writes_left(OFFSET) == 15.0


def test_a_write_in_need_is_counted_when_the_disk_is_back(ledger: Ledger, tmp_path: Path) -> None:
    other = fill(tmp_path / "state.db")
    for _ in range(int(RESERVED_WEEKLY) + 2):
        ledger.note(move(AT, Purpose.HAND_BACK))
    assert ledger.registers() == []
    assert ledger.writes_left(OFFSET) == 13.0
    other.execute("DROP TRIGGER full")
    other.close()
    ledger.see(AT)
    (wear,) = ledger.registers()
    assert wear.total == RESERVED_WEEKLY + 2
    assert ledger.writes_left(OFFSET) == 13.0


def test_an_unreadable_ledger_is_an_error_not_a_free_budget(ledger: Ledger, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "state.db")
    other.executescript("DROP TABLE intent")
    other.close()
    for question in (ledger.writes_left, ledger.free_in):
        with pytest.raises(StoreError, match="cannot be read"):
            question(OFFSET)
    with pytest.raises(StoreError, match="cannot be read"):
        ledger.registers()


def test_a_time_that_cannot_be_read_is_taken_from_the_last_write(store: Store) -> None:
    first = Ledger(store)
    first.see(AT)
    watch(first, AT, AT + DAY)
    first.commit(move(AT + DAY))
    store.save_text("lived", "no JSON")
    second = Ledger(store)
    assert second.now_s == DAY.total_seconds()


def test_a_disk_that_takes_no_tables_leaves_the_planner_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_store(tmp_path / "state.db") as store:
        store.database.execute("PRAGMA query_only=ON")
        ledger = Ledger(store)
        ledger.see(AT)
        assert "the wear ledger cannot be set up" in caplog.text
        with pytest.raises(StoreError):
            ledger.commit(move(AT))
        with pytest.raises(StoreError):
            ledger.writes_left(OFFSET)
        ledger.note(move(AT, Purpose.HAND_BACK))  # the owner is served all the same


def test_rows_that_cannot_be_summed_up_are_kept(
    ledger: Ledger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = sqlite3.connect(tmp_path / "state.db")
    other.executescript(
        "CREATE TRIGGER full BEFORE INSERT ON intent_day "
        "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )
    other.close()
    many = KEPT + KEPT // 10 + 2
    for _ in range(many):
        ledger.commit(move(AT))
    assert "cannot be summed up now" in caplog.text
    (wear,) = ledger.registers()
    assert wear.total == many
