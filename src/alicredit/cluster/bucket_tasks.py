"""What a task does with buckets of offers: poses their problems, and answers questions to them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from alicredit.allocation.choice import Floats, Problem, choose_relaxed, choose_whole
from alicredit.allocation.core import leads_of
from alicredit.allocation.offers import read_offers
from alicredit.allocation.prices import Prices
from alicredit.allocation.single import answer, pose, reasons_of
from alicredit.features.packed import unpacked, written
from alicredit.policy import Policy

POSED = "bucket int, rows binary, problem binary"
TOLD = "bucket int, told string"
SAME = ("merchant_id", "product_id", "limit")
ADDED = ("allocated_limit", "reason", "value_at_prices", "is_marginal")


def tables(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pa.Table]]:
    """Bring the rows of each bucket together."""
    for bucket, own in groupby(unpacked(batches), key=lambda each: each[0]):
        yield bucket, pa.concat_tables([rows for _, _, rows in own])


def posed(
    policy: Policy | None, prices: Prices, key: str, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Pose the problem of each bucket."""
    for bucket, table in tables(batches):
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


def problem_of(data: bytes) -> tuple[Problem, npt.NDArray[Any]]:
    """Read a problem, and the name of each row's group."""
    with np.load(io.BytesIO(bytes(data)), allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    names = arrays.pop("names")
    for name in ("peak_at", "loss_at", "one_borrower"):
        arrays[name] = int(arrays[name])
    return Problem(**arrays), names


def told(
    question: Callable[[Problem, npt.NDArray[Any]], dict[str, Any]],
    batches: Iterable[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    """Answer a question for each bucket."""
    for batch in batches:
        for bucket, data in zip(batch["bucket"], batch["problem"], strict=True):
            told = json.dumps(question(*problem_of(data.as_py())))
            yield pa.record_batch(
                {
                    "bucket": pa.array([bucket.as_py()], pa.int32()),
                    "told": pa.array([told], pa.string()),
                }
            )


def relaxed(prices: Floats, problem: Problem, _: npt.NDArray[Any]) -> dict[str, Any]:
    """Give profit and use of what groups would choose if offers could be split."""
    profit, used = choose_relaxed(problem, prices)
    return {"profit": profit, "used": used.tolist()}


def reached(lifting: Floats, problem: Problem, _: npt.NDArray[Any]) -> dict[str, Any]:
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


def nearest(
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


def chosen(
    prices: Floats, keys: frozenset[str], problem: Problem, names: npt.NDArray[Any]
) -> dict[str, Any]:
    """Give what groups other than some use and earn at prices."""
    fen = choose_whole(problem, problem.values(prices))
    fen[np.isin(names, list(keys))] = 0
    held = np.flatnonzero(fen)
    share = fen[held] / problem.limit[held]
    profit = float((problem.profit[held] * share).sum())
    return {"profit": profit, "used": problem.used(held, share).tolist()}


def kept(
    key: str, keys: Sequence[str] | frozenset[str], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Give the rows of some groups."""
    for batch in batches:
        for data in batch["rows"]:
            with pa.ipc.open_stream(data.as_buffer()) as reader:
                rows = reader.read_all()
            is_kept = pa.array(np.isin(rows[key].cast(pa.string()).to_pylist(), list(keys)))
            yield from rows.filter(is_kept).to_batches()


def answered(
    policy: Policy | None, prices: Prices, changed: pd.DataFrame, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Give the offers of each bucket what they get."""
    charged = np.array([each.price for each in prices.constraints])
    for _, table in tables(batches):
        frame = table.to_pandas()
        book = read_offers(frame, policy)
        problem = pose(book, prices)
        value = problem.values(charged)
        fen = choose_whole(problem, value)
        found = answer(frame, book, fen, reasons_of(problem, prices, value, fen), value)
        found["is_marginal"] = False
        at = changed.index.get_indexer(pd.MultiIndex.from_frame(frame[list(SAME)]))
        rows = np.flatnonzero(at >= 0)
        for name in ADDED:
            column = found[name].to_numpy(copy=True)
            column[rows] = changed[name].to_numpy()[at[rows]]
            table = table.append_column(name, pa.array(column))
        yield from table.to_batches()
