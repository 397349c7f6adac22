"""What an accepted offer becomes: dated facts of the records, and a share of sales."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import (
    is_bool_dtype,
    is_complex_dtype,
    is_datetime64_dtype,
    is_numeric_dtype,
)

from alicredit.checks import refuse, require_columns, require_kind, require_whole
from alicredit.cohort import as_moment
from alicredit.loans import book

MOST_SWEPT = 30
"""Most of a day's settlement that may be swept, in percent (DOMAIN 3.3)."""

_MOST_FEN = 2**53
"""Up to which every whole number of fen is exact as a double."""


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
        If ``offers`` is no frame or a column lacks, if a loan has no id or stands twice, if
        ``is_offered`` is not of booleans or a row was not offered, or if ``npv_loss`` is no share.

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
    _require_loans("offers", offers, ("is_offered", "npv_loss"))
    _require_once("offers", offers, ["loan_id"])
    given = offers["is_offered"]
    if not is_bool_dtype(given) or given.isna().any():
        rule, do = "must be True or False in each row", "take the rows of RestorationOffers"
        refuse("offers['is_offered']", rule, _strangest(given), do)
    refused = offers.loc[~given.astype(bool), "loan_id"]
    if len(refused):
        refuse("offers", "must all be offered", f"{refused.iloc[0]!r} refused")
    rule = "must be a share from 0 to 1"
    loss = _numbers("offers['npv_loss']", offers["npv_loss"], rule)
    _refuse_where("offers['npv_loss']", offers["npv_loss"], ~((loss >= 0) & (loss <= 1)), rule)
    made = offers[["loan_id"]].assign(npv_loss=loss).reset_index(drop=True)
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
        If ``plans`` is no frame or a column lacks, if a loan has no id or two instalments on one
        day, if an amount is no whole fen or negative, or if an instalment has no day or falls due
        before the offer was accepted.

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
    _require_loans("plans", plans, ("due_day", *amounts))
    rule = "must be a day without a time zone in each row"
    if not is_datetime64_dtype(plans["due_day"]):
        refuse("plans['due_day']", rule, f"{plans['due_day'].dtype} values", "pd.to_datetime it")
    _refuse_where("plans['due_day']", plans["due_day"], plans["due_day"].isna(), rule)
    _require_once("plans", plans, ["loan_id", "due_day"])
    fen = {name: _whole_fen(f"plans[{name!r}]", plans[name]) for name in amounts}
    early = plans[~(plans["due_day"] >= moment.normalize())]
    if len(early):
        found = f"{early['loan_id'].iloc[0]!r} on {early['due_day'].iloc[0]:%Y-%m-%d}"
        refuse("plans", "must fall due after accepted_at", found, "make new offers")
    made = plans[["loan_id", "due_day"]].assign(**fen).reset_index(drop=True)
    made = made.rename(columns={"due_day": "due_at", **amounts})
    made["known_at"] = pd.Series([moment] * len(made), dtype="datetime64[us]")
    return made


def _require_loans(argument: str, frame: object, columns: tuple[str, ...]) -> None:
    """Refuse what is no frame of loans with these columns."""
    rows = require_kind(argument, frame, pd.DataFrame, "must be a frame of RestorationOffers")
    require_columns(argument, map(str, rows.columns), ("loan_id", *columns))
    if rows["loan_id"].isna().any():
        refuse(f"{argument}['loan_id']", "must name a loan in each row", "a missing one")


def _require_once(argument: str, rows: pd.DataFrame, key: list[str]) -> None:
    """Refuse rows that stand twice: what is owed would be counted twice."""
    twice = rows.duplicated(key)
    if twice.any():
        rule = f"must hold each {' and '.join(key)} once"
        found = f"{rows['loan_id'][twice.to_numpy()].iloc[0]!r} again"
        refuse(argument, rule, found, "drop what is doubled")


def _numbers(argument: str, column: pd.Series, rule: str) -> npt.NDArray[np.float64]:
    """Take a column of real numbers, NaN for what is missing."""
    kind = column.dtype
    if is_bool_dtype(kind) or is_complex_dtype(kind) or not is_numeric_dtype(kind):
        refuse(argument, rule, f"{kind} values", "take the rows of RestorationOffers")
    return column.to_numpy(float, na_value=np.nan)


def _whole_fen(argument: str, column: pd.Series) -> npt.NDArray[np.int64]:
    """Take amounts in whole fen, none of them negative."""
    rule = "must be whole fen of at least 0"
    fen = _numbers(argument, column, rule)
    _refuse_where(
        argument, column, ~((fen >= 0) & (fen <= _MOST_FEN) & (np.floor(fen) == fen)), rule
    )
    return fen.astype(np.int64)


def _refuse_where(argument: str, column: pd.Series, is_wrong: Any, rule: str) -> None:
    """Refuse a column by the first of its values that is wrong."""
    at = np.flatnonzero(np.asarray(is_wrong, dtype=bool))
    if len(at):
        refuse(argument, rule, f"{column.iloc[at[0]]} in row {at[0]}")


def _strangest(column: pd.Series) -> str:
    """Name what a column of other values than booleans holds."""
    return "a missing one" if column.isna().any() else f"{column.dtype} values"


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
