"""The query on a real Spark of two threads."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import sql_stage as stage
from exports_stage import ROW
from sql_stage import MODELS

pytest.importorskip("sqlglot")
pytest.importorskip("pyspark")
pytestmark = pytest.mark.slow


class Spark:
    """A session; a table is a view of an Arrow table."""

    dialect = "spark"

    def __init__(self, session: Any) -> None:
        self.session = session

    def __call__(self, sql: str, table: pa.Table, name: str) -> pd.DataFrame:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.session.createDataFrame(table).createOrReplaceTempView("given")
            quoted = "`" + name.replace("`", "``") + "`"
            self.session.sql(f"CREATE OR REPLACE TEMPORARY VIEW {quoted} AS SELECT * FROM given")
            return self.session.sql(sql).toArrow().to_pandas()


@pytest.fixture(scope="session")
def ask() -> Iterator[Spark]:
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyspark.sql import SparkSession

        running = (
            SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.sql.session.timeZone", "America/New_York")
            .getOrCreate()
        )
    running.sparkContext.setLogLevel("OFF")
    yield Spark(running)
    running.stop()


@pytest.mark.parametrize("shape", MODELS)
def test_the_corpus_and_row_cases(ask: Spark, shape: str) -> None:
    stage.ask_the_corpus(ask, shape)
    stage.ask_the_row_cases(ask, shape)


def test_a_column_of_another_type_stops_the_query(ask: Spark) -> None:
    from pyspark.errors import PySparkException

    stage.ask_of_wrong_types(ask, PySparkException)


@pytest.mark.parametrize("shape", ["points", "pairs", "trees"])
def test_hostile_names_and_other_types(ask: Spark, shape: str) -> None:
    stage.ask_under_hostile_names(ask, shape)
    types = (pa.float32(), pa.int8(), pa.int64(), pa.decimal128(18, 6), pa.decimal128(38, 30))
    stage.ask_of_other_types(ask, shape, types)


def test_texts_grades_drawn_models_and_deep_trees(ask: Spark) -> None:
    stage.ask_of_texts(ask)
    stage.ask_for_grades(ask)
    for seed in (101, 102):
        stage.ask_of_drawn_models(ask, seed)
    stage.ask_of_deep_trees(ask)


def test_a_column_that_does_not_tell_case_is_read_byte_by_byte(ask: Spark) -> None:
    model = MODELS["points"]
    table = stage.table_of([{**ROW, "kind": each} for each in ("a", "A")], stage.kinds_of(model))
    columns = "merchant_id, debt, sales, age, flag, kind COLLATE UTF8_LCASE AS kind"
    ask(f"SELECT {columns} FROM plain", table, "plain")
    ask.session.sql(f"CREATE OR REPLACE TEMPORARY VIEW blind AS SELECT {columns} FROM plain")
    assert ask.session.sql("SELECT * FROM blind WHERE kind = 'a'").count() == 2
    found = ask.session.sql(model.to_sql("spark", table="blind")).orderBy("merchant_id").toArrow()
    assert found["flags"].to_pylist() == [[], ["kind"]]


@pytest.mark.parametrize("shape", ["points", "pairs", "trees"])
def test_models_of_full_size(ask: Spark, shape: str) -> None:
    stage.ask_of_large_models(ask, shape, 500)
