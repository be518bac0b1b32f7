"""Run a case of the economy benchmark once and keep what came of it."""

import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bench.baseline import plant_truths
from bench.economy_cases import Arm, Case
from bench.economy_figures import Figures, figures
from bench.run import run_in_memory
from hil.house import load_house

FIGURES = TypeAdapter(Figures)

CODE = ("bench", "controller", "drivers", "hil", "mpc")
SHOWN_ONLY = ("economy.py", "economy_page.py", "economy_tables.py", "economy_equal.py",
              "economy_bills.py", "economy_cases.py", "wrong_prior.py",
              "wrong_prior_page.py")  # fmt: skip
"""Modules of the benchmark that choose runs or show them, but change none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A case and its figures; `cpu_s` is the only one that differs between equal runs."""

    case: Case
    figures: Figures
    not_solved: int
    cpu_s: float


def run_case(case: Case) -> Outcome:
    """Run it; the count begins after settling."""
    began_s = time.process_time()
    spec, place, not_solved = case.spec(), case.place, 0
    if case.arm is Arm.CURVE:
        truths = tuple(plant_truths(spec, case.curve))
    else:
        with tempfile.TemporaryDirectory(prefix="heatherd-") as folder:
            result = run_in_memory(spec, Path(folder))
        truths, not_solved = result.truths, result.recorded.not_solved
    counted = figures(
        truths,
        start_at=place.start_at,
        end_at=place.end_at,
        tank_l=load_house(place.house).truth.tank.volume_l,
    )
    cpu_s = time.process_time() - began_s
    return Outcome(case=case, figures=counted, not_solved=not_solved, cpu_s=round(cpu_s, 1))


def result_path(folder: Path, case: Case) -> Path:
    """Where the outcome is kept: named by what was run and by the code that ran it."""
    asked = json.dumps([asdict(case.spec()), asdict(case.place)], sort_keys=True, default=str)
    key = hashlib.sha256(f"{asked} {code_version()}".encode()).hexdigest()[:16]
    place = case.place
    arm = "".join(c if c.isalnum() else "-" for c in case.arm.value)
    return folder / f"{arm}_{place.house}_{place.zone}_{place.first_day}_{key}.json"


def keep(folder: Path, outcome: Outcome) -> None:
    """Write it in one go: an interrupted benchmark leaves no half file."""
    path = result_path(folder, outcome.case)
    partial = path.with_suffix(".partial")
    row = {
        "figures": FIGURES.dump_python(outcome.figures, mode="json"),
        "not_solved": outcome.not_solved,
        "cpu_s": outcome.cpu_s,
        "code": code_version(),
    }
    partial.write_text(json.dumps(row, allow_nan=False) + "\n", encoding="utf-8")
    partial.replace(path)


def kept(folder: Path, case: Case) -> Outcome | None:
    """The outcome of an earlier run of this very case with this very code."""
    path = result_path(folder, case)
    if not path.is_file():
        return None
    row: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Outcome(
        case=case,
        figures=FIGURES.validate_python(row["figures"]),
        not_solved=row["not_solved"],
        cpu_s=row["cpu_s"],
    )


@cache
def code_version() -> str:
    """A digest of every source and data file that a run depends on."""
    digest = hashlib.sha256()
    for package in CODE:
        for name, content in _contents(files(package), package):
            digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()[:12]


def _contents(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _contents(entry, f"{name}/{entry.name}")
        elif entry.name.endswith((".py", ".toml", ".json", ".gz")) and not (
            name == "bench" and entry.name in SHOWN_ONLY
        ):
            yield f"{name}/{entry.name}", entry.read_bytes()
