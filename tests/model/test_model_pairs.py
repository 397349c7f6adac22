"""Pairs: grids that are the trees, pure, cut with least loss, and monotone whatever else holds."""

from __future__ import annotations

import itertools
from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from model_stage import DIRECTIONS, make_merchants

from alicredit.model import DefaultModel, learning, load_model
from alicredit.model.inputs import read_inputs
from alicredit.model.learner import TrainingSet, dataset
from alicredit.model.merging import merge_rows, paired
from alicredit.model.pairs import (
    Surface,
    _held,
    choose_pairs,
    pair_parts,
    pair_settings,
    read_surface,
)
from alicredit.model.parts import FINE
from alicredit.score import PointScale

SCALE = PointScale()


def training(X: pd.DataFrame, y: object, directions: dict[str, int]) -> tuple[object, TrainingSet]:
    inputs = read_inputs(X, directions)
    label = np.asarray(y, dtype=float)
    categories = inputs.category_positions
    ones = np.ones(len(label))
    data = TrainingSet(inputs.X, label, ones, inputs.directions, categories, np.arange(len(label)))
    return inputs, data


@pytest.fixture(scope="module")
def learned():
    """Boost with every pair allowed, on inputs of every kind with missing values."""
    X, y, _ = make_merchants(3000, seed=3)
    inputs, data = training(X, y, DIRECTIONS)
    settings = pair_settings(len(inputs.names), None)
    boosters = [
        lgb.train(settings(data, seed=seed, threads=1), dataset(data), num_boost_round=60)
        for seed in (1, 2)
    ]
    return inputs, data, boosters, read_surface(boosters, inputs, data)


def total(surface: Surface, X: np.ndarray) -> np.ndarray:
    return surface.main_margin(X) + sum(surface.pair_margin(pair, X) for pair in surface.grids)


def test_tables_and_grids_are_the_trees(learned) -> None:
    _, data, boosters, surface = learned
    rng = np.random.default_rng(0)
    shuffled = np.column_stack([rng.permutation(column) for column in data.X.T])
    for rows in (data.X, shuffled):
        raw = np.mean([each.predict(rows, raw_score=True) for each in boosters], axis=0)
        np.testing.assert_allclose(total(surface, rows), raw, atol=1e-9)
    assert len(surface.grids) >= 3


def test_a_pair_holds_nothing_that_one_input_adds_alone(learned) -> None:
    surface = learned[-1]
    for (first, second), grid in surface.grids.items():
        p, q = surface.shares[first], surface.shares[second]
        assert p.sum() == pytest.approx(1)
        for i in range(len(p)):
            assert sum(q[j] * grid[i, j] for j in range(len(q))) == pytest.approx(0, abs=1e-9)
        for j in range(len(q)):
            assert sum(p[i] * grid[i, j] for i in range(len(p))) == pytest.approx(0, abs=1e-9)


def test_a_purified_table_is_as_monotone_as_the_whole(learned) -> None:
    inputs, _, _, surface = learned
    for at, direction in enumerate(inputs.directions):
        if direction:
            assert (direction * np.diff(surface.mains[at][:-1]) >= -1e-9).all()


@pytest.mark.parametrize("steps", [3, 8])
def test_the_sum_is_monotone_in_each_directed_input_whatever_the_others(learned, steps) -> None:
    inputs, data, _, surface = learned
    parts = pair_parts(surface, inputs, data, scale=SCALE, max_steps=steps)
    assert len(parts.pairs) == len(surface.grids)
    values = []
    for table in parts.tables:
        known = (
            list(range(len(table.levels) + 1))
            if table.kind == "category"
            else [*table.cuts, (table.cuts[-1] if table.cuts else 0) + 1]
        )
        values.append([*known, np.nan])
    grid = np.array(list(itertools.product(*values)), dtype=float)
    units = parts.units(grid).reshape([len(each) for each in values])
    directed = [at for at, table in enumerate(parts.tables) if table.direction]
    assert directed
    for at in directed:
        known = np.moveaxis(units, at, 0)[:-1]
        assert (parts.tables[at].direction * np.diff(known, axis=0) <= 0).all()


def test_nothing_but_rounding_is_lost_where_nothing_is_merged() -> None:
    X, y, _ = make_merchants(1200, seed=4)
    few = pd.DataFrame({"debt": X["debt"].round().clip(0, 4), "region": X["region"]})
    inputs, data = training(few.assign(is_new=X["is_new"]), y, {"debt": 1})
    settings = pair_settings(3, None)(data, seed=0, threads=1)
    booster = lgb.train(settings, dataset(data), num_boost_round=40)
    surface = read_surface([booster], inputs, data)
    parts = pair_parts(surface, inputs, data, scale=SCALE, max_steps=8)
    seen = ~(data.X[:, 1] == len(inputs.levels["region"]))  # others too few to learn from
    raw = SCALE.offset - SCALE.factor * booster.predict(data.X, raw_score=True)
    apart = np.abs(parts.units(data.X) / FINE - raw)[seen]
    assert apart.max() <= 0.5e-3 * (1 + 3 + len(parts.pairs)) + 5e-3


def test_inputs_that_add_nothing_alone_keep_the_cuts_of_what_they_add_together() -> None:
    sign = np.array([-1.0, 1.0])
    X = pd.DataFrame(np.tile(list(itertools.product(sign, sign)), (200, 1)), columns=["a", "b"])
    inputs, data = training(X, np.arange(800) % 2, {})
    grid = np.array([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    surface = Surface(
        cuts=[np.array([0.0])] * 2,
        shares=[np.array([0.5, 0.5, 0.0])] * 2,
        constant=-2.0,
        mains=[np.zeros(3)] * 2,
        grids={(0, 1): grid},
    )
    parts = pair_parts(surface, inputs, data, scale=SCALE, max_steps=8)
    found = parts.margins(data.X, SCALE)
    np.testing.assert_allclose(found, -2 + X["a"] * X["b"], atol=1e-3)


def test_what_training_hardly_had_is_the_riskiest() -> None:
    X, y, _ = make_merchants(2000, seed=9)
    X = X[["debt", "noise"]]
    inputs, data = training(X, y, {"debt": 1})
    booster = lgb.train(
        pair_settings(2, None)(data, seed=0, threads=1), dataset(data), num_boost_round=40
    )
    parts = pair_parts(
        read_surface([booster], inputs, data), inputs, data, scale=SCALE, max_steps=6
    )
    for debt, noise in ((0.5, 0.1), (2.0, -1.0), (9.0, 2.0)):
        known = parts.units(np.array([[debt, noise]]))[0]
        assert parts.units(np.array([[np.nan, noise]]))[0] <= known
        assert parts.units(np.array([[debt, np.nan]]))[0] <= known


def test_what_rounding_breaks_is_mended_by_the_least(learned) -> None:
    inputs, data, _, surface = learned
    parts = pair_parts(surface, inputs, data, scale=SCALE, max_steps=5)
    table = next(t for t in parts.tables if t.direction == 1)
    mine = [pair for pair in parts.pairs if table.name in (pair.first, pair.second)]
    assert _held(table, mine).points == table.points
    broken = replace(table, points=tuple(p + 3 * k for k, p in enumerate(table.points)))
    held = _held(broken, mine)
    lost = np.array(broken.points) - np.array(held.points)
    assert lost[0] == 0
    assert (np.diff(lost) >= 0).all()
    assert (np.diff(lost) <= 3).all()  # the original was monotone: no more is lacking than was put
    again = _held(held, mine)
    assert again.points == held.points


def loss_of(
    groups: np.ndarray, values: np.ndarray, weight: np.ndarray, column: np.ndarray
) -> float:
    lost = 0.0
    for group in set(groups.tolist()):
        rows = np.flatnonzero(groups == group)
        mean = np.average(values[rows], axis=0, weights=weight[rows])
        lost += float((weight[rows] @ (values[rows] - mean) ** 2) @ column)
    return lost


def test_merging_loses_least_of_all_ways_to_merge() -> None:
    rng = np.random.default_rng(1)
    places = np.arange(7)
    ways = [
        np.searchsorted(ends, places, side="right")
        for ends in itertools.combinations(range(1, 7), 2)
    ]
    for _ in range(5):
        given = rng.normal(size=(7, 3)), rng.random(7) + 0.1, rng.random(3)
        least = min(loss_of(way, *given) for way in ways)
        assert loss_of(merge_rows(*given[:2], 3, column_weights=given[2]), *given) == pytest.approx(
            least, rel=1e-6
        )
        assert merge_rows(*given[:2], 7, column_weights=given[2]).tolist() == places.tolist()


def test_an_error_counts_merchants_not_rows() -> None:
    rng = np.random.default_rng(2)
    difference, weight = rng.normal(size=60), rng.random(60)
    cluster = np.repeat(np.arange(20), 3)
    mean, error = paired(difference, weight, cluster)
    expected = sum(w * d for w, d in zip(weight, difference, strict=True)) / weight.sum()
    squares = 0.0
    for merchant in range(20):
        rows = [k for k in range(60) if cluster[k] == merchant]
        squares += sum(weight[k] * (difference[k] - expected) for k in rows) ** 2
    assert mean == pytest.approx(expected)
    assert error == pytest.approx(squares**0.5 / weight.sum())
    twice = paired(np.tile(difference, 2), np.tile(weight / 2, 2), np.tile(cluster, 2))
    assert twice == pytest.approx((mean, error))  # a row that judges twice is one witness


def two_way(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Risk that turns on two signs agreeing, beside what one input adds."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(rows, 6)), columns=list("abcdef"))
    logit = -1.6 + 0.5 * X["c"] + 0.9 * np.sign(X["a"] * X["b"])
    return X, (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(float)


def test_the_pair_that_matters_is_found_and_no_other() -> None:
    X, y = two_way(2500, seed=5)
    model = DefaultModel("pairs", directions={"c": 1}, max_steps=6).fit(X, y)
    found = [{pair.first, pair.second} for pair in model.portable_.pairs]
    assert found[0] == {"a", "b"}
    assert len(found) <= 2
    assert model.portable_.shape == "pairs"
    assert model.portable_.unit == FINE


def test_where_no_pair_earns_its_place_pairs_are_finer_points() -> None:
    rng = np.random.default_rng(6)
    X = pd.DataFrame(rng.normal(size=(1200, 5)), columns=list("abcde"))
    y = (rng.random(1200) < 1 / (1 + np.exp(1.5 - X["a"] - 0.5 * X["b"]))).astype(float)
    pairs = DefaultModel("pairs", directions=None).fit(X, y)
    points = DefaultModel("points", directions=None).fit(X, y)
    assert pairs.portable_.shape == "points"
    assert (pairs.portable_.unit, points.portable_.unit) == (1000, 1)
    fine, plain = (
        {table.name: len(table.points) for table in model.portable_.tables}
        for model in (pairs, points)
    )
    assert fine["a"] > learning.FEW_STEPS >= max(plain.values())
    near = pairs.predict_proba(X)[:, 1] - points.predict_proba(X)[:, 1]
    assert np.abs(near).mean() < 0.05
    one = DefaultModel("pairs", directions=None).fit(X[["a"]], y)
    assert one.portable_.shape == "points"


@pytest.mark.slow
def test_no_more_pairs_than_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MOST_PAIRS", 2)
    rng = np.random.default_rng(7)
    X = pd.DataFrame(rng.normal(size=(4000, 6)), columns=list("abcdef"))
    logit = -1 + np.sign(X["a"] * X["b"]) + np.sign(X["c"] * X["d"]) + np.sign(X["e"] * X["f"])
    y = (rng.random(4000) < 1 / (1 + np.exp(-logit))).astype(float)
    model = DefaultModel("pairs", directions=None).fit(X, y)
    assert len(model.portable_.pairs) == 2


def test_axes_have_at_most_the_steps_stated_and_files_keep_pairs(tmp_path) -> None:
    X, y = two_way(1500, seed=8)
    X["d"] = np.where(X["d"] > 1, np.nan, X["d"])
    model = DefaultModel("pairs", directions={"c": 1}, max_steps=4).fit(X, y)
    for pair in model.portable_.pairs:
        assert max(len(pair.first_cuts), len(pair.second_cuts)) <= 3
    model.save(tmp_path / "pairs.alicredit")
    again = load_model(tmp_path / "pairs.alicredit")
    assert again.model_id == model.model_id
    assert again.predict_score(X).tolist() == model.predict_score(X).tolist()


def test_pairs_are_judged_on_rows_they_were_not_learned_from(learned) -> None:
    _, data, _, surface = learned
    nonsense = data.take(np.arange(len(data.y)))
    rng = np.random.default_rng(3)
    shuffled = TrainingSet(
        nonsense.X, rng.permutation(nonsense.y), nonsense.weight, nonsense.directions,
        nonsense.categories, nonsense.cluster,
    )  # fmt: skip
    assert choose_pairs([surface], [shuffled], most=5) == ()
