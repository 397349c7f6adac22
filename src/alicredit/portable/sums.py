"""What a score is the sum of: tables, grids and trees of whole units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from alicredit.portable.pairs import PairTable
from alicredit.portable.tables import PointTable
from alicredit.portable.trees import TreeTable

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


def add_up(
    base: int,
    tables: Sequence[PointTable],
    pairs: Sequence[PairTable],
    trees: TreeTable | None,
    rows: Floats,
) -> Whole:
    """Give the scores, in whole units, of encoded rows: one column a table."""
    flat = sum(table.points[0] for table in tables if table.is_flat)
    total = np.full(len(rows), base + flat, dtype=np.int64)
    for at, table in enumerate(tables):
        if not table.is_flat:
            total += table.points_at(rows[:, at])
    place = {table.name: at for at, table in enumerate(tables)}
    for pair in pairs:
        total += pair.look_up(rows[:, place[pair.first]], rows[:, place[pair.second]])
    return total if trees is None else total + trees.look_up(rows)
