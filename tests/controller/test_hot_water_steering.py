"""From planned charges to the tank's knob."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config_hot_water import HotWaterSection
from controller.guard import Wanted
from controller.hot_water_steering import (
    HotWaterWish,
    TankNow,
    hot_water_knob,
    hot_water_settings,
    reach_c,
    rest_value,
    with_hot_water,
)
from controller.snapshot import Reading, Snapshot
from drivers.api import Capability, Knob, OperatingState, Signal, WriteClass
from mpc.plan import Plan

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
TANK, BOOST = Capability.DHW_SETPOINT, Capability.DHW_BOOST
SECTION = HotWaterSection(enabled=True, starts_below_k=5.0, stops_above_k=0.0, economy_c=40.0)
VOLATILE = Knob(
    capability=TANK, point="tank", minimum=30.0, maximum=65.0, resolution=0.5,
    write_class=WriteClass.VOLATILE, safe_minimum=40.0, safe_maximum=58.0,
)  # fmt: skip
STORED = replace(VOLATILE, write_class=WriteClass.PERSISTENT)
BOOST_KNOB = replace(
    VOLATILE, capability=BOOST, minimum=0.0, maximum=1.0, resolution=1.0,
    safe_minimum=0.0, safe_maximum=1.0,
)  # fmt: skip
REST_C = 40.0


def plan_of(
    shares: Sequence[float], tank_c: Sequence[float], prices: Sequence[float] | None = None
) -> Plan:
    """A plan in quarter hours; before its first charge everything else is flat."""
    flat = (0.0,) * len(shares)
    return Plan(
        made_at=AT, starts_at=AT, step_s=900, source="mpc", heat_w=flat, power_w=flat, flow_c=flat,
        room_c=flat, price_per_kwh=(0.3,) * len(shares) if prices is None else tuple(prices),
        price_known=(True,) * len(shares), low_c=flat, high_c=flat, cost=0.0, discomfort_kh=0.0,
        dhw_heat_w=tuple(5000.0 * share for share in shares), dhw_run_frac=tuple(shares),
        dhw_c=tuple(tank_c),
    )  # fmt: skip


CHARGE = plan_of([1.0, 1.0, 0.0, 0.0], [46.0, 50.0, 49.8, 49.6])
REST = plan_of([0.0] * 4 + [1.0] * 2 + [0.0] * 2, [42.0] * 4 + [46.0, 50.0, 50.0, 50.0])
OTHERS = {"section": SECTION, "knob": VOLATILE}


def moment(*, charging: bool = False, at: datetime = AT) -> Snapshot:
    state = OperatingState.DHW if charging else OperatingState.HEATING
    return Snapshot(at, {Signal.OPERATING_STATE: Reading(float(state), at)})


def wish(
    plan: Plan | None,
    sensor_c: float,
    *,
    current: float | None = 46.0,
    writes_left: float | None = None,
    knob: Knob | None = VOLATILE,
    section: HotWaterSection = SECTION,
    charging: bool = False,
) -> HotWaterWish:
    tank = TankNow(sensor_c=sensor_c, mean_c=sensor_c, current=current, writes_left=writes_left)
    return hot_water_settings(plan, moment(charging=charging), tank, section=section, knob=knob)


# ---- set-point -----------------------------------------------------------------------------------


def test_a_planned_charge_raises_the_setpoint_to_where_it_ends() -> None:
    said = wish(CHARGE, 42.0)
    assert said.settings == {TANK: 50.0}
    assert said.charge
    assert said.reason == "the plan heats the tank to 50 °C"


def test_between_charges_the_setpoint_rests_where_the_pump_would_begin_late() -> None:
    said = wish(REST, 46.0)
    assert said.settings == {TANK: REST_C}
    assert not said.charge


def test_the_setpoint_is_raised_far_enough_for_the_pump_to_start() -> None:
    """At 47 °C a pump with 5 K of hysteresis does not start for 50 °C."""
    warm = wish(CHARGE, 47.0).settings[TANK]
    assert warm - SECTION.starts_below_k > 47.0
    running = wish(CHARGE, 47.0, charging=True).settings[TANK]
    assert running == 50.0


def test_a_pump_whose_setpoint_is_where_it_starts_gets_one_below_the_target() -> None:
    nibe = SECTION.model_copy(update={"starts_below_k": 0.0, "stops_above_k": 7.0})
    assert wish(CHARGE, 40.0, section=nibe).settings == {TANK: 43.0}
    assert wish(CHARGE, 45.0, section=nibe).settings == {TANK: 46.0}
    assert wish(CHARGE, 45.0, section=nibe, charging=True).settings == {TANK: 43.0}


def test_a_tank_as_hot_as_planned_is_not_charged_for_two_kelvins() -> None:
    assert not wish(CHARGE, 48.5).charge
    assert wish(CHARGE, 48.5, charging=True).charge
    assert not wish(CHARGE, 50.0, charging=True).charge


def test_a_charge_that_no_setpoint_can_start_is_left_out() -> None:
    low = replace(VOLATILE, safe_maximum=50.0)
    said = wish(CHARGE, 45.5, knob=low)
    assert said.settings == {TANK: REST_C}
    assert not said.charge


@pytest.mark.parametrize(("share", "charging", "charge"), [
    (0.29, False, False), (0.31, False, True), (0.06, True, True), (0.04, True, False),
])  # fmt: skip
def test_shares_of_far_steps_begin_a_charge_late_and_end_it_late(
    share: float, charging: bool, charge: bool
) -> None:
    plan = plan_of([share, share, 0.0], [43.0, 50.0, 50.0])
    assert wish(plan, 44.0, charging=charging).charge is charge


def test_a_plan_without_shares_is_taken_by_its_heat() -> None:
    assert wish(replace(CHARGE, dhw_run_frac=()), 42.0).charge
    assert not wish(replace(REST, dhw_run_frac=()), 42.0).charge


# ---- stored set-point ----------------------------------------------------------------------------


def test_a_stored_setpoint_that_will_do_is_kept() -> None:
    assert wish(CHARGE, 42.0, current=51.5, knob=STORED).settings == {TANK: 51.5}
    assert wish(CHARGE, 42.0, current=53.0, knob=STORED).settings == {TANK: 50.0}
    assert wish(CHARGE, 46.0, current=57.0, knob=STORED, charging=True).settings == {TANK: 57.0}


def test_a_stored_setpoint_stays_raised_while_that_starts_no_charge() -> None:
    said = wish(REST, 49.0, current=50.0, knob=STORED)
    assert said.settings == {TANK: 50.0}
    assert said.reason == "the tank rests, hot enough for any set-point"
    assert wish(REST, 47.0, current=50.0, knob=STORED).settings == {TANK: REST_C}


def test_a_pump_that_may_start_by_a_lower_sensor_is_kept_from_it() -> None:
    stratified = TankNow(sensor_c=52.0, mean_c=46.0, current=50.0, writes_left=None)
    said = hot_water_settings(REST, moment(), stratified, section=SECTION, knob=STORED)
    assert said.settings == {TANK: REST_C}


def test_a_charge_slower_than_planned_comes_to_its_end() -> None:
    slow = plan_of([1.0, 0.0, 0.0, 0.0], [50.0, 49.9, 49.8, 49.7])
    for minutes, charge in ((0, True), (20, True), (40, True), (50, False)):
        late = moment(charging=True, at=AT + timedelta(minutes=minutes))
        tank = TankNow(sensor_c=47.0, mean_c=45.0, current=50.0, writes_left=15.0)
        said = hot_water_settings(slow, late, tank, section=SECTION, knob=VOLATILE)
        assert said.charge is charge
    resting = moment(at=AT + timedelta(minutes=20))
    said = hot_water_settings(slow, resting, tank, section=SECTION, knob=VOLATILE)
    assert not said.charge


def test_a_charge_about_to_end_is_let_end() -> None:
    assert wish(REST, 49.0, current=50.0, knob=STORED, charging=True).settings == {TANK: 50.0}
    assert wish(REST, 45.0, current=50.0, knob=STORED, charging=True).settings == {TANK: REST_C}


def test_the_pumps_own_programme_is_not_interfered_with() -> None:
    """It heats the tank beyond what anybody asked: its legionella programme."""
    said = wish(REST, 55.0, current=50.0, knob=STORED, charging=True)
    assert said.settings == {TANK: 50.0}
    assert said.reason == "the pump heats the tank by a programme of its own"


def test_what_a_stored_knob_holds_must_be_known() -> None:
    assert wish(CHARGE, 42.0, current=None, knob=STORED).settings == {}
    assert wish(CHARGE, 42.0, current=None).settings == {TANK: 50.0}


DEAR_NOW = plan_of([0.0] * 4 + [1.0] * 4, [42.0] * 4 + [50.0] * 4, [0.5] * 4 + [0.2] * 4)
LITTLE_DEARER = plan_of([0.0] * 4 + [1.0] * 4, [42.0] * 4 + [50.0] * 4, [0.31] * 4 + [0.3] * 4)
OVER = plan_of([0.0] * 4 + [0.2] * 4, [42.0] * 8)


@pytest.mark.parametrize(("plan", "writes_left", "lowered"), [
    (DEAR_NOW, 15.0, True), (DEAR_NOW, 3.0, True), (DEAR_NOW, 1.0, False),
    (LITTLE_DEARER, None, True), (LITTLE_DEARER, 15.0, False), (OVER, 15.0, True),
])  # fmt: skip
def test_writes_to_a_stored_setpoint_are_spent_where_they_spare_most(
    plan: Plan, writes_left: float | None, lowered: bool
) -> None:
    said = wish(plan, 44.0, current=48.0, knob=STORED, writes_left=writes_left)
    assert said.settings == {TANK: REST_C if lowered else 48.0}


def test_a_tank_at_rest_that_can_no_longer_be_raised_is_handed_back() -> None:
    said = wish(CHARGE, 42.0, current=REST_C, knob=STORED, writes_left=0.5)
    assert said.settings == {}
    assert said.reason == "no write is left to charge the tank as planned"
    assert wish(CHARGE, 42.0, current=50.0, knob=STORED, writes_left=0.5).charge


# ---- boost ---------------------------------------------------------------------------------------


def test_a_boost_is_asked_for_while_the_plan_charges_and_not_else() -> None:
    assert wish(CHARGE, 42.0, knob=BOOST_KNOB).settings == {BOOST: 1.0}
    assert wish(REST, 42.0, knob=BOOST_KNOB).settings == {}
    assert wish(CHARGE, 49.0, knob=BOOST_KNOB).settings == {}


# ---- the pump's own control ----------------------------------------------------------------------


def test_without_a_plan_for_hot_water_the_tank_is_the_pumps_own() -> None:
    later = replace(CHARGE, starts_at=AT + timedelta(hours=1))
    over = replace(CHARGE, starts_at=AT - timedelta(hours=1))
    without = replace(CHARGE, dhw_heat_w=(), dhw_run_frac=(), dhw_c=())
    never = plan_of([0.0] * 4, [42.0] * 4)  # as the heating-curve rule says it
    for plan in (None, later, over, without, never):
        said = wish(plan, 42.0)
        assert said.settings == {}
        assert said.reason == "there is no plan for hot water"


def test_an_unknown_tank_is_the_pumps_own() -> None:
    said = hot_water_settings(CHARGE, moment(), None, section=SECTION, knob=VOLATILE)
    assert said == HotWaterWish(reason="the tank's temperature is unknown")


def test_a_pump_without_a_knob_or_an_owner_without_the_wish_keeps_its_hot_water() -> None:
    off = SECTION.model_copy(update={"enabled": False})
    assert wish(CHARGE, 42.0, knob=None).settings == {}
    assert wish(CHARGE, 42.0, section=off).settings == {}


# ---- laws ----------------------------------------------------------------------------------------


@given(
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=8),
    st.floats(5.0, 75.0),
    st.floats(30.0, 65.0),
    st.none() | st.floats(0.0, 15.0),
    st.sampled_from([VOLATILE, STORED]),
    st.booleans(),
)
def test_whatever_is_wanted_is_liveable_or_what_the_knob_holds(
    shares: list[float],
    sensor_c: float,
    current: float,
    writes_left: float | None,
    knob: Knob,
    charging: bool,
) -> None:
    plan = plan_of(shares, [50.0] * len(shares))
    said = wish(
        plan, sensor_c, current=current, writes_left=writes_left, knob=knob, charging=charging
    )
    for value in said.settings.values():
        assert 40.0 <= value <= 58.0 or (knob is STORED and value == current)
    assert said.settings or said.reason


@given(st.floats(30.0, 60.0), st.floats(30.0, 65.0))
def test_a_stored_setpoint_does_not_swing_on_the_same_tank(sensor_c: float, held: float) -> None:
    """What was written is what is wanted in the next cycle too, as long as nothing changes."""
    for plan in (CHARGE, REST):
        once = wish(plan, sensor_c, current=held, knob=STORED).settings
        again = wish(plan, sensor_c, current=once[TANK], knob=STORED).settings
        assert again == once


# ---- beside the heat -----------------------------------------------------------------------------

HEAT = Wanted({Capability.FLOW_SETPOINT: 30.0}, False, 0.0, "mpc", "rest")
CHARGING = HotWaterWish(settings={TANK: 50.0}, charge=True, reason="charge")


def heat_knob(capability: Capability, low: float = 0.0, high: float = 1.0) -> Knob:
    return replace(
        VOLATILE, capability=capability, minimum=low, maximum=high, resolution=0.1,
        safe_minimum=None, safe_maximum=None,
    )  # fmt: skip


def test_both_wishes_go_to_the_pump_together() -> None:
    both = with_hot_water(HEAT, CHARGING, heat_knob(Capability.FLOW_SETPOINT, 15.0, 65.0))
    assert both.settings == {Capability.FLOW_SETPOINT: 30.0, TANK: 50.0}
    assert both.run is None  # the compressor runs, but not for the rooms
    assert with_hot_water(HEAT, replace(CHARGING, charge=False), None).run is False
    assert with_hot_water(replace(HEAT, run=True), CHARGING, None).run is True


def test_no_wish_for_hot_water_leaves_the_heat_as_it_was() -> None:
    assert with_hot_water(HEAT, HotWaterWish(reason="own"), None) == replace(
        HEAT, reason="rest; tank: own"
    )


@pytest.mark.parametrize(("capability", "held", "freed"), [
    (Capability.COMPRESSOR_LIMIT, 0.0, 1.0), (Capability.POWER_LIMIT, 0.0, 1.0),
    (Capability.SG_READY, 1.0, 2.0), (Capability.SG_READY, 3.0, 3.0),
    (Capability.ON_OFF, 0.0, 0.0), (Capability.CURVE_OFFSET, -3.0, -3.0),
])  # fmt: skip
def test_a_charge_is_not_held_back_by_the_knob_for_heat(
    capability: Capability, held: float, freed: float
) -> None:
    wanted = replace(HEAT, settings={capability: held})
    both = with_hot_water(wanted, CHARGING, heat_knob(capability))
    assert both.settings == {capability: freed, TANK: 50.0}


# ---- the knob ------------------------------------------------------------------------------------


def test_the_setpoint_is_preferred_and_the_owner_may_choose() -> None:
    knobs = {BOOST: BOOST_KNOB, TANK: VOLATILE}
    boost = SECTION.model_copy(update={"knob": "dhw_boost"})
    assert hot_water_knob(knobs, SECTION) is VOLATILE
    assert hot_water_knob({BOOST: BOOST_KNOB}, SECTION) is BOOST_KNOB
    assert hot_water_knob(knobs, boost) is BOOST_KNOB
    assert hot_water_knob({}, SECTION) is None
    assert hot_water_knob({TANK: VOLATILE}, boost) is None


def test_a_knob_that_is_forbidden_or_not_automatic_is_not_chosen() -> None:
    forbidden = replace(VOLATILE, write_class=WriteClass.FORBIDDEN)
    by_name = replace(VOLATILE, automatic=False)
    named = SECTION.model_copy(update={"knob": "dhw_setpoint"})
    assert hot_water_knob({TANK: forbidden}, named) is None
    assert hot_water_knob({TANK: by_name}, SECTION) is None
    assert hot_water_knob({TANK: by_name}, named) is by_name


def test_how_hot_a_tank_can_be_asked_for_and_where_it_rests() -> None:
    nibe = SECTION.model_copy(update={"starts_below_k": 0.0, "stops_above_k": 5.0})
    assert reach_c(VOLATILE, SECTION) == 58.0
    assert reach_c(VOLATILE, nibe) == 63.0
    assert reach_c(BOOST_KNOB, SECTION) == SECTION.max_c
    assert rest_value(VOLATILE, SECTION) == 40.0
    assert rest_value(VOLATILE, nibe) == 40.0  # 35 is not liveable


# ---- the safety net ------------------------------------------------------------------------------


def short_of(sensor_c: float, mean_c: float, *, short: bool = True) -> TankNow:
    return TankNow(
        sensor_c=sensor_c, mean_c=mean_c, current=40.0, writes_left=None, short=short
    )  # fmt: skip


def test_a_tank_that_runs_short_is_charged_whatever_the_plan_says() -> None:
    tank = short_of(42.0, 36.0)
    wished = hot_water_settings(REST, moment(), tank, section=SECTION, knob=VOLATILE)
    assert wished.charge
    assert wished.settings[TANK] >= 42.0 + SECTION.starts_below_k
    calm = hot_water_settings(
        REST, moment(), replace(tank, short=False), section=SECTION, knob=VOLATILE
    )
    assert not calm.charge


def test_a_charge_of_the_net_goes_on_for_a_few_kelvins_and_not_further() -> None:
    for mean_c, goes_on in ((41.0, True), (43.5, False)):
        tank = short_of(44.0, mean_c, short=False)
        wished = hot_water_settings(
            REST, moment(charging=True), tank, section=SECTION, knob=VOLATILE
        )
        assert wished.charge is goes_on


def test_a_whole_charge_is_judged_by_the_whole_tank() -> None:
    plan = replace(CHARGE, dhw_ends_c=(48.0, 48.0, 0.0, 0.0))
    hot_above = short_of(49.0, 40.0, short=False)
    assert hot_water_settings(plan, moment(), hot_above, section=SECTION, knob=VOLATILE).charge
    through = short_of(49.0, 48.5, short=False)
    assert not hot_water_settings(plan, moment(), through, section=SECTION, knob=VOLATILE).charge
