"""Two rooms, two sensors: what is believed of a second zone, each sensor by itself."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from guarded import AT
from zoned import Document, in_zones

from controller.belief_words import belief_notes, believed
from controller.config import HouseConfig
from controller.estimate import Belief, believe, first_belief
from controller.model import house_model
from controller.room_sensor import FROZEN_LEAST_S
from controller.snapshot import Missing, Reading, Snapshot
from controller.store import open_store
from drivers.api import Signal
from mpc.building import discretise, drive, rooms_of, simulate, steady_state

CYCLE_S = 300.0


@pytest.fixture
def zoned(document: Document) -> HouseConfig:
    return in_zones(document)


class House:
    """The model's own house, with a window ajar in its second zone, seen through two sensors."""

    def __init__(self, config: HouseConfig, second_w: float = -200.0) -> None:
        self._model = house_model(config)
        building = self._model.building
        self._rooms = rooms_of(building)
        gain_w = building.internal_gains_w
        at_rest = steady_state(building, room_c=21.0, outdoor_c=0.0, gain_w=gain_w)
        self._step = discretise(building, CYCLE_S)
        self._push = drive(
            self._step, outdoor_c=0.0, ghi_w_per_m2=0.0, gain_w=gain_w, second_w=second_w
        )
        self._mean_w, self.state = float(at_rest.heat_w[0]), at_rest.state_c[:, 0]
        self.cycles = 0
        self.before = self.look(())
        self.belief: Belief = first_belief(self.before, self._model, None)

    def look(self, gone: tuple[Signal, ...], stuck: dict[Signal, float] | None = None) -> Snapshot:
        at = AT + timedelta(seconds=self.cycles * CYCLE_S)
        high = self.cycles * CYCLE_S % 43_200 < 21_600
        values = {Signal.OUTDOOR_C: 0.0, Signal.HEAT_W: self._mean_w * (1.8 if high else 0.2)}
        values |= {
            signal: round(float(self.state[room]), 1)
            for signal, room in zip((Signal.ROOM_C, Signal.SECOND_ROOM_C), self._rooms, strict=True)
        } | (stuck or {})
        signals: dict[Signal, Reading | Missing] = {s: Reading(v, at) for s, v in values.items()}
        return Snapshot(at, signals | {signal: Missing("silent", at) for signal in gone})

    def live(self, hours: float, *gone: Signal, stuck: dict[Signal, float] | None = None) -> Belief:
        for _ in range(round(hours * 3600.0 / CYCLE_S)):
            heat_w = self.before.value(Signal.HEAT_W) or 0.0
            self.state = simulate(self._step, self.state, heat_w=[heat_w], drive_k=self._push)[:, 0]
            self.cycles += 1
            now = self.look(gone, stuck)
            self.belief = believe(
                self.belief, before=self.before, now=now, model=self._model, planned_heat_w=None,
                ghi_w_per_m2=0.0, outdoor_forecast_c=0.0, target_c=21.0, running_s=0.0,
            )  # fmt: skip
            self.before = now
        return self.belief

    def errors_k(self) -> list[float]:
        believed_c = zip(self.belief.estimate.rooms_c, self._rooms, strict=True)
        return [c - float(self.state[room]) for c, room in believed_c]


def test_what_only_the_second_zone_loses_is_learned_from_its_sensor(zoned: HouseConfig) -> None:
    house = House(zoned)
    belief = house.live(72)
    assert belief.estimate.second_w == pytest.approx(-200.0, abs=100.0)
    assert house.errors_k() == pytest.approx([0.0, 0.0], abs=0.15)
    told = believed(belief)
    assert told["second_room_c"] == pytest.approx(float(house.state[3]), abs=0.15)
    assert told["second_lasting_w"] == pytest.approx(-200.0, abs=100.0)
    assert told["second_sensor_frozen"] is False


def test_the_first_look_takes_the_second_zone_as_it_is_read(zoned: HouseConfig) -> None:
    seen = {Signal.ROOM_C: 21.0, Signal.SECOND_ROOM_C: 17.5, Signal.OUTDOOR_C: 0.0}
    look = Snapshot(AT, {signal: Reading(value, AT) for signal, value in seen.items()})
    belief = first_belief(look, house_model(zoned), None)
    assert belief.estimate.rooms_c == (21.0, 17.5)
    assert belief.second_room is not None


@pytest.mark.parametrize(
    ("gone", "kept"), [(Signal.ROOM_C, 1), (Signal.SECOND_ROOM_C, 0)], ids=["first", "second"]
)
def test_a_sensor_that_dies_leaves_the_other_as_sure_as_it_was(
    zoned: HouseConfig, gone: Signal, kept: int
) -> None:
    house = House(zoned)
    house.live(72)
    house.live(12, gone)
    errors_k = house.errors_k()
    assert abs(errors_k[kept]) < 0.15
    assert abs(errors_k[1 - kept]) < 0.6


def test_a_frozen_second_sensor_is_found_told_and_forgotten_by_itself(zoned: HouseConfig) -> None:
    house = House(zoned)
    house.live(72)
    belief = house.live(30, stuck={Signal.SECOND_ROOM_C: 14.0})
    assert belief.second_room is not None
    assert belief.second_room.frozen
    assert belief.second_room.unchanged_s > FROZEN_LEAST_S
    assert not belief.room.frozen
    assert abs(house.errors_k()[0]) < 0.3
    assert belief_notes(belief)[0].startswith("second room's sensor frozen: 14 °C for 30 h")
    again = house.live(6)
    assert again.second_room is not None
    assert not again.second_room.frozen
    assert abs(house.errors_k()[1]) < 0.4


def test_a_belief_of_two_zones_survives_a_restart_and_one_of_one_zone_is_not_taken_for_it(
    zoned: HouseConfig, tmp_path: Path
) -> None:
    house, model = House(zoned), house_model(zoned)
    belief = house.live(24)
    with open_store(tmp_path / "state.db") as store:
        store.save_belief(belief)
        restored = store.belief()
    assert restored == belief
    resumed = first_belief(house.before, model, restored)
    assert resumed.estimate.second_w == belief.estimate.second_w
    assert resumed.estimate.state_c == belief.estimate.state_c
    before = house_model(zoned.model_copy(update={"house": _undivided(zoned)}))
    of_one = first_belief(house.before, before, None)
    fresh = first_belief(house.before, model, of_one)
    assert fresh.estimate.second_w == 0.0
    assert len(fresh.sensors) == 2


def _undivided(config: HouseConfig) -> Any:
    return config.house.model_copy(update={"second_zone": None})
