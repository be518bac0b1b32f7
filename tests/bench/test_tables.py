import io

from rich.console import Console

from bench.tables import Row, markdown_table, terminal_table

ROWS: list[Row] = [
    {"house": "timber1972", "cost_eur": 21.3, "starts": 38},
    {"house": "slab2004", "cost_eur": None, "starts": 0, "note": "a|b\n[bold]c"},
]


def printed(rows: list[Row], *, title: str = "") -> str:
    out = io.StringIO()
    Console(file=out, width=100, force_terminal=False).print(terminal_table(rows, title=title))
    return out.getvalue()


def test_markdown_has_columns_in_order_of_appearance_and_numbers_to_the_right() -> None:
    assert markdown_table(ROWS) == (
        "| house | cost_eur | starts | note |\n"
        "| --- | ---: | ---: | --- |\n"
        "| timber1972 | 21.30 | 38 | – |\n"
        "| slab2004 | – | 0 | a\\|b [bold]c |\n"
    )


def test_markdown_of_no_rows_is_empty() -> None:
    assert markdown_table([]) == ""


def test_terminal_shows_every_value_and_no_markup() -> None:
    shown = printed(ROWS, title="Week [1]")
    for text in ("Week [1]", "timber1972", "21.30", "38", "–", "[bold]c"):
        assert text in shown


def test_a_column_without_any_value_counts_as_text() -> None:
    assert markdown_table([{"a": None}]) == "| a |\n| --- |\n| – |\n"
