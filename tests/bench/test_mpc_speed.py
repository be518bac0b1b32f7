"""The planner's benchmark: houses as identified, runs that are kept, a page that adds up."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bench.mpc_houses import HORIZON_S, STEPS, drawn_house
from bench.mpc_measure import Measured, later, measured
from bench.mpc_models import LOSS_W_PER_M2_K, heated, identified, identified_houses
from bench.mpc_page import page
from bench.mpc_process import Footprint
from bench.mpc_speed import run_all
from mpc.building import total_loss_w_per_k
from mpc.checks import broken
from mpc.plan import Solved
from mpc.request_check import flaw
from mpc.solver import solve

ROW = {
    "identification_number": "7", "model_name": "TiTmTeThTsAeRia", "Ci": "1.5", "Cm": "10.0",
    "Ce": "5.0", "Ch": "8.0", "Cs": "0.1", "Rie": "2.0", "Rea": "8.0", "Ria": "20.0", "Rim": "1.0",
    "Rih": "1.0", "Ris": "1.0", "Aw": "2.0", "Ae": "3.0", "build_period": "", "home_type": "",
    "home_size": "125-150",
}  # fmt: skip


def test_identified_building_loses_what_was_identified() -> None:
    house = identified(ROW)
    assert not house.scaled
    assert not house.repaired
    assert total_loss_w_per_k(house.building) == pytest.approx(1000 / 20 + 1000 / 10)
    assert house.building.mass_kwh_per_k == pytest.approx(15.0)
    assert house.building.floor_kwh_per_k == pytest.approx(8.0)


def test_scaling_an_identified_house_keeps_its_time_constants() -> None:
    small = {k: str(float(v) / 4) if k[0] == "C" else v for k, v in ROW.items()}
    small |= {k: str(4 * float(v)) for k, v in ROW.items() if k[0] == "R"}
    scaled, plain = identified(small).building, identified(ROW).building
    assert identified(small).scaled
    assert scaled.mass_kwh_per_k / scaled.air_mass_w_per_k == pytest.approx(
        plain.mass_kwh_per_k / plain.air_mass_w_per_k
    )
    assert total_loss_w_per_k(scaled) == pytest.approx(LOSS_W_PER_M2_K[0] * scaled.area_m2)


def test_every_identified_house_loses_what_houses_lose_and_can_be_heated() -> None:
    houses = identified_houses()
    assert len(houses) == 225
    for house in houses:
        building, emitter = heated(house, 38.0 if house.building.floor_kwh_per_k else 50.0)
        per_m2 = total_loss_w_per_k(building) / building.area_m2
        # radiators warm the walls directly, so that heating takes a little more than the loss
        assert LOSS_W_PER_M2_K[0] - 1e-6 <= per_m2 <= 1.1 * LOSS_W_PER_M2_K[1]
        assert emitter.design_heat_w == pytest.approx(total_loss_w_per_k(building) * 31.0)


def test_a_drawn_house_is_the_same_every_time_and_a_usable_question() -> None:
    for number in range(12):
        house = drawn_house(number)
        assert house == drawn_house(number)
        assert flaw(house.request) is None
        assert len(house.request.horizon.price_per_kwh) == STEPS
    assert drawn_house(0, seed=2) != drawn_house(0)


def test_models_take_turns() -> None:
    assert len({drawn_house(number).model for number in range(225)}) == 225


def test_some_horizons_have_a_change_of_summer_time_or_lie_in_summer() -> None:
    starts = [drawn_house(number).request.horizon.starts_at for number in range(60)]
    assert {at.month for at in starts} & {5, 6, 7, 8, 9}
    local = [at.astimezone(ZoneInfo("Europe/Berlin")) for at in starts]
    ends = [
        (at + timedelta(seconds=HORIZON_S)).astimezone(ZoneInfo("Europe/Berlin")) for at in starts
    ]
    changes = [a for a, b in zip(local, ends, strict=True) if a.utcoffset() != b.utcoffset()]
    assert changes


@pytest.fixture(scope="module")
def three() -> list[Measured]:
    return [measured(drawn_house(number)) for number in (1, 2, 10)]


@pytest.mark.timeout(120)
def test_three_houses_are_planned_and_every_part_is_timed(three: list[Measured]) -> None:
    for found in three:
        assert found.failed == []
        assert found.broke == []
        parts = ("numbers", "canonicalisation", "solver", "replay")
        assert min(found.split_ms[part] for part in parts) > 0.0
        assert sum(found.split_ms.values()) <= found.resolve_ms
        assert found.raw_clarabel_ms > 0.0
        assert found.refine_status
    assert [found.raw_search_ms is not None for found in three] == [False, False, True]


@pytest.mark.timeout(120)
def test_the_page_says_which_targets_are_missed_and_why(three: list[Measured]) -> None:
    spoilt = replace(three[0], failed=["no luck"], broke=["step 3 draws too much"])
    fresh = {"planner": [Footprint(peak_mb=200.0, cpu_s=3.0, wall_s=4.0)]}
    text = page([spoilt, *three[1:]], fresh, "the command")
    assert "| questions answered with a plan | all | 5 of 6 | no |" in text
    assert "| planner process, peak | ≤ 160 MB | 200 MB | no |" in text
    assert "no luck" in text
    assert "step 3 draws too much" in text


@pytest.mark.parametrize("number", [49, 56])
def test_a_tank_disinfected_under_a_power_limit_has_a_plan(number: int) -> None:
    """The tank is far hotter than the last pass assumed, and the heater gives way."""
    result = solve(later(drawn_house(number)))
    assert isinstance(result, Solved)
    assert broken(later(drawn_house(number)), result.plan) == ()


class _InThisProcess:
    """An executor that needs no process."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> "_InThisProcess":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, call: Callable[..., Measured], *args: int) -> Future[Measured]:
        future: Future[Measured] = Future()
        future.set_result(call(*args))
        return future


@pytest.mark.timeout(120)
def test_a_finished_house_is_not_run_again(
    three: list[Measured], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept.jsonl"
    told: list[str] = []
    asked: list[int] = []
    monkeypatch.setattr("bench.mpc_speed.ProcessPoolExecutor", _InThisProcess)
    by_number = {m.number: m for m in three}

    def answered(number: int, seed: int) -> Measured:
        asked.append(number)
        return by_number[number]

    monkeypatch.setattr("bench.mpc_speed.run_house", answered)
    assert run_all([1, 2], 1, kept, tell=told.append) == three[:2]
    with kept.open("a", encoding="utf-8") as file:
        file.write('{"number": 10, "mod')  # an interrupted run
    assert run_all([2, 10, 1], 1, kept, tell=told.append) == [three[1], three[2], three[0]]
    assert asked == [1, 2, 10]
    assert "2 of 3 houses are kept" in told
    assert run_all([10], 1, kept, tell=told.append) == [three[2]]
    assert asked == [1, 2, 10]


def test_air_that_warms_within_minutes_is_planned_step_by_step() -> None:
    house = drawn_house(662)  # 0.3 kWh/K of air behind 1.3 kW/K: an hour's mean is not enough
    request = replace(house.request, search=replace(house.request.search, refine=False))
    assert isinstance(solve(request), Solved)
