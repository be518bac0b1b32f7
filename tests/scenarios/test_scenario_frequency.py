"""The grid's frequency falls and the emulated pump draws less within seconds, or says why not."""

import asyncio
import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from types import MappingProxyType

import pytest
from scripted import START, ScriptedWorld, config_of, live, records_in, spec

from bench.run import archive_of
from controller.config_frequency import FrequencySection
from controller.config_grid import GridSection
from controller.fast_frequency import FrequencyDuty
from drivers.transports.modbus import LinkPool
from hil.control_box import ControlBox
from hil.modbus_server import BusServer

pytestmark = pytest.mark.timeout(120)

LIMIT_TOPIC = "grid/limit"
CAPACITY_W, LIMIT_W = 500.0, 900.0
METER = {"profile": "sdm630", "host": "127.0.0.1", "unit": 2}
PROMISE = {
    "product": "fcr_d_up", "capacity_w": CAPACITY_W, "latency": "1 s", "ramp_frac_per_s": 0.25,
    "device": METER, "resolution_hz": 0.001, "noise_hz": 0.005, "delay": "0.5 s",
}  # fmt: skip


class GridWorld(ScriptedWorld):
    """A grid whose frequency is lower by so much over spans of seconds; None: not measured."""

    box = ControlBox(LIMIT_TOPIC)
    dips: Mapping[tuple[int, int], float | None] = MappingProxyType({})
    port: int | None = None  # of real Modbus TCP; None: in memory
    limited_s = range(0)
    broker_gone_s = range(0)

    async def advance(self, until):
        second = int((until - START).total_seconds())
        low = [hz for (first, last), hz in self.dips.items() if first <= second < last]
        wobble = 0.002 * (second * 7 % 5 - 2)  # no grid stands still
        hz = None if None in low else 50.0 - sum(low) + wobble
        self.house.grid_hz = hz
        await super().advance(until)
        if second in self.limited_s:
            self.box.limit(LIMIT_W, 3600.0)
        elif second % 60 == 0:
            self.box.lift()
        self.box.advance(until.timestamp())
        for topic, payload, retain in self.box.pop_messages():
            self._mqtt.deliver(topic, payload, retain=retain)

    def modbus(self, device, profile):
        if self.port is None:
            return super().modbus(device, profile)
        return self.pool.link("127.0.0.1", self.port)

    def _deliver(self):
        gone = int((self.house.at - START).total_seconds()) in self.broker_gone_s
        for topic, payload, retain in self.house.pop_messages():
            if not gone:
                self._mqtt.deliver(topic, payload, retain=retain)


class Served:
    """The bus behind a scripted wire, for a server."""

    def __init__(self, wire):
        self.read, self.write = wire.read, wire.write
        self._bus = wire.bus

    def __getattr__(self, name):
        return getattr(self._bus, name)


@dataclass
class Lived:
    records: list
    rows: list[dict[str, str]]  # of the operators' log
    writes: list[tuple[datetime, int, tuple[int, ...]]]

    def span(self, first_s, last_s):
        return self.rows[first_s - 1 : last_s - 1]  # the first row is of the first second

    def drawn_w(self, first_s, last_s):
        return [-1e6 * float(row["InsAcPow"]) for row in self.span(first_s, last_s)]

    def asked_w(self, first_s, last_s):
        return [1e6 * float(row["Activated_FcrdUp"]) for row in self.span(first_s, last_s)]

    def note_at(self, second):
        last = [r for r in self.records if r.at <= START + timedelta(seconds=second)][-1]
        (note,) = [note for note in last.notes if note.startswith("frequency")]
        return note

    def limits_w(self, first_s, last_s):
        """What was written into the register of the power limit."""
        first, last = (START + timedelta(seconds=s) for s in (first_s, last_s))
        return [v[0] for at, address, v in self.writes if address == 1 and first <= at < last]


def lived(
    directory, *, minutes, promise=PROMISE, prepare=lambda _: None, wire=False, knob="auto",
    **sections,
):  # fmt: skip
    chosen = spec(days=minutes / 1440.0, knob=knob)
    archive = archive_of(chosen)
    config = config_of(chosen, archive, directory, **sections).model_copy(
        update={
            "frequency": FrequencySection.model_validate(promise),
            "grid": GridSection.model_validate({"topic": LIMIT_TOPIC, "failsafe_w": 9000.0}),
        }
    )

    async def everything():
        world = GridWorld(chosen, archive, {})
        world.box = ControlBox(LIMIT_TOPIC)
        world.house.firmware.dhw_start_c = 10.0  # no hot water is wanted
        prepare(world)
        server = BusServer(Served(world.wire))
        if wire:
            world.pool, world.port = LinkPool(), await server.start()
        await live(world, config, until=chosen.end_at)
        await server.close()
        return world

    world = asyncio.run(everything())
    (log,) = (directory / "frequency").glob("*.csv")
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return Lived(records_in(config), rows, world.wire.writes)


DIP_S, GONE_S, LIMITED_S = (1640, 1740), (2500, 2580), (3000, 3300)
"""A dip of 0.3 Hz; one of 0.5 Hz in which the source is lost; one under the operator's limit."""


@pytest.fixture(scope="module")
def hour(tmp_path_factory):
    def script(world):
        world.dips = {
            DIP_S: 0.3, (2500, 2510): 0.5, (2510, 2580): None, LIMITED_S: 0.2,
        }  # fmt: skip
        world.broker_gone_s = range(1560, 1800)
        world.limited_s = range(3050, 3230)

    return lived(tmp_path_factory.mktemp("hour"), minutes=57, prepare=script)


def test_armed_from_when_the_plan_and_the_pump_bear_it(hour):
    assert "not armed" in hour.note_at(60)
    assert hour.note_at(DIP_S[0]) == "frequency: armed with 500 W of fcr_d_up"
    assert {row["ContMode_FcrdUp"] for row in hour.span(DIP_S[0] - 60, DIP_S[0])} == {"1"}


def test_under_frequency_lowers_the_measured_power_within_the_latency(hour):
    first = DIP_S[0]
    (baseline_w,) = {-1e6 * float(row["CalcBaseline"]) for row in hour.span(first, first + 90)}
    before_w = hour.drawn_w(first - 5, first)
    assert min(before_w) > baseline_w - 20.0
    asked_w = hour.asked_w(first, first + 90)
    assert asked_w == pytest.approx([0.5 * CAPACITY_W] * 90, abs=10.0)
    after_w = hour.drawn_w(first + 2, first + 90)
    assert max(after_w) <= baseline_w - 0.9 * 0.5 * CAPACITY_W


def test_the_answer_needs_no_broker(hour):
    assert hour.note_at(DIP_S[0] + 60).startswith("frequency: answering")


def test_the_return_waits_and_is_slower_than_the_ramp_that_is_allowed(hour):
    back_w = hour.asked_w(DIP_S[1], DIP_S[1] + 400)
    assert back_w[1] == pytest.approx(0.5 * CAPACITY_W, abs=10.0)  # it waits
    assert back_w[-1] == 0.0
    falls_w = [before - after for before, after in pairwise(back_w)]
    assert max(falls_w) <= 0.025 * CAPACITY_W


def test_a_cycle_in_the_midst_neither_overwrites_nor_ends_the_answer(hour):
    assert {r.at.second for r in hour.records} == {0}
    limits_w = hour.limits_w(DIP_S[0], DIP_S[1])
    assert min(limits_w) > 700
    assert max(limits_w) < 1100  # the register says "no limit" with 65535
    assert hour.limits_w(DIP_S[1] + 400, GONE_S[0])[-1:] in ([], [65535])


def test_a_source_that_is_lost_lets_the_answer_fade(hour):
    lost_w = hour.asked_w(2510, 2580)
    assert lost_w[0] >= 0.95 * CAPACITY_W
    assert lost_w[-1] == 0.0
    falls_w = [before - after for before, after in pairwise(lost_w)]
    assert max(falls_w) <= 0.025 * CAPACITY_W
    assert hour.note_at(2530).startswith("frequency: lost, the answer fades: ")
    assert hour.note_at(2580).startswith("frequency: not armed: the frequency is not known: ")


def test_the_grid_operators_limit_is_lower_and_wins(hour):
    assert min(hour.limits_w(LIMITED_S[0], 3050)) > LIMIT_W  # what the answer alone asks for
    in_force_w = hour.limits_w(LIMITED_S[0], 3120)[-1]
    assert in_force_w <= LIMIT_W
    assert all(limit_w <= in_force_w for limit_w in hour.limits_w(3120, 3230))
    assert max(hour.drawn_w(3120, 3230)) <= LIMIT_W


def test_a_product_of_both_directions_gives_and_takes_around_the_plan_s_limit(tmp_path):
    promise = PROMISE | {"product": "fcr_n", "capacity_w": 200.0}
    down, up = (1620, 1680), (1740, 1800)
    seen = lived(
        tmp_path, minutes=31, promise=promise, knob="power_limit",
        prepare=lambda world: setattr(world, "dips", {down: -0.05, up: 0.05}),
    )  # fmt: skip
    assert seen.note_at(1600).startswith(("frequency: armed", "frequency: answering"))
    for (first, last), share in ((down, -0.5), (up, 0.5)):
        rows = seen.span(first + 20, last)
        moved_w = [1e6 * (float(r["InsAcPow"]) - float(r["CalcBaseline"])) for r in rows]
        assert sum(moved_w) / len(moved_w) == pytest.approx(share * 200.0, abs=40.0)


def test_a_loop_that_breaks_is_told_and_the_cycles_take_the_limit_back(tmp_path, monkeypatch):
    wish = FrequencyDuty.wish

    async def broken(duty, at, passed_s):
        if (at - START).total_seconds() >= 1650:
            raise ZeroDivisionError("broken")
        return await wish(duty, at, passed_s)

    monkeypatch.setattr(FrequencyDuty, "wish", broken)
    seen = lived(
        tmp_path, minutes=29, prepare=lambda world: setattr(world, "dips", {(1640, 1740): 0.3})
    )
    assert max(seen.limits_w(1640, 1650)) < 1200  # it was answering
    assert seen.limits_w(1650, 1685) == [65535]
    assert len(seen.records) == 29
    assert seen.records[-1].notes[-1] == (
        "the one-second loop is off until the next start: ZeroDivisionError: broken"
    )


@pytest.mark.sockets
@pytest.mark.enable_socket
def test_over_real_modbus_the_answer_is_as_prompt(tmp_path):
    seen = lived(
        tmp_path, minutes=30, wire=True,
        prepare=lambda world: setattr(world, "dips", {DIP_S: 0.3}),
    )  # fmt: skip
    first = DIP_S[0]
    (baseline_w,) = {-1e6 * float(row["CalcBaseline"]) for row in seen.span(first, first + 90)}
    assert max(seen.drawn_w(first + 2, first + 90)) <= baseline_w - 0.9 * 0.5 * CAPACITY_W
    assert seen.asked_w(DIP_S[1] + 50, DIP_S[1] + 51) == [0.0]
    assert seen.limits_w(DIP_S[1] + 50, 1800) == []
    assert seen.limits_w(DIP_S[1], DIP_S[1] + 50)[-1] == 65535


@pytest.mark.parametrize(
    ("promise", "mode", "reason"),
    [
        ({}, "observe", "the power limit is not written by heatherd"),
        ({"capacity_w": 5000.0}, "control", "5000 W are needed"),
    ],
)
def test_what_cannot_be_promised_is_not_armed_and_moves_nothing(tmp_path, promise, mode, reason):
    seen = lived(
        tmp_path, minutes=26, promise=PROMISE | promise, control={"mode": mode},
        prepare=lambda world: setattr(world, "dips", {(1400, 1500): 0.4}),
    )  # fmt: skip
    assert reason in seen.note_at(1450)
    assert set(seen.asked_w(1, 1500)) == {0.0}
    assert seen.limits_w(60, 1560) in ([], [65535])  # the failsafe limit of the first minute ends
    assert {row["ContMode_FcrdUp"] for row in seen.rows} == {"0"}
    assert len(seen.rows) == 26 * 60 - 1  # one a second
