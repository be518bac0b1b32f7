"""The section [prices]: every documented example works, and what does not fit is named."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from controller.config import ConfigError, HouseConfig, parse_config
from controller.connect_prices import BACKUP_TOKEN_VARIABLE, TOKEN_VARIABLE, price_source
from drivers.api import PriceSource
from drivers.errors import ConfigurationError
from drivers.prices.backed_up import BackedUpPrices
from drivers.prices.live import LivePrices
from drivers.transports.http import HttpRequest
from drivers.transports.in_memory import MemoryMqttLink
from drivers.transports.in_memory_http import MemoryWebLink, Reply
from tests.controller.conftest import NOW

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/live-prices.md"
EXAMPLES = [
    tomllib.loads(text)
    for text in re.findall(
        r"^```toml\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
]
Document = dict[str, Any]


def source_of(config: HouseConfig, web: MemoryWebLink | None = None) -> PriceSource:
    source = price_source(config, MemoryMqttLink, lambda: NOW, web=web)
    assert source is not None
    return source


def parsed(document: Document, **sections: object) -> HouseConfig:
    return parse_config(document | sections)


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "s3cret")
    monkeypatch.setenv(BACKUP_TOKEN_VARIABLE, "other")


@pytest.mark.usefixtures("tokens")
@pytest.mark.parametrize(
    "example", EXAMPLES, ids=lambda example: str(example["prices"].get("kind", "csv"))
)
def test_every_example_of_the_page_makes_a_source(document: Document, example: Document) -> None:
    config = parsed(document, **example)
    assert source_of(config) is not None
    again = HouseConfig.model_validate_json(config.model_dump_json(by_alias=True))
    assert again == config


def test_page_has_an_example_of_every_kind() -> None:
    kinds = {example["prices"].get("kind", "csv") for example in EXAMPLES}
    schema = HouseConfig.model_json_schema()["$defs"]["PricesSection"]["properties"]["kind"]
    assert kinds == set(schema["enum"])


@pytest.mark.parametrize(
    ("prices", "tariff", "words"),
    [
        ({"kind": "entsoe"}, {}, "needs zone"),
        ({"kind": "entsoe", "zone": "DK1"}, {"currency": "DKK"}, "set exchange_rate"),
        ({"kind": "octopus", "product": "A", "tariff": "B"}, {}, "gives prices in GBP"),
        ({"kind": "energi_data_service", "zone": "SE3"}, {}, "DK1 or DK2"),
        ({"kind": "awattar", "zone": "FR"}, {}, "DE or AT"),
        ({"kind": "nordpool", "zone": "FI", "token_file": "t"}, {}, "token_file is for kind"),
        ({"kind": "mqtt", "topic": "a"}, {}, "need [mqtt]"),
        ({"kind": "http_json", "url": "https://u:p@x.example/"}, {}, "prices.url"),
        ({"kind": "csv"}, {}, "needs csv"),
        ({"csv": "p.csv", "backup": {"kind": "entsoe"}}, {}, "needs zone"),
        ({"kind": "nordpol", "zone": "FI"}, {}, "prices.kind"),
        ({"kind": "nordpool", "zne": "FI"}, {}, "did you mean 'zone'"),
    ],
)
def test_what_does_not_fit_is_named(
    document: Document, prices: Document, tariff: Document, words: str
) -> None:
    with pytest.raises(ConfigError) as error:
        parsed(document, prices=prices, tariff=tariff)
    assert words in str(error.value)


def test_service_that_needs_a_token_says_where_to_put_it(
    document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    prices = {"kind": "entsoe", "zone": "FI"}
    with pytest.raises(ConfigurationError, match=TOKEN_VARIABLE):
        source_of(parsed(document, prices=prices))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        source_of(parsed(document, prices=prices | {"token_file": str(tmp_path / "none")}))


def test_zone_that_nobody_knows_is_named(document: Document, tokens: None) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'SE3'"):
        source_of(parsed(document, prices={"kind": "entsoe", "zone": "SE33"}))


async def test_token_of_a_file_goes_into_the_question_and_nowhere_else(
    document: Document, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    config = parsed(document, prices={"kind": "entsoe", "zone": "FI", "token_file": str(token)})
    link = MemoryWebLink(lambda _: Reply(status=401))
    with pytest.raises(ConfigurationError) as error:
        await source_of(config, link).fetch(NOW)
    assert ("securityToken", "s3cret") in link.asked[0].params
    assert "s3cret" not in str(error.value) + config.model_dump_json()


async def test_sensor_of_home_assistant_is_asked_for_both_lists(
    document: Document, tokens: None
) -> None:
    today = '[{"start":"2026-01-15T00:00:00+01:00","end":"x","value":0.5}]'
    tomorrow = '[{"start":"2026-01-15T01:00:00+01:00","end":"x","value":-0.25}]'
    body = f'{{"state":"1","attributes":{{"raw_today":{today},"raw_tomorrow":{tomorrow}}}}}'
    asked: list[HttpRequest] = []

    def serve(request: HttpRequest) -> Reply:
        asked.append(request)
        return Reply(body.encode())

    prices = {
        "kind": "home_assistant", "url": "http://ha.local:8123/", "entity": "sensor.nordpool",
        "price_key": "value", "per_mwh": False,
    }  # fmt: skip
    config = parsed(document, prices=prices, tariff={"currency": "DKK"})
    series = await source_of(config, MemoryWebLink(serve)).fetch(NOW)
    assert (series.per_kwh, series.step_s, series.currency) == ((0.5, -0.25), 3600, "DKK")
    assert asked[0].url == "http://ha.local:8123/api/states/sensor.nordpool"
    assert asked[0].headers == (("Authorization", "Bearer s3cret"),)


def test_backup_makes_two_sources(document: Document, tokens: None) -> None:
    prices = {"kind": "nordpool", "zone": "DK1"}
    assert isinstance(source_of(parsed(document, prices=prices)), LivePrices)
    both = prices | {"backup": {"kind": "entsoe", "zone": "DK1"}}
    assert isinstance(source_of(parsed(document, prices=both)), BackedUpPrices)


def test_no_section_is_no_source(config: HouseConfig) -> None:
    assert price_source(config, MemoryMqttLink, lambda: NOW) is None
