"""Which features of a stream meet an impossible value."""

from __future__ import annotations

import numpy as np

from alicredit.declarations import MEASURES, Feature
from alicredit.derived import TABLES
from alicredit.engine.columns import Columns, Pair
from alicredit.engine.expressions import bounds_of, expression_sql, impossible_sql
from alicredit.engine.streams import Layout, Stream
from alicredit.windows import exact, keyed
from alicredit.windows.grouped import Ints, Reals


class Impossible:
    """Where a stream's impossible values are looked for: numbers out of bounds, and flags."""

    def __init__(self, layout: Layout, stream: Stream) -> None:
        self.bounds: dict[str, tuple[int, float, float]] = {}
        self.flags: dict[str, int] = {}
        for feature in stream.features:
            for name in _numbers_read(feature):
                condition = impossible_sql(feature, name)
                if not condition:
                    continue
                expression = expression_sql(feature, name)
                if (feature.table, name) not in MEASURES and expression in layout.numbers:
                    low, high = map(float, bounds_of(TABLES[feature.table][name]))
                    self.bounds[name] = (layout.number(expression), low, high)
                else:
                    self.flags[name] = layout.flag(f"coalesce({condition}, false)")


class Marks:
    """Which features meet an impossible value among some events of a stream."""

    def __init__(self, where: Impossible, columns: Columns) -> None:
        self._where = where
        self._columns = columns
        self._marked: dict[str, Pair | None] = {}

    def of(self, feature: Feature, key: int) -> Pair | None:
        """Give 1 where a feature meets an impossible value, or nothing where none does."""
        names = _numbers_read(feature)
        for name in names:
            if name not in self._marked:
                self._marked[name] = self._look(name)
        marks = [each for name in names if (each := self._marked[name]) is not None]
        if not marks:
            return None
        prompt, late = (np.bitwise_or.reduce(each) for each in zip(*marks, strict=True))
        if key >= 0 and feature.aggregate != "distinct":
            keys = self._columns.key(key)
            return prompt & (keys[0] != keyed.NO_KEY), late & (keys[1] != keyed.NO_KEY)
        return prompt, late

    def _look(self, name: str) -> Pair | None:
        """Mark the impossible values of one column or measure."""
        if name in self._where.bounds:
            at, low, high = self._where.bounds[name]
            prompt, late = self._columns.number(at)
            if exact.is_within(prompt, low, high) and exact.is_within(late, low, high):
                return None
            return _outside(prompt, low, high), _outside(late, low, high)
        if name in self._where.flags:
            flags = self._columns.flag(self._where.flags[name])
            return flags if flags[0].any() or flags[1].any() else None
        return None


def _outside(values: Reals, low: float, high: float) -> Ints:
    """Give 1 where a value lies out of bounds."""
    return ((values < low) | (values > high)).astype(np.int64)


def _numbers_read(feature: Feature) -> list[str]:
    """Name the columns and measures whose impossible values a feature must not swallow."""
    names = [feature.measure, feature.weight, *(column for column, _, _ in feature.hit)]
    return [name for name in dict.fromkeys(names) if name]
