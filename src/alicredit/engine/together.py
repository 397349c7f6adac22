"""Streams of one table and one moment, whose events one reading gives.

Most rows that one stream's windows reach are reached by others': shops that ship and confirm do so
soon after they are paid. So the rows of a stream that reaches far back are read with all that any
stream asks of them, and what of others lies beyond is read once for each of the times it is by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from alicredit.declarations import MEASURES
from alicredit.derived import DERIVED, TABLES
from alicredit.engine.asked import Asked
from alicredit.engine.expressions import conditions_sql, stored_columns
from alicredit.engine.reading import columns_of, numbered
from alicredit.engine.slabs import BATCH_ROWS, Shares, Slabs
from alicredit.engine.streams import (
    FEW,
    NEVER,
    Layout,
    Stream,
    back_of,
    is_at_ends,
    is_placed,
    may_be_late,
    reach,
    shown_sql,
    start_sql,
    time_sql,
)
from alicredit.records import Records, quoted
from alicredit.records.facts import end_of_period
from alicredit.records.sources import arrow_reader

_DAY = 86_400_000_000


def base_of(table: str) -> str:
    """Name the table whose rows a table's are: another where each of its rows is one of that.

    Examples
    --------
    >>> base_of("sales_by_day"), base_of("ratings")
    ('orders', 'ratings')
    """
    rows_of = DERIVED[table].rows_of if table in DERIVED else None
    return rows_of.table if rows_of else table


def find_together(
    streams: Iterable[Stream], sizes: Mapping[str, int]
) -> tuple[list[list[Stream]], list[Stream]]:
    """Find which streams, asked about one moment, one reading answers; and which are left.

    Parameters
    ----------
    streams : iterable of Stream
        To be answered.
    sizes : mapping of str to int
        Rows of each table.

    Returns
    -------
    tuple of lists
        Streams that are read together, first the one whose rows are read for all: it reaches
        further back than others of its time, and over derived tables. And all others.
    """
    groups: dict[str, list[Stream]] = {}
    left = []
    for stream in streams:
        base = base_of(stream.table)
        is_large = sizes.get(base, 0) > FEW and not TABLES[base].parent
        if is_large and _is_plain(stream):
            groups.setdefault(base, []).append(stream)
        else:
            left.append(stream)
    found = []
    for base, members in groups.items():
        own = sorted((each for each in members if each.table == base), key=back_of, reverse=True)
        made = [each for each in members if each.table != base]
        first = [each for each in own if any(_is_within(other, [each]) for other in made)][:1]
        first = first or own[:1]
        kept = [each for each in members if each.table == base or _is_within(each, first)]
        kept.sort(key=lambda each: first != [each])
        if len(kept) < 2:
            kept = []
        else:
            found.append(kept)
        left += [each for each in members if each not in kept]
    return found, left


def _is_plain(stream: Stream) -> bool:
    """Tell whether a stream has a beginning, and takes its events one by one in any order."""
    return (
        not stream.is_ahead
        and back_of(stream) < NEVER
        and not is_at_ends(stream, is_single=True)
        and not any(is_placed(feature) for feature in stream.features)
    )


def _is_within(stream: Stream, first: Sequence[Stream]) -> bool:
    """Tell whether all rows of a stream of a derived table are among those of the first stream."""
    rows_of = DERIVED[stream.table].rows_of
    if not first or rows_of is None or stream.time:
        return False
    names = {name for feature in stream.features for name in stored_columns(feature)}
    own, other = TABLES[stream.table], TABLES[rows_of.table]
    return (
        first[0].time == rows_of.time
        and back_of(first[0]) >= back_of(stream) + rows_of.days * _DAY
        and all(name in other and own[name].timed_by == other[name].timed_by for name in names)
        and names.isdisjoint(rows_of.made)
    )


@dataclass
class _Taken:
    """Which columns of the common query a stream takes, and of which rows."""

    time: str
    start: int
    end: int
    filter: str = ""
    names: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def columns(self, rows: pa.RecordBatch, whose: npt.NDArray[np.int32]) -> list[npt.NDArray[Any]]:
        """Take the columns; a row that is not the stream's is nobody's."""
        found = columns_of(rows, (self.time, *self.names), self.flags)
        time: npt.NDArray[np.int64] = found[0].view(np.int64)  # a missing one is least of all
        is_own = (time >= self.start) & (time < self.end)
        if self.filter:
            is_own &= rows[self.filter].to_numpy(zero_copy_only=False).view(np.bool_)
        return [np.where(is_own, whose, np.int32(-1)), *found]


def read_together(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    streams: Sequence[Stream],
    layouts: Sequence[Layout],
    asked: Asked,
    shares: Sequence[Shares],
    folder: str | None = None,
) -> list[Slabs]:
    """Read the events of streams that :func:`find_together` put together.

    Parameters
    ----------
    con : DuckDB connection
        Over the records, with the table of merchants where ``asked`` has no slots.
    records : Records
        For the SQL of facts.
    streams : sequence of Stream
        As :func:`find_together` gives them.
    layouts : sequence of Layout
        Which columns, by stream.
    asked : Asked
        Who is asked about, and when.
    shares : sequence of Shares
        Into which shares the merchants are dealt, by stream.
    folder : str or None, default None
        Where events are laid that memory has no room for; None: all are held.

    Returns
    -------
    list of Slabs
        The events of each stream: time and the columns of its layout.
    """
    found = [Slabs(each, folder) for each in shares]
    first, every = streams[0], range(len(streams))
    later: dict[str, list[int]] = {}
    for at in sorted(every[1:], key=lambda at: -back_of(streams[at])):
        if streams[at].table == first.table and streams[at].time != first.time:
            later.setdefault(streams[at].time, []).append(at)
    beyond = _beyond_sql(first, asked)
    for members, only in [(every, ""), *((each, beyond) for each in later.values())]:
        mine, wide = [streams[at] for at in members], [layouts[at] for at in members]
        text, taken = _common_sql(records, mine, wide, asked, only)
        for batch in arrow_reader(con, text, BATCH_ROWS):
            whose, rows = numbered(batch, asked)
            for at, its in zip(members, taken, strict=True):
                _add(found[at], its.columns(rows, whose))
    return found


def _add(slabs: Slabs, columns: list[npt.NDArray[Any]]) -> None:
    """Add a batch's columns without nobody's events."""
    if slabs.is_whole:
        kept = np.flatnonzero(columns[0] >= 0)
        columns = [column.take(kept) for column in columns]
    slabs.add(columns)


def _beyond_sql(first: Stream, asked: Asked) -> str:
    """Write the condition of facts that the first stream's time does not place in its windows."""
    time, last = time_sql(first), _last(asked)
    start = f"CAST('{asked.first}' AS TIMESTAMP) - to_microseconds({back_of(first)})"
    return f"({time} IS NULL OR {time} < {start} OR {time} >= {last})"


def _last(asked: Asked) -> str:
    """Write the moment that all are asked about."""
    return f"CAST('{asked.last}' AS TIMESTAMP)"


def _common_sql(
    records: Records,
    streams: Sequence[Stream],
    layouts: Sequence[Layout],
    asked: Asked,
    only: str,
) -> tuple[str, list[_Taken]]:
    """Write the query of all that streams ask of the first's rows, and say which is whose."""
    first = streams[0]
    last, table = _last(asked), first.table
    times = dict.fromkeys(_time_of(stream) for stream in streams)
    listed = [f"{asked.slot_sql(table)} AS _slot"]
    listed += [f"{time} AS _t{k}" for k, time in enumerate(times)]
    features = [feature for stream in streams for feature in stream.features]
    shown = shown_sql(table, features, "{at} < " + last)
    bounds = [f"f._happened < {last}", f"{time_sql(first)} < {last}", start_sql(first, asked)]
    if any(may_be_late(records, stream) for stream in streams):
        bounds.append(f"f._known < {last}")
    bounds += [only] * bool(only)
    source = f"({records.fact_sql(table)}) f"
    if asked.slots is None:
        source += f" JOIN {asked.whose} s ON f._merchant_id = s.merchant_id"
    else:
        bounds.append("f._merchant_id IS NOT NULL")
    facts = f"SELECT {', '.join(listed)}{shown} FROM {source} WHERE {' AND '.join(bounds)}"
    placed = {time: f"_t{k}" for k, time in enumerate(times)}
    given: dict[str, str] = {}
    taken = [
        _taken(stream, layout, asked, placed[_time_of(stream)], given)
        for stream, layout in zip(streams, layouts, strict=True)
    ]
    columns = [f"{expression} AS {name}" for expression, name in given.items()]
    return f"SELECT {', '.join(['_slot', *placed.values(), *columns])} FROM ({facts})", taken


def _time_of(stream: Stream) -> str:
    """Write the time by which a stream's events are placed in windows.

    A row of a derived table happens when its table says, made of the other's facts.
    """
    rows_of = DERIVED[stream.table].rows_of if stream.table in DERIVED else None
    if rows_of is None:
        return time_sql(stream)
    declared = TABLES[stream.table]
    return end_of_period(declared.period, f"({rows_of.made[declared.happened]})")


def _taken(
    stream: Stream, layout: Layout, asked: Asked, time: str, given: dict[str, str]
) -> _Taken:
    """Write what a stream asks for where nobody did before it, and say which columns it takes.

    What is computed is computed of the stream's own rows alone, so that no row of another can fail
    it.
    """
    last = int(np.datetime64(asked.last, "us").astype(np.int64))
    ahead = min(0, max(reach(feature)[1] for feature in stream.features))
    its = _Taken(time, last - back_of(stream), last + ahead)
    plain = {quoted(name) for f in stream.features for name in stored_columns(f)}
    own = f"{time} < {_last(asked)} AND {time} >= {_last(asked)} - to_microseconds({{}})"
    own = f"CASE WHEN {own.format(back_of(stream))} THEN {{}} ELSE {{}} END"
    if stream.where:
        kept = conditions_sql(stream.where, stream.features[0])
        its.filter = _named(f"CAST({own.format(kept, 'false')} AS TINYINT)", given)
    for number in layout.numbers:
        shown = number if number in plain else own.format(number, "NULL")
        its.names.append(_named(f"CAST({shown} AS DOUBLE)", given))
    measured = any((f.table, f.measure) in MEASURES for f in stream.features)
    for key in layout.keys:
        its.names.append(_named(own.format(key, "0") if measured else key, given))
    for flag in layout.flags:
        its.flags.append(_named(f"CAST({own.format(flag, 'false')} AS TINYINT)", given))
    return its


def _named(expression: str, given: dict[str, str]) -> str:
    """Name a column, anew where it is new."""
    return given.setdefault(expression, f"c{len(given)}")
