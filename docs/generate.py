"""Writes the reference pages from their source; `--check` fails when one of them is stale.

Usage: python -m docs.generate [--check]
"""

import argparse
import difflib
import inspect
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from controller.cli import add_verbs_of_other_packages, app
from controller.config import HouseConfig
from controller.terminal import Exit
from docs.cli_page import cli_page
from docs.configuration_page import configuration_page
from docs.devices_page import devices_page
from docs.faults_page import faults_page
from drivers.profile import load_profile, shipped_profiles
from hil.faults import CATALOGUE

REFERENCE = Path(__file__).resolve().parent / "reference"


def pages() -> dict[str, str]:
    """File name -> content of every generated page."""
    return {
        "configuration.md": configuration_page(HouseConfig),
        "cli.md": _command_line(),
        "devices.md": devices_page([load_profile(name) for name in shipped_profiles()]),
        "faults.md": faults_page(CATALOGUE),
    }


def exit_codes() -> dict[int, str]:
    """Exit code -> name and the comment beside it in the source."""
    comments = dict(re.findall(r"^ +(\w+) = \d+ +# (.+)$", inspect.getsource(Exit), re.MULTILINE))
    words = {code: code.name.replace("_", " ").lower() for code in Exit}
    return {
        code.value: ": ".join(filter(None, (words[code], comments.get(code.name)))) for code in Exit
    }


@cache
def _command_line() -> str:
    # Other packages' verbs are added to the one application; a second time would double them.
    add_verbs_of_other_packages()
    return cli_page(app, exit_codes())


def stale(folder: Path, fresh: Mapping[str, str]) -> str:
    """What differs between the files and their fresh content, as a diff; empty if nothing does."""
    found: list[str] = []
    for name, content in fresh.items():
        path = folder / name
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        found += difflib.unified_diff(
            old.splitlines(keepends=True),
            content.splitlines(keepends=True),
            f"docs/reference/{name}",
            f"docs/reference/{name} (fresh)",
            n=1,
        )
    return "".join(found)


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or compare them; the exit code is 1 when --check finds a stale page."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail when stale")
    fresh = pages()
    if parser.parse_args(arguments).check:
        difference = stale(REFERENCE, fresh)
        if difference:
            sys.stderr.write(difference)
            sys.stderr.write("\nstale reference pages; write them with: python -m docs.generate\n")
        return 1 if difference else 0
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, content in fresh.items():
        (REFERENCE / name).write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
