"""Who is asked about: merchants known before a moment, counted and cut into numbered parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from alicredit.checks import refuse
from alicredit.cluster.taking import Taken, from_cluster
from alicredit.cohort import known_merchants
from alicredit.errors import RecordError
from alicredit.features.packed import mapped

_IDS = "merchant_id string"


class Cuts(NamedTuple):
    """Where the parts of all merchants start, in the order of their ids.

    Parameters
    ----------
    merchants : int
        All.
    first : tuple of str
        The first id of each part.
    """

    merchants: int
    first: tuple[str, ...]

    def numbers(self, ids: npt.NDArray[np.object_]) -> npt.NDArray[np.int64]:
        """Give the number of each id's part, from 0."""
        starts = np.array(self.first, dtype=object)
        return np.searchsorted(starts, ids, side="right").astype(np.int64) - 1


def cut_merchants(taken: Taken, as_of: pd.Timestamp, size: int) -> Cuts:
    """Cut the merchants known before a moment into parts of a size.

    Ids are sorted on the cluster, as texts by their code points; what comes here is a count by
    partition and the first id of each part.

    Raises
    ------
    RecordError
        If there is no table of merchants.
    InputError
        If nobody was known yet, or a merchant has no id.
    """
    if "merchants" not in taken.frames:
        do = "give merchants with merchant_id, platform, registered_at"
        refuse("table 'merchants'", "must be among the records", "none", do, error=RecordError)
    task = _Known(taken.without_frames(), as_of)
    from pyspark import StorageLevel

    known = mapped(_own(taken), task.answer, _IDS).distinct().sort("merchant_id")
    known = known.persist(StorageLevel.DISK_ONLY)
    try:
        with from_cluster("table 'merchants'"):
            counts = dict(mapped(known, _count, "place int, rows bigint").toArrow().to_pandas()
                          .groupby("place")["rows"].sum())  # fmt: skip
            total = sum(counts.values())
            if not total:
                rule = "must lie after the first merchant is known"
                refuse("as_of", rule, f"{as_of} before all merchants of the records")
            offsets = dict(zip(sorted(counts), _starts(counts), strict=True))
            pick = partial(_pick, offsets, size)
            found = mapped(known, pick, "number bigint, merchant_id string").toArrow()
    finally:
        known.unpersist()
    order = np.argsort(found["number"].to_numpy())
    first = found["merchant_id"].take(pa.array(order)).to_pylist()
    if not first[0]:
        refuse("merchant_id", "must be given in each row of merchants", "some without")
    return Cuts(int(total), tuple(first))


def _own(taken: Taken) -> Any:
    """Give the merchants' declared columns."""
    frame = taken.frames["merchants"]
    return frame.select(*(f"`{name}`" for name in taken.shapes["merchants"].names))


def _starts(counts: dict[int, int]) -> list[int]:
    """Give how many rows stand before each partition."""
    sizes = [counts[place] for place in sorted(counts)]
    return [0, *np.cumsum(sizes)[:-1].tolist()]


@dataclass(frozen=True, eq=False)
class _Known:
    """Finds the merchants known before a moment among some rows."""

    taken: Taken
    as_of: pd.Timestamp

    def answer(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Name them, batch by batch; an empty name stands for rows without one."""
        for batch in batches:
            records = self.taken.read({"merchants": pa.Table.from_batches([batch])})
            ids = [name or "" for name in known_merchants(records, self.as_of)]
            yield pa.record_batch({"merchant_id": pa.array(ids, pa.string())})


def _place() -> int:
    """Give the number of the partition that a task works on."""
    from pyspark import TaskContext

    context = TaskContext.get()
    return 0 if context is None else int(context.partitionId())


def _count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Count the rows of a partition."""
    rows = sum(len(batch) for batch in batches)
    yield pa.record_batch(
        {"place": pa.array([_place()], pa.int32()), "rows": pa.array([rows], pa.int64())}
    )


def _pick(
    offsets: dict[int, int], size: int, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Pick the rows of a partition that start a part."""
    at = offsets.get(_place(), 0)
    for batch in batches:
        rows = np.arange(-at % size, len(batch), size)
        yield pa.record_batch(
            {
                "number": pa.array((rows + at) // size, pa.int64()),
                "merchant_id": batch["merchant_id"].take(pa.array(rows)),
            }
        )
        at += len(batch)
