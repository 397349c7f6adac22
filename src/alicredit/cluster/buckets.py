"""Offers in buckets: each a small problem of its own, whose answers add up to the whole book's."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.allocation.choice import Floats, Problem
from alicredit.allocation.dual import Plane
from alicredit.allocation.offers import read_offers
from alicredit.allocation.prices import Prices
from alicredit.allocation.single import pose
from alicredit.checks import refuse
from alicredit.cluster.bucket_tasks import (
    ADDED,
    POSED,
    SAME,
    TOLD,
    answered,
    chosen,
    kept,
    nearest,
    posed,
    problem_of,
    reached,
    relaxed,
    told,
)
from alicredit.cluster.taking import from_cluster
from alicredit.features.packed import import_pyspark, mapped, packed_frame
from alicredit.policy import Policy

BUCKETS = 64
_CUT = 2**20


@dataclass(frozen=True, eq=False)
class Bucketed:
    """A book of offers in buckets on a cluster.

    Parameters
    ----------
    offers : pyspark.sql.DataFrame
        As given.
    packed, problems : pyspark.sql.DataFrame
        Their buckets, and what each poses; kept on the cluster's disks.
    key : str
        Column of what counts as one borrower.
    policy : Policy or None
        Whose products bound the amounts.
    unpriced : Prices
        The constraints.
    caps : float64 array
        What may be used of each.
    """

    offers: Any
    packed: Any
    problems: Any
    key: str
    policy: Policy | None
    unpriced: Prices
    caps: Floats

    def evaluate(self, prices: Floats) -> Plane:
        """Evaluate the dual function at prices, by the sums of the buckets."""
        told = self._ask(partial(relaxed, prices))
        used = np.array([math.fsum(each) for each in zip(*(t["used"] for t in told), strict=True)])
        slope = self.caps - used
        profit = math.fsum(each["profit"] for each in told)
        return Plane(prices, profit + float((prices * slope).sum()), slope)

    def reach(self, earned: float) -> tuple[Floats, Floats, int]:
        """Give the most that may be used, prices that no best ones pass, and how many groups are.

        As ``allocation.dual`` bounds them: a constraint's own use falls to nothing at the highest
        profit per unit of use, which a least share can lift.
        """
        told = self._ask(partial(reached, np.zeros(len(self.caps))))
        has_lift = np.any([each["has_lift"] for each in told], axis=0)
        most = self._bounded(told, earned)
        if has_lift.any():
            lifting = np.where(has_lift, most, 0.0)
            lifted = self._bounded(self._ask(partial(reached, lifting)), earned)
            most = np.where(has_lift, most, lifted)
        used = np.array([math.fsum(each) for each in zip(*(t["most"] for t in told), strict=True)])
        return used, most, sum(each["groups"] for each in told)

    def _bounded(self, told: list[dict[str, Any]], earned: float) -> Floats:
        """Bound prices by the highest profit per unit of use, and by what the book earns."""
        most = np.minimum(np.max([each["ratio"] for each in told], axis=0), 1e15)
        with np.errstate(divide="ignore"):
            limit = np.where(self.caps > 0, earned / np.maximum(self.caps, 1e-300), np.inf)
        found: Floats = np.minimum(most, limit)
        return found

    def sample(self, share: float) -> Problem:
        """Bring a share of the groups here, spread by their names, with its share of the caps."""
        functions, _ = import_pyspark()
        place = functions.pmod(functions.xxhash64(functions.col(self.key).cast("string")), _CUT)
        with from_cluster("offers"):
            rows = self.offers.where(place < int(share * _CUT) + 1).toArrow().to_pandas()
            groups = self.offers.select(self.key).distinct().count()
        problem = pose(read_offers(rows, self.policy), self.unpriced)
        return replace(problem, caps=problem.caps * (problem.groups / groups))

    def margin(self, prices: Floats, count: int) -> tuple[frozenset[str], bool]:
        """Name the groups nearest to another choice at prices, and tell whether these are all."""
        told = self._ask(partial(nearest, prices, count))
        lines = sorted((lead, name) for each in told for lead, name in each["nearest"])
        every = sum(each["groups"] for each in told)
        return frozenset(name for _, name in lines[:count]), count >= every

    def sure(self, prices: Floats, keys: frozenset[str]) -> tuple[Floats, float]:
        """Give what all other groups use and earn at prices."""
        told = self._ask(partial(chosen, prices, keys))
        used = np.array([math.fsum(each) for each in zip(*(t["used"] for t in told), strict=True)])
        return used, math.fsum(each["profit"] for each in told)

    def rows_of(self, keys: frozenset[str]) -> pd.DataFrame:
        """Bring the offers of some groups here, in the order of their ids."""
        rows = mapped(
            self.problems.select("rows"), partial(kept, self.key, keys), self.offers.schema
        )
        with from_cluster("offers"):
            frame = rows.toArrow().to_pandas()
        found: pd.DataFrame = frame.sort_values(list(SAME), ignore_index=True)
        return found

    def leave(self, problem: Problem, used: Floats) -> Problem:
        """Give a problem of some groups what all others leave."""
        return replace(problem, caps=problem.caps - used)

    def answer(self, prices: Prices, changed: pd.DataFrame) -> Any:
        """Give all offers what they get at prices, and those at the margin what they were given."""
        _, types = import_pyspark()
        kinds = (types.DoubleType(), types.StringType(), types.DoubleType(), types.BooleanType())
        added = [types.StructField(name, kind) for name, kind in zip(ADDED, kinds, strict=True)]
        schema = types.StructType([*self.offers.schema.fields, *added])
        at_margin = changed.set_index(list(SAME))[list(ADDED)]
        task = partial(answered, self.policy, prices, at_margin)
        return mapped(self.packed, task, schema)

    def _ask(self, question: Callable[[Problem, npt.NDArray[Any]], dict[str, Any]]) -> Any:
        """Ask all buckets, and give their answers in order."""
        asked = mapped(self.problems.select("bucket", "problem"), partial(told, question), TOLD)
        with from_cluster("offers"):
            rows = asked.collect()
        return [json.loads(row["told"]) for row in sorted(rows, key=lambda row: row["bucket"])]


def bucketed(offers: Any, policy: Policy | None, unpriced: Prices) -> Bucketed:
    """Deal offers out into buckets, a group of borrowers in one, and pose their problems."""
    from pyspark import StorageLevel

    functions, _ = import_pyspark()
    key = "group_id" if "group_id" in offers.columns else "merchant_id"
    if key == "group_id":
        _refuse_two_groups(offers, functions)
    name = functions.col(key).cast("string").cast("binary")
    bucket = functions.pmod(functions.crc32(name), functions.lit(BUCKETS)).cast("int")
    dealt = offers.withColumn("_part", functions.coalesce(bucket, functions.lit(0)))
    packed = packed_frame(dealt, "offers", tuple(range(BUCKETS)))
    parts = int(offers.sparkSession.conf.get("spark.sql.shuffle.partitions"))
    packed = packed.repartition(min(parts, BUCKETS), "_part").sortWithinPartitions("_part")
    problems = mapped(packed, partial(posed, policy, unpriced, key), POSED)
    problems = problems.persist(StorageLevel.DISK_ONLY)
    with from_cluster("offers"):
        first = problems.select("problem").head()
    caps = problem_of(first["problem"])[0].caps
    return Bucketed(offers, packed, problems, key, policy, unpriced, caps)


def _refuse_two_groups(offers: Any, functions: Any) -> None:
    """Refuse a merchant that is of two groups."""
    groups = offers.groupBy("merchant_id").agg(functions.countDistinct("group_id").alias("many"))
    with from_cluster("offers"):
        found = groups.where("many > 1").orderBy("merchant_id").head()
    if found is not None:
        rule = "must be one for all rows of a merchant"
        refuse("offers['group_id']", rule, repr(found["merchant_id"]))
