"""Making derived tables: records with more tables than were written down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType

import duckdb
import pandas as pd
import pyarrow as pa

from alicredit.checks import refusal
from alicredit.derived.declaration import DerivedTable
from alicredit.derived.schema import DERIVED
from alicredit.errors import RecordError
from alicredit.records import TABLES, Records, fact_sql, quoted
from alicredit.records.bounds import Bound
from alicredit.records.sources import Source, arrow_reader, literal

BATCH = 1_000_000
_ROW_BYTES = 500
"""What a row that a table is made of takes while it is made: measured of dues."""

WHOLE_JOINS = "SET disabled_optimizers = 'empty_result_pullup'"
"""Older DuckDB may take what is outer-joined to a table without facts for empty too."""


@dataclass(frozen=True)
class View(Source):
    """Rows that a query gives, made anew at each reading.

    Parameters
    ----------
    text : str, default ""
        The query.
    parts : tuple of Source, default ()
        What it reads.
    """

    text: str = ""
    parts: tuple[Source, ...] = ()

    @property
    def sql(self) -> str:
        """Give the FROM clause that reads the rows."""
        return f"({self.text})"

    def attach(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make what it reads visible to a connection."""
        for part in self.parts:
            part.attach(con)


@dataclass(frozen=True, eq=False)
class DerivedRecords(Records):
    """Records with derived tables beside those that were written down."""

    def fact_sql(self, table: str) -> str:
        """Write the query of a table's facts; see :func:`alicredit.records.fact_sql`."""
        if table not in DERIVED:
            return super().fact_sql(table)
        return fact_sql({table: self.columns(table)}, table, tables={table: DERIVED[table].table})


def derive_tables(
    records: Records,
    names: Iterable[str],
    *,
    sums: Mapping[str, pa.Table] | None = None,
    since: Mapping[str, pd.Timestamp] | None = None,
) -> Records:
    """Add derived tables to records, as far as their sources are there.

    Parameters
    ----------
    records : Records
        What was written down, perhaps with derived tables already.
    names : iterable of str
        Wanted tables; those that are not derived, or are there already, are passed over.
    sums : mapping of str to pyarrow.Table or None, default None
        By table, its sums over all merchants, where ``records`` are of a part of them; without, the
        records are all there is. See :func:`sum_of_part`.
    since : mapping of str to pandas.Timestamp or None, default None
        Wanted table -> the day from which its rows are wanted, which are then the only ones of a
        table that can tell which facts bear on these; None: all rows.

    Returns
    -------
    Records
        The same, with more tables; where a source or one of its columns is absent, so is the
        derived table, and nothing made of it is zero for that.

    Raises
    ------
    RecordError
        If rows cannot be read.

    Examples
    --------
    >>> import pandas as pd
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> loans = pd.DataFrame({"loan_id": ["l"], "merchant_id": ["m"], "product_id": ["p"],
    ...     "principal": [1000.0], "rate": [0.0005],
    ...     "disbursed_at": pd.to_datetime(["2013-01-01"]),
    ...     "due_at": pd.to_datetime(["2013-01-31"])})
    >>> paid = pd.DataFrame({"loan_id": ["l"], "at": pd.to_datetime(["2013-02-03"]),
    ...                      "amount": [1015.0]})
    >>> records = read_records({"merchants": merchants, "loans": loans, "repayments": paid})
    >>> derive_tables(records, ["loan_dues"])["loan_dues"]["days_late"].to_pylist()
    [3.0]
    >>> derive_tables(read_records({"merchants": merchants}), ["loan_dues"]).tables
    ('merchants',)
    >>> derive_tables(records, ["loan_dues"])["loan_due"]
    Traceback (most recent call last):
    alicredit.errors.RecordError: table 'loan_due' must be among the records; ...
    """
    wanted = [name for name in dict.fromkeys(names) if name in DERIVED]
    there = isinstance(records, DerivedRecords)
    new = [
        DERIVED[name]
        for name in wanted
        if not (there and name in records) and is_fed(records, DERIVED[name])
    ]
    if not new:
        return records
    sums, since = sums or {}, since or {}
    made = {
        each.name: _made(records, each, _Of(sums.get(each.name), since.get(each.name)))
        for each in new
    }
    sources = dict(records.sources) | made
    held = {each.name: getattr(records, each.name) for each in fields(Records)}
    return DerivedRecords(**(held | {"sources": MappingProxyType(sources)}))


def base_tables(tables: Iterable[str]) -> tuple[str, ...]:
    """Name the tables of records that tables are made of; one that is not derived is itself.

    Parameters
    ----------
    tables : iterable of str
        Derived or not.

    Returns
    -------
    tuple of str
        Each once, in the order in which they are met; whether they are there is not asked.

    Raises
    ------
    TypeError
        If that is no iterable.

    Examples
    --------
    >>> base_tables(["orders", "loan_dues"])
    ('orders', 'loans', 'repayments', 'instalments')
    >>> base_tables(["nothing"])
    ('nothing',)
    >>> base_tables(None)
    Traceback (most recent call last):
    TypeError: 'NoneType' object is not iterable
    """
    found: list[str] = []
    for name in tables:
        derived = DERIVED.get(name)
        found += [name] if derived is None else [*derived.sources, *derived.optional]
    return tuple(dict.fromkeys(found))


def is_fed(records: Records, derived: DerivedTable) -> bool:
    """Tell whether the records have what a derived table cannot be made without."""
    for name, columns in derived.sources.items():
        if not records.holds_facts(name) or not set(columns) <= set(records.columns(name)):
            return False
    return True


def unreadable(derived: DerivedTable, error: duckdb.Error) -> RecordError:
    """Say of rows that cannot be read what they are read for."""
    rule = f"must be readable while {derived.name} is made of them"
    is_full = isinstance(error, duckdb.OutOfMemoryException)
    do = "give more memory" if is_full else "run find_problems"
    return RecordError(refusal("records", rule, str(error).splitlines()[0], do))


@dataclass(frozen=True, slots=True, eq=False)
class _Of:
    """What a table is made of: sums that are given, facts from a day on, a part of the rows."""

    sums: pa.Table | None = None
    since: pd.Timestamp | None = None
    part: str = ""


_ALL = _Of()


def _made(records: Records, derived: DerivedTable, what: _Of) -> Source:
    """Make a derived table, or the view that gives it; in a file where memory is bounded."""
    view = _view(records, derived, what)
    con = records.connect([])
    try:
        con.execute(WHOLE_JOINS)
        view.attach(con)
        rows = con.execute(f"DESCRIBE SELECT * FROM {view.sql}").fetchall()
        types = {str(name): str(kind).split("(")[0] for name, kind, *_ in rows}
        if derived.is_view:
            return replace(view, types=MappingProxyType(types))
        if records.bound is not None:
            con.execute("SET preserve_insertion_order = false")  # nobody asks for an order of rows
            paths = tuple(_written(con, records, records.bound, derived, what))
            return Source(derived.name, paths=paths, types=MappingProxyType(types))
        held = arrow_reader(con, f"SELECT * FROM {view.sql}", BATCH).read_all()
        return Source(derived.name, memory=held, types=MappingProxyType(types))
    except duckdb.Error as error:
        raise unreadable(derived, error) from error
    finally:
        con.close()


def _written(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    bound: Bound,
    derived: DerivedTable,
    what: _Of,
) -> Iterator[str]:
    """Write a derived table to files of the bound's folder, in as many parts as keep within it."""
    parts = _parts_of(records, bound, derived)
    for part in range(parts):
        whose = f"{part} = hash({{}}) % {parts}" if parts > 1 else ""
        view = _view(records, derived, replace(what, part=whose))
        path = str(Path(bound.folder) / f"{derived.name}-{part:05d}.parquet")
        con.execute(f"COPY (SELECT * FROM {view.sql}) TO {literal(path)} (FORMAT parquet)")
        yield path


def _parts_of(records: Records, bound: Bound, derived: DerivedTable) -> int:
    """Give in how many parts a table is made, so that what it is made of fits the memory."""
    if not derived.apart:
        return 1
    names = [name for name in (*derived.sources, *derived.optional) if name in records]
    rows = sum(records.count(name) for name in names)
    return max(1, -(-rows * _ROW_BYTES // bound.memory_bytes))


def steps_of(
    records: Records, derived: DerivedTable, what: _Of = _ALL
) -> tuple[list[str], tuple[Source, ...]]:
    """Write each source of a derived table, as far as it is made of it, as its queries read it."""
    lasting = derived.lasting if what.since is not None else {}
    names = [*derived.sources, *(name for name in derived.optional if records.holds_facts(name))]
    parents = [TABLES[name].parent_table for name in names]
    read = [name for name in dict.fromkeys((*parents, *names)) if name]
    columns = {name: records.columns(name) for name in read}
    whose = f" WHERE {what.part.format(quoted(derived.apart))}" if what.part else ""
    steps = [f"{quoted(name)} AS ({_canonical(records, name, whose)})" for name in read]
    for name in names:
        facts = fact_sql(columns, name)
        if name in lasting and what.since is not None:
            moment, days = lasting[name]
            start = literal(str(what.since - pd.Timedelta(days=days)))
            facts = f"SELECT * FROM ({facts}) WHERE {moment} >= TIMESTAMP {start}"
        steps.append(f"{quoted(f'{name}_facts')} AS ({facts})")
    lacking = [name for name in derived.optional if name not in names]
    steps += [f"{quoted(f'{name}_facts')} AS ({empty_facts(name)})" for name in lacking]
    return steps, tuple(records.sources[name] for name in read)


def _view(records: Records, derived: DerivedTable, what: _Of) -> View:
    """Write a derived table's query, with its sums: those that are given, or its own."""
    steps, parts = steps_of(records, derived, what)
    name = f"{derived.name}_sums"
    if derived.sums and what.sums is not None:
        whole = Source(f"{name}_given", memory=what.sums)
        exact = ", ".join(f"CAST({quoted(s)} AS HUGEINT) AS {quoted(s)}" for s in derived.summed)
        steps.append(f"{quoted(name)} AS (SELECT * REPLACE ({exact}) FROM {whole.sql})")
        parts = (*parts, whole)
    elif derived.sums:
        steps.append(f"{quoted(name)} AS MATERIALIZED ({derived.sums})")
    kept = [
        column.name
        for column in derived.table.columns
        if all(_has(records, *need) for need in derived.needs.get(column.name, ()))
    ]
    listed = ", ".join(quoted(name) for name in (*kept, "known_at"))
    text = f"WITH {', '.join(steps)} SELECT {listed} FROM ({derived.sql})"
    if what.since is not None and derived.lasting:
        since = literal(str(what.since))
        text += f" WHERE {quoted(derived.table.happened)} >= TIMESTAMP {since}"
    return View(derived.name, text=text, parts=parts)


def _has(records: Records, table: str, column: str) -> bool:
    """Tell whether a column is there."""
    return table in records and column in records.columns(table)


def _canonical(records: Records, name: str, whose: str) -> str:
    """Write the query of a table's rows, or some of them, in canonical types."""
    projection: Mapping[str, str] = records.projection(name)
    listed = ", ".join(f"{sql} AS {quoted(column)}" for column, sql in projection.items())
    rows = f"SELECT {listed} FROM {records.sources[name].sql}"
    return f"SELECT * FROM ({rows}){whose}" if whose else rows


def empty_facts(name: str) -> str:
    """Write the query of a table's facts where it has none.

    Examples
    --------
    >>> empty_facts("violations").endswith("WHERE false")
    True
    """
    listed = ", ".join(
        f"CAST(NULL AS {column.sql_type}) AS {quoted(column.name)}"
        for column in TABLES[name].columns
    )
    times = "CAST(NULL AS TIMESTAMP) AS _happened, CAST(NULL AS TIMESTAMP) AS _known"
    texts = "CAST(NULL AS VARCHAR) AS _merchant_id, CAST(NULL AS VARCHAR) AS _key"
    return f"SELECT {listed}, {times}, {texts} WHERE false"
