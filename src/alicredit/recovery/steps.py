"""What was done about a debtor, promised by it and agreed with it, as known before a moment."""

from __future__ import annotations

import duckdb
import pandas as pd

from alicredit.ledger import Postings, dues_in_force
from alicredit.ledger.plans import PLANNED
from alicredit.records import Records
from alicredit.records.bounds import query_refused

PLAN_DAYS = 35
"""A plan is taken to be kept for so many days from its acceptance and each payment (assumed)."""

_CONTACTS = """
SELECT _merchant_id AS merchant_id, loan_id, _happened AS at, action, outcome,
       promised_for, TRY_CAST(round(promised_amount * 100) AS BIGINT) AS promised_fen
FROM ({collections}) WHERE _happened < $1 AND _known < $1
ORDER BY merchant_id, _happened, loan_id, action
"""
_PAID = """
SELECT loan_id, _happened AS at, TRY_CAST(round(amount * 100) AS BIGINT) AS fen
FROM ({repayments}) WHERE _happened < $1 AND _known < $1 ORDER BY loan_id, _happened, fen
"""
_LISTED = """
SELECT DISTINCT _merchant_id AS merchant_id, _happened AS since, reason, source FROM ({blacklist})
WHERE _happened < $1 AND _known < $1 AND ("to" IS NULL OR "to" >= $1)
ORDER BY merchant_id, since, reason, source
"""
_OF_CONTACT = ("merchant_id", "loan_id", "at", "action", "outcome", "promised_for",
               "promised_fen")  # fmt: skip


def read_known(
    records: Records,
    sql: str,
    moment: pd.Timestamp,
    tables: tuple[str, ...],
    *,
    empty: tuple[str, ...] = (),
    debtors: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Run a query of facts known before a moment; without the first table it gives no rows.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> records = read_records({"merchants": merchants})
    >>> read_known(records, "", pd.Timestamp("2013-01-01"), ("orders",), empty=("at",)).columns[0]
    'at'
    """
    if tables[0] not in records:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in empty})
    there = [name for name in tables if name in records]
    facts = {name: records.fact_sql(name) for name in there}
    con = records.connect(there, kept=True)
    try:
        if debtors is not None:
            con.register("debtor", debtors)
        return con.execute(sql.format(**facts), [moment.to_pydatetime()]).df()
    except duckdb.Error as error:
        rule = "must be readable while conduct is gathered"
        raise query_refused(error, rule, do="run find_problems") from error
    finally:
        con.close()


def paid_before(records: Records, moment: pd.Timestamp) -> pd.DataFrame:
    """Give payments known before a moment: ``loan_id, at, fen``.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> len(paid_before(read_records({"merchants": merchants}), pd.Timestamp("2013-01-01")))
    0
    """
    return read_known(
        records, _PAID, moment, ("repayments", "loans"), empty=("loan_id", "at", "fen")
    )


def contacts_before(records: Records, moment: pd.Timestamp) -> pd.DataFrame:
    """Give steps of collection known before a moment, with ``is_broken`` and ``is_running``.

    A promise is broken when its day is over and less than the amount (anything, where none was
    named) was paid on the loan from the promise to the end of that day; it is running until then.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> len(contacts_before(read_records({"merchants": merchants}), pd.Timestamp("2013-01-01")))
    0
    """
    steps = read_known(records, _CONTACTS, moment, ("collections", "loans"), empty=_OF_CONTACT)
    paid = paid_before(records, moment)
    steps = steps.reset_index(drop=True)
    at = pd.to_datetime(steps["at"]).astype("datetime64[us]")
    until = pd.to_datetime(steps["promised_for"]).astype("datetime64[us]") + pd.Timedelta(days=1)
    is_promise = steps["outcome"].eq("promised") & until.notna()
    asked = pd.DataFrame({"loan_id": steps["loan_id"], "from": at, "until": until})
    both = asked[is_promise].reset_index().merge(paid, on="loan_id")
    inside = both[(both["at"] >= both["from"]) & (both["at"] < both["until"])]
    got = inside.groupby("index")["fen"].sum().reindex(steps.index, fill_value=0)
    wanted = pd.to_numeric(steps["promised_fen"], errors="coerce").fillna(1).to_numpy(float)
    is_short = pd.to_numeric(got).to_numpy(float) < wanted
    is_over = (until <= moment).to_numpy()
    steps["at"] = at
    steps["is_broken"] = is_promise.to_numpy() & is_over & is_short
    steps["is_running"] = is_promise.to_numpy() & ~is_over & is_short
    return steps


def listed_before(records: Records, moment: pd.Timestamp) -> pd.DataFrame:
    """Give who is on the blacklist at a moment: ``merchant_id, since, reason, source``."""
    return read_known(records, _LISTED, moment, ("blacklist",),
                      empty=("merchant_id", "since", "reason", "source"))  # fmt: skip


def plans_kept(book: Postings, states: pd.DataFrame, moment: pd.Timestamp) -> pd.Series:
    """Give the ids of loans under an accepted plan that is being kept at a moment.

    A plan whose instalments are written down is kept while none of them is materially overdue. Of
    one without them it is not known what it asks for and when; since instalments are monthly, it is
    taken to be kept while something was paid on the loan, or the plan accepted, within the last
    ``PLAN_DAYS`` days. Support of the shop alone is no plan.

    Parameters
    ----------
    book : Postings
        What was known before the moment.
    states : pandas.DataFrame
        The loans' states at the end of the last day, from :func:`alicredit.ledger.replay`.
    moment : pandas.Timestamp
        When.

    Returns
    -------
    pandas.Series
        Ids of loans that are not closed or written off.

    Examples
    --------
    >>> day = pd.to_datetime(["2013-01-01"]).astype("datetime64[us]")
    >>> none = pd.DataFrame({"loan_id": [], "day": day[:0], "fen": [], "known_at": day[:0]})
    >>> deal = pd.DataFrame({"loan_id": ["l"], "day": day, "kind": "planned"})
    >>> states = pd.DataFrame({"loan_id": ["l"], "state": "arrears", "days_past_due": 40})
    >>> book = Postings(none, none, none, deal)
    >>> plans_kept(book, states, pd.Timestamp("2013-01-20")).tolist()
    ['l']
    >>> plans_kept(book, states, pd.Timestamp("2013-03-20")).tolist()
    []
    """
    deals = book.events.loc[book.events["kind"] == PLANNED, ["loan_id", "day"]]
    owed = dues_in_force(book.dues, book.payments, book.events)
    written = owed.loc[owed["plan"] > 0, "loan_id"].unique()
    paid = book.payments.loc[book.payments["fen"] > 0, ["loan_id", "day"]]
    paid = paid[paid["loan_id"].isin(deals["loan_id"])]
    parts = [part.astype({"day": "datetime64[us]"}) for part in (deals, paid) if len(part)]
    seen = pd.concat(parts, ignore_index=True) if parts else deals
    is_recent = seen["day"] >= moment.normalize() - pd.Timedelta(days=PLAN_DAYS)
    trusted = seen.loc[is_recent, "loan_id"]
    live = states[~states["state"].isin(("closed", "written_off"))]
    is_written = live["loan_id"].isin(written)
    is_kept = is_written & live["days_past_due"].eq(0)
    is_kept |= ~is_written & live["loan_id"].isin(trusted)
    return live.loc[is_kept, "loan_id"].reset_index(drop=True)
