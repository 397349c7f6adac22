"""What all drawings share: axes of their own, colours and words.

Colours are Okabe and Ito's (2008), told apart by the colour-blind; nothing is said by colour alone:
what is off has another marker or a hatch too, so that a page printed in grey says the same.
"""

from __future__ import annotations

import io
import logging
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from alicredit.checks import refusal, require_kind, require_one_of
from alicredit.errors import AlicreditError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

log = logging.getLogger(__name__)

INK, WARN, OCHRE, GREEN, SKY, PINK = (
    "#0072B2", "#D55E00", "#E69F00", "#009E73", "#56B4E9", "#CC79A7",
)  # fmt: skip
"""Okabe and Ito's blue, vermilion, orange, green, sky blue and purple."""
SERIES = (INK, OCHRE, GREEN, PINK, SKY, WARN)
HATCHES = ("", "///", "...", "xx", "\\\\\\\\", "++")
"""Colour and hatch of the first, second, ... of things that stand side by side."""
SOFT, GRID, DARK = "#7d8894", "#e3e8ed", "#1c2733"
OFF_HATCH = "///"
_WIDTH: ContextVar[float] = ContextVar("width", default=7.0)
_HALF, _WIDE_NAMES, _NAME_ROOM = 5.0, 1.0, 0.85
_POINTS, _EM, _MOST_LINES = 11.0, 0.58, 4

_CHINESE = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "PingFang SC",
    "Hiragino Sans GB", "Microsoft YaHei", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "SimHei",
    "Noto Sans CJK JP", "Noto Sans CJK TC", "Arial Unicode MS", "Droid Sans Fallback",
)  # fmt: skip

Say = Callable[[str, str], str]


@contextmanager
def narrow_figures() -> Iterator[None]:
    """Make figures so narrow that two stand side by side on a page, with letters as large."""
    token = _WIDTH.set(_HALF)
    try:
        yield
    finally:
        _WIDTH.reset(token)


@cache
def _axes_that_show() -> type[Axes]:
    """Give axes that a notebook shows as a picture where they end a cell.

    Their figure is registered nowhere: no state of pyplot is touched, and nothing is left open.
    """
    from matplotlib.axes import Axes

    class ShownAxes(Axes):
        """Axes with the picture that notebooks ask for."""

        def _repr_png_(self) -> bytes:
            """Draw the whole figure."""
            picture: Any = io.BytesIO()
            figure: Any = self.figure
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
                figure.savefig(picture, format="png", dpi=100)
            return bytes(picture.getvalue())

    return ShownAxes


def take_axes(ax: Axes | None, *, height: float = 4.2) -> Axes:
    """Take the axes that are given, or make some on a figure of their own, which notebooks show.

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
        figure = Figure(figsize=(_WIDTH.get(), height), layout="constrained")
        ax = figure.add_subplot(axes_class=_axes_that_show())
    require_kind("ax", ax, Axes, "must be matplotlib axes")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(SOFT)
    ax.tick_params(color=SOFT)
    return ax


def _room(ax: Axes) -> tuple[int, float]:
    """Give how many letters of a title fit, and where it starts, as a share of the axes' width.

    Beside long names of rows it starts over the names.
    """
    figure: Any = ax.figure
    names = [line for label in ax.get_yticklabels() for line in label.get_text().split("\n")]
    held = 0.075 * max([9, *map(len, names)])
    if len(figure.axes) > 1:
        inches, start = figure.get_figwidth() * ax.get_position().width, 0.0
    else:
        inches, start = figure.get_figwidth() - held, 0.0
        if held > _WIDE_NAMES:
            inches, start = figure.get_figwidth() - 0.3, -0.85 * held / max(inches, 1.0)
    return max(int(inches * 72 / (_POINTS * _EM)), 24), start


@cache
def chinese_font() -> str | None:
    """Name a font of this machine that has Chinese letters; None where there is none."""
    from matplotlib import font_manager

    known = {entry.name for entry in font_manager.fontManager.ttflist}
    return next((name for name in _CHINESE if name in known), None)


def speaker(language: str) -> Say:
    """Give what chooses between an English and a Chinese text.

    Where this machine has no font with Chinese letters, English is written, and the log says so.

    Examples
    --------
    >>> speaker("en")("months", "月")
    'months'
    >>> speaker("fr")
    Traceback (most recent call last):
    alicredit.errors.InputError: language must be one of en, zh; found 'fr'. ...
    """
    chosen = require_one_of("language", language, ("en", "zh"))
    if chosen == "zh" and chinese_font() is None:
        log.warning(
            "no font with Chinese letters is installed: the drawing is in English; install one "
            "such as %s", _CHINESE[0],
        )  # fmt: skip
        chosen = "en"
    return lambda english, chinese: english if chosen == "en" else chinese


def finish(ax: Axes, title: str, *, x: str = "", y: str = "") -> Axes:
    """Write the title, which says what is found, and the axes' names with their units.

    Where the machine has a font with Chinese letters, every text may use it. Dollars are no
    mathematics: names stand as they are.
    """
    from matplotlib.text import Text

    legend = ax.get_legend()
    lines = 0
    if legend is not None and not legend.get_title().get_text():
        lines = -(-len(legend.get_texts()) // _across(ax))
    room, start = _room(ax)
    words = fit(title, room, lines=_MOST_LINES)
    ax.set_title(words, loc="left", x=start, fontsize=_POINTS, color=DARK, pad=10 + 16 * lines)
    if x:
        ax.set_xlabel(fit(x, 56))
    if y:
        ax.set_ylabel(fit(y, 34))
    font = chinese_font()
    for text in ax.findobj(Text):
        text.set_parse_math(False)
        if font is not None:
            text.set_fontfamily(["DejaVu Sans", font])
    return ax


def paint_cells(ax: Axes, grid: Any, ramp: Any, ends: tuple[float, float]) -> None:
    """Paint a table of cells, the first row at the top, as shapes that stay sharp in print."""
    down, across = grid.shape
    ax.pcolormesh(np.arange(across + 1) - 0.5, np.arange(down + 1) - 0.5, grid, cmap=ramp,
                  vmin=ends[0], vmax=ends[1], edgecolors="white", linewidth=1)  # fmt: skip
    ax.set_xlim(-0.5, across - 0.5)
    ax.set_ylim(down - 0.5, -0.5)


def as_shares(axis: Any, top: float) -> None:
    """Write an axis of shares in percent, with as many digits as it needs."""
    from matplotlib.ticker import PercentFormatter

    digits = 0 if top >= 0.2 else 1 if top >= 0.02 else 2  # ticks lie a tenth of it apart or more
    axis.set_major_formatter(PercentFormatter(1.0, decimals=digits))


def legend_above(ax: Axes) -> None:
    """Put the legend over the drawing and under the title, where it hides nothing."""
    ax.legend(frameon=False, fontsize="small", ncols=_across(ax), loc="lower left",
              bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)  # fmt: skip


def lean(ax: Axes, names: Sequence[str]) -> None:
    """Lean names of columns that would touch each other."""
    figure: Any = ax.figure
    if figure.get_figwidth() / max(len(names), 1) < _NAME_ROOM:
        ax.tick_params(axis="x", labelrotation=45)


def _across(ax: Axes) -> int:
    """Give how many names of a legend stand side by side."""
    figure: Any = ax.figure
    return 3 if figure.get_figwidth() > _HALF else 2


def thousands(value: float) -> str:
    """Write a bound of a step, shortly.

    Examples
    --------
    >>> thousands(156_200.4), thousands(0.83541)
    ('156,200', '0.8354')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def fit(name: object, letters: int, *, lines: int = 2) -> str:
    r"""Write a name in lines of so many letters at most, and cut what is longer still.

    Examples
    --------
    >>> fit("days since the last loan", 14)
    'days since the\nlast loan'
    >>> fit("loans_principal_max_365d", 10)
    'loans_prin\ncipal_max…'
    """
    parts = textwrap.wrap(str(name), letters) or [""]
    kept = parts[:lines]
    if len(parts) > lines:
        kept[-1] = kept[-1][: letters - 1] + "…"
    return "\n".join(kept)


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
