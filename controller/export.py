"""Records on their way to an InfluxDB server; the local store is the spool.

How far the server has them is kept in the same file as the records, so that nothing is lost while
the server is away, nor by a restart. What is sent twice is the same point twice: same series, same
time. Control never waits: the work is done in a thread, the waiting in a task of its own.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from controller.act import Applied
from controller.clock import wait_for_the_world
from controller.config_export import InfluxSection
from controller.guard import Refused
from controller.recorder import Recorder
from controller.records import RecordError, StepRecord, from_json
from controller.secrets import secret
from controller.snapshot import Reading

log = logging.getLogger(__name__)

TOKEN_VARIABLE = "HEATHERD_INFLUXDB_TOKEN"
MEASUREMENT = "heatherd"
BATCH = 500
"""Records a request: about 150 kB, a day of cycles of one minute in three requests."""

TIMEOUT_MS = 10_000
LONGEST_BACK_OFF_S = 300.0


class ExportError(Exception):
    """The server did not take a batch; the message says why, without any secret."""


class Sink(Protocol):
    """Takes batches of points. Called in a thread."""

    def write(self, records: Sequence[StepRecord]) -> None:
        """Returns when the server has them. Raises `ExportError`."""
        ...


class InfluxSink:
    """Points of one house to one server, over HTTP."""

    def __init__(self, section: InfluxSection, house: str) -> None:
        self._section = section
        self._house = house
        self._token = secret("export.influxdb.token_file", section.token_file, TOKEN_VARIABLE)

    def write(self, records: Sequence[StepRecord]) -> None:
        """Returns when the server has them. Raises `ExportError`."""
        # some seconds and megabytes: only for those who use it
        from influxdb_client.client.influxdb_client import InfluxDBClient
        from influxdb_client.client.write_api import SYNCHRONOUS
        from influxdb_client.domain.write_precision import WritePrecision
        from influxdb_client.rest import ApiException
        from urllib3.exceptions import HTTPError

        section, points = self._section, [self._point(record) for record in records]
        try:
            with InfluxDBClient(
                section.url, self._token or "", org=section.org, timeout=TIMEOUT_MS, retries=False
            ) as client:
                client.write_api(write_options=SYNCHRONOUS).write(
                    section.bucket, record=points, write_precision=WritePrecision.MS
                )
        except ApiException as error:
            raise ExportError(f"{section.url} answered {error.status} {error.reason}") from error
        except (HTTPError, OSError) as error:
            raise ExportError(f"{section.url}: {type(error).__name__}") from error

    def _point(self, record: StepRecord) -> Mapping[str, object]:
        return {
            "measurement": MEASUREMENT,
            "tags": {"house": self._house} if self._house else {},
            "fields": dict(fields_of(record)),
            "time": round(record.at.timestamp() * 1000.0),
        }


class Exporter:
    """Sends what the recorder has and the server has not."""

    def __init__(self, recorder: Recorder, sink: Sink, *, every_s: float) -> None:
        self._recorder = recorder
        self._sink = sink
        self._every_s = every_s

    async def run(self) -> None:
        """Until cancelled; a server that is away is no exception."""
        failures = 0
        while True:
            try:
                more = await self.send()
            except (ExportError, RecordError) as error:
                failures += 1
                if failures == 1:
                    log.warning("export waits: %s", error)
                wait_s = min(2.0**failures, LONGEST_BACK_OFF_S)
            else:
                if failures:
                    log.info("export goes on")
                failures, wait_s = 0, 0.0 if more else self._every_s
            await wait_for_the_world(wait_s)

    async def send(self) -> bool:
        """One batch; whether there may be more. Raises `ExportError` and `RecordError`."""
        rows = self._recorder.not_exported(BATCH)
        if not rows:
            return False
        await asyncio.to_thread(self._write, [text for _, text in rows])
        self._recorder.exported(rows[-1][0])
        return len(rows) == BATCH

    def _write(self, texts: Sequence[str]) -> None:
        records = list(_readable(texts))
        if records:
            self._sink.write(records)


def _readable(texts: Sequence[str]) -> Iterator[StepRecord]:
    for text in texts:
        try:
            yield from_json(text)
        except RecordError as error:
            log.warning("a record is not exported: %s", error)


def fields_of(record: StepRecord) -> Mapping[str, float]:
    """What a dashboard shows of a cycle; names carry their unit, truths are 0 and 1."""
    signals = record.snapshot.signals.items()
    fields: dict[str, Any] = {s.value: m.value for s, m in signals if isinstance(m, Reading)}
    fields["target_room_c"] = record.target.room_c
    fields["estimated_room_c"] = record.belief.estimate.state_c[0]
    if len(rooms := record.belief.estimate.rooms_c) > 1:
        fields["estimated_second_room_c"] = rooms[1]
    fields["disturbance_w"] = record.belief.estimate.disturbance_w
    fields["planned_heat_w"] = record.wanted.heat_w
    fields["released"] = float(record.released)
    fields["plan_failed"] = float(record.not_solved)
    if not isinstance(record.verdict, Refused):
        fields.update({f"asked_{c}": value for c, value in record.verdict.settings.items()})
    if isinstance(record.outcome, Applied):
        fields.update({f"in_effect_{c}": value for c, value in record.outcome.read_back.items()})
    return {name: float(value) for name, value in fields.items() if value is not None}
