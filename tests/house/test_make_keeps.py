"""What make starts keeps what it compiles in its environment, whatever the caller's says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ASK = """
include Makefile
ask-python:
	@echo "$$NUMBA_CACHE_DIR"
	@"$(PYTHON)" -c "import module_of_its_own"
"""


@pytest.mark.parametrize("told", [{}, {"PYTHONDONTWRITEBYTECODE": "1"}])
def test_bytecode_and_kernels_stay_in_the_environment(tmp_path: Path, told: dict[str, str]) -> None:
    place = tmp_path / "source"
    place.mkdir()
    (place / "module_of_its_own.py").write_text("x = 1\n", encoding="utf-8")
    home = tmp_path / "home"
    named = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "NUMBA_CACHE_DIR", "MAKEFLAGS")
    env = {key: value for key, value in os.environ.items() if key not in named}
    env |= {"PYTHONPATH": str(place), **told}
    call = ["make", "-s", "-f", "-", "ask-python", f"VENV={home}", f"PYTHON={sys.executable}"]
    asked = subprocess.run(
        call, cwd=REPOSITORY, env=env, input=ASK, capture_output=True, text=True, check=True
    )
    assert asked.stdout.strip() == str(home / "kernels")
    (kept,) = home.rglob("module_of_its_own.*.pyc")
    assert kept.is_relative_to(home / "bytecode")
    assert [path.name for path in place.iterdir()] == ["module_of_its_own.py"]
