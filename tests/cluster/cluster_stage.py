"""A small platform with every tie between merchants, and a model of its features."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import alicredit as ac
from alicredit.portfolio import Run

AS_OF = "2013-05-01"
PART = 12
FEATURES = (
    "orders_paid_count_90d", "orders_paid_amount_sum_90d", "merchants_days_since",
    "sales_over_season_30_180", "loan_dues_days_late_mean_365d", "violations_points_sum_365d",
    "customs_cny_export_amount_sum_365d",
)  # fmt: skip
"""Of own facts, of derived tables and of peers."""
FEW = ("merchants", "orders", "loans", "declared_sales")
"""Tables of a job whose course is asked for, not what it reads: each costs Spark a stage."""


def make_platform(folder: Path, merchants: int = 60) -> None:
    """Write records in which merchants share keys, links, devices, faults and debts."""
    made, _ = ac.simulate_platform(
        merchants, seed=11, months=30, start="2010-12-01", orders_per_month=3, default_rate=0.1
    )
    left_out = {"bank_txns", "limit_history", "utilities", "traffic_daily", "applications"}
    tables = {name: made[name].to_pandas() for name in made.tables if name not in left_out}
    ids = tables["merchants"]["merchant_id"].sort_values().tolist()
    late = tables["merchants"].head(2).assign(
        merchant_id=["newcomer", "not yet"], shop_opened_at=pd.NaT,
        registered_at=[pd.Timestamp("2013-04-20"), pd.Timestamp("2013-05-01")],
    )  # fmt: skip
    tables["merchants"] = pd.concat([tables["merchants"], late], ignore_index=True)
    orders = tables["orders"]
    first = orders.groupby("merchant_id").head(1).index
    orders.loc[first[1], "order_id"] = orders.loc[first[0], "order_id"]  # one id of two merchants
    orders.loc[first[2], "merchant_id"] = None  # an order of nobody
    orders.loc[first[3], "amount"] = -5.0  # no amount
    day = pd.Timestamp("2013-03-05")
    tables["related_parties"] = pd.DataFrame({
        "merchant_id": [ids[1], ids[4], ids[9], ids[10], ids[11], ids[20], ids[21]],
        "other_id": [ids[2], ids[1], ids[8], "stranger", ids[10], ids[21], ids[20]],
        "relation": ["same_person", "family", "guarantee", "same_device", "same_address",
                     "same_person", "same_person"],
        "event_time": day + pd.to_timedelta([0, 1, 2, 3, 90, 0, 0], "D"),
    })  # fmt: skip
    tables["blacklist"] = pd.DataFrame({
        "merchant_id": [ids[1], ids[8], ids[30]], "from": day,
        "to": [pd.NaT, pd.Timestamp("2013-04-01"), pd.NaT], "reason": "fraud",
    })  # fmt: skip
    tables["account_events"] = pd.DataFrame(
        {"merchant_id": [ids[21], ids[40]], "at": day, "kind": ["sealed", "fraud_found"]}
    )
    history = pd.DataFrame({
        "merchant_id": ids[50:54], "field": "address", "event_time": day,
        "value": ["a street", "a street", "elsewhere", "elsewhere"],
    })  # fmt: skip
    tables["merchant_history"] = pd.concat(
        [tables.get("merchant_history"), history], ignore_index=True
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        schema = made[name].schema if name in made.tables else None
        if schema is not None and set(schema.names) != set(frame.columns):
            schema = None
        table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
        pq.write_table(table, folder / f"{name}.parquet", coerce_timestamps="us",
                       allow_truncated_timestamps=True)  # fmt: skip


def make_model(folder: Path, path: Path) -> None:
    """Train on what is known of all, outcomes drawn from two of their features."""
    records = ac.read_records(folder)
    rng = np.random.default_rng(4)
    whole = ac.Cohort.at(records, AS_OF)
    names = [name for name in FEATURES if {*ac.CATALOGUE.sources(name)} <= {*records.tables}]
    X = ac.build_features(records, whole, catalogue=ac.CATALOGUE.subset(names))
    again = X.iloc[rng.integers(0, len(X), 600)].reset_index(drop=True)
    again.attrs = X.attrs
    risk = again["orders_paid_count_90d"].rank(pct=True).fillna(0.5).to_numpy()
    y = pd.Series((rng.random(len(again)) < 0.25 * (1 - risk) + 0.02).astype(float))
    y.attrs = {"horizon_days": 365, "level": "borrower"}
    ac.DefaultModel("points").fit(again, y).save(path)


_MADE: dict[str, Path] = {}


def staged(make_folder: Callable[[str], Path]) -> Path:
    """Make records, a model and the local decisions of all, once for all tests of a process."""
    if "all" not in _MADE:
        place = make_folder("cluster")
        make_platform(place / "records")
        _MADE["all"] = _decided(place)
    return _MADE["all"]


def staged_few(make_folder: Callable[[str], Path]) -> Path:
    """Make the same of a few of the tables."""
    if "few" not in _MADE:
        every, place = staged(make_folder), make_folder("few")
        (place / "records").mkdir()
        for name in FEW:
            shutil.copy(every / "records" / f"{name}.parquet", place / "records")
        _MADE["few"] = _decided(place)
    return _MADE["few"]


def _decided(place: Path) -> Path:
    """Train on the records of a place and decide them."""
    make_model(place / "records", place / "model.alicredit")
    decide(place, out=Run(place / "whole", part_merchants=PART))
    return place


def decide(stage: Path, *, records: Any = None, as_of: str = AS_OF, **options: Any) -> Any:
    """Decide the platform, by default from its files."""
    given = ac.read_records(stage / "records") if records is None else records
    model = ac.load_model(stage / "model.alicredit")
    return ac.score_portfolio(given, model, as_of=as_of, **options)


def content(folder: Path) -> dict[str, bytes]:
    """Read every file of a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
