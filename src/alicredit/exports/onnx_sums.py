"""What a score is the sum of, as nodes of ONNX: tables, grids and trees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alicredit.exports.onnx_build import OWN, Graph, Numbers, Texts, import_onnx
from alicredit.portable.specials import opened, opened_pair

if TYPE_CHECKING:
    from alicredit.portable.model import ScoreModel
    from alicredit.portable.pairs import PairTable
    from alicredit.portable.trees import TreeTable

_Side = tuple[str, tuple[float, ...], tuple[int, ...]]
"""Name, cuts and groups of an axis of a pair."""
_Axis = tuple[int, bool, _Side]
"""The number of a pair, whether the axis is its first, and the axis."""


def sum_of_tables(graph: Graph, model: ScoreModel, numbers: Numbers | None, texts: Texts) -> str:
    """Give what tables add, shape (N, 1): at the least value, for cuts passed, where missing."""
    counted = [opened(table) for table in model.tables if table.kind != "category"]
    rest = sum(table.points[0] for table in counted)
    parts = [graph.whole(rest)]
    if numbers is not None:
        lacks = [table.missing_points - table.points[0] for table in counted]
        sums = graph.node("MatMul", numbers.gone, graph.constant(np.array(lacks, float)[:, None]))
        cuts = [(table.name, cut) for table in counted for cut in table.cuts]
        if cuts:
            jumps = np.concatenate([np.diff(table.points) for table in counted])
            passed = numbers.passed(graph, cuts)
            gains = graph.node("MatMul", passed, graph.constant(jumps.astype(float)[:, None]))
            sums = graph.node("Add", sums, gains)
        parts.append(graph.cast(sums, "INT64"))
    for table in model.tables:
        if table.kind == "category":
            steps = graph.whole(*table.points, table.missing_points)
            parts.append(graph.node("Gather", steps, texts[table.name]))
    total = parts[0]
    for part in parts[1:]:
        total = graph.node("Add", total, part)
    return total


def sum_of_pairs(graph: Graph, model: ScoreModel, numbers: Numbers | None, texts: Texts) -> str:
    """Give what pairs add, shape (N, 1): each is a place among the cells of all."""
    kinds = {table.name: table.kind for table in model.tables}
    specials = {table.name: table.specials for table in model.tables}
    pairs = [opened_pair(pair, specials) for pair in model.pairs]
    widths = [len(pair.values[0]) for pair in pairs]
    starts = np.cumsum([0, *(w * len(p.values) for w, p in zip(widths, pairs))])
    places = graph.real(*starts[:-1].tolist())
    axes: list[_Axis] = [
        (number, end == 0, axis)
        for number, pair in enumerate(pairs)
        for end, axis in enumerate(_axes(pair))
    ]
    plain = [each for each in axes if kinds[each[2][0]] != "category"]
    if plain and numbers is not None:
        places = _with_numbers(graph, places, plain, numbers, widths)
    places = graph.cast(places, "INT64")
    for number, is_first, (name, _, groups) in axes:
        if kinds[name] == "category":
            cell = np.zeros((len(groups) + 1, len(widths)), dtype=np.int64)
            cell[:, number] = [*groups, max(groups) + 1]
            cell *= widths[number] if is_first else 1
            step = graph.node("Gather", graph.constant(cell), graph.flat(texts[name]))
            places = graph.node("Add", places, step)
    cells = graph.whole(*(cell for pair in pairs for row in pair.values for cell in row))
    return graph.node("ReduceSum", graph.node("Gather", cells, places), graph.whole(1))


def _with_numbers(
    graph: Graph, places: str, axes: Sequence[_Axis], numbers: Numbers, widths: Sequence[int]
) -> str:
    """Add to each pair's place what the steps of its numbers add: a row or a column a cut."""
    cuts = [(name, cut) for _, _, (name, values, _) in axes for cut in values]
    steps = np.zeros((len(cuts), len(widths)))
    lacks = np.zeros((len(numbers.place), len(widths)))
    at = 0
    for number, is_first, (name, values, _) in axes:
        weight = widths[number] if is_first else 1
        steps[at : at + len(values), number] = weight
        lacks[numbers.place[name], number] += weight * (len(values) + 1)
        at += len(values)
    missing = graph.node("MatMul", numbers.gone, graph.constant(lacks))
    places = graph.node("Add", places, missing)
    if cuts:
        found = graph.node("MatMul", numbers.passed(graph, cuts), graph.constant(steps))
        places = graph.node("Add", places, found)
    return places


def _axes(pair: PairTable) -> tuple[_Side, ...]:
    """Give name, cuts and groups of both axes."""
    return (
        (pair.first, pair.first_cuts, pair.first_groups),
        (pair.second, pair.second_cuts, pair.second_groups),
    )


def sum_of_trees(
    graph: Graph, model: ScoreModel, trees: TreeTable, numbers: Numbers | None, texts: Texts
) -> str:
    """Give what a model's trees add, shape (N, 1)."""
    place = dict(numbers.place) if numbers is not None else {}
    columns = [_blanked(graph, model, numbers)] if numbers is not None else []
    asked: dict[tuple[int, tuple[int, ...]], int] = {}
    for at, levels in zip(trees.feature, trees.levels, strict=True):
        if levels and (at, levels) not in asked:
            size = len(model.tables[at].levels) + 1
            goes = [0.0 if level in levels else 1.0 for level in range(size)]
            column = graph.node("Gather", graph.real(*goes, np.nan), texts[model.tables[at].name])
            asked[at, levels] = len(place) + len(asked)
            columns.append(column)
    rest = sum(trees.leaves[-root - 1] for root in trees.roots if root < 0)
    if not trees.feature:
        return graph.whole(rest)
    rows = graph.node("Concat", *columns, axis=1) if len(columns) > 1 else columns[0]
    feature = [
        asked[at, levels] if levels else place[model.tables[at].name]
        for at, levels in zip(trees.feature, trees.levels, strict=True)
    ]
    out = f"{OWN}{len(graph.nodes)}"
    graph.nodes.append(_tree_node(import_onnx(), trees, feature, rows, out))
    return graph.node("Add", graph.cast(out, "INT64"), graph.whole(rest))


def _blanked(graph: Graph, model: ScoreModel, numbers: Numbers) -> str:
    """Give numbers as trees read them: a special code is missing."""
    values = numbers.values
    if not model.codes:
        return values
    size = max(len(own) for _, own in model.codes)
    for k in range(size):  # the k-th code of each input; NaN equals nothing
        codes = np.full(len(numbers.place), np.nan)
        for at, own in model.codes:
            codes[numbers.place[model.tables[at].name]] = own[k] if k < len(own) else np.nan
        is_code = graph.node("Equal", numbers.values, graph.constant(codes))
        values = graph.node("Where", is_code, graph.real(np.nan), values)
    return values


def _tree_node(onnx: Any, trees: TreeTable, feature: Sequence[int], rows: str, to: str) -> Any:
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
