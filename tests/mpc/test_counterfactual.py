"""The counterfactual of a house that is the model: own control, known to the last watt."""

from dataclasses import replace

import numpy as np
import pytest

from mpc.arrays import FloatArray
from mpc.building import (
    Building,
    Emitter,
    EmitterKind,
    MassClass,
    archetype,
    discretise,
    emitter_for,
    steady_state,
    total_loss_w_per_k,
    with_radiators,
)
from mpc.counterfactual import Counterfactual, KnownHouse, counterfactual
from mpc.counterfactual_power import Flow, Machine, Spell, learned_machine
from mpc.heat_pump import capacity_w
from mpc.heat_pump_maps import air_water_surrogate

STEP_S, PER_DAY = 1800.0, 48
NAMES = ("mass_outdoor_w_per_k", "mass_kwh_per_k")
PUMP = air_water_surrogate(9000.0)


def house() -> tuple[Building, Emitter]:
    building = archetype(
        year=1970, area_m2=140.0, mass=MassClass.MEDIUM, emitter=EmitterKind.RADIATOR
    )
    emitter = emitter_for(building=building, kind=EmitterKind.RADIATOR, design_flow_c=45.0)
    return with_radiators(building, emitter), emitter


def machine(*, measured: bool = True) -> Machine:
    return Machine(
        heat_pump=PUMP,
        emitter=house()[1],
        least_load_frac=0.3,
        most_w=float(capacity_w(PUMP, 2.0, 40.0)),
        heat_is_measured=measured,
    )


def known(log_std: float = 0.1) -> KnownHouse:
    return KnownHouse(
        building=house()[0], names=NAMES, log_covariance=np.diag([log_std**2, log_std**2])
    )


def lived(days: int, shift: FloatArray | None = None) -> Spell:
    """Days of a curve, moved by `shift` (W by step of the day), paid for by the map itself."""
    building, _ = house()
    at = np.arange(days * PER_DAY)
    outdoor_c = 2.0 + 1.5 * np.sin(2.0 * np.pi * at / PER_DAY) + 3.0 * np.sin(at / 170.0)
    step = discretise(building, STEP_S)
    gain_w = building.internal_gains_w
    state = steady_state(building, room_c=21.0, outdoor_c=2.0, gain_w=gain_w).state_c[:, 0]
    moved = np.zeros(PER_DAY) if shift is None else shift
    room_c, heat_w = np.empty((2, len(at)))
    for k, outside_c in enumerate(outdoor_c.tolist()):
        room_c[k] = state[0]
        own_w = total_loss_w_per_k(building) * (21.0 - outside_c) - gain_w
        heat_w[k] = max(own_w - 150.0 * (state[0] - 21.0) + moved[k % PER_DAY], 0.0)
        state = step.a @ state + step.b_heat * heat_w[k]
        state = state + step.b_outdoor * outside_c + step.b_gain * gain_w
    spell = Spell(
        step_s=STEP_S,
        room_c=room_c,
        heat_w=heat_w,
        outdoor_c=outdoor_c,
        power_w=np.zeros(len(at)),
        flow_c=np.full(len(at), np.nan),
        price_per_kwh=np.where((at % PER_DAY) < PER_DAY // 2, 0.2, 0.4),
    )
    return replace(spell, power_w=_by_map(spell))


def _by_map(spell: Spell) -> FloatArray:
    """Electricity that the map itself says, some 3000 kWh of heat through a pump without a rest."""
    some = replace(spell, power_w=spell.heat_w / 3.0 + PUMP.standby_w)
    learned = learned_machine(
        [some], machine(measured=False), np.full(8, 2400.0), np.random.default_rng(1)
    )
    flat = replace(learned, gain=np.zeros_like(learned.gain), rest=(0.0 * learned.rest[0],))
    heat_w = np.repeat(spell.heat_w[:, None], 8, axis=1)
    return np.asarray(flat.power_w(0, heat_w, spell.room_c[:, None])[:, 0])


def cheap_hours(extra_w: float) -> FloatArray:
    half = PER_DAY // 2
    return np.concatenate([np.full(half, extra_w), np.full(half, -extra_w)])


def reckoned(spell: Spell, *, draws: int = 40, log_std: float = 0.1) -> Counterfactual:
    return counterfactual([spell], known(log_std), machine(), draws=draws)


def test_a_house_on_its_own_control_saved_nothing() -> None:
    found = reckoned(lived(14))
    assert abs(found.energy_frac.mid) < 0.01
    assert found.cost_frac is not None
    assert abs(found.cost_frac.mid) < 0.03


def test_heat_moved_to_cheap_hours_shows_as_cost_saved() -> None:
    found = reckoned(lived(14, cheap_hours(1500.0)))
    truth = lived(14)
    assert found.own_cost is not None
    assert found.cost_frac is not None
    price = truth.price_per_kwh
    true_cost = float(price @ truth.power_w) * STEP_S / 3.6e6
    assert found.own_cost.mid == pytest.approx(true_cost, rel=0.03)
    assert found.cost_frac.low > 0.02


def test_own_control_needs_as_much_heat_as_was_given() -> None:
    spell = lived(21, cheap_hours(1500.0))
    found = reckoned(spell)
    assert found.used_kwh == pytest.approx(float(spell.power_w.sum()) * STEP_S / 3.6e6)
    assert found.own_kwh.mid == pytest.approx(found.used_kwh, rel=0.06)


def test_cost_is_the_share_saved_of_own_cost() -> None:
    found = reckoned(lived(14, cheap_hours(800.0)))
    assert found.own_cost is not None
    assert found.paid is not None
    assert found.cost_frac is not None
    assert found.cost_frac.high == pytest.approx(1.0 - found.paid / found.own_cost.high, abs=1e-3)


def test_a_shorter_time_and_heat_that_is_not_measured_are_less_sure() -> None:
    spell = lived(21, cheap_hours(1500.0))
    wide = counterfactual([spell], known(), machine(measured=False), draws=40).energy_frac
    narrow = reckoned(spell).energy_frac
    assert wide.high - wide.low > narrow.high - narrow.low


def test_unknown_prices_leave_the_cost_out() -> None:
    spell = lived(14)
    found = reckoned(replace(spell, price_per_kwh=np.full_like(spell.price_per_kwh, np.nan)))
    assert (found.paid, found.own_cost, found.cost_frac) == (None, None, None)


def test_the_same_records_give_the_same_answer() -> None:
    spell = lived(8)
    assert reckoned(spell, draws=10) == reckoned(spell, draws=10)


@pytest.mark.parametrize("measured", [True, False])
def test_heat_that_was_given_costs_what_was_metered(measured: bool) -> None:
    spell = lived(28, cheap_hours(800.0))
    by_day = 1.0 + 0.05 * np.sin(np.arange(28.0))
    spell = replace(spell, power_w=spell.power_w * np.repeat(by_day, PER_DAY))
    learned = learned_machine(
        [spell], machine(measured=measured), np.full(60, 2400.0), np.random.default_rng(1)
    )
    heat_w = np.repeat(spell.heat_w[:, None], 60, axis=1)
    share = learned.power_w(0, heat_w, spell.room_c[:, None]).sum(axis=0) / spell.power_w.sum()
    assert share.mean() == pytest.approx(1.0, abs=0.003)
    assert 0.0 < share.std() < 0.02


def test_flows_that_were_read_tell_how_long_a_floor_follows_its_heat() -> None:
    building = archetype(year=1990, area_m2=140.0, mass=MassClass.MEDIUM, emitter=EmitterKind.FLOOR)
    floor = emitter_for(building=building, kind=EmitterKind.FLOOR, design_flow_c=38.0)
    pump, spell = replace(machine(), emitter=floor), lived(21, cheap_hours(1500.0))
    one = np.ones(1)
    law = Flow(floor, 8.0 * 3600.0 * one, 0.8 * one, 6.0 * one)
    read_c = law.of(spell, spell.heat_w[:, None], spell.room_c[:, None])[:, 0]
    noise_k = 0.2 * np.random.default_rng(2).standard_normal(len(read_c))
    found = learned_machine(
        [replace(spell, flow_c=read_c + noise_k)], pump, one, np.random.default_rng(1)
    ).flow
    assert found.lag_s[0] == pytest.approx(8.0 * 3600.0)
    assert found.held[0] == pytest.approx(0.8, abs=0.05)
    assert found.direct_k[0] == pytest.approx(6.0, abs=0.5)


def test_without_heat_nothing_is_reckoned() -> None:
    spell = lived(8)
    with pytest.raises(ValueError, match="no heat"):
        reckoned(replace(spell, heat_w=np.zeros_like(spell.heat_w)))
