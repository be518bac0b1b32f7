"""The command-line reference, read from the typer application. Pure."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import typer
import typer.main

from docs.markdown import code, page, table

_PROGRAM = "heatherd"


def cli_page(app: typer.Typer, exit_codes: Mapping[int, str]) -> str:
    """The page: an overview of the verbs, one section per verb, and the exit codes."""
    verbs = list(_verbs(typer.main.get_command(app), _PROGRAM))
    overview = [(f"[{name}](#{_anchor(name)})", _paragraphs(verb)[0]) for name, verb in verbs]
    lines = ["# Command line", "", *table(("command", "what it does"), overview), ""]
    for name, verb in verbs:
        lines += _section(name, verb)
    rows = [(str(number), meaning) for number, meaning in sorted(exit_codes.items())]
    lines += ["## Exit codes", "", *table(("code", "meaning"), rows)]
    return page(lines)


def _verbs(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command without sub-commands, with its full name."""
    children = getattr(command, "commands", None)
    if children is None:
        yield name, command
        return
    for child_name, child in children.items():
        if not child.hidden:
            yield from _verbs(child, f"{name} {child_name}")


def _section(name: str, verb: Any) -> list[str]:
    context = verb.make_context(name, [], resilient_parsing=True)
    lines = [f"## {name}", "", "```text", verb.get_usage(context), "```", ""]
    for paragraph in _paragraphs(verb):
        lines += [paragraph, ""]
    records = [parameter.get_help_record(context) for parameter in verb.params]
    rows = [(code(record[0]), record[1]) for record in records if record is not None]
    if rows:
        lines += [*table(("argument or option", "meaning"), rows), ""]
    if verb.epilog:
        lines += [_flat(verb.epilog), ""]
    return lines


def _paragraphs(verb: Any) -> list[str]:
    text = inspect.cleandoc(verb.help or "")
    return [_flat(paragraph) for paragraph in text.split("\n\n")]


def _flat(text: str) -> str:
    return " ".join(text.replace("\b", "").split())


def _anchor(name: str) -> str:
    return name.replace(" ", "-")
