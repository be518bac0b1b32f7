"""MOSMIX_L forecasts of Deutscher Wetterdienst: hours for ten days, at some 6000 stations.

A KMZ is a ZIP archive with one KML file, whose columns of numbers are separated by white space; "-"
is missing. Times and elements are found by local names: prefixes and name spaces have changed.
"""

import io
import zipfile
import zlib
from datetime import datetime
from xml.etree.ElementTree import Element

from drivers.api import WeatherSeries
from drivers.errors import TransientError
from drivers.transports.http import HttpLink, HttpRequest, parse_xml
from drivers.weather.answers import aware, scaled
from drivers.weather.series import Sky, SunUnderClouds, Told, series_of

STEP_S = 3600
KELVIN_C = 273.15
W_PER_KJ_PER_H = 1.0 / 3.6
LARGEST_BYTES = 20_000_000
"""Unpacked; a station's file has about 1 MB."""

_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
"""What Python says to an archive that is none."""


class Mosmix:
    """The `WeatherService` of one station, such as 10513 or P0036."""

    def __init__(self, link: HttpLink, station: str, *, sun: SunUnderClouds | None) -> None:
        """`sun` makes irradiance from clouds at stations without it."""
        self.name = f"MOSMIX {station}"
        self._link = link
        self._station = station
        self._sun = sun

    async def ask(self, at: datetime) -> WeatherSeries:
        """The forecast of now. Raises a `DriverError`."""
        answer = await self._link.ask(self.request, at)
        return self.parse(answer.checked().body, at)

    @property
    def request(self) -> HttpRequest:
        """The question for the latest file."""
        station = self._station
        return HttpRequest(
            url="https://opendata.dwd.de/weather/local_forecasts/mos/MOSMIX_L/single_stations/"
            f"{station}/kml/MOSMIX_L_LATEST_{station}.kmz"
        )

    def parse(self, body: bytes, at: datetime) -> WeatherSeries:
        """The series in an answer."""
        root = parse_xml(self._unpacked(body), self.name)
        times = [_instant(e.text, self.name) for e in root.iter() if _local(e.tag) == "TimeStep"]
        issued = [_instant(e.text, self.name) for e in root.iter() if _local(e.tag) == "IssueTime"]
        outdoor_k = self._column(root, "TTT", times)
        sunshine = self._column(root, "Rad1h", times)
        clouds = self._column(root, "N", times)
        sky = Sky(
            outdoor_c={t: None if k is None else k - KELVIN_C for t, k in outdoor_k.items()},
            ghi_before_w_per_m2={t: scaled(v, W_PER_KJ_PER_H) for t, v in sunshine.items()},
            wind_m_s=self._column(root, "FF", times),
            cloud_frac={t: scaled(v, 0.01) for t, v in clouds.items()},
        )
        issued_at = issued[0] if issued else at
        return series_of(
            sky, step_s=STEP_S, issued_at=issued_at, at=at, source=self.name, sun=self._sun
        )

    def _unpacked(self, body: bytes) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                names = [name for name in archive.namelist() if name.lower().endswith(".kml")]
                if not names:
                    raise TransientError(f"{self.name}: there is no KML in the answer")
                with archive.open(names[0]) as packed:
                    content = packed.read(LARGEST_BYTES + 1)
        except _BROKEN as error:
            raise TransientError(f"{self.name}: the answer is no whole ZIP archive") from error
        if len(content) > LARGEST_BYTES:
            raise TransientError(f"{self.name}: the answer unpacks to more than is read")
        return content

    def _column(self, root: Element, name: str, times: list[datetime]) -> Told:
        """The values of one element by time; empty where the station does not tell it."""
        for element in root.iter():
            if _local(element.tag) == "Forecast" and _attribute(element, "elementName") == name:
                cells = "".join(element.itertext()).split()
                if len(cells) != len(times):
                    raise TransientError(
                        f"{self.name}: {len(cells)} values of {name} for {len(times)} times"
                    )
                return dict(zip(times, [self._number(cell) for cell in cells], strict=True))
        return {}

    def _number(self, cell: str) -> float | None:
        if cell == "-":
            return None
        try:
            return float(cell)
        except ValueError as error:
            raise TransientError(f"{self.name}: {cell[:20]!r} is no number") from error


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _attribute(element: Element, name: str) -> str | None:
    return next((value for key, value in element.attrib.items() if _local(key) == name), None)


def _instant(text: str | None, source: str) -> datetime:
    try:
        return aware(datetime.fromisoformat((text or "").strip()), source)
    except ValueError as error:
        raise TransientError(f"{source}: {text!r} is no time") from error
