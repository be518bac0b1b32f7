"""The table of supported devices, read from the shipped profiles and the driver modules."""

import ast
from collections.abc import Iterable, Sequence
from pathlib import Path

from controller.wear import weekly_budget
from docs.configuration_page import duration_text
from docs.markdown import code, page, table
from drivers.api import Capability, Knob, OnSilence, WriteClass
from drivers.profile import AnyProfile, DeviceKind, Identity, ModbusProfile

_ROOT = Path(__file__).resolve().parent.parent
_INTRODUCTION = """\
# Supported devices

A heat pump or a meter is described by a profile, a TOML file in `drivers/profiles/` that you can
copy and change (see [Describe your own pump](../how-to/describe-your-own-pump.md)).

**Maturity** says how far a profile is proven: `simulated` (only against the simulator), `recorded`
(against register dumps of a real device), `bench` (a real device on a bench), `field` (a heated
house). heatherd refuses to write to a profile below `heat_pump.accept_maturity`, except to the
capabilities that you accept one by one.

**Write class** says what a write costs the device's memory: `volatile` nothing, `persistent` one
write of a memory that wears out (what no source states counts as persistent). **Budget** is what
the planner may write to it in seven days; handing back and safety are never refused.
"""
_KILLED = """\
## Killed while steering

What a heat pump does when heatherd's process dies without a word, as far as its profile knows. On
a machine with systemd the service manager hands the pump back at once (see
[Release the pump](../how-to/release-the-pump.md)); the table is for the day on which the whole
computer is gone. "Liveable" is the range that heatherd never leaves with a value that stays."""
_SILENCE_PAGE = "docs/benchmarks/silence.md"
_SILENCE_LINK = "What the emulated devices did is measured: [silence](../benchmarks/silence.md)."
_SILENCE = {
    OnSilence.OWN_CONTROL: "returns to its own control",
    OnSilence.HOLDS: "keeps the last value",
    OnSilence.STOPS: "stops heating",
    OnSilence.UNKNOWN: "unknown, treated as keeping the last value",
}
_KINDS = tuple(DeviceKind)
_OTHER_DRIVERS = ("rooms", "prices", "weather")


def devices_page(profiles: Sequence[AnyProfile]) -> str:
    """The page: overviews, then one section per profile, then the drivers without a profile."""
    ordered = sorted(profiles, key=lambda profile: _KINDS.index(profile.kind))
    overview = [
        (
            f"[{profile.title}](#{profile.name})",
            profile.kind.replace("_", " "),
            _transport(profile),
            profile.maturity.value,
            _capabilities(profile.knobs) if profile.kind is DeviceKind.HEAT_PUMP else "only read",
        )
        for profile in ordered
    ]
    head = ("device", "kind", "speaks", "maturity", "can be asked for")
    lines = [_INTRODUCTION, *table(head, overview), "", *_killed(ordered)]
    for profile in ordered:
        lines += _section(profile, ordered)
    lines += ["## Drivers without a profile", "", *table(("driver", "what it does"), _others())]
    return page(lines)


def _killed(profiles: Iterable[AnyProfile]) -> list[str]:
    """What stays of our last word, by heat pump."""
    rows = [
        (
            f"[{profile.title}](#{profile.name})",
            _SILENCE[profile.on_silence],
            "; ".join(_fate(knob, _unit(profile, knob)) for knob in profile.knobs.values()),
        )
        for profile in profiles
        if profile.knobs
    ]
    head = ("device", "in short", "each knob")
    measured = [_SILENCE_LINK, ""] if (_ROOT / _SILENCE_PAGE).exists() else []
    return [_KILLED, "", *measured, *table(head, rows), ""]


def _fate(knob: Knob, unit: str) -> str:
    """What becomes of a value written to this knob when nobody writes any more."""
    name = code(knob.capability.value)
    if knob.lapse_s is not None:
        return f"{name} lapses within {duration_text(knob.lapse_s)}"
    if knob.safe_minimum is None or knob.safe_maximum is None:
        return f"{name} until the device restarts"
    until = "until the device restarts" if knob.write_class is WriteClass.VOLATILE else "stays"
    return f"{name} {until}, liveable: {_range(knob.safe_minimum, knob.safe_maximum, unit)}"


def _section(profile: AnyProfile, profiles: Iterable[AnyProfile]) -> list[str]:
    peers = [peer for peer in profiles if peer.kind == profile.kind]
    known = sorted({signal.value for peer in peers for signal in peer.signals})
    missing = [name for name in known if name not in profile.signals]
    lines = [f"## {profile.name}", "", f"{profile.title}; profile `{profile.name}`.", ""]
    lines += [f"- Evidence: {_flat(profile.evidence)}"]
    lines += [f"- Recognised by: {_identity(profile.identity)}"]
    lines += [f"- Signals: {_codes(signal.value for signal in profile.signals) or 'none'}"]
    if missing:
        lines += [f"- Missing signals: {_codes(missing)}"]
    if profile.left_out:
        lines += ["- Left out on purpose:", *_items(profile.left_out)]
    if profile.knobs:
        absent = [kind.value for kind in Capability if kind not in profile.knobs]
        lines += [f"- When heatherd falls silent: {_SILENCE[profile.on_silence]}."]
        lines[-1] += f" {_flat(profile.on_silence_note)}".rstrip()
        lines += [f"- Cannot be asked for: {_codes(absent)}"] if absent else []
        lines += ["", *table(_KNOB_HEAD, (_knob_row(profile, k) for k in profile.knobs.values()))]
    return [*lines, ""]


_KNOB_HEAD = (
    "capability",
    "range",
    "step",
    "write class",
    "budget",
    "not more often than",
    "acts after",
    "lapses after",
    "liveable range",
    "acts only while",
)


def _knob_row(profile: AnyProfile, knob: Knob) -> tuple[str, ...]:
    budget = weekly_budget(knob)
    liveable = "any, it lapses"
    if knob.safe_minimum is not None and knob.safe_maximum is not None:
        liveable = _range(knob.safe_minimum, knob.safe_maximum)
    elif knob.lapse_s is None:
        liveable = "not stated"
    mode = knob.only_when
    return (
        code(knob.capability.value),
        _range(knob.minimum, knob.maximum, _unit(profile, knob)),
        f"{knob.resolution:g}",
        knob.write_class.value,
        "unlimited" if budget is None else f"{budget:g} a week",
        _duration(knob.minimum_interval_s, "any time"),
        _duration(knob.latency_s, "at once"),
        "never" if knob.lapse_s is None else duration_text(knob.lapse_s),
        liveable,
        "always" if mode is None else f"{code(mode.point)} is {_choice(mode.values)}",
    )


def _transport(profile: AnyProfile) -> str:
    if not isinstance(profile, ModbusProfile):
        return f"MQTT, below {code(profile.connection.base_topic)}"
    line = profile.connection.serial
    serial = "" if line is None else f", or serial {line.baudrate} 8{line.parity}{line.stop_bits}"
    return f"Modbus TCP{serial}, unit {profile.connection.unit}"


def _identity(identity: Identity) -> str:
    told = [f"{code(name)} is {_choice(values)}" for name, values in identity.values.items()]
    if identity.plausible:
        told.append(f"sense in {_codes(identity.plausible)}")
    if identity.firmware:
        told.append(f"the version is in {_codes(identity.firmware)}")
    return "; ".join(told) or "nothing: name the profile yourself"


def _choice(values: Iterable[int]) -> str:
    return " or ".join(str(value) for value in values)


def _unit(profile: AnyProfile, knob: Knob) -> str:
    return profile.points[knob.point].unit


def _range(low: float, high: float, unit: str = "") -> str:
    return f"{low:.10g} … {high:.10g} {unit}".rstrip()


def _duration(seconds: float, none: str) -> str:
    return duration_text(seconds) if seconds > 0.0 else none


def _items(text: str) -> list[str]:
    """A list in a profile as a nested list of the page."""
    return [f"  - {_flat(item)}" for item in f"\n{text}".split("\n- ")[1:]]


def _capabilities(knobs: Iterable[Capability]) -> str:
    return _codes(capability.value for capability in knobs) or "nothing"


def _others() -> list[tuple[str, str]]:
    paths = [
        path for kind in _OTHER_DRIVERS for path in sorted((_ROOT / "drivers" / kind).glob("*.py"))
    ]
    return [
        (code(f"drivers/{path.parent.name}/{path.name}"), _first_line(path))
        for path in paths
        if path.name != "__init__.py"
    ]


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n\n")[0]


def _codes(names: Iterable[str]) -> str:
    return ", ".join(code(name) for name in names)


def _flat(text: str) -> str:
    return " ".join(text.split())
