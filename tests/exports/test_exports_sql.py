"""The query on DuckDB, in every way it is asked; its text, its names and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
import sql_stage as stage
from engines_stage import DuckDB, in_duckdb
from exports_stage import ROW, hostile
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import make_model

import alicredit as ac
from alicredit.errors import InputError
from alicredit.exports.sql_engines import ENGINES

sqlglot = pytest.importorskip("sqlglot")
MODELS = stage.MODELS
RUN = ("duckdb", "postgres", "spark")


@pytest.fixture(scope="module")
def ask() -> Iterator[DuckDB]:
    with in_duckdb() as engine:
        yield engine


@pytest.mark.parametrize("shape", MODELS)
def test_the_corpus(ask: DuckDB, shape: str) -> None:
    stage.ask_the_corpus(ask, shape)


@pytest.mark.parametrize("shape", MODELS)
def test_row_cases(ask: DuckDB, shape: str) -> None:
    stage.ask_the_row_cases(ask, shape)


def test_a_column_of_another_type_stops_the_query(ask: DuckDB) -> None:
    stage.ask_of_wrong_types(ask, duckdb.Error)


@pytest.mark.parametrize("shape", MODELS)
def test_hostile_names(ask: DuckDB, shape: str) -> None:
    stage.ask_under_hostile_names(ask, shape)


@pytest.mark.parametrize("shape", MODELS)
def test_other_types_of_numbers(ask: DuckDB, shape: str) -> None:
    types = (pa.float32(), pa.int8(), pa.int32(), pa.int64(), pa.decimal128(18, 6))
    stage.ask_of_other_types(ask, shape, (*types, pa.decimal128(38, 30), pa.decimal128(3, 1)))


def test_texts_are_compared_byte_by_byte(ask: DuckDB) -> None:
    stage.ask_of_texts(ask)


def test_a_column_that_does_not_tell_case_is_read_byte_by_byte(ask: DuckDB) -> None:
    model = MODELS["points"]
    table = stage.table_of([{**ROW, "kind": each} for each in ("a", "A")], stage.kinds_of(model))
    ask.connection.register("given", table)
    columns = "merchant_id, debt, sales, age, flag, kind COLLATE NOCASE AS kind"
    ask.connection.execute(f"CREATE OR REPLACE TABLE blind AS SELECT {columns} FROM given")
    ask.connection.execute("ALTER TABLE blind ALTER kind TYPE VARCHAR COLLATE NOCASE")
    assert ask.connection.execute("SELECT count(*) FROM blind WHERE kind = 'a'").fetchone() == (2,)
    found = ask.connection.execute(model.to_sql(table="blind") + "ORDER BY merchant_id").df()
    assert found["flags"].map(list).tolist() == [[], ["kind"]]


def test_grades(ask: DuckDB) -> None:
    stage.ask_for_grades(ask)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=15)
def test_drawn_models(seed: int) -> None:
    stage.ask_of_drawn_models(DuckDB(), seed)


def test_a_deep_tree(ask: DuckDB) -> None:
    stage.ask_of_deep_trees(ask)


@pytest.mark.parametrize("shape", ["points", "pairs", "trees"])
def test_models_of_full_size(ask: DuckDB, shape: str) -> None:
    stage.ask_of_large_models(ask, shape, 2000)


def test_what_is_asked_for_and_no_more(ask: DuckDB) -> None:
    model = MODELS["points"]
    rows = [{**ROW, "flag": None}, ROW, ROW]
    table = stage.table_of(rows, stage.kinds_of(model)).append_column("as_of", pa.array([3, 2, 1]))
    sql = model.to_sql(reasons=2, flags=False, key=["merchant_id", "as_of"])
    found = ask(sql, table, "features").sort_values("merchant_id")
    numbers = ["score", "points", "pd", "pd_lower", "pd_upper"]
    expected = ["merchant_id", "as_of", "status", *numbers, "reason_1", "reason_2"]
    assert list(found) == expected
    assert found["as_of"].tolist() == [3, 2, 1]
    plain = ask(model.to_sql(reasons=0, flags=False), table, "features")
    assert list(plain) == ["merchant_id", "status", *numbers]
    trees = ask(MODELS["trees"].to_sql(), table, "features")
    assert not [name for name in trees if name.startswith("reason")]
    assert "No reasons" in MODELS["trees"].to_sql()
    assert "No reasons" not in model.to_sql()


def test_a_table_in_a_schema(ask: DuckDB) -> None:
    model = MODELS["points"]
    ask(model.to_sql(), stage.table_of([ROW], stage.kinds_of(model)), "features")
    ask.connection.execute('CREATE SCHEMA IF NOT EXISTS "a.b"')
    ask.connection.execute('CREATE OR REPLACE TABLE "a.b"."c" AS FROM features')
    found = ask.connection.execute(model.to_sql(table=("a.b", "c"))).df()
    assert found["score"].tolist() == [model.score_one(ROW)["score"]]


def test_the_query_can_be_a_view(ask: DuckDB) -> None:
    model = MODELS["pairs"]
    ask(model.to_sql(), stage.table_of([ROW] * 3, stage.kinds_of(model)), "features")
    ask.connection.execute(f"CREATE OR REPLACE VIEW scored AS {model.to_sql()}")
    found = ask.connection.execute("SELECT min(score), max(score), count(*) FROM scored").fetchone()
    score = model.score_one(ROW)["score"]
    assert found == (score, score, 3)


@pytest.mark.parametrize("dialect", ENGINES)
@pytest.mark.parametrize("shape", MODELS)
def test_the_text_says_what_it_is(dialect: str, shape: str) -> None:
    model = MODELS[shape]
    text = model.to_sql(dialect)
    assert text == model.to_sql(dialect)
    head = [line for line in text.splitlines() if line.startswith("--")]
    assert head == text.splitlines()[: len(head)]
    assert model.model_id in head[1]
    assert ("TEXT ONLY" in head[0]) == (dialect not in RUN)
    assert str(model.claim) in " ".join(head)
    assert max(len(line) for line in head) < 200


@pytest.mark.parametrize("dialect", ENGINES)
@pytest.mark.parametrize("shape", MODELS)
def test_no_name_breaks_out_of_any_dialect(dialect: str, shape: str) -> None:
    """Parsed again, the text is one query that names the model's inputs and the levels."""
    model = hostile(MODELS[shape])
    if "\\" in ENGINES[dialect].not_in_names:
        with pytest.raises(InputError, match="must be without"):
            model.to_sql(dialect)
        model = without_backslash(model)
    statements = sqlglot.parse(model.to_sql(dialect, table="a", key="b"), read=dialect)
    assert [type(each).__name__ for each in statements] == ["Select"]
    first = statements[0].find(sqlglot.exp.CTE)
    columns = {column.name for column in first.find_all(sqlglot.exp.Column)}
    assert {"b", *model.feature_names} <= columns
    texts = {
        each.name for each in statements[0].find_all(sqlglot.exp.Literal, sqlglot.exp.National)
    }
    levels = next(table.levels for table in model.tables if table.levels)
    assert set(levels) <= texts


def without_backslash(model: ac.ScoreModel) -> ac.ScoreModel:
    """Give a model whose names, but not levels, are without one."""
    tables = tuple(replace(t, name=t.name.replace("\\", "")) for t in model.tables)
    pairs = tuple(
        replace(p, first=p.first.replace("\\", ""), second=p.second.replace("\\", ""))
        for p in model.pairs
    )
    return replace(model, tables=tables, pairs=pairs)


def renamed(name: str, *, other: str = "sales") -> ac.ScoreModel:
    """Give a model with an input under another name."""
    model = make_model("points", 3)
    tables = tuple(replace(t, name=name) if t.name == other else t for t in model.tables)
    return replace(model, tables=tables)


def test_names_that_an_engine_would_confuse_are_refused() -> None:
    long = "销" * 22
    with pytest.raises(InputError, match="at most 63 bytes in PostgreSQL; found 66"):
        renamed(long).to_sql("postgres")
    assert long in renamed(long).to_sql("duckdb")
    for dialect in ("duckdb", "spark", "tsql"):
        with pytest.raises(InputError, match="differ by more than case"):
            renamed("DEBT").to_sql(dialect)
    assert '"DEBT"' in renamed("DEBT").to_sql("postgres")
    with pytest.raises(InputError, match="must be without '\\$\\{' in Spark"):
        renamed("${x}").to_sql("spark")
    with pytest.raises(InputError, match="NUL"):
        renamed("a\0b").to_sql("duckdb")
    with pytest.raises(InputError, match="UTF-8"):
        renamed("\ud800").to_sql("duckdb")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dialect": "sqlite"}, "dialect must be one of"),
        ({"dialect": None}, "dialect must be"),
        ({"table": ""}, "table must be a name"),
        ({"table": ()}, "table must be a name"),
        ({"table": ("a", 1)}, "table must be a name"),
        ({"key": []}, "key must be a name"),
        ({"key": "Score"}, "key must be different columns"),
        ({"key": ["a", "A"]}, "key must be different columns"),
        ({"key": "reason_1"}, "key must be different columns"),
        ({"table": "a\0"}, "NUL"),
        ({"reasons": 5}, "reasons must be"),
        ({"reasons": True}, "reasons must be"),
        ({"flags": 1}, "flags must be True or False"),
        ({"grades": "ali-2013"}, "grades must have names and upper_pd"),
    ],
)
def test_what_is_no_option_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        MODELS["points"].to_sql(**options)


def test_without_sqlglot_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    for name in ("alicredit.exports.sql_query", "alicredit.exports.sql_parts"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(InputError, match=r"alicredit\[sql\]"):
        MODELS["points"].to_sql()


def test_the_ladder_holds_every_probability_to_the_bit(ask: DuckDB) -> None:
    model = make_model("points", 11)
    text = model.to_sql()
    rungs = text[text.index("alicredit_ladder AS (") : text.index("alicredit_lined AS (")]
    query = rungs.strip().removeprefix("alicredit_ladder AS (").removesuffix("),")
    found = ask.connection.execute(query).df().sort_values("at_score")
    assert found["at_score"].tolist() == [model.first_score + at for at in range(len(model.pds))]
    for name in ("pd", "pd_lower", "pd_upper"):
        own = {"pd": model.pds, "pd_lower": model.lowers, "pd_upper": model.uppers}[name]
        assert np.array_equal(found[name].to_numpy(), np.array(own))
