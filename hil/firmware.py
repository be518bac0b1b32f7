"""The heat pump's own control, which acts whenever nobody commands it.

Heating curve: flow = 20 + slope (20 - outdoor) + offset + influence (room set-point - room), with a
damped outdoor temperature, bounded. The compressor starts when the degree minutes (flow minus its
set-point, integrated) have fallen far enough, modulates to hold the flow temperature, and stops
when they are made good again or the flow runs away upwards. Hot water has priority. The back-up
heater follows when full speed has not been enough for long. Commands from outside (hil/orders.py)
replace the flow set-point, shift the curve, cap power or speed; minimum run and off times outrank
them all.
"""

from dataclasses import dataclass

from drivers.api import OperatingState
from hil.sg_ready import SgReady

OUTDOOR_DAMPING_S = 2.0 * 3600.0
SEASON_DAMPING_S = 24.0 * 3600.0
SPEED_PER_K_FRAC = 0.06  # proportional part of the speed control
SPEED_RESET_S = 600.0
SPEED_PER_S_FRAC = 0.004  # fastest change of speed
START_SPEED_FRAC = 0.5  # oil return: fixed speed after a start
START_SPEED_S = 120.0
FLOW_RUNAWAY_K = 8.0  # above the set-point: stop at once (after the minimum run)
TRIP_K = 7.0  # above the highest flow: the pressure switch opens, whatever else holds
DHW_EXCESS_K = 8.0
DHW_PAUSE_S = 1800.0  # for the rooms, after a charge that took too long
BACKUP_LACK_K = 2.0
BACKUP_BAND_K = 4.0
AUXILIARY_W = 80.0  # fan, control and circulation inside a power limit
FROST_ROOM_C = 8.0  # heats below it, however it is switched
SPREAD_DAMPING_S = 600.0
FIRST_SPREAD_K = 5.0  # flow minus return until it is known, EN 14511 for radiators


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The installer's settings of the heating curve."""

    slope: float
    offset_k: float = 0.0
    room_influence_k_per_k: float = 0.0
    min_flow_c: float = 22.0
    max_flow_c: float = 55.0
    heating_limit_c: float = 16.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareTruth:
    """Factory settings of the pump's control."""

    min_run_s: float = 600.0
    min_off_s: float = 600.0
    starts_per_h: float = 3.0
    start_degree_min: float = 60.0
    flow_max_c: float = 60.0
    backup_w: float = 3000.0
    backup_after_s: float = 3600.0
    backup_below_c: float = 2.0
    dhw_start_c: float = 43.0
    dhw_stop_k: float = 7.0  # above the start
    dhw_speed_frac: float = 0.7
    dhw_longest_s: float = 5400.0


@dataclass(slots=True)
class Sensed:
    """The pump's own sensors at the start of a step."""

    flow_c: float
    return_c: float
    outdoor_c: float
    room_c: float
    tank_c: float
    power_w: float
    defrosting: bool


class Firmware:
    """State of the control. After `step`: `speed_frac`, `backup_w`, `dhw`, `circulation`."""

    __slots__ = (
        "_backup_lacking_s",
        "_dhw_for_s",
        "_dhw_pause_s",
        "_integral_frac",
        "_speed_w",
        "alarm_code",
        "backup_w",
        "circulation",
        "curve",
        "curve_offset_k",
        "damped_outdoor_c",
        "degree_min",
        "dhw",
        "dhw_boost",
        "dhw_start_c",
        "flow_request_c",
        "heating_on",
        "modulation_min_frac",
        "power_limit_w",
        "return_request_c",
        "room_influence_k_per_k",
        "room_setpoint_c",
        "running",
        "season_outdoor_c",
        "sg",
        "since_change_s",
        "since_start_s",
        "speed_frac",
        "speed_limit_frac",
        "spread_k",
        "starts",
        "stopped",
        "trips",
        "truth",
        "virtual_outdoor_c",
    )

    def __init__(
        self,
        truth: FirmwareTruth,
        curve: Curve,
        *,
        modulation_min_frac: float,
        nominal_w: float,
        room_setpoint_c: float,
    ) -> None:
        self.truth = truth
        self.curve = curve
        self.modulation_min_frac = modulation_min_frac
        self.room_setpoint_c = room_setpoint_c
        self.room_influence_k_per_k = curve.room_influence_k_per_k
        self.curve_offset_k = 0.0
        self.dhw_start_c = truth.dhw_start_c
        self.dhw_boost = False
        self.heating_on = True
        self.flow_request_c: float | None = None
        self.return_request_c: float | None = None
        self.virtual_outdoor_c: float | None = None
        self.power_limit_w: float | None = None
        self.speed_limit_frac = 1.0
        self.sg = SgReady()
        self.stopped = False  # by the pump's own watchdog: nothing heats
        self.alarm_code = 0
        self.damped_outdoor_c = 0.0
        self.season_outdoor_c = 0.0
        self.running = False
        self.speed_frac = 0.0
        self.backup_w = 0.0
        self.dhw = False
        self.circulation = True
        self.degree_min = 0.0
        self.since_change_s = truth.min_off_s
        self.since_start_s = 3600.0
        self.starts = 0
        self.trips = 0
        self._integral_frac = 0.0
        self._speed_w = nominal_w / 3.0  # electricity at full speed, learned while running
        self.spread_k = FIRST_SPREAD_K
        self._dhw_for_s = 0.0
        self._dhw_pause_s = 0.0
        self._backup_lacking_s = 0.0

    def season(self, outdoor_c: float) -> None:
        """Start as if it had been this cold for long."""
        self.damped_outdoor_c = self.season_outdoor_c = outdoor_c

    def flow_setpoint_c(self, room_c: float) -> float | None:
        """Flow temperature held now; None when nobody asks for heat in the rooms."""
        curve = self.curve
        highest_c = min(curve.max_flow_c, self.truth.flow_max_c)
        if self.stopped or (not self.heating_on and room_c > FROST_ROOM_C):
            return None
        if self.flow_request_c is not None:
            return min(self.flow_request_c, highest_c)
        if self.return_request_c is not None:
            return min(self.return_request_c + self.spread_k, highest_c)
        if self.season_outdoor_c > curve.heating_limit_c:
            return None
        virtual_c = self.virtual_outdoor_c
        flow_c = (
            self.curve_flow_c(self.damped_outdoor_c if virtual_c is None else virtual_c)
            + self.curve_offset_k
            + self.sg.curve_k
            + self.room_influence_k_per_k * (self.room_setpoint_c - room_c)
        )
        return min(max(flow_c, curve.min_flow_c), highest_c)

    def curve_flow_c(self, outdoor_c: float) -> float:
        """What the installer's line gives."""
        return 20.0 + self.curve.slope * (20.0 - outdoor_c) + self.curve.offset_k

    def restart(self) -> None:
        """The controller boots: the compressor has stopped, everything counted begins again."""
        if self.running:
            self._switch(False)
        self.backup_w = 0.0
        self.degree_min = 0.0
        self.dhw_boost = False
        self.sg = SgReady()
        self._backup_lacking_s = 0.0

    def operating_state(self, defrosting: bool) -> OperatingState:
        """The state as the pump reports it."""
        if defrosting:
            return OperatingState.DEFROST
        if self.running and self.dhw:
            return OperatingState.DHW
        if self.running or self.backup_w > 0.0:
            return OperatingState.HEATING
        return OperatingState.OFF

    def step(self, step_s: float, sensed: Sensed) -> None:
        """Decide compressor speed, valve, circulation and back-up for the next step."""
        self.since_change_s += step_s
        self.since_start_s += step_s
        self.damped_outdoor_c += (
            step_s / OUTDOOR_DAMPING_S * (sensed.outdoor_c - self.damped_outdoor_c)
        )
        self.season_outdoor_c += (
            step_s / SEASON_DAMPING_S * (sensed.outdoor_c - self.season_outdoor_c)
        )
        forced = self.sg.step(step_s)
        self._watch_spread(step_s, sensed)
        setpoint_c = self.flow_setpoint_c(sensed.room_c)
        self._count_degree_min(step_s, setpoint_c, sensed.flow_c)
        if forced and setpoint_c is not None:  # start at once, whatever has been counted
            self.degree_min = min(self.degree_min, -self.truth.start_degree_min)
        ceiling_frac = self._ceiling_frac(sensed)
        self._choose_dhw(step_s, sensed, ceiling_frac)
        self._start_or_stop(setpoint_c, sensed, ceiling_frac)
        self._modulate(step_s, setpoint_c, sensed, ceiling_frac)
        self._back_up(step_s, setpoint_c, sensed)
        self.circulation = self.running or setpoint_c is not None

    def _count_degree_min(self, step_s: float, setpoint_c: float | None, flow_c: float) -> None:
        if setpoint_c is None:
            self.degree_min = 0.0
        elif not self.dhw:
            counted = self.degree_min + (flow_c - setpoint_c) * step_s / 60.0
            self.degree_min = min(0.0, max(-2.0 * self.truth.start_degree_min, counted))

    def _watch_spread(self, step_s: float, sensed: Sensed) -> None:
        """Flow minus return, as the compressor has made it lately."""
        if self.running and not self.dhw and not sensed.defrosting:
            seen_k = max(0.0, sensed.flow_c - sensed.return_c)
            self.spread_k += step_s / SPREAD_DAMPING_S * (seen_k - self.spread_k)

    def _ceiling_frac(self, sensed: Sensed) -> float:
        """Highest speed inside the limits, from the watts per speed seen lately.

        A speed limit never forces the compressor below its lowest speed, save 0: then it stands.
        """
        if self.running and not sensed.defrosting and self.since_change_s > START_SPEED_S:
            seen_w = max(sensed.power_w - self.backup_w - AUXILIARY_W, 0.0) / self.speed_frac
            self._speed_w += 0.1 * (seen_w - self._speed_w)
        if self.stopped or self.sg.blocked or self.speed_limit_frac <= 0.0:
            return 0.0
        speed_frac = min(1.0, max(self.speed_limit_frac, self.modulation_min_frac))
        if self.power_limit_w is None:
            return speed_frac
        within_frac = (self.power_limit_w - AUXILIARY_W) / max(self._speed_w, 1.0)
        return min(speed_frac, max(0.0, within_frac))

    def _may_start(self, ceiling_frac: float) -> bool:
        truth = self.truth
        return (
            self.alarm_code == 0
            and self.since_change_s >= truth.min_off_s
            and self.since_start_s >= 3600.0 / truth.starts_per_h
            and ceiling_frac >= self.modulation_min_frac
        )

    def _choose_dhw(self, step_s: float, sensed: Sensed, ceiling_frac: float) -> None:
        """Hot water first, unless a charge has kept the rooms waiting for too long."""
        truth = self.truth
        start_c = self.dhw_start_c + self.sg.dhw_k
        if self.dhw:
            self._dhw_for_s += step_s
            if sensed.tank_c >= start_c + truth.dhw_stop_k or not self.running:
                self.dhw = self.dhw_boost = False
            elif self._dhw_for_s >= truth.dhw_longest_s:
                self.dhw = self.dhw_boost = False
                self._dhw_pause_s = DHW_PAUSE_S
        else:
            self._dhw_pause_s = max(0.0, self._dhw_pause_s - step_s)
            if self.dhw_boost and sensed.tank_c >= start_c + truth.dhw_stop_k:
                self.dhw_boost = False  # it is hot already
            cold = sensed.tank_c < start_c or self.dhw_boost
            cold = cold and self._dhw_pause_s <= 0.0
            if cold and not sensed.defrosting and (self.running or self._may_start(ceiling_frac)):
                self.dhw = True
                self._dhw_for_s = 0.0

    def _start_or_stop(self, setpoint_c: float | None, sensed: Sensed, ceiling_frac: float) -> None:
        truth = self.truth
        if not self.running:
            needed = setpoint_c is not None and self.degree_min <= -truth.start_degree_min
            if (needed or self.dhw) and self._may_start(ceiling_frac):
                self._switch(True)
            return
        if sensed.flow_c > truth.flow_max_c + TRIP_K:
            self.trips += 1
            self._switch(False)
        elif self.alarm_code != 0:
            self._switch(False)
        elif self.since_change_s >= truth.min_run_s and not sensed.defrosting:
            satisfied = not self.dhw and (
                setpoint_c is None
                or self.degree_min >= 0.0
                or sensed.flow_c > setpoint_c + FLOW_RUNAWAY_K
            )
            if satisfied or ceiling_frac < self.modulation_min_frac:
                self._switch(False)

    def _switch(self, on: bool) -> None:
        self.running = on
        self.since_change_s = 0.0
        if on:
            self.starts += 1
            self.since_start_s = 0.0
            self.speed_frac = START_SPEED_FRAC
            self._integral_frac = START_SPEED_FRAC
        else:
            self.speed_frac = 0.0
            self.dhw = False

    def _modulate(
        self, step_s: float, setpoint_c: float | None, sensed: Sensed, ceiling_frac: float
    ) -> None:
        """Proportional-integral speed on the flow temperature, inside lowest speed and ceiling."""
        if not self.running:
            return
        low_frac = self.modulation_min_frac
        high_frac = max(low_frac, ceiling_frac)
        if self.since_change_s < START_SPEED_S:
            self.speed_frac = min(max(START_SPEED_FRAC, low_frac), high_frac)
            return
        if sensed.defrosting:
            return
        if self.dhw:
            target_c = min(sensed.tank_c + DHW_EXCESS_K, self.truth.flow_max_c)
            high_frac = max(low_frac, min(high_frac, self.truth.dhw_speed_frac))
        elif setpoint_c is None:
            target_c = 0.0  # waiting for the end of the minimum run
        else:
            target_c = setpoint_c
        lacking_k = target_c - sensed.flow_c
        moved = self._integral_frac + SPEED_PER_K_FRAC * lacking_k * step_s / SPEED_RESET_S
        self._integral_frac = min(max(moved, low_frac), high_frac)
        asked_frac = self._integral_frac + SPEED_PER_K_FRAC * lacking_k
        reach_frac = SPEED_PER_S_FRAC * step_s
        asked_frac = min(
            max(asked_frac, self.speed_frac - reach_frac), self.speed_frac + reach_frac
        )
        self.speed_frac = min(max(asked_frac, low_frac), high_frac)

    def _back_up(self, step_s: float, setpoint_c: float | None, sensed: Sensed) -> None:
        """The heater helps when full speed (or a machine in alarm) has lagged for long."""
        truth = self.truth
        helpless = self.alarm_code != 0 or self.speed_frac >= 0.97
        blocked = self.stopped or self.sg.blocked
        cold = self.damped_outdoor_c < truth.backup_below_c or self.alarm_code != 0
        if setpoint_c is None or self.dhw or blocked or not (helpless and cold):
            self._backup_lacking_s = 0.0
            self.backup_w = 0.0
            return
        lacking_k = setpoint_c - sensed.flow_c
        if self.backup_w == 0.0 and lacking_k < BACKUP_LACK_K:
            self._backup_lacking_s = max(0.0, self._backup_lacking_s - step_s)
            return
        self._backup_lacking_s += step_s
        if self._backup_lacking_s < truth.backup_after_s or sensed.defrosting:
            return
        wanted_w = truth.backup_w * min(1.0, max(0.0, lacking_k / BACKUP_BAND_K))
        if self.power_limit_w is not None:
            compressor_w = sensed.power_w - self.backup_w
            wanted_w = min(wanted_w, max(0.0, self.power_limit_w - compressor_w))
        self.backup_w = wanted_w
        if wanted_w == 0.0:
            self._backup_lacking_s = 0.0
