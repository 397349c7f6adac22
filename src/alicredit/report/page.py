"""Self-contained pages: every value is escaped, nothing is fetched, no merchant is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from alicredit.checks import refusal
from alicredit.errors import AlicreditError, InputError
from alicredit.vocabulary import DECISIONS, STATUSES, reason_word

if TYPE_CHECKING:
    from jinja2 import Template

_STYLE = """
:root{--ink:#1c2733;--soft:#5d6b7a;--line:#dde3ea;--bar:#2f6f9f;--bad:#b4472e;--paper:#fff}
*{box-sizing:border-box}
body{margin:0;color:var(--ink);background:#f4f6f8;font:15px/1.5 system-ui,-apple-system,
"Segoe UI","Noto Sans","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif}
main{max-width:1000px;margin:0 auto;padding:24px 16px 48px}
h1{font-size:1.6rem;margin:0 0 4px}h2{font-size:1.15rem;margin:0 0 2px}
.lead{color:var(--soft);margin:0 0 20px}
section{background:var(--paper);border:1px solid var(--line);border-radius:8px;
padding:16px 18px;margin:0 0 16px}
.note{color:var(--soft);margin:0 0 10px;font-size:.92rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;white-space:nowrap}
tbody tr:last-child td{border-bottom:0}
.figures{display:flex;flex-wrap:wrap;gap:10px 28px;margin:8px 0 0}
.figures div{min-width:120px}.figures b{display:block;font-size:1.45rem;line-height:1.25}
.figures span{color:var(--soft);font-size:.9rem}
.bar{background:#e8edf2;border-radius:3px;height:12px;min-width:120px}
.bar i{display:block;height:12px;border-radius:3px;background:var(--bar)}
svg text{font:12px system-ui,sans-serif;fill:var(--soft)}
footer{color:var(--soft);font-size:.88rem}
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
{% if part.rows %}<div class="scroll"><table><thead><tr>{% for h in part.head %}
<th scope="col"{% if h.numeric %} class="n"{% endif %}>{{ h.text }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in part.rows %}<tr>{% for cell in row %}{% set h = part.head[loop.index0] %}
<td{% if h.numeric %} class="n"{% endif %}>{% if h.bar %}<div class="bar" role="img"
 aria-label="{{ cell }}"><i style="width:{{ cell }}%"></i></div>{% else %}{{ cell }}{% endif %}</td>
{% endfor %}</tr>{% endfor %}</tbody></table></div>{% endif %}</section>{% endfor %}
<footer>{{ foot }}</footer></main></body></html>
"""


@dataclass(frozen=True, slots=True)
class Head:
    """A column's heading, and how its cells are shown."""

    text: str
    numeric: bool = False
    bar: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One section of a page: figures, a chart, a table."""

    title: str
    note: str
    figures: tuple[tuple[str, str], ...] = ()
    head: tuple[Head, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    chart: str = ""


def write_validation_page(report: Any, path: str | Path) -> None:
    """Write a validation as one self-contained page.

    Parameters
    ----------
    report : ValidationReport
        From ``validate_model``.
    path : str or Path
        The file to write.

    Raises
    ------
    AlicreditError
        If the extra ``[report]`` is not installed.
    """
    tables, facts = report.tables, report.facts
    summary = {row.metric: row for row in tables["summary"].itertuples()}
    area, rate = summary["AUC"], summary["default rate"]
    parts = (
        Part(
            "Does the claim hold?",
            f"The model claims default within {facts['claim']}. Rows were not used in training; "
            "intervals are 95 % and count a merchant's rows as one witness.",
            (
                (f"{area.value:.3f}", f"AUC ({area.low:.3f} to {area.high:.3f})"),
                (f"{rate.value:.2%}", f"default rate ({rate.low:.2%} to {rate.high:.2%})"),
                (f"{summary['mean probability'].value:.2%}", "mean probability claimed"),
                (f"{summary['calibration slope'].value:.2f}", "calibration slope (1 when right)"),
                (f"{facts['validated_rows']:,}", "rows validated"),
            ),
        ),
        Part(
            "Claimed and observed default rate, by tenth of the probability",
            "Dots are observed rates with Jeffreys intervals (90 %); on the line claim and outcome "
            "agree. A small p-value says that the claim is too low.",
            chart=_reliability_chart(tables["reliability"]),
            **_table(tables["reliability"], _RELIABILITY),
        ),
        Part("By month", "PSI compares each month's scores with the first month's.",
             **_table(tables["stability"], _STABILITY)),
        Part("Reasons", "How often a code is among a row's reasons, and first.",
             **_table(_with_texts(tables["reasons"]), _REASONS)),
        Part("The points", "A score is the sum of these points and the base.",
             **_table(_points(tables["points"]), _POINTS)),
        Part("All figures", "Each as a frame in report.tables.",
             **_table(tables["summary"], _SUMMARY)),
    )  # fmt: skip
    foot = f"Model {facts['model_id']}. Trained on {facts['rows']:,} rows, folds {facts['folds']}."
    lead = f"Trained on loans of {facts.get('first_as_of', '?')} to {facts.get('last_as_of', '?')}."
    _write(path, "Validation of a default model", lead, parts, foot)


def write_portfolio_page(
    decisions: pd.DataFrame, path: str | Path, *, title: str = "Portfolio decisions"
) -> None:
    """Write a portfolio run as one self-contained page that names no merchant.

    Parameters
    ----------
    decisions : pandas.DataFrame
        From ``score_portfolio``.
    path : str or Path
        The file to write.
    title : str, default "Portfolio decisions"
        Heading.

    Raises
    ------
    AlicreditError
        If the extra ``[report]`` is not installed.
    InputError
        If there is no decision.
    """
    if decisions.empty:
        raise InputError(refusal("decisions", "must have rows", "none"))
    approved = decisions[decisions["decision"] == "approve"]
    first = decisions.iloc[0]
    merchants = decisions["merchant_id"].nunique()
    parts = (
        Part(
            "In short",
            f"{merchants:,} merchants, {decisions['product_id'].nunique()} products each.",
            (
                (f"{len(approved):,}", "approvals 批准"),
                (f"{(decisions['decision'] == 'decline').sum():,}", "declines 拒绝"),
                (f"{(decisions['decision'] == 'refer').sum():,}", "referred to a person 转人工"),
                (_yuan(approved["limit"].sum()), "limits, yuan 额度"),
                (_yuan(approved["expected_loss"].sum()), "expected loss a year, yuan"),
                (_yuan(approved["expected_profit"].sum()), "expected profit a year, yuan"),
            ),
        ),
        Part("By product", "Limits and expectations are those of approved lines, over a year.",
             **_table(_by_product(decisions), _PRODUCTS)),
        Part("Why not approved", "A row may have several reasons; rules come before the score.",
             **_table(_why(decisions), _WHY)),
        Part("What bounds the limits", "Of approved lines: the bound that decided the amount.",
             **_table(_why(decisions, approved=True), _WHY)),
        Part("Approved lines by grade", "Grades are cut on the probability of default.",
             **_table(_by_grade(approved), _GRADES)),
        Part("Rows by status", "A row whose status is not ok has no score and is never approved.",
             **_table(_by_status(decisions), _STATUS)),
        Part("Limits of use",
             "Expected loss and profit rest on assumed uses and losses given default, marked in "
             "the policy. Limits are offered line by line: the lender's capital is not yet "
             "allocated over the book. Probabilities are of borrowers like those trained on."),
    )  # fmt: skip
    lead = f"As of {first['as_of']:%Y-%m-%d}."
    foot = f"Model {first['model_id']}. Policy {first['policy_id']}."
    _write(path, title, lead, parts, foot)


def _write(path: str | Path, title: str, lead: str, parts: tuple[Part, ...], foot: str) -> None:
    """Fill the template; every text is escaped."""
    text = _template().render(title=title, lead=lead, parts=parts, foot=foot, style=_STYLE)
    Path(path).write_text(text, encoding="utf-8")


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


Column = tuple[str, str, Callable[[Any], str] | None]


def _table(frame: pd.DataFrame, columns: tuple[Column, ...]) -> dict[str, Any]:
    """Lay out chosen columns of a frame; a column with a format is numeric."""
    head = tuple(
        Head(text, show is not None and show is not _bar, show is _bar) for _, text, show in columns
    )
    rows = tuple(
        tuple(
            str(row[name]) if show is None else "" if _is_nan(row[name]) else show(row[name])
            for name, _, show in columns
        )
        for row in frame.to_dict("records")
    )
    return {"head": head, "rows": rows}


def _is_nan(value: Any) -> bool:
    """Tell whether a cell has no value."""
    return value is None or (isinstance(value, float) and np.isnan(value))


def _count(value: Any) -> str:
    return f"{int(value):,}"


def _share(value: Any) -> str:
    return f"{value:.2%}"


def _small(value: Any) -> str:
    return f"{value:.4g}"


def _yuan(value: Any) -> str:
    return f"{value:,.0f}"


def _bar(value: Any) -> str:
    return f"{100 * value:.1f}"


_RELIABILITY: tuple[Column, ...] = (
    ("bin", "tenth", _count), ("rows", "rows", _count), ("defaults", "defaults", _count),
    ("mean_pd", "claimed", _share), ("rate", "observed", _share), ("low", "from", _share),
    ("high", "to", _share), ("jeffreys_p", "p-value", _small),
)  # fmt: skip
_STABILITY: tuple[Column, ...] = (
    ("month", "month", None), ("rows", "rows", _count), ("defaults", "defaults", _count),
    ("mean_pd", "claimed", _share), ("rate", "observed", _share), ("psi", "PSI", _small),
)  # fmt: skip
_REASONS: tuple[Column, ...] = (
    ("code", "code", None), ("text", "reason", None), ("text_zh", "理由", None),
    ("rows", "rows", _count), ("first", "first", _count),
)  # fmt: skip
_POINTS: tuple[Column, ...] = (
    ("feature", "input", None), ("step", "values", None), ("points", "points", _count),
    ("share", "share", _share), ("default_rate", "default rate", _share),
)  # fmt: skip
_SUMMARY: tuple[Column, ...] = (
    ("metric", "figure", None), ("value", "value", _small), ("low", "from", _small),
    ("high", "to", _small), ("note", "", None),
)  # fmt: skip
_PRODUCTS: tuple[Column, ...] = (
    ("product_id", "product", None), ("approve", "approved", _count),
    ("decline", "declined", _count), ("refer", "referred", _count), ("limit", "limits", _yuan),
    ("mean_pd", "mean PD", _share), ("expected_loss", "expected loss", _yuan),
    ("expected_profit", "expected profit", _yuan),
)  # fmt: skip
_WHY: tuple[Column, ...] = (
    ("product_id", "product", None), ("code", "code", None), ("text", "reason", None),
    ("text_zh", "理由", None), ("rows", "rows", _count), ("share", "share of rows", _bar),
)  # fmt: skip
_GRADES: tuple[Column, ...] = (
    ("product_id", "product", None), ("grade", "grade", None), ("rows", "lines", _count),
    ("mean_pd", "mean PD", _share), ("limit", "limits", _yuan),
)  # fmt: skip
_STATUS: tuple[Column, ...] = (
    ("status", "status", None), ("text", "meaning", None), ("text_zh", "含义", None),
    ("rows", "rows", _count),
)  # fmt: skip


def _with_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Add what codes mean, in both languages."""
    if "code" in frame:
        words = [reason_word(code) for code in frame["code"]]
    else:
        words = [STATUSES[status] for status in frame["status"]]
    return frame.assign(text=[w.text for w in words], text_zh=[w.text_zh for w in words])


def _points(card: pd.DataFrame) -> pd.DataFrame:
    """Name each step of the scorecard."""
    steps = [
        row.category or f"above {row.lower:g} up to {row.upper:g}" for row in card.itertuples()
    ]
    return card.assign(step=[s.replace("above -inf up to", "up to").replace(" up to inf", "")
                             for s in steps])  # fmt: skip


def _by_product(decisions: pd.DataFrame) -> pd.DataFrame:
    """Count decisions and sum approved lines by product."""
    rows = []
    for product, mine in decisions.groupby("product_id", sort=False):
        given = mine[mine["decision"] == "approve"]
        counts = mine["decision"].value_counts()
        rows.append(
            {
                "product_id": product,
                **{word: int(counts.get(word, 0)) for word in DECISIONS},
                "limit": given["limit"].sum(),
                "mean_pd": given["pd"].mean(),
                "expected_loss": given["expected_loss"].sum(),
                "expected_profit": given["expected_profit"].sum(),
            }
        )
    return pd.DataFrame(rows)


def _why(decisions: pd.DataFrame, *, approved: bool = False) -> pd.DataFrame:
    """Count reasons of rows that were (or were not) approved, by product."""
    mine = decisions[(decisions["decision"] == "approve") == approved]
    codes = mine[["product_id", "reasons"]].explode("reasons").dropna()
    counts = codes.groupby(["product_id", "reasons"], sort=False).size().rename("rows")
    frame = counts.reset_index().rename(columns={"reasons": "code"})
    total = mine.groupby("product_id").size()
    frame["share"] = frame["rows"] / frame["product_id"].map(total)
    order = {product: at for at, product in enumerate(decisions["product_id"].unique())}
    frame = frame.assign(order=frame["product_id"].map(order))
    frame = frame.sort_values(["order", "rows", "code"], ascending=[True, False, True])
    return _with_texts(frame.groupby("product_id", sort=False).head(8))


def _by_grade(approved: pd.DataFrame) -> pd.DataFrame:
    """Sum approved lines by product and grade."""
    groups = approved.groupby(["product_id", "grade"], sort=True, as_index=False)
    return groups.agg(rows=("merchant_id", "size"), mean_pd=("pd", "mean"), limit=("limit", "sum"))


def _by_status(decisions: pd.DataFrame) -> pd.DataFrame:
    """Count rows by status."""
    counts = decisions["status"].value_counts().rename_axis("status").rename("rows").reset_index()
    return _with_texts(counts)


def _reliability_chart(table: pd.DataFrame) -> str:
    """Draw claimed against observed rates; numbers alone go into the drawing."""
    width, height, pad = 520, 320, 46
    top = float(max(table["high"].max(), table["mean_pd"].max(), 1e-6)) * 1.05

    def x(value: float) -> float:
        return pad + (width - 2 * pad) * value / top

    def y(value: float) -> float:
        return height - pad - (height - 2 * pad) * value / top

    head = (
        f'<svg viewBox="0 0 {width} {height}" role="img" width="100%" '
        f'style="max-width:{width}px" aria-label="claimed against observed default rate">'
        f'<line x1="{x(0):.1f}" y1="{y(0):.1f}" x2="{x(top):.1f}" y2="{y(top):.1f}" '
        'stroke="#9aa7b4" stroke-dasharray="4 4"/>'
    )
    grid = [
        f'<line x1="{x(0):.1f}" x2="{x(top):.1f}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" '
        'stroke="#eef1f4"/>'
        f'<text x="{pad - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:.1%}</text>'
        f'<text x="{x(tick):.1f}" y="{height - pad + 18}" '
        f'text-anchor="middle">{tick:.1%}</text>'
        for tick in (top * k / 4 for k in range(5))
    ]
    dots = [
        f'<line x1="{x(row.mean_pd):.1f}" x2="{x(row.mean_pd):.1f}" y1="{y(row.low):.1f}" '
        f'y2="{y(row.high):.1f}" stroke="#2f6f9f" stroke-width="2"/>'
        f'<circle cx="{x(row.mean_pd):.1f}" cy="{y(row.rate):.1f}" r="4" fill="#2f6f9f"/>'
        for row in table.itertuples()
    ]
    axes = (
        f'<text x="{width / 2}" y="{height - 6}" text-anchor="middle">claimed probability</text>'
        f'<text x="12" y="{height / 2}" text-anchor="middle" '
        f'transform="rotate(-90 12 {height / 2})">observed rate</text></svg>'
    )
    return "".join([head, *grid, *dots, axes])
