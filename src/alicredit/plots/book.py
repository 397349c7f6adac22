"""A portfolio as pictures: whom the rules leave, what is lent, what it should earn and lose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from alicredit.checks import refuse, require_columns, require_kind
from alicredit.plots.given import COUNT, NAME, require_once, take_frame
from alicredit.plots.stage import (
    DARK,
    GRID,
    HATCHES,
    INK,
    OFF_HATCH,
    SERIES,
    SOFT,
    WARN,
    finish,
    fit,
    legend_above,
    speaker,
    take_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DECIDED = {"product_id": NAME, "decision": NAME}
_BINS, _FEWEST_BINS = 24, 6
_LABEL = 34


def plot_funnel(funnel: pd.DataFrame, *, language: str = "en", ax: Axes | None = None) -> Axes:
    """Draw how many are left after each rule, and how many each takes away.

    Parameters
    ----------
    funnel : pandas.DataFrame
        As :func:`alicredit.report.funnel` gives, of one product.
    language : {"en", "zh"}, default "en"
        Of the texts; Chinese where the machine has a font for it.
    ax : matplotlib.axes.Axes or None, default None
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        A bar a step from the first at the top: who is left, and hatched in red who is lost there.

    Raises
    ------
    InputError
        If a column lacks or is of another kind, there is no row, or a step stands twice.

    Examples
    --------
    >>> steps = pd.DataFrame({"product_id": "p", "code": ["", "ELIG_REGION", "PD_ABOVE_CUT"],
    ...     "text": ["asked about", "region", "risk"], "text_zh": ["全部", "地区", "风险"],
    ...     "lost": [0, 60, 10], "left": [100, 40, 30]})
    >>> print(plot_funnel(steps).get_title(loc="left"))
    p: 30 of 100 are approved (30%); most are lost at region (60)
    >>> plot_funnel(steps.assign(product_id=["p", "q", "q"]))
    Traceback (most recent call last):
    alicredit.errors.InputError: funnel must be of one product; found p, q. ...
    """
    say = speaker(language)
    texts = dict.fromkeys(("product_id", "code", "text", "text_zh"), NAME)
    rows = take_frame("funnel", funnel, {**texts, "lost": COUNT, "left": COUNT})
    products = sorted(set(rows["product_id"].astype(str)))
    if len(products) > 1:
        do = f"funnel[funnel['product_id'] == {products[0]!r}]"
        refuse("funnel", "must be of one product", ", ".join(products), do)
    require_once("funnel", rows, ["code"])
    ax = take_axes(ax, height=1.6 + 0.4 * len(rows))
    place, left, lost = np.arange(len(rows)), *(rows[n].to_numpy(float) for n in ("left", "lost"))
    ax.barh(place, left, color=INK, height=0.7, label=say("left", "剩余"))
    ax.barh(place, lost, left=left, color=WARN, hatch=OFF_HATCH, edgecolor="white", height=0.7,
            label=say("lost at this step", "在此步被拒"))  # fmt: skip
    for at, (here, gone) in enumerate(zip(left, lost, strict=True)):
        text = f"{here:,.0f}" + (f"  (\u2212{gone:,.0f})" if gone else "")
        ax.annotate(text, (here + gone, at), xytext=(5, 0), textcoords="offset points",
                    va="center", fontsize="small", color=DARK)  # fmt: skip
    words = rows[["text", "text_zh"]].astype(str)
    names = [say(en, zh) for en, zh in zip(words["text"], words["text_zh"])]
    ax.set_yticks(place, [fit(name, _LABEL) for name in names], fontsize="small")
    ax.invert_yaxis()
    ax.margins(x=0.2)
    ax.grid(axis="x", color=GRID)
    legend_above(ax)
    whole, end = left[0] + lost[0], left[-1]
    share = f"{end / whole:.0%}" if whole else "0%"
    at = int(lost.argmax())
    title = say(f"{products[0]}: {end:,.0f} of {whole:,.0f} are approved ({share})",
                f"{products[0]}：{whole:,.0f} 户中批准 {end:,.0f} 户（{share}）")  # fmt: skip
    if lost[at]:
        title += say(f"; most are lost at {words['text'].iloc[at]} ({lost[at]:,.0f})",
                     f"；流失最多：{words['text_zh'].iloc[at]}（{lost[at]:,.0f}）")  # fmt: skip
    return finish(ax, title, x=say("merchants", "商户数"))


def plot_limits(decisions: pd.DataFrame, *, language: str = "en", ax: Axes | None = None) -> Axes:
    """Draw how many lines of which amount are approved, by product.

    Parameters
    ----------
    decisions : pandas.DataFrame
        ``product_id, decision, limit`` (yuan), as ``score_portfolio`` gives.
    language : {"en", "zh"}, default "en"
        Of the texts; Chinese where the machine has a font for it.
    ax : matplotlib.axes.Axes or None, default None
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        Stacked bars over amounts on a logarithmic axis, a colour and a hatch a product, and a line
        at the median.

    Raises
    ------
    InputError
        If a column lacks or is of another kind, there is no row, no line is approved, or an
        approved limit is not above 0.

    Examples
    --------
    >>> lines = pd.DataFrame({"product_id": "p", "decision": "approve",
    ...                       "limit": [1000.0, 5000.0, 80_000.0]})
    >>> print(plot_limits(lines).get_title(loc="left"))
    Half of 3 approved lines are of up to 5,000 yuan; the largest tenth holds 93% of the sum
    >>> plot_limits(lines.assign(decision="decline"))
    Traceback (most recent call last):
    alicredit.errors.InputError: decisions must hold an approved line; found none. ...
    """
    say = speaker(language)
    rows = _approved(decisions, {"limit": COUNT})
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    limits = rows["limit"].to_numpy(float)
    if (limits <= 0).any():
        refuse("decisions['limit']", "must be above 0 where approved", limits.min())
    ax = take_axes(ax)
    low, high = limits.min(), limits.max()
    bins = int(np.clip(2 * np.sqrt(len(limits)), _FEWEST_BINS, _BINS))
    edges = np.geomspace(low * 0.95, high * 1.05, bins + 1)
    products = list(dict.fromkeys(rows["product_id"].astype(str)))
    below = np.zeros(bins)
    for at, product in enumerate(products):
        counts, _ = np.histogram(limits[rows["product_id"].astype(str) == product], bins=edges)
        ax.bar(edges[:-1], counts, width=np.diff(edges), align="edge", bottom=below,
               color=SERIES[at % len(SERIES)], hatch=HATCHES[at % len(HATCHES)],
               edgecolor="white", linewidth=0.6, label=fit(product, 24))  # fmt: skip
        below += counts
    middle = float(np.median(limits))
    ax.axvline(middle, color=DARK, linestyle="--", linewidth=1.2, label=say("median", "中位数"))
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(axis="y", color=GRID)
    legend_above(ax)
    largest = np.sort(limits)[::-1][: max(round(len(limits) / 10), 1)].sum() / limits.sum()
    title = say(
        f"Half of {len(limits):,} approved lines are of up to {middle:,.0f} yuan; the largest "
        f"tenth holds {largest:.0%} of the sum",
        f"{len(limits):,} 笔批准额度的中位数为 {middle:,.0f} 元；"
        f"最大的十分之一占总额 {largest:.0%}",
    )
    return finish(ax, title, x=say("limit, yuan (logarithmic)", "额度（元，对数刻度）"),
                  y=say("approved lines", "批准笔数"))  # fmt: skip


def plot_profit(
    decisions: pd.DataFrame, *, by: str = "grade", language: str = "en", ax: Axes | None = None
) -> Axes:
    """Draw what approved lines should earn and lose in a year, by grade or product.

    Parameters
    ----------
    decisions : pandas.DataFrame
        ``product_id, decision, expected_profit, expected_loss`` (yuan a year), as
        ``score_portfolio`` gives, and ``grade`` where it is by grade.
    by : {"grade", "product_id"}, default "grade"
        What is put together.
    language : {"en", "zh"}, default "en"
        Of the texts; Chinese where the machine has a font for it.
    ax : matplotlib.axes.Axes or None, default None
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        Two bars a grade: expected profit, and hatched in red expected loss, which profit is net of.

    Raises
    ------
    InputError
        If a column lacks or is of another kind, there is no row, or no line is approved.

    Examples
    --------
    >>> lines = pd.DataFrame({"product_id": "p", "decision": "approve", "grade": ["A", "B"],
    ...                       "expected_profit": [100.0, 80.0], "expected_loss": [10.0, 50.0]})
    >>> print(plot_profit(lines).get_title(loc="left"))
    Expected profit is 180 yuan a year after 60 of expected loss; grade A earns most (56%)
    >>> plot_profit(lines, by="region")
    Traceback (most recent call last):
    alicredit.errors.InputError: by must be one of grade, product_id; found 'region'. ...
    """
    if by not in ("grade", "product_id"):
        refuse("by", "must be one of grade, product_id", repr(by))
    say = speaker(language)
    wanted = {by: NAME, "expected_profit": COUNT, "expected_loss": COUNT}
    sums = _approved(decisions, wanted).groupby(by, sort=True, observed=True).sum(numeric_only=True)
    profit, loss = (sums[name].to_numpy(float) for name in ("expected_profit", "expected_loss"))
    ax = take_axes(ax)
    place = np.arange(len(sums))
    ax.bar(place - 0.2, profit, width=0.38, color=INK, label=say("expected profit", "预期利润"))
    ax.bar(place + 0.2, loss, width=0.38, color=WARN, hatch=OFF_HATCH, edgecolor="white",
           label=say("expected loss", "预期损失"))  # fmt: skip
    ax.axhline(0, color=SOFT, linewidth=1)
    ax.set_xticks(place, [fit(each, 14) for each in sums.index])
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.grid(axis="y", color=GRID)
    legend_above(ax)
    what, zh = ("grade", "等级") if by == "grade" else ("product", "产品")
    total, best = profit.sum(), int(profit.argmax())
    first = sums.index[best]
    share = f" ({profit[best] / total:.0%})" if total > 0 and (profit >= 0).all() else ""
    title = say(
        f"Expected profit is {total:,.0f} yuan a year after {loss.sum():,.0f} of expected loss; "
        f"{what} {first} earns most{share}",
        f"预期利润每年 {total:,.0f} 元（已扣预期损失 {loss.sum():,.0f} 元）；"
        f"{zh} {first} 最多{share}",
    )
    return finish(ax, title, x=say(what, zh), y=say("yuan a year", "元／年"))


def _approved(decisions: pd.DataFrame, needed: dict[str, str]) -> pd.DataFrame:
    """Take approved lines."""
    frame = require_kind("decisions", decisions, pd.DataFrame, "must be a frame")
    require_columns("decisions", map(str, frame.columns), {**_DECIDED, **needed})
    again = frame.columns[frame.columns.duplicated()]
    if len(again):
        refuse("decisions", "must have each column once", f"{again[0]!r} again", "drop one")
    mine = frame[(frame["decision"] == "approve").to_numpy(bool)]
    if mine.empty:
        refuse("decisions", "must hold an approved line", "none", "look at the reasons instead")
    return take_frame("decisions", mine, {**_DECIDED, **needed})
