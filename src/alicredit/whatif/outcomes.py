"""Outcomes that the caller knows, brought beside rows of decisions."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from alicredit.checks import refuse, require_columns, require_kind


def join_labels(rows: pd.DataFrame, labels: pd.DataFrame, keys: Sequence[str]) -> pd.Series:
    """Give the outcome of each row, NaN where it is not known.

    Parameters
    ----------
    rows : pandas.DataFrame
        With the columns ``keys``, identifiers as text.
    labels : pandas.DataFrame
        ``merchant_id``, ``label`` (0, 1 or missing) and any other of ``keys``: a label without a
        product is of all products of its merchant.
    keys : sequence of str
        What tells one row from another.

    Returns
    -------
    pandas.Series
        0.0, 1.0 or NaN, in the order of ``rows``.

    Raises
    ------
    InputError
        For labels that are no frame, lack a column, stand twice for one key, or are neither 0 nor
        1.

    Examples
    --------
    >>> rows = pd.DataFrame({"merchant_id": ["a", "b"], "product_id": ["p", "p"]})
    >>> labels = pd.DataFrame({"merchant_id": ["b"], "label": [1]})
    >>> join_labels(rows, labels, ["merchant_id", "product_id"]).tolist()
    [nan, 1.0]
    >>> join_labels(rows, labels.assign(label=2), ["merchant_id"])
    Traceback (most recent call last):
    alicredit.errors.InputError: labels['label'] must be 0, 1 or missing; found 2.0.
    """
    require_kind("labels", labels, pd.DataFrame, "must be a frame")
    require_columns("labels", map(str, labels.columns), ("merchant_id", "label"))
    given = [name for name in keys if name in labels]
    if labels.duplicated(given).any():
        refuse("labels", f"must have each {', '.join(given)} once", "one that stands twice")
    value = labels["label"].astype(float)
    if not (value.isna() | value.isin([0.0, 1.0])).all():
        refuse("labels['label']", "must be 0, 1 or missing", value[~value.isin([0, 1])].iloc[0])
    texts = {name: str for name in given if name != "as_of"}
    own = labels[given].astype(texts).assign(label=value.to_numpy())
    return rows.merge(own, on=given, how="left")["label"]
