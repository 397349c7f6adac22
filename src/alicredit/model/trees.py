"""Trees over all inputs, as the flat table of whole units that is deployed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.checks import refusal
from alicredit.errors import AlicreditError
from alicredit.model.assemble import table_parts
from alicredit.model.boosting import FEW_DEFAULTS, leaf_size, pace, share_of_inputs
from alicredit.model.inputs import Inputs
from alicredit.model.laid import Flat, lay_table
from alicredit.model.learner import TrainingSet, parameters
from alicredit.model.nodes import levels_of, missing_goes_left
from alicredit.model.parts import FINE, Parts
from alicredit.model.points import StepFunction, whole
from alicredit.portable.boxes import boxes_of
from alicredit.portable.monotone import first_against, orders_of
from alicredit.portable.tables import PointTable
from alicredit.portable.trees import TreeTable
from alicredit.score import PointScale

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MOST_REFERENCES = 64
"""Rows that reasons are measured against (assumed)."""

_CHECKED_ROWS = 2_000
_LEAVES, _MOST_LEAVES, _DEEPEST = ((FEW_DEFAULTS, 8), (4_000, 16)), 24, 8


def tree_parameters(data: TrainingSet, *, seed: int, threads: int) -> dict[str, Any]:
    """Choose LightGBM's parameters for trees over all inputs; size follows defaults (assumed)."""
    settings = parameters(data, seed=seed, threads=threads)
    defaults, leaf = data.defaults, leaf_size(data)
    return settings | {
        "num_leaves": next((leaves for most, leaves in _LEAVES if defaults < most), _MOST_LEAVES),
        "max_depth": _DEEPEST,
        "learning_rate": pace(data),
        "min_data_in_leaf": leaf,
        "min_data_per_group": leaf,
        "feature_fraction": share_of_inputs(data, 0.4 if defaults < FEW_DEFAULTS else 0.6),
        "lambda_l2": 5.0,
    }


def tree_parts(
    boosters: Sequence[Any],
    inputs: Inputs,
    data: TrainingSet,
    *,
    scale: PointScale,
    seed: int,
    held: bool = True,
    share: float = 1.0,
    beside: Parts | None = None,
) -> Parts:
    """Turn boosters, of which the mean is meant, into one table of trees in thousandths of a point.

    They have a ``share``; tables ``beside`` them, which have the rest, become trees of one input.

    A value that training never lacked goes the riskier way where it is missing, and so does a level
    that training never had. Directions are verified on the whole units of each tree, and mended.

    With ``held`` false directions and walk are left unverified, for folds that only judge.

    Raises
    ------
    AlicreditError
        Where the table does not give what the boosters give, or a direction does not hold.
    """
    unseen = _unseen(inputs, data)
    flat, roots = Flat(), []
    for booster in boosters:
        found = booster.dump_model()["tree_info"]
        roots += [_flatten(each["tree_structure"], flat, unseen) for each in found]
    leaves = whole(-share * scale.factor * FINE * np.array(flat.leaves) / len(boosters))
    tables = () if beside is None else beside.tables
    roots += [lay_table(table, at, flat) for at, table in enumerate(tables) if not table.is_flat]
    trees = TreeTable(
        roots=tuple(roots),
        feature=tuple(flat.feature),
        cut=tuple(flat.cut),
        left=tuple(flat.left),
        right=tuple(flat.right),
        missing_left=tuple(flat.missing_left),
        levels=tuple(flat.levels),
        leaves=(*leaves, *map(int, flat.leaves[len(leaves) :])),
        reference=reference_rows(data.X, seed),
    )
    contracts = _contracts(inputs, data, scale)
    base = whole([scale.offset * FINE])[0] if beside is None else _base(beside)
    if held:
        _verify_walk(trees, beside, boosters, data.X, scale.factor * share)
        trees = hold_directions(trees, contracts)
    return Parts(contracts, base, trees=trees, unit=FINE)


def reference_rows(X: Floats, seed: int) -> tuple[tuple[float, ...], ...]:
    """Draw the training rows that reasons are measured against, at most 64."""
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(X))[:MOST_REFERENCES])
    return tuple(tuple(float(value) for value in X[row]) for row in rows)


def hold_directions(trees: TreeTable, tables: tuple[PointTable, ...]) -> TreeTable:
    """Verify that each tree follows the directions; mend leaves of those that do not.

    LightGBM has broken its promise before. A tree that does is brought to the nearest leaves, in
    the largest change, that follow: half way between the most of all that must not be above a leaf
    and the least of all that must not be below it.
    """
    sizes = {at: len(t.levels) + 1 for at, t in enumerate(tables) if t.kind == "category"}
    leaves = np.array(trees.leaves, dtype=np.int64)
    for root in trees.roots:
        found, boxes = zip(*boxes_of(trees, root, sizes), strict=True)
        members = list(found)
        if first_against(leaves[members], boxes, tables) is None:
            continue
        mine = leaves[members]
        is_above = _closed(np.logical_or.reduce(list(orders_of(boxes, tables).values())))
        least = np.where(is_above, mine, mine.min()).max(axis=1)
        most = np.where(is_above.T, mine, mine.max()).min(axis=1)
        leaves[members] = (least + most) // 2
        name = first_against(leaves[members], boxes, tables)
        if name is not None:
            rule, found_here = "must follow its direction", "leaves that do not"
            raise AlicreditError(refusal(f"trees of {name!r}", rule, found_here))
    return replace(trees, leaves=tuple(leaves.tolist()))


def _closed(is_above: Flags) -> Flags:
    """Give the order that follows from one: each above itself, and above what those below are."""
    found = is_above | np.eye(len(is_above), dtype=bool)
    while True:
        more = (found.astype(np.float64) @ found) > 0
        if (more == found).all():
            return found
        found = more


def _unseen(inputs: Inputs, data: TrainingSet) -> list[tuple[bool, int | None]]:
    """Tell of each input whether training never lacked it, and its ``other`` if never seen."""
    found: list[tuple[bool, int | None]] = []
    for at, name in enumerate(inputs.names):
        column = data.X[:, at]
        other = len(inputs.levels[name]) if inputs.kinds[at] == "category" else None
        has_other = other is not None and bool((column == other).any())
        found.append((not np.isnan(column).any(), None if has_other else other))
    return found


def _flatten(root: Mapping[str, Any], flat: Flat, unseen: Sequence[tuple[bool, int | None]]) -> int:
    """Add one tree, parents first; give where its root is."""
    stack: list[tuple[Mapping[str, Any], list[int], int]] = [(root, top := [0], 0)]
    while stack:
        node, side, place = stack.pop()
        if "split_feature" not in node:
            side[place] = flat.leaf(float(node["leaf_value"]))
            continue
        side[place] = at = len(flat.feature)
        _add_node(node, flat, unseen[node["split_feature"]])
        stack.append((node["right_child"], flat.right, at))
        stack.append((node["left_child"], flat.left, at))
    return top[0]


def _add_node(node: Mapping[str, Any], flat: Flat, unseen: tuple[bool, int | None]) -> None:
    """Add one node; its children are filled in when they are met."""
    never_missing, never_other = unseen
    is_left_riskier = _mean(node["left_child"]) >= _mean(node["right_child"])
    chosen = levels_of(node)
    if chosen is not None and never_other is not None and is_left_riskier:
        chosen.add(never_other)
    flat.node(
        int(node["split_feature"]),
        cut=float(node["threshold"]) if chosen is None else 0.0,
        levels=tuple(chosen or ()),
        missing_left=is_left_riskier if never_missing else missing_goes_left(node),
    )


def _mean(node: Mapping[str, Any]) -> float:
    """Give the mean of a subtree's leaves over the rows that reached them."""
    total, rows = 0.0, 0.0
    for leaf in _leaves(node):
        count = float(leaf.get("leaf_count", 1))
        total, rows = total + count * float(leaf["leaf_value"]), rows + count
    return total / max(rows, 1.0)


def _leaves(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give the leaves under a node."""
    stack = [node]
    while stack:
        each = stack.pop()
        if "split_feature" in each:
            stack += [each["right_child"], each["left_child"]]
        else:
            yield each


def _contracts(inputs: Inputs, data: TrainingSet, scale: PointScale) -> tuple[PointTable, ...]:
    """Give each input its contract, without points of its own."""
    flat = [StepFunction(np.empty(0), np.zeros(1), levels={}) for _ in inputs.names]
    return table_parts(flat, 0.0, inputs, data, scale=scale, max_steps=2).tables


def _base(beside: Parts) -> int:
    """Give what everybody has of tables: their base, and those that are flat."""
    return beside.base + sum(table.points[0] for table in beside.tables if table.is_flat)


def _verify_walk(
    trees: TreeTable,
    beside: Parts | None,
    boosters: Sequence[Any],
    X: Floats,
    factor: float,
) -> None:
    """Refuse a table that does not give what boosters and tables give, to rounding."""
    rows = X[:: max(len(X) // _CHECKED_ROWS, 1)]
    mean = np.mean([each.predict(rows, raw_score=True) for each in boosters], axis=0)
    plain = 0 if beside is None else beside.units(rows) - _base(beside)
    apart = np.abs(trees.look_up(rows) - plain + factor * FINE * mean).max()
    if apart > 0.5 * len(trees.roots) + 1:
        rule = "must give what the learner gives"
        raise AlicreditError(refusal("the table of trees", rule, f"{apart:.0f} units apart"))
