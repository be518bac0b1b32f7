"""The wheel, the lock file and its exports, and the names we occupy."""

import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
EXPORTS = {
    "requirements.txt": ("--no-default-groups", "--group", "build"),
    "requirements-dev.txt": ("--group", "dev"),
}

UNRELEASED = "bench/data/unreleased/"
"""Measurements whose terms a release would have to read first."""


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / name).read_text(encoding="utf-8"))


def _our_names() -> set[str]:
    return set(_toml("pyproject.toml")["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])


def _uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The locked uv, deaf to this machine's settings, without network."""
    return subprocess.run(
        [TOOLS / "uv", "--no-config", "--offline", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={key: value for key, value in os.environ.items() if not key.startswith("UV_")},
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("wheel")
    build = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def _top_level(names: list[str]) -> set[str]:
    tops = {PurePosixPath(name).parts[0] for name in names}
    return {top for top in tops if not top.endswith(".dist-info")}


def test_wheel_holds_exactly_our_packages(wheel: zipfile.ZipFile) -> None:
    assert _top_level(wheel.namelist()) == _our_names()


def test_wheel_holds_every_file_of_our_packages_but_data_that_may_not_be_passed_on(
    wheel: zipfile.ZipFile, committed: tuple[Path, ...]
) -> None:
    names = _our_names()
    ours = {path.as_posix() for path in committed if path.parts[0] in names}
    kept_back = {name for name in ours if name.startswith(UNRELEASED)}
    assert ours - kept_back <= set(wheel.namelist())
    assert kept_back, "nothing is kept back any more"
    assert not kept_back & set(wheel.namelist())


def test_wheel_carries_licence_and_notice(wheel: zipfile.ZipFile) -> None:
    licences = {PurePosixPath(name).name for name in wheel.namelist() if "/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE"}


def test_no_dependency_provides_a_module_named_like_ours() -> None:
    ours = _our_names() | {"docs", "tests", "deploy"}
    taken = {
        f"{distribution.name}: {file.parts[0]}"
        for distribution in distributions()
        if distribution.name != "heatherd"
        for file in distribution.files or ()
        if file.parts[0].removesuffix(".py") in ours
    }
    assert taken == set()


def test_lint_types_and_contracts_cover_every_package_of_the_wheel() -> None:
    tools = _toml("pyproject.toml")["tool"]
    assert set(tools["mypy"]["packages"]) >= _our_names()
    assert set(tools["importlinter"]["root_packages"]) == _our_names()


def test_lock_matches_the_project() -> None:
    answer = _uv("lock", "--check")
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("name", EXPORTS)
def test_exported_requirements_equal_the_lock(name: str) -> None:
    options = ("--frozen", "--no-emit-project", "--no-header", "--no-annotate")
    answer = _uv("export", "--quiet", *options, *EXPORTS[name])
    assert answer.returncode == 0, answer.stderr
    committed = (ROOT / "deploy" / name).read_text(encoding="utf-8")
    assert committed == answer.stdout, "see docs/decisions/0004-locked-requirements.md"


def test_every_pinned_package_has_a_wheel_for_a_64_bit_raspberry_pi() -> None:
    lock = {
        (package["name"], package["version"]): package.get("wheels", ())
        for package in _toml("uv.lock")["package"]
    }
    pins = [
        line.split(" ")[0].split("==")
        for line in (ROOT / "deploy/requirements.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line and "python_full_version >= '3.12'" not in line
    ]
    lacking = [
        f"{name} {version}"
        for name, version in pins
        if not any(_runs_on_pi(wheel["url"]) for wheel in lock[name, version])
    ]
    assert pins
    assert lacking == []


def _runs_on_pi(url: str) -> bool:
    python, abi, platform = url.rsplit("/", 1)[1].removesuffix(".whl").split("-")[-3:]
    fits_python = python.startswith("py") or "cp311" in python or abi == "abi3"
    return fits_python and (
        platform == "any" or ("manylinux" in platform and "aarch64" in platform)
    )
