"""What was claimed against what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from alicredit.checks import refuse
from alicredit.plots.stage import (
    COUNT,
    GRID,
    INK,
    NAME,
    NUMBER,
    SOFT,
    WARN,
    as_shares,
    legend_above,
    longest,
    name_of,
    require_once,
    take_axes,
    take_frame,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NEEDED = {
    "period": NAME, "grade": NAME, "rows": COUNT, "mean_pd": NUMBER, "rate": NUMBER, "low": NUMBER,
    "high": NUMBER,
}  # fmt: skip


def plot_realised(grades: pd.DataFrame, *, period: str = "all", ax: Axes | None = None) -> Axes:
    r"""Draw each grade's default rate with its interval beside the probability claimed.

    Parameters
    ----------
    grades : pandas.DataFrame
        ``grades`` of :func:`alicredit.monitoring.realised_against_predicted`.
    period : str, default "all"
        Which period.
    ax : matplotlib.axes.Axes or None, default None
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        A grade whose interval does not hold the claim is red; one without an outcome is left blank.

    Raises
    ------
    InputError
        If a column lacks or is of another kind, a grade stands twice in a period, or there is no
        such period.

    Examples
    --------
    >>> grades = pd.DataFrame({"period": "all", "grade": ["A", "B", "all"], "rows": [100, 50, 150],
    ...     "mean_pd": [0.01, 0.05, 0.02], "rate": [0.01, 0.2, 0.07], "low": [0.0, 0.1, 0.04],
    ...     "high": [0.04, 0.3, 0.12]})
    >>> [label.get_text() for label in plot_realised(grades).get_xticklabels()]
    ['A\n100', 'B\n50']
    >>> plot_realised(grades, period="2013Q1")
    Traceback (most recent call last):
    alicredit.errors.InputError: period must be one of the frame's, all; found '2013Q1'.
    """
    rows = take_frame("grades", grades, _NEEDED)
    require_once("grades", rows, ["period", "grade"])
    mine = rows[(rows["period"].astype(str) == str(period)) & (rows["grade"] != "all")]
    if mine.empty:
        known = ", ".join(sorted(rows["period"].astype(str).unique())[:12])
        refuse("period", f"must be one of the frame's, {known}", repr(period))
    names = [f"{row.grade}\n{int(row.rows):,}" for row in mine.itertuples()]
    ax = _claims(mine, names, take_axes(ax))
    ax.set_xlabel("grade, and rows whose outcome is known")
    return ax


def plot_realised_over_time(grades: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw each period's default rate with its interval beside the probability claimed.

    Parameters
    ----------
    grades : pandas.DataFrame
        ``grades`` of :func:`alicredit.monitoring.realised_against_predicted`.
    ax : matplotlib.axes.Axes or None, default None
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        A period whose interval does not hold the claim is red.

    Raises
    ------
    InputError
        If a column or the row of all grades lacks, a column is of another kind, or a grade stands
        twice in a period.

    Examples
    --------
    >>> grades = pd.DataFrame({"period": ["2013Q1", "2013Q2"], "grade": "all", "rows": [100, 150],
    ...     "mean_pd": [0.01, 0.05], "rate": [0.01, 0.2], "low": [0.0, 0.1], "high": [0.04, 0.3]})
    >>> len(plot_realised_over_time(grades).get_xticks())
    2
    >>> plot_realised_over_time(grades.assign(grade="A"))
    Traceback (most recent call last):
    alicredit.errors.InputError: grades must have a row of all grades; found none.
    """
    rows = take_frame("grades", grades, _NEEDED)
    require_once("grades", rows, ["period", "grade"])
    mine = rows[rows["grade"] == "all"]
    if mine.empty:
        refuse("grades", "must have a row of all grades", "none")
    told = mine[mine["period"].astype(str) != "all"]
    mine = told if len(told) else mine
    names = [f"{name_of(row.period)}\n{int(row.rows):,}" for row in mine.itertuples()]
    ax = _claims(mine, names, take_axes(ax))
    ax.set_xlabel("period, and rows whose outcome is known")
    return ax


def _claims(rows: pd.DataFrame, names: list[str], ax: Axes) -> Axes:
    """Draw rates with intervals, and claims as marks beside them."""
    place = np.arange(len(rows))
    low, high, claimed = (rows[name].to_numpy(float) for name in ("low", "high", "mean_pd"))
    is_off = (claimed < low) | (claimed > high)
    shade = np.where(is_off, WARN, INK)
    ax.vlines(place, low, high, color=shade, linewidth=2.5)
    ax.scatter(place, rows["rate"], color=shade, zorder=3, label="default rate, with interval")
    ax.scatter(place, claimed, marker="_", s=260, color="black", zorder=4,
               label="probability claimed")  # fmt: skip
    ax.set_xticks(place, names)
    ax.set_xlim(-0.6, len(rows) - 0.4)
    ax.set_ylabel("share defaulted")
    ax.grid(axis="y", color=GRID)
    as_shares(ax.yaxis, longest([*high, *claimed]))
    ax.set_ylim(0, longest([*high, *claimed]) * 1.05 or 1.0)
    ax.spines["left"].set_color(SOFT)
    legend_above(ax)
    return ax
