"""What was due and what was paid, by loan and day, in fen."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refusal
from alicredit.errors import RecordError
from alicredit.ledger.fees import without_fees
from alicredit.ledger.plans import PLANNED, of_plans
from alicredit.records import Records
from alicredit.records.bounds import query_refused

log = logging.getLogger(__name__)


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
        ``merchant_id, loan_id, day, kind, known_at``: signs that a borrower is unlikely to pay, the
        end of one (``unsealed``), and plans that were accepted (``planned``); ``loan_id`` is
        missing where they are of all the merchant's loans.
    faults : pandas.DataFrame
        ``loan_id, merchant_id, day, kind, known_at``: rows that cannot be counted (``FAULTS``).
        What their loan owes is not known from that day on; the other loans stand.
    """

    loans: pd.DataFrame
    dues: pd.DataFrame
    payments: pd.DataFrame
    events: pd.DataFrame
    faults: pd.DataFrame = field(default_factory=lambda: _no_faults())

    def __repr__(self) -> str:
        """Count what there is of each."""
        return (f"Postings({len(self.loans)} loans, {len(self.dues)} dues, "
                f"{len(self.payments)} payments, {len(self.events)} events, "
                f"{len(self.faults)} faults)")  # fmt: skip

    def known_before(self, moment: pd.Timestamp) -> Postings:
        """Keep what had happened and was known before a moment; a schedule is known in advance.

        A loan none of whose instalments was known yet owes all at its due date. Rows that cannot be
        counted but were not known by then play no part.
        """
        loans = self.loans[self.loans["known_at"] < moment]
        require_each_once(loans)
        dues = self.dues[self.dues["known_at"] < moment]
        events = self.events[self.events["known_at"] < moment]
        payments = self.payments[self.payments["known_at"] < moment]
        dues = _with_ends(loans, dues, events)
        return Postings(
            loans, dues, without_fees(payments, dues), events,
            self.faults[self.faults["known_at"] < moment],
        )  # fmt: skip


FAULTS = ("uncounted_payment", "uncounted_loan", "uncounted_instalment", "repeated_loan")
"""What makes a row one that cannot be counted; of a loan listed again it is not known which of the
rows holds, from when the second is known."""


def _no_faults() -> pd.DataFrame:
    """Lay out a table of faults without a row."""
    kinds = {"loan_id": "object", "merchant_id": "object", "day": "datetime64[us]",
             "kind": "object", "known_at": "datetime64[us]"}  # fmt: skip
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})


def require_each_once(loans: pd.DataFrame) -> None:
    """Refuse a book that lists a loan twice: which of the rows holds is not known.

    Parameters
    ----------
    loans : pandas.DataFrame
        With ``loan_id``.

    Raises
    ------
    RecordError
        With a loan that stands twice.

    Examples
    --------
    >>> require_each_once(pd.DataFrame({"loan_id": ["l", "l"]}))
    Traceback (most recent call last):
    alicredit.errors.RecordError: table 'loans' must list each loan once; found 'l' again. Try: ...
    """
    again = loans["loan_id"].duplicated()
    if again.any():
        found = f"{loans['loan_id'][again].iloc[0]!r} again"
        do = "find_problems lists the copies: remove them"
        raise RecordError(refusal("table 'loans'", "must list each loan once", found, do))


_DUE_ORDER = ["loan_id", "day", "known_at"]
LOAN_COUNTS = "coalesce(l.principal BETWEEN 0 AND 1e11 AND isfinite(l.rate), false)"
PAYMENT_COUNTS = """coalesce(p.amount BETWEEN -1e11 AND 1e11
  AND coalesce(p.principal, 0) BETWEEN -1e11 AND 1e11
  AND coalesce(p.interest, 0) BETWEEN -1e11 AND 1e11
  AND coalesce(p.penalty, 0) BETWEEN -1e11 AND 1e11, false)"""
INSTALMENT_COUNTS = """coalesce(d.due_at IS NOT NULL AND d.principal BETWEEN -1e13 AND 1e13
  AND d.interest BETWEEN -1e13 AND 1e13 AND coalesce(d.fee, 0) BETWEEN -1e13 AND 1e13, false)"""
"""Whether a row can be counted: what it must say is there, finite and possible."""

DEFAULT_LOSS = 0.01
"""A restructure that loses more of the claim's present value is a default (DOMAIN 5.1)."""

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
_PAID_INTEREST = f"""coalesce(p.interest,
    p.amount - coalesce(p.penalty, 0) - coalesce({_PAID_PRINCIPAL}, 0))"""


def _in_fen(yuan: str) -> str:
    """Write an amount in fen, rounded half away from zero."""
    return f"{{cast}}(round(({yuan}) * 100) AS BIGINT)"


PAID_SUMS = f"""sum({_in_fen("p.amount")}) AS fen,
         sum({_in_fen(f"coalesce({_PAID_PRINCIPAL}, 0)")}) AS principal_fen,
         sum({_in_fen("coalesce(p.penalty, 0)")}) AS penalty_fen,
         sum({_in_fen(_PAID_INTEREST)}) AS interest_fen,
         sum(CASE WHEN p.principal IS NULL AND p.interest IS NOT NULL
             THEN {_in_fen(_PAID_PRINCIPAL)} ELSE 0 END) AS rest_fen"""
"""What was paid; of ``rest_fen``, which is in ``principal_fen``, a part may be a fee."""

_NTH_ROW = """row_number() OVER (PARTITION BY loan_id ORDER BY greatest(_happened, _known),
  _happened, due_at, principal, rate, product_id, _merchant_id)"""
_FIRST = f"FROM ({{loans}}) QUALIFY {_NTH_ROW} = 1"
"""The row of each loan that was known first."""

_LOANS = """
SELECT loan_id, _merchant_id AS merchant_id, product_id,
       {principal} AS principal_fen, {owed} AS owed_fen, rate,
       coalesce(rate_unit, 'day') AS rate_unit,
       _happened AS disbursed_at, due_at, greatest(_happened, _known) AS known_at
FROM ({first}) l WHERE {counts} ORDER BY loan_id
""".format(
    principal=PRINCIPAL_FEN.format(cast="CAST"), owed=OWED_FEN.format(cast="CAST"),
    counts=LOAN_COUNTS, first=_FIRST,
)  # fmt: skip
_DUES = f"""
SELECT loan_id, CAST(due_at AS DATE) AS day,
       CAST(sum(principal + interest + coalesce(fee, 0)) AS BIGINT) AS fen,
       CAST(sum(principal) AS BIGINT) AS principal_fen,
       CAST(sum(interest) AS BIGINT) AS interest_fen, greatest(_happened, _known) AS known_at
FROM ({{instalments}}) d WHERE {INSTALMENT_COUNTS} GROUP BY ALL ORDER BY loan_id, day, known_at
"""
_PAYMENTS = f"""
SELECT p.loan_id, CAST(p._happened AS DATE) AS day, {PAID_SUMS.format(cast="CAST")},
       greatest(p._happened, p._known) AS known_at
FROM ({{repayments}}) p JOIN ({_FIRST}) l ON l.loan_id = p.loan_id
WHERE {PAYMENT_COUNTS} AND {LOAN_COUNTS}
GROUP BY ALL ORDER BY p.loan_id, day, known_at
"""
_EVENTS = """
SELECT _merchant_id AS merchant_id, CAST(NULL AS VARCHAR) AS loan_id,
       CAST(_happened AS DATE) AS day, _happened AS at, kind,
       greatest(_happened, _known) AS known_at
FROM ({account_events})
WHERE kind IN ('sealed', 'unsealed', 'fraud_found', 'written_off', 'bankrupt')
"""
_RESTRUCTURES = f"""
SELECT _merchant_id AS merchant_id, loan_id, CAST(_happened AS DATE) AS day, _happened AS at,
       'restructured' AS kind, greatest(_happened, _known) AS known_at
FROM ({{restructures}}) WHERE coalesce(npv_loss, 1) > {DEFAULT_LOSS}
"""
_PLANS = f"""
SELECT _merchant_id AS merchant_id, loan_id, CAST(_happened AS DATE) AS day, _happened AS at,
       '{PLANNED}' AS kind, greatest(_happened, _known) AS known_at
FROM ({{restructures}}) WHERE kind IN ('extension', 'rate_cut')
"""
_FAULTS = {
    "loans": f"""
SELECT loan_id, _merchant_id AS merchant_id, CAST(_happened AS DATE) AS day,
       'uncounted_loan' AS kind, greatest(_happened, _known) AS known_at
FROM ({{loans}}) l WHERE NOT {LOAN_COUNTS}
UNION ALL
SELECT loan_id, _merchant_id AS merchant_id, CAST(greatest(_happened, _known) AS DATE) AS day,
       'repeated_loan' AS kind, greatest(_happened, _known) AS known_at
FROM ({{loans}}) QUALIFY {_NTH_ROW} > 1
""",
    "repayments": f"""
SELECT loan_id, _merchant_id AS merchant_id, CAST(_happened AS DATE) AS day,
       'uncounted_payment' AS kind, greatest(_happened, _known) AS known_at
FROM ({{repayments}}) p WHERE NOT {PAYMENT_COUNTS}
""",
    "instalments": f"""
SELECT loan_id, _merchant_id AS merchant_id, CAST(greatest(_happened, _known) AS DATE) AS day,
       'uncounted_instalment' AS kind, greatest(_happened, _known) AS known_at
FROM ({{instalments}}) d WHERE NOT {INSTALMENT_COUNTS}
""",
}


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
        If there is no table of loans. A row whose amount, rate or day lacks or is impossible stops
        no other loan: it is set apart in ``faults`` and said in the log.

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
    con = records.connect(kept=True)
    facts = {name: records.fact_sql(name) for name in _USED if name in records}
    try:
        loans = _frame(con, _LOANS.format(**facts))
        listed = _part(con, facts, "instalments", _DUES)
        payments = _part(con, facts, "repayments", _PAYMENTS)
        events = _joined([
            _part(con, facts, "account_events", _EVENTS),
            _part(con, facts, "restructures", _RESTRUCTURES),
            _part(con, facts, "restructures", _PLANS),
        ]).sort_values(["merchant_id", "day", "kind"], ignore_index=True)  # fmt: skip
        faults = [_frame(con, sql.format(**facts)) for name, sql in _FAULTS.items()
                  if name in facts]  # fmt: skip
    except duckdb.Error as error:
        rule = "must hold amounts of money that can be counted"
        raise query_refused(error, rule, subject="the loan tables") from error
    finally:
        con.close()
    dues = _with_ends(loans, listed, events)
    return Postings(loans, dues, without_fees(payments, dues), events, _told(_joined(faults)))


_USED = ("loans", "instalments", "repayments", "account_events", "restructures")
_EMPTY = {
    "instalments": {"loan_id": "object", "day": "datetime64[us]", "fen": "int64",
                    "principal_fen": "int64", "interest_fen": "int64"},
    "repayments": {"loan_id": "object", "day": "datetime64[us]", "fen": "int64",
                   "principal_fen": "int64", "penalty_fen": "int64",
                   "interest_fen": "int64", "rest_fen": "int64"},
    "account_events": {"merchant_id": "object", "loan_id": "object", "day": "datetime64[us]",
                       "at": "datetime64[us]", "kind": "object"},
}  # fmt: skip


def is_listed(ids: pd.Series, among: pd.Series) -> npt.NDArray[np.bool_]:
    """Tell which identifiers are among others, by hash; ``isin`` takes texts one by one.

    Parameters
    ----------
    ids : pandas.Series
        Identifiers that are looked for.
    among : pandas.Series
        Where; each may stand there often.

    Returns
    -------
    bool array
        In the order of ``ids``.

    Examples
    --------
    >>> is_listed(pd.Series(["a", "b"]), pd.Series(["b", "b"])).tolist()
    [False, True]
    """
    found = pd.Index(among.unique()).get_indexer(ids) >= 0
    return np.asarray(found, bool)


def _with_ends(loans: pd.DataFrame, dues: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Add what loans owe at their due date of which no instalment, but for a plan's, is listed."""
    first = dues.loc[of_plans(dues, events) == 0, "loan_id"]
    whole = _joined([dues, _owed_at_end(loans, first)])
    return whole.sort_values(_DUE_ORDER, ignore_index=True)


def _owed_at_end(loans: pd.DataFrame, listed: pd.Series) -> pd.DataFrame:
    """Give what loans without a listed instalment owe at their due date, where both are known."""
    mine = loans[~is_listed(loans["loan_id"], listed) & loans["due_at"].notna()
                 & loans["owed_fen"].notna()].astype({"owed_fen": np.int64})  # fmt: skip
    day = mine["due_at"].dt.normalize().astype("datetime64[us]")
    return pd.DataFrame(
        {"loan_id": mine["loan_id"], "day": day, "fen": mine["owed_fen"],
         "principal_fen": mine["principal_fen"],
         "interest_fen": mine["owed_fen"] - mine["principal_fen"], "known_at": mine["known_at"]}
    )  # fmt: skip


def _told(faults: pd.DataFrame) -> pd.DataFrame:
    """Say in the log which rows cannot be counted, and give them sorted."""
    faults = faults.sort_values(["loan_id", "day", "kind"], ignore_index=True)
    for kind, rows in faults.groupby("kind"):
        many, first = len(rows), rows["loan_id"].iloc[0]
        log.warning("%d rows cannot be counted (%s), such as of loan %r: what these loans owe is "
                    "not known from then on", many, kind, first)  # fmt: skip
    return faults


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
    for column in ("fen", "principal_fen", "interest_fen", "penalty_fen",
                   "rest_fen"):  # fmt: skip
        if column in frame:
            frame[column] = frame[column].astype("int64")
    for column in ("day", "at", "known_at", "disbursed_at", "due_at"):
        if column in frame:
            frame[column] = frame[column].astype("datetime64[us]")
    return frame


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Put parts end to end, leaving out empty ones."""
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]
