"""Answering a stream's features from its columns: which kernel each aggregate is for.

Each method of a job gives one kernel its operations, all windows of all features at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alicredit.declarations import Feature
from alicredit.engine.asked import Asked
from alicredit.engine.columns import LIMIT, Columns, Pair, Stack
from alicredit.engine.expressions import conditions_sql, expression_sql, kind_of, units_of
from alicredit.engine.impossible import Impossible, Marks
from alicredit.engine.streams import Layout
from alicredit.windows import keyed, ordered, periods, sums
from alicredit.windows.grouped import Ints, Questions, Reach, Reals, Room

_ADDED = {
    "count": sums.COUNT, "sum": sums.SUM, "mean": sums.MEAN, "std": sums.STD,
    "share": sums.SHARE, "active_days": sums.ACTIVE_DAYS, "days_since": sums.DAYS_SINCE,
    "days_since_first": sums.DAYS_SINCE_FIRST,
}  # fmt: skip
_KEYED = {
    "distinct": keyed.DISTINCT, "repeat_share": keyed.REPEAT_SHARE,
    "top_share": keyed.TOP_SHARE, "top5_share": keyed.TOP5_SHARE, "hhi": keyed.HHI,
    "entropy": keyed.ENTROPY,
}  # fmt: skip
_ENDS = {
    "min": ordered.MIN, "max": ordered.MAX, "first": ordered.FIRST, "last": ordered.LAST,
}  # fmt: skip
_PERIODIC = {
    "slope": periods.SLOPE, "cv": periods.CV, "empty_share": periods.EMPTY_SHARE,
    "downside": periods.DOWNSIDE,
}  # fmt: skip
_QUANTILES = {"p10": 0.1, "median": 0.5, "p90": 0.9}
_QUANTILE_CODES = {name: code for code, name in enumerate(_QUANTILES)}
_WEEK = 7 * 86_400_000_000


@dataclass(frozen=True)
class Want:
    """One feature of a stream, with the columns it reads and where its answer goes.

    ``out`` is its row of the answers and ``window`` its place among the stream's windows; the
    others are columns of the layout, -1 where it reads none of that kind.
    """

    feature: Feature
    out: int
    window: int
    number: int = -1
    weight: int = -1
    key: int = -1
    hit: int = -1

    @property
    def aggregate(self) -> str:
        """Name the aggregate."""
        return self.feature.aggregate


def want_of(feature: Feature, out: int, window: int, layout: Layout, asked: Asked) -> Want:
    """Ask for the columns that a feature reads."""
    number = weight = key = hit = -1
    if feature.aggregate in _KEYED:
        key = layout.key(_key_sql(feature, asked))
    elif feature.measure:
        number = layout.number(expression_sql(feature, feature.measure))
    if feature.weight:
        weight = layout.number(expression_sql(feature, feature.weight))
    if feature.hit:
        hit = layout.flag(conditions_sql(feature.hit, feature))
    return Want(feature, out, window, number, weight, key, hit)


def _key_sql(feature: Feature, asked: Asked) -> str:
    """Write a key as 64 bits: a number as it is, a text by its hash; a missing one by a mark."""
    name = expression_sql(feature, feature.measure)
    value = name
    if (feature.table, feature.measure) not in asked.numbers:
        hashed = f"CAST(hash(CAST({name} AS VARCHAR)) >> 1 AS BIGINT)"
        value = f"CASE WHEN {name} IS NOT NULL THEN {hashed} END"
    return f"coalesce({value}, {keyed.NO_KEY + 1} - 1)"


@dataclass(frozen=True)
class Job:
    """Questions, columns and windows of one stream, and where the answers go."""

    questions: Questions
    columns: Columns
    reach: Reach
    out: Reals
    room: Room

    def answer(self, wants: list[Want], bad: Impossible) -> list[tuple[Feature, Ints]]:
        """Answer all; give what is left to the reference."""
        self.add_up([want for want in wants if want.aggregate in _ADDED])
        self.compare_periods([want for want in wants if want.aggregate in _PERIODIC])
        self.count_keys([want for want in wants if want.aggregate in _KEYED])
        self.take_ends([want for want in wants if want.aggregate in _ENDS])
        self.take_quantiles([want for want in wants if want.aggregate in _QUANTILES])
        marks = Marks(bad, self.columns)
        self.poison([(want, marks.of(want.feature, want.key)) for want in wants])
        return self.find_wide(wants)

    def add_up(self, wants: list[Want]) -> None:
        """Answer counts, sums, means, spreads, shares, days and ages."""
        if not wants:
            return
        stack = Stack()
        squares: list[int] = []
        rows = [
            (_ADDED[want.aggregate], want.window, *self._added(want, stack, squares))
            for want in sorted(wants, key=lambda each: each.window)
        ]
        self._run_sums(stack, rows, squares, self.out)

    def _added(
        self, want: Want, stack: Stack, squares: list[int]
    ) -> tuple[int, int, int, int, int, int]:
        """Give the rest of an operation: its columns, support, answer and scale."""
        value, known, square, units = -1, -1, -1, 1
        if want.number >= 0:
            units = units_of(want.feature)
            value = stack.add(("whole", want.number, units), self._measured(want))
            missing = self.columns.known(want.number) if want.aggregate != "sum" else None
            if missing is not None:
                known = stack.add(("known", want.number), missing)
        if want.hit >= 0:
            value = stack.add(("hit", want.hit), self.columns.flag(want.hit))
        if want.aggregate == "std":
            if value not in squares:
                squares.append(value)
            square = squares.index(value)
        return value, known, square, want.feature.min_support, want.out, units

    def _measured(self, want: Want) -> Pair:
        """Give the measure of a feature as exact integers."""
        return self.columns.whole(want.number, _factor(want.feature, want.feature.measure))

    def _run_sums(
        self, stack: Stack, rows: Sequence[tuple[int, ...]], squares: list[int], out: Reals
    ) -> None:
        """Run the kernel of sums; the row after its columns counts all events."""
        code, window, value, known, square, support, place, units = _entries(rows)
        known[known < 0] = len(stack.columns)
        ops = sums.SumOps(
            code, window, value, known, square, support, place, units.astype(np.float64),
            np.array(squares, np.int64),
        )  # fmt: skip
        values = stack.laid(self.columns.sides, self.room)
        sums.add_up(self.questions, self.columns.sides, values, self.reach, ops, out)

    def compare_periods(self, wants: list[Want]) -> None:
        """Answer slopes, variations, empty shares and downsides."""
        if not wants:
            return
        stack = Stack()
        rows = []
        for want in wants:
            units = units_of(want.feature)
            value = stack.add(("whole", want.number, units), self._measured(want))
            weeks = int(self.reach.back[want.window]) // _WEEK
            code, support = _PERIODIC[want.aggregate], want.feature.min_support
            rows.append((value, _WEEK, weeks, code, support, want.out, units))
        value_of, length, count, codes, least, place, scale = _entries(sorted(rows))
        ops = periods.PeriodOps(
            codes, value_of, length, count, least, place, scale.astype(np.float64)
        )
        values = stack.laid(self.columns.sides, self.room)
        periods.compare_periods(self.questions, self.columns.sides, values, ops, self.out)

    def count_keys(self, wants: list[Want]) -> None:
        """Answer aggregates over keys, one pass for each pair of key and weight."""
        weights = sorted({(want.key, want.weight) for want in wants if want.weight >= 0})
        groups: dict[tuple[int, int], list[Want]] = {}
        for want in wants:
            weight = want.weight
            if want.aggregate in ("distinct", "repeat_share"):
                weight = next((w for key, w in weights if key == want.key), weight)
            groups.setdefault((want.key, weight), []).append(want)
        for (key, weight), members in groups.items():
            self._count_keys(key, weight, members)

    def _count_keys(self, key: int, weight: int, wants: list[Want]) -> None:
        """Run the kernel of keys."""
        weigh = (np.empty(0, np.int64), np.empty(0, np.int64))
        if weight >= 0:
            first = next(want.feature for want in wants if want.weight == weight)
            weigh = self.columns.whole(weight, _factor(first, first.weight))
        ops = keyed.KeyOps(*_by_window(wants, _KEYED))
        keys, sides = self.columns.key(key), self.columns.sides
        keyed.count_keys(self.questions, sides, keys, weigh, self.reach, ops, self.out)

    def take_ends(self, wants: list[Want]) -> None:
        """Answer least, largest, first and last, one pass for each column."""
        for column, members in _by_column(wants):
            values, places = self.columns.shown(*column), self.columns.place()
            ops = ordered.EndOps(*_by_window(members, _ENDS))
            ordered.take_ends(
                self.questions, self.columns.sides, values, places, self.reach, ops, self.out
            )

    def take_quantiles(self, wants: list[Want]) -> None:
        """Answer quantiles, one pass for each column."""
        for column, members in _by_column(wants):
            number, window, support, place = _by_window(members, _QUANTILE_CODES)
            share = np.array(list(_QUANTILES.values()))[number]
            ops = ordered.QuantileOps(window, support, place, share)
            values, sides = self.columns.shown(*column), self.columns.sides
            ordered.take_quantiles(self.questions, sides, values, self.reach, ops, self.out)

    def poison(self, marked: list[tuple[Want, Pair | None]]) -> None:
        """Make a feature infinite where its window holds an impossible value."""
        stack = Stack()
        hurt = sorted(
            ((want, marks) for want, marks in marked if marks is not None),
            key=lambda each: each[0].window,
        )
        rows = [
            (sums.SUM, want.window, stack.add(("bad", at), marks), -1, -1, 1, at, 1)
            for at, (want, marks) in enumerate(hurt)
        ]
        if not rows:
            return
        asked = self._in_order()
        found = np.zeros((len(rows), len(asked.row)))
        replace(self, questions=asked)._run_sums(stack, rows, [], found)
        for at, (want, _) in enumerate(hurt):
            self.out[want.out, self.questions.row[found[at] > 0]] = np.inf

    def _in_order(self) -> Questions:
        """Give the questions with room for their answers side by side."""
        return self.questions._replace(row=np.arange(len(self.questions.row)))

    def find_wide(self, wants: list[Want]) -> list[tuple[Feature, Ints]]:
        """Find the questions whose windows hold values too large to be summed in 64 bits."""
        found, asked = [], self._in_order()
        for want in wants:
            read = _summed(want)
            sizes = self.columns.size(*read) if read else None
            if sizes is None:
                continue
            largest = np.full((1, len(asked.row)), np.nan)
            events = np.zeros((1, len(asked.row)))
            ends = ordered.EndOps(*_entries([(ordered.MAX, want.window, 1, 0)]))
            sides = self.columns.sides
            place = self.columns.place()
            ordered.take_ends(asked, sides, sizes, place, self.reach, ends, largest)
            count = (sums.COUNT, want.window, 0, -1, -1, 1, 0, 1)
            stack = Stack()
            stack.add(("none",), (sides.prompt.time, sides.late.time))
            replace(self, questions=asked)._run_sums(stack, [count], [], events)
            rows = np.flatnonzero(largest[0] * events[0] > LIMIT)
            if len(rows):
                found.append((want.feature, self.questions.row[rows]))
        return found


def _summed(want: Want) -> tuple[int, int] | None:
    """Give the number that a feature sums and by how much it is multiplied, if it sums one."""
    feature = want.feature
    if want.weight >= 0:
        return want.weight, _factor(feature, feature.weight)
    if want.number >= 0 and (want.aggregate in _ADDED or want.aggregate in _PERIODIC):
        return want.number, _factor(feature, feature.measure)
    return None


def _entries(rows: Sequence[tuple[int, ...]]) -> list[Ints]:
    """Turn operations, a row each, into an array for each of their parts."""
    return [np.array(part, np.int64) for part in zip(*rows, strict=True)]


def _by_window(wants: list[Want], codes: Mapping[str, int]) -> list[Ints]:
    """Give the code, window, support and place of operations, by window."""
    rows = [
        (want.window, codes[want.aggregate], want.feature.min_support, want.out) for want in wants
    ]
    window, code, support, place = _entries(sorted(rows))
    return [code, window, support, place]


def _factor(feature: Feature, name: str) -> int:
    """Give by how much a number as read is multiplied to be whole: fen are so already."""
    return 1 if kind_of(feature, name) == "fen" else units_of(feature, name)


def _by_column(wants: list[Want]) -> list[tuple[tuple[int, int], list[Want]]]:
    """Put wants of one column together, with what the column is divided by to be shown."""
    groups: dict[tuple[int, int], list[Want]] = {}
    for want in wants:
        is_fen = kind_of(want.feature, want.feature.measure) == "fen"
        groups.setdefault((want.number, 100 if is_fen else 1), []).append(want)
    return sorted(groups.items())
