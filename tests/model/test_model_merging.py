"""Merging rows of one column: what each group loses, to the bit as the plain formula says it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.model.merging import _costs, _costs_of_one, merge_rows

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
