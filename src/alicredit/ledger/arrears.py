"""Arrears as intervals: which due was materially unpaid from when to when.

Payments settle the oldest due first. What an accepted plan replaced is settled by the plan.
A due is materially unpaid while what was due up to it exceeds what was paid by more than the
materiality; a loan whose principal is repaid owes nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refusal, require_between, require_whole
from alicredit.errors import RecordError
from alicredit.ledger.plans import dues_in_force
from alicredit.ledger.postings import Postings, require_each_once

Days = npt.NDArray[np.datetime64]
_NEVER = np.datetime64("NaT", "D")


@dataclass(frozen=True, eq=False)
class Spells:
    """Dues that were not paid on their day.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``loan_id, merchant_id, due_day, settled_day``: the due was materially unpaid from the day
        after ``due_day`` to ``settled_day`` (NaT: never paid). Sorted by loan and due day.
    """

    frame: pd.DataFrame

    def beyond(self, days_past_due: int) -> pd.DataFrame:
        """Give the spells that lasted beyond a number of days, with the day they did: ``day``."""
        require_whole("days_past_due", days_past_due, 0)
        day = self.frame["due_day"] + np.timedelta64(days_past_due + 1, "D")
        settled = self.frame["settled_day"]
        reached = settled.isna() | (settled >= day)
        return self.frame.assign(day=day)[reached]


def find_spells(
    postings: Postings, *, material_fen: int = 10_000, material_share: float = 0.10
) -> Spells:
    """Find the dues of a book that were materially unpaid after their day.

    Parameters
    ----------
    postings : Postings
        Dues and payments.
    material_fen : int, default 10000
        An overdue amount up to this is immaterial (assumed: 100 yuan).
    material_share : float, default 0.1
        Or up to this share of the principal, whichever is less (assumed), so that a small loan can
        default.

    Returns
    -------
    Spells
        As intervals of days; no day is expanded.

    Raises
    ------
    InputError
        If a materiality is out of range.

    Examples
    --------
    >>> day = pd.to_datetime(["2012-12-11"]).astype("datetime64[us]")
    >>> loans = pd.DataFrame({"loan_id": ["l"], "merchant_id": ["m"], "principal_fen": [500_000]})
    >>> dues = pd.DataFrame({"loan_id": ["l"], "day": day, "fen": [507_500]})
    >>> paid = pd.DataFrame({"loan_id": ["l"], "day": day + pd.Timedelta(days=10),
    ...                      "fen": [511_250], "principal_fen": [500_000]})
    >>> spells = find_spells(Postings(loans, dues, paid, paid[:0]))
    >>> len(spells.beyond(5)), len(spells.beyond(10))
    (1, 0)
    >>> find_spells(Postings(loans, dues, paid, paid[:0]), material_share=2)
    Traceback (most recent call last):
    alicredit.errors.InputError: material_share must be a number from 0 to 1; found 2.
    """
    late, _ = lateness(postings, material_fen, material_share)
    loans, owner = postings.loans, late["loan"].to_numpy()
    frame = pd.DataFrame(
        {
            "loan_id": loans["loan_id"].to_numpy()[owner],
            "merchant_id": loans["merchant_id"].to_numpy()[owner],
            "due_day": late["due_day"],
            "settled_day": late["settled_day"],
        }
    )
    return Spells(frame)


def lateness(
    postings: Postings, material_fen: int, material_share: float
) -> tuple[pd.DataFrame, Days]:
    """Find spells of lateness by the place of their loan, and the day each loan was repaid.

    Examples
    --------
    >>> lateness(Postings(*[pd.DataFrame()] * 4), 10_000, 2.0)
    Traceback (most recent call last):
    alicredit.errors.InputError: material_share must be a number from 0 to 1; found 2.0.
    """
    require_whole("material_fen", material_fen, 0)
    require_between("material_share", material_share, 0, 1)
    loans = postings.loans
    require_each_once(loans)
    asked = dues_in_force(postings.dues, postings.payments, postings.events)
    dues = _by_loan(asked[asked["day"].notna()], loans, ["fen"])
    paid = _by_loan(_toward_dues(postings.payments), loans, ["fen", "principal_fen"])
    principal = loans["principal_fen"].to_numpy(np.int64)
    material = np.minimum(material_fen, np.floor(principal * material_share).astype(np.int64))
    owner = dues["loan"].to_numpy()
    need = dues["fen_sum"].to_numpy() - material[owner]
    closed = _day_reached(np.arange(len(loans)), principal, paid, "principal_fen_sum")
    settled = np.fmin(_day_reached(owner, need, paid, "fen_sum"), closed[owner])
    settled = np.fmin(settled, dues["until_day"].to_numpy().astype("datetime64[D]"))
    due = dues["day"].to_numpy().astype("datetime64[D]")
    late = np.isnat(settled) | (settled > due)
    columns = {
        "loan": owner[late].astype(np.int64),
        "due_day": due[late].astype("datetime64[us]"),
        "settled_day": settled[late].astype("datetime64[us]"),
    }
    return pd.DataFrame(columns), closed


def _toward_dues(payments: pd.DataFrame) -> pd.DataFrame:
    """Leave out what was paid as penalty: it settles no due."""
    if "penalty_fen" not in payments:
        return payments
    return payments.assign(fen=payments["fen"] - payments["penalty_fen"])


def _by_loan(rows: pd.DataFrame, loans: pd.DataFrame, amounts: list[str]) -> pd.DataFrame:
    """Sum rows by loan and day, with running sums within the loan; ``loan`` is its position."""
    loan = pd.Index(loans["loan_id"]).get_indexer(pd.Index(rows["loan_id"]))
    ends = [name for name in ("until_day",) if name in rows]
    table = rows[["day", *amounts, *ends]].assign(loan=loan)[loan >= 0]
    how = dict.fromkeys(amounts, "sum") | dict.fromkeys(ends, "max")
    table = table.groupby(["loan", "day"], sort=True, as_index=False).agg(how)
    for name in amounts:
        table[f"{name}_sum"] = table.groupby("loan")[name].cumsum()
    return table


def _day_reached(
    owner: npt.NDArray[np.int64], need: npt.NDArray[np.int64], paid: pd.DataFrame, column: str
) -> Days:
    """Find for each need the first day on which its loan's running sum reaches it.

    Running sums of all loans are laid end to end on one increasing scale, so that one binary
    search serves the whole book. A need of nothing is met before any day.
    """
    sums = np.maximum.accumulate(paid[column].to_numpy(np.int64)) if paid.empty else None
    if sums is not None or not len(owner):
        return np.where(need <= 0, np.datetime64("1900-01-01", "D"), _NEVER).astype("datetime64[D]")
    raw = paid.groupby("loan")[column].cummax().to_numpy(np.int64)
    top = int(max(raw.max(), need.max(), 0)) + 1
    loan = paid["loan"].to_numpy(np.int64)
    if (int(max(loan.max(), owner.max())) + 2) * top >= 2**62:
        rule = "must stay within 64 bits over the book"
        raise RecordError(refusal("amounts", rule, f"up to {top} fen", "replay in parts"))
    scale = loan * top + np.clip(raw, 0, None)
    wanted = owner * top + np.clip(need, 0, None)
    at = np.searchsorted(scale, wanted, side="left")
    inside = at < len(scale)
    at = np.minimum(at, len(scale) - 1)
    inside &= loan[at] == owner
    day = paid["day"].to_numpy().astype("datetime64[D]")[at]
    found = np.where(inside, day, _NEVER)
    return np.where(need <= 0, np.datetime64("1900-01-01", "D"), found).astype("datetime64[D]")
