"""The query on a PostgreSQL that the test starts."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
import sql_stage as stage
from engines_stage import PostgreSQL, on_postgres
from exports_stage import ROW
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("sqlglot")
dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")
MODELS = stage.MODELS


@pytest.fixture(scope="module")
def ask() -> Iterator[PostgreSQL]:
    with on_postgres() as engine:
        yield engine


@pytest.mark.parametrize("shape", MODELS)
def test_the_corpus(ask: PostgreSQL, shape: str) -> None:
    stage.ask_the_corpus(ask, shape)


@pytest.mark.parametrize("shape", MODELS)
def test_row_cases(ask: PostgreSQL, shape: str) -> None:
    stage.ask_the_row_cases(ask, shape)


def test_a_column_of_another_type_stops_the_query(ask: PostgreSQL) -> None:
    stage.ask_of_wrong_types(ask, dbapi.Error)


@pytest.mark.parametrize("shape", MODELS)
def test_hostile_names(ask: PostgreSQL, shape: str) -> None:
    stage.ask_under_hostile_names(ask, shape)


@pytest.mark.parametrize("shape", MODELS)
def test_other_types_of_numbers(ask: PostgreSQL, shape: str) -> None:
    types = (pa.float32(), pa.int16(), pa.int32(), pa.int64(), pa.decimal128(18, 6))
    stage.ask_of_other_types(ask, shape, (*types, pa.decimal128(38, 30)))


def test_texts_are_compared_byte_by_byte(ask: PostgreSQL) -> None:
    stage.ask_of_texts(ask)


def test_grades(ask: PostgreSQL) -> None:
    stage.ask_for_grades(ask)


def test_drawn_models(ask: PostgreSQL) -> None:
    @given(seed=st.integers(0, 10**6))
    @settings(max_examples=8)
    def hold(seed: int) -> None:
        stage.ask_of_drawn_models(ask, seed)

    hold()


def test_a_deep_tree(ask: PostgreSQL) -> None:
    stage.ask_of_deep_trees(ask)


@pytest.mark.parametrize("shape", ["points", "pairs", "trees"])
def test_models_of_full_size(ask: PostgreSQL, shape: str) -> None:
    stage.ask_of_large_models(ask, shape, 2000)


def scores(ask: PostgreSQL, columns: str) -> list[tuple[str, int | None, list[str]]]:
    """Score a plain row of which some columns are given as SQL."""
    ask(
        MODELS["points"].to_sql("postgres"),
        stage.table_of([ROW], stage.kinds_of(MODELS["points"])),
        "features",
    )
    given_names = [each.split(" AS ")[-1] for each in columns.split("; ")]
    rest = [name for name in ("merchant_id", *ROW) if name not in given_names]
    ask.run("DROP TABLE IF EXISTS own")
    chosen = ", ".join([*rest, *columns.split("; ")])
    ask.run(f"CREATE TABLE own AS SELECT {chosen} FROM features")
    found = ask.run(MODELS["points"].to_sql("postgres", table="own"))
    return [
        (row["status"], row["score"], list(row["flags"] if row["flags"] is not None else []))
        for row in found.to_dict("records")
    ]


def test_numeric_holds_nan_and_infinity_too(ask: PostgreSQL) -> None:
    model = MODELS["points"]
    missing = model.score_one({**ROW, "debt": None})["score"]
    assert scores(ask, "CAST('NaN' AS numeric) AS debt") == [("ok", missing, [])]
    found = scores(ask, "CAST('-Infinity' AS numeric) AS debt")
    assert found[0][0] == "bad_value"
    plain = model.score_one({**ROW, "debt": 1})["score"]
    assert scores(ask, "CAST('1.000' AS numeric(9, 3)) AS debt") == [("ok", plain, [])]
    assert scores(ask, "CAST('NaN' AS numeric) AS flag")[0][0] == "ok"
    assert scores(ask, "CAST('1.00' AS numeric) AS flag") == scores(ask, "TRUE AS flag")
    assert scores(ask, "CAST('1.01' AS numeric) AS flag")[0][0] == "bad_value"


def test_varchar_and_char_are_texts(ask: PostgreSQL) -> None:
    plain = [("ok", MODELS["points"].score_one(ROW)["score"], [])]
    assert scores(ask, "CAST('a' AS varchar(9)) AS kind") == plain
    assert scores(ask, "CAST('a' AS char(9)) AS kind") == plain
    assert scores(ask, "CAST('a ' AS varchar(9)) AS kind")[0][2] == ["kind"]


def test_a_column_that_does_not_tell_case_is_read_byte_by_byte(ask: PostgreSQL) -> None:
    ask.run("DROP COLLATION IF EXISTS blind CASCADE")
    ask.run(
        "CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
    )
    found = scores(ask, "CAST('A' AS text) COLLATE blind AS kind")
    assert ask.run("SELECT kind = 'a' AS same FROM own")["same"].tolist() == [True]
    assert found[0][2] == ["kind"]


def test_many_rows_go_through_several_workers_alike(ask: PostgreSQL) -> None:
    model = MODELS["pairs"]
    rows = stage.fixed_rows(model, most=900) * 40
    for setting in ("parallel_setup_cost = 0", "parallel_tuple_cost = 0",
                    "min_parallel_table_scan_size = 0"):  # fmt: skip
        ask.run(f"SET {setting}")
    stage.assert_alike(ask, model, stage.table_of(rows, stage.kinds_of(model)))
