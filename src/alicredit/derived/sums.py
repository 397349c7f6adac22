"""What merchants add up to, taken part by part: how a cluster makes a table of others."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from alicredit.derived.derive import BATCH, is_fed, unreadable
from alicredit.derived.schema import DERIVED
from alicredit.derived.views import steps_of
from alicredit.records import Records, quoted
from alicredit.records.kept import open_kept
from alicredit.records.sources import arrow_reader


def sum_of_part(records: Records, name: str) -> pa.Table:
    """Sum up what a derived table takes from some merchants' facts.

    Parameters
    ----------
    records : Records
        Of some merchants, with all their rows.
    name : str
        A derived table that declares ``sums``.

    Returns
    -------
    pyarrow.Table
        The columns by which sums are taken, and the sums as decimals without places (38 figures),
        which added up over parts of the merchants are those of all. No rows and no columns where
        the records lack what the table is made of.

    Raises
    ------
    RecordError
        If rows cannot be read.
    KeyError
        If no derived table is called so.

    Examples
    --------
    >>> import pandas as pd
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> month, due = pd.to_datetime(["2013-01-01"] * 2), pd.to_datetime(["2013-02-20"] * 2)
    >>> bills = pd.DataFrame({"merchant_id": ["m"] * 2, "kind": ["power"] * 2, "billed": [7.0, 8.0],
    ...                       "period": month, "due_at": due, "paid_at": due})
    >>> records = read_records({"merchants": merchants, "utilities": bills})
    >>> found = sum_of_part(records, "peer_power")
    >>> [str(found[name][0]) for name in ("peers", "month", "fen", "bills")]
    ['*', '2013-01-01', '1500', '2']
    >>> sum_of_part(records, "peer_sales").num_rows
    0
    >>> sum_of_part(records, "orders")
    Traceback (most recent call last):
    KeyError: 'orders'
    """
    derived = DERIVED[name]
    if not derived.sums or not is_fed(records, derived):
        return pa.table({})
    exact = ", ".join(f"CAST({quoted(each)} AS DECIMAL(38, 0)) AS {quoted(each)}"
                      for each in derived.summed)  # fmt: skip
    steps, parts = steps_of(records, derived)
    text = f"WITH {', '.join(steps)} SELECT * REPLACE ({exact}) FROM ({derived.sums})"
    con = open_kept()
    try:
        for part in parts:
            part.attach(con)
        return arrow_reader(con, text, BATCH).read_all()
    except duckdb.Error as error:
        raise unreadable(derived, error) from error
    finally:
        con.close()
