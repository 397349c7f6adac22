"""The library is quick to import, and each part loads no more than it uses."""

from __future__ import annotations

import subprocess
import sys

import pytest

DRAWING = ("matplotlib", "jinja2", "IPython")
LEARNING = ("lightgbm", "sklearn")
ENGINES = ("pyspark", "polars", "sqlglot", "onnx", "onnxruntime")
FRAMES = ("pandas", "pyarrow", "duckdb", "scipy", "numba")
# What is used, and what must not have been loaded for it.
USES = {
    "import alicredit": (*DRAWING, *LEARNING, *ENGINES, *FRAMES, "numpy", "rich"),
    "from alicredit import load_model, PointScale": (
        *DRAWING, *LEARNING, *ENGINES, *FRAMES, "rich",
    ),
    "from alicredit import loans; loans.schedule": (*DRAWING, *LEARNING, *ENGINES, *FRAMES),
    "from alicredit import read_records, load_policy, label_defaults": (
        *DRAWING, *LEARNING, *ENGINES, "scipy", "numba", "rich",
    ),
    "from alicredit import build_features, score_portfolio, score_applicant, allocate": (
        *DRAWING, *LEARNING, *ENGINES, "rich",
    ),
    "from alicredit import validate_model, monitoring, recovery, losses, report, plots": (
        *DRAWING, *LEARNING, *ENGINES,
    ),
    "from alicredit import cli": (*DRAWING, *LEARNING, *ENGINES),
    "from alicredit import DefaultModel; DefaultModel()": (*DRAWING, *ENGINES),
}  # fmt: skip


@pytest.mark.parametrize("code", USES)
def test_a_use_loads_nothing_that_it_does_not_need(code: str) -> None:
    names = USES[code]
    child = f"import sys\n{code}\nprint(*[m for m in {names!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == ""


def test_the_import_takes_less_than_half_a_second() -> None:
    child = "import time; t = time.process_time(); import alicredit; print(time.process_time() - t)"
    runs = [
        subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    assert min(float(run.stdout) for run in runs) < 0.5


def test_what_is_light_is_light_because_it_was_not_used() -> None:
    """The same children do see what a use loads: the test can fail."""
    child = "import sys, alicredit; alicredit.DefaultModel; print('lightgbm' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "True"
