"""What merging may cost where few defaults tell little: so much for each, whoever is the rarer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.model.learner import TrainingSet
from alicredit.model.points import StepFunction
from alicredit.model.steps import budget_of, place_rows, simplify, values_of

COUNT = 12
"""Steps of a function to merge."""


def rows_with(defaults: int, rows: int, seed: int) -> TrainingSet:
    """Draw one input and so many defaults, each row a merchant of its own."""
    rng = np.random.default_rng(seed)
    y = (rng.permutation(rows) < defaults).astype(float)
    return TrainingSet(rng.random((rows, 1)), y, np.ones(rows), (0,), (), np.arange(rows))


def steps_of(spread: float, seed: int) -> StepFunction:
    """Draw a function of one input in steps of as many rows each."""
    values = spread * np.random.default_rng([seed, 1]).normal(size=COUNT)
    return StepFunction(np.arange(1, COUNT) / COUNT, values)


def merged(
    function: StepFunction, data: TrainingSet, *, constant: float = -2.5, fine: int | None = None
) -> StepFunction:
    """Merge, with room for as many steps as there are."""
    placed = place_rows([function], [0], data.X)
    (found,) = simplify([function], constant, placed, data, max_steps=COUNT, fine_steps=fine)
    return found


def lost(
    function: StepFunction, found: StepFunction, data: TrainingSet, constant: float = -2.5
) -> float:
    """Say what merging lost: squares of each row's move, by how much its outcome is open."""
    before, after = (
        values_of(each)[place_rows([each], [0], data.X).steps[:, 0]] for each in (function, found)
    )
    p = 1 / (1 + np.exp(-(constant + before)))
    rate = data.y.mean()
    told = (p * (1 - p) + rate * (1 - rate)) / 2
    return float(told @ (after - before) ** 2)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 90), st.integers(200, 2_000), st.floats(0.01, 0.5), st.integers(0, 2**32 - 1))
def test_merging_costs_a_thousandth_of_a_default_each(
    defaults: int, rows: int, spread: float, seed: int
) -> None:
    """By plain arithmetic on the rows; of more rows than 250 a default the rows say how much."""
    data, function = rows_with(defaults, rows, seed), steps_of(spread, seed)
    found = merged(function, data)
    allowed = max(0.001 * defaults, 4e-6 * rows)
    assert lost(function, found, data) <= allowed + 1e-9


def test_a_step_that_few_defaults_speak_for_stays() -> None:
    """Of twenty defaults .02 may be lost, so that what a tenth would flatten stands."""
    data = rows_with(20, 400, 0)
    function = StepFunction(np.array([0.5]), np.array([-0.065, 0.065]))
    flat = StepFunction(np.empty(0), np.zeros(1))
    assert 0.02 < lost(function, flat, data) < 0.1
    assert len(merged(function, data).values) == 2
    assert len(merged(function, rows_with(200, 4_000, 0)).values) == 2
    third = replace(function, values=function.values / 3)
    assert lost(third, flat, data) < 0.02
    assert len(merged(third, data).values) == 1


@pytest.mark.parametrize("seed", range(4))
def test_whichever_outcome_is_rarer_the_same_steps_are_merged(seed: int) -> None:
    """Defaults and others change places: the same table, its signs turned."""
    data, function = rows_with(25, 500, seed), steps_of(0.15, seed)
    turned = replace(function, values=-function.values)
    found = merged(function, data)
    mirrored = merged(turned, replace(data, y=1 - data.y), constant=2.5)
    assert found.cuts.tolist() == mirrored.cuts.tolist()
    np.testing.assert_allclose(found.values, -mirrored.values, atol=1e-12)
    assert 1 < len(found.values) < COUNT


def test_many_rows_of_one_merchant_count_once() -> None:
    """Of ten merchants that default, six times each, as little is lost as of ten rows."""
    data = rows_with(60, 1_200, 3)
    cluster = np.arange(len(data.y))
    cluster[data.y == 1] = len(data.y) + np.arange(60) % 10
    shared = replace(data, cluster=cluster)
    assert (data.fewest, shared.fewest) == (60, 10)
    function = steps_of(0.1, 3)
    losses = [lost(function, merged(function, each), each) for each in (data, shared)]
    assert losses[1] <= 0.01 < losses[0] <= 0.06
    assert len(merged(function, shared).values) > len(merged(function, data).values)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.floats(0.01, 0.5), st.integers(0, 2**32 - 1))
def test_fine_steps_lose_no_more_than_coarse_ones(defaults: int, spread: float, seed: int) -> None:
    """However few defaults: what is finer is at least as near."""
    data, function = rows_with(defaults, 800, seed), steps_of(spread, seed)
    fine, coarse = merged(function, data, fine=240), merged(function, data)
    assert len(fine.values) >= len(coarse.values)
    assert lost(function, fine, data) <= lost(function, coarse, data) + 1e-9


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**5), st.integers(0, 10**5))
def test_more_rows_or_defaults_never_allow_less(rows: int, defaults: int, more: int) -> None:
    """And from a hundred defaults on only rows say how much."""
    allowed = budget_of(rows, defaults)
    assert allowed <= budget_of(rows + more, defaults)
    assert allowed <= budget_of(rows, defaults + more)
    assert budget_of(rows, 100 + defaults) == budget_of(rows, 100)


def test_the_rarer_outcome_is_counted_by_merchants() -> None:
    data = rows_with(7, 100, 1)
    assert data.fewest == 7
    assert replace(data, y=1 - data.y).fewest == 7
    cluster = np.where(data.y == 1, 100, np.arange(100))
    assert replace(data, cluster=cluster).fewest == 1
