"""From [grid] to where limits come from."""

from collections.abc import Callable

from controller.config import HouseConfig
from controller.config_devices import Device as DeviceConfig
from drivers.api import Device, Now, Signal
from drivers.grid.contact import ContactLimit
from drivers.grid.limit import GridSource, Window
from drivers.grid.mqtt_lpc import LpcTerms, MqttLpc
from drivers.grid.section14a import left_for_pump_w
from drivers.grid.windows import WithWindows, staggered
from drivers.rooms.topics_room import RoomTopics, TopicsRoom
from drivers.topics import TopicPoint
from drivers.transports.mqtt import MqttLink

CLOSED = {"1": 1, "on": 1, "ON": 1, "true": 1, "closed": 1}
OPEN = {"0": 0, "off": 0, "OFF": 0, "false": 0, "open": 0}


def grid_source(
    config: HouseConfig,
    *,
    mqtt: Callable[[], MqttLink],
    meter: Callable[[DeviceConfig], Device],
    now: Now,
    stopwatch_s: Callable[[], float] | None = None,
) -> GridSource | None:
    """Where limits come from; None without [grid]. Raises `ConfigurationError`."""
    section = config.grid
    if section is None:
        return None
    source: GridSource | None = None
    heard: Callable[[], tuple[Window, ...]] = tuple
    failsafe_w = section.guaranteed_w if section.failsafe_w is None else section.failsafe_w
    if section.topic is not None:
        listener = MqttLpc(
            mqtt(),
            section.topic,
            LpcTerms(
                failsafe_w=failsafe_w,
                failsafe_minimum_s=section.failsafe_minimum_s,
                guaranteed_w=section.guaranteed_w,
                others_w=section.others_w,
            ),
            now=now,
            stopwatch_s=stopwatch_s or (lambda: now().timestamp()),
        )
        source, heard = listener, lambda: listener.windows
    elif section.contact is not None or section.contact_topic is not None:
        limit_w = section.guaranteed_w if section.contact_w is None else section.contact_w
        source = ContactLimit(
            meter(section.contact)
            if section.contact is not None
            else _topic_contact(section.contact_topic or "", section.contact_pointer, mqtt(), now),
            limit_w=left_for_pump_w(limit_w, section.others_w),
            guaranteed_w=section.guaranteed_w,
            stale_s=section.stale_after_s,
            now=now,
        )
    return WithWindows(
        source,
        lambda: _windows(config, heard()),
        guaranteed_w=section.guaranteed_w,
        now=now,
    )


def _topic_contact(topic: str, pointer: str, link: MqttLink, now: Now) -> Device:
    point = TopicPoint(
        name=Signal.GRID_CONTACT.value,
        topic=topic,
        pointer=pointer,
        codes={**CLOSED, **OPEN},
    )
    return TopicsRoom(
        "grid contact", link, RoomTopics(points={Signal.GRID_CONTACT: (point,)}), now=now
    )


def _windows(config: HouseConfig, heard: tuple[Window, ...]) -> list[Window]:
    """Those written down and those heard, each with this house's own end."""
    section = config.grid
    if section is None:
        return []
    written = [
        Window(starts_at=r.starts_at, ends_at=r.ends_at, limit_w=r.limit_w)
        for r in section.reduction
    ]
    return [
        staggered(window, house=config.house.name, recovery_s=section.recovery_s)
        for window in (*written, *heard)
    ]
