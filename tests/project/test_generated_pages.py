"""The generator of the reference pages, on small samples and on the real thing."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer
from pydantic import BaseModel, Field

from docs.cli_page import cli_page
from docs.configuration_page import configuration_page, duration_text
from docs.devices_page import devices_page
from docs.generate import exit_codes, pages, stale
from docs.markdown import table
from drivers.profile import load_modbus_profile


class Radiator(BaseModel):
    """What warms a room."""

    flow_c: float = Field(55.0, ge=25, le=75, description="hottest water")
    kind: Literal["steel", "iron"] = "steel"
    pause_s: float = Field(600.0, alias="pause", description="between | two starts")
    valve: str | None = None


class Home(BaseModel):
    """A house."""

    radiator: Radiator = Field(description="at least one")
    spare: tuple[Radiator, ...] = ()


sample = typer.Typer()


@sample.command(epilog="Example: heatherd warm 21")
def warm(
    room_c: Annotated[float, typer.Argument(help="wanted, °C")],
    quick: Annotated[bool, typer.Option("--quick", help="soon")] = False,
) -> None:
    """Warm the room.

    It takes a while.
    """


@sample.command(hidden=True)
def secret() -> None:
    """Not for owners."""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(90.0, "90 s"), (600.0, "10 min"), (7200.0, "2 h"), (172800.0, "48 h"), (0.5, "0.5 s")],
)
def test_duration_is_written_in_the_largest_whole_unit(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_bars_and_line_breaks_do_not_break_a_table() -> None:
    assert table(("a", "b"), [("x|y", "two\nlines")])[-1] == "| x\\|y | two lines |"


def test_configuration_page_tells_unit_range_default_and_meaning() -> None:
    page = configuration_page(Home)
    assert "## `[radiator]`\n\nWhat warms a room. Required: at least one.\n" in page
    assert "| `flow_c` | °C, 25 … 75 | `55` | hottest water |" in page
    assert '| `kind` | `"steel"` `"iron"` | `"steel"` |  |' in page
    assert "| `valve` | text | none |  |" in page


def test_configuration_page_writes_durations_as_text_under_their_key_in_the_file() -> None:
    assert '| `pause` | duration | `"10 min"` | between \\| two starts |' in configuration_page(
        Home
    )


def test_configuration_page_shows_repeated_sections_as_such() -> None:
    assert "## `[[spare]]`\n\nWhat warms a room. Optional.\n" in configuration_page(Home)


def test_cli_page_shows_usage_help_options_and_example_of_each_verb() -> None:
    page = cli_page(sample, {0: "it worked"})
    assert "Warm the room.\n\nIt takes a while.\n" in page
    assert "--quick" in page
    assert "wanted, °C" in page
    assert "Example: heatherd warm 21" in page
    assert "| 0 | it worked |" in page


def test_cli_page_leaves_hidden_verbs_out() -> None:
    assert "secret" not in cli_page(sample, {})


def test_every_exit_code_has_a_meaning() -> None:
    codes = exit_codes()
    assert codes[3] == "config: the configuration is wrong"
    assert all(codes.values())


def test_devices_page_says_what_happens_in_silence_and_what_is_missing() -> None:
    page = devices_page([load_modbus_profile("generic_modbus"), load_modbus_profile("nibe_s")])
    assert "keeps the last value" in page
    assert "returns to its own control" in page
    assert "- Missing signals: `heat_energy_kwh`, `heat_w`" in page


def test_devices_page_says_what_a_knob_costs_when_it_acts_and_what_it_leaves_behind() -> None:
    page = devices_page([load_modbus_profile(name) for name in ("lg_therma_v", "idm_navigator")])
    assert (
        "| `curve_offset` | -5 … 5 K | 1 | persistent | 15 a week | 1 h | at once | never "
        "| -3 … 5 | `mode` is 3 or 19 or 35 |" in page
    )
    assert "Modbus TCP, or serial 9600 8N1, unit 33" in page
    assert "`flow_setpoint` stays, liveable: 28 … 45 °C" in page
    assert "`flow_setpoint` lapses within 10 min" in page
    assert "`dhw_boost` until the device restarts, liveable: 0 … 1" in page
    assert "- Recognised by: `device_group` is 128 or 131 or 136 or 137; sense in `outdoor`" in page


def test_generated_pages_do_not_vary() -> None:
    assert pages() == pages()


def test_stale_page_is_shown_as_a_difference(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("old\n", encoding="utf-8")
    difference = stale(tmp_path, {"a.md": "new\n", "b.md": "page\n"})
    assert "-old\n+new\n" in difference
    assert "+page\n" in difference


def test_fresh_page_shows_no_difference(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("same\n", encoding="utf-8")
    assert stale(tmp_path, {"a.md": "same\n"}) == ""
