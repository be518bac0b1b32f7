"""What the conformance kit needs beside the emulated pump."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "state.db") as opened:
        yield opened
