"""Reading is strict: what is not what it says is refused, with table and column named."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alicredit.errors import RecordError
from alicredit.records import Records, read_records, write_records

USE = {"bank_txns": {"purpose": "credit decision", "legal_basis": "consent"}}


def merchants(n: int = 3) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "merchant_id": [f"m{k}" for k in range(n)],
            "platform": ["taobao"] * n,
            "registered_at": pd.to_datetime(["2011-05-01"] * n),
        }
    )


def orders() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "order_id": ["a", "b"],
            "merchant_id": ["m0", "m1"],
            "buyer_id": ["x", "y"],
            "created_at": pd.to_datetime(["2013-04-01 10:00:00", "2013-04-02 11:30:00"]),
            "paid_at": pd.to_datetime(["2013-04-01 11:00:00", None]),
            "amount": [100.5, 20.0],
        }
    )


def columns_of(records: Records, table: str) -> dict[str, list]:
    return records[table].to_pydict()


CON = duckdb.connect()
SHAPES = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "arrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "query": lambda frame: CON.register("f", frame).sql("SELECT * FROM f"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_kind_of_frame_reads_the_same(shape: str) -> None:
    plain = read_records({"merchants": merchants(), "orders": orders()})
    other = read_records({"merchants": merchants(), "orders": SHAPES[shape](orders())})
    assert columns_of(other, "orders") == columns_of(plain, "orders")


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_folder_reads_as_its_frames(tmp_path, ending: str) -> None:
    for name, frame in (("merchants", merchants()), ("orders", orders())):
        path = tmp_path / f"{name}.{ending}"
        frame.to_parquet(path) if ending == "parquet" else frame.to_csv(path, index=False)
    here = read_records(tmp_path)
    assert columns_of(here, "orders") == columns_of(
        read_records({"merchants": merchants(), "orders": orders()}), "orders"
    )
    assert here.tables == ("merchants", "orders")


def test_a_table_may_be_a_folder_of_files_or_a_glob(tmp_path) -> None:
    merchants().to_parquet(tmp_path / "merchants.parquet")
    (tmp_path / "orders").mkdir()
    for k in range(2):
        orders().iloc[[k]].to_parquet(tmp_path / "orders" / f"part-{k}.parquet")
    assert read_records(tmp_path)["orders"].num_rows == 2
    glob = str(tmp_path / "orders" / "*.parquet")
    assert read_records({"merchants": merchants(), "orders": glob})["orders"].num_rows == 2


def test_columns_come_in_canonical_types() -> None:
    frame = orders().assign(
        order_id=[7, 8],
        amount=[Decimal("100.50"), Decimal("20.00")],
        is_virtual_goods=pd.array([True, None], dtype="boolean"),
        channel=pd.Categorical(["ad", "organic"]),
        freight=np.array([1.5, np.nan], dtype=np.float32),
    )
    table = read_records({"merchants": merchants(), "orders": frame})["orders"]
    kinds = {field.name: str(field.type) for field in table.schema}
    assert kinds["order_id"] == "string"
    assert kinds["amount"] == "double"
    assert kinds["is_virtual_goods"] == "bool"
    assert kinds["channel"] == "string"
    assert kinds["created_at"] == "timestamp[us]"
    assert table["order_id"].to_pylist() == ["7", "8"]
    assert table["freight"].to_pylist() == [1.5, None]
    assert table["is_virtual_goods"].to_pylist() == [True, None]


def test_aware_times_become_local_times() -> None:
    aware = orders().assign(created_at=orders()["created_at"].dt.tz_localize("UTC"))
    table = read_records({"merchants": merchants(), "orders": aware})["orders"]
    assert str(table["created_at"][0]) == "2013-04-01 18:00:00"


def test_scan_yields_batches_of_chosen_columns() -> None:
    many = pd.concat([orders()] * 1000, ignore_index=True)
    records = read_records({"merchants": merchants(), "orders": many})
    batches = list(records.scan("orders", ["amount"], batch_rows=2048))
    assert sum(batch.num_rows for batch in batches) == 2000
    assert batches[0].schema.names == ["amount"]
    with pytest.raises(RecordError, match=r"'amuont'.*did you mean 'amount'"):
        list(records.scan("orders", ["amuont"]))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("amount", ["100.5", "20"]),
        ("created_at", ["2013-04-01", "2013-04-02"]),
        ("amount", [True, False]),
        ("created_at", [1, 2]),
    ],
)
def test_a_wrong_type_in_a_frame_is_refused_with_its_place(column: str, values: list) -> None:
    with pytest.raises(RecordError, match=f"'orders' column '{column}'"):
        read_records({"merchants": merchants(), "orders": orders().assign(**{column: values})})


def test_text_in_a_csv_number_is_refused_with_rows_and_examples(tmp_path) -> None:
    merchants().to_csv(tmp_path / "merchants.csv", index=False)
    orders().assign(amount=["12,5", "n/a"]).to_csv(tmp_path / "orders.csv", index=False)
    with pytest.raises(RecordError, match=r"'amount'.*2 rows such as.*12,5.*no commas"):
        read_records(tmp_path)


def test_counts_that_are_no_whole_numbers_are_refused() -> None:
    days = pd.DataFrame(
        {"merchant_id": ["m0"], "day": pd.to_datetime(["2013-04-01"]), "logins": [1.5]}
    )
    with pytest.raises(RecordError, match="logins"):
        read_records({"merchants": merchants(), "interactions_daily": days})
    whole = days.assign(logins=[np.nan])
    read_records({"merchants": merchants(), "interactions_daily": whole})


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_no_number_in_a_file_is_missing_though_its_footer_does_not_say(tmp_path, kind) -> None:
    """A footer's least and greatest leave NaN out; DuckDB 2.0 takes them for all there is."""
    values = pa.array(np.array([100.0, np.nan, 200.0], dtype=kind))
    counts = pa.array(np.array([np.nan, 3.0, 4.0], dtype=kind))
    days = pa.table({"merchant_id": ["m0"] * 3, "day": [dt.date(2013, 4, k) for k in (1, 2, 3)]})
    merchants().to_parquet(tmp_path / "merchants.parquet")
    three = pd.concat([orders(), orders()[:1].assign(order_id="c")]).drop(columns="amount")
    kept = pa.Table.from_pandas(three, preserve_index=False)
    pq.write_table(kept.append_column("amount", values), tmp_path / "orders.parquet")
    pq.write_table(days.append_column("logins", counts), tmp_path / "interactions_daily.parquet")
    records = read_records(tmp_path)
    assert records["orders"]["amount"].to_pylist() == [100.0, None, 200.0]
    assert records["interactions_daily"]["logins"].to_pylist() == [None, 3, 4]


@pytest.mark.parametrize("lacking", ["merchant_id", "platform", "registered_at"])
def test_a_missing_column_is_named(lacking: str) -> None:
    with pytest.raises(RecordError, match=f"'merchants'.*'{lacking}'"):
        read_records({"merchants": merchants().drop(columns=lacking)})


def test_merchants_are_required() -> None:
    with pytest.raises(RecordError, match=r"'merchants'.*did you mean 'merchant'"):
        read_records({"merchant": merchants()})


def test_repeated_column_names_are_refused() -> None:
    twice = pd.concat([orders(), orders()[["amount"]]], axis=1)
    with pytest.raises(RecordError, match="different names"):
        read_records({"merchants": merchants(), "orders": twice})


def test_unknown_tables_and_columns_are_kept_and_reported() -> None:
    records = read_records({"merchants": merchants().assign(colour="red"), "order": orders()})
    found = {(note.table, note.rule): note.message for note in records.findings}
    assert "did you mean 'orders'" in found["order", "unknown table"]
    assert "'colour'" in found["merchants", "unknown column"]
    assert "colour" in records.columns("merchants")


def bank() -> pd.DataFrame:
    return pd.DataFrame(
        {"merchant_id": ["m0"], "at": pd.to_datetime(["2013-04-01"]), "amount": [5.0]}
    )


def test_restricted_tables_need_a_purpose_and_a_legal_basis() -> None:
    tables = {"merchants": merchants(), "bank_txns": bank()}
    without = read_records(tables)
    assert "bank_txns" not in without
    assert [note.rule for note in without.findings] == ["restricted"]
    assert "bank_txns" in read_records(tables, data_use=USE)


@pytest.mark.parametrize(
    ("use", "match"),
    [
        ({"bank_txns": {"purpose": "x"}}, "legal_basis"),
        ({"bank_txns": {"purpose": " ", "legal_basis": "y"}}, "purpose"),
        ({"bank_txn": {"purpose": "x", "legal_basis": "y"}}, "did you mean 'bank_txns'"),
        ({"orders": {"purpose": "x", "legal_basis": "y"}}, "restricted table"),
        ({"bank_txns": "because"}, "mapping"),
        ({"bank_txns": {"purpose": "x", "legal_basis": "y", "colour": "z"}}, "colour"),
    ],
)
def test_stated_uses_are_checked(use, match: str) -> None:
    with pytest.raises(RecordError, match=match):
        read_records({"merchants": merchants(), "bank_txns": bank()}, data_use=use)


def test_the_uses_of_some_records_let_the_same_tables_in_again() -> None:
    tables = {"merchants": merchants(), "bank_txns": bank()}
    first = read_records(tables, data_use=USE)
    again = read_records(tables, data_use=first.data_use)
    assert "bank_txns" in again
    assert again.data_use == first.data_use
    consented = {"bank_txns": {"purpose": "x", "legal_basis": "y", "consent_id": "z"}}
    kept = read_records(tables, data_use=consented)
    assert read_records(tables, data_use=kept.data_use).data_use["bank_txns"].consent_id == "z"


def test_writing_and_reading_back_keeps_everything(tmp_path) -> None:
    first = read_records(
        {"merchants": merchants(), "orders": orders(), "bank_txns": bank()}, data_use=USE
    )
    write_records(first, tmp_path)
    again = read_records(tmp_path)
    assert set(again.tables) == set(first.tables)
    for table in first.tables:
        assert again[table].equals(first[table]), table
    assert again.data_use["bank_txns"].legal_basis == "consent"
    bytes_before = (tmp_path / "orders.parquet").read_bytes()
    write_records(again, tmp_path)
    assert (tmp_path / "orders.parquet").read_bytes() == bytes_before


def test_a_folder_may_name_its_zone_and_notes(tmp_path) -> None:
    merchants().to_parquet(tmp_path / "merchants.parquet")
    (tmp_path / "records.toml").write_text('timezone = "Europe/Prague"\nseed = 3\n')
    records = read_records(tmp_path)
    assert records.timezone == "Europe/Prague"
    assert records.notes == {"seed": 3}
    (tmp_path / "records.toml").write_text('timezone = "Mars/Olympus"\n')
    with pytest.raises(RecordError, match="Mars/Olympus"):
        read_records(tmp_path)
    (tmp_path / "records.toml").write_text("timezone = \n")
    with pytest.raises(RecordError, match=r"records\.toml"):
        read_records(tmp_path)


def test_one_table_in_two_files_of_one_name_is_refused(tmp_path) -> None:
    merchants().to_parquet(tmp_path / "merchants.parquet")
    merchants().to_csv(tmp_path / "merchants.csv", index=False)
    with pytest.raises(RecordError, match="once in the folder"):
        read_records(tmp_path)


@pytest.mark.parametrize("source", [3, None, ["merchants"]])
def test_sources_of_no_known_kind(source) -> None:
    with pytest.raises(RecordError, match="folder or a mapping"):
        read_records(source)
    with pytest.raises(RecordError, match="pandas, polars or pyarrow"):
        read_records({"merchants": 3})


def test_the_span_is_that_of_the_facts() -> None:
    first, last = read_records({"merchants": merchants(), "orders": orders()}).span
    assert (str(first), str(last)) == ("2011-05-01 00:00:00", "2013-04-02 11:30:00")


def test_an_empty_table_keeps_its_types() -> None:
    table = read_records({"merchants": merchants(), "orders": orders().iloc[:0]})["orders"]
    assert table.num_rows == 0
    assert str(table.schema.field("created_at").type) == "timestamp[us]"
