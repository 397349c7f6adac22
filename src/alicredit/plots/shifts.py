"""How far populations and features moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from alicredit.checks import require_whole
from alicredit.plots.stage import (
    FLAG,
    GRID,
    INK,
    NAME,
    NUMBER,
    SOFT,
    WARN,
    legend_above,
    longest,
    name_of,
    require_once,
    take_axes,
    take_frame,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NEEDED = {"psi": NUMBER, "critical": NUMBER, "is_shifted": FLAG}


def plot_population(stability: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the stability index of each period with the value that chance alone would give.

    Parameters
    ----------
    stability : pandas.DataFrame
        As :func:`alicredit.monitoring.population_stability` gives.
    ax : matplotlib.axes.Axes or None, default None
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        A bar a period, red where the shift is beyond chance, and a mark at the critical value.

    Raises
    ------
    InputError
        If a column lacks or is of another kind, a period stands twice, or there is no row.

    Examples
    --------
    >>> found = pd.DataFrame({"period": ["2013Q1", "2013Q2"], "psi": [0.01, 0.2],
    ...                       "critical": [0.03, 0.03], "is_shifted": [False, True]})
    >>> len(plot_population(found).patches)
    2
    >>> plot_population(found[:0])
    Traceback (most recent call last):
    alicredit.errors.InputError: stability must have at least one row; found none.
    """
    rows = take_frame("stability", stability, {"period": NAME, **_NEEDED})
    require_once("stability", rows, ["period"])
    ax = take_axes(ax)
    place = np.arange(len(rows))
    shade = np.where(rows["is_shifted"], WARN, INK)
    ax.bar(place, rows["psi"], color=shade, width=0.6)
    ax.hlines(rows["critical"], place - 0.38, place + 0.38, color="black", linewidth=1.5,
              label="critical value for so many rows")  # fmt: skip
    ax.set_xticks(place, [name_of(each) for each in rows["period"]])
    ax.set_ylabel("population stability index")
    ax.grid(axis="y", color=GRID)
    ax.set_ylim(0, longest([*rows["psi"], *rows["critical"]]) * 1.05 or 1.0)
    legend_above(ax)
    return ax


def plot_drift(drift: pd.DataFrame, *, most: int = 20, ax: Axes | None = None) -> Axes:
    """Draw the stability index of the features that moved most, each with its critical value.

    Parameters
    ----------
    drift : pandas.DataFrame
        As :func:`alicredit.monitoring.feature_drift` gives.
    most : int, default 20
        How many features, those that moved most.
    ax : matplotlib.axes.Axes or None, default None
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        A line a feature, the largest index at the top, red where it is shifted beyond chance.

    Raises
    ------
    InputError
        If a column lacks or is of another kind, a feature stands twice, there is no row, or
        ``most`` is below 1.

    Examples
    --------
    >>> found = pd.DataFrame({"feature": ["sales", "visits"], "psi": [0.3, 0.01],
    ...                       "critical": [0.03, 0.03], "is_shifted": [True, False]})
    >>> [label.get_text() for label in plot_drift(found).get_yticklabels()]
    ['visits', 'sales']
    >>> plot_drift(found, most=0)
    Traceback (most recent call last):
    alicredit.errors.InputError: most must be a whole number of at least 1; found 0.
    """
    require_whole("most", most, 1)
    rows = take_frame("drift", drift, {"feature": NAME, **_NEEDED})
    require_once("drift", rows, ["feature"])
    rows = rows.sort_values(["psi", "feature"], ascending=[False, True]).head(most)[::-1]
    ax = take_axes(ax, height=1.3 + 0.27 * len(rows))
    place = np.arange(len(rows))
    shade = np.where(rows["is_shifted"], WARN, INK)
    ax.hlines(place, 0, rows["psi"], color=SOFT, linewidth=1)
    ax.scatter(rows["psi"], place, color=shade, zorder=3)
    ax.scatter(rows["critical"], place, marker="|", s=90, color="black", zorder=2,
               label="critical value for so many rows")  # fmt: skip
    ax.set_yticks(place, rows["feature"].astype(str))
    ax.set_xlabel("stability index")
    ax.grid(axis="x", color=GRID)
    ax.set_xlim(left=0)
    legend_above(ax)
    return ax
