"""From trees of one input each to short tables of whole points."""

from __future__ import annotations

import math
from collections.abc import Mapping
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


def read_trees(booster: Any, inputs: int) -> tuple[list[StepFunction], float]:
    """Read a booster's trees as one step function per input; give what no input has, too."""
    trees = [each["tree_structure"] for each in booster.dump_model()["tree_info"]]
    constant = math.fsum(float(tree["leaf_value"]) for tree in trees if "leaf_value" in tree)
    split = [tree for tree in trees if "split_feature" in tree]
    functions = []
    for at in range(inputs):
        mine = [tree for tree in split if tree["split_feature"] == at]
        functions.append(_step_function(mine))
    return functions, constant


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


def merge_steps(values: Floats, weights: Floats, most: int) -> list[slice]:
    """Merge neighbouring steps to at most ``most``, losing least: exact by dynamic programming.

    The loss is the weighted sum of squares of values around the means of their merged step.
    """
    n = len(values)
    if n <= most:
        return [slice(k, k + 1) for k in range(n)]
    w = np.concatenate([[0.0], np.cumsum(weights)])
    wx = np.concatenate([[0.0], np.cumsum(weights * values)])
    wxx = np.concatenate([[0.0], np.cumsum(weights * values**2)])
    mass = np.maximum(w[None, :] - w[:, None], 1e-12)
    cost = (wxx[None, :] - wxx[:, None]) - (wx[None, :] - wx[:, None]) ** 2 / mass
    best = np.full((most + 1, n + 1), np.inf)
    back = np.zeros((most + 1, n + 1), dtype=np.int64)
    best[0, 0] = 0.0
    for k in range(1, most + 1):
        for end in range(k, n + 1):
            options = best[k - 1, :end] + cost[:end, end]
            back[k, end] = int(options.argmin())
            best[k, end] = options[back[k, end]]
    slices, end = [], n
    for k in range(most, 0, -1):
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
