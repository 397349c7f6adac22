"""From trees of one input each to short tables of whole points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FEWEST_OF_A_STEP = 20
"""Fewer training rows teach nothing of a missing value or of other levels (assumed)."""


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
    if "split_feature" not in node:
        return
    if node["decision_type"] == "==":
        levels |= {int(each) for each in str(node["threshold"]).split("||")}
    else:
        cuts.add(float(node["threshold"]))
    _collect(node["left_child"], cuts, levels)
    _collect(node["right_child"], cuts, levels)


def _add(node: Mapping[str, Any], function: StepFunction, first: int, last: int) -> None:
    """Add a tree's leaves to the steps from first to last."""
    if "split_feature" not in node:
        function.values[first:last] += float(node["leaf_value"])
        return
    if node["decision_type"] == "==":
        return
    edge = int(np.searchsorted(function.cuts, float(node["threshold"]))) + 1
    _add(node["left_child"], function, first, min(edge, last))
    _add(node["right_child"], function, max(edge, first), last)


def _leaf_of(node: Mapping[str, Any], level: int | None) -> float:
    """Follow a missing value (None) or a level (-1: one never seen) to its leaf."""
    while "split_feature" in node:
        if node["decision_type"] == "==":
            chosen = {int(each) for each in str(node["threshold"]).split("||")}
            left = level is not None and level in chosen
        elif node["missing_type"] == "NaN":
            left = bool(node["default_left"])
        else:
            left = float(node["threshold"]) >= 0
        node = node["left_child"] if left else node["right_child"]
    return float(node["leaf_value"])


def merge_steps(
    values: Floats, weights: Floats, most: int, *, budget: float = 0.0
) -> list[slice]:
    """Merge neighbouring steps to the fewest whose loss is within the budget: exact.

    The loss is the weighted sum of squares of values around the means of their merged step; of
    all ways to merge, found by dynamic programming, so many steps lose least. Where even ``most``
    steps lose more than the budget, they are what is given.
    """
    n = len(values)
    mass = np.asarray(weights) + 1e-12
    w = np.concatenate([[0.0], np.cumsum(mass)])
    wx = np.concatenate([[0.0], np.cumsum(mass * values)])
    wxx = np.concatenate([[0.0], np.cumsum(mass * values**2)])
    within = w[None, :] - w[:, None]
    later = np.triu(np.ones((n + 1, n + 1), dtype=bool), 1)
    squares = (wx[None, :] - wx[:, None]) ** 2 / np.where(later, within, 1.0)
    loss = np.maximum(wxx[None, :] - wxx[:, None] - squares, 0)
    loss[loss < 1e-12 * max(wxx[-1], 1e-12)] = 0.0
    cost = np.where(later, loss, np.inf)
    most = min(most, n)
    best = np.full((most + 1, n + 1), np.inf)
    back = np.zeros((most + 1, n + 1), dtype=np.int64)
    best[0, 0] = 0.0
    fewest = most
    for k in range(1, most + 1):
        options = best[k - 1, :, None] + cost
        back[k] = options.argmin(axis=0)
        best[k] = options.min(axis=0)
        if best[k, n] <= budget:
            fewest = k
            break
    slices, end = [], n
    for k in range(fewest, 0, -1):
        start = int(back[k, end])
        slices.append(slice(start, end))
        end = start
    return slices[::-1]


def step_means(values: Floats, weights: Floats, steps: list[slice]) -> Floats:
    """Give the weighted mean of each merged step; a step nobody was in keeps its plain mean."""
    return np.array(
        [
            float(np.average(values[s], weights=weights[s] if weights[s].sum() > 0 else None))
            for s in steps
        ]
    )


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
