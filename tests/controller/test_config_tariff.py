"""The section [tariff]: what an owner may write, what it comes to, and every mistake named."""

import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from controller.config import ConfigError, HouseConfig, parse_config
from controller.config_tariff import parse_holiday, parse_times
from controller.model import house_model
from mpc.peak_charges import charges
from mpc.peak_state import nothing_counted
from mpc.peak_tariff import PeakPeriod, PeakValue
from mpc.peaks import PeakCharge, PeakGroup
from mpc.tariff import Tariff

Document = dict[str, Any]

WHOLE = """
currency = "NOK"
margin_frac = 0.02
adder_per_kwh = 0.0813
vat_frac = 0.25
holidays = ["12-25", "easter-2", "2026-06-19"]

[[energy]]
name = "grid"
per_kwh = 0.2899
weekdays = ["mon", "tue", "wed", "thu", "fri"]
times = ["06:00-22:00"]
holidays = "excluded"
since = 2026-07-01

[[energy]]
name = "grid"
per_kwh = 0.212375
vat_included = true

[export]
spot_frac = 0.95
fee_per_kwh = 0.01

[[peak]]
name = "capacity"
average_of = 3
rate = [{ since = 2026-07-01, step = [{ from_kw = 0, fee = 120 }, { from_kw = 2, fee = 200 }] }]

[[peak]]
name = "effekt"
interval = "15 min"
group = "free"
vat_included = true
expected_frac = 0
window = [{ months = [11, 12, 1, 2, 3], times = ["22:00-06:00"], weight_frac = 0.5 }]
rate = [{ price_per_kw = 50, months = [11] }, { price_per_kw = 40 }]
"""


def with_tariff(document: Document, tariff: Mapping[str, Any]) -> HouseConfig:
    return parse_config({**document, "tariff": dict(tariff)})


@pytest.fixture
def whole() -> Document:
    """A section in which everything is said."""
    return tomllib.loads(WHOLE)


def test_the_old_keys_alone_are_the_same_price_at_all_times(document: Document) -> None:
    config = with_tariff(
        document,
        {"currency": "DKK", "margin_frac": 0.1, "adder_per_kwh": 0.2, "vat_frac": 0.25},
    )
    tariff = house_model(config).tariff
    plain = Tariff(margin_frac=0.1, adder_per_kwh=0.2, vat_frac=0.25, currency="DKK")
    at = datetime(2026, 7, 1, tzinfo=UTC)
    assert tariff.price_per_kwh(0.5) == tariff.price_per_kwh(0.5, at) == plain.price_per_kwh(0.5)
    assert tariff.calendar.timezone == "Europe/Copenhagen"
    assert tariff.peaks == ()
    assert tariff.export_price_per_kwh(0.5, at) == 0.0


def test_prices_come_out_as_they_were_written(document: Document, whole: Document) -> None:
    tariff = house_model(with_tariff(document, whole)).tariff

    def price(at: datetime) -> float:
        return tariff.price_per_kwh(0.5, at)

    working_day = (0.5 * 1.02 + 0.0813 + 0.2899) * 1.25
    others = (0.5 * 1.02 + 0.0813) * 1.25 + 0.212375
    assert price(datetime(2026, 12, 7, 5, tzinfo=UTC)) == pytest.approx(working_day)
    assert price(datetime(2026, 12, 7, 4, 59, tzinfo=UTC)) == pytest.approx(others)
    assert price(datetime(2026, 12, 25, 12, tzinfo=UTC)) == pytest.approx(others)
    assert price(datetime(2027, 3, 26, 12, tzinfo=UTC)) == pytest.approx(others)
    assert price(datetime(2026, 6, 30, 12, tzinfo=UTC)) == pytest.approx(others)
    at = datetime(2026, 12, 7, 5, tzinfo=UTC)
    assert tariff.export_price_per_kwh(0.5, at) == pytest.approx(0.5 * 0.95 - 0.01)


def test_charges_on_power_come_out_with_vat(document: Document, whole: Document) -> None:
    steps, per_kw = house_model(with_tariff(document, whole)).tariff.peaks
    assert (steps.group, steps.averaged, steps.interval_s) == (PeakGroup.DAY, 3, 3600)
    assert (steps.expected_frac, per_kw.expected_frac) == (0.8, 0.0)
    assert steps.period is per_kw.period is PeakPeriod.MONTH
    days = [PeakValue(at=datetime(2026, 7, d, 12, tzinfo=UTC), kw=2.0) for d in (1, 2, 3)]
    assert steps.fee(days, date(2026, 7, 1)) == pytest.approx(250.0)
    assert steps.fee(days[:2], date(2026, 7, 1)) == pytest.approx(150.0)
    assert steps.fee(days, date(2026, 6, 1)) == 0.0
    night = [PeakValue(at=datetime(2026, 11, 3, 23, 15, tzinfo=UTC), kw=8.0)]
    assert per_kw.fee(night, date(2026, 11, 1)) == pytest.approx(0.5 * 8.0 * 50.0)


def test_what_the_planner_was_asked_can_be_read_again(document: Document, whole: Document) -> None:
    charge_text: TypeAdapter[tuple[PeakCharge, ...]] = TypeAdapter(tuple[PeakCharge, ...])
    steps, _ = house_model(with_tariff(document, whole)).tariff.peaks
    at = datetime(2026, 11, 30, 12, tzinfo=UTC)
    made = charges(steps, nothing_counted(steps), starts_at=at, step_s=900, steps=96)
    assert len(made) == 2
    assert charge_text.validate_json(charge_text.dump_json(made)) == made


def test_what_is_written_can_be_written_again(document: Document, whole: Document) -> None:
    config = with_tariff(document, whole)
    again = HouseConfig.model_validate_json(config.model_dump_json(by_alias=True))
    assert again == config
    assert house_model(again).tariff == house_model(config).tariff


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("energy.0.times", ["6-22"], "quarter-hours such as"),
        ("energy.0.times", ["06:00-06:00"], "times end when they begin"),
        ("energy.0.times", ["06:10-22:00"], "quarter-hours such as"),
        ("energy.0.weekdays", ["monday"], "'mon'"),
        ("energy.0.months", [13], "less than or equal to 12"),
        ("energy.0.until", "2026-07-01", "since must be before until"),
        ("energy.0.name", "", "at least 1 character"),
        ("energy.0.per_kwh", float("nan"), "finite number"),
        ("holidays", [], "list them in tariff.holidays"),
        ("holidays", ["christmas"], "a holiday is"),
        ("holidays", ["02-30"], "there is no such day"),
        ("peak.0.interval", "10 min", 'interval is "15 min", "30 min" or "1 h"'),
        ("peak.0.period", "mean_of_months", 'steps go with period = "month"'),
        ("peak.0.rate", [], "at least 1 item"),
        ("peak.0.rate.0.price_per_kw", 3.0, "give price_per_kw or step, one of them"),
        ("peak.0.rate.0.step.0.from_kw", 1.0, "the first is from_kw = 0"),
        ("peak.0.rate.0.step.1.from_kw", 0.0, "steps rise"),
        ("peak.1.rate.0.price_per_kw", 0.0, "give price_per_kw or step, one of them"),
        ("peak.1.name", "capacity", "each [[tariff.peak]] needs a name of its own"),
        ("peak.1.average_of", 0, "greater than or equal to 1"),
        ("export.vat_frac", 2.0, "less than or equal to 1"),
    ],
)
def test_a_tariff_that_cannot_be_meant_is_refused(
    document: Document, whole: Document, key: str, value: object, reason: str
) -> None:
    *path, last = key.split(".")
    place: Any = whole
    for part in path:
        place = place[int(part)] if part.isdigit() else place[part]
    place[last] = value
    with pytest.raises(ConfigError) as error:
        with_tariff(document, whole)
    assert reason in str(error.value)
    assert str(error.value).startswith("tariff")


def test_a_rate_that_never_counts_is_refused(document: Document, whole: Document) -> None:
    whole["energy"].reverse()
    with pytest.raises(ConfigError, match="a rate of 'grid' never counts"):
        with_tariff(document, whole)


@pytest.mark.parametrize(
    ("key", "suggestion"), [("energy.0.time", "times"), ("peak.0.rates", "rate")]
)
def test_a_mistyped_key_of_a_table_gets_a_suggestion(
    document: Document, whole: Document, key: str, suggestion: str
) -> None:
    table, number, last = key.split(".")
    whole[table][int(number)][last] = 1
    with pytest.raises(ConfigError, match=f"unknown key; did you mean '{suggestion}'"):
        with_tariff(document, whole)


GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "tariffs.md"
BLOCKS = re.findall(r"^```toml\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.S | re.M)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[-1])
def test_every_piece_of_the_guide_is_a_valid_tariff(document: Document, block: str) -> None:
    config = with_tariff(document, tomllib.loads(block)["tariff"])
    assert config.tariff.model_fields_set
    assert house_model(config).tariff.currency == config.tariff.currency


def test_holidays_and_times_are_read() -> None:
    assert parse_holiday("12-25") == (12, 25)
    assert parse_holiday("02-29") == (2, 29)
    assert parse_holiday("2026-06-19") == date(2026, 6, 19)
    assert [parse_holiday(text) for text in ("easter", "easter-2", "easter+39")] == [0, -2, 39]
    assert parse_times("06:15-24:00") == (22_500, 86_400)
    assert parse_times("22:00-06:00") == (79_200, 21_600)
