"""The fast engine over a cohort: merchants in parts that fit the memory, stream by stream."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from alicredit.checks import refuse
from alicredit.cohort import Cohort
from alicredit.errors import FeatureError
from alicredit.features.declaration import Feature
from alicredit.features.local import TooWideError, build_stream
from alicredit.features.reference import build_by_sql
from alicredit.features.streams import Asked, Stream, find_streams
from alicredit.records import Records, quoted
from alicredit.windows.compiled import announced
from alicredit.windows.grouped import Questions, sort_questions

log = logging.getLogger(__name__)

Reals = npt.NDArray[np.float64]

MEMORY = "4GB"
"""Memory that the work may take beside its answer where the caller names none (assumed)."""

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
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
    records: Records, cohort: Cohort, features: list[Feature], *, memory: str | None = None
) -> dict[str, Reals]:
    """Build features over events by compiled windows.

    Parameters
    ----------
    records : Records
        The platform's records.
    cohort : Cohort
        The questions.
    features : list of Feature
        Whose tables and columns are all there.
    memory : str or None, default None
        How much the work may take beside its answer, such as ``"2GB"``; None: 4 GB.

    Returns
    -------
    dict of str to float64 array
        A column of the cohort's length by feature.

    Raises
    ------
    FeatureError
        For a memory that is no size.
    """
    budget = read_size(MEMORY if memory is None else memory)
    columns: dict[str, Reals] = {}
    streams = find_streams(features)
    con = records.connect()
    try:
        con.execute(f"SET memory_limit = '{max(budget // 2, 256 * 10**6)}B'")
        codes, merchants = pd.factorize(cohort.frame["merchant_id"].to_numpy(object))
        as_of = cohort.frame["as_of"].to_numpy().astype("datetime64[us]")
        with announced():
            for stream in streams:
                out = np.empty((len(stream.features), len(cohort)))
                parts = _parts(_events(con, stream), len(stream.features), budget)
                for part in _split(codes, np.asarray(merchants, object), as_of, parts):
                    _answer(con, records, stream, part, out, cohort)
                columns |= {f.name: out[at] for at, f in enumerate(stream.features)}
    finally:
        con.close()
    return columns


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
    out: Reals,
    cohort: Cohort,
) -> None:
    """Answer a stream's features for some merchants."""
    slots = pa.table(
        {
            "merchant_id": pa.array(part.merchants.tolist(), pa.string()),
            "slot": pa.array(np.arange(len(part.merchants), dtype=np.int32)),
        }
    )
    con.register("slot_rows", slots)
    con.execute("CREATE OR REPLACE TEMP TABLE _slots AS SELECT * FROM slot_rows")
    asked = Asked("_slots", part.first, part.last)
    try:
        build_stream(con, records, stream, part.questions, asked, out)
    except TooWideError:
        log.info("values of table %s pass what 64 bits can sum: by SQL", stream.table)
        rows = np.sort(part.questions.row)
        found = build_by_sql(con, records, cohort[rows], list(stream.features))
        for at, feature in enumerate(stream.features):
            out[at, rows] = found[feature.name]


def _events(con: duckdb.DuckDBPyConnection, stream: Stream) -> int:
    """Count the rows of a stream's table: no more events than that, but for later versions."""
    row = con.execute(f"SELECT count(*) FROM {quoted(stream.table)}").fetchall()[0]
    return int(row[0])


def _parts(events: int, features: int, budget: int) -> int:
    """Give in how many parts the merchants are taken, so that their events fit the memory."""
    columns = min(features, 8)
    need = events * (_EVENT_BYTES + _COLUMN_BYTES * columns)
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
