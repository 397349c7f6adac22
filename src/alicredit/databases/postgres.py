"""PostgreSQL by ADBC: Arrow in, Arrow out, by the server's binary COPY."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from alicredit.checks import refuse
from alicredit.databases.place import Database, quoted, require_schema

_PATIENCE = {"connect_timeout": "20", "keepalives_idle": "60", "tcp_user_timeout": "120000"}
"""Seconds to wait for an answer, idle seconds before asking, ms unanswered (assumed)."""

_MAKING = 6_510_310_613
"""Number under which tables are made by one process at a time."""

_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off'"
)
"""What is committed must outlive the server, whatever its setting."""

_RELATIONS = (
    "SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
    "ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relkind IN ('r','p','v','m','f') "
    'ORDER BY c.relname COLLATE "C"'
)
_COLUMNS = """
SELECT a.attname::text,
  CASE WHEN b.typtype = 'e' OR b.typcategory = 'S' THEN 'text'
       WHEN b.typname = 'numeric' AND ((CASE WHEN t.typtype = 'd' THEN t.typtypmod
            ELSE a.atttypmod END) - 4) & 65535 = 0 THEN 'numeric of no decimals'
       ELSE pg_catalog.format_type(b.oid, NULL) END
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
WHERE n.nspname = ? AND c.relname = ? AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
_PLAIN = ("boolean", "smallint", "integer", "bigint", "real", "double precision")
_TIMES = ("date", "timestamp without time zone", "timestamp with time zone")


@dataclass(frozen=True, eq=False)
class Postgres:
    """A connection to a server, and the schema of the tables."""

    con: Any
    schema: str
    types: ClassVar[Mapping[str, str]] = {
        "text": "text", "whole": "bigint", "real": "double precision", "time": "timestamp",
        "texts": "text[]",
    }  # fmt: skip
    keys: ClassVar[bool] = True
    locks_rows: ClassVar[bool] = True
    holds_zero_bytes: ClassVar[bool] = False

    @classmethod
    def open(cls, database: Database, *, is_written: bool) -> Postgres:
        """Connect; a reader sees one moment of all tables."""
        unset = {k: v for k, v in _PATIENCE.items() if f"PG{k.upper()}" not in os.environ}
        con = importlib.import_module("adbc_driver_postgresql.dbapi").connect(
            database.address(unset)
        )
        link = cls(con, database.schema)
        try:
            link = cls(con, link._schema_found())
            if is_written:
                link.rows(_DURABLE)
                con.commit()
            else:
                link.execute(
                    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, "
                    "READ ONLY"
                )
                con.commit()
        except BaseException:
            con.close()
            raise
        return link

    def close(self) -> None:
        """Close the connection; what was not committed is rolled back."""
        self.con.close()

    def _schema_found(self) -> str:
        """Find the schema, or refuse its name."""
        have = [str(row[0]) for row in self.rows("SELECT nspname::text FROM pg_namespace")]
        wanted = self.schema or self.rows("SELECT current_schema()::text")[0][0]
        self.con.commit()
        return require_schema(wanted, have)

    def name(self, table: str) -> str:
        """Quote a table's name with its schema."""
        return f"{quoted(self.schema)}.{quoted(table)}"

    def tables(self) -> list[str]:
        """Name the tables and views of the schema."""
        return [str(row[0]) for row in self.rows(_RELATIONS, self.schema)]

    def columns(self, table: str) -> dict[str, str]:
        """Give the columns of a table with their types."""
        rows = self.rows(_COLUMNS, self.schema, table)
        return {str(name): str(kind) for name, kind in rows}

    @contextmanager
    def reading(self, table: str, wants: Mapping[str, str]) -> Iterator[pa.RecordBatchReader]:
        """Read rows, streamed by the server."""
        have = self.columns(table)
        listed = [
            f"{_expression(table, name, have[name], want)} AS {quoted(name)}"
            for name, want in wants.items()
        ]
        with self.con.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(listed)} FROM {self.name(table)}")
            yield cursor.fetch_record_batch()

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Give the rows of a query; ``?`` stands for a bound value."""
        with self.con.cursor() as cursor:
            cursor.execute(_numbered(sql), values or None)
            return [tuple(row) for row in cursor.fetchall()]

    def execute(self, sql: str, *values: Any) -> None:
        """Run a statement; ``?`` stands for a bound value."""
        with self.con.cursor() as cursor:
            cursor.execute(_numbered(sql), values or None)

    def insert(self, table: str, rows: pa.Table) -> None:
        """Append rows to a table, within the transaction."""
        with self.con.cursor() as cursor:
            cursor.adbc_ingest(table, rows, mode="append", db_schema_name=self.schema)

    def fetch(self, sql: str, schema: pa.Schema) -> pa.Table:
        """Give the rows of a query as a table of these types."""
        with self.con.cursor() as cursor:
            cursor.execute(sql)
            table = cursor.fetch_arrow_table()
        return pa.table({name: table[name].cast(schema.field(name).type) for name in schema.names})

    def lock_tables(self) -> None:
        """Wait, to the end of the transaction, for others who make tables here."""
        self.rows("SELECT pg_catalog.pg_advisory_xact_lock(?)", _MAKING)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all or nothing."""
        try:
            yield
            self.con.commit()
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        """Undo; a server that is gone has undone it."""
        error = importlib.import_module("adbc_driver_postgresql.dbapi").Error
        try:
            self.con.rollback()
        except error:
            return

    def hold(self, number: int) -> bool:
        """Lock a number for this connection; false where another holds it."""
        is_held = bool(self.rows("SELECT pg_catalog.pg_try_advisory_lock(?)", number)[0][0])
        self.con.commit()
        return is_held


def _numbered(sql: str) -> str:
    """Number the places of bound values."""
    parts = sql.split("?")
    return "".join(f"{part}${at}" for at, part in enumerate(parts[:-1], 1)) + parts[-1]


def _expression(table: str, name: str, kind: str, want: str) -> str:
    """Read a column exactly, or stop the query at the value that cannot be."""
    column = quoted(name)
    told = "'" + re.sub(r"[^\w]", "_", f"column_{name}") + ": '"
    if kind == "text":
        return f"CAST({column} AS text)"
    if kind == "uuid" and want == "VARCHAR":
        return f"CAST({column} AS text)"
    if kind in _TIMES:
        broken = f"CAST(concat({told}, {column}) AS {kind})"
        return f"CASE WHEN isfinite({column}) OR {column} IS NULL THEN {column} ELSE {broken} END"
    if kind.startswith("numeric") and want == "DOUBLE":
        return f"CAST({column} AS double precision)"
    if kind.startswith("numeric") and want == "BIGINT":
        broken = f"CAST(concat({told}, {column}) AS bigint)"
        return (
            f"CASE WHEN {column} IS NULL THEN NULL WHEN {column} - trunc({column}) = 0 "
            f"AND abs({column}) <= 9223372036854775807 THEN CAST({column} AS bigint) "
            f"ELSE {broken} END"
        )
    if kind == "numeric of no decimals" and want == "VARCHAR":
        return f"CAST({column} AS text)"
    if kind not in _PLAIN:
        do = "give a view in which it is"
        refuse(f"table {table!r} column {name!r}", f"must be readable as {want}", kind, do)
    return column
