"""A simulated tank under the controller: cheap hours, deadlines, legionella, a planner that dies.

The planner is a simple one: a charge in the cheapest hour of every night and every afternoon, as
hot as it may; what is told is what comes of its plans.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from scripted import START, Action, ScriptedWorld, Story, at_hour, play, spec

from bench.truth import spot_at
from controller.app import heat_knob, hot_water_knob
from controller.config_hot_water import HotWaterSection, Ready
from controller.guard import Refused
from controller.recorder import Records
from controller.replay import replay
from drivers.api import Capability, OperatingState
from hil.occupants import Family
from mpc.plan import Diagnostics, NotSolved, Plan, PlanRequest, PlanResult, Solved
from mpc.rules import RULES

pytestmark = pytest.mark.timeout(300)

ZONE = ZoneInfo("Europe/Copenhagen")
TANK = Capability.DHW_SETPOINT
OWNERS_C, TAP_C, LEGIONELLA_C = 43.0, 40.0, 55.0
GENERIC_DHW, NOT_THERE = 3, 0x8000  # input register of the generic profile
READY = ("06:30", "18:00")
WINDOWS = (range(6), range(12, 17))  # local hours of one charge each
SETTLED_AT = at_hour(4.0)  # what the tank held at the start is used up
DIAGNOSTICS = Diagnostics(
    solver="rule", status="", iterations=0, solve_ms=0.0, objective=0.0, replay_error_k=0.0
)
OWN = HotWaterSection()
STEERED = HotWaterSection(
    enabled=True,
    people=4.0,
    volume_l=185.0,
    sensor="top",
    comfort_c=46.0,
    ready=tuple(Ready(at=at) for at in READY),
    starts_below_k=0.0,  # the simulated pump's set-point is where it starts,
    stops_above_k=7.0,  # and this is how far it goes
)

POINT = """
# a set-point that the pump keeps: the harder case
[points.dhw_setpoint]
space = "holding"
address = 4
kind = "int16"
scale = 0.1
unit = "°C"
minimum = 5.0
maximum = 65.0
sentinels = [-32768]
writable = true

[knobs.dhw_setpoint]
point = "dhw_setpoint"
minimum = 5.0
maximum = 65.0
resolution = 0.5
write_class = "persistent"
minimum_interval_s = 600.0
safe_minimum = 38.0
safe_maximum = 58.0
"""


class CheapHours:
    """Heats the rooms as they need it and the tank in cheap hours, until it dies."""

    def __init__(self, dies_at: datetime | None = None) -> None:
        self._dies_at = dies_at

    async def solve(self, request: PlanRequest) -> PlanResult:
        if self._dies_at is not None and request.made_at >= self._dies_at:
            return NotSolved("the planner is dead", None)
        rooms = RULES["heat-led"](replace(request, hot_water=None))
        return Solved(with_charges(rooms, request), DIAGNOSTICS)

    def close(self) -> None:
        """Nothing is open."""


def with_charges(plan: Plan, request: PlanRequest) -> Plan:
    """The plan with the tank in it: charges of an hour, to its limit."""
    water = request.hot_water
    if water is None:
        return plan
    steps = range(len(plan.heat_w))
    at = [plan.starts_at + timedelta(seconds=plan.step_s * k) for k in steps]
    hour = 3600 // plan.step_s
    windows: dict[tuple[date, int], list[int]] = {}
    for k in steps[: 1 - hour]:
        local = at[k].astimezone(ZONE)
        for number, hours in enumerate(WINDOWS):
            if local.hour in hours:
                windows.setdefault((local.date(), number), []).append(k)
    shares, tank_c = [0.0] * len(steps), [45.0] * len(steps)
    for window in windows.values():
        first = min(window, key=lambda k: sum(plan.price_per_kwh[k : k + hour]))
        for k in range(first, first + hour):
            shares[k], tank_c[k] = 1.0, water.high_c[k]
    return replace(
        plan,
        dhw_heat_w=tuple(4000.0 * share for share in shares),
        dhw_run_frac=tuple(shares),
        dhw_c=tuple(tank_c),
    )


@dataclass(frozen=True)
class Layers:
    """What the tank really was."""

    at: datetime
    upper_c: float
    lower_c: float
    setpoint_c: float


@dataclass
class Cellar:
    """A story, and the tank in it."""

    story: Story
    layers: Sequence[Layers]

    def cold_l(self) -> float:
        """Litres drawn at the tap from a tank cooler than what people mix to."""
        people = Family(seed=1, people=4, timezone=ZONE.key)
        return sum(
            people.draw_l_per_min(now.at) * (later.at - now.at).total_seconds() / 60.0
            for now, later in pairwise(self.layers)
            if now.upper_c < TAP_C
        )

    def charge_price(self) -> float:
        """Mean spot price of the electricity that went into hot water."""
        archive, spent, used = self.story.world._archive, 0.0, 0.0
        for now, later in pairwise(self.story.world.truths):
            if now.at >= SETTLED_AT and later.operating_state is OperatingState.DHW:
                kwh = later.electricity_kwh - now.electricity_kwh
                used += kwh
                spent += kwh * spot_at(archive.zone.spot_per_kwh, now.at)
        return spent / used


def live(
    directory: Path,
    section: HotWaterSection,
    *,
    days: float,
    planner: CheapHours | None = None,
    script: dict[datetime, Action] | None = None,
) -> Cellar:
    """So many days of a family with the simulated pump."""
    profile = directory / "pump.toml"
    generic = (files("drivers") / "profiles" / "generic_modbus.toml").read_text(encoding="utf-8")
    others = re.sub(r"\[(points|knobs)\.dhw_setpoint\]\n(\w+ = .*\n)*", "", generic)
    profile.write_text(others + POINT, encoding="utf-8")
    layers: list[Layers] = []

    def watch(world: ScriptedWorld) -> None:
        go_on: Callable[..., object] = world.advance
        tank, firmware = world.house._tank, world.house.firmware

        async def advance(until: datetime) -> None:
            await go_on(until)  # type: ignore[misc]
            layers.append(Layers(until, tank.upper_c, tank.lower_c, firmware.dhw_start_c))

        world.advance = advance  # type: ignore[method-assign]

    story = play(
        directory,
        {} if script is None else script,
        run_spec=spec(
            profile=str(profile),
            days=days,
            control=(("plan_every", "30 min"), ("cycle", "3 min"), ("horizon", "36 h")),
        ),
        planner=planner or CheapHours(),
        prepare=watch,
        hot_water={name: getattr(section, name) for name in HotWaterSection.model_fields},
    )
    return Cellar(story, layers)


@pytest.fixture(scope="module")
def steered(tmp_path_factory: pytest.TempPathFactory) -> Cellar:
    """A day and a half under the controller."""
    return live(tmp_path_factory.mktemp("steered"), STEERED, days=1.55)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Cellar:
    """The same hours with hot water left to the pump."""
    return live(tmp_path_factory.mktemp("own"), OWN, days=1.55)


def test_charges_move_to_cheaper_hours(steered: Cellar, own: Cellar) -> None:
    assert steered.charge_price() < 0.95 * own.charge_price()


def test_nobody_gets_a_colder_shower_than_from_the_pumps_own_control(
    steered: Cellar, own: Cellar
) -> None:
    assert steered.cold_l() <= own.cold_l()


def test_the_tank_is_hot_at_every_deadline(steered: Cellar) -> None:
    met = 0
    for layer in steered.layers:
        if layer.at.astimezone(ZONE).strftime("%H:%M") in READY and layer.at > at_hour(2.0):
            assert layer.upper_c >= STEERED.comfort_c - 0.5
            met += 1
    assert met >= 3


def test_a_stored_setpoint_is_written_seldom_and_within_what_is_liveable(steered: Cellar) -> None:
    counts = steered.story.world.house._pump.image.write_counts
    assert 1 <= counts["dhw_setpoint"] <= 8
    assert all(38.0 <= layer.setpoint_c <= 58.0 for layer in steered.layers)


def test_hot_water_left_to_the_pump_is_not_touched(own: Cellar) -> None:
    assert {layer.setpoint_c for layer in own.layers} == {OWNERS_C}
    assert "dhw_setpoint" not in own.story.world.house._pump.image.write_counts


def test_a_replay_comes_to_the_same(steered: Cellar) -> None:
    records = Records(steered.story.config.storage.directory / "records.db")
    try:
        steps = list(replay(records, heat_knob, hot_water_knob))
    finally:
        records.close()
    assert len(steps) == len(steered.story.records)
    assert [step for step in steps if step is not None] == []


def test_the_owners_setpoint_is_back_at_the_end(steered: Cellar) -> None:
    assert steered.story.world.house.firmware.dhw_start_c == OWNERS_C


def test_the_tank_is_heated_through_within_its_interval(tmp_path: Path) -> None:
    """A tank never seen hot is due within a day; the pump's own control never gets there."""
    section = STEERED.model_copy(update={"legionella_c": LEGIONELLA_C, "max_c": 54.0})
    cellar = live(tmp_path, section, days=26.0 / 24.0)
    hot = [layer.at for layer in cellar.layers if layer.lower_c >= LEGIONELLA_C - 0.5]
    assert hot
    assert hot[-1] - hot[0] >= timedelta(seconds=section.legionella_hold_s)
    assert hot[0] - START <= timedelta(hours=24)


def test_a_dead_planner_leaves_the_tank_to_the_pump_and_the_rooms_to_the_curve(
    tmp_path: Path,
) -> None:
    """Two hours after the last plan; the heating-curve rule knows no tank."""
    cellar = live(tmp_path, STEERED, days=0.75, planner=CheapHours(dies_at=at_hour(10.0)))
    before = {layer.setpoint_c for layer in cellar.layers if layer.at < at_hour(10.0)}
    after = {layer.setpoint_c for layer in cellar.layers if layer.at >= at_hour(12.5)}
    assert before != {OWNERS_C}
    assert after == {OWNERS_C}
    late = cellar.story.between(at_hour(12.5), at_hour(18.0))
    assert not any(isinstance(record.verdict, Refused) for record in late)
    assert {TANK in record.wanted.settings for record in late} == {False}
    assert min(layer.upper_c for layer in cellar.layers) > TAP_C


def test_a_tank_whose_sensor_is_gone_is_handed_back(tmp_path: Path) -> None:
    """The rooms are steered on."""

    def blind(world: ScriptedWorld) -> None:
        world.wire.shown[GENERIC_DHW] = NOT_THERE

    cellar = live(tmp_path, STEERED, days=0.25, script={at_hour(3.0): blind})
    late = cellar.story.between(at_hour(3.5), at_hour(6.0))
    assert {TANK in record.wanted.settings for record in late} == {False}
    assert not any(isinstance(record.verdict, Refused) for record in late)
    assert {layer.setpoint_c for layer in cellar.layers if layer.at > at_hour(3.5)} == {OWNERS_C}
