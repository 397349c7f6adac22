"""What merchants add up to on Spark, for tables in which other merchants' facts stand.

A task sums up its part of the merchants in whole numbers, as ``derived`` declares them; Spark adds
the parts up by their keys; what comes here are the sums of all: as many rows as there are
categories and days (or codes of goods and days), however many merchants and facts there are. Whole
numbers add up to the same in any order, so that the tables made of them are the local ones to the
bit.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import pyarrow as pa

from alicredit.declarations import Catalogue
from alicredit.derived import DERIVED, base_tables, sum_of_part
from alicredit.features.packed import (
    import_pyspark,
    mapped,
    owned_frame,
    packed_frame,
    spread_keys,
    unpacked_parts,
)
from alicredit.features.peers import is_of_others, is_of_peers
from alicredit.records import TABLES, Records, read_records

log = logging.getLogger(__name__)

PEER_SALES = "peer_sales"
"""The table by which a merchant's group of peers is found."""

_KEYS, _SUMS = 3, 4
"""Columns by which a table's sums are taken, and sums, at most."""

_NAMES = ("name", *(f"k{at}" for at in range(_KEYS)))
_KIND = pa.decimal128(38, 0)
_SCHEMA = ", ".join(
    [*(f"{name} string" for name in _NAMES), *(f"s{at} decimal(38,0)" for at in range(_SUMS))]
)
_ROWS = 100_000


def summed_tables(catalogue: Catalogue) -> tuple[str, ...]:
    """Name the derived tables whose sums features read, those by which peers are found, too.

    Examples
    --------
    >>> from alicredit.catalogue import CATALOGUE
    >>> summed_tables(CATALOGUE.subset(["orders_paid_count_90d"]))
    ()
    >>> summed_tables(CATALOGUE.subset(["sales_over_season_30_180"]))
    ('peer_sales',)
    """
    read = [feature for feature in catalogue if feature.table and is_of_others(feature)]
    found = {feature.table for feature in read if DERIVED[feature.table].sums}
    if any(is_of_peers(feature) for feature in read):
        found.add(PEER_SALES)
    return tuple(sorted(found))


@dataclass(frozen=True, eq=False)
class Shaped:
    """What a task must know to read rows of a part as records.

    Parameters
    ----------
    shapes : mapping of str to pyarrow.Schema
        Columns and types of all tables.
    data_use : mapping or None
        Purpose and legal basis by restricted table.
    timezone : str
        Zone of naive times.
    """

    shapes: Mapping[str, pa.Schema]
    data_use: Mapping[str, Mapping[str, str]] | None
    timezone: str

    def read(self, tables: Mapping[str, pa.Table]) -> Records:
        """Read some rows as records; a table of which there are none is empty."""
        every = {
            name: tables[name] if name in tables else shape.empty_table()
            for name, shape in self.shapes.items()
        }
        return replace(read_records(every, data_use=self.data_use), timezone=self.timezone)

    def sums(self, names: tuple[str, ...]) -> Summing:
        """Give what a task must know to sum up for some derived tables, from few columns."""
        return Summing(replace(self, shapes=_few(self.shapes, names)), names)


@dataclass(frozen=True, eq=False)
class Summing:
    """Sums up parts of the merchants for derived tables.

    Parameters
    ----------
    shaped : Shaped
        The columns that are read.
    names : tuple of str
        The derived tables.
    """

    shaped: Shaped
    names: tuple[str, ...]

    def answer(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Sum up each part as it comes."""
        for found in unpacked_parts(batches):
            records = self.shaped.read({n: pa.concat_tables(rows) for n, rows in found.items()})
            for name in self.names:
                yield from _sent(name, sum_of_part(records, name))

    def received(self, name: str, rows: pa.Table) -> pa.Table:
        """Give a table's sums their own names and types again."""
        told = sum_of_part(self.shaped.read({}), name)
        columns = {}
        for at, key in enumerate(_keys(told, name)):
            column, kind = rows[f"k{at}"], told.schema.field(key).type
            is_day = pa.types.is_date32(kind)
            columns[key] = column.cast(pa.int32()).cast(kind) if is_day else column.cast(kind)
        for at, key in enumerate(DERIVED[name].summed if columns else ()):
            columns[key] = rows[f"s{at}"].cast(_KIND)
        return pa.table(columns)


def sum_on_spark(
    frames: Mapping[str, Any], shaped: Shaped, catalogue: Catalogue, session: Any
) -> dict[str, pa.Table]:
    """Add up over all merchants what features of others read.

    Parameters
    ----------
    frames : mapping of str to pyspark.sql.DataFrame
        The platform's tables.
    shaped : Shaped
        Their columns and types.
    catalogue : Catalogue
        Which features.
    session : pyspark.sql.SparkSession
        Where.

    Returns
    -------
    dict of str to pyarrow.Table
        By derived table, as ``derive_tables`` takes them; empty where no feature reads any.
    """
    functions, _ = import_pyspark()
    names = summed_tables(catalogue)
    if not names:
        return {}
    summing = shaped.sums(names)
    few = {
        name: frames[name].select(*(f"`{column}`" for column in shape.names))
        for name, shape in summing.shaped.shapes.items()
    }
    read = [name for name in few if name in base_tables(names)]
    parts = int(session.conf.get("spark.sql.shuffle.partitions"))
    keys = spread_keys(session, parts)
    packed = [
        packed_frame(owned_frame(few, name, parts, functions, with_nobodys=True), name, keys)
        for name in read
    ]
    together = reduce(lambda left, right: left.unionAll(right), packed)
    placed = together.repartition(parts, "_part").sortWithinPartitions("_part", "_table")
    added = [functions.sum(f"s{at}").alias(f"s{at}") for at in range(_SUMS)]
    rows = mapped(placed, summing.answer, _SCHEMA).groupBy(*_NAMES).agg(*added).toArrow()
    rows = rows.sort_by([(name, "ascending") for name in _NAMES])
    of = rows["name"].to_numpy()
    log.info("%d rows of sums over all merchants, for %s", len(rows), ", ".join(names))
    return {name: summing.received(name, rows.filter(pa.array(of == name))) for name in names}


def _few(shapes: Mapping[str, pa.Schema], names: tuple[str, ...]) -> dict[str, pa.Schema]:
    """Give the tables and columns that derived tables' sums read."""
    read = base_tables(names)
    read = (*read, *(TABLES[name].parent_table for name in read))
    return {
        name: pa.schema([each for each in shape if each.name in _wanted(name, names)])
        for name, shape in shapes.items()
        if name in read
    }


def _wanted(name: str, derived: tuple[str, ...]) -> set[str]:
    """Name the columns of a table that the sums of derived tables read."""
    table = TABLES[name]
    wanted = {*table.required, *table.key, table.happened, table.known, "known_at"}
    for each in (DERIVED[other] for other in derived):
        wanted |= {*each.sources.get(name, ())}
        wanted |= {at for need in each.needs.values() for of, at in need if of == name}
        wanted |= {column for column in table.names if re.search(rf"\b{column}\b", each.sums)}
    return wanted | {table[column].timed_by for column in table.names if column in wanted}


def _keys(sums: pa.Table, name: str) -> list[str]:
    """Name the columns by which sums are taken."""
    return [column for column in sums.column_names if column not in DERIVED[name].summed]


def _sent(name: str, sums: pa.Table) -> Iterator[pa.RecordBatch]:
    """Lay sums out in columns that are the same for all tables."""
    texts: dict[str, Any] = {"name": pa.array([name] * len(sums), pa.string())}
    keys, values = _keys(sums, name), DERIVED[name].summed if len(sums) else ()
    for at in range(_KEYS):
        column = sums[keys[at]] if at < len(keys) else pa.nulls(len(sums), pa.string())
        if pa.types.is_date32(column.type):
            column = column.cast(pa.int32())
        texts[f"k{at}"] = column.cast(pa.string())
    for at in range(_SUMS):
        is_there = at < len(values)
        texts[f"s{at}"] = sums[values[at]].cast(_KIND) if is_there else pa.nulls(len(sums), _KIND)
    yield from pa.table(texts).to_batches(max_chunksize=_ROWS)
