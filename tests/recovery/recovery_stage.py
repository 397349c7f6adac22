"""Order loans that are never paid on time, and what comes back on them, as tables of records."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alicredit.records import Records, read_records

DAY = pd.Timedelta(days=1)
PRINCIPAL_FEN = 500_000
DUE_FEN = 507_500


def at(text: str) -> pd.Timestamp:
    """Read a moment."""
    return pd.Timestamp(text)


def loan_rows(
    ids: list[str],
    merchants: list[str],
    days: list[pd.Timestamp],
    *,
    yuan: object = 5_000.0,
    product: object = "taobao_order",
) -> pd.DataFrame:
    """Lay out loans of 30 days at 0.05 % a day."""
    return pd.DataFrame(
        {
            "loan_id": ids,
            "merchant_id": merchants,
            "product_id": product,
            "principal": yuan,
            "rate": 0.0005,
            "disbursed_at": pd.to_datetime(days),
            "due_at": pd.to_datetime(days) + 30 * DAY,
        }
    )


def stage(loans: pd.DataFrame, **tables: pd.DataFrame) -> Records:
    """Make records of some loans, their merchants, and whatever else is given."""
    ids = sorted(set(loans["merchant_id"]))
    merchants = pd.DataFrame(
        {"merchant_id": ids, "platform": "taobao", "registered_at": at("2009-01-01"),
         "shop_opened_at": at("2009-02-01"), "region": "zhejiang"}
    )  # fmt: skip
    filled = {name: table for name, table in tables.items() if len(table)}
    return read_records({"merchants": merchants, "loans": loans, **filled})


def payment(loan: str, day: object, yuan: float, *, interest: float = 0.0) -> dict[str, object]:
    """Write a payment down; what is not interest is principal."""
    return {"loan_id": loan, "at": at(str(day)), "amount": yuan, "principal": yuan - interest,
            "interest": interest, "penalty": 0.0}  # fmt: skip


def step(loan: str, day: object, action: str, outcome: str | None = None) -> dict[str, object]:
    """Write a step of collection down."""
    return {"loan_id": loan, "at": at(str(day)), "action": action, "outcome": outcome}


QUICK, SLOW_SHARE = 0.4, 0.1
TRUE_RECOVERY = QUICK + (1 - QUICK) * SLOW_SHARE
"""What comes back of the principal within two years, without discount."""


def book_with_known_recovery(n: int, seed: int, *, draws_each: int = 1) -> Records:
    """Lend over three years to merchants who all default; four in ten soon pay all principal.

    The others pay a tenth between the tenth and the twentieth month. A merchant's draws share its
    fate.
    """
    rng = np.random.default_rng(seed)
    merchant = np.repeat(np.arange(n), draws_each)
    size = len(merchant)
    start = pd.Timestamp("2009-06-01") + pd.to_timedelta(rng.integers(0, 1100, size), "D")
    yuan = np.round(np.exp(rng.normal(8.2, 0.8, size)), 2)
    is_quick = (rng.random(n) < QUICK)[merchant]
    ids = [f"l{k:06d}" for k in range(size)]
    loans = loan_rows(ids, [f"m{k:05d}" for k in merchant], list(start), yuan=yuan)
    wait = np.where(is_quick, rng.integers(0, 90, size), rng.integers(275, 600, size))
    part = np.round(np.where(is_quick, yuan, yuan * SLOW_SHARE), 2)
    paid = pd.DataFrame(
        {"loan_id": ids, "at": start + pd.to_timedelta(121 + wait, "D"), "amount": part,
         "principal": part, "interest": 0.0, "penalty": 0.0}
    )  # fmt: skip
    return stage(loans, repayments=paid)


def sales_rows(merchant: str, first: str, last: str, yuan_a_day: float) -> pd.DataFrame:
    """Settle one order a day, created a day before."""
    days = pd.date_range(first, last)
    return pd.DataFrame(
        {"order_id": [f"{merchant}-{day:%Y%m%d}" for day in days], "merchant_id": merchant,
         "buyer_id": [f"{merchant}-{day:%j}" for day in days], "created_at": days,
         "paid_at": days, "shipped_at": days,
         "confirmed_at": days + pd.Timedelta(hours=20), "amount": yuan_a_day}
    )  # fmt: skip


PEOPLE = {"message": 100, "telephone": 100, "visit": 100, "blacklist": 100, "write_off": 100}
