"""What merchants did in windows of days: daily facts known before a moment, summed by look-ups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.derived import MOVED_AWAY
from alicredit.records import Records, quoted
from alicredit.records.bounds import query_refused

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

_REACH = 40_000
LAST_DAY = _REACH - 1
"""No fact lies on or after it."""

_DAY = "CAST(date_diff('day', DATE '1970-01-01', CAST({} AS DATE)) AS BIGINT)"
_OUT = "CASE WHEN amount < 0 AND {} THEN CAST(round(-amount * 100) AS BIGINT) ELSE 0 END"

DAILY: Mapping[str, tuple[str, tuple[str, ...], str, Mapping[str, str]]] = MappingProxyType(
    {
        "orders": (
            "orders", ("paid_at",), "paid_at",
            {"orders": "1", "sales": "CAST(round(amount * 100) AS BIGINT)"},
        ),
        "ad_spend": (
            "traffic_daily", ("ad_spend",), "day",
            {"ad_spend": "CAST(round(ad_spend * 100) AS BIGINT)", "ad_days": "1"},
        ),
        "traffic": ("traffic_daily", ("uv",), "day", {"traffic": "uv", "traffic_days": "1"}),
        "bank": (
            "bank_txns", ("kind",), "at",
            {"supplier_payments": _OUT.format("kind = 'supplier'"),
             "transfers_out": _OUT.format(MOVED_AWAY.format("kind")), "postings": "1"},
        ),
    }
)  # fmt: skip
"""Source -> its table, columns it cannot do without, the day of a fact, and what is summed."""

_AMOUNT = {"orders": "amount", "ad_spend": "ad_spend", "traffic": "uv", "bank": "amount"}
"""Source -> what is summed; a fact whose number is impossible is left out."""

YUAN = ("sales", "ad_spend", "supplier_payments", "transfers_out")
"""What is summed in fen."""


@dataclass(frozen=True, eq=False)
class Daily:
    """Running sums by merchant and day, for sums over any window by two look-ups.

    Parameters
    ----------
    key : array of int64
        Merchant and day in one number, sorted.
    totals : mapping of str to array of int64
        What had been summed before each place; one longer than ``key``.
    """

    key: Whole
    totals: Mapping[str, Whole]

    @classmethod
    def of(cls, merchant: Whole, day: Whole, values: Mapping[str, Whole]) -> Daily:
        """Lay facts out by merchant and day."""
        key = merchant * _REACH + day
        order = np.argsort(key, kind="stable")
        totals = {name: np.concatenate([[0], np.cumsum(v[order])]) for name, v in values.items()}
        return cls(key[order], totals)

    def sums(self, name: str, merchant: Whole, start: Whole, stop: Whole) -> Floats:
        """Sum over the days from ``start`` to the day before ``stop``; yuan where it is money."""
        places = [np.searchsorted(self.key, merchant * _REACH + day) for day in (start, stop)]
        total = self.totals[name]
        found = (total[places[1]] - total[places[0]]).astype(float)
        return found / 100 if name in YUAN else found


def read_daily(records: Records, merchants: pd.Index, moment: pd.Timestamp) -> dict[str, Daily]:
    """Read the daily facts of each source that was known before a moment; absent ones lack.

    Orders behind loans are left out: they are why a loan was drawn, not what it did.
    """
    found: dict[str, Daily] = {}
    con = records.connect(kept=True)
    try:
        for source, (table, needed, time, values) in DAILY.items():
            if table not in records or not set(needed) <= set(records.columns(table)):
                continue
            listed = ", ".join(f"CAST(sum({sql}) AS BIGINT) AS {n}" for n, sql in values.items())
            where = f"_happened < $1 AND _known < $1 AND {quoted(time)} IS NOT NULL"
            where += f" AND coalesce({_AMOUNT[source]} BETWEEN -1e11 AND 1e11, true)"
            if source == "orders":
                where += " AND paid_at < $1"
            if source == "orders" and "loan_orders" in records:
                where += (
                    f" AND NOT EXISTS (SELECT 1 FROM ({records.fact_sql('loan_orders')}) behind "
                    "WHERE behind._known < $1 AND behind.order_id = facts.order_id)"
                )
            if table == "traffic_daily":
                where += f" AND {needed[0]} IS NOT NULL"
            rows = con.execute(
                f"SELECT _merchant_id AS m, {_DAY.format(quoted(time))} AS day, {listed} "
                f"FROM ({records.fact_sql(table)}) facts WHERE {where} GROUP BY ALL",
                [moment.to_pydatetime()],
            ).df()
            place = merchants.get_indexer(rows["m"])
            rows, place = rows[place >= 0], place[place >= 0]
            numbers = {n: rows[n].fillna(0).to_numpy(dtype=np.int64) for n in values}
            found[source] = Daily.of(place.astype(np.int64), rows["day"].to_numpy(), numbers)
    except duckdb.Error as error:
        raise query_refused(error, "must be readable", do="run find_problems") from error
    finally:
        con.close()
    return found


def read_merchants(records: Records, moment: pd.Timestamp) -> pd.DataFrame:
    """List merchants known before a moment: ``merchant_id``, ``day`` of registration, ``kind``.

    The kind is the platform and the category: the one declared, else the commonest among the
    orders paid before the moment, taken as lasting.
    """
    con = records.connect(kept=True)
    try:
        frame = con.execute(
            f"SELECT _merchant_id AS merchant_id, {_DAY.format('registered_at')} AS day, "
            f"platform, category FROM ({records.fact_sql('merchants')}) "
            "WHERE _happened < $1 AND _known < $1 ORDER BY 1",
            [moment.to_pydatetime()],
        ).df()
        if "orders" in records and {"category", "paid_at"} <= set(records.columns("orders")):
            most = con.execute(
                "SELECT m, category FROM (SELECT _merchant_id AS m, category, count(*) AS n "
                f"FROM ({records.fact_sql('orders')}) WHERE category IS NOT NULL "
                "AND _known < $1 AND _happened < $1 AND paid_at < $1 GROUP BY ALL) "
                "QUALIFY row_number() OVER (PARTITION BY m ORDER BY n DESC, category) = 1",
                [moment.to_pydatetime()],
            ).df()
            sold = most.set_index("m")["category"].reindex(frame["merchant_id"]).to_numpy()
            frame["category"] = frame["category"].where(frame["category"].notna(), sold)
    finally:
        con.close()
    kind = frame["platform"].fillna("").astype(str) + "|" + frame["category"].fillna("").astype(str)
    return frame[["merchant_id", "day"]].assign(kind=kind).drop_duplicates("merchant_id")
