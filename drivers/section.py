"""One table of a TOML file, read key by key; every problem is collected, none is fatal. Pure."""

import difflib
import math
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

Choice = TypeVar("Choice", bound=StrEnum)
LONGEST_SHOWN = 80
"""Characters of a wrong value that a problem quotes."""


def suggestion(word: str, known: list[str]) -> str:
    """A hint at the known word that was probably meant, or nothing."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def shown(value: object) -> str:
    """As much of a wrong value as a person reads."""
    try:
        return repr(value)[:LONGEST_SHOWN]
    except ValueError:
        return "a number of thousands of digits"


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


class Section:
    """Typed access to a table. Problems go to `problems` as "where.key: what is wrong".

    A getter that finds a problem returns a harmless value of its type; the caller looks at
    `problems` once everything has been read, and uses nothing if there are any.
    """

    def __init__(self, table: object, where: str, problems: list[str]) -> None:
        self._where = where
        self._problems = problems
        self._known: list[str] = []
        self._table: Mapping[str, object] = {}
        if isinstance(table, Mapping):
            self._table = table
        else:
            problems.append(f"{where}: must be a table")

    def problem(self, key: str, what: str) -> None:
        """Record a problem of one key."""
        self._problems.append(f"{self._path(key)}: {what}")

    def text(self, key: str, default: str | None = None) -> str:
        """A text; required without a default."""
        value = self._get(key, required=default is None)
        if value is None:
            return default or ""
        if isinstance(value, str):
            return value
        self.problem(key, f"must be a text, not {shown(value)}")
        return ""

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._get(key, required=False)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        self.problem(key, f"must be true or false, not {shown(value)}")
        return default

    def whole(self, key: str, default: int | None = None, *, low: int, high: int) -> int:
        """A whole number between two bounds; required without a default."""
        value = self._get(key, required=default is None)
        if value is None:
            return low if default is None else default
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.problem(key, f"must be a whole number from {low} to {high}, not {shown(value)}")
        return low

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number; required without a default."""
        value = self.optional_number(key, required=default is None)
        if value is not None:
            return value
        return 0.0 if default is None else default

    def optional_number(self, key: str, *, required: bool = False) -> float | None:
        """A finite number, or None when the key is absent."""
        value = self._get(key, required=required)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value):
            return float(value)
        self.problem(key, f"must be a number, not {shown(value)}")
        return None

    def wholes(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers, empty when the key is absent."""
        value = self._get(key, required=False)
        if value is None:
            return ()
        if isinstance(value, list) and all(type(entry) is int for entry in value):
            return tuple(value)
        self.problem(key, f"must be a list of whole numbers, not {shown(value)}")
        return ()

    def optional_whole(self, key: str, *, low: int, high: int) -> int | None:
        """A whole number between two bounds, or None when the key is absent."""
        if self._get(key, required=False) is None:
            return None
        return self.whole(key, low=low, high=high)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, empty when the key is absent."""
        value = self._get(key, required=False)
        if value is None:
            return ()
        if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            return tuple(value)
        self.problem(key, f"must be a list of texts, not {shown(value)}")
        return ()

    def choice(self, key: str, choices: type[Choice], default: Choice | None = None) -> Choice:
        """One word of a closed list; required without a default."""
        words = [str(choice) for choice in choices]
        value = self._get(key, required=default is None)
        if isinstance(value, str) and value in words:
            return choices(value)
        if value is not None:
            hint = suggestion(str(value), words)
            self.problem(key, f"must be one of {', '.join(words)}, not {shown(value)}{hint}")
        return next(iter(choices)) if default is None else default

    def tables(self, key: str) -> dict[str, object]:
        """The entries of a nested table, empty when the key is absent."""
        value = self._get(key, required=False)
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return {str(name): entry for name, entry in value.items()}
        self.problem(key, "must be a table")
        return {}

    def part(self, key: str) -> "Section | None":
        """A nested table with keys of its own, None when the key is absent."""
        value = self._get(key, required=False)
        return None if value is None else Section(value, self._path(key), self._problems)

    @property
    def keys(self) -> tuple[str, ...]:
        """The names in the table, where they are free."""
        return tuple(str(key) for key in self._table)

    def done(self) -> None:
        """Report every key that nobody asked for."""
        for key in self._table:
            if key not in self._known:
                self.problem(str(key), f"unknown key{suggestion(str(key), self._known)}")

    def _get(self, key: str, *, required: bool) -> object:
        self._known.append(key)
        if required and key not in self._table:
            self.problem(key, "is missing")
        return self._table.get(key)

    def _path(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key
