"""SG Ready inside the pump: four states, their holding time, and the limit on blocking.

1 block (at most two hours a day, then the pump runs by itself), 2 normal, 3 recommended (curve and
hot water raised), 4 forced (raised more, starts at once). A state holds ten minutes; a block comes
at once. States and the two hours: BWP label of 2012/2013. Ten minutes: what an inverter keeps its
contact for (Kostal PLENTICORE). The kelvins are our own: makers leave them to the installer.
"""

BLOCK, NORMAL, RECOMMENDED, FORCED = 1, 2, 3, 4
HOLD_S = 600.0
LONGEST_BLOCK_S = 2.0 * 3600.0
DAY_S = 24.0 * 3600.0
RAISED_CURVE_K = {RECOMMENDED: 3.0, FORCED: 5.0}
RAISED_DHW_K = {RECOMMENDED: 3.0, FORCED: 6.0}


class SgReady:
    """What the contacts ask for, and what the pump makes of it."""

    __slots__ = ("_blocked_s", "_day_left_s", "_held_s", "asked", "state")

    def __init__(self) -> None:
        self.asked = NORMAL
        self.state = NORMAL  # in force, before the limit on blocking
        self._held_s = HOLD_S
        self._blocked_s = 0.0
        self._day_left_s = DAY_S

    @property
    def blocked(self) -> bool:
        """Whether compressor and back-up heater must stand."""
        return self.state == BLOCK and self._blocked_s < LONGEST_BLOCK_S

    @property
    def curve_k(self) -> float:
        """What is added to the heating curve."""
        return RAISED_CURVE_K.get(self.state, 0.0)

    @property
    def dhw_k(self) -> float:
        """What is added to the temperature below which hot water is made."""
        return RAISED_DHW_K.get(self.state, 0.0)

    def step(self, step_s: float) -> bool:
        """Let time pass; True at the moment when the pump is told to start at once."""
        self._held_s += step_s
        self._day_left_s -= step_s
        if self._day_left_s <= 0.0:
            self._day_left_s = DAY_S
            self._blocked_s = 0.0
        if self.state == BLOCK:
            self._blocked_s += step_s
        if self.asked == self.state or (self._held_s < HOLD_S and self.asked != BLOCK):
            return False
        self.state = self.asked
        self._held_s = 0.0
        return self.state == FORCED
