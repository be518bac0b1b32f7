"""What a room thermostat says through an OpenTherm Gateway, by the profile of that name."""

from collections.abc import Sequence
from dataclasses import replace

from drivers.api import Signal
from drivers.profile import load_mqtt_profile
from drivers.rooms.topics_room import NO_VALUE, Presence, RoomTopics
from drivers.topics import TopicPoint, full_topic, places

PROFILE = "opentherm_gateway"


def gateway_topics(
    base_topic: str, *, temperature: str | None = None, setpoint: str | None = None
) -> RoomTopics:
    """The room's topics below the gateway's base topic.

    `temperature` and `setpoint` replace the labels that the firmware is known to use.
    """
    profile = load_mqtt_profile(PROFILE)
    labels = {Signal.ROOM_C: temperature, Signal.ROOM_SETPOINT_C: setpoint}
    points: dict[Signal, Sequence[TopicPoint]] = {}
    for signal, name in profile.signals.items():
        point = replace(profile.points[name], absent=NO_VALUE)
        label = labels.get(signal)
        known = places(point) if label is None else (replace(point, topic=label, also=()),)
        points[signal] = [
            replace(place, topic=full_topic(base_topic, place.topic)) for place in known
        ]
    connection = profile.connection
    presence = Presence(
        topic=full_topic(base_topic, connection.availability_topic),
        online=connection.online,
        offline=connection.offline,
    )
    return RoomTopics(points=points, presences=[presence])
