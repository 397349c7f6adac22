"""How a page is laid out: parts with figures, charts, tables; every text is escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from alicredit.checks import refusal
from alicredit.errors import AlicreditError
from alicredit.pages.drawing import Chart
from alicredit.pages.template import POLICY, SCRIPT, STYLE, TEMPLATE

if TYPE_CHECKING:
    from jinja2 import Template


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: a text, and where it has them its Chinese, its code, a bar's width in per cent.

    ``sort`` is the number that the cell is sorted by, "" for one that lacks; None sorts by text.
    ``level`` is a traffic light's.

    Parameters
    ----------
    text : str
        In English, or a figure.
    zh : str, default ""
        The same in Chinese, where it differs.
    code : str, default ""
        Shown small beside it.
    width : float or None, default None
        Of a bar, in per cent; None: there is none.
    sort : str or None, default None
        As above.
    level : str, default ""
        As above: ``green, amber, red``.

    Examples
    --------
    >>> Cell("–").style, Cell("fine").style
    ('bare', '')
    """

    text: str
    zh: str = ""
    code: str = ""
    width: float | None = None
    sort: str | None = None
    level: str = ""

    @property
    def style(self) -> str:
        """Name what is odd of a cell: nothing to say, or a word so long that it must be broken."""
        if self.text in ("", "–") and not self.zh:
            return "bare"
        is_long = any(len(word) > _LONG for word in f"{self.text} {self.code}".split())
        return "long" if is_long else ""


@dataclass(frozen=True, slots=True)
class Head:
    """A column's heading, and whether its cells are numbers.

    Parameters
    ----------
    text : str
        The heading.
    numeric : bool, default False
        Whether the column's cells are numbers, which stand at its right.
    """

    text: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under one heading; without a title they just stand there.

    Parameters
    ----------
    rows : tuple of tuple of Cell
        Each as long as the table's head.
    title : str, default ""
        The heading.
    code : str, default ""
        Shown small beside it.
    """

    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Headings and groups of rows; prose is laid out row by row on a narrow screen.

    Parameters
    ----------
    head : tuple of Head
        One a column.
    groups : tuple of Group
        In order.
    caption : str, default ""
        What stands above it.
    is_prose : bool, default False
        Whether its cells are sentences.
    """

    head: tuple[Head, ...]
    groups: tuple[Group, ...]
    caption: str = ""
    is_prose: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One section of a page: figures, charts, tables.

    Parameters
    ----------
    title : str
        Its heading.
    note : str
        What stands under it.
    title_zh : str, default ""
        The heading in Chinese.
    figures : tuple of (str, str), default ()
        Name and figure, shown large.
    tables : tuple of Table, default ()
        After the charts.
    charts : tuple of Chart, default ()
        After the figures.
    """

    title: str
    note: str
    title_zh: str = ""
    figures: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()


_LONG = 28
Maker = Callable[[dict[str, Any]], Cell]
Column = tuple[Head, Maker]


def number(text: str, name: str, show: Callable[[Any], str]) -> Column:
    """Make a column of numbers; what lacks is a dash."""
    return (
        Head(text, numeric=True),
        lambda row: (
            Cell("–", sort="")
            if _is_nan(row[name])
            else Cell(show(row[name]), sort=_plain(row[name]))
        ),
    )


def words(text: str, name: str) -> Column:
    """Make a column of plain text; what lacks is empty."""
    return Head(text), lambda row: Cell("" if _is_nan(row[name]) else str(row[name]))


def both(text: str, name: str, chinese: str) -> Column:
    """Make a column of texts with their Chinese beside them."""
    return Head(text), lambda row: Cell(str(row[name]), str(row[chinese]))


def meaning(text: str, code: str) -> Column:
    """Make a column of what a code means: English, Chinese, and the code itself."""
    return Head(text), lambda row: Cell(row["text"], row["text_zh"], row[code])


def share(text: str, name: str) -> Column:
    """Make a column of shares with a bar."""
    return (
        Head(text, numeric=True),
        lambda row: (
            Cell("–", sort="")
            if _is_nan(row[name])
            else Cell(f"{row[name]:.0%}", width=round(100 * row[name], 1), sort=_plain(row[name]))
        ),
    )


_LEVELS = {"green": "0", "unknown": "1", "amber": "2", "red": "3"}
_LIGHTS = {"green": "\u25cf green", "amber": "\u25b2 amber", "red": "\u25a0 red"}


def level(text: str, name: str) -> Column:
    """Make a column of traffic lights, told by shape and word as well as by colour."""
    return Head(text), lambda row: _light(str(row[name]))


def _light(found: str) -> Cell:
    """Write a level by its shape, its word and its colour."""
    style = found if found in _LIGHTS else ""
    return Cell(_LIGHTS.get(found, found), sort=_LEVELS.get(found, ""), level=style)


def lay_out(
    frame: pd.DataFrame,
    columns: Iterable[Column],
    *,
    group: str = "",
    code: str = "",
    caption: str = "",
    is_prose: bool = False,
) -> Table:
    """Lay out a frame's rows by columns, under a heading for each value of ``group``.

    Parameters
    ----------
    frame : pandas.DataFrame
        Its rows.
    columns : iterable of Column
        Made by :func:`number`, :func:`words` and the like, each of a column of the frame.
    group : str, default ""
        A column whose values are headings, in the order in which they appear.
    code : str, default ""
        A column shown small beside the heading.
    caption : str, default ""
        Of the table.
    is_prose : bool, default False
        As for :class:`Table`.

    Returns
    -------
    Table
        Groups without rows are left out.

    Examples
    --------
    >>> frame = pd.DataFrame({"product": ["a", "a"], "pd": [0.02, float("nan")]})
    >>> table = lay_out(frame, [share("PD", "pd")], group="product")
    >>> table.groups[0].title, [cell.text for (cell,) in table.groups[0].rows]
    ('a', ['2%', '–'])
    """
    chosen = tuple(columns)
    groups: list[Group] = []
    keys = [name for name in (group, code) if name]
    pieces = frame.groupby(keys, sort=False) if keys else [(("",), frame)]
    for (title, *_), mine in pieces:
        rows = [tuple(make(row) for _, make in chosen) for row in mine.to_dict("records")]
        beside = str(mine[code].iloc[0]) if code else ""
        if rows:
            groups.append(Group(tuple(rows), str(title), beside))
    return Table(tuple(head for head, _ in chosen), tuple(groups), caption, is_prose)


def write_page(
    path: str | Path, title: str, lead: str, parts: tuple[Part, ...], foot: str, *,
    title_zh: str = "",
) -> None:  # fmt: skip
    """Fill the template and write it.

    Parameters
    ----------
    path : str or Path
        In a folder that exists.
    title : str
        Of the page.
    lead : str
        Its first sentence.
    parts : tuple of Part
        In order.
    foot : str
        Its last line.
    title_zh : str, default ""
        The title in Chinese.

    Raises
    ------
    AlicreditError
        Where the place cannot be written, or the extra ``[report]`` lacks.
    """
    text = _template().render(
        title=title, title_zh=title_zh, lead=lead, parts=parts, foot=foot, style=STYLE,
        script=SCRIPT, policy=POLICY,
    )  # fmt: skip
    try:
        Path(path).write_text(text.lstrip(), encoding="utf-8")
    except OSError as error:
        rule = "must be a file that can be written"
        raise AlicreditError(refusal("path", rule, f"{path} ({error.strerror})")) from error


def _template() -> Template:
    """Compile the template with escaping on."""
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        rule = "need the extra [report]"
        do = "pip install 'alicredit[report]'"
        raise AlicreditError(refusal("pages", rule, "no jinja2", do)) from error
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(TEMPLATE)


def _is_nan(value: Any) -> bool:
    """Tell whether a cell has no value."""
    return (
        value is None
        or value is pd.NaT
        or value is pd.NA
        or (isinstance(value, float) and bool(np.isnan(value)))
    )


def _plain(value: Any) -> str:
    """Write the number that a cell is sorted by."""
    return f"{float(value):.12g}"


def count(value: Any) -> str:
    """Write a whole number."""
    return f"{int(value):,}"


def points(value: Any) -> str:
    """Write points: whole, or to the thousandth where they are counted in thousandths."""
    return f"{value:,.3f}" if isinstance(value, float) else count(value)


def percent(value: Any) -> str:
    """Write a share in per cent."""
    return f"{value:.2%}"


def yuan(value: Any) -> str:
    """Write an amount of money in whole yuan."""
    return f"{value:,.0f}"


def small(value: Any) -> str:
    """Write a small figure."""
    return f"{value:.3f}"


def figure(value: Any) -> str:
    """Write a figure of no stated unit: whole numbers whole, others to three digits or so."""
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
