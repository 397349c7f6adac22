"""How late merchants are at a moment: days past due of the oldest unpaid due, loan by loan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import require_columns
from alicredit.ledger.postings import (
    INSTALMENT_COUNTS,
    LOAN_COUNTS,
    OWED_FEN,
    PAID_SUMS,
    PAYMENT_COUNTS,
    PRINCIPAL_FEN,
)
from alicredit.records import Records
from alicredit.records.bounds import query_refused
from alicredit.records.facts import own_fact_sql, quoted

LATE_TABLES = ("loans", "instalments", "repayments", "restructures")
"""Tables that tell how late a loan is, those that are there."""

_ROW_BYTES = 200
"""What a loan or a payment takes while both are laid beside each other (assumed)."""

_NO_UNPAID = """
CREATE TEMP TABLE unpaid (merchant_id VARCHAR, as_of TIMESTAMP, loan_id VARCHAR, owed_fen HUGEINT)
"""
_UNPAID = """
INSERT INTO unpaid
SELECT merchant_id, as_of, loan_id, loan_fen - coalesce(told_fen, 0) AS left_fen FROM (
  SELECT l.merchant_id, l.as_of, l.loan_id, l.principal_fen, l.is_bad,
         sum(TRY_CAST(round(p.principal * 100) AS BIGINT)), {paid_sums} FROM (
    SELECT q.as_of, q.merchant_id, l.loan_id, l.due_at, l.rate, l.rate_unit, l._happened,
           {principal} AS principal_fen, NOT {loan_counts} AS is_bad
    FROM (SELECT DISTINCT merchant_id, as_of FROM question WHERE {whose}) q
    JOIN ({loans}) l ON l._merchant_id = q.merchant_id
     AND l._happened < q.as_of AND l._known < q.as_of) l
  LEFT JOIN ({own_repayments}) p ON p.loan_id = l.loan_id AND p._happened < l.as_of
   AND p._known < l.as_of
  GROUP BY l.merchant_id, l.as_of, l.loan_id, l.principal_fen, l.is_bad)
  AS paid (merchant_id, as_of, loan_id, loan_fen, is_bad, told_fen,
    fen, principal_fen, penalty_fen, interest_fen, rest_fen)
WHERE is_bad OR left_fen > 0 OR NOT coalesce(
  rest_fen IS NOT NULL AND principal_fen - greatest(rest_fen, 0) >= loan_fen, false)
"""
"""Loans that may be late, or that payments do not say to be repaid: few of all. Of any other the
principal is back, whatever a fee took of it."""

_AT = """
WITH loan AS (
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
_QUESTION = """
CREATE TEMP TABLE question AS
SELECT row_number() OVER () - 1 AS row, merchant_id, as_of FROM asked
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
    con = records.connect([name for name in LATE_TABLES if name in records], kept=True)
    try:
        con.register("asked", asked.assign(merchant_id=asked["merchant_id"].astype(object)))
        con.execute(_QUESTION)
        return pd.Series(hold_unpaid(con, records).count_days())
    finally:
        con.close()


@dataclass(frozen=True, eq=False)
class Unpaid:
    """Loans that may be late, or owed, held in a table ``unpaid`` of a connection.

    Made by :func:`hold_unpaid`; ``unpaid`` has ``merchant_id, as_of, loan_id`` and ``owed_fen``,
    what is left of the principal.

    Parameters
    ----------
    con : DuckDB connection
        With the tables ``question`` and ``unpaid``.
    records : Records
        With ``loans``.
    """

    con: duckdb.DuckDBPyConnection
    records: Records

    def count_days(self) -> npt.NDArray[np.float64]:
        """Count how late each question's merchant is, as :func:`days_past_due_at`, by ``row``.

        The connection's loan tables hold but the loans of ``unpaid`` from here on.
        """
        with _counting():
            for name in (each for each in LATE_TABLES if each in self.records):
                _keep_unpaid(self.con, name)
            found = self.con.execute(_AT.format(**_texts(self.records))).df()
        return found["days"].to_numpy(np.float64)


def hold_unpaid(con: duckdb.DuckDBPyConnection, records: Records) -> Unpaid:
    """Hold the loans that may be late, or owed, in a table ``unpaid`` of a connection.

    Parameters
    ----------
    con : DuckDB connection
        Over the loan tables, with a table ``question`` (``row, merchant_id, as_of``).
    records : Records
        With ``loans``; as many are looked at together as a bound of memory allows.

    Returns
    -------
    Unpaid
        Which counts the days.

    Raises
    ------
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
    >>> records = read_records({"merchants": merchants, "loans": loans})
    >>> con = records.connect(["loans"])
    >>> asked = "SELECT 0 AS row, 'm' AS merchant_id, TIMESTAMP '2012-12-21' AS as_of"
    >>> _ = con.execute(f"CREATE TEMP TABLE question AS {asked}")
    >>> unpaid = hold_unpaid(con, records)
    >>> con.execute("SELECT merchant_id, loan_id, owed_fen FROM unpaid").fetchall()
    [('m', 'l', 500000)]
    >>> unpaid.count_days().tolist()
    [10.0]
    """
    parts = 1
    if records.bound is not None:
        rows = sum(records.count(name) for name in ("loans", "repayments") if name in records)
        parts = max(1, -(-rows * _ROW_BYTES // records.bound.memory_bytes))
    texts = _texts(records)
    own = texts["repayments"]
    if "repayments" in records:  # by themselves: a loan is visible where it is joined to
        own = own_fact_sql(records.columns("repayments"), "repayments")
    with _counting():
        con.execute(_NO_UNPAID)
        for part in range(parts):
            whose = f"hash(merchant_id) % {parts} = {part}" if parts > 1 else "true"
            con.execute(_UNPAID.format(own_repayments=own, whose=whose, **texts))
    return Unpaid(con, records)


def _texts(records: Records) -> dict[str, str]:
    """Write the parts of the queries."""
    facts = {name: records.fact_sql(name) for name in LATE_TABLES if name in records}
    parts = {"repayments": _NO_PAYMENT, "instalments": _NO_INSTALMENT,
             "restructures": _NO_RESTRUCTURE} | facts  # fmt: skip
    parts |= {"principal": PRINCIPAL_FEN.format(cast="TRY_CAST")}
    parts |= {"paid_sums": PAID_SUMS.format(cast="TRY_CAST")}
    parts |= {"owed": OWED_FEN.format(cast="TRY_CAST")}
    parts |= {"payment_counts": PAYMENT_COUNTS, "loan_counts": LOAN_COUNTS}
    if "instalments" in facts:
        parts["instalments"] = _BY_INSTALMENT.format(**facts)
    return parts


@contextmanager
def _counting() -> Iterator[None]:
    """Say of amounts that cannot be counted whose they are."""
    try:
        yield
    except duckdb.Error as error:
        rule = "must hold amounts of money that can be counted"
        raise query_refused(error, rule, subject="the loan tables") from error


def _keep_unpaid(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Hold the rows of the loans that may be late, in place of a table's view."""
    every = quoted(f"all_{name}")
    con.execute(f"ALTER VIEW {quoted(name)} RENAME TO {every}")
    con.execute(
        f"CREATE TEMP TABLE {quoted(name)} AS SELECT * FROM {every} "
        "WHERE loan_id IN (SELECT loan_id FROM unpaid)"
    )
