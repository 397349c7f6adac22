"""What tasks do with their rows, without a cluster: parts, copies, buckets, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from allocation_books import offers_of, tight_lender, tight_rules
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.allocation import allocate
from alicredit.allocation.choice import Problem
from alicredit.allocation.offers import read_offers
from alicredit.allocation.single import pose
from alicredit.cluster import bucket_tasks
from alicredit.cluster.ids import Cuts
from alicredit.cluster.spreading import tables_of
from alicredit.cluster.taking import from_cluster
from alicredit.errors import InputError, RecordError
from alicredit.features.packed import pack


@settings(max_examples=50, deadline=None)
@given(st.sets(st.text(min_size=1, max_size=4), min_size=1, max_size=40), st.integers(1, 9))
def test_each_id_is_of_the_part_that_its_place_says(ids: set[str], size: int) -> None:
    every = sorted(ids)
    cuts = Cuts(len(every), tuple(every[::size]))
    numbers = cuts.numbers(np.array(every, dtype=object)).tolist()
    assert numbers == [at // size for at in range(len(every))]


def test_copies_stand_beside_a_parts_own_rows_and_are_told_apart() -> None:
    mine, others = pa.table({"x": [1, 2]}), pa.table({"x": [3]})
    found = {"a": [mine], "a+": [others], "b+": [others]}
    own, every = tables_of(found)
    assert {name: table["x"].to_pylist() for name, table in own.items()} == {"a": [1, 2]}
    both = {name: table["x"].to_pylist() for name, table in every.items()}
    assert both == {"a": [1, 2, 3], "b": [3]}


def test_a_bucket_poses_the_problem_of_its_offers() -> None:
    offers = offers_of(40, seed=4, amounts=2, sd=0.2, related=0.3)
    lender, rules = tight_lender(offers), tight_rules(offers)
    prices = allocate(offers, lender, rules=rules).prices
    rows = pa.Table.from_pandas(offers.assign(_part=np.int32(0)), preserve_index=False)
    batches = list(pack("offers", (0,), rows.to_batches(max_chunksize=50)))
    (posed,) = bucket_tasks.posed(None, prices, "group_id", batches)
    found, names = bucket_tasks.problem_of(posed["problem"][0].as_py())
    book = read_offers(offers, None)
    expected = pose(book, prices)
    for name in Problem.__dataclass_fields__:
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    assert names.tolist() == offers["group_id"].to_numpy()[book.order].tolist()
    kept = bucket_tasks.kept("group_id", frozenset(names[:1]), [posed])
    its = pd.concat([batch.to_pandas() for batch in kept])
    assert len(its) == (offers["group_id"] == names[0]).sum()


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("x\nalicredit.errors.InputError: as_of must be y\n\n JVM", InputError, "as_of must be y"),
        ("ModuleNotFoundError: No module named 'alicredit'", InputError, "on its workers"),
        ("Path does not exist: file:/nowhere", RecordError, "Path does not exist"),
    ],
)
def test_what_a_task_says_is_said_here(text: str, error: type[Exception], said: str) -> None:
    class TaskError(Exception):
        """As pyspark raises it."""

    TaskError.__module__ = "pyspark.errors"
    with pytest.raises(error, match=said), from_cluster("records"):
        raise TaskError(text)
    with pytest.raises(KeyError), from_cluster("records"):
        raise KeyError(text)
