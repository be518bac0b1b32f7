"""A service that tells clouds only gives the house a sun."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from controller.config import parse_config
from controller.connect_weather import weather_source
from drivers.transports.in_memory_http import MemoryWebLink, Reply

LATITUDE_DEG, LONGITUDE_DEG = 51.96, 7.63
START = datetime(2026, 3, 29, tzinfo=UTC)  # the clock is changed that night


async def sunshine_w_per_m2(document: dict[str, Any], cloud_percent: int) -> np.ndarray:
    """A day under the same clouds, from a service that tells no sun."""
    rows = [
        {
            "timestamp": (START + timedelta(hours=k)).isoformat(),
            "temperature": 8.0,
            "solar": None,
            "cloud_cover": cloud_percent,
        }
        for k in range(25)
    ]
    body = json.dumps({"weather": rows, "sources": []}).encode()
    place = {"latitude_deg": LATITUDE_DEG, "longitude_deg": LONGITUDE_DEG}
    house = document["house"] | place
    config = parse_config(document | {"house": house, "weather": {"kind": "bright_sky"}})
    source = weather_source(config, web=MemoryWebLink(lambda _: Reply(body)))
    assert source is not None
    return np.array((await source.fetch(START + timedelta(minutes=30))).ghi_w_per_m2)


async def test_a_clear_sky_is_that_of_the_place_and_day(document: dict[str, Any]) -> None:
    """At the end of March in Münster: up from 5:10 to 18:00 UTC, highest at 11:34, 41 degrees."""
    clear = await sunshine_w_per_m2(document, 0)
    assert len(clear) == 24
    assert clear[:5].tolist() == [0.0] * 5
    assert clear[18:].tolist() == pytest.approx([0.0] * 6, abs=1.0)
    assert int(np.argmax(clear)) == 11
    sine = np.sin(np.radians(41.2))
    assert clear.max() == pytest.approx(1098.0 * sine * np.exp(-0.059 / sine), rel=0.02)


@pytest.mark.parametrize(("cloud_percent", "share"), [(50, 0.929), (100, 0.25)])
async def test_clouds_over_the_house_let_through_what_is_usual(
    document: dict[str, Any], cloud_percent: int, share: float
) -> None:
    """Kasten and Czeplak: 1 - 0.75 N ** 3.4 of a clear sky."""
    clear = await sunshine_w_per_m2(document, 0)
    clouded = await sunshine_w_per_m2(document, cloud_percent)
    assert clouded == pytest.approx(share * clear, rel=1e-3)
