"""The section [weather]: every documented example works, and what does not fit is named."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from controller.clock import SteppedClock
from controller.config import ConfigError, HouseConfig, parse_config
from controller.connect_weather import KEY_VARIABLE, weather_source
from controller.learned import house_name
from controller.online import ask_online
from drivers.errors import LinkLostError
from drivers.transports.http import HttpRequest
from drivers.transports.in_memory_http import MemoryWebLink, Reply
from drivers.weather.backed_up import BackedUpWeather
from drivers.weather.csv_file import CsvWeather
from drivers.weather.live import LiveWeather

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/weather.md"
EXAMPLES = [
    tomllib.loads(text)
    for text in re.findall(
        r"^```toml\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
]
Document = dict[str, Any]
PLACE = {"latitude_deg": 55.68, "longitude_deg": 12.57}


def parsed(document: Document, **sections: Document) -> HouseConfig:
    house = document["house"] | sections.pop("house", {})
    return parse_config(document | sections | {"house": house})


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: str(e["weather"].get("kind", "csv")))
def test_every_example_of_the_page_makes_a_weather_source(
    document: Document, example: Document
) -> None:
    config = parsed(document, **example)
    assert weather_source(config, web=MemoryWebLink(lambda _: Reply())) is not None
    again = HouseConfig.model_validate_json(config.model_dump_json(by_alias=True))
    assert again == config


def test_page_has_an_example_of_every_kind_of_weather() -> None:
    kinds = {example["weather"].get("kind", "csv") for example in EXAMPLES}
    schema = HouseConfig.model_json_schema()["$defs"]["WeatherSection"]["properties"]["kind"]
    assert kinds == set(schema["enum"])


@pytest.mark.parametrize(
    ("weather", "house", "words"),
    [
        ({}, {}, "needs csv"),
        ({"kind": "open_meteo"}, {}, "needs house.latitude_deg"),
        ({"kind": "open_meteo"}, {"latitude_deg": 55.7}, "belong together"),
        ({"kind": "met_norway"}, PLACE, "needs contact"),
        ({"kind": "met_norway", "contact": "me"}, PLACE, "weather.contact"),
        ({"kind": "mosmix"}, {}, "needs station"),
        ({"kind": "mosmix", "station": "../1"}, {}, "weather.station"),
        ({"kind": "bright_sky", "contact": "a@b.de"}, PLACE, "contact is for kind"),
        ({"csv": "w.csv", "backup": {"kind": "bright_sky"}}, {}, "needs house.latitude_deg"),
        ({"kind": "openmeteo"}, PLACE, "weather.kind"),
        ({"csv": "w.csv"}, {"windows": {"south_m2": 5.0}}, "windows need latitude_deg"),
        ({"csv": "w.csv"}, PLACE | {"windows": {}}, "at least one side"),
        (
            {"csv": "w.csv"},
            PLACE | {"windows": {"south_m2": 5.0}, "model": {"solar_aperture_m2": 3.0}},
            "not both",
        ),
    ],
)
def test_weather_that_does_not_fit_is_named(
    document: Document, weather: Document, house: Document, words: str
) -> None:
    with pytest.raises(ConfigError) as error:
        parsed(document, weather=weather, house=house)
    assert words in str(error.value)


def test_saying_where_the_house_stands_keeps_what_was_learned_and_windows_do_not(
    document: Document,
) -> None:
    placed = parsed(document, house=PLACE | {"altitude_m": 40.0})
    assert house_name(placed) == house_name(parsed(document))
    with_windows = parsed(document, house=PLACE | {"windows": {"south_m2": 5.0}})
    assert house_name(with_windows) != house_name(placed)


def test_backup_and_file_become_what_they_are(document: Document) -> None:
    link = MemoryWebLink(lambda _: Reply())
    both = parsed(
        document, weather={"kind": "open_meteo", "backup": {"csv": "w.csv"}}, house=dict(PLACE)
    )
    assert isinstance(weather_source(both, web=link), BackedUpWeather)
    assert isinstance(
        weather_source(parsed(document, weather={"kind": "mosmix", "station": "10513"}), web=link),
        LiveWeather,
    )
    assert isinstance(weather_source(parsed(document, weather={"csv": "w.csv"})), CsvWeather)
    assert weather_source(parsed(document)) is None


async def test_check_asks_each_weather_service_and_keeps_the_key_to_itself(
    document: Document, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "s3cret")
    hour_s = int(clock.now().timestamp()) // 3600 * 3600
    quarters = ",".join(str(hour_s + 900 * k) for k in range(5))
    body = (
        '{"utc_offset_seconds":0,"minutely_15_units":{"temperature_2m":"°C",'
        '"shortwave_radiation":"W/m²","wind_speed_10m":"m/s"},"minutely_15":{"time":['
        + quarters
        + '],"temperature_2m":[1,2,3,4,5],"shortwave_radiation":[0,10,20,30,40],'
        '"wind_speed_10m":[4,4,4,4,4]}}'
    ).encode()

    def serve(request: HttpRequest) -> Reply:
        if "open-meteo" in request.url:
            return Reply(body)
        raise LinkLostError("api.met.no cannot be reached")

    config = parsed(
        document,
        weather={"kind": "open_meteo", "backup": {"kind": "met_norway", "contact": "a@b.no"}},
        house=dict(PLACE),
    )
    link = MemoryWebLink(serve)
    answers = await ask_online(config, clock, patience_s=0.0, web=link)
    assert [(answer.of, answer.good) for answer in answers] == [
        ("weather", True),
        ("weather", False),
    ]
    assert answers[0].text.startswith("Open-Meteo: 15 Jan 13:00 to 15 Jan 14:00 in steps of 15 min")
    assert answers[0].text.endswith("1.5 to 4.5 °C, sun up to 40 W/m², wind up to 4 m/s")
    assert answers[1].text == "api.met.no cannot be reached"
    assert "s3cret" not in str(answers)
    assert dict(link.asked[0].params)["apikey"] == "s3cret"
