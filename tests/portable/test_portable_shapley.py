"""Shares of trees are Shapley values: against every coalition, and by the axioms."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import KINDS, Grower, draw_rows, encode, make_model

from alicredit.portable import ScoreModel, TreeTable
from alicredit.portable.shapley import WHOLE, tree_shares

NAMES = list(KINDS)
seeds = st.integers(0, 10**6)


def grow(seed: int, *, names=None, trees: int = 3, depth: int = 3, references: int = 4):
    """Draw trees, which need keep no direction here, and rows for them."""
    rng = np.random.default_rng(seed)
    names = names or NAMES
    grower = Grower(rng, names, keeps_directions=False)
    for _ in range(trees):
        grower.tree(depth, -500, 500)
    model = make_model("trees", 0)
    rows = encode(model, draw_rows(NAMES, references + 6, rng))
    return grower.table(rows[:references].tolist()), rows[references:], rows[:references]


def brute(trees: TreeTable, row, references) -> list[Fraction]:
    """Average over references and coalitions, by the definition, in fractions."""
    inputs = len(row)
    found = [Fraction(0)] * inputs
    for other in references:
        worth = {}
        for size in range(inputs + 1):
            for coalition in itertools.combinations(range(inputs), size):
                mixed = [row[k] if k in coalition else other[k] for k in range(inputs)]
                worth[frozenset(coalition)] = trees.look_up_one(mixed)
        for k in range(inputs):
            for coalition, value in worth.items():
                if k in coalition:
                    continue
                size = len(coalition)
                weight = Fraction(
                    math.factorial(size) * math.factorial(inputs - size - 1),
                    math.factorial(inputs),
                )
                found[k] += weight * (worth[coalition | {k}] - value)
    return [each / len(references) for each in found]


def shares_of(trees: TreeTable, rows, references):
    prepared = tree_shares(trees, references)
    return prepared.of(rows)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, depth=st.integers(1, 4))
def test_shares_are_those_of_all_coalitions_exactly(seed: int, depth: int) -> None:
    trees, rows, references = grow(seed, depth=depth, references=2)
    found = shares_of(trees, rows[:2], references)
    for row, shares in zip(rows[:2], found.tolist(), strict=True):
        exact = [Fraction(each, WHOLE * len(references)) for each in shares]
        assert exact == brute(trees, row, references)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, depth=st.integers(1, 7))
def test_shares_sum_to_the_distance_from_the_references_exactly(seed: int, depth: int) -> None:
    trees, rows, references = grow(seed, depth=depth, trees=2)
    found = shares_of(trees, rows, references)
    mine = trees.look_up(rows) * len(references)
    assert (found.sum(axis=1) == WHOLE * (mine - trees.look_up(references).sum())).all()


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_an_input_that_no_tree_asks_for_has_no_share(seed: int) -> None:
    trees, rows, references = grow(seed, names=["debt", "sales", "age"])
    found = shares_of(trees, rows, references)
    assert (found[:, 3:] == 0).all()
    rows[:, 2] = references[:, 2] = 1.0
    assert (shares_of(trees, rows, references)[:, 2] == 0).all()


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_inputs_that_trees_treat_alike_have_like_shares(seed: int) -> None:
    trees, rows, references = grow(seed, names=["debt", "sales", "age"])
    flipped = replace(trees, feature=tuple((1, 0, 2)[at] for at in trees.feature))
    swap = [1, 0, 2, 3, 4]
    found = shares_of(trees, rows, references)
    other = shares_of(flipped, rows[:, swap], references[:, swap])
    assert (found == other[:, swap]).all()


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_shares_of_a_sum_of_trees_are_the_sum_of_shares(seed: int) -> None:
    trees, rows, references = grow(seed)
    each = [shares_of(replace(trees, roots=(root,)), rows, references) for root in trees.roots]
    assert (np.sum(each, axis=0) == shares_of(trees, rows, references)).all()


def chain(length: int) -> TreeTable:
    """Build a tree that asks one input after another; the last leaf is worth most."""
    nodes = range(length)
    return TreeTable(
        roots=(0,), feature=tuple(nodes), cut=(0.0,) * length,
        left=tuple(-(k + 1) for k in nodes),
        right=(*range(1, length), -(length + 1)), missing_left=(True,) * length,
        levels=((),) * length, leaves=(0,) * length + (WHOLE,), reference=((-1.0,) * length,),
    )  # fmt: skip


@pytest.mark.parametrize("length", [1, 2, 8, 9, 12])
def test_inputs_that_only_together_open_a_leaf_share_it_alike(length: int) -> None:
    trees = chain(length)
    mine, other = np.ones((1, length)), -np.ones((1, length))
    prepared = tree_shares(trees, other)
    assert prepared.of(mine).tolist() == [[WHOLE * WHOLE // length] * length]
    assert prepared.of(other).tolist() == [[0] * length]
    half = np.where(np.arange(length) < length // 2, 1.0, -1.0)[None, :]
    assert prepared.of(half).tolist() == [[0] * length]


def test_a_wide_tree_is_parted_into_groups_and_stays_exact() -> None:
    trees, rows, references = grow(5, trees=2, depth=7)
    assert len(trees.leaves) > 60
    exact = [
        [each * WHOLE * len(references) for each in brute(trees, row, references)]
        for row in rows[:3]
    ]
    assert shares_of(trees, rows[:3], references).tolist() == exact


def test_trees_of_one_leaf_share_nothing() -> None:
    trees = TreeTable((-1,), (), (), (), (), (), (), (9,), ((0.0, 0.0),))
    found = tree_shares(trees, np.zeros((1, 2))).of(np.ones((4, 2)))
    assert found.tolist() == [[0, 0]] * 4


def parts_by_definition(model: ScoreModel, X) -> np.ndarray:
    assert model.trees is not None
    references = np.array(model.trees.reference, dtype=float)
    return np.array([
        [float(each) / 1000 for each in brute(model.trees, row, references)]
        for row in encode(model, X)
    ])  # fmt: skip


def test_the_model_gives_these_shares_in_points() -> None:
    model = make_model("trees", 12, references=3)
    X = draw_rows(model.feature_names, 12, np.random.default_rng(2)).dropna(ignore_index=True)
    parts = model.parts(X)
    np.testing.assert_allclose(parts.to_numpy(), parts_by_definition(model, X), atol=1e-9)
    assert parts.attrs["against"] == "references"
