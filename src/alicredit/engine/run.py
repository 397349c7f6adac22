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

from alicredit.checks import refuse
from alicredit.cohort import Cohort
from alicredit.declarations import Feature
from alicredit.derived import DERIVED, TABLES
from alicredit.engine.answers import Answers
from alicredit.engine.asked import Asked, Part, number_merchants
from alicredit.engine.local import build_stream, build_together
from alicredit.engine.reference import build_by_sql
from alicredit.engine.streams import (
    NEVER,
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
from alicredit.windows.grouped import Ints, Questions, sort_questions

log = logging.getLogger(__name__)

MEMORY = "4GB"
"""Memory that the work may take beside its answer where the caller names none (assumed)."""

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_CELL_BYTES = 24
"""Memory of a number of an event that is placed: as read, row by row and in its column."""

_LARGE_ROWS = 2**21
"""Rows of a table that is read once for the end of it and once for all of it, if it has more
(assumed)."""

_PERIOD = np.timedelta64(32, "D")
"""Days by which a row may be written under an earlier day than the end of its period."""


def build_locally(
    records: Records,
    cohort: Cohort,
    features: list[Feature],
    answers: Answers,
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
    answers : Answers
        Filled in.
    memory : str or None, default None
        How much the work may take beside its answer, such as ``"2GB"``; None: 4 GB.

    Raises
    ------
    FeatureError
        For a memory that is no size.
    """
    budget = read_size(MEMORY if memory is None else memory)
    work = _Work(records, cohort, answers, budget)
    whose = _numbered(cohort)
    with announced():
        for streams, numbers in _jobs(records, find_streams(features)):
            con = records.connect(_tables(streams), numbers=numbers)
            try:
                _answer_job(con, work, whose, streams, numbers)
            finally:
                con.close()


@dataclass(frozen=True)
class _Work:
    """Of what and for whom features are built, where answers go, and the memory there is for it."""

    records: Records
    cohort: Cohort
    answers: Answers
    budget: int


@dataclass(frozen=True)
class _Whose:
    """A cohort's questions: the number of each one's merchant, the merchants, and the moments."""

    codes: npt.NDArray[np.int64]
    merchants: npt.NDArray[np.object_]
    as_of: npt.NDArray[np.datetime64]

    @property
    def moments(self) -> int:
        """Count the moments that are asked about."""
        return len(np.unique(self.as_of))

    def parts(self, parts: int) -> Iterator[Part]:
        """Take merchants in turn into parts, each with its questions."""
        moments = self.as_of.view(np.int64)
        for part in range(parts):
            own = self.merchants[part::parts]
            rows = np.arange(len(self.codes))
            if parts > 1:
                rows = np.flatnonzero(self.codes % parts == part)
            if not len(rows):
                continue
            questions = sort_questions(self.codes[rows] // parts, moments[rows], len(own))
            questions = Questions(questions.as_of, rows[questions.row], questions.start)
            yield Part(own, questions, self.as_of[rows].min(), self.as_of[rows].max())


def _numbered(cohort: Cohort) -> _Whose:
    """Number a cohort's merchants."""
    frame = cohort.frame
    codes, merchants = pd.factorize(frame["merchant_id"].to_numpy(object))
    as_of = frame["as_of"].to_numpy().astype("datetime64[us]")
    return _Whose(codes, np.asarray(merchants, object), as_of)


def _answer_job(
    con: duckdb.DuckDBPyConnection,
    work: _Work,
    whose: _Whose,
    streams: list[Stream],
    numbers: frozenset[tuple[str, str]],
) -> None:
    """Answer the streams of one connection: those that one reading gives, then each by itself."""
    _limit(con, work.budget // 2)
    sizes = _sizes(con, streams)
    streams = _split_long(streams, sizes)
    moments = whose.moments
    if moments == 1:
        groups, streams = find_together(streams, sizes)
        for group in groups:
            (whole,) = whose.parts(1)
            asked = number_merchants(con, whole, numbers, sizes)
            _answer_together(con, work, group, whole, asked)
    counts = [
        2 * len(whose.merchants)
        if is_at_ends(each, is_single=moments == 1)
        else _within(con, each, sizes[each.table], whose.as_of)
        for each in streams
    ]
    for parts, group in _by_parts(streams, counts, work.budget, moments):
        for part in whose.parts(parts):
            asked = number_merchants(con, part, numbers, sizes, parts=parts)
            _answer(con, work, group, part, asked)


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
    con: duckdb.DuckDBPyConnection, work: _Work, streams: list[Stream], whole: Part, asked: Asked
) -> None:
    """Answer streams that one reading gives; where memory has no room for it, from a file."""
    first = streams[0]
    events = _within(con, first, asked.events[first.table], np.array([asked.first]))
    room = sum(
        events * back_of(each) // back_of(first) * _row_bytes(each, is_single=True)
        for each in streams
    )
    folder = None
    if room > work.budget:
        bound = work.records.bound
        folder = tempfile.gettempdir() if bound is None else bound.folder
        Path(folder).mkdir(parents=True, exist_ok=True)
    left = build_together(
        con, work.records, streams, whole.questions, asked, work.answers,
        events=events, folder=folder,
    )  # fmt: skip
    if left:
        _answer_by_sql(work, first.table, left)


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
    con: duckdb.DuckDBPyConnection, work: _Work, streams: list[Stream], part: Part, asked: Asked
) -> None:
    """Answer streams for some merchants; where a window's sums pass 64 bits by the reference.

    Before any events are held, what is joined may take all of the memory: a join that goes through
    files costs half as much again.
    """
    _limit(con, work.budget)
    asked = join_once(con, work.records, streams, asked)
    with suppress(duckdb.OutOfMemoryException):  # what is joined cannot be laid in a file
        _limit(con, work.budget // 2)
    for stream in streams:
        left = build_stream(con, work.records, stream, part.questions, asked, work.answers)
        if left:
            _answer_by_sql(work, stream.table, left)


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


def _answer_by_sql(work: _Work, table: str, left: list[tuple[Feature, Ints]]) -> None:
    """Answer some rows of some features of a table by the reference, whose sums have 128 bits."""
    log.info("table %s: sums pass 64 bits, left to SQL", table)
    every = np.unique(np.concatenate([rows for _, rows in left]))
    con = work.records.connect(kept=True)
    try:
        features = [feature for feature, _ in left]
        found = build_by_sql(con, work.records, work.cohort[every], features)
    finally:
        con.close()
    for feature, rows in left:
        work.answers[feature.name][rows] = found[feature.name][np.searchsorted(every, rows)]


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
