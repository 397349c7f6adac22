"""Places among cuts, all inputs at once: as a search of each column says."""

from __future__ import annotations

import warnings
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.model.learner import TrainingSet
from alicredit.model.linear import MOST_BINS, fit_linear
from alicredit.model.merging import merge_rows
from alicredit.model.placing import place_columns
from alicredit.model.points import StepFunction
from alicredit.model.steps import place_rows, simplify
from alicredit.model.turns import add_places

WHOLE = st.integers(-6, 6).map(float)


def searched(X: np.ndarray, cuts: list[np.ndarray], gone: list[int]) -> np.ndarray:
    """Search each column apart."""
    columns = [
        np.where(np.isnan(column), last, np.searchsorted(own, column, side="left"))
        for column, own, last in zip(X.T, cuts, gone, strict=True)
    ]
    return np.column_stack(columns)


@settings(max_examples=60)
@given(
    st.lists(st.lists(WHOLE, max_size=9, unique=True), min_size=1, max_size=4),
    st.lists(st.one_of(WHOLE, st.sampled_from([np.nan, np.inf, -np.inf])), max_size=60),
)
def test_places_are_those_of_a_search(cuts: list[list[float]], values: list[float]) -> None:
    """On a cut, between cuts, beyond them, infinite or missing."""
    edges = [np.array(sorted(own)) for own in cuts]
    rows = len(values) // len(cuts)
    X = np.array(values[: rows * len(cuts)]).reshape(rows, len(cuts))
    gone = [len(own) + 1 + at for at, own in enumerate(edges)]
    found = place_columns(X, edges, gone)
    np.testing.assert_array_equal(found, searched(X, edges, gone))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("sizes", [(0, 1, 2, 3), (62, 63, 64, 240), (255, 256, 40_000, 7)])
def test_many_rows_of_many_cuts_have_their_places(sizes: tuple[int, ...], order: str) -> None:
    """More rows than a block, as many cuts as any, either layout."""
    rng = np.random.default_rng(sum(sizes))
    X = np.asarray(rng.normal(size=(1_000, 4)), order=order)
    X[rng.random(X.shape) < 0.1] = np.nan
    cuts = [np.sort(rng.normal(size=size)) for size in sizes]
    X[:4, 3] = [cuts[3][0], cuts[3][-1], np.inf, -np.inf]
    gone = [size + 1 for size in sizes]
    found = place_columns(X, cuts, gone)
    np.testing.assert_array_equal(found, searched(X, cuts, gone))
    assert found.dtype == (np.int32 if max(sizes) > 32_000 else np.int16)


def test_values_are_added_in_the_order_of_inputs() -> None:
    """The sum has the bits of one addition after the other."""
    rng = np.random.default_rng(2)
    places, table = rng.integers(0, 7, (500, 9)).astype(np.int16), rng.normal(size=(9, 7))
    total = np.full(500, 0.3)
    for at in range(9):
        total = total + table[at][places[:, at]]
    np.testing.assert_array_equal(add_places(places, table, 0.3), total)


def test_levels_numbers_and_the_missing_have_their_own_steps() -> None:
    """A level beyond those known is other; a category without levels has one step."""
    number = StepFunction(np.array([0.0, 1.0]), np.array([1.0, 2.0, 3.0]), 9.0)
    levels = StepFunction(np.empty(0), np.zeros(1), -5.0, {0: 0.5, 2: 0.7}, 0.1)
    plain = StepFunction(np.empty(0), np.array([4.0]), 0.25)
    X = np.array([[0.0, 0.0, 3.0], [0.5, 1.0, 0.0], [2.0, 2.0, np.nan], [np.nan, 3.0, 1.0]])
    X = np.vstack([X, [[1.0, np.nan, 2.0], [1.0, 9.0, 2.0]]])
    expected = [1 + 0.5 + 4, 2 + 0.1 + 4, 3 + 0.7 + 0.25, 9 + 0.1 + 4, 2 - 5 + 4, 2 + 0.1 + 4]
    placed = place_rows([number, levels, plain], [0, 3, 2], X)
    np.testing.assert_allclose(placed.margins([number, levels, plain], 0.0), expected, atol=1e-12)


def least_lost(values: np.ndarray, weights: np.ndarray, groups: int) -> float:
    """Try every way to merge neighbours."""
    losses = []
    for edges in combinations(range(1, len(values)), groups - 1):
        loss = 0.0
        for own, w in zip(np.split(values, edges), np.split(weights, edges), strict=True):
            mean = own @ w / w.sum() if w.sum() > 0 else 0.0
            loss += float(w @ (own - mean) ** 2)
        losses.append(loss)
    return min(losses)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(WHOLE, st.sampled_from([0.0, 1.0, 25_000.0])), min_size=3, max_size=7),
    st.integers(1, 3),
)
def test_steps_without_rows_cost_nothing(steps: list[tuple[float, float]], groups: int) -> None:
    """Beside many rows the weight of an empty step is lost in sums: no warning, least loss."""
    values, weights = np.array(steps).T
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = merge_rows(values[:, None], weights, groups)
    assert set(np.diff(found)) <= {0, 1}
    assert found[0] == 0
    assert found[-1] < groups
    lost = 0.0
    for group in np.unique(found):
        own, w = values[found == group], weights[found == group]
        mean = own @ w / w.sum() if w.sum() > 0 else 0.0
        lost += float(w @ (own - mean) ** 2)
    least = least_lost(values, weights, min(groups, len(values)))
    assert lost <= least + 1e-6 * max(weights @ values**2, 1.0)


def test_functions_with_steps_nobody_is_in_are_merged() -> None:
    """Cuts beyond all rows, as a line fitted on other rows has them."""
    rng = np.random.default_rng(4)
    X = rng.random((60_000, 1))
    y = (rng.random(len(X)) < 0.05).astype(float)
    cuts = np.array([0.25, 0.5, 0.75, 2.0, 3.0, 4.0])
    function = StepFunction(cuts, np.array([0.0, 0.5, 1.0, 1.5, 1.7, 2.3, 2.9]), 0.0)
    data = TrainingSet(X, y, np.ones(len(y)), (0,), (), np.arange(len(y)))
    (found,) = simplify([function], -3.0, place_rows([function], [0], X), data, max_steps=6)
    inside = np.searchsorted(found.cuts, X[:, 0])
    before = function.values[np.searchsorted(cuts, X[:, 0])]
    np.testing.assert_allclose(found.values[inside], before, atol=1e-9)


@pytest.mark.slow
def test_a_line_of_more_rows_than_cut_its_bins_is_that_of_all_rows() -> None:
    """What bins stand for is read from every third row of 250,000; slopes hardly move."""
    rng = np.random.default_rng(5)
    X = np.column_stack([rng.normal(size=250_000), rng.lognormal(size=250_000)])
    X[rng.random(len(X)) < 0.2, 1] = np.nan
    margin = 0.5 * X[:, 0] + 0.3 * np.nan_to_num(np.log(X[:, 1])) - 3
    y = (rng.random(len(X)) < 1 / (1 + np.exp(-margin))).astype(float)
    data = TrainingSet(X, y, np.ones(len(y)), (0, 0), (), np.arange(len(y)))
    functions, constant, _ = fit_linear(data, [0, 0])
    found = place_rows(functions, [0, 0], X).margins(functions, constant)
    assert max(len(each.cuts) for each in functions) <= MOST_BINS
    assert np.abs(found - margin)[(np.abs(X[:, 0]) < 2)].mean() < 0.03
