"""Names of bidding zones in the ENTSO-E platform's energy identification codes (EIC). Pure."""

from drivers.errors import ConfigurationError
from drivers.section import suggestion

EIC = {
    "AT": "10YAT-APG------L",
    "BE": "10YBE----------2",
    "CH": "10YCH-SWISSGRIDZ",
    "DE-LU": "10Y1001A1001A82H",
    "DK1": "10YDK-1--------W",
    "DK2": "10YDK-2--------M",
    "EE": "10Y1001A1001A39I",
    "FI": "10YFI-1--------U",
    "FR": "10YFR-RTE------C",
    "LT": "10YLT-1001A0008Q",
    "LV": "10YLV-1001A00074",
    "NL": "10YNL----------L",
    "NO1": "10YNO-1--------2",
    "NO2": "10YNO-2--------T",
    "NO3": "10YNO-3--------J",
    "NO4": "10YNO-4--------9",
    "NO5": "10Y1001A1001A48H",
    "PL": "10YPL-AREA-----S",
    "SE1": "10Y1001A1001A44P",
    "SE2": "10Y1001A1001A45N",
    "SE3": "10Y1001A1001A46L",
    "SE4": "10Y1001A1001A47J",
}
"""From the platform's list of areas; any other zone may be given by its 16-character code."""

_CODE_LENGTH = 16


def eic_of(zone: str) -> str:
    """The code of a zone's name, or a code itself. Raises `ConfigurationError`."""
    if zone in EIC:
        return EIC[zone]
    if len(zone) == _CODE_LENGTH and zone.startswith("10Y"):
        return zone
    raise ConfigurationError(f"no bidding zone {zone!r} is known{suggestion(zone, list(EIC))}")
