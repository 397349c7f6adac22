"""From decisions on a cluster to the offers of a book."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa

from alicredit.allocation.deciding import offers_of_rows
from alicredit.allocation.offers import OFFER_COLUMNS
from alicredit.checks import refuse, require_columns, require_kind
from alicredit.cluster.taking import from_cluster
from alicredit.features.packed import import_pyspark, mapped
from alicredit.policy import Policy

_NEEDED = ("merchant_id", "product_id", "limit", "expected_profit", "expected_loss")
_TEXTS = ("merchant_id", "product_id", "region", "category", "group_id")


def build_offers_on_cluster(decisions: Any, policy: Policy, *, applicants: Any) -> Any:
    """Make the offers of a book from a portfolio's approvals, as ``build_offers`` does locally.

    Parameters
    ----------
    decisions : pyspark.sql.DataFrame
        From :func:`alicredit.score_portfolio` on Spark, without prices.
    policy : Policy
        Under which they were made.
    applicants : pyspark.sql.DataFrame
        ``merchant_id``, ``region`` and, where known, ``category`` and ``group_id``; a row a
        merchant.

    Returns
    -------
    pyspark.sql.DataFrame
        As :func:`allocate_on_cluster` takes them, a row for each approval, in no order.

    Raises
    ------
    InputError
        For what is no Spark frame, a column that lacks, a merchant that is approved and not among
        the applicants, or stands there twice.

    Examples
    --------
    >>> from alicredit.policy import load_policy
    >>> build_offers_on_cluster("decisions", load_policy("ali-2013"), applicants=None)
    Traceback (most recent call last):
    alicredit.errors.InputError: decisions must be a Spark frame; found str.
    """
    for name, frame in (("decisions", decisions), ("applicants", applicants)):
        if not hasattr(frame, "mapInArrow"):
            refuse(name, "must be a Spark frame", type(frame).__name__)
    require_kind("policy", policy, Policy, "must be a Policy", do="use load_policy")
    require_columns("decisions", decisions.columns, (*_NEEDED, "decision"))
    require_columns("applicants", applicants.columns, ("merchant_id", "region"))
    functions, types = import_pyspark()
    more = [name for name in ("category", "group_id") if name in applicants.columns]
    who = applicants.select(
        "region", *more, functions.col("merchant_id").cast("string").alias("_of")
    )
    with from_cluster("applicants"):
        twice = who.groupBy("_of").count().where("count > 1").orderBy("_of").head()
    if twice is not None:
        refuse("applicants", "must have a merchant once", repr(twice["_of"]))
    approved = decisions.where("decision = 'approve'").select(*_NEEDED)
    joined = approved.join(who, approved["merchant_id"] == who["_of"], "left")
    with from_cluster("decisions"):
        alone = joined.where("_of IS NULL").orderBy("merchant_id").head()
    if alone is not None:
        found = f"none for {alone['merchant_id']!r}"
        refuse("applicants", "must have every merchant that is approved", found)
    columns = [*OFFER_COLUMNS, *(name for name in more if name == "group_id")]
    kinds = {True: types.StringType(), False: types.DoubleType()}
    schema = types.StructType([types.StructField(n, kinds[n in _TEXTS]) for n in columns])
    return mapped(joined.drop("_of"), partial(_offers, policy, tuple(columns)), schema)


def _offers(
    policy: Policy, columns: tuple[str, ...], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Make offers of approvals beside their applicants."""
    for batch in batches:
        frame = batch.to_pandas()
        offers = offers_of_rows(frame, policy, frame)
        arrays = {
            name: pa.array(offers[name], pa.string() if name in _TEXTS else pa.float64())
            for name in columns
        }
        yield pa.record_batch(arrays)
