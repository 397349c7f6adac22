"""Which group of merchants a question is held against."""

from __future__ import annotations

from collections.abc import Mapping, Set

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from alicredit.cohort import Cohort
from alicredit.derived.derive import derive_tables
from alicredit.derived.peer_tables import EVERYONE, LEAST_PEERS, PEER_SALES, SPANS
from alicredit.derived.views import empty_facts
from alicredit.records import Records

_GROUPS = """
WITH merchants_facts AS ({merchants}), merchant_history_facts AS ({history}), {spans},
size AS (
  SELECT merchant_id AS peers, _known AS since, merchants FROM ({sales})
  WHERE merchants IS NOT NULL),
member AS (
  SELECT q.row, q.as_of, s.category FROM question q LEFT JOIN span s
    ON s.merchant_id = q.merchant_id AND s.since < q.as_of AND q.as_of <= s.until)
SELECT m.row,
       CASE WHEN coalesce(z.merchants, 0) >= {least} THEN m.category ELSE '{all}' END AS peers
FROM member m ASOF LEFT JOIN size z ON z.peers = m.category AND m.as_of > z.since
ORDER BY m.row"""


def ask_of_peers(records: Records, cohort: Cohort) -> tuple[Cohort, npt.NDArray[np.int64]]:
    """Ask of each merchant's group what is asked of the merchant.

    Parameters
    ----------
    records : Records
        The platform's records.
    cohort : Cohort
        The questions.

    Returns
    -------
    tuple of Cohort and int64 array
        Each group and moment once, with the group as ``merchant_id``: the category that the
        merchant was known to have before the moment, where at least 30 of its merchants were
        known to sell (assumed), else all merchants. And where each question's group stands there.

    Raises
    ------
    duckdb.Error
        If rows cannot be read.

    Examples
    --------
    >>> import pandas as pd
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> records = read_records({"merchants": merchants})
    >>> asked, place = ask_of_peers(records, Cohort.at(records, "2013-05-01"))
    >>> asked.frame["merchant_id"].tolist(), place.tolist()
    (['*'], [0])
    >>> ask_of_peers(records, Cohort.at(records, "soon"))
    Traceback (most recent call last):
    alicredit.errors.InputError: as_of must be a date or time ...
    """
    records = derive_tables(records, [PEER_SALES.name])
    frame = cohort.frame[["merchant_id", "as_of"]].reset_index(drop=True)
    if PEER_SALES.name in records:
        frame["merchant_id"] = _groups(records, frame)
    else:
        frame["merchant_id"] = EVERYONE
    place = frame.groupby(["merchant_id", "as_of"], sort=True).ngroup().to_numpy(np.int64)
    asked = frame.iloc[np.unique(place, return_index=True)[1]].reset_index(drop=True)
    return Cohort.from_frame(asked), place


def _groups(records: Records, rows: pd.DataFrame) -> list[str]:
    """Name the group of each question."""
    con = records.connect(_told_of(records), kept=True)
    try:
        con.register(
            "question",
            pa.table(
                {
                    "row": pa.array(np.arange(len(rows))),
                    "merchant_id": pa.array(rows["merchant_id"].tolist(), pa.string()),
                    "as_of": pa.array(rows["as_of"].to_numpy().astype("datetime64[us]")),
                }
            ),
        )
        history = "merchant_history"
        told = records.fact_sql(history) if history in records else empty_facts(history)
        query = _GROUPS.format(
            merchants=records.fact_sql("merchants"), history=told, spans=SPANS.strip(),
            sales=records.fact_sql(PEER_SALES.name), least=LEAST_PEERS, all=EVERYONE,
        )  # fmt: skip
        return [str(name) for _, name in con.execute(query).fetchall()]
    finally:
        con.close()


def _told_of(records: Records) -> list[str]:
    """Name the tables that tell the group of a merchant."""
    names = ("merchants", "merchant_history", PEER_SALES.name)
    return [name for name in names if name in records]


def derive_recent(
    records: Records,
    reaches: Mapping[str, int | None],
    as_of: pd.Timestamp,
    *,
    columns: Mapping[str, Set[str]] | None = None,
) -> Records:
    """Add the derived tables that questions of one moment read, as far back as they read them.

    Parameters
    ----------
    records : Records
        What was written down.
    reaches : mapping of str to int or None
        Wanted table -> the microseconds before the moment in which its rows are read; None: all.
    as_of : pandas.Timestamp
        The moment.
    columns : mapping of str to set of str or None, default None
        Wanted table -> the columns of it that are read; None: all.

    Returns
    -------
    Records
        As of :func:`alicredit.derived.derive_tables`. Rows of a table that nobody reads may lack,
        but never those that say how many merchants of a large category sell.

    Raises
    ------
    RecordError
        If rows cannot be read.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> records = read_records({"merchants": merchants})
    >>> recent = derive_recent(records, {"peer_sales": None}, pd.Timestamp("2013-05-01"))
    >>> recent.tables
    ('merchants',)
    >>> recent["peer_sales"]
    Traceback (most recent call last):
    alicredit.errors.RecordError: table 'peer_sales' must be among the records; ...
    """
    since = {
        name: (as_of - pd.Timedelta(microseconds=back)).floor("D") - pd.Timedelta(days=1)
        for name, back in reaches.items()
        if back is not None
    }
    made = derive_tables(records, reaches, since=since, columns=columns)
    if PEER_SALES.name not in since or PEER_SALES.name not in made:
        return made
    con = made.connect(_told_of(made), kept=True)
    try:
        history = "merchant_history"
        told = records.fact_sql(history) if history in records else empty_facts(history)
        query = _UNTOLD.format(
            merchants=records.fact_sql("merchants"), history=told, spans=SPANS.strip(),
            sales=made.fact_sql(PEER_SALES.name), least=LEAST_PEERS,
        )  # fmt: skip
        is_whole = not con.execute(query, [as_of.to_pydatetime()]).fetchall()
    finally:
        con.close()
    return made if is_whole else derive_tables(records, reaches, columns=columns)


_UNTOLD = """
WITH merchants_facts AS ({merchants}), merchant_history_facts AS ({history}), {spans}
SELECT category FROM span WHERE category NOT IN (
  SELECT merchant_id FROM ({sales}) WHERE merchants IS NOT NULL AND _known < $1)
GROUP BY category HAVING count(DISTINCT merchant_id) >= {least} LIMIT 1"""
"""A category of enough merchants to be a group, of whose sales nothing recent is known: how many
sold when it was last known lies further back."""
