"""The verbs explain and replay on the records of a run."""

import json
import shutil
import sqlite3
from itertools import pairwise

import pytest
from scripted import play, spec
from typer.testing import CliRunner

from controller.cli import app
from controller.records import record_text


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    directory = tmp_path_factory.mktemp("recorded")
    play(directory, {}, run_spec=spec(days=1.5 / 24))
    return directory


@pytest.fixture
def copy(recorded, tmp_path):
    shutil.copy(recorded / "records.db", tmp_path / "records.db")
    return tmp_path


def heatherd(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def change(directory, *statement):
    db = sqlite3.connect(directory / "records.db")
    with db:
        db.execute(*statement)
    db.close()


def test_explain_tells_the_latest_plan_in_local_time(recorded):
    result = heatherd("explain", "--records", recorded)
    assert result.exit_code == 0
    assert "Plan for timber1972 of Mon 15 Jan 07:00 (mpc)" in result.output  # 06:00 UTC
    assert "In the next 24 h the heat pump uses" in " ".join(result.output.split())
    assert "Mon 15 Jan" in result.output
    assert "EUR/kWh" in result.output


def test_explain_as_json_covers_the_plan_without_gaps(recorded):
    told = json.loads(heatherd("explain", "--records", recorded, "--json").output)
    assert told["source"] == "mpc"
    blocks = told["blocks"]
    assert told["made_at"] == "2024-01-15T06:00:00+00:00"
    assert blocks[0]["starts_at"] == "2024-01-15T06:00:00+00:00"
    assert blocks[-1]["ends_at"] == "2024-01-16T06:00:00+00:00"
    for block, following in pairwise(blocks):
        assert block["ends_at"] == following["starts_at"]


def test_explain_says_that_there_is_no_plan_yet(copy):
    change(copy, "DELETE FROM content WHERE kind = 'plan'")
    result = heatherd("explain", "--records", copy)
    assert result.exit_code == 1
    assert "No plan has been made yet." in result.output


def test_replay_of_untouched_records_succeeds(recorded):
    result = heatherd("replay", "--records", recorded)
    assert result.exit_code == 0
    assert "90 steps, 0 differences." in result.output


def test_replay_with_replan_reports_costs(recorded):
    result = heatherd("replay", "--records", recorded, "--replan", "--json")
    assert result.exit_code == 0
    told = json.loads(result.output)
    assert (told["steps"], told["differences"]) == (90, 0)
    assert len(told["plans"]) == 3
    assert told["mean_cost_change"] == pytest.approx(0.0, abs=1e-6)


def test_replay_shows_what_is_different_and_fails(copy):
    rows = sqlite3.connect(copy / "records.db")
    at, text = rows.execute("SELECT at, record FROM step ORDER BY at DESC LIMIT 1").fetchone()
    rows.close()
    body = json.loads(record_text(text))
    body["verdict"] = {"refused": ["a hand that is not ours"]}
    change(copy, "UPDATE step SET record = ? WHERE at = ?", (json.dumps(body), at))
    result = heatherd("replay", "--records", copy)
    assert result.exit_code == 1
    assert "90 steps, 1 difference." in result.output
    assert f"{at} guard" in result.output
    assert "a hand that is not ours" in result.output


def test_replay_takes_the_folder_from_the_configuration(recorded, tmp_path):
    house = tmp_path / "house.toml"
    house.write_text(f"""
[house]
timezone = "Europe/Copenhagen"
year = 1972
area_m2 = 140
emitter = "radiator"
design_flow_c = 55
[heat_pump]
profile = "generic_modbus"
host = "127.0.0.1"
[storage]
directory = "{recorded}"
""")
    assert "90 steps" in heatherd("replay", "-c", house).output


@pytest.mark.parametrize("verb", ["explain", "replay"])
def test_missing_records_are_named_and_not_made(tmp_path, verb):
    result = heatherd(verb, "--records", tmp_path)
    assert result.exit_code == 5
    assert "there are no records at" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["explain", "replay"])
def test_a_file_that_holds_no_records_is_left_as_it_is(tmp_path, verb):
    (tmp_path / "records.db").write_bytes(b"not a database, " * 600)
    result = heatherd(verb, "--records", tmp_path)
    assert result.exit_code == 5
    assert "cannot be read" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["records.db"]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE step SET record = 'x' WHERE rowid = 9", "record of 2024-01-15T05:08"),
        ("DELETE FROM content WHERE kind = 'plan'", "is not among the records"),
        ("DELETE FROM content WHERE kind = 'config'", "is not among the records"),
        ("UPDATE content SET body = x'00' WHERE kind = 'plan'", "cannot be read"),
    ],
)
def test_replay_names_what_is_gone_or_broken(copy, statement, words):
    change(copy, statement)
    result = heatherd("replay", "--records", copy)
    assert result.exit_code == 5
    assert words in " ".join(result.output.split())


@pytest.mark.parametrize("verb", ["explain", "replay"])
def test_help_has_an_example(verb):
    result = heatherd(verb, "--help")
    assert result.exit_code == 0
    assert f"Example: heatherd {verb} " in result.output
