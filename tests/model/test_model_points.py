"""Trees of one input each are exactly a table; merging loses least; rounding keeps the order."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.model.additive import one_input
from alicredit.model.boosting import fit_for
from alicredit.model.learner import TrainingSet
from alicredit.model.points import merge_steps, read_trees, simple_cut, step_means, whole
from alicredit.portable.monotone import falls

finite = st.floats(-1e9, 1e9, allow_subnormal=False)


def make_training(seed: int, *, missing: bool) -> TrainingSet:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(1500, 4))
    X[:, 2] = rng.integers(0, 3, 1500)
    X[:, 3] = rng.integers(0, 5, 1500)
    if missing:
        X[rng.random(X.shape) < 0.1] = np.nan
    known = np.nan_to_num(X)
    logit = known[:, 0] - 0.5 * known[:, 1] + (known[:, 3] == 2) - 1
    y = (rng.random(1500) < 1 / (1 + np.exp(-logit))).astype(float)
    return TrainingSet(X, y, np.ones(1500), (0, 0, 0, 0), (3,), np.arange(1500))


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_step_functions_add_up_to_what_the_booster_predicts(seed, missing) -> None:
    data = make_training(seed, missing=missing)
    booster = fit_for(one_input, data, 60, bags=1, seed=0, threads=1)[0]
    functions, constant = read_trees(booster, 4)
    total = np.full(len(data.y), float(constant))
    for at, function in enumerate(functions):
        column = data.X[:, at]
        if at == 3:
            part = [
                function.missing if math.isnan(v) else function.levels.get(int(v), function.other)
                for v in column
            ]
        else:
            step = np.searchsorted(function.cuts, column, side="left")
            step = np.minimum(step, len(function.values) - 1)
            part = np.where(np.isnan(column), function.missing, function.values[step])
        total += part
    predicted = booster.predict(data.X, raw_score=True)
    np.testing.assert_allclose(total, predicted, rtol=0, atol=1e-9)


def test_no_tree_mixes_two_inputs() -> None:
    data = make_training(3, missing=True)
    booster = fit_for(one_input, data, 60, bags=1, seed=0, threads=1)[0]

    def used(node: dict) -> set[int]:
        if "split_feature" not in node:
            return set()
        return {node["split_feature"]} | used(node["left_child"]) | used(node["right_child"])

    trees = [used(each["tree_structure"]) for each in booster.dump_model()["tree_info"]]
    assert {len(inputs) for inputs in trees} <= {0, 1}
    assert set.union(*trees) >= {0, 1}


def loss_of(values: np.ndarray, weights: np.ndarray, steps: list[slice]) -> float:
    means = [np.average(values[s], weights=weights[s]) for s in steps]
    return sum(
        float((weights[s] * (values[s] - m) ** 2).sum()) for s, m in zip(steps, means, strict=True)
    )


@settings(max_examples=40)
@given(
    pairs=st.lists(st.tuples(st.floats(-5, 5), st.integers(1, 50)), min_size=3, max_size=9),
    most=st.integers(1, 5),
)
def test_merging_is_as_good_as_the_best_of_all_partitions(pairs, most) -> None:
    values = np.array([v for v, _ in pairs])
    weights = np.array([float(w) for _, w in pairs])
    n, k = len(values), min(most, len(values))
    every = (
        [slice(a, b) for a, b in itertools.pairwise([0, *inner, n])]
        for inner in itertools.combinations(range(1, n), k - 1)
    )
    best = min(loss_of(values, weights, steps) for steps in every)
    found = merge_steps(values, weights, most)
    assert len(found) <= max(k, 1)
    assert loss_of(values, weights, found) == pytest.approx(best, abs=1e-6)


@given(
    values=st.lists(st.floats(-5, 5), min_size=1, max_size=30),
    most=st.integers(1, 8),
    seed=st.integers(0, 99),
)
def test_merged_steps_cover_everything_once_and_keep_a_rise(values, most, seed) -> None:
    rising = np.sort(np.array(values))
    weights = np.random.default_rng(seed).integers(0, 4, len(rising)).astype(float)
    steps = merge_steps(rising, weights, most)
    assert [i for s in steps for i in range(s.start, s.stop)] == list(range(len(rising)))
    assert len(steps) <= max(most, 1) or len(rising) <= most
    assert (np.diff(step_means(rising, weights, steps)) >= -1e-9).all()


def test_a_weighted_mean_survives_the_merge() -> None:
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=40), rng.integers(1, 9, 40).astype(float)
    steps = merge_steps(values, weights, 6)
    means = step_means(values, weights, steps)
    mass = [weights[s].sum() for s in steps]
    assert np.average(means, weights=mass) == pytest.approx(np.average(values, weights=weights))


@given(first=finite, second=finite)
def test_a_simple_cut_parts_the_same_two_values(first, second) -> None:
    low, high = sorted((first, second))
    cut = simple_cut(low, high)
    if low < high:
        assert low <= cut < high
    else:
        assert cut == low


@pytest.mark.parametrize(
    ("low", "high", "cut"),
    [(0.0, 1.0, 0.5), (1234.5, 1301.2, 1300.0), (0.1234, 0.1298, 0.129), (-3.2, -2.9, -3.0)],
)
def test_a_simple_cut_has_few_digits(low, high, cut) -> None:
    found = simple_cut(low, high)
    assert low <= found < high
    assert len(f"{found:.15g}".strip("-0.").replace(".", "")) <= len(
        f"{cut:.15g}".strip("-0.").replace(".", "")
    )


def test_next_floats_can_be_parted() -> None:
    low = 0.1
    assert simple_cut(low, math.nextafter(low, 1)) == low


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_rounding_keeps_order_and_is_off_by_half_at_most(values) -> None:
    ordered = sorted(values)
    rounded = whole(ordered)
    assert all(isinstance(each, int) for each in rounded)
    assert rounded == sorted(rounded)
    assert all(abs(a - b) <= 0.5 + 1e-9 for a, b in zip(ordered, rounded, strict=True))


def test_halves_round_away_from_zero() -> None:
    assert whole([0.5, 1.5, -0.5, -1.5, 2.4999]) == [1, 2, -1, -2, 2]


@pytest.mark.parametrize(
    ("points", "direction", "answer"),
    [((5, 3, 3), 1, True), ((5, 3, 4), 1, False), ((3, 3, 5), -1, True), ((3, 2), -1, False)],
)
def test_a_table_follows_its_direction_or_not(points, direction, answer) -> None:
    assert falls(points, direction) is answer
