"""Loans of which it is not known what they owe, from which day on and why."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.ledger.arrears import lateness
from alicredit.ledger.postings import FAULTS, Postings
from alicredit.ledger.signs import signs_of_loans

UNDATED = "loan_without_due_day"
"""Of which it is not known when anything falls due."""

_UNKNOWN = ["loan_id", "merchant_id", "product_id", "day", "over_day", "kind"]


def find_unknown(postings: Postings) -> pd.DataFrame:
    """Find the loans of a book of which it is not known what they owe.

    Their rows are no one's guess: :func:`alicredit.ledger.replay` gives none from that day on, and
    where loans are counted they are left out. What cannot be counted of a loan that had been repaid
    or written off before plays no part.

    Parameters
    ----------
    postings : Postings
        Dues, payments and signs; cut by ``known_before`` where a moment is asked about.

    Returns
    -------
    pandas.DataFrame
        One row a loan, sorted: ``loan_id, merchant_id, product_id`` (missing where the loan's own
        row cannot be counted), ``day`` (from which on), ``over_day`` (on which the loan was repaid
        or written off, NaT) and ``kind``: one of ``FAULTS``, or ``loan_without_due_day``, for which
        replay still tells the balance.

    Examples
    --------
    >>> day = pd.to_datetime(["2013-01-01"]).astype("datetime64[us]")
    >>> loans = pd.DataFrame({"loan_id": ["l"], "merchant_id": ["m"], "product_id": ["p"],
    ...                       "principal_fen": [100], "disbursed_at": day})
    >>> none = pd.DataFrame({"loan_id": [], "day": day[:0], "fen": [], "principal_fen": [],
    ...                      "merchant_id": [], "kind": [], "known_at": day[:0]})
    >>> find_unknown(Postings(loans, none, none, none))["kind"].tolist()
    ['loan_without_due_day']
    """
    loans = postings.loans.reset_index(drop=True)
    over = _over(postings, loans)
    ids = pd.Index(loans["loan_id"])
    faults = postings.faults.sort_values(["loan_id", "day", "kind"])
    at = ids.get_indexer(faults["loan_id"])
    faults = faults.assign(
        over_day=pd.Series(np.append(over, np.datetime64("NaT", "us"))[at], index=faults.index),
        product_id=_product(loans, at, faults.index),
    )
    faults = faults[~(faults["over_day"] < faults["day"])]
    dated = postings.dues.loc[postings.dues["day"].notna(), "loan_id"].unique()
    undated = loans[pd.Index(dated).get_indexer(ids) < 0]
    undated = undated.assign(day=undated["disbursed_at"].dt.normalize(), kind=UNDATED,
                             over_day=over[undated.index.to_numpy()])  # fmt: skip
    parts = [part for part in (faults, undated.reindex(columns=_UNKNOWN)) if len(part)]
    found = pd.concat([part[_UNKNOWN] for part in parts] or [faults[_UNKNOWN]], ignore_index=True)
    return found.drop_duplicates("loan_id").sort_values("loan_id", ignore_index=True)


def find_uncounted(postings: Postings) -> pd.DataFrame:
    """Find the loans of a book that cannot be counted: those with one of ``FAULTS``.

    Parameters
    ----------
    postings : Postings
        As for :func:`find_unknown`.

    Returns
    -------
    pandas.DataFrame
        The rows of :func:`find_unknown`, but for loans whose balance is known and whose due day is
        not.

    Examples
    --------
    >>> day = pd.to_datetime(["2013-01-01"]).astype("datetime64[us]")
    >>> loans = pd.DataFrame({"loan_id": ["l"], "merchant_id": ["m"], "product_id": ["p"],
    ...                       "principal_fen": [100], "disbursed_at": day})
    >>> none = pd.DataFrame({"loan_id": [], "day": day[:0], "fen": [], "principal_fen": [],
    ...                      "merchant_id": [], "kind": [], "known_at": day[:0]})
    >>> len(find_uncounted(Postings(loans, none, none, none)))
    0
    """
    found = find_unknown(postings)
    return found[found["kind"].isin(FAULTS)].reset_index(drop=True)


def _product(loans: pd.DataFrame, at: npt.NDArray[np.int64], index: pd.Index) -> pd.Series:
    """Give the product of each fault's loan, missing where the loan's row cannot be counted."""
    known = loans["product_id"] if "product_id" in loans else pd.Series([None] * len(loans))
    words = np.append(known.to_numpy(object), np.array([None], dtype=object))
    return pd.Series(words[at], index=index, dtype=object)


def _over(postings: Postings, loans: pd.DataFrame) -> npt.NDArray[np.datetime64]:
    """Give the day on which each loan was repaid or written off, the earlier; NaT for neither."""
    _, closed = lateness(postings, 0, 0)
    signs = signs_of_loans(postings)
    lost = signs[signs["kind"] == "written_off"].merge(
        loans[["loan_id", "disbursed_at"]], on="loan_id"
    )
    lost = lost[lost["day"] >= lost["disbursed_at"].dt.normalize()]
    gone = lost.groupby("loan_id")["day"].min().reindex(loans["loan_id"])
    return np.fmin(closed.astype("datetime64[us]"), gone.to_numpy("datetime64[us]"))
