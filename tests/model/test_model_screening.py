"""Which pairs of many inputs are looked at together: all of few, of many those that act so."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.model import DefaultModel
from alicredit.model.learner import TrainingSet
from alicredit.model.pairs import pair_settings
from alicredit.model.screening import MOST_TOGETHER, pairs_together, together


def training(
    X: np.ndarray, y: np.ndarray, *, weight: np.ndarray | None = None, levels: tuple[int, ...] = ()
) -> TrainingSet:
    weight = np.ones(len(y)) if weight is None else weight
    return TrainingSet(X, y, weight, (0,) * X.shape[1], levels, np.arange(len(y)))


def drawn(logit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (rng.random(len(logit)) < 1 / (1 + np.exp(-logit))).astype(float)


def split(column: np.ndarray) -> list[np.ndarray]:
    """Part a number at its quarters, the least value always alone, and by whether it is known."""
    known = sorted(each for each in column if each == each)
    cuts = {known[len(known) * k // 4] for k in (1, 2, 3)} if known else set()
    higher = [each for each in known if each > known[0]]
    cuts = {max(cut, higher[0]) for cut in cuts} if higher else set()
    sides = [np.array([each >= cut for each in column]) for cut in cuts] + [np.isnan(column)]
    return [side for side in sides if side.any()]


def evidence(first: np.ndarray, second: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    """Say in four cells what two inputs say beyond their sum, squared in standard errors."""
    most = 0.0
    for one, other in product(split(first), split(second)):
        apart, spread = 0.0, 0.0
        for a, b in product((True, False), repeat=2):
            cell = (one == a) & (other == b)
            bad, good = (weight[cell & (y == kind)].sum() + 0.5 for kind in (1, 0))
            apart += (1 if a == b else -1) * np.log(bad / good)
            spread += 1 / bad + 1 / good
        most = max(most, apart**2 / spread)
    return most


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.booleans())
def test_evidence_is_that_of_the_four_cells_of_every_two_cuts(
    seed: int, rows: int, is_weighted: bool
) -> None:
    """Numbers of few values and of many, rare ones and missing ones among them."""
    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [rng.normal(size=rows), rng.integers(0, 3, rows), rng.random(rows) < 0.1]
    ).astype(float)
    X[rng.random(X.shape) < 0.2] = np.nan
    y = (rng.random(rows) < 0.4).astype(float)
    weight = rng.random(rows) + 0.1 if is_weighted else np.ones(rows)
    found = together(training(X, y, weight=weight), np.arange(3))
    weight = weight / weight.mean()
    for a, b in combinations(range(3), 2):
        assert found[a, b] == pytest.approx(evidence(X[:, a], X[:, b], y, weight), abs=1e-9)
        assert found[a, b] == pytest.approx(found[b, a], abs=1e-9)


def test_two_signs_that_act_only_together_are_the_first_of_many() -> None:
    """None of the two says anything alone; two that add up are no more than chance."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(2000, 80))
        y = drawn(-2.5 + np.sign(X[:, 0] * X[:, 1]) + X[:, 2] + X[:, 3], rng)
        found = together(training(X, y), np.arange(80))
        every = found[np.triu_indices(80, 1)]
        assert found[0, 1] == every.max()
        assert (every > found[2, 3]).mean() > 0.01


def test_levels_and_rare_flags_act_together_too() -> None:
    """Levels by their rate: what half of them do is turned round where the flag is set."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(4000, 40))
    X[:, 0] = rng.integers(0, 6, 4000)
    X[:, 1] = rng.random(4000) < 0.08
    sign = np.where(X[:, 0] % 2 == 0, 1, -1)
    y = drawn(-2.0 + sign * (1 - 2 * X[:, 1]), rng)
    found = together(training(X, y, levels=(0,)), np.arange(40))
    assert found[0, 1] == found.max()


def test_of_few_inputs_all_pairs_are_seen_and_of_many_the_most() -> None:
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(200, 70)), (rng.random(200) < 0.3).astype(float)
    few = pairs_together(training(X[:, :63], y))
    assert few == list(combinations(range(63), 2))
    X[:, 5] = 1.0
    X[:, 6] = np.nan
    many = pairs_together(training(X, y))
    pairs, alone = many[:MOST_TOGETHER], many[MOST_TOGETHER:]
    moving = [at for at in range(70) if at not in (5, 6)]
    assert alone == [(at,) for at in moving]
    assert len(set(pairs)) == MOST_TOGETHER
    assert set(pairs) <= set(combinations(moving, 2))
    found = together(training(X, y), np.arange(70))
    left = set(combinations(moving, 2)) - set(pairs)
    assert min(found[pair] for pair in pairs) >= max(found[pair] for pair in left)
    assert pairs_together(training(np.ones((9, 2)), y[:9])) == [(0,), (1,)]
    made = pair_settings(70, None)(training(X, y), seed=0, threads=1)["interaction_constraints"]
    assert made.count("[") == len(many)


@pytest.mark.slow
def test_the_pair_that_matters_is_found_among_many_inputs() -> None:
    rng = np.random.default_rng(5)
    X = pd.DataFrame(rng.normal(size=(2500, 66))).rename(columns="x{}".format)
    both = (X["x40"] > 0) & (X["x7"] > 0)
    y = drawn(np.asarray(-2.5 + 0.5 * X["x2"] + 2.5 * both), rng)
    model = DefaultModel("pairs", directions=None).fit(X, y)
    assert [(pair.first, pair.second) for pair in model.portable_.pairs][:1] == [("x7", "x40")]
