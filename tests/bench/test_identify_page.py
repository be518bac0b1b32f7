"""The page of the identification benchmark tells misses as plainly as hits."""

from typing import Any

import pytest

from bench.identify_fits import FitFound
from bench.identify_page import page
from bench.identify_score import OURS
from bench.mpc_process import Footprint

FIT = {"Dutch house 2": Footprint(peak_mb=150.0, cpu_s=20.0, wall_s=20.0)}


def found(name: str, kind: str, day_k: float, **more: Any) -> FitFound:
    """A house whose predictions err by this much at every lead; ARX errs by 0.4 K."""
    scores = {
        "starts": 48,
        "rmse_k": {OURS: [day_k] * 4, "persistence": [1.0] * 4, "ARX": [0.4] * 4},
        "bias_k": [0.0] * 4,
        "covered_frac": 0.8,
        "covered_at_frac": [0.8] * 4,
        "score_k": 1.0,
        "constant_score_k": 1.2,
        "growing_score_k": 1.1,
        "constant_covered_frac": 0.79,
    }
    told: dict[str, Any] = {
        "words": "villa1961",
        "order": "2R2C",
        "accepted": True,
        "reasons": [],
        "fit_cpu_s": 9.0,
        "scores": scores,
        "sunny_scores": scores,
    }
    return FitFound(name=name, kind=kind, **(told | more))


def target(text: str, what: str) -> str:
    """The row of the table of targets that begins so."""
    return next(line for line in text.splitlines() if line.startswith(f"| {what}"))


def told(houses: list[FitFound], records: list[FitFound]) -> str:
    return page(
        houses, records, FIT, absent=["house_flexhouse"], command="python -m bench.identify"
    )


def test_a_missed_target_says_no() -> None:
    good = told([found("0", "heavy", 0.2)], [found("FlexHouse", "measured", 0.4)])
    bad = told([found("0", "heavy", 0.6)], [found("FlexHouse", "measured", 0.6)])

    for what in (
        "24 h RMSE, median, sun of the forecast",
        "24 h RMSE, 90th percentile, sun of the forecast",
        "24 h RMSE, median, sun measured",
        "24 h RMSE, 90th percentile, sun measured",
        "measured houses, 12 and 24 h",
    ):
        assert target(good, what).endswith("| yes |")
        assert target(bad, what).endswith("| **no** |")


def test_an_adopted_fault_and_a_bias_are_misses() -> None:
    fault = {"fault": "gaps", "words": "gaps", "named": False, "findings": [], "adopted": True}
    text = told(
        [
            found(
                "0", "floor", 0.2,
                faults=[fault], unknown_w=300.0, unknown_bias_k=-0.3, usual_bias_k=-0.28,
            )
        ],
        [],
    )  # fmt: skip

    assert "| 0 of 1 | **no** |" in target(text, "bad records named")
    assert "| 1 | **no** |" in target(text, "bad records adopted")
    assert "worst 0.30 K | **no** |" in target(text, "bias with 300 W unknown")
    assert "worst 0.02 K | yes |" in target(text, "… what the unknown heat adds")


@pytest.mark.parametrize("reason", ["mass went to the edge of what is believed possible"])
def test_refused_fits_are_listed_with_their_reasons(reason: str) -> None:
    text = told([found("17", "light", 0.2, accepted=False, reasons=[reason])], [])

    assert f"- house 17 (light, villa1961): {reason}" in text


def test_records_too_short_to_predict_and_absent_files_are_said_so() -> None:
    text = told([found("0", "heavy", 0.2)], [found("BOPTEST summer", "other", 0.2, scores=None)])

    assert "| BOPTEST summer | villa1961 | 2R2C | yes |" in text
    assert "Not there, so not judged: house_flexhouse." in text
