"""Benchmark: what each heat pump is left with when heatherd dies while it steers.

Usage: python -m bench.silence [--profiles ...] [--days N] [--write]

Each emulated pump is steered until one of its knobs is in our hands; then the process is gone: no
farewell, no hand-back. What the knob holds and how warm the house stays is watched; on a second,
equal pump the service manager's command hands back from what the dead process left on disk.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.archive import Archive
from bench.run import archive_of
from bench.spec import Address, RunSpec, heat_pumps, house_config
from bench.tables import Row, markdown_table
from bench.world import MemoryWorld
from controller.act import Actuator, let_go
from controller.app import run
from controller.clock import SteppedClock
from controller.config import HouseConfig
from controller.config_devices import Device
from controller.planner import InlinePlanner
from controller.store import open_store
from drivers.api import Capability, OnSilence
from drivers.errors import LinkLostError
from drivers.points import Space
from drivers.profile import ModbusProfile, load_profile
from drivers.transports.in_memory import MemoryMqttLink
from drivers.transports.modbus import ModbusLink
from drivers.transports.modbus_client import WRITE_SEVERAL
from hil.house import load_house

HOUSE, ZONE = "timber1972", "DK1"
START_AT = datetime(2024, 1, 4, 23, 0, tzinfo=UTC)  # a frosty week, down to -11 °C
STEERS_AFTER = timedelta(hours=3)
STEERS_BEFORE = timedelta(hours=36)
LOOK = timedelta(minutes=1)
WATCH_DAYS = 3.0
HAND_BACK_PATIENCE = timedelta(minutes=20)
LIVEABLE_C = 16.0
"""A house that stays above this over three days of frost keeps its people until they notice."""

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "silence.md"


class KilledError(Exception):
    """The process is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """What was seen of one profile."""

    profile: str
    knob: Capability | None  # the one that was steered, None: nothing was ever written
    ours: float | None  # what it held when the process died
    owners: float | None  # what it held before
    returned_after_s: float | None  # by itself
    stays: float | None  # what it holds at the end
    room_c: tuple[float, float]  # coldest and warmest zone afterwards
    restored_to: float | None  # by the service manager's command, on an equal pump
    restored_after_s: float | None  # from the first try on, None: never

    @property
    def verdict(self) -> str:
        """In words."""
        if self.knob is None:
            return "was never steered in this run"
        room = f"rooms {self.room_c[0]:.1f} to {self.room_c[1]:.1f} °C"
        back = "NOT restored"
        if self.restored and self.restored_after_s is not None:
            minutes = self.restored_after_s / 60.0
            back = f"restored by the service manager within {max(minutes, 1.0):.0f} min"
        if self.returned_after_s is not None:
            by_itself = f"returns by itself within {self.returned_after_s / 60.0:.0f} min"
            return f"{by_itself}; {back}; {room}"
        kind = "holds a liveable value" if self.room_c[0] >= LIVEABLE_C else "DOES NOT KEEP WARM"
        if load_profile(self.profile).on_silence is OnSilence.STOPS:
            kind = "STOPS HEATING until somebody talks to it again"
        return f"{kind}; {back}; {room}"

    @property
    def restored(self) -> bool:
        """Whether the hand-back put the owner's value in force."""
        if self.restored_to is None or self.owners is None:
            return self.restored_to == self.owners
        return abs(self.restored_to - self.owners) < 1e-6

    def row(self) -> Row:
        """A line of the table."""
        profile = load_profile(self.profile)
        return {
            "profile": self.profile,
            "on silence": profile.on_silence.value,
            "knob": "–" if self.knob is None else self.knob.value,
            "owner's": _shown(self.owners),
            "ours at death": _shown(self.ours),
            "at the end": _shown(self.stays),
            "returned by itself after min": _shown(
                None if self.returned_after_s is None else self.returned_after_s / 60.0
            ),
            "coldest room": self.room_c[0],
            "warmest room": self.room_c[1],
            "after hand-back": _shown(self.restored_to),
            "in short": self.verdict,
        }


class MortalWorld(MemoryWorld):
    """A simulated house whose controller dies at the first minute in which it steers."""

    def __init__(self, spec: RunSpec, archive: Archive) -> None:
        self.dead = False
        super().__init__(spec, archive)
        self.knob: Capability | None = None
        self.owners: float | None = None
        self._held_before = {c: self.held(c) for c in load_profile(spec.profile).knobs}
        self._begin_at = spec.start_at + STEERS_AFTER

    def held(self, capability: Capability) -> float | None:
        """What the pump holds for a knob now."""
        return self.house.pump_registers.held(capability)

    def modbus(self, device: Device, profile: ModbusProfile) -> ModbusLink:
        """A link that a dead process cannot use any more."""
        return _MortalLink(self, super().modbus(device, profile))

    async def advance(self, until: datetime) -> None:
        """Let the house live; from some hour on, die once a knob holds what is not its owner's."""
        if self.knob is None and until >= self._begin_at:
            for capability, before in self._held_before.items():
                now = self.held(capability)
                if now is not None and now != before:
                    self.knob, self.owners = capability, before
                    self.dead = True
                    raise KilledError
        elif self.dead:
            raise KilledError  # nothing happens any more in a dead process
        await super().advance(until)

    def broker(self) -> MemoryMqttLink:
        """A broker that a dead process cannot use any more."""
        return _MortalBroker(self)

    def must_live(self) -> None:
        """Raises `LinkLostError` once the process is gone."""
        if self.dead:
            raise LinkLostError("the process is gone")


class _MortalBroker(MemoryMqttLink):
    """A broker that a dead process cannot use any more."""

    def __init__(self, world: MortalWorld) -> None:
        super().__init__()
        self._world = world

    async def publish(
        self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False
    ) -> None:
        self._world.must_live()
        await super().publish(topic, payload, qos=qos, retain=retain)


class _MortalLink:
    """A link that a dead process cannot use any more."""

    def __init__(self, world: MortalWorld, link: ModbusLink) -> None:
        self._world = world
        self._link = link

    async def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        self._world.must_live()
        return await self._link.read(unit, space, address, count)

    async def write(
        self, unit: int, address: int, values: Sequence[int], *, function: int = WRITE_SEVERAL
    ) -> None:
        self._world.must_live()
        await self._link.write(unit, address, values, function=function)

    async def close(self) -> None:
        await self._link.close()


def steer_until_death(world: MortalWorld, spec: RunSpec, config: HouseConfig) -> None:
    """The real controller, cut off in the middle; what it had on disk stays there."""

    async def live() -> None:
        clock = SteppedClock(spec.start_at, world.advance)
        outside = world.outside(config, clock.now)
        await run(
            config, clock=clock, stop=asyncio.Event(), outside=outside, planner=InlinePlanner(),
            until=spec.end_at, channel=False,
        )  # fmt: skip

    try:
        asyncio.run(live())
    except* KilledError:
        pass  # that is how this run ends


def silence_of(name: str, days: float) -> Silence:
    """Both fates of one profile's pump."""
    with tempfile.TemporaryDirectory(prefix="heatherd-") as folder:
        left, _, _ = killed(name, Path(folder) / "left", days)
        died_at = left.house.at
        ours = None if left.knob is None else left.held(left.knob)
        returned_after_s, rooms = _watch(left, days, ours)
        again, config, clock = killed(name, Path(folder) / "again", days)
        restored_after_s = asyncio.run(_hand_back(again, config, clock))
        if again.house.at < died_at:
            raise RuntimeError(f"{name}: two equal runs differ")
        return Silence(
            profile=name,
            knob=left.knob,
            ours=ours,
            owners=left.owners,
            returned_after_s=returned_after_s,
            stays=None if left.knob is None else left.held(left.knob),
            room_c=rooms,
            restored_to=None if again.knob is None else again.held(again.knob),
            restored_after_s=restored_after_s,
        )


def killed(
    name: str, folder: Path, watched_days: float
) -> tuple[MortalWorld, HouseConfig, SteppedClock]:
    """A world whose controller has died while it steered, and a clock for whoever comes next."""
    spec = RunSpec(
        house=HOUSE, zone=ZONE, start_at=START_AT, days=STEERS_BEFORE / timedelta(days=1), seed=1,
        strategy="mpc", profile=name, curve=load_house(HOUSE).curve,
    )  # fmt: skip
    archive = archive_of(replace(spec, days=spec.days + watched_days))
    world = MortalWorld(spec, archive)
    config = house_config(
        spec, load_house(HOUSE), archive.zone, address=Address(), directory=folder
    )
    steer_until_death(world, spec, config)

    world.dead = False  # the next one to use its links is another process

    async def lives_on(until: datetime) -> None:
        await MemoryWorld.advance(world, until)

    return world, config, SteppedClock(world.house.at, lives_on)


def _watch(
    world: MortalWorld, days: float, ours: float | None
) -> tuple[float | None, tuple[float, float]]:
    """When the knob let go of our value, and the coldest and warmest zone."""
    died_at, returned_after_s = world.house.at, None
    coldest_c, warmest_c = world.house.truth().zone_c
    at = died_at
    while at < died_at + timedelta(days=days):
        at += LOOK
        world.house.advance(at)
        world.house.pop_messages()
        zones_c = world.house.truth().zone_c
        coldest_c, warmest_c = min(coldest_c, *zones_c), max(warmest_c, *zones_c)
        if returned_after_s is None and world.knob is not None and world.held(world.knob) != ours:
            returned_after_s = (at - died_at).total_seconds()
    return returned_after_s, (coldest_c, warmest_c)


async def _hand_back(world: MortalWorld, config: HouseConfig, clock: SteppedClock) -> float | None:
    """What the service manager runs after a death, until it has worked; a minute more to see it."""
    outside, began_at = world.outside(config, clock.now), clock.now()
    with open_store(config.storage.directory / "state.db") as store:
        while clock.now() < began_at + HAND_BACK_PATIENCE:
            done = await let_go(Actuator(outside.pump, store, may_write=()), clock)
            took_s = (clock.now() - began_at).total_seconds()
            await clock.sleep_until(clock.now() + LOOK)
            if done:
                return took_s
    return None


def run_all(names: Iterable[str], days: float, *, workers: int) -> list[Silence]:
    """Every profile, spread over processes; a line on stderr as each is done."""
    with ProcessPoolExecutor(workers) as pool:
        jobs = [pool.submit(silence_of, name, days) for name in names]
        for number, job in enumerate(as_completed(jobs), 1):
            seen = job.result()
            sys.stderr.write(f"{number}/{len(jobs)} {seen.profile}: {seen.verdict}\n")
    return [job.result() for job in jobs]


def page(seen: list[Silence], days: float) -> str:
    """The page for the documentation."""
    return f"""# Killed while steering

Simulated. Every heat pump that heatherd can steer for heat, emulated as its profile and its
manners say, steered by the real controller in a frosty week ({HOUSE}, {ZONE}, from
{START_AT:%Y-%m-%d}), until the process dies with one of the pump's knobs in its hands: nothing is
sent any more, nothing is handed back. Then the computer stays dead for {days:g} days. On a second,
equal pump the service manager's `heatherd release --once`, and if the pump has not spoken yet the
next start, hands back from what the dead process left on disk. "Liveable" is never colder than
{LIVEABLE_C:g} °C; a pump that heats by itself again does what its owner set. Reproduce with
`python -m bench.silence --write`.

{markdown_table([one.row() for one in seen])}"""


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def main() -> None:
    """Run, print, and with --write keep the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.silence", description=__doc__)
    parser.add_argument("--profiles", nargs="+", default=heat_pumps())
    parser.add_argument("--days", type=float, default=WATCH_DAYS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    text = page(
        run_all(arguments.profiles, arguments.days, workers=arguments.workers), arguments.days
    )
    sys.stdout.write(text)
    if arguments.write:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
