"""A drawing without axes shows itself in a notebook, and leaves nothing behind."""

from __future__ import annotations

import io
import subprocess
import sys

import pandas as pd
import pytest

plt = pytest.importorskip("matplotlib.pyplot")
from alicredit.plots import plot_points, plot_stability  # noqa: E402
from alicredit.plots.stage import narrow_figures  # noqa: E402

FRAME = pd.DataFrame(
    {"period": ["a", "b"], "psi": [0.0, 0.2], "critical": 0.1, "is_shifted": [False, True]}
)


def test_a_notebook_finds_the_picture_of_the_whole_figure() -> None:
    ax = plot_stability(FRAME)
    picture = ax._repr_png_()
    assert picture.startswith(b"\x89PNG")
    width = int.from_bytes(picture[16:20], "big")
    assert width == round(ax.figure.get_figwidth() * 100)


def test_ipython_shows_it() -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    found = formatters.PNGFormatter()(plot_stability(FRAME))
    assert found is not None


def test_no_state_of_pyplot_is_touched() -> None:
    before = plt.get_fignums()
    plot_stability(FRAME)._repr_png_()
    assert plt.get_fignums() == before


def test_drawing_does_not_import_pyplot() -> None:
    code = (
        "import sys, pandas as pd; from alicredit.plots import plot_stability;"
        "plot_stability(pd.DataFrame({'period': ['a'], 'psi': [0.1], 'critical': [0.2],"
        " 'is_shifted': [False]}))._repr_png_(); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_axes_that_are_given_are_drawn_on_and_given_back() -> None:
    figure, ax = plt.subplots()
    assert plot_stability(FRAME, ax=ax) is ax
    assert not hasattr(ax, "_repr_png_")
    plt.close(figure)


@pytest.mark.parametrize(
    "title",
    ["declared over observed sales of a year", "spread over categories of 180 days",
     "share of resolved refunds that were the seller's fault"],
)  # fmt: skip
def test_a_title_stays_within_a_narrow_figure(title) -> None:
    card = pd.DataFrame(
        {"feature": "x", "title": title, "title_zh": title, "unit": "", "lower": [-1e300, 0.1065],
         "upper": [0.1065, 1e300], "category": ["", ""], "points": [0, 5]}
    )  # fmt: skip
    with narrow_figures():
        ax = plot_points(card, feature="x")
    ax.figure.savefig(io.BytesIO(), format="svg")
    assert ax._left_title.get_window_extent().x1 <= ax.figure.bbox.x1
