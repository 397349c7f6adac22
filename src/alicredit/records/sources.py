"""Where a table's rows are, and the SQL that gives them their canonical types."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from alicredit.checks import refusal
from alicredit.errors import RecordError
from alicredit.records.declaration import Column
from alicredit.records.facts import quoted
from alicredit.records.kept import open_kept

_SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_WHOLE = (*_SIGNED, "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")
_NARROW = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
REAL = ("FLOAT", "DOUBLE")
_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
_AWARE = "TIMESTAMP WITH TIME ZONE"
_DIALECT = """delim=',', quote='"', escape='"', comment='', skip=0, all_varchar=true"""
_ZONED = r":\d{2}(\.\d+)?\s*([Zz]|UTC|[+-]\d{2}(:?\d{2})?)$"


@dataclass(frozen=True)
class Source:
    """Rows of one table: files, or an Arrow table in memory.

    Parameters
    ----------
    table : str
        The table's name.
    paths : tuple of str
        Its files; empty when the rows are in memory.
    is_csv : bool
        Whether the files are CSV, so that every value is text until it is parsed.
    memory : pyarrow.Table or None
        The rows in memory.
    types : mapping of str to str
        Column -> physical SQL type, in the order of the data.
    digest : str, default ""
        Of the rows, whatever their order, where the files are a copy made to be read.
    keeper : object, default None
        What keeps such a copy until nobody reads it any more.
    """

    table: str
    paths: tuple[str, ...] = ()
    is_csv: bool = False
    memory: Any = None
    types: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    keeper: Any = field(default=None, repr=False, compare=False)

    @property
    def sql(self) -> str:
        """Give the FROM clause that reads the rows as they are."""
        if self.memory is not None:
            return quoted(f"_memory_{self.table}")
        files = "[" + ", ".join(literal(path) for path in self.paths) + "]"
        if self.is_csv:
            return f"read_csv({files}, {_DIALECT}, header=true, null_padding=false)"
        return f"read_parquet({files}, hive_partitioning=false)"

    def attach(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make rows in memory visible to a connection; files need nothing."""
        if self.memory is not None:
            con.register(f"_memory_{self.table}", self.memory)


def literal(text: str) -> str:
    """Quote a text as an SQL literal, where no parameter can be bound.

    Examples
    --------
    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def find_sources(places: Mapping[str, object]) -> dict[str, Source]:
    """Find tables' rows: a frame with an Arrow interface, a path or glob, or a folder of files.

    Parameters
    ----------
    places : mapping of str to object
        Table name -> a pandas, polars or pyarrow table, a query result that speaks Arrow, or a
        path.

    Returns
    -------
    dict of str to Source
        With the physical types of their columns.

    Raises
    ------
    RecordError
        If there is nothing to read, or it cannot be read.
    """
    con = open_kept()
    try:
        return {table: _typed(con, _untyped(table, where)) for table, where in places.items()}
    finally:
        con.close()


def _untyped(table: str, where: object) -> Source:
    """Find a table's rows."""
    if isinstance(where, str | Path):
        return _files(table, str(where))
    return Source(table, memory=_arrow(table, where))


def _files(table: str, where: str) -> Source:
    """Find the files behind a path, a glob or a folder, all Parquet or all CSV."""
    path = Path(where)
    if path.is_dir():
        found = sorted(str(p) for p in path.iterdir() if p.suffix in (".parquet", ".csv"))
    elif path.is_file():
        found = [where]
    else:
        found = sorted(glob.glob(where))  # noqa: PTH207 - a glob may start anywhere
    kinds = {Path(each).suffix for each in found}
    if not found or len(kinds) > 1 or not kinds <= {".parquet", ".csv"}:
        rule = "must name Parquet files or CSV files, not both"
        raise RecordError(refusal(f"table {table!r}", rule, where, "check the path"))
    return Source(table, paths=tuple(found), is_csv=kinds == {".csv"})


def _arrow(table: str, frame: Any) -> pa.Table:
    """Take any frame that speaks Arrow as a pyarrow table; a lazy one is collected."""
    try:
        if hasattr(frame, "collect_schema") and hasattr(frame, "collect"):
            frame = frame.collect()
        names = [
            str(name) for name in getattr(frame, "columns", getattr(frame, "column_names", []))
        ]
        if not isinstance(frame, pa.Table) and len(set(names)) < len(names):
            rule = "must have columns of different names"
            raise RecordError(refusal(f"table {table!r}", rule, names, "rename or drop one"))
        if isinstance(frame, pa.Table):
            return frame
        if type(frame).__module__.startswith("pandas"):
            return pa.Table.from_pandas(frame, preserve_index=False)
        if type(frame).__module__.startswith("polars"):
            return frame.to_arrow()  # its stream's views of texts are more than old readers know
        if hasattr(frame, "__arrow_c_stream__"):
            return pa.table(frame)
        if hasattr(frame, "fetch_arrow_table"):
            return frame.fetch_arrow_table()
    except duckdb.Error as error:
        rule = "must be a query whose connection is still open"
        found = str(error).splitlines()[0]
        raise RecordError(refusal(f"table {table!r}", rule, found, "read it first")) from error
    except (pa.ArrowException, TypeError, ValueError) as error:
        rule = "must hold one type in each column"
        raise RecordError(refusal(f"table {table!r}", rule, f"({error})", "clean it")) from error
    rule = "must be a pandas, polars or pyarrow table, a query result or a path"
    raise RecordError(refusal(f"table {table!r}", rule, type(frame).__name__, "convert it"))


def _typed(con: duckdb.DuckDBPyConnection, source: Source) -> Source:
    """Read the names and physical types of a source's columns."""
    try:
        source.attach(con)
        rows = con.execute(f"DESCRIBE SELECT * FROM {source.sql}").fetchall()
        repeated = _repeated_headings(con, source)
    except (duckdb.Error, pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise damaged(source, error) from error
    types = {str(name): str(kind).split("(")[0] for name, kind, *_ in rows}
    if repeated:
        rule = "must have columns of different names, whatever their case"
        raise RecordError(refusal(f"table {source.table!r}", rule, repeated, "rename or drop one"))
    return Source(source.table, source.paths, source.is_csv, source.memory, types)


def _repeated_headings(con: duckdb.DuckDBPyConnection, source: Source) -> list[str]:
    """Name the headings that stand more than once, before SQL gives the second another name."""
    if source.memory is not None:
        names = [str(name) for name in source.memory.column_names]
    elif source.is_csv:
        sql = f"SELECT * FROM read_csv({literal(source.paths[0])}, {_DIALECT}, header=false)"
        names = [str(name) for name in con.execute(f"{sql} LIMIT 1").fetchone() or ()]
    else:
        names = [str(name) for name in pq.read_schema(source.paths[0]).names]
    small = [name.casefold() for name in names]
    return sorted({name for name in names if small.count(name.casefold()) > 1})


def holds_numbers(source: Source, column: str) -> bool:
    """Tell whether a column's values are whole numbers of at most 64 bits, as they stand."""
    return not source.is_csv and source.types[column] in _NARROW


def arrow_reader(con: duckdb.DuckDBPyConnection, sql: str, rows: int) -> pa.RecordBatchReader:
    """Read a query's result in batches, whatever the name DuckDB's release has for it."""
    result = con.sql(sql)
    read = getattr(result, "to_arrow_reader", None) or result.fetch_arrow_reader
    return read(rows)


def damaged(source: Source, error: Exception) -> RecordError:
    """Compose the refusal of rows that cannot be read."""
    rule = "must be whole and readable"
    first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    where = ", ".join(source.paths[:3]) or "the rows given"
    do = "restore the file or write it again"
    signs = ("not utf-8 encoded", "invalid unicode", "byte sequence", "can't decode")
    if any(sign in str(error).lower() for sign in signs):
        do = "save the file as UTF-8"
    elif source.is_csv:
        do = "separate by commas, with as many fields in each line as in the heading"
    return RecordError(refusal(f"table {source.table!r} ({where})", rule, first, do))


def canonical_sql(source: Source, column: Column, timezone: str) -> str:
    """Write the expression that gives a declared column its canonical type.

    Parameters
    ----------
    source : Source
        Where the column is.
    column : Column
        Its declaration.
    timezone : str
        Zone of naive local times; aware ones are converted to it.

    Returns
    -------
    str
        An SQL expression over the source's own column.

    Raises
    ------
    RecordError
        If the physical type has no exact meaning as the declared kind.
    """
    name, physical = quoted(column.name), source.types[column.name]
    if source.is_csv:
        return parsed_sql(name, column, timezone)
    kind = column.kind
    plain = {
        "id": ("VARCHAR", "UUID", *_WHOLE),
        "code": ("VARCHAR", "ENUM", *_WHOLE),
        "text": ("VARCHAR", "ENUM", *_WHOLE, *REAL, "BOOLEAN"),
        "flag": ("BOOLEAN",),
        "count": (*_WHOLE, *REAL, "DECIMAL"),
        "fen": (*_WHOLE, *REAL, "DECIMAL"),
        "date": _TIMES,
        "time": _TIMES,
    }.get(kind, (*_WHOLE, *REAL, "DECIMAL"))
    if physical == '"NULL"' or physical == "NULL":
        return f"CAST(NULL AS {column.sql_type})"
    if physical == _AWARE and kind in ("date", "time"):
        return f"CAST({name} AT TIME ZONE {literal(timezone)} AS {column.sql_type})"
    if physical not in plain:
        rule = f"must be of kind {kind} ({column.sql_type})"
        do = "convert it where the data are made; text is not read as numbers or times"
        raise RecordError(
            refusal(f"table {source.table!r} column {column.name!r}", rule, physical, do)
        )
    if physical in REAL and kind not in ("text",):
        # Not isnan: DuckDB 2.0 answers it from a file's footer, whose bounds leave NaN out.
        number = f"CASE WHEN isfinite({name}) OR isinf({name}) THEN {name} END"
        return f"CAST({number} AS {column.sql_type})"
    return f"CAST({name} AS {column.sql_type})"


def parsed_sql(name: str, column: Column, timezone: str) -> str:
    """Parse a CSV value; an empty text is missing, a time that names its zone is converted."""
    value = f"nullif(trim({name}), '')"
    plain = f"TRY_CAST({value} AS {column.sql_type})"
    if column.kind not in ("date", "time"):
        return plain
    local = f"TRY_CAST({value} AS TIMESTAMPTZ) AT TIME ZONE {literal(timezone)}"
    return (
        f"CASE WHEN regexp_matches({value}, {literal(_ZONED)}) "
        f"THEN CAST({local} AS {column.sql_type}) ELSE {plain} END"
    )


def unreadable_sql(source: Source, column: Column) -> str | None:
    """Write the condition of values that have no meaning as the declared kind, if any can be.

    Text of a CSV may not parse; a real number may be no whole one.
    """
    name = quoted(column.name)
    if source.is_csv and column.kind not in ("id", "code", "text"):
        parsed = parsed_sql(name, column, "UTC")
        bad = f"{parsed} IS NULL"
        if column.sql_type == "DOUBLE":
            bad += f" OR isnan({parsed})"
        if column.sql_type == "BIGINT":
            real = f"TRY_CAST(trim({name}) AS DOUBLE)"
            bad += f" OR {real} <> floor({real})"
        return f"nullif(trim({name}), '') IS NOT NULL AND ({bad})"
    whole = column.kind in ("count", "fen")
    if whole and source.types[column.name] in (*REAL, "DECIMAL"):
        real = f"CAST({name} AS DOUBLE)"
        return f"isinf({real}) OR (isfinite({real}) AND {real} <> floor({real}))"
    return None
