"""Probing on a broker: families by their topics, rooms by what announces them; it only listens."""

import asyncio
import json
from collections.abc import Mapping

import pytest

from drivers.derived import RULES
from drivers.errors import LinkLostError
from drivers.evidence import has_identity
from drivers.probe_topics import (
    base_topics,
    candidates_in,
    ears_at,
    overheard,
    rooms_in,
)
from drivers.profile import (
    MqttProfile,
    Transport,
    load_mqtt_profile,
    shipped_profiles,
)
from drivers.recording import REMOVED, record_messages
from drivers.testing_topics import plausible
from drivers.topics import decode, full_topic, text_of
from drivers.transports.in_memory import MemoryMqttLink
from hil.broker import embedded_broker

ALL = [load_mqtt_profile(name) for name in shipped_profiles(Transport.MQTT)]
KNOWN = [profile for profile in ALL if has_identity(profile)]


def messages_of(profile: MqttProfile, base_topic: str) -> dict[str, bytes]:
    """What a healthy device of the family says."""
    plain: dict[str, bytes] = {}
    nested: dict[str, dict[str, object]] = {}
    for point in profile.points.values():
        if point.rule or not point.topic:
            continue
        topic = full_topic(base_topic, point.topic)
        text = text_of(point, plausible(point))
        if point.pointer:
            place: dict[str, object] = nested.setdefault(topic, {})
            *outer, last = point.pointer.split("/")[1:]
            for step in outer:
                place = place.setdefault(step, {})  # type: ignore[assignment]
            place[last] = json.loads(text) if text in ("true", "false") else text
        elif point.field is not None:
            plain.setdefault(topic, b";".join([text.encode()] * (point.field + 1)))
        else:
            plain.setdefault(topic, text.encode())
    return plain | {topic: json.dumps(state).encode() for topic, state in nested.items()}


@pytest.mark.parametrize("profile", KNOWN, ids=lambda known: known.name)
def test_every_family_is_found_under_a_base_topic_of_the_owner(profile: MqttProfile) -> None:
    messages = messages_of(profile, "cellar/device") | {"other/topic": b"7"}
    found, _ = candidates_in(messages, KNOWN)
    places = {candidate.profile.name: candidate.where for candidate in found}
    assert places[profile.name] == "cellar/device"


def test_two_devices_of_one_family_are_two_candidates() -> None:
    profile = load_mqtt_profile("heishamon")
    messages = messages_of(profile, "house/a") | messages_of(profile, "house/b")
    found, _ = candidates_in(messages, [profile])
    assert sorted(candidate.where for candidate in found) == ["house/a", "house/b"]


def test_a_device_whose_values_make_no_sense_is_ruled_out_with_the_reason() -> None:
    profile = load_mqtt_profile("heishamon")
    messages = messages_of(profile, "hp") | {"hp/main/Outside_Temp": b"-78"}
    found, not_it = candidates_in(messages, [profile])
    assert found == []
    assert not_it[0].reason.startswith("outdoor: ")


def test_a_topic_that_merely_ends_alike_has_no_base() -> None:
    profile = load_mqtt_profile("heishamon")
    assert base_topics(profile, {"main/Outside_Temp": b"1", "x/Outside_Temp": b"1"}) == []


def test_derived_points_count_when_their_parts_are_heard() -> None:
    profile = load_mqtt_profile("heishamon")
    derived = [point.rule for point in profile.points.values() if point.rule]
    assert derived
    assert set(derived) <= set(RULES)
    found, _ = candidates_in(messages_of(profile, "hp"), [profile])
    assert found[0].share > 0.8


# ---- rooms ---

DEVICES = [
    {
        "friendly_name": "living room",
        "ieee_address": "0x00124b0022fec0de",
        "definition": {"exposes": [{"name": "temperature", "property": "temperature"}]},
    },
    {
        "friendly_name": "bath",
        "definition": {
            "exposes": [
                {
                    "type": "climate",
                    "features": [
                        {"name": "local_temperature", "property": "local_temperature"},
                        {
                            "name": "occupied_heating_setpoint",
                            "property": "occupied_heating_setpoint",
                        },
                    ],
                }
            ]
        },
    },
    {"friendly_name": "lamp", "definition": {"exposes": [{"name": "state", "property": "state"}]}},
]


def test_sensors_and_thermostats_of_zigbee2mqtt_are_found() -> None:
    found = rooms_in({"zigbee2mqtt/bridge/devices": json.dumps(DEVICES).encode()})
    assert [dict(room.keys) for room in found] == [
        {"sensor_topic": "zigbee2mqtt/living room"},
        {"thermostat_topic": "zigbee2mqtt/bath"},
    ]


def test_announced_thermostats_are_found_or_refused_with_the_reason() -> None:
    good = {"current_temperature_topic": "a/t"}
    bad = good | {"current_temperature_template": "{{ value | int }}"}
    found = rooms_in(
        {
            "homeassistant/climate/good/config": json.dumps(good).encode(),
            "homeassistant/climate/node/bad/config": json.dumps(bad).encode(),
            "homeassistant/sensor/other/config": b"{}",
            "homeassistant/device/lamp/config": b'{"cmps": {"x": {"p": "light"}}}',
        }
    )
    assert [room.keys["discovery_topic"] for room in found] == [
        "homeassistant/climate/good/config",
        "homeassistant/climate/node/bad/config",
    ]
    assert found[0].refused == ""
    assert "{{ value | int }}" in found[1].refused


# ---- recording ---

SHELLY = {
    "shellypro3em-0cb815fcaffe/status/em:0": {
        "id": 0,
        "total_act_power": 812.5,
        "a_freq": 50.0,
        "user_calibrated_phase": ["owner@example.org"],
    },
    "shellypro3em-0cb815fcaffe/status/emdata:0": {"id": 0, "total_act": 1234567.0},
    "shellypro3em-0cb815fcaffe/status/wifi": {"sta_ip": "192.168.1.77", "ssid": "Our Home"},
}


def payloads(messages: Mapping[str, object]) -> dict[str, bytes]:
    return {topic: json.dumps(state).encode() for topic, state in messages.items()}


def test_a_recording_keeps_known_values_only_and_names_nobody() -> None:
    profile = load_mqtt_profile("shelly_pro_3em")
    recording = record_messages(profile, "shellypro3em-0cb815fcaffe", payloads(SHELLY))
    text = json.dumps(recording)
    for secret in ("0cb815fcaffe", "192.168", "Our Home", "owner@"):
        assert secret not in text
    rows = {row["point"]: row for row in recording["rows"]}
    assert rows["active_power"]["value"] == 812.5
    assert rows["import_energy"]["topic"] == "shellypro3em/status/emdata:0"
    for name, row in rows.items():
        assert decode(profile.points[name], row["payload"].encode()) == row["value"]


@pytest.mark.parametrize("profile", KNOWN, ids=lambda known: known.name)
def test_recordings_of_every_family_decode_to_their_values(profile: MqttProfile) -> None:
    recording = record_messages(profile, "secret/place", messages_of(profile, "secret/place"))
    assert "secret" not in json.dumps(recording)
    assert recording["rows"]
    for row in recording["rows"]:
        point = profile.points[row["point"]]
        if full_topic(profile.connection.base_topic, point.topic) == row["topic"]:
            value = decode(point, row["payload"].encode())
            assert (value if isinstance(value, float) else None) == row["value"]


@pytest.mark.parametrize(
    "payload",
    [b"Anna's house", b'{"Outside": "Anna"}', b"\xff\xfe", b"192.168.1.7", b"0x00124b0022fec0de"],
)
def test_words_that_no_profile_lists_are_removed(payload: bytes) -> None:
    profile = load_mqtt_profile("heishamon")
    recording = record_messages(profile, "hp", {"hp/main/Outside_Temp": payload})
    kept = [row["payload"] for row in recording["rows"]]
    assert kept == [REMOVED]


# ---- listening ---


class Strict(MemoryMqttLink):
    """A broker in memory on which nobody may publish."""

    async def publish(
        self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False
    ) -> None:
        raise AssertionError(f"published {topic} {payload!r} {qos} {retain}")


async def test_listening_keeps_the_newest_message_of_every_topic_and_says_nothing() -> None:
    link = Strict()
    link.deliver("a/b", "1", retain=True)
    hearing = asyncio.create_task(overheard(link, listen_s=0.05, timeout_s=1.0))
    await asyncio.sleep(0)
    link.deliver("a/b", "2")
    link.deliver("c", b"x" * 100_000)
    assert await hearing == {"a/b": b"2"}


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_a_device_is_found_on_a_real_broker() -> None:
    async with embedded_broker() as (publish, url):
        for topic, state in SHELLY.items():
            await publish(topic, json.dumps(state), True)
        messages = await overheard(ears_at(url, "probe-test"), listen_s=0.5, timeout_s=5.0)
    found, _ = candidates_in(messages, KNOWN)
    assert [(one.profile.name, one.where) for one in found] == [
        ("shelly_pro_3em", "shellypro3em-0cb815fcaffe")
    ]


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_a_broker_that_is_not_there_is_told() -> None:
    with pytest.raises(LinkLostError, match=r"no broker at 127\.0\.0\.1:9"):
        await overheard(ears_at("mqtt://127.0.0.1:9", "probe-test"), listen_s=1.0, timeout_s=0.3)
