"""Where records go besides the local store: [export.influxdb]. Pure."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from controller.config_values import Duration
from controller.config_values import Section as _Section


class InfluxSection(_Section):
    """A server that takes InfluxDB's line protocol, version 2: InfluxDB, VictoriaMetrics, Telegraf.

    The token comes from a file or HEATHERD_INFLUXDB_TOKEN, never from here.
    """

    url: Annotated[str, Field(pattern=r"^https?://[^@\s]+$")] = Field(
        description="such as http://127.0.0.1:8086; without user and password"
    )
    org: str = Field("", description="organisation; VictoriaMetrics knows none")
    bucket: str = Field("heatherd", description="bucket; VictoriaMetrics takes it for a label, db")
    token_file: Path | None = Field(None, description="a file that only the service can read")
    every_s: Duration = Field(60.0, alias="every", description="how often new records are sent")


class ExportSection(_Section):
    """Copies of the records for other programs."""

    influxdb: InfluxSection | None = Field(None)
