"""What a score is the sum of: tables, grids and trees of whole units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.portable.axes import blocks_of
from alicredit.portable.grids import Grids, Plan, pack, plan_of
from alicredit.portable.pairs import PairTable
from alicredit.portable.specials import Codes, blanked, codes_of_inputs, opened, opened_pair
from alicredit.portable.tables import PointTable
from alicredit.portable.trees import TreeTable

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Adder:
    """Adds up a model's parts for many rows at once.

    Parameters
    ----------
    plan : Plan
        The axes of tables and pairs.
    grids : Grids
        The units of all tables and pairs.
    trees : TreeTable or None
        Trees over all inputs.
    codes : tuple, default ()
        Special codes, which trees read as missing.
    """

    plan: Plan
    grids: Grids
    trees: TreeTable | None
    codes: Codes = ()

    def total(self, ranks: Sequence[npt.NDArray[Any]], columns: Sequence[Floats]) -> Whole:
        """Give the units of rows by their ranks and, for trees, their encoded columns."""
        found = self.grids.total(ranks, len(columns[0]))
        if self.trees is None:
            return found
        return found + self.trees.units(blanked(self.codes, columns))

    def of(self, rows: Floats) -> Whole:
        """Give the units of encoded rows, shape (rows, inputs)."""
        total = np.empty(len(rows), dtype=np.int64)
        for block in blocks_of(len(rows)):
            columns = list(np.ascontiguousarray(rows[block].T))
            total[block] = self.total(
                self.plan.ranks(columns, list(map(gone_of, columns))), columns
            )
        return total


def adder_of(
    base: int, tables: Sequence[PointTable], pairs: Sequence[PairTable], trees: TreeTable | None
) -> Adder:
    """Prepare to add up the parts of a model."""
    codes = codes_of_inputs(tables)
    specials = {tables[at].name: own for at, own in codes}
    plan = plan_of(
        [opened(table) for table in tables], [opened_pair(pair, specials) for pair in pairs]
    )
    flat = sum(table.points[0] for table in tables if table.is_flat)
    terms = [term for _, term in (*plan.tables, *plan.pairs)]
    return Adder(plan, pack(terms, base + flat), trees, codes)


def add_up(
    base: int,
    tables: Sequence[PointTable],
    pairs: Sequence[PairTable],
    trees: TreeTable | None,
    rows: Floats,
) -> Whole:
    """Give the scores, in whole units, of encoded rows: one column a table."""
    return adder_of(base, tables, pairs, trees).of(rows)


def gone_of(column: Floats) -> npt.NDArray[np.bool_] | None:
    """Mark the missing values of an encoded column; None where none is missing."""
    gone = np.isnan(column)
    return gone if gone.any() else None
