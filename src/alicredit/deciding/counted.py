"""Facts of applicants that windows over events give beside the features, in the same reading.

Ratings, and refunds, find their merchant through orders, which are many: what policies read of
them is counted where the features are, so that orders are not read and joined for it again.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from alicredit.declarations import Catalogue, Feature
from alicredit.policy.sold import PERIODS
from alicredit.records import Records

_SURE = 2.0**51
"""Fen up to which a sum in yuan, a double, tells each of them."""

_RATINGS = Feature(
    table="ratings", label="fact", aggregate="count", window_days=365, title="ratings"
)
_POSITIVE = Feature(
    table="ratings", label="fact_positive", aggregate="share", window_days=365,
    hit=(("polarity", "==", 1),), title="share of positive ratings",
)  # fmt: skip
_PAID = Feature(
    table="orders", label="fact_paid", aggregate="sum", measure="amount", time="paid_at",
    window_days=90, title="paid sales",
)  # fmt: skip
_BACK = Feature(
    table="refunds", label="fact", aggregate="sum", measure="amount", window_days=90,
    title="refunded",
)  # fmt: skip
_SETTLED = "orders_fact_settled_"
_DAYS = 30
"""Of a period of sales (DOMAIN 1.4)."""


def _settled(days: int) -> Feature:
    """Declare what was sold, by when it was confirmed."""
    return Feature(
        table="orders", label="fact_settled", aggregate="sum", measure="amount",
        time="confirmed_at", window_days=days, title="settled sales",
    )  # fmt: skip


def _groups(as_of: pd.Timestamp) -> Iterator[tuple[Feature, ...]]:
    """Declare what is counted, in groups of which all or nothing is."""
    yield _RATINGS, _POSITIVE
    yield _PAID, _BACK
    year = (as_of - (as_of - pd.DateOffset(months=12))).days
    yield (*(_settled(_DAYS * (k + 1)) for k in range(PERIODS)), _settled(year))


def counting(catalogue: Catalogue, records: Records, as_of: pd.Timestamp) -> Catalogue:
    """Add what is counted for facts to the features of a model that reads the same facts.

    Parameters
    ----------
    catalogue : Catalogue
        The features.
    records : Records
        What they are built of.
    as_of : pandas.Timestamp
        The moment of all questions.

    Returns
    -------
    Catalogue
        With more features at its end, of the same tables and times alone.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> records, as_of = read_records({"merchants": merchants}), pd.Timestamp("2013-05-01")
    >>> len(counting(Catalogue(()), records, as_of))
    0
    """
    return catalogue + [
        feature
        for group in _groups(as_of)
        if all(_is_read(feature, catalogue, records) for feature in group)
        for feature in group
    ]


def _is_read(feature: Feature, catalogue: Catalogue, records: Records) -> bool:
    """Tell whether a model reads the same facts, and all is there that a feature is counted of."""
    table = feature.table
    return (
        any(each.table == table and each.time == feature.time for each in catalogue)
        and records.holds_facts(table)
        and set(feature.columns) <= set(records.columns(table))
    )


def take_counted(features: pd.DataFrame) -> pd.DataFrame:
    """Take what was counted for facts out of features; leave out what is not told exactly.

    That is where a window holds an impossible value: facts take it as it is, features do not.

    Parameters
    ----------
    features : pandas.DataFrame
        Those that :func:`counting` added.

    Returns
    -------
    pandas.DataFrame
        Of what :func:`alicredit.policy.build_applicants` takes as counted those groups that are
        told, a row each as the features have.

    Examples
    --------
    >>> take_counted(pd.DataFrame({"ratings_fact_count_365d": [4.0, 0.0],
    ...     "ratings_fact_positive_share_365d": [0.75, np.nan]}))["ratings"].tolist()
    [4.0, 0.0]
    >>> take_counted(pd.DataFrame({"ratings_fact_count_365d": [4.0, 0.0],
    ...     "ratings_fact_positive_share_365d": [np.inf, np.nan]})).columns.tolist()
    []
    """
    found = pd.DataFrame(index=features.index)
    if _RATINGS.name in features:
        many, share = features[_RATINGS.name], features[_POSITIVE.name]
        if np.isfinite(many).all() and np.isfinite(share[many > 0]).all():
            found = found.assign(ratings=many, positive_rating_share=share)
    if _PAID.name in features:
        sold, back = 100 * features[_PAID.name], 100 * features[_BACK.name]
        if (sold.abs() < _SURE).all() and (back.abs() < _SURE).all():
            found = found.assign(refunded_fen=back.round(), sold_fen=sold.round())
    settled = [name for name in features if name.startswith(_SETTLED)]
    if settled:
        fen = 100 * features[settled].to_numpy()
        if (np.abs(fen) < _SURE).all():
            sums = np.round(fen)
            own = np.diff(sums[:, :PERIODS], axis=1, prepend=0)
            names = [f"settled_{period}" for period in range(PERIODS)]
            found[[*names, "settled_year"]] = np.column_stack([own, sums[:, PERIODS]])
    return found
