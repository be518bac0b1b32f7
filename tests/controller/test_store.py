"""The small durable state: what comes back after a restart, and what a bad disk may cost."""

import logging
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from beliefs import believed

from controller.store import Lease, Store, StoreError, open_store
from controller.wishes import Wish, Wishes
from drivers.api import Capability
from drivers.errors import ConfigurationError
from mpc.plan import Estimate

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
LEASES = (
    Lease(Capability.FLOW_SETPOINT, None, 35.1, None, AT, AT + timedelta(seconds=1)),
    Lease(Capability.CURVE_OFFSET, 0.0, 2.0, 0.0, AT, AT),
)
WISHES = Wishes(
    wish=Wish("override", 22.5, AT, AT + timedelta(hours=3)),
    thermostat_c=0.0,
    thermostat_at=AT,
    released=True,
)
BELIEF = believed(
    Estimate(at=AT, state_c=(21.0, 20.5), disturbance_w=-120.5, covariance=(0.1,) * 9)
)


def test_everything_comes_back_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.db"
    with open_store(path) as store:
        assert (store.leases(), store.wishes(), store.belief()) == ({}, Wishes(), None)
        assert store.text("known") is None
        for lease in LEASES:
            store.save_lease(lease)
        store.save_wishes(WISHES)
        store.save_belief(BELIEF)
        store.save_text("known", "{}")
    with open_store(path) as store:
        assert store.leases() == {lease.capability: lease for lease in LEASES}
        assert store.wishes() == WISHES
        assert store.belief() == BELIEF
        assert store.text("known") == "{}"
        store.drop_lease(Capability.FLOW_SETPOINT)
        assert set(store.leases()) == {Capability.CURVE_OFFSET}


def test_what_is_saved_is_there_for_another_process_at_once(tmp_path: Path) -> None:
    with open_store(tmp_path / "state.db") as store, open_store(tmp_path / "state.db") as other:
        store.save_lease(LEASES[1])
        assert other.leases() == {LEASES[1].capability: LEASES[1]}


def test_unreadable_wishes_and_beliefs_are_dropped_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with open_store(tmp_path / "state.db") as store:
        store.save_text("wishes", '{"wish": 5}')
        store.save_text("belief", '{"estimate": {}, "of": "an older version"}')
        assert store.wishes() == Wishes()
        assert store.belief() is None
    assert "stored wishes are unreadable" in caplog.text
    assert "the stored belief is of another version" in caplog.text


def test_a_disk_that_refuses_costs_a_lease_an_error_and_the_rest_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_store(tmp_path / "state.db") as store:
        store.save_lease(LEASES[1])
        other = sqlite3.connect(tmp_path / "state.db")
        other.executescript("ALTER TABLE lease RENAME TO l; ALTER TABLE state RENAME TO s;")
        other.close()
        with pytest.raises(StoreError, match="the lease cannot be saved: no such table"):
            store.save_lease(LEASES[0])
        store.drop_lease(Capability.CURVE_OFFSET)
        store.save_wishes(WISHES)
        store.save_belief(BELIEF)
    for what in ("curve_offset", "wishes", "belief"):
        assert what in caplog.text


def test_a_damaged_file_is_named_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"this is no database, but long enough to be taken for one" * 100)
    with pytest.raises(ConfigurationError, match=r"state\.db is damaged .* move the file away"):
        Store(path)
    assert path.read_bytes().startswith(b"this is no database")


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"state\.db cannot be opened"):
        Store(tmp_path / "file" / "state.db")
    (tmp_path / "state.db").mkdir()
    with pytest.raises(StoreError, match=r"state\.db cannot be opened"):
        Store(tmp_path / "state.db")


def test_what_is_saved_together_is_kept_together_or_not_at_all(tmp_path: Path) -> None:
    with open_store(tmp_path / "state.db") as store:
        with store.together():
            store.save_lease(LEASES[0])
            with store.together():
                store.save_lease(LEASES[1])
        assert len(store.leases()) == 2

        def drop_and_fail() -> None:
            with store.together():
                store.drop_lease(Capability.FLOW_SETPOINT)
                raise StoreError("on purpose")

        with pytest.raises(StoreError, match="on purpose"):
            drop_and_fail()
        assert len(store.leases()) == 2


def test_a_disk_that_refuses_the_whole_is_an_error(tmp_path: Path) -> None:
    with open_store(tmp_path / "state.db") as store:
        store.database.execute("DROP TABLE lease")
        with pytest.raises(StoreError, match="cannot be saved"), store.together():
            store.database.execute("DELETE FROM lease")
