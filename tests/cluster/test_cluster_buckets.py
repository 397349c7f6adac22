"""What tasks say of buckets of offers adds up to what is true of the whole book."""

from __future__ import annotations

import json
import math
from functools import partial
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from allocation_books import offers_of, tight_lender, tight_rules

from alicredit.allocation import allocate
from alicredit.allocation.choice import choose_relaxed, choose_whole
from alicredit.allocation.core import leads_of
from alicredit.allocation.offers import read_offers
from alicredit.allocation.prices import Prices
from alicredit.allocation.single import pose
from alicredit.cluster import bucket_tasks
from alicredit.cluster.bucket_tasks import SAME
from alicredit.errors import InputError
from alicredit.features.packed import pack

COUNT = 5


class Book:
    """A book of two amounts, related borrowers and scarce capital; whole and in buckets."""

    def __init__(self) -> None:
        self.offers = offers_of(150, seed=9, amounts=2, sd=0.2, related=0.3)
        rules = tight_rules(self.offers)
        self.local = allocate(self.offers, tight_lender(self.offers), rules=rules)
        self.prices: Prices = self.local.prices
        self.read = read_offers(self.offers, None)
        self.problem = pose(self.read, self.prices)
        self.charged = np.array([each.price for each in self.prices.constraints])
        self.posed = posed(self.offers, self.prices, COUNT)

    def ask(self, question: Any) -> list[dict[str, Any]]:
        """Ask every bucket, as a task does."""
        told = bucket_tasks.told(
            question, (each.select(["bucket", "problem"]) for each in self.posed)
        )
        return [json.loads(row["told"]) for batch in told for row in batch.to_pylist()]

    def names(self) -> pd.Series:
        """Name the group of each row of the whole problem."""
        return self.offers["group_id"].iloc[self.read.order].reset_index(drop=True)


def dealt(offers: pd.DataFrame, count: int) -> list[pa.RecordBatch]:
    """Deal offers out by their groups and pack them, in small batches."""
    part = [crc32(name.encode()) % count for name in offers["group_id"]]
    rows = pa.Table.from_pandas(offers.assign(_part=np.array(part, np.int32)), preserve_index=False)
    packed = pa.Table.from_batches(
        pack("offers", tuple(range(count)), rows.to_batches(max_chunksize=70))
    )
    return packed.sort_by("_part").to_batches(max_chunksize=2)


def posed(offers: pd.DataFrame, prices: Prices, count: int) -> list[pa.RecordBatch]:
    return list(bucket_tasks.posed(None, prices, "group_id", iter(dealt(offers, count))))


@pytest.fixture(scope="module")
def book() -> Book:
    return Book()


def summed(told: list[dict[str, Any]], key: str) -> list[float]:
    return [math.fsum(each) for each in zip(*(t[key] for t in told), strict=True)]


def test_every_group_stands_in_one_bucket_and_none_is_lost(book: Book) -> None:
    seen: list[str] = []
    for batch in book.posed:
        problem, names = bucket_tasks.problem_of(batch["problem"][0].as_py())
        assert len(names) == len(problem.profit)
        assert problem.groups == len(set(names))
        seen += sorted(set(names))
    assert len(book.posed) == COUNT
    assert sorted(seen) == sorted(set(book.offers["group_id"]))


@pytest.mark.parametrize("times", [0.0, 1.0, 2.5])
def test_what_buckets_choose_adds_up_to_what_the_book_chooses(book: Book, times: float) -> None:
    prices = book.charged * times
    profit, used = choose_relaxed(book.problem, prices)
    told = book.ask(partial(bucket_tasks.relaxed, prices))
    assert math.fsum(each["profit"] for each in told) == pytest.approx(profit, rel=1e-12)
    assert summed(told, "used") == pytest.approx(used.tolist(), rel=1e-11, abs=1e-6)
    fen = choose_whole(book.problem, book.problem.values(prices))
    held = np.flatnonzero(fen)
    share = fen[held] / book.problem.limit[held]
    told = book.ask(partial(bucket_tasks.chosen, prices, frozenset()))
    assert summed(told, "used") == pytest.approx(book.problem.used(held, share).tolist(), rel=1e-11,
                                                 abs=1e-6)  # fmt: skip
    earned = float((book.problem.profit[held] * share).sum())
    assert math.fsum(each["profit"] for each in told) == pytest.approx(earned, rel=1e-12)


def test_the_most_that_may_be_used_is_that_of_the_book(book: Book) -> None:
    told = book.ask(partial(bucket_tasks.reached, np.zeros(len(book.charged))))
    rows = np.arange(len(book.problem.profit))
    uses = [book.problem.use_of(each, rows) for each in range(len(book.charged))]
    most = [float(np.maximum(use, 0).sum()) for use in uses]
    assert summed(told, "most") == pytest.approx(most, rel=1e-12)
    ratio = []
    for use in uses:
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.where(use > 0, book.problem.profit / use, 0.0)
        ratio.append(min(max(each.max(), 0.0), 1e15))
    assert np.max([each["ratio"] for each in told], axis=0).tolist() == pytest.approx(ratio)
    assert sum(each["groups"] for each in told) == book.offers["group_id"].nunique()


@pytest.mark.parametrize("count", [1, 20])
def test_the_groups_nearest_to_another_choice_are_those_of_the_book(book: Book, count: int) -> None:
    told = book.ask(partial(bucket_tasks.nearest, book.charged, count))
    assert all(len(each["nearest"]) <= count for each in told)
    lines = sorted((lead, name) for each in told for lead, name in each["nearest"])[:count]
    lead, _ = leads_of(book.problem, book.problem.values(book.charged))
    starts = np.flatnonzero(np.diff(book.problem.item, prepend=-1))
    names = book.names().to_numpy()[starts]
    least = pd.Series(lead).groupby(names).min().clip(upper=np.finfo(float).max)
    expected = sorted(zip(least.tolist(), least.index, strict=True))[:count]
    assert [name for _, name in lines] == [name for _, name in expected]
    assert [each for each, _ in lines] == pytest.approx([each for each, _ in expected])


def test_groups_left_out_use_and_earn_nothing(book: Book) -> None:
    every = frozenset(book.offers["group_id"])
    for keys in (every, frozenset(sorted(every)[::2])):
        told = book.ask(partial(bucket_tasks.chosen, book.charged, keys))
        rest = book.ask(partial(bucket_tasks.chosen, book.charged, every - keys))
        none = book.ask(partial(bucket_tasks.chosen, book.charged, frozenset()))
        both = np.add(summed(told, "used"), summed(rest, "used"))
        assert both.tolist() == pytest.approx(summed(none, "used"), rel=1e-11, abs=1e-6)
    told = book.ask(partial(bucket_tasks.chosen, book.charged, every))
    assert (summed(told, "used"), sum(each["profit"] for each in told)) == ([0.0] *
            len(book.charged), 0.0)  # fmt: skip


def test_an_answer_at_prices_is_the_same_however_offers_are_dealt(book: Book) -> None:
    none = book.local.offers.iloc[:0].set_index(list(SAME))
    none = none[list(bucket_tasks.ADDED)]
    found = []
    for count, offers in ((1, book.offers), (COUNT, book.offers.sample(frac=1.0, random_state=2))):
        batches = bucket_tasks.answered(None, book.prices, none, iter(dealt(offers, count)))
        frame = pa.Table.from_batches(batches).to_pandas()
        found.append(frame.sort_values(list(SAME), ignore_index=True))
    pd.testing.assert_frame_equal(found[0], found[1], check_exact=True)
    assert not found[0]["is_marginal"].any()
    local = book.local.offers.sort_values(list(SAME), ignore_index=True)
    sure = ~local["is_marginal"]
    for name in ("allocated_limit", "reason", "value_at_prices"):
        assert found[0][name][sure].equals(local[name][sure]), name


def test_what_was_settled_at_the_margin_stands_in_the_answer(book: Book) -> None:
    changed = book.offers.head(1).assign(
        allocated_limit=7.0, reason="SETTLED", value_at_prices=-1.0, is_marginal=True
    )
    at_margin = changed.set_index(list(SAME))[list(bucket_tasks.ADDED)]
    batches = bucket_tasks.answered(None, book.prices, at_margin, iter(dealt(book.offers, COUNT)))
    frame = pa.Table.from_batches(batches).to_pandas()
    assert len(frame) == len(book.offers)
    told = frame[frame["is_marginal"]]
    assert told[list(SAME)].to_numpy().tolist() == changed[list(SAME)].to_numpy().tolist()
    assert told["allocated_limit"].tolist() == [7.0]
    assert told["reason"].tolist() == ["SETTLED"]


def test_rows_of_some_groups_come_whole(book: Book) -> None:
    keys = frozenset(sorted(set(book.offers["group_id"]))[:9])
    kept = bucket_tasks.kept("group_id", keys, iter(book.posed))
    frame = pa.Table.from_batches(kept).to_pandas().sort_values(list(SAME), ignore_index=True)
    mine = book.offers[book.offers["group_id"].isin(keys)]
    expected = mine.sort_values(list(SAME), ignore_index=True)
    pd.testing.assert_frame_equal(frame, expected, check_dtype=False)


def test_a_bucket_with_an_impossible_amount_is_refused(book: Book) -> None:
    wrong = book.offers.assign(expected_loss=-1.0)
    with pytest.raises(InputError, match=r"offers\['expected_loss'\]"):
        posed(wrong, book.prices, COUNT)
