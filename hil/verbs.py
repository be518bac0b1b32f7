"""The verbs of the bench: serve a simulated house as a real device, and list what can be served."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from drivers.errors import LinkLostError
from drivers.profile import ModbusProfile, load_profile, shipped_profiles
from hil.house import house_names
from hil.manners import manners_of
from hil.wall import BenchSetup, live
from hil.wires import BenchError

EXIT_USAGE = 2
PLAIN = BenchSetup()

err = Console(stderr=True)
out = Console()


def serve_command(
    *,
    profile: Annotated[str, typer.Option(help="whose registers to show, see hil profiles")] = (
        PLAIN.profile
    ),
    meter: Annotated[str, typer.Option(help="the meter's profile")] = PLAIN.meter,
    room: Annotated[
        str | None, typer.Option(help="profile of a room device, beside the zigbee2mqtt ones")
    ] = PLAIN.room,
    house: Annotated[str, typer.Option(help=f"one of {', '.join(house_names())}")] = PLAIN.house,
    listen: Annotated[
        str, typer.Option(help="address of the Modbus port; 0.0.0.0: also for other computers")
    ] = PLAIN.host,
    modbus_port: Annotated[
        int, typer.Option(help="Modbus TCP port; 0 takes any free one", min=0, max=65535)
    ] = PLAIN.modbus_port,
    serial: Annotated[
        bool, typer.Option("--serial", help="also Modbus RTU on a pseudo-terminal")
    ] = False,
    broker: Annotated[
        str | None, typer.Option(help="mqtt://host:1883 of your own; default: one inside")
    ] = None,
    seed: Annotated[int, typer.Option(help="same seed, same people in the house")] = PLAIN.seed,
    speed: Annotated[
        float,
        typer.Option(help="simulated seconds per second"),
    ] = PLAIN.speed,
    older_firmware: Annotated[
        bool, typer.Option("--older-firmware", help="with the words of 32-bit values turned")
    ] = False,
) -> None:
    """Serve a simulated house in real time, as the device of a profile; Ctrl-C ends it."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    setup = BenchSetup(
        house=house,
        profile=profile,
        meter=meter,
        room=room,
        host=listen,
        modbus_port=modbus_port,
        serial=serial,
        broker=broker,
        seed=seed,
        speed=speed,
        older_firmware=older_firmware,
    )
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(live(setup, lambda places: _say(setup, places)))
        except (BenchError, LinkLostError) as error:
            err.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(EXIT_USAGE) from error


def profiles_command() -> None:
    """List the profiles that can be served, and how their devices behave on the wire."""
    table = Table("profile", "kind", "device", "manners", box=None)
    for name in shipped_profiles():
        profile = load_profile(name)
        speaks = "Modbus" if isinstance(profile, ModbusProfile) else "MQTT"
        kind = f"{profile.kind.replace('_', ' ')}, {speaks}"
        manners = manners_of(profile).in_words()
        table.add_row(name, kind, profile.title, "; ".join(manners) or "plain")
    out.print(table)


def hil(app: typer.Typer) -> None:
    """Add the verb `hil` with its own verbs."""
    verbs = typer.Typer(
        help="The simulated house as a device for the bench.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    serve_example = "Example: heatherd hil serve --profile nibe_s --house slab2004 --serial"
    verbs.command("serve", epilog=serve_example)(serve_command)
    verbs.command("profiles", epilog="Example: heatherd hil profiles")(profiles_command)
    app.add_typer(verbs, name="hil")


def _say(setup: BenchSetup, places: Mapping[str, str | int]) -> None:
    """Where everything is, one line each, for people and for a script that reads lines."""
    devices = {"heat pump": setup.profile, "meter": setup.meter}
    units = [
        f"{name} unit {unit}"
        for unit, (name, profile) in enumerate(devices.items(), 1)
        if isinstance(load_profile(profile), ModbusProfile)
    ]
    topics = "zigbee2mqtt/living_room, zigbee2mqtt/thermostat"
    if places["topics"]:
        topics = f"{places['topics']}, {topics}"
    lines = [f"{setup.profile} in {setup.house}, {setup.speed:g} s per second"]
    if units:
        lines.append(f"Modbus TCP  {setup.host}:{places['modbus_port']}  {', '.join(units)}")
    if units and "serial" in places:
        lines.append(f"Modbus RTU  {places['serial']}  {', '.join(units)}")
    lines.append(f"MQTT        {places['broker']}  {topics}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
