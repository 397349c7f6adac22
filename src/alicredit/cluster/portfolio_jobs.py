"""A portfolio decided on a cluster: gathered once, judged whole, then answered part by part."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from alicredit.checks import refuse
from alicredit.cluster.answering import RECEIPT, Deciding, spark_schema
from alicredit.cluster.gathering import PEOPLE, PIECES, Gathering
from alicredit.cluster.ids import Cuts, cut_merchants
from alicredit.cluster.judging import find_debts, find_shared_keys, judge_whole
from alicredit.cluster.prepared import (
    Prepared,
    numbered,
    open_prepared,
    survey_on_cluster,
)
from alicredit.cluster.spreading import spread
from alicredit.cluster.taking import Taken, from_cluster, take
from alicredit.databases import Database
from alicredit.deciding.population import catalogue_of, used_tables
from alicredit.deciding.scoring import check_definitions
from alicredit.features import Catalogue
from alicredit.features.packed import import_pyspark, mapped
from alicredit.features.spark_sums import sum_on_spark
from alicredit.nightly.folder import Folder, open_folder
from alicredit.nightly.run import PART_MERCHANTS, Run
from alicredit.nightly.streaming import (
    Question,
    begin,
    manifest_of,
    merchants_of,
    refuse_change,
)
from alicredit.nightly.survey import Survey
from alicredit.nightly.written import summary_of

log = logging.getLogger(__name__)


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
    if records is None:
        refuse("records", "must be given without features", "None")
    catalogue, taken = catalogue_of(asked.models), take(records, session)
    if run is None:
        cuts = cut_merchants(taken, asked.as_of, PART_MERCHANTS)
        pieces = gather_pieces(taken, asked, catalogue, session, cuts, None)
        return _decisions(pieces, asked, len(cuts.first), session)
    with from_cluster("records"):
        digest = taken.digest()
    with open_folder(_folder_of(run)) as folder:
        job = asked.job(digest, run)
        manifest = begin(folder, job, run)
        if not manifest:
            manifest = _write_from_records(
                taken, asked, catalogue, session, (folder, job, run), progress
            )
        elif progress is not None:
            progress(manifest["merchants"], manifest["merchants"])
    return summary_of(manifest)


def run_prepared_on_cluster(
    features: Any, asked: Question, session: Any, run: Run | None, progress: Any
) -> Any:
    """Decide everybody of prepared features on a cluster.

    Parameters
    ----------
    features : str or Path
        Of a Parquet file or a folder of them that all workers share.
    asked : Question
        By which models and policy, when, at what prices.
    session : SparkSession
        Where.
    run : Run or None
        Folder to write into; None gives a Spark frame.
    progress : callable or None
        Called with (done, all) merchants.

    Returns
    -------
    pyspark.sql.DataFrame or pandas.DataFrame
        Decisions, in no order; with ``run`` the summary.
    """
    source = open_prepared(features, asked.models)
    check_definitions(asked.models.values(), source.definitions)
    size = PART_MERCHANTS if run is None else run.part_merchants
    prepared = Prepared(source, asked, size)
    if run is None:
        seen = survey_on_cluster(prepared, session)
        deciding = Deciding(asked, prepared=prepared, twice=seen.twice)
        return mapped(
            numbered(session, range(prepared.parts)), deciding.answer_read, spark_schema()
        )
    with open_folder(_folder_of(run)) as folder:
        job = asked.job(source.digest(), run)
        manifest = begin(folder, job, run)
        if not manifest:
            guard = source.guard()
            seen = survey_on_cluster(prepared, session)
            place = (_absolute(folder), job, run, seen)
            deciding = Deciding(asked, place, prepared, seen.twice)

            def tasks(left: list[int]) -> Any:
                return mapped(numbered(session, left), deciding.write_read, RECEIPT)

            manifest = _write_left(tasks, folder, job, run, seen, source.guard, guard)
        if progress is not None:
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

    with from_cluster("records"):
        sums = sum_on_spark(taken.frames, taken.shaped(), catalogue, session)
    shared = find_shared_keys(taken, asked.as_of, used_tables(catalogue))
    task = Gathering(
        taken.without_frames(), asked.as_of, asked.models, catalogue, cuts,
        shared, find_debts(taken, asked.as_of), sums, memory,
    )  # fmt: skip
    pieces = mapped(spread(taken, session), task.answer, PIECES)
    pieces = pieces.persist(StorageLevel.DISK_ONLY)
    try:
        judge_whole(pieces, asked.models, catalogue, asked.as_of)
    except BaseException:
        pieces.unpersist()
        raise
    return pieces


def collect_decisions(decisions: Any) -> pd.DataFrame:
    """Bring decisions here from a Spark frame, in the order in which a local run gives them.

    Parameters
    ----------
    decisions : pyspark.sql.DataFrame
        From :func:`alicredit.portfolio.score_portfolio` on Spark.

    Returns
    -------
    pandas.DataFrame
        The same rows and types as a local run's, by merchant.

    Raises
    ------
    InputError or RecordError
        Where a task fails, as what its rows are refused for.
    """
    with from_cluster("records"):
        frame = decisions.toArrow().to_pandas()
    frame["score"] = frame["score"].astype("Int64")
    frame["reasons"] = [list(codes) for codes in frame["reasons"]]
    found: pd.DataFrame = frame.sort_values("merchant_id", kind="stable", ignore_index=True)
    return found


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
    return mapped(_people(pieces, parts, session), Deciding(asked).answer, spark_schema())


def _folder_of(run: Run) -> Path:
    """Give the folder of a run; a cluster's tasks write into no database."""
    if isinstance(run.folder, Database):
        rule, do = "must be a folder with engine=spark", "write there, then write_decisions"
        refuse("out", rule, repr(run.folder), do)
    return Path(run.folder)


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

    def tasks(left: list[int]) -> Any:
        deciding = Deciding(asked, (_absolute(folder), job, run, seen))
        people = _people(pieces, len(left), session, left)
        return mapped(people, deciding.write, RECEIPT)

    try:
        manifest = _write_left(tasks, folder, job, run, seen, taken.guard, guard)
    finally:
        pieces.unpersist()
    if progress is not None:
        progress(cuts.merchants, cuts.merchants)
    return manifest


def _write_left(
    tasks: Callable[[list[int]], Any],
    folder: Folder,
    job: Mapping[str, Any],
    run: Run,
    seen: Survey,
    guard_of: Callable[[], str],
    guard: str,
) -> dict[str, Any]:
    """Let tasks write the parts without a receipt; look at them from here, and finish."""
    numbers = range(max(-(-seen.rows // run.part_merchants), 1))
    receipts = {number: folder.receipt(number, job["job_id"]) for number in numbers}
    left = [number for number in numbers if not receipts[number]]
    log.info("%d of %d parts are done already", len(numbers) - len(left), len(numbers))
    if left:
        with from_cluster("out"):
            found = tasks(left).collect()
        if guard_of() != guard:
            refuse_change("records")
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
