"""Everything that is installed with heatherd may be passed on with it under its own licence."""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement

ALLOWED = re.compile(
    r"^(0BSD|Apache[- ](Software|2\.0).*|BSD([- ][23][- ]Clause)?( License)?( .*)?|CC0-1\.0|ISC.*"
    r"|MIT(-0|-CMU)?( License)?( .*)?|MPL-2\.0|Mozilla Public License 2\.0.*|PSF-2\.0"
    r"|Python Software Foundation License|Zlib)$"
)
"""All permissive, but for the MPL, which asks for the changes to its own files only."""

TITLE = 60
"""Characters of a whole licence text in which it says its name."""

EXCEPTIONS = {
    # LGPL: an unmodified library that anybody can exchange; nothing of it is in our code
    "pebble": "GNU Library or Lesser General Public License (LGPL)",
}


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None  # of another platform or Python


def needed_by(name: str, known: dict[str, Distribution]) -> dict[str, Distribution]:
    """Everything that running `name` needs, development tools left out."""
    package = _installed(name)
    if package is None or package.name in known:
        return known
    known[package.name] = package
    for line in package.requires or ():
        needed = Requirement(line)
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            needed_by(needed.name, known)
    return known


def licence_of(package: Distribution) -> str:
    """As its metadata says it: expression, else classifier, else the beginning of the text."""
    said = package.metadata.get("License-Expression")
    classified = [c for c in package.metadata.get_all("Classifier") or () if "License ::" in c]
    if said is None and classified:
        said = classified[0].rsplit(" :: ", 1)[1]
    text = said or package.metadata.get("License") or "unknown"
    return " ".join(text.split())[:TITLE]


def objections(licence: str) -> Iterator[str]:
    """The parts of an expression that are not allowed; of alternatives one is enough."""
    for part in licence.split(" AND "):
        if not any(ALLOWED.match(choice.strip("() ")) for choice in part.split(" OR ")):
            yield part


def test_every_dependency_has_a_licence_that_we_can_live_with() -> None:
    found = {name: licence_of(package) for name, package in needed_by("heatherd", {}).items()}
    assert len(found) > 30
    refused = {
        name: licence
        for name, licence in found.items()
        if list(objections(licence)) and EXCEPTIONS.get(name.lower()) != licence
    }
    assert refused == {}


@pytest.mark.parametrize(
    ("licence", "fine"),
    [
        ("MIT", True),
        ("EPL-2.0 OR BSD-3-Clause", True),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", True),
        ("GPL-3.0-only", False),
        ("MIT AND GPL-3.0-or-later", False),
        ("AGPL-3.0 OR proprietary", False),
        ("unknown", False),
    ],
)
def test_a_licence_is_judged_by_all_its_parts(licence: str, fine: bool) -> None:
    assert (not list(objections(licence))) is fine
