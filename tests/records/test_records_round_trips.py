"""A table is the same table whichever way it comes in, and however often it is written out."""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alicredit.records import Records, find_problems, read_records, write_records

USE = {"bank_txns": {"purpose": "credit decision", "legal_basis": "consent", "consent_id": "c-1"}}
SIGNS = string.ascii_letters + string.digits + "浙江店铺#'\" ;|"
NAMES = st.text(SIGNS, min_size=1, max_size=8).map(lambda text: f"m{text}".strip())
MONEY = st.integers(0, 10**9).map(lambda fen: fen / 100)
MOMENTS = st.datetimes(
    min_value=pd.Timestamp("1990-01-01").to_pydatetime(),
    max_value=pd.Timestamp("2030-01-01").to_pydatetime(),
)


@st.composite
def platforms(draw: Any) -> dict[str, pd.DataFrame]:
    """Draw merchants with odd names and orders with missing values."""
    ids = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    merchants = pd.DataFrame(
        {
            "merchant_id": ids,
            "platform": draw(
                st.lists(st.sampled_from(["taobao", "tmall"]), min_size=len(ids), max_size=len(ids))
            ),
            "registered_at": pd.to_datetime(["2011-05-01"] * len(ids)),
        }
    )
    rows = draw(
        st.lists(
            st.tuples(st.sampled_from(ids), MOMENTS, st.none() | MOMENTS, MONEY),
            min_size=1,
            max_size=12,
        )
    )
    orders = pd.DataFrame(
        {
            "order_id": [f"o{k}" for k in range(len(rows))],
            "merchant_id": [row[0] for row in rows],
            "buyer_id": "b",
            "created_at": pd.to_datetime([row[1] for row in rows]).astype("datetime64[us]"),
            "paid_at": pd.to_datetime([row[2] for row in rows]).astype("datetime64[us]"),
            "amount": np.array([row[3] for row in rows], dtype=float),
        }
    )
    return {"merchants": merchants, "orders": orders}


def as_parquet(tables: dict[str, pd.DataFrame], place: Path) -> Records:
    for name, frame in tables.items():
        frame.to_parquet(place / f"{name}.parquet", index=False)
    return read_records(place)


def as_parts(tables: dict[str, pd.DataFrame], place: Path) -> Records:
    for name, frame in tables.items():
        (place / name).mkdir()
        half = max(len(frame) // 2, 1)
        frame.iloc[:half].to_parquet(place / name / "part-0.parquet", index=False)
        frame.iloc[half:].to_parquet(place / name / "part-1.parquet", index=False)
    return read_records(place)


def as_csv(tables: dict[str, pd.DataFrame], place: Path) -> Records:
    for name, frame in tables.items():
        frame.to_csv(place / f"{name}.csv", index=False)
    return read_records(place)


def as_paths(tables: dict[str, pd.DataFrame], place: Path) -> Records:
    as_parquet(tables, place)
    return read_records({name: place / f"{name}.parquet" for name in tables})


def as_polars(tables: dict[str, pd.DataFrame], place: Path) -> Records:
    return read_records({name: pl.from_pandas(frame) for name, frame in tables.items()})


def as_arrow(tables: dict[str, pd.DataFrame], place: Path) -> Records:
    return read_records(
        {name: pa.Table.from_pandas(frame, preserve_index=False) for name, frame in tables.items()}
    )


def as_query(tables: dict[str, pd.DataFrame], place: Path) -> Records:
    con = duckdb.connect()
    results = {}
    for name, frame in tables.items():
        con.register(f"given_{name}", pa.Table.from_pandas(frame, preserve_index=False))
        results[name] = con.sql(f"SELECT * FROM given_{name}")
    return read_records(results)


def as_own_copy(tables: dict[str, pd.DataFrame], place: Path) -> Records:
    write_records(read_records(tables), place)
    return read_records(place)


WAYS: dict[str, Callable[[dict[str, pd.DataFrame], Path], Records]] = {
    "parquet": as_parquet,
    "parts": as_parts,
    "csv": as_csv,
    "paths": as_paths,
    "polars": as_polars,
    "arrow": as_arrow,
    "query": as_query,
    "own copy": as_own_copy,
}


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables=platforms())
def test_every_way_in_gives_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, tables: dict[str, pd.DataFrame]
) -> None:
    records = read_records(tables)
    plain = {name: records[name] for name in records.tables}
    assert {name: table.num_rows for name, table in plain.items()} == {
        name: len(frame) for name, frame in tables.items()
    }
    for way, read in WAYS.items():
        other = read(tables, tmp_path_factory.mktemp("way"))
        assert set(other.tables) == set(plain), way
        for name, table in plain.items():
            found = other[name]
            assert found.schema.equals(table.schema), (way, name)
            assert found.to_pylist() == table.to_pylist(), (way, name)


@settings(max_examples=6)
@given(tables=platforms(), batch=st.integers(1, 5))
def test_batches_of_any_size_are_the_whole_in_order(tables, batch: int) -> None:
    records = read_records(tables)
    for name in records.tables:
        parts = [row for part in records.scan(name, batch_rows=batch) for row in part.to_pylist()]
        assert parts == records[name].to_pylist()
        chosen = ["merchant_id"]
        thin = [row for part in records.scan(name, chosen) for row in part.to_pylist()]
        assert thin == records[name].select(chosen).to_pylist()


@settings(max_examples=6)
@given(tables=platforms())
def test_findings_are_those_of_the_rows_not_of_the_way_in(tmp_path_factory, tables) -> None:
    plain = find_problems(read_records(tables))
    for way in ("csv", "polars", "own copy"):
        other = find_problems(WAYS[way](tables, tmp_path_factory.mktemp("way")))
        pd.testing.assert_frame_equal(other, plain)


def test_writing_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    tables = {
        "merchants": pd.DataFrame(
            {
                "merchant_id": ["m0"],
                "platform": ["taobao"],
                "registered_at": pd.to_datetime(["2011-05-01"]),
            }
        ),
        "bank_txns": pd.DataFrame(
            {
                "merchant_id": ["m0"],
                "at": pd.to_datetime(["2012-05-01"]),
                "amount": [-3.5],
                "kind": ["supplier"],
            }
        ),
    }
    write_records(read_records(tables, data_use=USE), tmp_path / "a")
    write_records(read_records(tmp_path / "a"), tmp_path / "b")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["bank_txns.parquet", "data_use.toml", "merchants.parquet", "records.toml"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    again = read_records(tmp_path / "b")
    assert again.data_use["bank_txns"].consent_id == "c-1"
    assert again.timezone == "Asia/Shanghai"


def test_notes_survive_with_every_sign_a_text_can_have(tmp_path: Path) -> None:
    merchants = pd.DataFrame(
        {"merchant_id": ["m0"], "platform": "taobao", "registered_at": [pd.Timestamp("2011-05-01")]}
    )
    merchants.to_parquet(tmp_path / "merchants.parquet", index=False)
    notes = 'made_by = "浙江 \\"store\\" \\\\ 1"\nseed = 3\nrate = 0.25\nis_real = false\n'
    (tmp_path / "records.toml").write_text(notes, encoding="utf-8")
    first = read_records(tmp_path)
    write_records(first, tmp_path / "copy")
    assert dict(read_records(tmp_path / "copy").notes) == dict(first.notes)
    assert first.notes["made_by"] == '浙江 "store" \\ 1'


def test_a_line_that_begins_like_a_comment_is_a_line(tmp_path: Path) -> None:
    text = "merchant_id,platform,registered_at\n#1,taobao,2011-01-01\nb,taobao,2011-01-01\n"
    (tmp_path / "merchants.csv").write_text(text, encoding="utf-8")
    assert read_records(tmp_path)["merchants"]["merchant_id"].to_pylist() == ["#1", "b"]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_csv_reads_the_same_from_every_system(tmp_path: Path, ending: str, mark: bytes) -> None:
    text = 'merchant_id,platform,registered_at,city\n"a,1",taobao,2011-01-01,"杭""州"\n'
    (tmp_path / "merchants.csv").write_bytes(mark + text.replace("\n", ending).encode())
    row = read_records(tmp_path)["merchants"].to_pylist()[0]
    assert row["merchant_id"] == "a,1"
    assert row["city"] == '杭"州'


def test_columns_in_another_order_and_more_of_them_change_nothing_declared() -> None:
    frame = pd.DataFrame(
        {
            "note": ["x", "y"],
            "registered_at": pd.to_datetime(["2011-05-01", "2011-06-01"]),
            "platform": ["taobao", "tmall"],
            "merchant_id": ["m0", "m1"],
        }
    )
    records = read_records({"merchants": frame})
    assert records.columns("merchants") == ("merchant_id", "platform", "registered_at", "note")
    assert [note.rule for note in records.findings] == ["unknown column"]


def test_a_parquet_file_of_many_row_groups_is_one_table(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "merchant_id": [f"m{k:04d}" for k in range(1000)],
            "platform": "taobao",
            "registered_at": pd.Timestamp("2011-05-01"),
        }
    )
    pq.write_table(
        pa.Table.from_pandas(frame, preserve_index=False),
        tmp_path / "merchants.parquet",
        row_group_size=37,
    )
    read = read_records(tmp_path)["merchants"]["merchant_id"].to_pylist()
    assert read == frame["merchant_id"].tolist()
