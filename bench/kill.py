"""Benchmark: the service is killed by SIGKILL while it steers, at random instants, again and again.

Usage: python -m bench.kill [--kills N] [--results DIR] [--write]

After each kill one of three things happens: the next start goes on, the service manager's hand-back
runs, or nobody comes for a while. Runs of some kills each are kept as they are done; started again,
it goes on where it stopped.
"""

import argparse
import json
import logging
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.chaos_season import bearable
from bench.economy import results_folder
from bench.kill_lives import (
    CYCLE,
    KILL_WITHIN_S,
    Plant,
    Setting,
    chance_of,
    hand_back,
    lived,
    setting_of,
    steer,
)
from bench.kill_rules import Rules, breaches
from bench.run import archive_of
from bench.spec import RunSpec
from bench.strain import strain
from bench.tables import Row, markdown_table
from controller.actuation import choose_knob
from controller.recorder import Records
from controller.records import from_json
from drivers.api import Knob, OnSilence
from drivers.profile import load_profile
from hil.house import load_house

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks" / "kill.md"
RESULTS = ROOT / ".bench-kill"
PROFILES = ("generic_modbus", "nibe_s", "shelly_sg_ready")
"""A pump that returns by itself, one that keeps what it was told, and one behind relays."""

KILLS, KILLS_PER_RUN = 300, 7
LONGEST_LIFE = 40  # cycles
LONG_SILENCE = timedelta(minutes=20)
LIVEABLE_C = (16.0, 26.0)
WEEK = RunSpec(
    house="timber1972", zone="DK1", start_at=datetime(2024, 1, 4, 23, tzinfo=UTC), days=7.0,
    seed=1, strategy="mpc", curve=load_house("timber1972").curve,
    control=(("plan_every", "30 min"), ("horizon", "12 h"), ("step", "30 min")),
)  # fmt: skip

MILD_AT = datetime(2024, 4, 10, 22, tzinfo=UTC)
"""A week in which the compressor starts and stops many times a day."""


@dataclass(kw_only=True)
class Tally:
    """What some kills did to one pump; `broken` says what should not have been."""

    profile: str
    seed: int
    kills: int = 0
    in_hand: int = 0  # of the kills: with a value of ours on the pump
    cycles: int = 0  # finished
    unnoticed: int = 0  # recorded, and killed before its parent heard of it
    hand_backs: int = 0
    silences: int = 0
    starts: int = 0  # of the compressor
    coldest_c: float = 99.0
    warmest_c: float = -99.0
    broken: list[str] = field(default_factory=list)


class Run:
    """Some kills of one controller on one pump."""

    def __init__(self, setting: Setting, plant: Plant, tally: Tally, knob: Knob) -> None:
        self._setting, self._plant, self._tally, self._knob = setting, plant, tally, knob
        self._chance = chance_of(tally.profile, tally.seed)
        self._owners = plant.held(knob.capability)
        plant.watched = knob.capability
        self._rows: dict[str, str] = {}
        self._finished: list[datetime] = []
        self._silent = load_profile(tally.profile).on_silence

    def kill_once(self) -> None:
        """A life, its end, and what comes after."""
        chance, plant, tally = self._chance, self._plant, self._tally
        kill = (chance.randint(1, LONGEST_LIFE), chance.uniform(0.0, KILL_WITHIN_S))
        life = lived(self._setting, plant, steer, kill)
        self._finished += life.finished
        tally.kills += 1
        tally.cycles += len(life.finished)
        ours = plant.held(self._knob.capability)
        tally.in_hand += ours != self._owners
        self._check_records()
        plant.advance(plant.at + CYCLE)
        after = chance.choice(("restart", "hand back", "silence"))
        if after == "hand back":
            self._hand_back()
        elif after == "silence":
            self._be_silent(ours)

    def sum_up(self) -> None:
        """What the plant's truth says of the whole run."""
        truths, config = self._plant.truths(), self._setting.config
        rooms_c = [room_c for truth in truths for room_c in truth.zone_c]
        self._tally.coldest_c, self._tally.warmest_c = min(rooms_c), max(rooms_c)
        if self._tally.coldest_c < LIVEABLE_C[0] or self._tally.warmest_c > LIVEABLE_C[1]:
            self._break("a room left what is liveable")
        rules = Rules(
            knob=self._knob, bearable=bearable(config), sg_hold_s=config.heat_pump.sg_hold_s
        )
        records = [from_json(text) for text in self._rows.values()]
        commands = [(record.at, record.verdict) for record in records]
        self._tally.starts = strain(truths).starts
        for breach in breaches(commands, truths, self._plant.seen, rules):
            self._break(breach)

    def _check_records(self) -> None:
        path = self._setting.config.storage.directory / "records.db"
        with closing(Records(path)) as records:
            rows = dict(records.texts())
        with closing(sqlite3.connect(path)) as db:
            ((verdict,),) = db.execute("PRAGMA integrity_check")
        if verdict != "ok":
            self._break(f"the records are damaged: {verdict}")
        if any(rows.get(at) != text for at, text in self._rows.items()):
            self._break("a record of an earlier life was lost or changed")
        known = {at.isoformat() for at in self._finished}
        for at in sorted(known - set(rows)):
            self._break(f"the finished cycle of {at} is not recorded")
        more = set(rows) - known
        self._finished += [datetime.fromisoformat(at) for at in more]
        self._tally.unnoticed += len(more)
        self._rows = rows

    def _hand_back(self) -> None:
        self._tally.hand_backs += 1
        life = lived(self._setting, self._plant, hand_back, None)
        if not life.ended_well:
            self._break("the hand-back ended in an error")
        held = self._plant.held(self._knob.capability)
        if held != self._owners:
            self._break(f"after the hand-back the pump holds {held}, not {self._owners}")

    def _be_silent(self, ours: float | None) -> None:
        self._tally.silences += 1
        self._plant.advance(self._plant.at + LONG_SILENCE)
        held = self._plant.held(self._knob.capability)
        promised = self._owners if self._silent is OnSilence.OWN_CONTROL else ours
        if held != promised:
            self._break(f"in silence the pump holds {held}, its profile promises {promised}")

    def _break(self, what: str) -> None:
        self._tally.broken.append(f"{self._plant.at.isoformat()}: {what}")


def kills_of(profile: str, seed: int, kills: int) -> Tally:
    """One run of some kills; equal arguments kill in the same cycles, not at the same instants.

    Even seeds live in the frosty week, odd ones in the mild one.
    """
    tally = Tally(profile=profile, seed=seed)
    week_at = MILD_AT if seed % 2 else WEEK.start_at
    start_at = week_at + timedelta(hours=12 * (seed // 2 % 8))  # all over the week
    spec = replace(WEEK, profile=profile, start_at=start_at, days=2.0, seed=seed)
    archive = archive_of(spec)
    knob = choose_knob(load_profile(profile).knobs, None)
    if knob is None:
        raise ValueError(f"{profile} has no knob for heat")
    with tempfile.TemporaryDirectory(prefix="hd") as folder, Plant(spec, archive) as plant:
        steering = Run(setting_of(spec, archive, plant, Path(folder) / "d"), plant, tally, knob)
        for _ in range(kills):
            steering.kill_once()
        steering.sum_up()
    return tally


def run_all(kills: int, results: Path) -> list[Tally]:
    """Runs until so many kills are kept; the pumps take turns."""
    path = results_folder(results) / "runs.jsonl"
    tallies = read(path)
    while sum(tally.kills for tally in tallies) < kills:
        number = len(tallies)
        profile, seed = PROFILES[number % len(PROFILES)], number // len(PROFILES)
        left = kills - sum(tally.kills for tally in tallies)
        tallies.append(kills_of(profile, seed, min(left, KILLS_PER_RUN)))
        with path.open("a", encoding="utf-8") as kept:
            kept.write(json.dumps(asdict(tallies[-1])) + "\n")
        sys.stderr.write(f"{tallies[-1]}\n")
    return tallies


def read(path: Path) -> list[Tally]:
    """What was done before."""
    if not path.exists():
        return []
    return [Tally(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def page(tallies: Sequence[Tally]) -> str:
    """The page for the documentation: what was really run."""
    broken = [f"- {t.profile}, run {t.seed}: {what}" for t in tallies for what in t.broken]
    kills = sum(tally.kills for tally in tallies)
    return f"""# Killed at random instants

Simulated: {kills} times SIGKILL for the steering service ({WEEK.house}, {WEEK.zone}), every other
run in a frosty week (from {WEEK.start_at:%Y-%m-%d}), the others in a mild one (from
{MILD_AT:%Y-%m-%d}), in which the compressor starts and stops more often. The house lives behind
real sockets in a process of its own; the controller is killed after 1 to {LONGEST_LIFE} cycles, up
to {KILL_WITHIN_S:g} s of wall clock into the next ones: while it reads, plans, writes or records.
Then the next start goes on, or the hand-back of the service manager runs first, or nobody comes for
{LONG_SILENCE / timedelta(minutes=1):g} minutes. Checked after each kill: every finished cycle is
recorded, no earlier record has changed, the files are whole, the owner's setting is in force after
a hand-back, and in silence the pump is in the state that its profile promises. Checked at the end
of each run, by the plant's truth minute by minute: starts per hour, shortest run and shortest rest
of the compressor; that no life asked for a start or a stop before the compressor had rested or run
for as long as it must; that no state of SG Ready replaced another one too early, the normal one
after a hand-back included. The plans are made inside the killed process; in the service they are
made in a process beside it. Reproduce with
`python -m bench.kill --kills {kills} --write`; it goes on where it stopped.

{markdown_table([row(profile, tallies) for profile in PROFILES])}
{"Broken:" if broken else "Nothing was broken."}
{chr(10).join(["", *broken]) if broken else ""}"""


def row(profile: str, tallies: Sequence[Tally]) -> Row:
    """One pump's line."""
    mine = [tally for tally in tallies if tally.profile == profile]
    sums: Counter[str] = Counter()
    for tally in mine:
        sums.update({key: value for key, value in asdict(tally).items() if isinstance(value, int)})
    return {
        "profile": profile,
        "on silence": load_profile(profile).on_silence.value,
        "kills": sums["kills"],
        "with our value on the pump": sums["in_hand"],
        "cycles finished": sums["cycles"],
        "hand-backs": sums["hand_backs"],
        "silences": sums["silences"],
        "compressor starts": sums["starts"],
        "coldest room": f"{min((t.coldest_c for t in mine), default=0.0):.1f}",
        "warmest room": f"{max((t.warmest_c for t in mine), default=0.0):.1f}",
        "broken": sum(len(tally.broken) for tally in mine),
    }


def main() -> None:
    """Run what is missing, print, and with --write keep the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.kill", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)  # every start is missed by sensors that did not speak
    text = page(run_all(arguments.kills, arguments.results))
    sys.stdout.write(text)
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
