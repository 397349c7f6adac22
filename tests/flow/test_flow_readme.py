"""The README's lines run as they stand, in a clean directory, on a folder of the sample's kind.

The first notebook walks the sample itself by the same steps.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import alicredit as ac

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE = REPOSITORY / "data" / "sample"


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """Write a smaller folder of the sample's kind."""
    place = tmp_path_factory.mktemp("small")
    records, _ = ac.simulate_platform(250, seed=3, orders_per_month=2, default_rate=0.18)
    ac.write_records(records, place)
    return place


@pytest.mark.slow
def test_the_readme_runs(small, tmp_path) -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.S))
    assert "score_portfolio" in code
    assert "audit_features" in code
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sample").symlink_to(small)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    for product in ("ali_credit", "taobao_credit", "taobao_order"):
        assert product in run.stdout
    assert "<html" in (tmp_path / "validation.html").read_text(encoding="utf-8")
    assert (tmp_path / "model.alicredit").stat().st_size > 1000


@pytest.mark.slow
def test_the_demo_writes_decisions_and_a_page(small, tmp_path) -> None:
    command = [sys.executable, "-m", "alicredit", "demo", "--data", str(small), "--out", "demo"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    pages = list((tmp_path / "demo").glob("*.html"))
    assert pages
    assert any(page.name in run.stdout for page in pages)
    found = list((tmp_path / "demo").rglob("*.parquet"))
    assert found
    decisions = pd.concat([pd.read_parquet(path) for path in found])
    assert set(decisions["decision"]) <= {"approve", "decline", "refer"}
    assert "Traceback" not in run.stderr


def test_the_sample_is_small_and_says_what_it_is() -> None:
    size = sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file())
    assert size < 10_000_000
    text = (SAMPLE / "README.md").read_text(encoding="utf-8")
    assert "simulat" in text
    assert "seed" in text
