"""Merging rows and steps: what a group loses and what it is worth, as the plain formula has it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.model.merging import _costs, _costs_of_one, merge_rows
from alicredit.model.points import StepFunction, step_means
from alicredit.model.steps import _line, values_of

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)
MASSES = st.lists(st.just(0.0) | st.floats(1e-6, 1e6), min_size=30, max_size=30)


@settings(max_examples=60, deadline=None)
@given(VALUES, MASSES)
def test_a_group_of_one_column_loses_what_one_of_many_columns_does(
    values: list[float], masses: list[float]
) -> None:
    """Not a bit apart, rows that weigh nothing among them; and no number where nobody reads."""
    column, mass = np.array(values), np.array(masses[: len(values)]) + 1e-12
    start, end = np.triu_indices(len(column) + 1, 1)
    told = _costs_of_one(column, mass)[start, end]
    assert told.tolist() == _costs(column[:, None], mass)[start, end].tolist()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_a_group_loses_its_squares_around_its_mean(values: list[float], seed: int) -> None:
    column = np.array(values)
    mass = np.random.default_rng(seed).random(len(column)) + 0.1
    told = _costs_of_one(column, mass)
    for start in range(len(column)):
        for end in range(start + 1, len(column) + 1):
            own, weight = column[start:end], mass[start:end]
            lost = float(weight @ (own - np.average(own, weights=weight)) ** 2)
            assert abs(told[start, end] - lost) <= 1e-9 * (1 + float(mass @ column**2))


@settings(max_examples=30, deadline=None)
@given(VALUES, MASSES, st.integers(1, 8), st.floats(0, 10))
def test_a_column_and_another_that_weighs_nothing_are_merged_as_the_column_alone(
    values: list[float], masses: list[float], most: int, budget: float
) -> None:
    """Nor does a column of nothing change what is merged, though it makes them many."""
    column, mass = np.array(values), np.array(masses[: len(values)])
    alone = merge_rows(column[:, None], mass, most, budget=budget)
    beside = np.column_stack([column, np.arange(len(column))])
    weighed = np.array([1.0, 0.0])
    told = merge_rows(beside, mass, most, column_weights=weighed, budget=budget)
    assert told.tolist() == alone.tolist()
    empty = np.column_stack([column, np.zeros(len(column))])
    assert merge_rows(empty, mass, most, budget=budget).tolist() == alone.tolist()


SLICES = st.lists(st.integers(1, 20), min_size=1, max_size=6)


def cut_up(sizes: list[int]) -> list[slice]:
    ends = np.cumsum([0, *sizes]).tolist()
    return [slice(start, end) for start, end in itertools.pairwise(ends)]


@settings(max_examples=60, deadline=None)
@given(SLICES, st.integers(0, 2**32 - 1))
def test_a_merged_step_has_the_weighted_mean_of_its_own_or_without_rows_the_plain(
    sizes: list[int], seed: int
) -> None:
    rng, steps = np.random.default_rng(seed), cut_up(sizes)
    values = rng.normal(size=sum(sizes)) * 10.0 ** rng.integers(-9, 9)
    weights = rng.random(sum(sizes)) * rng.integers(0, 2, sum(sizes))
    own = [weights[step] if weights[step].sum() > 0 else None for step in steps]
    plain = [np.average(values[step], weights=w) for step, w in zip(steps, own, strict=True)]
    assert step_means(values, weights, steps).tolist() == plain


@settings(max_examples=60, deadline=None)
@given(SLICES, st.booleans(), st.integers(0, 2**32 - 1))
def test_each_step_or_level_stands_where_its_group_does_and_has_its_value(
    sizes: list[int], is_category: bool, seed: int
) -> None:
    """Steps stand as they are, levels in the order of risk, and so they stay when merged."""
    rng, many = np.random.default_rng(seed), sum(sizes)
    values = rng.integers(-3, 3, many).astype(float)
    if is_category and many > 1:
        *known, other = values.tolist()
        function = StepFunction(np.empty(0), np.zeros(1), 9.0, dict(enumerate(known)), other)
    else:
        function = StepFunction(np.arange(many - 1.0), values, 9.0)
    order = np.argsort(values, kind="stable") if function.levels else np.arange(many)
    line, groups = _line(function), np.empty(many, dtype=int)
    assert line.values.tolist() == values[order].tolist()
    groups[order] = np.repeat(np.arange(len(sizes)), sizes)
    merged = line.merged(np.ones(many), cut_up(sizes))
    assert merged.places(np.arange(many + 1)).tolist() == [*groups.tolist(), len(sizes)]
    means = np.array([values[order][step].mean() for step in cut_up(sizes)])
    assert merged.values == pytest.approx(means)
    if function.levels:
        assert values_of(merged.function) == pytest.approx([*means[groups], 9.0])
        assert len(merged.function.levels) == many - 1
    else:
        assert values_of(merged.function) == pytest.approx([*means, 9.0])
        ends = np.cumsum(sizes)[:-1] - 1
        assert merged.function.cuts.tolist() == ends.tolist()
