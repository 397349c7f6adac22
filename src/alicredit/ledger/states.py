"""A loan's state on each day of a stretch, for looking at and for checking."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alicredit.checks import refusal, require_between
from alicredit.errors import InputError
from alicredit.ledger.postings import Postings

_MOST_ROWS = 5e7


def replay_days(
    postings: Postings,
    loan_ids: list[str],
    *,
    start: str,
    end: str,
    material_fen: int = 10_000,
    material_share: float = 0.10,
) -> pd.DataFrame:
    """Replay loans day by day: what was due, paid and overdue at each day's close.

    Parameters
    ----------
    postings : Postings
        Dues and payments.
    loan_ids : list of str
        Which loans.
    start, end : str
        First and last day, inclusive.
    material_fen : int, default 10000
        See :func:`find_spells`.
    material_share : float, default 0.1
        See :func:`find_spells`.

    Returns
    -------
    pandas.DataFrame
        ``loan_id, day, due_fen, paid_fen, overdue_fen, days_past_due, state``; the state is
        ``not yet``, ``current``, ``arrears``, ``default`` (more than 90 days) or ``closed``.

    Raises
    ------
    InputError
        If a loan is unknown, the stretch is empty, or the answer would be too long.

    Examples
    --------
    >>> day = pd.to_datetime(["2012-12-11"]).astype("datetime64[us]")
    >>> loans = pd.DataFrame({"loan_id": ["l"], "merchant_id": ["m"], "principal_fen": [500_000],
    ...                       "disbursed_at": day - pd.Timedelta(days=30)})
    >>> dues = pd.DataFrame({"loan_id": ["l"], "day": day, "fen": [507_500]})
    >>> none = pd.DataFrame({"loan_id": [], "day": day[:0], "fen": [], "principal_fen": []})
    >>> book = Postings(loans, dues, none, none)
    >>> replay_days(book, ["l"], start="2012-12-11", end="2012-12-13")["days_past_due"].tolist()
    [0, 1, 2]
    >>> replay_days(book, ["k"], start="2012-12-11", end="2012-12-13")
    Traceback (most recent call last):
    alicredit.errors.InputError: loan_ids must be loans of the book; found 'k'.
    """
    require_between("material_share", material_share, 0, 1)
    days = pd.date_range(start, end, freq="D").to_numpy().astype("datetime64[D]")
    if not len(days) or len(days) * len(loan_ids) > _MOST_ROWS:
        rule = "must be a stretch of days, and not too long a one"
        raise InputError(refusal("start and end", rule, f"{len(days)} days"))
    loans = postings.loans.set_index("loan_id")
    unknown = [each for each in loan_ids if each not in loans.index]
    if unknown:
        raise InputError(refusal("loan_ids", "must be loans of the book", repr(unknown[0])))
    parts = [
        _replay(postings, loans.loc[each], each, days, material_fen, material_share)
        for each in loan_ids
    ]
    return pd.concat(parts, ignore_index=True)


def _replay(
    postings: Postings,
    loan: pd.Series,
    loan_id: str,
    days: np.ndarray,
    material_fen: int,
    material_share: float,
) -> pd.DataFrame:
    """Replay one loan; the oldest due is settled first."""
    dues = postings.dues[postings.dues["loan_id"] == loan_id].sort_values("day")
    paid = postings.payments[postings.payments["loan_id"] == loan_id].sort_values("day")
    due_day = dues["day"].to_numpy().astype("datetime64[D]")
    due_sum = np.concatenate([[0], np.cumsum(dues["fen"].to_numpy(np.int64))])
    pay_day = paid["day"].to_numpy().astype("datetime64[D]")
    pay_sum = np.concatenate([[0], np.cumsum(paid["fen"].to_numpy(np.int64))])
    back_sum = np.concatenate([[0], np.cumsum(paid["principal_fen"].to_numpy(np.int64))])
    due = due_sum[np.searchsorted(due_day, days, side="left")]
    now = np.searchsorted(pay_day, days, side="right")
    closed = back_sum[now] >= loan["principal_fen"]
    overdue = np.where(closed, 0, np.maximum(due - pay_sum[now], 0))
    material = min(material_fen, int(loan["principal_fen"] * material_share))
    oldest = np.searchsorted(due_sum[1:], pay_sum[now] + material, side="right")
    is_late = overdue > material
    since = np.append(due_day, np.datetime64("NaT", "D"))[oldest]
    late = np.where(is_late, (days - since).astype("timedelta64[D]").astype(float), 0)
    begun = days >= np.datetime64(loan["disbursed_at"], "D")
    state = np.select(
        [~begun, closed, late > 90, is_late],
        ["not yet", "closed", "default", "arrears"],
        "current",
    )
    return pd.DataFrame(
        {
            "loan_id": loan_id,
            "day": days.astype("datetime64[us]"),
            "due_fen": due,
            "paid_fen": pay_sum[now],
            "overdue_fen": overdue,
            "days_past_due": late.astype(np.int64),
            "state": state,
        }
    )
