"""The small durable state: what comes back after a restart, and what a bad disk may cost."""

import logging
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from beliefs import believed

from controller.store import Lease, Store, StoreError, open_store
from controller.wishes import Wish, Wishes
from drivers.api import Capability
from drivers.errors import ConfigurationError
from mpc.plan import Estimate

NOBODY = 65534
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
    Estimate(at=AT, state_c=(21.0, 20.5), disturbance_w=-120.5, covariance=(0.1,) * 10)
)


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """A folder of its own, and no right to write where the file's mode says no."""
    with tempfile.TemporaryDirectory(prefix="hd") as name:
        folder, root = Path(name), os.geteuid() == 0
        if root:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o700)


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
        other = sqlite3.connect(tmp_path / "learned.db")
        other.executescript("ALTER TABLE state RENAME TO s;")
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


def test_both_files_wait_for_the_medium_at_every_save(tmp_path: Path) -> None:
    with open_store(tmp_path / "state.db") as store:
        for database in (store.database, store._learned):
            assert database.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_file_fills_no_more_memory_than_a_megabyte(tmp_path: Path) -> None:
    with open_store(tmp_path / "state.db") as store:
        for database in (store.database, store._learned):
            assert database.execute("PRAGMA cache_size").fetchone() == (-1024,)  # KiB


def test_a_damaged_state_is_restored_from_its_copy_and_nothing_else_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state.db"
    with open_store(path) as store:
        store.save_wishes(WISHES)
        store.save_belief(BELIEF)
        with store.together():
            store.save_text("lived", "counted with the lease")
            store.save_lease(LEASES[1])
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 8192)
    with open_store(path) as store:
        assert store.leases() == {LEASES[1].capability: LEASES[1]}
        assert store.wishes() == WISHES
        assert store.text("lived") == "counted with the lease"
        assert store.belief() == BELIEF
    assert (tmp_path / "state.db.1.corrupt").exists()
    assert "is restored from" in caplog.text


def test_a_dropped_lease_does_not_come_back_with_the_copy(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_store(path) as store:
        store.save_lease(LEASES[1])
        store.drop_lease(LEASES[1].capability)
    path.write_bytes(b"no database " * 1000)
    with open_store(path) as store:
        assert store.leases() == {}


def test_damage_to_what_was_learned_costs_only_that(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state.db"
    with open_store(path) as store:
        store.save_lease(LEASES[1])
        store.save_belief(BELIEF)
    (tmp_path / "learned.db").write_bytes(b"no database " * 1000)
    with open_store(path) as store:
        assert store.belief() is None
        assert store.leases() == {LEASES[1].capability: LEASES[1]}
        store.save_belief(BELIEF)
    with open_store(path) as store:
        assert store.belief() == BELIEF
    assert "learned.db is damaged" in caplog.text


def test_what_an_older_version_learned_is_still_known(tmp_path: Path) -> None:
    with open_store(tmp_path / "state.db") as store:
        store.save_belief(BELIEF)
        text = store.text("belief")
        store._learned.execute("DELETE FROM state")
        store.database.execute("INSERT INTO state VALUES ('belief', ?)", (text,))
        assert store.belief() == BELIEF


@pytest.mark.parametrize("cleanly", [True, False])
def test_on_a_disk_that_became_read_only_leases_are_known_and_none_can_be_opened(
    ordinary_user: Path, cleanly: bool, caplog: pytest.LogCaptureFixture
) -> None:
    path = ordinary_user / "state.db"
    store = Store(path)
    store.save_lease(LEASES[1])
    store.save_belief(BELIEF)
    whole = {file: file.read_bytes() for file in ordinary_user.iterdir()}
    store.close()
    if not cleanly:  # as a power cut leaves it: the log of writes is still there
        for file, content in whole.items():
            file.write_bytes(content)
    for file in ordinary_user.iterdir():
        file.chmod(0o444)
    ordinary_user.chmod(0o555)
    with open_store(path) as store:
        assert store.leases() == {LEASES[1].capability: LEASES[1]}
        assert store.belief() == BELIEF
        with pytest.raises(StoreError, match="the lease cannot be saved"):
            store.save_lease(LEASES[0])
    assert ("can only be read" in caplog.text) is cleanly


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for others")
def test_what_root_makes_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    with open_store(folder / "state.db"):
        owners = {file.name: file.stat().st_uid for file in folder.iterdir()}
    assert owners.keys() >= {"state.db", "learned.db"}
    assert set(owners.values()) == {NOBODY}


def test_a_store_in_memory_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_store(Path(":memory:")) as store:
        store.save_lease(LEASES[1])
        store.save_belief(BELIEF)
        assert store.belief() == BELIEF
    assert list(tmp_path.iterdir()) == []
