"""A SQLite file, by the standard library; any value may stand anywhere, so each is looked at."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import pyarrow as pa

from alicredit.checks import refuse
from alicredit.databases.place import Database, quoted
from alicredit.errors import RecordError

_ROWS = 65_536
_WAIT = 10.0
_FORMS = ("text", "integer", "real", "blob")
_LAWFUL = {
    "VARCHAR": ({"text"}, {"integer"}),
    "BOOLEAN": ({"integer"},),
    "BIGINT": ({"integer", "real"},),
    "DOUBLE": ({"integer", "real"},),
    "DATE": ({"text"},),
    "TIMESTAMP": ({"text"},),
}


@dataclass(frozen=True, eq=False)
class SQLiteFile:
    """A connection to a file."""

    con: sqlite3.Connection
    is_written: bool
    types: ClassVar[Mapping[str, str]] = {
        "text": "TEXT",
        "whole": "INTEGER",
        "real": "REAL",
        "time": "TEXT",
        "texts": "TEXT",
    }
    keys: ClassVar[bool] = True
    locks_rows: ClassVar[bool] = False
    holds_zero_bytes: ClassVar[bool] = True

    @classmethod
    def open(cls, database: Database, *, is_written: bool) -> SQLiteFile:
        """Open the file; a reader sees one moment of all tables."""
        path = quote(str(Path(database.path).absolute()))
        mode = "rwc" if is_written else "ro"
        con = sqlite3.connect(f"file:{path}?mode={mode}", uri=True, timeout=_WAIT)
        con.isolation_level = None
        try:
            con.execute("PRAGMA synchronous = FULL" if is_written else "BEGIN")
            con.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except BaseException:
            con.close()
            raise
        return cls(con, is_written)

    def close(self) -> None:
        """Close the file; what was not committed is rolled back."""
        self.con.close()

    def name(self, table: str) -> str:
        """Quote a table's name."""
        return quoted(table)

    def tables(self) -> list[str]:
        """Name the tables and views."""
        sql = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name"
        names = [str(row[0]) for row in self.rows(sql)]
        return [name for name in names if not name.startswith("sqlite_")]

    def columns(self, table: str) -> dict[str, str]:
        """Give the columns of a table with their types."""
        rows = self.rows(f"PRAGMA table_xinfo({quoted(table)})")
        return {str(row[1]): str(row[2]) for row in rows}

    @contextmanager
    def reading(self, table: str, wants: Mapping[str, str]) -> Iterator[pa.RecordBatchReader]:
        """Read rows; a column whose values are of no one lawful form is refused."""
        schema = self._schema_of(table, wants)
        yield pa.RecordBatchReader.from_batches(schema, self._batches(table, schema))

    def _batches(self, table: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield rows, so many at a time."""
        names = ", ".join(map(quoted, schema.names))
        cursor = self.con.execute(f"SELECT {names} FROM {quoted(table)}")
        while found := cursor.fetchmany(_ROWS):
            columns = [
                _array(table, field, list(values)) for field, values in zip(schema, zip(*found))
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def _schema_of(self, table: str, wants: Mapping[str, str]) -> pa.Schema:
        """Look at the form of each value, and give columns their types."""
        asked = [f"max(typeof({quoted(n)}) = '{form}')" for n in wants for form in _FORMS]
        flags = self.rows(f"SELECT {', '.join(asked)} FROM {quoted(table)}")[0]
        fields = []
        for at, (name, want) in enumerate(wants.items()):
            seen = flags[at * len(_FORMS) : (at + 1) * len(_FORMS)]
            forms = {form for form, is_there in zip(_FORMS, seen) if is_there}
            if not any(forms <= lawful for lawful in _LAWFUL[want]):
                rule = f"must hold values of one form that can be read as {want}"
                do = "store flags as 0 or 1, dates and times as ISO text, numbers as numbers"
                where = f"table {table!r} column {name!r}"
                refuse(where, rule, " and ".join(sorted(forms)), do, error=RecordError)
            fields.append(pa.field(name, _type_of(want, forms)))
        return pa.schema(fields)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Give the rows of a query; ``?`` stands for a bound value."""
        return self.con.execute(sql, [_plain(value) for value in values]).fetchall()

    def execute(self, sql: str, *values: Any) -> None:
        """Run a statement; ``?`` stands for a bound value."""
        self.con.execute(sql, [_plain(value) for value in values])

    def insert(self, table: str, rows: pa.Table) -> None:
        """Append rows to a table, within the transaction."""
        names = ", ".join(map(quoted, rows.column_names))
        marks = ", ".join("?" * rows.num_columns)
        columns = [_values(rows[name]) for name in rows.column_names]
        sql = f"INSERT INTO {quoted(table)} ({names}) VALUES ({marks})"
        self.con.executemany(sql, zip(*columns))

    def fetch(self, sql: str, schema: pa.Schema) -> pa.Table:
        """Give the rows of a query as a table of these types."""
        cursor = self.con.execute(sql)
        names = [each[0] for each in cursor.description]
        found = cursor.fetchall()
        columns = dict(zip(names, zip(*found))) if found else dict.fromkeys(names, ())
        return pa.table({
            name: _back(columns[name], schema.field(name).type) for name in schema.names
        })  # fmt: skip

    def lock_tables(self) -> None:
        """Do nothing: the transaction locks the file."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all or nothing."""
        if not self.is_written:
            yield
            return
        self.con.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.con.execute("COMMIT")
        except BaseException:
            if self.con.in_transaction:
                self.con.execute("ROLLBACK")
            raise


def _type_of(want: str, forms: set[str]) -> pa.DataType:
    """Give the type of a column that is wanted as one and stored in these forms."""
    if want == "BOOLEAN":
        return pa.bool_()
    if want in ("VARCHAR", "DATE", "TIMESTAMP") and forms != {"integer"}:
        return pa.string()
    if want == "DOUBLE" or "real" in forms:
        return pa.float64()
    return pa.int64()


def _array(table: str, field: pa.Field, values: list[Any]) -> pa.Array:
    """Lay values out, or name the column in which one cannot be."""
    if field.type == pa.bool_():
        others = [value for value in values if value not in (None, 0, 1)]
        if others:
            where = f"table {table!r} column {field.name!r}"
            refuse(where, "must be 0 or 1 for a flag", repr(others[0]), error=RecordError)
        values = [None if value is None else bool(value) for value in values]
    try:
        return pa.array(values, field.type)
    except (pa.ArrowException, UnicodeError, OverflowError) as error:
        where = f"table {table!r} column {field.name!r}"
        return refuse(where, f"must fit {field.type}", f"({error})", error=RecordError)


def _plain(value: Any) -> Any:
    """Write a time as SQLite's own functions read it."""
    return value.isoformat(" ") if isinstance(value, datetime) else value


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Give a column's values: times as text, lists as JSON."""
    found: list[Any] = column.to_pylist()
    if pa.types.is_list(column.type):
        return [None if value is None else json.dumps(value) for value in found]
    if pa.types.is_timestamp(column.type):
        return [_plain(value) for value in found]
    return found


def _back(values: Any, kind: pa.DataType) -> pa.Array:
    """Read what was written."""
    if pa.types.is_list(kind):
        return pa.array([None if v is None else json.loads(v) for v in values], kind)
    if pa.types.is_timestamp(kind):
        return pa.array([None if v is None else datetime.fromisoformat(v) for v in values], kind)
    return pa.array(values, kind)
