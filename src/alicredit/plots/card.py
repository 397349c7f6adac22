"""The points table as pictures: what each step of an input is worth, and of two inputs together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from alicredit.checks import nearest, refuse, require_columns
from alicredit.plots.given import COUNT, NAME, NUMBER, take_frame
from alicredit.plots.stage import (
    DARK,
    GRID,
    INK,
    OFF_HATCH,
    WARN,
    Say,
    finish,
    fit,
    paint_cells,
    speaker,
    take_axes,
    thousands,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_AXIS = {"feature": NAME, "lower": NUMBER, "upper": NUMBER, "category": NAME, "points": COUNT}
_SECOND = {"feature_2": NAME, "lower_2": NUMBER, "upper_2": NUMBER, "category_2": NAME}
_MISSING = "(missing)"


def plot_points(
    points: pd.DataFrame,
    *,
    feature: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw what each step of one input is worth in points.

    Parameters
    ----------
    points : pandas.DataFrame
        ``scorecard()`` of a model, or ``tables["points"]`` of a validation.
    feature : str or None, default None
        Which input; None takes the one whose points differ most.
    language : {"en", "zh"}, default "en"
        Of the texts; Chinese where the machine has a font for it.
    ax : matplotlib.axes.Axes or None, default None
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        A bar a step from the first at the top; what lowers the score is red and hatched.

    Raises
    ------
    InputError
        If a column lacks or is of another kind, no input has points of its own, or the input is
        unknown.

    Examples
    --------
    >>> card = pd.DataFrame({"feature": "days_late", "lower": [-np.inf, 3], "upper": [3, np.inf],
    ...                      "category": "", "points": [12, -34]})
    >>> print(plot_points(card).get_title(loc="left"))
    days_late moves the score by 46 points: worst above 3, best up to 3
    >>> plot_points(card, feature="sales")
    Traceback (most recent call last):
    alicredit.errors.InputError: feature must be an input with points of its own; found 'sales'. ...
    """
    say = speaker(language)
    rows = _single(points)
    name = _widest(rows, ["feature"])[0] if feature is None else feature
    mine = rows[rows["feature"].astype(str) == str(name)]
    if mine.empty:
        do = nearest(name, sorted(set(rows["feature"].astype(str))))
        refuse("feature", "must be an input with points of its own", repr(name), do)
    steps = [_step(row.lower, row.upper, row.category, say) for row in mine.itertuples()]
    worth = mine["points"].to_numpy(float)
    ax = take_axes(ax, height=1.5 + 0.3 * len(mine))
    place = np.arange(len(mine))
    bars = ax.barh(place, worth, color=np.where(worth < 0, WARN, INK), height=0.66)
    for bar, each in zip(bars, worth, strict=True):
        bar.set_hatch(OFF_HATCH if each < 0 else "")
        bar.set_edgecolor("white")
    for at, each in enumerate(worth):
        ax.annotate(f"{each:+,.6g}", (each, at), xytext=(4 if each >= 0 else -4, 0),
                    textcoords="offset points", va="center", fontsize="small",
                    ha="left" if each >= 0 else "right", color=DARK)  # fmt: skip
    ax.axvline(0, color=DARK, linewidth=1)
    ax.set_yticks(place, [fit(step, 26) for step in steps])
    ax.invert_yaxis()
    ax.margins(x=0.18)
    ax.grid(axis="x", color=GRID)
    return finish(ax, _say_points(_title(points, str(name)), steps, worth, say),
                  x=say("points (more is safer)", "分值（越高越安全）"))  # fmt: skip


def plot_pairs(
    points: pd.DataFrame,
    *,
    pair: tuple[str, str] | None = None,
    language: str = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw what two inputs are worth together, beside what each is worth alone, as a heat map.

    Parameters
    ----------
    points : pandas.DataFrame
        ``scorecard()`` of a model of pairs, or ``tables["points"]`` of its validation.
    pair : tuple of str or None, default None
        The two inputs, in the model's order; None takes the pair whose points differ most.
    language : {"en", "zh"}, default "en"
        Of the texts; Chinese where the machine has a font for it.
    ax : matplotlib.axes.Axes or None, default None
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        A cell a pair of steps with its points written in; blue adds, red takes away.

    Raises
    ------
    InputError
        If a column lacks or is of another kind, or the model has no such pair.

    Examples
    --------
    >>> card = pd.DataFrame({"feature": "late", "lower": [-np.inf, 3] * 2, "upper": [3, np.inf] * 2,
    ...     "category": "", "feature_2": "sales", "lower_2": [-np.inf, -np.inf, 9, 9],
    ...     "upper_2": [9, 9, np.inf, np.inf], "category_2": "", "points": [1.5, -7, 0, 2]})
    >>> print(plot_pairs(card).get_title(loc="left"))
    late and sales together: lowest -7 points at late above 3, sales up to 9
    >>> plot_pairs(card, pair=("late", "visits"))
    Traceback (most recent call last):
    alicredit.errors.InputError: pair must be a pair of the model; found ('late', 'visits'). ...
    """
    say = speaker(language)
    require_columns("points", map(str, getattr(points, "columns", ())), {**_AXIS, **_SECOND})
    held = points[points["feature_2"].fillna("").astype(str) != ""]
    known = sorted({(str(a), str(b)) for a, b in zip(held["feature"], held["feature_2"])})
    if not known:
        refuse("points", "must hold a pair", "none", "fit DefaultModel('pairs')")
    rows = take_frame("points", held, {**_AXIS, **_SECOND})
    names = _widest(rows, ["feature", "feature_2"]) if pair is None else pair
    if tuple(map(str, names)) not in known:
        do = "one of " + "; ".join(" and ".join(each) for each in known[:6])
        refuse("pair", "must be a pair of the model", repr(names), do)
    one, two = map(str, names)
    mine = rows[(rows["feature"].astype(str) == one) & (rows["feature_2"].astype(str) == two)]
    first = [_step(r.lower, r.upper, r.category, say) for r in mine.itertuples()]
    second = [_step(r.lower_2, r.upper_2, r.category_2, say) for r in mine.itertuples()]
    down, across = list(dict.fromkeys(first)), list(dict.fromkeys(second))
    grid = np.full((len(down), len(across)), np.nan)
    for a, b, each in zip(first, second, mine["points"], strict=True):
        grid[down.index(a), across.index(b)] = each
    ax = take_axes(ax, height=1.9 + 0.36 * len(down))
    _shade(ax, grid)
    ax.set_xticks(range(len(across)), [fit(step, 18) for step in across])
    ax.tick_params(axis="x", labelrotation=30)
    ax.set_yticks(range(len(down)), [fit(step, 22) for step in down])
    ax.spines[:].set_visible(False)
    titles = _title(points, one), _title(points, two, "title_2")
    low = np.unravel_index(np.nanargmin(grid), grid.shape)
    where = say(f"{titles[0]} {down[low[0]]}, {titles[1]} {across[low[1]]}",
                f"{titles[0]} {down[low[0]]}，{titles[1]} {across[low[1]]}")  # fmt: skip
    least = f"{grid[low]:,.6g}"
    title = say(f"{titles[0]} and {titles[1]} together: lowest {least} points at {where}",
                f"{titles[0]} 与 {titles[1]}：最低 {least} 分，位于 {where}")  # fmt: skip
    return finish(ax, title, x=titles[1], y=titles[0])


def _shade(ax: Axes, grid: Any) -> None:
    """Shade cells from red by white to blue, and write each one's points."""
    from matplotlib.colors import LinearSegmentedColormap

    ramp = LinearSegmentedColormap.from_list("worth", [WARN, "white", INK])
    reach = float(np.nanmax(np.abs(grid))) or 1.0
    paint_cells(ax, grid, ramp, (-reach, reach))
    for row, column in np.argwhere(np.isfinite(grid)):
        each = grid[row, column]
        ax.text(column, row, f"{each:+,.4g}", ha="center", va="center", fontsize="small",
                color="white" if abs(each) > 0.6 * reach else "black")  # fmt: skip


def _single(points: Any) -> pd.DataFrame:
    """Take the steps of single inputs."""
    is_frame = isinstance(points, pd.DataFrame)
    if is_frame and "feature_2" in points.columns and not points.columns.duplicated().any():
        points = points[points["feature_2"].fillna("").astype(str) == ""]
    if is_frame and "points" in points.columns and len(points):
        column = points["points"]
        if isinstance(column, pd.Series) and column.isna().all():
            do = "its reasons say what each input did; shapes points and pairs have tables"
            refuse("points", "must have points of single inputs", "a model of trees", do)
    return take_frame("points", points, _AXIS)


def _widest(rows: pd.DataFrame, keys: list[str]) -> tuple[str, ...]:
    """Name the input, or the pair, whose points differ most; the first by name of equals."""
    spread = rows.groupby(keys, sort=True)["points"].agg(lambda mine: mine.max() - mine.min())
    found = spread.idxmax()
    return tuple(map(str, found)) if isinstance(found, tuple) else (str(found),)


def _title(points: pd.DataFrame, name: str, column: str = "title") -> str:
    """Give what an input is called, where the frame says so."""
    key = "feature_2" if column == "title_2" else "feature"
    if column not in points.columns:
        return name
    found = points.loc[points[key].astype(str) == name, column]
    return str(found.iloc[0]) if len(found) and str(found.iloc[0]) else name


def _step(lower: float, upper: float, category: Any, say: Say) -> str:
    """Say which values a step holds."""
    if isinstance(category, str) and category:
        return say("missing", "缺失") if category == _MISSING else category
    low, high = thousands(lower), thousands(upper)
    if np.isneginf(lower) and np.isposinf(upper):
        return say("any value", "任意值")
    if np.isneginf(lower):
        return say(f"up to {high}", f"不超过 {high}")
    if np.isposinf(upper):
        return say(f"above {low}", f"高于 {low}")
    return say(f"{low} to {high}", f"{low} 至 {high}")


def _say_points(name: str, steps: list[str], worth: Any, say: Say) -> str:
    """Say how far an input moves the score, and where it is worst and best."""
    worst, best = steps[int(worth.argmin())], steps[int(worth.argmax())]
    reach = f"{worth.max() - worth.min():,.6g}"
    if worth.max() == worth.min():
        return say(f"{name} does not move the score", f"{name} 不影响评分")
    return say(f"{name} moves the score by {reach} points: worst {worst}, best {best}",
               f"{name} 影响评分 {reach} 分：最差 {worst}，最好 {best}")  # fmt: skip
