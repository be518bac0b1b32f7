"""Every fault of the catalogue strikes a house under control: what was promised of it holds."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from scripted import START, at_hour, spec

from bench.faulty_world import FaultyWorld, Lived, Strike, live
from bench.spec import SENSOR_TOPIC
from controller.act import NotApplied
from controller.config import HouseConfig
from controller.guard import Refused
from controller.planner import PLAN
from controller.recorder import Records
from controller.snapshot import Reading
from drivers.api import Capability, Signal
from drivers.errors import DriverError
from drivers.points import Space
from drivers.transports.modbus import TcpLink
from hil import faults
from hil.faulty_wire import faulty_wire
from hil.house import load_house
from hil.modbus_server import BusServer
from hil.simulated_house import SimulatedHouse
from hil.weather import plain_winter

MINUTE = timedelta(minutes=1)
LIVED_MIN = 105
HOUSE = spec(
    days=LIVED_MIN / 24 / 60, control=(("plan_every", "30 min"), ("horizon", "12 h"))
)  # to save time
BEGINS, ENDS = at_hour(0.5), at_hour(1.25)
FIRST_PLAN = START + MINUTE


@dataclass(frozen=True)
class Scenario:
    """A run, when its fault strikes, and what must be true of it."""

    holds: Callable[[Lived], None]
    run: dict[str, object] = field(default_factory=dict)
    begins_at: datetime = BEGINS
    ends_at: datetime = ENDS
    prepare: Callable[[FaultyWorld], None] = lambda _: None


def steered(lived: Lived, first: datetime, last: datetime) -> bool:
    span = lived.between(first, last)
    return bool(span) and not any(isinstance(record.verdict, Refused) for record in span)


def refused(lived: Lived, first: datetime, last: datetime) -> bool:
    span = lived.between(first, last)
    return bool(span) and all(isinstance(record.verdict, Refused) for record in span)


def rooms_c(lived: Lived) -> list[float]:
    return [truth.zone_c[0] for truth in lived.truths]


def flows_c(lived: Lived) -> list[float]:
    """Every flow temperature that was asked of the pump."""
    return [
        record.verdict.settings[Capability.FLOW_SETPOINT]
        for record in lived.records
        if not isinstance(record.verdict, Refused)
    ]


def never_wrong(lived: Lived) -> None:
    """What holds whatever happens: every cycle recorded, commands in bounds, rooms liveable."""
    assert max(flows_c(lived)) <= lived.config.heat_pump.flow_max_c
    assert min(rooms_c(lived)) > 19.0
    assert max(rooms_c(lived)) < 22.5


def goes_on(lived: Lived) -> None:
    never_wrong(lived)
    assert steered(lived, FIRST_PLAN, HOUSE.end_at)
    assert all(later.at - earlier.at == MINUTE for earlier, later in pairwise(lived.records))
    assert len(lived.records) == LIVED_MIN


def the_pump_measures_the_room(lived: Lived) -> None:
    """What the room sensor says is not believed; the pump's own sensor is, read every cycle."""
    goes_on(lived)
    late = lived.between(ENDS - 8 * MINUTE, ENDS)
    rooms = [record.snapshot.signals[Signal.ROOM_C] for record in late]
    assert all(isinstance(room, Reading) and 15.0 < room.value < 25.0 for room in rooms)
    assert [room.at for room in rooms] == [record.at for record in late]


def limits_hold_for_spikes(lived: Lived) -> None:
    goes_on(lived)
    seen = lived.between(BEGINS, ENDS)
    hot = [r for r in seen if r.snapshot.signals[Signal.ROOM_C].value > 30.0]
    assert hot
    assert all("is at its limit" in record.verdict.reasons[0] for record in hot)


def handed_back_meanwhile(lived: Lived) -> None:
    never_wrong(lived)
    assert steered(lived, FIRST_PLAN, BEGINS)
    assert refused(lived, BEGINS, ENDS)
    own = [c for at, c in lived.world.requests if BEGINS + 11 * MINUTE <= at < ENDS]
    assert set(own) == {None}
    assert steered(lived, ENDS + MINUTE, HOUSE.end_at)


def defrosts_are_waited_for(lived: Lived) -> None:
    goes_on(lived)
    assert lived.truths[-1].defrosts >= 4


def the_retained_room_is_not_believed(lived: Lived) -> None:
    goes_on(lived)
    rooms = [record.snapshot.signals[Signal.ROOM_C] for record in lived.records]
    assert all(isinstance(room, Reading) and room.value > 19.0 for room in rooms)


def guessed_where_no_price_is(lived: Lived) -> None:
    goes_on(lived)
    store = Records(lived.config.storage.directory / "records.db")
    with closing(store):
        _before_the_prices_came, text, *_ = store.contents("plan")
    known = PLAN.validate_json(text).price_known
    assert known[0]
    assert 20 <= known.count(False) <= 24  # quarter-hours
    assert known[-1]


def no_heat_above_the_band(lived: Lived) -> None:
    goes_on(lived)
    assert max(rooms_c(lived)) < lived.config.comfort.room_c + lived.config.comfort.band_k


def the_lost_hour_is_skipped(lived: Lived) -> None:
    never_wrong(lived)
    assert steered(lived, FIRST_PLAN, HOUSE.end_at)
    steps = [later.at - earlier.at for earlier, later in pairwise(lived.records)]
    assert sorted(set(steps)) == [MINUTE, 61 * MINUTE]
    assert steps.count(61 * MINUTE) == 1


def the_hour_comes_twice(lived: Lived) -> None:
    never_wrong(lived)
    assert len(lived.truths) == LIVED_MIN + 60 + 1
    twice = [c for at, c in lived.world.requests if at >= ENDS + 3 * MINUTE][:-1]
    assert twice
    assert None not in twice


def handed_back_by_the_next_start(lived: Lived) -> None:
    never_wrong(lived)
    assert [record.at for record in lived.records] == [START + k * MINUTE for k in range(LIVED_MIN)]
    asked = dict(lived.world.requests)
    assert asked[BEGINS - MINUTE] is not None
    assert asked[BEGINS + MINUTE] is None  # handed back, and not yet steered again
    assert steered(lived, BEGINS + MINUTE, HOUSE.end_at)


def heat_is_asked_for(lived: Lived) -> None:
    assert steered(lived, FIRST_PLAN, HOUSE.end_at)
    settings = [r.verdict.settings for r in lived.between(BEGINS + 10 * MINUTE, ENDS)]
    assert min(setting[Capability.FLOW_SETPOINT] for setting in settings) > 35.0
    assert min(rooms_c(lived)) > 16.0 > lived.config.comfort.frost_c


def the_others_value_stays(lived: Lived) -> None:
    later = lived.between(BEGINS + 2 * MINUTE, HOUSE.end_at)
    assert all(isinstance(record.outcome, NotApplied) for record in later)
    assert all("somebody else set it" in record.outcome.reason for record in later)
    assert lived.world.house.pump_registers.held(Capability.CURVE_OFFSET) == faults.OTHERS_OFFSET


def greets(world: FaultyWorld) -> None:
    world.greet(SENSOR_TOPIC, faults.STALE_ROOM)


SCENARIOS = {
    faults.DROP: Scenario(the_pump_measures_the_room),
    faults.DELAY: Scenario(goes_on),
    faults.FREEZE: Scenario(goes_on),
    faults.SPIKE: Scenario(limits_hold_for_spikes),
    faults.NAN: Scenario(the_pump_measures_the_room),
    faults.SENTINEL: Scenario(handed_back_meanwhile),
    faults.UNIT_SWAP: Scenario(the_pump_measures_the_room),
    faults.STUCK_VALVE: Scenario(goes_on),
    faults.DEFROST_STORM: Scenario(defrosts_are_waited_for),
    faults.WRONG_PIPE: Scenario(goes_on),
    faults.EXCEPTION_STORM: Scenario(handed_back_meanwhile),
    faults.BROKER_RESTART: Scenario(goes_on, ends_at=BEGINS + 10 * MINUTE),
    faults.STALE_RETAINED: Scenario(the_retained_room_is_not_believed, prepare=greets),
    faults.PRICE_HOLE: Scenario(guessed_where_no_price_is, begins_at=START),
    faults.ABSURD_PRICES: Scenario(goes_on, begins_at=START),
    faults.NEGATIVE_PRICES: Scenario(no_heat_above_the_band, begins_at=START),
    faults.FORECAST_JUMP: Scenario(goes_on, begins_at=START, ends_at=HOUSE.end_at),
    faults.CLOCK_AHEAD: Scenario(the_lost_hour_is_skipped),
    faults.CLOCK_BACK: Scenario(the_hour_comes_twice, begins_at=ENDS),
    faults.DISK_FULL: Scenario(goes_on),
    faults.SLOW_DISK: Scenario(goes_on, ends_at=BEGINS + MINUTE),
    faults.PROCESS_KILL: Scenario(handed_back_by_the_next_start),
    faults.COLD_LIMIT: Scenario(heat_is_asked_for),
    faults.PUMP_ALARM: Scenario(handed_back_meanwhile),
    faults.FOREIGN_WRITER: Scenario(the_others_value_stays, run={"profile": "nibe_s"}),
}
ON_THE_WIRE = (faults.HALF_OPEN, faults.WRONG_TRANSACTION)


def forgetful(config: HouseConfig) -> HouseConfig:
    """Room messages are stale soon, to save time."""
    room = config.room.model_copy(update={"stale_after_s": 35.0 * 60.0})
    return config.model_copy(update={"room": room})


@pytest.mark.parametrize("fault", SCENARIOS, ids=lambda fault: fault.name)
def test_what_the_catalogue_promises_holds(fault: faults.Fault, tmp_path: Path) -> None:
    scenario = SCENARIOS[fault]
    lived = live(
        replace(HOUSE, **scenario.run),
        [Strike(fault, scenario.begins_at, scenario.ends_at)],
        tmp_path / "data",
        prepare=scenario.prepare,
        adapt=forgetful,
    )
    scenario.holds(lived)


@pytest.mark.sockets
@pytest.mark.enable_socket
@pytest.mark.parametrize("fault", ON_THE_WIRE, ids=lambda fault: fault.name)
async def test_a_faulty_wire_costs_one_request_and_no_wrong_value(fault: faults.Fault) -> None:
    house, in_force = simulated_house(), faults.InForce()
    right = house.modbus.read(1, Space.INPUT, 0, 4)
    server = BusServer(house.modbus)
    async with faulty_wire(await server.start(), in_force) as port:
        link = TcpLink("127.0.0.1", port, timeout_s=0.3)
        assert await link.read(1, Space.INPUT, 0, 4) == right
        in_force.begin(fault)
        with pytest.raises(DriverError):
            await link.read(1, Space.INPUT, 0, 4)
        in_force.end(fault)
        assert await link.read(1, Space.INPUT, 0, 4) == right
        await link.close()
    await server.close()


def simulated_house() -> SimulatedHouse:
    weather = plain_winter(START, days=1)
    return SimulatedHouse(load_house("timber1972"), weather, start_at=START, seed=1)


def test_every_fault_of_the_catalogue_has_a_scenario() -> None:
    assert {*SCENARIOS, *ON_THE_WIRE} == set(faults.CATALOGUE)
    assert len({fault.name for fault in faults.CATALOGUE}) == len(faults.CATALOGUE)
