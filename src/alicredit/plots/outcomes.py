"""What was claimed against what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from alicredit.checks import refuse
from alicredit.plots.given import COUNT, NAME, NUMBER, name_of, require_once, take_frame
from alicredit.plots.stage import (
    GRID,
    INK,
    SOFT,
    WARN,
    Say,
    as_shares,
    finish,
    fit,
    lean,
    legend_above,
    longest,
    speaker,
    take_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NEEDED = {
    "period": NAME, "grade": NAME, "rows": COUNT, "mean_pd": NUMBER, "rate": NUMBER, "low": NUMBER,
    "high": NUMBER,
}  # fmt: skip


def plot_reliability(
    reliability: pd.DataFrame, *, language: str = "en", ax: Axes | None = None
) -> Axes:
    """Draw observed default rates with their intervals over the probabilities claimed.

    Parameters
    ----------
    reliability : pandas.DataFrame
        ``tables["reliability"]`` of :func:`alicredit.evaluation.validate_model`.
    language : {"en", "zh"}, default "en"
        Of the texts; Chinese where the machine has a font for it.
    ax : matplotlib.axes.Axes or None, default None
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        On the dashed line claim and outcome agree; where an interval does not hold the claim, a red
        diamond.

    Raises
    ------
    InputError
        If a column lacks or is of another kind, there is no row, or a bin stands twice.

    Examples
    --------
    >>> found = pd.DataFrame({"bin": [1, 2], "rows": [500, 500], "mean_pd": [0.01, 0.1],
    ...     "rate": [0.012, 0.2], "low": [0.005, 0.16], "high": [0.02, 0.24]})
    >>> print(plot_reliability(found).get_title(loc="left"))
    In 1 of 2 groups the interval holds the claim; 1 defaulted more than claimed
    >>> plot_reliability(found[:0])
    Traceback (most recent call last):
    alicredit.errors.InputError: reliability must have at least one row; found none.
    """
    say = speaker(language)
    needed = {"bin": COUNT, **dict.fromkeys(("mean_pd", "rate", "low", "high"), NUMBER)}
    rows = take_frame("reliability", reliability, needed)
    require_once("reliability", rows, ["bin"])
    ax = take_axes(ax, height=4.6)
    claimed, low, high = (rows[name].to_numpy(float) for name in ("mean_pd", "low", "high"))
    is_off = (claimed < low) | (claimed > high)
    top = longest([*high, *claimed]) * 1.05 or 1.0
    ax.plot([0, top], [0, top], color=SOFT, linestyle="--", linewidth=1,
            label=say("claim and outcome agree", "预测与实际一致"))  # fmt: skip
    _mark_rates(ax, claimed, rows, is_off, say)
    ax.set_xlim(0, top)
    ax.set_ylim(0, top)
    ax.grid(color=GRID)
    for axis in (ax.xaxis, ax.yaxis):
        as_shares(axis, top)
    legend_above(ax)
    return finish(
        ax, _say_claims(rows, is_off, say, say("groups", "组")),
        x=say("claimed probability of default", "预测违约概率"),
        y=say("share that defaulted", "实际违约率"),
    )  # fmt: skip


def _mark_rates(ax: Axes, place: Any, rows: pd.DataFrame, is_off: Any, say: Say) -> None:
    """Mark rates with their intervals: a dot, or a red diamond where the claim is not inside."""
    shade = np.where(is_off, WARN, INK)
    ax.vlines(place, rows["low"], rows["high"], color=shade, linewidth=2.2)
    labels = (say("default rate, with interval", "违约率及区间"),
              say("the same, claim outside", "同上，预测在区间外"))  # fmt: skip
    for mine, marker, label in ((~is_off, "o", labels[0]), (is_off, "D", labels[1])):
        if mine.any():
            ax.scatter(place[mine], rows["rate"].to_numpy(float)[mine], color=shade[mine],
                       marker=marker, s=42, zorder=3, label=label)  # fmt: skip


def _say_claims(rows: pd.DataFrame, is_off: Any, say: Say, things: str) -> str:
    """Say how many intervals hold the claim, and to which side the others lie."""
    held, many = int((~is_off).sum()), len(rows)
    more = int((rows["mean_pd"].to_numpy(float) < rows["low"].to_numpy(float)).sum())
    less = many - held - more
    sides = [
        *([say(f"{more} defaulted more than claimed", f"{more} 组高于预测")] if more else []),
        *([say(f"{less} defaulted less than claimed", f"{less} 组低于预测")] if less else []),
    ]
    held_text = say(f"In {held} of {many} {things} the interval holds the claim",
                    f"{many} 组中有 {held} 组的区间包含预测值")  # fmt: skip
    return say("; ", "；").join([held_text, *sides])


def plot_realised(
    grades: pd.DataFrame, *, period: str = "all", language: str = "en", ax: Axes | None = None
) -> Axes:
    r"""Draw each grade's default rate with its interval beside the probability claimed.

    Parameters
    ----------
    grades : pandas.DataFrame
        ``grades`` of :func:`alicredit.monitoring.realised_against_predicted`.
    period : str, default "all"
        Which period.
    language : {"en", "zh"}, default "en"
        Of the texts; Chinese where the machine has a font for it.
    ax : matplotlib.axes.Axes or None, default None
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        A grade whose interval does not hold the claim is a red diamond; one without an outcome is
        left blank.

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
    say = speaker(language)
    rows = take_frame("grades", grades, _NEEDED)
    require_once("grades", rows, ["period", "grade"])
    mine = rows[(rows["period"].astype(str) == str(period)) & (rows["grade"] != "all")]
    if mine.empty:
        known = ", ".join(sorted(rows["period"].astype(str).unique())[:12])
        refuse("period", f"must be one of the frame's, {known}", repr(period))
    names = [f"{fit(row.grade, 14)}\n{int(row.rows):,}" for row in mine.itertuples()]
    said = (
        say("grades", "个等级"),
        say("grade, and rows whose outcome is known", "等级及已知结果的行数"),
    )
    return _claims(mine, names, take_axes(ax), say, said)


def plot_realised_over_time(
    grades: pd.DataFrame, *, language: str = "en", ax: Axes | None = None
) -> Axes:
    """Draw each period's default rate with its interval beside the probability claimed.

    Parameters
    ----------
    grades : pandas.DataFrame
        ``grades`` of :func:`alicredit.monitoring.realised_against_predicted`.
    language : {"en", "zh"}, default "en"
        Of the texts; Chinese where the machine has a font for it.
    ax : matplotlib.axes.Axes or None, default None
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        A period whose interval does not hold the claim is a red diamond.

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
    say = speaker(language)
    rows = take_frame("grades", grades, _NEEDED)
    require_once("grades", rows, ["period", "grade"])
    mine = rows[rows["grade"] == "all"]
    if mine.empty:
        refuse("grades", "must have a row of all grades", "none")
    told = mine[mine["period"].astype(str) != "all"]
    mine = told if len(told) else mine
    names = [f"{fit(name_of(row.period), 14)}\n{int(row.rows):,}" for row in mine.itertuples()]
    said = (
        say("periods", "个时期"),
        say("period, and rows whose outcome is known", "时期及已知结果的行数"),
    )
    return _claims(mine, names, take_axes(ax), say, said)


def _claims(
    rows: pd.DataFrame, names: list[str], ax: Axes, say: Say, said: tuple[str, str]
) -> Axes:
    """Draw rates with intervals, and claims as marks beside them."""
    place = np.arange(len(rows))
    low, high, claimed = (rows[name].to_numpy(float) for name in ("low", "high", "mean_pd"))
    is_off = (claimed < low) | (claimed > high)
    _mark_rates(ax, place, rows, is_off, say)
    ax.scatter(place, claimed, marker="_", s=260, color="black", zorder=4,
               label=say("probability claimed", "预测违约概率"))  # fmt: skip
    ax.set_xticks(place, names)
    lean(ax, names)
    ax.set_xlim(-0.6, len(rows) - 0.4)
    ax.grid(axis="y", color=GRID)
    as_shares(ax.yaxis, longest([*high, *claimed]))
    ax.set_ylim(0, longest([*high, *claimed]) * 1.05 or 1.0)
    ax.spines["left"].set_color(SOFT)
    legend_above(ax)
    known = rows["rate"].notna().to_numpy()
    title = _say_claims(rows[known], is_off[known], say, said[0])
    return finish(ax, title, x=said[1], y=say("share that defaulted", "实际违约率"))
