"""Every fault planted in clean records is found, once, under its own name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.records import merchants_in_error

USE = {"bank_txns": {"purpose": "credit decision", "legal_basis": "consent"}}


@pytest.fixture(scope="module")
def clean() -> dict[str, pd.DataFrame]:
    records, _ = ac.simulate_platform(60, seed=5, months=18, orders_per_month=3, default_rate=0.2)
    return {name: records[name].to_pandas() for name in records.tables}


@pytest.fixture
def tables(clean) -> dict[str, pd.DataFrame]:
    return {name: frame.copy() for name, frame in clean.items()}


def problems(tables: dict[str, pd.DataFrame], **keywords) -> pd.DataFrame:
    return ac.find_problems(ac.read_records(tables, data_use=USE), **keywords)


def test_clean_records_have_no_finding(tables) -> None:
    found = problems(tables)
    assert found.empty
    assert list(found.columns) == ["table", "rule", "severity", "rows", "example", "message"]


def set_first(frame: pd.DataFrame, column: str, value, rows: int = 1) -> pd.DataFrame:
    frame = frame.copy()
    at = frame.index[frame[column].notna()][:rows]
    frame.loc[at, column] = value
    return frame


FAULTS = {
    "negative money": ("orders", "amount", -5.0, "amount impossible", "error"),
    "infinite money": ("orders", "amount", np.inf, "amount impossible", "error"),
    "huge money": ("bank_txns", "amount", 1e15, "amount impossible", "error"),
    "unknown code": ("merchants", "platform", "taobeo", "platform unknown code", "warning"),
    "impossible rating": ("ratings", "dsr_ship", 9.0, "dsr_ship impossible", "error"),
    "paid before created": (
        "orders", "paid_at", pd.Timestamp("2001-01-01"), "paid_at before created_at", "warning",
    ),
    "confirmed before shipped": (
        "orders", "confirmed_at", pd.Timestamp("2001-01-01"), "confirmed_at before shipped_at",
        "warning",
    ),
    "orphan": ("refunds", "order_id", "nowhere", "order_id orphan", "warning"),
    "refund above order": ("refunds", "amount", 9e9, "refund above order", "warning"),
    "parts do not sum": ("repayments", "interest", 77_777.0, "parts do not sum", "warning"),
    "annual rate": ("loans", "rate", 0.2, "rate looks annual", "warning"),
    "paid before lent": (
        "repayments", "at", pd.Timestamp("2001-01-01"), "repayment before disbursement", "error",
    ),
    "repaid twice": (
        "repayments", "principal", 9e9, "more principal repaid than lent", "error",
    ),
    "instalments": ("instalments", "principal", 1, "instalments do not sum to the loan", "warning"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(tables, fault: str) -> None:
    table, column, value, rule, severity = FAULTS[fault]
    tables[table] = set_first(tables[table], column, value)
    found = problems(tables)
    line = found[(found["table"] == table) & (found["rule"] == rule)]
    assert len(line) == 1, found[["table", "rule"]].to_string()
    assert line["severity"].iloc[0] == severity
    assert line["rows"].iloc[0] == 1
    assert line["message"].iloc[0]


@pytest.mark.parametrize("table", ["merchants", "orders", "refunds", "loans", "traffic_daily"])
def test_a_repeated_key_is_an_error_of_both_rows(tables, table: str) -> None:
    tables[table] = pd.concat([tables[table], tables[table].iloc[[0]]], ignore_index=True)
    found = problems(tables)
    line = found[(found["table"] == table) & (found["rule"] == "duplicate key")]
    assert line["rows"].tolist() == [2]
    assert line["severity"].tolist() == ["error"]


def test_missing_values_of_required_columns(tables) -> None:
    tables["orders"]["buyer_id"] = tables["orders"]["buyer_id"].where(
        np.arange(len(tables["orders"])) > 2
    )
    found = problems(tables).set_index("rule")
    assert found.loc["buyer_id missing", "rows"] == 3


def test_a_feed_that_stops_is_stale(tables) -> None:
    day = pd.to_datetime(tables["traffic_daily"]["day"])
    tables["traffic_daily"] = tables["traffic_daily"][day < "2010-06-01"]
    assert "stale feed" in set(problems(tables)["rule"])


def test_amounts_in_fen_are_suspected(tables) -> None:
    tables["orders"]["amount"] *= 100
    assert "wrong unit suspected" in set(problems(tables)["rule"])


def test_absent_history_is_a_note(tables) -> None:
    del tables["merchant_history"]
    found = problems(tables)
    assert found[["rule", "severity"]].to_numpy().tolist() == [["no history", "note"]]


def test_at_most_twenty_examples_are_shown(tables) -> None:
    tables["orders"]["amount"] = -1.0
    line = problems(tables).iloc[0]
    assert line["rows"] == len(tables["orders"])
    assert len(line["example"].split(", ")) == 20


def test_faults_not_yet_known_are_not_seen(tables) -> None:
    orders = tables["orders"]
    late = orders["created_at"].idxmax()
    orders.loc[late, "amount"] = -1.0
    before = orders.loc[late, "created_at"]
    records = ac.read_records(tables, data_use=USE)
    assert "amount impossible" in set(ac.find_problems(records)["rule"])
    assert ac.find_problems(records, as_of=before).empty
    assert merchants_in_error(records, as_of=before).empty
    after = before + pd.Timedelta(days=1)
    named = merchants_in_error(records, as_of=after)
    assert named["merchant_id"].tolist() == [orders.loc[late, "merchant_id"]]


def test_warnings_do_not_name_merchants_in_error(tables) -> None:
    tables["merchants"] = set_first(tables["merchants"], "platform", "taobeo")
    records = ac.read_records(tables, data_use=USE)
    assert merchants_in_error(records, as_of="2013-01-01").empty
