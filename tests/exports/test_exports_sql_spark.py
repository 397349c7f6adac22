"""The query on a real Spark of two threads."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
import sql_stage as stage
from engines_stage import Spark, on_spark
from exports_stage import ROW
from sql_stage import MODELS

pytest.importorskip("sqlglot")
pytest.importorskip("pyspark")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ask() -> Iterator[Spark]:
    with on_spark() as engine:
        yield engine


@pytest.fixture
def plainly(ask: Spark) -> Iterator[Spark]:
    """Let Spark work without whole stages compiled, which for small tables takes most time."""
    ask.session.conf.set("spark.sql.codegen.wholeStage", "false")
    yield ask
    ask.session.conf.unset("spark.sql.codegen.wholeStage")


@pytest.mark.parametrize("shape", ["points", "pairs", "trees"])
def test_the_corpus_and_row_cases(ask: Spark, shape: str) -> None:
    stage.ask_the_corpus(ask, shape)
    stage.ask_the_row_cases(ask, shape)


def test_a_column_of_another_type_stops_the_query(plainly: Spark) -> None:
    from pyspark.errors import PySparkException

    stage.ask_of_wrong_types(plainly, PySparkException)


@pytest.mark.parametrize("shape", ["points", "pairs", "trees"])
def test_hostile_names_and_other_types(plainly: Spark, shape: str) -> None:
    stage.ask_under_hostile_names(plainly, shape)
    types = (pa.float32(), pa.int8(), pa.int64(), pa.decimal128(18, 6), pa.decimal128(38, 30))
    # A column is read alike in every shape: of the larger ones two kinds are asked.
    stage.ask_of_other_types(plainly, shape, types if shape == "points" else types[::4])


def test_texts_grades_drawn_models_and_deep_trees(plainly: Spark) -> None:
    stage.ask_of_texts(plainly)
    stage.ask_for_grades(plainly)
    for seed in (101, 102):
        stage.ask_of_drawn_models(plainly, seed)
    stage.ask_of_deep_trees(plainly)


def test_a_column_that_does_not_tell_case_is_read_byte_by_byte(plainly: Spark) -> None:
    model = MODELS["points"]
    table = stage.table_of([{**ROW, "kind": each} for each in ("a", "A")], stage.kinds_of(model))
    columns = "merchant_id, debt, sales, age, flag, kind COLLATE UTF8_LCASE AS kind"
    plainly(f"SELECT {columns} FROM plain", table, "plain")
    plainly.session.sql(f"CREATE OR REPLACE TEMPORARY VIEW blind AS SELECT {columns} FROM plain")
    assert plainly.session.sql("SELECT * FROM blind WHERE kind = 'a'").count() == 2
    found = (
        plainly.session.sql(model.to_sql("spark", table="blind")).orderBy("merchant_id").toArrow()
    )
    assert found["flags"].to_pylist() == [[], ["kind"]]


@pytest.mark.parametrize("shape", ["pairs", "trees"])
def test_models_of_full_size(plainly: Spark, shape: str) -> None:
    stage.ask_of_large_models(plainly, shape, 60)
