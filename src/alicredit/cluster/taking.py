"""A platform's records as Spark frames, whatever they were given as; and refusals of a cluster."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from alicredit import errors
from alicredit.checks import refusal, refuse
from alicredit.errors import InputError, RecordError
from alicredit.features.packed import import_pyspark, shape_of
from alicredit.features.spark import SparkRecords, read_spark_records
from alicredit.features.spark_sums import Shaped
from alicredit.nightly.job import digest_records, guard_records
from alicredit.records import TABLES, Records
from alicredit.records.records import TIMEZONE

Uses = Mapping[str, Mapping[str, str]]

_SAID = re.compile(r"alicredit\.errors\.(\w+): (.+)")
_ABSENT = "No module named 'alicredit'"


@dataclass(frozen=True, eq=False)
class Taken:
    """Records as a cluster reads them.

    Parameters
    ----------
    frames : mapping of str to pyspark.sql.DataFrame
        The declared tables that may be read.
    shapes : mapping of str to pyarrow.Schema
        Their columns and types.
    data_use : mapping or None
        Purpose and legal basis by restricted table.
    timezone : str
        Zone of naive times.
    digest, guard : callable
        Give the digest of all rows, and one that tells whether files changed meanwhile.
    """

    frames: Mapping[str, Any]
    shapes: Mapping[str, pa.Schema]
    data_use: Uses | None
    timezone: str
    digest: Callable[[], str]
    guard: Callable[[], str]

    def shaped(self) -> Shaped:
        """Give what a task needs to read some rows."""
        return Shaped(self.shapes, self.data_use, self.timezone)

    def read(self, tables: Mapping[str, pa.Table]) -> Records:
        """Read some rows as records; a table of which there are none is empty."""
        return self.shaped().read(tables)

    def without_frames(self) -> Taken:
        """Give what a task needs of it."""
        return replace(self, frames={}, digest=_nothing, guard=_nothing)


def _nothing() -> str:
    return ""


def require_session(engine: object) -> Any:
    """Take a SparkSession; refuse what is none.

    Parameters
    ----------
    engine : object
        What was given as an engine.

    Returns
    -------
    SparkSession
        The same.

    Raises
    ------
    InputError
        For anything else, the word ``"spark"`` too.

    Examples
    --------
    >>> require_session("spark")
    Traceback (most recent call last):
    alicredit.errors.InputError: engine must be a SparkSession itself; found 'spark'. ...
    >>> require_session(3)
    Traceback (most recent call last):
    alicredit.errors.InputError: engine must be 'local' or a SparkSession; found 3. ...
    """
    do = "pip install 'alicredit[spark]', then engine=SparkSession.builder.getOrCreate()"
    if engine == "spark":
        refuse("engine", "must be a SparkSession itself", "'spark'", do)
    if not all(hasattr(engine, name) for name in ("createDataFrame", "range", "read")):
        found = repr(engine) if isinstance(engine, str | int | None) else type(engine).__name__
        refuse("engine", "must be 'local' or a SparkSession", found, do)
    import_pyspark()
    return engine


def running_session() -> Any:
    """Give the session that runs, or one of all threads of this machine."""
    import_pyspark()
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession()
    if running is not None:
        return running
    maker = SparkSession.builder.master("local[*]").appName("alicredit")
    return maker.config("spark.ui.showConsoleProgress", "false").getOrCreate()


def take(records: object, session: Any) -> Taken:
    """Take records, Spark frames by table, or what ``read_spark_records`` gives.

    Raises
    ------
    RecordError
        For what is none of these, a table that is no Spark frame, lacks a required column or has a
        type without meaning, or records in CSV.

    Examples
    --------
    >>> take("data/sample", None)
    Traceback (most recent call last):
    alicredit.errors.RecordError: records must be a mapping from table name to Spark frame; ...
    """
    if isinstance(records, Records):
        return _of_files(records, session)
    taken = records if isinstance(records, SparkRecords) else read_spark_records(records)  # type: ignore[arg-type]
    return _taken(taken, TIMEZONE, lambda: digest_of_frames(taken.frames), lambda: "")


def _taken(
    taken: SparkRecords, timezone: str, digest: Callable[[], str], guard: Callable[[], str]
) -> Taken:
    """Put frames beside what is known of them."""
    declared = {name: frame for name, frame in taken.frames.items() if name in TABLES}
    shapes = {name: _declared(name, shape_of(frame)) for name, frame in declared.items()}
    return Taken(declared, shapes, taken.data_use, timezone, digest, guard)


def _declared(name: str, shape: pa.Schema) -> pa.Schema:
    """Give the declared columns of a table."""
    kept = [each for each in shape if each.name in TABLES[name] or each.name == "known_at"]
    return pa.schema(kept)


def _of_files(records: Records, session: Any) -> Taken:
    """Read the files behind records with Spark; what is in memory is sent to it."""
    frames = {}
    for name, source in records.sources.items():
        if name not in TABLES:
            continue
        if source.is_csv:
            do = "write them as Parquet: write_records(read_records(folder), other)"
            found = f"CSV in table {name!r}"
            refuse("records", "must be Parquet to be read on Spark", found, do, error=RecordError)
        if source.groups:
            do = "write them alike: write_records(read_records(folder), other)"
            found = f"files of table {name!r} whose columns or types differ"
            refuse("records", "must be alike to be read on Spark", found, do, error=RecordError)
        if source.memory is not None:
            frames[name] = session.createDataFrame(source.memory)
            continue
        with from_cluster(f"table {name!r}"):
            files = [f"file://{Path(each).resolve()}" for each in source.paths]
            frames[name] = session.read.parquet(*files)
    uses = {
        name: {key: text for key, text in asdict(use).items() if text}
        for name, use in records.data_use.items()
    }
    taken = read_spark_records(frames, data_use=uses or None)
    return _taken(
        taken, records.timezone, lambda: digest_records(records), lambda: guard_records(records)
    )


def digest_of_frames(frames: Mapping[str, Any]) -> str:
    """Give the digest of all rows of Spark frames, whatever their order and files.

    A sum of 64-bit hashes of rows: it tells of any change that happens, and is no proof against
    one that is made to escape it.
    """
    functions, _ = import_pyspark()
    parts = []
    for name in sorted(frames):
        frame = frames[name]
        columns = [functions.col(f"`{each}`") for each in sorted(frame.columns)]
        hashed = functions.sum(functions.xxhash64(*columns).cast("decimal(38,0)"))
        told = [functions.lit(name).alias("name"), functions.count(functions.lit(1)).alias("rows")]
        parts.append(frame.agg(hashed.alias("sum"), told[1]).withColumn("name", told[0]))
    whole = parts[0]
    for each in parts[1:]:
        whole = whole.unionByName(each)
    with from_cluster("records"):
        found = {row["name"]: (row["rows"], row["sum"]) for row in whole.collect()}
    digest = hashlib.sha256()
    for name in sorted(frames):
        types = sorted((f.name, f.dataType.simpleString()) for f in frames[name].schema.fields)
        digest.update(repr((name, types, found[name])).encode())
    return digest.hexdigest()


@contextmanager
def from_cluster(argument: str) -> Iterator[None]:
    """Say of what a task refused what it said itself; of what Spark could not do, where."""
    try:
        yield
    except errors.AlicreditError:
        raise
    except Exception as error:  # what Spark raises is of many kinds, of several releases
        if not type(error).__module__.startswith(("pyspark", "py4j")):
            raise
        text = str(error)
        if _ABSENT in text:
            do = "install it there, or give it to spark-submit with --py-files"
            rule = "must find alicredit on its workers"
            raise InputError(refusal("engine", rule, "none there", do)) from error
        said = _SAID.findall(text)
        if said:
            kind, message = said[-1]
            raise getattr(errors, kind, InputError)(message.strip()) from error
        first = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
        rule = "must be readable by Spark"
        raise RecordError(refusal(argument, rule, first[:200], "see Spark's log")) from error
