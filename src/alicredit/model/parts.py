"""What a score is the sum of, before a probability is put to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from alicredit.portable.pairs import PairTable
from alicredit.portable.sums import add_up
from alicredit.portable.tables import PointTable
from alicredit.portable.trees import TreeTable
from alicredit.score import PointScale

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

FINE = 1000
"""Units of a point in pairs and trees."""

_FEWEST_INPUTS = 3


@dataclass(frozen=True, eq=False)
class Parts:
    """Tables, pairs and trees of whole units; the score is ``base`` plus their sum.

    Parameters
    ----------
    tables : tuple of PointTable
        One for each input, in order.
    base : int
        Units everybody has.
    pairs : tuple of PairTable, default ()
        What two inputs add together.
    trees : TreeTable or None, default None
        Trees over all inputs.
    unit : int, default 1
        Units of a point.
    """

    tables: tuple[PointTable, ...]
    base: int
    pairs: tuple[PairTable, ...] = ()
    trees: TreeTable | None = None
    unit: int = 1

    def units(self, X: Floats) -> Whole:
        """Give the score of encoded rows in whole units."""
        return add_up(self.base, self.tables, self.pairs, self.trees, X)

    def margins(self, X: Floats, scale: PointScale) -> Floats:
        """Give the log-odds that the scores of encoded rows stand for, before calibration."""
        return margins_of(self.units(X), self.unit, scale)

    @property
    def look_ups(self) -> float:
        """Count what is looked up for a row: tables, pairs and the nodes of a walk (as if even)."""
        tables = sum(not table.is_flat for table in self.tables)
        if self.trees is None:
            return float(tables + len(self.pairs))
        roots = max(len(self.trees.roots), 1)
        return float(roots * np.log2(max(len(self.trees.leaves) / roots, 1)))

    def used(self) -> Parts:
        """Leave out inputs that change no score, but keep three: lacking one is not lacking all."""
        in_pairs = {name for pair in self.pairs for name in (pair.first, pair.second)}
        in_trees = set(() if self.trees is None else self.trees.feature)
        kept = [
            at
            for at, table in enumerate(self.tables)
            if not table.is_flat or table.name in in_pairs or at in in_trees
        ]
        spare = [at for at in range(len(self.tables)) if at not in kept]
        kept = sorted(kept + spare[: max(_FEWEST_INPUTS - len(kept), 0)])
        dropped = [table for at, table in enumerate(self.tables) if at not in set(kept)]
        return Parts(
            tuple(self.tables[at] for at in kept),
            self.base + sum(table.points[0] for table in dropped),
            self.pairs,
            None if self.trees is None else _moved(self.trees, kept),
            self.unit,
        )


def margins_of(units: Whole, unit: int, scale: PointScale) -> Floats:
    """Turn scores in units into log-odds of default."""
    return (scale.offset - units / unit) / scale.factor


def _moved(trees: TreeTable, kept: list[int]) -> TreeTable:
    """Number the inputs of trees by their new positions."""
    place = {old: new for new, old in enumerate(kept)}
    return replace(
        trees,
        feature=tuple(place[at] for at in trees.feature),
        reference=tuple(tuple(row[at] for at in kept) for row in trees.reference),
    )
