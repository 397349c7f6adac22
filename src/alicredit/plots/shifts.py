"""How far populations and features moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from alicredit.checks import require_whole
from alicredit.plots.given import FLAG, NAME, NUMBER, name_of, require_once, take_frame
from alicredit.plots.stage import (
    GRID,
    INK,
    OFF_HATCH,
    SOFT,
    WARN,
    Say,
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

_NEEDED = {"psi": NUMBER, "critical": NUMBER, "is_shifted": FLAG}


def plot_stability(
    stability: pd.DataFrame, *, language: str = "en", ax: Axes | None = None
) -> Axes:
    """Draw the stability index of each period with the value that chance alone would give.

    Parameters
    ----------
    stability : pandas.DataFrame
        As :func:`alicredit.monitoring.population_stability` gives, or ``tables["stability"]`` of
        :func:`alicredit.evaluation.validate_model`.
    language : {"en", "zh"}, default "en"
        Of the texts; Chinese where the machine has a font for it.
    ax : matplotlib.axes.Axes or None, default None
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        A bar a period, red and hatched where the shift is beyond chance, and a mark at the critical
        value.

    Raises
    ------
    InputError
        If a column lacks or is of another kind, a period stands twice, or there is no row.

    Examples
    --------
    >>> found = pd.DataFrame({"period": ["2013Q1", "2013Q2"], "psi": [0.01, 0.2],
    ...                       "critical": [0.03, 0.03], "is_shifted": [False, True]})
    >>> len(plot_stability(found).patches)
    2
    >>> plot_stability(found[:0])
    Traceback (most recent call last):
    alicredit.errors.InputError: stability must have at least one row; found none.
    """
    say = speaker(language)
    rows = take_frame("stability", stability, {"period": NAME, **_NEEDED})
    require_once("stability", rows, ["period"])
    ax = take_axes(ax)
    place = np.arange(len(rows))
    bars = ax.bar(place, rows["psi"], color=np.where(rows["is_shifted"], WARN, INK), width=0.6)
    for bar, is_off in zip(bars, rows["is_shifted"], strict=True):
        bar.set_hatch(OFF_HATCH if is_off else "")
        bar.set_edgecolor("white")
    _mark_critical(ax, say, lambda label: ax.hlines(
        rows["critical"], place - 0.38, place + 0.38, color="black", linewidth=1.5, label=label
    ))  # fmt: skip
    ax.set_xticks(place, [fit(name_of(each), 12) for each in rows["period"]])
    lean(ax, rows["period"].astype(str).tolist())
    ax.grid(axis="y", color=GRID)
    ax.set_ylim(0, longest([*rows["psi"], *rows["critical"]]) * 1.05 or 1.0)
    title = _say_shifts(
        rows, [name_of(each) for each in rows["period"]], say, say("periods", "个时期")
    )
    return finish(
        ax, title, x=say("period", "时期"), y=say("stability index (PSI)", "稳定性指数 PSI")
    )


def _mark_critical(ax: Axes, say: Say, mark: Callable[[str], object]) -> None:
    """Mark critical values under one name."""
    mark(say("critical value for so many rows", "该样本量下的临界值"))
    legend_above(ax)


def _say_shifts(rows: pd.DataFrame, names: list[str], say: Say, things: str) -> str:
    """Say how many moved beyond chance, and which the most."""
    known = rows["psi"].notna().to_numpy()
    if not known.any():
        return say("No index is known", "尚无已知指数")
    many, off = len(rows), int(rows["is_shifted"].sum())
    at = int(rows["psi"].fillna(-1).to_numpy().argmax())
    worst = f"{names[at]}, {rows['psi'].iloc[at]:.3f}"
    if not off:
        return say(f"None of {many} {things} moved beyond chance (most: {worst})",
                   f"{many} {things}均未超出偶然波动（最大：{worst}）")  # fmt: skip
    return say(f"{off} of {many} {things} moved beyond chance, most {worst}",
               f"{many} {things}中有 {off} 个超出偶然波动，最大：{worst}")  # fmt: skip


def plot_drift(
    drift: pd.DataFrame, *, most: int = 20, language: str = "en", ax: Axes | None = None
) -> Axes:
    """Draw the stability index of the features that moved most, each with its critical value.

    Parameters
    ----------
    drift : pandas.DataFrame
        As :func:`alicredit.monitoring.feature_drift` gives.
    most : int, default 20
        How many features, those that moved most.
    language : {"en", "zh"}, default "en"
        Of the texts; Chinese where the machine has a font for it.
    ax : matplotlib.axes.Axes or None, default None
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        A line a feature, the largest index at the top, a red diamond where it is shifted beyond
        chance.

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
    say = speaker(language)
    every = take_frame("drift", drift, {"feature": NAME, **_NEEDED})
    require_once("drift", every, ["feature"])
    rows = every.sort_values(["psi", "feature"], ascending=[False, True]).head(most)[::-1]
    ax = take_axes(ax, height=1.6 + 0.27 * len(rows))
    place = np.arange(len(rows))
    is_off = rows["is_shifted"].to_numpy(bool)
    shade = np.where(is_off, WARN, INK)
    ax.hlines(place, 0, rows["psi"], color=SOFT, linewidth=1)
    for mine, marker in ((~is_off, "o"), (is_off, "D")):
        if mine.any():
            ax.scatter(rows["psi"][mine], place[mine], color=shade[mine], marker=marker, zorder=3)
    _mark_critical(ax, say, lambda label: ax.scatter(
        rows["critical"], place, marker="|", s=90, color="black", zorder=2, label=label
    ))  # fmt: skip
    ax.set_yticks(place, [fit(name, 34) for name in rows["feature"].astype(str)])
    ax.grid(axis="x", color=GRID)
    ax.set_xlim(left=0)
    names = every["feature"].astype(str).tolist()
    title = _say_shifts(every, names, say, say("features", "个特征"))
    return finish(ax, title, x=say("stability index (PSI)", "稳定性指数 PSI"))
