"""The duty to answer the frequency: armed only when it can be kept, fading when it is not known."""

import csv
import io
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from fast_looks import AT, POWER, PROMISE, RUNNING, house, look, plan

from controller.fast_bounds import Bounds, standing
from controller.fast_frequency import FrequencyDuty, Seconds
from controller.frequency_arming import follows_kwh_per_k
from controller.frequency_files import FrequencyFiles
from controller.frequency_reserve import reserve_of, reserved_w
from controller.guard import Allowed
from controller.pump_power import PowerRange, power_range
from drivers.api import Absent, OperatingState, Sample, Signal
from mpc.building import discretise, drive, simulate

BASELINE_W, CAPACITY_W = 1800.0, 600.0


class Source:
    """A frequency that never stands still, and a power; both as the test says."""

    def __init__(self, value: float, *, wobble: float = 0.0) -> None:
        self.value: float | str = value
        self.at = AT
        self.frozen = False
        self._wobble = wobble
        self._last: Sample | None = None
        self.closed = False

    async def read(self):
        if isinstance(self.value, str):
            return Absent(self.value)
        if not self.frozen or self._last is None:
            step = self._wobble * ((self.at - AT).total_seconds() % 3 - 1)
            self._last = Sample(self.value + step, self.at)
        return self._last

    async def close(self):
        self.closed = True


class House:
    """The duty in a running house; a second at a time."""

    def __init__(self, tmp_path, promise=PROMISE, *, draw=0.0, power=True, **heat_pump) -> None:
        self.config = house(promise, **heat_pump)
        self.hz = Source(50.0, wobble=0.001)
        self.power_w = Source(BASELINE_W) if power else None
        self.seconds = 0
        self.files = FrequencyFiles(
            tmp_path, self.config.frequency.product, resource="a house", area="DK2", keep_days=2
        )
        self.tmp_path = tmp_path
        self.duty = FrequencyDuty(
            self.config.frequency,
            Seconds(frequency=self.hz, power=self.power_w),
            self.files,
            cycle_s=60.0,
            draw_frac=lambda: draw,
        )

    def cycle(self, **changes):
        seen = look(self.config, after=timedelta(seconds=self.seconds), **changes)
        bounds = standing(seen)
        assert isinstance(bounds, Bounds)
        self.duty.take(seen, bounds)

    async def pass_s(self, seconds, hz=None):
        """Let seconds pass; the wishes of them."""
        if hz is not None:
            self.hz.value = hz
        wishes = []
        for _ in range(seconds):
            self.seconds += 1
            at = AT + timedelta(seconds=self.seconds)
            for source in (self.hz, self.power_w):
                if source is not None:
                    source.at = at
            wishes.append(await self.duty.wish(at, 1.0))
        return wishes

    async def armed(self):
        await self.pass_s(10, 50.0)
        self.cycle()
        assert self.duty.note == f"frequency: armed with {CAPACITY_W:.0f} W of {self.product}"
        return self

    @property
    def product(self):
        return self.config.frequency.product

    async def rows(self):
        await self.duty.close()
        (path,) = self.tmp_path.glob("*.csv")
        return list(csv.DictReader(io.StringIO(path.read_text("ascii"))))


async def test_a_deviation_lowers_the_power_by_the_droop_s_share_in_the_same_second(tmp_path):
    now = await House(tmp_path).armed()
    assert await now.pass_s(3, 49.95) == [None] * 3  # inside the dead band
    (wish,) = await now.pass_s(1, 49.7)
    assert wish.most_w == pytest.approx(BASELINE_W - 0.5 * CAPACITY_W, abs=3.0)
    assert wish.least_w is None
    (wish,) = await now.pass_s(1, 49.4)
    assert wish.most_w == BASELINE_W - CAPACITY_W
    assert await now.pass_s(2, 50.4) != []
    assert now.duty.note == "frequency: answering with up to 600 W of fcr_d_up"


async def test_the_baseline_is_fixed_before_the_event_and_kept_to_its_end(tmp_path):
    now = await House(tmp_path).armed()
    await now.pass_s(1, 49.4)
    now.power_w.value = BASELINE_W - CAPACITY_W
    for _ in range(3):
        await now.pass_s(60)
        now.cycle()
    (wish,) = await now.pass_s(1)
    assert wish.most_w == BASELINE_W - CAPACITY_W
    rows = await now.rows()
    assert {row["CalcBaseline"] for row in rows[12:]} == {"-0.001800"}


async def test_the_return_waits_its_drawn_time_and_is_slow(tmp_path):
    now = await House(tmp_path, draw=0.1).armed()  # 30 s of the longest 300 s
    await now.pass_s(5, 49.4)
    back = await now.pass_s(100, 50.0)
    assert [wish.most_w for wish in back[:30]] == [BASELINE_W - CAPACITY_W] * 30
    drawn_w = [BASELINE_W if wish is None else wish.most_w for wish in back]
    rises_w = [after - before for before, after in pairwise(drawn_w)]
    assert max(rises_w) <= 0.02 * CAPACITY_W + 1e-6
    assert back[-1] is None


async def test_a_lost_source_fades_the_answer_and_then_nothing_is_promised(tmp_path):
    now = await House(tmp_path).armed()
    await now.pass_s(5, 49.4)
    now.hz.value = "the cable is out"
    lost = await now.pass_s(60)
    assert [wish.most_w for wish in lost[:2]] == [BASELINE_W - CAPACITY_W] * 2  # a gap is bridged
    assert lost[-1] is None
    assert now.duty.note == "frequency: not armed: the frequency is not known: the cable is out"
    assert (await now.rows())[-1]["ContMode_FcrdUp"] == "0"


@pytest.mark.parametrize("spoil", ["stands still", "old"])
async def test_a_frequency_that_stands_still_or_is_old_is_not_believed(tmp_path, spoil):
    now = await House(tmp_path).armed()
    if spoil == "old":
        now.hz.frozen = True  # the same message again and again
    else:
        now.hz._wobble = 0.0
    await now.pass_s(70)
    assert now.duty.note.startswith("frequency: not armed: the frequency is not known")


async def test_what_the_cycle_finds_ends_an_answer_only_where_the_pump_cannot_go_on(tmp_path):
    now = await House(tmp_path).armed()
    await now.pass_s(5, 49.4)
    now.cycle(plan=plan(power_w=300.0))  # nothing is reserved any more: the event is kept
    assert (await now.pass_s(1)) != [None]
    now.cycle(values=RUNNING | {Signal.COMPRESSOR_HZ: 0.0})
    assert await now.pass_s(1) == [None]
    assert now.duty.note == "frequency: not armed: the compressor is not known to run"


async def test_a_bar_ends_an_answer_at_once(tmp_path):
    now = await House(tmp_path).armed()
    await now.pass_s(5, 49.4)
    now.duty.bar(("the pump is defrosting",))
    assert await now.pass_s(1) == [None]
    assert now.duty.note == "frequency: not armed: the pump is defrosting"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"plan": None}, "there is no plan"),
        ({"plan": plan(power_w=1000.0)}, "W free upwards, 600 W are needed"),
        ({"plan": plan(hours=0)}, "the plan keeps 0 W free upwards"),
        (
            {"values": RUNNING | {Signal.OPERATING_STATE: float(OperatingState.DHW)}},
            "the pump heats hot water",
        ),
        ({"values": RUNNING | {Signal.ROOM_C: 20.0}}, "limits of the pump and comfort bear 0 W"),
    ],
)
async def test_it_is_not_armed_for_what_cannot_be_kept(tmp_path, changes, reason):
    now = House(tmp_path)
    await now.pass_s(10)
    now.cycle(**changes)
    assert reason in now.duty.note
    assert now.duty.note.startswith("frequency: not armed: ")
    assert await now.pass_s(5, 49.4) == [None] * 5


async def test_a_pump_whose_power_nobody_measures_is_not_armed(tmp_path):
    now = House(tmp_path, power=False)
    await now.pass_s(10)
    values = {s: v for s, v in RUNNING.items() if s is not Signal.METER_POWER_W}
    now.cycle(values=values)
    assert now.duty.note == "frequency: not armed: the pump's power is not measured"


async def test_a_two_way_product_moves_the_limit_that_holds_the_pump_back(tmp_path):
    promise = PROMISE | {"product": "fcr_n", "capacity_w": 500.0}
    now = House(tmp_path, promise, knob="power_limit")
    await now.pass_s(10, 50.0)
    now.cycle(verdict=Allowed({POWER: 2500.0}))  # drawn are 1800 W: it holds nothing back
    assert "no limit holds the pump back" in now.duty.note
    now.cycle(verdict=Allowed({POWER: BASELINE_W}))
    assert now.duty.note == "frequency: armed with 500 W of fcr_n"
    (more,) = await now.pass_s(1, 50.05)
    assert more.least_w == more.most_w
    assert more.most_w == pytest.approx(BASELINE_W + 0.5 * 500.0, abs=6.0)
    (less,) = await now.pass_s(1, 49.95)
    assert less.most_w == pytest.approx(BASELINE_W - 0.5 * 500.0, abs=6.0)


async def test_the_log_holds_one_row_a_second_in_files_of_a_day(tmp_path):
    now = House(tmp_path)
    await now.pass_s(130)
    assert len(await now.rows()) == 130
    assert now.hz.closed
    assert now.power_w.closed
    (path,) = tmp_path.glob("*.csv")
    assert path.name == "a house_FcrdUp_Operation_DK2_UTC_20260115T0000-20260116T0000_1.csv"


async def test_only_the_newest_days_of_logs_stay(tmp_path):
    now = House(tmp_path)
    for _ in range(4):
        await now.pass_s(2)
        now.seconds += 86400
    await now.duty.close()
    days = sorted(path.name.split("_")[5][:8] for path in tmp_path.glob("*.csv"))
    assert days == ["20260117", "20260118"]


async def test_a_full_disk_costs_rows_and_not_the_answer(tmp_path, caplog):
    now = House(tmp_path)
    (tmp_path / "a house_FcrdUp_Operation_DK2_UTC_20260115T0000-20260116T0000_1.csv").mkdir()
    now.cycle()
    await now.pass_s(130)
    assert await now.pass_s(1, 49.7) != [None]
    assert [r.message.split(":")[0] for r in caplog.records if r.levelname == "ERROR"] == [
        "the log of the frequency cannot be written"
    ]


def test_a_plan_is_asked_for_the_lowest_power_beside_the_capacity_but_only_for_its_heat():
    power = PowerRange(least_w=700.0, most_w=4000.0, cop=3.0)
    section = house().frequency
    reserve = reserve_of(section, power, 8)
    assert reserve.up_w == (pytest.approx(1.05 * 1300.0),) * 8
    assert reserve.down_w == (0.0,) * 8
    assert reserve.up_w[0] * reserve.sustain_s == pytest.approx(CAPACITY_W * 7200.0)


def test_what_a_plan_has_kept_is_the_least_of_the_steps_in_question():
    kept = replace(plan(hours=1), power_w=(1500.0, 1300.0, 1800.0, 1800.0), heater_w=(0.0,) * 4)
    minutes = [AT + timedelta(minutes=m) for m in (0, 10, 20, 100)]
    assert reserved_w(kept, minutes[0], minutes[1], (700.0, 4000.0)) == (800.0, 2500.0)
    assert reserved_w(kept, minutes[1], minutes[2], (700.0, 4000.0)) == (600.0, 2500.0)
    assert reserved_w(kept, minutes[1], minutes[3], (700.0, 4000.0)) == (0.0, 0.0)
    heated = replace(kept, heater_w=(1000.0, 0.0, 0.0, 0.0))
    assert reserved_w(heated, minutes[0], minutes[1], (700.0, 4000.0)) == (0.0, 3500.0)


def test_a_room_is_colder_by_the_missing_heat_over_what_follows_it():
    building = look().stages.model.building
    step, steps = discretise(building, 900.0), 8
    nothing = drive(step, outdoor_c=np.zeros(steps), ghi_w_per_m2=0.0, gain_w=500.0)
    rooms_c = [
        simulate(step, (21.0, 21.0, 35.0), heat_w=np.full(steps, heat_w), drive_k=nothing)[0, -1]
        for heat_w in (5000.0, 5000.0 - 1000.0)
    ]
    missing_kwh = 1000.0 * 2.0 / 1000.0
    expected_k = missing_kwh / follows_kwh_per_k(building, 7200.0)
    assert rooms_c[0] - rooms_c[1] == pytest.approx(expected_k)


def test_the_lowest_power_is_below_the_highest_and_dearer_heat_needs_more_of_it():
    seen = look()
    low = power_range(seen.snapshot, seen.stages.model, 0.3)
    lower = power_range(seen.snapshot, seen.stages.model, 0.2)
    assert 0.0 < lower.least_w < low.least_w < low.most_w
    hot = look(values=RUNNING | {Signal.FLOW_C: 55.0})
    assert power_range(hot.snapshot, hot.stages.model, 0.3).least_w > low.least_w
