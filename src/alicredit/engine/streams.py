"""Streams of events: which features share their facts, and the query that gives these as columns.

Features of one table, time, filter and set of timing columns see the same events. A column that
fills in later gives a fact several versions, each seen between the moments at which two of its
columns filled in; where all questions have one moment, a single version is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import duckdb

from alicredit.declarations.declaration import Condition, Feature
from alicredit.derived import TABLES
from alicredit.engine.asked import Asked
from alicredit.engine.expressions import conditions_sql, stored_columns
from alicredit.records import Records, quoted
from alicredit.windows.grouped import FOREVER

OF_ENDS = {"days_since_first": "min(_time)", "days_since": "max(_time)"}
"""Aggregates that a merchant's first or last event alone answers, and that event's time."""

_LONGEST = {"day": 1, "month": 31}
"""Days by which the row of a period may be written under an earlier day than the period's end."""

FEW = 2**19
"""Rows of a table that is held once for all its streams, if it has no more (assumed)."""

NEVER = 2**60
"""Reach of a window without a beginning, in microseconds: longer than any record's."""


@dataclass(frozen=True)
class Stream:
    """Features that see the same events."""

    table: str
    time: str
    where: tuple[Condition, ...]
    timing: tuple[str, ...]
    features: tuple[Feature, ...]

    @property
    def is_ahead(self) -> bool:
        """Tell whether windows reach beyond the question."""
        return any(reach(feature)[1] for feature in self.features)


@dataclass
class Layout:
    """Columns that a stream's query gives: expressions, numbered as they are asked for."""

    numbers: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    is_placed: bool = False

    def number(self, expression: str) -> int:
        """Number a real column."""
        return _at(self.numbers, expression)

    def key(self, expression: str) -> int:
        """Number a column of keys."""
        return _at(self.keys, expression)

    def flag(self, expression: str) -> int:
        """Number a column of yes and no."""
        return _at(self.flags, expression)

    @property
    def names(self) -> list[str]:
        """Name the query's columns of numbers and keys, in the order of their rows."""
        numbers = [f"n{k}" for k in range(len(self.numbers))]
        return numbers + [f"k{k}" for k in range(len(self.keys))]

    @property
    def flag_names(self) -> list[str]:
        """Name the query's columns of flags."""
        return [f"f{k}" for k in range(len(self.flags))]

    @property
    def flag_row(self) -> int:
        """Give the row of the flags, a bit each."""
        return 1 + len(self.numbers) + len(self.keys)

    @property
    def width(self) -> int:
        """Count the rows: time, numbers (the bits of reals), keys, flags in one, place."""
        return self.flag_row + bool(self.flags) + self.is_placed


def reach(feature: Feature) -> tuple[int, int]:
    """Give how far a feature's window reaches back and ahead, in microseconds."""
    start, end = feature.window
    return (NEVER if start is None else -start), end


def back_of(stream: Stream) -> int:
    """Give how far back a stream's windows reach, in microseconds."""
    return max(reach(feature)[0] for feature in stream.features)


def find_streams(features: Iterable[Feature]) -> list[Stream]:
    """Put features over events together that see the same of them."""
    found: dict[tuple[str, str, tuple[Condition, ...], tuple[str, ...]], list[Feature]] = {}
    for feature in features:
        key = (feature.table, feature.time, feature.where, _timing(feature))
        found.setdefault(key, []).append(feature)
    return [
        Stream(table, time, where, timing, tuple(members))
        for (table, time, where, timing), members in found.items()
    ]


def _timing(feature: Feature) -> tuple[str, ...]:
    """Give the columns that say when what a feature reads was filled in, beside its own time."""
    table = TABLES[feature.table]
    timed = {table[column].timed_by for column in stored_columns(feature)}
    return tuple(sorted(timed - {"", feature.time}))


def join_once(
    con: duckdb.DuckDBPyConnection, records: Records, streams: Iterable[Stream], asked: Asked
) -> Asked:
    """Let rows that find their merchant through others (refunds, through orders) do so once.

    Each stream would do it anew. Held are the columns that the streams of a table read, of those
    who are asked about. Where a table is short, planning its queries is most of their work, and
    its facts are held too: a query of what is held is a plain one.

    Parameters
    ----------
    con : DuckDB connection
        Over the records, with the table of merchants where ``asked`` has no slots.
    records : Records
        For the SQL of facts.
    streams : iterable of Stream
        To be answered.
    asked : Asked
        Who is asked about, and when.

    Returns
    -------
    Asked
        The same, with the tables that were made, in place of those made before.
    """
    several: dict[str, list[Stream]] = {}
    for stream in streams:
        if TABLES[stream.table].parent or asked.events.get(stream.table, FEW + 1) <= FEW:
            several.setdefault(stream.table, []).append(stream)
    joined = {}
    for table, members in several.items():
        if len(members) < 2:
            continue
        held, has_key = quoted(f"_joined_{table}"), _has_key(members)
        joined[table] = held if has_key else f"(SELECT *, '' AS _key FROM {held})"
        whose, slot = "", ""
        if asked.slots is None:
            whose, slot = " JOIN _slots s ON f._merchant_id = s.merchant_id", "s.slot AS _slot, "
        bounds = [f"f._happened < CAST('{asked.last}' AS TIMESTAMP)"] * bool(TABLES[table].parent)
        furthest = {each.time: each for each in sorted(members, key=back_of)}
        starts = [start_sql(each, asked) for each in furthest.values()]
        bounds += [f"({' OR '.join(starts)})"] * all(starts)
        past = f" WHERE {' AND '.join(bounds)}" if bounds else ""
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {held} AS SELECT {slot or 'f._merchant_id, '}"
            f"{_held(members)} "
            f"FROM ({records.fact_sql(table)}) f{whose}{past}"
        )
    return replace(asked, joined=joined)


def _has_key(streams: list[Stream]) -> bool:
    """Tell whether streams of a table ask for the key, a long text, which tells of ties."""
    return any(is_placed(feature) for each in streams for feature in each.features)


def _held(streams: list[Stream]) -> str:
    """Write the columns that the streams of a table read."""
    features = [feature for each in streams for feature in each.features]
    names = {name for feature in features for name in stored_columns(feature)}
    names |= {name for each in streams for name in (each.time, *each.timing) if name}
    hidden = ["f._happened", "f._known"] + ["f._key"] * _has_key(streams)
    return ", ".join([*hidden, *(f"f.{quoted(name)}" for name in sorted(names))])


def is_placed(feature: Feature) -> bool:
    """Tell whether a feature asks which of several facts of one time comes first."""
    return feature.aggregate in ("first", "last")


def is_timed(records: Records, stream: Stream, asked: Asked) -> bool:
    """Tell whether events carry the moments between which they are seen."""
    return not is_single(stream, asked) and may_be_late(records, stream)


def is_single(stream: Stream, asked: Asked) -> bool:
    """Tell whether one version of each event is enough; what lies ahead is seen before its time."""
    return asked.is_single and not stream.is_ahead


def is_at_ends(stream: Stream, *, is_single: bool) -> bool:
    """Tell whether of each merchant's events the first and the last say all, as of one moment."""
    features = stream.features
    return (
        is_single
        and not stream.is_ahead
        and len({reach(feature) for feature in features}) == 1
        and all(feature.aggregate in OF_ENDS and feature.min_support <= 1 for feature in features)
        and not any(feature.hit or feature.measure or feature.weight for feature in features)
    )


def query_sql(
    records: Records,
    stream: Stream,
    layout: Layout,
    asked: Asked,
    *,
    is_all: bool = False,
    has_keys: bool = True,
    only: str = "",
) -> str:
    """Write the query of a stream's events, all versions; or of their ends, where these say all.

    ``only`` is a condition on facts ``f`` of one moment.
    """
    if is_single(stream, asked):
        versions = [_single(records, stream, asked, only)]
    else:
        versions = [_version(records, stream, asked, at) for at in range(len(stream.timing) + 1)]
    columns = ["_slot", "_time"]
    if is_timed(records, stream, asked):
        columns.append("_since")
        if stream.timing:
            columns.append(f"coalesce(epoch_us(_until), {FOREVER}) AS _until")
    columns += [f"CAST({each} AS DOUBLE) AS n{k}" for k, each in enumerate(layout.numbers)]
    columns += [f"{each} AS k{k}" for k, each in enumerate(layout.keys)]
    columns += [f"CAST({each} AS TINYINT) AS f{k}" for k, each in enumerate(layout.flags)]
    if layout.is_placed and has_keys:
        columns.append("_key AS _tie")
    where = conditions_sql(stream.where, stream.features[0]) if stream.where else "true"
    listed = ", ".join(columns)
    rows = " UNION ALL ".join(f"SELECT {listed} FROM ({each}) WHERE {where}" for each in versions)
    if is_all or not is_at_ends(stream, is_single=asked.is_single):
        return rows
    ends = ", ".join(sorted({OF_ENDS[feature.aggregate] for feature in stream.features}))
    return f"SELECT _slot, unnest([{ends}]) AS _time FROM ({rows}) GROUP BY _slot"


def time_sql(stream: Stream) -> str:
    """Write the time by which a stream's events are placed in windows."""
    return f"CAST(f.{quoted(stream.time)} AS TIMESTAMP)" if stream.time else "f._happened"


def start_sql(stream: Stream, asked: Asked) -> str:
    """Write the condition on events that windows reach back to; none where they reach all."""
    back = back_of(stream)
    if back >= NEVER:
        return ""
    start = f"CAST('{asked.first}' AS TIMESTAMP) - to_microseconds({back})"
    table = TABLES[stream.table]
    whole = ""
    if not stream.time and table.period in _LONGEST and stream.table not in asked.joined:
        days = _LONGEST[table.period]  # a reader of files can skip by the day itself
        whole = f" AND f.{quoted(table.happened)} >= CAST({start} AS DATE) - {days}"
    return f"{time_sql(stream)} >= {start}{whole}"


def _placed(records: Records, stream: Stream, asked: Asked) -> tuple[str, str]:
    """Write a table's facts beside their merchant's slot and their time; and that time."""
    last = f"CAST('{asked.last}' AS TIMESTAMP)"
    time = time_sql(stream)
    ahead = max(reach(feature)[1] for feature in stream.features)
    bounds = [f"f._happened < {last}", f"{time} < {last} + to_microseconds({ahead})"]
    if start := start_sql(stream, asked):
        bounds.append(start)
    if may_be_late(records, stream):
        bounds.append(f"f._known < {last}")
    facts = asked.joined.get(stream.table) or f"({records.fact_sql(stream.table)})"
    source = f"FROM {facts} f"
    if asked.slots is None:
        if stream.table not in asked.joined:
            source += f" JOIN {asked.whose} s ON f._merchant_id = s.merchant_id"
    else:
        bounds.append("f._merchant_id IS NOT NULL")
    return f"{source} WHERE {' AND '.join(bounds)}", time


def shown_sql(table: str, features: Iterable[Feature], is_seen: str, time: str = "") -> str:
    """Write the columns that features read, each absent unless what times it was seen by then.

    What is timed by the time that places the fact is seen with it.
    """
    names = sorted({c for feature in features for c in stored_columns(feature)})
    shown = []
    for name in names:
        timed_by = TABLES[table][name].timed_by
        column = f"f.{quoted(name)}"
        if timed_by and timed_by != time:
            at = f"CAST(f.{quoted(timed_by)} AS TIMESTAMP)"
            column = f"CASE WHEN {is_seen.format(at=at)} THEN {column} END"
        shown.append(f", {column} AS {quoted(name)}")
    return "".join(shown)


def _single(records: Records, stream: Stream, asked: Asked, only: str) -> str:
    """Write the facts as all questions of one moment see them."""
    source, time = _placed(records, stream, asked)
    last = f"CAST('{asked.last}' AS TIMESTAMP)"
    shown = shown_sql(stream.table, stream.features, "{at} < " + last, stream.time)
    slot = asked.slot_sql(stream.table)
    more = f" AND {only}" if only else ""
    return f"SELECT {slot} AS _slot, {time} AS _time, f._key AS _key{shown} {source}{more}"


def _version(records: Records, stream: Stream, asked: Asked, at: int) -> str:
    """Write one version of each fact: what is seen of it from one moment until the next.

    Version 0 is seen from when the fact is known, version k from when its k-th timing column filled
    in, if that is later; each until the next of these moments.
    """
    source, time = _placed(records, stream, asked)
    known = "greatest(f._happened, f._known)"
    timing = [f"CAST(f.{quoted(column)} AS TIMESTAMP)" for column in stream.timing]
    since = timing[at - 1] if at else known
    bounds = []
    if at:
        bounds += [f"{since} > {known}", f"{since} < CAST('{asked.last}' AS TIMESTAMP)"]
        bounds += [f"{other} IS DISTINCT FROM {since}" for other in timing[: at - 1]]
    later = [f"CASE WHEN {each} > {since} THEN {each} END" for each in timing]
    until = f"least({', '.join(later)})" if len(later) > 1 else (later or ["NULL"])[0]
    if later:
        seen_in = since if stream.is_ahead else f"greatest({since}, {time})"
        bounds.append(f"({until} IS NULL OR {until} > {seen_in})")
    more = "".join(f" AND {each}" for each in bounds)
    shown = shown_sql(stream.table, stream.features, "{at} <= " + since, stream.time)
    slot = asked.slot_sql(stream.table)
    return (
        f"SELECT {slot} AS _slot, {time} AS _time, {since} AS _since, {until} AS _until, "
        f"f._key AS _key{shown} {source}{more}"
    )


def may_be_late(records: Records, stream: Stream) -> bool:
    """Tell whether a fact can become known, or change, after its time."""
    table = TABLES[stream.table]
    known = {table.known, "known_at"} & set(records.columns(stream.table))
    return bool(known or table.parent or stream.time or stream.timing)


def _at(columns: list[str], expression: str) -> int:
    """Give an expression's place in a list, at its end if it is new."""
    if expression not in columns:
        columns.append(expression)
    return columns.index(expression)
