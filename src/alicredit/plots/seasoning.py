"""How loans season and arrears roll."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from alicredit.checks import require_one_of
from alicredit.plots.given import COUNT, NAME, NUMBER, name_of, require_once, take_frame
from alicredit.plots.stage import (
    GRID,
    Say,
    as_shares,
    finish,
    fit,
    longest,
    paint_cells,
    speaker,
    take_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEW, _SOME = 4, 12
_MARKERS = "osD^vP*X"
_CLEAN = ("0", "current", "closed")
"""Buckets and states that are not late."""


def plot_vintages(
    curves: pd.DataFrame, *, measure: str = "rate", language: str = "en", ax: Axes | None = None
) -> Axes:
    """Draw the share gone bad by months on book, a line a vintage, the youngest darkest.

    Parameters
    ----------
    curves : pandas.DataFrame
        As :func:`alicredit.monitoring.vintages` gives.
    measure : {"rate", "rate_of_amount"}, default "rate"
        Share of loans, or of the amount lent.
    language : {"en", "zh"}, default "en"
        Of the texts; Chinese where the machine has a font for it.
    ax : matplotlib.axes.Axes or None, default None
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        With a line a vintage; up to four vintages with the interval of their rates, more than
        twelve with a ramp of shades in place of a legend.

    Raises
    ------
    InputError
        If a column lacks or is of another kind, a vintage's month stands twice, there is no row, or
        the measure is unknown.

    Examples
    --------
    >>> curves = pd.DataFrame({"vintage": pd.to_datetime(["2013-01-01"] * 2),
    ...     "months_on_book": [1, 2], "rate": [0.0, 0.01], "rate_low": [0.0, 0.0],
    ...     "rate_high": [0.0, 0.02], "rate_of_amount": [0.0, 0.01]})
    >>> len(plot_vintages(curves).lines)
    1
    >>> plot_vintages(curves, measure="share")
    Traceback (most recent call last):
    alicredit.errors.InputError: measure must be one of 2 known words; found 'share'. ...
    """
    require_one_of("measure", measure, ("rate", "rate_of_amount"))
    numbers = dict.fromkeys(("rate_low", "rate_high", measure), NUMBER)
    rows = take_frame("curves", curves, {"vintage": NAME, "months_on_book": COUNT, **numbers})
    require_once("curves", rows, ["vintage", "months_on_book"])
    say = speaker(language)
    ax = take_axes(ax)
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize
    from matplotlib.ticker import MaxNLocator

    vintages = [vintage for vintage, _ in rows.groupby("vintage")]
    has_bands = measure == "rate" and len(vintages) <= _FEW
    shades = colormaps["Blues"](np.linspace(0.35, 1.0, len(vintages)))
    for at, (vintage, mine) in enumerate(rows.groupby("vintage")):
        mine, shade = mine.sort_values("months_on_book"), shades[at]
        ax.plot(mine["months_on_book"], mine[measure], color=shade, markersize=4,
                marker=_MARKERS[at % len(_MARKERS)], label=fit(name_of(vintage), 16))  # fmt: skip
        if has_bands:
            ax.fill_between(mine["months_on_book"], mine["rate_low"], mine["rate_high"],
                            color=shade, alpha=0.15, linewidth=0)  # fmt: skip
    ax.grid(axis="y", color=GRID)
    top = longest(rows["rate_high"] if has_bands else rows[measure])
    as_shares(ax.yaxis, top)
    ax.set_ylim(0, top * 1.05 or 1.0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    lent = say("lent in", "放款时间")
    if len(vintages) <= _SOME:
        legend = ax.legend(title=lent, frameon=False, fontsize="small", loc="upper left",
                           bbox_to_anchor=(1.0, 1.0))  # fmt: skip
        legend.set_in_layout(True)
    else:
        ramp = ScalarMappable(Normalize(0, len(vintages) - 1), ListedColormap(shades))
        marks = np.unique(np.linspace(0, len(vintages) - 1, 6).round().astype(int))
        bar: Any = ax.figure.colorbar(ramp, ax=ax, ticks=marks, label=lent)
        bar.ax.set_yticklabels([name_of(vintages[k]) for k in marks])
        bar.outline.set_visible(False)
        bar.solids.set_rasterized(False)
    of = say("loans", "笔数") if measure == "rate" else say("amount lent", "金额")
    return finish(
        ax, _say_vintages(rows, measure, say), x=say("months on book", "账龄（月）"),
        y=say(f"share of {of} gone bad", f"变坏比例（按{of}）"),
    )  # fmt: skip


def _say_vintages(rows: pd.DataFrame, measure: str, say: Say) -> str:
    """Say which vintage went bad most and least at the latest age that several have reached."""
    told = rows[rows[measure].notna()]
    if told.empty:
        return say("No rate is known yet", "尚无已知比例")
    reached = told.groupby("months_on_book")["vintage"].nunique()
    enough = reached[reached >= min(2, reached.max())]
    age = int(enough.index.max())
    mine = told[told["months_on_book"] == age].sort_values([measure, "vintage"])
    low, high = mine.iloc[0], mine.iloc[-1]
    worst = f"{high[measure]:.1%} ({name_of(high['vintage'])})"
    if len(mine) == 1 or low[measure] == high[measure]:
        return say(f"After {age} months {worst} had gone bad", f"{age} 个月时变坏比例：{worst}")
    best = f"{low[measure]:.1%} ({name_of(low['vintage'])})"
    return say(f"After {age} months from {best} to {worst} had gone bad",
               f"{age} 个月时变坏比例：{best} 至 {worst}")  # fmt: skip


def plot_roll_rates(
    rates: pd.DataFrame, *, measure: str = "rate", language: str = "en", ax: Axes | None = None
) -> Axes:
    """Draw where the loans of each bucket were at the next look, as a table of shades.

    Parameters
    ----------
    rates : pandas.DataFrame
        As :func:`alicredit.monitoring.roll_rates` gives with ``pooled=True``, or of one day.
    measure : {"rate", "rate_of_balance"}, default "rate"
        Share of loans, or of balances.
    language : {"en", "zh"}, default "en"
        Of the texts; Chinese where the machine has a font for it.
    ax : matplotlib.axes.Axes or None, default None
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        A row a bucket before, a column a bucket after; shares above 0 are written in.

    Raises
    ------
    InputError
        If a column lacks or is of another kind, there is no row, the measure is unknown, or a pair
        stands twice.

    Examples
    --------
    >>> rates = pd.DataFrame({"before": ["0", "0"], "after": ["0", "1-30"], "loans": [9, 1],
    ...                       "rate": [0.9, 0.1], "rate_of_balance": [0.8, 0.2]})
    >>> [text.get_text() for text in plot_roll_rates(rates).texts]
    ['90%', '10%']
    >>> plot_roll_rates(pd.concat([rates, rates]))
    Traceback (most recent call last):
    alicredit.errors.InputError: rates must have each before and after once; found 0, 0 again. ...
    """
    require_one_of("measure", measure, ("rate", "rate_of_balance"))
    kinds = {"before": NAME, "after": NAME, "loans": COUNT, measure: NUMBER}
    rows = take_frame("rates", rates, kinds)
    require_once("rates", rows, ["before", "after"], "roll_rates(..., pooled=True)")
    table = rows.pivot_table(index="before", columns="after", values=measure, sort=False,
                             observed=True)  # fmt: skip
    loans = rows.groupby("before", observed=True, sort=False)["loans"].sum()
    say = speaker(language)
    ax = take_axes(ax, height=1.9 + 0.42 * len(table))
    shares = table.to_numpy(dtype=float)
    paint_cells(ax, np.sqrt(np.nan_to_num(shares)), "Blues", (0, 1.15))
    for row, column in zip(*np.nonzero(np.nan_to_num(shares) > 0), strict=True):
        share = shares[row, column]
        text = f"{share:.0%}" if share >= 0.095 else f"{share:.1%}" if share >= 5e-4 else "<0.1%"
        ax.text(column, row, text, ha="center", va="center", fontsize="small",
                color="white" if share > 0.45 else "black")  # fmt: skip
    ax.set_xticks(range(len(table.columns)), [fit(each, 14) for each in table.columns])
    ax.tick_params(axis="x", labelrotation=30)
    names = [f"{fit(each, 14)} ({int(loans[each]):,})" for each in table.index]
    ax.set_yticks(range(len(table)), names)
    ax.spines[:].set_visible(False)
    return finish(
        ax, _say_rolls(table, say), x=say("at the next look", "下一观察日"),
        y=say("before (loans)", "此前（笔数）"),
    )  # fmt: skip


def _say_rolls(table: pd.DataFrame, say: Say) -> str:
    """Say what became of the loans in the first bucket of arrears: cured, or rolled on."""
    late = [name for name in table.index if str(name) not in _CLEAN]
    if not late:
        return say("No loan was late at any look", "观察期内无逾期贷款")
    first = late[0]
    names = [str(each) for each in table.columns]
    order = [*_CLEAN, *(str(each) for each in table.index if str(each) not in _CLEAN)]
    shares = dict(zip(names, table.loc[first].fillna(0).to_numpy(float), strict=True))
    here = order.index(str(first))
    cured = sum(shares.get(name, 0.0) for name in _CLEAN)
    worse_places = {"written_off", *order[here + 1 :]} - set(_CLEAN)
    worse = sum(share for name, share in shares.items() if name in worse_places)
    return say(f"Of what stood at {first}, {cured:.0%} was cured and {worse:.0%} rolled on",
               f"原处于 {first} 的部分：{cured:.0%} 恢复正常，{worse:.0%} 继续恶化")  # fmt: skip
