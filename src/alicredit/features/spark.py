"""Features on Spark: the same kernels, over a part of the merchants in each task.

Every table is cut by merchant into parts, packed as Arrow and shuffled; a task reads its part as
records of its own and calls the local engine on them. Merchants are independent and the kernels do
not mind in which order rows come, so that both engines agree to the bit. For features that other
merchants' facts go into (the season of peers, prices of a tariff line) whole-number sums over all
merchants are made on the cluster before, and go to the tasks: see ``spark_sums``. What is nobody's
(exchange rates) goes to every part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from alicredit.checks import refuse
from alicredit.cohort import Cohort, require_cohort
from alicredit.declarations import Catalogue
from alicredit.derived import base_tables, derive_tables
from alicredit.errors import RecordError
from alicredit.features.build import build_frame
from alicredit.features.packed import (
    everywhere,
    import_pyspark,
    mapped,
    owned_frame,
    packed_frame,
    part_of,
    shape_of,
    spread_keys,
    unpacked_parts,
)
from alicredit.features.peers import is_of_others, is_of_peers
from alicredit.features.spark_sums import Shaped, sum_on_spark
from alicredit.records import TABLES, Records, read_records

_QUESTIONS = ""
_ROWS = 20_000


@dataclass(frozen=True, eq=False)
class SparkRecords:
    """A platform's records whose tables are Spark frames.

    Made by :func:`read_spark_records`.

    Parameters
    ----------
    frames : mapping of str to pyspark.sql.DataFrame
        The tables that may be read.
    empty : Records
        The same tables without rows: their columns and types, checked.
    data_use : mapping or None, default None
        As given.
    """

    frames: Mapping[str, Any]
    empty: Records
    data_use: Mapping[str, Mapping[str, str]] | None = None

    @property
    def tables(self) -> tuple[str, ...]:
        """Give the names of the tables that may be read."""
        return self.empty.tables

    def __repr__(self) -> str:
        """Name the tables."""
        return f"SparkRecords({', '.join(self.tables)})"


def read_spark_records(
    frames: Mapping[str, Any], *, data_use: Mapping[str, Mapping[str, str]] | None = None
) -> SparkRecords:
    """Take Spark frames as a platform's records; nothing of them is read yet.

    Parameters
    ----------
    frames : mapping of str to pyspark.sql.DataFrame
        Table name -> frame. Times without a zone are of the type ``timestamp_ntz``, as Spark reads
        them from Parquet; those of the type ``timestamp`` are moments, and are converted to the
        records' zone.
    data_use : mapping of str to mapping or None, default None
        Purpose and legal basis by restricted table, as for :func:`read_records`.

    Returns
    -------
    SparkRecords
        Of the tables that may be read.

    Raises
    ------
    RecordError
        If a table is no Spark frame, or lacks a required column, or a type has no meaning.

    Examples
    --------
    >>> read_spark_records({"merchants": "data/sample/merchants.parquet"})
    Traceback (most recent call last):
    alicredit.errors.RecordError: table 'merchants' must be a Spark frame; found str. Try: ...
    """
    do = "read it with spark.read.parquet(path)"
    rule = "must be a mapping from table name to Spark frame"
    source: object = frames
    if not isinstance(source, Mapping):
        refuse("records", rule, type(source).__name__, do, error=RecordError)
    for name, frame in frames.items():
        if not hasattr(frame, "mapInArrow"):
            rule = "must be a Spark frame"
            refuse(f"table {name!r}", rule, type(frame).__name__, do, error=RecordError)
    none = {str(name): shape_of(frame).empty_table() for name, frame in frames.items()}
    empty = read_records(none, data_use=data_use)
    kept = {name: frames[name] for name in empty.tables if name in TABLES}
    use = None if data_use is None else {name: dict(given) for name, given in data_use.items()}
    return SparkRecords(kept, empty, use)


def build_on_spark(
    records: SparkRecords | Mapping[str, Any],
    cohort: Cohort,
    *,
    catalogue: Catalogue,
    session: Any,
    memory: str | None = None,
) -> Any:
    """Build features of each question in tasks of Spark.

    The merchants are cut into as many parts as ``spark.sql.shuffle.partitions`` says; a part's rows
    must fit a worker's memory, and stay under 2 GB. The library must be importable on the workers.
    Where features read other merchants' facts, sums over all are made on the cluster at once.

    Parameters
    ----------
    records : SparkRecords or mapping of str to pyspark.sql.DataFrame
        The platform's records.
    cohort : Cohort
        Who, and as of when.
    catalogue : Catalogue
        Which features.
    session : pyspark.sql.SparkSession
        Where.
    memory : str or None, default None
        Limit of memory of each task's work.

    Returns
    -------
    pyspark.sql.DataFrame
        ``row`` (the question's place in the cohort, from 0) and a column of doubles by feature, in
        no order; worked out when it is asked for, each time anew unless it is cached.

    Raises
    ------
    FeatureError
        If pyspark is not there.
    RecordError
        If the records are no Spark frames, or a task meets rows that cannot be read.
    """
    functions, types = import_pyspark()
    taken = records if isinstance(records, SparkRecords) else read_spark_records(records)
    parts = int(session.conf.get("spark.sql.shuffle.partitions"))
    keys = spread_keys(session, parts)
    shapes = {name: shape_of(frame) for name, frame in taken.frames.items()}
    shaped = Shaped(shapes, taken.data_use, taken.empty.timezone)
    asked = _questions(require_cohort(cohort), session, parts, functions)
    packed = [packed_frame(asked, _QUESTIONS, keys)]
    for name in _tables_read(catalogue, taken):
        frame = owned_frame(taken.frames, name, parts, functions)
        if TABLES[name].merchantless:
            frame = everywhere(frame, parts, functions)
        packed.append(packed_frame(frame, name, keys))
    together = reduce(lambda left, right: left.unionAll(right), packed)
    placed = together.repartition(parts, "_part").sortWithinPartitions("_part", "_table")
    sums = sum_on_spark(taken.frames, shaped, catalogue, session)
    task = _Task(shaped, catalogue, sums, memory)
    fields = [types.StructField("row", types.LongType(), nullable=False)]
    fields += [types.StructField(name, types.DoubleType()) for name in catalogue.names]
    return mapped(placed, task.answer, types.StructType(fields))


def _tables_read(catalogue: Catalogue, records: SparkRecords) -> list[str]:
    """Name the tables that features read, and those through which rows find their merchant."""
    base = [feature for feature in catalogue if feature.table]
    wanted = set(base_tables(f.table for f in base if not is_of_peers(f)))
    if any(is_of_peers(feature) for feature in base):
        wanted |= {"merchants", "merchant_history"}
    wanted |= {TABLES[name].parent_table for name in wanted}
    return [name for name in records.frames if name in wanted]


def build_part(
    records: Records,
    cohort: Cohort,
    catalogue: Catalogue,
    sums: Mapping[str, pa.Table],
    memory: str | None,
) -> pd.DataFrame:
    """Build features of a part of the merchants, with the sums of all."""
    of_others = dict.fromkeys(f.table for f in catalogue if f.table and is_of_others(f))
    made = derive_tables(records, [*of_others, *sums], sums=sums)
    return build_frame(made, cohort, catalogue=catalogue, memory=memory)


def _questions(cohort: Cohort, session: Any, parts: int, functions: Any) -> Any:
    """Send the questions as one more table."""
    frame = cohort.frame
    table = pa.table(
        {
            "row": pa.array(np.arange(len(frame), dtype=np.int64)),
            "merchant_id": pa.array(frame["merchant_id"].tolist(), pa.string()),
            "as_of": pa.array(frame["as_of"].to_numpy().astype("datetime64[us]").view(np.int64)),
        }
    )
    return session.createDataFrame(table).withColumn("_part", part_of(parts, functions))


@dataclass(frozen=True, eq=False)
class _Task:
    """What a task must know beside its rows."""

    shaped: Shaped
    catalogue: Catalogue
    sums: Mapping[str, pa.Table]
    memory: str | None

    def answer(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Answer the questions of each part, as it comes."""
        for found in unpacked_parts(batches):
            if _QUESTIONS in found:
                yield from self._answers(found)

    def _answers(self, found: dict[str, list[pa.Table]]) -> Iterator[pa.RecordBatch]:
        """Answer the questions of one part by the local engine."""
        asked = pa.concat_tables(found.pop(_QUESTIONS))
        as_of = asked["as_of"].to_numpy().astype("datetime64[us]")
        cohort = Cohort.from_frame(
            pd.DataFrame({"merchant_id": asked["merchant_id"].to_pylist(), "as_of": as_of})
        )
        records = self.shaped.read({n: pa.concat_tables(rows) for n, rows in found.items()})
        frame = build_part(records, cohort, self.catalogue, self.sums, self.memory)
        columns = {"row": asked["row"].combine_chunks()}
        columns |= {name: pa.array(frame[name].to_numpy()) for name in self.catalogue.names}
        yield from pa.table(columns).to_batches(max_chunksize=_ROWS)
