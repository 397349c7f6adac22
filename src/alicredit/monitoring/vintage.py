"""How loans lent in one period season: the share that went bad by months on book."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import given_or, refuse, require_one_of, require_whole
from alicredit.cohort import as_moment
from alicredit.evaluation import effective_rows, jeffreys_interval
from alicredit.ledger import Postings, StateRules, find_spells, find_uncounted
from alicredit.loans import book
from alicredit.monitoring.summary import PERIODS


def vintages(
    postings: Postings,
    *,
    observed_until: object,
    days_past_due: int = 90,
    months: int = 12,
    by: str = "month",
    rules: StateRules | None = None,
) -> pd.DataFrame:
    """Follow the loans of each period of disbursement until they have gone bad.

    A loan is bad within m months if it was ever more than ``days_past_due`` days past due up to the
    day m calendar months after its disbursement. A vintage's rate is told only for ages that all
    its loans have reached by ``observed_until``; what is younger is left out, not guessed.

    Parameters
    ----------
    postings : Postings
        The ledger, see :func:`alicredit.ledger.read_postings`; of one product, to compare like with
        like.
    observed_until : date
        Until when the records are complete.
    days_past_due : int, default 90
        Bad from the day after so many.
    months : int, default 12
        Ages up to so many months on book.
    by : {"month", "quarter", "year"}, default "month"
        Period of disbursement that makes a vintage.
    rules : StateRules or None, default None
        What is material; None stands for ``StateRules()``.

    Returns
    -------
    pandas.DataFrame
        By vintage and age: ``vintage`` (first day of the period), ``months_on_book``, ``loans``,
        ``lent_fen``, ``bad_loans``, ``bad_fen`` (their balance on the day they went bad), ``rate``
        = bad_loans / loans with a 95 % interval ``rate_low, rate_high``, and ``rate_of_amount`` =
        bad_fen / lent_fen. ``unknown_loans`` are left out of all of these, since a row of theirs
        cannot be counted (:func:`alicredit.ledger.find_unknown`). The interval is
        Jeffreys' for the number of independent loans that the spread between merchants leaves,
        since draws of one merchant share one fate.

    Raises
    ------
    InputError
        If a number is out of range or a word unknown, or no loan was lent before
        ``observed_until``.

    Examples
    --------
    >>> from alicredit.ledger import read_postings
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> loans = pd.DataFrame({"loan_id": ["l"], "merchant_id": ["m"], "rate": [0.0005],
    ...     "product_id": ["taobao_order"], "principal": [5000.0],
    ...     "disbursed_at": pd.to_datetime(["2012-11-11"]),
    ...     "due_at": pd.to_datetime(["2012-12-11"])})
    >>> ledger = read_postings(read_records({"merchants": merchants, "loans": loans}))
    >>> curve = vintages(ledger, observed_until="2013-05-31", months=6)
    >>> curve["rate"].tolist()
    [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]
    >>> vintages(ledger, observed_until="2013-05-31", by="week")
    Traceback (most recent call last):
    alicredit.errors.InputError: by must be one of 3 known words; found 'week'. ...
    """
    require_one_of("by", by, PERIODS)
    require_whole("months", months, 1)
    require_whole("days_past_due", days_past_due, 0)
    until = np.datetime64(as_moment("observed_until", observed_until), "D")
    loans = _loans_with_age(postings, until, days_past_due, given_or("rules", rules, StateRules))
    loans["vintage"] = loans["disbursed_at"].dt.to_period(PERIODS[by]).dt.start_time
    parts = []
    for vintage, mine in loans.groupby("vintage"):
        last = mine["disbursed_at"].max()
        for age in range(1, months + 1):
            if book.add_months([last], age)[0] > until:
                break
            head = {"vintage": vintage, "months_on_book": age}
            parts.append(head | _cell(mine[~mine["is_unknown"]], age)
                         | {"unknown_loans": int(mine["is_unknown"].sum())})  # fmt: skip
    columns = [
        "vintage", "months_on_book", "loans", "lent_fen", "bad_loans", "bad_fen", "rate",
        "rate_low", "rate_high", "rate_of_amount", "unknown_loans",
    ]  # fmt: skip
    frame = pd.DataFrame(parts, columns=columns)
    return frame.astype({"vintage": "datetime64[us]"})


def _loans_with_age(
    postings: Postings, until: np.datetime64, days_past_due: int, rules: StateRules
) -> pd.DataFrame:
    """Give each loan with the age at which it went bad, in months, and its balance then."""
    loans = postings.loans[["loan_id", "merchant_id", "principal_fen", "disbursed_at"]]
    loans = loans[loans["disbursed_at"].to_numpy().astype("datetime64[D]") <= until]
    if loans.empty:
        refuse("postings", "must hold a loan lent before observed_until", "none")
    spells = find_spells(
        postings, material_fen=rules.material_fen, material_share=rules.material_share
    )
    first = spells.beyond(days_past_due).groupby("loan_id")["day"].min()
    loans = loans.assign(bad_day=loans["loan_id"].map(first)).reset_index(drop=True)
    is_bad = loans["bad_day"].notna() & (loans["bad_day"] <= until)
    age = np.full(len(loans), np.inf)
    start, day = (loans.loc[is_bad, name].to_numpy() for name in ("disbursed_at", "bad_day"))
    whole, rest = book.months_between(start, day)
    age[is_bad.to_numpy()] = whole + (rest > 0)
    faults = find_uncounted(postings)
    is_known_by = faults["day"] <= until
    loans["is_unknown"] = loans["loan_id"].isin(faults.loc[is_known_by, "loan_id"])
    loans["age"], loans["balance_fen"] = age, _balance_on(postings, loans)
    return loans


def _balance_on(postings: Postings, loans: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Give each bad loan's principal outstanding at the end of the day it went bad."""
    paid = postings.payments[["loan_id", "day", "principal_fen"]]
    paid = paid.merge(loans[["loan_id", "bad_day"]].dropna(), on="loan_id")
    back = paid[paid["day"] <= paid["bad_day"]].groupby("loan_id")["principal_fen"].sum()
    repaid = loans["loan_id"].map(back).fillna(0).to_numpy(dtype=np.int64)
    left = np.maximum(loans["principal_fen"].to_numpy(np.int64) - repaid, 0)
    return np.where(loans["bad_day"].notna(), left, 0)


def _cell(loans: pd.DataFrame, age: int) -> dict[str, float]:
    """Sum a vintage up at an age; of no loan no rate is known."""
    if loans.empty:
        nothing = dict.fromkeys(("rate", "rate_low", "rate_high", "rate_of_amount"), np.nan)
        return {"loans": 0, "lent_fen": 0, "bad_loans": 0, "bad_fen": 0} | nothing
    is_bad = (loans["age"] <= age).to_numpy()
    lent = int(loans["principal_fen"].sum())
    bad_fen = int(loans["balance_fen"].to_numpy()[is_bad].sum())
    rate = float(is_bad.mean())
    effective = effective_rows(is_bad, loans["merchant_id"])
    low, high = jeffreys_interval(len(loans), int(is_bad.sum()), level=0.95, effective=effective)
    return {
        "loans": len(loans), "lent_fen": lent, "bad_loans": int(is_bad.sum()), "bad_fen": bad_fen,
        "rate": rate, "rate_low": low, "rate_high": high,
        "rate_of_amount": bad_fen / lent if lent else np.nan,
    }  # fmt: skip
