"""Make an order log and two cohorts for the benchmark of window features.

Merchants are of very unequal size, buyers come again, the log is in order of days as an ingestion
would write it. The batch cohort asks about each merchant once; the training cohort asks at each of
a borrower's loans, a few for most and up to 300 for some.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MONTHS = np.arange("2024-01", "2026-01", dtype="datetime64[M]")
LAST = np.datetime64("2025-12-31")


def make_orders(folder: Path, events: int, *, seed: int = 0) -> None:
    """Write about ``events`` orders over 24 months, their merchants and two cohorts."""
    rng = np.random.default_rng(seed)
    count = max(events // 200, 10)
    merchants = rng.permutation(np.arange(10**7, 10**7 + count, dtype=np.int64))
    size = np.minimum(rng.lognormal(0, 1.6, count), 300.0)
    size *= events / size.sum() / len(MONTHS)
    buyers = np.maximum(3, (size * len(MONTHS)) ** 0.85)
    value, refunds = rng.normal(4.0, 1.0, count), rng.uniform(0.005, 0.08, count)
    (folder / "orders").mkdir(parents=True)
    made = 0
    for month in MONTHS:
        who = np.repeat(np.arange(count), rng.poisson(size))
        first, end = month.astype("M8[D]"), (month + 1).astype("M8[D]")
        day = rng.integers(0, (end - first).astype(int), len(who))
        by = np.argsort(day, kind="stable")
        who, day = who[by], day[by]
        seconds = rng.integers(0, 86_400, len(who)).astype("m8[s]")
        rank = (buyers[who] ** rng.random(len(who))).astype(np.int64)
        table = pa.table(
            {
                "order_id": np.arange(made, made + len(who)),
                "merchant_id": merchants[who],
                "buyer_id": (who * 7919 + rank * 104_729) % 50_000_000,
                "created_at": (first + day.astype("m8[D]") + seconds).astype("M8[us]"),
                "amount": np.exp(rng.normal(value[who], 0.9)).round(2),
                "is_virtual_goods": rng.random(len(who)) < refunds[who],
            }
        )
        made += len(who)
        pq.write_table(table, folder / "orders" / f"{month}.parquet", compression="zstd")
    registered = pa.array(np.full(count, np.datetime64("2020-01-01")))
    platform = pa.array(["taobao"] * count)
    who = {"merchant_id": merchants, "platform": platform, "registered_at": registered}
    pq.write_table(pa.table(who), folder / "merchants.parquet")
    cohorts = folder.parent / f"{folder.name}_cohorts"
    cohorts.mkdir()
    _write_cohort(cohorts / "batch.parquet", merchants, np.full(count, LAST))
    drawn = np.exp(np.log(3) + 1.9 * rng.normal(size=count) + 0.2 * np.log(size / size.mean()))
    loans = np.clip(drawn.round(), 1, 300).astype(int)
    days = [rng.choice(365, each, replace=False) for each in loans]
    as_of = np.datetime64("2025-01-01") + np.concatenate(days).astype("m8[D]")
    _write_cohort(cohorts / "train.parquet", np.repeat(merchants, loans), as_of)


def make_late(folder: Path, source: Path) -> None:
    """Copy an order log with 2 % of rows known late, and a flag that fills in when it is timed.

    The flag of a virtual good becomes the fact that an order was confirmed, which has its time.
    """
    (folder / "orders").mkdir(parents=True)
    con = duckdb.connect()
    for path in sorted((source / "orders").iterdir()):
        con.execute(
            "COPY (SELECT *, CASE WHEN is_virtual_goods THEN created_at + to_days(CAST(3 + "
            "order_id % 9 AS INTEGER)) END AS confirmed_at, CASE WHEN hash(order_id) % 50 = 0 THEN "
            "created_at + to_days(CAST(1 + order_id % 30 AS INTEGER)) END AS known_at FROM "
            f"read_parquet('{path}')) TO '{folder / 'orders' / path.name}' (FORMAT parquet)"
        )
    (folder / "merchants.parquet").write_bytes((source / "merchants.parquet").read_bytes())


def _write_cohort(path: Path, merchants: np.ndarray, as_of: np.ndarray) -> None:
    """Write a cohort."""
    pq.write_table(pa.table({"merchant_id": merchants, "as_of": as_of.astype("M8[us]")}), path)
