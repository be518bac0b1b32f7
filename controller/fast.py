"""The one-second loop: what cannot wait for the next cycle, by the pump's power limit.

**Duties** say what they would like; the loop decides and acts. To add one, write a `Duty` and put
it into `Parts.duties` (app.py). After every cycle it is told how things stand: `take` with the look
and the bounds in force, or `bar` with the reasons why nothing may be asked. Once a second `wish`
reads what the duty needs and answers with a `Wish` in W of the pump's electricity, an upper and
a lower one, or None. `note` is its state in words, for the records and `heatherd status`.

**One limit** comes of all wishes: the cycle's own limit (or none), raised to every lower wish, then
lowered to every upper one (who wants less wins), then brought inside the guard's bounds, of which
the upper one wins. The bounds are those of the last cycle (controller/fast_bounds.py).

**The power limit belongs to the cycle.** While there is a wish, the loop holds it: a hold lasts
`HOLD_S` and is renewed every second. A cycle that acts meanwhile writes the held value, inside its
own new bounds, in place of its own (`within`). When the last wish ends, the cycle's own value is
written back, or the knob is handed back. When this loop stops or dies, its hold runs out and the
next cycle does that; when the whole service dies, the pump's own lapse of the value does. A look
that is older than `STALE_CYCLES` cycles bars every duty.

Both go through the same actuator, under the same lock.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from controller.act import Actuator, NotApplied
from controller.actuation import in_range
from controller.clock import Clock
from controller.fast_bounds import Barred, Bounds, Look, Standing, standing
from controller.guard import Allowed, Altered, Refused, Verdict
from drivers.api import Capability, Knob

log = logging.getLogger(__name__)

STEP = timedelta(seconds=1)
HOLD_S = 15.0
"""Longer than a device that does not answer keeps the loop waiting, much shorter than a cycle."""

STALE_CYCLES = 3.0
NO_LOOK = Barred(("no cycle has been finished",))
KNOB = Capability.POWER_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a duty would like the pump to draw, in W; None: no bound on that side."""

    least_w: float | None = None
    most_w: float | None = None


class Duty(Protocol):
    """Something that has to be done within seconds."""

    @property
    def note(self) -> str:
        """How it stands, in words that change only when that changes."""
        ...

    def take(self, look: Look, bounds: Bounds) -> None:
        """A cycle is over: this is so until the next one."""
        ...

    def bar(self, reasons: Sequence[str]) -> None:
        """Nothing may be asked of the pump until `take`: end what is under way."""
        ...

    async def wish(self, at: datetime, passed_s: float) -> Wish | None:
        """What is wanted now, `passed_s` after the last question. Never raises a `DriverError`."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Hold:
    limit_w: float
    until_s: float  # of the clock that never jumps


class FastLoop:
    """Asks the duties once a second and moves the power limit between the cycles."""

    def __init__(
        self,
        duties: Sequence[Duty],
        actuator: Actuator,
        hands: asyncio.Lock,
        *,
        clock: Clock,
        cycle_s: float,
    ) -> None:
        self._duties = duties
        self._actuator = actuator
        self._hands = hands
        self._clock = clock
        self._stale_s = STALE_CYCLES * cycle_s
        self._standing: Standing = NO_LOOK
        self._knob: Knob | None = None
        self._looked_s = 0.0
        self._own_w: float | None = None  # the cycle's own limit
        self._hold: _Hold | None = None
        self._trouble = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """How the duties stand."""
        trouble = (self._trouble,) if self._trouble else ()
        return (*(duty.note for duty in self._duties), *trouble)

    def look(self, look: Look) -> None:
        """A cycle has decided: its bounds hold from now on. To be called under the lock."""
        if not self._duties:
            return
        self._looked_s = self._clock.lived_s()
        self._knob = look.stages.machine.power_knob
        verdict = look.verdict
        self._own_w = None if isinstance(verdict, Refused) else verdict.settings.get(KNOB)
        self._stand(standing(look))
        if isinstance(self._standing, Bounds):
            for duty in self._duties:
                duty.take(look, self._standing)
        else:
            self._hold = None  # this cycle writes its own value, or hands back

    def forget(self, reason: str) -> None:
        """The knob is nobody's to hold until the next look."""
        self._hold = None
        self._stand(Barred((reason,)))

    def fail(self, reason: str) -> None:
        """This loop has died: the knob is the cycle's alone."""
        self._duties = ()
        self._trouble = f"the one-second loop is off until the next start: {reason}"
        self.forget(reason)

    def within(self, verdict: Verdict) -> Verdict:
        """The verdict with the held limit in place of its own, inside the bounds in force."""
        hold, bounds = self._hold, self._standing
        if isinstance(verdict, Refused) or not isinstance(bounds, Bounds) or hold is None:
            return verdict
        if self._clock.lived_s() > hold.until_s:
            return verdict
        settings = {**verdict.settings, KNOB: bounds.within(hold.limit_w)}
        match verdict:
            case Allowed():
                return Allowed(settings)
            case Altered():
                return replace(verdict, settings=settings)

    async def run(self) -> None:
        """Until cancelled."""
        clock = self._clock
        before_s = clock.lived_s()
        next_at = clock.now()
        try:
            async with clock.taking_turns():
                while True:
                    now = clock.now()  # a clock that was set must neither stop nor hurry the loop
                    next_at = min(max(next_at + STEP, now), now + STEP)
                    await clock.sleep_until(next_at)
                    now_s = clock.lived_s()
                    await self.step(clock.now(), now_s - before_s)
                    before_s = now_s
        finally:
            for duty in self._duties:
                await duty.close()

    async def step(self, at: datetime, passed_s: float) -> None:
        """One second: ask every duty, then move the knob as far as the guard allows."""
        if isinstance(self._standing, Bounds):
            silent_s = self._clock.lived_s() - self._looked_s
            if silent_s > self._stale_s:
                self._stand(Barred((f"no cycle for {silent_s:.0f} s",)))
        wishes = [await duty.wish(at, passed_s) for duty in self._duties]
        async with self._hands:
            await self._move([wish for wish in wishes if wish is not None], at)

    async def _move(self, wishes: Sequence[Wish], at: datetime) -> None:
        bounds, knob = self._standing, self._knob
        if isinstance(bounds, Bounds) and knob is not None and wishes:
            limit_w = in_range(knob, folded(wishes, bounds))
            self._hold = _Hold(limit_w, self._clock.lived_s() + HOLD_S)
            outcome = await self._actuator.hold(KNOB, limit_w, at)
            self._tell(outcome.reason if isinstance(outcome, NotApplied) else "")
        elif self._hold is not None:
            self._hold = None
            await self._actuator.hold(KNOB, self._own_w, at)

    def _stand(self, now: Standing) -> None:
        self._standing = now
        if isinstance(now, Barred):
            for duty in self._duties:
                duty.bar(now.reasons)

    def _tell(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.warning("the power limit does not follow: %s", trouble)
        self._trouble = trouble


def folded(wishes: Sequence[Wish], bounds: Bounds) -> float:
    """The limit that comes of all wishes, inside the bounds."""
    limit_w = bounds.most_w if bounds.own_w is None else bounds.own_w
    limit_w = max([limit_w, *(w.least_w for w in wishes if w.least_w is not None)])
    limit_w = min([limit_w, *(w.most_w for w in wishes if w.most_w is not None)])
    return bounds.within(limit_w)
