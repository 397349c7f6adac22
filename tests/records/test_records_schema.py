"""The declared tables agree with themselves."""

from __future__ import annotations

import duckdb
import pytest

from alicredit.records import KINDS, TABLES, fact_sql, quoted

EVERY = list(TABLES.values())
EVERYTHING = {table.name: table.names for table in EVERY}


@pytest.mark.parametrize("table", EVERY, ids=lambda table: table.name)
def test_a_table_names_only_columns_it_has(table) -> None:
    assert len(set(table.names)) == len(table.names)
    assert set(table.key) <= set(table.names)
    assert not table.happened or table[table.happened].kind in ("date", "time")
    assert not table.happened or table[table.happened].required
    for column in table.columns:
        assert column.kind in KINDS
        assert not column.timed_by or table[column.timed_by].kind in ("date", "time")
        assert not column.values or column.kind == "code"
        assert column.low is None or column.high is None or column.low < column.high
        assert not (column.mutable and column.timed_by)


@pytest.mark.parametrize("table", EVERY, ids=lambda table: table.name)
def test_references_and_parents_exist(table) -> None:
    for column in table.columns:
        if column.refers_to:
            other, name = column.refers_to.split(".")
            assert name in TABLES[other]
            assert TABLES[other].key == (name,)
    if table.parent:
        other, name = table.parent.split(".")
        assert name in table
        assert "merchant_id" in TABLES[other]
    else:
        assert table.merchantless or "merchant_id" in table
    assert table.happened or table.parent


def test_what_is_restricted_is_exactly_what_the_law_calls_sensitive() -> None:
    assert {t.name for t in EVERY if t.restricted} == {"bank_txns", "marital", "psych_items"}


def test_given_statuses_and_running_totals_are_closed_to_features() -> None:
    assert TABLES["orders"]["status"].mutable
    assert TABLES["orders"]["refund_amount"].mutable
    assert TABLES["loans"]["status"].mutable


def database(present: dict[str, tuple[str, ...]]) -> duckdb.DuckDBPyConnection:
    """Make empty tables with the given columns in their canonical types."""
    con = duckdb.connect()
    for name, columns in present.items():
        declared = ", ".join(f"{quoted(c)} {TABLES[name][c].sql_type}" for c in columns)
        con.execute(f"CREATE TABLE {quoted(name)} ({declared})")
    return con


@pytest.mark.parametrize("name", sorted(TABLES))
def test_the_fact_query_of_every_table_runs_whole_and_on_required_columns_alone(name) -> None:
    least = {t.name: t.required for t in EVERY}
    for present in (EVERYTHING, least):
        con = database(present)
        out = con.execute(fact_sql(present, name))
        hidden = ["_merchant_id", "_happened", "_known", "_key"]
        assert [each[0] for each in out.description] == [*TABLES[name].names, *hidden]


def test_a_days_summary_happens_at_its_last_microsecond() -> None:
    con = database(EVERYTHING)
    con.execute("INSERT INTO traffic_daily (merchant_id, day, uv) VALUES ('m', '2013-02-28', 1)")
    row = con.execute(f"SELECT _happened FROM ({fact_sql(EVERYTHING, 'traffic_daily')})").fetchone()
    assert str(row[0]) == "2013-02-28 23:59:59.999999"


def test_a_months_declaration_is_known_when_it_is_submitted() -> None:
    con = database(EVERYTHING)
    con.execute(
        "INSERT INTO declared_sales VALUES ('m', '2012-02-10', 5, 'total', '2012-03-09 10:00'),"
        " ('n', '2012-02-10', 5, 'total', NULL)"
    )
    sql = fact_sql(EVERYTHING, "declared_sales")
    rows = con.execute(f"SELECT _happened, _known FROM ({sql}) ORDER BY merchant_id").fetchall()
    assert [tuple(map(str, row)) for row in rows] == [
        ("2012-02-29 23:59:59.999999", "2012-03-09 10:00:00"),
        ("2012-02-29 23:59:59.999999", "2012-02-29 23:59:59.999999"),
    ]


def test_a_child_finds_its_merchant_through_its_parent_and_is_not_known_before_it() -> None:
    present = EVERYTHING | {"orders": (*TABLES["orders"].names, "known_at")}
    con = database({k: v for k, v in present.items() if k != "orders"})
    con.execute(
        "CREATE TABLE orders AS SELECT 'o' AS order_id, 'm' AS merchant_id, 'b' AS buyer_id,"
        " TIMESTAMP '2012-01-01' AS created_at, 1.0 AS amount, TIMESTAMP '2012-05-01' AS known_at"
    )
    least = present | {"orders": ("order_id", "merchant_id", "buyer_id", "created_at", "amount",
                                  "known_at")}  # fmt: skip
    con.execute("INSERT INTO refunds (id, order_id, opened_at, amount)"
                " VALUES ('r', 'o', '2012-02-01', 1)")  # fmt: skip
    sql = fact_sql(least, "refunds")
    row = con.execute(f"SELECT _merchant_id, _happened, _known FROM ({sql})").fetchone()
    assert tuple(map(str, row)) == ("m", "2012-02-01 00:00:00", "2012-05-01 00:00:00")


def test_identifiers_are_quoted_against_injection() -> None:
    con = duckdb.connect()
    name = 'x"; DROP TABLE t; --'
    con.execute("CREATE TABLE t (a INT)")
    con.execute(f"SELECT 1 AS {quoted(name)}")
    assert con.execute("SELECT count(*) FROM t").fetchone() == (0,)
