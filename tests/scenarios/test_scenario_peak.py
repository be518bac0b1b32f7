"""A household cooks, and the pump keeps the running quarter-hour under the peak that is paid."""

import asyncio
import struct
from dataclasses import dataclass
from datetime import timedelta

import pytest
from scripted import START, ScriptedWorld, config_of, live, records_in, spec

from bench.run import archive_of
from controller.app import grid_knobs, heat_knob
from controller.config_devices import Device
from controller.config_tariff import TariffSection
from controller.recorder import Records
from controller.replay import replay
from drivers.points import Space

pytestmark = pytest.mark.timeout(240)

GRID_UNIT, POWER_REGISTER = 3, 52  # total power of the three phases, as the meter's maker lists it
AT_HOME_W = 600.0
COOKING = 60
COOKED = {(0, 15): 2400.0, (63, 71): 3000.0}
"""Minutes with more than that: before the pump starts, for the month's peak, and on top of it."""

PEAK = {
    "currency": "EUR",
    "peak": [{"interval": "15 min", "group": "free", "rate": [{"price_per_kw": 20.0}]}],
}
HOLD = {"latency": "2 s", "ramp_frac_per_s": 0.1}
QUARTER = timedelta(minutes=15)


class CookingWorld(ScriptedWorld):
    """With a meter at the grid connection."""

    def __init__(self, *args, **kept):
        super().__init__(*args, **kept)
        self.imported = []  # (at, W), as the grid's own meter would have it
        self._bus = self.wire.bus
        self.wire.bus = self

    def others_w(self, at):
        minute = minute_of(at)
        return AT_HOME_W + sum(w for (a, b), w in COOKED.items() if a <= minute < b)

    def import_w(self):
        return self.others_w(self.house.at) + self.house.truth().power_w

    def read(self, unit, space, address, count):
        if unit != GRID_UNIT:
            return self._bus.read(unit, space, address, count)
        assert space is Space.INPUT
        power = struct.unpack(">HH", struct.pack(">f", self.import_w()))
        return [power[(address + i) - POWER_REGISTER] if 0 <= address + i - POWER_REGISTER < 2
                else 0 for i in range(count)]  # fmt: skip

    def write(self, unit, address, values):
        self._bus.write(unit, address, values)

    async def advance(self, until):
        await super().advance(until)
        self.imported.append((until, self.import_w()))


@dataclass
class Lived:
    world: CookingWorld
    records: list

    def quarter_kw(self, minute):
        """The mean import of the quarter-hour that begins then, as the grid's meter counts it."""
        first = START + timedelta(minutes=minute)
        total_ws, before = 0.0, None
        for at, power_w in self.world.imported:
            if before is not None and first <= before < first + QUARTER:
                total_ws += power_w * (at - before).total_seconds()
            before = at
        return total_ws / QUARTER.total_seconds() / 1000.0

    def pump_w(self, first, last):
        return [r.snapshot.pump_power_w for r in self.records if first <= minute_of(r.at) < last]

    def limits_w(self, first, last):
        """What was written into the register of the power limit."""
        writes = self.world.wire.writes
        return [v[0] for at, address, v in writes if address == 1 and first <= minute_of(at) < last]

    def notes(self, first, last):
        return {
            note
            for record in self.records
            if first <= minute_of(record.at) < last
            for note in record.notes
            if note.startswith("peak")
        }


def minute_of(at):
    return (at - START).total_seconds() / 60.0


def lived(directory, *, hold, minutes=80, **changes):
    chosen = spec(days=minutes / 1440.0, **changes)
    archive = archive_of(chosen)
    tariff = TariffSection.model_validate({**PEAK, **({"hold": HOLD} if hold else {})})
    meter = Device(profile="sdm630", host="127.0.0.1", unit=GRID_UNIT)
    config = config_of(chosen, archive, directory).model_copy(
        update={"tariff": tariff, "grid_meter": meter}
    )

    async def everything():
        world = CookingWorld(chosen, archive, {})
        world.house.firmware.dhw_start_c = 10.0  # no hot water is wanted
        await live(world, config, until=chosen.end_at)
        return world

    return Lived(asyncio.run(everything()), records_in(config))


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    return lived(tmp_path_factory.mktemp("held"), hold=True)


def test_without_the_duty_the_household_makes_a_new_peak(tmp_path):
    story = lived(tmp_path, hold=False)
    assert story.quarter_kw(COOKING) > story.quarter_kw(0) + 0.2


def test_the_pump_makes_room_for_the_household_and_the_paid_peak_stands(held):
    assert held.quarter_kw(COOKING) <= held.quarter_kw(0)
    assert held.quarter_kw(COOKING) > held.quarter_kw(0) - 0.15  # and gives no more than it must


def test_the_compressor_runs_on_while_it_is_held_back(held):
    drawn_w = held.pump_w(COOKING + 4, COOKING + 15)
    assert min(drawn_w) > 400.0
    assert max(held.pump_w(COOKING, COOKING + 3)) > 1.2 * min(drawn_w)


def test_records_say_when_the_pump_is_held_back_and_when_it_is_free(held):
    assert held.notes(COOKING + 4, COOKING + 11) == {"peak: the pump is held back for 'power'"}
    assert held.notes(COOKING + 17, COOKING + 20) == {"peak: watched"}
    assert held.limits_w(COOKING - 20, COOKING) == []  # nothing is written while nothing is near


def test_held_steps_replay_without_a_difference(held):
    store = Records(held.world.config.storage.directory / "records.db")
    found = list(replay(store, heat_knob, grid_knobs_of=grid_knobs))
    store.close()
    assert found == [None] * len(held.records)


def test_quarter_hours_that_longer_steps_of_the_plan_do_not_see_are_held_as_well(tmp_path):
    story = lived(tmp_path, hold=True, control=(("step", "30 min"), ("horizon", "24 h")))
    assert story.quarter_kw(COOKING) <= story.quarter_kw(0)
