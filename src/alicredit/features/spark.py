"""Features on Spark: the same kernels, over a part of the merchants in each task.

Every table is cut by merchant into parts, packed as Arrow and shuffled; a task reads its part as
records of its own and calls the local engine on them. Merchants are independent and the kernels do
not mind in which order rows come, so that both engines agree to the bit. Features that other
merchants' facts go into (the season of peers, prices of a tariff line) are made once, where the
session is, from the few columns that they read, and go to the tasks with the questions.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from alicredit.checks import refuse
from alicredit.cohort import Cohort, require_cohort
from alicredit.declarations import Catalogue
from alicredit.derived import DERIVED, PEERS, base_tables
from alicredit.errors import FeatureError, RecordError
from alicredit.features.build import add_composed, build_base
from alicredit.features.others import is_of_others
from alicredit.records import TABLES, Records, read_records

Reals = npt.NDArray[np.float64]

PEER_SALES = "peer_sales"
"""The table by which a merchant's group of peers is found."""

_QUESTIONS = ""
_FLUSH_BYTES = 2**26
_ROWS = 20_000
_KEYS_TRIED = 64
_PACKED = "_part int, _table string, _rows binary"


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
    none = {str(name): _shape(frame).empty_table() for name, frame in frames.items()}
    empty = read_records(none, data_use=data_use)
    kept = {name: frames[name] for name in empty.tables if name in TABLES}
    use = None if data_use is None else {name: dict(given) for name, given in data_use.items()}
    return SparkRecords(kept, empty, use)


_ARROW = {
    "string": pa.string(), "boolean": pa.bool_(), "tinyint": pa.int8(), "smallint": pa.int16(),
    "int": pa.int32(), "bigint": pa.int64(), "float": pa.float32(), "double": pa.float64(),
    "date": pa.date32(), "timestamp": pa.timestamp("us", "UTC"),
    "timestamp_ntz": pa.timestamp("us"),
}  # fmt: skip
"""Spark's type -> Arrow's, of all types that a declared column may have."""


def _shape(frame: Any) -> pa.Schema:
    """Give a frame's columns and types in Arrow; a type that means nothing here is a list."""
    fields = []
    for field in frame.schema.fields:
        name = field.dataType.simpleString()
        found = re.fullmatch(r"decimal\((\d+),(-?\d+)\)", name)
        kind = pa.decimal128(int(found[1]), int(found[2])) if found else _ARROW.get(name)
        fields.append((field.name, pa.list_(pa.int8()) if kind is None else kind))
    return pa.schema(fields)


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
    What depends on other merchants is worked out in the session's own process, before.

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
    functions, types = _pyspark()
    taken = records if isinstance(records, SparkRecords) else read_spark_records(records)
    parts = int(session.conf.get("spark.sql.shuffle.partitions"))
    keys = _spread_keys(session, parts)
    read = _tables_read(catalogue, taken)
    packed = [
        _packed_frame(_owned(taken.frames, name, parts, functions), name, keys) for name in read
    ]
    shared = _of_others(taken, require_cohort(cohort), catalogue, memory)
    asked = _questions(cohort, shared, session, parts, functions)
    packed.append(_packed_frame(asked, _QUESTIONS, keys))
    together = reduce(lambda left, right: left.unionAll(right), packed)
    placed = together.repartition(parts, "_part").sortWithinPartitions("_part", "_table")
    shapes = {name: _shape(frame) for name, frame in taken.frames.items()}
    task = _Task(shapes, catalogue, taken.data_use, memory)
    fields = [types.StructField("row", types.LongType(), nullable=False)]
    fields += [types.StructField(name, types.DoubleType()) for name in catalogue.names]
    return _mapped(placed, task.answer, types.StructType(fields))


def _pyspark() -> tuple[Any, Any]:
    """Import what is used of pyspark, or say how to get it."""
    try:
        from pyspark.sql import functions, types
    except ImportError:
        do = "pip install 'alicredit[spark]'"
        refuse("engine", "must find pyspark to run on Spark", "none", do, error=FeatureError)
    return functions, types


def _tables_read(catalogue: Catalogue, records: SparkRecords) -> list[str]:
    """Name the tables that features read, and those through which rows find their merchant."""
    wanted = set(base_tables(f.table for f in catalogue if f.table and not is_of_others(f)))
    wanted |= {TABLES[name].parent_table for name in wanted}
    return [name for name in records.frames if name in wanted]


def _owned(frames: Mapping[str, Any], name: str, parts: int, functions: Any) -> Any:
    """Give a table's declared columns with the part of their merchant; rows of nobody are left."""
    table, frame = TABLES[name], frames[name]
    declared = [each for each in frame.columns if each in table or each == "known_at"]
    kept = frame.select(*(functions.col(f"`{each}`") for each in declared))
    if not table.parent:
        owned = kept.withColumn("_part", _part(parts, functions))
        return owned.where(functions.col("_part").isNotNull())
    parent, link = table.parent.split(".")
    if parent not in frames:
        return kept.withColumn("_part", functions.lit(0)).limit(0)
    owners = frames[parent].select(
        functions.col(link).cast("string").alias("_link"), _part(parts, functions).alias("_part")
    )
    owners = owners.where(functions.col("_part").isNotNull()).distinct()
    matched = kept.join(owners, kept[link].cast("string") == owners["_link"])
    return matched.drop("_link")


def _part(parts: int, functions: Any) -> Any:
    """Give the part of a merchant, by its name alone."""
    name = functions.col("merchant_id").cast("string").cast("binary")
    return functions.pmod(functions.crc32(name), functions.lit(parts)).cast("int")


def _of_others(
    records: SparkRecords, cohort: Cohort, catalogue: Catalogue, memory: str | None
) -> dict[str, Reals]:
    """Build here the features that other merchants' facts go into."""
    features = [feature for feature in catalogue if feature.table and is_of_others(feature)]
    if not features or not len(cohort):
        return {}
    tables = [feature.table for feature in features]
    wanted = base_tables([*tables, PEER_SALES, "merchants"])
    read = {*wanted, *(TABLES[name].parent_table for name in wanted)}
    few = {name: _few_columns(records, name) for name in records.frames if name in read}
    places = {feature.name: at for at, feature in enumerate(features)}
    values = np.empty((len(features), len(cohort)))
    here = read_records(few, data_use=records.data_use)
    build_base(here, cohort, features, places, values, memory=memory)
    return {name: values[at] for name, at in places.items()}


def _few_columns(records: SparkRecords, name: str) -> pa.Table:
    """Bring the columns of a table here that tables made of all merchants' facts read."""
    frame, table = records.frames[name], TABLES[name]
    wanted = {*table.required, table.happened, table.known, "known_at"}
    for each in DERIVED.values():
        if each.owner == PEERS or each.is_of_others:
            wanted |= {*each.sources.get(name, ())}
            wanted |= {at for need in each.needs.values() for of, at in need if of == name}
            wanted |= {column for column in table.names if re.search(rf"\b{column}\b", each.sql)}
    wanted |= {table[column].timed_by for column in table.names if column in wanted}
    kept = [column for column in frame.columns if column in wanted]
    return frame.select(*(f"`{column}`" for column in kept)).toArrow()


def _questions(
    cohort: Cohort, shared: Mapping[str, Reals], session: Any, parts: int, functions: Any
) -> Any:
    """Send the questions as one more table, with what is known of them already."""
    frame = cohort.frame
    table = pa.table(
        {
            "row": pa.array(np.arange(len(frame), dtype=np.int64)),
            "merchant_id": pa.array(frame["merchant_id"].tolist(), pa.string()),
            "as_of": pa.array(frame["as_of"].to_numpy().astype("datetime64[us]").view(np.int64)),
            **{name: pa.array(values) for name, values in shared.items()},
        }
    )
    return session.createDataFrame(table).withColumn("_part", _part(parts, functions))


def _spread_keys(session: Any, parts: int) -> tuple[int, ...]:
    """Find a number for each part that Spark sends to a partition of its own.

    Spark hashes what it partitions by, and would send several small numbers to one partition.
    """
    tried = session.range(0, _KEYS_TRIED * parts, numPartitions=1).selectExpr(
        "CAST(id AS INT) AS key", f"pmod(hash(CAST(id AS INT)), {parts}) AS place"
    )
    keys: dict[int, int] = {}
    for row in tried.collect():
        keys.setdefault(row["place"], row["key"])
    unused = iter(range(_KEYS_TRIED * parts, (_KEYS_TRIED + 1) * parts))
    return tuple(keys[part] if part in keys else next(unused) for part in range(parts))


def _packed_frame(frame: Any, name: str, keys: tuple[int, ...]) -> Any:
    """Pack a table's rows by part."""
    return _mapped(frame, partial(_pack, name, keys), _PACKED)


def _mapped(frame: Any, function: Any, schema: Any) -> Any:
    """Map a frame's batches; that Spark does not know a new pandas does not matter here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet", FutureWarning)
        return frame.mapInArrow(function, schema)


def _pack(
    name: str, keys: tuple[int, ...], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Collect batches until they are worth packing, then pack them."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size >= _FLUSH_BYTES:
            yield _packed(name, keys, held)
            held, size = [], 0
    if held:
        yield _packed(name, keys, held)


def _packed(name: str, keys: tuple[int, ...], batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Put rows of one part together, each part as one stream of Arrow."""
    rows = pa.Table.from_batches(batches)
    part = rows["_part"].to_numpy()
    order = np.argsort(part, kind="stable")
    found, start = np.unique(part[order], return_index=True)
    rows = rows.drop_columns(["_part"]).take(pa.array(order)).combine_chunks()
    ends = [*start[1:], len(part)]
    streams = [
        _written(rows.slice(first, end - first)) for first, end in zip(start, ends, strict=True)
    ]
    return pa.record_batch(
        {
            "_part": pa.array([keys[each] for each in found], pa.int32()),
            "_table": pa.array([name] * len(found), pa.string()),
            "_rows": pa.array(streams, pa.binary()),
        }
    )


def _written(rows: pa.Table) -> bytes:
    """Write rows as a stream of Arrow."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.getvalue().to_pybytes()


@dataclass(frozen=True, eq=False)
class _Task:
    """What a task must know beside its rows."""

    shapes: Mapping[str, pa.Schema]
    catalogue: Catalogue
    data_use: Mapping[str, Mapping[str, str]] | None
    memory: str | None

    def answer(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Answer the questions of each part, as it comes."""
        for _, own in groupby(_unpacked(batches), key=lambda each: each[0]):
            found: dict[str, list[pa.Table]] = {}
            for _, name, rows in own:
                found.setdefault(name, []).append(rows)
            if _QUESTIONS in found:
                yield from self._answers(found)

    def _answers(self, found: dict[str, list[pa.Table]]) -> Iterator[pa.RecordBatch]:
        """Answer the questions of one part by the local engine."""
        asked = pa.concat_tables(found[_QUESTIONS])
        tables = {
            name: pa.concat_tables(found[name]) if name in found else shape.empty_table()
            for name, shape in self.shapes.items()
        }
        as_of = asked["as_of"].to_numpy().astype("datetime64[us]")
        cohort = Cohort.from_frame(
            pd.DataFrame({"merchant_id": asked["merchant_id"].to_pylist(), "as_of": as_of})
        )
        records = read_records(tables, data_use=self.data_use)
        places = {feature.name: at for at, feature in enumerate(self.catalogue)}
        values = np.empty((len(places), len(cohort)))
        own = [each for each in self.catalogue if each.table and not is_of_others(each)]
        build_base(records, cohort, own, places, values, memory=self.memory)
        for name in places.keys() & {*asked.column_names}:
            values[places[name]] = asked[name].to_numpy()
        add_composed(self.catalogue, places, values)
        columns = {"row": asked["row"].combine_chunks()}
        columns |= {name: pa.array(values[places[name]]) for name in self.catalogue.names}
        yield from pa.table(columns).to_batches(max_chunksize=_ROWS)


def _unpacked(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, str, pa.Table]]:
    """Read packed rows one by one."""
    for batch in batches:
        parts, names = batch["_part"].to_pylist(), batch["_table"].to_pylist()
        for part, name, rows in zip(parts, names, batch["_rows"], strict=True):
            with pa.ipc.open_stream(rows.as_buffer()) as reader:
                yield part, name, reader.read_all()
