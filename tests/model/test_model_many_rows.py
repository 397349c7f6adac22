"""What changes with many rows: how fast points learn, and how LightGBM cuts its bins."""

from __future__ import annotations

import numpy as np
import pytest

from alicredit.model.additive import one_input
from alicredit.model.boosting import fit_until
from alicredit.model.learner import TrainingSet, dataset, pace_of_points


def drawn(rows: int, *, rate: float = 0.1, seed: int = 0) -> tuple[TrainingSet, np.ndarray]:
    """Draw three inputs of which two act; give the true margin, too."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 3))
    margin = np.tanh(2 * X[:, 0]) + (X[:, 1] > 1) + np.log(rate / (1 - rate))
    y = (rng.random(rows) < 1 / (1 + np.exp(-margin))).astype(float)
    return TrainingSet(X, y, np.ones(rows), (0, 0, 0), (), np.arange(rows)), margin


def test_the_pace_never_falls_with_defaults_and_leaps_by_no_more_than_two_thirds() -> None:
    """From 0.06 of few to 0.2 of many, the same on both sides of where it begins to rise."""
    counts = np.unique(np.geomspace(1, 1e6, 400).astype(int))
    paces = np.array([pace_of_points(int(count)) for count in counts])
    assert (np.diff(paces) >= 0).all()
    assert (paces[0], paces[-1]) == (0.06, 0.2)
    assert (paces[1:] / paces[:-1]).max() < 1.7
    assert pace_of_points(9_999) == pytest.approx(pace_of_points(10_001), rel=1e-3)


def test_rows_of_one_merchant_do_not_quicken_the_pace() -> None:
    """Defaults are merchants: 12,000 rows of 1,200 are learned from as slowly as few."""
    rows = 12_000
    X = np.random.default_rng(1).normal(size=(rows, 1))
    y = (np.arange(rows) % 2).astype(float)
    many = TrainingSet(X, y, np.ones(rows), (0,), (), np.arange(rows))
    few = TrainingSet(X, y, np.ones(rows), (0,), (), np.arange(rows) // 10)
    assert one_input(many, seed=0, threads=1)["learning_rate"] == 0.1
    assert one_input(few, seed=0, threads=1)["learning_rate"] == 0.06


@pytest.mark.parametrize(("rows", "seen"), [(1_000, 0.8), (150_000, 2 / 3), (10**6, 0.51)])
def test_a_tree_of_points_sees_fewer_of_many_rows_but_more_than_half(
    rows: int, seen: float
) -> None:
    """Of half or fewer LightGBM would copy the rows for every tree."""
    data = TrainingSet(
        np.zeros((rows, 1)), np.ones(rows), np.ones(rows), (0,), (), np.zeros(rows, np.int64)
    )
    found = one_input(data, seed=0, threads=1)["bagging_fraction"]
    assert found == pytest.approx(seen)
    assert found > 0.5


@pytest.mark.slow
def test_judging_rows_are_binned_as_those_learned_from() -> None:
    """More rows than say where bins are cut, judged by fewer: no warning, and the truth found."""
    data, _ = drawn(210_000)
    judge, margin = drawn(20_000, seed=1)
    watch = dataset(judge, reference=dataset(data)).construct()
    assert watch.feature_num_bin(0) == watch.reference.feature_num_bin(0)
    (booster,), (rounds,) = fit_until(one_input, data, judge, bags=1, seed=0, threads=1)
    found = booster.predict(judge.X, raw_score=True, num_iteration=rounds)
    assert np.abs(found - margin).mean() < 0.06
