"""Tables laid out as trees give the same, wherever a value lies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.model.laid import Flat, lay_table
from alicredit.portable.boxes import boxes_of
from alicredit.portable.monotone import first_against
from alicredit.portable.tables import PointTable
from alicredit.portable.trees import TreeTable

WORTH = st.integers(-5, 5)


def table(kind: str, points: list[int], missing: int, direction: int = 0) -> PointTable:
    size = len(points) - 1
    return PointTable(
        name="a",
        kind=kind,
        cuts=() if kind == "category" else tuple(1.5 * k for k in range(size)),
        points=tuple(points),
        levels=tuple(f"l{k}" for k in range(size)) if kind == "category" else (),
        missing_points=missing,
        reference=points[0],
        low=-1.0,
        high=1.5 * size,
        median=0.3,
        missing_share=0.1,
        direction=direction,
        code="SC_OTHER",
        title="a",
        title_zh="a",
        unit="",
        sources=(),
        rows=(1,) * (size + 2),
        defaults=(0,) * (size + 2),
    )


def laid(one: PointTable) -> TreeTable:
    flat = Flat()
    root = lay_table(one, 0, flat)
    return TreeTable(
        (root,),
        tuple(flat.feature),
        tuple(flat.cut),
        tuple(flat.left),
        tuple(flat.right),
        tuple(flat.missing_left),
        tuple(flat.levels),
        tuple(map(int, flat.leaves)),
        (),
    )


def values_beside(one: PointTable) -> list[float]:
    if one.kind == "category":
        return [*map(float, range(len(one.levels) + 1)), math.nan]
    cuts = np.array(one.cuts)
    near = [cuts, np.nextafter(cuts, -np.inf), np.nextafter(cuts, np.inf), [-1e300, 0.3, 1e300]]
    return [*np.concatenate(near).tolist(), math.nan]


@pytest.mark.parametrize("kind", ["numeric", "category"])
@settings(max_examples=60, deadline=None)
@given(points=st.lists(WORTH, min_size=1, max_size=12), missing=WORTH)
def test_a_tree_gives_what_its_table_gives(kind: str, points: list[int], missing: int) -> None:
    one = table(kind, points, missing)
    tree = laid(one)
    for value in values_beside(one):
        assert tree.look_up_one((value,)) == one.point_at(value)
    whole = tree.look_up(np.array(values_beside(one))[:, None])
    assert whole.tolist() == [one.point_at(value) for value in values_beside(one)]


@settings(max_examples=40, deadline=None)
@given(points=st.lists(WORTH, min_size=1, max_size=12), missing=st.integers(-7, 7))
def test_a_directed_table_is_a_directed_tree_whatever_the_missing_have(
    points: list[int], missing: int
) -> None:
    for direction in (1, -1):
        one = table("numeric", sorted(points, reverse=direction > 0), missing, direction)
        tree = laid(one)
        leaves, boxes = zip(*boxes_of(tree, tree.roots[0], {}), strict=True)
        assert first_against(np.array(tree.leaves)[list(leaves)], boxes, (one,)) is None


def test_a_tree_is_even_and_steps_alike_are_one_leaf() -> None:
    tree = laid(table("numeric", [*range(16)], 3))
    assert len(tree.leaves) == 16  # the missing share the leaf of a step
    assert len(laid(table("numeric", [*range(16)], 99)).leaves) == 17
    assert len(laid(table("numeric", [4, 4, 4, 7, 7, 4], 7)).leaves) == 3
    assert len(laid(table("category", [4, 7, 4, 7, 7, 4], 7)).leaves) == 2
    depth = dict.fromkeys(tree.roots, 1)
    for at in range(len(tree.feature)):
        for end in (tree.left[at], tree.right[at]):
            depth[end] = depth[at] + 1
    assert max(depth.values()) == 5
