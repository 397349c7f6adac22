"""The accounts of a book of loans under one set of terms, from disbursement to a day."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from alicredit.loans.book.accounts import Book
from alicredit.loans.book.steps import lay_out
from alicredit.loans.contract import Terms


@dataclass(frozen=True, eq=False)
class BookSettlement:
    """The accounts of a book up to a day.

    Parameters
    ----------
    postings : pandas.DataFrame
        ``loan_id, day, kind, principal, interest, fee, penalty`` in fen, by loan (in the order of
        the book) and time; see :class:`alicredit.loans.Posting`.
    state : pandas.DataFrame
        One row a loan: ``loan_id, undue, owed_principal, owed_interest, owed_fee, owed_penalty,
        put_off_interest, put_off_fee, put_off_penalty, returned`` in fen; see
        :class:`alicredit.loans.Settlement`.
    """

    postings: pd.DataFrame
    state: pd.DataFrame


def settle(
    terms: Terms,
    loans: pd.DataFrame,
    events: pd.DataFrame | None = None,
    *,
    until: object,
) -> BookSettlement:
    """Keep the accounts of loans under one set of terms to the end of a day.

    Parameters
    ----------
    terms : Terms
        What all contracts say.
    loans : pandas.DataFrame
        ``loan_id``, ``principal_fen``, ``start``; where they differ from
        :class:`alicredit.loans.Contract`'s defaults also ``is_first_loan``, ``is_first_draw``,
        ``line_fen``, ``due`` (one for all rows), ``slices`` (tuples).
    events : pandas.DataFrame or None, default None
        ``loan_id``, ``day``, ``kind``, and ``fen``, ``slice``, ``until`` where the kinds need them;
        see :class:`alicredit.loans.Event`. Events of one loan and day keep their order.
    until : date
        Last day.

    Returns
    -------
    BookSettlement
        To the fen what :func:`alicredit.loans.settle` gives loan by loan.

    Raises
    ------
    InputError
        If a column lacks, a loan is listed twice or unknown, an event lies before disbursement or
        after ``until``, or an amount is negative, naming the row.

    Examples
    --------
    >>> from alicredit.loans import Terms, per_day
    >>> loans = pd.DataFrame({"loan_id": ["a", "b"], "principal_fen": [500_000, 700_000],
    ...                       "start": pd.to_datetime(["2012-11-11"] * 2)})
    >>> paid = pd.DataFrame({"loan_id": ["a", "b"], "kind": "payment", "fen": [511_250, 701_400],
    ...                      "day": pd.to_datetime(["2012-12-21", "2012-11-15"])})
    >>> order = Terms(rate=per_day("0.0005"), days=30)
    >>> accounts = settle(order, loans, paid, until="2012-12-31")
    >>> accounts.postings.groupby("kind")["interest"].sum().to_dict()["payment"]
    -8900
    >>> settle(order, loans.drop(columns="start"), until="2012-12-31")
    Traceback (most recent call last):
    alicredit.errors.InputError: loans must have the column 'start'; ...
    """
    steps = lay_out(terms, loans, events, until)
    book = Book(terms, steps)
    for k in range(steps.rounds):
        rows = steps.of_round(k)
        book.accrue_penalty(steps.loan[rows], steps.day[rows])
        book.take(rows)
    return BookSettlement(book.postings(loans["loan_id"]), book.state(loans["loan_id"]))
