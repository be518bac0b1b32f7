"""What the tests of the controller share: a house, what it asks of the planner, a simulated day."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.clock import SteppedClock
from controller.config import HouseConfig, parse_config
from controller.estimate import first_belief
from controller.forecasts import Known
from controller.model import house_model
from controller.request import plan_request
from controller.snapshot import Reading, Snapshot
from controller.wishes import Target
from drivers.api import Signal
from mpc.plan import PlanRequest

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def _document(tmp_path: Path) -> dict[str, Any]:
    return {
        "house": {
            "timezone": "Europe/Copenhagen",
            "year": 1972,
            "area_m2": 140.0,
            "emitter": "radiator",
            "design_flow_c": 50.0,
        },
        "heat_pump": {"profile": "generic_modbus", "host": "192.0.2.1"},
        "storage": {"directory": str(tmp_path), "socket": str(tmp_path / "owner.sock")},
    }


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    """The least a configuration says, as parsed TOML; every test has its own."""
    return _document(tmp_path)


@pytest.fixture
def config(document: dict[str, Any]) -> HouseConfig:
    """A house that only observes."""
    return parse_config(document)


@pytest.fixture
def make_request(config: HouseConfig) -> Callable[[datetime], PlanRequest]:
    """The planner's question for an ordinary winter day."""

    def ask(at: datetime) -> PlanRequest:
        values = {Signal.ROOM_C: 21.0, Signal.OUTDOOR_C: 2.0}
        snapshot = Snapshot(at, {signal: Reading(v, at) for signal, v in values.items()})
        model = house_model(config)
        return plan_request(
            snapshot,
            known=Known(),
            belief=first_belief(snapshot, model, None),
            target_at=lambda _: Target(21.0, 1.0, "configured"),
            model=model,
            config=config,
        )

    return ask


@pytest.fixture
def clock() -> SteppedClock:
    """Simulated time over a world without anything in it."""

    async def advance(at: datetime) -> None:
        del at

    return SteppedClock(NOW, advance)


@pytest.fixture
def minutes() -> Callable[[float], datetime]:
    """An instant so many minutes after noon."""
    return lambda count: NOW + timedelta(minutes=count)
