"""The page on forecasts counts what it says it counts."""

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pytest

from bench.economy_runs import code_version
from bench.forecasts import price_rows, room_rows, weather_rows
from controller.margin import Errors


def test_a_learned_shape_errs_less_than_the_known_days() -> None:
    rows = price_rows(date(2024, 2, 20))
    assert [(row["zone"], row["days ahead"]) for row in rows] == [
        ("DK1", 1), ("DK1", 2), ("DE_LU", 1), ("DE_LU", 2),
    ]  # fmt: skip
    shape = [float(row["learned shape"] or 0.0) for row in rows]
    known = [float(row["known days"] or 0.0) for row in rows]
    assert sum(shape) < sum(known)
    assert all(0.5 < float(row["within"] or 0.0) < 1.0 for row in rows)


def test_archived_forecasts_lie_within_their_quantiles_eight_times_of_ten() -> None:
    for row in weather_rows():
        assert float(row["within"] or 0.0) == pytest.approx(0.8, abs=0.06)


def test_kept_runs_are_compared_lead_by_lead(tmp_path: Path) -> None:
    for run, square_k2 in (("issued", 0.05), ("perfect", 0.01)):
        kept = [asdict(Errors(300.0, square_k2, 0.02, 300.0))] * 3
        (tmp_path / f"{run}-{code_version()}.json").write_text(json.dumps(kept))
    rows = room_rows(tmp_path)
    assert [row["lead, h"] for row in rows] == [1, 2, 4]
    assert rows[0]["by weather"] == pytest.approx(0.2)
    assert rows[0]["expected"] == pytest.approx(0.02**0.5)
