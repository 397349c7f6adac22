"""A run into a folder, from records or from prepared features."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from alicredit.checks import require_kind
from alicredit.databases import Database
from alicredit.deciding.population import Gatherer, check_features, gatherer_of
from alicredit.deciding.scoring import check_definitions
from alicredit.nightly.digests import digest_files, digest_frame, guard_files
from alicredit.nightly.folder import WORK, Folder, open_folder, part_name, spilling
from alicredit.nightly.run import Run
from alicredit.nightly.sources import FileSource, open_files, open_source
from alicredit.nightly.streaming import STATUS, Question, begin, refuse_change, write_all
from alicredit.nightly.survey import Source
from alicredit.nightly.tables import Tables, open_tables
from alicredit.nightly.written import summary_of, write_part
from alicredit.nightly.written import whole_of as join
from alicredit.records import Records
from alicredit.records.bounds import Bound


def run_into_folder(
    records: Records | None,
    features: Any,
    asked: Question,
    run: Run,
    chunk_rows: int | None,
    progress: Any,
) -> pd.DataFrame:
    """Decide everybody into a folder, and give the summary."""
    run = run.at_a_time(chunk_rows)
    source = None if features is None else open_source(features)
    note = "" if source is None else source.definitions
    check_definitions(asked.models.values(), note)
    if source is not None:
        check_features(source.names, asked.models)
        digest = source.digest()
    else:
        require_kind("records", records, Records, "must be given without features")
        digest = digest_records(records)
    job = asked.job(digest, run)
    with open_place(run, job) as folder:
        manifest = begin(folder, job, run)
        if not manifest:
            if source is None:
                source = _gathered(records, asked, folder, job, run, progress)
            manifest = write_all(source, asked, folder, job, run, progress)
        elif progress is not None:
            progress(manifest["merchants"], manifest["merchants"])
    return summary_of(manifest)


def open_place(run: Run, job: Mapping[str, Any]) -> AbstractContextManager[Folder | Tables]:
    """Open the folder or the database that a run writes into."""
    if isinstance(run.folder, Database):
        return open_tables(run.folder, job, None if run.work is None else Path(run.work))
    return open_folder(Path(run.folder))


def whole_of(source: Source, asked: Question) -> pd.DataFrame:
    """Take features whole: a frame as it is, of files the columns that bear on an answer."""
    if not isinstance(source, FileSource):
        frame: pd.DataFrame = source.frame
        return frame
    check_features(source.names, asked.models)
    frames = list(source.frames(0, max(source.rows, 1), asked.columns))
    if frames:
        return frames[0]
    return pd.DataFrame({name: pd.Series([], dtype=object) for name in source.names})


def digest_records(records: Any) -> str:
    """Give the digest of the rows behind records: files, or tables in memory."""
    whole = hashlib.sha256()
    for name in sorted(records.sources):
        for source in (records.sources[name], *getattr(records.sources[name], "parts", ())):
            whole.update(f"{name}\0{getattr(source, 'text', '')}\0".encode())
            if source.digest:
                whole.update(source.digest.encode())
            elif source.paths:
                paths = tuple(map(Path, source.paths))
                root = Path(os.path.commonpath([path.parent for path in paths]))
                whole.update(digest_files(paths, root).encode())
            if source.memory is not None:
                whole.update(digest_frame(source.memory.to_pandas()).encode())
    return whole.hexdigest()


def guard_records(records: Any) -> str:
    """Give the digest of sizes and times of change of the files behind records."""
    paths = [path for name in sorted(records.sources) for path in records.sources[name].paths]
    return guard_files(tuple(map(Path, paths)))


def _gathered(
    records: Any, asked: Question, folder: Folder | Tables, job: Any, run: Run, progress: Any
) -> FileSource:
    """Build inputs and facts, kept in parts until all is done, and read them as features.

    Each gathering reads the records anew: as many parts are gathered together as fit the memory.
    """
    guard = guard_records(records)
    work = folder.within(WORK)
    with spilling(work) as place:
        surveyed = records.within(Bound(run.survey_bytes, place))
        gatherer = gatherer_of(surveyed, asked.models, asked.as_of)
        gatherer = gatherer.within(Bound(run.reading_bytes, place))
        _gather_parts(gatherer, work, job, run, progress)
    if guard_records(records) != guard:
        refuse_change("records")
    return open_files(work.path, "records")


def _gather_parts(gatherer: Gatherer, work: Folder, job: Any, run: Run, progress: Any) -> None:
    """Write the parts that are not there yet, as many of them gathered together as fit."""
    every, size, step = len(gatherer.cohort), run.part_merchants, run.gathered_rows
    memory = f"{run.memory_gb / 2:.3f}GB"
    together = max(step // size, 1) * size
    for start in range(0, every, together):
        stop = min(start + together, every)
        numbers = range(start // size, -(-stop // size))
        left = [number for number in numbers if not work.receipt(number, job["job_id"])]
        if left:
            first, last = left[0] * size, min((left[-1] + 1) * size, every)
            table = join(
                lay_side_by_side(gatherer.gather(at, min(at + step, last), memory=memory))
                for at in range(first, last, step)
            )
            for number in left:
                part = table.slice(number * size - first, size).combine_chunks()
                receipt = write_part(work, part_name(number), part)
                work.put(number, {**receipt, "job_id": job["job_id"]})
        if progress is not None:
            progress(stop, every)


def lay_side_by_side(people: Any) -> pa.Table:
    """Lay inputs, facts and statuses side by side."""
    facts = people.applicants
    own = [name for name in facts.columns if name not in people.inputs.columns]
    frame = pd.concat([people.inputs, facts[own]], axis=1).assign(**{STATUS: people.status})
    kept = {name: _typed(frame[name]) for name in frame.columns}
    return pa.table(kept)


def _typed(column: pd.Series) -> pa.Array:
    """Give a column as Arrow, of the same type whoever stands in it."""
    if column.dtype.kind in "iufb":
        return pa.array(column.to_numpy(), from_pandas=True)
    if column.name in _TIMES:
        return pa.array(pd.to_datetime(column).to_numpy("datetime64[us]"), pa.timestamp("us"))
    return pa.Array.from_pandas(column, type=pa.string())


_TIMES = ("as_of", "registered_at", "shop_opened_at")
