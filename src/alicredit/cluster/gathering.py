"""Inputs and facts of a part of the merchants, and what the part adds to the judgement of all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from alicredit.cluster.ids import Cuts
from alicredit.cluster.spreading import tables_of
from alicredit.cluster.taking import Taken
from alicredit.cohort import Cohort, known_merchants
from alicredit.deciding.population import Gatherer, Population, used_tables
from alicredit.deciding.scoring import distinct_of
from alicredit.derived import base_tables
from alicredit.features import Catalogue
from alicredit.features.packed import unpacked_parts, written
from alicredit.features.spark import build_part
from alicredit.nightly.job import lay_side_by_side
from alicredit.portable.survey import tally
from alicredit.records import Records, merchants_in_error
from alicredit.records.findings import sales_ratios
from alicredit.stability import count_arrivals

PIECES = "_number int, _kind string, _rows binary"
PEOPLE, TOLD, RATIOS = "people", "told", "ratios"
"""Kinds of pieces: inputs and facts of some merchants; counts; sales over what was declared."""


@dataclass(frozen=True, eq=False)
class Gathering:
    """What a task must know to gather a part of the merchants.

    Parameters
    ----------
    taken : Taken
        Columns and types of the tables.
    as_of : pandas.Timestamp
        The moment.
    models : mapping
        By product.
    catalogue : Catalogue
        What they take.
    cuts : Cuts
        The numbered parts into which all merchants are cut.
    faulty : frozenset of str
        Merchants whose keys stand with merchants of another part, too.
    debts : pandas.Series or None
        What the groups of related parties owe.
    sums : mapping of str to pyarrow.Table
        What all merchants add up to, by derived table.
    memory : str or None
        Limit of memory for building features.
    """

    taken: Taken
    as_of: pd.Timestamp
    models: Mapping[str, Any]
    catalogue: Catalogue
    cuts: Cuts
    faulty: frozenset[str]
    debts: pd.Series | None
    sums: Mapping[str, pa.Table]
    memory: str | None

    def answer(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Gather each part as it comes."""
        for found in unpacked_parts(batches):
            yield from self._gather(found)

    def _gather(self, found: dict[str, list[pa.Table]]) -> Iterator[pa.RecordBatch]:
        """Gather one part: pieces of people by number, and what it tells."""
        own, every = tables_of(found)
        records = self.taken.read(every)
        told: dict[str, Any] = {"arrivals": self._arrivals(self.taken.read(own)), "tallies": []}
        names = known_merchants(records, self.as_of)
        if names:
            cohort = Cohort.from_frame(pd.DataFrame({"merchant_id": names, "as_of": self.as_of}))
            people = self._people(records, cohort)
            told["tallies"] = [
                [(t.name, *plain_of(tally(t, people.inputs[t.name]))) for t in model.tables]
                for model in distinct_of(self.models)
            ]
            numbers = self.cuts.numbers(cohort.frame["merchant_id"].to_numpy(object))
            table = lay_side_by_side(people)
            starts = np.flatnonzero(np.diff(numbers, prepend=-1))
            for start, stop in zip(starts, [*starts[1:], len(numbers)], strict=True):
                yield piece(int(numbers[start]), PEOPLE, written(table.slice(start, stop - start)))
        ratios = sales_ratios(records, as_of=self.as_of)
        if len(ratios):
            yield piece(-1, RATIOS, written(pa.table({"ratio": ratios})))
        yield piece(-1, TOLD, json.dumps(told).encode())

    def _people(self, records: Records, cohort: Cohort) -> Population:
        """Build inputs and facts of a part's merchants."""
        inputs = build_part(records, cohort, self.catalogue, self.sums, self.memory)
        used = used_tables(self.catalogue)
        errors = merchants_in_error(records, as_of=self.as_of, tables=used)["merchant_id"]
        faulty = self.faulty | frozenset(errors.tolist())
        gatherer = Gatherer(records, records, cohort, self.catalogue, faulty, self.debts)
        return gatherer.with_facts(cohort, inputs)

    def _arrivals(self, records: Records) -> dict[str, list[list[Any]]]:
        """Count by day the facts of tables that the models read."""
        read = [t for t in base_tables(self.catalogue.tables) if t in records]
        read = [t for t in read if records.holds_facts(t)]
        found = {}
        for name, frame in count_arrivals(records, self.as_of, read).items():
            times = [
                frame[each].to_numpy("datetime64[us]").astype(np.int64).tolist()
                for each in ("last_known", "last_happened")
            ]
            columns = [frame["day"].tolist(), frame["volume"].tolist(), *times]
            found[name] = [list(line) for line in zip(*columns, strict=True)]
        return found


def plain_of(found: Any) -> Sequence[Any]:
    """Give a tally as plain values."""
    return [getattr(found, name) for name in found.__dataclass_fields__]


def piece(number: int, kind: str, rows: bytes) -> pa.RecordBatch:
    """Make one row of pieces."""
    return pa.record_batch(
        {
            "_number": pa.array([number], pa.int32()),
            "_kind": pa.array([kind], pa.string()),
            "_rows": pa.array([rows], pa.binary()),
        }
    )


def rows_of(value: Any) -> pa.Table:
    """Read the rows of a piece."""
    data = value.as_buffer() if hasattr(value, "as_buffer") else pa.py_buffer(bytes(value))
    with pa.ipc.open_stream(data) as reader:
        return reader.read_all()
