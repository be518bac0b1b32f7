"""Whether an emulated device answers, whatever it speaks: faults, boot time, its own watchdog.

All times are simulated seconds. Errors are those a driver on the device would get.
"""

from collections.abc import Callable

from drivers.errors import NoAnswerError, TransientError
from hil.manners import Manners, Watchdog

OnWatchdog = Callable[[Watchdog, bool], None]
"""Called when the device's own watchdog trips (True) or is content again (False)."""


class BusyError(TransientError):
    """The device asks to be asked again (exception 6)."""


class SilenceWatch:
    """A device's own watchdog over those it is told by."""

    def __init__(self, rule: Watchdog, on_change: OnWatchdog) -> None:
        self.rule = rule
        self.tripped = False
        self._on_change = on_change
        self._heard_s: float | None = None  # None: not armed

    def heard(self, clock_s: float, written: str | None) -> None:
        """Somebody has spoken; `written` names the point that was written to, if one was."""
        if self.rule.armed_by and written not in self.rule.armed_by:
            return
        self._heard_s = clock_s

    def pass_time(self, clock_s: float, *, bridge_lives: bool) -> None:
        """Trip once the silence has been too long, be content again after that."""
        if self._heard_s is None:
            return
        if self.rule.over_bridge and bridge_lives:
            self._heard_s = clock_s
        self._set(clock_s - self._heard_s >= self.rule.silence_s)

    def forget(self) -> None:
        """The device restarts: as if nobody had ever spoken."""
        self._heard_s = None
        self._set(False)

    def _set(self, tripped: bool) -> None:
        if tripped != self.tripped:
            self.tripped = tripped
            self._on_change(self.rule, tripped)


class Presence:
    """One device's readiness to answer."""

    def __init__(self, manners: Manners, *, on_watchdog: OnWatchdog | None = None) -> None:
        self.manners = manners
        self.silent = False  # a fault: no answer to anything
        self.busy = False  # a fault: nothing but "busy"
        self._clock_s = 0.0
        self._boots_until_s = 0.0
        self._requests = 0
        self._watch: SilenceWatch | None = None
        if manners.watchdog is not None and on_watchdog is not None:
            self._watch = SilenceWatch(manners.watchdog, on_watchdog)

    @property
    def answers(self) -> bool:
        """Whether it would answer now at all."""
        return not self.silent and self._clock_s >= self._boots_until_s

    def listen(self, who: str, *, written: str | None = None) -> None:
        """A request has come. Raises `NoAnswerError` or `BusyError` when it is not answered."""
        if not self.answers:
            raise NoAnswerError(f"{who} stays silent")
        if self._watch is not None:
            self._watch.heard(self._clock_s, written)
        self._requests += 1
        every = self.manners.busy_every
        if self.busy or (every > 0 and self._requests % every == 0):
            raise BusyError(f"{who}: device busy (code 6)")

    def pass_time(self, clock_s: float) -> None:
        """Simulated seconds since the start."""
        self._clock_s = clock_s
        if self._watch is not None:
            self._watch.pass_time(clock_s, bridge_lives=self.answers)

    def restart(self) -> None:
        """Power was away for a moment; nothing is answered until it has booted."""
        self._boots_until_s = self._clock_s + self.manners.boot_s
        if self._watch is not None:
            self._watch.forget()
