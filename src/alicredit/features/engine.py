"""The fast engine over a cohort: merchants in parts that fit the memory, stream by stream."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from alicredit.checks import refuse
from alicredit.cohort import Cohort
from alicredit.derived import DERIVED, TABLES
from alicredit.errors import FeatureError
from alicredit.features.declaration import Feature
from alicredit.features.local import TooWideError, build_stream
from alicredit.features.reference import build_by_sql
from alicredit.features.streams import Asked, Stream, find_streams
from alicredit.records import Records, quoted
from alicredit.windows.compiled import announced
from alicredit.windows.grouped import Questions, Reals, sort_questions

log = logging.getLogger(__name__)

MEMORY = "4GB"
"""Memory that the work may take beside its answer where the caller names none (assumed)."""

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")
_EVENT_BYTES = 24
_COLUMN_BYTES = 40


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
    ids = records.number_ids
    with announced():
        for stream in find_streams(features):
            numbers = _shown(stream, ids)
            con = records.connect(_tables(stream), numbers=numbers)
            try:
                con.execute(f"SET memory_limit = '{max(budget // 2, 256 * 10**6)}B'")
                parts = _parts(_events(con, stream), stream, budget)
                for part in _split(codes, merchants, as_of, parts):
                    try:
                        _answer(con, records, stream, part, numbers, places, out)
                    except TooWideError:
                        log.info("table %s: sums pass 64 bits, left to SQL", stream.table)
                        _answer_by_sql(records, cohort, stream, part, places, out)
            finally:
                con.close()


def _tables(stream: Stream) -> list[str]:
    """Name the tables that a stream's facts come from."""
    parent = TABLES[stream.table].parent
    return [stream.table, *([parent.split(".")[0]] if parent else [])]


def _shown(stream: Stream, numbers: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Choose the identifiers to be shown as numbers: those that no condition compares with text."""
    if stream.table in DERIVED:
        return frozenset()  # its identifiers are text
    compared = {
        (stream.table, column)
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


def _answer(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    stream: Stream,
    part: _Part,
    numbers: frozenset[tuple[str, str]],
    places: Mapping[str, int],
    out: Reals,
) -> None:
    """Answer a stream's features for some merchants."""
    as_numbers = ("merchants", "merchant_id") in numbers
    con.register("slot_rows", _slots(part.merchants, as_numbers=as_numbers))
    con.execute("CREATE OR REPLACE TEMP TABLE _slots AS SELECT * FROM slot_rows")
    asked = Asked("_slots", part.first, part.last, numbers)
    build_stream(con, records, stream, part.questions, asked, places, out)


def _answer_by_sql(
    records: Records,
    cohort: Cohort,
    stream: Stream,
    part: _Part,
    places: Mapping[str, int],
    out: Reals,
) -> None:
    """Answer them by the reference, whose sums have 128 bits."""
    rows = np.sort(part.questions.row)
    con = records.connect()
    try:
        found = build_by_sql(con, records, cohort[rows], list(stream.features))
    finally:
        con.close()
    for name, values in found.items():
        out[places[name], rows] = values


def _slots(merchants: npt.NDArray[np.object_], *, as_numbers: bool) -> pa.Table:
    """Number the merchants; where identifiers are numbers, one that is none is nobody's."""
    slot = np.arange(len(merchants), dtype=np.int32)
    if not as_numbers:
        return pa.table({"merchant_id": pa.array(merchants, pa.string()), "slot": slot})
    kept = np.array([_is_number(each) for each in merchants], bool)
    ids = pa.array([int(each) for each in merchants[kept]], pa.int64())
    return pa.table({"merchant_id": ids, "slot": slot[kept]})


def _is_number(name: str) -> bool:
    """Tell whether a text is how a whole number of 64 bits is written."""
    return _WHOLE.fullmatch(name) is not None and -(2**63) <= int(name) < 2**63


def _events(con: duckdb.DuckDBPyConnection, stream: Stream) -> int:
    """Count the rows of a stream's table: no more events than that, but for later versions."""
    row = con.execute(f"SELECT count(*) FROM {quoted(stream.table)}").fetchall()[0]
    return int(row[0])


def _parts(events: int, stream: Stream, budget: int) -> int:
    """Give in how many parts the merchants are taken, so that their events fit the memory."""
    columns = len({name for f in stream.features for name in (*f.columns, f.aggregate)})
    need = events * (_EVENT_BYTES + _COLUMN_BYTES * min(columns, 12))
    return max(1, -(-need // max(budget, 1)))


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
