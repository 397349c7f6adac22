"""A table in parts is the table in one piece, whatever each part's columns and types are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alicredit.errors import RecordError
from alicredit.records import find_problems, read_records
from alicredit.records.repeats import full_columns, spans_of

US = pa.timestamp("us")
MERCHANTS = pd.DataFrame(
    {"merchant_id": ["m0", "m1"], "platform": "taobao", "registered_at": [dt.date(2011, 5, 1)] * 2}
)
TIMES = ["2013-04-01", "2013-04-02", "2013-04-03 00:10:01.123456", "2013-04-05 23:30"]
ORDERS = pa.table(
    {
        "order_id": ["a", "b", "c", "d"],
        "merchant_id": ["m0", "m0", "m1", "m1"],
        "buyer_id": ["x"] * 4,
        "created_at": pa.array(pd.to_datetime(TIMES, format="ISO8601"), US),
        "amount": [12.0, 100.0, 0.1, 33.33],
        "freight": [1.0, None, 2.25, 0.0],
        "is_virtual_goods": [None, None, False, True],
        "category": [None, None, "x", "y"],
    }
)
HALVES = (ORDERS.slice(0, 2), ORDERS.slice(2))


def changed(table: pa.Table, column: str, values: Any) -> pa.Table:
    """Put other values in a column's place."""
    return table.set_column(table.schema.get_field_index(column), column, values)


def emptied(column: str) -> Callable[[pa.Table], pa.Table]:
    return lambda table: changed(table, column, pa.nulls(len(table)))


def cast(column: str, kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    return lambda table: changed(table, column, table[column].cast(kind))


def local_to_utc(table: pa.Table) -> pa.Table:
    moments = table["created_at"].to_pandas().dt.tz_localize("Asia/Shanghai").dt.tz_convert("UTC")
    return changed(table, "created_at", pa.array(moments, pa.timestamp("us", "UTC")))


def as_decimals(table: pa.Table) -> pa.Table:
    exact = [Decimal(str(value)) for value in table["amount"].to_pylist()]
    return changed(table, "amount", pa.array(exact, pa.decimal128(20, 4)))


def write_parts(folder: Path, *parts: pa.Table, ending: str = ".parquet", **how: Any) -> Path:
    """Write merchants, and orders as a folder of parts."""
    place = folder / "orders"
    place.mkdir()
    MERCHANTS.to_parquet(folder / "merchants.parquet", index=False)
    for at, part in enumerate(parts):
        path = place / f"part-{at}{ending}"
        if ending == ".csv":
            part.to_pandas().to_csv(path, index=False)
        else:
            pq.write_table(part, path, **how)
    return folder


def rows(folder: Path, names: list[str] = ORDERS.column_names) -> list[dict[str, Any]]:
    """Read the orders of a folder in the order of their ids, the columns that are asked for."""
    found = read_records(folder)["orders"]
    assert set(found.column_names) >= set(names)
    return sorted(found.select(names).to_pylist(), key=lambda row: row["order_id"])


FIRST: dict[str, Callable[[pa.Table], pa.Table]] = {
    "as the others": lambda table: table,
    "amounts whole": cast("amount", pa.int64()),
    "amounts small and whole": cast("amount", pa.int8()),
    "amounts in singles": cast("amount", pa.float32()),
    "amounts exact": as_decimals,
    "amounts exact, without places": cast("amount", pa.decimal128(12, 0)),
    "times in seconds": cast("created_at", pa.timestamp("s")),
    "times in thousandths": cast("created_at", pa.timestamp("ms")),
    "times in billionths": cast("created_at", pa.timestamp("ns")),
    "times without a time of day": cast("created_at", pa.date32()),
    "times of UTC": local_to_utc,
    "no flag": emptied("is_virtual_goods"),
    "no category": emptied("category"),
    "coded texts": cast("merchant_id", pa.dictionary(pa.int32(), pa.string())),
    "large texts": cast("merchant_id", pa.large_string()),
    "without the flag": lambda table: table.drop_columns(["is_virtual_goods"]),
    "without the category": lambda table: table.drop_columns(["category"]),
    "columns turned round": lambda table: table.select(table.column_names[::-1]),
    "more columns": lambda table: table.append_column("shop", pa.array([1] * len(table))),
}


@pytest.mark.parametrize("turned", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("case", FIRST)
def test_each_part_is_read_by_its_own_types(tmp_path: Path, case: str, turned: bool) -> None:
    """DuckDB alone would round 0.1 to 0, or shift times, to the types of the first part."""
    parts = [FIRST[case](HALVES[0]), HALVES[1]]
    folder = write_parts(tmp_path, *(parts[::-1] if turned else parts))
    assert rows(folder) == ORDERS.to_pylist()


CASES = st.lists(st.sampled_from(sorted(FIRST)), min_size=2, max_size=4)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases=CASES, ending=st.sampled_from([".parquet", ".csv"]))
def test_any_parts_in_any_order_hold_the_rows_of_all(
    tmp_path_factory: pytest.TempPathFactory, cases: list[str], ending: str
) -> None:
    parts = []
    for at, case in enumerate(cases):
        ids = pa.array([f"{at}{order}" for order in HALVES[0]["order_id"].to_pylist()])
        parts.append(FIRST[case](changed(HALVES[0], "order_id", ids)))
    folder = write_parts(tmp_path_factory.mktemp("parts"), *parts, ending=ending)
    names = ["order_id", "merchant_id", "created_at", "amount", "freight"]
    once = HALVES[0].select(names[1:]).to_pylist()
    assert [{k: row[k] for k in names[1:]} for row in rows(folder, names)] == once * len(cases)


def test_what_some_parts_lack_is_told(tmp_path: Path) -> None:
    write_parts(tmp_path, HALVES[0].drop_columns(["category", "freight"]), HALVES[1])
    problems = find_problems(read_records(tmp_path))
    told = problems[problems["rule"] == "column in some files"]["message"]
    assert sorted(told) == [
        "'category' lacks in part-0.parquet: it reads as missing in their rows",
        "'freight' lacks in part-0.parquet: it reads as missing in their rows",
    ]


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
@pytest.mark.parametrize("at", [0, 1])
def test_a_part_that_lacks_a_required_column_is_refused_by_its_name(
    tmp_path: Path, ending: str, at: int
) -> None:
    parts = list(HALVES)
    parts[at] = parts[at].drop_columns(["amount"])
    write_parts(tmp_path, *parts, ending=ending)
    with pytest.raises(RecordError, match=rf"'orders' in part-{at}\{ending} must have .*'amount'"):
        read_records(tmp_path)


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("column", ["created_at", "amount", "is_virtual_goods"])
def test_text_in_one_part_is_no_more_a_number_than_in_all(
    tmp_path: Path, column: str, at: int
) -> None:
    parts = list(HALVES)
    texts = pa.array([str(value) for value in parts[at][column].to_pylist()])
    parts[at] = changed(parts[at], column, texts)
    write_parts(tmp_path, *parts)
    with pytest.raises(RecordError, match=rf"in part-{at}\.parquet column '{column}'.*VARCHAR"):
        read_records(tmp_path)


def test_names_that_differ_in_case_from_part_to_part_are_refused(tmp_path: Path) -> None:
    names = ["Freight" if name == "freight" else name for name in ORDERS.column_names]
    write_parts(tmp_path, HALVES[0], HALVES[1].rename_columns(names))
    with pytest.raises(RecordError, match=r"different names.*'Freight', 'freight'"):
        read_records(tmp_path)


def interactions(logins: pa.Array, first: int) -> pa.Table:
    days = [dt.date(2013, 4, first + at) for at in range(len(logins))]
    return pa.table({"merchant_id": ["m0"] * len(logins), "day": days, "logins": logins})


@pytest.mark.parametrize("turned", [False, True])
def test_a_count_that_is_no_whole_number_is_refused_in_any_part(
    tmp_path: Path, turned: bool
) -> None:
    MERCHANTS.to_parquet(tmp_path / "merchants.parquet", index=False)
    place = tmp_path / "interactions_daily"
    place.mkdir()
    whole, real = pa.array([3, 4]), pa.array([1.5, 2.0])
    for at, logins in enumerate([real, whole] if turned else [whole, real]):
        pq.write_table(interactions(logins, 1 + 2 * at), place / f"{at}.parquet")
    with pytest.raises(RecordError, match=r"column 'logins'.*1 row such as '1\.5'"):
        read_records(tmp_path)


def test_no_number_in_a_part_of_reals_is_missing_beside_parts_of_whole_numbers(
    tmp_path: Path,
) -> None:
    MERCHANTS.to_parquet(tmp_path / "merchants.parquet", index=False)
    place = tmp_path / "interactions_daily"
    place.mkdir()
    pq.write_table(interactions(pa.array([3, 4]), 1), place / "0.parquet")
    pq.write_table(interactions(pa.array(np.array([np.nan, 2.0])), 3), place / "1.parquet")
    records = read_records(tmp_path)
    assert sorted(records["interactions_daily"]["logins"].to_pylist(), key=str) == [2, 3, 4, None]
    assert "logins" not in full_columns(records.sources["interactions_daily"])
    assert "logins" not in spans_of(records.sources["interactions_daily"])
    problems = find_problems(records)
    assert problems[problems["rule"] == "logins missing"]["rows"].tolist() == [1]


def test_ids_that_are_whole_numbers_in_every_part_stay_numbers(tmp_path: Path) -> None:
    ids = [pa.array([1, 2], kind) for kind in (pa.int32(), pa.int64())]
    parts = [
        changed(half, "order_id", some) for half, some in zip(HALVES, (ids[0], ids[1]), strict=True)
    ]
    write_parts(tmp_path, *parts)
    records = read_records(tmp_path)
    assert ("orders", "order_id") in records.number_ids
    assert sorted(records["orders"]["order_id"].to_pylist()) == ["1", "1", "2", "2"]


@pytest.mark.parametrize("kind", [pa.string(), pa.null()])
@pytest.mark.parametrize("at", [0, 1])
def test_a_part_without_rows_has_no_say(tmp_path: Path, kind: pa.DataType, at: int) -> None:
    """A frame without rows is written without types, or with those of texts."""
    empty = pa.table({name: pa.array([], kind) for name in ORDERS.column_names[2:]})
    write_parts(tmp_path, *([empty, ORDERS] if at == 0 else [ORDERS, empty]))
    assert rows(tmp_path) == ORDERS.to_pylist()


def test_a_file_of_nothing_has_no_say_among_files_of_text(tmp_path: Path) -> None:
    write_parts(tmp_path, *HALVES, ending=".csv")
    (tmp_path / "orders" / "part--.csv").touch()
    assert rows(tmp_path) == ORDERS.to_pylist()


def test_a_column_of_nothing_has_no_type_that_could_be_wrong(tmp_path: Path) -> None:
    nothing = pa.nulls(4)
    lacking = ORDERS.append_column("paid_at", nothing)
    for name in ("is_virtual_goods", "freight"):
        lacking = changed(lacking, name, nothing)
    frames = {"merchants": MERCHANTS, "orders": lacking}
    write_parts(tmp_path, lacking)
    for records in (read_records(frames), read_records(tmp_path)):
        found = records["orders"]
        assert found.schema.field("paid_at").type == US
        assert found.schema.field("is_virtual_goods").type == pa.bool_()
        assert found["paid_at"].null_count == found["freight"].null_count == 4


def in_spark_hands(path: Path) -> None:
    """Say of a file that Spark wrote it."""
    table = pq.read_table(path)
    told = {**(table.schema.metadata or {}), b"org.apache.spark.version": b"4.0.1"}
    pq.write_table(table.replace_schema_metadata(told), path, use_deprecated_int96_timestamps=True)


def test_times_in_96_bits_are_of_utc_where_spark_wrote_them(tmp_path: Path) -> None:
    aware = local_to_utc(ORDERS)
    write_parts(tmp_path, aware, use_deprecated_int96_timestamps=True)
    in_spark_hands(tmp_path / "orders" / "part-0.parquet")
    assert rows(tmp_path) == ORDERS.to_pylist()


def test_times_in_96_bits_of_an_unknown_hand_are_refused(tmp_path: Path) -> None:
    write_parts(tmp_path, ORDERS, use_deprecated_int96_timestamps=True)
    with pytest.raises(RecordError, match=r"'created_at'.*INT96.*whether it is local or UTC"):
        read_records(tmp_path)


def test_times_in_96_bits_stand_beside_others(tmp_path: Path) -> None:
    write_parts(tmp_path, local_to_utc(HALVES[0]), use_deprecated_int96_timestamps=True)
    in_spark_hands(tmp_path / "orders" / "part-0.parquet")
    pq.write_table(HALVES[1], tmp_path / "orders" / "part-1.parquet")
    assert rows(tmp_path) == ORDERS.to_pylist()


def test_a_length_of_time_is_no_number_of_seconds(tmp_path: Path) -> None:
    """Parquet keeps a length as a whole number, of a unit that the file alone knows."""
    MERCHANTS.to_parquet(tmp_path / "merchants.parquet", index=False)
    waits = pa.array([dt.timedelta(seconds=5)] * 2, pa.duration("us"))
    table = interactions(pa.array([1, 1]), 1).append_column("median_first_response_s", waits)
    pq.write_table(table, tmp_path / "interactions_daily.parquet")
    with pytest.raises(RecordError, match=r"'median_first_response_s'.*INTERVAL"):
        read_records(tmp_path)
