"""The table of supported devices, read from the shipped profiles and the driver modules."""

import ast
from collections.abc import Iterable, Sequence
from pathlib import Path

from docs.markdown import code, page, table
from drivers.api import Capability, Knob, OnSilence
from drivers.profile import Profile

_ROOT = Path(__file__).resolve().parent.parent
_INTRODUCTION = """\
# Supported devices

A heat pump or a meter is described by a profile, a TOML file in `drivers/profiles/` that you can
copy and change (see [Write your own configuration](../how-to/write-your-configuration.md)).

**Maturity** says how far a profile is proven: `simulated` (only against the simulator), `recorded`
(against register dumps of a real device), `bench` (a real device on a bench), `field` (a heated
house). heatherd refuses to write to a profile below `heat_pump.accept_maturity`.
"""
_SILENCE = {
    OnSilence.OWN_CONTROL: "returns to its own control",
    OnSilence.HOLDS: "keeps the last value",
    OnSilence.STOPS: "stops heating",
    OnSilence.UNKNOWN: "unknown, treated as keeping the last value",
}
_OTHER_DRIVERS = ("rooms", "prices", "weather")


def devices_page(profiles: Sequence[Profile]) -> str:
    """The page: an overview, then one section per profile, then the drivers without a profile."""
    overview = [
        (
            f"[{profile.title}](#{profile.name})",
            profile.kind.replace("_", " "),
            profile.maturity.value,
            _capabilities(profile.knobs),
            _SILENCE[profile.on_silence] if profile.knobs else "is only read",
        )
        for profile in profiles
    ]
    head = ("device", "kind", "maturity", "can be asked for", "when heatherd falls silent")
    lines = [_INTRODUCTION, *table(head, overview), ""]
    for profile in profiles:
        lines += _section(profile, profiles)
    lines += ["## Drivers without a profile", "", *table(("driver", "what it does"), _others())]
    return page(lines)


def _section(profile: Profile, profiles: Iterable[Profile]) -> list[str]:
    peers = [peer for peer in profiles if peer.kind == profile.kind]
    known = sorted({signal.value for peer in peers for signal in peer.signals})
    missing = [name for name in known if name not in profile.signals]
    lines = [f"## {profile.name}", "", f"{profile.title}; profile `{profile.name}`.", ""]
    lines += [f"- Evidence: {_flat(profile.evidence)}"]
    lines += [f"- Signals: {_codes(signal.value for signal in profile.signals)}"]
    if missing:
        lines += [f"- Missing signals: {_codes(missing)}"]
    if profile.left_out:
        lines += ["- Left out on purpose:", *_items(profile.left_out)]
    if profile.knobs:
        absent = [kind.value for kind in Capability if kind not in profile.knobs]
        lines += [f"- When heatherd falls silent it {_SILENCE[profile.on_silence]}."]
        lines[-1] += f" {_flat(profile.on_silence_note)}".rstrip()
        lines += [f"- Cannot be asked for: {_codes(absent)}"] if absent else []
        head = ("capability", "range", "step", "write class", "lapses after", "liveable range")
        lines += ["", *table(head, (_knob_row(knob) for knob in profile.knobs.values()))]
    return [*lines, ""]


def _knob_row(knob: Knob) -> tuple[str, ...]:
    liveable = "any, it lapses"
    if knob.safe_minimum is not None and knob.safe_maximum is not None:
        liveable = f"{knob.safe_minimum:g} … {knob.safe_maximum:g}"
    elif knob.lapse_s is None:
        liveable = "not stated"
    return (
        code(knob.capability.value),
        f"{knob.minimum:g} … {knob.maximum:g}",
        f"{knob.resolution:g}",
        knob.write_class.value,
        "never" if knob.lapse_s is None else f"{knob.lapse_s:g} s",
        liveable,
    )


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
