"""Bad files are refused in our words, and no finding as of a day reads what came after it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.errors import InputError, RecordError
from alicredit.records import find_problems, merchants_in_error, read_records

HEADER = "order_id,merchant_id,buyer_id,created_at,amount"


def merchants() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "merchant_id": ["m0", "m1"],
            "platform": "taobao",
            "registered_at": pd.to_datetime(["2011-05-01", "2011-05-01"]),
        }
    )


def orders(**columns: object) -> pd.DataFrame:
    plain = {
        "order_id": ["a", "b"],
        "merchant_id": ["m0", "m1"],
        "buyer_id": ["x", "y"],
        "created_at": pd.to_datetime(["2012-01-01", "2013-06-01"]),
        "amount": [100.0, 20.0],
    }
    return pd.DataFrame(plain | columns)


def folder(place: Path, name: str, content: bytes) -> Path:
    merchants().to_csv(place / "merchants.csv", index=False)
    (place / name).write_bytes(content)
    return place


def test_a_truncated_parquet_file_is_refused_with_its_name(tmp_path) -> None:
    buffer = io.BytesIO()
    orders().to_parquet(buffer)
    half = buffer.getvalue()[: len(buffer.getvalue()) // 2]
    with pytest.raises(RecordError, match=r"table 'orders'.*orders\.parquet.*whole and readable"):
        read_records(folder(tmp_path, "orders.parquet", half))


def test_a_parquet_file_spoiled_inside_is_refused_when_it_is_read(tmp_path) -> None:
    buffer = io.BytesIO()
    orders().to_parquet(buffer)
    whole = buffer.getvalue()
    spoiled = whole[:40] + b"\0" * 200 + whole[240:]
    with pytest.raises(RecordError, match=r"table 'orders'.*whole and readable"):
        _ = read_records(folder(tmp_path, "orders.parquet", spoiled))["orders"]


def test_repeated_names_in_a_file_are_refused(tmp_path) -> None:
    text = f"{HEADER},amount\na,m0,x,2012-01-01,2,3\n"
    with pytest.raises(RecordError, match=r"different names.*'amount'"):
        read_records(folder(tmp_path, "orders.csv", text.encode()))
    (tmp_path / "orders.csv").unlink()
    frame = pa.Table.from_pandas(orders(), preserve_index=False)
    twice = frame.append_column("amount", frame["amount"])
    pq.write_table(twice, tmp_path / "orders.parquet")
    with pytest.raises(RecordError, match=r"different names.*'amount'"):
        read_records(tmp_path)


def test_text_that_is_not_utf8_is_refused_with_what_to_do(tmp_path) -> None:
    text = "merchant_id,platform,registered_at,region\na,taobao,2011-01-01,浙江\n"
    (tmp_path / "merchants.csv").write_bytes(text.encode("gbk"))
    with pytest.raises(RecordError, match="UTF-8"):
        _ = read_records(tmp_path)["merchants"]


@pytest.mark.parametrize("content", [b"", f"{HEADER}\nb,m0\n".encode(), b"\0\0\0"])
def test_a_csv_without_the_columns_is_refused(tmp_path, content: bytes) -> None:
    with pytest.raises(RecordError, match="'orders'"):
        read_records(folder(tmp_path, "orders.csv", content))


@pytest.mark.parametrize(
    "written",
    [
        "2013-04-01 10:00:00+00:00",
        "2013-04-01T10:00:00Z",
        "2013-04-01 12:00:00+02",
        "2013-04-01 18:00:00",
        "2013-04-01 18:00:00.000",
        "2013-04-01 10:00:00 UTC",
        "2013-04-01 19:00:00 +0900",
        "2013/4/1 18:00",
        "2013-04-01T18:00",
        " 2013-04-01 18:00:00 ",
    ],
)
def test_a_csv_time_with_a_zone_is_converted_and_one_without_is_kept(tmp_path, written) -> None:
    text = f"{HEADER}\na,m0,x,{written},2\n".encode()
    table = read_records(folder(tmp_path, "orders.csv", text))["orders"]
    assert table["created_at"].to_pylist() == [pd.Timestamp("2013-04-01 18:00:00")]


@pytest.mark.parametrize(
    "written",
    [
        "2013-04-01 10:00:00 PM",
        "2013-04-01 10:00:00 CST",
        "2013-04-01 10:00 GMT",
        "2013-04-01 10:00:00 America/New_York",
        "2013-04-01 10",
        "01/04/2013",
        "5/4/13",
        "13-04-01",
        "epoch",
        "infinity",
        "2013-04-01 (BC)",
        "2013-04-01 10:00:00 and more",
        "2013-02-30",
    ],
)
@pytest.mark.parametrize("column", ["created_at", "day"])
def test_a_csv_time_of_another_form_is_refused_whatever_could_be_read_of_it(
    tmp_path, written, column
) -> None:
    """Ten in the evening is not ten o'clock, nor is ten in New York."""
    text, name = f"{HEADER}\na,m0,x,{written},2\n", "orders.csv"
    if column == "day":
        text, name = f"merchant_id,day,logins\nm0,{written},1\n", "interactions_daily.csv"
    with pytest.raises(RecordError, match=f"'{column}'.*{re.escape(repr(written))}"):
        read_records(folder(tmp_path, name, text.encode()))


@pytest.mark.parametrize("number", ["0x10", "0b11", "1_000", "1e", "12 ", "+3", "1e2", " 7\t"])
def test_a_csv_count_is_a_plain_number(tmp_path, number) -> None:
    text = f"merchant_id,day,logins\nm0,2013-04-01,{number}\n".encode()
    whole = {"12 ": 12, "+3": 3, "1e2": 100, " 7\t": 7}.get(number)
    place = folder(tmp_path, "interactions_daily.csv", text)
    if whole is not None:
        assert read_records(place)["interactions_daily"]["logins"].to_pylist() == [whole]
        return
    with pytest.raises(RecordError, match=f"'logins'.*'{number}'"):
        read_records(place)


NOTHING = ["NULL", "null", "\\N", "None", "NaN", "nan", "<NA>", "NaT", "N/A", "#N/A"]


@pytest.mark.parametrize("word", NOTHING)
@pytest.mark.parametrize("column", ["buyer_id", "channel", "device_hash"])
def test_a_word_for_nothing_in_a_csv_is_no_value(tmp_path, word, column) -> None:
    """All buyers whom a program wrote as NULL would be one buyer, and all devices one device."""
    columns = ["order_id", "merchant_id", "buyer_id", "created_at", "amount"]
    row = {"order_id": "a", "merchant_id": "m0", "buyer_id": "b", "channel": "ad",
           "created_at": "2013-04-01", "amount": "2", "device_hash": "d"}  # fmt: skip
    row[column] = word
    names = [*columns, *({column} - {*columns})]
    text = f"{','.join(names)}\n{','.join(row[name] for name in names)}\n".encode()
    with pytest.raises(RecordError, match=f"'{column}'.*leave empty what is missing"):
        read_records(folder(tmp_path, "orders.csv", text))


@pytest.mark.parametrize("word", ["NA", "Nan'an", "nullarbor", "none such", "N"])
def test_a_name_that_only_begins_like_nothing_is_a_value(tmp_path, word) -> None:
    text = f"{HEADER},buyer_region\na,m0,x,2013-04-01,2,{word}\n".encode()
    table = read_records(folder(tmp_path, "orders.csv", text))["orders"]
    assert table["buyer_region"].to_pylist() == [word]


def test_a_csv_count_is_not_rounded(tmp_path) -> None:
    text = b"merchant_id,day,logins\nm0,2013-04-01,1.5\n"
    with pytest.raises(RecordError, match=r"'logins'.*1\.5"):
        read_records(folder(tmp_path, "interactions_daily.csv", text))


@settings(max_examples=15, deadline=None)
@given(
    moments=st.lists(
        st.datetimes(pd.Timestamp("2001-01-01"), pd.Timestamp("2030-01-01")), min_size=1
    ),
    data=st.data(),
)
def test_csv_and_frame_read_the_same(tmp_path_factory, moments, data) -> None:
    rows = len(moments)
    amounts = data.draw(st.lists(st.floats(0, 1e9), min_size=rows, max_size=rows))
    frame = pd.DataFrame(
        {
            "order_id": [f"o{k}" for k in range(rows)],
            "merchant_id": "m0",
            "buyer_id": "x",
            "created_at": pd.Series(moments).astype("datetime64[us]"),
            "amount": amounts,
        }
    )
    place = tmp_path_factory.mktemp("csv")
    written = frame.to_csv(index=False).encode()
    from_csv = read_records(folder(place, "orders.csv", written))["orders"]
    from_frame = read_records({"merchants": merchants(), "orders": frame})["orders"]
    assert from_csv.to_pydict() == from_frame.to_pydict()


@pytest.mark.parametrize("place", ["nowhere", "merchants.csv"])
def test_a_source_that_is_no_folder_is_refused(tmp_path, place: str) -> None:
    with pytest.raises(RecordError, match="folder"):
        read_records(folder(tmp_path, "orders.csv", HEADER.encode()) / place)


def test_an_empty_folder_is_refused(tmp_path) -> None:
    with pytest.raises(RecordError, match="at least one table"):
        read_records(tmp_path)


def test_a_query_whose_connection_is_closed_is_refused() -> None:
    con = duckdb.connect()
    query = con.sql("SELECT 'm0' AS merchant_id")
    con.close()
    with pytest.raises(RecordError, match=r"'merchants'.*still open"):
        read_records({"merchants": query})


def test_facts_of_children_without_their_parents_table_are_refused() -> None:
    refunds = pd.DataFrame(
        {"id": ["r"], "order_id": ["a"], "opened_at": pd.to_datetime(["2013-05-01"]), "amount": 1.0}
    )
    records = read_records({"merchants": merchants(), "refunds": refunds})
    with pytest.raises(RecordError, match="'orders'"):
        records.fact_sql("refunds")


def read(frame: pd.DataFrame, **others: pd.DataFrame):
    return read_records({"merchants": merchants(), "orders": frame} | others)


LATER = {
    "a value missing in a later order": {"buyer_id": ["x", None]},
    "a later order that is impossible": {"amount": [100.0, np.inf]},
    "a later payment before its order": {
        "paid_at": pd.to_datetime(["2012-01-02", "2001-01-01"]),
    },
    "a running refund of which no past is kept": {"refund_amount": [900.0, 0.0]},
    "a status of which no past is kept": {"status": ["success", "success"]},
    "an orphan of a later time": {"merchant_id": ["m0", "nobody"]},
    "a shipment after that moment, never paid": {
        "shipped_at": pd.to_datetime(["2013-05-01", None]),
        "paid_at": pd.to_datetime([None, None]),
    },
}


@pytest.mark.parametrize("case", LATER)
def test_no_finding_as_of_a_day_reads_what_came_after_it(case: str) -> None:
    records = read(orders(**LATER[case]))
    found = find_problems(records, as_of="2013-01-01")
    assert found["rule"].tolist() == ["no history"]
    assert merchants_in_error(records, as_of="2013-01-01").empty


def test_a_fault_visible_that_day_names_its_merchant() -> None:
    records = read(orders(buyer_id=[None, "y"]))
    named = merchants_in_error(records, as_of="2013-01-01")
    assert named.to_numpy().tolist() == [["m0", "orders", "buyer_id missing"]]


@pytest.mark.parametrize("as_of", ["soon", pd.NaT, 3, pd.Timestamp("2013-01-01", tz="UTC")])
def test_an_as_of_that_is_no_local_time_is_refused(as_of) -> None:
    records = read(orders())
    with pytest.raises(InputError, match="as_of"):
        find_problems(records, as_of=as_of)
    with pytest.raises(InputError, match="as_of"):
        merchants_in_error(records, as_of=as_of)


def test_rows_after_the_records_were_taken_are_found(tmp_path) -> None:
    merchants().to_parquet(tmp_path / "merchants.parquet")
    orders().to_parquet(tmp_path / "orders.parquet")
    (tmp_path / "records.toml").write_text('observed_until = "2013-01-01"\n', encoding="utf-8")
    found = find_problems(read_records(tmp_path)).set_index("rule")
    assert found.loc["future row", "rows"] == 1
    assert found.loc["future row", "example"] == "b"
    (tmp_path / "records.toml").write_text('observed_until = "2013-06-01"\n', encoding="utf-8")
    assert "future row" not in set(find_problems(read_records(tmp_path))["rule"])


@pytest.mark.parametrize("placeholder", ["1970-01-01", "2999-12-31"])
def test_a_placeholder_is_no_date(placeholder: str) -> None:
    when = np.array([placeholder, "2013-06-01"], dtype="datetime64[us]")
    found = find_problems(read(orders(created_at=when))).set_index("rule")
    assert found.loc["impossible date", "rows"] == 1


def test_goods_paid_on_delivery_may_be_shipped_unpaid() -> None:
    shipped = {
        "shipped_at": pd.to_datetime(["2012-01-03", "2013-06-03"]),
        "paid_at": pd.to_datetime([None, None]),
    }
    found = find_problems(read(orders(payment=["cod", "escrow"], **shipped))).set_index("rule")
    assert found.loc["shipped without payment", "example"] == "b"


def test_findings_do_not_depend_on_the_order_of_rows() -> None:
    frame = orders(amount=[-1.0, np.inf], buyer_id=[None, "y"])
    there = find_problems(read(frame))
    back = find_problems(read(frame.iloc[::-1]))
    pd.testing.assert_frame_equal(there, back)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("table", ["loans", "repayments", "instalments", "orders", "refunds"])
def test_an_impossible_amount_is_listed_and_stops_nothing(table: str, value: float) -> None:
    day = pd.to_datetime(["2012-02-01"])
    tables = {
        "merchants": merchants(),
        "orders": orders(refund_amount=[0.0, 0.0]),
        "refunds": pd.DataFrame({"id": "r", "order_id": "a", "opened_at": day, "amount": 1.0}),
        "loans": pd.DataFrame(
            {
                "loan_id": "l",
                "merchant_id": "m0",
                "product_id": "order",
                "principal": 100.0,
                "rate": 0.0005,
                "rate_unit": "day",
                "disbursed_at": day,
                "due_at": day + pd.Timedelta(days=30),
            }
        ),
        "instalments": pd.DataFrame(
            {"loan_id": "l", "due_at": day, "principal": [10_000], "interest": [0]}
        ),
        "repayments": pd.DataFrame(
            {
                "loan_id": "l",
                "at": day,
                "amount": 100.0,
                "principal": 100.0,
                "interest": 0.0,
                "penalty": 0.0,
            }
        ),
    }
    column = "amount" if table in ("orders", "refunds") else "principal"
    planted = 10**15 if table == "instalments" else value
    tables[table].loc[0, column] = planted
    records = read_records(tables)
    found = find_problems(records)
    assert (table, f"{column} impossible") in set(zip(found["table"], found["rule"], strict=True))
    named = merchants_in_error(records, as_of="2013-01-01")
    assert set(named["merchant_id"]) == {"m0"}
