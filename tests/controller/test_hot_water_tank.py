"""What is believed of the tank, against a tank of the simulator, which is another model."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from controller.config_hot_water import HotWaterSection
from controller.hot_water_tank import (
    PATIENCE_S,
    TankBelief,
    believe_tank,
    first_tank,
    tank_of,
)
from controller.snapshot import Measured, Missing, Reading, Snapshot
from drivers.api import OperatingState, Signal
from hil.tank import HotWaterTank, TankTruth
from mpc.draws import expected_kwh, prior_kwh
from mpc.storage import WATER_KWH_PER_L_K

ZONE = ZoneInfo("Europe/Copenhagen")
START = datetime(2026, 1, 14, 23, 0, tzinfo=UTC)  # local midnight before a Thursday
TOP = HotWaterSection(enabled=True, people=4.0, volume_l=185.0, sensor="top")
MIDDLE = TOP.model_copy(update={"sensor": "middle"})
SECTIONS = [TOP, MIDDLE]
WEEKLY = TOP.model_copy(update={"legionella_c": 55.0})


class Cellar:
    """A simulated tank, and what is believed of it minute by minute."""

    def __init__(self, section: HotWaterSection, *, upper_c: float = 52.0) -> None:
        self.section = section
        truth = TankTruth(volume_l=185.0, loss_w_per_k=1.7, layers_w_per_k=4.0)
        self.tank = HotWaterTank(truth, upper_c=upper_c, lower_c=upper_c - 2.0)
        self.at = START
        self.silent = False
        self.belief = first_tank(section, START)
        self.look()

    def reading_c(self) -> float:
        shown_c = self.tank.upper_c if self.section.sensor == "top" else self.tank.sensor_c
        return round(shown_c, 1)

    def look(self, heat_w: float = 0.0) -> None:
        measured: Measured = Reading(self.reading_c(), self.at)
        if self.silent:
            measured = Missing("gone", self.at)
        signals: dict[Signal, Measured] = {Signal.DHW_C: measured}
        state = OperatingState.DHW if heat_w else OperatingState.HEATING
        signals[Signal.OPERATING_STATE] = Reading(float(state), self.at)
        signals[Signal.HEAT_W] = Reading(heat_w or 4000.0, self.at)
        self.belief = believe_tank(self.belief, Snapshot(self.at, signals), self.section, ZONE)

    def live(
        self,
        hours: float,
        *,
        heat_w: float = 0.0,
        tapped: Callable[[datetime], float] = lambda _: 0.0,
    ) -> None:
        """Minutes go by; `tapped` are litres a minute of mixed water."""
        for _ in range(round(hours * 60.0)):
            for _ in range(4):
                self.tank.step(15.0, heat_w=heat_w, tapped_l_per_min=tapped(self.at), room_c=20.0)
            self.at += timedelta(minutes=1)
            self.look(heat_w)


def shower(from_h: float, minutes: float) -> Callable[[datetime], float]:
    """Eight litres a minute from this hour of the first day on."""
    first = START + timedelta(hours=from_h)
    return lambda at: 8.0 if first <= at < first + timedelta(minutes=minutes) else 0.0


@pytest.mark.parametrize("section", SECTIONS, ids=["top", "middle"])
def test_a_tank_at_rest_is_not_drawn_from(section: HotWaterSection) -> None:
    cellar = Cellar(section)
    cellar.live(12.0)
    assert sum(cellar.belief.draws.kwh) < 0.2
    assert sum(cellar.belief.draws.hours) > 10.0
    assert sum(expected_kwh(cellar.belief.draws)[:24]) < sum(prior_kwh(4.0)[:24])


@pytest.mark.parametrize("section", SECTIONS, ids=["top", "middle"])
def test_the_energy_of_showers_is_found_in_the_sensors_fall(section: HotWaterSection) -> None:
    cellar = Cellar(section)
    cellar.live(12.0, tapped=shower(7.1, 20.0))
    drawn_kwh = cellar.tank.drawn_j / 3.6e6
    assert drawn_kwh > 4.0
    assert sum(cellar.belief.draws.kwh) == pytest.approx(drawn_kwh, rel=0.25)
    assert max(range(48), key=lambda slot: cellar.belief.draws.kwh[slot]) in (7, 8)


@pytest.mark.parametrize("section", SECTIONS, ids=["top", "middle"])
def test_the_layers_are_followed_through_a_day_of_showers_and_charges(
    section: HotWaterSection,
) -> None:
    cellar = Cellar(section)
    for _ in range(2):
        hours = (cellar.at - START).total_seconds() / 3600.0
        cellar.live(6.0, tapped=shower(hours + 3.0, 10.0))
        cellar.live(0.5, heat_w=5000.0)
    now = cellar.belief.now
    assert now is not None
    assert now.upper_c == pytest.approx(cellar.tank.upper_c, abs=3.0)
    assert now.mean_c == pytest.approx(cellar.tank.sensor_c, abs=3.0)


def test_time_without_a_sensor_teaches_nothing() -> None:
    cellar = Cellar(TOP)
    cellar.silent = True
    cellar.live(5.0, tapped=shower(2.0, 10.0))
    assert cellar.belief.draws == first_tank(TOP, START).draws


def test_time_of_charging_teaches_nothing() -> None:
    cellar = Cellar(TOP, upper_c=40.0)
    cellar.live(0.5, heat_w=5000.0, tapped=shower(0.1, 10.0))
    cellar.live(2.0)
    learned_h = sum(cellar.belief.draws.hours)
    assert learned_h <= 1.5 + 1e-6
    assert sum(cellar.belief.draws.kwh) < 1.0


def test_a_silent_sensor_makes_the_tank_unknown_after_a_while() -> None:
    cellar = Cellar(TOP)
    cellar.silent = True
    cellar.live(PATIENCE_S / 3600.0)
    assert cellar.belief.sensor_c(cellar.at) is not None
    cellar.live(2.0 / 60.0)
    assert cellar.belief.sensor_c(cellar.at) is None


def test_a_tank_never_heard_of_is_unknown() -> None:
    belief = first_tank(TOP, START)
    assert belief.now is None
    assert belief.sensor_c(START) is None


def test_after_a_long_gap_the_layers_are_guessed_from_the_sensor_again() -> None:
    cellar = Cellar(TOP)
    cellar.live(1.0)
    cellar.at += timedelta(hours=3)
    cellar.tank.upper_c = cellar.tank.lower_c = 30.0
    cellar.look()
    assert cellar.belief.now is not None
    assert cellar.belief.now.upper_c == 30.0
    assert cellar.belief.now.lower_c < 30.0


def test_a_clock_set_back_concludes_nothing() -> None:
    cellar = Cellar(TOP)
    cellar.live(2.0)
    learned = cellar.belief.draws
    cellar.at -= timedelta(hours=1)
    cellar.look()
    assert cellar.belief.draws == learned
    assert cellar.belief.now is not None
    assert cellar.belief.now.at == cellar.at


def test_heat_that_nobody_tells_of_is_no_negative_draw() -> None:
    cellar = Cellar(TOP, upper_c=40.0)
    for _ in range(30):
        cellar.tank.step(60.0, heat_w=4000.0, tapped_l_per_min=0.0, room_c=20.0)
        cellar.at += timedelta(minutes=1)
        cellar.look()
    assert all(kwh >= 0.0 for kwh in cellar.belief.draws.kwh)
    assert cellar.belief.now is not None
    assert cellar.belief.now.upper_c == pytest.approx(cellar.tank.upper_c, abs=0.1)


def test_a_charge_is_followed_by_electricity_where_heat_is_not_measured() -> None:
    belief = Cellar(TOP, upper_c=40.0).belief
    at = START + timedelta(minutes=20)
    dhw = Reading(float(OperatingState.DHW), at)
    for signal in (Signal.POWER_W, Signal.METER_POWER_W):
        signals: dict[Signal, Measured] = {
            Signal.DHW_C: Reading(41.0, at),
            Signal.OPERATING_STATE: dhw,
            signal: Reading(2000.0, at),
        }
        after = believe_tank(belief, Snapshot(at, signals), TOP, ZONE).now
        assert after is not None
        assert after.upper_c == 41.0
        assert after.lower_c > 37.0


def test_hot_through_for_long_enough_is_remembered() -> None:
    cellar = Cellar(WEEKLY, upper_c=50.0)
    cellar.live(1.0)
    assert cellar.belief.sanitised_at is None
    while cellar.tank.lower_c < 57.0:
        cellar.live(1.0 / 60.0, heat_w=5000.0)
    cellar.live(0.25)
    assert cellar.belief.hot_since is not None
    assert cellar.belief.sanitised_at is None
    cellar.live(0.5)
    assert cellar.belief.sanitised_at is not None
    done_at = cellar.belief.sanitised_at
    cellar.live(12.0)
    assert cellar.belief.hot_since is None
    assert cellar.belief.sanitised_at is not None
    assert cellar.belief.sanitised_at >= done_at


def test_what_was_learned_survives_a_day_of_standing_still_and_what_was_watched_does_not() -> None:
    cellar = Cellar(TOP)
    cellar.live(12.0, tapped=shower(7.1, 10.0))
    codec = TypeAdapter(TankBelief)
    kept = codec.validate_json(codec.dump_json(cellar.belief))
    assert kept == cellar.belief
    cellar.belief = kept
    cellar.section = TOP.model_copy(update={"people": 2.0})
    cellar.at += timedelta(days=1)
    cellar.look()
    assert cellar.belief.draws == replace(kept.draws, people=2.0)
    assert cellar.belief.watch == cellar.belief.now


def test_hours_are_local_also_when_the_clock_changes() -> None:
    """On the last Sunday of October the hour from two to three comes twice."""
    cellar = Cellar(TOP)
    cellar.at = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    cellar.look()
    cellar.live(5.5)
    hours = cellar.belief.draws.hours
    assert hours[24 + 2] > 1.5 * hours[24 + 1] > 0.9


def test_the_guess_of_the_loss_is_the_energy_labels_unless_the_owner_knows() -> None:
    assert tank_of(TOP).loss_w_per_k == pytest.approx(1.86, abs=0.02)
    assert tank_of(TOP.model_copy(update={"loss_w_per_k": 1.1})).loss_w_per_k == 1.1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(5.0, 70.0), st.integers(1, 40), st.booleans()), min_size=1, max_size=12
    ),
    st.sampled_from(SECTIONS),
)
def test_whatever_the_sensor_says_the_belief_agrees_with_it(
    story: list[tuple[float, int, bool]], section: HotWaterSection
) -> None:
    belief, at = first_tank(section, START), START
    for reading_c, minutes, charging in story:
        at += timedelta(minutes=minutes)
        state = OperatingState.DHW if charging else OperatingState.OFF
        signals: dict[Signal, Measured] = {
            Signal.DHW_C: Reading(reading_c, at),
            Signal.OPERATING_STATE: Reading(float(state), at),
        }
        belief = believe_tank(belief, Snapshot(at, signals), section, ZONE)
        assert belief.now is not None
        seen_c = belief.now.upper_c if section.sensor == "top" else belief.now.mean_c
        assert seen_c == pytest.approx(reading_c, abs=1e-6)
        assert belief.now.lower_c <= belief.now.upper_c + 1e-9
        assert all(kwh >= 0.0 for kwh in belief.draws.kwh)


# ---- what a charge is ----------------------------------------------------------------------------


def test_a_sensor_at_the_top_still_knows_the_cold_water_below() -> None:
    cellar = Cellar(TOP)
    cellar.live(1.0, tapped=shower(0.2, 8.0))
    assert cellar.belief.now is not None
    assert cellar.belief.now.mean_c == pytest.approx(cellar.tank.sensor_c, abs=1.5)
    cellar.live(0.25, heat_w=4000.0)
    assert cellar.belief.now.mean_c == pytest.approx(cellar.tank.sensor_c, abs=2.0)


def test_a_charge_warms_pump_and_pipes_before_the_tank() -> None:
    def mean_c(warm_up_kwh: float, minutes: float) -> float:
        cellar = Cellar(TOP.model_copy(update={"warm_up_kwh": warm_up_kwh}))
        cellar.live(1.0, tapped=shower(0.2, 8.0))
        cellar.live(minutes / 60.0, heat_w=4000.0)
        assert cellar.belief.now is not None
        return cellar.belief.now.mean_c

    per_kwh = 1.0 / (TOP.volume_l * WATER_KWH_PER_L_K)
    for minutes in (10.0, 20.0):
        late_k = mean_c(0.0, minutes) - mean_c(0.4, minutes)
        assert late_k == pytest.approx(0.4 * per_kwh, abs=0.1)


def test_every_charge_begins_with_cold_pipes() -> None:
    cellar = Cellar(TOP, upper_c=30.0)
    for _ in range(2):
        cellar.live(0.5, heat_w=4000.0)
        assert cellar.belief.charged_kwh == pytest.approx(2.0, abs=0.1)
        cellar.live(0.5)
        assert cellar.belief.charged_kwh == 0.0


def test_the_heat_of_charges_is_learned_while_charging_only() -> None:
    cellar = Cellar(TOP, upper_c=30.0)
    cellar.live(1.0)
    assert cellar.belief.charge_w is None
    cellar.live(0.5, heat_w=4000.0)
    assert cellar.belief.charge_w == pytest.approx(4000.0)
    cellar.live(0.5, heat_w=3000.0)
    assert 3000.0 < (cellar.belief.charge_w or 0.0) < 4000.0
