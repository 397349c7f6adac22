"""From trees whose leaves see two inputs at most to tables of one input and grids of two."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.model.assemble import table_parts
from alicredit.model.boosting import leaf_size, pace, share_of_inputs
from alicredit.model.inputs import Inputs
from alicredit.model.learner import TrainingSet, parameters
from alicredit.model.merging import merge_rows, paired
from alicredit.model.nodes import levels_of, missing_goes_left
from alicredit.model.parts import FINE, Parts
from alicredit.model.points import FEWEST_OF_A_STEP, StepFunction, whole
from alicredit.model.screening import pairs_together
from alicredit.model.specials import special_values
from alicredit.portable.monotone import changes_of
from alicredit.portable.pairs import PairTable
from alicredit.portable.tables import PointTable
from alicredit.score import PointScale

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]
Pair = tuple[int, int]

_CANDIDATES = 30
_EVIDENCE = 3.0
"""Standard errors of a gain; the best of thirty gains of nothing is about two (assumed)."""


def pair_settings(inputs: int, allowed: Sequence[Pair] | None) -> Callable[..., dict[str, Any]]:
    """Choose LightGBM's parameters: each path sees one input or an allowed pair.

    None allows any, of many inputs those of :func:`pairs_together`.
    """
    fixed = None if allowed is None else [*allowed, *((at,) for at in range(inputs))]

    def settings(data: TrainingSet, *, seed: int, threads: int) -> dict[str, Any]:
        leaf = leaf_size(data)
        groups = pairs_together(data) if fixed is None else fixed
        constraints = ",".join(f"[{','.join(map(str, group))}]" for group in groups)
        return parameters(data, seed=seed, threads=threads) | {
            "num_leaves": 8,
            "learning_rate": max(pace(data), 0.05),
            "min_data_in_leaf": leaf,
            "min_data_per_group": leaf,
            "feature_fraction": share_of_inputs(data, 0.4),
            "lambda_l2": 5.0,
            "interaction_constraints": constraints,
        }

    return settings


@dataclass(eq=False)
class Surface:
    """A margin as a constant, a value for each step of each input, and a grid for each pair.

    An axis has the known steps of an input (its cuts' or its levels' and ``other``), the missing
    last; ``shares`` are the training weights of its steps.
    """

    cuts: list[Floats]
    shares: list[Floats]
    constant: float
    mains: list[Floats]
    grids: dict[Pair, Floats]

    def steps(self, at: int, column: Floats) -> Whole:
        """Give the step of each encoded value of an input."""
        return _steps(self.cuts[at], len(self.shares[at]), column)

    def main_margin(self, X: Floats) -> Floats:
        """Give what single inputs add to the margin of encoded rows."""
        every = [main[self.steps(at, X[:, at])] for at, main in enumerate(self.mains)]
        return self.constant + np.sum(every, axis=0)

    def pair_margin(self, pair: Pair, X: Floats) -> Floats:
        """Give what a pair adds to the margin of encoded rows."""
        grid = self.grids.get(pair)
        if grid is None:
            return np.zeros(len(X))
        first, second = (self.steps(at, X[:, at]) for at in pair)
        return grid[first, second]


def _steps(cuts: Floats, size: int, column: Floats) -> Whole:
    """Give the step of each value: by cuts, or a category's code where it has none."""
    gone = np.isnan(column)
    at = np.searchsorted(cuts, column, side="left") if size == len(cuts) + 2 else column
    return np.where(gone, size - 1, at).astype(np.int64)


def read_surface(boosters: Sequence[Any], inputs: Inputs, data: TrainingSet) -> Surface:
    """Read the mean of boosters, exactly, and part it into what inputs and pairs add.

    Each leaf is reached through one input or two, so it is a block of a grid. The grids are then
    purified: under the product of the inputs' own training shares a pair has mean 0 along each
    axis, so that what one input does alone is in its own table (functional ANOVA). Under that
    product a table of one input is as monotone as the whole.
    """
    trees = [
        each["tree_structure"] for booster in boosters for each in booster.dump_model()["tree_info"]
    ]
    cuts: list[set[float]] = [set() for _ in inputs.names]
    for tree in trees:
        _collect(tree, cuts)
    edges = [np.array(sorted(each)) for each in cuts]
    sizes = [
        len(inputs.levels[name]) + 2 if kind == "category" else len(edges[at]) + 2
        for at, (name, kind) in enumerate(zip(inputs.names, inputs.kinds, strict=True))
    ]
    shares = shares_of(edges, sizes, data)
    surface = Surface(edges, shares, 0.0, [np.zeros(size) for size in sizes], {})
    for tree in trees:
        _add(tree, surface, {}, 1 / len(boosters))
    _purify(surface)
    return surface


def shares_of(cuts: Sequence[Floats], sizes: Sequence[int], data: TrainingSet) -> list[Floats]:
    """Give the training weights of each input's steps, the missing last."""
    shares = []
    for at, size in enumerate(sizes):
        step = _steps(cuts[at], size, data.X[:, at])
        mass = np.bincount(step, weights=data.weight, minlength=size)
        shares.append(mass / mass.sum())
    return shares


def _collect(node: Mapping[str, Any], cuts: list[set[float]]) -> None:
    """Gather the cuts of a tree's inputs."""
    if "split_feature" not in node:
        return
    if node["decision_type"] != "==":
        cuts[node["split_feature"]].add(float(node["threshold"]))
    _collect(node["left_child"], cuts)
    _collect(node["right_child"], cuts)


def _add(
    node: Mapping[str, Any], surface: Surface, reached: Mapping[int, Flags], share: float
) -> None:
    """Add the leaves under a node to the blocks of steps from which they are reached."""
    if "split_feature" not in node:
        value = share * float(node["leaf_value"])
        inside = sorted(reached)
        if not inside:
            surface.constant += value
        elif len(inside) == 1:
            surface.mains[inside[0]][reached[inside[0]]] += value
        else:
            pair = (inside[0], inside[1])
            sizes = tuple(len(surface.shares[at]) for at in pair)
            grid = surface.grids.setdefault(pair, np.zeros(sizes))
            grid[np.ix_(*(reached[at] for at in pair))] += value
        return
    at = int(node["split_feature"])
    goes_left = _goes_left(node, surface.cuts[at], len(surface.shares[at]))
    before = reached.get(at, np.ones(len(goes_left), dtype=bool))
    _add(node["left_child"], surface, {**reached, at: before & goes_left}, share)
    _add(node["right_child"], surface, {**reached, at: before & ~goes_left}, share)


def _goes_left(node: Mapping[str, Any], cuts: Floats, size: int) -> Flags:
    """Tell which steps of a node's input go left."""
    left = np.zeros(size, dtype=bool)
    chosen = levels_of(node)
    if chosen is not None:
        left[list(chosen)] = True
        return left
    left[: int(np.searchsorted(cuts, float(node["threshold"]))) + 1] = True
    left[-1] = missing_goes_left(node)
    return left


def _purify(surface: Surface) -> None:
    """Take out of each grid what one input alone adds, and what neither does."""
    for (first, second), grid in surface.grids.items():
        p, q = surface.shares[first], surface.shares[second]
        rows, columns = grid @ q, p @ grid
        mean = float(rows @ p)
        grid -= rows[:, None] + columns[None, :] - mean
        surface.mains[first] += rows - mean
        surface.mains[second] += columns - mean
        surface.constant += mean


def choose_pairs(
    surfaces: Sequence[Surface], judges: Sequence[TrainingSet], *, most: int
) -> tuple[Pair, ...]:
    """Choose pairs one by one, each the one whose grid gains most log loss out of fold.

    A pair is kept while its gain is more than three standard errors, clustered by merchant. The 30
    pairs of largest variance stand for choice (assumed).
    """
    spread: dict[Pair, float] = {}
    for surface in surfaces:
        for pair, grid in surface.grids.items():
            p, q = (surface.shares[at] for at in pair)
            spread[pair] = spread.get(pair, 0.0) + float(p @ grid**2 @ q)
    free = sorted(spread, key=lambda pair: (-spread[pair], pair))[:_CANDIDATES]
    both = list(zip(surfaces, judges, strict=True))
    margin = np.concatenate([surface.main_margin(judge.X) for surface, judge in both])
    adds = {
        pair: np.concatenate([surface.pair_margin(pair, judge.X) for surface, judge in both])
        for pair in free
    }
    y, weight, cluster = (
        np.concatenate([getattr(judge, name) for judge in judges])
        for name in ("y", "weight", "cluster")
    )
    chosen: list[Pair] = []
    loss = np.logaddexp(0, margin) - y * margin
    while free and len(chosen) < most:
        losses = [np.logaddexp(0, margin + adds[p]) - y * (margin + adds[p]) for p in free]
        at = int(np.argmin([float(weight @ each) for each in losses]))
        gain, error = paired(loss - losses[at], weight, cluster)
        if gain <= _EVIDENCE * error or gain <= 0:
            break
        pair = free.pop(at)
        margin, loss = margin + adds[pair], losses[at]
        chosen.append(pair)
    return tuple(chosen)


def pair_parts(
    surface: Surface, inputs: Inputs, data: TrainingSet, *, scale: PointScale, max_steps: int
) -> Parts:
    """Merge and round a surface to tables and grids of thousandths of a point.

    An input is cut alike in its own table and in all its pairs, where the least is lost over all of
    them together. Merged so, the sum is as monotone as the trees were; what rounding breaks is
    mended in the table of the input.
    """
    groups = [_groups(surface, inputs, at, max_steps) for at in range(len(inputs.names))]
    functions = [_function(surface, inputs, at, groups[at]) for at in range(len(inputs.names))]
    parts = table_parts(
        functions,
        surface.constant,
        inputs,
        data,
        scale=scale,
        max_steps=None,
        unit=FINE,
        specials=_specials(surface, inputs, data),
    )
    pairs = []
    for pair in sorted(surface.grids):
        made = _pair_table(surface, pair, parts.tables, groups, data, scale.factor * FINE)
        if made.least < made.best:
            pairs.append(made)
    tables = tuple(_held(table, pairs) for table in parts.tables)
    return replace(parts, tables=tables, pairs=tuple(pairs))


def _specials(surface: Surface, inputs: Inputs, data: TrainingSet) -> dict[int, Floats]:
    """Learn what special codes say beside all that the surface does."""
    if not any(inputs.specials):
        return {}
    margin = surface.main_margin(data.X)
    for pair in sorted(surface.grids):
        margin = margin + surface.pair_margin(pair, data.X)
    missing = {at: float(main[-1]) for at, main in enumerate(surface.mains)}
    return special_values(data, inputs.specials, missing, margin)


def _groups(surface: Surface, inputs: Inputs, at: int, max_steps: int) -> Whole:
    """Number the merged step of each known step of an input, for its table and pairs together."""
    shares = surface.shares[at][:-1]
    values, weights = [surface.mains[at][:-1, None]], [np.ones(1)]
    for pair, grid in surface.grids.items():
        if at in pair:
            towards, other = (grid, pair[1]) if at == pair[0] else (grid.T, pair[0])
            values.append(towards[:-1])
            weights.append(surface.shares[other])
    stacked, column_weights = np.hstack(values), np.concatenate(weights)
    if inputs.kinds[at] != "category":
        return merge_rows(stacked, shares, max_steps, column_weights=column_weights)
    order = np.argsort(surface.mains[at][:-1], kind="stable")
    merged = np.empty(len(shares), dtype=np.int64)
    merged[order] = merge_rows(
        stacked[order], shares[order], max_steps, column_weights=column_weights
    )
    return np.unique(merged, return_inverse=True)[1].astype(np.int64)


def _function(surface: Surface, inputs: Inputs, at: int, groups: Whole) -> StepFunction:
    """Give an input's own values, merged; of a category those of each level."""
    main = surface.mains[at]
    values = _averaging(groups, surface.shares[at][:-1]) @ main[:-1]
    if inputs.kinds[at] == "category":
        levels = dict(enumerate(values[groups].tolist()))
        return StepFunction(
            np.empty(0), np.zeros(1), float(main[-1]), levels, levels[len(levels) - 1]
        )
    ends = np.flatnonzero(np.diff(groups))
    sign = inputs.directions[at]
    if sign:  # sums in floating point may be off by their last digit
        values = sign * np.maximum.accumulate(sign * values)
    return StepFunction(surface.cuts[at][ends], values, float(main[-1]))


def _averaging(groups: Whole, shares: Floats) -> Floats:
    """Give the matrix that takes the mean of each group's steps, weighted by their shares."""
    member = (groups[None, :] == np.arange(groups.max() + 1)[:, None]).astype(np.float64)
    mass = member * shares
    known = mass.sum(axis=1, keepdims=True)
    return np.where(
        known > 0, mass / np.where(known > 0, known, 1), member / member.sum(1)[:, None]
    )


def _pair_table(
    surface: Surface,
    pair: Pair,
    tables: tuple[PointTable, ...],
    groups: Sequence[Whole],
    data: TrainingSet,
    factor: float,
) -> PairTable:
    """Merge and round one pair's grid; steps that training hardly had are the riskiest."""
    grid = surface.grids[pair]
    for axis, at in enumerate(pair):
        grid = np.moveaxis(grid, axis, 0)
        known, gone = grid[:-1].copy(), grid[-1]
        counts = np.bincount(surface.steps(at, data.X[:, at]), minlength=len(surface.shares[at]))
        if tables[at].kind == "category" and counts[-2] < FEWEST_OF_A_STEP and len(known) > 1:
            known[-1] = known[:-1].max(axis=0)
        gone = gone if counts[-1] >= FEWEST_OF_A_STEP else known.max(axis=0)
        merged = _averaging(groups[at], surface.shares[at][:-1]) @ known
        grid = np.moveaxis(np.vstack([merged, gone]), 0, axis)
    values = tuple(tuple(whole(-factor * row)) for row in grid)
    first, second = (tables[at] for at in pair)
    axes = [
        tuple(int(each) for each in groups[at]) if tables[at].kind == "category" else ()
        for at in pair
    ]
    made = PairTable(first.name, second.name, first.cuts, second.cuts, axes[0], axes[1], values)
    units = np.sort(made.look_up(*(data.X[:, at] for at in pair)))
    return replace(made, reference=int(units[len(units) // 2]))


def _held(table: PointTable, pairs: Sequence[PairTable]) -> PointTable:
    """Move a directed input's points by the least that makes their sum with its pairs follow.

    At each cut the least favourable change of every pair is added up; what is lacking is made up
    by the table of the input. Rounding alone can leave something lacking: some thousandths.
    """
    mine = [pair for pair in pairs if table.name in (pair.first, pair.second)]
    if not table.direction or not mine:
        return table
    lacking = np.maximum(-changes_of(table, mine), 0)
    moves = np.concatenate([[0], np.cumsum(lacking)])
    points = tuple(
        int(point - table.direction * move) for point, move in zip(table.points, moves, strict=True)
    )
    table = replace(table, points=points)
    reference = int(np.clip(table.reference, min(table.every), max(table.every)))
    return replace(table, reference=reference)
