"""The database kept for short questions lets nobody see another, and outlives faults and forks."""

from __future__ import annotations

import os
import signal
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.records import kept
from alicredit.records.bounds import Bound


def records_of(count: int) -> ac.Records:
    frame = pd.DataFrame({"merchant_id": [f"m{i}" for i in range(count)]})
    told = {"registered_at": pd.Timestamp("2012-01-01"), "platform": "b2c", "category": "clothing"}
    return ac.read_records({"merchants": frame.assign(**told)})


def rows(con: duckdb.DuckDBPyConnection) -> int:
    return con.execute("SELECT count(*) FROM merchants").fetchall()[0][0]


def test_two_records_open_at_once_see_their_own_tables_and_nothing_of_each_other() -> None:
    one, other = records_of(3).connect(kept=True), records_of(5).connect(kept=True)
    one.execute("CREATE TEMP TABLE held AS SELECT 1 AS x")
    assert (rows(one), rows(other)) == (3, 5)
    with pytest.raises(duckdb.CatalogException, match="held"):
        other.execute("SELECT * FROM held")
    one.close()
    assert rows(other) == 5
    other.close()
    later = kept.open_kept()
    named = later.execute("SELECT count(*) FROM duckdb_tables()").fetchall()
    views = later.execute("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchall()
    assert named == views == [(0,)]  # what was made went with whoever made it
    later.close()


def test_a_database_of_its_own_is_told_nothing_by_the_kept_one_and_tells_it_nothing() -> None:
    records, limit = records_of(3), "SELECT current_setting('memory_limit')"
    shared, alone = records.connect(kept=True), records.connect()
    before = shared.execute(limit).fetchall()
    alone.execute("SET memory_limit = '300MB'")
    bounded = replace(records, bound=Bound(400_000_000, "spilled")).connect(kept=True)
    assert bounded.execute(limit).fetchall() != before  # a bound is never everybody's
    assert shared.execute(limit).fetchall() == before
    for con in (shared, alone, bounded):
        con.close()


def test_threads_ask_at_once() -> None:
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda count: len(records_of(count)["merchants"]), range(1, 33))
        assert list(found) == list(range(1, 33))


def test_a_fault_inside_the_database_is_the_last_of_it(monkeypatch) -> None:
    class Broken:
        def cursor(self):
            raise duckdb.FatalException("the database has been invalidated")

    monkeypatch.setattr(kept, "_kept", [Broken()])
    assert len(records_of(4)["merchants"]) == 4


def test_a_fork_makes_a_database_anew_and_so_does_its_parent() -> None:
    assert len(records_of(2)["merchants"]) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Python warns of threads
        child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            found = len(records_of(7)["merchants"])
            kept._kept.clear()  # as at its end, which waits for the database's threads
            os._exit(found)
        finally:
            os._exit(255)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert len(records_of(3)["merchants"]) == 3


def orders_of(amounts: np.ndarray) -> ac.Records:
    day = pd.Timestamp("2013-04-01")
    merchants = pd.DataFrame({"merchant_id": ["m"], "platform": "taobao", "registered_at": [day]})
    orders = pd.DataFrame({
        "order_id": np.arange(len(amounts)).astype(str), "merchant_id": "m", "buyer_id": "b",
        "created_at": day, "amount": amounts,
    })  # fmt: skip
    return ac.read_records({"merchants": merchants, "orders": orders})


def test_tables_of_one_name_are_read_side_by_side() -> None:
    size = 300_000
    first, second = orders_of(np.arange(size)), orders_of(np.arange(size) + 0.5)
    seen: list[tuple[float, float]] = []
    for one, two in zip(first.scan("orders", ["amount"]), second.scan("orders", ["amount"])):
        assert len(first["merchants"]) == 1  # a third question while two are being answered
        seen += zip(one["amount"].to_pylist(), two["amount"].to_pylist())
    assert seen == [(k, k + 0.5) for k in range(size)]


def test_a_file_that_is_written_anew_is_read_anew(tmp_path: Path) -> None:
    ac.write_records(orders_of(np.arange(3.0)), tmp_path)
    path = tmp_path / "orders.parquet"
    records = ac.read_records(tmp_path)
    for amount in (7.0, 8.0):  # of the same size, within a moment
        pd.read_parquet(path).assign(amount=amount).to_parquet(path, index=False)
        assert records["orders"]["amount"].to_pylist() == [amount] * 3
