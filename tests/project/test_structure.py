"""Size, names and wording of everything that is committed."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LARGEST_MODULE_LINES = 400
DEEPEST_PACKAGE = 3
FORBIDDEN_NAMES = {"utils", "helpers", "common", "base", "manager", "handler", "misc"}
# The places of one machine or person; system paths of the installed service are meant.
MACHINE_PATH = re.compile(r"(?<![\w.}/])/(?:work|root|Users|home/[a-z]+|tmp/[a-z])\b/?")
BINARY = {".png", ".gz", ".ico", ".woff2"}
PROMISE = re.compile("TO" + "DO|FIX" + "ME|NotImplemented" + "Error")
# Code of others, kept as it came.
VENDORED = {"bench/static"}


@pytest.fixture(scope="session")
def modules(committed: tuple[Path, ...]) -> list[Path]:
    return [path for path in committed if path.suffix == ".py"]


def _lines(path: Path) -> list[str]:
    return (ROOT / path).read_text(encoding="utf-8").splitlines()


def test_no_module_is_longer_than_the_budget(modules: list[Path]) -> None:
    sizes = {str(path): len(_lines(path)) for path in modules}
    assert {name: size for name, size in sizes.items() if size > LARGEST_MODULE_LINES} == {}


def test_no_module_or_folder_has_a_name_that_says_nothing(modules: list[Path]) -> None:
    parts = {(part.split(".")[0], str(path)) for path in modules for part in path.parts}
    assert [path for part, path in parts if part in FORBIDDEN_NAMES] == []


def test_packages_are_not_nested_deeper_than_the_budget(modules: list[Path]) -> None:
    assert [str(path) for path in modules if len(path.parts) - 1 > DEEPEST_PACKAGE] == []


def test_every_module_outside_the_tests_says_what_it_is(modules: list[Path]) -> None:
    silent = [
        str(path)
        for path in modules
        if path.parts[0] != "tests"
        and (ROOT / path).stat().st_size
        and ast.get_docstring(ast.parse("\n".join(_lines(path)))) is None
    ]
    assert silent == []


def test_test_files_have_unique_names(modules: list[Path]) -> None:
    names = [path.name for path in modules if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


def test_no_committed_file_names_a_path_of_one_machine(committed: tuple[Path, ...]) -> None:
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in committed
        if path.suffix not in BINARY and not any(path.is_relative_to(v) for v in VENDORED)
        for number, line in enumerate(_lines(path), start=1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("home", ["home/pi", "root", "Users"])
def test_path_of_one_machine_is_recognised(home: str) -> None:
    assert MACHINE_PATH.search(f'open("/{home}/heatherd")')


@pytest.mark.parametrize("text", ["/etc/heatherd/house.toml", "https://example.org/Users/page"])
def test_path_of_the_installed_service_or_of_a_site_is_allowed(text: str) -> None:
    assert MACHINE_PATH.search(text) is None


def test_no_module_promises_more_to_follow(modules: list[Path]) -> None:
    found = [
        f"{path}:{number}"
        for path in modules
        for number, line in enumerate(_lines(path), start=1)
        if PROMISE.search(line)
    ]
    assert found == []
