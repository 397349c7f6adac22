"""Pairs and trees with points beside them: the sum is what was judged, and loses less."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from model_stage import DIRECTIONS, make_merchants

from alicredit.model import DefaultModel, learning
from alicredit.model.additive import learn_line
from alicredit.model.inputs import read_inputs
from alicredit.model.joined import join_surface
from alicredit.model.laid import fine_tables
from alicredit.model.learner import TrainingSet, dataset
from alicredit.model.pairs import pair_settings, read_surface
from alicredit.model.parts import FINE
from alicredit.model.steps import place_rows
from alicredit.model.sums import Sum, find_share, sizes_of
from alicredit.model.trees import tree_parameters, tree_parts
from alicredit.score import PointScale

SCALE = PointScale()


@pytest.fixture(scope="module")
def learned():
    X, y, _ = make_merchants(2000, seed=3)
    inputs = read_inputs(X, DIRECTIONS)
    label = y.to_numpy(float)
    data = TrainingSet(
        inputs.X,
        label,
        np.ones(len(label)),
        inputs.directions,
        inputs.category_positions,
        np.arange(len(label)),
    )
    return inputs, data, learn_line(inputs, data)[0]


def margins_of(total: Sum, inputs, X: np.ndarray) -> np.ndarray:
    return place_rows(total.functions, sizes_of(inputs), X).margins(total.functions, total.constant)


def test_trees_and_tables_are_the_stated_shares_of_both(learned) -> None:
    inputs, data, line = learned
    booster = lgb.train(tree_parameters(data, seed=1, threads=1), dataset(data), 40)
    beside = fine_tables(line, inputs, data, scale=SCALE, share=0.3)
    parts = tree_parts([booster], inputs, data, scale=SCALE, seed=0, share=0.7, beside=beside)
    raw = booster.predict(data.X, raw_score=True)
    expected = 0.7 * raw + 0.3 * margins_of(line, inputs, data.X)
    units = parts.units(data.X)
    often = data.X[:, 3] < len(inputs.levels["region"])  # others are too few to be learned
    assert 0 < (~often).sum() < 20
    apart = np.abs(units - FINE * (SCALE.offset - SCALE.factor * expected))[often]
    assert apart.max() <= 0.5 * (len(parts.trees.roots) + 1)  # half a unit each
    assert all(table.is_flat and not table.points[0] for table in parts.tables)
    lone = tree_parts([booster], inputs, data, scale=SCALE, seed=0)
    assert len(lone.trees.roots) == 40 < len(parts.trees.roots) <= 45
    assert np.isnan(data.X).any()


def test_a_joined_surface_is_the_stated_shares_of_both(learned) -> None:
    inputs, data, line = learned
    booster = lgb.train(pair_settings(5, None)(data, seed=1, threads=1), dataset(data), 40)
    surface = read_surface([booster], inputs, data)
    joined = join_surface(surface, 0.6, line, inputs, data)
    expected = 0.6 * booster.predict(data.X, raw_score=True)
    expected = expected + 0.4 * margins_of(line, inputs, data.X)
    found = joined.main_margin(data.X) + sum(joined.pair_margin(p, data.X) for p in joined.grids)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    for (first, second), grid in joined.grids.items():  # still of mean 0 along each axis
        np.testing.assert_allclose(grid @ joined.shares[second], 0, atol=1e-9)
        np.testing.assert_allclose(joined.shares[first] @ grid, 0, atol=1e-9)


def test_cuts_that_part_the_same_rows_are_one(learned) -> None:
    """The line cuts a flag at 0, trees beside 0; between them nobody is, and no step may be."""
    inputs, data, line = learned
    booster = lgb.train(pair_settings(5, None)(data, seed=1, threads=1), dataset(data), 40)
    surface = read_surface([booster], inputs, data)
    flag = inputs.names.index("is_new")
    assert set(surface.cuts[flag]) & set(line.functions[flag].cuts) == set()
    joined = join_surface(surface, 0.5, line, inputs, data)
    assert len(joined.cuts[flag]) == 1
    for at, kind in enumerate(inputs.kinds):
        assert kind == "category" or (joined.shares[at][:-1] > 0).all()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pairs_of_flags_and_whole_numbers_are_models(seed: int) -> None:
    rng = np.random.default_rng(seed)
    flags = rng.random((1500, 3)) < 0.5
    few = rng.integers(0, 3, (1500, 2)).astype(float)
    margin = 1.5 * (flags[:, 0] ^ flags[:, 1]) - 1.2 * (few[:, 0] > 0) * (few[:, 1] > 1) - 1.5
    y = rng.random(1500) < 1 / (1 + np.exp(-margin))
    X = pd.DataFrame(flags, columns=list("abc")).assign(d=few[:, 0], e=few[:, 1])
    model = DefaultModel("pairs").fit(X, y)
    assert model.portable_.pairs
    for table in model.portable_.tables:
        assert all(np.diff(table.cuts) > 0)


def test_the_share_is_that_of_least_loss_drawn_to_one_half() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(20_000, 2))
    margin = truth @ [0.8, 0.2]
    y = (rng.random(20_000) < 1 / (1 + np.exp(-margin))).astype(float)
    data = TrainingSet(truth, y, np.ones(20_000), (0, 0), (), np.arange(20_000))
    rows = np.arange(20_000)
    assert find_share(truth[:, 0], truth[:, 1], data, rows) == pytest.approx(0.8, abs=0.11)
    assert find_share(truth[:, 1], truth[:, 0], data, rows) == pytest.approx(0.2, abs=0.11)
    twice = np.concatenate([rows, rows])
    assert find_share(*np.tile(truth, (2, 1)).T, data, twice) == find_share(*truth.T, data, rows)
    few = rows[:8]
    assert find_share(truth[few, 0], truth[few, 1], data, few) == pytest.approx(0.5, abs=0.11)


def linear(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 8))
    true = 1 / (1 + np.exp(1.5 - X @ np.linspace(0.8, 0.1, 8)))
    return pd.DataFrame(X).add_prefix("x"), (rng.random(rows) < true).astype(float), true


def test_where_the_truth_is_a_line_trees_with_points_beside_lose_half(monkeypatch) -> None:
    """The mean divergence from the true probability, on rows nobody learned from."""
    new, _, true = linear(10_000, 99)

    def regret(model: DefaultModel) -> float:
        p = model.predict_proba(new)[:, 1]
        return float(np.mean(true * np.log(true / p) + (1 - true) * np.log((1 - true) / (1 - p))))

    X, y, _ = linear(800, 1)
    beside = DefaultModel("trees").fit(X, y)
    monkeypatch.setattr(learning, "find_share", lambda *_: 1.0)
    alone = DefaultModel("trees").fit(X, y)
    assert alone.portable_.training["points_share"] == 0
    assert 0.3 <= beside.portable_.training["points_share"] <= 0.9
    assert regret(beside) < 0.6 * regret(alone)


def test_special_codes_are_missing_to_trees_with_points_beside() -> None:
    X, y, _ = linear(800, 2)
    rng = np.random.default_rng(3)
    gone, coded = rng.random((2, 800)) < 0.1
    holed = X.assign(x0=X["x0"].mask(gone | coded))
    codes = holed.assign(x0=holed["x0"].mask(coded & ~gone, -999.0))
    plain = DefaultModel("trees").fit(holed, y)
    model = DefaultModel("trees", special_codes={"x0": [-999]}).fit(codes, y)
    np.testing.assert_array_equal(model.predict_proba(codes), plain.predict_proba(holed))
