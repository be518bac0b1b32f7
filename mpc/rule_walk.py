"""A rule walking through the horizon: hysteresis, machine and house, one step after the other."""

from dataclasses import dataclass

import numpy as np

from mpc.arrays import FloatArray
from mpc.building import floor_of, rooms_of, steady_state
from mpc.plan import PlanRequest
from mpc.replay import Decisions, House
from mpc.rule_aim import Aim, Hold, RuleOptions
from mpc.rule_bounds import heated_state, room_bounds
from mpc.rule_buffer import BufferSide
from mpc.rule_machine import Work, machine_of, new_days
from mpc.rule_tank import TankSide
from mpc.second_zone import apart_w


@dataclass(frozen=True, slots=True)
class _Rooms:
    """How the rooms stand at the start of a step."""

    frost: bool
    over_k: float  # above the aim, air and emitters weighed by their capacity
    warm: bool  # at the upper edge of the band
    cooling_c: FloatArray  # states at the end of the step without heat
    wanted_w: float  # heat that the rule gives while it heats, machine and bounds aside


def walk(request: PlanRequest, house: House, aim: Aim, options: RuleOptions) -> Decisions:
    """Step through the request's horizon with this aim; beside the aim decisions see the past only.

    The aim is the first zone's; frost counts in every room.
    Order of precedence: limits, run and off times, frost, hold, start budget, hot water, rooms.
    Raises ValueError when the options do not fit the horizon.
    """
    steps = len(request.horizon.outdoor_c)
    hold = options.hold or (Hold.FREE,) * steps
    if len(hold) != steps:
        raise ValueError(f"hold has {len(hold)} entries for {steps} steps")
    walker = _Walker(request, house, aim, options)
    renewed = new_days(request)
    for k in range(steps):
        if renewed[k]:
            walker.machine = walker.machine.on_a_new_day()
        if k == 0 or hold[k] is not hold[k - 1]:
            walker.enter(hold[k])
        walker.step(k)
    return Decisions(
        heat_w=walker.heat_w,
        run_frac=walker.run_frac,
        dhw_heat_w=walker.dhw_heat_w if request.hot_water else None,
        dhw_run_frac=walker.dhw_run_frac if request.hot_water else None,
        emitted_w=walker.emitted_w if request.buffer else None,
    )


class _Walker:
    """House, tank and machine at the start of a step, and what was decided up to it."""

    def __init__(self, request: PlanRequest, house: House, aim: Aim, options: RuleOptions) -> None:
        self._request, self._house, self._aim = request, house, aim
        building, horizon = request.building, request.horizon
        self._bounds = room_bounds(request)
        self._heated = heated_state(request)
        self._floor, self._rooms_at = floor_of(building), list(rooms_of(building))
        self._weather_heat_w = steady_state(
            building,
            room_c=aim.set_c,
            outdoor_c=horizon.outdoor_c,
            gain_w=house.gain_w,
            second_w=house.second_w,
        ).heat_w
        fast_kwh_per_k = np.zeros(len(house.start_c))
        fast_kwh_per_k[0] = building.air_kwh_per_k
        if self._floor is not None:
            fast_kwh_per_k[self._floor] = building.floor_kwh_per_k
        self._weight = fast_kwh_per_k / fast_kwh_per_k.sum()
        steps = len(horizon.outdoor_c)
        self._lasting_s = np.full(steps, float(horizon.step_s))
        self._lasting_s[0] *= house.first_frac
        self._restored_frac = 1.0 - np.exp(-self._lasting_s / max(options.restore_s, 1.0))
        self._state = house.start_c
        self._tank = TankSide(request, aim, house.first_frac) if request.hot_water else None
        self._buffer = BufferSide(request, house.first_frac) if request.buffer else None
        self.machine = machine_of(request)
        self._heating = self.machine.work is Work.ROOMS
        self._hold = Hold.FREE
        self._base_w: float | None = None  # heat at the start of the event; None: not known yet
        self._last_w: float | None = None if self.machine.runs else 0.0
        self.heat_w, self.run_frac, self.emitted_w = np.zeros((3, steps))
        self.dhw_heat_w, self.dhw_run_frac = np.zeros((2, steps))

    def enter(self, hold: Hold) -> None:
        """From here on this is held, measured from the heat up to now."""
        self._hold, self._base_w = hold, self._last_w

    def step(self, k: int) -> None:
        """Decide step `k` and go to its end. Where a limit forbids running, nothing runs."""
        rooms = self._rooms(k)
        work = self._allowed(k, self._wish(k, rooms), rooms)
        heat_w, run_frac = 0.0, 1.0
        if work is Work.ROOMS:
            heat_w = self._room_heat_w(k, rooms)
        elif work is Work.WATER:
            heat_w, run_frac = self._water_heat_w(k)
        if heat_w <= 0.0:
            work, run_frac = Work.NOTHING, 0.0
        self._advance(k, work, rooms, heat_w=heat_w, run_frac=run_frac)

    # The rooms ----------------------------------------------------------------------------

    def _rooms(self, k: int) -> _Rooms:
        """Air and emitters together decide: what is in a heated floor will reach the rooms."""
        comfort, set_c = self._request.comfort, float(self._aim.set_c[k])
        aim_c = np.full(len(self._state), set_c)
        if self._floor is not None:
            aim_c[self._floor] = self._emitter_aim_c(k, set_c)
        over_k = float(self._weight @ (self._state - aim_c))
        drive_k = self._house.drive_k[:, k]  # the first one holds the start already
        cooling_c = drive_k if k == 0 else self._house.step.a @ self._state + drive_k
        return _Rooms(
            frost=float(self._state[self._rooms_at].min()) < comfort.frost_c,
            over_k=over_k,
            warm=float(self._state[0]) >= comfort.high_c[k],
            cooling_c=cooling_c,
            wanted_w=self._wanted_w(k, over_k, cooling_c),
        )

    def _wanted_w(self, k: int, over_k: float, cooling_c: FloatArray) -> float:
        """The weather's heat, or what takes away its share of `over_k` by the end of the step.

        w x' = w x - over * share, x' = cooling + b q, solved for q; w weighs the states.
        """
        if self._aim.open_loop:
            return float(self._weather_heat_w[k])
        end_k = self._weight @ (self._state - cooling_c) - over_k * self._restored_frac[k]
        return float(end_k / (self._weight @ self._b_heat(k)))

    def _emitter_aim_c(self, k: int, set_c: float) -> float:
        """Temperature of floor or radiators that keeps the air at `set_c` in this step.

        From the air's balance: convection of the emitters = loss + what the construction takes
        - gains and sun in the air.
        """
        b, horizon = self._request.building, self._request.horizon
        sun_w = b.solar_aperture_m2 * (1.0 - b.solar_to_mass_frac) * horizon.ghi_w_per_m2[k]
        gain_w = float(self._house.gain_w[k])
        needed_w = (
            b.air_outdoor_w_per_k * (set_c - horizon.outdoor_c[k])
            + b.air_mass_w_per_k * (set_c - float(self._state[1]))
            - gain_w
            - sun_w
        )
        if b.second_zone is not None:
            colder_k = set_c - float(self._state[self._rooms_at[-1]])
            needed_w += apart_w(b.second_zone, gain_w=gain_w, sun_w=sun_w, colder_k=colder_k)
        convective_frac = max(1.0 - b.heat_to_mass_frac, 0.1)  # purely radiant emitters are finite
        return set_c + max(needed_w, 0.0) / (b.floor_air_w_per_k * convective_frac)

    def _room_heat_w(self, k: int, rooms: _Rooms) -> float:
        """Heat while running for the rooms, within the bounds from the step's start to its end."""
        i, start_c = self._heated, float(self._state[self._heated])
        b_heat = self._b_heat(k)
        least_w, most_w = self._bounds.at(k, start_c)
        end_c = float(rooms.cooling_c[i] + b_heat[i] * most_w)
        least_later_w, most_later_w = self._bounds.at(k, 0.5 * (start_c + end_c))
        most_w = min(most_w, most_later_w)
        least_w = min(max(least_w, least_later_w), most_w)
        if rooms.frost:
            return most_w
        wanted_w = rooms.wanted_w
        if self._buffer is not None:
            wanted_w = max(wanted_w, 0.0) + self._buffer.short_w(k)
        return min(max(self._within_hold(max(wanted_w, least_w)), least_w), most_w)

    # The tank -----------------------------------------------------------------------------

    def _water_heat_w(self, k: int) -> tuple[float, float]:
        """Heat while charging and the share of the step it takes.

        A charge is spread over what is left of the shortest run, the pump permitting; a tank that
        takes less than the lowest heat is full before the step ends.
        """
        if self._tank is None:
            return 0.0, 0.0
        least_w, most_w = self._tank.range_w(k)
        full_w = self._tank.room_w(k)
        if most_w <= 0.0 or full_w <= 0.0:
            return 0.0, 0.0
        machine = self.machine
        left_s = machine.must_run_s if machine.runs else machine.compressor.minimum_run_s
        steps = max(1.0, np.ceil(left_s / self._request.horizon.step_s))
        heat_w = min(max(self._within_hold(full_w / steps), least_w), most_w)
        return (heat_w, 1.0) if full_w >= heat_w else (full_w, full_w / heat_w)

    # What is wished for, and what may be --------------------------------------------------

    def _wish(self, k: int, rooms: _Rooms) -> Work:
        """What the two hystereses ask for: frost first, then hot water, then the rooms."""
        aim = self._aim
        if rooms.over_k <= aim.start_c[k] - aim.set_c[k]:
            self._heating = True
        if rooms.over_k >= aim.stop_c[k] - aim.set_c[k] or rooms.warm:
            self._heating = False
        if self._tank is not None:
            self._tank.look(k)
        if self._buffer is not None:
            self._buffer.look(k, rooms.wanted_w if self._heating else 0.0)
        if rooms.frost:
            return Work.ROOMS
        if self._tank is not None and self._tank.asks:
            return Work.WATER
        return self._room_wish()

    def _room_wish(self) -> Work:
        asks = self._heating if self._buffer is None else self._buffer.asks
        return Work.ROOMS if asks else Work.NOTHING

    def _allowed(self, k: int, wish: Work, rooms: _Rooms) -> Work:
        """The wish as hold and machine allow it."""
        machine = self.machine
        if not rooms.frost:
            wish = self._held(k, wish, rooms)
        if not machine.runs:
            return wish if machine.may_start(urgent=rooms.frost) else Work.NOTHING
        keep = machine.work
        if self._tank is None or not self._tank.asks:
            keep = Work.ROOMS  # a full tank takes no more: the rest of the run is for the rooms
        if wish is Work.NOTHING:
            return wish if machine.may_stop() else keep
        return wish if rooms.frost or machine.may_change() else keep

    def _held(self, k: int, wish: Work, rooms: _Rooms) -> Work:
        """The wish within the event; a full house may stop whatever is held."""
        now, asks = self.machine.work, self._tank is not None and self._tank.asks
        if self._hold is Hold.NOT_UP:
            if now is Work.NOTHING:
                return now
            if now is Work.ROOMS and wish is Work.WATER:
                wish = self._room_wish()
            least_w, _ = self._bounds.at(k, float(self._state[self._heated]))
            raised = self._base_w is not None and least_w > self._base_w
            return Work.NOTHING if raised and wish is Work.ROOMS else wish
        if self._hold is Hold.NOT_DOWN and wish is Work.NOTHING and not rooms.warm:
            return Work.ROOMS if now is Work.WATER and not asks else now
        return wish

    def _within_hold(self, heat_w: float) -> float:
        """Heat bent to the event's base on the side that is held."""
        if self._base_w is None or self._hold is Hold.FREE:
            return heat_w
        if self._hold is Hold.NOT_UP:
            return min(heat_w, self._base_w)
        return max(heat_w, self._base_w)

    # The end of the step ------------------------------------------------------------------

    def _b_heat(self, k: int) -> FloatArray:
        return (self._house.first if k == 0 else self._house.step).b_heat

    def _advance(
        self, k: int, work: Work, rooms: _Rooms, *, heat_w: float, run_frac: float
    ) -> None:
        """House, tank and machine to the end of step `k`."""
        room_w, water_w = 0.0, 0.0
        if work is Work.ROOMS:
            room_w = self.heat_w[k] = heat_w
            self.run_frac[k] = run_frac
        elif work is Work.WATER:
            water_w = self.dhw_heat_w[k] = heat_w
            self.dhw_run_frac[k] = run_frac
        if self._tank is not None:
            self._tank.advance(k, water_w)
        emitted_w = room_w
        if self._buffer is not None:
            wanted_w = max(rooms.wanted_w, 0.0) if self._heating else 0.0
            wanted_w = float("inf") if rooms.frost else wanted_w
            emitted_w = self._buffer.given_w(k, wanted_w, heat_w=room_w, room_c=self._state[0])
            self._buffer.advance(k, room_w, emitted_w)
        self.emitted_w[k] = emitted_w
        self._state = rooms.cooling_c + self._b_heat(k) * emitted_w
        self.machine = self.machine.after(work, float(self._lasting_s[k]))
        self._last_w = heat_w
        if self._base_w is None:
            self._base_w = heat_w
