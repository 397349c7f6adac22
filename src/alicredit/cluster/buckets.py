"""Offers in buckets: each a small problem of its own, whose answers add up to the whole book's."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from alicredit.allocation.choice import Floats, Problem, choose_relaxed, choose_whole
from alicredit.allocation.core import leads_of
from alicredit.allocation.dual import Plane
from alicredit.allocation.offers import read_offers
from alicredit.allocation.prices import Prices
from alicredit.allocation.single import answer, pose, reasons_of
from alicredit.checks import refuse
from alicredit.cluster.taking import from_cluster
from alicredit.features.packed import import_pyspark, mapped, packed_frame, unpacked, written
from alicredit.policy import Policy

BUCKETS = 64
_CUT = 2**20
_POSED = "bucket int, rows binary, problem binary"
_TOLD = "bucket int, told string"
_SAME = ("merchant_id", "product_id", "limit")
_ADDED = ("allocated_limit", "reason", "value_at_prices", "is_marginal")


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
        told = self._ask(partial(_relaxed, prices))
        used = np.array([math.fsum(each) for each in zip(*(t["used"] for t in told), strict=True)])
        slope = self.caps - used
        profit = math.fsum(each["profit"] for each in told)
        return Plane(prices, profit + float((prices * slope).sum()), slope)

    def reach(self, earned: float) -> tuple[Floats, Floats, int]:
        """Give the most that may be used, prices that no best ones pass, and how many groups are.

        As ``allocation.dual`` bounds them: a constraint's own use falls to nothing at the highest
        profit per unit of use, which a least share can lift.
        """
        told = self._ask(partial(_reached, np.zeros(len(self.caps))))
        has_lift = np.any([each["has_lift"] for each in told], axis=0)
        most = self._bounded(told, earned)
        if has_lift.any():
            lifting = np.where(has_lift, most, 0.0)
            lifted = self._bounded(self._ask(partial(_reached, lifting)), earned)
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
        told = self._ask(partial(_nearest, prices, count))
        lines = sorted((lead, name) for each in told for lead, name in each["nearest"])
        every = sum(each["groups"] for each in told)
        return frozenset(name for _, name in lines[:count]), count >= every

    def sure(self, prices: Floats, keys: frozenset[str]) -> tuple[Floats, float]:
        """Give what all other groups use and earn at prices."""
        told = self._ask(partial(_chosen, prices, keys))
        used = np.array([math.fsum(each) for each in zip(*(t["used"] for t in told), strict=True)])
        return used, math.fsum(each["profit"] for each in told)

    def rows_of(self, keys: frozenset[str]) -> pd.DataFrame:
        """Bring the offers of some groups here, in the order of their ids."""
        rows = mapped(
            self.problems.select("rows"), partial(_kept, self.key, keys), self.offers.schema
        )
        with from_cluster("offers"):
            frame = rows.toArrow().to_pandas()
        found: pd.DataFrame = frame.sort_values(list(_SAME), ignore_index=True)
        return found

    def leave(self, problem: Problem, used: Floats) -> Problem:
        """Give a problem of some groups what all others leave."""
        return replace(problem, caps=problem.caps - used)

    def answer(self, prices: Prices, changed: pd.DataFrame) -> Any:
        """Give all offers what they get at prices, and those at the margin what they were given."""
        _, types = import_pyspark()
        kinds = (types.DoubleType(), types.StringType(), types.DoubleType(), types.BooleanType())
        added = [types.StructField(name, kind) for name, kind in zip(_ADDED, kinds, strict=True)]
        schema = types.StructType([*self.offers.schema.fields, *added])
        at_margin = changed.set_index(list(_SAME))[list(_ADDED)]
        task = partial(_answered, self.policy, prices, at_margin)
        return mapped(self.packed, task, schema)

    def _ask(self, question: Callable[[Problem, npt.NDArray[Any]], dict[str, Any]]) -> Any:
        """Ask all buckets, and give their answers in order."""
        asked = mapped(self.problems.select("bucket", "problem"), partial(_told, question), _TOLD)
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
    problems = mapped(packed, partial(_posed, policy, unpriced, key), _POSED)
    problems = problems.persist(StorageLevel.DISK_ONLY)
    with from_cluster("offers"):
        first = problems.select("problem").head()
    caps = _problem_of(first["problem"])[0].caps
    return Bucketed(offers, packed, problems, key, policy, unpriced, caps)


def _refuse_two_groups(offers: Any, functions: Any) -> None:
    """Refuse a merchant that is of two groups."""
    groups = offers.groupBy("merchant_id").agg(functions.countDistinct("group_id").alias("many"))
    with from_cluster("offers"):
        found = groups.where("many > 1").orderBy("merchant_id").head()
    if found is not None:
        rule = "must be one for all rows of a merchant"
        refuse("offers['group_id']", rule, repr(found["merchant_id"]))


def _tables(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pa.Table]]:
    """Bring the rows of each bucket together."""
    for bucket, own in groupby(unpacked(batches), key=lambda each: each[0]):
        yield bucket, pa.concat_tables([rows for _, _, rows in own])


def _posed(
    policy: Policy | None, prices: Prices, key: str, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Pose the problem of each bucket."""
    for bucket, table in _tables(batches):
        frame = table.to_pandas()
        book = read_offers(frame, policy)
        problem = pose(book, prices)
        names = frame[key].astype(str).to_numpy(object)[book.order].astype(str)
        arrays = {each.name: getattr(problem, each.name) for each in fields(Problem)}
        held = io.BytesIO()
        np.savez(held, names=names, **arrays)
        yield pa.record_batch(
            {
                "bucket": pa.array([bucket], pa.int32()),
                "rows": pa.array([written(table)], pa.binary()),
                "problem": pa.array([held.getvalue()], pa.binary()),
            }
        )


def _problem_of(data: bytes) -> tuple[Problem, npt.NDArray[Any]]:
    """Read a problem, and the name of each row's group."""
    with np.load(io.BytesIO(bytes(data)), allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    names = arrays.pop("names")
    for name in ("peak_at", "loss_at", "one_borrower"):
        arrays[name] = int(arrays[name])
    return Problem(**arrays), names


def _told(
    question: Callable[[Problem, npt.NDArray[Any]], dict[str, Any]],
    batches: Iterable[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    """Answer a question for each bucket."""
    for batch in batches:
        for bucket, data in zip(batch["bucket"], batch["problem"], strict=True):
            told = json.dumps(question(*_problem_of(data.as_py())))
            yield pa.record_batch(
                {
                    "bucket": pa.array([bucket.as_py()], pa.int32()),
                    "told": pa.array([told], pa.string()),
                }
            )


def _relaxed(prices: Floats, problem: Problem, _: npt.NDArray[Any]) -> dict[str, Any]:
    """Give profit and use of what groups would choose if offers could be split."""
    profit, used = choose_relaxed(problem, prices)
    return {"profit": profit, "used": used.tolist()}


def _reached(lifting: Floats, problem: Problem, _: npt.NDArray[Any]) -> dict[str, Any]:
    """Give the most that may be used, and the highest profit per unit of use."""
    rows = np.arange(len(problem.profit))
    uses = [problem.use_of(each, rows) for each in range(len(problem.caps))]
    gain = problem.profit
    for use, price in zip(uses, lifting.tolist(), strict=True):
        gain = gain + np.maximum(-use, 0) * price
    ratio = []
    for use in uses:
        some = np.flatnonzero(use > 0)
        with np.errstate(over="ignore"):
            ratio.append(min(float((gain[some] / use[some]).max(initial=0.0)), 1e15))
    return {
        "most": [float(np.maximum(use, 0).sum()) for use in uses],
        "ratio": ratio,
        "has_lift": np.asarray((problem.on_mean < 0).any(axis=0)).tolist(),
        "groups": problem.groups,
    }


def _nearest(
    prices: Floats, count: int, problem: Problem, names: npt.NDArray[Any]
) -> dict[str, Any]:
    """Name the groups whose best choices lead by least."""
    lead, _ = leads_of(problem, problem.values(prices))
    starts = np.flatnonzero(np.diff(problem.item, prepend=-1))
    least = np.full(problem.groups, np.inf)
    np.minimum.at(least, problem.group[starts], lead)
    first = names[np.flatnonzero(np.diff(problem.group, prepend=-1))]
    order = np.lexsort((first, least))[:count]
    most = np.finfo(np.float64).max
    pairs = zip(np.minimum(least[order], most).tolist(), first[order].tolist(), strict=True)
    return {"nearest": [list(each) for each in pairs], "groups": problem.groups}


def _chosen(
    prices: Floats, keys: frozenset[str], problem: Problem, names: npt.NDArray[Any]
) -> dict[str, Any]:
    """Give what groups other than some use and earn at prices."""
    fen = choose_whole(problem, problem.values(prices))
    fen[np.isin(names, list(keys))] = 0
    held = np.flatnonzero(fen)
    share = fen[held] / problem.limit[held]
    profit = float((problem.profit[held] * share).sum())
    return {"profit": profit, "used": problem.used(held, share).tolist()}


def _kept(
    key: str, keys: Sequence[str] | frozenset[str], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Give the rows of some groups."""
    for batch in batches:
        for data in batch["rows"]:
            with pa.ipc.open_stream(data.as_buffer()) as reader:
                rows = reader.read_all()
            is_kept = pa.array(np.isin(rows[key].cast(pa.string()).to_pylist(), list(keys)))
            yield from rows.filter(is_kept).to_batches()


def _answered(
    policy: Policy | None, prices: Prices, changed: pd.DataFrame, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Give the offers of each bucket what they get."""
    charged = np.array([each.price for each in prices.constraints])
    for _, table in _tables(batches):
        frame = table.to_pandas()
        book = read_offers(frame, policy)
        problem = pose(book, prices)
        value = problem.values(charged)
        fen = choose_whole(problem, value)
        found = answer(frame, book, fen, reasons_of(problem, prices, value, fen), value)
        found["is_marginal"] = False
        at = changed.index.get_indexer(pd.MultiIndex.from_frame(frame[list(_SAME)]))
        rows = np.flatnonzero(at >= 0)
        for name in _ADDED:
            column = found[name].to_numpy(copy=True)
            column[rows] = changed[name].to_numpy()[at[rows]]
            table = table.append_column(name, pa.array(column))
        yield from table.to_batches()
