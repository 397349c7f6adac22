"""All tables cut by merchant: each task finds what bears on its merchants as records of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any

import pyarrow as pa

from alicredit.cluster.taking import Taken
from alicredit.features.packed import (
    everywhere,
    import_pyspark,
    owned_frame,
    packed_frame,
    part_of,
    spread_keys,
)
from alicredit.records import TABLES

COPY = "+"
"""Ends the name of rows that bear on merchants of another part than their own merchant's."""

_OF_PARTIES = ("blacklist", "account_events")


def spread(taken: Taken, session: Any) -> Any:
    """Cut and pack all tables, and bring each part together.

    Rows of nobody stand in part 0, and exchange rates, which are nobody's and needed by all, with
    every part. A link between merchants stands with both, and whether a related party is barred
    stands with whoever it is related to.

    Parameters
    ----------
    taken : Taken
        The records.
    session : SparkSession
        Where.

    Returns
    -------
    pyspark.sql.DataFrame
        ``_part, _table, _rows``, each part in one partition, sorted by both.
    """
    functions, _ = import_pyspark()
    parts = int(session.conf.get("spark.sql.shuffle.partitions"))
    keys = spread_keys(session, parts)
    frames = taken.frames
    every = {
        name: owned_frame(frames, name, parts, functions, with_nobodys=True) for name in frames
    }
    every |= dict(_copies(taken, parts, functions))
    packed = [packed_frame(frame, name, keys) for name, frame in every.items()]
    together = reduce(lambda left, right: left.unionAll(right), packed)
    return together.repartition(parts, "_part").sortWithinPartitions("_part", "_table")


def _copies(taken: Taken, parts: int, functions: Any) -> Iterator[tuple[str, Any]]:
    """Give the rows that bear on merchants of other parts."""
    for name, frame in taken.frames.items():
        if TABLES[name].merchantless:
            columns = [f"`{each}`" for each in taken.shapes[name].names]
            yield (
                name + COPY,
                everywhere(frame.select(*columns), parts, functions).where("_part > 0"),
            )
    if "related_parties" not in taken.frames:
        return
    links = taken.frames["related_parties"]
    own = [f"`{name}`" for name in taken.shapes["related_parties"].names]
    here, there = part_of(parts, functions), part_of(parts, functions, "other_id")
    links = links.withColumn("_here", functions.coalesce(here, functions.lit(0)))
    links = links.withColumn("_part", there)
    apart = links.where("_part IS NOT NULL AND _part <> _here")
    yield "related_parties" + COPY, apart.select(*own, "_part")
    ids = [functions.col(name).cast("string") for name in ("merchant_id", "other_id")]
    both = [
        apart.select(ids[0].alias("_of"), functions.col("_part"), functions.col("_here")),
        apart.select(
            ids[1].alias("_of"), functions.col("_here").alias("_part"),
            functions.col("_part").alias("_here"),
        ),
    ]  # fmt: skip
    needed = both[0].unionByName(both[1]).where("_of IS NOT NULL").select("_of", "_part").distinct()
    for name in _OF_PARTIES:
        if name not in taken.frames:
            continue
        columns = [f"`{each}`" for each in taken.shapes[name].names]
        rows = taken.frames[name].select(*columns)
        met = rows.join(needed, rows["merchant_id"].cast("string") == needed["_of"])
        yield name + COPY, met.select(*columns, "_part")


def tables_of(
    found: Mapping[str, list[pa.Table]],
) -> tuple[dict[str, pa.Table], dict[str, pa.Table]]:
    """Put the rows of a part together: those of its merchants, and with the copies."""
    own = {name: pa.concat_tables(rows) for name, rows in found.items() if not name.endswith(COPY)}
    every = dict(own)
    for name, rows in found.items():
        if name.endswith(COPY):
            table = name.removesuffix(COPY)
            every[table] = pa.concat_tables([*found.get(table, []), *rows])
    return own, every
