"""How the command speaks: tables for people or JSON for machines, steps and bars on stderr."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

import alicredit as ac
from alicredit.report import by_product, written
from alicredit.vocabulary import reason_word

_OUT = Console(soft_wrap=True, highlight=False)
_TABLES = Console(highlight=False, width=max(Console().width, 100))
_ERR = Console(stderr=True, highlight=False, soft_wrap=True)

Options = argparse.Namespace


@contextmanager
def step(text: str) -> Iterator[None]:
    """Show a step on stderr while it runs; silent when that is no terminal."""
    if not _ERR.is_terminal:
        yield
        return
    with _ERR.status(text):
        yield
    _ERR.print(f"[green]done[/green] {escape(text)}")


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """Write the rate; empty until there is one."""
        return Text("" if task.speed is None else f"{task.speed:,.0f}/s")


class JsonLines(logging.Formatter):
    """A record of the log as one line of JSON: time, level, logger, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        moment = datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds")
        told = {"time": moment, "level": record.levelname.lower(), "logger": record.name}
        told["message"] = record.getMessage()
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


@contextmanager
def bar(text: str) -> Iterator[Callable[[int, int], None] | None]:
    """Give what draws a bar of (done, all) on stderr; None when that is no terminal."""
    if not _ERR.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate())
    with Progress(*columns, TimeRemainingColumn(), console=_ERR) as progress:
        task = progress.add_task(text, total=None)
        yield lambda done, every: progress.update(task, completed=done, total=every)


def refused(error: Exception) -> None:
    """Say on stderr what was refused."""
    text = str(error).replace(" Also: ", "\nalso: ")
    _ERR.print(f"refused: {text}", style="bold red", markup=False)


def warn(text: str) -> None:
    """Say on stderr what a reader must know."""
    _ERR.print(text, style="yellow", markup=False)


def say(text: str, options: Options) -> None:
    """Print a line for people."""
    if not options.json:
        _OUT.print(text, markup=False)


def say_wrapped(text: str) -> None:
    """Print a paragraph for people, set in and broken into lines."""
    _OUT.print(textwrap.indent("\n".join(textwrap.wrap(text, 92)), "    "), markup=False)


def show(frame: pd.DataFrame, title: str, options: Options, *, right: bool = False) -> None:
    """Print a frame: a table for people or JSON for machines; texts may stand to the right."""
    if options.json:
        sys.stdout.write(frame.to_json(orient="records", date_format="iso", indent=2) + "\n")
        return
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for at, name in enumerate(frame.columns):
        is_number = pd.api.types.is_numeric_dtype(frame[name]) or (right and at > 0)
        justify: Literal["left", "right"] = "right" if is_number else "left"
        table.add_column(str(name), justify=justify, no_wrap=at == 0, overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(escape(_cell(value)) for value in row))
    _TABLES.print(table)


def _cell(value: Any) -> str:
    """Write one value for people."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float | np.floating):
        number = float(value)
        return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    return str(value)


_LINES = (
    ("merchants", "merchants asked about", "{:,.0f}"),
    ("approved", "approved", "{:,.0f}"),
    ("referred", "referred to a person", "{:,.0f}"),
    ("by_rule", "refused by a rule", "{:,.0f}"),
    ("by_probability", "refused for the probability alone", "{:,.0f}"),
    ("by_limit", "no limit worth giving", "{:,.0f}"),
    ("limit", "limits approved, yuan", "{:,.0f}"),
    ("mean_pd", "mean PD of the approved", "{:.2%}"),
    ("max_pd", "highest PD the policy takes", "{:.2%}"),
    ("expected_loss", "expected loss, yuan a year", "{:,.0f}"),
    ("expected_profit", "expected profit, yuan a year", "{:,.0f}"),
)


def show_decisions(decisions: pd.DataFrame, policy: str, title: str, options: Options) -> None:
    """Print what became of each product's rows: a column a product for people, JSON otherwise."""
    frame, products = by_product(decisions), ac.load_policy(policy).products
    frame["max_pd"] = [products[each].max_pd for each in frame["product_id"]]
    if options.json:
        show(frame, title, options)
        return
    lines = [
        [text, *("-" if np.isnan(value) else form.format(value) for value in frame[name])]
        for name, text, form in _LINES
    ]
    show(pd.DataFrame(lines, columns=["", *frame["product_id"]]), title, options, right=True)


_PLAINLY = {
    "product_id": "product", "expected_loss": "expected loss, a year",
    "expected_profit": "expected profit, a year", "limit": "limits, yuan",
}  # fmt: skip


def show_summary(summary: Mapping[str, Any], title: str, options: Options) -> None:
    """Print what the decisions of a folder sum to, and why the others were refused."""
    lines = pd.DataFrame(summary["decisions"])
    if len(lines):
        keys = ["product_id", "decision", "status", "grade"]
        amounts = ["merchants", "limit", "expected_loss", "expected_profit"]
        show(lines[[*keys, *amounts]].rename(columns=_PLAINLY), title, options)
    reasons = pd.DataFrame(summary["refused"], columns=["product_id", "reason", "merchants"])
    codes = reasons.groupby("reason")["merchants"].sum().sort_values(ascending=False, kind="stable")
    words = [reason_word(code) for code in codes.index[:12]]
    frame = pd.DataFrame(
        {
            "code": codes.index[:12],
            "reason": [word.text for word in words],
            "理由": [word.text_zh for word in words],
            "rows": codes.to_numpy()[:12],
        }
    )
    show(frame, "Why rows are not approved (a row may have several reasons)", options)


def show_reasons(decisions: pd.DataFrame, options: Options) -> None:
    """Print the commonest reasons of rows that were not approved, over all products."""
    is_refused = decisions["decision"] != "approve"
    codes = decisions.loc[is_refused, "reasons"].explode().dropna()
    counts = codes.value_counts().head(8)
    words = [reason_word(code) for code in counts.index]
    frame = pd.DataFrame(
        {
            "code": counts.index,
            "reason": [word.text for word in words],
            "理由": [word.text_zh for word in words],
            "rows": counts.to_numpy(),
        }
    )
    title = f"Why {int(is_refused.sum()):,} of {len(decisions):,} rows are not approved"
    show(frame, f"{title} (a row may have several reasons)", options)


def show_validation(
    report: ac.ValidationReport, title: str, options: Options, *, top: int | None = None
) -> None:
    """Print a validation's figures with their intervals, shares in per cent."""
    summary = report.tables["summary"].iloc[:top]
    if options.json:
        show(summary, title, options)
        return
    lines = [
        (row.metric, *(written(row.metric, v) for v in (row.value, row.low, row.high)), row.note)
        for row in summary.itertuples()
    ]
    names = ["", "value", "95 % from", "to", "what it is"]
    show(pd.DataFrame(lines, columns=names), title, options)


_FACTS = {
    "rows": "loans trained on",
    "merchants": "merchants they are of",
    "defaults": "defaults among them",
    "first_as_of": "first loan",
    "last_as_of": "last loan",
    "claim": "claims default within",
    "folds": "folds for calibration",
    "rounds": "rounds of boosting",
    "slope": "slope of the calibration",
    "model_id": "model id",
}


def show_model(model: ac.DefaultModel, title: str, options: Options) -> None:
    """Print the facts of a model's training."""
    facts = {**model.portable_.training, "claim": str(model.claim), "model_id": model.model_id}
    if options.json:
        show(pd.DataFrame([facts]), title, options)
        return
    lines = [(text, _cell(facts[name])) for name, text in _FACTS.items() if name in facts]
    show(pd.DataFrame(lines, columns=["", "value"]), title, options)
