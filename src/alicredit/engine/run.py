"""The fast engine over a cohort: merchants in parts that fit the memory, stream by stream."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from alicredit.checks import refuse
from alicredit.cohort import Cohort
from alicredit.declarations import Feature
from alicredit.derived import DERIVED, TABLES
from alicredit.engine.local import build_stream, build_together
from alicredit.engine.reference import build_by_sql
from alicredit.engine.streams import (
    NEVER,
    Asked,
    Slots,
    Stream,
    back_of,
    find_streams,
    is_at_ends,
    is_placed,
    join_once,
    reach,
)
from alicredit.engine.together import base_of, find_together
from alicredit.errors import FeatureError
from alicredit.records import Records, quoted
from alicredit.windows.compiled import announced
from alicredit.windows.grouped import Ints, Questions, Reals, sort_questions

log = logging.getLogger(__name__)

MEMORY = "4GB"
"""Memory that the work may take beside its answer where the caller names none (assumed)."""

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_WHOLE = "^(0|-?[1-9][0-9]{0,18})$"
_SURE_DIGITS = 18
"""Text of so many characters is a number of 64 bits whatever its digits."""
_CELL_BYTES = 24
_EVENTS_A_MERCHANT = 1000
_GAPS = 64
_LARGE_ROWS = 2**21
_PERIOD = np.timedelta64(32, "D")
"""Days by which a row may be written under an earlier day than the end of its period."""


@dataclass(frozen=True)
class _Part:
    """Some merchants of a cohort with their questions."""

    merchants: npt.NDArray[np.object_]
    questions: Questions
    first: np.datetime64
    last: np.datetime64


def build_locally(
    records: Records,
    cohort: Cohort,
    features: list[Feature],
    places: Mapping[str, int],
    out: Reals,
    *,
    memory: str | None = None,
) -> None:
    """Build features over events by compiled windows.

    Parameters
    ----------
    records : Records
        The platform's records.
    cohort : Cohort
        The questions.
    features : list of Feature
        Whose tables and columns are all there.
    places : mapping of str to int
        Feature -> its row of ``out``.
    out : float64 array, features by questions
        Filled in.
    memory : str or None, default None
        How much the work may take beside its answer, such as ``"2GB"``; None: 4 GB.

    Raises
    ------
    FeatureError
        For a memory that is no size.
    """
    budget = read_size(MEMORY if memory is None else memory)
    frame = cohort.frame
    codes, found = pd.factorize(frame["merchant_id"].to_numpy(object))
    merchants = np.asarray(found, object)
    as_of = frame["as_of"].to_numpy().astype("datetime64[us]")
    streams = find_streams(features)
    with announced():
        for members, numbers in _jobs(records, streams):
            con = records.connect(_tables(members), numbers=numbers)
            try:
                _limit(con, budget // 2)
                sizes = _sizes(con, members)
                members = _split_long(members, sizes)
                moments = len(np.unique(as_of))
                groups: list[list[Stream]] = []
                if moments == 1:
                    groups, members = find_together(members, sizes)
                for group in groups:
                    (whole,) = _split(codes, merchants, as_of, 1)
                    asked = _ask(con, whole, numbers, max(sizes.values()))
                    asked = replace(asked, events=sizes)
                    _answer_together(con, records, cohort, group, whole, asked, places, out, budget)
                counts = [
                    2 * len(merchants)
                    if is_at_ends(each, is_single=moments == 1)
                    else _within(con, each, sizes[each.table], as_of)
                    for each in members
                ]
                for parts, group in _by_parts(members, counts, budget, moments):
                    for part in _split(codes, merchants, as_of, parts):
                        asked = _ask(con, part, numbers, max(sizes.values()))
                        mine = {name: -(-rows // parts) for name, rows in sizes.items()}
                        asked = replace(asked, events=mine)
                        _answer(con, records, cohort, group, part, asked, places, out, budget)
            finally:
                con.close()


def _limit(con: duckdb.DuckDBPyConnection, memory: int) -> None:
    """Hold a connection to so many bytes, but for the least that it can work with."""
    con.execute(f"SET memory_limit = '{max(memory, 256 * 10**6)}B'")


def _sizes(con: duckdb.DuckDBPyConnection, streams: list[Stream]) -> dict[str, int]:
    """Count the rows of the tables of streams; of one made of another's rows count these."""
    tables = {stream.table for stream in streams}
    counted = {table: base_of(table) if base_of(table) in tables else table for table in tables}
    sizes = {name: _events(con, name) for name in set(counted.values())}
    return {table: sizes[name] for table, name in counted.items()}


def _answer_together(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    cohort: Cohort,
    streams: list[Stream],
    whole: _Part,
    asked: Asked,
    places: Mapping[str, int],
    out: Reals,
    budget: int,
) -> None:
    """Answer streams that one reading gives; where memory has no room for it, from a file."""
    first = streams[0]
    events = _within(con, first, asked.events[first.table], np.array([asked.first]))
    room = sum(
        events * back_of(each) // back_of(first) * _row_bytes(each, is_single=True)
        for each in streams
    )
    folder = None
    if room > budget:
        folder = tempfile.gettempdir() if records.bound is None else records.bound.folder
        Path(folder).mkdir(parents=True, exist_ok=True)
    left = build_together(
        con, records, streams, whole.questions, asked, places, out, events=events, folder=folder
    )
    if left:
        log.info("table %s: sums pass 64 bits, left to SQL", first.table)
        _answer_by_sql(records, cohort, left, places, out)


def _jobs(
    records: Records, streams: list[Stream]
) -> list[tuple[list[Stream], frozenset[tuple[str, str]]]]:
    """Put streams together that one connection can answer, with what it shows as numbers.

    Identifiers of derived tables are text.
    """
    written = [stream for stream in streams if stream.table not in DERIVED]
    derived = [stream for stream in streams if stream.table in DERIVED]
    none = frozenset[tuple[str, str]]()
    numbers = _shown(written, records.number_ids)
    jobs = [(written, numbers), (derived, none)] if numbers else [(streams, none)]
    return [job for job in jobs if job[0]]


def _answer(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    cohort: Cohort,
    streams: list[Stream],
    part: _Part,
    asked: Asked,
    places: Mapping[str, int],
    out: Reals,
    budget: int,
) -> None:
    """Answer streams for some merchants; where a window's sums pass 64 bits by the reference.

    Before any events are held, what is joined may take all of the memory: a join that goes through
    files costs half as much again.
    """
    _limit(con, budget)
    asked = join_once(con, records, streams, asked)
    with suppress(duckdb.OutOfMemoryException):  # what is joined cannot be laid in a file
        _limit(con, budget // 2)
    for stream in streams:
        left = build_stream(con, records, stream, part.questions, asked, places, out)
        if left:
            log.info("table %s: sums pass 64 bits, left to SQL", stream.table)
            _answer_by_sql(records, cohort, left, places, out)


def _tables(streams: list[Stream]) -> list[str]:
    """Name the tables that facts come from."""
    found = {stream.table for stream in streams}
    return sorted((found | {TABLES[name].parent_table for name in found}) - {""})


def _shown(
    streams: list[Stream], numbers: frozenset[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """Choose the identifiers to be shown as numbers: those that no condition compares with text."""
    compared = {
        (stream.table, column)
        for stream in streams
        for feature in stream.features
        for column, _, _ in (*feature.where, *feature.hit)
    }
    return numbers - compared


def read_size(memory: object) -> int:
    """Read a size such as ``"2GB"`` in bytes.

    Examples
    --------
    >>> read_size("2GB")
    2000000000
    >>> read_size("much")
    Traceback (most recent call last):
    alicredit.errors.FeatureError: memory must be a size such as '2GB'; found 'much'.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?B)\s*", str(memory), re.IGNORECASE)
    if found is None:
        refuse("memory", "must be a size such as '2GB'", repr(memory), error=FeatureError)
    return int(float(found[1]) * _UNITS[found[2].upper()])


def _ask(
    con: duckdb.DuckDBPyConnection, part: _Part, numbers: frozenset[tuple[str, str]], events: int
) -> Asked:
    """Number the merchants of a part, for a kernel to look up or for the query to join."""
    slot = np.arange(len(part.merchants), dtype=np.int32)
    if ("merchants", "merchant_id") not in numbers:
        ids = pa.array(part.merchants, pa.string())
    else:  # an identifier that is no number is nobody's
        whole, kept = read_whole(part.merchants)
        slot = slot[kept]
        slots = _find_slots(whole, slot, events)
        if slots is not None:
            return Asked(part.first, part.last, numbers, slots)
        ids = pa.array(whole)
    con.register("slot_rows", pa.table({"merchant_id": ids, "slot": slot}))
    con.execute("CREATE OR REPLACE TEMP TABLE _slots AS SELECT * FROM slot_rows")
    con.unregister("slot_rows")
    return Asked(part.first, part.last, numbers)


def _find_slots(
    ids: npt.NDArray[np.int64], slot: npt.NDArray[np.int32], events: int
) -> Slots | None:
    """Lay merchants' numbers in a table by identifier, where it is short and most are asked about.

    A query that joins reads less where few are asked about; a table that is looked up costs less.
    """
    if not len(ids) or len(ids) * _EVENTS_A_MERCHANT < events:
        return None
    low, high = int(ids.min()), int(ids.max())
    if high - low > _GAPS * len(ids) or max(-low, high) >= 2**62:
        return None
    table = np.full(high - low + 1, -1, np.int32)
    table[ids - low] = slot
    return Slots(low, table)


def _answer_by_sql(
    records: Records,
    cohort: Cohort,
    left: list[tuple[Feature, Ints]],
    places: Mapping[str, int],
    out: Reals,
) -> None:
    """Answer some rows of some features by the reference, whose sums have 128 bits."""
    every = np.unique(np.concatenate([rows for _, rows in left]))
    con = records.connect(kept=True)
    try:
        found = build_by_sql(con, records, cohort[every], [feature for feature, _ in left])
    finally:
        con.close()
    for feature, rows in left:
        out[places[feature.name], rows] = found[feature.name][np.searchsorted(every, rows)]


def read_whole(
    texts: npt.NDArray[np.object_],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Read texts that are how a whole number of 64 bits is written; and mark which are.

    Examples
    --------
    >>> numbers, are = read_whole(np.array(["7", "07", "-1", "-0", "9223372036854775808"], object))
    >>> numbers.tolist(), are.tolist()
    ([7, -1], [True, False, True, False, False])
    """
    column = pa.array(texts, pa.string())
    is_whole = pc.match_substring_regex(column, _WHOLE).to_numpy(zero_copy_only=False)
    is_long = is_whole & (pc.binary_length(column).to_numpy() > _SURE_DIGITS)
    for at in np.flatnonzero(is_long):
        is_whole[at] = -(2**63) <= int(texts[at]) < 2**63
    return pc.cast(column.filter(pa.array(is_whole)), pa.int64()).to_numpy(), is_whole


def _events(con: duckdb.DuckDBPyConnection, table: str) -> int:
    """Count the rows of a table: no more events than that, but for later versions."""
    row = con.execute(f"SELECT count(*) FROM {quoted(table)}").fetchall()[0]
    return int(row[0])


def _parts(events: int, stream: Stream, budget: int, moments: int) -> int:
    """Give in how many parts the merchants are taken, so that their events fit the memory.

    An event is held as it was read; where it is placed among others of its time, all are held row
    by row and in columns, too, and else those of one share at a time. Half is left for the rest.
    """
    is_single = moments == 1 and not stream.is_ahead
    row = _row_bytes(stream, is_single=is_single)
    need = events * (1 if is_single else 1 + len(stream.timing)) * row
    return max(1, -(-need // max(budget, 1)))


def _row_bytes(stream: Stream, *, is_single: bool) -> int:
    """Give what an event of a stream takes, twice over."""
    columns = len({name for feature in stream.features for name in feature.columns})
    if any(is_placed(feature) for feature in stream.features):
        return _CELL_BYTES * (2 + columns)
    return 2 * (4 + 8 * (1 + columns + (0 if is_single else 2)))


def _split_long(streams: list[Stream], sizes: Mapping[str, int]) -> list[Stream]:
    """Part the features that read all of a large table from those that read the end of it."""
    found = []
    for stream in streams:
        sides: dict[bool, list[Feature]] = {}
        for feature in stream.features:
            is_long = sizes[stream.table] > _LARGE_ROWS and reach(feature)[0] == NEVER
            sides.setdefault(is_long, []).append(feature)
        found += [replace(stream, features=tuple(members)) for members in sides.values()]
    return found


def _within(
    con: duckdb.DuckDBPyConnection,
    stream: Stream,
    rows: int,
    as_of: npt.NDArray[np.datetime64],
) -> int:
    """Count the rows that a stream's windows may reach; of a small table all."""
    table = TABLES[stream.table]
    back, time = max(reach(feature)[0] for feature in stream.features), stream.time
    time = time or table.happened
    if back == NEVER or time not in table or rows <= _LARGE_ROWS:
        return rows
    first = as_of.min() - np.timedelta64(back, "us") - _PERIOD
    sql = f"SELECT count(*) FROM {quoted(stream.table)} WHERE {quoted(time)} >= $1"
    ((found,),) = con.execute(sql, [first.astype(object)]).fetchall()
    return int(found)


def _by_parts(
    streams: list[Stream], counts: list[int], budget: int, moments: int
) -> list[tuple[int, list[Stream]]]:
    """Put streams together whose merchants are taken in as many parts."""
    found: dict[int, list[Stream]] = {}
    for stream, events in zip(streams, counts, strict=True):
        parts = _parts(events, stream, budget, moments)
        found.setdefault(parts, []).append(stream)
    return sorted(found.items())


def _split(
    codes: npt.NDArray[np.int64],
    merchants: npt.NDArray[np.object_],
    as_of: npt.NDArray[np.datetime64],
    parts: int,
) -> Iterator[_Part]:
    """Take merchants in turn into parts, each with its questions."""
    moments = as_of.view(np.int64)
    for part in range(parts):
        own = merchants[part::parts]
        rows = np.flatnonzero(codes % parts == part) if parts > 1 else np.arange(len(codes))
        if not len(rows):
            continue
        questions = sort_questions(codes[rows] // parts, moments[rows], len(own))
        questions = Questions(questions.as_of, rows[questions.row], questions.start)
        yield _Part(own, questions, as_of[rows].min(), as_of[rows].max())
