"""What every verb shares: exit codes, options, and how results and refusals are shown."""

import json
import sys
import tomllib
from enum import IntEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from controller.config import ConfigError, HouseConfig, parse_config


class Exit(IntEnum):
    """Exit codes of every verb."""

    OK = 0
    FAILED = 1  # it ran, and the answer is no: differences found, hand-back incomplete
    USAGE = 2  # the command line is wrong
    CONFIG = 3  # the configuration is wrong
    NO_SERVICE = 4  # no service answers on the owner's channel
    NO_RECORDS = 5  # there are no records, or they cannot be read


out = Console()
err = Console(stderr=True)

ConfigPath = Annotated[Path, typer.Option("-c", "--config", help="configuration of the house")]
AsJson = Annotated[bool, typer.Option("--json", help="machine-readable output")]
DEFAULT_CONFIG = Path("/etc/heatherd/house.toml")


def load(path: Path) -> HouseConfig:
    """The configuration in a file, or a message and exit code 3."""
    try:
        return parse_config(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fail(f"{path}: not valid TOML: {error}")
    except ConfigError as error:
        fail("\n".join(f"{path}: {line}" for line in str(error).splitlines()))


def show_json(value: object) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(value) + "\n")


def fail(message: str, code: Exit = Exit.CONFIG) -> NoReturn:
    """Say what is wrong and leave."""
    err.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
