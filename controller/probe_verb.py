"""The verb `probe`: what is behind an address, on a serial line or on a broker. Never writes."""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
from rich.progress import Progress

from controller.config_values import parse_duration
from controller.connect import PASSWORD_VARIABLE
from controller.probe_words import Findings, Settings, tell
from controller.probe_words import as_json as findings_as_json
from controller.terminal import AsJson, Exit, err, fail, out, show_json
from drivers.errors import ConfigurationError, LinkLostError
from drivers.evidence import Candidate, has_identity
from drivers.probe import (
    PATIENCE_S,
    OpenRegisters,
    Prober,
    Report,
    Rules,
    on_lines,
    on_network,
    over_serial,
    over_tcp,
)
from drivers.probe_topics import candidates_in, ears_at, overheard, rooms_in
from drivers.profile import (
    AnyProfile,
    ModbusProfile,
    MqttProfile,
    load_profile,
    shipped_profiles,
)
from drivers.recording import Recording, record_messages, record_registers


def add_probe_verb(app: typer.Typer) -> None:
    """Add the verb `probe`."""
    app.command("probe", epilog="Example: heatherd probe --host 192.168.1.20")(probe_command)


def probe_command(
    *,
    host: Annotated[str | None, typer.Option("--host", help="Modbus TCP: name or address")] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=1, max=65535, help="default: each family's, mostly 502"),
    ] = None,
    unit: Annotated[
        int | None, typer.Option("--unit", min=0, max=255, help="default: each family's, mostly 1")
    ] = None,
    serial: Annotated[
        str | None, typer.Option("--serial", help="Modbus RTU: line, such as /dev/ttyUSB0")
    ] = None,
    baudrate: Annotated[
        int | None, typer.Option("--baudrate", min=300, help="default: each family's")
    ] = None,
    broker: Annotated[str | None, typer.Option("--broker", help="mqtt://host:1883")] = None,
    username: Annotated[
        str | None, typer.Option("--username", help=f"password: {PASSWORD_VARIABLE}")
    ] = None,
    listen: Annotated[str, typer.Option("--listen", help="how long to the broker")] = "15 s",
    profile: Annotated[
        str | None, typer.Option("--profile", help="ask for this family only; a name or a file")
    ] = None,
    timeout: Annotated[
        str, typer.Option("--timeout", help="patience with an address that has never answered")
    ] = f"{PATIENCE_S:g} s",
    record: Annotated[
        Path | None, typer.Option("--record", help="write a raw, anonymised fixture of the best")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find out which device answers at a place, by reading only, and how to configure it."""
    if sum(place is not None for place in (host, serial, broker)) != 1:
        fail("give one of --host, --serial and --broker", Exit.USAGE)
    if record is not None and record.exists():
        fail(f"{record}: is there already and is not overwritten", Exit.USAGE)
    patience_s, listen_s = _seconds("--timeout", timeout), _seconds("--listen", listen)
    try:
        families = _families(profile)
        if broker is not None:
            url = _with_credentials(broker, username)
            job = _on_broker(url, broker, families, listen_s=listen_s, timeout_s=patience_s)
        else:
            line = _Line(host, port, unit, serial, baudrate, patience_s)
            job = _on_modbus(line, families, want_recording=record is not None)
        findings = asyncio.run(job)
    except (ConfigurationError, LinkLostError) as error:
        fail(str(error), Exit.FAILED)
    except KeyboardInterrupt:
        fail("stopped; nothing was written to any device", Exit.FAILED)
    if as_json:
        show_json(findings_as_json(findings))
    else:
        tell(findings)
    if record is not None:
        _save(record, findings, quiet=as_json)
    raise typer.Exit(Exit.OK if findings.report.candidates or findings.rooms else Exit.FAILED)


@dataclass(frozen=True, slots=True)
class _Line:
    """Where to ask over Modbus."""

    host: str | None
    port: int | None
    unit: int | None
    serial: str | None
    baudrate: int | None
    patience_s: float

    @property
    def place(self) -> str:
        """For people."""
        return self.serial or f"{self.host}:{self.port or 'each family’s port'}"

    def opener(self) -> OpenRegisters:
        """Links to it."""
        if self.serial is not None:
            return over_serial(self.serial)
        return over_tcp(self.host or "", self.port)

    def settings(self) -> Settings:
        """As the configuration names it."""
        if self.serial is not None:
            line: Settings = {"serial": self.serial}
            return line if self.baudrate is None else {**line, "baudrate": self.baudrate}
        named: Settings = {"host": self.host or ""}
        return named if self.port is None else {**named, "port": self.port}


async def _on_modbus(
    line: _Line, families: Sequence[AnyProfile], *, want_recording: bool
) -> Findings:
    modbus = [family for family in families if isinstance(family, ModbusProfile)]
    asked = on_network(modbus) if line.serial is None else on_lines(modbus, line.baudrate)
    if not asked:
        raise ConfigurationError("no family that could be recognised speaks like that")
    with Progress(console=err, transient=True) as progress:
        task = progress.add_task("", total=len(asked))
        prober = Prober(
            line.opener(),
            unit=line.unit,
            patience_s=line.patience_s,
            on_progress=lambda title, done, _: progress.update(
                task, completed=done, description=title
            ),
        )
        report = await prober.probe(asked)
        recording = None
        if want_recording and report.candidates:
            progress.update(task, description="recording")
            recording = await _recorded(line, report.candidates[0])
    return Findings(
        place=line.place,
        asked=len(asked),
        report=report,
        settings=line.settings(),
        recording=recording,
    )


async def _recorded(line: _Line, best: Candidate) -> Recording | None:
    profile = best.profile
    if not isinstance(profile, ModbusProfile):
        return None
    own = profile.connection
    registers = line.opener()(Rules(own.port, own.serial, own.timeout_s, own.gap_s))
    try:
        return await record_registers(
            profile, registers, own.unit if line.unit is None else line.unit
        )
    finally:
        await registers.close()


async def _on_broker(
    url: str, place: str, families: Sequence[AnyProfile], *, listen_s: float, timeout_s: float
) -> Findings:
    speakers = [family for family in families if isinstance(family, MqttProfile)]
    ears = ears_at(url, f"heatherd-probe-{os.getpid()}")
    with Progress(console=err, transient=True) as progress:
        progress.add_task(f"listening for {listen_s:g} s", total=None)
        messages = await overheard(ears, listen_s=listen_s, timeout_s=timeout_s)
    candidates, ruled_out = candidates_in(messages, speakers)
    report = Report(candidates=candidates, ruled_out=ruled_out, answered=True)
    recording = None
    if candidates and isinstance(best := candidates[0].profile, MqttProfile):
        recording = record_messages(best, candidates[0].where, messages)
    return Findings(
        place=place,
        asked=len(speakers),
        report=report,
        rooms=rooms_in(messages),
        recording=recording,
    )


def _families(profile: str | None) -> list[AnyProfile]:
    """All shipped families, or the one that was asked for. Raises `ConfigurationError`."""
    if profile is None:
        return [load_profile(name) for name in shipped_profiles()]
    only = load_profile(profile)
    if not has_identity(only):  # the owner says what it is: its signals must prove it
        identity = replace(only.identity, plausible=tuple(sorted(set(only.signals.values()))))
        only = replace(only, identity=identity)
    return [only]


def _with_credentials(broker: str, username: str | None) -> str:
    if username is None:
        return broker
    scheme, _, rest = broker.partition("://")
    password = os.environ.get(PASSWORD_VARIABLE, "")
    return f"{scheme}://{quote(username, safe='')}:{quote(password, safe='')}@{rest}"


def _seconds(option: str, text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        fail(f"{option}: {error}", Exit.USAGE)


def _save(path: Path, findings: Findings, *, quiet: bool) -> None:
    if findings.recording is None:
        fail("nothing was recognised, so nothing was recorded", Exit.FAILED)
    try:
        path.write_text(
            json.dumps(findings.recording, indent=2, ensure_ascii=False) + "\n", "utf-8"
        )
    except OSError as error:
        fail(f"{path}: {error.strerror}", Exit.FAILED)
    if not quiet:
        out.print(
            f"\nRecorded in {path}: only known points; look through it before you share it.",
            markup=False,
            highlight=False,
        )
