"""The bench: a simulated house in real time, behind the protocols of a real device."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from drivers.errors import ConfigurationError
from drivers.profile import (
    AnyProfile,
    DeviceKind,
    MqttProfile,
    load_profile,
)
from drivers.section import suggestion
from hil.house import house_names, load_house
from hil.simulated_house import METER_PROFILE, SimulatedHouse
from hil.weather import plain_winter
from hil.wires import BenchError, on_the_wire

STEP_S = 1.0  # real seconds between two looks at the clock
WEATHER_DAYS = 730
FASTEST = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchSetup:
    """What to serve, and where."""

    house: str = "timber1972"
    profile: str = "generic_modbus"
    meter: str = METER_PROFILE
    room: str | None = None
    host: str = "127.0.0.1"
    modbus_port: int = 1502
    serial: bool = False
    broker: str | None = None
    seed: int = 1
    speed: float = 1.0  # simulated seconds per second
    older_firmware: bool = False


async def live(setup: BenchSetup, ready: Callable[[Mapping[str, str | int]], None]) -> None:
    """Serve until cancelled; `ready` is told where everything is.

    Raises `BenchError`, or `LinkLostError` for a broker that is not there.
    """
    started_at = _now()
    profile = _profile(setup)
    house = _house(setup, profile, started_at)

    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds / setup.speed)  # noqa: TID251  the device's own slowness

    async with on_the_wire(
        house.modbus,
        port=setup.modbus_port,
        serial=setup.serial,
        broker_url=setup.broker,
        host=setup.host,
        wait=wait,
        listens=house.listens,
        command=house.command,
    ) as wires:
        ready(wires.places | {"topics": ", ".join(_topics(setup, profile))})
        while True:
            await asyncio.sleep(STEP_S)  # noqa: TID251  real seconds are meant
            house.advance(started_at + setup.speed * (_now() - started_at))
            for message in house.pop_messages():
                await wires.publish(*message)


def _profile(setup: BenchSetup) -> AnyProfile:
    """The heat pump's; the others' are looked at too."""
    wanted = [(setup.profile, DeviceKind.HEAT_PUMP), (setup.meter, DeviceKind.METER)]
    if setup.room is not None:
        wanted.append((setup.room, DeviceKind.ROOM))
    try:
        for name, kind in wanted:
            loaded = load_profile(name)
            if loaded.kind != kind:
                raise BenchError(f"{name} is the profile of a {loaded.kind}, not of a {kind}")
        return load_profile(setup.profile)
    except ConfigurationError as error:
        raise BenchError(str(error)) from error


def _topics(setup: BenchSetup, profile: AnyProfile) -> list[str]:
    """Where the devices behind the broker speak."""
    meter = load_profile(setup.meter)
    room = None if setup.room is None else load_profile(setup.room)
    return [
        f"{device.kind.replace('_', ' ')} {device.connection.base_topic}"
        for device in (profile, meter, room)
        if isinstance(device, MqttProfile)
    ]


def _house(setup: BenchSetup, profile: AnyProfile, started_at: datetime) -> SimulatedHouse:
    if setup.house not in house_names():
        raise BenchError(
            f"there is no house '{setup.house}'{suggestion(setup.house, list(house_names()))}; "
            f"there are {', '.join(house_names())}"
        )
    if not 0.0 < setup.speed <= FASTEST:
        raise BenchError(f"a speed of {setup.speed:g} is not between 0 and {FASTEST:g}")
    return SimulatedHouse(
        load_house(setup.house),
        plain_winter(started_at, days=WEATHER_DAYS),
        start_at=started_at,
        seed=setup.seed,
        profile=profile,
        meter=setup.meter,
        room=setup.room,
        older_firmware=setup.older_firmware,
    )


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  on the bench the simulator is the outside world
