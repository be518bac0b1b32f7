"""The report of a night of learning and the verb that makes it."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from learning import NOW, biased_runs, days_of, identified, trial_of
from typer.testing import CliRunner

from controller import learn as module
from controller import learn_report
from controller.cli import app
from controller.config import HouseConfig
from controller.learn import Study
from controller.learn_report import (
    UNITS,
    loss_range_w_per_k,
    owner_sentence,
    report_html,
)
from controller.learned import KEY, LESSONS, Lessons
from controller.model import house_model
from controller.recorder import Recorder, Records
from controller.store import open_store
from mpc.building import total_loss_w_per_k
from mpc.identify_model import (
    PARAMETERS,
)

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
Document = dict[str, Any]
pytestmark = pytest.mark.timeout(120)  # the first picture of a process takes its time


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fit that predicts to 0.2 K; the model in force to 0.4 K."""
    monkeypatch.setattr(module, "free_runs", biased_runs)
    monkeypatch.setattr(module, "trial_rmse_k", trial_of(0.2, 0.4))
    monkeypatch.setattr(module, "identify", lambda _, prior, **_k: identified(prior, bias_k=0.2))


@pytest.fixture
def study(config: HouseConfig, fitted: None) -> Study:
    del fitted
    return module.learn(
        days_of(10.0), config=config, model=house_model(config), lessons=Lessons(), at=NOW
    )


def test_the_owner_reads_one_sentence(study: Study) -> None:
    sentence = owner_sentence(study)
    assert sentence.startswith("From 8 days of records heatherd has learned that your house loses")
    assert "it now predicts the room to 0.20 K instead of 0.40 K" in sentence


def test_the_owner_reads_why_nothing_changed(study: Study) -> None:
    kept = replace(study, adopted=False, reasons=("it predicts no better",))
    assert owner_sentence(kept) == "heatherd keeps the model it has: it predicts no better."


def test_the_loss_has_a_range_about_it(study: Study) -> None:
    low, high = loss_range_w_per_k(study)
    loss = total_loss_w_per_k(study.found.building)
    assert low < loss < high
    assert high / loss == pytest.approx(loss / low)


def test_the_report_holds_its_pictures(study: Study) -> None:
    page = report_html(study, zone=COPENHAGEN)
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) == 3
    assert all(base64.b64decode(p).startswith(b"\x89PNG") for p in pictures)
    assert "http" not in page


def test_the_report_says_what_is_wrong_with_the_data(study: Study) -> None:
    page = report_html(study, zone=COPENHAGEN)
    assert "one day &lt;in three&gt; is missing" in page
    assert "15 Jan 13:00 to 14:00: -900 W (an open window?)" in page
    assert "loss through the construction" in page


@pytest.mark.parametrize(
    ("times", "words"), [(1.0, ""), (60.0, "unusually large"), (1.0 / 60.0, "unusually small")]
)
def test_a_number_beyond_what_is_typical_is_pointed_at(
    study: Study, times: float, words: str
) -> None:
    first = study.prior.building
    learned = replace(first, air_outdoor_w_per_k=times * first.air_outdoor_w_per_k)
    page = report_html(
        replace(study, found=replace(study.found, building=learned)), zone=COPENHAGEN
    )
    row = next(row for row in page.split("<tr>") if "loss from the air" in row)
    assert row.endswith(f"<td>{words}</td></tr>")
    assert page.count("unusually") == (1 if words else 0)


def test_a_report_without_predictions_has_fewer_pictures(study: Study) -> None:
    bare = replace(study, held_out=len(study.data) - 10, found=replace(study.found, residuals=None))
    assert report_html(bare, zone=COPENHAGEN).count("<img") == 1


def test_every_parameter_has_a_name_for_people() -> None:
    assert UNITS.keys() == set(PARAMETERS)


# ---- the verb ------------------------------------------------------------------------------------


@pytest.fixture
def file(document: Document, tmp_path: Path) -> Path:
    path = tmp_path / "house.toml"
    lines: list[str] = []
    for section, keys in document.items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(v)}" for key, v in keys.items())]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that look at something else: pictures take seconds."""
    monkeypatch.setattr(learn_report, "report_html", lambda _, zone: f"{zone}")


@pytest.fixture
def recorded(file: Path, fitted: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with records of ten days behind it."""
    del fitted
    from controller import learn_data

    recorder = Recorder(file.parent / "records.db")
    recorder.close()
    monkeypatch.setattr(Records, "latest_at", lambda _: NOW)
    monkeypatch.setattr(learn_data, "house_data", lambda *_: days_of(10.0))
    return file


def heatherd(*words: str, config: Path) -> Any:
    return CliRunner().invoke(app, [*words, "-c", str(config)])


def kept(file: Path) -> Lessons | None:
    with open_store(file.parent / "state.db") as store:
        return store.value(KEY, LESSONS)


def test_learn_adopts_reports_and_tells(recorded: Path) -> None:
    result = heatherd("learn", config=recorded)
    assert result.exit_code == 0
    assert "new model 0.20 K, model in force 0.40 K" in " ".join(result.stdout.split())
    assert (recorded.parent / "learned.html").read_text().startswith("<!doctype html>")
    lessons = kept(recorded)
    assert lessons is not None
    assert lessons.version == 1


@pytest.mark.usefixtures("without_pictures")
def test_check_tells_the_learned_house(recorded: Path) -> None:
    assert "Learned on" not in heatherd("check", config=recorded).stdout
    heatherd("learn", config=recorded)
    assert "(version 1): it loses" in " ".join(heatherd("check", config=recorded).stdout.split())


def test_check_tells_what_the_last_night_remarked(file: Path) -> None:
    with open_store(file.parent / "state.db") as store:
        store.save_value(KEY, LESSONS, Lessons(remarks=("room_c did not move: frozen?",)))
    said = " ".join(heatherd("check", config=file).stdout.split())
    assert "Learning remarks: room_c did not move: frozen?" in said


@pytest.mark.usefixtures("without_pictures")
def test_a_dry_run_changes_nothing(recorded: Path) -> None:
    told = json.loads(heatherd("learn", "--dry-run", "--json", config=recorded).stdout)
    assert told["adopted"] is False
    assert told["error_k"] == pytest.approx(0.2)
    assert kept(recorded) is None


@pytest.mark.usefixtures("without_pictures")
def test_a_rollback_holds_until_resumed(recorded: Path) -> None:
    heatherd("learn", config=recorded)
    said = heatherd("learn", "--rollback", config=recorded)
    assert "as on day one again" in " ".join(said.stdout.split())
    paused = json.loads(heatherd("learn", "--json", config=recorded).stdout)
    assert paused["adopted"] is False
    assert "paused since the last rollback" in paused["reasons"][0]
    again = json.loads(heatherd("learn", "--resume", "--json", config=recorded).stdout)
    assert again["adopted"] is True
    assert again["version"] == 2


def test_a_rollback_without_a_learned_house_is_refused(file: Path) -> None:
    result = heatherd("learn", "--rollback", config=file)
    assert result.exit_code == 1
    assert "no learned model to take back" in result.stderr


@pytest.mark.parametrize("words", [["learn"], ["learn", "--dry-run"]])
def test_without_records_nothing_is_learned(file: Path, words: list[str]) -> None:
    result = heatherd(*words, config=file)
    assert result.exit_code == 5
    assert "nothing was learned: there are no records" in " ".join(result.stderr.split())


def test_the_service_does_not_load_what_only_reports_need() -> None:
    import subprocess
    import sys

    said = subprocess.run(
        [sys.executable, "-c", "import sys, controller.cli; print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert not {"matplotlib", "pandas", "controller.learn", "mpc.identify"} & set(said)
