"""Links, decision records, examples, and pages that must follow the code."""

import re
import tomllib
from pathlib import Path

import pytest

from controller.config import parse_config
from drivers.api import Capability, Signal
from drivers.profile import load_modbus_profile

ROOT = Path(__file__).resolve().parents[2]
DECISIONS = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
EXAMPLES = sorted((ROOT / "deploy/examples").glob("*.toml"))
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture
def pages(committed: tuple[Path, ...]) -> list[Path]:
    return [ROOT / path for path in committed if path.suffix == ".md"]


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _broken_links(page: Path) -> list[str]:
    broken = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        goal = (page.parent / name).resolve() if name else page
        if not goal.exists() or (anchor and anchor not in _anchors(goal)):
            broken.append(f"{page.name}: {link}")
    return broken


def test_every_relative_link_leads_somewhere(pages: list[Path]) -> None:
    assert [link for page in pages for link in _broken_links(page)] == []


def test_broken_links_and_anchors_are_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Some title\n[a](nowhere.md) [b](#some-title) [c](#other) [d](https://example.org)",
        encoding="utf-8",
    )
    assert _broken_links(page) == ["page.md: nowhere.md", "page.md: #other"]


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_decision_record_has_number_date_and_all_sections(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {path.stem[:4]} ")
    assert re.search(r"^Date: 20\d\d-\d\d-\d\d$", text, flags=re.MULTILINE)
    template = (ROOT / "docs/decisions/template.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## .+$", template, flags=re.MULTILINE)
    assert re.findall(r"^## .+$", text, flags=re.MULTILINE) == sections


def test_decision_numbers_are_unique_and_without_gaps() -> None:
    assert [int(path.stem[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_configuration_is_accepted_and_only_observes(path: Path) -> None:
    config = parse_config(tomllib.loads(path.read_text(encoding="utf-8")))
    assert config.control.mode == "observe"
    assert config.heat_pump.accept_maturity == "field"
    knob, profile = config.heat_pump.capability, load_modbus_profile(config.heat_pump.profile)
    assert knob is None or knob in profile.knobs


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_setting_commented_out_in_an_example_is_valid_too(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    optional = re.compile(r"^# (\[{1,2}[a-z_.]+\]{1,2}|[a-z_]+ = .+)$")
    text = "\n".join(optional.sub(r"\1", line) for line in lines)
    assert "accept_maturity" in text
    config = parse_config(tomllib.loads(text))
    assert config.heat_pump.accept_maturity == "simulated"


def test_glossary_explains_every_signal_and_capability() -> None:
    glossary = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    names = [*(signal.value for signal in Signal), *(kind.value for kind in Capability)]
    assert [name for name in names if f"`{name}`" not in glossary] == []


def test_architecture_names_only_modules_that_exist() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:controller|drivers|mpc|hil|bench|tests)/[\w/.]*)`", text)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
