"""A house with a heat that no model knows: predictions of the next day have no offset."""

from datetime import UTC, datetime

import pytest

from bench.baseline import tuned_curve
from bench.day_ahead import Extra, day_ahead_offset
from bench.run import run_in_memory
from bench.spec import RunSpec
from controller.model import house_model
from controller.recorder import Recorder
from hil.house import load_house
from hil.occupants import Family

HOUSE = "timber1972"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("extra_w", [300.0, -300.0])
def test_an_unknown_constant_heat_leaves_no_offset_in_predictions_of_the_next_day(
    tmp_path, extra_w
):
    """The pump's own curve, tuned, heats, heatherd looks on; the house model is that of day one."""
    spec = RunSpec(
        house=HOUSE,
        zone="DK1",
        start_at=datetime(2024, 2, 4, 23, tzinfo=UTC),
        days=7.0,
        seed=1,
        strategy="heating-curve",
        curve=tuned_curve(HOUSE, "DK1"),
        control=(("cycle", "5 min"),),
    )
    people = load_house(HOUSE).owner.people
    family = Family(seed=1, people=people, timezone="Europe/Copenhagen")
    result = run_in_memory(spec, tmp_path, occupants=Extra(family, extra_w))
    recorder = Recorder(tmp_path / "records.db")
    try:
        records = list(recorder.records())
    finally:
        recorder.close()
    offset = day_ahead_offset(records, result.truths, model=house_model(result.config), house=HOUSE)
    assert offset.count > 40
    assert abs(offset.mean_k) <= 0.1
