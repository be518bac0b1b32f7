"""Steering pumps that keep their own control: shifts, limits, SG Ready states, scarce writes."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from guarded import AT, OFFSET_KNOB, POWER
from hypothesis import given
from hypothesis import strategies as st

from controller.actuation import let_run_setting, rest_setting, span, warm_setting
from controller.config import HouseConfig
from controller.estimate import Belief, emitter_now, first_belief
from controller.model import HouseModel, house_model
from controller.snapshot import Reading, Snapshot
from controller.steering import ahead, can_follow, limit_setting, shift_setting
from drivers.api import Capability, Knob, Signal, WriteClass
from mpc.building import flow_for_heat
from mpc.plan import Plan
from mpc.staircase import level_now

SG = Knob(
    capability=Capability.SG_READY, point="sg", minimum=1.0, maximum=4.0, resolution=1.0,
    write_class=WriteClass.VOLATILE, lapse_s=1200.0, release_value=2.0, minimum_interval_s=600.0,
)  # fmt: skip
ROOM = Knob(
    capability=Capability.ROOM_SETPOINT, point="room", minimum=5.0, maximum=30.0, resolution=0.5,
    write_class=WriteClass.PERSISTENT, safe_minimum=19.0, safe_maximum=23.0,
)  # fmt: skip
LIMIT = Knob(
    capability=POWER, point="limit", minimum=500.0, maximum=20000.0, resolution=1.0,
    write_class=WriteClass.VOLATILE, lapse_s=600.0,
)  # fmt: skip
HOURS = 48


@pytest.fixture
def model(config: HouseConfig) -> HouseModel:
    return house_model(config)


def known(model: HouseModel) -> Belief:
    """A house that has been watched for long."""
    return replace(first_belief(seen(), model, None), known_for_s=30 * 86400.0)


def seen(**values: float) -> Snapshot:
    everything = {"room_c": 21.0, "outdoor_c": 0.0, "flow_c": 35.0} | values
    return Snapshot(AT, {Signal(name): Reading(v, AT) for name, v in everything.items()})


def plan_of(heat_w: list[float], outdoor_c: float | None = 0.0) -> Plan:
    """One number an hour."""
    steps = tuple(w for w in heat_w for _ in range(4))
    flat = (21.0,) * len(steps)
    return Plan(
        made_at=AT, starts_at=AT, step_s=900, source="mpc", heat_w=steps, power_w=steps,
        flow_c=flat, room_c=flat, price_per_kwh=flat, price_known=(True,) * len(steps),
        low_c=flat, high_c=flat, cost=0.0, discomfort_kh=0.0,
        outdoor_c=() if outdoor_c is None else (outdoor_c,) * len(steps),
    )  # fmt: skip


def load_w(model: HouseModel) -> float:
    """What this house needs at 0 °C."""
    coming = ahead(plan_of([0.0] * HOURS), AT, belief=known(model), model=model)
    assert coming is not None
    return float(coming.own_w[0])


def wave(model: HouseModel, high_first: bool, swing_w: float = 2000.0) -> list[float]:
    """Twelve hours more, twelve hours less than the house needs."""
    mean_w = load_w(model)
    signs = [1.0 if (hour // 12) % 2 == 0 else -1.0 for hour in range(HOURS)]
    return [mean_w + (swing_w if high_first else -swing_w) * sign for sign in signs]


def shifted(
    model: HouseModel, knob: Knob, heat_w: list[float], *,
    current: float | None, aim_c: float | None = None, writes_left: float | None = None,
    belief: Belief | None = None,
) -> float | None:  # fmt: skip
    values = {} if aim_c is None else {"flow_setpoint_c": aim_c}
    return shift_setting(
        knob, plan_of(heat_w), belief=belief or known(model), model=model,
        snapshot=seen(**values), current=current, writes_left=writes_left,
    )  # fmt: skip


def own_flow_c(model: HouseModel, heat_w: float) -> float:
    belief = known(model)
    asked_w = heat_w / belief.heating_share_frac
    return float(flow_for_heat(emitter_now(belief, model), asked_w, 21.0))


def test_an_offset_rises_for_more_heat_than_the_pump_would_give_and_falls_for_less(
    model: HouseModel,
) -> None:
    aim_c = own_flow_c(model, load_w(model))
    more = shifted(
        model, OFFSET_KNOB, wave(model, True), current=0.0, aim_c=aim_c, writes_left=15.0
    )
    less = shifted(
        model, OFFSET_KNOB, wave(model, False), current=0.0, aim_c=aim_c, writes_left=15.0
    )
    assert more is not None
    assert less is not None
    assert less < 0.0 < more


def test_an_offset_makes_good_a_curve_that_is_set_too_high(model: HouseModel) -> None:
    even = [load_w(model)] * HOURS
    right = own_flow_c(model, load_w(model))
    assert shifted(model, OFFSET_KNOB, even, current=1.0, aim_c=right, writes_left=9.0) == 1.0
    lowered = shifted(model, OFFSET_KNOB, even, current=1.0, aim_c=right + 3.0, writes_left=9.0)
    assert lowered == -2.0


def test_an_offset_stays_without_writes_left_or_while_it_cannot_be_read(model: HouseModel) -> None:
    aim_c = own_flow_c(model, load_w(model))
    stays = shifted(
        model, OFFSET_KNOB, wave(model, True), current=0.0, aim_c=aim_c, writes_left=0.0
    )
    assert stays == 0.0
    blind = shifted(
        model, OFFSET_KNOB, wave(model, True), current=None, aim_c=aim_c, writes_left=15.0
    )
    assert blind is None


def test_an_offset_means_nothing_without_the_curve_that_it_shifts(model: HouseModel) -> None:
    assert shifted(model, OFFSET_KNOB, wave(model, True), current=0.0, writes_left=15.0) is None


def test_a_house_hardly_known_is_shifted_little(model: HouseModel) -> None:
    aim_c, fresh = own_flow_c(model, load_w(model)), first_belief(seen(), model, None)
    wide = wave(model, True, swing_w=4000.0)
    for belief, most in ((fresh, 2.0), (known(model), 5.0)):
        value = shifted(
            model, OFFSET_KNOB, wide, current=0.0, aim_c=aim_c, writes_left=15.0, belief=belief
        )
        assert value is not None
        assert value <= most
        assert value >= most - 1.0


def test_a_room_setpoint_leads_the_planned_room(model: HouseModel) -> None:
    warm = shifted(model, ROOM, wave(model, True), current=21.0, writes_left=15)
    cool = shifted(model, ROOM, wave(model, False), current=21.0, writes_left=15)
    even = shifted(model, ROOM, [load_w(model)] * HOURS, current=21.0, writes_left=15)
    assert even == 21.0
    assert cool is not None
    assert warm is not None
    assert 19.0 <= cool < 21.0 < warm <= 23.0


def test_sg_ready_blocks_recommends_and_lets_be(model: HouseModel) -> None:
    nothing_now = [0.0] * 3 + [1.1 * load_w(model)] * (HOURS - 3)
    assert shifted(model, SG, nothing_now, current=2.0) == 1.0
    assert shifted(model, SG, wave(model, True, swing_w=3500.0), current=2.0) in (3.0, 4.0)
    assert shifted(model, SG, [load_w(model)] * HOURS, current=2.0) == 2.0


def test_a_limit_is_free_for_as_much_as_the_pump_would_do(model: HouseModel) -> None:
    plan = plan_of([load_w(model)] * HOURS)
    assert (
        limit_setting(LIMIT, load_w(model), plan, belief=known(model), model=model, snapshot=seen())
        == 20000.0
    )
    always_w = limit_setting(
        LIMIT, load_w(model), plan, belief=known(model), model=model, snapshot=seen(), always=True
    )
    assert 500.0 < always_w < 5000.0  # what the plan wants, so that there is more to give
    held_w = limit_setting(LIMIT, 2000.0, plan, belief=known(model), model=model, snapshot=seen())
    assert 500.0 <= held_w < 1200.0
    share = replace(LIMIT, capability=Capability.COMPRESSOR_LIMIT, minimum=0.0, maximum=1.0,
                    resolution=0.01)  # fmt: skip
    assert (
        0.1
        < limit_setting(share, 2000.0, plan, belief=known(model), model=model, snapshot=seen())
        < 0.7
    )
    switch = replace(LIMIT, capability=Capability.ON_OFF, minimum=0.0, maximum=1.0, resolution=1.0)
    assert (
        limit_setting(switch, 2000.0, plan, belief=known(model), model=model, snapshot=seen())
        == 1.0
    )


def test_colder_hours_are_the_pumps_own_business(model: HouseModel) -> None:
    flat = plan_of([load_w(model)] * HOURS)
    cold_first = replace(flat, outdoor_c=(-5.0,) * 96 + (5.0,) * 96)
    coming = ahead(cold_first, AT, belief=known(model), model=model)
    assert coming is not None
    assert coming.own_w[20] > coming.own_w[27]
    without = ahead(plan_of([load_w(model)] * HOURS, None), AT, belief=known(model), model=model)
    assert without is not None
    assert without.own_w == pytest.approx([load_w(model)] * HOURS)


def test_a_plan_that_ends_within_the_hour_shifts_nothing(model: HouseModel) -> None:
    late = AT + timedelta(hours=HOURS, minutes=-30)
    assert ahead(plan_of([load_w(model)] * HOURS), late, belief=known(model), model=model) is None


def test_every_knob_knows_its_least_its_most_and_what_lets_a_pump_run() -> None:
    outdoor = replace(OFFSET_KNOB, capability=Capability.VIRTUAL_OUTDOOR, safe_minimum=-10.0,
                      safe_maximum=10.0)  # fmt: skip
    assert (rest_setting(outdoor), warm_setting(outdoor)) == (10.0, -10.0)
    assert (rest_setting(SG), warm_setting(SG), let_run_setting(SG)) == (1.0, 4.0, 2.0)
    assert let_run_setting(LIMIT) == 20000.0
    assert let_run_setting(OFFSET_KNOB) is None
    assert span(ROOM) == (19.0, 23.0)


def test_a_knob_says_how_well_it_can_follow() -> None:
    assert "never ask for more" in can_follow(LIMIT)
    assert "4 states" in can_follow(SG)
    assert "every 10 min" in can_follow(SG)
    assert "few changes a week" in can_follow(OFFSET_KNOB)


@given(
    st.lists(st.lists(st.floats(0.0, 100.0), min_size=3, max_size=3), min_size=1, max_size=6),
    st.integers(0, 2),
    st.integers(0, 4),
    st.floats(0.1, 50.0),
)
def test_the_staircase_is_as_good_as_trying_everything(
    misfit: list[list[float]], held: int, changes: int, price: float
) -> None:
    table = np.array(misfit)

    def cost(path: tuple[int, ...]) -> float:
        moves = sum(a != b for a, b in zip((held, *path), path, strict=False))
        if moves > changes:
            return float("inf")
        return float(sum(table[hour, level] for hour, level in enumerate(path))) + price * moves

    paths: list[tuple[int, ...]] = [()]
    for _ in misfit:
        paths = [(*path, level) for path in paths for level in range(3)]
    best = min(cost(path) for path in paths)
    chosen = level_now(table, held=held, changes=changes, change_price=price)
    best_so = min(cost(path) for path in paths if path[0] == chosen)
    assert best_so == pytest.approx(best)


def test_an_empty_table_is_no_question() -> None:
    with pytest.raises(ValueError, match="nothing to follow"):
        level_now(np.zeros((0, 3)), held=None, changes=1, change_price=1.0)
