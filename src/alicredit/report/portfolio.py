"""The page of a portfolio run; no merchant is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from alicredit.checks import refusal, refuse, require_columns
from alicredit.errors import InputError
from alicredit.pages import (
    Chart,
    Part,
    count,
    draw,
    lay_out,
    meaning,
    number,
    percent,
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
    funnel,
    with_texts,
)
from alicredit.vocabulary import require_answers

_MOST_FUNNELS = 6
_DRAWN = ("expected_loss", "expected_profit")
_READ = (
    "merchant_id", "product_id", "as_of", "status", "pd", "grade", "decision", "limit",
    "expected_loss", "expected_profit", "reasons", "model_id", "policy_id",
)  # fmt: skip
"""Columns that the page reads."""


def write_portfolio_page(
    decisions: pd.DataFrame,
    path: str | Path,
    *,
    title: str = "Portfolio decisions",
    note: str = "",
    allocation: Any = None,
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
    allocation : Allocation or None, default None
        What ``allocate`` gave of the book's offers: shown with what each constraint is worth.

    Raises
    ------
    AlicreditError
        If the extra ``[report]`` is not installed, or the file cannot be written.
    InputError
        If there is no decision, a column lacks, an answer is no known word, a line is approved
        twice, moments or policies differ, or a row that is declined has no known reason.

    Examples
    --------
    >>> write_portfolio_page(pd.DataFrame(), "page.html")
    Traceback (most recent call last):
    alicredit.errors.InputError: decisions must have rows; found none.
    """
    if decisions.empty:
        raise InputError(refusal("decisions", "must have rows", "none"))
    _require_one_run(decisions)
    first, merchants = decisions.iloc[0], decisions["merchant_id"].nunique()
    products = decisions["product_id"].nunique()
    said = f"{merchants:,} merchants, {products} products each. {note}".rstrip()
    steps = funnel(decisions)
    parts = (
        Part("In short", said, "概要", _totals(decisions), charts=_money(decisions)),
        Part("By product",
             "Each row is counted once: referred to a person, else refused by a rule, else for its "
             "probability alone, else because too little could be lent or would be earned. "
             "Limits and expectations are those of approved lines.", "按产品",
             tables=(lay_out(by_product(decisions), _PRODUCTS),)),
        Part("Who is left after each rule",
             "Each row is lost at the first step that holds it, rules before the score, the score "
             "before the limit, a person last.", "逐条规则的漏斗",
             tables=(lay_out(steps, _FUNNEL, group="product_id"),), charts=_funnels(steps)),
        Part("Why not approved",
             "A row may have several reasons; rules come before the score. Shares are of the "
             "product's rows that are not approved.", "拒绝原因",
             tables=(lay_out(by_reason(decisions, approved=False), _WHY, group="product_id"),)),
        Part("What bounds the limits", "Of approved lines: the bound that decided the amount.",
             "额度由何限定",
             tables=(lay_out(by_reason(decisions, approved=True), _WHY, group="product_id"),)),
        Part("Approved lines by grade", "Grades are cut on the probability of default.",
             "按等级的批准额度",
             tables=(lay_out(by_grade(decisions), _GRADES, group="product_id"),)),
        *(() if allocation is None else (_allocated(allocation),)),
        Part("Rows by status", "A row whose status is not ok has no score and is never approved.",
             "按状态", tables=(lay_out(by_status(decisions), _STATUS),)),
        Part("Limits of use",
             "Expected loss and profit rest on assumed uses and losses given default, marked in "
             f"the policy. {_say_prices(decisions)} Probabilities are of borrowers like those "
             "trained on.", "使用限制"),
    )  # fmt: skip
    models = ", ".join(sorted(set(decisions["model_id"])))
    foot = f"Model {models}. Policy {first['policy_id']}."
    lead = f"As of {first['as_of']:%Y-%m-%d}."
    write_page(path, title, lead, parts, foot, title_zh="组合决策")


def _require_one_run(decisions: pd.DataFrame) -> None:
    """Refuse what is no run of one moment under one policy, as the page says of it."""
    require_columns("decisions", map(str, decisions.columns), _READ)
    require_answers("decisions", decisions)
    for name in ("as_of", "policy_id"):
        distinct = decisions[name].unique()
        if len(distinct) > 1:
            found, do = ", ".join(map(str, distinct[:3])), "write a page for each"
            refuse(f"decisions[{name!r}]", "must be the same in each row", found, do)


def _money(decisions: pd.DataFrame) -> tuple[Chart, ...]:
    """Draw limits, and what they should earn, where a line is approved."""
    from alicredit.plots import plot_limits, plot_profit

    given = decisions[decisions["decision"] == "approve"]
    if given.empty or (given["limit"] <= 0).any() or given[list(_DRAWN)].isna().any().any():
        return ()
    by = "product_id" if given["grade"].isna().any() else "grade"
    return (
        draw(plot_limits, given, "Approved lines by amount.", "批准额度的分布。", is_half=True),
        draw(plot_profit, given, "Expected profit is after expected loss and all costs.",
             "预期利润已扣除预期损失及各项成本。", is_half=True, by=by),
    )  # fmt: skip


def _funnels(steps: pd.DataFrame) -> tuple[Chart, ...]:
    """Draw the funnels of the first products."""
    from alicredit.plots import plot_funnel

    every = list(steps.groupby("product_id", sort=False))
    return tuple(
        draw(plot_funnel, mine, str(product), is_half=len(every) > 1)
        for product, mine in every[:_MOST_FUNNELS]
    )


def _allocated(allocation: Any) -> Part:
    """Show what the book was given, and what more of each constraint would be worth."""
    offers = allocation.offers
    given = offers["allocated_limit"] > 0
    figures = (
        (count(given.sum()), f"offers given, of {len(offers):,} 获配"),
        (yuan(offers["allocated_limit"].sum()), "limits allocated, yuan 分配额度（元）"),
        (yuan(allocation.value), "expected profit, yuan a year 预期利润"),
        (f"{allocation.gap:.2%}", "at most below what could be earned 与上界的差距"),
        (small(allocation.capital_value), "yuan a year for one more yuan of capital 资本影子价"),
    )
    held = with_texts(allocation.constraints)
    why = offers.loc[~given, "reason"]
    counts = why[why != ""].value_counts().rename_axis("code").rename("rows").reset_index()
    counts = with_texts(counts.sort_values(["rows", "code"], ascending=[False, True]))
    note = (
        "What is scarce is priced: an offer is given where its profit is above what it draws on "
        f"at these prices. Prices {allocation.prices.prices_id[:12]}."
    )
    return Part("Allocation of the book", note, "资本分配与影子价格", figures, (
        lay_out(held, _CONSTRAINTS, caption="What bounds the book"),
        lay_out(counts, (meaning("reason 理由", "code"), number("offers", "rows", count)),
                caption="Why offers are not given"),
    ))  # fmt: skip


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


_FUNNEL = (
    meaning("step", "code"), number("lost here", "lost", count), number("left", "left", count),
)  # fmt: skip
_CONSTRAINTS = (
    words("constraint", "constraint"), meaning("what it is", "code"),
    number("used", "used", yuan), number("cap", "cap", yuan),
    number("one more yuan is worth, yuan a year", "price", small),
)  # fmt: skip


def _say_prices(decisions: pd.DataFrame) -> str:
    """Say whether lines had to earn the prices of a book."""
    ids = decisions["prices_id"].dropna().unique() if "prices_id" in decisions else []
    known = ", ".join(sorted(str(each)[:12] for each in ids if str(each)))
    if known:
        return f"Each line earns what a book's capital and shares cost (prices {known})."
    return "Limits are offered line by line: no prices of a book's capital were given."
