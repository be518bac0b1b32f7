"""Write what the guard let through, read it back, renew the lease, hand the pump back.

Every write to the pump happens in this module. A volatile knob is ours while we steer: it is
renewed at half its lapse time or when the pump has lost it, and lapses when we fall silent. A
persistent knob is written on change only; the owner's value is
saved durably before our first write and restored at hand-back, but only if the register still
holds what we wrote: otherwise somebody else changed it, and that change stands.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from controller.guard import Refused, Verdict
from controller.store import Lease, Store, StoreError
from drivers.api import Absent, Capability, HeatPump, Knob, Sample, WriteClass
from drivers.errors import DriverError, TransientError

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
        if isinstance(verdict, Refused):
            if self._may_write and self.holds_the_pump:
                await self.hand_back(at)
            return NotApplied("; ".join(verdict.reasons))
        if not self._may_write:
            return NotApplied("observing: nothing is written")
        return await self._write_all(verdict.settings, at)

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
            except (DriverError, StoreError) as error:
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
        if isinstance(held, Absent):
            if _stored(knob):
                return f"its present value is unknown ({held.reason}), so it is not touched"
        elif lease is not None and self._turned_by_another(knob, lease, held):
            self._yield_to_other(lease, held)
        if capability in self._yielded:
            return "somebody else set it; it is left alone until the next start or resume"
        if lease is not None and not _due(knob, lease, value, held=held, at=at):
            if isinstance(held, Absent):
                return f"in force by our last write, but it cannot be read back: {held.reason}"
            return held.value
        self._save(_announced(knob, lease, value, held=held, at=at))
        return await self._put(knob, value, held)

    async def _put(self, knob: Knob, value: float, held: Sample | Absent) -> float | str:
        """Write and read back, after the lease has been saved."""
        if isinstance(held, Sample) and _stored(knob) and _near(held.value, value, knob):
            return held.value  # it is what the owner had set: nothing to wear out
        await self._pump.write(knob.capability, value)
        after = await self._pump.read_back(knob.capability)
        if isinstance(after, Absent):
            return f"written, but it could not be read back: {after.reason}"
        self._know_ours(knob, after)
        return after.value

    def _save(self, lease: Lease) -> None:
        """Durable before it counts: a crash leaves a lease too many, never one too few."""
        self._store.save_lease(lease)
        self._leases[lease.capability] = lease

    def _know_ours(self, knob: Knob, held: Sample) -> None:
        """What the device made of our write is ours too, and what it held before no longer is."""
        lease = self._leases[knob.capability]
        if _stored(knob) and lease.written_before != held.value:
            self._save(replace(lease, written_before=held.value))

    def _turned_by_another(self, knob: Knob, lease: Lease, held: Sample) -> bool:
        if not _stored(knob):
            return False
        if _near(held.value, lease.written, knob):
            self._know_ours(knob, held)  # a slow device, or a write that came late
        return not _ours(held, lease, knob)

    def _yield_to_other(self, lease: Lease, held: Sample) -> None:
        log.warning(
            "%s was changed to %g by somebody else (we had written %g): we leave it alone",
            lease.capability,
            held.value,
            lease.written,
        )
        self._leases.pop(lease.capability)
        self._store.drop_lease(lease.capability)
        self._yielded.add(lease.capability)

    async def _return_knob(self, lease: Lease) -> None:
        knob = self._pump.knobs.get(lease.capability)
        if knob is None:
            own = "its own value" if lease.original is None else f"{lease.original:g}"
            log.error("the profile has lost %s: set it to %s by hand", lease.capability, own)
            return
        if lease.original is None:
            if knob.release_value is not None:
                await self._pump.write(lease.capability, knob.release_value)
            return
        held = await self._pump.read_back(lease.capability)
        if isinstance(held, Absent):
            raise TransientError(f"its present value is unknown: {held.reason}")
        if not _ours(held, lease, knob) and not _is(held, lease.original):
            log.warning(
                "%s holds %g, not our %g: the owner's change stands",
                lease.capability, held.value, lease.written,
            )  # fmt: skip
            return
        if not _is(held, lease.original):
            await self._pump.write(lease.capability, lease.original)
            after = await self._pump.read_back(lease.capability)
            if isinstance(after, Absent) or not _is(after, lease.original):
                raise TransientError(f"wrote the owner's {lease.original:g}, read back {after}")
            log.info("%s restored to the owner's %g", lease.capability, lease.original)

    def take_up_again(self) -> None:
        """After `resume`: knobs that were left to somebody else may be used once more."""
        self._yielded.clear()


def _stored(knob: Knob) -> bool:
    """Whether the device keeps the value for ever; what nobody has classified counts as kept."""
    return knob.write_class is not WriteClass.VOLATILE


def _announced(
    knob: Knob, lease: Lease | None, value: float, *, held: Sample | Absent, at: datetime
) -> Lease:
    """The lease to commit before `value` is written."""
    before = held.value if _stored(knob) and isinstance(held, Sample) else None
    if lease is None:
        return Lease(knob.capability, before, value, before, at, at)
    return replace(lease, written=value, written_before=before, written_at=at)


def _due(knob: Knob, lease: Lease, value: float, *, held: Sample | Absent, at: datetime) -> bool:
    """Whether to write: another value, one that the device does not hold, or one about to lapse."""
    age_s = (at - lease.written_at).total_seconds()
    lost = isinstance(held, Sample) and not _near(held.value, lease.written, knob)
    if lost or abs(value - lease.written) >= knob.resolution * 0.99:
        return age_s >= knob.minimum_interval_s
    return knob.lapse_s is not None and age_s >= knob.lapse_s / 2


def _ours(held: Sample, lease: Lease, knob: Knob) -> bool:
    """Whether the register holds a value that we put there, or never came to replace."""
    candidates = (lease.written, lease.written_before)
    return any(value is not None and _near(held.value, value, knob) for value in candidates)


def _near(held: float, value: float, knob: Knob) -> bool:
    """Equal up to the register's rounding, and a float's."""
    return abs(held - value) <= knob.resolution * 0.501


def _is(held: Sample, value: float) -> bool:
    return abs(held.value - value) < 1e-6
