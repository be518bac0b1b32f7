"""Small planned moves of the wanted temperature: off by default, balanced, inside the band."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.config import ConfigError, parse_config
from controller.config_comfort import Comfort
from controller.estimate import first_belief
from controller.excitation import SLOT, SLOTS, is_up
from controller.experience import Experience
from controller.forecasts import Known
from controller.guard import Memory
from controller.margin import Errors, Margin
from controller.model import house_model
from controller.request import plan_request
from controller.snapshot import Reading, Snapshot
from controller.wishes import Target, Wish, Wishes, target
from drivers.api import Signal
from mpc.building import Building, discretise, steady_state, total_loss_w_per_k
from mpc.house_data import HouseData
from mpc.identify import identify
from mpc.identify_model import Order, Prior
from mpc.plan import PlanRequest

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
MOVED = Comfort(excitation_k=0.3)
NOTHING = Snapshot(AT, {})
INSTANTS = st.integers(0, 10**6).map(lambda quarters: AT + timedelta(minutes=15 * quarters))


def slots(blocks: int) -> list[datetime]:
    """Starts of all slots of whole blocks."""
    first = AT.timestamp() // (SLOTS * SLOT.total_seconds()) * SLOTS * SLOT.total_seconds()
    return [datetime.fromtimestamp(first, UTC) + SLOT * n for n in range(SLOTS * blocks)]


@settings(deadline=None)
@given(at=INSTANTS)
def test_nothing_moves_unless_the_owner_asks(at: datetime) -> None:
    assert target(Wishes(), Comfort(), NOTHING, at) == Target(21.0, 1.0, "configured")


@settings(deadline=None)
@given(at=INSTANTS, move_k=st.floats(0.05, 0.5), band_k=st.floats(1.0, 3.0))
def test_the_moved_band_stays_inside_the_one_that_was_asked_for(
    at: datetime, move_k: float, band_k: float
) -> None:
    comfort = Comfort(excitation_k=move_k, band_k=band_k)
    found = target(Wishes(), comfort, NOTHING, at)
    assert found.room_c - found.band_k >= comfort.room_c - band_k - 1e-9
    assert found.room_c + found.band_k <= comfort.room_c + band_k + 1e-9
    assert abs(found.room_c - comfort.room_c) == pytest.approx(move_k)


def test_as_many_slots_go_up_as_down_and_at_every_hour_of_the_day() -> None:
    found = slots(60)
    assert sum(map(is_up, found)) == len(found) // 2
    for hour in range(0, 24, 4):
        ups = [is_up(at) for at in found if at.hour == hour]
        assert 0.3 < sum(ups) / len(ups) < 0.7


def test_moves_are_of_many_lengths() -> None:
    signs = [is_up(at) for at in slots(60)]
    turns = [n for n, (was, now) in enumerate(pairwise(signs)) if was is not now]
    assert {1, 2, 3, 4} <= {then - first for first, then in pairwise(turns)}


@pytest.mark.parametrize(
    ("wish", "room_c"),
    [
        (Wish("override", 22.0, AT, None), 22.0),
        (Wish("away", None, AT, None), 17.0),
        (Wish("boost", None, AT, None), 22.0),
    ],
)
def test_what_was_asked_for_now_is_not_moved(wish: Wish, room_c: float) -> None:
    assert target(Wishes(wish), MOVED, NOTHING, AT) == Target(room_c, 1.0, wish.kind)


def test_a_house_that_is_switched_off_is_not_moved() -> None:
    off = Snapshot(AT, {Signal.ROOM_HEATING_ENABLED: Reading(0.0, AT)})
    assert target(Wishes(), MOVED, off, AT).room_c == MOVED.away_c


def test_the_reason_says_so() -> None:
    reasons = {target(Wishes(thermostat_c=20.0), MOVED, NOTHING, at).reason for at in slots(1)}
    assert reasons == {
        "wall thermostat, moved by +0.3 K to learn the house",
        "wall thermostat, moved by -0.3 K to learn the house",
    }


def test_a_plan_knows_the_moves_ahead_and_keeps_a_band(document: dict[str, Any]) -> None:
    document["comfort"] = {"excitation_k": 0.3}
    moved_config = parse_config(document)
    wild = Margin(errors=(Errors(1e4, 9.0),) * 3)  # plans that erred by 3 K leave all they may

    def asked(config: Any) -> PlanRequest:
        model = house_model(config)
        snapshot = Snapshot(AT, {Signal.ROOM_C: Reading(21.0, AT)})
        return plan_request(
            snapshot,
            known=Known(),
            belief=first_belief(snapshot, model, None),
            target_at=lambda at: target(Wishes(), config.comfort, snapshot, at),
            model=model,
            config=config,
            memory=Memory(),
            experience=replace(Experience(), margin=wild),
            whole=True,
        )

    comfort = asked(moved_config).comfort
    assert {round(c, 6) for c in comfort.target_c} == {20.7, 21.3}
    assert all(low < high for low, high in zip(comfort.low_c, comfort.high_c, strict=True))
    document["comfort"] = {}
    assert set(asked(parse_config(document)).comfort.target_c) == {21.0}


def test_a_move_that_leaves_no_band_is_refused(document: dict[str, Any]) -> None:
    document["comfort"] = {"band_k": 0.6, "margin_k": 0.3, "excitation_k": 0.3}
    with pytest.raises(ConfigError, match="excitation_k together must be smaller than band_k"):
        parse_config(document)


def held(house: Building, days: int, comfort: Comfort) -> HouseData:
    """A house of the model's own kind, held at what is wanted by a thermostat, with noise."""
    chance, count = np.random.default_rng(3), 48 * days
    hours = np.arange(count) / 2.0
    spells = np.interp(hours / 24.0, np.arange(days + 2), chance.normal(0.0, 4.0, days + 2))
    outdoor_c = 2.0 + spells + 2.0 * np.cos((hours - 14.0) * np.pi / 12.0)
    sun = 0.5 * np.maximum(0.0, 350.0 * np.cos((hours - 12.0) * np.pi / 9.0))
    step, loss = discretise(house, 1800.0), total_loss_w_per_k(house)
    x = steady_state(house, room_c=21.0, outdoor_c=outdoor_c[0], gain_w=400.0).state_c[:, 0]
    room_c, heat_w = np.empty(count), np.empty(count)
    for k in range(count):
        wanted_c = target(Wishes(), comfort, NOTHING, AT + timedelta(hours=hours[k])).room_c
        room_c[k] = round(x[0] + chance.normal(0.0, 0.03), 1)
        heat_w[k] = max(loss * (20.0 - outdoor_c[k] + 3.0 * (wanted_c - x[0])), 0.0)
        gain_w = house.internal_gains_w + chance.normal(0.0, 250.0)
        x = step.a @ x + step.b_heat * heat_w[k] + step.b_outdoor * outdoor_c[k]
        x = x + step.b_solar * sun[k] + step.b_gain * gain_w
    return HouseData(
        starts_at=AT, step_s=1800.0, room_c=room_c, heat_w=heat_w, outdoor_c=outdoor_c,
        ghi_w_per_m2=sun,
    )  # fmt: skip


@pytest.mark.timeout(120)  # two fits
def test_more_is_learned_of_what_a_moved_house_stores(document: dict[str, Any]) -> None:
    usual = house_model(parse_config(document)).building
    true = replace(usual, mass_kwh_per_k=0.6 * usual.mass_kwh_per_k)
    still, shaken = (
        identify(
            held(true, 16, Comfort(excitation_k=move_k)),
            Prior(building=usual),
            orders=(Order.TWO,),
            patterns=False,
        ).log_std()
        for move_k in (0.0, 0.5)
    )
    assert shaken["mass_kwh_per_k"] < 0.85 * still["mass_kwh_per_k"]
    assert shaken["air_kwh_per_k"] < 0.85 * still["air_kwh_per_k"]


async def test_the_loop_records_the_move(
    document: dict[str, Any], make_house: Callable[..., Any]
) -> None:
    document["comfort"] = {"excitation_k": 0.4}
    house = make_house(mode="observe")
    async with asyncio.TaskGroup() as tasks:
        record = await house.loop().cycle(tasks)
    assert record.target.room_c in (20.6, 21.4)
    assert record.target.band_k == pytest.approx(0.6)
