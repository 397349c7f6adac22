"""Opening tables: where their rows are and of which types, also of files that differ in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from alicredit.checks import refusal
from alicredit.errors import RecordError
from alicredit.records.declaration import KNOWN_AT, Column
from alicredit.records.facts import quoted
from alicredit.records.kept import open_kept
from alicredit.records.parts import (
    NOTHING,
    OLD_MOMENT,
    OLD_TIME,
    grouped,
    meant_types,
    repeated,
)
from alicredit.records.places import find_files
from alicredit.records.schema import TABLES
from alicredit.records.sources import (
    DIALECT,
    NARROW,
    PLAIN,
    Source,
    canonical_sql,
    damaged,
    literal,
)


def find_sources(places: Mapping[str, object], timezone: str) -> dict[str, Source]:
    """Find tables' rows: a frame with an Arrow interface, a path or glob, or a folder of files.

    Parameters
    ----------
    places : mapping of str to object
        Table name -> a pandas, polars or pyarrow table, a query result that speaks Arrow, or a
        path.
    timezone : str
        Zone of naive local times, where some of a table's files have them and others do not.

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
        return {
            table: _typed(con, _untyped(table, where), timezone) for table, where in places.items()
        }
    finally:
        con.close()


def _untyped(table: str, where: object) -> Source:
    """Find a table's rows."""
    if isinstance(where, str | Path):
        found = find_files(table, str(where))
        return Source(table, paths=found, is_csv=found[0].lower().endswith(".csv"))
    return Source(table, memory=_arrow(table, where))


def _arrow(table: str, frame: Any) -> pa.Table:
    """Take any frame that speaks Arrow as a pyarrow table; a lazy one is collected."""
    try:
        if hasattr(frame, "collect_schema") and hasattr(frame, "collect"):
            frame = frame.collect()
        if isinstance(frame, pa.Table):
            return frame
        _refuse_repeated_names(table, frame)
        found = _as_arrow(frame)
    except duckdb.Error as error:
        rule = "must be a query whose connection is still open"
        found = str(error).splitlines()[0]
        raise RecordError(refusal(f"table {table!r}", rule, found, "read it first")) from error
    except (pa.ArrowException, TypeError, ValueError) as error:
        rule = "must hold one type in each column"
        raise RecordError(refusal(f"table {table!r}", rule, f"({error})", "clean it")) from error
    if found is None:
        rule = "must be a pandas, polars or pyarrow table, a query result or a path"
        raise RecordError(refusal(f"table {table!r}", rule, type(frame).__name__, "convert it"))
    return found


def _refuse_repeated_names(table: str, frame: Any) -> None:
    """Refuse a frame of which two columns have one name."""
    named = getattr(frame, "columns", getattr(frame, "column_names", []))
    names = [str(name) for name in named]
    if len(set(names)) < len(names):
        rule = "must have columns of different names"
        raise RecordError(refusal(f"table {table!r}", rule, names, "rename or drop one"))


def _as_arrow(frame: Any) -> pa.Table | None:
    """Turn a frame into a pyarrow table by what it can do; None where it can do nothing of it."""
    if type(frame).__module__.startswith("pandas"):
        return pa.Table.from_pandas(frame, preserve_index=False)
    if type(frame).__module__.startswith("polars"):
        return frame.to_arrow()  # its stream's views of texts are more than old readers know
    if hasattr(frame, "__arrow_c_stream__"):
        return pa.table(frame)
    if hasattr(frame, "fetch_arrow_table"):
        return frame.fetch_arrow_table()
    return None


def _typed(con: duckdb.DuckDBPyConnection, source: Source, timezone: str) -> Source:
    """Read the names and physical types of a source's columns; of files that differ, of each."""
    try:
        source.attach(con)
        groups, headings = _groups(con, source)
    except (duckdb.Error, pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise damaged(source, error) from error
    _refuse_named_by_folders(source, groups)
    if twice := repeated(headings):
        rule = "must have columns of different names, whatever their case"
        raise RecordError(refusal(source.label, rule, twice, "rename or drop one"))
    return groups[0] if len(groups) == 1 else _joined(source, groups, timezone)


def _refuse_named_by_folders(source: Source, groups: tuple[Source, ...]) -> None:
    """Refuse declared columns that only the names of folders tell, such as ``channel=ad``."""
    told = {part.split("=")[0] for path in source.paths for part in Path(path).parts if "=" in part}
    for name in sorted(told & {*(TABLES[source.table].names if source.table in TABLES else ())}):
        if any(name not in group.types for group in groups):
            rule, do = "must have its columns in its files", "write the column into them"
            found = f"{name!r} in names of folders alone"
            raise RecordError(refusal(source.label, rule, found, do))


def _groups(
    con: duckdb.DuckDBPyConnection, source: Source
) -> tuple[tuple[Source, ...], list[list[str]]]:
    """Group a source's files by their columns and types, each group with the heading of its own."""
    if source.memory is not None:
        meant = meant_types(source.memory.schema)
        names = [str(name) for name in source.memory.column_names]
        return (replace(source, types=_described(con, source) | meant),), [names]
    if not source.is_csv:
        found = grouped(source.paths)
        parts = [(replace(source, paths=paths), layout) for layout, paths in found]
        typed = [(part, {**_described(con, part), **layout.meant}) for part, layout in parts]
        headings = [list(layout.names) for _, layout in parts]
    else:
        typed = _written_alike(con, source)
        headings = [_heading(con, part) for part, _ in typed]
    several = len(typed) > 1
    return tuple(replace(part, types=types, is_group=several) for part, types in typed), headings


def _described(con: duckdb.DuckDBPyConnection, source: Source) -> dict[str, str]:
    """Name a source's columns with their types, but for lengths and digits."""
    rows = con.execute(f"DESCRIBE SELECT * FROM {source.sql}").fetchall()
    return {str(name): str(kind).split("(")[0] for name, kind, *_ in rows}


def _written_alike(
    con: duckdb.DuckDBPyConnection, source: Source
) -> list[tuple[Source, dict[str, str]]]:
    """Group files of CSV by the names in their headings; files of nothing have no say."""
    paths = [path for path in source.paths if Path(path).stat().st_size] or source.paths
    found: dict[tuple[str, ...], tuple[dict[str, str], list[str]]] = {}
    for path in paths:
        types = _described(con, replace(source, paths=(path,)))
        found.setdefault(tuple(sorted(types)), (types, []))[1].append(path)
    return [(replace(source, paths=tuple(those)), types) for types, those in found.values()]


def _heading(con: duckdb.DuckDBPyConnection, source: Source) -> list[str]:
    """Read a heading as it is written, before SQL gives a name that is there twice another one."""
    sql = f"SELECT * FROM read_csv({literal(source.paths[0])}, {DIALECT}, header=false)"
    return [str(name) for name in con.execute(f"{sql} LIMIT 1").fetchone() or ()]


def _joined(source: Source, groups: tuple[Source, ...], timezone: str) -> Source:
    """Read groups of files together: what has one type in all as it is, all else as it is meant."""
    types: dict[str, str] = {}
    columns: list[list[str]] = [[] for _ in groups]
    for name in dict.fromkeys(name for group in groups for name in group.types):
        types[name], kind = _joint_type(source, groups, name)
        for at, group in enumerate(groups):
            value = _in_joint_type(group, name, types[name], kind, timezone)
            columns[at].append(f"{value} AS {quoted(name)}")
    selects = [
        f"SELECT {', '.join(listed)} FROM {group.sql}"
        for listed, group in zip(columns, groups, strict=True)
    ]
    paths = tuple(path for group in groups for path in group.paths)
    joined = " UNION ALL ".join(selects)
    return replace(source, paths=paths, types=types, groups=groups, joined=joined)


def _joint_type(source: Source, groups: tuple[Source, ...], name: str) -> tuple[str, Column | None]:
    """Give the type that a column has in all groups together, and its declaration if it needs one.

    None stands for a column that is read as it is, or as text where nothing is declared.
    """
    found = {group.types[name] for group in groups if name in group.types} - {NOTHING}
    if not found:
        return NOTHING, None
    if len(found) == 1 and found <= {*PLAIN}:
        return found.pop(), None
    if found <= {*NARROW}:
        return "BIGINT", None
    for column in (*TABLES[source.table].columns, KNOWN_AT) if source.table in TABLES else ():
        if column.name == name:
            return column.sql_type, column
    return "VARCHAR", None


def _in_joint_type(
    group: Source, name: str, joint: str, column: Column | None, timezone: str
) -> str:
    """Write a group's column in the type that all groups have it in."""
    if group.types.get(name, NOTHING) == NOTHING:
        kind = {NOTHING: "INTEGER", OLD_TIME: "TIMESTAMP", OLD_MOMENT: "TIMESTAMP"}
        return f"CAST(NULL AS {kind.get(joint, joint)})"
    if column is not None:
        return canonical_sql(group, column, timezone)
    return quoted(name) if group.types[name] == joint else f"CAST({quoted(name)} AS {joint})"
