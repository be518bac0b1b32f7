"""House data say what is wrong with them."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from mpc.building import EmitterKind, MassClass, archetype
from mpc.house_data import HouseData
from mpc.house_data_checks import house_data_findings

STARTS_AT = datetime(2024, 1, 8, tzinfo=UTC)
HOUSE = archetype(year=1975, area_m2=130.0, mass=MassClass.MEDIUM, emitter=EmitterKind.RADIATOR)


def _data(days: int = 7, **changed: Any) -> HouseData:
    """A plain house: everything moves as it would."""
    steps = np.arange(days * 96)
    hours = steps / 4.0
    chance = np.random.default_rng(1)
    series = {
        "room_c": 20.5 + 0.5 * np.sin(hours / 7.0) + chance.normal(0.0, 0.05, len(steps)),
        "heat_w": 3000.0 + 1000.0 * np.sin(hours / 5.0),
        "outdoor_c": 2.0 + 4.0 * np.sin(hours * np.pi / 12.0) + chance.normal(0.0, 0.1, len(steps)),
        "ghi_w_per_m2": np.maximum(0.0, 200.0 * np.sin((hours - 6.0) * np.pi / 12.0)),
    }
    return HouseData(starts_at=STARTS_AT, step_s=900.0, **(series | changed))


def _names(data: HouseData, *, spoiling: bool) -> set[str]:
    return {f.name for f in house_data_findings(data, HOUSE) if f.spoils is spoiling}


def test_good_house_data_have_no_findings() -> None:
    assert house_data_findings(_data(), HOUSE) == ()


def test_house_data_refuse_local_times_and_unequal_lengths() -> None:
    series = dict(_data().series())
    with pytest.raises(ValueError, match="UTC"):
        HouseData(starts_at=STARTS_AT.replace(tzinfo=None), step_s=900.0, **series)
    danish = STARTS_AT.astimezone(timezone(timedelta(hours=1)))
    with pytest.raises(ValueError, match="UTC"):
        HouseData(starts_at=danish, step_s=900.0, **series)
    with pytest.raises(ValueError, match="divide"):
        HouseData(starts_at=STARTS_AT, step_s=7000.0, **series)
    with pytest.raises(ValueError, match="one value per step"):
        _data(heat_w=np.zeros(5))
    with pytest.raises(ValueError, match="NaN"):
        _data(heat_w=np.full(7 * 96, np.inf))


def test_a_part_of_house_data_keeps_its_times() -> None:
    data = _data()
    part = data.part(96, 192)
    assert part.starts_at == STARTS_AT + timedelta(days=1)
    assert part.days == 1.0
    assert part.room_c[0] == data.room_c[96]
    assert data.last_days(2.0).starts_at == STARTS_AT + timedelta(days=5)
    assert data.step_at(STARTS_AT + timedelta(minutes=31)) == 2
    assert data.at(-1) == STARTS_AT + timedelta(days=7) - timedelta(minutes=15)
    with pytest.raises(ValueError, match="outside"):
        data.step_at(STARTS_AT - timedelta(seconds=1))
    with pytest.raises(ValueError, match="not part"):
        data.part(5, 5)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("unit", {"heat_w": _data().heat_w / 1000.0}),
        ("unit", {"room_c": _data().room_c * 1.8 + 32.0}),
        ("unit", {"room_c": _data().room_c + 273.15}),
        ("unit", {"ghi_w_per_m2": _data().ghi_w_per_m2 / 1000.0}),
        ("unit", {"outdoor_c": _data().outdoor_c * 1.8 + 32.0}),
        ("jumps", {"room_c": _data().room_c + 4.0 * (np.arange(7 * 96) > 300)}),
        ("swapped", {"room_c": _data().outdoor_c, "outdoor_c": _data().room_c}),
        ("swapped", {"flow_c": _data().room_c - 5.0}),
        ("impossible", {"heat_w": _data().heat_w * 20.0}),
        ("impossible", {"heat_w": _data().heat_w - 3000.0}),
        ("impossible", {"heat_w": np.zeros(7 * 96)}),
        ("frozen", {"heat_w": np.full(7 * 96, 2500.0)}),
    ],
)
def test_spoiled_house_data_are_named(name: str, changed: dict[str, Any]) -> None:
    assert name in _names(_data(**changed), spoiling=True)


def test_a_frozen_room_sensor_is_named() -> None:
    room_c = _data().room_c.copy()
    room_c[200:400] = room_c[200]
    assert "frozen" in _names(_data(room_c=room_c), spoiling=True)


def test_one_quiet_night_is_told_but_spoils_nothing() -> None:
    room_c = _data(days=14).room_c.copy()
    room_c[200:252] = room_c[200]
    assert _names(_data(days=14, room_c=room_c), spoiling=False) == {"frozen"}
    assert _names(_data(days=14, room_c=room_c), spoiling=True) == set()


def test_a_jumping_room_sensor_is_named() -> None:
    room_c = _data().room_c.copy()
    room_c[::50] += 6.0
    assert "jumps" in _names(_data(room_c=room_c), spoiling=True)


def test_gaps_are_told_and_many_spoil() -> None:
    few, many = _data().outdoor_c.copy(), _data().outdoor_c.copy()
    few[:40], many[:300] = np.nan, np.nan
    assert _names(_data(outdoor_c=few), spoiling=False) == {"gaps"}
    assert _names(_data(outdoor_c=many), spoiling=True) == {"gaps"}


def test_two_days_are_too_short() -> None:
    assert "short" in _names(_data(days=2), spoiling=True)
