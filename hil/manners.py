"""How a device behaves on the wire beyond its register map, as data by profile name.

What no source states is not invented: a device without an entry answers at once, takes any number
of clients, and never complains about silence.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from drivers.profile import AnyProfile, ModbusProfile

WRITE_SINGLE, WRITE_SEVERAL = 6, 16
BOOT_S = 60.0  # a controller of a heat pump takes about a minute; no source, no device is faster


class Effect(StrEnum):
    """What a device does when its own watchdog trips."""

    ALARM = "alarm"  # shows the code and goes on
    STOP = "stop"  # shows the code, and the heat pump stands


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog:
    """The device's own: after this silence it complains. Requests make it content again."""

    silence_s: float
    alarm_code: int
    effect: Effect
    armed_by: tuple[str, ...] = ()  # points; a write to one arms it. Empty: any request does
    over_bridge: bool = False  # once armed a bridge keeps it content by itself, as long as it lives
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """One device's manners."""

    answer_s: float = 0.0  # between a request and its answer
    busy_every: int = 0  # each n-th request is answered "busy" (exception 6); 0: none
    single_client: bool = False  # further TCP connections are closed at once
    boot_s: float = BOOT_S  # without answers after a restart
    write_functions: tuple[int, ...] = (WRITE_SINGLE, WRITE_SEVERAL)
    one_table: bool = False  # functions 3 and 4 show the same registers
    largest_read: int = 125  # registers in one request, else exception 3
    older_words: tuple[str, ...] = ()  # points whose words came the other way round once
    older_until: str = ""  # the firmware that turned them
    power_up: Mapping[str, float] = field(default_factory=dict)  # of volatile knobs, by capability
    settings: Mapping[str, float] = field(default_factory=dict)  # owner's, by point
    more_registers: Mapping[str, int] = field(default_factory=dict)  # holding registers that the
    # profile leaves out and other clients write, by name; they hold what they are given
    watchdog: Watchdog | None = None
    source: str = ""

    def in_words(self) -> list[str]:
        """What differs from a plain device."""
        plain = Manners()
        said = {
            f"answers after {self.answer_s:g} s": self.answer_s != plain.answer_s,
            f"busy at every {self.busy_every}th request": self.busy_every != plain.busy_every,
            "one client only": self.single_client,
            f"writes by function {' or '.join(map(str, self.write_functions))} only": (
                self.write_functions != plain.write_functions
            ),
            "functions 3 and 4 read the same": self.one_table,
            f"at most {self.largest_read} registers per read": (
                self.largest_read != plain.largest_read
            ),
            f"words turned before firmware {self.older_until} (--older-firmware)": bool(
                self.older_words
            ),
        }
        words = [text for text, differs in said.items() if differs]
        if self.watchdog is not None:
            words.append(
                f"{self.watchdog.effect} {self.watchdog.alarm_code} after "
                f"{self.watchdog.silence_s:g} s of silence"
            )
        return words


def manners_of(profile: AnyProfile) -> Manners:
    """The manners of a profile's device; plain ones where nothing is known."""
    manners = known_manners().get(profile.name, Manners())
    if isinstance(profile, ModbusProfile) and profile.connection.write_function == WRITE_SINGLE:
        return replace(manners, write_functions=(WRITE_SINGLE,))
    return manners


@cache
def known_manners() -> Mapping[str, Manners]:
    """All manners of hil/manners.toml. Raises TypeError or ValueError for what it cannot hold."""
    text = (files("hil") / "manners.toml").read_text(encoding="utf-8")
    return {name: parse_manners(table) for name, table in tomllib.loads(text).items()}


def parse_manners(table: Mapping[str, Any]) -> Manners:
    """Manners from a TOML table."""
    values = dict(table)
    dog = values.pop("watchdog", None)
    for key in ("write_functions", "older_words"):
        if key in values:
            values[key] = tuple(values[key])
    if dog is not None:
        dog = dict(dog)
        dog["effect"] = Effect(dog["effect"])
        dog["armed_by"] = tuple(dog.get("armed_by", ()))
        values["watchdog"] = Watchdog(**dog)
    return Manners(**values)
