"""What all drawings share: axes of their own, colours, and guards of what is drawn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from alicredit.checks import refusal, refuse, require_columns, require_kind
from alicredit.errors import AlicreditError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, SOFT, WARN = "#2f6f9f", "#9aa7b4", "#c2452d"
GRID = "#e3e8ed"


def take_axes(ax: Axes | None, *, width: float = 7.0, height: float = 4.2) -> Axes:
    """Take the axes that are given, or make some on a figure of their own.

    Examples
    --------
    >>> axes = take_axes(None)
    >>> take_axes(axes) is axes
    True
    >>> take_axes("here")
    Traceback (most recent call last):
    alicredit.errors.InputError: ax must be matplotlib axes; found str.
    """
    try:
        from matplotlib.axes import Axes
        from matplotlib.figure import Figure
    except ImportError as error:
        do = "pip install 'alicredit[report]'"
        text = refusal("plots", "need the extra [report]", "no matplotlib", do)
        raise AlicreditError(text) from error
    if ax is None:
        ax = Figure(figsize=(width, height), layout="constrained").subplots()
    require_kind("ax", ax, Axes, "must be matplotlib axes")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(SOFT)
    ax.tick_params(color=SOFT)
    return ax


def take_frame(argument: str, frame: Any, needed: Iterable[str]) -> pd.DataFrame:
    """Take a frame that has the columns that are drawn, and at least one row.

    Examples
    --------
    >>> len(take_frame("drift", pd.DataFrame({"psi": [0.1]}), ["psi"]))
    1
    >>> take_frame("drift", pd.DataFrame({"psi": []}), ["psi"])
    Traceback (most recent call last):
    alicredit.errors.InputError: drift must have at least one row; found none.
    """
    made = require_kind(argument, frame, pd.DataFrame, "must be a frame")
    require_columns(argument, map(str, made.columns), needed)
    if made.empty:
        refuse(argument, "must have at least one row", "none")
    return made


def as_shares(axis: Any, top: float) -> None:
    """Write an axis of shares in percent, with as many digits as it needs."""
    from matplotlib.ticker import PercentFormatter

    digits = 0 if top >= 0.1 else 1 if top >= 0.01 else 2
    axis.set_major_formatter(PercentFormatter(1.0, decimals=digits))


def legend_above(ax: Axes) -> None:
    """Put the legend over the drawing, where it hides nothing."""
    ax.legend(frameon=False, fontsize="small", ncols=2, loc="lower left",
              bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)  # fmt: skip


def name_of(period: Any) -> str:
    """Name a period shortly: a day as the month it begins.

    Examples
    --------
    >>> name_of(pd.Timestamp("2013-04-01")), name_of("2013Q2")
    ('2013-04', '2013Q2')
    """
    return f"{period:%Y-%m}" if isinstance(period, pd.Timestamp) else str(period)


def longest(values: Any) -> float:
    """Give the largest finite value, or 0.

    Examples
    --------
    >>> longest([0.2, float("nan")]), longest([])
    (0.2, 0.0)
    """
    found = np.asarray(values, dtype=float)
    found = found[np.isfinite(found)]
    return float(found.max()) if len(found) else 0.0
