"""Write licences.md: what alicredit depends on, and under which licence, from installed metadata.

Run by ``make licences`` in an environment with all extras.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent / "pyproject.toml"
HEAD = """# Licences

alicredit itself is under Apache-2.0. It ships no other's code: what stands here is installed beside
it. *Needed* is `always`, or the extra that brings it (`pip install "alicredit[report]"`); `dev` and
`docs` are for those who change the library. *Through* names a dependency that brings it along. The
licence is what the installed package says of itself; read its own text before you rely on it.
"""
DIRECT, ALONG = "named by alicredit", "brought along"
SHORT = re.compile(r"^[\w.\-+ ()/]{2,60}$")
CLASSIFIER = "License :: OSI Approved :: "


def declared() -> dict[str, list[str]]:
    """Give the project's own requirements: extra, or ``always``, to names."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    groups = {"always": project["dependencies"], **project["optional-dependencies"]}
    return {
        extra: [name for name in map(name_of, lines) if name != project["name"]]
        for extra, lines in groups.items()
    }


def name_of(requirement: str) -> str:
    """Give a requirement's name as package indexes compare names."""
    return re.sub(r"[-_.]+", "-", Requirement(requirement).name).lower()


def brought_by(name: str) -> list[str]:
    """List what an installed package requires here, extras aside."""
    found = [Requirement(line) for line in distribution(name).requires or ()]
    here = [each for each in found if each.marker is None or each.marker.evaluate({"extra": ""})]
    return sorted(name_of(str(each)) for each in here)


def licence_of(package: Distribution) -> str:
    """Read a package's licence: expression, else classifiers, else its short text."""
    said = package.metadata
    expression = said.get("License-Expression")
    classes = [each.removeprefix(CLASSIFIER) for each in said.get_all("Classifier") or ()
               if each.startswith(CLASSIFIER)]  # fmt: skip
    text = (said.get("License") or "").strip()
    short = text if SHORT.match(text) else ""
    return expression or ", ".join(classes) or short or first_line_of(package)


def first_line_of(package: Distribution) -> str:
    """Give the first line of the licence that a package ships."""
    for path in package.files or ():
        if re.search(r"licen[cs]e", path.name, re.I) and path.suffix not in (".py", ".pyc"):
            return path.read_text().strip().splitlines()[0].strip(" #*")
    return "not stated"


def rows() -> list[tuple[str, str, str, str, str]]:
    """List name, version, when needed, through what, and licence; direct ones first."""
    groups = declared()
    needed = {name: extra for extra, names in reversed(groups.items()) for name in names}
    through = dict.fromkeys(needed, "")
    for extra in groups:
        waiting = [name for name in needed if needed[name] == extra]
        while waiting:
            name = waiting.pop(0)
            for other in brought_by(name):
                if other not in needed:
                    needed[other], through[other] = extra, name
                    waiting.append(other)
    order = list(groups)
    found = []
    for name in sorted(needed, key=lambda n: (order.index(needed[n]), through[n] != "", n)):
        package = distribution(name)
        licence = licence_of(package).replace("|", "/")
        found.append((name, package.version, needed[name], through[name], licence))
    return found


def main() -> None:
    """Write the page."""
    try:
        found = rows()
    except PackageNotFoundError as error:
        sys.exit(f"{error} is not installed: install with all extras (make setup) first")
    lines = [
        HEAD,
        "| package | version read | needed | through | licence |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(row)} |" for row in found]
    (HERE / "licences.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(found)} packages\n")


if __name__ == "__main__":
    main()
