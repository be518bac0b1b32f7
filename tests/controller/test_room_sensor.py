"""What a room sensor's manners do to what is believed: steps, repeats, late words, freezing."""

import json
import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from guarded import AT
from hypothesis import given
from hypothesis import strategies as st

from controller.belief_words import belief_notes, believed
from controller.config import HouseConfig
from controller.estimate import Belief, believe, first_belief
from controller.innovations import MEMORY, Innovations
from controller.model import HouseModel, house_model
from controller.room_sensor import FIRST_STEP_K, ROOM_STD_K, RoomSensor
from controller.snapshot import Reading, Snapshot
from controller.store import open_store
from drivers.api import Signal
from mpc.building import discretise, drive, simulate, steady_state
from mpc.estimator import Innovation
from mpc.plan import Estimate

CYCLE_S = 300.0
OUTDOOR_C = 0.0


@pytest.fixture
def model(config: HouseConfig) -> HouseModel:
    return house_model(config)


class House:
    """The model's own house, heated in blocks of six hours, seen through a sensor."""

    def __init__(self, model: HouseModel) -> None:
        self._model = model
        building = model.building
        gain_w = building.internal_gains_w
        rest = steady_state(building, room_c=21.0, outdoor_c=OUTDOOR_C, gain_w=gain_w)
        self._step = discretise(building, CYCLE_S)
        self._push = drive(self._step, outdoor_c=OUTDOOR_C, ghi_w_per_m2=0.0, gain_w=gain_w)
        self._mean_w = float(rest.heat_w[0])
        self._state = rest.state_c[:, 0]
        self.cycles = 0
        self.before = self.snapshot(21.0)
        self.belief: Belief = first_belief(self.before, model, None)

    @property
    def room_c(self) -> float:
        return float(self._state[0])

    @property
    def heat_w(self) -> float:
        return 1.8 * self._mean_w if self.cycles * CYCLE_S % 43_200 < 21_600 else 0.2 * self._mean_w

    def snapshot(self, shown_c: float, *, late_s: float = 0.0) -> Snapshot:
        at = AT + timedelta(seconds=self.cycles * CYCLE_S)
        values = {Signal.OUTDOOR_C: OUTDOOR_C, Signal.HEAT_W: self.heat_w}
        readings = {signal: Reading(value, at) for signal, value in values.items()}
        readings[Signal.ROOM_C] = Reading(shown_c, at - timedelta(seconds=late_s))
        return Snapshot(at, readings)

    def live(
        self, hours: float, *, step_k: float = 0.1, stuck_c: float | None = None, extra_w: float = 0
    ) -> Belief:
        """Some hours; the sensor shows steps of `step_k`, or always the same."""
        for _ in range(round(hours * 3600.0 / CYCLE_S)):
            gain = self._push + (self._step.b_gain * extra_w)[:, None]
            self._state = simulate(self._step, self._state, heat_w=[self.heat_w], drive_k=gain)[
                :, 0
            ]
            self.cycles += 1
            shown_c = round(self.room_c / step_k) * step_k if stuck_c is None else stuck_c
            now = self.snapshot(shown_c)
            self.belief = believe(
                self.belief, before=self.before, now=now, model=self._model, planned_heat_w=None,
                ghi_w_per_m2=0.0, outdoor_forecast_c=None, target_c=21.0, running_s=3600.0,
            )  # fmt: skip
            self.before = now
        return self.belief


def test_a_frozen_sensor_is_found_told_and_no_longer_believed(model: HouseModel) -> None:
    house = House(model)
    lasting_w = house.live(48.0).estimate.disturbance_w
    frozen_c = round(house.room_c, 1)
    belief = house.live(24.0, stuck_c=frozen_c)
    assert belief.room.frozen
    assert any("room sensor frozen" in note for note in belief_notes(belief))
    assert believed(belief)["sensor_frozen"] is True
    assert belief.estimate.state_c[0] == pytest.approx(house.room_c, abs=0.4)
    assert belief.estimate.disturbance_w == pytest.approx(lasting_w, abs=60.0)


def test_a_frozen_sensor_that_moves_again_is_believed_again(model: HouseModel) -> None:
    house = House(model)
    house.live(48.0)
    assert house.live(24.0, stuck_c=round(house.room_c, 1)).room.frozen
    belief = house.live(1.0)
    assert not belief.room.frozen
    assert not belief_notes(belief)
    assert belief.estimate.state_c[0] == pytest.approx(house.room_c, abs=0.15)


def test_the_recent_balance_ignores_a_frozen_sensor(model: HouseModel) -> None:
    house = House(model)
    house.live(24.0)
    before = house.live(24.0, stuck_c=23.0)
    assert before.room.frozen
    assert abs(house.live(6.0, stuck_c=23.0).balance_kh) < abs(before.balance_kh)


@pytest.mark.parametrize("step_k", [0.01, 0.1, 0.5])
def test_a_working_sensor_is_never_frozen_and_its_step_is_found(
    model: HouseModel, step_k: float
) -> None:
    house = House(model)
    for _ in range(6):
        belief = house.live(12.0, step_k=step_k)
        assert not belief.room.frozen
    assert belief.room.step_k == pytest.approx(step_k, rel=0.25, abs=0.01)


def test_half_degrees_still_show_the_heat_that_lasts(model: HouseModel) -> None:
    house = House(model)
    belief = house.live(120.0, step_k=0.5, extra_w=300.0)
    assert belief.estimate.disturbance_w == pytest.approx(300.0, abs=75.0)


def test_a_repeated_value_tells_little_more_than_once() -> None:
    """Information of n repeats, in readings that stand for themselves."""
    sensor = RoomSensor(value_c=21.0)
    estimate = Estimate(at=AT, state_c=(21.0, 20.0), disturbance_w=0.0, covariance=(0.0,) * 10)
    once = sensor.std_k(0.0)
    told = 0.0
    for _ in range(8 * 60):
        sensor = sensor.passed(60.0, estimate).told(21.0)
        told += (once / sensor.std_k(0.0)) ** 2
        sensor = sensor.used()
    assert told < 6.0


@given(step_k=st.floats(0.01, 0.5), age_s=st.floats(0.0, 7200.0), more_s=st.floats(1.0, 7200.0))
def test_coarse_and_late_words_are_less_sure(step_k: float, age_s: float, more_s: float) -> None:
    sensor = RoomSensor(step_k=step_k)
    assert ROOM_STD_K < sensor.std_k(age_s) < sensor.std_k(age_s + more_s)
    assert sensor.std_k(age_s) <= RoomSensor(step_k=FIRST_STEP_K).std_k(age_s)


def test_an_open_window_and_a_stove_are_told_in_words(model: HouseModel) -> None:
    belief = first_belief(House(model).before, model, None)
    assert belief_notes(belief) == ()
    window = replace(belief, estimate=replace(belief.estimate, passing_w=-2345.0))
    assert belief_notes(window) == ("open window? the rooms lose 2.3 kW unexplained",)
    stove = replace(belief, estimate=replace(belief.estimate, passing_w=4000.0))
    assert belief_notes(stove) == ("extra heat: the rooms get 4.0 kW from elsewhere",)


def test_a_stove_is_seen_while_it_burns_and_forgotten_by_the_next_day(model: HouseModel) -> None:
    house = House(model)
    lasting_w = house.live(72.0, step_k=0.01).estimate.disturbance_w
    burning = house.live(2.0, step_k=0.01, extra_w=4000.0)
    assert any("extra heat" in note for note in belief_notes(burning))
    later = house.live(22.0, step_k=0.01)
    assert belief_notes(later) == ()
    assert later.estimate.disturbance_w == pytest.approx(lasting_w, abs=80.0)


def test_innovations_of_a_right_filter_are_as_large_as_it_says() -> None:
    tally = Innovations()
    signs = (1.0, 1.0, -1.0, -1.0)  # mean 0, neighbours independent
    for k in range(4 * int(MEMORY)):
        tally = tally.seen(Innovation(0.2 * signs[k % 4], 0.2))
    assert tally.count == MEMORY
    assert tally.mean_k == pytest.approx(0.0, abs=0.001)
    assert tally.spread == pytest.approx(1.0)
    assert tally.lag1 == pytest.approx(0.0, abs=0.01)


@given(st.lists(st.floats(-5.0, 5.0), min_size=1, max_size=60), st.floats(0.05, 2.0))
def test_neighbouring_innovations_are_correlated_at_most_fully(
    values: list[float], std_k: float
) -> None:
    tally = Innovations()
    for value in values:
        tally = tally.seen(Innovation(value, std_k))
    assert math.isfinite(tally.spread)
    assert -1.0 - 1e-9 <= tally.lag1 <= 1.0 + 1e-9 or tally.count < 2


def test_a_belief_stored_by_the_version_before_starts_a_new_one(
    model: HouseModel, tmp_path: Path
) -> None:
    """One unexplained heat, its mean over a day, a whole matrix, and nothing of the sensor."""
    at = AT - timedelta(minutes=5)
    states = first_belief(House(model).before, model, None).estimate.state_c
    n = len(states) + 1
    estimate = {
        "at": at.isoformat(), "state_c": states, "disturbance_w": -140.0,
        "covariance": [0.1] * n * n,
    }  # fmt: skip
    stored = {
        "estimate": estimate, "balance_kh": -1.5, "emitter_gain_frac": 0.9, "water_w_per_k": 700.0,
        "heating_share_frac": 0.91, "usual_disturbance_w": -90.0, "known_for_s": 864000.0,
        "lowest_frac": 0.3,
    }  # fmt: skip
    with open_store(tmp_path / "state.db") as store:
        store.save_text("belief", json.dumps(stored))
        restored = store.belief()
    assert restored is not None
    belief = first_belief(House(model).before, model, restored)
    assert belief.estimate.state_c == states
    assert belief.estimate.disturbance_w == -140.0
    assert (belief.emitter_gain_frac, belief.lowest_frac) == (0.9, 0.3)
    house = House(model)
    house.belief = belief
    assert math.isfinite(house.live(1.0).estimate.state_c[0])


def test_a_house_model_of_another_shape_keeps_what_was_learned_of_pump_and_emitters(
    model: HouseModel,
) -> None:
    fresh = first_belief(House(model).before, model, None)
    known = replace(fresh, emitter_gain_frac=0.8, known_for_s=86400.0)
    other = replace(known, estimate=replace(known.estimate, state_c=(21.0,), disturbance_w=900.0))
    again = first_belief(House(model).before, model, other)
    assert again.estimate == fresh.estimate
    assert (again.emitter_gain_frac, again.known_for_s) == (0.8, 86400.0)
