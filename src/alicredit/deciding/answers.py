"""From scores to answers: rules, limits, prices, reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.allocation import Prices
from alicredit.allocation.deciding import UNPRICED, charge_approvals
from alicredit.checks import refuse, require_kind
from alicredit.deciding.population import Population
from alicredit.deciding.question import ProductQuestion
from alicredit.deciding.reasons import Grounds, ReasonLists
from alicredit.deciding.referring import SOURCES, find_referrals
from alicredit.deciding.scoring import Scored
from alicredit.decision import COLUMNS
from alicredit.errors import PolicyError
from alicredit.policy import Policy, find_rules, grade_of
from alicredit.policy.eligibility import FAIL, PASS
from alicredit.policy.limits import find_limits, year_of_line
from alicredit.policy.line.bounds import fen_of
from alicredit.policy.one_applicant import OneApplicant
from alicredit.policy.price import price_loan


def check_prices(prices: Prices | None, policy: Policy) -> None:
    """Refuse what is no frozen prices, or those of a book under another policy."""
    if prices is None:
        return
    do = "use allocate(...).prices or load_prices"
    require_kind("prices", prices, Prices, "must be frozen prices or None", do=do)
    if prices.policy_id != policy.policy_id:
        rule = f"must be of a book under the policy {policy.policy_id[:12]}"
        refuse("prices", rule, prices.policy_id[:12] or "those of a lender", error=PolicyError)


def decide(population: Population, question: ProductQuestion, answer: Scored) -> pd.DataFrame:
    """Decide one product for everybody."""
    columns = decide_columns(population, question, answer)
    columns["reasons"] = columns["reasons"].tolist()
    ids = population.applicants["merchant_id"].astype(str).to_numpy(object)
    frame = pd.DataFrame({"merchant_id": ids, **columns})[list(COLUMNS)]
    if question.prices is None:
        return frame
    return _at_prices(frame, population, question, question.prices, answer.claim)


def decide_columns(
    population: Population, question: ProductQuestion, answer: Scored
) -> dict[str, Any]:
    """Decide one product for everybody, before prices: columns, or one value for all, by name."""
    scored = answer.rows
    status = np.where(
        population.status == "ok", scored["status"].to_numpy(object), population.status
    )
    said = {name: scored[name].to_numpy(np.float64) for name in ("pd", "pd_lower", "pd_upper")}
    applicants = _with_sources(population, question.policy)
    columns = answer_columns(applicants, status, said, answer.reasons, question, answer.claim)
    return {
        "product_id": question.product.id,
        "as_of": question.as_of,
        "score": scored["score"].mask(status != "ok"),
        "model_id": answer.model_id,
        "policy_id": question.policy.policy_id,
        "prices_id": "" if question.prices is None else question.prices.prices_id,
        **columns,
    }


def answer_columns(
    applicants: pd.DataFrame | OneApplicant,
    status: npt.NDArray[np.object_],
    said: Mapping[str, npt.NDArray[np.float64]],
    of_score: ReasonLists | Sequence[str],
    question: ProductQuestion,
    claim: tuple[str, int],
) -> dict[str, Any]:
    """Decide before prices, as columns by name, but for ids and scores.

    Parameters
    ----------
    applicants : pandas.DataFrame or OneApplicant
        Their facts.
    status : object array
        Of each row, ``"ok"`` where it has a score.
    said : mapping of str to float64 array
        ``pd, pd_lower, pd_upper`` of the model.
    of_score : ReasonLists or sequence of str
        The score's reasons of each row, or those of the one row that there is.
    question : ProductQuestion
        What is asked.
    claim : tuple of (str, int)
        Level and days of the probability.

    Returns
    -------
    dict of str to array
        By the names of a decision's fields.
    """
    product, policy = question.product, question.policy
    ok = status == "ok"
    pd_, lower, upper = (np.where(ok, said[k], np.nan) for k in ("pd", "pd_lower", "pd_upper"))
    rules = list(find_rules(applicants, product, question.as_of, gates=policy.gates))
    outcome = np.min([rule.outcome for rule in rules], axis=0)
    limits = find_limits(applicants, product, policy, pd_, upper=upper, claim=claim)
    is_risky = ok & (pd_ > product.max_pd)
    approved = ok & (outcome == PASS) & ~is_risky & (limits.fen > 0)
    decision = _decided(ok, outcome, approved)
    known = {"pd": pd_, "pd_lower": lower, "pd_upper": upper}
    referrals = find_referrals(
        applicants, product, policy, said=known, decision=decision, outcome=outcome, fen=limits.fen
    )
    for rows in referrals.values():
        decision = np.where(rows, "refer", decision)
    fen = np.where(decision == "approve", limits.fen, 0)
    sales = fen_of(applicants, "monthly_sales_median_180d") / 100
    loss, profit = year_of_line(
        fen, np.where(ok, pd_, 0.0), product, policy, sales=sales, claim=claim
    )
    price = price_loan(product, policy)
    grounds = Grounds(rules, referrals, ok, is_risky, approved, limits.binding)
    return {
        "status": status,
        "pd": pd_,
        "pd_lower": lower,
        "pd_upper": upper,
        "grade": grade_of(pd_, policy.grades),
        "decision": decision,
        "limit": fen / 100,
        "rate": price.rate,
        "rate_unit": price.unit,
        "expected_loss": np.where(ok, loss, np.nan),
        "expected_profit": np.where(ok, profit, np.nan),
        "reasons": grounds.of_rows(of_score)
        if isinstance(of_score, ReasonLists)
        else [grounds.of_row(0, of_score)],
    }


def _decided(
    ok: npt.NDArray[np.bool_], outcome: npt.NDArray[np.int8], approved: npt.NDArray[np.bool_]
) -> npt.NDArray[Any]:
    """Decide by scores, rules and limits, before what policy or applicant leaves to a person.

    A rule that fails declines, whatever else is not known, and so does one that is unknown of a row
    with a score; a row without a score is left to a person where no rule fails.
    """
    declined = (outcome < PASS) | (ok & ~approved)
    decision = np.where(approved, "approve", np.where(declined, "decline", "refer"))
    return np.where(~ok & (outcome != FAIL), "refer", decision)


def _with_sources(population: Population, policy: Policy) -> pd.DataFrame:
    """Give the applicants' facts, with the features that a rule on conflicting sources reads."""
    applicants, inputs = population.applicants, population.inputs
    if policy.refer.source_ratio_max is None:
        return applicants
    more = [name for name in SOURCES if name in inputs and name not in applicants]
    return applicants.assign(**{name: inputs[name].to_numpy() for name in more})


def _at_prices(
    frame: pd.DataFrame,
    population: Population,
    question: ProductQuestion,
    prices: Prices,
    claim: tuple[str, int],
) -> pd.DataFrame:
    """Let approvals stand that earn more than the prices charge; say of the others what binds."""
    rows = np.flatnonzero((frame["decision"] == "approve").to_numpy(bool))
    approved, applicants = frame.iloc[rows], population.applicants.iloc[rows]
    answer = charge_approvals(approved, question.policy, prices, applicants=applicants)
    reason, limit = answer["reason"].to_numpy(object), answer["limit"].to_numpy(np.float64)
    fen = np.rint(limit * 100).astype(np.int64)
    sales = fen_of(applicants, "monthly_sales_median_180d") / 100
    risk = approved["pd"].to_numpy(np.float64)
    loss, profit = year_of_line(
        fen, risk, question.product, question.policy, sales=sales, claim=claim
    )
    left_out = np.where(reason == UNPRICED, "refer", "decline")
    decision = frame["decision"].to_numpy(object, copy=True)
    decision[rows] = np.where(limit > 0, decision[rows], left_out)
    numbers = {"limit": fen / 100, "expected_loss": loss, "expected_profit": profit}
    columns = {name: frame[name].to_numpy(np.float64, copy=True) for name in numbers}
    for name, values in numbers.items():
        columns[name][rows] = values
    reasons = frame["reasons"].tolist()
    for row in np.flatnonzero(reason != "").tolist():
        reasons[int(rows[row])] = [reason[row]]
    return frame.assign(decision=decision, **columns, reasons=reasons)


def interleave(parts: list[pd.DataFrame], rows: int) -> pd.DataFrame:
    """Bring products together: each merchant's rows stand side by side."""
    frame = pd.concat(parts, ignore_index=True)
    order = np.arange(rows * len(parts)).reshape(len(parts), rows).T.ravel()
    return frame.iloc[order].reset_index(drop=True)
