"""What a task does with the people of a part: decides them, and writes them where asked to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pandas as pd
import pyarrow as pa

from alicredit.cluster.gathering import rows_of
from alicredit.cluster.prepared import Prepared, numbers_of
from alicredit.deciding.population import prepare
from alicredit.deciding.scoring import distinct_of
from alicredit.decision import COLUMNS
from alicredit.features.packed import import_pyspark
from alicredit.nightly.folder import Folder
from alicredit.nightly.run import Run
from alicredit.nightly.sources import frame_of
from alicredit.nightly.streaming import STATUS, Question, write_one
from alicredit.nightly.survey import Survey, texts_of
from alicredit.nightly.written import SCHEMA

RECEIPT = "number int, receipt string"
_ROWS = 20_000


@dataclass(frozen=True, eq=False)
class Deciding:
    """What a task must know to decide numbered parts of people.

    Parameters
    ----------
    asked : Question
        By which models and policy, when, at what prices.
    place : (Folder, mapping, Run, Survey) or None
        Where parts are written, as which job, and how; None gives rows.
    prepared : Prepared or None
        The files of features where there are any.
    twice : frozenset of str
        Who stands in them more than once.
    """

    asked: Question
    place: tuple[Folder, Mapping[str, Any], Run, Survey] | None = None
    prepared: Prepared | None = None
    twice: frozenset[str] = frozenset()

    def frame(self, pieces: list[pa.Table]) -> pd.DataFrame:
        """Give the people of a part in the order of their ids, as a local run reads them."""
        table = pa.concat_tables(pieces).sort_by("merchant_id")
        wanted = self.asked.columns | {STATUS}
        table = table.select([name for name in table.column_names if name in wanted])
        return frame_of(table.to_batches(), texts_of(distinct_of(self.asked.models)))

    def answer(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Decide each part as it comes: rows."""
        for _, pieces in _parts_of(batches):
            yield from self.rows(self.frame(pieces))

    def answer_read(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Read and decide the parts whose numbers come: rows."""
        for number in numbers_of(batches):
            yield from self.rows(self.read(number))

    def rows(self, frame: pd.DataFrame) -> Iterator[pa.RecordBatch]:
        """Decide some people: rows."""
        for at in range(0, len(frame), _ROWS):
            people = self.people(frame.iloc[at : at + _ROWS])
            yield from self.asked.table(people).cast(SCHEMA).to_batches()

    def people(self, rows: pd.DataFrame) -> Any:
        """Take rows of people, with what their records say of them."""
        people = prepare(rows, self.asked.models, self.asked.as_of, twice=self.twice)
        if STATUS in rows:
            own = rows[STATUS].to_numpy(object)
            people.status[own != "ok"] = own[own != "ok"]
        return people

    def read(self, number: int) -> pd.DataFrame:
        """Read the people of a part."""
        if self.prepared is None:
            raise TypeError
        return self.prepared.frame(number)

    def write_read(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Read, decide and write the parts whose numbers come: receipts."""
        for number in numbers_of(batches):
            yield self.write_one(number, self.read(number))

    def write(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Decide and write each part as it comes: receipts."""
        for number, pieces in _parts_of(batches):
            yield self.write_one(number, self.frame(pieces))

    def write_one(self, number: int, frame: pd.DataFrame) -> pa.RecordBatch:
        """Decide and write one part as a local run does; give its receipt."""
        if self.place is None:
            raise TypeError
        folder, job, run, seen = self.place
        receipt = write_one(frame, number, self.asked, folder, job, run, seen)
        text = json.dumps(receipt)
        return pa.record_batch(
            {"number": pa.array([number], pa.int32()), "receipt": pa.array([text], pa.string())}
        )


def _parts_of(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, list[pa.Table]]]:
    """Bring the pieces of each part together."""
    rows = (
        (number, value)
        for batch in batches
        for number, value in zip(batch["_number"].to_pylist(), batch["_rows"], strict=True)
    )
    for number, own in groupby(rows, key=lambda each: each[0]):
        yield number, [rows_of(value) for _, value in own]


def spark_schema() -> Any:
    """Give the columns and types of decisions as Spark has them."""
    _, types = import_pyspark()
    kinds = {
        pa.string(): types.StringType(), pa.float64(): types.DoubleType(),
        pa.int64(): types.LongType(), pa.timestamp("us"): types.TimestampNTZType(),
        pa.list_(pa.string()): types.ArrayType(types.StringType()),
    }  # fmt: skip
    return types.StructType([types.StructField(n, kinds[SCHEMA.field(n).type]) for n in COLUMNS])
