"""What was recorded since the file of the records was written last: lines in a file beside it.

A line costs a small card one page where a commit of the database costs several, and a killed
process leaves it whole. Each line carries its checksum: what a power cut or a full disk has left of
one is passed over.
"""

import base64
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

Row: TypeAlias = tuple[str, tuple[object, ...]]
"""A table's name and the values of its columns: numbers, texts and bytes."""


class Tail:
    """The file, open for appending. Every method raises `OSError` for a disk that refuses."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        if os.geteuid() == 0:  # what an owner makes with sudo the service must be able to write
            owner = path.parent.stat()
            os.fchown(self._file, owner.st_uid, owner.st_gid)
        size = os.fstat(self._file).st_size
        self._torn = size > 0 and os.pread(self._file, 1, size - 1) != b"\n"

    def add(self, row: Row) -> None:
        """Safe from the end of this process."""
        line = b"\n" + _line(row) if self._torn else _line(row)
        self._torn = True  # until all of it is there
        written = os.write(self._file, line)
        if written < len(line):
            raise OSError(f"only {written} of {len(line)} bytes could be written")
        self._torn = False

    def sync(self) -> None:
        """Safe from a power cut."""
        os.fdatasync(self._file)

    def clear(self) -> None:
        """All rows are elsewhere now."""
        os.ftruncate(self._file, 0)

    def close(self) -> None:
        """Close the file, which stays."""
        os.close(self._file)


def tail_of(records: Path) -> Path:
    """Where the tail of a file of records is."""
    return records.with_name(f"{records.name}.tail")


def rows_in(path: Path) -> list[Row]:
    """Every whole row of a tail, in order; none where there is no file or it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError:
        return []
    return list(_rows(content.split(b"\n")))


def _rows(lines: Sequence[bytes]) -> Iterator[Row]:
    for line in lines:
        checksum, _, text = line.partition(b" ")
        if text and checksum == _checksum(text):
            table, *values = json.loads(text)
            yield table, tuple(_value_in(value) for value in values)


def _line(row: Row) -> bytes:
    table, values = row
    text = json.dumps([table, *map(_value_out, values)], separators=(",", ":")).encode()
    return _checksum(text) + b" " + text + b"\n"


def _checksum(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)


def _value_out(value: object) -> object:
    return {"b": base64.b85encode(value).decode()} if isinstance(value, bytes) else value


def _value_in(value: object) -> object:
    return base64.b85decode(value["b"]) if isinstance(value, dict) else value
