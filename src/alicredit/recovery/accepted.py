"""What an accepted offer becomes: dated facts of the records, and a share of sales."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse, require_columns, require_whole
from alicredit.cohort import as_moment
from alicredit.loans import book

MOST_SWEPT = 30
"""Most of a day's settlement that may be swept, in percent (DOMAIN 3.3)."""


def restructure_facts(offers: pd.DataFrame, *, accepted_at: object) -> pd.DataFrame:
    """Write accepted offers down as the table ``restructures`` has them.

    Parameters
    ----------
    offers : pandas.DataFrame
        Rows of :class:`RestorationOffers` that were accepted.
    accepted_at : str, date or timestamp
        When.

    Returns
    -------
    pandas.DataFrame
        ``loan_id, at, kind, npv_loss``. With a loss above 1 % ledger and labels hold the loan in
        default until the probation after a restructure is over.

    Raises
    ------
    InputError
        If a column lacks, or a row was not offered.

    Examples
    --------
    >>> offers = pd.DataFrame({"loan_id": ["l"], "is_offered": [True], "npv_loss": [0.02]})
    >>> restructure_facts(offers, accepted_at="2013-02-01")["kind"].tolist()
    ['extension']
    >>> restructure_facts(offers.assign(is_offered=False), accepted_at="2013-02-01")
    Traceback (most recent call last):
    alicredit.errors.InputError: offers must all be offered; found 'l' refused.
    """
    moment = as_moment("accepted_at", accepted_at)
    require_columns("offers", map(str, offers.columns), ("loan_id", "is_offered", "npv_loss"))
    refused = offers.loc[~offers["is_offered"].astype(bool), "loan_id"]
    if len(refused):
        refuse("offers", "must all be offered", f"{refused.iloc[0]!r} refused")
    made = offers[["loan_id", "npv_loss"]].reset_index(drop=True)
    made.insert(1, "at", pd.Series([moment] * len(made), dtype="datetime64[us]"))
    made.insert(2, "kind", "extension")
    return made


def plan_facts(plans: pd.DataFrame, *, accepted_at: object) -> pd.DataFrame:
    """Write the plans of accepted offers down as the table ``instalments`` has them.

    Beside the row that :func:`restructure_facts` gives, they replace what was due on the loan
    before, from their day on.

    Parameters
    ----------
    plans : pandas.DataFrame
        Rows of :class:`RestorationOffers` of the loans whose offer was accepted.
    accepted_at : str, date or timestamp
        When; the instalments are known from then on.

    Returns
    -------
    pandas.DataFrame
        ``loan_id, due_at, principal, interest, fee`` (interest and penalty that had accrued, all
        three in fen) and ``known_at``.

    Raises
    ------
    InputError
        If a column lacks, or an instalment falls due before the offer was accepted.

    Examples
    --------
    >>> plans = pd.DataFrame({"loan_id": ["l"], "due_day": pd.to_datetime(["2013-02-20"]),
    ...     "principal_fen": [500_000], "interest_fen": [7_500], "carried_fen": [11_250]})
    >>> plan_facts(plans, accepted_at="2013-01-20")[["principal", "fee"]].to_numpy().tolist()
    [[500000, 11250]]
    >>> plan_facts(plans, accepted_at="2013-03-01")
    Traceback (most recent call last):
    alicredit.errors.InputError: plans must fall due after accepted_at; found 'l' on 2013-02-20. ...
    """
    moment = as_moment("accepted_at", accepted_at)
    amounts = {"principal_fen": "principal", "interest_fen": "interest", "carried_fen": "fee"}
    require_columns("plans", map(str, plans.columns), ("loan_id", "due_day", *amounts))
    early = plans[~(plans["due_day"] >= moment.normalize())]
    if len(early):
        found = f"{early['loan_id'].iloc[0]!r} on {early['due_day'].iloc[0]:%Y-%m-%d}"
        refuse("plans", "must fall due after accepted_at", found, "make new offers")
    made = plans[["loan_id", "due_day", *amounts]].reset_index(drop=True)
    made = made.rename(columns={"due_day": "due_at", **amounts})
    made["known_at"] = pd.Series([moment] * len(made), dtype="datetime64[us]")
    return made


def swept(settled_fen: Any, *, percent: int, owed_fen: Any) -> npt.NDArray[np.int64]:
    """Say how much of days' settlements goes to instalments: never more than 30 %, or than is owed.

    Parameters
    ----------
    settled_fen : array of int
        Settled sales of each day, in fen.
    percent : int
        Whole percent, from 0 to 30 (DOMAIN 3.3).
    owed_fen : int or array of int
        What the plan still asks for, in fen.

    Returns
    -------
    ndarray of int64
        Fen, rounded down in the debtor's favour.

    Raises
    ------
    InputError
        If an amount is negative, or the percentage above 30.

    Examples
    --------
    >>> swept([100_001, 900_000], percent=30, owed_fen=100_000)
    array([ 30000, 100000])
    >>> swept([100_001], percent=31, owed_fen=100_000)
    Traceback (most recent call last):
    alicredit.errors.InputError: percent must be a whole number of at least 0 and at most 30; ...
    """
    require_whole("percent", percent, 0, high=MOST_SWEPT)
    settled = np.asarray(book.accrue(settled_fen, "1", 1))
    owed = np.asarray(book.accrue(owed_fen, "1", 1))
    return np.minimum(settled * int(percent) // 100, owed)
