"""A whole input looked at once before it is scored: its checks, and who stands in it twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from alicredit.deciding.population import check_as_of, read_ids
from alicredit.deciding.scoring import distinct_of
from alicredit.portable.survey import Tally, judge, tally

Source = Any


@dataclass(frozen=True, eq=False)
class Survey:
    """What the whole of an input says of its rows.

    Parameters
    ----------
    rows : int
        Merchants.
    twice : frozenset of str
        Ids that stand more than once.
    """

    rows: int
    twice: frozenset[str]


def survey(
    source: Source, models: Mapping[str, Any], as_of: pd.Timestamp, chunk_rows: int
) -> Survey:
    """Check a whole input, in parts; refuse what ``check_frame`` of a model refuses.

    The verdict is that on the whole frame, whatever the parts: see ``alicredit.portable.survey``.
    """
    distinct = distinct_of(models)
    texts = texts_of(distinct)
    inputs = {table.name for model in distinct for table in model.tables}
    tallies: list[dict[str, Tally]] = [{} for _ in distinct]
    last, is_rising, rows = "", True, 0
    for frame in source.frames(0, chunk_rows, inputs | {"merchant_id", "as_of"}, texts):
        check_as_of(frame, as_of)
        for model, found in zip(distinct, tallies):
            for table in model.tables:
                one = tally(table, frame[table.name])
                found[table.name] = found[table.name] + one if table.name in found else one
        if is_rising:
            ids, _ = read_ids(frame["merchant_id"])
            is_rising = ids[0] > last and bool((ids[1:] > ids[:-1]).all())
            last = ids[-1]
        rows += len(frame)
    for model, found in zip(distinct, tallies):
        whole = {t.name: found.get(t.name, Tally(0, 0, 0)) for t in model.tables}
        judge(model.tables, whole, lambda name: _parts(source, name, chunk_rows))
    return Survey(rows, frozenset() if is_rising else _repeated(source, chunk_rows))


def texts_of(models: Collection[Any]) -> frozenset[str]:
    """Name the inputs that are categories."""
    return frozenset(t.name for model in models for t in model.tables if t.kind == "category")


def _parts(source: Source, name: str, chunk_rows: int) -> Iterator[pd.Series]:
    """Read one column alone, in parts."""
    return (frame[name] for frame in source.frames(0, chunk_rows, {name}))


def _repeated(source: Source, chunk_rows: int) -> frozenset[str]:
    """Find the ids that stand more than once: 8 bytes a merchant, then those alike by them."""
    marks = [
        pd.util.hash_array(read_ids(frame["merchant_id"])[0], categorize=False)
        for frame in source.frames(0, chunk_rows, {"merchant_id"})
    ]
    every = np.concatenate(marks) if marks else np.empty(0, dtype=np.uint64)
    del marks
    every.sort()
    alike = np.unique(every[1:][every[1:] == every[:-1]])
    del every
    if not len(alike):
        return frozenset()
    counts: Counter[str] = Counter()
    for frame in source.frames(0, chunk_rows, {"merchant_id"}):
        ids, _ = read_ids(frame["merchant_id"])
        own = pd.util.hash_array(ids, categorize=False)
        counts.update(ids[np.isin(own, alike)].tolist())
    return frozenset(name for name, count in counts.items() if count > 1)
