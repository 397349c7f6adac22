"""How many inputs a tree may see: what two do only together is found by a tree that sees both."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from alicredit.model import DefaultModel
from alicredit.model.boosting import fit_for, leaf_size, share_of_inputs
from alicredit.model.learner import TrainingSet
from alicredit.model.pairs import pair_settings
from alicredit.model.trees import tree_parameters


def drawn(rows: int, seed: int, *, inputs: int = 12) -> tuple[TrainingSet, np.ndarray]:
    """Draw outcomes of a bend, a slope, and of what two inputs do that say nothing alone."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, inputs))
    X[rng.random(rows) < 0.1, 1] = np.nan
    margin = np.tanh(2 * X[:, 0]) + 0.4 * X[:, 2] + np.sign(X[:, 3] * X[:, 4]) - 1.5
    y = (rng.random(rows) < 1 / (1 + np.exp(-margin))).astype(float)
    return TrainingSet(X, y, np.ones(rows), (0,) * inputs, (), np.arange(rows)), margin


def told(inputs: int, defaults: int, *, merchants: int | None = None) -> TrainingSet:
    """Make rows of so many inputs and defaults, one a merchant or all of some merchants."""
    rows = 2 * defaults
    y = (np.arange(rows) < defaults).astype(float)
    cluster = np.arange(rows) % (merchants or rows)
    return TrainingSet(np.zeros((rows, inputs)), y, np.ones(rows), (0,) * inputs, (), cluster)


@pytest.mark.parametrize(
    ("inputs", "share"),
    [(1, 1.0), (4, 1.0), (20, 1.0), (40, 1.0), (50, 0.8), (100, 0.4), (900, 0.4)],
)
def test_a_tree_may_see_all_of_some_inputs_and_of_many_a_share(inputs: int, share: float) -> None:
    data = told(inputs, 30)
    for settings in (tree_parameters, pair_settings(inputs, None)):
        assert settings(data, seed=0, threads=1)["feature_fraction"] == pytest.approx(share)


@pytest.mark.parametrize("defaults", [999, 1_000])
def test_of_many_defaults_a_share_of_inputs_is_seen_and_four_at_least(defaults: int) -> None:
    few = defaults < 1_000
    assert share_of_inputs(told(20, defaults), 0.4) == (1.0 if few else 0.4)
    assert share_of_inputs(told(5, defaults), 0.4) == (1.0 if few else 0.8)
    assert share_of_inputs(told(20, defaults, merchants=50), 0.4) == 1.0  # of few witnesses


def test_the_share_falls_with_inputs_and_never_below_the_least() -> None:
    shares = [share_of_inputs(told(inputs, 30), 0.4) for inputs in range(1, 300)]
    assert np.diff(shares).max() <= 0
    assert min(shares) == 0.4
    assert min(k * share for k, share in enumerate(shares, 1) if k >= 40) >= 40 - 1e-9


@pytest.mark.parametrize("shape", ["pairs", "trees"])
def test_what_two_inputs_do_only_together_is_found_where_trees_see_both(shape: str) -> None:
    """Regret against the truth with as many rounds: of two fifths of the inputs, and of all."""
    data, _ = drawn(3_000, seed=1)
    new, margin = drawn(10_000, seed=2)
    truth = 1 / (1 + np.exp(-margin))
    usual = tree_parameters if shape == "trees" else pair_settings(12, None)

    def regret(**other: float) -> float:
        boosters = fit_for(
            lambda given, **fixed: usual(given, **fixed) | other,
            data,
            150,
            bags=2,
            seed=0,
            threads=1,
        )
        p = np.clip(np.mean([each.predict(new.X) for each in boosters], axis=0), 1e-9, 1 - 1e-9)
        loss = -(truth * np.log(p) + (1 - truth) * np.log(1 - p))
        return float(np.mean(loss + truth * np.log(truth) + (1 - truth) * np.log(1 - truth)))

    assert usual(data, seed=0, threads=1)["min_data_in_leaf"] == leaf_size(data)
    assert regret() < 0.9 * regret(feature_fraction=0.4)


@pytest.mark.slow
def test_the_pair_that_acts_only_together_gets_a_grid_among_twenty_inputs() -> None:
    data, _ = drawn(3_000, seed=1, inputs=20)
    assert data.defaults < 1_000
    X = pd.DataFrame(data.X, columns=[f"x{at:02d}" for at in range(20)])
    model = DefaultModel("pairs", directions=None).fit(X, data.y)
    assert {(pair.first, pair.second) for pair in model.portable_.pairs} == {("x03", "x04")}
