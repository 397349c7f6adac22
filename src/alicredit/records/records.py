"""A platform's records as they are asked for: tables by name, rows, facts, connections."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from alicredit.checks import nearest, refusal, require_columns, require_whole
from alicredit.errors import RecordError
from alicredit.records.bounds import Bound
from alicredit.records.data_use import DataUse
from alicredit.records.declaration import KNOWN_AT
from alicredit.records.facts import fact_sql, quoted
from alicredit.records.kept import open_kept, open_own
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
    >>> from alicredit.records import read_records
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
        """Tell whether a table is there, and the one through which its rows find their merchant.

        Parameters
        ----------
        table : str
            Its name; of an undeclared table it is enough that it is there.

        Returns
        -------
        bool
            False where its rows would be nobody's.
        """
        parent = TABLES[table].parent_table if table in TABLES else ""
        return table in self and (not parent or parent in self)

    def columns(self, table: str) -> tuple[str, ...]:
        """Give the names of a table's columns, declared ones first.

        Parameters
        ----------
        table : str
            A table that is there.

        Returns
        -------
        tuple of str
            Undeclared ones last, as they came.

        Raises
        ------
        RecordError
            If the table is not there.
        """
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
        """Count the rows of a table; of Parquet files by their footers.

        Parameters
        ----------
        table : str
            A table that is there.

        Returns
        -------
        int
            Rows as they are written, facts or not.

        Raises
        ------
        RecordError
            If the table is not there, or its rows cannot be read.
        """
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
        """Map each column of a table to its canonical expression, declared ones first.

        Parameters
        ----------
        table : str
            A table that is there.

        Returns
        -------
        dict of str to str
            Name -> SQL over the source's own columns.

        Raises
        ------
        RecordError
            If the table is not there.
        """
        source, declared = self._source(table), TABLES.get(table)
        known = (*declared.columns, KNOWN_AT) if declared else ()
        found = {
            column.name: canonical_sql(source, column, self.timezone)
            for column in known
            if column.name in source.types
        }
        extra = {name: quoted(name) for name in source.types if name not in found}
        return found | extra
