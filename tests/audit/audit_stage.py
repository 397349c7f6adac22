"""Small platforms and hand-written features, honest ones and ones that read the future."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

import alicredit as ac

AS_OF = pd.Timestamp("2013-05-01 10:00")
DAY = pd.Timedelta(1, "D")
PAST = [-40.0, -9.0, -2.5]
"""Days before AS_OF of what every merchant had sold by then."""
MERCHANTS = [f"m{k}" for k in range(6)]
Tables = dict[str, pd.DataFrame]
Builder = Callable[[ac.Records, ac.Cohort], pd.DataFrame]


def merchants() -> pd.DataFrame:
    """Register every merchant on one day."""
    registered = pd.Timestamp("2011-01-01")
    return pd.DataFrame(
        {"merchant_id": MERCHANTS, "platform": "taobao", "registered_at": registered}
    )


def orders(days: list[float], **columns: object) -> pd.DataFrame:
    """Place orders of 100 yuan so many days after AS_OF, the same for every merchant."""
    rows = pd.DataFrame(
        [(m, AS_OF + pd.Timedelta(day, "D")) for m in MERCHANTS for day in days],
        columns=["merchant_id", "created_at"],
    )
    return rows.assign(
        order_id=[f"o{k}" for k in range(len(rows))], buyer_id="b", amount=100.0, **columns
    )


def refunds(of: pd.DataFrame, days: list[float]) -> pd.DataFrame:
    """Refund the first orders of each merchant: opened long ago, resolved so many days on."""
    first = of.groupby("merchant_id").head(len(days)).reset_index(drop=True)
    turn = first.groupby("merchant_id").cumcount()
    return pd.DataFrame(
        {
            "id": [f"r{k}" for k in range(len(first))],
            "order_id": first["order_id"],
            "opened_at": AS_OF - pd.Timedelta(20, "D"),
            "resolved_at": AS_OF + pd.to_timedelta(turn.map(dict(enumerate(days))), "D"),
            "amount": 50.0,
            "seller_fault": True,
        }
    )


def records_of(**tables: pd.DataFrame) -> ac.Records:
    """Read tables beside the merchants."""
    return ac.read_records({"merchants": merchants(), **tables})


def cohort() -> ac.Cohort:
    """Ask about every merchant as of AS_OF."""
    return ac.Cohort.from_frame(pd.DataFrame({"merchant_id": MERCHANTS, "as_of": AS_OF}))


_FRAMES: dict[int, tuple[object, pd.DataFrame]] = {}


def frame_of(records: ac.Records, table: str) -> pd.DataFrame:
    """Take a table as a frame; that of the same rows once, since most are not disturbed."""
    rows = records.sources[table].memory
    if id(rows) not in _FRAMES:
        _FRAMES[id(rows)] = rows, records[table].to_pandas()
    return _FRAMES[id(rows)][1]


def by_hand(
    table: str,
    keep: Callable[[pd.DataFrame], pd.Series],
    value: Callable[[pd.DataFrame], float],
    empty: float = 0.0,
) -> Builder:
    """Write a builder of one feature, of each merchant's kept rows, beside an honest one."""

    def build(records: ac.Records, asked: ac.Cohort) -> pd.DataFrame:
        rows = frame_of(records, table)
        if "merchant_id" not in rows:
            owner = frame_of(records, "orders")[["order_id", "merchant_id"]]
            rows = rows.merge(owner, on="order_id")
        rows = asked.frame.reset_index(names="row").merge(rows, on="merchant_id")
        rows = rows[keep(rows)]
        found = {row: value(mine) for row, mine in rows.groupby("row")}
        own = [float(found.get(k, empty)) for k in range(len(asked))]
        who = frame_of(records, "merchants")[["merchant_id", "registered_at"]]
        tenure = asked.frame.merge(who, on="merchant_id", how="left")
        days = (tenure["as_of"] - pd.to_datetime(tenure["registered_at"])).dt.days
        return pd.DataFrame({"own": own, "tenure": days.to_numpy(float)})

    return build


def before(column: str) -> Callable[[pd.DataFrame], pd.Series]:
    """Keep what lies before as_of by a column."""
    return lambda rows: rows[column] < rows["as_of"]


def everything(rows: pd.DataFrame) -> pd.Series:
    """Keep all rows, later ones too."""
    return pd.Series(data=True, index=rows.index)
