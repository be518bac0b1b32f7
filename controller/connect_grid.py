"""From [grid] to where limits come from."""

from collections.abc import Awaitable, Callable

from controller.config import HouseConfig
from controller.config_devices import Device as DeviceConfig
from controller.config_grid import GridSection
from controller.secrets import secret
from drivers.api import Device, Now, Signal
from drivers.errors import ConfigurationError
from drivers.grid.contact import ContactLimit
from drivers.grid.http_lpc import HttpLpc
from drivers.grid.limit import GridSource, Window
from drivers.grid.lpc_inbox import LpcInbox, LpcTerms
from drivers.grid.mqtt_lpc import MqttLpc
from drivers.grid.others import Share
from drivers.grid.windows import WithWindows, staggered
from drivers.rooms.topics_room import RoomTopics, TopicsRoom
from drivers.topics import TopicPoint
from drivers.transports.mqtt import MqttLink

Job = Callable[[], Awaitable[None]]

TOKEN_VARIABLE = "HEATHERD_GRID_TOKEN"
SHORTEST_TOKEN = 16

CLOSED = {"1": 1, "on": 1, "ON": 1, "true": 1, "closed": 1}
OPEN = {"0": 0, "off": 0, "OFF": 0, "false": 0, "open": 0}


def grid_source(
    config: HouseConfig,
    *,
    mqtt: Callable[[], MqttLink],
    meter: Callable[[DeviceConfig], Device],
    now: Now,
    stopwatch_s: Callable[[], float] | None = None,
    beside: Callable[[Job], None] = lambda _: None,
) -> GridSource | None:
    """Where limits come from; None without [grid]. Raises `ConfigurationError`.

    `beside` is told what has to run beside the service for that.
    """
    section = config.grid
    if section is None:
        return None
    source: GridSource | None = None
    heard: Callable[[], tuple[Window, ...]] = tuple
    share = Share(stated_w=section.others_w, measured=section.measure_others)
    if section.topic is not None or section.listen is not None:
        terms = LpcTerms(
            failsafe_w=section.guaranteed_w if section.failsafe_w is None else section.failsafe_w,
            failsafe_minimum_s=section.failsafe_minimum_s,
            guaranteed_w=section.guaranteed_w,
            share=share,
        )
        inbox = LpcInbox(terms, now=now, stopwatch_s=stopwatch_s or (lambda: now().timestamp()))
        source, heard = _spoken(section, inbox, mqtt, beside), inbox.windows
    elif section.contact is not None or section.contact_topic is not None:
        source = ContactLimit(
            meter(section.contact)
            if section.contact is not None
            else _topic_contact(section.contact_topic or "", section.contact_pointer, mqtt(), now),
            limit_w=section.guaranteed_w if section.contact_w is None else section.contact_w,
            guaranteed_w=section.guaranteed_w,
            stale_s=section.stale_after_s,
            now=now,
            share=share,
        )
    return WithWindows(
        source,
        lambda: _windows(config, heard()),
        guaranteed_w=section.guaranteed_w,
        now=now,
    )


def _spoken(
    section: GridSection,
    inbox: LpcInbox,
    mqtt: Callable[[], MqttLink],
    beside: Callable[[Job], None],
) -> GridSource:
    """Messages by the broker, or straight from who posts them."""
    if section.topic is not None:
        return MqttLpc(mqtt(), section.topic, inbox)
    listener = HttpLpc(section.listens_at or ("", 0), _token(section), inbox)
    beside(listener.run)
    return listener


def _token(section: GridSection) -> str:
    token = secret("grid.token_file", section.token_file, TOKEN_VARIABLE)
    if token is None or len(token) < SHORTEST_TOKEN or not token.isascii() or " " in token:
        raise ConfigurationError(
            f"grid.listen needs a secret of {SHORTEST_TOKEN} characters or more, without blanks: "
            f"name grid.token_file or set {TOKEN_VARIABLE}"
        )
    return token


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
