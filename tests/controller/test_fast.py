"""The one-second loop: wishes fold to one limit, the cycle owns the knob, nothing outlives it."""

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from fast_looks import AT, FLOW, POWER, look
from guarded import snapshot
from hands import hand, held, make_rig, written
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.clock import SteppedClock
from controller.fast import HOLD_S, STEP, FastLoop, Wish, folded
from controller.fast_bounds import Barred, Bounds, standing
from controller.grid_hold import MARGIN_W, GridHold
from controller.guard import Allowed, Altered, Memory, Purpose, Refused
from controller.store import open_store
from drivers.api import OperatingState, Signal
from drivers.errors import LinkLostError
from drivers.profile import load_modbus_profile

PROFILE = load_modbus_profile("generic_modbus")
FREE = 65535.0
"""How the pump's register says that nothing limits it."""

watts = st.floats(0.0, 5000.0)
wishes = st.builds(Wish, least_w=st.none() | watts, most_w=st.none() | watts)


class Asks:
    """A duty that wishes what the test says."""

    note = "asks"

    def __init__(self) -> None:
        self.wanted: Wish | None = None
        self.taken: list[Bounds] = []
        self.barred: list[tuple[str, ...]] = []
        self.closed = False
        self.error: Exception | None = None

    def take(self, _look, bounds):
        self.taken.append(bounds)

    def bar(self, reasons):
        self.barred.append(tuple(reasons))
        self.wanted = None

    async def wish(self, _at, _passed_s):
        if self.error is not None:
            raise self.error
        return self.wanted

    async def close(self):
        self.closed = True


class Scene:
    """The loop over a pump in memory; time is moved by hand."""

    def __init__(self, store) -> None:
        self.rig = make_rig(PROFILE)
        self.rig.bank.put("power_limit", (65535,))
        self.actuator = hand(self.rig, store)
        self.world: list = []
        self.five = asyncio.Event()
        self.clock = SteppedClock(AT, self._advance)
        self.duty = Asks()
        self.fast = FastLoop(
            [self.duty], self.actuator, asyncio.Lock(), clock=self.clock, cycle_s=60.0
        )

    async def _advance(self, at):
        self.world.append(at)
        if len(self.world) == 5:
            self.five.set()

    async def cycle(self, **changes):
        seen = look(after=self.clock.now() - AT, **changes)
        self.fast.look(seen)
        return await self.actuator.apply(self.fast.within(seen.verdict), self.clock.now())

    async def second(self, wish=None):
        self.duty.wanted = wish
        await self.clock.sleep_until(self.clock.now() + STEP)
        await self.fast.step(self.clock.now(), 1.0)

    async def limit_w(self):
        return await held(self.rig, POWER)


@pytest.fixture
def scene(store):
    return Scene(store)


@given(
    asked=st.lists(wishes, min_size=1), low=watts, high=watts, own=st.none() | watts
)  # fmt: skip
def test_no_wish_takes_the_limit_out_of_the_bounds_and_the_upper_one_wins(asked, low, high, own):
    bounds = Bounds(least_w=low, most_w=high, own_w=own)
    limit_w = folded(asked, bounds)
    assert limit_w <= high
    assert limit_w >= min(low, high)


@given(asked=st.lists(wishes, min_size=1), more=wishes)
def test_one_more_upper_wish_never_raises_the_limit(asked, more):
    bounds = Bounds(least_w=600.0, most_w=4000.0, own_w=None)
    upper = Wish(most_w=more.most_w)
    assert folded([*asked, upper], bounds) <= folded(asked, bounds)


def test_a_lower_wish_lifts_the_cycle_s_own_limit_and_an_upper_one_is_stronger():
    bounds = Bounds(least_w=600.0, most_w=4000.0, own_w=1500.0)
    assert folded([Wish(least_w=2000.0)], bounds) == 2000.0
    assert folded([Wish(least_w=2000.0), Wish(most_w=1000.0)], bounds) == 1000.0
    assert folded([Wish(most_w=3000.0)], bounds) == 1500.0


async def test_a_wish_is_written_at_once_and_its_end_hands_the_knob_back(scene):
    await scene.cycle()
    await scene.second(Wish(most_w=1200.0))
    assert await scene.limit_w() == 1200.0
    await scene.second(None)
    assert await scene.limit_w() == FREE
    assert await held(scene.rig, FLOW) == 40.0  # the other knob stays in our hands


async def test_its_end_gives_the_cycle_s_own_limit_back(scene):
    await scene.cycle(verdict=Allowed({FLOW: 40.0, POWER: 2500.0}))
    await scene.second(Wish(most_w=1200.0))
    assert await scene.limit_w() == 1200.0
    await scene.second(None)
    assert await scene.limit_w() == 2500.0


async def test_a_cycle_neither_overwrites_nor_hands_back_a_limit_that_is_held(scene):
    await scene.cycle()
    await scene.second(Wish(most_w=1200.0))
    await scene.cycle()
    assert await scene.limit_w() == 1200.0
    await scene.cycle(verdict=Altered({FLOW: 38.0, POWER: 3000.0}, ("why",)))
    assert await scene.limit_w() == 1200.0
    assert written(scene.rig, POWER) == [1200.0]


async def test_a_hold_that_nobody_renews_runs_out_and_the_next_cycle_takes_the_knob(scene):
    await scene.cycle()
    await scene.second(Wish(most_w=1200.0))
    await scene.clock.sleep_until(scene.clock.now() + timedelta(seconds=HOLD_S + 1.0))
    await scene.cycle()
    assert await scene.limit_w() == FREE


async def test_the_operator_s_limit_of_a_cycle_bounds_a_held_limit_at_once(scene):
    await scene.cycle()
    await scene.second(Wish(most_w=1900.0))
    assert await scene.limit_w() == 1900.0
    dimmed = Altered(
        {FLOW: 40.0, POWER: 1500.0 - MARGIN_W}, ("dso",), {POWER: Purpose.DSO}
    )  # fmt: skip
    await scene.cycle(verdict=dimmed, memory=Memory(grid=GridHold(1500.0)))
    assert await scene.limit_w() == 1500.0 - MARGIN_W
    await scene.second(Wish(least_w=3000.0, most_w=3000.0))
    assert await scene.limit_w() == 1500.0 - MARGIN_W
    await scene.second(Wish(most_w=1200.0))
    assert await scene.limit_w() == 1200.0  # less is always allowed


async def test_a_refusal_takes_the_knob_away_and_bars_every_duty(scene):
    await scene.cycle()
    await scene.second(Wish(most_w=1200.0))
    await scene.cycle(verdict=Refused(("no room temperature",)))
    assert await scene.limit_w() == FREE
    assert scene.duty.barred == [("no room temperature",)]
    await scene.second(Wish(most_w=1200.0))
    assert await scene.limit_w() == FREE


async def test_after_a_hand_back_nothing_is_held_before_the_next_look(scene):
    await scene.cycle()
    await scene.second(Wish(most_w=1200.0))
    scene.fast.forget("released")
    assert await scene.actuator.hand_back(scene.clock.now())
    await scene.second(Wish(most_w=1200.0))
    assert await scene.limit_w() == FREE
    await scene.cycle()
    await scene.second(Wish(most_w=1200.0))
    assert await scene.limit_w() == 1200.0


async def test_without_cycles_the_loop_lets_go(scene):
    await scene.cycle()
    for _ in range(190):
        await scene.second(Wish(most_w=1200.0))
    assert await scene.limit_w() == FREE
    assert "no cycle for" in scene.duty.barred[-1][0]


async def test_a_knob_that_does_not_follow_is_told_and_tried_again(scene):
    await scene.cycle()
    scene.rig.bank.failure = LinkLostError("the cable is out")
    await scene.second(Wish(most_w=1200.0))
    assert scene.fast.notes == ("asks", "power_limit: the cable is out")
    scene.rig.bank.failure = None
    await scene.second(Wish(most_w=1200.0))
    assert scene.fast.notes == ("asks",)
    assert await scene.limit_w() == 1200.0


async def test_it_asks_every_second_and_closes_its_duties(scene):
    await scene.cycle()
    running = asyncio.ensure_future(scene.fast.run())
    await scene.five.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert scene.world[:5] == [AT + number * STEP for number in range(1, 6)]
    assert scene.duty.closed


async def test_a_duty_that_breaks_ends_the_loop_and_nothing_of_it_is_left(scene):
    await scene.cycle()
    await scene.second(Wish(most_w=1200.0))
    scene.duty.error = ValueError("broken")
    with pytest.raises(ValueError, match="broken"):
        await scene.fast.run()
    scene.fast.fail("ValueError: broken")
    assert scene.fast.notes == (
        "the one-second loop is off until the next start: ValueError: broken",
    )
    await scene.cycle()
    assert await scene.limit_w() == FREE


def test_bounds_are_the_narrowest_of_pump_owner_and_operator():
    plain = standing(look())
    assert isinstance(plain, Bounds)
    assert plain.most_w == 20000.0
    assert 500.0 < plain.least_w < 1500.0  # the lowest compressor speed, not the knob's end
    assert plain.own_w is None
    limited = standing(look(memory=Memory(grid=GridHold(1234.5))))
    assert limited.most_w == 1184.0  # a value of the knob, below what is allowed
    frost = Altered({FLOW: 50.0}, ("frost",), {FLOW: Purpose.SAFETY})
    for changes, reason in (
        ({"writes": False}, "the power limit is not written by heatherd"),
        ({"verdict": frost}, "frost"),
        ({"memory": Memory(grid=GridHold(400.0))}, "at most 400 W are allowed"),
    ):
        barred = standing(look(**changes))
        assert isinstance(barred, Barred)
        assert barred.reasons[0].startswith(reason)


@pytest.mark.parametrize(
    ("state", "tank_c", "reason"),
    [
        (OperatingState.DEFROST, 45.0, "the pump is defrosting"),
        (OperatingState.DHW, 58.0, "the tank is at 58.0 °C against legionella"),
    ],
)
def test_defrosting_and_the_end_of_legionella_are_left_alone(state, tank_c, reason):
    values = {Signal.OPERATING_STATE: float(state), Signal.DHW_C: tank_c, Signal.ROOM_C: 21.0}
    barred = standing(look(snapshot=snapshot(values)))
    assert isinstance(barred, Barred)
    assert barred.reasons[0].startswith(reason)


acts = st.one_of(
    st.tuples(st.just("wish"), wishes),
    st.tuples(st.just("rest"), st.none()),
    st.tuples(st.just("cycle"), st.none() | st.floats(600.0, 5000.0)),
    st.tuples(st.just("dim"), st.floats(700.0, 5000.0)),
    st.tuples(st.just("refuse"), st.none()),
    st.tuples(st.just("hand back"), st.none()),
)


@pytest.mark.timeout(90)
@given(story=st.lists(acts, max_size=12))
@settings(max_examples=25, deadline=None)
def test_whatever_happens_the_register_holds_the_last_word_inside_the_bounds(story):
    """Wishes, cycles, dimming, refusals and hand-backs in any order, one a second."""

    async def live(store):
        scene = Scene(store)
        own_w, most_w, wanted, barred = None, 20000.0, None, False
        for act, value in [("cycle", None), *story]:
            if act in ("cycle", "dim"):
                barred = False
            if act in ("wish", "rest"):
                wanted = value
                await scene.second(value)
            elif act == "cycle":
                own_w, most_w = value, 20000.0
                own = {} if own_w is None else {POWER: float(round(own_w))}
                await scene.cycle(verdict=Allowed({FLOW: 40.0, **own}))
            elif act == "dim":
                own_w, most_w = float(int(value - MARGIN_W)), value - MARGIN_W
                dimmed = Altered({FLOW: 40.0, POWER: own_w}, ("dso",), {POWER: Purpose.DSO})
                await scene.cycle(verdict=dimmed, memory=Memory(grid=GridHold(value)))
            else:
                own_w, wanted, barred = None, None, True
                if act == "refuse":
                    await scene.cycle(verdict=Refused(("no",)))
                else:
                    scene.fast.forget("released")
                    await scene.actuator.hand_back(scene.clock.now())
            await scene.second(wanted)
            limit_w = await scene.limit_w()
            if wanted is None or barred:
                assert limit_w == (FREE if own_w is None else round(own_w))
            else:
                assert limit_w <= most_w

    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "s.db") as store:
        asyncio.run(live(store))
