"""What the inputs may be where a row reaches a leaf."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alicredit.portable.trees import TreeTable

Side = tuple[Any, bool]
"""The known values of an input (a range open below, or levels), and whether it may be missing."""
Box = dict[int, Side]


def boxes_of(trees: TreeTable, root: int, sizes: Mapping[int, int]) -> Iterator[tuple[int, Box]]:
    """Give each leaf of a tree with what its inputs may be; an input left out is free.

    ``sizes`` counts the levels of each category, others too, by the input's position.
    """
    stack: list[tuple[int, Box]] = [(root, {})]
    while stack:
        at, box = stack.pop()
        if at < 0:
            yield -at - 1, box
            continue
        feature = trees.feature[at]
        known, gone = box.get(feature, (free(sizes.get(feature)), True))
        if isinstance(known, frozenset):
            inside: tuple[Any, Any] = (
                known.intersection(trees.levels[at]),
                known.difference(trees.levels[at]),
            )
        else:
            low, high = known
            inside = ((low, min(high, trees.cut[at])), (max(low, trees.cut[at]), high))
        to_left = trees.missing_left[at]
        stack.append((trees.right[at], {**box, feature: (inside[1], gone and not to_left)}))
        stack.append((trees.left[at], {**box, feature: (inside[0], gone and to_left)}))


def free(size: int | None) -> Any:
    """Give all known values: of a category its levels and others, else an open range."""
    return (-math.inf, math.inf) if size is None else frozenset(range(size))
