"""Fuzz: malformed registers, frames and messages through every driver; what breaks a rule is told.

Usage: python -m bench.fuzz [--count N] [--seed N] [--kind modbus|mqtt|all] [--write]
"""

import argparse
import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from bench.fuzz_frames import fuzz_frames
from bench.fuzz_registers import fuzz_registers, modbus_subjects
from bench.fuzz_tally import Tally, together
from bench.fuzz_topics import fuzz_topics, topic_subjects
from bench.tables import Row, markdown_table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "fuzz.md"
COUNT, SEED = 200_000, 1
SLICE = 5000
"""Payloads between two signs of life; each slice has a seed of its own."""

FRAMES_FRAC = 0.4
"""Of the Modbus payloads; the others are registers in frames that are whole."""

Run = Callable[[int, int], Awaitable[Tally]]


def runs(count: int, kind: str) -> list[tuple[Run, int]]:
    """What is to be run, and with how many payloads."""
    modbus = {"modbus": count, "mqtt": 0, "all": count // 2}[kind]
    frames = int(FRAMES_FRAC * modbus)
    registers, topics = modbus_subjects(), topic_subjects()
    shares: list[tuple[Run, int]] = [
        (lambda number, seed: fuzz_registers(number, seed, registers), modbus - frames),
        (fuzz_frames, frames),
        (lambda number, seed: fuzz_topics(number, seed, topics), count - modbus),
    ]
    return [(run, share) for run, share in shares if share > 0]


def fuzz(
    count: int, seed: int, kind: str = "all", tell: Callable[[str], None] = lambda _: None
) -> list[Tally]:
    """Run slice by slice; one tally for each kind of payload."""
    tallies: list[Tally] = []
    for run, share in runs(count, kind):
        parts: list[Tally] = []
        done = 0
        while done < share:
            slice_seed = 1_000_000 * seed + len(parts)
            parts.append(asyncio.run(_awaited(run, min(SLICE, share - done), slice_seed)))
            done += parts[-1].payloads
            broken = sum(part.violations.total() for part in parts)
            tell(f"{parts[-1].kind}: {done} of {share}, {broken} violations")
        tallies.append(together(parts[-1].kind, parts))
    return tallies


async def _awaited(run: Run, count: int, seed: int) -> Tally:
    return await run(count, seed)


def page(tallies: Sequence[Tally], command: str) -> str:
    """The page for the documentation."""
    rows: list[Row] = [
        {
            "kind": tally.kind,
            "payloads": tally.payloads,
            "readings": tally.readings,
            "no value, with a reason": tally.refusals,
            "violations": tally.violations.total(),
        }
        for tally in tallies
    ]
    ways: list[Row] = [
        {"kind": tally.kind, "what was done to them": way, "payloads": number}
        for tally in tallies
        for way, number in sorted(tally.spoilt.items())
    ]
    broken: list[Row] = [
        {"rule": rule, "times": number}
        for tally in tallies
        for rule, number in tally.violations.most_common()
    ]
    found = f"## Violations\n\n{markdown_table(broken)}\n" if broken else ""
    return f"""# Malformed payloads

Random and spoilt payloads through every driver: registers through the register maps of all Modbus
profiles, frames through the Modbus link (TCP and serial framing, cut in pieces), messages through
everything that listens on MQTT (pumps, relays, meters, rooms). After each payload a second decoder,
written apart from the drivers' own, checks that no exception has escaped, that every reading is
finite, in its range and what the payload says, and that none was made of a "no value" of the
profile. Some payloads are healthy: a driver that reads nothing would be noticed. Reproduce with
`{command}`.

{markdown_table(rows)}
{found}## What the payloads were

{markdown_table(ways)}"""


def main() -> int:
    """Run and print; with --write keep the page. The exit code says whether a rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help="payloads")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--kind", choices=("modbus", "mqtt", "all"), default="all")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what drivers say of bad payloads would fill the terminal
    tallies = fuzz(
        arguments.count,
        arguments.seed,
        arguments.kind,
        tell=lambda text: print(text, file=sys.stderr, flush=True),
    )
    command = (
        f"python -m bench.fuzz --count {arguments.count} --seed {arguments.seed} "
        f"--kind {arguments.kind}"
    )
    text = page(tallies, f"{command} --write")
    sys.stdout.write(text)
    for tally in tallies:
        for example in tally.examples:
            print(example)
    if arguments.write:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")
    return 1 if any(tally.violations for tally in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
