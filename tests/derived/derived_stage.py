"""Small platforms for facts made of other facts."""

from __future__ import annotations

import pandas as pd

import alicredit as ac
from alicredit.features import CATALOGUE, Catalogue

DAY = pd.Timedelta(1, "D")
START = pd.Timestamp("2013-01-01")
Tables = dict[str, pd.DataFrame]


def on(day: float) -> pd.Timestamp:
    """Give the moment so many days after the start."""
    return START + pd.Timedelta(day, "D")


def merchants(names: list[str], category: object = None) -> pd.DataFrame:
    """Register merchants long ago."""
    frame = pd.DataFrame({"merchant_id": names, "platform": "taobao"})
    frame["registered_at"] = pd.Timestamp("2010-01-01")
    return frame if category is None else frame.assign(category=category)


def orders(rows: list[tuple[str, float, float]], **columns: object) -> pd.DataFrame:
    """Pay orders: merchant, day, amount."""
    frame = pd.DataFrame(rows, columns=["merchant_id", "day", "amount"])
    frame["created_at"] = frame["paid_at"] = START + pd.to_timedelta(frame.pop("day"), "D")
    frame["order_id"] = [f"o{k}" for k in range(len(frame))]
    return frame.assign(buyer_id="b", **columns)


def one_loan(
    paid: list[tuple[float, float]],
    dues: list[tuple[float, int]] = (),
    *,
    principal: float = 1000.0,
    **columns: object,
) -> Tables:
    """Lend m a sum on day 0, due on day 30; dues (day, fen) and payments (day, yuan) as given."""
    loans = pd.DataFrame(
        {
            "loan_id": ["l"], "merchant_id": ["m"], "product_id": ["p"], "principal": [principal],
            "rate": [0.0], "disbursed_at": [on(0)], "due_at": [on(30)],
        }
    )  # fmt: skip
    repaid = pd.DataFrame(
        {
            "loan_id": "l", "at": pd.to_datetime([on(day) for day, _ in paid]),
            "amount": [float(amount) for _, amount in paid], **columns,
        }
    )  # fmt: skip
    tables = {"merchants": merchants(["m"]), "loans": loans, "repayments": repaid}
    if dues:
        tables["instalments"] = pd.DataFrame(
            {
                "loan_id": "l", "due_at": [on(day) for day, _ in dues],
                "principal": [fen for _, fen in dues], "interest": 0,
            }
        )  # fmt: skip
    return tables


def features(tables: Tables, as_of: pd.Timestamp, names: list[str], who: str = "m") -> pd.Series:
    """Build features of one merchant, mere parts too; both engines must agree to the bit."""
    from dataclasses import replace

    wanted = CATALOGUE.subset(names)
    catalogue = Catalogue(tuple(replace(feature, is_part=False) for feature in wanted))
    cohort = ac.Cohort.from_frame(pd.DataFrame({"merchant_id": [who], "as_of": [as_of]}))
    records = ac.read_records(tables, data_use=USE)
    fast = ac.build_features(records, cohort, catalogue=catalogue)
    slow = ac.build_features(records, cohort, catalogue=catalogue, engine="sql")
    pd.testing.assert_frame_equal(fast, slow, check_exact=True)
    return fast.iloc[0][names]


USE = {"bank_txns": {"purpose": "credit decision", "legal_basis": "consent"}}
