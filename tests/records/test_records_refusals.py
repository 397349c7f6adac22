"""What is no set of records is refused in our words, not in those of a library beneath."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from refused import refused

from alicredit.errors import InputError, RecordError
from alicredit.records import (
    find_problems,
    merchants_in_error,
    read_records,
    require_records,
    write_records,
)

DAY = pd.Timestamp("2011-05-01")


def merchants(**columns: object) -> pd.DataFrame:
    plain = {"merchant_id": ["m0", "m1"], "platform": "taobao", "registered_at": [DAY, DAY]}
    return pd.DataFrame(plain | columns)


def orders(**columns: object) -> pd.DataFrame:
    plain = {
        "order_id": ["a", "b"],
        "merchant_id": ["m0", "m1"],
        "buyer_id": ["x", "y"],
        "created_at": pd.to_datetime(["2012-01-01", "2013-06-01"]),
        "amount": [100.0, 20.0],
    }
    return pd.DataFrame(plain | columns)


NO_SOURCE = {
    "nothing": None,
    "a number": 5,
    "a list": [1],
    "bytes": b"data/sample",
    "an empty path": "",
    "a frame": merchants(),
    "an empty mapping": {},
    "a file": __file__,
    "a folder that is not there": "/nowhere/at/all",
}


@pytest.mark.parametrize("case", NO_SOURCE)
def test_what_is_no_source_is_refused(case: str) -> None:
    with refused("source", error=RecordError):
        read_records(NO_SOURCE[case])


NO_TABLE = {
    "nothing": None,
    "a number": 3,
    "a list of rows": [{"merchant_id": "a"}],
    "a mapping of columns": {"merchant_id": ["a"]},
    "a frame without columns": pd.DataFrame(),
    "a path that is not there": "/nowhere/x.parquet",
    "a glob of nothing": "/nowhere/*.parquet",
    "a file of another kind": __file__,
    "columns on two levels": pd.concat({"x": merchants()}, axis=1),
}


@pytest.mark.parametrize("case", NO_TABLE)
def test_what_is_no_table_is_refused_by_its_name(case: str) -> None:
    with refused("table 'merchants'", error=RecordError):
        read_records({"merchants": NO_TABLE[case]})


WRONG_VALUES = {
    "a date as text": ("registered_at", ["2011-01-01", "2011-02-01"]),
    "a date as a number": ("registered_at", [20110101, 20110201]),
    "a date as seconds": ("registered_at", [1e9, 1.1e9]),
    "a length of time for a date": ("registered_at", pd.to_timedelta([1, 2], unit="D")),
    "a month for a date": ("registered_at", pd.PeriodIndex(["2011-01", "2011-02"], freq="M")),
    "a fraction for an id": ("merchant_id", [1.0, 2.5]),
    "a flag for an id": ("merchant_id", [True, False]),
    "an id of two types": ("merchant_id", ["a", 1]),
    "an id in lists": ("merchant_id", [["a"], ["b"]]),
    "a code that is a time": ("platform", [DAY, DAY]),
}


@pytest.mark.parametrize("case", WRONG_VALUES)
def test_a_value_of_a_wrong_type_is_refused_where_it_stands(case: str) -> None:
    column, values = WRONG_VALUES[case]
    with refused("merchants", error=RecordError):
        read_records({"merchants": merchants(**{column: values})})


@pytest.mark.parametrize(
    "amounts",
    [["1", "2"], [True, False], [1j, 2j], [DAY, DAY], [[1.0], [2.0]], [{"yuan": 1}, {"yuan": 2}]],
    ids=lambda values: type(values[0]).__name__,
)
def test_an_amount_that_is_no_number_is_refused(amounts: list) -> None:
    with refused("orders", error=RecordError):
        read_records({"merchants": merchants(), "orders": orders(amount=amounts)})


def test_names_that_differ_only_in_case_are_refused() -> None:
    twice = merchants(MERCHANT_ID=["q", "r"])
    with refused("merchants", "case", "MERCHANT_ID", error=RecordError):
        read_records({"merchants": twice})


@pytest.mark.parametrize(
    "use",
    ["consent", ["bank_txns"], 3, {"orders": {}}, {3: {}}, {"bank_txns": "consent"}],
    ids=repr,
)
def test_uses_that_are_not_stated_by_table_are_refused(use) -> None:
    with refused("data_use", error=RecordError):
        read_records({"merchants": merchants()}, data_use=use)


CSV = "merchant_id,platform,registered_at\na,taobao,2011-01-01\n"
BAD_FILES = {
    "fewer fields in a line": CSV + "b,taobao\n",
    "more fields in a line": CSV + "b,taobao,2011-01-01,more\n",
    "semicolons": CSV.replace(",", ";"),
    "tabs": CSV.replace(",", "\t"),
    "a comment first": "# from the warehouse\n" + CSV,
    "a quote that never ends": CSV + '"b,taobao,2011-01-01\n',
    "nothing": "",
    "another heading": CSV.replace("merchant_id", "shop"),
    "a date with the month first": CSV + "b,taobao,12/31/2011\n",
    "a day that no calendar has": CSV + "b,taobao,2011-02-30\n",
    "a word for a date": CSV + "b,taobao,soon\n",
    "NaN for a date": CSV + "b,taobao,nan\n",
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_csv_that_does_not_hold_the_table_is_refused(tmp_path: Path, case: str) -> None:
    (tmp_path / "merchants.csv").write_text(BAD_FILES[case], encoding="utf-8")
    with refused("merchants", error=RecordError):
        read_records(tmp_path)


def test_a_refused_csv_says_how_it_must_be_written(tmp_path: Path) -> None:
    for case in ("fewer fields in a line", "more fields in a line"):
        (tmp_path / "merchants.csv").write_text(BAD_FILES[case], encoding="utf-8")
        with refused("separate by commas", error=RecordError):
            read_records(tmp_path)
    for separator in (";", "\t"):
        text = CSV.replace(",", separator)
        (tmp_path / "merchants.csv").write_text(text, encoding="utf-8")
        shown = repr(f"merchant_id{separator}platform")[1:-1]
        with refused(shown, error=RecordError):
            read_records(tmp_path)


NOT_PLAIN = ["1,200.50", "¥12", "nan", "NULL", "0x10", "12 yuan", "--", "1e", "1_200"]


@pytest.mark.parametrize("number", NOT_PLAIN)
def test_a_csv_amount_that_is_no_plain_number_is_refused_and_shown(tmp_path, number: str) -> None:
    (tmp_path / "merchants.csv").write_text(CSV, encoding="utf-8")
    text = f'order_id,merchant_id,buyer_id,created_at,amount\no,a,b,2012-01-01,"{number}"\n'
    (tmp_path / "orders.csv").write_text(text, encoding="utf-8")
    with refused("orders", "amount", number, error=RecordError):
        read_records(tmp_path)


NOTES = {
    "no TOML": ("records.toml", "timezone = "),
    "a zone nobody knows": ("records.toml", "timezone = 'Mars/Olympus'"),
    "a zone that is a number": ("records.toml", "timezone = 8"),
    "a zone that is a path": ("records.toml", "timezone = '/etc/passwd'"),
    "uses that are no tables": ("data_use.toml", "bank_txns = 3"),
    "uses that are no TOML": ("data_use.toml", "[bank_txns"),
    "a use without its basis": ("data_use.toml", "[bank_txns]\npurpose = 'credit'"),
    "a use of a table that needs none": ("data_use.toml", "[orders]\npurpose = 'x'"),
}


@pytest.mark.parametrize("case", NOTES)
def test_notes_of_a_folder_that_say_nothing_are_refused(tmp_path: Path, case: str) -> None:
    (tmp_path / "merchants.csv").write_text(CSV, encoding="utf-8")
    name, text = NOTES[case]
    (tmp_path / name).write_text(text, encoding="utf-8")
    with refused(error=RecordError):
        read_records(tmp_path)


def test_an_end_of_records_that_is_no_time_is_refused(tmp_path: Path) -> None:
    (tmp_path / "merchants.csv").write_text(CSV, encoding="utf-8")
    (tmp_path / "records.toml").write_text("observed_until = 'soon'", encoding="utf-8")
    with refused("observed_until", error=InputError):
        find_problems(read_records(tmp_path))


@pytest.fixture(scope="module")
def records():
    return read_records({"merchants": merchants(), "orders": orders()})


@pytest.mark.parametrize("table", ["order", 3, None, ""])
def test_a_table_that_is_not_there_is_refused(records, table) -> None:
    with refused("table", error=RecordError):
        records[table]


@pytest.mark.parametrize(
    ("columns", "rows"), [("amount", 10), (["amuont"], 10), (None, 0), (None, -1), (None, 2.5)]
)
def test_a_scan_of_no_columns_or_rows_is_refused(records, columns, rows) -> None:
    with refused():
        list(records.scan("orders", columns, batch_rows=rows))


ASKED_OF_RECORDS = {
    "find_problems": find_problems,
    "merchants_in_error": lambda records: merchants_in_error(records, as_of="2013-05-01"),
    "write_records": lambda records: write_records(records, "somewhere"),
    "require_records": require_records,
}


@pytest.mark.parametrize("ask", ASKED_OF_RECORDS)
@pytest.mark.parametrize("given", [None, "data/sample", {"merchants": 1}, 3], ids=repr)
def test_what_is_no_records_is_refused(ask: str, given, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with refused("records", "read_records", error=RecordError):
        ASKED_OF_RECORDS[ask](given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", [3, None, "", "/proc/nowhere/x"], ids=repr)
def test_a_place_that_cannot_be_written_is_refused(records, folder) -> None:
    with refused("folder", error=RecordError):
        write_records(records, folder)


TIMES = {
    "the clock": "today",
    "the clock now": "now",
    "the day first": "31/05/2013",
    "the month first": "05/01/2013",
    "a year": "2013",
    "a month": "2013-05",
    "two digits": "13-05-01",
    "words": "1 May 2013",
    "no time": "",
    "a number": 20130501,
    "a fraction": 2013.5,
    "a list": ["2013-05-01"],
    "not a time": pd.NaT,
    "a hour": dt.time(1, 2),
    "a month of pandas": pd.Period("2013-05"),
}


@pytest.mark.parametrize("case", TIMES)
def test_a_time_that_could_be_mistaken_is_refused(records, case: str) -> None:
    with refused("as_of", "2013-05-01", error=InputError):
        find_problems(records, as_of=TIMES[case])


@pytest.mark.parametrize(
    "moment",
    [
        "2012-06-01",
        "2012-06-01 00:00",
        "2012-06-01T00:00:00",
        "2012-06-01 00:00:00.000001",
        dt.date(2012, 6, 1),
        dt.datetime(2012, 6, 1),  # noqa: DTZ001 - naive times are local
        np.datetime64("2012-06-01"),
        pd.Timestamp("2012-06-01"),
    ],
    ids=str,
)
def test_a_time_that_cannot_be_mistaken_is_taken(records, moment) -> None:
    spoiled = read_records({"merchants": merchants(), "orders": orders(amount=[-1.0, -1.0])})
    assert find_problems(spoiled, as_of=moment)["rows"].tolist()[0] == 1
    assert len(find_problems(records, as_of=moment)) == 1  # no history, a note


def test_a_lazy_frame_is_collected() -> None:
    lazy = pl.from_pandas(merchants()).lazy()
    read = read_records({"merchants": lazy})["merchants"]
    assert read["merchant_id"].to_pylist() == ["m0", "m1"]


def test_numbers_of_every_exact_kind_are_read_alike() -> None:
    kinds = [
        [1, 2],
        [1.0, 2.0],
        [Decimal("1"), Decimal("2.00")],
        np.array([1, 2], dtype=np.int8),
        np.array([1, 2], dtype=np.float32),
        pd.array([1, 2], dtype="Int64"),
        pd.array([1, 2], dtype="float64[pyarrow]"),
    ]
    for amounts in kinds:
        read = read_records({"merchants": merchants(), "orders": orders(amount=amounts)})["orders"]
        assert read["amount"].to_pylist() == [1.0, 2.0]
        assert read["amount"].type == pa.float64()
