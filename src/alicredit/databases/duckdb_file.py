"""A DuckDB file, opened by this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import duckdb
import pyarrow as pa

from alicredit.databases.arrow import arrow_batches, arrow_table
from alicredit.databases.place import Database, quoted, require_schema

_ROWS = 65_536
_HUGE = ("HUGEINT", "UHUGEINT")
_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")


@dataclass(frozen=True, eq=False)
class DuckDBFile:
    """A connection to a file, and the schema of the tables."""

    con: duckdb.DuckDBPyConnection
    schema: str
    is_written: bool
    types: ClassVar[Mapping[str, str]] = {
        "text": "VARCHAR", "whole": "BIGINT", "real": "DOUBLE", "time": "TIMESTAMP",
        "texts": "VARCHAR[]",
    }  # fmt: skip
    keys: ClassVar[bool] = False
    """An index of so many rows would have to be held in memory."""
    locks_rows: ClassVar[bool] = False
    holds_zero_bytes: ClassVar[bool] = True

    @classmethod
    def open(cls, database: Database, *, is_written: bool) -> DuckDBFile:
        """Open the file; a reader sees one moment of all tables."""
        con = duckdb.connect(str(database.path), read_only=not is_written)
        try:
            con.execute("SET preserve_insertion_order = true")
            wanted = database.schema or con.execute("SELECT current_schema()").fetchall()[0][0]
            sql = (
                "SELECT schema_name FROM duckdb_schemas() WHERE database_name = current_database()"
            )
            have = [str(row[0]) for row in con.execute(sql).fetchall()]
            schema = require_schema(wanted, have)
            if not is_written:
                con.execute("BEGIN TRANSACTION")
        except BaseException:
            con.close()
            raise
        return cls(con, schema, is_written)

    def close(self) -> None:
        """Close the file; what was not committed is rolled back."""
        self.con.close()

    def name(self, table: str) -> str:
        """Quote a table's name with its schema."""
        return f"{quoted(self.schema)}.{quoted(table)}"

    def tables(self) -> list[str]:
        """Name the tables and views of the schema."""
        sql = (
            "SELECT table_name FROM information_schema.tables WHERE table_schema = ? "
            "AND table_catalog = current_database() ORDER BY table_name"
        )
        return [str(row[0]) for row in self.rows(sql, self.schema)]

    def columns(self, table: str) -> dict[str, str]:
        """Give the columns of a table with their types."""
        return {str(row[0]): str(row[1]) for row in self.rows(f"DESCRIBE {self.name(table)}")}

    @contextmanager
    def reading(self, table: str, wants: Mapping[str, str]) -> Iterator[pa.RecordBatchReader]:
        """Read rows; whole numbers that Parquet has no type for become what they mean."""
        have = self.columns(table)
        listed = [
            f"{_expression(name, have[name], want)} AS {quoted(name)}"
            for name, want in wants.items()
        ]
        sql = f"SELECT {', '.join(listed)} FROM {self.name(table)}"
        yield arrow_batches(self.con.sql(sql), _ROWS)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Give the rows of a query; ``?`` stands for a bound value."""
        return self.con.execute(sql, list(values)).fetchall()

    def execute(self, sql: str, *values: Any) -> None:
        """Run a statement; ``?`` stands for a bound value."""
        self.con.execute(sql, list(values))

    def insert(self, table: str, rows: pa.Table) -> None:
        """Append rows to a table, within the transaction."""
        names = ", ".join(map(quoted, rows.column_names))
        self.con.register("_alicredit_rows", rows)
        try:
            sql = f"INSERT INTO {self.name(table)} ({names}) SELECT {names} FROM _alicredit_rows"
            self.con.execute(sql)
        finally:
            self.con.unregister("_alicredit_rows")

    def fetch(self, sql: str, schema: pa.Schema) -> pa.Table:
        """Give the rows of a query as a table of these types."""
        table = arrow_table(self.con.sql(sql))
        return pa.table({name: table[name].cast(schema.field(name).type) for name in schema.names})

    def lock_tables(self) -> None:
        """Do nothing: the file is this process's."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all or nothing."""
        if not self.is_written:
            yield
            return
        self.con.execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self.con.execute("ROLLBACK")
            raise
        self.con.execute("COMMIT")


def _expression(name: str, kind: str, want: str) -> str:
    """Read a column exactly, or stop the query at the value that cannot be."""
    column = quoted(name)
    if kind in _HUGE:
        return f"CAST({column} AS {want})"
    if kind in _TIMES:
        told = "'" + f"column {name}: ".replace("'", "''") + "'"
        broken = f"error(concat({told}, {column}))"
        return f"CASE WHEN {column} IS NULL OR isfinite({column}) THEN {column} ELSE {broken} END"
    return column
