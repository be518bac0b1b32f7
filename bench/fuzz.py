"""Fuzz: a million malformed payloads through everything that reads; what breaks a rule is told.

Usage: python -m bench.fuzz [--count N] [--seed N] [--kind GROUP] [--jobs N] [--write]

Slices of some thousand payloads are kept as they are done; started again, it goes on where it
stopped. A slice that does not end is stopped and counts as a violation.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as SliceTimeoutError
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from bench.economy import results_folder
from bench.fuzz_kinds import GROUPS, KINDS, MOST_MB, Slice, prepare, run_slice, slices
from bench.fuzz_tally import LONGEST_CASE_S, LONGEST_MESSAGE, Tally, together
from bench.tables import Row, markdown_table

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks" / "fuzz.md"
RESULTS = ROOT / ".bench-fuzz"
COUNT, SEED = 1_000_000, 1
SLICE_PATIENCE_S = 900.0
"""On a computer that does other things too; a slice takes some seconds."""

SLICES_OF_A_PROCESS = 20
"""Then a fresh one takes over."""


WORDS = f"""Taken are readings, series, files and requests that were made use of; one payload may
give several, or be refused several times.

## What counts as a violation

- An exception that is not declared escapes; an error has no words, or a line of more than
  {LONGEST_MESSAGE} characters.
- One payload takes more than {LONGEST_CASE_S:g} s of processor time, or makes a process with
  everything loaded larger than {MOST_MB:.0f} MB.
- *Modbus, MQTT:* a second decoder, written apart from the drivers' own, finds that a reading is
  not finite, out of its range, not what the payload says, or made of a "no value" of the profile;
  a limit of the grid operator is no number of watts; a good one that follows is not obeyed.
- *HTTP:* a series is not finite, off the market's grid or of an impossible length; a good answer
  that follows is not believed as by a driver that never heard a bad one; an error tells a secret;
  a stranger changes a limit.
- *Files:* what was accepted cannot be used: settings listed, drivers and house model made, a
  device read.
- *Records:* a replay neither ends nor says what cannot be read; good records are not replayed.
- *Owner's channel:* a line stays without an answer, the next client is not served, a refused line
  changes a wish, or a wish is taken that its owner may not have.

Some payloads of every kind are healthy: what takes nothing would be noticed. Planted faults are
found (`tests/bench/test_fuzz*.py`).
"""


def fuzz(count: int, seed: int, group: str = "all") -> list[Tally]:
    """Run it here and now; one tally for each kind of payload."""
    return summed([(piece, run_slice(piece)) for piece in slices(count, seed, group)])


def summed(done: Sequence[tuple[Slice, Tally]]) -> list[Tally]:
    """One tally for each kind, in the order of the kinds."""
    tallies: list[Tally] = []
    for kind in KINDS:
        parts = [tally for piece, tally in done if piece.kind == kind.name]
        if parts:
            tallies.append(together(parts[0].kind, parts))
    return tallies


def run_all(
    pieces: Sequence[Slice], path: Path, *, jobs: int, tell: Callable[[str], None]
) -> list[tuple[Slice, Tally]]:
    """What is kept is read, the rest is run and kept."""
    kept = read(path)
    missing = [piece for piece in pieces if piece not in kept]
    if len(missing) < len(pieces):
        tell(f"{len(pieces) - len(missing)} of {len(pieces)} slices are kept in {path}")
    pool = ProcessPool(jobs, max_tasks=SLICES_OF_A_PROCESS, initializer=prepare)
    try:
        running = [
            (piece, pool.schedule(run_slice, args=[piece], timeout=SLICE_PATIENCE_S))
            for piece in missing
        ]
        for number, (piece, future) in enumerate(running, 1):
            tally = _come_of(piece, future)
            kept[piece] = tally
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([asdict(piece), told(tally)]) + "\n")
            broken = tally.violations.total()
            tell(f"{number} of {len(missing)}: {piece.kind}, {piece.count}, {broken} violations")
    finally:
        pool.stop()
        pool.join()
    return [(piece, kept[piece]) for piece in pieces]


def _come_of(piece: Slice, future: Future[Tally]) -> Tally:
    """What a slice has seen; one that hangs, or takes its process with it, is a violation."""
    try:
        return future.result()
    except (SliceTimeoutError, ProcessExpired) as error:
        tally = Tally(piece.kind, payloads=piece.count)
        tally.violated(piece.kind, f"{type(error).__name__} of a slice", piece)
        return tally


def read(path: Path) -> dict[Slice, Tally]:
    """What an earlier run has kept."""
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {Slice(**piece): _tally(line) for piece, line in lines}


def told(tally: Tally) -> dict[str, Any]:
    """For JSON; `asdict` would count the pairs of a counter."""
    return {field.name: getattr(tally, field.name) for field in fields(Tally)}


def _tally(line: dict[str, Any]) -> Tally:
    counters = {name: Counter(line[name]) for name in ("spoilt", "violations")}
    return Tally(**line | counters)


def page(tallies: Sequence[Tally], command: str) -> str:
    """The page for the documentation."""
    rows: list[Row] = [
        {
            "kind": tally.kind,
            "payloads": tally.payloads,
            "taken": tally.readings,
            "refused, with a reason": tally.refusals,
            "slowest, ms": round(1000.0 * tally.slowest_s),
            "violations": tally.violations.total(),
        }
        for tally in tallies
    ]
    ways: list[Row] = [
        {
            "kind": tally.kind,
            "what was done to them": ", ".join(sorted(tally.spoilt)),
            "each, times": f"{min(tally.spoilt.values())} to {max(tally.spoilt.values())}",
        }
        for tally in tallies
        if tally.spoilt
    ]
    broken: list[Row] = [
        {"rule": rule, "times": number}
        for tally in tallies
        for rule, number in tally.violations.most_common()
    ]
    found = f"## Violations\n\n{markdown_table(broken)}\n" if broken else ""
    payloads = sum(tally.payloads for tally in tallies)
    minutes = sum(tally.cpu_s for tally in tallies) / 60.0
    return f"""# Malformed payloads

{payloads} random and spoilt payloads through everything that reads what somebody else has written.
Reproduce with `{command}`; it took {minutes:.0f} minutes of processor time, goes on where it was
stopped, and begins anew when the folder `{RESULTS.name}` is deleted.

{markdown_table(rows)}
{found}{WORDS}
## What the payloads were

{markdown_table(ways)}"""


def main() -> int:
    """Run and print; with --write keep the page. The exit code says whether a rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help="payloads")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--kind", choices=(*GROUPS, "all"), default="all")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where slices are kept")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    done = run_all(
        slices(arguments.count, arguments.seed, arguments.kind),
        results_folder(arguments.results) / "slices.jsonl",
        jobs=arguments.jobs,
        tell=lambda text: print(text, file=sys.stderr, flush=True),
    )
    tallies = summed(done)
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
