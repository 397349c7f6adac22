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


def test_there_is_a_notebook_for_each_part_of_the_way() -> None:
    assert [path.stem.split("_")[0] for path in NOTEBOOKS] == [
        "01", "02", "03", "04", "04b", "05", "06", "07",
    ]  # fmt: skip


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_opens_with_its_question_and_what_is_found(path: Path) -> None:
    first = nbformat.read(path, as_version=4).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert first.source.index("**The question.**") < first.source.index("**What is found.**")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_small_and_show_nothing_of_the_machine(path: Path) -> None:
    assert path.stat().st_size < 400_000
    shown = "\n".join(
        str(output.get("text", "")) + str({**output.get("data", {}), "image/png": ""})
        for output in outputs(path)
    )
    assert not re.search(
        r"\bat 0x[0-9a-f]+|/(?:tmp|home|root)/|\bfit_seconds\b|\bscore_us\b", shown
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_names_only_others_that_are_there(path: Path) -> None:
    text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    there = {each.stem for each in NOTEBOOKS}
    assert set(re.findall(r"`(0\w+?)(?:\.ipynb)?`", text)) <= there


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
