"""A portfolio decided on a cluster: gathered once, judged whole, then answered part by part."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from alicredit.checks import refuse
from alicredit.cluster.gathering import PEOPLE, PIECES, Gathering, rows_of
from alicredit.cluster.ids import Cuts, cut_merchants
from alicredit.cluster.judging import find_debts, find_shared_keys, judge_whole
from alicredit.cluster.spreading import spread
from alicredit.cluster.taking import Taken, from_cluster, take
from alicredit.cohort import Cohort
from alicredit.deciding.population import catalogue_of, prepare
from alicredit.deciding.scoring import check_definitions, distinct_of
from alicredit.decision import COLUMNS
from alicredit.features import Catalogue
from alicredit.features.others import is_of_others
from alicredit.features.packed import import_pyspark, mapped
from alicredit.features.spark import SparkRecords, features_of_others
from alicredit.nightly.folder import Folder, open_folder
from alicredit.nightly.run import PART_MERCHANTS, Run
from alicredit.nightly.sources import frame_of
from alicredit.nightly.streaming import (
    STATUS,
    Question,
    begin,
    manifest_of,
    merchants_of,
    refuse_change,
    write_one,
)
from alicredit.nightly.survey import Survey, texts_of
from alicredit.nightly.written import SCHEMA, summary_of

log = logging.getLogger(__name__)

_RECEIPT = "number int, receipt string"
_ROWS = 20_000


def run_on_cluster(
    records: Any, asked: Question, session: Any, run: Run | None, progress: Any
) -> Any:
    """Decide every merchant of records on a cluster.

    Parameters
    ----------
    records : Records, SparkRecords or mapping of str to pyspark.sql.DataFrame
        The platform's records.
    asked : Question
        By which models and policy, when, at what prices.
    session : SparkSession
        Where.
    run : Run or None
        Folder to write into; None gives a Spark frame.
    progress : callable or None
        Called with (done, all) merchants once they are counted, and when all are done.

    Returns
    -------
    pyspark.sql.DataFrame or pandas.DataFrame
        Decisions, in no order; with ``run`` the summary.
    """
    check_definitions(asked.models.values(), "")
    catalogue = catalogue_of(asked.models)
    if records is None:
        refuse("records", "must be given without features", "None")
    taken = take(records, session)
    if run is None:
        cuts = cut_merchants(taken, asked.as_of, PART_MERCHANTS)
        pieces = gather_pieces(taken, asked, catalogue, session, cuts, None)
        return _decisions(pieces, asked, len(cuts.first), session)
    with from_cluster("records"):
        digest = taken.digest()
    with open_folder(Path(run.folder)) as folder:
        job = asked.job(digest, run)
        manifest = begin(folder, job, run)
        if not manifest:
            manifest = _write_from_records(
                taken, asked, catalogue, session, (folder, job, run), progress
            )
        elif progress is not None:
            progress(manifest["merchants"], manifest["merchants"])
    return summary_of(manifest)


def gather_pieces(
    taken: Taken,
    asked: Question,
    catalogue: Catalogue,
    session: Any,
    cuts: Cuts,
    memory: str | None,
) -> Any:
    """Gather inputs and facts of all on the cluster, once, and judge them as a whole."""
    from pyspark import StorageLevel

    shared = _features_of_others(taken, asked, catalogue, memory)
    task = Gathering(
        taken.without_frames(), asked.as_of, asked.models, catalogue, cuts,
        find_shared_keys(taken, asked.as_of), find_debts(taken, asked.as_of), memory,
    )  # fmt: skip
    pieces = mapped(spread(taken, session, shared), task.answer, PIECES)
    pieces = pieces.persist(StorageLevel.DISK_ONLY)
    try:
        judge_whole(pieces, asked.models, catalogue, asked.as_of)
    except BaseException:
        pieces.unpersist()
        raise
    return pieces


def _features_of_others(
    taken: Taken, asked: Question, catalogue: Catalogue, memory: str | None
) -> pa.Table | None:
    """Work out here what all merchants say of each, where the models read it."""
    if not any(feature.table and is_of_others(feature) for feature in catalogue):
        return None
    columns = [f"`{each}`" for each in taken.shapes["merchants"].names]
    source = SparkRecords(taken.frames, taken.read({}), taken.data_use)
    with from_cluster("records"):
        merchants = taken.frames["merchants"].select(*columns).toArrow()
        cohort = Cohort.at(taken.read({"merchants": merchants}), asked.as_of)
        found = features_of_others(source, cohort, catalogue, memory)
    ids = pa.array(cohort.frame["merchant_id"].tolist(), pa.string())
    return pa.table({"merchant_id": ids, **{name: pa.array(v) for name, v in found.items()}})


@dataclass(frozen=True, eq=False)
class Deciding:
    """What a task must know to decide numbered parts of people.

    Parameters
    ----------
    asked : Question
        By which models and policy, when, at what prices.
    place : (Folder, mapping, Run, Survey) or None
        Where parts are written, as which job, and how; None gives rows.
    """

    asked: Question
    place: tuple[Folder, Mapping[str, Any], Run, Survey] | None = None

    def frame(self, pieces: list[pa.Table]) -> pd.DataFrame:
        """Give the people of a part in the order of their ids, as a local run reads them."""
        table = pa.concat_tables(pieces).sort_by("merchant_id")
        wanted = self.asked.columns | {STATUS}
        table = table.select([name for name in table.column_names if name in wanted])
        return frame_of(table.to_batches(), texts_of(distinct_of(self.asked.models)))

    def answer(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Decide each part as it comes: rows."""
        for _, pieces in _parts_of(batches):
            frame = self.frame(pieces)
            for at in range(0, len(frame), _ROWS):
                people = _people_of(frame.iloc[at : at + _ROWS], self.asked)
                yield from self.asked.table(people).cast(SCHEMA).to_batches()

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


def _people_of(rows: pd.DataFrame, asked: Question) -> Any:
    """Take rows of people, with what their records say of them."""
    people = prepare(rows, asked.models, asked.as_of, twice=frozenset())
    own = rows[STATUS].to_numpy(object)
    people.status[own != "ok"] = own[own != "ok"]
    return people


def _parts_of(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, list[pa.Table]]]:
    """Bring the pieces of each part together."""
    rows = (
        (number, value)
        for batch in batches
        for number, value in zip(batch["_number"].to_pylist(), batch["_rows"], strict=True)
    )
    for number, own in groupby(rows, key=lambda each: each[0]):
        yield number, [rows_of(value) for _, value in own]


def _people(pieces: Any, parts: int, session: Any, left: list[int] | None = None) -> Any:
    """Bring the pieces of people together by number."""
    functions, _ = import_pyspark()
    people = pieces.where(functions.col("_kind") == PEOPLE).select("_number", "_rows")
    if left is not None:
        people = people.where(functions.col("_number").isin(left))
    most = int(session.conf.get("spark.sql.shuffle.partitions"))
    by_number = people.repartitionByRange(max(1, min(parts, most)), "_number")
    return by_number.sortWithinPartitions("_number")


def _decisions(pieces: Any, asked: Question, parts: int, session: Any) -> Any:
    """Give the decisions as a Spark frame, worked out when they are asked for."""
    _, types = import_pyspark()
    kinds = {
        pa.string(): types.StringType(), pa.float64(): types.DoubleType(),
        pa.int64(): types.LongType(), pa.timestamp("us"): types.TimestampNTZType(),
        pa.list_(pa.string()): types.ArrayType(types.StringType()),
    }  # fmt: skip
    schema = types.StructType([types.StructField(n, kinds[SCHEMA.field(n).type]) for n in COLUMNS])
    return mapped(_people(pieces, parts, session), Deciding(asked).answer, schema)


def _write_from_records(
    taken: Taken,
    asked: Question,
    catalogue: Catalogue,
    session: Any,
    place: tuple[Folder, Mapping[str, Any], Run],
    progress: Any,
) -> dict[str, Any]:
    """Gather, judge, and let tasks write the parts that are not done."""
    folder, job, run = place
    guard = taken.guard()
    cuts = cut_merchants(taken, asked.as_of, run.part_merchants)
    if progress is not None:
        progress(0, cuts.merchants)
    pieces = gather_pieces(taken, asked, catalogue, session, cuts, f"{run.memory_gb / 2:.3f}GB")
    seen = Survey(cuts.merchants, frozenset())
    if taken.guard() != guard:
        refuse_change("records")

    def tasks(left: list[int]) -> Any:
        deciding = Deciding(asked, (_absolute(folder), job, run, seen))
        people = _people(pieces, len(left), session, left)
        return mapped(people, deciding.write, _RECEIPT)

    try:
        manifest = _write_left(tasks, folder, job, run, seen)
    finally:
        pieces.unpersist()
    if progress is not None:
        progress(cuts.merchants, cuts.merchants)
    return manifest


def _write_left(
    tasks: Any, folder: Folder, job: Mapping[str, Any], run: Run, seen: Survey
) -> dict[str, Any]:
    """Let tasks write the parts without a receipt; look at them from here, and finish."""
    numbers = range(max(-(-seen.rows // run.part_merchants), 1))
    receipts = {number: folder.receipt(number, job["job_id"]) for number in numbers}
    left = [number for number in numbers if not receipts[number]]
    log.info("%d of %d parts are done already", len(numbers) - len(left), len(numbers))
    if left:
        with from_cluster("out"):
            found = tasks(left).collect()
        receipts |= {row["number"]: json.loads(row["receipt"]) for row in found}
    for number in left:
        if not receipts[number] or not folder.holds(receipts[number]):
            do = "name a folder on storage that all of them share"
            rule = "must be one folder for the session and all workers"
            refuse("out", rule, f"{folder.path} without what a task wrote", do)
        if receipts[number]["merchants"] != merchants_of(number, seen, run.part_merchants):
            refuse_change("records")
    manifest = manifest_of(job, seen, [receipts[number] for number in numbers])
    folder.finish(manifest)
    return manifest


def _absolute(folder: Folder) -> Folder:
    """Name the folder as tasks can find it."""
    return replace(folder, path=folder.path.resolve())
