"""Prepared features on a cluster: each task reads its own rows of the files, and decides them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import pandas as pd
import pyarrow as pa

from alicredit.checks import refuse
from alicredit.cluster.gathering import plain_of
from alicredit.cluster.taking import from_cluster
from alicredit.deciding.population import check_as_of, check_features, read_ids
from alicredit.deciding.scoring import distinct_of
from alicredit.features.packed import import_pyspark, mapped
from alicredit.nightly.sources import FileSource, open_source
from alicredit.nightly.streaming import Question
from alicredit.nightly.survey import Survey, texts_of
from alicredit.portable.survey import Tally, judge, tally

_TOLD = "number int, told string"
_CHUNK = 50_000


def open_prepared(features: Any, models: Mapping[str, Any]) -> FileSource:
    """Take features by their path; refuse what tasks cannot read for themselves.

    Examples
    --------
    >>> open_prepared(pd.DataFrame({"merchant_id": ["m"]}), {})
    Traceback (most recent call last):
    alicredit.errors.InputError: features must be the path of Parquet files that all workers ...
    """
    if not isinstance(features, str) and not hasattr(features, "__fspath__"):
        do = "write them first (features.write.parquet(path), or to_parquet), and give the path"
        rule = "must be the path of Parquet files that all workers share"
        refuse("features", rule, type(features).__name__, do)
    source = open_source(features)
    if not isinstance(source, FileSource):
        raise TypeError
    check_features(source.names, models)
    return replace(
        source, paths=tuple(path.resolve() for path in source.paths), root=source.root.resolve()
    )


@dataclass(frozen=True, eq=False)
class Prepared:
    """Files of features, and what is asked of them.

    Parameters
    ----------
    source : FileSource
        The files.
    asked : Question
        By which models and policy, when, at what prices.
    size : int
        Merchants of a part.
    """

    source: FileSource
    asked: Question
    size: int

    @property
    def parts(self) -> int:
        """Count the parts."""
        return max(-(-self.source.rows // self.size), 1)

    def frame(self, number: int) -> pd.DataFrame:
        """Read the rows of a part."""
        texts = texts_of(distinct_of(self.asked.models))
        return self._frame(number, self.asked.columns, texts)

    def _frame(self, number: int, columns: Any, texts: Any) -> pd.DataFrame:
        """Read some columns of a part's rows."""
        frames = self.source.frames(number * self.size, self.size, columns, texts)
        found = next(frames, None)
        if found is None:
            names = [name for name in self.source.names if name in columns]
            found = pd.DataFrame({name: pd.Series([], dtype=object) for name in names})
        return found

    def count_part(self, number: int) -> dict[str, Any]:
        """Count what a part adds to the judgement of all."""
        distinct = distinct_of(self.asked.models)
        inputs = {table.name for model in distinct for table in model.tables}
        frame = self._frame(number, inputs | {"merchant_id", "as_of"}, texts_of(distinct))
        check_as_of(frame, self.asked.as_of)
        ids, _ = read_ids(frame["merchant_id"])
        return {
            "tallies": [
                [(t.name, *plain_of(tally(t, frame[t.name]))) for t in model.tables]
                for model in distinct
            ],
            "ends": [ids[0], ids[-1]] if len(ids) else [],
            "rises": bool((ids[1:] > ids[:-1]).all()) if len(ids) else True,
        }

    def count_parts(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Count for the numbers that come."""
        for number in numbers_of(batches):
            text = json.dumps(self.count_part(number))
            yield pa.record_batch(
                {"number": pa.array([number], pa.int32()), "told": pa.array([text], pa.string())}
            )

    def ids(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Give the ids of the numbers that come."""
        for number in numbers_of(batches):
            ids, _ = read_ids(self._frame(number, {"merchant_id"}, ())["merchant_id"])
            yield pa.record_batch({"merchant_id": pa.array(ids.tolist(), pa.string())})


def numbers_of(batches: Iterable[pa.RecordBatch]) -> Iterator[int]:
    """Give the numbers of parts that come to a task."""
    for batch in batches:
        yield from batch["id"].to_pylist()


def numbered(session: Any, numbers: Iterable[int]) -> Any:
    """Deal numbers of parts out, one to a task."""
    functions, _ = import_pyspark()
    every = list(numbers)
    frame = session.range(0, len(every), numPartitions=max(len(every), 1))
    places = functions.array(*(functions.lit(each) for each in every))
    if every == list(range(len(every))):
        return frame
    return frame.select(functions.element_at(places, (frame["id"] + 1).cast("int")).alias("id"))


def survey_on_cluster(prepared: Prepared, session: Any) -> Survey:
    """Judge all features as a whole, and find who stands in them twice."""
    models, source = prepared.asked.models, prepared.source
    with from_cluster("features"):
        rows = mapped(
            numbered(session, range(prepared.parts)), prepared.count_parts, _TOLD
        ).collect()
    told = [json.loads(row["told"]) for row in sorted(rows, key=lambda row: row["number"])]
    parts_of: Callable[[str], Iterator[pd.Series]] = partial(_column, source)
    for at, model in enumerate(distinct_of(models)):
        judge(model.tables, add_tallies(model, (each["tallies"][at] for each in told)), parts_of)
    ends = [each["ends"] for each in told if each["ends"]]
    rises = all(each["rises"] for each in told)
    rises &= all(before[1] < after[0] for before, after in pairwise(ends))
    rises &= not ends or ends[0][0] > ""
    return Survey(source.rows, frozenset() if rises else _twice(prepared, session))


def add_tallies(model: Any, parts: Iterable[list[list[Any]]]) -> dict[str, Tally]:
    """Add the counts of parts up."""
    whole = {table.name: Tally(0, 0, 0) for table in model.tables}
    for part in parts:
        for name, *values in part:
            whole[name] = whole[name] + Tally(*values)
    return whole


def _column(source: FileSource, name: str) -> Iterator[pd.Series]:
    """Read one column here, in parts, for a median that counts leave open."""
    return (frame[name] for frame in source.frames(0, _CHUNK, {name}))


def _twice(prepared: Prepared, session: Any) -> frozenset[str]:
    """Name the ids that stand more than once."""
    functions, _ = import_pyspark()
    every = mapped(numbered(session, range(prepared.parts)), prepared.ids, "merchant_id string")
    counts = every.groupBy("merchant_id").agg(functions.count("*").alias("many"))
    with from_cluster("features"):
        return frozenset(row["merchant_id"] for row in counts.where("many > 1").collect())
