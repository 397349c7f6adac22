"""What was due and what was paid, by loan and day, in fen."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refusal
from alicredit.errors import RecordError
from alicredit.records import Records


@dataclass(frozen=True, eq=False)
class Postings:
    """A book's dues and payments.

    Parameters
    ----------
    loans : pandas.DataFrame
        ``loan_id, merchant_id, product_id, principal_fen, owed_fen, rate, rate_unit, disbursed_at,
        due_at, known_at``, sorted by loan; ``owed_fen`` falls due at ``due_at`` where no instalment
        of the loan is known.
    dues : pandas.DataFrame
        ``loan_id, day, fen, principal_fen, interest_fen, known_at``: what falls due at the end of a
        day, and how much of it is principal and interest; the rest is fees.
    payments : pandas.DataFrame
        ``loan_id, day, fen, principal_fen, interest_fen, penalty_fen, known_at``: what was paid on
        a day, and how much of it as principal, interest and penalty; a penalty settles no due.
        Where the records do not say what was principal, it is taken to have brought its own
        interest along; where they do not say what was interest, it is all the rest.
    events : pandas.DataFrame
        ``merchant_id, loan_id, day, kind, known_at``: signs that a borrower is unlikely to pay;
        ``loan_id`` is missing where they are of all the merchant's loans.
    """

    loans: pd.DataFrame
    dues: pd.DataFrame
    payments: pd.DataFrame
    events: pd.DataFrame

    def known_before(self, moment: pd.Timestamp) -> Postings:
        """Keep what had happened and was known before a moment; a schedule is known in advance.

        A loan none of whose instalments was known yet owes all at its due date.
        """
        loans = self.loans[self.loans["known_at"] < moment]
        dues = self.dues[self.dues["known_at"] < moment]
        return Postings(
            loans,
            _joined([dues, _owed_at_end(loans, dues["loan_id"])]).sort_values(
                _DUE_ORDER, ignore_index=True
            ),
            self.payments[self.payments["known_at"] < moment],
            self.events[self.events["known_at"] < moment],
        )


_DUE_ORDER = ["loan_id", "day", "known_at"]
PRINCIPAL_FEN = "{cast}(round(l.principal * 100) AS BIGINT)"


def _units(until: str) -> str:
    """Write the days, or calendar months and thirtieths, that a loan bears interest until a time.

    As :func:`alicredit.loans.months_charged` counts them.

    Examples
    --------
    >>> "date_diff('day', CAST(l._happened AS DATE), CAST(l.due_at AS DATE))" in _units("l.due_at")
    True
    """
    start, end = "CAST(l._happened AS DATE)", f"CAST({until} AS DATE)"
    apart = f"date_diff('month', {start}, {end})"
    whole = f"({apart} - CAST({start} + to_months({apart}::INT) > {end} AS INT))"
    rest = f"date_diff('day', CAST({start} + to_months({whole}::INT) AS DATE), {end})"
    return f"""CASE WHEN l.rate_unit = 'month' THEN {whole} + least({rest}, 30) / 30
         ELSE date_diff('day', {start}, {end}) END"""


OWED_FEN = f"""{PRINCIPAL_FEN} + {{cast}}(round(l.principal * 100 * l.rate
         * ({_units("l.due_at")})) AS BIGINT)"""
_PAID_PRINCIPAL = f"""CASE
  WHEN p.principal IS NOT NULL THEN p.principal
  WHEN p.interest IS NOT NULL THEN p.amount - p.interest - coalesce(p.penalty, 0)
  ELSE (p.amount - coalesce(p.penalty, 0)) / (1 + l.rate
    * ({_units("least(p._happened, l.due_at)")})) END"""
PAID_SUMS = f"""sum({{cast}}(round(p.amount * 100) AS BIGINT)) AS fen,
         sum({{cast}}(round(coalesce({_PAID_PRINCIPAL}, 0) * 100) AS BIGINT)) AS principal_fen,
         sum({{cast}}(round(coalesce(p.penalty, 0) * 100) AS BIGINT)) AS penalty_fen"""
_PAID_INTEREST = f"""coalesce(p.interest,
    p.amount - coalesce(p.penalty, 0) - coalesce({_PAID_PRINCIPAL}, 0))"""
_LOANS = """
SELECT loan_id, _merchant_id AS merchant_id, product_id,
       {principal} AS principal_fen, {owed} AS owed_fen, rate,
       coalesce(rate_unit, 'day') AS rate_unit,
       _happened AS disbursed_at, due_at, greatest(_happened, _known) AS known_at
FROM ({{loans}}) l ORDER BY loan_id
""".format(principal=PRINCIPAL_FEN.format(cast="CAST"), owed=OWED_FEN.format(cast="CAST"))
_DUES = """
SELECT loan_id, CAST(due_at AS DATE) AS day,
       CAST(sum(principal + interest + coalesce(fee, 0)) AS BIGINT) AS fen,
       CAST(sum(principal) AS BIGINT) AS principal_fen,
       CAST(sum(interest) AS BIGINT) AS interest_fen, greatest(_happened, _known) AS known_at
FROM ({instalments}) GROUP BY ALL ORDER BY loan_id, day, known_at
"""
_PAYMENTS = f"""
SELECT p.loan_id, CAST(p._happened AS DATE) AS day, {PAID_SUMS.format(cast="CAST")},
       sum(CAST(round({_PAID_INTEREST} * 100) AS BIGINT)) AS interest_fen,
       greatest(p._happened, p._known) AS known_at
FROM ({{repayments}}) p JOIN ({{loans}}) l ON l.loan_id = p.loan_id
GROUP BY ALL ORDER BY p.loan_id, day, known_at
"""
_EVENTS = """
SELECT _merchant_id AS merchant_id, CAST(NULL AS VARCHAR) AS loan_id,
       CAST(_happened AS DATE) AS day, kind, greatest(_happened, _known) AS known_at
FROM ({account_events}) WHERE kind IN ('sealed', 'fraud_found', 'written_off', 'bankrupt')
"""
_RESTRUCTURES = """
SELECT _merchant_id AS merchant_id, loan_id, CAST(_happened AS DATE) AS day,
       'restructured' AS kind, greatest(_happened, _known) AS known_at
FROM ({restructures}) WHERE coalesce(npv_loss, 1) > 0.01
"""


def read_postings(records: Records) -> Postings:
    """Read dues and payments of every loan; a loan without instalments owes all at its due date.

    Parameters
    ----------
    records : Records
        With the table ``loans``; ``instalments``, ``repayments``, ``account_events`` and
        ``restructures`` where they are.

    Returns
    -------
    Postings
        In fen and days.

    Raises
    ------
    RecordError
        If there is no table of loans, an amount is no money, or one of a payment is missing.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> loans = pd.DataFrame({"loan_id": ["l"], "merchant_id": ["m"], "rate": [0.0005],
    ...     "product_id": ["taobao_order"], "principal": [5000.0],
    ...     "disbursed_at": pd.to_datetime(["2012-11-11"]),
    ...     "due_at": pd.to_datetime(["2012-12-11"])})
    >>> int(read_postings(read_records({"merchants": merchants, "loans": loans})).dues["fen"][0])
    507500
    >>> read_postings(read_records({"merchants": merchants}))
    Traceback (most recent call last):
    alicredit.errors.RecordError: table 'loans' must be among the records; ...
    """
    if "loans" not in records:
        raise RecordError(refusal("table 'loans'", "must be among the records", records.tables))
    con = records.connect()
    facts = {name: records.fact_sql(name) for name in _USED if name in records}
    try:
        loans = _frame(con, _LOANS.format(**facts))
        listed = _part(con, facts, "instalments", _DUES)
        _refuse_unknown_payments(con, facts)
        payments = _part(con, facts, "repayments", _PAYMENTS)
        events = [
            _part(con, facts, "account_events", _EVENTS),
            _part(con, facts, "restructures", _RESTRUCTURES),
        ]
    except duckdb.Error as error:
        rule = "must hold amounts of money that can be counted"
        raise RecordError(refusal("the loan tables", rule, str(error).splitlines()[0])) from error
    finally:
        con.close()
    dues = _joined([_owed_at_end(loans, listed["loan_id"]), listed])
    return Postings(
        loans,
        dues.sort_values(_DUE_ORDER, ignore_index=True),
        payments,
        _joined(events).sort_values(["merchant_id", "day", "kind"], ignore_index=True),
    )


_USED = ("loans", "instalments", "repayments", "account_events", "restructures")
_EMPTY = {
    "instalments": {"loan_id": "object", "day": "datetime64[us]", "fen": "int64",
                    "principal_fen": "int64", "interest_fen": "int64"},
    "repayments": {"loan_id": "object", "day": "datetime64[us]", "fen": "int64",
                   "principal_fen": "int64", "penalty_fen": "int64",
                   "interest_fen": "int64"},
    "account_events": {"merchant_id": "object", "loan_id": "object", "day": "datetime64[us]",
                       "kind": "object"},
}  # fmt: skip


def is_listed(ids: pd.Series, among: pd.Series) -> npt.NDArray[np.bool_]:
    """Tell which identifiers are among others, by hash; ``isin`` takes texts one by one."""
    found = pd.Index(among.unique()).get_indexer(ids) >= 0
    return np.asarray(found, bool)


def _owed_at_end(loans: pd.DataFrame, listed: pd.Series) -> pd.DataFrame:
    """Give what loans without a listed instalment owe at their due date."""
    mine = loans[~is_listed(loans["loan_id"], listed)]
    day = mine["due_at"].dt.normalize().astype("datetime64[us]")
    return pd.DataFrame(
        {"loan_id": mine["loan_id"], "day": day, "fen": mine["owed_fen"],
         "principal_fen": mine["principal_fen"],
         "interest_fen": mine["owed_fen"] - mine["principal_fen"], "known_at": mine["known_at"]}
    )  # fmt: skip


def _refuse_unknown_payments(con: duckdb.DuckDBPyConnection, facts: dict[str, str]) -> None:
    """Refuse a payment that does not say how much was paid."""
    if "repayments" not in facts:
        return
    sql = "SELECT loan_id, _happened FROM ({repayments}) WHERE amount IS NULL ORDER BY ALL LIMIT 1"
    row = con.execute(sql.format(**facts)).fetchone()
    if row is not None:
        found = f"none for loan {row[0]!r} at {row[1]}"
        rule = "must say how much was paid"
        raise RecordError(refusal("repayments.amount", rule, found, "complete or drop the payment"))


def _part(
    con: duckdb.DuckDBPyConnection, facts: dict[str, str], name: str, sql: str
) -> pd.DataFrame:
    """Query a table that may be absent."""
    if name in facts:
        return _frame(con, sql.format(**facts))
    types = _EMPTY.get(name, _EMPTY["account_events"]) | {"known_at": "datetime64[us]"}
    return pd.DataFrame({column: pd.Series(dtype=kind) for column, kind in types.items()})


def _frame(con: duckdb.DuckDBPyConnection, sql: str) -> pd.DataFrame:
    """Run a query; days and times come back in microseconds."""
    frame = con.execute(sql).df()
    for column in ("fen", "principal_fen", "interest_fen", "penalty_fen"):
        if column in frame:
            frame[column] = frame[column].astype("int64")
    for column in ("day", "known_at", "disbursed_at", "due_at"):
        if column in frame:
            frame[column] = frame[column].astype("datetime64[us]")
    return frame


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Put parts end to end, leaving out empty ones."""
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]


def signs_of_loans(postings: Postings) -> pd.DataFrame:
    """Give the signs of trouble loan by loan: a restructure's own, else all of the merchant's.

    Parameters
    ----------
    postings : Postings
        Loans and events.

    Returns
    -------
    pandas.DataFrame
        ``loan_id, merchant_id, day, kind, known_at``; a sign before a loan's disbursement too.

    Examples
    --------
    >>> day = pd.to_datetime(["2013-01-01"]).astype("datetime64[us]")
    >>> loans = pd.DataFrame({"loan_id": ["a", "b"], "merchant_id": ["m", "m"]})
    >>> signs = pd.DataFrame({"merchant_id": ["m"], "loan_id": [None], "day": day,
    ...                       "kind": ["sealed"], "known_at": day})
    >>> signs_of_loans(Postings(loans, loans[:0], loans[:0], signs))["loan_id"].tolist()
    ['a', 'b']
    """
    events = postings.events
    own = events[events["loan_id"].notna()]
    common = events[events["loan_id"].isna()].drop(columns="loan_id")
    spread = common.merge(postings.loans[["merchant_id", "loan_id"]], on="merchant_id")
    return _joined([own, spread])[["loan_id", "merchant_id", "day", "kind", "known_at"]]
