"""`check --online`: every configured service is asked once, and what came is said."""

from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from controller.cli import app
from controller.clock import SteppedClock
from controller.config import parse_config
from controller.connect_prices import BACKUP_TOKEN_VARIABLE
from controller.online import ask_online
from drivers.errors import LinkLostError
from drivers.transports.http import HttpRequest
from drivers.transports.in_memory_http import MemoryWebLink, Reply
from tests.drivers.priced import recorded

Document = dict[str, Any]
DAY_BEFORE = datetime(2025, 10, 1, 12, tzinfo=UTC)  # of the recorded prices


async def _nothing_happens(at: datetime) -> None:
    del at


def serve(request: HttpRequest) -> Reply:
    if "nordpool" in request.url:
        return Reply(recorded("nordpool/constructed_trailer_final_state.json"))
    raise LinkLostError("web-api.tp.entsoe.eu cannot be reached")


async def test_each_source_is_asked_once_and_its_answer_or_failure_said(
    document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BACKUP_TOKEN_VARIABLE, "s3cret")
    document["tariff"] = {"currency": "SEK"}
    document["prices"] = {
        "kind": "nordpool",
        "zone": "SE3",
        "backup": {"kind": "entsoe", "zone": "SE3", "exchange_rate": 11.0},
    }
    link, clock = MemoryWebLink(serve), SteppedClock(DAY_BEFORE, _nothing_happens)
    answers = await ask_online(parse_config(document), clock, patience_s=0.0, web=link)
    assert [(answer.of, answer.good) for answer in answers] == [("prices", True), ("prices", False)]
    assert answers[0].text == (
        "Nord Pool SE3: 02 Oct 00:00 to 02 Oct 00:30 in steps of 15 min, 0.5199 to 0.5567 SEK/kWh"
    )
    assert answers[1].text == "web-api.tp.entsoe.eu cannot be reached"


def test_sources_that_answer_nothing_end_the_check_with_a_failure(
    document: Document, tmp_path: Any
) -> None:
    house = tmp_path / "house.toml"
    lines = [
        f"{'[' + section + ']'}\n"
        + "\n".join(f"{key} = {_toml(value)}" for key, value in content.items())
        for section, content in document.items()
    ]
    house.write_text("\n".join([*lines, f'[prices]\ncsv = "{tmp_path}/none.csv"']))
    plain = CliRunner().invoke(app, ["check", "-c", str(house)])
    assert plain.exit_code == 0
    asked = CliRunner().invoke(app, ["check", "-c", str(house), "--online"])
    assert asked.exit_code == 1
    assert "no answer" in asked.output


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
