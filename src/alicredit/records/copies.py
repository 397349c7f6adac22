"""Tables of a database, copied to files to be read from: as of one moment, in constant memory."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import weakref
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from alicredit.checks import refuse, require_columns, writing
from alicredit.databases import Database, Wants, open_database, tell
from alicredit.databases.arrow import arrow_table
from alicredit.errors import RecordError
from alicredit.records.declaration import KNOWN_AT, Column
from alicredit.records.facts import quoted
from alicredit.records.kept import open_kept
from alicredit.records.refusing import maybe, no_merchants
from alicredit.records.schema import TABLES
from alicredit.records.sources import Source, literal, parsed_sql, unwritten_sql

_PREFIX, _LOCK = "alicredit-records-", ".lock"
_GROUP_ROWS = 131_072
_OWN = "alicredit_"


@dataclass(frozen=True, eq=False)
class Copies:
    """Files that hold tables as they stood at one moment; they go when nobody reads them any more.

    Parameters
    ----------
    folder : Path
        Where they are: a folder that only this user can read.
    paths : mapping of str to str
        Of each table.
    digests : mapping of str to str
        Of each table's rows, whatever their order.
    notes : tuple of (table, rule, severity, message)
        What was left out or is unknown.
    """

    folder: Path
    paths: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[tuple[str, str, str, str], ...] = ()


def copy_tables(database: Database, uses: Collection[str]) -> Copies:
    """Copy the declared columns of the declared tables, as of one moment.

    Parameters
    ----------
    database : Database
        Where they are.
    uses : collection of str
        Restricted tables of which purpose and legal basis are stated; others do not leave the
        database.

    Returns
    -------
    Copies
        Files with the types of the database.

    Raises
    ------
    RecordError
        If a required table or column lacks, or a value cannot be what its column means.
    InputError, DatabaseError
        If the database cannot be read.
    """
    notes: list[tuple[str, str, str, str]] = []
    paths: dict[str, str] = {}
    digests: dict[str, str] = {}
    folder, handle = _new_folder()
    copies = Copies(folder, paths, digests)
    weakref.finalize(copies, _remove, folder, handle)
    with open_database(database, argument="source") as link:
        wanted = _wanted(link, uses, notes)
        for table, wants in wanted.items():
            paths[table] = str(folder / f"{table}.parquet")
            _copy(database, link, table, wants, paths[table])
            digests[table] = _digest(paths[table])
    object.__setattr__(copies, "notes", tuple(notes))
    return copies


def _wanted(
    link: Any, uses: Collection[str], notes: list[tuple[str, str, str, str]]
) -> dict[str, Wants]:
    """Choose tables and columns; refuse what lacks before anything is copied."""
    wanted: dict[str, Wants] = {}
    have = link.tables()
    if "merchants" not in have:
        raise RecordError(no_merchants(have))
    for name in have:
        if name not in TABLES:
            if not name.startswith(_OWN):
                text = f"unknown table, not read{maybe(name, TABLES)}"
                notes.append((name, "unknown table", "warning", text))
            continue
        table = TABLES[name]
        if table.restricted and name not in uses:
            text = "left out: state its purpose and legal basis in data_use to have it read"
            notes.append((name, "restricted", "note", text))
            continue
        columns = link.columns(name)
        require_columns(f"table {name!r}", columns, table.required, error=RecordError)
        for column in columns:
            if column not in table and column != KNOWN_AT.name:
                text = f"unknown column {column!r}, not read{maybe(column, table.names)}"
                notes.append((name, "unknown column", "warning", text))
        known = [each for each in (*table.columns, KNOWN_AT) if each.name in columns]
        wanted[name] = {each.name: each.sql_type for each in known}
    return wanted


def _copy(database: Database, link: Any, table: str, wants: Wants, path: str) -> None:
    """Stream a table into a Parquet file, so many rows at a time."""
    writer, held, count = None, [], 0
    with writing("source", Path(path).parent), link.reading(table, wants) as reader:
        try:
            for batch in _meant(database, table, wants, reader):
                if writer is None:
                    writer = pq.ParquetWriter(path, batch.schema)
                held.append(batch)
                count += len(batch)
                if count >= _GROUP_ROWS:
                    writer.write_table(pa.Table.from_batches(held).combine_chunks())
                    held, count = [], 0
            if writer is not None:
                writer.write_table(pa.Table.from_batches(held, schema=writer.schema))
        finally:
            if writer is not None:
                writer.close()


def _meant(
    database: Database, table: str, wants: Wants, reader: pa.RecordBatchReader
) -> Iterator[pa.RecordBatch]:
    """Yield batches, after one of no rows that gives types; SQLite's texts of times as times."""
    texts = [
        Column(field.name, "date" if wants[field.name] == "DATE" else "time")
        for field in reader.schema
        if database.kind == "sqlite"
        and wants[field.name] in ("DATE", "TIMESTAMP")
        and pa.types.is_string(field.type)
    ]
    empty = pa.RecordBatch.from_pylist([], schema=reader.schema)
    con = open_kept()
    try:
        yield _parsed(con, table, empty, texts, database.timezone)
        for batch in _streamed(database, reader):
            yield _parsed(con, table, batch, texts, database.timezone)
    finally:
        con.close()


def _streamed(database: Database, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Yield batches; what a server says meanwhile reaches us as an error of Arrow's."""
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except (pa.ArrowException, OSError) as error:
            tell(database, "source", error)
        yield batch


def _parsed(
    con: duckdb.DuckDBPyConnection,
    table: str,
    batch: pa.RecordBatch,
    texts: list[Column],
    timezone: str,
) -> pa.RecordBatch:
    """Read texts of times as times, or refuse the first that is none."""
    if not texts:
        return batch
    con.register(
        "_batch", pa.Table.from_batches([batch])
    )  # a batch alone is read once by old DuckDB
    parsed = {each.name: parsed_sql(quoted(each.name), each, timezone) for each in texts}
    for each in texts:
        name, sql, column = each.name, parsed[each.name], quoted(each.name)
        other = unwritten_sql(column, each.sql_type)
        broken = f"nullif(trim({column}), '') IS NOT NULL AND ({other} OR ({sql}) IS NULL)"
        found = con.execute(f"SELECT {column} FROM _batch WHERE {broken} LIMIT 1").fetchall()
        if found:
            where, do = f"table {table!r} column {name!r}", "write it as 2013-05-01 13:30:00"
            refuse(where, "must be an ISO date or time", repr(found[0][0]), do, error=RecordError)
    listed = ", ".join(f"{parsed.get(n, quoted(n))} AS {quoted(n)}" for n in batch.schema.names)
    whole = arrow_table(con.sql(f"SELECT {listed} FROM _batch")).combine_chunks()
    batches = whole.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=whole.schema)


def _digest(path: str) -> str:
    """Give the digest of a table's rows, whatever their order: the sum of each row's own.

    It tells of changes, and is that of this release of DuckDB alone.
    """
    schema = pq.read_schema(path)
    listed = ", ".join(map(quoted, schema.names))
    sql = f"SELECT count(*), sum(hash({listed})) FROM read_parquet({literal(path)})"
    con = open_kept()
    try:
        count, whole = con.execute(sql).fetchall()[0]
    finally:
        con.close()
    kinds = ",".join(f"{field.name} {field.type}" for field in schema)
    return f"{duckdb.__version__} {count} {whole or 0} {kinds}"


def sources_of(copies: Copies, sources: Mapping[str, Source]) -> dict[str, Source]:
    """Give sources that keep the copies they read, and know the digest of their rows."""
    return {
        name: Source(
            name, source.paths, types=source.types, digest=copies.digests[name], keeper=copies
        )
        for name, source in sources.items()
    }


def _new_folder() -> tuple[Path, int]:
    """Make a folder of this process's own, and hold it; remove those of processes that died."""
    for old in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        _remove_dead(old)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            continue
        if (folder / _LOCK).exists():
            return folder, handle
        os.close(handle)


def _remove_dead(folder: Path) -> None:
    """Remove a folder that no living process holds."""
    try:
        if folder.stat().st_uid != os.geteuid():
            return
        handle = os.open(folder / _LOCK, os.O_RDWR)
    except OSError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return
    finally:
        os.close(handle)


def _remove(folder: Path, handle: int) -> None:
    """Remove a folder that is read no more."""
    shutil.rmtree(folder, ignore_errors=True)
    os.close(handle)
