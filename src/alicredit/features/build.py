"""Building features: each question meets the facts of its merchant, as they were known."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from alicredit.catalogue import CATALOGUE
from alicredit.checks import refuse, require_one_of, whole_file
from alicredit.cohort import Cohort, require_cohort
from alicredit.declarations import Catalogue, Feature
from alicredit.derived import ask_of_peers, derive_tables
from alicredit.engine.answers import Answers
from alicredit.engine.composed import composed_sql
from alicredit.engine.expressions import is_fed
from alicredit.engine.reference import build_by_sql
from alicredit.errors import FeatureError
from alicredit.features.peers import is_of_peers, note_of_peers
from alicredit.records import Records, quoted
from alicredit.records.bounds import query_refused
from alicredit.records.kept import open_kept
from alicredit.records.reading import require_records
from alicredit.records.sources import literal

log = logging.getLogger(__name__)

Reals = npt.NDArray[np.float64]

ENGINES = ("local", "sql")
"""Where features are computed: by compiled windows, or by the SQL that these are held to."""


def build_features(
    records: Any,
    cohort: Cohort,
    *,
    catalogue: Catalogue = CATALOGUE,
    engine: Any = "local",
    out: str | Path | None = None,
    memory: str | None = None,
) -> Any:
    """Build features of each question from what had happened and was known before its as_of.

    Parameters
    ----------
    records : Records
        The platform's records; on Spark ``SparkRecords``, or a mapping from table name to Spark
        frame.
    cohort : Cohort
        Who, and as of when.
    catalogue : Catalogue, default CATALOGUE
        Which features.
    engine : str or SparkSession, default "local"
        ``"local"``: compiled windows on this machine. ``"sql"``: the generated SQL, much slower,
        which the former is held to. A SparkSession: the local engine over a part of the merchants
        in each task.
    out : str, Path or None, default None
        Write a Parquet file there instead of returning a frame.
    memory : str or None, default None
        Limit of DuckDB's memory, such as ``"2GB"``; beyond it work is spilled to disk.

    Returns
    -------
    pandas.DataFrame, pyspark.sql.DataFrame or None
        One row per question in the cohort's order, index 0 to n - 1, one float64 column per
        feature; no row where nothing is asked. A merchant who is not among the records has no
        facts but those of peers. A count or sum over nothing is 0, a ratio over nothing NaN; a
        feature of a table or column that is absent is NaN; a feature that meets an impossible value
        is infinite, so that no score comes of it. ``attrs["definitions"]`` holds a digest of each
        feature's definition, ``attrs["peers"]`` the digest of the peers that features were held
        against, where any were: see :func:`alicredit.features.digest_of_peers`;
        ``attrs["data_use"]`` the stated uses of restricted tables that features read, and
        ``attrs["meanings"]`` the texts of features that are not built in. On Spark a Spark
        frame with the same columns after ``row``, the question's place, in no order. None where
        ``out`` is given.

    Raises
    ------
    FeatureError
        For an engine that is not there, a catalogue that is none, or a memory that is no size.
    InputError
        For what is no cohort, or a place where no file can be written.
    RecordError
        For what is no records, or if rows cannot be read.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> orders = pd.DataFrame({"order_id": ["a", "b"], "merchant_id": ["m", "m"],
    ...     "buyer_id": ["x", "y"], "amount": [100.0, 50.0],
    ...     "created_at": pd.to_datetime(["2013-04-01", "2013-04-30"]),
    ...     "paid_at": pd.to_datetime(["2013-04-01", "2013-05-02"])})
    >>> records = read_records({"merchants": merchants, "orders": orders})
    >>> cohort = Cohort.at(records, "2013-05-01")
    >>> build_features(records, cohort)["orders_paid_count_90d"].tolist()
    [1.0]
    >>> build_features(records, cohort, engine="cluster")
    Traceback (most recent call last):
    alicredit.errors.FeatureError: engine must be one of 2 known words; found 'cluster'. ...
    """
    _require_catalogue(catalogue)
    if not isinstance(engine, str):
        return _on_spark(records, cohort, catalogue, engine, out, memory)
    if engine == "spark":
        do = "pip install 'alicredit[spark]', then engine=SparkSession.builder.getOrCreate()"
        refuse("engine", "must be a SparkSession itself", "'spark'", do=do, error=FeatureError)
    _require_asked(records, cohort, engine)
    _require_place(out)
    with _reading():
        made = derive_tables(records, catalogue.tables) if len(cohort) else records
        frame = build_frame(made, cohort, catalogue=catalogue, engine=engine, memory=memory)
        frame.attrs = note_of_peers(made, cohort, catalogue)
    if out is None:
        return frame
    with whole_file("out", out) as file:
        frame.to_parquet(file, index=False)
    return None


def build_frame(
    records: Records,
    cohort: Cohort,
    *,
    catalogue: Catalogue = CATALOGUE,
    engine: str = "local",
    memory: str | None = None,
) -> pd.DataFrame:
    """Build the same frame as :func:`build_features`, without the digest of peers.

    The digest reads whole tables of peers, which is most of the work where the questions are few:
    for callers who ask again and again, and keep none of the digests.

    Parameters
    ----------
    records : Records
        The platform's records.
    cohort : Cohort
        Who, and as of when.
    catalogue : Catalogue, default CATALOGUE
        Which features.
    engine : str, default "local"
        ``"local"`` or ``"sql"``.
    memory : str or None, default None
        Limit of DuckDB's memory, such as ``"2GB"``.

    Returns
    -------
    pandas.DataFrame
        As :func:`build_features`; ``attrs`` are empty.

    Raises
    ------
    FeatureError, InputError, RecordError
        As :func:`build_features`.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> records = read_records({"merchants": merchants})
    >>> age = CATALOGUE.subset(["merchants_days_since"])
    >>> build_frame(records, Cohort.at(records, "2013-05-01"), catalogue=age).iloc[0].tolist()
    [731.0]
    >>> build_frame(records, "2013-05-01")
    Traceback (most recent call last):
    alicredit.errors.InputError: cohort must be a Cohort; found str. ...
    """
    _require_catalogue(catalogue)
    _require_asked(records, cohort, engine)
    answers = Answers.to(catalogue, len(cohort))
    if len(cohort):
        with _reading():
            made = derive_tables(records, catalogue.tables)
            build_base(made, cohort, catalogue, answers, engine=engine, memory=memory)
            add_composed(catalogue, answers)
    return frame_of(catalogue, answers)


def _require_asked(records: object, cohort: object, engine: str) -> None:
    """Refuse an engine that is not there, and what is no records or no cohort."""
    require_one_of("engine", engine, ENGINES, error=FeatureError)
    require_records(records)
    require_cohort(cohort)


@contextmanager
def _reading() -> Iterator[None]:
    """Say of rows that cannot be read that they are the records'."""
    try:
        yield
    except duckdb.Error as error:
        rule = "must be readable while features are built"
        raise query_refused(error, rule, do="run find_problems") from error


def _on_spark(
    records: Any,
    cohort: Cohort,
    catalogue: Catalogue,
    session: Any,
    out: str | Path | None,
    memory: str | None,
) -> Any:
    """Build the features in tasks of Spark, and write them there where that is asked for."""
    from alicredit.features.spark import build_on_spark

    if not hasattr(session, "createDataFrame"):
        rule, do = "must be 'local', 'sql' or a SparkSession", "SparkSession.builder.getOrCreate()"
        refuse("engine", rule, type(session).__name__, do=do, error=FeatureError)
    frame = build_on_spark(records, cohort, catalogue=catalogue, session=session, memory=memory)
    if out is None:
        return frame
    frame.write.mode("overwrite").parquet(str(out))
    return None


def frame_of(catalogue: Catalogue, answers: Answers) -> pd.DataFrame:
    """Lay values out as columns, in the catalogue's order and without mere parts."""
    values = answers.rows
    if len(catalogue.names) < len(catalogue):
        values = values[[answers.places[name] for name in catalogue.names]]
    return pd.DataFrame(values.T, columns=list(catalogue.names), copy=False)


def build_base(
    records: Records,
    cohort: Cohort,
    features: Iterable[Feature],
    answers: Answers,
    *,
    engine: str = "local",
    memory: str | None = None,
) -> None:
    """Build the features over events, also those that are mere parts of others.

    Parameters
    ----------
    records : Records
        The platform's records.
    cohort : Cohort
        Who, and as of when.
    features : iterable of Feature
        Those over other features are passed over.
    answers : Answers
        Filled in.
    engine, memory
        As for :func:`build_features`.
    """
    base = [feature for feature in features if feature.table]
    records = derive_tables(records, dict.fromkeys(feature.table for feature in base))
    fed = [feature for feature in base if is_supplied(records, feature)]
    starved = {feature.name for feature in base} - {feature.name for feature in fed}
    for name in starved:
        answers[name][:] = np.nan
    if starved:
        log.info("the records lack what %d features read: they are NaN", len(starved))
    own = [feature for feature in fed if not is_of_peers(feature)]
    _over_events(records, cohort, own, answers, engine, memory)
    of_peers = [feature for feature in fed if is_of_peers(feature)]
    _over_peers(records, cohort, of_peers, answers, engine, memory)


def _over_events(
    records: Records,
    cohort: Cohort,
    features: list[Feature],
    answers: Answers,
    engine: str,
    memory: str | None,
) -> None:
    """Build the features over events on an engine."""
    if not features:
        return
    if engine == "local":
        from alicredit.engine.run import build_locally

        build_locally(records, cohort, features, answers, memory=memory)
        return
    con = records.connect()
    try:
        if memory is not None:
            _limit_memory(con, memory)
        for name, column in build_by_sql(con, records, cohort, features).items():
            answers[name][:] = column
    finally:
        con.close()


def _over_peers(
    records: Records,
    cohort: Cohort,
    features: list[Feature],
    answers: Answers,
    engine: str,
    memory: str | None,
) -> None:
    """Build the features of each merchant's group, once a group and moment."""
    if not features:
        return
    asked, place = ask_of_peers(records, cohort)
    found = Answers.to(features, len(asked))
    _over_events(records, asked, features, found, engine, memory)
    for name in found.places:
        answers[name][:] = found[name][place]


def is_supplied(records: Records, feature: Feature) -> bool:
    """Tell whether the records have the table and columns that a feature reads."""
    table = feature.table
    return records.holds_facts(table) and is_fed(feature, records.columns(table))


def _require_catalogue(catalogue: object) -> None:
    """Refuse a mere list of features, whose names and parts nobody checked."""
    if not isinstance(catalogue, Catalogue):
        found, do = type(catalogue).__name__, "Catalogue((Feature(...), ...))"
        refuse("catalogue", "must be a Catalogue", found, do=do, error=FeatureError)


def _require_place(out: object) -> None:
    """Refuse a place where no file can be written, before the work and not after it."""
    if out is None:
        return
    rule, do = "must be the path of a file in a folder that is there", "'features.parquet'"
    if not isinstance(out, str | Path):
        refuse("out", rule, type(out).__name__, do)
    if Path(out).is_dir() or not Path(out).parent.is_dir():
        refuse("out", rule, repr(str(out)), do)


def _limit_memory(con: duckdb.DuckDBPyConnection, memory: str) -> None:
    """Bound DuckDB's memory, or say that the bound cannot be read."""
    try:
        con.execute(f"SET memory_limit = {literal(str(memory))}")
    except duckdb.Error:
        rule = "must be a size such as '2GB'"
        refuse("memory", rule, repr(memory), error=FeatureError)


def add_composed(catalogue: Catalogue, answers: Answers) -> None:
    """Fill in the features of other features, in the catalogue's order."""
    derived = [feature for feature in catalogue if feature.of]
    questions = answers.rows.shape[1]
    if not derived or not questions:
        return
    read = {part for f in derived for part in (*f.of, *([f.support] if f.support else []))}
    base = [feature.name for feature in catalogue if feature.name in read and not feature.of]
    con = open_kept()
    try:
        columns = {name: pa.array(answers[name], from_pandas=True) for name in base}
        row = pa.array(np.arange(questions))
        con.register("base", pa.table({"_row": row, **columns}))
        query = "SELECT * FROM base"
        for members in _by_depth(derived):
            more = ", ".join(f"{composed_sql(each)} AS {quoted(each.name)}" for each in members)
            query = f"SELECT *, {more} FROM ({query})"
        listed = ", ".join(quoted(feature.name) for feature in derived)
        found = con.execute(f"SELECT {listed} FROM ({query}) ORDER BY _row").fetchnumpy()
    finally:
        con.close()
    for name, column in found.items():
        answers[name][:] = np.ma.filled(np.ma.masked_array(column), np.nan) + 0.0


def _by_depth(composed: list[Feature]) -> list[list[Feature]]:
    """Put features of other features together that stand on none of each other."""
    depth: dict[str, int] = {}
    found: list[list[Feature]] = []
    for feature in composed:
        parts = (*feature.of, *([feature.support] if feature.support else []))
        at = max((depth[part] + 1 for part in parts if part in depth), default=0)
        depth[feature.name] = at
        found += [[]] if at == len(found) else []
        found[at].append(feature)
    return found
