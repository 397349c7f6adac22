"""Questions put to records: which rows should not be, and whether there is any."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from alicredit.records.bounds import query_refused
from alicredit.records.declaration import Table
from alicredit.records.facts import own_fact_sql, quoted
from alicredit.records.reading import require_records
from alicredit.records.records import Records
from alicredit.records.repeats import full_columns, hash_sql, repeated_hashes, spans_of
from alicredit.records.schema import TABLES
from alicredit.records.sources import literal

_FEW_HASHES = 2**20
"""Repeated keys beyond which all rows are looked at themselves."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question put to a table: the query of its bad rows (``key``, ``_merchant_id``).

    ``condition``, where a row alone can tell, lets all such questions of a table be counted in one
    reading of it; ``absent`` names the column that it finds missing, and ``beyond`` the column that
    it finds outside bounds, of which a file's footer may say that nothing is; ``unique`` names
    columns that together must not stand twice, which hashes can tell; ``hint`` is a query that
    finds a row wherever ``sql`` does, as long as the keys of parents stand once.
    """

    table: str
    rule: str
    severity: str
    sql: str
    message: str
    condition: str = ""
    absent: str = ""
    beyond: tuple[str, float, float] | None = None
    unique: tuple[str, ...] = ()
    hint: str = ""


def seen(table: str) -> str:
    """Name the view of a table's facts as they are looked at."""
    return quoted("_seen_" + table)


def readable(records: Records, tables: Collection[str] | None = None) -> list[str]:
    """Name the declared tables, or some of them, that are there with the parent they need."""
    return [
        name
        for name in records.tables
        if name in TABLES and records.holds_facts(name) and (tables is None or name in tables)
    ]


def has_columns(records: Records, needs: Mapping[str, Iterable[str]]) -> bool:
    """Tell whether tables are there, with the parent they need and some columns.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> records = read_records({"merchants": merchants})
    >>> has_columns(records, {"merchants": ["platform"]}), has_columns(records, {"orders": []})
    (True, False)
    """
    there = readable(records, needs.keys())
    return all(
        table in there and set(columns) <= set(records.columns(table))
        for table, columns in needs.items()
    )


def open_seen(
    records: Records, moment: pd.Timestamp | None, tables: Collection[str] | None = None
) -> duckdb.DuckDBPyConnection:
    """Open a connection with a view ``_seen_table`` of the facts to look at, for each table.

    Beside it stands a view of the table's own rows, which no parent was looked up for: at least
    those of the facts.
    """
    chosen = readable(require_records(records), tables)
    if tables is not None:
        chosen = readable(records, {*chosen, *(TABLES[name].parent_table for name in chosen)})
    con = records.connect(None if tables is None else chosen, kept=True)
    for name in chosen:
        facts, own = records.fact_sql(name), own_fact_sql(records.columns(name), name)
        if moment is not None:
            when = f"TIMESTAMP {literal(str(moment))}"
            visible = f"_happened < {when} AND _known < {when}"
            facts = _as_seen(TABLES[name], facts, when, visible)
            perhaps = f"coalesce(_happened < {when}, true) AND coalesce(_known < {when}, true)"
            own = _as_seen(TABLES[name], own, when, perhaps)
        con.execute(f"CREATE TEMP VIEW {seen(name)} AS {facts}")
        if TABLES[name].parent:
            con.execute(f"CREATE TEMP VIEW {seen_alone(name)} AS {own}")
    return con


@contextmanager
def looking(
    records: Records, moment: pd.Timestamp | None, tables: Collection[str] | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Look at facts on a connection of their own; refuse records that break meanwhile."""
    con = None
    try:
        con = open_seen(records, moment, tables)
        yield con
    except duckdb.Error as error:
        raise query_refused(error, "must be readable") from error
    finally:
        if con is not None:
            con.close()


def seen_alone(table: str) -> str:
    """Name the view of a table's own rows, without its parent's."""
    return quoted("_own_" + table) if TABLES[table].parent else seen(table)


def _as_seen(table: Table, facts: str, moment: str, visible: str) -> str:
    """Write the query of facts as they read at a moment.

    What fills in later reads as absent until its time, and a value whose past nobody kept is not
    read at all: the present one would tell of the future.
    """
    masked = [
        f"CASE WHEN {quoted(c.timed_by)} < {moment} THEN {quoted(c.name)} END AS {quoted(c.name)}"
        for c in table.columns
        if c.timed_by
    ]
    masked += [
        f"CAST(NULL AS {c.sql_type}) AS {quoted(c.name)}" for c in table.columns if c.mutable
    ]
    replaced = f" REPLACE ({', '.join(masked)})" if masked else ""
    return f"SELECT *{replaced} FROM ({facts}) WHERE {visible}"


def failing(
    con: duckdb.DuckDBPyConnection, records: Records, checks: Iterable[Check]
) -> list[Check]:
    """Put all checks; keep those that find a row, in order.

    What a row alone tells is asked of the table's own rows first, and of its facts, which may have
    to be joined, only where there is such a row.
    """
    asked = list(checks)
    tables = {check.table for check in asked if check.absent}
    full = {name: full_columns(records.sources[name]) for name in tables}
    bounded = {check.table for check in asked if check.beyond}
    spans = {name: spans_of(records.sources[name]) for name in bounded}
    found: set[int] = set()
    alone: dict[str, list[int]] = {}
    folder = None if records.bound is None else records.bound.folder
    repeats = cache(lambda name, key: repeated_hashes(con, quoted(name), key, folder))
    hinted = cache(lambda hint: bool(con.execute(f"{hint} LIMIT 1").fetchall()))

    def may_be(check: Check) -> bool:
        parent, _, link = TABLES[check.table].parent.partition(".")
        return not check.hint or len(repeats(parent, (link,))) > 0 or hinted(check.hint)

    for at, check in enumerate(asked):
        if check.absent in full.get(check.table, ()) or _lies_within(check, spans):
            continue
        if check.unique:
            asked[at] = check = _narrowed(con, repeats, check)
        if check.condition:
            alone.setdefault(check.table, []).append(at)
        elif check.sql and may_be(check) and _finds(con, check):
            found.add(at)
    for table, those in alone.items():
        told = _told_alone(con, table, [asked[at].condition for at in those])
        is_sure = not TABLES[table].parent
        found |= {those[k] for k in told if is_sure or _finds(con, asked[those[k]])}
    return [asked[at] for at in sorted(found)]


def _told_alone(con: duckdb.DuckDBPyConnection, table: str, conditions: list[str]) -> list[int]:
    """Give the positions of conditions that a row of a table meets by itself, in one pass."""
    every = ", ".join(f"coalesce(bool_or({each}), false)" for each in conditions)
    (row,) = con.execute(f"SELECT {every} FROM {seen_alone(table)}").fetchall()
    return [at for at, is_met in enumerate(row) if is_met]


def _lies_within(check: Check, spans: Mapping[str, Mapping[str, tuple[int, int]]]) -> bool:
    """Tell whether footers say of a column that no value is beyond its bounds."""
    if check.beyond is None:
        return False
    column, low, high = check.beyond
    told = spans[check.table].get(column)
    return told is not None and low <= told[0] and told[1] <= high


def _finds(con: duckdb.DuckDBPyConnection, check: Check) -> bool:
    """Tell whether a check finds a row."""
    return bool(con.execute(f"SELECT 1 FROM ({check.sql}) LIMIT 1").fetchall())


def _narrowed(
    con: duckdb.DuckDBPyConnection,
    repeats: Callable[[str, tuple[str, ...]], npt.NDArray[np.uint64]],
    check: Check,
) -> Check:
    """Ask for repeated keys among the rows alone whose hashes repeat; of nothing where none do.

    A row whose parent stands twice is found twice through it, too.
    """
    sides = [(check.table, check.unique)]
    if TABLES[check.table].parent:
        parent, link = TABLES[check.table].parent.split(".")
        sides.append((parent, (link,)))
    among = []
    for table, key in sides:
        hashes = repeats(table, key)
        if len(hashes) > _FEW_HASHES:
            return check
        if len(hashes):
            name = quoted("_".join(("_twice", table, *key)))
            con.register("_hashes", pa.table({"h": hashes}))
            con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT h FROM _hashes")
            con.unregister("_hashes")
            among.append(f"{hash_sql(key)} IN (SELECT h FROM {name})")
    if not among:
        return replace(check, sql="")
    chosen = f" WHERE {' OR '.join(among)} QUALIFY "
    return replace(check, sql=check.sql.replace(" QUALIFY ", chosen, 1))
