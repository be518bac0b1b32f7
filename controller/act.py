"""Write what the guard let through, read it back, renew the lease, hand the pump back.

Every write to the pump happens in this module. A volatile knob is ours while we steer: it is
renewed at half its lapse time or when the pump has lost it, and lapses when we fall silent; that it
is in our hands is saved once. A persistent knob is written on change only, as far as the wear
ledger allows; the owner's value is saved durably before our first write and restored at hand-back,
but only if the register still holds what we wrote: otherwise somebody else changed it, and that
change stands.
"""

import logging
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from controller.acceptance import how_to_accept
from controller.clock import Clock
from controller.guard import Altered, Purpose, Refused, Verdict
from controller.leases import Answer, announced, due, exactly, lost, near, ours, same, settles
from controller.store import Lease, Store, StoreError
from controller.wear import Ledger, Move, is_stored, weekly_budget
from drivers.api import Absent, Capability, HeatPump, Knob, Sample
from drivers.errors import DriverError, RefusedByDeviceError, TransientError

log = logging.getLogger(__name__)

TRIES = 2
"""A stored value that did not take after so many writes in a row is not tried again at once."""

PLANNER_PAUSE_S, RESTORE_PAUSE_S = 86400.0, 3600.0
"""How long then until the next try; the owner's own value is more urgent than ours."""


@dataclass(frozen=True, slots=True)
class Applied:
    """Every knob follows; what was requested of it is the verdict of the same cycle."""

    read_back: Mapping[Capability, float]  # in effect; without knobs that are still settling
    acknowledged: Mapping[Capability, float] = field(default_factory=dict)  # writes it answered


@dataclass(frozen=True, slots=True)
class NotApplied:
    """Not every knob follows, or not surely, and why."""

    reason: str


Outcome: TypeAlias = Applied | NotApplied


class Actuator:
    """The only hand on the pump."""

    def __init__(self, pump: HeatPump, store: Store, *, may_write: Collection[Capability]) -> None:
        self._pump = pump
        self._store = store
        self._ledger = Ledger(store)
        self._may_write = frozenset(may_write)
        self._leases = {c: _after_a_start(lease) for c, lease in store.leases().items()}
        self._answers: dict[Capability, Answer] = {}
        self._yielded: set[Capability] = set()  # knobs somebody else has turned

    @property
    def holds_the_pump(self) -> bool:
        """Whether any knob is in our hands."""
        return bool(self._leases)

    def writes(self, capability: Capability) -> bool:
        """Whether this knob may be written at all."""
        return capability in self._may_write

    @property
    def settle_s(self) -> float:
        """How long the slowest knob in our hands takes to show what it was given."""
        knobs = (self._pump.knobs.get(capability) for capability in self._leases)
        return max((knob.settle_s for knob in knobs if knob is not None), default=0.0)

    async def current(self, capability: Capability) -> float | None:
        """What the knob holds now, None when it cannot be read."""
        answer = await self._pump.read_back(capability)
        return answer.value if isinstance(answer, Sample) else None

    def writes_left(self, capability: Capability, at: datetime) -> float | None:
        """How often the planner may still write this knob within its week; None: it may always."""
        self._ledger.see(at)
        knob = self._pump.knobs.get(capability)
        try:
            return 0.0 if knob is None else self._ledger.writes_left(knob)
        except StoreError as error:
            log.error("%s", error)
            return 0.0

    async def apply(self, verdict: Verdict, at: datetime) -> Outcome:
        """Make the pump follow the verdict. Never raises for a device that fails."""
        self._ledger.see(at)
        if isinstance(verdict, Refused) or not self._may_write:
            if self.holds_the_pump:
                await self.hand_back(at)
            reasons = verdict.reasons if isinstance(verdict, Refused) else ()
            return NotApplied("; ".join(reasons) or "observing: nothing is written")
        return await self._write_all(verdict, at)

    async def hand_back(self, at: datetime) -> bool:
        """Give every knob back; True when nothing of ours is left on the pump."""
        self._ledger.see(at)
        await self._give_back(tuple(self._leases.values()), at)
        if not self._leases:
            log.info("the pump is on its own control since %s", at.isoformat(timespec="seconds"))
        return not self._leases

    async def _give_back(self, leases: Collection[Lease], at: datetime) -> None:
        for lease in leases:
            try:
                await self._return_knob(lease, at)
            except DriverError as error:
                log.warning("could not hand back %s, will try again: %s", lease.capability, error)
                continue
            self._forget(lease)

    async def hold(self, capability: Capability, value: float | None, at: datetime) -> Outcome:
        """Move one knob between two cycles, or give it back (None); the others stay as they are.

        Never raises for a device that fails.
        """
        self._ledger.see(at)
        if value is None:
            await self._give_back([x for c, x in self._leases.items() if c is capability], at)
            return Applied({})
        if not self._may_write:
            return NotApplied("observing: nothing is written")
        knob = self._pump.knobs[capability]
        held = await self._attempt(Move(knob, value, Purpose.PLANNER, at))
        if isinstance(held, str):
            return NotApplied(f"{capability}: {held}")
        return Applied({} if held is None else {capability: held})

    def take_up_again(self) -> None:
        """After `resume`: knobs that were left to somebody else may be used once more."""
        self._yielded.clear()

    # ---- writing ---

    async def _write_all(self, verdict: Verdict, at: datetime) -> Outcome:
        settings = {} if isinstance(verdict, Refused) else verdict.settings
        forced = verdict.forced if isinstance(verdict, Altered) else {}
        read_back: dict[Capability, float] = {}
        refusals: list[str] = []
        for capability, value in settings.items():
            move = Move(
                self._pump.knobs[capability], value, forced.get(capability, Purpose.PLANNER), at
            )
            held = await self._attempt(move)
            if isinstance(held, str):
                refusals.append(f"{capability}: {held}")
            elif held is not None:
                read_back[capability] = held
        unwanted = [lease for c, lease in self._leases.items() if c not in settings]
        await self._give_back(unwanted, at)
        if refusals:
            return NotApplied("; ".join(refusals))
        answers = {c: a.value for c, a in self._answers.items() if c in settings and a.confirmed}
        return Applied(read_back, answers)

    async def _attempt(self, move: Move) -> float | str | None:
        """The value in effect, None while it settles, or in words why it was not written."""
        capability = move.knob.capability
        if capability not in self._may_write:
            return f"not accepted by the owner: {how_to_accept([*self._may_write, capability])}"
        try:
            return await self._write(move)
        except (DriverError, StoreError) as error:
            return str(error)

    async def _write(self, move: Move) -> float | str | None:
        knob = move.knob
        capability = knob.capability
        held = await self._pump.read_back(capability)
        lease = self._leases.get(capability)
        settling = lease is not None and settles(knob, lease.written_at, move.at)
        if isinstance(held, Absent):
            if is_stored(knob):
                return f"its present value is unknown ({held.reason}), so it is not touched"
        elif lease is not None and not settling and self._turned_by_another(knob, lease, held):
            self._yield_to_other(lease, held)
        if capability in self._yielded:
            return "somebody else set it; it is left alone until the next start or resume"
        if lease is not None and not due(
            move, lease, gone=not settling and lost(knob, lease, held)
        ):
            if settling:
                return None
            if isinstance(held, Absent):
                return f"in force by our last write, but it cannot be read back: {held.reason}"
            return held.value
        return await self._put(move, held, lease)

    async def _put(
        self, move: Move, held: Sample | Absent, lease: Lease | None
    ) -> float | str | None:
        """Write and read back, after ledger and lease have been saved."""
        knob, value = move.knob, move.value
        if lease is None and isinstance(held, Sample) and _low_enough(move, held):
            return held.value
        owners = is_stored(knob) and isinstance(held, Sample) and near(held.value, value, knob)
        if not owners and (objection := self._objection(move, lease)) is not None:
            return objection
        self._announce(move, lease, held, wears=not owners and weekly_budget(knob) is not None)
        if owners and isinstance(held, Sample):
            return held.value  # it is what the owner had set: nothing to wear out
        await self._send(move)
        after = await self._pump.read_back(knob.capability)
        if isinstance(after, Sample):
            self._know_ours(knob, after)
        if knob.settle_s > 0.0:
            return None
        if isinstance(after, Absent):
            return f"written, but it could not be read back: {after.reason}"
        return after.value

    async def _send(self, move: Move) -> None:
        try:
            await self._pump.write(move.knob.capability, move.value)
        except RefusedByDeviceError:
            self._hear(move, confirmed=False)
            raise
        self._hear(move, confirmed=True)

    def _hear(self, move: Move, *, confirmed: bool) -> None:
        last = self._answers.get(move.knob.capability)
        count = last.count + 1 if last is not None and same(last, move) else 1
        self._answers[move.knob.capability] = Answer(
            move.value, move.purpose, count, self._ledger.now_s, confirmed
        )

    def _in_vain(self, move: Move, *, pause_s: float) -> bool:
        """Whether the device has answered this write so often that it is to rest now."""
        last = self._answers.get(move.knob.capability)
        if last is None or not same(last, move) or last.count < TRIES:
            return False
        return self._ledger.now_s - last.at_s < pause_s

    def _objection(self, move: Move, lease: Lease | None) -> str | None:
        """Why the planner may not write now; nothing else is ever held back for wear."""
        knob = move.knob
        budget = weekly_budget(knob)
        if budget is None or move.purpose is not Purpose.PLANNER:
            return None
        if self._in_vain(move, pause_s=PLANNER_PAUSE_S):
            return (
                f"{move.value:g} was written {TRIES} times and did not take; "
                "the next try is after a day, or with another value"
            )
        rested_s = self._ledger.since_last_s(knob, Purpose.PLANNER)
        if lease is None and rested_s < knob.minimum_interval_s:
            return f"it was moved {rested_s / 60:.0f} of {knob.minimum_interval_s / 60:.0f} min ago"
        free_in = self._ledger.free_in(knob)
        if free_in == timedelta(0):
            return None
        used_up = f"the budget of {budget:g} writes a week is used up"
        if free_in is None:
            return used_up
        return f"{used_up}; the next is free at {(move.at + free_in).isoformat(timespec='minutes')}"

    def _announce(
        self, move: Move, lease: Lease | None, held: Sample | Absent, *, wears: bool
    ) -> None:
        with self._store.together():
            if wears:
                self._ledger.commit(move)
            opened = announced(move, lease, held)
            if lease is None or is_stored(move.knob):
                self._store.save_lease(opened)  # what a volatile knob holds matters to nobody later
        self._leases[opened.capability] = opened

    def _save(self, lease: Lease) -> None:
        """Durable before it counts: a crash leaves a lease too many, never one too few."""
        self._store.save_lease(lease)
        self._leases[lease.capability] = lease

    def _forget(self, lease: Lease) -> None:
        self._leases.pop(lease.capability)
        self._answers.pop(lease.capability, None)
        self._store.drop_lease(lease.capability)

    def _know_ours(self, knob: Knob, held: Sample) -> None:
        """What the device made of our write is ours too, and what it held before no longer is."""
        lease = self._leases[knob.capability]
        if is_stored(knob) and lease.written_before != held.value:
            self._save(replace(lease, written_before=held.value))

    # ---- other hands ---

    def _turned_by_another(self, knob: Knob, lease: Lease, held: Sample) -> bool:
        if not is_stored(knob):
            return False
        if near(held.value, lease.written, knob):
            self._know_ours(knob, held)  # a slow device, or a write that came late
        return not ours(held, lease, knob)

    def _yield_to_other(self, lease: Lease, held: Sample) -> None:
        log.warning(
            "%s was changed to %g by somebody else (we had written %g): we leave it alone",
            lease.capability,
            held.value,
            lease.written,
        )
        self._forget(lease)
        self._yielded.add(lease.capability)

    # ---- handing back ---

    async def _return_knob(self, lease: Lease, at: datetime) -> None:
        knob = self._pump.knobs.get(lease.capability)
        if knob is None:
            own = "its own value" if lease.original is None else f"{lease.original:g}"
            log.error("the profile has lost %s: set it to %s by hand", lease.capability, own)
            return
        if lease.original is None:
            if knob.release_value is not None:
                self._note(Move(knob, knob.release_value, Purpose.HAND_BACK, at))
                await self._pump.write(lease.capability, knob.release_value)
            return
        held = await self._pump.read_back(lease.capability)
        if isinstance(held, Absent):
            raise TransientError(f"its present value is unknown: {held.reason}")
        if exactly(held, lease.original):
            return
        if not ours(held, lease, knob):
            if settles(knob, lease.written_at, at):
                raise TransientError(f"it shows {held.value:g} while our last write settles")
            log.warning(
                "%s holds %g, not our %g: the owner's change stands",
                lease.capability, held.value, lease.written,
            )  # fmt: skip
            return
        if knob.in_steps:  # so that what a crash leaves between two steps is known for ours
            self._save(replace(lease, written=lease.original, written_before=held.value))
        await self._restore(Move(knob, lease.original, Purpose.HAND_BACK, at))

    async def _restore(self, move: Move) -> None:
        """Write the owner's value; believed only when it has been read back."""
        knob, value = move.knob, move.value
        last = self._answers.get(knob.capability)
        if last is not None and same(last, move):
            if self._ledger.now_s - last.at_s < knob.settle_s:
                raise TransientError(f"the owner's {value:g} is written and settles")
            if self._in_vain(move, pause_s=RESTORE_PAUSE_S):
                raise TransientError(
                    f"the owner's {value:g} was written {last.count} times and did not take; "
                    "the next try is within the hour"
                )
        self._note(move)
        await self._send(move)
        after = await self._pump.read_back(knob.capability)
        if isinstance(after, Absent) or not exactly(after, value):
            raise TransientError(f"wrote the owner's {value:g}, read back {after}")
        log.info("%s restored to the owner's %g", knob.capability, value)

    def _note(self, move: Move) -> None:
        if weekly_budget(move.knob) is not None:
            self._ledger.note(move)


def _low_enough(move: Move, held: Sample) -> bool:
    """Whether the grid operator's limit finds the tank's set-point lower than it would make it:
    the limit must not warm a tank that the owner keeps cooler."""
    cools = move.purpose is Purpose.DSO and move.knob.capability is Capability.DHW_SETPOINT
    return cools and is_stored(move.knob) and held.value <= move.value


def _after_a_start(lease: Lease) -> Lease:
    """Of a volatile knob only the first write was saved: what it holds now is not known."""
    return lease if lease.original is not None else replace(lease, written=math.inf)


async def let_go(actuator: Actuator, clock: Clock) -> bool:
    """Hand back, and look again where a knob needs time to show that it has taken the value."""
    if await actuator.hand_back(clock.now()):
        return True
    settle_s = actuator.settle_s
    if settle_s <= 0.0:
        return False
    await clock.sleep_until(clock.now() + timedelta(seconds=settle_s))
    return await actuator.hand_back(clock.now())
