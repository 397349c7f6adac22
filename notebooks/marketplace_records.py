"""Map real marketplace orders (Olist) and customs declarations to records of alicredit.

Amounts stand in columns of yuan and US dollars as they are (reais; the customs set names no
currency): nothing is converted. Times are local times of the set.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import alicredit as ac

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
ORDERS = SHARED / "olist_sample"
CUSTOMS = SHARED / "customs_declarations"

_STATUS = {
    "created": "created",
    "approved": "paid",
    "processing": "paid",
    "invoiced": "paid",
    "shipped": "shipped",
    "delivered": "success",
    "canceled": "closed",
    "unavailable": "closed",
}
_INSPECTION_DAYS = 30


def read_orders(folder: Path = ORDERS) -> pd.DataFrame:
    """Join both samples' orders, items and buyers: one row an item; orders in both stand once."""
    parts = []
    for suffix in ("", "_2017_10k"):
        orders, items, buyers = (
            pd.read_parquet(folder / f"{name}{suffix}.parquet")
            for name in ("orders", "order_items", "customers")
        )
        buyers = buyers[["customer_id", "customer_unique_id", "customer_state"]]
        parts.append(orders.merge(buyers, on="customer_id").merge(items, on="order_id", how="left"))
    both = pd.concat(parts, ignore_index=True)
    return both.drop_duplicates(["order_id", "order_item_id"], ignore_index=True)


def marketplace_records(folder: Path = ORDERS) -> ac.Records:
    """Map sellers to merchants and each seller's part of an order to an order of its own."""
    orders = _orders(read_orders(folder))
    reviews = pd.read_parquet(folder / "order_reviews.parquet")
    cancelled = orders["cancelled_at"].notna() & orders["paid_at"].notna()
    first = orders.groupby("merchant_id")["created_at"].min()
    tables = {
        "merchants": pd.DataFrame(
            {
                "merchant_id": first.index,
                "platform": "tmall",  # of the platforms known, the one of firms that sell to buyers
                "registered_at": first.dt.normalize().to_numpy(),
            }
        ),
        "orders": orders.drop(columns=["whole", "cancelled_at"]),
        "refunds": pd.DataFrame(
            {
                "id": "r-" + orders["order_id"],
                "order_id": orders["order_id"],
                "opened_at": orders["cancelled_at"],
                "amount": orders["amount"],
            }
        )[cancelled],
        "ratings": _ratings(orders, reviews),
    }
    return ac.read_records(tables)


def customs_records(folder: Path = CUSTOMS) -> ac.Records:
    """Map importers to merchants and declarations to customs rows.

    A fraud found at inspection is ``inspected_fail``; the set has no date of it, so it counts as
    known a month after the declaration.
    """
    parts = [pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "valid", "test")]
    rows = pd.concat(parts, ignore_index=True)
    first = rows.groupby("Importer ID")["Date"].min()
    tables = {
        "merchants": pd.DataFrame(
            {
                "merchant_id": first.index,
                "platform": "alibaba_b2b",
                "registered_at": first.to_numpy(),
            }
        ),
        "customs": pd.DataFrame(
            {
                "declaration_no": rows["Declaration ID"].astype(str),
                "merchant_id": rows["Importer ID"],
                "direction": "I",
                "declared_at": rows["Date"],
                "hs_code": rows["HS6 Code"].astype(str).str.zfill(6),
                "cif_usd": rows["Item Price"],
                "weight_kg": rows["Net Mass"],
                "partner_country": rows["Country of Departure"],
                "status_at": rows["Date"] + pd.Timedelta(days=_INSPECTION_DAYS),
                "status": rows["Fraud"].map({0: "cleared", 1: "inspected_fail"}),
            }
        ),
    }
    return ac.read_records(tables)


def _orders(items: pd.DataFrame) -> pd.DataFrame:
    """Sum a seller's items of an order.

    Paid when the payment was approved, shipped when the carrier had it, confirmed when the buyer
    had it. A cancellation has no date in the set: it counts as known on the day the delivery was
    promised for. Orders without items name no seller and are left out.
    """
    rows = items.dropna(subset=["seller_id"])
    whole = rows.groupby(["order_id", "seller_id"], as_index=False).agg(
        amount=("price", "sum"), freight=("freight_value", "sum")
    )
    heads = rows.drop_duplicates("order_id").drop(columns=["seller_id", "price", "freight_value"])
    found = whole.merge(heads, on="order_id", validate="many_to_one")
    is_closed = found["order_status"].isin(["canceled", "unavailable"])
    closed = found["order_estimated_delivery_date"].where(is_closed)
    return pd.DataFrame(
        {
            "order_id": found["order_id"] + ":" + found["seller_id"],
            "whole": found["order_id"],
            "merchant_id": found["seller_id"],
            "buyer_id": found["customer_unique_id"],
            "created_at": found["order_purchase_timestamp"],
            "paid_at": found["order_approved_at"],
            "shipped_at": found["order_delivered_carrier_date"],
            "confirmed_at": found["order_delivered_customer_date"],
            "closed_at": closed,
            "cancelled_at": closed,
            "amount": found["amount"].round(2),
            "freight": found["freight"].round(2),
            "status": found["order_status"].map(_STATUS),
            "buyer_region": found["customer_state"],
        }
    )


def _ratings(orders: pd.DataFrame, reviews: pd.DataFrame) -> pd.DataFrame:
    """Read an order's first review as a rating of each of its sellers: 4 and 5 stars positive."""
    order = ["review_answer_timestamp", "review_id"]
    first = reviews.sort_values(order).drop_duplicates("order_id")
    rows = orders[["order_id", "whole"]].merge(
        first, left_on="whole", right_on="order_id", suffixes=("", "_whole")
    )
    score = rows["review_score"]
    return pd.DataFrame(
        {
            "order_id": rows["order_id"],
            "rated_at": rows["review_answer_timestamp"],
            "polarity": (score > 3).astype(int) - (score < 3).astype(int),
        }
    )
