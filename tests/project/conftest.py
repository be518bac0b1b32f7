"""What the tests of the project share: the list of files that belong to it."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def committed() -> tuple[Path, ...]:
    """Every existing file that git has or would add, relative to the root of the project."""
    # CI may check out as another user than the one who runs the tests.
    git = ("git", "-c", "safe.directory=*", "ls-files", "-z")
    listing = subprocess.run(
        [*git, "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (Path(name) for name in sorted(set(listing.stdout.split("\0"))) if name)
    return tuple(path for path in paths if (ROOT / path).is_file())
