"""Whose each row of records is, and when it happened and became known.

Told from the declared tables a second time, in NumPy and apart from the SQL that features are built
with, so that an audit of features does not take its own measure from what it audits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from alicredit.records import TABLES, Column, Records, Table, quoted
from alicredit.records.bounds import query_refused
from alicredit.records.sources import arrow_reader

Mask = npt.NDArray[np.bool_]
Times = npt.NDArray[np.datetime64]
Whole = npt.NDArray[np.int64]

NOBODY = -1
"""Owner of a row that belongs to no merchant: the last of an array by merchant."""

_BATCH = 65_536


@dataclass(frozen=True, eq=False)
class Placed:
    """Rows of one table with their merchant and their two times.

    Parameters
    ----------
    table : Table
        The declaration.
    rows : pyarrow.Table
        Its rows in canonical types.
    owner : array of int
        Number of each row's merchant; ``NOBODY`` for a row of none.
    happened, known : array of datetime64[us]
        When it happened and when it became known; NaT is never.
    """

    table: Table
    rows: pa.Table
    owner: Whole
    happened: Times
    known: Times

    def visible(self, cuts: Times) -> Mask:
        """Tell which rows had happened and were known before their merchant's moment."""
        cut = cuts[self.owner]
        return (self.happened < cut) & (self.known < cut)


@dataclass(frozen=True, eq=False)
class Scene:
    """Records placed in time, and the moment of each merchant from which on nothing is known.

    Parameters
    ----------
    merchants : tuple of str
        By number.
    tables : mapping of str to Placed
        The tables with their times.
    cuts : array of datetime64[us]
        The moment by merchant's number; the last for rows that belong to nobody.
    end : datetime64[us]
        When the records end; new rows stay before it where there is room.
    seed : int
        Of all that is drawn.
    mutable : mapping of str to collection of str
        Table -> columns, beside the declared ones, that change without a time.
    """

    merchants: tuple[str, ...]
    tables: Mapping[str, Placed]
    cuts: Times
    end: np.datetime64
    seed: int
    mutable: Mapping[str, Collection[str]]

    def draw(self, *words: str) -> np.random.Generator:
        """Give the generator of one purpose, the same whatever else is drawn."""
        return np.random.default_rng([self.seed, crc32("/".join(words).encode())])

    def is_mutable(self, table: Table, column: Column) -> bool:
        """Tell whether a column changes without a time, as declared or as the user says."""
        return column.mutable or column.name in self.mutable.get(table.name, ())


def link_of(table: Table) -> str:
    """Give the column through which a row finds its merchant: its own or its parent's key."""
    return table.parent.split(".")[1] if table.parent else "merchant_id"


def times_in(rows: pa.Table, column: str) -> Times:
    """Read a column of times or dates as microseconds; missing ones as NaT."""
    return rows[column].cast(pa.timestamp("us")).to_numpy().astype("datetime64[us]")


def place(
    table: Table, rows: pa.Table, merchants: Sequence[str], parent: Placed | None = None
) -> Placed:
    """Find each row's merchant and times.

    Parameters
    ----------
    table : Table
        The declaration.
    rows : pyarrow.Table
        Rows in canonical types.
    merchants : sequence of str
        The merchants by number.
    parent : Placed or None, default None
        The placed parents, for a table that has one.

    Returns
    -------
    Placed
        A child is known no earlier than its parent, and happens with it where it has no time.
    """
    if parent is not None:
        return _place_child(table, rows, parent)
    owner = np.full(rows.num_rows, NOBODY)
    if not table.merchantless:
        owner = _find(rows["merchant_id"], pa.array(merchants, pa.string()))
    happened = _happened(table, rows)
    return Placed(table, rows, owner, happened, _latest(happened, *_known(table, rows)))


def _place_child(table: Table, rows: pa.Table, parent: Placed) -> Placed:
    """Place rows that have a parent; of parents under one key the earliest known counts."""
    link = link_of(table)
    order = np.argsort(parent.known, kind="stable")
    found = _find(rows[link], parent.rows[link].take(pa.array(order)))
    at = np.append(order, len(order))[found]  # the last place is for rows without a parent
    never = np.datetime64("NaT", "us")
    owner = np.append(parent.owner, NOBODY)[at]
    born, told = np.append(parent.happened, never)[at], np.append(parent.known, never)[at]
    happened = _happened(table, rows) if table.happened else born
    return Placed(table, rows, owner, happened, _latest(happened, born, told, *_known(table, rows)))


def _find(wanted: pa.ChunkedArray, among: pa.Array | pa.ChunkedArray) -> Whole:
    """Give the position of each wanted value, -1 where it is not there."""
    if isinstance(among, pa.ChunkedArray):
        among = among.combine_chunks()
    found = pc.index_in(wanted, value_set=among, skip_nulls=True)
    return pc.fill_null(found, -1).to_numpy().astype(np.int64)


def _happened(table: Table, rows: pa.Table) -> Times:
    """Give when rows happened; a summary of a period at its last microsecond."""
    times = times_in(rows, table.happened)
    if table.period == "instant":
        return times
    unit = {"day": "D", "month": "M"}[table.period]
    end = times.astype(f"datetime64[{unit}]").astype(np.int64) + 1
    last = end.astype(f"datetime64[{unit}]").astype("datetime64[us]").astype(np.int64) - 1
    last[np.isnat(times)] = np.datetime64("NaT").astype(np.int64)
    return last.astype("datetime64[us]")


def known_columns(table: Table, rows: pa.Table) -> tuple[str, ...]:
    """Name the columns there that say when a row became known."""
    names = dict.fromkeys((table.known, "known_at"))
    return tuple(name for name in names if name in rows.column_names)


def _known(table: Table, rows: pa.Table) -> Iterator[Times]:
    """Give each stated time of becoming known."""
    for name in known_columns(table, rows):
        yield times_in(rows, name)


def _latest(happened: Times, *others: Times) -> Times:
    """Take the latest of times, one that is missing aside."""
    latest = happened
    for other in others:
        latest = np.fmax(latest, other)
    return latest


def last_moment(tables: Iterable[Placed]) -> np.datetime64:
    """Give the last time at which anything of the records happened; NaT where nothing did."""
    times = [np.array(["NaT"], "datetime64[us]"), *(placed.happened for placed in tables)]
    return np.fmax.reduce(np.concatenate(times))


def read_rows(records: Records, merchants: Sequence[str]) -> dict[str, pa.Table]:
    """Take the rows of some merchants out of every table, in one order for all runs.

    Parameters
    ----------
    records : Records
        All records.
    merchants : sequence of str
        Whose rows.

    Returns
    -------
    dict of str to pyarrow.Table
        By table; a table that is not declared, or whose rows belong to nobody, stays whole.

    Raises
    ------
    RecordError
        If rows cannot be read.
    """
    con = records.connect()
    try:
        con.execute("SET threads = 1")
        con.register("asked", pa.table({"merchant_id": pa.array(merchants, pa.string())}))
        return {
            name: arrow_reader(con, _asked_sql(records, name), _BATCH).read_all().combine_chunks()
            for name in records.tables
        }
    except duckdb.Error as error:
        rule = "must be readable while features are audited"
        raise query_refused(error, rule, do="run find_problems") from error
    finally:
        con.close()


def _asked_sql(records: Records, name: str) -> str:
    """Write the query of the asked merchants' rows of a table."""
    every = f"SELECT * FROM {quoted(name)}"
    if not is_placeable(records.tables, name) or TABLES[name].merchantless:
        return every
    mine = "merchant_id IN (SELECT merchant_id FROM asked)"
    if not TABLES[name].parent:
        return f"{every} WHERE {mine}"
    parent, link = TABLES[name].parent.split(".")
    children = f"SELECT {quoted(link)} FROM {quoted(parent)} WHERE {mine}"
    return f"{every} WHERE {quoted(link)} IN ({children})"


def is_placeable(tables: Sequence[str], name: str) -> bool:
    """Tell whether a table is declared and its rows can find their merchant."""
    return name in TABLES and (not TABLES[name].parent or TABLES[name].parent_table in tables)


def place_all(rows: Mapping[str, pa.Table], merchants: Sequence[str]) -> dict[str, Placed]:
    """Place the rows of all declared tables, parents before children."""
    names = [name for name in rows if is_placeable(tuple(rows), name)]
    placed: dict[str, Placed] = {}
    for name in sorted(names, key=lambda each: bool(TABLES[each].parent)):
        table = TABLES[name]
        parent = placed[table.parent_table] if table.parent else None
        placed[name] = place(table, rows[name], merchants, parent)
    return placed
