"""Which features records can say nothing of, and for want of which table or column."""

from __future__ import annotations

import pandas as pd

from alicredit.catalogue import CATALOGUE
from alicredit.checks import require_kind
from alicredit.declarations import MEASURES, Catalogue, Feature
from alicredit.derived import DERIVED, TABLES
from alicredit.engine.expressions import is_fed, stored_columns
from alicredit.errors import FeatureError
from alicredit.records import Records
from alicredit.records.reading import require_records

Place = tuple[str, str]
"""A table and a column of it; an empty column stands for the whole table."""

_EITHER = ("coalesce", "larger")
"""Aggregates of features that one of their parts is enough for."""


def find_lacking(records: Records, *, catalogue: Catalogue = CATALOGUE) -> pd.DataFrame:
    """List the features that are NaN for every merchant, and what the records lack for them.

    Parameters
    ----------
    records : Records
        From ``read_records``; only names of tables and columns are looked at.
    catalogue : Catalogue, default CATALOGUE
        Which features.

    Returns
    -------
    pandas.DataFrame
        ``feature, table, column`` (empty where the whole table lacks): a row a feature and thing
        that it lacks, in the catalogue's order. Features that do not stand in it can be known.

    Raises
    ------
    RecordError, FeatureError
        If the records or the catalogue are none.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> day = pd.to_datetime(["2011-05-01"])
    >>> records = read_records({
    ...     "merchants": pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                                "registered_at": day}),
    ...     "orders": pd.DataFrame({"order_id": ["o"], "merchant_id": ["m"], "buyer_id": ["b"],
    ...                             "created_at": day, "amount": [20.0]})})
    >>> lacking = find_lacking(records)
    >>> lacking[lacking["feature"] == "orders_paid_count_90d"].to_numpy().tolist()
    [['orders_paid_count_90d', 'orders', 'paid_at']]
    >>> find_lacking("data/sample")
    Traceback (most recent call last):
    alicredit.errors.RecordError: records must be what read_records gives; found str. ...
    """
    require_records(records)
    rule = "must be a Catalogue"
    require_kind("catalogue", catalogue, Catalogue, rule, error=FeatureError)
    found: dict[str, dict[Place, None]] = {}
    for feature in catalogue:
        found[feature.name] = dict.fromkeys(_of_events(records, feature))
        parts = [found[part] for part in feature.of]
        if feature.aggregate in _EITHER and not all(parts):
            parts = []
        for lacks in (*parts, *([found[feature.support]] if feature.support else [])):
            found[feature.name] |= lacks
    rows = [(name, *place) for name in catalogue.names for place in found[name]]
    return pd.DataFrame(rows, columns=["feature", "table", "column"])


def _of_events(records: Records, feature: Feature) -> list[Place]:
    """Name what the records lack of a feature's own table."""
    if not feature.table:
        return []
    derived = DERIVED.get(feature.table)
    if derived is not None and feature.table not in records:
        places = [place for name, columns in derived.sources.items()
                  for place in _of_table(records, name, columns)]  # fmt: skip
        for column in stored_columns(feature):
            for name, needed in derived.needs.get(column, ()):
                places += _of_table(records, name, (needed,))
        return places
    if not records.holds_facts(feature.table):
        return [(feature.table, "")]
    have = set(records.columns(feature.table))
    return [] if is_fed(feature, have) else _unfed(feature, have)


def _of_table(records: Records, table: str, columns: tuple[str, ...]) -> list[Place]:
    """Name the table, or those of its columns that lack."""
    if not records.holds_facts(table):
        return [(table, "")]
    have = records.columns(table)
    return [(table, column) for column in columns if column not in have]


def _unfed(feature: Feature, have: set[str]) -> list[Place]:
    """Name the columns that a feature of a table that is there goes without."""
    declared, lacks = TABLES[feature.table], list[Place]()
    for read in feature.columns:
        measure = MEASURES.get((feature.table, read))
        for column in measure.columns if measure else (read,):
            timed_by = declared[column].timed_by or column
            if measure is None or column not in measure.optional:
                lacks += [(feature.table, each) for each in (column, timed_by) if each not in have]
    return lacks
