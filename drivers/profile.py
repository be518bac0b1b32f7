"""A profile: one heat-pump or meter family as data, read from TOML and validated. Pure.

Shipped profiles lie in drivers/profiles; an owner copies one, changes addresses or topics, and
names the file in the configuration. Reading is strict: an unknown key is an error with a
suggestion, and one `ConfigurationError` lists every problem of the file.
"""

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

from drivers import profile_modbus, profile_mqtt
from drivers.api import Capability, Knob, Maturity, OnSilence, Signal
from drivers.errors import ConfigurationError
from drivers.points import Point
from drivers.profile_knobs import Points, knob_problems, read_knobs, read_signals
from drivers.profile_modbus import Block, ModbusConnection, layout_problems, merged_blocks
from drivers.profile_mqtt import MqttConnection
from drivers.section import Section, shown, suggestion
from drivers.topics import TopicPoint

_FOLDER = Path(__file__).parent / "profiles"
LARGEST_BYTES = 1_000_000
"""The longest shipped profile has some 50 kB."""


class Transport(StrEnum):
    """What a device speaks."""

    MODBUS = "modbus"  # over TCP, or over a serial line where the profile names one
    MQTT = "mqtt"


class DeviceKind(StrEnum):
    """What a profile describes."""

    HEAT_PUMP = "heat_pump"
    METER = "meter"
    ROOM = "room"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """How to tell that a device is of this family, by reading only."""

    values: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # point -> what it must be
    plausible: tuple[str, ...] = ()  # points that must have a value
    firmware: tuple[str, ...] = ()  # points that make up the version, for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Everything about a device family that data can express and that needs no transport."""

    name: str
    title: str
    kind: DeviceKind
    maturity: Maturity
    evidence: str
    on_silence: OnSilence
    on_silence_note: str
    identity: Identity
    signals: Mapping[Signal, str]  # signal -> point name, read every cycle
    knobs: Mapping[Capability, Knob]
    left_out: str = ""  # what the device has and the profile has not, and why; a list


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusProfile(Profile):
    """A family behind Modbus registers."""

    connection: ModbusConnection
    points: Mapping[str, Point]  # by point name


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttProfile(Profile):
    """A family behind MQTT topics."""

    connection: MqttConnection
    points: Mapping[str, TopicPoint]


AnyProfile: TypeAlias = ModbusProfile | MqttProfile


def shipped_profiles(transport: Transport | None = None) -> tuple[str, ...]:
    """The names of the profiles that come with heatherd, all or those of one transport."""
    names = sorted(path.stem for path in _FOLDER.glob("*.toml"))
    if transport is None:
        return tuple(names)
    wanted = ModbusProfile if transport is Transport.MODBUS else MqttProfile
    return tuple(name for name in names if isinstance(load_profile(name), wanted))


def load_modbus_profile(name_or_path: str | Path) -> ModbusProfile:
    """As `load_profile`; `ConfigurationError` for a device that does not speak Modbus."""
    profile = load_profile(name_or_path)
    if not isinstance(profile, ModbusProfile):
        raise ConfigurationError(f"profile {profile.name} speaks MQTT, not Modbus")
    return profile


def load_mqtt_profile(name_or_path: str | Path) -> MqttProfile:
    """As `load_profile`; `ConfigurationError` for a device that does not speak MQTT."""
    profile = load_profile(name_or_path)
    if not isinstance(profile, MqttProfile):
        raise ConfigurationError(f"profile {profile.name} speaks Modbus, not MQTT")
    return profile


def load_profile(name_or_path: str | Path) -> AnyProfile:
    """A shipped profile by name, or the owner's own by the path of its TOML file.

    Raises `ConfigurationError` with every problem found.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        name = str(name_or_path)
        shipped = shipped_profiles()
        if name not in shipped:
            raise ConfigurationError(
                f"no profile {shown(name)}{suggestion(name, list(shipped))}; shipped are "
                f"{', '.join(shipped)}; your own is given as the path of a .toml file"
            )
        path = _FOLDER / f"{name}.toml"
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > LARGEST_BYTES:
        raise ConfigurationError(f"{path}: more than {LARGEST_BYTES} bytes are no profile")
    try:
        mapping = tomllib.loads(content.decode())
    except RecursionError as error:
        raise ConfigurationError(f"{path}: is not valid TOML: nested without end") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: is not UTF-8 text") from error
    except ValueError as error:  # also numbers of thousands of digits
        raise ConfigurationError(f"{path}: is not valid TOML: {error}") from error
    return parse_profile(mapping, str(path))


def parse_profile(mapping: Mapping[str, object], origin: str) -> AnyProfile:
    """The profile in a parsed TOML document; `origin` names it in error messages.

    Raises `ConfigurationError` with every problem found.
    """
    problems: list[str] = []
    section = Section(mapping, "", problems)
    transport = section.choice("transport", Transport, Transport.MODBUS)
    if transport is Transport.MODBUS:
        profile: AnyProfile = _modbus_profile(section, problems)
    else:
        profile = _mqtt_profile(section, problems)
    section.done()
    if not problems:
        problems = knob_problems(profile.knobs, profile.points)
        if isinstance(profile, ModbusProfile):
            problems = [*layout_problems(profile.points, profile.connection), *problems]
        else:
            problems = [*profile_mqtt.derived_problems(profile.points, profile.knobs), *problems]
    if problems:
        raise ConfigurationError("\n".join(f"{origin}: {problem}" for problem in problems))
    return profile


def blocks(profile: ModbusProfile, names: Iterable[str] | None = None) -> list[Block]:
    """The requests that read the named points (default: those behind the signals)."""
    wanted = set(profile.signals.values() if names is None else names)
    points = [profile.points[name] for name in sorted(wanted)]
    return merged_blocks(points, profile.connection.largest_block)


def _modbus_profile(section: Section, problems: list[str]) -> ModbusProfile:
    source = section.text("source", "")
    points = {
        name: profile_modbus.read_point(name, Section(table, f"points.{name}", problems), source)
        for name, table in section.tables("points").items()
    }
    part = Section(section.tables("connection"), "connection", problems)
    connection = profile_modbus.read_connection(part)
    stepped = [name for name in points if profile_modbus.in_steps(points[name], connection)]
    return ModbusProfile(
        connection=connection, points=points, **_shared(section, points, problems, stepped)
    )


def _mqtt_profile(section: Section, problems: list[str]) -> MqttProfile:
    source = section.text("source", "")
    points = {
        name: profile_mqtt.read_point(name, Section(table, f"points.{name}", problems), source)
        for name, table in section.tables("points").items()
    }
    connection = Section(section.tables("connection"), "connection", problems)
    return MqttProfile(
        connection=profile_mqtt.read_connection(connection),
        points=points,
        **_shared(section, points, problems, [name for name in points if points[name].rule]),
    )


def _shared(
    section: Section, points: Points, problems: list[str], stepped: Collection[str]
) -> dict[str, Any]:
    """What all profiles have, by the names of `Profile`'s fields."""
    knobs = read_knobs(section, points, problems)
    return {
        "name": section.text("name"),
        "title": section.text("title"),
        "kind": section.choice("kind", DeviceKind),
        "maturity": section.choice("maturity", Maturity),
        "evidence": section.text("evidence"),
        "on_silence": section.choice("on_silence", OnSilence, OnSilence.UNKNOWN),
        "on_silence_note": section.text("on_silence_note", ""),
        "identity": _identity(section, points),
        "signals": read_signals(section, points),
        "knobs": {c: replace(knob, in_steps=knob.point in stepped) for c, knob in knobs.items()},
        "left_out": section.text("left_out", ""),
    }


def _identity(section: Section, points: Points) -> Identity:
    part = section.part("identity")
    if part is None:
        return Identity()
    values = part.part("values")
    identity = Identity(
        values={} if values is None else {name: values.wholes(name) for name in values.keys},
        plausible=part.texts("plausible"),
        firmware=part.texts("firmware"),
    )
    for name in (*identity.values, *identity.plausible, *identity.firmware):
        if name not in points:
            section.problem(
                "identity", f"there is no point '{name}'{suggestion(name, list(points))}"
            )
    part.done()
    return identity
