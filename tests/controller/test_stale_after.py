"""How old a reading may be is a setting for each signal."""

from datetime import timedelta
from typing import Any

import pytest

from controller.app import stale_limits_s
from controller.config import ConfigError, HouseConfig, parse_config
from controller.sense import DEFAULT_STALE_S, freeze
from controller.snapshot import Missing, Reading
from drivers.api import Sample, Signal
from drivers.testing import AN_INSTANT

LIMITS = {"outdoor_c": "30 min", "room_c": "45 min"}


@pytest.fixture
def limited(document: dict[str, Any]) -> HouseConfig:
    """A house with a room sensor, two of its signals limited otherwise."""
    document["mqtt"] = {"broker": "mqtt://192.0.2.1"}
    document["room"] = {"sensor_topic": "zigbee2mqtt/room", "stale_after": "2 h"}
    document["control"] = {"stale_after": LIMITS}
    return parse_config(document)


def test_a_signals_own_limit_comes_before_that_of_the_room(limited: HouseConfig) -> None:
    limits = stale_limits_s(limited)
    assert limits[Signal.ROOM_C] == 2700.0
    assert limits[Signal.ROOM_SETPOINT_C] == 7200.0
    assert Signal.FLOW_C not in limits


def test_without_settings_the_usual_limit_holds(config: HouseConfig) -> None:
    assert stale_limits_s(config) == {}
    assert DEFAULT_STALE_S == 300.0


@pytest.mark.parametrize(("minutes", "there"), [(29, True), (31, False)])
def test_a_reading_counts_until_its_own_limit(
    limited: HouseConfig, minutes: int, there: bool
) -> None:
    at = AN_INSTANT
    seen = {Signal.OUTDOOR_C: Sample(3.0, at - timedelta(minutes=minutes))}
    snapshot = freeze([seen], at=at, before=None, stale_s=stale_limits_s(limited))
    assert isinstance(snapshot.signals[Signal.OUTDOOR_C], Reading if there else Missing)


def test_limits_survive_among_the_records(limited: HouseConfig) -> None:
    again = HouseConfig.model_validate_json(limited.model_dump_json(by_alias=True))
    assert stale_limits_s(again) == stale_limits_s(limited)


def test_a_limit_for_no_signal_is_refused(document: dict[str, Any]) -> None:
    document["control"] = {"stale_after": {"outdor_c": "30 min"}}
    with pytest.raises(ConfigError, match=r"control\.stale_after\.outdor_c"):
        parse_config(document)
