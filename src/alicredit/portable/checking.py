"""A model that contradicts itself is refused: sizes, order, reach, direction."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np

from alicredit.checks import refusal
from alicredit.errors import ModelFileError
from alicredit.portable.boxes import boxes_of
from alicredit.portable.limits import (
    LARGEST_POINTS,
    MOST_AXIS,
    MOST_LEAVES,
    MOST_OUTCOMES,
    MOST_REFERENCES,
    MOST_SCORES,
    MOST_SPECIALS,
    check_work,
)
from alicredit.portable.model import ScoreModel
from alicredit.portable.monotone import first_against, is_sum_monotone
from alicredit.portable.pairs import PairTable, axis_size
from alicredit.portable.shapley import MOST_ON_PATH
from alicredit.portable.tables import Claim, PointTable
from alicredit.portable.trees import TreeTable
from alicredit.vocabulary import REASONS

UNITS = (1, 1000)


def check_model(model: ScoreModel) -> None:
    """Refuse a model that contradicts itself: sizes, order, reach, direction.

    Directions are verified, not trusted: over the grid of the sums of tables and pairs exactly,
    of trees exactly for each tree.
    """
    _check_claim(model.claim)
    _check_words(model)
    names = model.feature_names
    if not names or len(set(names)) != len(names):
        _refuse("tables", "must have different names", len(names))
    if model.unit not in UNITS:
        _refuse("unit", "must be 1 or 1000", model.unit)
    most = LARGEST_POINTS * model.unit
    for table in model.tables:
        _check_table(table, most)
    _check_pairs(model, most)
    if model.trees is not None:
        _check_plain(model)
        _check_trees(model.trees, model.tables, most)
    paired: dict[str, list[PairTable]] = {}
    for pair in model.pairs:
        for name in (pair.first, pair.second):
            paired.setdefault(name, []).append(pair)
    for table in model.tables:
        if not is_sum_monotone(table, paired.get(table.name, ())):
            where = f"table {table.name!r}"
            _refuse(where, "must follow its direction", "points that do not")
    _check_scores(model)


def reach_of(
    base: int,
    tables: Iterable[PointTable],
    pairs: Iterable[PairTable] = (),
    trees: TreeTable | None = None,
) -> tuple[int, int]:
    """Give the lowest and highest score, in units, that parts could add up to.

    Examples
    --------
    >>> reach_of(600, ())
    (600, 600)
    """
    ends = [
        *((min(each), max(each)) for each in (t.every for t in tables)),
        *((pair.least, pair.most) for pair in pairs),
    ]
    if trees is not None:
        ends.append(trees.reach())
    return base + sum(low for low, _ in ends), base + sum(high for _, high in ends)


def points_within(low: int, high: int, unit: int) -> tuple[int, int]:
    """Give the first and last whole point between which scores of a reach lie.

    Examples
    --------
    >>> points_within(599_001, 601_000, 1000), points_within(-1, 1, 1000)
    ((599, 601), (-1, 1))
    """
    return low // unit, -(-high // unit)


def _refuse(where: str, rule: str, found: object, do: str = "") -> None:
    """Raise a ModelFileError."""
    raise ModelFileError(refusal(where, rule, found, do))


def _check_claim(claim: Claim) -> None:
    """Refuse a claim of an unknown level or an impossible length."""
    days, late = claim.horizon_days, claim.days_past_due
    is_whole = (days is None or 1 <= days <= 36_500) and (late is None or 0 <= late <= 36_500)
    if claim.level not in ("", "borrower", "facility") or not is_whole:
        _refuse("claim", "must be of a known level and length", str(claim))


def _check_words(model: ScoreModel) -> None:
    """Refuse texts of codes that no input has, and grades that do not part all probabilities."""
    if not model.reasons.keys() <= {table.code for table in model.tables}:
        _refuse("reasons", "must be of codes of the inputs", "others")
    names, highest = [name for name, _ in model.grades], [each for _, each in model.grades]
    is_rising = all(0 < a < b for a, b in pairwise(highest))
    if names and not (len(set(names)) == len(names) and is_rising and highest[-1] == 1):
        _refuse("grades", "must have different names and rising probabilities up to 1", "others")


def _check_scores(model: ScoreModel) -> None:
    """Refuse probabilities that do not cover the reach, leave their order, tie or rise."""
    low, high = reach_of(model.base, model.tables, model.pairs, model.trees)
    first, last = points_within(low, high, model.unit)
    size = len(model.pds)
    if size > MOST_SCORES:
        do = "give a scale with fewer points for a doubling of odds"
        _refuse("pds", f"must be at most {MOST_SCORES}", size, do)
    if not (size == len(model.lowers) == len(model.uppers) == last - first + 1):
        _refuse("pds", "must cover every reachable score", size)
    if model.first_score != first:
        _refuse("first_score", f"must be {first}", model.first_score)
    below, p, above = (np.array(each) for each in (model.lowers, model.pds, model.uppers))
    if not ((below > 0) & (below <= p) & (p <= above) & (above < 1)).all():
        _refuse("pds", "must lie in order between 0 and 1", "others")
    # Rounding moves a probability between two points by at most half a spacing at the upper.
    steps = model.unit if model.unit > 1 else 0
    if (p[:-1] - p[1:] <= 2 * steps * np.spacing(p[:-1])).any():
        _refuse("pds", "must fall as the score rises", "a tie or a rise")


def _check_table(table: PointTable, most: int) -> None:
    """Refuse one table that contradicts itself."""
    where = f"table {table.name!r}"
    if table.kind not in ("numeric", "flag", "category") or table.code not in REASONS:
        _refuse(where, "must be of a known kind and code", table.kind)
    steps = len(table.levels) if table.kind == "category" else len(table.cuts)
    if table.kind == "category" and (table.cuts or len(set(table.levels)) != steps):
        _refuse(where, "must have different levels", steps)
    if len(table.points) != steps + 1:
        _refuse(where, "must have a step for each cut", len(table.points))
    _check_specials(where, table)
    if not len(table.rows) == len(table.defaults) == steps + 2 + len(table.specials):
        _refuse(where, "must have counts for each step", len(table.rows))
    if not all(0 <= bad <= all_ for bad, all_ in zip(table.defaults, table.rows, strict=True)):
        _refuse(where, "must have defaults among its rows", "other counts")
    if not 0 <= table.missing_share <= 1 or not table.low <= table.median <= table.high:
        _refuse(where, "must have a range and share", "ones out of order")
    if any(a >= b for a, b in pairwise(table.cuts)):
        _refuse(where, "must have rising cuts", "a tie or a fall")
    every = table.every
    if any(abs(p) > most for p in every):
        _refuse(where, "must have points within a million", "more")
    if not min(every) <= table.reference <= max(every):
        _refuse(where, "must refer to its own points", table.reference)
    if table.direction not in (-1, 0, 1) or (table.direction and table.kind == "category"):
        _refuse(where, "must have a direction", table.direction)


def _check_specials(where: str, table: PointTable) -> None:
    """Refuse special codes of what is no number, that are no codes, or without points."""
    codes = table.specials
    if codes and (table.kind != "numeric" or len(codes) > MOST_SPECIALS):
        _refuse(where, f"must be of numbers to have codes, at most {MOST_SPECIALS}", len(codes))
    if not all(map(math.isfinite, codes)) or any(a >= b for a, b in pairwise(codes)):
        _refuse(where, "must have finite, different codes, rising", "others")
    if len(codes) != len(table.special_points):
        _refuse(where, "must have points for each special code", len(table.special_points))


def _check_pairs(model: ScoreModel, most: int) -> None:
    """Refuse pairs of unknown inputs, of one or of the same inputs, and grids out of shape."""
    named = {table.name: table for table in model.tables}
    seen: set[frozenset[str]] = set()
    for pair in model.pairs:
        where = f"pair {pair.first!r} and {pair.second!r}"
        both = frozenset((pair.first, pair.second))
        if len(both) != 2 or not both <= named.keys() or both in seen:
            _refuse(where, "must be of two inputs of the model, once", "others")
        seen.add(both)
        _check_axis(where, named[pair.first], pair.first_cuts, pair.first_groups)
        _check_axis(where, named[pair.second], pair.second_cuts, pair.second_groups)
        width = axis_size(pair.second_cuts, pair.second_groups)
        is_full = len(pair.values) == axis_size(pair.first_cuts, pair.first_groups)
        if not is_full or any(len(row) != width for row in pair.values):
            _refuse(where, "must have a value for each two steps", len(pair.values))
        if max(-pair.least, pair.most) > most:
            _refuse(where, "must have points within a million", "more")
        if not pair.least <= pair.reference <= pair.most:
            _refuse(where, "must refer to its own points", pair.reference)


def _check_axis(
    where: str, table: PointTable, cuts: tuple[float, ...], groups: tuple[int, ...]
) -> None:
    """Refuse an axis that is not of its input's kind, or very long."""
    if axis_size(cuts, groups) > MOST_AXIS:
        _refuse(where, f"must have at most {MOST_AXIS} steps a side", axis_size(cuts, groups))
    if table.kind != "category":
        if groups or any(a >= b for a, b in pairwise(cuts)):
            _refuse(where, f"must have rising cuts of {table.name!r}", "a tie, a fall or groups")
        return
    if cuts or len(groups) != len(table.levels) + 1:
        _refuse(where, f"must have a group for each level of {table.name!r}", len(groups))
    if not 0 <= max(groups) < len(groups) or set(groups) != set(range(max(groups) + 1)):
        _refuse(where, f"must number the groups of {table.name!r} without a gap", "others")


def _check_plain(model: ScoreModel) -> None:
    """Refuse points beside trees: what a row earns then has two accounts."""
    if model.pairs or any(any(t.every) for t in model.tables):
        _refuse("trees", "must be all that gives points", "pairs or tables with points")


def _check_trees(trees: TreeTable, tables: tuple[PointTable, ...], most: int) -> None:
    """Refuse trees that are no trees, ask for what no input has, or break a direction."""
    nodes, leaves = len(trees.feature), len(trees.leaves)
    each = (trees.cut, trees.left, trees.right, trees.missing_left, trees.levels)
    if not trees.roots or any(len(column) != nodes for column in each):
        _refuse("trees", "must have one entry for each node", nodes)
    ends = (*trees.roots, *trees.left, *trees.right)
    if sorted(ends) != list(range(-leaves, nodes)):
        _refuse("trees", "must reach each node and leaf once", "others")
    if any(0 <= end <= at for side in (trees.left, trees.right) for at, end in enumerate(side)):
        _refuse("trees", "must have children after their parents", "one before")
    if any(abs(leaf) > most for leaf in trees.leaves) or sum(map(abs, trees.leaves)) > 10**11:
        _refuse("trees", "must have points within a million", "more")
    if _most_leaves(trees) > MOST_LEAVES:
        _refuse("trees", f"must have at most {MOST_LEAVES} leaves each", "more")
    for at, cut, levels in zip(trees.feature, trees.cut, trees.levels, strict=True):
        _check_node(tables, at, cut, levels)
    _check_references(trees, tables)
    sizes = {at: len(t.levels) + 1 for at, t in enumerate(tables) if t.kind == "category"}
    check_work(trees, tables)
    outcomes = 0
    for root in trees.roots:
        outcomes += _check_tree(trees, root, sizes, tables)
        if outcomes > MOST_OUTCOMES:
            _refuse("trees", "must ask for fewer inputs at once", "more", "grow shallower trees")


def _check_tree(
    trees: TreeTable, root: int, sizes: Mapping[int, int], tables: tuple[PointTable, ...]
) -> int:
    """Refuse a tree that asks for many inputs at once, or breaks a direction; count outcomes."""
    leaves, boxes = zip(*boxes_of(trees, root, sizes), strict=True)
    widest = max(map(len, boxes))
    if widest > MOST_ON_PATH:
        do = "grow shallower trees"
        _refuse("trees", f"must ask for at most {MOST_ON_PATH} inputs on a path", widest, do)
    name = first_against(np.array([trees.leaves[leaf] for leaf in leaves]), boxes, tables)
    if name is not None:
        _refuse(f"trees of {name!r}", "must follow its direction", "a leaf that does not")
    return sum(1 << len(box) for box in boxes)


def _most_leaves(trees: TreeTable) -> int:
    """Count the leaves of the largest tree."""
    under = [0] * len(trees.feature)
    for at in reversed(range(len(under))):
        under[at] = sum(1 if end < 0 else under[end] for end in (trees.left[at], trees.right[at]))
    return max(1 if root < 0 else under[root] for root in trees.roots)


def _check_node(
    tables: tuple[PointTable, ...], at: int, cut: float, levels: tuple[int, ...]
) -> None:
    """Refuse a node that asks for no input, or for what is not of its kind."""
    if not 0 <= at < len(tables):
        _refuse("trees", "must ask for the model's inputs", at)
    table = tables[at]
    if table.kind != "category":
        if levels or not math.isfinite(cut):
            _refuse("trees", f"must cut {table.name!r} at a number", "otherwise")
    elif cut != 0 or not levels or any(a >= b for a, b in pairwise(levels)):
        _refuse("trees", f"must part {table.name!r} by rising levels", "otherwise")
    elif not 0 <= levels[0] <= levels[-1] <= len(table.levels):
        _refuse("trees", f"must part {table.name!r} by its own levels", "others")


def _check_references(trees: TreeTable, tables: tuple[PointTable, ...]) -> None:
    """Refuse reference rows that are no rows of the inputs."""
    size = len(trees.reference)
    if not 1 <= size <= MOST_REFERENCES:
        _refuse("reference", f"must have 1 to {MOST_REFERENCES} rows", size)
    if any(len(row) != len(tables) for row in trees.reference):
        _refuse("reference", "must have each input in each row", "others")
    rows = np.array(trees.reference, dtype=np.float64)
    for at, table in enumerate(tables):
        known = rows[~np.isnan(rows[:, at]), at]
        is_right = np.isfinite(known) & ~np.isin(known, table.specials)
        if table.kind != "numeric":
            last = 1 if table.kind == "flag" else len(table.levels)
            is_right &= (known >= 0) & (known <= last) & (known == np.floor(known))
        if not is_right.all():
            _refuse("reference", f"must hold values of {table.name!r}", "others")
