"""What every verb shares: exit codes, options, and how results and refusals are shown."""

import json
import sys
import tomllib
from collections.abc import Iterator
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


LARGEST_CONFIG_BYTES = 1_000_000
"""A configuration with every setting has some ten thousand."""


def load(path: Path) -> HouseConfig:
    """The configuration in a file, or a message and exit code 3."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_CONFIG_BYTES + 1)
        return parsed(content)
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    except ConfigError as error:
        fail("\n".join(f"{path}: {line}" for line in str(error).splitlines()))


def parsed(content: bytes) -> HouseConfig:
    """The configuration in the bytes of a file; raises `ConfigError` naming every problem."""
    if len(content) > LARGEST_CONFIG_BYTES:
        raise ConfigError(f"more than {LARGEST_CONFIG_BYTES} bytes are no configuration")
    try:
        data = tomllib.loads(content.decode())
        if any("\0" in text for text in _texts(data)):
            raise ValueError("the character U+0000 has no place in it")  # nor in a file's name
    except RecursionError:
        raise ConfigError("not valid TOML: nested without end") from None
    except ValueError as error:  # also not UTF-8, and numbers of thousands of digits
        raise ConfigError(f"not valid TOML: {error}") from error
    return parse_config(data)


def _texts(value: object) -> Iterator[str]:
    """Every text in a document, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def show_json(value: object) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(value) + "\n")


def fail(message: str, code: Exit = Exit.CONFIG) -> NoReturn:
    """Say what is wrong and leave."""
    err.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
