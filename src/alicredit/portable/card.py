"""The scorecard: tables and pairs laid out line by line, as practitioners read them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from alicredit.portable.pairs import PairTable
from alicredit.portable.tables import PointTable

if TYPE_CHECKING:
    import pandas as pd

Step = tuple[float, float, str]


def lay_out_card(
    tables: Sequence[PointTable], pairs: Sequence[PairTable], unit: int, *, has_trees: bool
) -> pd.DataFrame:
    """Lay out tables and pairs; see ``ScoreModel.scorecard``."""
    import pandas as pd

    frame = pd.DataFrame([line for table in tables for line in _table_lines(table)])
    bad, good = frame["defaults"], frame["rows"] - frame["defaults"]
    total = frame.groupby("feature", sort=False)[["rows", "defaults"]].transform("sum")
    all_good = total["rows"] - total["defaults"]
    odds = ((good + 0.5) / (all_good + 1)) / ((bad + 0.5) / (total["defaults"] + 1))
    frame["share"] = frame["rows"] / total["rows"].clip(lower=1)
    frame["default_rate"] = (bad / frame["rows"].where(frame["rows"] > 0)).astype(float)
    frame["woe"] = np.log(odds)
    difference = good / all_good.clip(lower=1) - bad / total["defaults"].clip(lower=1)
    frame["iv"] = frame["woe"] * difference
    frame["feature_iv"] = frame.groupby("feature", sort=False)["iv"].transform("sum")
    if pairs:
        named = {table.name: table for table in tables}
        cells = pd.DataFrame([line for pair in pairs for line in _pair_lines(pair, named)])
        frame = pd.concat([frame, cells], ignore_index=True)
        texts = ["feature_2", "category_2"]
        frame[texts] = frame[texts].astype(object).where(frame[texts].notna(), "")
    if unit > 1:
        frame["points"] = frame["points"] / unit
    return frame.assign(points=np.nan) if has_trees else frame


def _steps(cuts: Sequence[float]) -> list[Step]:
    """Give the bounds of numeric steps, the missing last."""
    edges = [-math.inf, *cuts, math.inf]
    return [*((low, high, "") for low, high in pairwise(edges)), (math.nan, math.nan, "(missing)")]


def _levels(names: Sequence[str]) -> list[Step]:
    """Give steps of a category by their names."""
    return [(math.nan, math.nan, name) for name in names]


def _table_lines(table: PointTable) -> Iterator[dict[str, Any]]:
    """Lay out one table's steps."""
    is_category = table.kind == "category"
    names = [*table.levels, "(other)", "(missing)"]
    steps = _levels(names) if is_category else _steps(table.cuts)
    steps[-1:-1] = _levels([f"(special {code:.15g})" for code in table.specials])
    for (low, high, name), each, rows, defaults in zip(
        steps, table.every, table.rows, table.defaults, strict=True
    ):
        yield {
            "feature": table.name,
            "lower": low,
            "upper": high,
            "category": name,
            "points": each,
            "rows": rows,
            "defaults": defaults,
        }


def _pair_lines(pair: PairTable, named: dict[str, PointTable]) -> Iterator[dict[str, Any]]:
    """Lay out one pair's cells."""
    first = _axis(named[pair.first], pair.first_cuts, pair.first_groups)
    second = _axis(named[pair.second], pair.second_cuts, pair.second_groups)
    for (low, high, name), row in zip(first, pair.values, strict=True):
        for (low_2, high_2, name_2), each in zip(second, row, strict=True):
            yield {
                "feature": pair.first,
                "lower": low,
                "upper": high,
                "category": name,
                "points": each,
                "feature_2": pair.second,
                "lower_2": low_2,
                "upper_2": high_2,
                "category_2": name_2,
            }


def _axis(table: PointTable, cuts: Sequence[float], groups: Sequence[int]) -> list[Step]:
    """Give the steps of an axis; levels of one group stand together."""
    if not groups:
        return _steps(cuts)
    names = [*table.levels, "(other)"]
    together = [
        ", ".join(name for name, group in zip(names, groups, strict=True) if group == each)
        for each in range(max(groups) + 1)
    ]
    return _levels([*together, "(missing)"])
