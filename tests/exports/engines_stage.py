"""The engines that run the query for real: DuckDB, a PostgreSQL and a Spark started here."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from postgres_stage import ABSENT, find_binaries, running_postgres
from spark_stage import running_spark


class DuckDB:
    """A database in memory."""

    dialect = "duckdb"

    def __init__(self) -> None:
        self.connection = duckdb.connect()

    def __call__(self, sql: str, table: pa.Table, name: str) -> pd.DataFrame:
        quoted = '"' + name.replace('"', '""') + '"'
        self.connection.register("given", table)
        self.connection.execute(f"CREATE OR REPLACE TABLE {quoted} AS SELECT * FROM given")
        return self.connection.execute(sql).df()


class PostgreSQL:
    """A connection to the server; ``%`` and ``$`` of a text mean nothing to it."""

    dialect = "postgres"

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def run(self, sql: str) -> pd.DataFrame:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetch_arrow_table().to_pandas()

    def __call__(self, sql: str, table: pa.Table, name: str) -> pd.DataFrame:
        quoted = '"' + name.replace('"', '""') + '"'
        with self.connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {quoted}")
            cursor.adbc_ingest(name, table, mode="create")
        return self.run(sql)


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


@contextmanager
def in_duckdb() -> Iterator[DuckDB]:
    """Give an engine in memory."""
    engine = DuckDB()
    yield engine
    engine.connection.close()


@contextmanager
def on_postgres() -> Iterator[PostgreSQL]:
    """Start a server for a while; skip where there is none."""
    if find_binaries() is None:
        pytest.skip(ABSENT)
    from adbc_driver_postgresql import dbapi

    with running_postgres() as address, dbapi.connect(address, autocommit=True) as connection:
        yield PostgreSQL(connection)


@contextmanager
def on_spark() -> Iterator[Spark]:
    """Give the one session of the process, which nobody here stops; skip without Java."""
    pytest.importorskip("pyspark")
    yield Spark(running_spark())


ENGINES_RUN = {"duckdb": in_duckdb, "postgres": on_postgres, "spark": on_spark}
