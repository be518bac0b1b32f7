"""What an emulated device does with values written to its knobs, whatever the transport.

A volatile value lapses after its time, and goes when the device restarts; a stored one stays, and
every write of it is wear. A knob that acts with delay, or only in a certain mode, is obeyed so.
"""

from collections.abc import Callable, Iterable, Mapping

from drivers.api import Capability, Knob, Precondition, WriteClass

OnWrite = Callable[[Capability, float | None], None]
"""Called with the value of a knob, or None when its request ended."""

Show = Callable[[Knob, float | None], None]
"""Make the device show a value of a knob, or (None) that nobody asks for one."""


class KnobMemory:
    """The knobs of one device.

    `show` and `held` put and get what the device shows for a knob; `meets` tells whether the mode
    that a knob needs is set.
    """

    def __init__(
        self,
        knobs: Iterable[Knob],
        *,
        show: Show,
        held: Callable[[Knob], float | None],
        on_write: OnWrite,
        meets: Callable[[Precondition], bool],
        power_up: Mapping[Capability, float],
    ) -> None:
        self.write_counts: dict[str, int] = {}
        self._show = show
        self._held = held
        self._on_write = on_write
        self._meets = meets
        self._power_up = power_up
        self._clock_s = 0.0
        self._lapses_s: dict[Capability, float] = {}
        self._pending: dict[Capability, tuple[float, float]] = {}  # when, value
        self._by_point: dict[str, list[Knob]] = {}
        self._by_mode: dict[str, list[Knob]] = {}
        for knob in knobs:
            self._by_point.setdefault(knob.point, []).append(knob)
            if knob.only_when is not None:
                self._by_mode.setdefault(knob.only_when.point, []).append(knob)

    def take(self, point: str, value: float) -> None:
        """Somebody has written to a point; the device shows the value already."""
        knobs = self._by_point.get(point, [])
        if not any(knob.write_class is WriteClass.VOLATILE for knob in knobs):
            self.write_counts[point] = self.write_counts.get(point, 0) + 1
        for knob in knobs:
            if knob.only_when is None or self._meets(knob.only_when):
                self._obey(knob, value)
        self._change_mode(point)

    def start(self) -> None:
        """Show what the device has after power-up where nothing is stored."""
        for knob in self._volatile():
            value = self._power_up.get(knob.capability)
            if value is None:
                self._show(knob, None)
            else:
                self._show(knob, value)
                self._on_write(knob.capability, value)

    def pass_time(self, clock_s: float) -> None:
        """Simulated seconds since the start."""
        self._clock_s = clock_s
        if self._pending:
            for capability in [
                known for known, (due_s, _) in self._pending.items() if due_s <= clock_s
            ]:
                self._on_write(capability, self._pending.pop(capability)[1])
        if self._lapses_s:
            for knob in self._volatile():
                if self._lapses_s.get(knob.capability, clock_s + 1.0) <= clock_s:
                    self._end(knob)

    def restart(self) -> None:
        """The device was without power for a moment: what is not stored is gone."""
        for knob in self._volatile():
            self._end(knob)
        self._pending.clear()
        self.start()

    def _change_mode(self, point: str) -> None:
        """Knobs that act in certain modes of this point begin or cease to act."""
        for knob in self._by_mode.get(point, ()):
            acts = knob.only_when is None or self._meets(knob.only_when)
            self._on_write(knob.capability, self._held(knob) if acts else None)

    def _obey(self, knob: Knob, value: float) -> None:
        if knob.release_value is not None and value == knob.release_value:
            self._end(knob)
            return
        if knob.lapse_s is not None:
            self._lapses_s[knob.capability] = self._clock_s + knob.lapse_s
        if knob.latency_s > 0.0:
            due_s, _ = self._pending.get(knob.capability, (self._clock_s + knob.latency_s, value))
            self._pending[knob.capability] = (due_s, value)
        else:
            self._on_write(knob.capability, value)

    def _end(self, knob: Knob) -> None:
        """The request of a volatile knob is over."""
        self._lapses_s.pop(knob.capability, None)
        self._pending.pop(knob.capability, None)
        self._show(knob, None)
        self._on_write(knob.capability, None)

    def _volatile(self) -> list[Knob]:
        return [
            knob
            for knobs in self._by_point.values()
            for knob in knobs
            if knob.write_class is WriteClass.VOLATILE
        ]
