"""What is claimed on overdue loans at a moment, and how far their collection has come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import given_or, refuse, require_whole
from alicredit.cohort import as_moment
from alicredit.ledger import (
    FAULTS,
    Postings,
    dues_in_force,
    find_unknown,
    read_postings,
    replay,
    signs_of_loans,
)
from alicredit.ledger.faults import UNDATED
from alicredit.loans.book.exact import rounded, shares
from alicredit.policy import Policy, contract_terms, load_policy
from alicredit.records import Records, require_records
from alicredit.recovery.steps import plans_kept

Whole = npt.NDArray[np.int64]
_UNLIKELY = ("sealed", "fraud_found", "bankrupt")
_PER_MONTH = 30


@dataclass(frozen=True, slots=True)
class StageRules:
    """From how many days past due a loan is at which stage (DOMAIN 3.3).

    Parameters
    ----------
    message_from, telephone_from, visit_from, default_from : int, default 1, 4, 31, 91
        Days past due; a loan in default by a sign is at the stage of default whatever its days.
    write_off_after : int, default 365
        Days in default after which a loan is to be written off.

    Examples
    --------
    >>> StageRules().visit_from
    31
    >>> StageRules(visit_from=2)
    Traceback (most recent call last):
    alicredit.errors.InputError: stages must begin one after another; found (1, 4, 2, 91).
    """

    message_from: int = 1
    telephone_from: int = 4
    visit_from: int = 31
    default_from: int = 91
    write_off_after: int = 365

    def __post_init__(self) -> None:
        """Refuse stages that do not follow each other."""
        starts = (self.message_from, self.telephone_from, self.visit_from, self.default_from)
        for days in (*starts, self.write_off_after):
            require_whole("stages", days, 1, high=36_500)
        if list(starts) != sorted(set(starts)):
            refuse("stages", "must begin one after another", starts)


def find_claims(
    records: Records,
    *,
    as_of: object,
    policy: str | Policy = "ali-2013",
    stages: StageRules | None = None,
) -> pd.DataFrame:
    """Find the loans that are materially overdue at a moment, with what is claimed on each.

    Parameters
    ----------
    records : Records
        With ``loans`` and what was due and paid.
    as_of : str, date or timestamp
        Only what happened and was known before is read; days late are counted to its day.
    policy : str or Policy, default "ali-2013"
        Whose products say what lateness is charged.
    stages : StageRules or None, default None
        None stands for ``StageRules()``.

    Returns
    -------
    pandas.DataFrame
        By loan: ``loan_id, merchant_id, product_id, days_past_due, state, stage,
        days_in_default`` (-1 where it is not in default); in fen ``due_fen`` (fallen due before the
        day and unpaid), ``penalty_fen`` (accrued to the day and unpaid, on overdue principal, each
        posting rounded once; of a loan under a plan, since the plan), ``balance_fen`` and
        ``accrued_fen``; ``rate, rate_unit``; and ``status`` (``vocabulary.CLAIM_STATUSES``). Loans
        closed, written off or late by less than the first stage are left out. One of which it is
        not known what it owes has a row without amounts, whose status says why. One of a product
        that the policy does not lend has no penalty, since nothing says what its lateness costs.

    Raises
    ------
    InputError
        If ``as_of`` is no moment.
    PolicyError
        If there is no such policy, or a product's terms are none.
    RecordError
        If there are no loans.

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
    >>> claims = find_claims(records, as_of="2012-12-21")
    >>> claims[["stage", "days_past_due", "due_fen", "penalty_fen"]].to_numpy().tolist()
    [['telephone', 10, 507500, 3750]]
    >>> find_claims(records, as_of="21/12/2012")
    Traceback (most recent call last):
    alicredit.errors.InputError: as_of must be a date or time such as '2013-05-01'; ...
    """
    moment = as_moment("as_of", as_of)
    made = take_claims(require_records(records), moment, policy, stages=stages)
    known = made.overdue.assign(status="claimed").astype(dict.fromkeys(_NUMBERS, "Int64"))
    parts = [part for part in (known, made.unknown) if len(part)]
    whole = pd.concat(parts, ignore_index=True) if parts else known
    return whole.sort_values("loan_id", ignore_index=True)[[*_COLUMNS, "status"]]


_NUMBERS = ["days_past_due", "days_in_default", "due_fen", "penalty_fen", "balance_fen",
            "accrued_fen"]  # fmt: skip
_COLUMNS = [
    "loan_id", "merchant_id", "product_id", "days_past_due", "state", "stage", "days_in_default",
    "due_fen", "penalty_fen", "balance_fen", "accrued_fen", "rate", "rate_unit",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Claims:
    """What is claimed at a moment, and the book it is taken from.

    Parameters
    ----------
    overdue : pandas.DataFrame
        As :func:`find_claims` gives, of the loans whose claim is known.
    on_plan : pandas.DataFrame
        The same columns of loans under a plan that is being kept and of which nothing is overdue.
    unknown : pandas.DataFrame
        The same columns of loans of which it is not known what they owe, or of a product that the
        policy does not lend, with ``status``.
    planned : pandas.Series
        Ids of all loans under a plan that is being kept.
    """

    overdue: pd.DataFrame
    on_plan: pd.DataFrame
    unknown: pd.DataFrame
    planned: pd.Series


def take_claims(
    records: Records,
    moment: pd.Timestamp,
    policy: str | Policy,
    *,
    stages: StageRules | None = None,
) -> Claims:
    """Take the claims of a moment from the records.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> take_claims(read_records({"merchants": merchants}), pd.Timestamp("2013-01-01"), "ali-2013")
    Traceback (most recent call last):
    alicredit.errors.RecordError: table 'loans' must be among the records; ...
    """
    chosen, rules = load_policy(policy), given_or("stages", stages, StageRules)
    book = read_postings(records).known_before(moment)
    day = moment.normalize()
    states = replay(book, [day])
    unknown = _unknown(find_unknown(book), day)
    states = states[~states["loan_id"].isin(unknown["loan_id"])]
    planned = plans_kept(book, states, moment)
    columns = ["loan_id", "merchant_id", "product_id", "rate", "rate_unit"]
    is_late = (states["days_past_due"] > 0) & ~states["state"].isin(("closed", "written_off"))
    asked = states[is_late | states["loan_id"].isin(planned)]
    claims = asked.merge(book.loans[columns], on="loan_id").sort_values("loan_id")
    claims["due_fen"] = claims["overdue_fen"]
    claims["state"] = claims["state"].astype(str)
    claims["days_in_default"] = _days_in_default(claims, book, day, rules)
    claims["stage"] = _stages(claims, rules)
    is_due = claims["days_past_due"] >= rules.message_from
    claims = claims[is_due | claims["loan_id"].isin(planned)]
    is_lent = claims["product_id"].isin(_lent(chosen))
    unknown = _with_strange(unknown, claims[~is_lent])
    claims = claims[is_lent].reset_index(drop=True)
    claims["penalty_fen"] = _penalties(claims, book, day, chosen)
    is_due = claims["days_past_due"] >= rules.message_from
    kept = claims.loc[~is_due, _COLUMNS].assign(stage=None)
    overdue = claims.loc[is_due, _COLUMNS].reset_index(drop=True)
    return Claims(overdue, kept.reset_index(drop=True), unknown, planned)


def _unknown(faults: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """Lay out the loans of which it is not known what they owe, unless they are over."""
    rows = faults[~(faults["over_day"] <= day)].copy()
    words = {UNDATED: "no_due_day"} | dict.fromkeys(FAULTS, "uncounted")
    rows["status"] = rows["kind"].map(words)
    rows["state"], rows["stage"], rows["rate"], rows["rate_unit"] = "unknown", None, np.nan, None
    rows = rows.reindex(columns=[*_COLUMNS, "status"])
    return rows.astype(dict.fromkeys(_NUMBERS, "Int64")).reset_index(drop=True)


def _lent(policy: Policy) -> list[str]:
    """Give the products of which the policy says what their lateness costs."""
    products = policy.products.values()
    return [one.id for one in products if one.is_active and one.rate is not None]


def _with_strange(unknown: pd.DataFrame, strange: pd.DataFrame) -> pd.DataFrame:
    """Add loans of a product that the policy does not lend: their penalty is not known."""
    if strange.empty:
        return unknown
    rows = strange.assign(status="other_product").reindex(columns=[*_COLUMNS, "status"])
    rows = rows.astype(dict.fromkeys(_NUMBERS, "Int64"))
    return pd.concat([part for part in (unknown, rows) if len(part)], ignore_index=True)


def _days_in_default(
    claims: pd.DataFrame, book: Postings, day: pd.Timestamp, rules: StageRules
) -> Whole:
    """Count the days since each loan's default: by its arrears or by a sign, the earlier.

    A sign from before a loan begins its default on the loan's first day, as in workouts.
    """
    late = claims["days_past_due"].to_numpy(np.int64) - rules.default_from
    signs = signs_of_loans(book)
    is_now = signs["kind"].isin(_UNLIKELY) & ~(signs["over_day"] <= day)
    first = signs[is_now].groupby("loan_id")["day"].min()
    began = pd.to_datetime(first.reindex(claims["loan_id"])).astype("datetime64[us]")
    lent = book.loans.set_index("loan_id")["disbursed_at"].reindex(claims["loan_id"])
    began = began.clip(lower=lent.dt.normalize())
    by_sign = (day - began).dt.days.fillna(-1).to_numpy(np.int64)
    is_unlikely = claims["state"].eq("default").to_numpy()
    return np.maximum.reduce([late, np.where(is_unlikely, np.maximum(by_sign, 0), -1)]).clip(-1)


def _stages(claims: pd.DataFrame, rules: StageRules) -> npt.NDArray[np.object_]:
    """Choose the stage of each loan."""
    days, since = claims["days_past_due"].to_numpy(), claims["days_in_default"].to_numpy()
    conditions = [since >= rules.write_off_after, since >= 0, days >= rules.visit_from,
                  days >= rules.telephone_from]  # fmt: skip
    words = [np.array(w, dtype=object) for w in ("write_off", "blacklist", "visit", "telephone")]
    return np.select(conditions, words, np.array("message", dtype=object))


def _penalties(claims: pd.DataFrame, book: Postings, day: pd.Timestamp, policy: Policy) -> Whole:
    """Accrue penalties to the day, less what was paid of them."""
    accrued = np.zeros(len(claims), dtype=np.int64)
    for product in claims["product_id"].drop_duplicates():
        rows = np.flatnonzero(claims["product_id"].eq(product))
        accrued[rows] = _accrued(claims.iloc[rows], book, day, policy, product)
    since = _plan_days(book).reindex(book.payments["loan_id"]).to_numpy("datetime64[us]")
    paid = book.payments[~(book.payments["day"].to_numpy() < since)]
    paid = paid.groupby("loan_id")["penalty_fen"].sum()
    return np.maximum(accrued - claims["loan_id"].map(paid).fillna(0).to_numpy(np.int64), 0)


def _plan_days(book: Postings) -> pd.Series:
    """Give the day of the last plan of each loan that has one: it took earlier penalties up."""
    owed = dues_in_force(book.dues, book.payments, book.events)
    last = owed[(owed["plan"] > 0) & owed["until_day"].isna()]
    return last.groupby("loan_id")["day"].min()


def _accrued(
    claims: pd.DataFrame, book: Postings, day: pd.Timestamp, policy: Policy, product: str
) -> Whole:
    """Accrue one product's penalties: overdue closing balances, rounded at each posting."""
    terms = contract_terms(policy.product(product)).penalty
    steps = _overdue_steps(claims["loan_id"], book, is_principal=terms.base == "principal")
    same = steps["loan"].eq(steps["loan"].shift(-1))
    until = steps["day"].shift(-1).where(same, day).clip(upper=day)
    days = (until - steps["day"]).dt.days.clip(lower=0).to_numpy(np.int64)
    steps["fen_days"] = steps["overdue_fen"].to_numpy(np.int64) * days
    runs = steps.groupby(["loan", "posting"], as_index=False)["fen_days"].sum()
    loan = runs["loan"].to_numpy(np.int64)
    own = terms.rate_per_day is not None
    rates = terms.rate_per_day if own else claims["rate"].to_numpy(float)[loan]
    rate, base = shares("rate", rates)
    times, parts = shares("multiplier", terms.multiplier)
    times = times + (parts if terms.mode == "add" else 0)
    by_day = own | claims["rate_unit"].eq("day").to_numpy()[loan]
    thirtieths = np.where(by_day, _PER_MONTH, 1)
    fen = rounded(base * parts * _PER_MONTH, runs["fen_days"].to_numpy(np.int64), rate, times,
                  thirtieths)  # fmt: skip
    return np.bincount(loan, fen, minlength=len(claims)).astype(np.int64)


def _overdue_steps(ids: pd.Series, book: Postings, *, is_principal: bool) -> pd.DataFrame:
    """Give what is overdue at the end of each day on which it changes, and the posting's number."""
    place = pd.Series(np.arange(len(ids)), index=ids.to_numpy())
    owed = dues_in_force(book.dues, book.payments, book.events)
    dues = owed[owed["loan_id"].isin(ids) & owed["day"].notna()]
    paid = book.payments[book.payments["loan_id"].isin(ids)]
    fallen = dues["principal_fen"] if is_principal else dues["fen"]
    back = paid["principal_fen"] if is_principal else paid["fen"] - paid["penalty_fen"]
    parts = [
        pd.DataFrame({"loan": dues["loan_id"].map(place), "day": dues["day"], "fen": fallen,
                      "posting": 0}),
        pd.DataFrame({"loan": paid["loan_id"].map(place), "day": paid["day"], "fen": -back,
                      "posting": 1}),
    ]  # fmt: skip
    rows = pd.concat([part for part in parts if len(part)], ignore_index=True)
    steps = rows.groupby(["loan", "day"], as_index=False).agg({"fen": "sum", "posting": "max"})
    steps["posting"] = steps.groupby("loan")["posting"].cumsum()
    steps["overdue_fen"] = steps.groupby("loan")["fen"].cumsum().clip(lower=0)
    began = _plan_days(book).reindex(ids).to_numpy("datetime64[us]")
    is_past = steps["day"].to_numpy() < began[steps["loan"].to_numpy(np.int64)]
    steps["overdue_fen"] = steps["overdue_fen"].mask(is_past, 0)
    return steps
