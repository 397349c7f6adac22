"""One open database in memory behind many questions: nothing of one is seen by another."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import alicredit as ac
from alicredit.records import reading
from alicredit.records.bounds import Bound
from alicredit.records.connections import connect_in_passing

SOURCE = Path(ac.__file__).parents[1]


def records_of(amounts: np.ndarray) -> ac.Records:
    day = pd.Timestamp("2013-04-01")
    merchants = pd.DataFrame({"merchant_id": ["m"], "platform": "taobao", "registered_at": [day]})
    orders = pd.DataFrame({
        "order_id": np.arange(len(amounts)).astype(str), "merchant_id": "m", "buyer_id": "b",
        "created_at": day, "amount": amounts,
    })  # fmt: skip
    return ac.read_records({"merchants": merchants, "orders": orders})


def test_what_one_lays_down_no_other_sees_before_or_after_it_is_closed() -> None:
    one, two = connect_in_passing(), connect_in_passing()
    for con, value in ((one, 1), (two, 2)):
        con.register("given", pa.table({"x": [value]}))
        con.execute("CREATE TEMP VIEW seen AS SELECT x * 10 AS y FROM given")
        con.execute("CREATE TEMP TABLE held AS SELECT y FROM seen")
    assert one.execute("SELECT * FROM held, seen, given").fetchall() == [(10, 10, 1)]
    assert two.execute("SELECT * FROM held, seen, given").fetchall() == [(20, 20, 2)]
    one.close()
    two.close()
    with connect_in_passing() as after:
        for name in ("given", "seen", "held"):
            with pytest.raises(duckdb.CatalogException):
                after.execute(f"SELECT * FROM {name}")


def test_tables_of_one_name_are_read_side_by_side() -> None:
    size = 300_000
    first, second = records_of(np.arange(size)), records_of(np.arange(size) + 0.5)
    seen: list[tuple[float, float]] = []
    for one, two in zip(first.scan("orders", ["amount"]), second.scan("orders", ["amount"])):
        assert len(first["merchants"]) == 1  # a third question while two are being answered
        seen += zip(one["amount"].to_pylist(), two["amount"].to_pylist())
    assert seen == [(k, k + 0.5) for k in range(size)]


def test_threads_read_their_own_rows() -> None:
    found: dict[int, set[float]] = {}

    def read(number: int) -> None:
        records = records_of(np.full(2_000, float(number)))
        found[number] = {
            value for _ in range(5) for value in records["orders"]["amount"].to_pylist()
        }

    threads = [threading.Thread(target=read, args=(number,)) for number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == {number: {float(number)} for number in range(6)}


FORKED = """
import os, sys
import pandas as pd
import alicredit as ac
day = pd.Timestamp("2013-04-01")
table = pd.DataFrame({"merchant_id": ["m"] * 1, "platform": "taobao", "registered_at": [day]})
records = ac.read_records({"merchants": table})
assert len(records["merchants"]) == 1
child = os.fork()
if child == 0:
    assert len(ac.read_records({"merchants": table})["merchants"]) == 1
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert len(records["merchants"]) == 1
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is forked")
def test_a_forked_process_reads_and_ends_and_its_parent_goes_on() -> None:
    env = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", FORKED], env=env, capture_output=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def test_files_and_bounds_of_memory_have_a_database_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = records_of(np.arange(3.0))
    ac.write_records(here, tmp_path)
    files = ac.read_records(tmp_path)

    def refuse() -> None:
        pytest.fail("one database of all")

    monkeypatch.setattr(reading, "connect_in_passing", refuse)
    assert files["orders"].num_rows == 3
    path = tmp_path / "orders.parquet"
    for amount in (7.0, 8.0):  # of the same size, within a moment
        pd.read_parquet(path).assign(amount=amount).to_parquet(path, index=False)
        assert ac.read_records(tmp_path)["orders"]["amount"].to_pylist() == [amount] * 3
    bounded = replace(here, bound=Bound(300_000_000, str(tmp_path)))
    assert bounded["orders"].num_rows == 3
    with pytest.raises(pytest.fail.Exception):
        here["orders"]
