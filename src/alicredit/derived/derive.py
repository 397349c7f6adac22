"""Making derived tables: records with more tables than were written down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from alicredit.derived.declaration import DerivedTable
from alicredit.derived.schema import DERIVED
from alicredit.derived.views import Of, own_steps, steps_of, view_of
from alicredit.errors import RecordError
from alicredit.records import Records, fact_sql, quoted
from alicredit.records.bounds import Bound, query_refused
from alicredit.records.repeats import copied_hashes
from alicredit.records.sources import Source, arrow_reader, literal

BATCH = 1_000_000
_ROW_BYTES = 500
"""What a row that a table is made of takes while it is made: measured of dues."""

_PLAIN_BYTES = 220
"""The same where it is found sooner: measured of dues."""

_MANY = 2**19
"""Rows from which on it is worth while to find the plain ones first (assumed)."""

_MOST = 0.8
"""Share of the rows that may be left, for the plain ones to be worth finding (assumed)."""


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
    columns: Mapping[str, Set[str]] | None = None,
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
    columns : mapping of str to set of str or None, default None
        Wanted table -> the columns that are read; what is made of tables of their own for others
        alone is left out. None: all.

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
    sums, since, columns = sums or {}, since or {}, columns or {}
    made = {}
    con = records.connect([], kept=True)
    try:
        for each in new:
            name = each.name
            what = Of(sums.get(name), since.get(name), columns.get(name))
            made[name] = _made(con, records, each, what)
    finally:
        con.close()
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
    return query_refused(error, rule, do="run find_problems")


def _made(
    con: duckdb.DuckDBPyConnection, records: Records, derived: DerivedTable, what: Of
) -> Source:
    """Make a derived table, or the view that gives it; in a file where memory is bounded."""
    view = view_of(records, derived, what)
    try:
        view.attach(con)
        if derived.is_view:
            return replace(view, types=_types(con, view.sql))
        if records.bound is not None:
            con.execute("SET preserve_insertion_order = false")  # nobody asks for an order of rows
            paths = tuple(_written(con, records, records.bound, derived, what))
            laid = Source(derived.name, paths=paths)
            return replace(laid, types=_types(con, laid.sql))
        rows = arrow_reader(con, f"SELECT * FROM {view.sql}", BATCH).read_all()
        held = Source(derived.name, memory=rows)
        held.attach(con)
        return replace(held, types=_types(con, held.sql))
    except duckdb.Error as error:
        raise unreadable(derived, error) from error


def _types(con: duckdb.DuckDBPyConnection, rows: str) -> Mapping[str, str]:
    """Give the types of rows; planned is only what stands there, so ask of what has been made."""
    described = con.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
    return MappingProxyType({str(name): str(kind).split("(")[0] for name, kind, *_ in described})


def _written(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    bound: Bound,
    derived: DerivedTable,
    what: Of,
) -> Iterator[str]:
    """Write a derived table to files of the bound's folder, in as many parts as keep within it."""
    rows, held, whose = _rows_of(con, records, derived) if derived.apart else 0, "", ""
    if derived.plain and rows >= _MANY:
        held, most = _involved(con, records, derived, what)
        left = min(most, rows)
        if left <= _MOST * rows:
            others = f"hash({{0}}) NOT IN (SELECT hashed FROM {held})"
            for part in _parts(rows * _PLAIN_BYTES, bound, others):
                yield _laid(con, records, bound, derived, replace(what, part=part, is_plain=True))
            rows, whose = left, others.replace(" NOT ", " ")
    if rows or not whose:
        for part in _parts(rows * _ROW_BYTES, bound, whose):
            yield _laid(con, records, bound, derived, replace(what, part=part))
    if held:
        con.execute(f"DROP TABLE {held}")


def _involved(
    con: duckdb.DuckDBPyConnection, records: Records, derived: DerivedTable, what: Of
) -> tuple[str, int]:
    """Hold hashes of the values that are not plain: name them, and count their rows at most."""
    steps, _ = steps_of(records, derived, what)
    steps += own_steps(records, derived)
    held = quoted(f"_involved_{derived.name}")
    con.execute(
        f"CREATE TEMP TABLE {held} AS WITH {', '.join(steps)} "
        f"SELECT DISTINCT hashed FROM ({derived.odd}) WHERE hashed IS NOT NULL"
    )
    rows, folder = 0, None if records.bound is None else records.bound.folder
    for name in (each for each in derived.once if records.holds_facts(each)):
        value = f"{records.projection(name)[derived.apart]} AS {quoted(derived.apart)}"
        told = f"(SELECT * FROM (SELECT {value} FROM {records.sources[name].sql})"
        copies = copied_hashes(
            con, f"{told} WHERE {quoted(derived.apart)} IS NOT NULL)", [derived.apart], folder
        )
        rows += len(copies)
        con.register("_copies", pa.table({"hashed": np.unique(copies)}))
        con.execute(f"INSERT INTO {held} SELECT hashed FROM _copies")
        con.unregister("_copies")
    ((values,),) = con.execute(f"SELECT count(DISTINCT hashed) FROM {held}").fetchall()
    return held, rows + len(derived.once) * int(values)


def _laid(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    bound: Bound,
    derived: DerivedTable,
    what: Of,
) -> str:
    """Write rows of a derived table to the next file of its own."""
    view, folder = view_of(records, derived, what), Path(bound.folder)
    number = len(list(folder.glob(f"{derived.name}-*.parquet")))
    path = str(folder / f"{derived.name}-{number:05d}.parquet")
    con.execute(f"COPY (SELECT * FROM {view.sql}) TO {literal(path)} (FORMAT parquet)")
    return path


def _rows_of(con: duckdb.DuckDBPyConnection, records: Records, derived: DerivedTable) -> int:
    """Count the rows that a table is made of."""
    names = [name for name in (*derived.sources, *derived.optional) if name in records]
    counts = [f"(SELECT count(*) FROM {records.sources[name].sql})" for name in names]
    ((rows,),) = con.execute(f"SELECT {' + '.join(counts)}").fetchall()
    return int(rows)


def _parts(size: int, bound: Bound, whose: str) -> Iterator[str]:
    """Write the conditions of parts, so that what each is made of fits the memory."""
    parts = max(1, -(-size // bound.memory_bytes))
    for part in range(parts):
        share = f"{part} = hash({{0}}) % {parts}" if parts > 1 else ""
        yield " AND ".join(each for each in (share, whose) if each)
