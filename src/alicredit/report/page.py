"""Self-contained pages: every value is escaped, nothing is fetched, no merchant is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from alicredit.checks import refusal
from alicredit.errors import InputError
from alicredit.report.chart import reliability_chart
from alicredit.report.layout import (
    Cell,
    Head,
    Part,
    count,
    lay_out,
    meaning,
    number,
    percent,
    points,
    share,
    small,
    words,
    write_page,
    yuan,
)
from alicredit.report.summary import (
    by_grade,
    by_product,
    by_reason,
    by_status,
    with_texts,
    written,
)


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
        If the extra ``[report]`` is not installed, or the file cannot be written.
    """
    tables, facts = report.tables, report.facts
    parts = (
        Part(
            "Does the claim hold?",
            f"The model claims default within {facts['claim']}. Rows were not used in training; "
            f"intervals: {facts.get('intervals', '95 %')}.",
            _headline(tables["summary"]),
        ),
        Part(
            "Claimed and observed default rate, by tenth of the probability",
            "Dots are observed rates with 90 % intervals (Jeffreys, a merchant counted once); on "
            "the line claim and outcome agree. A small p-value says that the claim is too low.",
            chart=reliability_chart(tables["reliability"]),
            table=lay_out(tables["reliability"], _RELIABILITY),
        ),
        Part("By month",
             "PSI compares each month's scores with the first month's (above 0.25: another "
             "population, by custom).", table=lay_out(tables["stability"], _STABILITY)),
        Part("Reasons", "How often a code is among a row's reasons, and how often first.",
             table=lay_out(with_texts(tables["reasons"]), _REASONS)),
        Part("The points", _say_points(tables["points"]),
             table=lay_out(_points(tables["points"]), _POINTS, group="title", code="feature")),
        Part("All figures", "With 95 % intervals where they have one.",
             table=lay_out(tables["summary"], _SUMMARY)),
    )  # fmt: skip
    foot = f"Model {facts['model_id']}. Trained on {facts['rows']:,} rows, folds: {facts['folds']}."
    first, last = facts.get("first_as_of"), facts.get("last_as_of")
    lead = f"Trained on loans of {first} to {last}." if first else "Trained on rows without dates."
    lead += f" Learned from: {facts.get('selection', 'not stated')}."
    write_page(path, "Validation of a default model", lead, parts, foot)


def write_portfolio_page(
    decisions: pd.DataFrame,
    path: str | Path,
    *,
    title: str = "Portfolio decisions",
    note: str = "",
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
    note : str, default ""
        What a reader must know of the records, said first.

    Raises
    ------
    AlicreditError
        If the extra ``[report]`` is not installed, or the file cannot be written.
    InputError
        If there is no decision.
    """
    if decisions.empty:
        raise InputError(refusal("decisions", "must have rows", "none"))
    first, merchants = decisions.iloc[0], decisions["merchant_id"].nunique()
    products = decisions["product_id"].nunique()
    said = f"{merchants:,} merchants, {products} products each. {note}".rstrip()
    parts = (
        Part("In short", said, _totals(decisions)),
        Part("By product",
             "Each row is counted once: referred to a person, else refused by a rule, else for its "
             "probability alone, else because too little could be lent or would be earned. "
             "Limits and expectations are those of approved lines.",
             table=lay_out(by_product(decisions), _PRODUCTS)),
        Part("Why not approved",
             "A row may have several reasons; rules come before the score. Shares are of the "
             "product's rows that are not approved.",
             table=lay_out(by_reason(decisions, approved=False), _WHY, group="product_id")),
        Part("What bounds the limits", "Of approved lines: the bound that decided the amount.",
             table=lay_out(by_reason(decisions, approved=True), _WHY, group="product_id")),
        Part("Approved lines by grade", "Grades are cut on the probability of default.",
             table=lay_out(by_grade(decisions), _GRADES, group="product_id")),
        Part("Rows by status", "A row whose status is not ok has no score and is never approved.",
             table=lay_out(by_status(decisions), _STATUS)),
        Part("Limits of use",
             "Expected loss and profit rest on assumed uses and losses given default, marked in "
             f"the policy. {_say_prices(decisions)} Probabilities are of borrowers like those "
             "trained on."),
    )  # fmt: skip
    models = ", ".join(sorted(set(decisions["model_id"])))
    foot = f"Model {models}. Policy {first['policy_id']}."
    write_page(path, title, f"As of {first['as_of']:%Y-%m-%d}.", parts, foot)


def _headline(summary: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Give the figures a validation starts with, each with its interval."""
    rows = {row.metric: row for row in summary.itertuples()}

    def between(metric: str) -> str:
        low, high = (written(metric, each) for each in (rows[metric].low, rows[metric].high))
        return f" ({low} to {high})" if low else ""

    named = (
        ("AUC", "AUC"),
        ("default rate", "default rate"),
        ("mean probability", "mean probability claimed"),
        ("calibration slope", "calibration slope, 1 when right"),
        ("rows", "rows validated"),
        ("merchants", "merchants they are of"),
    )
    return tuple(
        (written(metric, rows[metric].value), text + between(metric)) for metric, text in named
    )


def _totals(decisions: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Give the figures a portfolio starts with."""
    approved = decisions[decisions["decision"] == "approve"]
    counts = decisions["decision"].value_counts()
    return (
        (count(counts.get("approve", 0)), "approvals 批准"),
        (count(counts.get("decline", 0)), "declines 拒绝"),
        (count(counts.get("refer", 0)), "referred to a person 转人工审核"),
        (yuan(approved["limit"].sum()), "limits, yuan 额度（元）"),
        (yuan(approved["expected_loss"].sum()), "expected loss, yuan a year 预期损失"),
        (yuan(approved["expected_profit"].sum()), "expected profit, yuan a year 预期利润"),
    )


_RELIABILITY = (
    number("tenth", "bin", count), number("rows", "rows", count),
    number("merchants", "merchants", count), number("defaults", "defaults", count),
    number("claimed", "mean_pd", percent), number("observed", "rate", percent),
    number("90 % from", "low", percent), number("to", "high", percent),
    number("p-value", "jeffreys_p", small),
)  # fmt: skip
_STABILITY = (
    (Head("month"), lambda row: Cell(str(row["month"]).replace("-", "\u2011"))),
    number("rows", "rows", count), number("defaults", "defaults", count),
    number("claimed", "mean_pd", percent), number("observed", "rate", percent),
    number("PSI", "psi", small),
)  # fmt: skip
_REASONS = (
    meaning("reason 理由", "code"), number("rows", "rows", count), number("first", "first", count),
)  # fmt: skip
_POINTS = (
    words("values", "step"), number("points", "points", points), number("share", "share", percent),
    number("default rate", "default_rate", percent),
)  # fmt: skip
_SUMMARY = (
    (Head("figure"), lambda row: Cell(row["metric"], zh="", code=row["note"])),
    *(
        (
            Head(text, numeric=True),
            lambda row, name=name: Cell(written(row["metric"], row[name]) or "–"),
        )
        for text, name in (("value", "value"), ("95 % from", "low"), ("to", "high"))
    ),
)
_PRODUCTS = (
    words("product", "product_id"), number("approved", "approved", count),
    number("referred", "referred", count), number("refused by a rule", "by_rule", count),
    number("for its probability", "by_probability", count),
    number("no limit worth giving", "by_limit", count), number("limits, yuan", "limit", yuan),
    number("mean PD", "mean_pd", percent),
    number("expected loss, yuan a year", "expected_loss", yuan),
    number("expected profit, yuan a year", "expected_profit", yuan),
)  # fmt: skip
_WHY = (
    meaning("reason 理由", "code"), number("rows", "rows", count), share("share", "share"),
)  # fmt: skip
_GRADES = (
    words("grade", "grade"), number("lines", "rows", count), number("mean PD", "mean_pd", percent),
    number("limits, yuan", "limit", yuan),
)  # fmt: skip
_STATUS = (meaning("status", "status"), number("rows", "rows", count))


def _say_points(card: pd.DataFrame) -> str:
    """Say what the points are, or that there are none by input."""
    shares = "Shares and default rates are those of the training rows."
    if card["points"].isna().all():
        return (
            "This model's score is the sum of trees over all inputs: no input has points of its "
            f"own; the reasons say what each did. {shares}"
        )
    return f"A score is the base and the sum of these points; more is safer. {shares}"


def _points(card: pd.DataFrame) -> pd.DataFrame:
    """Name each input, with its unit, and each step of the scorecard; of pairs both."""
    steps = [row.category or _step(row.lower, row.upper) for row in card.itertuples()]
    named = zip(card["title"], card["unit"], strict=True)
    titles = [f"{title} ({unit})" if unit else title for title, unit in named]
    if "feature_2" in card:
        for at, row in enumerate(card.itertuples()):
            if row.feature_2:
                second = row.category_2 or _step(row.lower_2, row.upper_2)
                steps[at] = f"{steps[at]}; {second}"
                titles[at] = f"{row.title} and {row.title_2}, together"
    return card.assign(step=steps, title=titles)


def _step(lower: float, upper: float) -> str:
    """Say which values a step holds."""
    parts = []
    if lower != float("-inf"):
        parts.append(f"above {lower:,.6g}")
    if upper != float("inf"):
        parts.append(f"up to {upper:,.6g}")
    return " ".join(parts) or "any value"


def _say_prices(decisions: pd.DataFrame) -> str:
    """Say whether lines had to earn the prices of a book."""
    ids = decisions["prices_id"].dropna().unique() if "prices_id" in decisions else []
    known = ", ".join(sorted(str(each)[:12] for each in ids if str(each)))
    if known:
        return f"Each line earns what a book's capital and shares cost (prices {known})."
    return "Limits are offered line by line: no prices of a book's capital were given."
