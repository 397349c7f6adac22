"""Looks at loans whose fate is known: what warnings are set by and measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.alerts.early import closing
from alicredit.checks import refuse, require_columns, require_kind, require_whole
from alicredit.cohort import as_moment
from alicredit.ledger import Postings, find_spells, find_uncounted

__all__ = ["Looks", "loan_outcomes"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def loan_outcomes(
    postings: Postings, *, observed_until: object, days_past_due: int = 90
) -> pd.DataFrame:
    """Say what became of each loan by the end of the records.

    Parameters
    ----------
    postings : Postings
        The ledger, see :func:`alicredit.ledger.read_postings`.
    observed_until : date
        Until when the records are complete.
    days_past_due : int, default 90
        Default from the day after so many.

    Returns
    -------
    pandas.DataFrame
        By loan: ``loan_id, merchant_id``, ``outcome`` (``default``, ``repaid``, ``open``: too
        early to say, or ``unknown``: a row of it cannot be counted), ``arrears_day``
        (the first day past due of the due that ended in default) and ``default_day``.

    Raises
    ------
    InputError
        For a moment that is none, or days below 0.

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
    >>> fate = loan_outcomes(ledger, observed_until="2013-12-31")
    >>> fate.loc[0, "outcome"], str(fate.loc[0, "arrears_day"].date())
    ('default', '2012-12-12')
    >>> loan_outcomes(ledger, observed_until="2013-12-31", days_past_due=-1)
    Traceback (most recent call last):
    alicredit.errors.InputError: days_past_due must be a whole number of at least 0; found -1.
    """
    do = "read_postings(records)"
    require_kind("postings", postings, Postings, "must be a ledger's Postings", do=do)
    until = as_moment("observed_until", observed_until)
    require_whole("days_past_due", days_past_due, 0)
    loans = postings.loans.sort_values("loan_id", ignore_index=True)
    beyond = find_spells(postings).beyond(days_past_due)
    beyond = beyond[beyond["day"] <= until].sort_values(["loan_id", "day"])
    first = beyond.drop_duplicates("loan_id").set_index("loan_id")
    day, due = (first[name].reindex(loans["loan_id"]).reset_index(drop=True)
                for name in ("day", "due_day"))  # fmt: skip
    over = closing(loans, postings.payments, "day")
    is_repaid = ~np.isnat(over) & (over <= until.to_datetime64())
    faults = find_uncounted(postings)
    faults = faults[faults["day"] <= until]
    is_unknown = loans["loan_id"].isin(faults["loan_id"])
    outcome = np.select([is_unknown, day.notna(), is_repaid], ["unknown", "default", "repaid"],
                        "open")  # fmt: skip
    return pd.DataFrame(
        {
            "loan_id": loans["loan_id"],
            "merchant_id": loans["merchant_id"],
            "outcome": outcome.astype(object),
            "arrears_day": (due + pd.Timedelta(days=1)).astype("datetime64[us]"),
            "default_day": day.astype("datetime64[us]"),
        }
    )


@dataclass(frozen=True, eq=False)
class Looks:
    """Looks at loans whose fate is known, before anything was overdue.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows of ``early_warnings``.
    never : array of bool
        Looks at loans that were repaid.
    ahead : array of bool
        Looks at loans that defaulted, at least so many days before their arrears began.
    bad : array of bool
        All looks at loans that defaulted.
    days_ahead : array of float
        Days from a look to the arrears; NaN for repaid loans.
    """

    frame: pd.DataFrame
    never: Mask
    ahead: Mask
    bad: Mask
    days_ahead: Floats

    @classmethod
    def of(cls, warnings: pd.DataFrame, outcomes: pd.DataFrame, ahead_days: int) -> Looks:
        """Join looks with what became of their loans; refuse where a side is empty."""
        require_whole("ahead_days", ahead_days, 0)
        needed = ("loan_id", "merchant_id", "as_of", "days_past_due")
        for name, frame in (("warnings", warnings), ("outcomes", outcomes)):
            require_kind(name, frame, pd.DataFrame, "must be a frame")
        require_columns("warnings", map(str, warnings.columns), needed)
        require_columns("outcomes", map(str, outcomes.columns),
                        ("loan_id", "outcome", "arrears_day"))  # fmt: skip
        if outcomes["loan_id"].duplicated().any():
            refuse("outcomes", "must have one row a loan", "a loan twice")
        current = warnings[warnings["days_past_due"].to_numpy() == 0]
        fate = outcomes.set_index("loan_id").reindex(current["loan_id"])
        gap = (fate["arrears_day"].to_numpy() - current["as_of"].to_numpy()) / np.timedelta64(
            1, "D"
        )
        bad = (fate["outcome"] == "default").to_numpy() & (gap > 0)
        never = (fate["outcome"] == "repaid").to_numpy()
        for side, mask in (("repaid", never), ("that defaulted later", bad)):
            if not mask.any():
                rule = f"must hold looks at loans {side}, before anything was overdue"
                refuse("warnings", rule, "none", "look at more days or merchants")
        days = np.where(bad, gap, np.nan)
        return cls(current.reset_index(drop=True), never, bad & (gap >= ahead_days), bad, days)

    def false_months(self, value: Floats) -> pd.DataFrame:
        """Give the largest value of each repaid loan's month: ``merchant_id, worst``."""
        mine = self.frame[self.never]
        month = mine["as_of"].to_numpy().astype("datetime64[M]")
        worst = pd.Series(value[self.never]).groupby([mine["loan_id"].to_numpy(), month]).max()
        owner = mine.drop_duplicates("loan_id").set_index("loan_id")["merchant_id"]
        loans = worst.index.get_level_values(0)
        return pd.DataFrame({"merchant_id": owner.loc[loans].to_numpy(), "worst": worst.to_numpy()})
