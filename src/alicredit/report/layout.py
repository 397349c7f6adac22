"""How a page is laid out: parts with figures, a chart, a table; every text is escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from alicredit.checks import refusal
from alicredit.errors import AlicreditError

if TYPE_CHECKING:
    from jinja2 import Template

_STYLE = """
:root{--ink:#1c2733;--soft:#5d6b7a;--line:#dde3ea;--bar:#2f6f9f;--paper:#fff}
*{box-sizing:border-box}
body{margin:0;color:var(--ink);background:#f4f6f8;font:15px/1.5 system-ui,-apple-system,
"Segoe UI","Noto Sans","Noto Sans CJK SC","Noto Sans SC","Source Han Sans SC","PingFang SC",
"Microsoft YaHei","WenQuanYi Zen Hei",sans-serif}
main{max-width:1000px;margin:0 auto;padding:24px 16px 48px}
h1{font-size:1.6rem;margin:0 0 4px}h2{font-size:1.15rem;margin:0 0 2px}
.lead{color:var(--soft);margin:0 0 20px}
section{background:var(--paper);border:1px solid var(--line);border-radius:8px;
padding:16px 18px;margin:0 0 16px}
.note{color:var(--soft);margin:0 0 10px;font-size:.92rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
thead th{vertical-align:bottom}
td.n,th.n{text-align:right}td.n{white-space:nowrap}
.wide td:first-child,.wide th:first-child{position:sticky;left:0;background:var(--paper)}
tr.group th{background:#f4f6f8;font-weight:600}
tbody:last-child tr:last-child td{border-bottom:0}
.zh,code{color:var(--soft);font-size:.88em}
.zh,td code{margin-left:10px}code{font-family:inherit;overflow-wrap:anywhere}
.figures{display:flex;flex-wrap:wrap;gap:10px 28px;margin:8px 0 0}
.figures div{min-width:120px}.figures b{display:block;font-size:1.45rem;line-height:1.25}
.figures span{color:var(--soft);font-size:.9rem}
.bar{display:inline-block;vertical-align:middle;background:#e8edf2;border-radius:3px;height:10px;
width:110px;margin-left:8px;text-align:left}
.bar i{display:block;height:10px;border-radius:3px;background:var(--bar)}
svg{display:block;margin:0 0 10px}svg text{font:13px system-ui,sans-serif;fill:var(--soft)}
footer{color:var(--soft);font-size:.88rem;overflow-wrap:anywhere}
@media (max-width:640px){main{padding:16px 8px 32px}section{padding:12px}th,td{padding:4px 6px}
.zh,td code{display:block;margin-left:0}.bar{display:none}
.figures div{min-width:44%}.figures{gap:10px 4%}svg text{font-size:18px}}
@media print{body{background:#fff}section{break-inside:avoid}}
"""

_TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title><style>{{ style|safe }}</style></head><body><main>
<h1>{{ title }}</h1><p class="lead">{{ lead }}</p>
{% for part in parts %}<section aria-labelledby="s{{ loop.index }}">
<h2 id="s{{ loop.index }}">{{ part.title }}</h2><p class="note">{{ part.note }}</p>
{% if part.figures %}<div class="figures">{% for f in part.figures %}
<div><b>{{ f[0] }}</b><span>{{ f[1] }}</span></div>{% endfor %}</div>{% endif %}
{% if part.chart %}{{ part.chart|safe }}{% endif %}
{% if part.table and part.table.groups %}
<div class="scroll{% if part.table.head|length > 4 %} wide{% endif %}" role="region" tabindex="0"
 aria-labelledby="s{{ loop.index }}"><table><thead><tr>
{% for h in part.table.head %}<th scope="col"{% if h.numeric %} class="n"{% endif %}>
{{ h.text }}</th>{% endfor %}</tr></thead>
{% for group in part.table.groups %}<tbody>
{% if group.title %}<tr class="group"><th scope="rowgroup" colspan="{{ part.table.head|length }}">
{{ group.title }}{% if group.code %} <code>{{ group.code }}</code>{% endif %}</th></tr>{% endif %}
{% for row in group.rows %}<tr>{% for cell in row %}
<td{% if part.table.head[loop.index0].numeric %} class="n"{% endif %}>{{ cell.text }}
{% if cell.zh %}<span class="zh" lang="zh-Hans">{{ cell.zh }}</span>{% endif %}
{% if cell.code %}<code>{{ cell.code }}</code>{% endif %}
{% if cell.width is not none %}<span class="bar" aria-hidden="true">
<i style="width:{{ cell.width }}%"></i></span>{% endif %}</td>
{% endfor %}</tr>{% endfor %}</tbody>{% endfor %}</table></div>{% endif %}</section>{% endfor %}
<footer>{{ foot }}</footer></main></body></html>
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: a text, and where it has them its Chinese, its code, a bar's width in per cent."""

    text: str
    zh: str = ""
    code: str = ""
    width: float | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A column's heading, and whether its cells are numbers."""

    text: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under one heading; without a title they just stand there."""

    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Headings and groups of rows."""

    head: tuple[Head, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One section of a page: figures, a chart, a table."""

    title: str
    note: str
    figures: tuple[tuple[str, str], ...] = ()
    table: Table | None = None
    chart: str = ""


Maker = Callable[[dict[str, Any]], Cell]
Column = tuple[Head, Maker]


def number(text: str, name: str, show: Callable[[Any], str]) -> Column:
    """Make a column of numbers; what lacks is a dash."""
    return Head(text, numeric=True), lambda row: Cell(
        "–" if _is_nan(row[name]) else show(row[name])
    )


def words(text: str, name: str) -> Column:
    """Make a column of plain text."""
    return Head(text), lambda row: Cell(str(row[name]))


def meaning(text: str, code: str) -> Column:
    """Make a column of what a code means: English, Chinese, and the code itself."""
    return Head(text), lambda row: Cell(row["text"], row["text_zh"], row[code])


def share(text: str, name: str) -> Column:
    """Make a column of shares with a bar."""
    return Head(text, numeric=True), lambda row: Cell(
        f"{row[name]:.0%}", width=round(100 * row[name], 1)
    )


def lay_out(
    frame: pd.DataFrame, columns: Iterable[Column], *, group: str = "", code: str = ""
) -> Table:
    """Lay out a frame's rows by columns, under a heading for each value of ``group``.

    ``code`` names a column shown small beside the heading.
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
    return Table(tuple(head for head, _ in chosen), tuple(groups))


def write_page(path: str | Path, title: str, lead: str, parts: tuple[Part, ...], foot: str) -> None:
    """Fill the template and write it."""
    text = _template().render(title=title, lead=lead, parts=parts, foot=foot, style=_STYLE)
    try:
        Path(path).write_text(text, encoding="utf-8")
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
    return environment.from_string(_TEMPLATE)


def _is_nan(value: Any) -> bool:
    """Tell whether a cell has no value."""
    return value is None or (isinstance(value, float) and np.isnan(value))


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
