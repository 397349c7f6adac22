"""How a debtor who wants to pay is helped to: more time, visitors for the shop, a share of sales.

A plan puts the principal that is left into monthly instalments at the contract's rate; interest and
penalty that accrued are spread over them and bear no interest of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import (
    given_or,
    refuse,
    require_between,
    require_kind,
    require_one_of,
    require_whole,
)
from alicredit.cohort import Cohort, as_moment
from alicredit.ledger import DEFAULT_LOSS
from alicredit.loans import book
from alicredit.loans.rates import exact_share
from alicredit.policy import Policy, build_applicants
from alicredit.records import Records, require_records
from alicredit.recovery.accepted import MOST_SWEPT
from alicredit.recovery.claims import take_claims
from alicredit.recovery.conduct import ConductRules, Willingness, judge

_METHODS = ("annuity", "equal_principal")


@dataclass(frozen=True, slots=True)
class RestorationRules:
    """When help is offered and what it may be.

    Parameters
    ----------
    cover : float, default 1.2
        Expected monthly sales over the month's instalments, at least (DOMAIN 3.3).
    months : tuple of int, default (3, 6, 9, 12)
        Lengths of plans, tried from the shortest (assumed).
    method : {"annuity", "equal_principal"}, default "annuity"
        How principal is repaid (assumed).
    rate_share : str, default "1"
        Share of the contract's rate that the plan bears; below 1 is a cut (assumed: none).
    is_penalty_waived : bool, default False
        Whether penalties accrued are forgiven.
    support_below : float, default 0.8
        Traffic support is offered where sales are below this share of what they were (assumed).

    Examples
    --------
    >>> RestorationRules().cover
    1.2
    >>> RestorationRules(months=(6, 3))
    Traceback (most recent call last):
    alicredit.errors.InputError: months must rise; found (6, 3).
    """

    cover: float = 1.2
    months: tuple[int, ...] = (3, 6, 9, 12)
    method: str = "annuity"
    rate_share: str = "1"
    is_penalty_waived: bool = False
    support_below: float = 0.8

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        require_between("cover", self.cover, 1, 100)
        require_one_of("method", self.method, _METHODS)
        for each in self.months:
            require_whole("months", each, 1, high=120)
        if not self.months or list(self.months) != sorted(set(self.months)):
            refuse("months", "must rise", self.months)
        if exact_share("rate_share", self.rate_share) > 1:
            refuse("rate_share", "must be at most 1", self.rate_share)
        require_kind("is_penalty_waived", self.is_penalty_waived, bool, "must be True or False")
        require_between("support_below", self.support_below, 0, 10)


@dataclass(frozen=True, eq=False)
class RestorationOffers:
    """What is offered to whom, and the plans.

    Parameters
    ----------
    offers : pandas.DataFrame
        One row an overdue loan, by merchant and loan: ``merchant_id, loan_id, product_id,
        is_offered, months`` (missing where nothing is), ``claim_fen`` (principal, interest and
        penalty), ``instalment_fen`` (the largest), ``expected_sales`` (yuan a month), ``cover``
        (expected sales over all the merchant's instalments), ``sweep_percent`` (of daily
        settlement), ``tools`` and ``reasons`` (words of the vocabulary), ``npv_loss`` (share of the
        claim) and ``is_default`` (whether the restructure is one).
    plans : pandas.DataFrame
        One row an instalment of what is offered: ``loan_id, period, due_day``; in fen
        ``principal_fen, interest_fen, carried_fen`` (interest and penalty that had accrued) and
        ``payment_fen``, their sum.
    """

    offers: pd.DataFrame
    plans: pd.DataFrame


def restoration_offers(
    records: Records,
    *,
    as_of: object,
    willingness: Willingness | None = None,
    policy: str | Policy = "ali-2013",
    rules: RestorationRules | None = None,
) -> RestorationOffers:
    """Offer help to debtors who are not malicious, can be reached, and whose shop still sells.

    The shortest plan is offered whose largest instalments, over all the merchant's overdue loans,
    are covered ``cover`` times by expected monthly sales: the lesser of the median month of half a
    year and the last 30 days. The loss is 1 - PV(plan) / claim, both at the contract's rate a
    month; above 1 % the restructure is a default and stays one until probation is over (DOMAIN 3.3,
    5.1). A loan under an accepted plan is offered no second one while the plan is kept, see
    :func:`alicredit.recovery.worklist`.

    Parameters
    ----------
    records : Records
        With ``loans``, what was due and paid, and ``orders``: without them no sales are expected.
    as_of : str, date or timestamp
        Only what happened and was known before is read.
    willingness : Willingness or None, default None
        At the same moment; None: :func:`assess_willingness` with its default rules.
    policy : str or Policy, default "ali-2013"
        Whose products say what lateness is charged.
    rules : RestorationRules or None, default None
        None stands for ``RestorationRules()``.

    Returns
    -------
    RestorationOffers
        Offers, and plans exact to the fen.

    Raises
    ------
    InputError
        If ``as_of`` is no moment, or ``willingness`` says nothing of a debtor.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> loans = pd.DataFrame({"loan_id": ["l"], "merchant_id": ["m"], "rate": [0.0005],
    ...     "product_id": ["taobao_order"], "principal": [5000.0],
    ...     "disbursed_at": pd.to_datetime(["2012-11-11"]),
    ...     "due_at": pd.to_datetime(["2012-12-11"])})
    >>> records = read_records({"merchants": merchants, "loans": loans})
    >>> restoration_offers(records, as_of="2013-01-20").offers["reasons"].tolist()
    [('RST_INACTIVE',)]
    >>> restoration_offers(records, as_of="2013-01-20", willingness="good")
    Traceback (most recent call last):
    alicredit.errors.InputError: willingness must come from assess_willingness; found str.
    """
    moment, chosen = as_moment("as_of", as_of), given_or("rules", rules, RestorationRules)
    made = take_claims(require_records(records), moment, policy)
    claims = made.overdue.sort_values(["merchant_id", "loan_id"], ignore_index=True)
    if willingness is None:
        willingness = judge(records, moment, made.overdue, ConductRules())
    rows = _debtors(records, claims, moment, willingness)
    rows["is_planned"] = rows["loan_id"].isin(made.planned)
    rows["claim_fen"] = rows["balance_fen"] + rows["accrued_fen"] + rows["penalty_fen"]
    rate = _rates(rows)
    plans = {n: _plan(rows, rate, n, chosen) for n in chosen.months}
    rows["months"] = _shortest(rows, plans, chosen)
    parts = [
        plans[n][plans[n]["loan"].isin(np.flatnonzero(rows["months"].fillna(0).eq(n)))]
        for n in plans
    ]
    plan = pd.concat(parts, ignore_index=True).sort_values(["loan", "period"], ignore_index=True)
    offers = _offers(rows, plan, rate, chosen)
    is_offered = offers["is_offered"].to_numpy(bool)
    plan = plan[is_offered[plan["loan"].to_numpy(np.int64)]].reset_index(drop=True)
    day = np.full(len(plan), np.datetime64(moment.normalize(), "D"))
    due = book.add_months(day, plan["period"].to_numpy(np.int64))
    plan["due_day"] = pd.Series(due.astype("datetime64[us]"))
    plan["loan_id"] = rows["loan_id"].to_numpy(object)[plan["loan"].to_numpy(np.int64)]
    return RestorationOffers(offers, plan[_PLAN])


_PLAN = ["loan_id", "period", "due_day", "principal_fen", "interest_fen", "carried_fen",
         "payment_fen"]  # fmt: skip


def _debtors(
    records: Records, claims: pd.DataFrame, moment: pd.Timestamp, willingness: Willingness
) -> pd.DataFrame:
    """Join claims with what is known of their debtors."""
    verdicts = require_kind("willingness", willingness, Willingness,
                            "must come from assess_willingness").verdicts  # fmt: skip
    unknown = claims.loc[~claims["merchant_id"].isin(verdicts["merchant_id"]), "merchant_id"]
    if len(unknown):
        rule = "must say something of each debtor"
        refuse("willingness", rule, f"nothing of {unknown.iloc[0]!r}", "assess it at this moment")
    rows = claims.merge(verdicts, on="merchant_id", how="left")
    rows["expected_sales"] = 0.0
    who = pd.DataFrame({"merchant_id": claims["merchant_id"].unique(), "as_of": moment})
    if len(who) and "orders" in records:
        facts = build_applicants(records, Cohort.from_frame(who))
        median = facts.set_index("merchant_id")["monthly_sales_median_180d"]
        usual = rows["merchant_id"].map(median).astype(float).fillna(0)
        rows["expected_sales"] = np.minimum(usual, rows["sales_30d"].fillna(0)).round(2)
    return rows


def _rates(rows: pd.DataFrame) -> list[Decimal]:
    """Give each contract's rate a month, a rate a day counted for 30 days."""
    days = rows["rate_unit"].map({"day": 30, "month": 1}).tolist()
    return [Decimal(repr(float(rate))) * n for rate, n in zip(rows["rate"].tolist(), days)]


def _plan(
    rows: pd.DataFrame, rate: list[Decimal], months: int, rules: RestorationRules
) -> pd.DataFrame:
    """Lay out every loan's instalments over so many months."""
    share = exact_share("rate_share", rules.rate_share)
    cut = [Decimal(share.numerator) * each / Decimal(share.denominator) for each in rate]
    waived = 0 if rules.is_penalty_waived else 1
    carried = (rows["accrued_fen"] + rows["penalty_fen"] * waived).to_numpy(np.int64)
    count = np.full(len(rows), months)
    plan = book.schedule(rows["balance_fen"].to_numpy(np.int64), np.array(cut, dtype=object),
                         count, method=rules.method)  # fmt: skip
    rest = book.schedule(carried, "0", count, method="equal_principal")
    plan = plan.rename(columns={"principal": "principal_fen", "interest": "interest_fen"})
    plan["carried_fen"] = rest["principal"]
    plan["payment_fen"] = plan[["principal_fen", "interest_fen", "carried_fen"]].sum(axis=1)
    return plan


def _shortest(
    rows: pd.DataFrame, plans: dict[int, pd.DataFrame], rules: RestorationRules
) -> pd.Series:
    """Choose each merchant's shortest plan that its sales cover; missing where none is."""
    months = pd.Series(pd.array([pd.NA] * len(rows), dtype="Int64"), index=rows.index)
    sales_fen = (rows["expected_sales"] * 100).round()
    for n in reversed(list(plans)):
        is_covered = sales_fen >= rules.cover * _of_merchant(rows, plans[n])
        months = months.mask(is_covered & (sales_fen > 0), n)
    return months


def _of_merchant(rows: pd.DataFrame, plan: pd.DataFrame) -> pd.Series:
    """Sum the largest instalments of each merchant's loans, for each of its rows."""
    largest = plan.groupby("loan")["payment_fen"].max().reindex(rows.index, fill_value=0)
    return largest.groupby(rows["merchant_id"]).transform("sum")


def _offers(
    rows: pd.DataFrame, plan: pd.DataFrame, rate: list[Decimal], rules: RestorationRules
) -> pd.DataFrame:
    """Say what is offered, why not, and what it costs."""
    is_covered = rows["months"].notna().to_numpy(bool)
    against = {
        "RST_MALICIOUS": rows["is_malicious"].to_numpy(bool),
        "RST_PLAN": rows["is_planned"].to_numpy(bool),
        "RST_UNREACHABLE": ~rows["is_reachable"].to_numpy(bool),
        "RST_INACTIVE": ~(rows["sales_30d"].fillna(0) > 0).to_numpy(bool),
        "RST_COVER_LOW": ~is_covered & (rows["sales_30d"].fillna(0) > 0).to_numpy(bool),
    }
    is_offered = ~np.logical_or.reduce(list(against.values()))
    largest = plan.groupby("loan")["payment_fen"].max().reindex(rows.index, fill_value=0)
    total = _of_merchant(rows, plan)
    sales_fen = (rows["expected_sales"] * 100).round().to_numpy(np.int64)
    percent = -(-100 * total.to_numpy(np.int64) // np.maximum(sales_fen, 1))
    fell = rows["sales_30d"] < rules.support_below * rows["sales_before"]
    loss = _loss(rows, plan, rate)
    tools = [
        ("extension", *(("traffic_support",) if low else ()), "sales_sweep") if given else ()
        for given, low in zip(is_offered, fell)
    ]
    reasons = [
        ("RST_OFFERED",) if given else tuple(code for code in against if against[code][k])
        for k, given in enumerate(is_offered)
    ]
    given = pd.Series(is_offered, index=rows.index)
    return pd.DataFrame(
        {
            "merchant_id": rows["merchant_id"], "loan_id": rows["loan_id"],
            "product_id": rows["product_id"], "is_offered": given,
            "months": rows["months"].where(given), "claim_fen": rows["claim_fen"],
            "instalment_fen": largest.astype("Int64").where(given),
            "expected_sales": rows["expected_sales"],
            "cover": (sales_fen / total.where(total > 0)).where(given),
            "sweep_percent": pd.Series(np.minimum(percent, MOST_SWEPT), rows.index)
            .astype("Int64").where(given),
            "tools": pd.Series(tools, index=rows.index, dtype=object),
            "reasons": pd.Series(reasons, index=rows.index, dtype=object),
            "npv_loss": pd.Series(loss, rows.index).where(given),
            "is_default": given & (loss > DEFAULT_LOSS),
        }
    )  # fmt: skip


def _loss(rows: pd.DataFrame, plan: pd.DataFrame, rate: list[Decimal]) -> npt.NDArray[np.float64]:
    """Give the share of each claim's present value that its plan gives up, at least 0."""
    loan = plan["loan"].to_numpy(np.int64)
    monthly = np.array([float(each) for each in rate])
    worth = plan["payment_fen"].to_numpy(float) * (1 + monthly[loan]) ** -plan["period"].to_numpy()
    total = np.bincount(loan, worth, minlength=len(rows))
    claim = rows["claim_fen"].to_numpy(float)
    return np.maximum(np.round(1 - total / np.maximum(claim, 1), 9), 0)
