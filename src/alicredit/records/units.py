"""Whether amounts are surely in the unit they should be, told without adding up every shop."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alicredit.records.asking import has_columns, looking, seen
from alicredit.records.moments import as_moment
from alicredit.records.reading import require_records
from alicredit.records.records import Records
from alicredit.records.rules import RATIO_NEEDS, UNIT_TIMES
from alicredit.records.sources import literal

_RECENT_DAYS = 182
"""Days whose sales alone are held against all that was ever declared (assumed)."""

_SLACK = 0.99
"""Part of the bounds that is left to the rounding of sums."""

_BEFORE = """
SELECT coalesce(sum(amount), 0), coalesce(min(amount), 0) FROM {orders}
WHERE paid_at IS NOT NULL AND _happened < TIMESTAMP {since}
"""
_BESIDE = """
SELECT d.s AS declared, o.s AS recent
FROM (
  SELECT _merchant_id, sum(amount) AS s FROM {declared_sales} WHERE source = 'total'
  GROUP BY 1) d
LEFT JOIN (
  SELECT _merchant_id, sum(amount) AS s FROM {orders}
  WHERE paid_at IS NOT NULL AND _happened >= TIMESTAMP {since} GROUP BY 1) o USING (_merchant_id)
WHERE d.s > 0
"""


def are_surely_alike(records: Records, *, as_of: object) -> bool:
    r"""Tell whether it is certain that sales and what was declared do not differ by 30 times.

    What is asked is whether the median of shops' sales over what they declared lies between 1 / 30
    and 30 (assumed), see :func:`alicredit.records.findings.sales_ratios`. Were it below, so would
    half of the shops be, whatever they sold before some months ago. Were it above, half of the
    shops would have sold before what their sales since then, :math:`r_i`, lack of 30 times the
    :math:`d_i` that they declared, and all together as much as the least of these amounts:

    .. math:: \sum_i (s_i - r_i) \ge \sum_{i \le n / 2} (30 d - r)^+_{(i)}

    So shops' sales of some months and one sum of all before are enough, where these tell.

    Parameters
    ----------
    records : Records
        What to look at.
    as_of : str or timestamp
        Later rows are not looked at.

    Returns
    -------
    bool
        False where it is not certain, or where nothing is declared.

    Raises
    ------
    RecordError
        If a table cannot be read.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> day = pd.to_datetime(["2013-04-01"])
    >>> tables = {
    ...     "merchants": pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...         "registered_at": day}),
    ...     "orders": pd.DataFrame({"order_id": ["o"], "merchant_id": ["m"], "buyer_id": ["b"],
    ...         "created_at": day, "paid_at": day, "amount": [100.0]}),
    ...     "declared_sales": pd.DataFrame({"merchant_id": ["m"], "month": day.date,
    ...         "source": ["total"], "amount": [90.0]})}
    >>> are_surely_alike(read_records(tables), as_of="2013-06-01")
    True
    >>> tables["declared_sales"]["amount"] = 0.9
    >>> are_surely_alike(read_records(tables), as_of="2013-06-01")
    False
    """
    moment = as_moment("as_of", as_of)
    if not has_columns(require_records(records), RATIO_NEEDS):
        return False
    since = literal(str(moment - pd.Timedelta(days=_RECENT_DAYS)))
    with looking(records, moment, RATIO_NEEDS) as con:
        views = {table: seen(table) for table in RATIO_NEEDS}
        beside = con.execute(_BESIDE.format(since=since, **views)).fetchnumpy()
        ((before, least),) = con.execute(_BEFORE.format(since=since, **views)).fetchall()
    declared, recent = (
        np.ma.masked_array(beside[name], dtype=np.float64) for name in ("declared", "recent")
    )
    told = np.concatenate([[before, least], declared.compressed(), recent.compressed()])
    if not np.isfinite(told).all() or least < 0:
        return False
    selling, stated, sales = recent.count(), declared.filled(0), recent.filled(0)
    enough = np.count_nonzero(sales >= stated / UNIT_TIMES / _SLACK)
    lacking = np.maximum(_SLACK * UNIT_TIMES * stated - sales, 0)
    least_lacking = float(np.sort(lacking)[: (selling + 1) // 2].sum())
    return bool(enough > len(declared) / 2 and float(before) < _SLACK * least_lacking)
