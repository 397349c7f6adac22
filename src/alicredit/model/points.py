"""From trees of one input each to short tables of whole points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.model.merging import merge_rows
from alicredit.model.nodes import is_leaf, levels_of, missing_goes_left

Floats = npt.NDArray[np.float64]

FEWEST_OF_A_STEP = 20
"""Fewer training rows teach nothing of a missing value or of other levels (assumed)."""


def tally(at: npt.NDArray[np.int64], weight: Floats, size: int) -> Floats:
    """Add up weights by position."""
    return np.bincount(at, weights=weight, minlength=size).astype(np.float64)


@dataclass(eq=False)
class StepFunction:
    """An input's part of the margin: a value per step, per level, and for the missing."""

    cuts: Floats
    values: Floats
    missing: float = 0.0
    levels: dict[int, float] = field(default_factory=dict)
    other: float = 0.0


def read_trees(
    booster: Any, inputs: int, rounds: int | None = None
) -> tuple[list[StepFunction], float]:
    """Read a booster's first trees as one step function per input; give what no input has, too."""
    dumped = booster.dump_model(num_iteration=rounds)
    trees = [each["tree_structure"] for each in dumped["tree_info"]]
    constant = math.fsum(float(tree["leaf_value"]) for tree in trees if "leaf_value" in tree)
    mine: list[list[Mapping[str, Any]]] = [[] for _ in range(inputs)]
    for tree in trees:
        if "split_feature" in tree:
            mine[tree["split_feature"]].append(tree)
    return [_step_function(each) for each in mine], constant


def add_functions(weighted: Sequence[tuple[StepFunction, float]]) -> StepFunction:
    """Add up step functions of one input, each times its weight: again a step function."""
    levels = {level for function, _ in weighted for level in function.levels}
    cuts = np.unique(np.concatenate([function.cuts for function, _ in weighted]))
    ends = np.append(cuts, np.inf)
    values = np.zeros(len(ends))
    for function, weight in weighted:
        values += weight * function.values[np.searchsorted(function.cuts, ends, side="left")]
    return StepFunction(
        cuts,
        values,
        sum(weight * function.missing for function, weight in weighted),
        {
            level: sum(weight * f.levels.get(level, f.other) for f, weight in weighted)
            for level in sorted(levels)
        },
        sum(weight * function.other for function, weight in weighted),
    )


def _step_function(trees: list[Mapping[str, Any]]) -> StepFunction:
    """Add up the trees of one input."""
    cuts: set[float] = set()
    levels: set[int] = set()
    for tree in trees:
        _collect(tree, cuts, levels)
    edges = np.array(sorted(cuts))
    function = StepFunction(
        edges, np.zeros(len(edges) + 1), 0.0, dict.fromkeys(sorted(levels), 0.0)
    )
    for tree in trees:
        _add(tree, function, 0, len(edges) + 1)
        function.missing += _leaf_of(tree, None)
        function.other += _leaf_of(tree, -1)
        for level in function.levels:
            function.levels[level] += _leaf_of(tree, level)
    return function


def _collect(node: Mapping[str, Any], cuts: set[float], levels: set[int]) -> None:
    """Gather the thresholds or levels a tree splits at."""
    if is_leaf(node):
        return
    chosen = levels_of(node)
    if chosen is None:
        cuts.add(float(node["threshold"]))
    else:
        levels |= chosen
    _collect(node["left_child"], cuts, levels)
    _collect(node["right_child"], cuts, levels)


def _add(node: Mapping[str, Any], function: StepFunction, first: int, last: int) -> None:
    """Add a tree's leaves to the steps from first to last."""
    if is_leaf(node):
        function.values[first:last] += float(node["leaf_value"])
        return
    if node["decision_type"] == "==":
        return
    edge = int(np.searchsorted(function.cuts, float(node["threshold"]))) + 1
    _add(node["left_child"], function, first, min(edge, last))
    _add(node["right_child"], function, max(edge, first), last)


def _leaf_of(node: Mapping[str, Any], level: int | None) -> float:
    """Follow a missing value (None) or a level (-1: one never seen) to its leaf."""
    while not is_leaf(node):
        chosen = levels_of(node)
        left = missing_goes_left(node) if chosen is None or level is None else level in chosen
        node = node["left_child"] if left else node["right_child"]
    return float(node["leaf_value"])


def merge_steps(values: Floats, weights: Floats, most: int, *, budget: float = 0.0) -> list[slice]:
    """Merge neighbouring steps to the fewest whose loss is within the budget: exact.

    The loss is the weighted sum of squares of values around the means of their merged step; of
    all ways to merge, found by dynamic programming, so many steps lose least. Where even ``most``
    steps lose more than the budget, they are what is given.
    """
    groups = merge_rows(values[:, None], np.asarray(weights), most, budget=budget)
    edges = [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), len(values)]
    return [slice(start, end) for start, end in itertools.pairwise(edges)]


def step_means(values: Floats, weights: Floats, steps: list[slice]) -> Floats:
    """Give the weighted mean of each merged step; a step nobody was in keeps its plain mean."""
    weighed, found = values * weights, np.empty(len(steps))
    for at, step in enumerate(steps):
        mass = weights[step].sum()
        found[at] = weighed[step].sum() / mass if mass > 0 else values[step].mean()
    return found


def simple_cut(low: float, high: float) -> float:
    """Give the number of fewest digits in [low, high): it parts the same values.

    ``low`` is the largest value seen below the cut, ``high`` the smallest above it.
    """
    if not low < high:
        return low
    for digits in range(1, 17):
        for candidate in (float(f"{high:.{digits}g}"), float(f"{(low + high) / 2:.{digits}g}")):
            if low <= candidate < high:
                return candidate
    return low


def whole(values: npt.ArrayLike) -> list[int]:
    """Round to whole points, half away from zero."""
    array = np.asarray(values, dtype=np.float64)
    return [int(each) for each in np.sign(array) * np.floor(np.abs(array) + 0.5)]
