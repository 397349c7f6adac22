"""Trees as one node of ONNX's trees, in doubles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from alicredit.portable.trees import TreeTable


def tree_node(onnx: Any, trees: TreeTable, feature: Sequence[int], rows: str, to: str) -> Any:
    """Make the node that sums the leaves of a row; trees without a node are left to the caller.

    ``feature`` gives the column of ``rows`` that each node asks for: those of a category hold 0
    where the level goes left and 1 where it does not.
    """
    cuts = [0.5 if levels else cut for cut, levels in zip(trees.cut, trees.levels, strict=True)]

    def whole(values: Sequence[int | bool]) -> list[int]:
        return [int(value) for value in values]

    def ends(side: Sequence[int]) -> tuple[list[int], list[int]]:
        return [-end - 1 if end < 0 else end for end in side], [int(end < 0) for end in side]

    left, is_left_leaf = ends(trees.left)
    right, is_right_leaf = ends(trees.right)
    from_array = onnx.numpy_helper.from_array
    return onnx.helper.make_node(
        "TreeEnsemble",
        [rows],
        [to],
        domain="ai.onnx.ml",
        aggregate_function=1,
        post_transform=0,
        n_targets=1,
        tree_roots=[root for root in trees.roots if root >= 0],
        nodes_featureids=list(feature),
        nodes_splits=from_array(np.array(cuts, dtype=np.float64)),
        nodes_modes=from_array(np.zeros(len(cuts), dtype=np.uint8)),
        nodes_missing_value_tracks_true=whole(trees.missing_left),
        nodes_truenodeids=left,
        nodes_trueleafs=is_left_leaf,
        nodes_falsenodeids=right,
        nodes_falseleafs=is_right_leaf,
        leaf_targetids=[0] * len(trees.leaves),
        leaf_weights=from_array(np.array(trees.leaves, dtype=np.float64)),
    )
