"""The page of licences names every dependency, with a licence that a company can live with."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "licences.md"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NEEDS = {"always": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
# A licence that asks the whole of a work to be under it may not come with the library itself.
CATCHING = re.compile(r"\bA?GPL|\bLGPL|\bSSPL|Commons Clause|Proprietary", re.I)


def plain(requirement: str) -> str:
    """Give a requirement's name as indexes compare names."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def listed() -> dict[str, list[str]]:
    """Read the page: name to version, when needed, through what, licence."""
    lines = re.findall(r"^\| ([\w.-]+) \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    return {name: rest.split(" | ") for name, rest in lines if name != "package"}


@pytest.mark.parametrize("extra", NEEDS)
def test_the_page_names_every_dependency_of_the_project(extra: str) -> None:
    named = listed()
    for each in NEEDS[extra]:
        name = plain(each)
        if name == PROJECT["name"]:
            continue
        assert name in named, f"{name} is not in docs/licences.md: run `make licences`"
        assert named[name][2].strip() == "", f"{name} is said to come along, but is named"


def test_the_page_names_what_they_bring_along() -> None:
    named = listed()
    for name in [each for each in named if named[each][1] in ("always", "report")]:
        try:
            needs = requires(name) or []
        except PackageNotFoundError:
            continue
        for need in needs:
            if ";" not in need:
                assert plain(need) in named, f"{name} needs {need}: run `make licences`"


def test_every_package_has_a_licence_and_none_that_catches_its_user() -> None:
    for name, (version, needed, _, licence) in listed().items():
        assert licence not in ("", "not stated"), name
        assert re.match(r"\d", version), name
        if needed in NEEDS and needed not in ("dev", "docs"):
            assert not CATCHING.search(licence), (name, licence)
