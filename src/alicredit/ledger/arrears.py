"""Arrears as intervals: which due was materially unpaid from when to when.

Payments settle the oldest due first. What an accepted plan replaced is settled by the plan.
A due is materially unpaid while what was due up to it exceeds what was paid by more than the
materiality; a loan whose principal is repaid owes nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refusal, require_between, require_columns, require_whole
from alicredit.errors import RecordError
from alicredit.ledger.plans import dues_in_force
from alicredit.ledger.postings import (
    INSTALMENT_COUNTS,
    LOAN_COUNTS,
    OWED_FEN,
    PAID_SUMS,
    PAYMENT_COUNTS,
    PRINCIPAL_FEN,
    Postings,
    require_each_once,
)
from alicredit.records import Records

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


_AT = """
WITH question AS (SELECT row_number() OVER () - 1 AS row, merchant_id, as_of FROM asked),
loan AS (
  SELECT q.row, q.as_of, l.loan_id, l.due_at, l.rate, l.rate_unit, l._happened,
         {principal} AS principal_fen, NOT {loan_counts} AS is_bad,
         coalesce({owed}, {principal}) AS owed_fen
  FROM question q JOIN ({loans}) l ON l._merchant_id = q.merchant_id
   AND l._happened < q.as_of AND l._known < q.as_of),
paid AS (
  SELECT l.row, l.loan_id, {paid_sums}, bool_or(NOT {payment_counts}) AS is_bad
  FROM loan l JOIN ({repayments}) p ON p.loan_id = l.loan_id
   AND p._happened < l.as_of AND p._known < l.as_of GROUP BY ALL),
listed AS (
  SELECT l.row, l.loan_id, CAST(d.due_at AS DATE) AS day, d.fen, d.fee, NOT d.counts AS is_bad,
         CAST(greatest(d._happened, d._known) AS DATE) AS known_day
  FROM loan l JOIN ({instalments}) d ON d.loan_id = l.loan_id
   AND d._happened < l.as_of AND d._known < l.as_of),
plan AS (
  SELECT l.row, l.loan_id, max(CAST(r._happened AS DATE)) AS day
  FROM loan l JOIN ({restructures}) r ON r.loan_id = l.loan_id
   AND r._happened < l.as_of AND r._known < l.as_of AND r.kind IN ('extension', 'rate_cut')
  WHERE EXISTS (SELECT 1 FROM listed d WHERE d.row = l.row AND d.loan_id = l.loan_id
    AND d.known_day >= CAST(r._happened AS DATE)) GROUP BY ALL),
before AS (
  SELECT l.row, l.loan_id, l.day, coalesce(sum(TRY_CAST(round(
           (p.amount - coalesce(p.penalty, 0)) * 100) AS BIGINT)), 0) AS fen
  FROM plan l JOIN loan USING (row, loan_id) LEFT JOIN ({repayments}) p ON p.loan_id = l.loan_id
   AND CAST(p._happened AS DATE) < l.day AND p._happened < as_of AND p._known < as_of
  GROUP BY ALL),
owed AS (
  SELECT d.row, d.loan_id, d.day, d.fen FROM listed d LEFT JOIN before b USING (row, loan_id)
  WHERE b.day IS NULL OR d.known_day >= b.day
  UNION ALL SELECT row, loan_id, day, fen FROM before
  UNION ALL SELECT row, loan_id, CAST(due_at AS DATE), owed_fen
  FROM loan ANTI JOIN listed USING (row, loan_id)),
due AS (
  SELECT o.row, o.loan_id, l.as_of, l.principal_fen, o.day,
         sum(o.fen) OVER (PARTITION BY o.row, o.loan_id ORDER BY o.day) AS fen
  FROM owed o JOIN loan l USING (row, loan_id)),
fees AS (SELECT row, loan_id, sum(fee) AS fen FROM listed GROUP BY ALL),
back AS (
  SELECT p.row, p.loan_id, p.fen - p.penalty_fen AS fen, p.principal_fen - least(p.rest_fen,
           greatest(coalesce(f.fen, 0) - (p.fen - p.principal_fen - p.interest_fen
             - p.penalty_fen), 0)) AS principal_fen
  FROM paid p LEFT JOIN fees f USING (row, loan_id)),
late AS (
  SELECT d.row, date_diff('day', min(d.day), CAST(any_value(d.as_of) AS DATE)) AS days
  FROM due d LEFT JOIN back p ON p.row = d.row AND p.loan_id = d.loan_id
  WHERE d.day < CAST(d.as_of AS DATE) AND coalesce(p.principal_fen, 0) < d.principal_fen
    AND d.fen - coalesce(p.fen, 0) > least(10000, floor(d.principal_fen * 0.1))
  GROUP BY d.row),
bad AS (
  SELECT DISTINCT l.row FROM loan l LEFT JOIN paid p USING (row, loan_id)
  LEFT JOIN back b USING (row, loan_id)
  LEFT JOIN (SELECT DISTINCT row, loan_id FROM listed WHERE is_bad) d USING (row, loan_id)
  WHERE l.is_bad OR ((p.is_bad OR d.row IS NOT NULL)
    AND coalesce(b.principal_fen, 0) < l.principal_fen))
SELECT q.row, CASE WHEN b.row IS NULL THEN coalesce(l.days, 0) END AS days
FROM question q LEFT JOIN late l USING (row) LEFT JOIN bad b USING (row) ORDER BY row
"""
_NO_PAYMENT = (
    "SELECT NULL::VARCHAR AS loan_id, 0.0 AS amount, 0.0 AS principal, 0.0 AS interest, "
    "0.0 AS penalty, "
    "NULL::TIMESTAMP AS _happened, NULL::TIMESTAMP AS _known WHERE false"
)
_NO_INSTALMENT = (
    "SELECT NULL::VARCHAR AS loan_id, NULL::TIMESTAMP AS due_at, 0 AS fen, 0 AS fee, "
    "true AS counts, "
    "NULL::TIMESTAMP AS _happened, NULL::TIMESTAMP AS _known WHERE false"
)
_NO_RESTRUCTURE = (
    "SELECT NULL::VARCHAR AS loan_id, NULL::VARCHAR AS kind, "
    "NULL::TIMESTAMP AS _happened, NULL::TIMESTAMP AS _known WHERE false"
)
_BY_INSTALMENT = (
    "SELECT loan_id, due_at, principal + interest + coalesce(fee, 0) AS fen, "
    f"coalesce(fee, 0) AS fee, {INSTALMENT_COUNTS} AS counts, _happened, _known "
    "FROM ({instalments}) d"
)


def days_past_due_at(records: Records, frame: pd.DataFrame) -> pd.Series:
    """Count how late each merchant was at a moment, from what was known before it.

    Parameters
    ----------
    records : Records
        With ``loans`` where anybody ever borrowed.
    frame : pandas.DataFrame
        ``merchant_id`` and ``as_of``.

    Returns
    -------
    pandas.Series
        Whole days, as float64, since the oldest materially unpaid due of any loan, 0 where none
        is, NaN where a payment or a loan of the merchant cannot be counted; in the order of
        ``frame``, index 0 to n - 1.

    Raises
    ------
    InputError
        If the frame lacks a column.
    RecordError
        If an amount is no money.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> loans = pd.DataFrame({"loan_id": ["l"], "merchant_id": ["m"], "rate": [0.0005],
    ...     "product_id": ["taobao_order"], "principal": [5000.0],
    ...     "disbursed_at": pd.to_datetime(["2012-11-11"]),
    ...     "due_at": pd.to_datetime(["2012-12-11"])})
    >>> asked = pd.DataFrame({"merchant_id": ["m"], "as_of": pd.to_datetime(["2012-12-21"])})
    >>> int(days_past_due_at(read_records({"merchants": merchants, "loans": loans}), asked)[0])
    10
    >>> days_past_due_at(read_records({"merchants": merchants}), asked.drop(columns="as_of"))
    Traceback (most recent call last):
    alicredit.errors.InputError: frame must have the column 'as_of'; ...
    """
    require_columns("frame", map(str, frame.columns), ("merchant_id", "as_of"))
    if "loans" not in records or frame.empty:
        return pd.Series(np.zeros(len(frame)))
    asked = frame[["merchant_id", "as_of"]].assign(as_of=frame["as_of"].astype("datetime64[us]"))
    asked_of = ("loans", "instalments", "repayments", "restructures")
    facts = {name: records.fact_sql(name) for name in asked_of if name in records}
    parts = {"repayments": _NO_PAYMENT, "instalments": _NO_INSTALMENT,
             "restructures": _NO_RESTRUCTURE} | facts  # fmt: skip
    parts |= {"principal": PRINCIPAL_FEN.format(cast="TRY_CAST")}
    parts |= {"paid_sums": PAID_SUMS.format(cast="TRY_CAST")}
    parts |= {"owed": OWED_FEN.format(cast="TRY_CAST")}
    parts |= {"payment_counts": PAYMENT_COUNTS, "loan_counts": LOAN_COUNTS}
    if "instalments" in facts:
        parts["instalments"] = _BY_INSTALMENT.format(**facts)
    con = records.connect()
    try:
        con.register("asked", asked.assign(merchant_id=asked["merchant_id"].astype(object)))
        rows = con.execute(_AT.format(**parts)).df()
    except duckdb.Error as error:
        rule = "must hold amounts of money that can be counted"
        raise RecordError(refusal("the loan tables", rule, str(error).splitlines()[0])) from error
    finally:
        con.close()
    return rows["days"].astype(np.float64)
