"""Reading the events of a stream: batches of a query's rows, dealt out to shares of merchants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from alicredit.engine.asked import Asked
from alicredit.engine.slabs import BATCH_ROWS, Shares, Slabs
from alicredit.engine.streams import (
    FEW,
    OF_ENDS,
    Layout,
    Stream,
    is_at_ends,
    is_single,
    is_timed,
    query_sql,
    time_sql,
)
from alicredit.records import Records
from alicredit.records.sources import arrow_reader
from alicredit.windows.grouped import FOREVER, Block, Ints

_KEPT_SHARE = 0.9

_NEAR = (1 / 16, 1 / 4)
"""Parts of all time in which the end of a merchant's events is looked for first (assumed)."""

_MET = 20_000
"""Rows by which it is guessed when all time began (assumed)."""

_MANY_EACH = 32
"""Rows of a table for each merchant from which on an end is looked for from itself on (assumed)."""

_MANY_TIED = 0.002
"""Share of events of one time from which on all keys are read at once (assumed)."""


def read_events(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    stream: Stream,
    layout: Layout,
    asked: Asked,
    shares: Shares,
) -> list[list[Block]]:
    """Read a stream's events that any question may see.

    Parameters
    ----------
    con : DuckDB connection
        Over the records, with the table of merchants where ``asked`` has no slots.
    records : Records
        For the SQL of facts.
    stream : Stream
        Which facts.
    layout : Layout
        Which columns.
    asked : Asked
        Who is asked about, and when.
    shares : Shares
        Into which shares the merchants are dealt; a stream that places events takes one.

    Returns
    -------
    list of lists of Block
        For each share at least one, with merchants numbered within it. Columns: the time; those of
        the layout, a missing number as NaN; and where events are timed the moments between which
        each is seen.
    """
    if layout.is_placed:
        return [[_read_placed(con, records, stream, layout, asked)]]
    timed = is_timed(records, stream, asked)
    slabs = Slabs(shares)
    is_short = _is_short(stream, asked)
    text = query_sql(records, stream, layout, asked)
    if not is_short and asked.slots is None and is_at_ends(stream, is_single=asked.is_single):
        text = _search_ends(con, records, stream, layout, asked, shares.merchants)
    for batch in event_batches(con, text, is_short=is_short):
        merchant, its = numbered(batch, asked)
        slabs.add([merchant, *_columns(its, layout, timed=timed)])
    return [share or [no_events(layout, timed=timed)] for share in slabs.blocks()]


def _is_short(stream: Stream, asked: Asked) -> bool:
    """Tell whether few facts of a table are of those who are asked about."""
    return asked.events.get(stream.table, FEW) < BATCH_ROWS


def no_events(layout: Layout, *, timed: bool) -> Block:
    """Give a block of no event."""
    none = np.empty(0, np.int64)
    return Block(none.astype(np.int32), [none] * (layout.width + 2 * timed))


def _read_placed(
    con: duckdb.DuckDBPyConnection, records: Records, stream: Stream, layout: Layout, asked: Asked
) -> Block:
    """Read a stream's events in order of merchant, time and key, with their places.

    Keys are long texts, and of many events of one moment few share a time: then these few are read
    again with their keys.
    """
    timed, is_short = is_timed(records, stream, asked), _is_short(stream, asked)
    is_keyed = is_short or asked.slots is not None or not is_single(stream, asked)
    text = query_sql(records, stream, layout, asked, has_keys=is_keyed)
    if not is_keyed and _has_many_ties(con, text):
        is_keyed, text = True, query_sql(records, stream, layout, asked)
    parts: list[list[npt.NDArray[Any]]] = []
    keys = []
    for batch in event_batches(con, text, is_short=is_short):
        merchant, its = numbered(batch, asked)
        parts.append([merchant, *_columns(its, layout, timed=timed)])
        if is_keyed:
            keys.append(its["_tie"])
    if not parts:
        return no_events(layout, timed=timed)
    whole = [np.concatenate(part) for part in zip(*parts, strict=True)]
    told = _chunked(keys)
    if not is_keyed:
        whole, told = _keyed(con, records, stream, layout, asked, whole)
    return _placed_by_key(whole[0], whole[1:], told, layout.width - 1)


def _has_many_ties(con: duckdb.DuckDBPyConnection, text: str) -> bool:
    """Tell whether many of the first events share a time with another of their merchant."""
    met = con.execute(f"SELECT _slot, _time FROM ({text}) LIMIT {BATCH_ROWS}").fetchnumpy()
    _, tied = _find_tied(np.ma.getdata(met["_slot"]), np.ma.getdata(met["_time"]))
    return bool(np.count_nonzero(tied) > _MANY_TIED * len(tied))


def _keyed(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    stream: Stream,
    layout: Layout,
    asked: Asked,
    rows: list[npt.NDArray[Any]],
) -> tuple[list[npt.NDArray[Any]], pa.ChunkedArray]:
    """Read events of a merchant and one time again, now with their keys; they come last."""
    merchant, time = rows[:2]
    by, is_tied = _find_tied(merchant, time)
    tied = by[is_tied]
    if not len(tied):
        return rows, _chunked([])
    con.register("tied_rows", pa.table({"slot": merchant[tied], "time": time[tied]}))
    con.execute("CREATE OR REPLACE TEMP TABLE _tied AS SELECT DISTINCT * FROM tied_rows")
    con.unregister("tied_rows")
    only = f"({asked.slot_sql(stream.table)}, {time_sql(stream)}) IN (SELECT slot, time FROM _tied)"
    text = query_sql(records, stream, layout, asked, only=only)
    found = [numbered(batch, asked) for batch in event_batches(con, text, is_short=False)]
    parts = [[np.delete(column, tied) for column in rows]]
    parts += [[whose, *_columns(its, layout, timed=False)] for whose, its in found]
    whole = [np.concatenate(part) for part in zip(*parts, strict=True)]
    return whole, _chunked([its["_tie"] for _, its in found])


def _chunked(keys: list[pa.Array]) -> pa.ChunkedArray:
    """Put keys of several batches together."""
    return pa.chunked_array(keys) if keys else pa.chunked_array([], pa.string())


def _find_tied(
    merchant: npt.NDArray[np.int32], time: npt.NDArray[Any]
) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Order events by merchant and time, and mark those in that order that share both."""
    by = np.lexsort((time, merchant))
    same = (merchant[by[1:]] == merchant[by[:-1]]) & (time[by[1:]] == time[by[:-1]])
    tied = np.zeros(len(by), bool)
    tied[1:] |= same
    tied[:-1] |= same
    return by, tied


def _placed_by_key(
    merchant: npt.NDArray[np.int32],
    columns: list[npt.NDArray[Any]],
    keys: pa.ChunkedArray,
    place: int,
) -> Block:
    """Lay events by merchant, time and key, and number their places; equal where all three are.

    ``place`` is the column for it; keys are of the last events, beyond which none share a time.
    """
    time = columns[0]
    by, tied = _find_tied(merchant, time)
    rank = np.zeros(len(by), np.int64)
    rows = by[tied]
    if len(rows):
        its = keys.take(pa.array(rows - (len(by) - len(keys)))).to_numpy(zero_copy_only=False)
        rank[rows] = np.unique(its.astype(str), return_inverse=True)[1]
        by = np.lexsort((rank, time, merchant))
    step = np.zeros(len(by), np.int64)
    for values in (merchant, time, rank):
        step[1:] |= values[by[1:]] != values[by[:-1]]
    columns = [values[by] for values in columns]
    columns[place] = np.cumsum(step)
    return Block(merchant[by], columns)


def event_batches(
    con: duckdb.DuckDBPyConnection, text: str, *, is_short: bool
) -> Iterable[pa.RecordBatch]:
    """Read a query's rows; a short result at once, whose query is planned once and not twice."""
    if not is_short:
        return arrow_reader(con, text, BATCH_ROWS)
    found = con.execute(text).fetchnumpy()
    return [pa.RecordBatch.from_arrays([_arrow(each) for each in found.values()], list(found))]


def _arrow(column: npt.NDArray[Any]) -> pa.Array:
    """Turn a column to Arrow; times are microseconds whatever DuckDB's release gives."""
    values, missing = np.ma.getdata(column), np.ma.getmaskarray(column)
    if values.dtype.kind == "M":
        values = values.astype("datetime64[us]", copy=False)
    return pa.array(values, mask=missing)


def numbered(batch: pa.RecordBatch, asked: Asked) -> tuple[npt.NDArray[np.int32], pa.RecordBatch]:
    """Number the merchants of a batch's events, and drop nobody's where these are many."""
    whose = _array(batch, "_slot")
    if asked.slots is None:
        return whose.astype(np.int32, copy=False), batch
    slots = asked.slots.find(whose)
    kept = slots >= 0
    if np.count_nonzero(kept) > _KEPT_SHARE * len(batch):
        return slots, batch
    return slots[kept], batch.filter(pa.array(kept))


def columns_of(
    batch: pa.RecordBatch, names: Iterable[str], flags: Sequence[str]
) -> list[npt.NDArray[Any]]:
    """Take a batch's columns as they lie in memory, its flags as bits of one."""
    columns = [_array(batch, name) for name in names]
    if flags:
        columns.append(_array(batch, flags[0]))
    for at, name in enumerate(flags[1:], 1):
        columns[-1] = columns[-1] | _array(batch, name).astype(np.int64) << at
    return columns


def _columns(batch: pa.RecordBatch, layout: Layout, *, timed: bool) -> list[npt.NDArray[Any]]:
    """Take the columns of a stream's own query."""
    rows = len(batch)
    columns = columns_of(batch, ("_time", *layout.names), layout.flag_names)
    if layout.is_placed:
        columns.append(np.zeros(rows, np.int64))
    if timed:
        columns.append(_array(batch, "_since"))
        superseded = "_until" in batch.schema.names
        columns.append(_array(batch, "_until") if superseded else np.broadcast_to(FOREVER, rows))
    return columns


def _array(batch: pa.RecordBatch, name: str) -> npt.NDArray[Any]:
    """Take a column of a batch; a missing real is NaN."""
    return np.asarray(batch[name].to_numpy(zero_copy_only=False))


def _search_ends(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    stream: Stream,
    layout: Layout,
    asked: Asked,
    merchants: int,
) -> str:
    """Find the first or last event of each merchant from that end on; write where they stand.

    One that is found among the rows nearest to the end is not looked for among the others, which
    are most. Where both ends are asked for, or rows are few, all are looked at, at once.
    """
    ends = {OF_ENDS[feature.aggregate] for feature in stream.features}
    spans: list[str] = []
    if len(ends) == 1 and asked.events.get(stream.table, 0) >= _MANY_EACH * merchants:
        spans = _spans_from(con, records, stream, asked, is_first=ends == {"min(_time)"})
    if not spans:
        return query_sql(records, stream, layout, asked)
    rows = query_sql(records, stream, layout, replace(asked, whose="_unfound"), is_all=True)
    con.execute("CREATE OR REPLACE TEMP TABLE _found (_slot INTEGER, _time TIMESTAMP)")
    for span in spans:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE _unfound AS "
            "SELECT s.* FROM _slots s ANTI JOIN _found f ON f._slot = s.slot"
        )
        con.execute(
            f"INSERT INTO _found SELECT _slot, {min(ends)} FROM ({rows}) "
            f"WHERE {span} GROUP BY _slot"
        )
    return "SELECT _slot, _time FROM _found"


def _spans_from(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    stream: Stream,
    asked: Asked,
    *,
    is_first: bool,
) -> list[str]:
    """Cut time into spans, the shorter the nearer to an end; none where it cannot be guessed.

    Where the first rows that are met begin is guess enough: spans are all of time in any case.
    """
    facts = asked.joined.get(stream.table) or f"({records.fact_sql(stream.table)})"
    met = f"SELECT {time_sql(stream)} AS met FROM {facts} f LIMIT {_MET}"
    ((first,),) = con.execute(f"SELECT min(met) FROM ({met})").fetchall()
    last = pd.Timestamp(asked.last).to_pydatetime()
    if first is None or first >= last:
        return []
    cuts = [(last - first) * part for part in _NEAR]
    moments = [first + cut if is_first else last - cut for cut in cuts]
    told = [f"TIMESTAMP '{moment}'" for moment in moments]
    nearer, further = ("<", ">=") if is_first else (">=", "<")
    spans = [f"_time {nearer} {told[0]}"]
    spans += [f"_time {further} {a} AND _time {nearer} {b}" for a, b in pairwise(told)]
    return [*spans, f"_time {further} {told[-1]}"]
