"""Write what the guard let through, read it back, renew the lease, hand the pump back.

Every write to the pump happens in this module. A volatile knob is renewed at half its lapse time
and lapses when we fall silent. A persistent knob is written on change only; the owner's value is
saved durably before our first write and restored at hand-back, but only if the register still
holds what we wrote: otherwise somebody else changed it, and that change stands.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from controller.guard import Allowed, Altered, Refused, Verdict
from controller.store import Lease, Store
from drivers.api import Absent, Capability, HeatPump, Knob, Sample, WriteClass
from drivers.errors import DriverError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Applied:
    """The pump holds these values, read back from it."""

    read_back: Mapping[Capability, float]


@dataclass(frozen=True, slots=True)
class NotApplied:
    """Nothing was changed on the pump, or not surely, and why."""

    reason: str


Outcome: TypeAlias = Applied | NotApplied


class Actuator:
    """The only hand on the pump."""

    def __init__(self, pump: HeatPump, store: Store, *, may_write: bool) -> None:
        self._pump = pump
        self._store = store
        self._may_write = may_write
        self._leases = store.leases()
        self._yielded: set[Capability] = set()  # knobs somebody else has turned

    @property
    def holds_the_pump(self) -> bool:
        """Whether any knob is in our hands."""
        return bool(self._leases)

    async def current(self, capability: Capability) -> float | None:
        """What the knob holds now, None when it cannot be read."""
        answer = await self._pump.read_back(capability)
        return answer.value if isinstance(answer, Sample) else None

    async def apply(self, verdict: Verdict, at: datetime) -> Outcome:
        """Make the pump follow the verdict. Never raises for a device that fails."""
        match verdict:
            case Refused(reasons):
                if self._may_write and self.holds_the_pump:
                    await self.hand_back(at)
                return NotApplied("; ".join(reasons))
            case Allowed(settings) | Altered(settings, _):
                if not self._may_write:
                    return NotApplied("observing: nothing is written")
                return await self._write_all(settings, at)

    async def hand_back(self, at: datetime) -> bool:
        """Give every knob back; True when nothing of ours is left on the pump."""
        for lease in tuple(self._leases.values()):
            try:
                await self._return_knob(lease)
            except DriverError as error:
                log.warning("could not hand back %s, will try again: %s", lease.capability, error)
                continue
            self._leases.pop(lease.capability)
            self._store.drop_lease(lease.capability)
        if not self._leases:
            log.info("the pump is on its own control since %s", at.isoformat(timespec="seconds"))
        return not self._leases

    async def _write_all(self, settings: Mapping[Capability, float], at: datetime) -> Outcome:
        read_back: dict[Capability, float] = {}
        for capability, value in settings.items():
            try:
                outcome = await self._write(capability, value, at)
            except DriverError as error:
                return NotApplied(f"{capability}: {error}")
            if isinstance(outcome, str):
                return NotApplied(f"{capability}: {outcome}")
            read_back[capability] = outcome
        return Applied(read_back)

    async def _write(self, capability: Capability, value: float, at: datetime) -> float | str:
        """The value read back, or in words why it was not written."""
        knob = self._pump.knobs[capability]
        held = await self._pump.read_back(capability)
        lease = self._leases.get(capability)
        if isinstance(held, Absent) and knob.write_class is not WriteClass.VOLATILE:
            return f"its present value is unknown ({held.reason}), so it is not touched"
        if lease is not None and self._turned_by_another(knob, lease, held):
            self._yield_to_other(lease, held)
        if capability in self._yielded:
            return "somebody else set it; it is left alone until the next start or resume"
        if lease is not None and not self._due(knob, lease, value, at):
            return held.value if isinstance(held, Sample) else lease.written
        self._open_or_extend(knob, value, at, held)
        await self._pump.write(capability, value)
        after = await self._pump.read_back(capability)
        if isinstance(after, Absent):
            return f"written, but it could not be read back: {after.reason}"
        return after.value

    def _open_or_extend(
        self, knob: Knob, value: float, at: datetime, held: Sample | Absent
    ) -> None:
        """Commit the lease before the write: a crash leaves a lease too many, never one too few."""
        lease = self._leases.get(knob.capability)
        if lease is None:
            persistent = knob.write_class is not WriteClass.VOLATILE
            original = held.value if persistent and isinstance(held, Sample) else None
            opened = Lease(knob.capability, original, value, None, at, at)
        else:
            opened = replace(lease, written=value, written_before=lease.written, written_at=at)
        self._leases[knob.capability] = opened
        self._store.save_lease(opened)

    def _due(self, knob: Knob, lease: Lease, value: float, at: datetime) -> bool:
        age_s = (at - lease.written_at).total_seconds()
        changed = abs(value - lease.written) >= knob.resolution * 0.99
        if changed:
            return age_s >= knob.minimum_interval_s
        return knob.lapse_s is not None and age_s >= knob.lapse_s / 2

    def _turned_by_another(self, knob: Knob, lease: Lease, held: Sample | Absent) -> bool:
        if knob.write_class is WriteClass.VOLATILE or isinstance(held, Absent):
            return False
        return not _ours(held, lease, knob)

    def _yield_to_other(self, lease: Lease, held: Sample | Absent) -> None:
        found = held.value if isinstance(held, Sample) else float("nan")
        log.warning(
            "%s was changed to %g by somebody else (we had written %g): we leave it alone",
            lease.capability,
            found,
            lease.written,
        )
        self._leases.pop(lease.capability)
        self._store.drop_lease(lease.capability)
        self._yielded.add(lease.capability)

    async def _return_knob(self, lease: Lease) -> None:
        knob = self._pump.knobs.get(lease.capability)
        if knob is None:
            log.error("%s: the profile no longer has this knob, set it by hand", lease.capability)
            return
        if lease.original is None:
            if knob.release_value is not None:
                await self._pump.write(lease.capability, knob.release_value)
            return
        held = await self._pump.read_back(lease.capability)
        if isinstance(held, Absent):
            raise DriverError(f"its present value is unknown: {held.reason}")
        if not _ours(held, lease, knob) and not _is(held, lease.original):
            log.warning(
                "%s holds %g, not our %g: the owner's change stands",
                lease.capability, held.value, lease.written,
            )  # fmt: skip
            return
        if not _is(held, lease.original):
            await self._pump.write(lease.capability, lease.original)
            log.info("%s restored to the owner's %g", lease.capability, lease.original)

    def take_up_again(self) -> None:
        """After `resume`: knobs that were left to somebody else may be used once more."""
        self._yielded.clear()


def _ours(held: Sample, lease: Lease, knob: Knob) -> bool:
    """Whether the register holds a value that we put there."""
    candidates = (lease.written, lease.written_before)
    return any(v is not None and abs(held.value - v) <= knob.resolution / 2 for v in candidates)


def _is(held: Sample, value: float) -> bool:
    return abs(held.value - value) < 1e-6
