"""A room imports only from rooms below it, and the library is light to import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "alicredit"

# From the floor up. Rooms of one line stand side by side and never import each other.
STOREYS = (
    ("errors",),
    ("checks",),
    ("vocabulary",),
    ("loans",),
    ("databases",),
    ("records",),
    ("cohort",),
    ("ledger", "windows"),
    ("derived",),
    ("declarations",),
    ("catalogue", "engine"),
    ("features", "labels"),
    ("audit",),
    ("score",),
    ("portable", "calibration"),
    ("exports",),
    ("model",),
    ("policy",),
    ("allocation",),
    ("decision",),
    ("alerts", "stability"),
    ("funds",),
    ("losses",),
    ("monitoring", "recovery"),
    ("deciding",),
    ("nightly",),
    ("cluster",),
    ("portfolio",),
    ("whatif",),
    ("cli",),
    ("__main__",),
)
# Rooms at the side and what they may import beside each other's records: see the second test.
SIDE = {
    "evaluation": {"errors", "checks", "vocabulary", "score", "cohort"},
    "plots": {"errors", "checks", "vocabulary"},
    "pages": {"errors", "checks", "vocabulary", "plots"},
    "report": {"errors", "checks", "vocabulary", "plots", "pages"},
    "simulate": {
        "errors", "checks", "vocabulary", "loans", "records", "cohort", "ledger", "score",
    },
}  # fmt: skip
LATE = {
    *((room, "report") for room in ("decision", "evaluation", "monitoring")),
    ("portable", "exports"),
    *((room, "evaluation") for room in ("alerts", "funds", "model", "monitoring", "stability")),
}
HEIGHT = {room: height for height, rooms in enumerate(STOREYS) for room in rooms}


def imports() -> list[tuple[str, str, str]]:
    """List (file, room, imported room) over the whole source, whatever the depth of the import."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        if parts == ("__init__",):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom) and node.level:
                pytest.fail(f"{path}: relative import")
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
                if node.module == "alicredit":
                    names = [f"alicredit.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            rooms = [name.split(".")[1] for name in names if name.startswith("alicredit.")]
            here = str(path.relative_to(SOURCE))
            found += [(here, parts[0], room) for room in rooms if room != parts[0]]
    return found


def test_every_room_is_on_the_plan() -> None:
    rooms = {p.stem for p in SOURCE.glob("*.py")} | {p.parent.name for p in SOURCE.glob("*/*.py")}
    assert rooms - {"__init__", "alicredit"} <= set(HEIGHT) | set(SIDE)


def test_rooms_import_only_from_below() -> None:
    wrong = []
    for path, room, other in imports():
        if room in SIDE:
            allowed = SIDE[room] | {o for r, o in LATE if r == room}
            if other not in allowed:
                wrong.append(f"{path}: {room} imports {other}")
        elif other in SIDE:
            if room not in ("cli", "__main__") and (room, other) not in LATE:
                wrong.append(f"{path}: {room} imports {other}")
        elif HEIGHT[other] >= HEIGHT[room] and (room, other) not in LATE:
            wrong.append(f"{path}: {room} imports {other}")
    assert not wrong, "\n".join(wrong)


HEAVY = (
    "lightgbm",
    "sklearn",
    "pandas",
    "pyarrow",
    "duckdb",
    "scipy",
    "matplotlib",
    "numba",
    "rich",
)


def test_importing_the_library_imports_nothing_heavy() -> None:
    code = f"import sys, alicredit; print([m for m in {HEAVY!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_public_names_resolve_and_are_listed() -> None:
    import alicredit

    for name in alicredit.__all__:
        assert getattr(alicredit, name) is not None, name
        assert name in dir(alicredit)
    with pytest.raises(AttributeError, match="no attribute 'score_portfolios'"):
        _ = alicredit.score_portfolios
