"""What a probe has found, in words, as lines of the configuration, and as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller.terminal import err, out
from drivers.evidence import Candidate, RuledOut, rivals
from drivers.probe import Report
from drivers.probe_topics import RoomFound
from drivers.profile import DeviceKind, ModbusProfile
from drivers.recording import Recording

Settings = Mapping[str, str | int]
"""Keys of a section of the configuration."""

SHOWN_ROOMS = 12
"""Sensors listed in full; a house with more is better served by --json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a probe has found, and how it would be configured."""

    place: str
    asked: int  # families
    report: Report
    settings: Settings = field(default_factory=dict)  # of the address
    rooms: Sequence[RoomFound] = ()
    recording: Recording | None = None


def section_of(candidate: Candidate, settings: Settings) -> list[str]:
    """The lines of the configuration that name this device."""
    profile = candidate.profile
    if profile.kind is DeviceKind.ROOM:
        return _toml("room", {"kind": profile.name, "topic": candidate.where})
    keys: dict[str, str | int] = {"profile": profile.name, **settings}
    if isinstance(profile, ModbusProfile):
        unit = int(candidate.where.removeprefix("unit "))
        if unit != profile.connection.unit:
            keys["unit"] = unit
    elif candidate.where != profile.connection.base_topic:
        keys["topic"] = candidate.where
    return _toml(profile.kind.value, keys)


def _toml(section: str, keys: Settings) -> list[str]:
    return [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]


def tell(findings: Findings) -> None:
    report = findings.report
    for line in _in_words(findings):
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    if not report.candidates and not findings.rooms and report.answered:
        out.print("Nothing known answers here.")
        for missed in report.ruled_out[:SHOWN_ROOMS]:
            out.print(
                f"  not {missed.profile.name}: {missed.reason}", markup=False, highlight=False
            )
    if report.trouble and not report.candidates:
        err.print(report.trouble, markup=False, highlight=False, soft_wrap=True)


def _in_words(findings: Findings) -> Iterator[str]:
    report = findings.report
    if not report.trouble:
        yield f"{findings.place}: asked for {findings.asked} families, wrote nothing."
    for candidate in report.candidates:
        yield ""
        yield from _evidence(candidate)
    if report.candidates:
        others = rivals(report.candidates)
        if others:
            names = ", ".join(other.profile.name for other in others)
            yield f"\n{names} fits as well: look at the type plate before you decide."
        yield "\nFor the configuration:\n"
        yield from section_of(report.candidates[0], findings.settings)
    for room in findings.rooms[:SHOWN_ROOMS]:
        yield ""
        yield f"{room.title}" + (f", unusable: {room.refused}" if room.refused else "")
        if not room.refused:
            yield from _toml("room", room.keys)
    if len(findings.rooms) > SHOWN_ROOMS:
        yield f"\n{len(findings.rooms) - SHOWN_ROOMS} more rooms; --json lists all."


def _evidence(candidate: Candidate) -> Iterator[str]:
    profile = candidate.profile
    sure = "is" if candidate.identified else "looks like"
    yield f"{candidate.where} {sure} {profile.title} (profile {profile.name})"
    for name, value in candidate.matched.items():
        yield f"  {name} = {value:g}, as it must be"
    if candidate.firmware:
        yield "  firmware " + ".".join(f"{part:g}" for part in candidate.firmware.values())
    asked = len(candidate.plausible) + len(candidate.implausible)
    yield f"  {len(candidate.plausible)} of {asked} signals have a plausible value"
    for name, reason in candidate.implausible.items():
        yield f"  {name}: {reason}"
    if not candidate.identified:
        yield "  No value that only this family has is known: compare with the type plate."


def as_json(findings: Findings) -> dict[str, Any]:
    report = findings.report
    return {
        "place": findings.place,
        "answered": report.answered,
        "trouble": report.trouble,
        "candidates": [_candidate(found, findings.settings) for found in report.candidates],
        "ruled_out": [_ruled_out(missed) for missed in report.ruled_out],
        "rooms": [
            {"title": room.title, "keys": dict(room.keys), "refused": room.refused}
            for room in findings.rooms
        ],
    }


def _candidate(found: Candidate, settings: Settings) -> dict[str, Any]:
    return {
        "profile": found.profile.name,
        "title": found.profile.title,
        "kind": found.profile.kind.value,
        "where": found.where,
        "identified": found.identified,
        "share": found.share,
        "matched": dict(found.matched),
        "firmware": dict(found.firmware),
        "plausible": list(found.plausible),
        "implausible": dict(found.implausible),
        "toml": "\n".join(section_of(found, settings)),
    }


def _ruled_out(missed: RuledOut) -> dict[str, str]:
    return {"profile": missed.profile.name, "where": missed.where, "reason": missed.reason}
