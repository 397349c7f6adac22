"""Models built by hand, without learning: random tables, grids and trees that keep directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from alicredit.calibration.logodds import rising
from alicredit.portable import Claim, PairTable, PointTable, ScoreModel, TreeTable
from alicredit.portable.checking import check_model, points_within, reach_of
from alicredit.portable.file import content_of, digest_of
from alicredit.score import PointScale

LEVELS = ("a", "b", "c")
KINDS = {
    "debt": ("numeric", 1),
    "sales": ("numeric", -1),
    "age": ("numeric", 0),
    "flag": ("flag", 1),
    "kind": ("category", 0),
}
CODES = {"debt": "SC_SALES_LOW", "sales": "SC_SALES_LOW", "age": "SC_OTHER"}
SHAPES = ("points", "pairs", "trees")


def make_table(
    name: str, rng: np.random.Generator, *, spread: int, direction: int | None = None
) -> PointTable:
    """Draw a table that keeps its direction by at least ``spread`` a step; 0 draws none."""
    kind, own = KINDS.get(name, ("numeric", 0))
    direction = own if direction is None else direction
    levels = LEVELS if kind == "category" else ()
    cuts: tuple[float, ...] = ()
    if spread and kind == "numeric":
        cuts = tuple(np.unique(rng.integers(-8, 9, rng.integers(1, 5)) / 2).tolist())
    if spread and kind == "flag":
        cuts = (0.5,)
    size = len(levels or cuts) + 1
    points = rng.integers(-9, 10, size)
    if direction and spread:
        steps = rng.integers(spread, 2 * spread + 1, size)
        points = 20 - direction * np.cumsum(steps)
    missing = int(rng.integers(-20, 20)) if spread else 0
    points = points if spread else np.zeros(size, dtype=np.int64)
    counts = rng.integers(0, 50, size + 1)
    return PointTable(
        name=name, kind=kind, cuts=cuts, points=tuple(points.tolist()), levels=levels,
        missing_points=missing, reference=int(rng.choice([*points, missing])), low=-5.0,
        high=5.0 if kind == "numeric" else 1.0, median=0.5, missing_share=0.1,
        direction=direction, code=CODES.get(name, "SC_REFUND_HIGH"), title=name, title_zh=name,
        unit="yuan", sources=("orders",), rows=tuple(counts.tolist()),
        defaults=tuple((counts // 3).tolist()),
    )  # fmt: skip


def make_axis(
    table: PointTable, rng: np.random.Generator
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Draw the cuts or the groups of an axis; a directed input keeps to cuts of its table."""
    if table.kind == "category":
        groups = np.unique(rng.integers(0, 3, len(LEVELS) + 1), return_inverse=True)[1]
        return (), tuple(groups.tolist())
    cuts = np.array(table.cuts) if table.direction else rng.integers(-8, 9, 4) / 2
    return tuple(np.unique(cuts[rng.random(len(cuts)) < 0.7]).tolist()), ()


def make_pair(
    first: PointTable, second: PointTable, rng: np.random.Generator, *, size: int
) -> PairTable:
    """Draw a grid of small values, monotone in nothing by itself."""
    axes = make_axis(first, rng), make_axis(second, rng)
    shape = [max(groups) + 2 if groups else len(cuts) + 2 for cuts, groups in axes]
    values = rng.integers(-size, size + 1, shape)
    return PairTable(
        first.name, second.name, axes[0][0], axes[1][0], axes[0][1], axes[1][1],
        tuple(map(tuple, values.tolist())), int(rng.choice(values.ravel())),
    )  # fmt: skip


class Grower:
    """Grows trees top down; a directed split parts the range of units between its sides."""

    def __init__(
        self, rng: np.random.Generator, names: Sequence[str], *, keeps_directions: bool = True
    ) -> None:
        self.rng, self.names, self.keeps = rng, list(names), keeps_directions
        self.roots: list[int] = []
        self.nodes: list[list[object]] = []
        self.leaves: list[int] = []

    def tree(self, depth: int, low: int = -3000, high: int = 3000) -> None:
        self.roots.append(self._grow(depth, low, high))

    def _grow(self, depth: int, low: int, high: int) -> int:
        rng = self.rng
        if depth == 0 or rng.random() < 0.15:
            self.leaves.append(int(rng.integers(low, high + 1)))
            return -len(self.leaves)
        at = int(rng.integers(len(self.names)))
        kind, direction = KINDS.get(self.names[at], ("numeric", 0))
        cut = {"numeric": float(rng.integers(-6, 7) / 2), "flag": 0.5, "category": 0.0}[kind]
        chosen = rng.permutation(len(LEVELS) + 1)[: rng.integers(1, len(LEVELS) + 1)]
        levels = tuple(sorted(chosen.tolist())) if kind == "category" else ()
        node = len(self.nodes)
        self.nodes.append([at, cut, 0, 0, bool(rng.random() < 0.5), levels])
        ranges = ((low, high), (low, high))
        if direction and self.keeps:
            middle = int(rng.integers(low, high + 1))
            ranges = ((middle, high), (low, middle))[::direction]
        for side, (least, most) in zip((2, 3), ranges, strict=True):
            self.nodes[node][side] = self._grow(depth - 1, least, most)
        return node

    def table(self, reference: Sequence[Sequence[float]]) -> TreeTable:
        columns = [tuple(each) for each in zip(*self.nodes, strict=True)] or [()] * 6
        feature, cut, left, right, missing, levels = columns
        return TreeTable(
            tuple(self.roots), feature, cut, left, right, missing, levels, tuple(self.leaves),
            tuple(map(tuple, reference)),
        )  # fmt: skip


def draw_rows(names: Sequence[str], rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw rows of which many stand exactly on cuts, and some values are missing or unknown."""
    columns: dict[str, object] = {}
    for name in names:
        kind = KINDS.get(name, ("numeric", 0))[0]
        gone = rng.random(rows) < 0.1
        if kind == "category":
            values = rng.choice([*LEVELS, "z"], rows).astype(object)
            columns[name] = np.where(gone, None, values)
        elif kind == "flag":
            columns[name] = np.where(gone, np.nan, rng.integers(0, 2, rows))
        else:
            columns[name] = np.where(gone, np.nan, rng.integers(-10, 11, rows) / 2)
    return pd.DataFrame(columns, columns=list(names))


def encode(model: ScoreModel, X: pd.DataFrame) -> np.ndarray:
    """Turn a frame of rows within the contract into numbers, written apart from the library."""
    found = np.empty(X.shape)
    for at, table in enumerate(model.tables):
        for row, value in enumerate(X[table.name]):
            if value is None or value != value:
                found[row, at] = np.nan
            elif table.kind == "category":
                known = list(table.levels)
                found[row, at] = known.index(value) if value in known else len(known)
            else:
                found[row, at] = float(value)
    return found


def finish(tables: Sequence[PointTable], *, unit: int, base: int = 600, **parts) -> ScoreModel:
    """Give scores probabilities and seal the model."""
    base *= unit
    low, high = reach_of(base, tables, parts.get("pairs", ()), parts.get("trees"))
    first, last = points_within(low, high, unit)
    scale = PointScale()
    logit = (scale.offset - np.arange(first, last + 1)) / scale.factor
    lower, pds, upper = (tuple(rising(logit + shift).tolist()) for shift in (-0.3, 0.0, 0.4))
    model = ScoreModel(
        tables=tuple(tables), base=base, scale=scale, unit=unit, first_score=first, pds=pds,
        lowers=lower, uppers=upper, claim=Claim(365, "borrower", 90),
        training={"rows": 100, "folds": "rows"},
        catalogue_digest="", model_id="", **parts,
    )  # fmt: skip
    check_model(model)
    return replace(model, model_id=digest_of(content_of(model)))


SPECIALS = {"debt": (-999.0, -998.0), "sales": (1.0, 999.0), "age": (-5.5,)}
"""Special codes, outside the range seen and within it."""


def with_specials(model: ScoreModel, seed: int = 0) -> ScoreModel:
    """Give a model whose numbers have special codes: points of their own, none beside trees."""
    rng = np.random.default_rng(seed)
    tables = []
    for table in model.tables:
        codes = tuple(sorted(SPECIALS.get(table.name, ())))
        reach = 0 if model.trees is not None else 12 * model.unit
        points = tuple(rng.integers(-reach, reach + 1, len(codes)).tolist())
        rows, bad = ((*each[:-1], *(9 for _ in codes), each[-1]) for each in (
            table.rows, table.defaults))  # fmt: skip
        tables.append(replace(
            table, specials=codes, special_points=points, rows=rows, defaults=bad
        ))  # fmt: skip
    trees = model.trees
    if trees is not None:
        kept = [
            tuple(
                None if value in SPECIALS.get(name, ()) else value
                for name, value in zip(model.feature_names, row, strict=True)
            )
            for row in trees.reference
        ]
        trees = replace(trees, reference=tuple(kept))
    base = model.base // model.unit
    return finish(tables, unit=model.unit, base=base, pairs=model.pairs, trees=trees)


def make_model(
    shape: str,
    seed: int,
    *,
    unit: int | None = None,
    trees: int = 4,
    depth: int = 3,
    references: int = 5,
) -> ScoreModel:
    """Draw a model of a shape over all kinds of inputs."""
    rng = np.random.default_rng(seed)
    unit = unit or (1 if shape == "points" else 1000)
    names = list(KINDS)
    if shape == "trees":
        tables = [make_table(name, rng, spread=0) for name in names]
        grower = Grower(rng, names)
        for _ in range(trees):
            grower.tree(depth)
        rows = draw_rows(names, references, rng)
        plain = finish(tables, unit=unit)
        return finish(tables, unit=unit, trees=grower.table(encode(plain, rows).tolist()))
    size = 0 if shape == "points" else 7
    tables = [make_table(name, rng, spread=max(1, 8 * size)) for name in names]
    chosen = (("debt", "sales"), ("kind", "debt"), ("age", "flag"), ("debt", "flag"))
    named = dict(zip(names, tables, strict=True))
    pairs = tuple(make_pair(named[a], named[b], rng, size=size) for a, b in chosen if size)
    return finish(tables, unit=unit, pairs=pairs)
