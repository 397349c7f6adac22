"""A worse year: losses, profit, capital and liquidity of a book under stated scenarios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse, require_between, require_columns, require_kind, require_one_of
from alicredit.decision import COLUMNS
from alicredit.policy import Policy, load_policy
from alicredit.vocabulary import require_answers
from alicredit.whatif.scenarios import SCENARIOS, Scenario

Floats = npt.NDArray[np.float64]

_ORDER_KINDS = ("order_advance", "supply_chain_order")


@dataclass(frozen=True, eq=False)
class Lines:
    """What is lent, line by line, in the order of ids: yuan, shares and a year's money."""

    pd: Floats
    limit: Floats
    loss: Floats
    income: Floats
    lgd: Floats
    use_at_default: Floats
    mean_use: Floats
    is_order: npt.NDArray[np.bool_]


def read_lines(decisions: pd.DataFrame, policy: Policy) -> Lines:
    """Take the approved lines of a portfolio, with what the policy assumes of their use."""
    require_kind("decisions", decisions, pd.DataFrame, "must be a frame of decisions")
    require_columns("decisions", map(str, decisions.columns), COLUMNS)
    require_answers("decisions", decisions)
    lent = decisions[decisions["decision"] == "approve"]
    lent = lent.sort_values(["merchant_id", "product_id"], kind="stable")
    names = ("pd", "limit", "expected_loss", "expected_profit")
    money = {name: lent[name].to_numpy(np.float64) for name in names}
    for name, values in money.items():
        if not np.isfinite(values).all() or (name == "limit" and (values <= 0).any()):
            refuse(f"decisions[{name!r}]", "must be known of each approval", "one that is not")
    if ((money["pd"] <= 0) | (money["pd"] > 1)).any():
        refuse("decisions['pd']", "must lie above 0 and up to 1", "one that does not")
    products = {name: policy.product(str(name)) for name in lent["product_id"].unique()}
    of = {name: product.economics for name, product in products.items()}
    lacking = [name for name, economics in of.items() if economics is None]
    if lacking:
        refuse("policy", "must have economics of each product", repr(lacking[0]))

    def each(field: str) -> Floats:
        values = {name: getattr(economics, field) for name, economics in of.items()}
        return lent["product_id"].map(values).to_numpy(np.float64)

    kinds = {name: product.kind in _ORDER_KINDS for name, product in products.items()}
    loss = money["expected_loss"]
    return Lines(
        money["pd"], money["limit"], loss, money["expected_profit"] + loss,
        each("lgd"), each("use_at_default"), each("mean_use"),
        lent["product_id"].map(kinds).to_numpy(bool),
    )  # fmt: skip


def losses_under(lines: Lines, scenario: Scenario) -> tuple[Floats, Floats]:
    """Give each line's loss and profit of a year: the decision's own, times what is worse.

    loss = expected loss x pd' / pd x lgd' / lgd x use' / use; profit = income - loss, income being
    all that is earned before losses. It falls as less is used, but does not rise as more is: what
    is drawn in a bad year is drawn by those in need (assumed, and prudent).
    """
    odds = np.log(lines.pd) - np.log1p(-np.minimum(lines.pd, 1 - 1e-16)) + scenario.shift
    shifted = 1 / (1 + np.exp(-odds)) if scenario.shift else lines.pd
    worse = np.minimum(shifted * scenario.pd_multiple, 1.0) / lines.pd
    lost = _least(lines.lgd, scenario.lgd_multiple, 1.0)
    most = np.maximum(lines.use_at_default, 1.0)
    used = _least(lines.use_at_default, scenario.use_multiple, most)
    loss = lines.loss * worse * lost * used
    return loss, lines.income * min(scenario.use_multiple, 1.0) - loss


def _least(share: Floats, times: float, most: Floats | float) -> Floats:
    """Give how much more a share is once multiplied and held to its most."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(share > 0, np.minimum(share * times, most) / share, times)


def drawn_under(lines: Lines, scenario: Scenario) -> tuple[float, float]:
    """Give the balance drawn on a mean day and on the peak day, in yuan."""
    follows = np.where(lines.is_order, scenario.sales_multiple, 1.0)
    mean = np.minimum(lines.mean_use * scenario.use_multiple * follows, 1.0)
    peak = np.where(lines.is_order, np.minimum(mean * scenario.peak_multiple, 1.0), mean)
    return float(lines.limit @ mean), float(lines.limit @ peak)


def stress_book(
    decisions: pd.DataFrame,
    policy: str | Policy = "ali-2013",
    *,
    scenarios: Sequence[Scenario] = SCENARIOS,
    outstanding: float = 0.0,
) -> pd.DataFrame:
    """Tell losses, profit, capital and liquidity of a book under each scenario.

    Parameters
    ----------
    decisions : pandas.DataFrame
        From :func:`~alicredit.portfolio.score_portfolio`; approvals are the book.
    policy : str or Policy, default "ali-2013"
        The one that decided: the lender, and how lines are used and lost.
    scenarios : sequence of Scenario, default SCENARIOS
        Each with a name of its own.
    outstanding : float, default 0
        What else is lent already, in yuan.

    Returns
    -------
    pandas.DataFrame
        A row a scenario: ``scenario, title, title_zh, lines, limit, expected_loss,
        expected_profit`` (yuan a year), ``capital_left`` (net capital with a year's profit or
        loss), ``drawn`` (mean day), ``drawn_peak`` (order loans at their peak, the others at their
        mean; with ``outstanding``), ``lending_cap``, ``headroom`` (the cap less the peak),
        ``is_over_cap``, ``funds`` (what there is to lend today) and ``is_over_funds``.

    Raises
    ------
    InputError
        For decisions without their money, a scenario twice, or none.
    PolicyError
        For an unknown policy or product.

    Examples
    --------
    >>> row = dict.fromkeys(COLUMNS) | {"merchant_id": "m", "product_id": "taobao_credit",
    ...     "pd": 0.02, "limit": 10_000.0, "expected_loss": 100.0, "expected_profit": 500.0,
    ...     "decision": "approve"}
    >>> told = stress_book(pd.DataFrame([row])).set_index("scenario")
    >>> told.loc[["expected", "pd_doubles"], "expected_profit"].tolist()
    [500.0, 400.0]
    >>> stress_book(pd.DataFrame([row]), scenarios=[])
    Traceback (most recent call last):
    alicredit.errors.InputError: scenarios must be scenarios of different names; found ...
    """
    chosen = load_policy(policy)
    names = [getattr(each, "name", None) for each in scenarios]
    if not names or None in names or len(set(names)) < len(names):
        refuse("scenarios", "must be scenarios of different names", repr(names))
    require_between("outstanding", outstanding, 0, 1e15)
    lines, lender = read_lines(decisions, chosen), chosen.lender
    cap, funds, capital = map(float, (lender.lending_cap, lender.funds(), lender.net_capital))
    rows = []
    for each in scenarios:
        loss, profit = (float(values.sum()) for values in losses_under(lines, each))
        mean, peak = (outstanding + drawn for drawn in drawn_under(lines, each))
        rows.append(
            (each.name, each.title or each.name, each.title_zh or each.title or each.name,
             len(lines.pd), float(lines.limit.sum()), loss, profit, capital + profit, mean, peak,
             cap, cap - peak, peak > cap, funds, peak > funds)
        )  # fmt: skip
    columns = [
        "scenario", "title", "title_zh", "lines", "limit", "expected_loss", "expected_profit",
        "capital_left", "drawn", "drawn_peak", "lending_cap", "headroom", "is_over_cap", "funds",
        "is_over_funds",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


_GONE = {
    "profit": ("the book's profit is gone", "贷款组合利润耗尽"),
    "capital": ("the lender's net capital is gone", "放贷机构资本净额耗尽"),
}
_NEVER = ("not even if every line defaults", "即使全部违约也不会发生")


def reverse_stress(
    decisions: pd.DataFrame,
    policy: str | Policy = "ali-2013",
    *,
    gone: str = "profit",
    scenario: Scenario | None = None,
) -> pd.DataFrame:
    """Find how many times the probabilities of default must be for profit or capital to be gone.

    The year's profit falls without a break as the multiple rises, so halving finds the one multiple
    to the last digit; a probability stops at 1.

    Parameters
    ----------
    decisions : pandas.DataFrame
        From :func:`~alicredit.portfolio.score_portfolio`; approvals are the book.
    policy : str or Policy, default "ali-2013"
        The one that decided.
    gone : {"profit", "capital"}, default "profit"
        The year's profit, or the lender's net capital with it.
    scenario : Scenario or None, default None
        What is worse besides; its own multiple is left out.

    Returns
    -------
    pandas.DataFrame
        One row: ``gone, pd_multiple`` (NaN where it never is, 0 where it is without any default),
        ``mean_pd`` (weighted by limit, there), ``expected_loss, expected_profit, capital_left``
        (there, or where every line defaults), ``text, text_zh``.

    Raises
    ------
    InputError
        For an unknown word, an empty book, or decisions without their money.

    Examples
    --------
    >>> row = dict.fromkeys(COLUMNS) | {"merchant_id": "m", "product_id": "taobao_credit",
    ...     "pd": 0.02, "limit": 10_000.0, "expected_loss": 100.0, "expected_profit": 500.0,
    ...     "decision": "approve"}
    >>> reverse_stress(pd.DataFrame([row]))["pd_multiple"].round(9).tolist()
    [6.0]
    >>> reverse_stress(pd.DataFrame([row]), gone="trust")
    Traceback (most recent call last):
    alicredit.errors.InputError: gone must be one of 2 known words; found 'trust'. ...
    """
    require_one_of("gone", gone, _GONE)
    chosen, base = load_policy(policy), scenario or Scenario("expected")
    require_kind("scenario", base, Scenario, "must be a Scenario or None")
    lines = read_lines(decisions, chosen)
    if not len(lines.pd):
        refuse("decisions", "must have an approval", "none")
    capital = float(chosen.lender.net_capital)
    cushion = capital if gone == "capital" else 0.0

    def left(multiple: float) -> float:
        _, profit = losses_under(lines, replace(base, pd_multiple=multiple))
        return cushion + float(profit.sum())

    low, high = 0.0, _all_default(lines, base)
    is_never = left(high) > 0
    if not is_never and left(low) > 0:
        while (middle := (low + high) / 2) not in (low, high):
            low, high = (middle, high) if left(middle) > 0 else (low, middle)
    elif not is_never:
        high = 0.0
    there = replace(base, pd_multiple=high)
    loss, profit = (float(values.sum()) for values in losses_under(lines, there))
    shifted = 1 / (1 + (1 / lines.pd - 1) * np.exp(-base.shift))
    mean = float(np.average(np.minimum(shifted * high, 1.0), weights=lines.limit))
    texts = _NEVER if is_never else _GONE[gone]
    row = (gone, np.nan if is_never else high, mean, loss, profit, capital + profit, *texts)
    columns = ["gone", "pd_multiple", "mean_pd", "expected_loss", "expected_profit",
               "capital_left", "text", "text_zh"]  # fmt: skip
    return pd.DataFrame([row], columns=columns)


def _all_default(lines: Lines, base: Scenario) -> float:
    """Give a multiple at which every line defaults."""
    shifted = 1 / (1 + (1 / lines.pd - 1) * np.exp(-base.shift))
    return float(min(2 / shifted.min(), 1e12))
