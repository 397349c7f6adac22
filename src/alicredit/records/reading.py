"""Reading a platform's records from folders, files and frames, strictly."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import pyarrow as pa

from alicredit.checks import nearest, refusal, require_columns, require_kind, require_whole
from alicredit.databases import Database, database_of
from alicredit.errors import RecordError
from alicredit.records.bounds import Bound
from alicredit.records.copies import copy_tables, sources_of
from alicredit.records.data_use import DataUse, read_data_use
from alicredit.records.declaration import KNOWN_AT
from alicredit.records.facts import fact_sql, quoted
from alicredit.records.kept import open_kept, open_own
from alicredit.records.opening import find_sources
from alicredit.records.parts import short
from alicredit.records.places import find_tables
from alicredit.records.refusing import (
    maybe,
    no_merchants,
    refuse_lacking,
    refuse_unreadable,
)
from alicredit.records.schema import TABLES
from alicredit.records.sources import (
    Source,
    arrow_reader,
    canonical_sql,
    damaged,
    holds_numbers,
)

TIMEZONE = "Asia/Shanghai"
"""Zone of naive times where the records name no other."""


@dataclass(frozen=True)
class Note:
    """One thing seen while reading: a table or column that was left out or is unknown."""

    table: str
    rule: str
    severity: str
    rows: int
    message: str


@dataclass(frozen=True, eq=False)
class Records:
    """A platform's records: tables by name, read when they are asked for.

    Made by :func:`read_records`. Nothing of a file is held in memory until a table is taken whole.

    Parameters
    ----------
    sources : mapping of str to Source
        Where each table's rows are.
    timezone : str
        Zone of the records' naive local times.
    notes : mapping
        What the maker of the records says of them (a seed, a thinning, ``observed_until``).
    findings : tuple of Note
        What reading left out or did not know.
    data_use : mapping of str to DataUse
        Purpose and legal basis by restricted table.
    bound : Bound or None, default None
        The memory that each connection over them may take; None leaves it to DuckDB.

    Examples
    --------
    >>> import pandas as pd
    >>> merchants = pd.DataFrame({"merchant_id": ["m1"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> records = read_records({"merchants": merchants})
    >>> records.tables
    ('merchants',)
    >>> records["orders"]
    Traceback (most recent call last):
    alicredit.errors.RecordError: table 'orders' must be among the records; ...
    """

    sources: Mapping[str, Source]
    timezone: str = TIMEZONE
    notes: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Note, ...] = ()
    data_use: Mapping[str, DataUse] = field(default_factory=dict)
    bound: Bound | None = None

    def within(self, bound: Bound) -> Records:
        """Give the same records, each connection over which keeps within a memory."""
        return replace(self, bound=bound)

    @property
    def tables(self) -> tuple[str, ...]:
        """Give the names of the tables that are there."""
        return tuple(self.sources)

    def __contains__(self, table: object) -> bool:
        """Tell whether a table is there."""
        return table in self.sources

    def __repr__(self) -> str:
        """Name the tables and the zone."""
        return f"Records({', '.join(self.tables)}; times in {self.timezone})"

    def holds_facts(self, table: str) -> bool:
        """Tell whether a table is there, and the one through which its rows find their merchant."""
        parent = TABLES[table].parent_table if table in TABLES else ""
        return table in self and (not parent or parent in self)

    def columns(self, table: str) -> tuple[str, ...]:
        """Give the names of a table's columns, declared ones first."""
        types = self._source(table).types
        declared = TABLES.get(table)
        known = (*declared.columns, KNOWN_AT) if declared else ()
        first = [column.name for column in known if column.name in types]
        return (*first, *(name for name in types if name not in first))

    def scan(
        self, table: str, columns: list[str] | None = None, *, batch_rows: int = 65_536
    ) -> Iterator[pa.RecordBatch]:
        """Yield a table's rows in batches of canonical types, in constant memory.

        Parameters
        ----------
        table : str
            A table that is there.
        columns : list of str or None, default None
            Which columns; all when None.
        batch_rows : int, default 65536
            Rows of a batch at most.

        Yields
        ------
        pyarrow.RecordBatch
            The next rows.

        Raises
        ------
        RecordError
            If the table or a column is not there, or the rows cannot be read.
        """
        have = self.columns(table)
        if isinstance(columns, str):
            raise RecordError(refusal("columns", "must be a list of names", repr(columns)))
        names = list(have) if columns is None else list(columns)
        require_columns(f"table {table!r}", have, names, error=RecordError)
        require_whole("batch_rows", batch_rows, 1)
        listed = ", ".join(quoted(name) for name in names)
        con = self.connect([table], kept=True)
        try:
            yield from arrow_reader(con, f"SELECT {listed} FROM {quoted(table)}", batch_rows)
        except (duckdb.Error, OSError, pa.ArrowException) as error:
            raise damaged(self._source(table), error) from error
        finally:
            con.close()

    def __getitem__(self, table: str) -> pa.Table:
        """Take a table whole, as a pyarrow table of canonical types."""
        batches = list(self.scan(table))
        if batches:
            return pa.Table.from_batches(batches)
        con = self.connect([table], kept=True)
        try:
            schema = arrow_reader(con, f"SELECT * FROM {quoted(table)}", 1).schema
            return pa.Table.from_batches([], schema=schema)
        finally:
            con.close()

    def count(self, table: str) -> int:
        """Count the rows of a table; of Parquet files by their footers."""
        source = self._source(table)
        con = self.connect([], kept=True)
        try:
            source.attach(con)
            ((rows,),) = con.execute(f"SELECT count(*) FROM {source.sql}").fetchall()
        except duckdb.Error as error:
            raise damaged(source, error) from error
        finally:
            con.close()
        return int(rows)

    @property
    def number_ids(self) -> frozenset[tuple[str, str]]:
        """Give the (table, column) of identifiers that are whole numbers wherever they stand.

        An identifier and those that refer to it are numbers together or not at all, so that they
        can be joined as such.
        """
        groups: dict[str, list[tuple[str, str]]] = {}
        texts = set()
        for name, source in self.sources.items():
            for column in TABLES[name].columns if name in TABLES else ():
                if column.kind != "id" or column.name not in source.types:
                    continue
                root = column.refers_to or f"{name}.{column.name}"
                groups.setdefault(root, []).append((name, column.name))
                if not holds_numbers(source, column.name):
                    texts.add(root)
        return frozenset(
            each for root, members in groups.items() if root not in texts for each in members
        )

    def connect(
        self,
        tables: list[str] | None = None,
        *,
        numbers: Collection[tuple[str, str]] = frozenset(),
        kept: bool = False,
    ) -> duckdb.DuckDBPyConnection:
        """Open a DuckDB connection that has one view of canonical types per table.

        Parameters
        ----------
        tables : list of str or None, default None
            Which tables; all when None.
        numbers : collection of (str, str), default empty
            Identifiers, from ``number_ids``, to be shown as numbers instead of text.
        kept : bool, default False
            Whether on the database that this process keeps, which takes no time to be made: for
            whoever sets nothing and makes temporary tables alone. Where memory is bounded the
            database is always a fresh one.

        Returns
        -------
        duckdb.DuckDBPyConnection
            In memory; the caller closes it. A database of its own unless ``kept``.
        """
        con = open_kept() if kept and self.bound is None else open_own()
        if self.bound is not None:
            self.bound.hold(con)
        for name in self.tables if tables is None else tables:
            source = self._source(name)
            source.attach(con)
            projection = self.projection(name)
            projection |= {
                column: f"CAST({quoted(column)} AS BIGINT)"
                for table, column in numbers
                if table == name
            }
            listed = ", ".join(f"{sql} AS {quoted(col)}" for col, sql in projection.items())
            con.execute(f"CREATE TEMP VIEW {quoted(name)} AS SELECT {listed} FROM {source.sql}")
        return con

    def fact_sql(self, table: str) -> str:
        """Write the query of a table's facts; see :func:`alicredit.records.fact_sql`."""
        parent = TABLES[table].parent_table if table in TABLES else ""
        return fact_sql({name: self.columns(name) for name in (table, parent) if name}, table)

    @property
    def span(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """Give the first and the last time anything happened."""
        timed = [
            n for n in self.tables
            if n in TABLES and not TABLES[n].merchantless and self.holds_facts(n)
        ]  # fmt: skip
        con = self.connect(kept=True)
        try:
            parts = [f"SELECT _happened FROM ({self.fact_sql(name)})" for name in timed]
            sql = f"SELECT min(_happened), max(_happened) FROM ({' UNION ALL '.join(parts)})"
            row = con.execute(sql).fetchone()
        except duckdb.Error as error:
            raise damaged(self.sources[timed[0]], error) from error
        finally:
            con.close()
        if row is None or row[0] is None:
            raise RecordError(refusal("records", "must hold at least one fact", "no row"))
        return pd.Timestamp(row[0]), pd.Timestamp(row[1])

    def _source(self, table: str) -> Source:
        """Find a table's source or refuse its name."""
        if table not in self.sources:
            hint = nearest(table, self.tables)
            rule = "must be among the records"
            raise RecordError(refusal(f"table {table!r}", rule, f"{len(self.tables)} tables", hint))
        return self.sources[table]

    def projection(self, table: str) -> dict[str, str]:
        """Map each column of a table to its canonical expression, declared ones first."""
        source, declared = self._source(table), TABLES.get(table)
        known = (*declared.columns, KNOWN_AT) if declared else ()
        found = {
            column.name: canonical_sql(source, column, self.timezone)
            for column in known
            if column.name in source.types
        }
        extra = {name: quoted(name) for name in source.types if name not in found}
        return found | extra


def read_records(
    source: object,
    *,
    data_use: Mapping[str, Mapping[str, str] | DataUse] | None = None,
) -> Records:
    """Read a platform's records from a folder, or from a mapping of tables.

    Parameters
    ----------
    source : str, Path, Database or mapping of str to object
        A folder with ``table.parquet``, ``table.csv`` or ``table/*.parquet`` (parts may lie in
        folders within, and differ in their columns and types), which may carry ``records.toml``
        (``timezone``, notes) and ``data_use.toml``; or a mapping from table name to a pandas,
        polars or pyarrow table, a query result that speaks Arrow, or a path, glob or folder;
        or a database (:class:`alicredit.databases.Database`, or its address such as
        ``"postgresql://user@host/name"``, ``"duckdb:///file"``, ``"sqlite:///file"``), of which the
        declared columns of the declared tables are read, all as of one moment.
    data_use : mapping of str to mapping or None, default None
        For each restricted table (marital, psychometric, bank records): its ``purpose`` and
        ``legal_basis``, or ``data_use`` of records it was read from before. Without it such a
        table is left out, with a finding.

    Returns
    -------
    Records
        Lazy where it can be: files are read when a table is asked for.

    Raises
    ------
    RecordError
        If nothing is there to read, a required table or column lacks, a value has not the
        declared type, or a file is damaged; the message names table and column.
    DatabaseError
        If a database cannot be reached, or is in use.

    Examples
    --------
    >>> import pandas as pd
    >>> merchants = pd.DataFrame({"merchant_id": ["m1"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> read_records({"merchants": merchants})
    Records(merchants; times in Asia/Shanghai)
    >>> read_records({"merchants": merchants.drop(columns="platform")})
    Traceback (most recent call last):
    alicredit.errors.RecordError: table 'merchants' must have the column 'platform'; ...
    """
    timezone, stated = TIMEZONE, data_use
    notes: dict[str, Any] = {}
    if isinstance(source, Mapping):
        places = {str(name): place for name, place in source.items()}
    elif (database := database_of(source, "source")) is not None:
        return _from_database(database, data_use)
    elif isinstance(source, str | Path) and str(source):
        places = dict(find_tables(Path(source)))
        timezone, notes = _folder_notes(Path(source))
        stated = data_use if data_use is not None else _folder_use(Path(source))
    else:
        rule = "must be a folder or a mapping from table name to table"
        found = "''" if isinstance(source, str) else type(source).__name__
        raise RecordError(refusal("source", rule, found))
    if not places:
        rule = "must hold at least one table (table.parquet or table.csv)"
        raise RecordError(refusal("source", rule, f"no table in {source}"))
    uses = read_data_use(stated)
    sources, findings = _admitted(places, uses, timezone)
    refuse_lacking(sources)
    records = Records(MappingProxyType(sources), timezone, MappingProxyType(notes), findings, uses)
    _check_values(records)
    return records


def _from_database(
    database: Database, data_use: Mapping[str, Mapping[str, str] | DataUse] | None
) -> Records:
    """Read the tables of a database as they stand at this moment."""
    uses = read_data_use(data_use)
    copies = copy_tables(database, uses)
    sources, _ = _admitted(copies.paths, uses, database.timezone)
    findings = tuple(Note(table, rule, level, 0, text) for table, rule, level, text in copies.notes)
    kept = MappingProxyType(sources_of(copies, sources))
    records = Records(kept, database.timezone, MappingProxyType({}), findings, uses)
    _check_values(records)
    return records


def require_records(value: object) -> Records:
    """Return records; refuse anything else and say how to get them.

    Examples
    --------
    >>> require_records("data/sample")
    Traceback (most recent call last):
    alicredit.errors.RecordError: records must be what read_records gives; found str. ...
    """
    rule, do = "must be what read_records gives", "read them with read_records"
    return require_kind("records", value, Records, rule, do=do, error=RecordError)


def _toml(path: Path) -> dict[str, Any]:
    """Read a TOML file of the folder; empty where it is absent."""
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecordError(refusal(path.name, "must be valid TOML", error)) from error


def _folder_notes(folder: Path) -> tuple[str, dict[str, Any]]:
    """Read the timezone and the notes of a folder."""
    content = _toml(folder / "records.toml")
    timezone = content.pop("timezone", TIMEZONE)
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, TypeError, OSError) as error:
        rule = "must be a time zone such as 'Asia/Shanghai'"
        raise RecordError(refusal("records.toml: timezone", rule, repr(timezone))) from error
    return timezone, content


def _folder_use(folder: Path) -> dict[str, Any] | None:
    """Read the stated uses of restricted tables of a folder."""
    return _toml(folder / "data_use.toml") or None


def _admitted(
    places: Mapping[str, object], uses: Mapping[str, DataUse], timezone: str
) -> tuple[dict[str, Source], tuple[Note, ...]]:
    """Open what may be read; note what is unknown and what is left out for want of a basis."""
    notes, read = [], {}
    if "merchants" not in places:
        raise RecordError(no_merchants(places))
    for name, place in places.items():
        if name in TABLES and TABLES[name].restricted and name not in uses:
            text = "left out: state its purpose and legal basis in data_use to have it read"
            notes.append(Note(name, "restricted", "note", 0, text))
            continue
        read[name] = place
        if name not in TABLES:
            text = f"unknown table, kept and not used{maybe(name, TABLES)}"
            notes.append(Note(name, "unknown table", "warning", 0, text))
    sources = find_sources(read, timezone)
    for name in (each for each in sources if each in TABLES):
        types = sources[name].types
        notes += list(_partly_lacking(sources[name]))
        for column in types:
            if column not in TABLES[name] and column != "known_at":
                hint = maybe(column, [each for each in TABLES[name].names if each not in types])
                text = f"unknown column {column!r}, kept and not used{hint}"
                notes.append(Note(name, "unknown column", "warning", 0, text))
    return sources, tuple(notes)


def _partly_lacking(source: Source) -> Iterator[Note]:
    """Note the optional columns that some of a table's files lack."""
    for column in (*TABLES[source.table].columns, KNOWN_AT):
        lacking = [each for each in source.groups if column.name not in each.types]
        if column.name in source.types and lacking and not column.required:
            paths = [path for each in lacking for path in each.paths]
            text = f"{column.name!r} lacks in {short(paths)}: it reads as missing in their rows"
            yield Note(source.table, "column in some files", "warning", 0, text)


def _check_values(records: Records) -> None:
    """Refuse values that have no meaning as the declared kind."""
    read = {name: records.projection(name) for name in records.tables}
    refuse_unreadable(records.sources, read)
