"""The queries of derived tables: their sources as they read them, and what of these they read."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

import duckdb
import pandas as pd
import pyarrow as pa

from alicredit.derived.declaration import DerivedTable
from alicredit.records import TABLES, Records, fact_sql, quoted
from alicredit.records.facts import own_fact_sql
from alicredit.records.sources import Source, literal


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


@dataclass(frozen=True, slots=True, eq=False)
class Of:
    """What a table is made of: sums that are given, facts from a day on, a part of the rows.

    ``columns`` are those that are read; None: all. ``is_plain`` asks for the rows that are found
    sooner alone.
    """

    sums: pa.Table | None = None
    since: pd.Timestamp | None = None
    columns: Set[str] | None = None
    part: str = ""
    is_plain: bool = False


ALL = Of()


def steps_of(
    records: Records, derived: DerivedTable, what: Of = ALL
) -> tuple[list[str], tuple[Source, ...]]:
    """Write each source of a derived table, as far as it is made of it, as its queries read it."""
    lasting = derived.lasting if what.since is not None else {}
    optional = [name for name in derived.optional if records.holds_facts(name)]
    names = [*derived.sources, *(n for n in optional if derived.is_of_use(n, what.columns))]
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


def own_steps(records: Records, derived: DerivedTable) -> list[str]:
    """Write the rows of their own of each source that has a parent, as queries read them."""
    own = {
        name: own_fact_sql(records.columns(name), name)
        if records.holds_facts(name)
        else empty_facts(name)
        for name in (*derived.sources, *derived.optional)
        if TABLES[name].parent
    }
    return [f"{quoted(f'{name}_own')} AS ({text})" for name, text in own.items()]


def view_of(records: Records, derived: DerivedTable, what: Of) -> View:
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
    unasked = {*derived.table.names} - derived.needs.keys()
    kept = [
        column.name
        for column in derived.table.columns
        if all(_has(records, *need) for need in derived.needs.get(column.name, ()))
        and (what.columns is None or column.name in {*what.columns, *unasked})
    ]
    listed = ", ".join(quoted(name) for name in (*kept, "known_at"))
    if what.is_plain:
        steps += own_steps(records, derived)
    text = f"WITH {', '.join(steps)} SELECT {listed} FROM "
    text += f"({derived.plain if what.is_plain else derived.sql})"
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
