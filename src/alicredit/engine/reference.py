"""Features by generated SQL: slow and plain, what the fast engine is held to."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from alicredit.cohort import Cohort
from alicredit.declarations import Feature
from alicredit.engine.sql import aggregate_sql, is_plain, value_sql, view_sql
from alicredit.records import Records, quoted

Reals = npt.NDArray[np.float64]

_CHUNK = 40_000


def build_by_sql(
    con: duckdb.DuckDBPyConnection, records: Records, cohort: Cohort, features: list[Feature]
) -> dict[str, Reals]:
    """Build features over events, each table through a view that shows what was known.

    Parameters
    ----------
    con : DuckDB connection
        Over the records.
    records : Records
        For the SQL of facts.
    cohort : Cohort
        The questions.
    features : list of Feature
        Whose tables and columns are all there.

    Returns
    -------
    dict of str to float64 array
        A column of the cohort's length by feature.
    """
    columns = {feature.name: np.empty(len(cohort)) for feature in features}
    for start in range(0, len(cohort), _CHUNK):
        part = cohort[start : start + _CHUNK]
        con.register("question_rows", _questions(part))
        con.execute("CREATE OR REPLACE TEMP TABLE question AS SELECT * FROM question_rows")
        for table in dict.fromkeys(feature.table for feature in features):
            own = [feature for feature in features if feature.table == table]
            for name, values in _of_facts(con, records, table, own, len(part)).items():
                columns[name][start : start + len(part)] = values
    return columns


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
