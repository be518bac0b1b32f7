"""Commissioning: look at the signs and sensors, then move each knob a small step and put it back.

Nothing is written without the owner's consent to that one step. A step goes through the same hand
as everything else: counted and saved before it is made, so that a crash in the middle is undone
by `heatherd release` and by the next start. What was found good is not asked again.
"""

import asyncio
import logging
import statistics
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError

from controller.act import Actuator, Applied, NotApplied, let_go
from controller.clock import Clock
from controller.connect import Outside
from controller.findings import (
    Finding,
    Judgement,
    Look,
    flow_above_return,
    load_seen,
    outdoor_as_forecast,
    power_signs,
    room_plausible,
    room_reacts,
)
from controller.guard import Allowed
from controller.sense import freeze
from controller.snapshot import Snapshot
from controller.store import Store
from controller.wear import is_stored
from drivers.api import Capability, Knob, Signal
from drivers.errors import DriverError

log = logging.getLogger(__name__)

KEY = "commissioning"
_FOUND = TypeAdapter(dict[str, Finding])

LOOK_EVERY_S, LOOKS = 10.0, 6
LOAD_EVERY_S, LOAD_BEFORE, LOAD_PATIENCE_S = 5.0, 3, 120.0
"""A meter over radio says something every few seconds; a person needs a minute to the kitchen."""

FULL_POWER = (Capability.POWER_LIMIT, Capability.COMPRESSOR_LIMIT)
"""Limits, whose step begins where they limit nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What the owner has agreed to beforehand, and how to ask him for the rest."""

    steps: Collection[Capability] = ()
    load_w: float | None = None  # of a load that he switches on when told
    ask: Callable[[str], bool] | None = None  # None: nobody is there
    tell: Callable[[str], None] = log.info

    def to(self, question: str, *, given: bool) -> bool:
        """Whether he agrees."""
        return given or (self.ask is not None and self.ask(question))


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Everything that is commissioned."""

    outside: Outside
    store: Store
    clock: Clock
    accepted: Collection[Capability]  # knobs that may be written
    history: Sequence[Snapshot] = ()  # of the last day, as far as recorded


def found_before(store: Store) -> dict[str, Finding]:
    """The findings so far, by check."""
    text = store.text(KEY)
    try:
        return {} if text is None else _FOUND.validate_json(text)
    except ValidationError as error:
        log.warning("earlier findings are of another version and were dropped: %s", error)
        return {}


async def commission(site: Site, consent: Consent, *, again: bool = False) -> dict[str, Finding]:
    """Every check that is not yet found good; each finding is kept as soon as it is made."""
    found = {} if again else found_before(site.store)

    def keep(finding: Finding) -> None:
        found[finding.check] = finding
        site.store.save_text(KEY, _FOUND.dump_json(found).decode())

    def is_open(check: str) -> bool:
        return check not in found or found[check].judgement is not Judgement.OK

    looks = await _watch(site, every_s=LOOK_EVERY_S, times=LOOKS)
    history = [*site.history, *(look.snapshot for look in looks)]
    at = site.clock.now()
    for finding in (
        power_signs(looks, at),
        room_plausible(looks, at),
        room_reacts(history, at),
        flow_above_return(history, at),
        outdoor_as_forecast(looks, await _forecast_c(site), at),
    ):
        if is_open(finding.check):
            keep(finding)
    if is_open("known load"):
        keep(await _known_load(site, consent))
    for capability in sorted(site.outside.pump.knobs):
        if is_open(_check_of(capability)):
            keep(await _step(site, consent, capability, looks))
    return found


# ---- looking -------------------------------------------------------------------------------------


async def _watch(site: Site, *, every_s: float, times: int) -> list[Look]:
    looks: list[Look] = []
    for number in range(times):
        if number:
            await _wait(site, every_s)
        looks.append(await _look(site))
    return looks


async def _look(site: Site) -> Look:
    devices = site.outside.devices
    observations = await asyncio.gather(*(device.read() for device in devices))
    snapshot = freeze(observations, at=site.clock.now(), before=None, stale_s={})
    of_pump = (o for d, o in zip(devices, observations, strict=True) if d is site.outside.pump)
    return Look(snapshot, next(of_pump, {}))


async def _wait(site: Site, seconds: float) -> None:
    await site.clock.sleep_until(site.clock.now() + timedelta(seconds=seconds))


async def _forecast_c(site: Site) -> float | None:
    if site.outside.weather is None:
        return None
    now = site.clock.now()
    try:
        series = await site.outside.weather.fetch(now)
    except DriverError as error:
        log.warning("weather: %s", error)
        return None
    index = int((now - series.starts_at).total_seconds() // series.step_s)
    return series.outdoor_c[index] if 0 <= index < len(series.outdoor_c) else None


async def _known_load(site: Site, consent: Consent) -> Finding:
    """Ask for a load to be switched on, and see what the meter makes of it."""
    name, load_w = "known load", consent.load_w
    if load_w is None:
        why = "needs a load of known power, such as a kettle: --load-w"
        return Finding(name, Judgement.SKIPPED, why, site.clock.now())
    before = await _meter_w(site, times=LOAD_BEFORE)
    if before is None:
        why = "there is no meter reading"
        return Finding(name, Judgement.SKIPPED, why, site.clock.now())
    consent.tell(f"Switch on the load of {load_w:.0f} W now, within two minutes.")
    finding = load_seen(before, before, load_w, site.clock.now())
    end = site.clock.now() + timedelta(seconds=LOAD_PATIENCE_S)
    while site.clock.now() < end:
        await _wait(site, LOAD_EVERY_S)
        after = await _meter_w(site, times=1)
        if after is not None:
            finding = load_seen(before, after, load_w, site.clock.now())
        if finding.judgement in (Judgement.OK, Judgement.WRONG):
            break
    return finding


async def _meter_w(site: Site, *, times: int) -> float | None:
    looks = await _watch(site, every_s=LOAD_EVERY_S, times=times)
    values = [w for look in looks if (w := look.snapshot.value(Signal.METER_POWER_W)) is not None]
    return statistics.median(values) if values else None


# ---- one small step of a knob --------------------------------------------------------------------


async def _step(
    site: Site, consent: Consent, capability: Capability, looks: Sequence[Look]
) -> Finding:
    """Write one step beside the present value, look what is in effect, put it back."""
    check, clock = _check_of(capability), site.clock
    if capability not in site.accepted:
        return Finding(check, Judgement.SKIPPED, "not accepted by the owner", clock.now())
    knob = site.outside.pump.knobs[capability]
    actuator = Actuator(site.outside.pump, site.store, may_write=[capability])
    if actuator.holds_the_pump and not await let_go(actuator, clock):
        why = "an earlier step is not put back yet: heatherd release"
        return Finding(check, Judgement.WRONG, why, clock.now())
    held = await actuator.current(capability)
    start = _start(knob, held, looks)
    target = None if start is None else neighbour(knob, start)
    if target is None or start is None:
        return Finding(check, Judgement.SKIPPED, _why_no_step(knob, held), clock.now())
    question = f"Write {target:g} to {capability} for a moment, then put it back?"
    if not consent.to(question, given=capability in consent.steps):
        return Finding(check, Judgement.SKIPPED, "not agreed to", clock.now())
    try:
        moved = await _move(actuator, knob, target, clock)
    finally:
        free = await let_go(actuator, clock)
    back = free and (not is_stored(knob) or await actuator.current(capability) == held)
    judgement, text = _judged(knob, target, moved, back=back)
    return Finding(check, judgement, text, clock.now())


async def _move(actuator: Actuator, knob: Knob, target: float, clock: Clock) -> float | str:
    """What is in effect once the knob has settled, or in words why nothing is."""
    wanted = Allowed({knob.capability: target})
    outcome = await actuator.apply(wanted, clock.now())
    if isinstance(outcome, Applied) and knob.settle_s > 0.0:
        await clock.sleep_until(clock.now() + timedelta(seconds=knob.settle_s))
        outcome = await actuator.apply(wanted, clock.now())
    if isinstance(outcome, NotApplied):
        return outcome.reason
    return outcome.read_back.get(knob.capability, "nothing could be read back")


def _judged(knob: Knob, target: float, moved: float | str, *, back: bool) -> tuple[Judgement, str]:
    shown = moved if isinstance(moved, str) else f"wrote {target:g}, {moved:g} is in effect"
    if not back:
        return Judgement.WRONG, f"{shown}; the value before is not back: run heatherd release"
    taken = isinstance(moved, float) and abs(moved - target) <= knob.resolution * 0.501
    return (Judgement.OK if taken else Judgement.DOUBTFUL), f"{shown}; the value before is back"


def _check_of(capability: Capability) -> str:
    return f"step of {capability}"


def _start(knob: Knob, held: float | None, looks: Sequence[Look]) -> float | None:
    """Where the step begins. A volatile request that is not made now begins at what the pump does
    by itself, so that the step changes as little as it can."""
    if is_stored(knob) or held is None:
        return held
    if knob.capability in FULL_POWER:
        return knob.maximum
    low, high = _bounds(knob)
    if not low <= held <= high and knob.capability is Capability.FLOW_SETPOINT:
        own = (Signal.FLOW_SETPOINT_C, Signal.FLOW_C)
        return next((c for s in own if (c := looks[-1].pump_value(s)) is not None), held)
    return held


def neighbour(knob: Knob, start: float) -> float | None:
    """One step of the knob beside a value, inside what heatherd writes; None if there is none."""
    low, high = _bounds(knob)
    if not low <= start <= high:
        return None
    steps = round((start - knob.minimum) / knob.resolution)
    beside = (knob.minimum + (steps + way) * knob.resolution for way in (1, -1))
    return next((round(value, 6) for value in beside if low <= round(value, 6) <= high), None)


def _bounds(knob: Knob) -> tuple[float, float]:
    low = knob.minimum if knob.safe_minimum is None else knob.safe_minimum
    high = knob.maximum if knob.safe_maximum is None else knob.safe_maximum
    return low, high


def _why_no_step(knob: Knob, held: float | None) -> str:
    if held is None:
        return "its present value is unknown"
    low, high = _bounds(knob)
    return f"its present value {held:g} lies outside what heatherd writes, {low:g} to {high:g}"
