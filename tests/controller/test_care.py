"""The verbs `wear`, `shadow-report` and `commission`, and the warning before a shadow week."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from test_cli import heatherd, toml

from controller import care
from controller.care import NO_SHADOW_WEEK, shadow_week_is_due
from controller.config import parse_config
from controller.guard import Purpose
from controller.store import open_store
from controller.wear import Ledger, Move
from drivers.api import Capability
from drivers.profile import load_modbus_profile
from drivers.testing import AN_INSTANT

Document = dict[str, Any]
OFFSET = load_modbus_profile("generic_modbus").knobs[Capability.CURVE_OFFSET]


@pytest.fixture
def file(document: Document, tmp_path: Path) -> Path:
    path = tmp_path / "house.toml"
    path.write_text(toml(document))
    return path


def observed(make_house: Callable[..., Any], *, days: float, mode: str = "observe") -> None:
    """Records of a house at rest, one cycle every half hour."""
    house = make_house(mode=mode, cycle="30 min", plan_every="30 min")
    until = AN_INSTANT + timedelta(days=days)
    asyncio.run(house.loop().run(asyncio.Event(), until))
    house.close()


# ---- wear ----------------------------------------------------------------------------------------


def test_without_a_write_there_is_no_wear(file: Path, tmp_path: Path) -> None:
    assert "No stored setting has been written yet." in heatherd("wear", config=file).stdout
    assert json.loads(heatherd("wear", "--json", config=file).stdout) == []
    assert not (tmp_path / "state.db").exists()


def test_wear_shows_every_register_for_life_and_for_the_week(file: Path, tmp_path: Path) -> None:
    with open_store(tmp_path / "state.db") as store:
        ledger = Ledger(store)
        ledger.see(AN_INSTANT)
        for purpose in (Purpose.PLANNER, Purpose.PLANNER, Purpose.HAND_BACK):
            ledger.commit(Move(OFFSET, 2.0, purpose, AN_INSTANT))
    (wear,) = json.loads(heatherd("wear", "--json", config=file).stdout)
    assert (wear["register"], wear["capability"]) == ("curve_offset", "curve_offset")
    assert wear["writes"] == {"hand_back": 1, "planner": 2}
    assert (wear["total"], wear["week_planner"], wear["week_other"]) == (3, 2, 1)
    assert wear["weekly_budget"] == 15.0
    shown = heatherd("wear", config=file).stdout
    assert "curve_offset" in shown
    assert "15" in shown


def test_a_rate_is_told_after_a_week_of_it(file: Path, tmp_path: Path) -> None:
    with open_store(tmp_path / "state.db") as store:
        ledger = Ledger(store)
        ledger.see(AN_INSTANT)
        for _ in range(10):
            ledger.commit(Move(OFFSET, 2.0, Purpose.PLANNER, AN_INSTANT))
        (wear,) = ledger.registers()
    assert wear.per_year(AN_INSTANT + timedelta(days=6)) is None
    assert wear.years_left(AN_INSTANT + timedelta(days=6)) is None
    assert wear.per_year(AN_INSTANT + timedelta(days=10)) == pytest.approx(365.25)
    assert wear.years_left(AN_INSTANT + timedelta(days=10)) == pytest.approx(273.8, abs=0.1)


def test_a_damaged_state_file_is_told_in_words(file: Path, tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"this is no database, but long enough" * 100)
    result = heatherd("wear", config=file)
    assert result.exit_code == 3
    assert "is damaged" in result.stderr


# ---- shadow-report -------------------------------------------------------------------------------


def test_without_records_there_is_no_report(file: Path) -> None:
    result = heatherd("shadow-report", config=file)
    assert result.exit_code == 5
    assert "no report: there are no records" in result.stderr


def test_a_short_time_of_observing_is_not_a_week(
    make_house: Callable[..., Any], file: Path, tmp_path: Path
) -> None:
    observed(make_house, days=1)
    result = heatherd("shadow-report", config=file)
    assert result.exit_code == 0
    assert "less than a week of observing" in result.stdout
    with open_store(tmp_path / "state.db") as store:
        assert store.text(care.SHADOW_SEEN) is None


def test_a_week_of_observing_is_summed_up_and_noted(
    make_house: Callable[..., Any], file: Path, tmp_path: Path
) -> None:
    observed(make_house, days=7)
    report = json.loads(heatherd("shadow-report", "--json", config=file).stdout)
    assert report["is_whole_week"]
    assert report["observed_days"] == pytest.approx(7.0, abs=0.05)
    assert report["cycles"] == 336
    assert report["missing_frac"]["room_c"] == 0.0
    assert report["asked_frac"] > 0.9
    assert report["as_run"]["mean_room_temp_c"] == 20.0
    with open_store(tmp_path / "state.db") as store:
        assert store.text(care.SHADOW_SEEN) == report["last_at"]
    shown = " ".join(heatherd("shadow-report", config=file).stdout.split())
    assert "no saving is claimed" in shown
    assert "changes a week were wanted" in shown


def test_a_time_of_steering_is_no_shadow(make_house: Callable[..., Any], file: Path) -> None:
    observed(make_house, days=1, mode="control")
    report = json.loads(heatherd("shadow-report", "--json", config=file).stdout)
    assert report["observed_days"] == 0.0
    assert not report["is_whole_week"]


def test_only_the_days_asked_for_are_looked_at(make_house: Callable[..., Any], file: Path) -> None:
    observed(make_house, days=3)
    report = json.loads(heatherd("shadow-report", "--json", "--days", "1", config=file).stdout)
    assert report["cycles"] == 49


# ---- the warning ---------------------------------------------------------------------------------


def steering(document: Document) -> Document:
    document["control"] = {"mode": "control"}
    document["heat_pump"]["accept"] = ["flow_setpoint"]
    return document


def test_who_only_observes_is_not_warned(document: Document, file: Path) -> None:
    assert not shadow_week_is_due(parse_config(document))
    assert NO_SHADOW_WEEK not in heatherd("check", config=file).stderr


def test_steering_before_a_shadow_week_is_warned_of_once_and_allowed(
    document: Document, file: Path, tmp_path: Path
) -> None:
    file.write_text(toml(steering(document)))
    result = heatherd("check", config=file)
    assert result.exit_code == 0
    assert result.stderr.count("no shadow week") == 1
    with open_store(tmp_path / "state.db") as store:
        assert shadow_week_is_due(parse_config(document))
        store.save_text(care.SHADOW_SEEN, AN_INSTANT.isoformat())
    assert "no shadow week" not in heatherd("check", config=file).stderr


def test_a_heating_curve_needs_no_shadow_week(document: Document) -> None:
    document["control"] = {"mode": "control", "strategy": "heating-curve"}
    assert not shadow_week_is_due(parse_config(document))


# ---- commission ----------------------------------------------------------------------------------


@pytest.mark.sockets
@pytest.mark.enable_socket
def test_commissioning_a_pump_that_does_not_answer_finds_it_wrong_and_writes_nothing(
    document: Document, file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document["heat_pump"].update(host="127.0.0.1", port=1)  # nobody listens there
    file.write_text(toml(document))
    monkeypatch.setattr("controller.commission.LOOK_EVERY_S", 0.01)
    result = heatherd("commission", "--json", config=file)
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["room sensor"]["judgement"] == "wrong"
    assert {f["judgement"] for name, f in found.items() if name.startswith("step")} == {"skipped"}
    with open_store(tmp_path / "state.db") as store:
        assert store.leases() == {}
