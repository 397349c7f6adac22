"""Tables cut by merchant into parts and packed: what a task reads as records of its own."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

from alicredit.checks import refuse
from alicredit.errors import FeatureError
from alicredit.records import TABLES

_FLUSH_BYTES = 2**26
_KEYS_TRIED = 64
_PACKED = "_part int, _table string, _rows binary"

_ARROW = {
    "string": pa.string(), "boolean": pa.bool_(), "tinyint": pa.int8(), "smallint": pa.int16(),
    "int": pa.int32(), "bigint": pa.int64(), "float": pa.float32(), "double": pa.float64(),
    "date": pa.date32(), "timestamp": pa.timestamp("us", "UTC"),
    "timestamp_ntz": pa.timestamp("us"),
}  # fmt: skip
"""Spark's type -> Arrow's, of all types that a declared column may have."""


def shape_of(frame: Any) -> pa.Schema:
    """Give a frame's columns and types in Arrow; a type that means nothing here is a list."""
    fields = []
    for field in frame.schema.fields:
        name = field.dataType.simpleString()
        found = re.fullmatch(r"decimal\((\d+),(-?\d+)\)", name)
        kind = pa.decimal128(int(found[1]), int(found[2])) if found else _ARROW.get(name)
        fields.append((field.name, pa.list_(pa.int8()) if kind is None else kind))
    return pa.schema(fields)


def import_pyspark() -> tuple[Any, Any]:
    """Import what is used of pyspark, or say how to get it."""
    try:
        from pyspark.sql import functions, types
    except ImportError:
        do = "pip install 'alicredit[spark]'"
        refuse("engine", "must find pyspark to run on Spark", "none", do, error=FeatureError)
    return functions, types


def owned_frame(
    frames: Mapping[str, Any], name: str, parts: int, functions: Any, *, with_nobodys: bool = False
) -> Any:
    """Give a table's declared columns with the part of their merchant.

    Rows of nobody are left out, or stand in part 0; a child row without its parent is no fact.
    """
    table, frame = TABLES[name], frames[name]
    declared = [each for each in frame.columns if each in table or each == "known_at"]
    kept = frame.select(*(functions.col(f"`{each}`") for each in declared))
    part = part_of(parts, functions)
    if with_nobodys:
        part = functions.coalesce(part, functions.lit(0))
    if table.merchantless:
        return kept.withColumn("_part", functions.lit(0))
    if not table.parent:
        owned = kept.withColumn("_part", part)
        return owned.where(functions.col("_part").isNotNull())
    parent, link = table.parent.split(".")
    if parent not in frames:
        return kept.withColumn("_part", functions.lit(0)).limit(0)
    owners = frames[parent].select(
        functions.col(link).cast("string").alias("_link"), part.alias("_part")
    )
    owners = owners.where(functions.col("_part").isNotNull()).distinct()
    matched = kept.join(owners, kept[link].cast("string") == owners["_link"])
    return matched.drop("_link")


def everywhere(frame: Any, parts: int, functions: Any) -> Any:
    """Give rows that are nobody's to every part; they are few."""
    every = functions.sequence(functions.lit(0), functions.lit(parts - 1))
    return frame.withColumn("_part", functions.explode(every))


def part_of(parts: int, functions: Any, column: str = "merchant_id") -> Any:
    """Give the part of a merchant, by its name alone."""
    name = functions.col(column).cast("string").cast("binary")
    return functions.pmod(functions.crc32(name), functions.lit(parts)).cast("int")


def spread_keys(session: Any, parts: int) -> tuple[int, ...]:
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


def packed_frame(frame: Any, name: str, keys: tuple[int, ...]) -> Any:
    """Pack a table's rows by part."""
    return mapped(frame, partial(pack, name, keys), _PACKED)


def mapped(frame: Any, function: Any, schema: Any) -> Any:
    """Map a frame's batches; that Spark does not know a new pandas does not matter here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet", FutureWarning)
        return frame.mapInArrow(function, schema)


def pack(
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
        written(rows.slice(first, end - first)) for first, end in zip(start, ends, strict=True)
    ]
    return pa.record_batch(
        {
            "_part": pa.array([keys[each] for each in found], pa.int32()),
            "_table": pa.array([name] * len(found), pa.string()),
            "_rows": pa.array(streams, pa.binary()),
        }
    )


def written(rows: pa.Table) -> bytes:
    """Write rows as a stream of Arrow."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.getvalue().to_pybytes()


def unpacked_parts(batches: Iterable[pa.RecordBatch]) -> Iterator[dict[str, list[pa.Table]]]:
    """Read packed rows that come part by part: of each part its pieces by table."""
    for _, own in groupby(unpacked(batches), key=lambda each: each[0]):
        found: dict[str, list[pa.Table]] = {}
        for _, name, rows in own:
            found.setdefault(name, []).append(rows)
        yield found


def unpacked(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, str, pa.Table]]:
    """Read packed rows one by one."""
    for batch in batches:
        parts, names = batch["_part"].to_pylist(), batch["_table"].to_pylist()
        for part, name, rows in zip(parts, names, batch["_rows"], strict=True):
            with pa.ipc.open_stream(rows.as_buffer()) as reader:
                yield part, name, reader.read_all()
