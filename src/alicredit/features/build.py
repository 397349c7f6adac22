"""Building features: each question meets the facts of its merchant, as they were known."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from alicredit.checks import refusal, refuse
from alicredit.cohort import Cohort
from alicredit.errors import FeatureError, RecordError
from alicredit.features.catalogue import CATALOGUE
from alicredit.features.declaration import Catalogue, Feature
from alicredit.features.sql import (
    aggregate_sql,
    derived_sql,
    is_fed,
    is_plain,
    value_sql,
    view_sql,
)
from alicredit.records import TABLES, Records, quoted
from alicredit.records.sources import literal

log = logging.getLogger(__name__)

_CHUNK = 40_000


def build_features(
    records: Records,
    cohort: Cohort,
    *,
    catalogue: Catalogue = CATALOGUE,
    engine: str = "local",
    out: str | Path | None = None,
    memory: str | None = None,
) -> pd.DataFrame | None:
    """Build features of each question from what had happened and was known before its as_of.

    Parameters
    ----------
    records : Records
        The platform's records.
    cohort : Cohort
        Who, and as of when.
    catalogue : Catalogue, default CATALOGUE
        Which features.
    engine : str, default "local"
        Where to compute; this version has ``"local"``.
    out : str, Path or None, default None
        Write a Parquet file there instead of returning a frame.
    memory : str or None, default None
        Limit of DuckDB's memory, such as ``"2GB"``; beyond it work is spilled to disk.

    Returns
    -------
    pandas.DataFrame or None
        One row per question in the cohort's order, index 0 to n - 1, one float64 column per
        feature. A count or sum over nothing is 0, a ratio over nothing NaN; a feature of a table
        or column that is absent is NaN; a feature that meets an impossible value is infinite, so
        that no score comes of it. None where ``out`` is given.

    Raises
    ------
    FeatureError
        For an engine that is not there, a catalogue that is none, or a memory that is no size.
    RecordError
        If rows cannot be read.

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
    alicredit.errors.FeatureError: engine must be 'local' in this version; found 'cluster'.
    """
    if engine != "local":
        refuse("engine", "must be 'local' in this version", repr(engine), error=FeatureError)
    _require_catalogue(catalogue)
    parts = [
        _build_chunk(records, cohort[start : start + _CHUNK], catalogue, memory)
        for start in range(0, len(cohort), _CHUNK)
    ] or [_build_chunk(records, cohort, catalogue, memory)]
    frame = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    if out is None:
        return frame
    frame.to_parquet(Path(out), index=False)
    return None


def _require_catalogue(catalogue: object) -> None:
    """Refuse a mere list of features, whose names and parts nobody checked."""
    if not isinstance(catalogue, Catalogue):
        found, do = type(catalogue).__name__, "Catalogue((Feature(...), ...))"
        refuse("catalogue", "must be a Catalogue", found, do=do, error=FeatureError)


def _build_chunk(
    records: Records, cohort: Cohort, catalogue: Catalogue, memory: str | None
) -> pd.DataFrame:
    """Build the features of some questions over one connection."""
    con = records.connect()
    try:
        if memory is not None:
            _limit_memory(con, memory)
        con.register("question_rows", _questions(cohort))
        con.execute("CREATE TEMP TABLE question AS SELECT * FROM question_rows")
        columns: dict[str, npt.NDArray[np.float64]] = {}
        for table in catalogue.tables:
            features = [feature for feature in catalogue if feature.table == table]
            columns |= _of_table(con, records, table, features, len(cohort))
        return _with_derived(con, catalogue, columns, len(cohort))
    except duckdb.Error as error:
        rule = "must be readable while features are built"
        first = str(error).splitlines()[0]
        raise RecordError(refusal("records", rule, first, "run find_problems")) from error
    finally:
        con.close()


def _limit_memory(con: duckdb.DuckDBPyConnection, memory: str) -> None:
    """Bound DuckDB's memory, or say that the bound cannot be read."""
    try:
        con.execute(f"SET memory_limit = {literal(str(memory))}")
    except duckdb.Error:
        rule = "must be a size such as '2GB'"
        refuse("memory", rule, repr(memory), error=FeatureError)


def _questions(cohort: Cohort) -> pa.Table:
    """Lay out the questions for the join."""
    frame = cohort.frame
    return pa.table(
        {
            "row": pa.array(np.arange(len(frame), dtype=np.int64)),
            "merchant_id": pa.array(frame["merchant_id"].tolist(), pa.string()),
            "as_of": pa.array(frame["as_of"].to_numpy().astype("datetime64[us]")),
        }
    )


def _of_table(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    table: str,
    features: list[Feature],
    rows: int,
) -> dict[str, npt.NDArray[np.float64]]:
    """Build the features over one table's facts; NaN where the table or a column is absent."""
    there = table in records and _has_parent(records, table)
    fed = [f for f in features if there and is_fed(f, records.columns(table))]
    starved = [feature.name for feature in features if feature not in fed]
    columns = {name: np.full(rows, np.nan) for name in starved}
    if starved:
        log.info("table %s lacks what %d features read: they are NaN", table, len(starved))
    return columns | _of_facts(con, records, table, fed, rows) if fed else columns


def _of_facts(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    table: str,
    features: list[Feature],
    rows: int,
) -> dict[str, npt.NDArray[np.float64]]:
    """Build features whose columns are all there, over one masked view."""
    view = quoted(f"_seen_{table}")
    facts = records.fact_sql(table)
    con.execute(f"CREATE TEMP TABLE {view} AS {view_sql(facts, table, features)}")
    columns: dict[str, npt.NDArray[np.float64]] = {}
    for query, names in _queries(features, view):
        columns |= _spread(con.execute(query).fetchnumpy(), names, features, rows)
    con.execute(f"DROP TABLE {view}")
    return columns


def _has_parent(records: Records, table: str) -> bool:
    """Tell whether the table through which rows find their merchant is there."""
    parent = TABLES[table].parent
    return not parent or parent.split(".")[0] in records


def _queries(features: list[Feature], view: str) -> Iterator[tuple[str, list[str]]]:
    """Give the queries of a table: one for all plain aggregates, one for each other."""
    plain = [feature for feature in features if is_plain(feature)]
    if plain:
        listed = ", ".join(f"{value_sql(f)} AS {quoted(f.name)}" for f in plain)
        yield f"SELECT row, {listed} FROM {view} GROUP BY row", [f.name for f in plain]
    for feature in features:
        if not is_plain(feature):
            yield aggregate_sql(feature, view), [feature.name]


def _spread(
    found: dict[str, npt.NDArray[np.float64]],
    names: list[str],
    features: list[Feature],
    rows: int,
) -> dict[str, npt.NDArray[np.float64]]:
    """Lay found values on all rows; a row without facts has 0 or NaN as declared."""
    empty = {feature.name: 0.0 if feature.zero_when_empty else np.nan for feature in features}
    columns = {}
    for name in names:
        column = np.full(rows, empty[name])
        values = np.ma.filled(np.ma.masked_array(found[name]), np.nan)
        column[np.asarray(found["row"], dtype=np.int64)] = values + 0.0  # -0.0 becomes 0.0
        columns[name] = column
    return columns


def _with_derived(
    con: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    columns: dict[str, npt.NDArray[np.float64]],
    rows: int,
) -> pd.DataFrame:
    """Add the features of other features, in the catalogue's order of columns."""
    derived = [feature for feature in catalogue if feature.of]
    if derived and rows:
        base = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
        con.register("base", pa.table({"_row": pa.array(np.arange(rows)), **base}))
        query = "SELECT * FROM base"
        for feature in derived:
            query = f"SELECT *, {derived_sql(feature)} AS {quoted(feature.name)} FROM ({query})"
        listed = ", ".join(quoted(feature.name) for feature in derived)
        found = con.execute(f"SELECT {listed} FROM ({query}) ORDER BY _row").fetchnumpy()
        for name, values in found.items():
            columns[name] = np.ma.filled(np.ma.masked_array(values), np.nan) + 0.0
    order = {name: columns.get(name, np.empty(0)) for name in catalogue.names}
    return pd.DataFrame(order, dtype=np.float64)
