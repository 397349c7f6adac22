"""Notebooks are kept as they ran: whole, in order, without errors, with plots one can read."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))


def cells(path: Path) -> list[nbformat.NotebookNode]:
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]


def outputs(path: Path) -> list[nbformat.NotebookNode]:
    return [output for cell in cells(path) for output in cell.outputs]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_as_it_ran_from_top_to_bottom(path: Path) -> None:
    counts = [cell.execution_count for cell in cells(path)]
    assert counts == list(range(1, len(counts) + 1))
    kinds = {output.output_type for output in outputs(path)}
    assert "error" not in kinds
    assert kinds & {"display_data", "execute_result"}
    assert not [o.text for o in outputs(path) if o.get("name") == "stderr"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_plot_has_a_title_and_names_its_axes(path: Path) -> None:
    for cell in cells(path):
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            assert "title" in cell.source
            assert "xlabel" in cell.source
            assert "ylabel" in cell.source


def test_the_quick_start_walks_the_way_of_the_readme() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    flow = re.search(r"```python\n(.*?)```", text, re.S).group(1)
    source = "\n".join(cell.source for cell in cells(REPOSITORY / "notebooks/01_quick_start.ipynb"))
    steps = set(re.findall(r"ac\.\w+", flow))
    assert len(steps) >= 9
    assert steps <= set(re.findall(r"ac\.\w+", source))


def test_the_quick_start_gives_reasons_in_both_languages() -> None:
    shown = "".join(
        output.data.get("text/html", "")
        for output in outputs(REPOSITORY / "notebooks/01_quick_start.ipynb")
        if "data" in output
    )
    assert "the probability of default is too high" in shown
    assert "违约概率过高" in shown
