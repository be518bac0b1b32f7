"""Rows of key figures as a table for the terminal and as Markdown for the documentation."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from rich.table import Table
from rich.text import Text

Cell: TypeAlias = str | float | int | None
Row: TypeAlias = Mapping[str, Cell]
ABSENT = "–"


def terminal_table(rows: Sequence[Row], *, title: str = "") -> Table:
    """A table for `rich.print`; columns in the order in which they first appear, numbers right."""
    table = Table(title=Text(title) if title else None, title_justify="left")
    columns = _columns(rows)
    for column in columns:
        table.add_column(Text(column), justify="right" if _numeric(rows, column) else "left")
    for row in rows:
        # Text, because a value such as "[K]" must not be read as markup
        table.add_row(*(Text(_shown(row.get(column))) for column in columns))
    return table


def markdown_table(rows: Sequence[Row]) -> str:
    """The same table as Markdown, ending in a newline; empty for no rows."""
    columns = _columns(rows)
    if not columns:
        return ""
    rule = ["---:" if _numeric(rows, column) else "---" for column in columns]
    lines = [columns, rule]
    lines += [[_shown(row.get(column)) for column in columns] for row in rows]
    return "".join(f"| {' | '.join(_in_markdown(cell) for cell in line)} |\n" for line in lines)


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))


def _numeric(rows: Sequence[Row], column: str) -> bool:
    """True when the column has numbers and no text."""
    cells = [row.get(column) for row in rows]
    return any(cell is not None for cell in cells) and not any(
        isinstance(cell, str) for cell in cells
    )


def _shown(cell: Cell) -> str:
    if cell is None:
        return ABSENT
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)


def _in_markdown(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
