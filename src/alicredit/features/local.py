"""The fast engine: streams of events through compiled windows, all features of a cohort at once.

DuckDB reads, joins and filters; the kernels of :mod:`alicredit.windows` aggregate. Merchants are
independent, so that any part of them gives the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from alicredit.features import sql
from alicredit.features.declaration import Feature
from alicredit.features.measures import MEASURES
from alicredit.features.streams import Asked, Layout, Stream, reach, read_events
from alicredit.records import TABLES, Records
from alicredit.windows import exact, keyed, ordered, periods, sums
from alicredit.windows.grouped import Events, Ints, Questions, group_events

Reals = npt.NDArray[np.float64]

_LIMIT = 2**61
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
_WEEK = 7 * 86_400_000_000


class TooWideError(Exception):
    """Values so large that 64-bit sums could overflow: the reference must compute these."""


@dataclass(frozen=True)
class _Want:
    """One feature of a stream, with the columns it reads and where its answer goes."""

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


def build_stream(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    stream: Stream,
    questions: Questions,
    asked: Asked,
    places: Mapping[str, int],
    out: Reals,
) -> None:
    """Answer the features of one stream.

    Parameters
    ----------
    con : DuckDB connection
        Over the records.
    records : Records
        For the SQL of facts.
    stream : Stream
        Features that see the same events.
    questions : Questions
        Sorted by merchant and time.
    asked : Asked
        The table of merchants and the span of moments.
    places : mapping of str to int
        Feature -> its row of ``out``.
    out : float64 array, features by rows
        Filled in at the questions' rows.

    Raises
    ------
    TooWideError
        Where sums of 64 bits could overflow.
    """
    layout = Layout()
    windows = sorted({reach(feature) for feature in stream.features})
    wants = [
        _wanted(feature, places[feature.name], windows.index(reach(feature)), layout, asked)
        for feature in stream.features
    ]
    layout.is_placed = any(want.aggregate in ("first", "last") for want in wants)
    bad = _Bad(layout, stream)
    read = read_events(con, records, stream, layout, asked)
    sides = group_events(
        read.merchant, read.columns, len(questions.start) - 1, since=read.since, until=read.until,
        is_ahead=stream.is_ahead,
    )  # fmt: skip
    columns = _Columns(sides, layout)
    job = _Job(questions, columns, np.array(windows, np.int64), out)
    job.add_up([want for want in wants if want.aggregate in _ADDED])
    job.compare_periods([want for want in wants if want.aggregate in _PERIODIC])
    job.count_keys([want for want in wants if want.aggregate in _KEYED])
    job.take_ends([want for want in wants if want.aggregate in _ENDS])
    job.take_quantiles([want for want in wants if want.aggregate in _QUANTILES])
    job.poison([(want, bad.of(want, columns)) for want in wants])


def _wanted(feature: Feature, out: int, window: int, layout: Layout, asked: Asked) -> _Want:
    """Ask for the columns that a feature reads."""
    number = weight = key = hit = -1
    if feature.aggregate in _KEYED:
        key = layout.key(_key_sql(feature, asked))
    elif feature.measure:
        number = layout.number(sql.expression_sql(feature, feature.measure))
    if feature.weight:
        weight = layout.number(sql.expression_sql(feature, feature.weight))
    if feature.hit:
        hit = layout.flag(sql.conditions_sql(feature.hit, feature))
    return _Want(feature, out, window, number, weight, key, hit)


def _key_sql(feature: Feature, asked: Asked) -> str:
    """Write a key as 64 bits: a number as it is, a text by its hash; a missing one by a mark."""
    name = sql.expression_sql(feature, feature.measure)
    value = name
    if (feature.table, feature.measure) not in asked.numbers:
        hashed = f"CAST(hash(CAST({name} AS VARCHAR)) >> 1 AS BIGINT)"
        value = f"CASE WHEN {name} IS NOT NULL THEN {hashed} END"
    return f"coalesce({value}, {keyed.NO_KEY + 1} - 1)"


class _Columns:
    """A stream's columns, of prompt and of late events, derived when first asked for."""

    def __init__(self, sides: tuple[Events, Events], layout: Layout) -> None:
        self.sides = sides
        self._layout = layout
        sizes = np.diff(sides[0].start) + np.diff(sides[1].start)
        self._most = int(sizes.max()) if len(sizes) else 0
        self._whole: dict[tuple[int, int], list[Ints]] = {}
        self._known: dict[int, list[Ints] | None] = {}
        self._flags: dict[int, list[Ints]] = {}

    def number(self, number: int) -> list[Reals]:
        """Give a number as read."""
        return [side.columns[1 + number].view(np.float64) for side in self.sides]

    def key(self, key: int) -> list[Ints]:
        """Give keys."""
        at = 1 + len(self._layout.numbers) + key
        return [side.columns[at] for side in self.sides]

    def flag(self, flag: int) -> list[Ints]:
        """Give 1 where a flag is set."""
        if flag not in self._flags:
            at = self._layout.flag_row
            self._flags[flag] = [(side.columns[at] >> flag) & 1 for side in self.sides]
        return self._flags[flag]

    def place(self) -> list[Ints]:
        """Give each event's place by time and key; without keys its time will do."""
        at = -1 if self._layout.is_placed else 0
        return [side.columns[at] for side in self.sides]

    def whole(self, number: int, units: int) -> list[Ints]:
        """Give a number as exact integers."""
        if (number, units) not in self._whole:
            found = [np.empty(len(side), np.int64) for side in self.sides]
            for values, into in zip(self.number(number), found, strict=True):
                if exact.to_whole(values, units, into) * max(self._most, 1) > _LIMIT:
                    raise TooWideError
            self._whole[number, units] = found
        return self._whole[number, units]

    def known(self, number: int) -> list[Ints] | None:
        """Give 1 where a number is known, or nothing where all are."""
        if number not in self._known:
            missing = [np.isnan(values) for values in self.number(number)]
            some = any(each.any() for each in missing)
            known = [(~each).astype(np.int64) for each in missing] if some else None
            self._known[number] = known
        return self._known[number]

    def shown(self, number: int, divisor: int) -> list[Reals]:
        """Give a number in the unit in which it is shown."""
        values = self.number(number)
        return [each / 100.0 for each in values] if divisor == 100 else values


class _Bad:
    """Which features meet an impossible value, where one of a stream's facts has one."""

    def __init__(self, layout: Layout, stream: Stream) -> None:
        self._bounds: dict[str, tuple[int, float, float]] = {}
        self._flags: dict[str, int] = {}
        self._marked: dict[str, list[Ints] | None] = {}
        for feature in stream.features:
            for name in _numbers_read(feature):
                condition = sql.impossible_sql(feature, name)
                if not condition:
                    continue
                expression = sql.expression_sql(feature, name)
                if (feature.table, name) not in MEASURES and expression in layout.numbers:
                    column = TABLES[feature.table][name]
                    low = -1e300 if column.low is None else column.low
                    high = 1e300 if column.high is None else column.high
                    self._bounds[name] = (layout.number(expression), low, high)
                else:
                    self._flags[name] = layout.flag(f"coalesce({condition}, false)")

    def of(self, want: _Want, columns: _Columns) -> list[Ints] | None:
        """Give 1 where a feature meets an impossible value, or nothing where none does."""
        names = _numbers_read(want.feature)
        for name in names:
            if name not in self._marked:
                self._marked[name] = self._marks(name, columns)
        marks = [each for name in names if (each := self._marked[name]) is not None]
        if not marks:
            return None
        found = [np.bitwise_or.reduce(each) for each in zip(*marks, strict=True)]
        if want.key >= 0 and want.aggregate != "distinct":
            keys = columns.key(want.key)
            found = [each & (key != keyed.NO_KEY) for each, key in zip(found, keys, strict=True)]
        return found

    def _marks(self, name: str, columns: _Columns) -> list[Ints] | None:
        """Mark the impossible values of one column or measure."""
        if name in self._bounds:
            at, low, high = self._bounds[name]
            values = columns.number(at)
            if all(exact.is_within(each, low, high) for each in values):
                return None
            return [((each < low) | (each > high)).astype(np.int64) for each in values]
        if name in self._flags:
            flags = columns.flag(self._flags[name])
            return flags if any(each.any() for each in flags) else None
        return None


def _numbers_read(feature: Feature) -> list[str]:
    """Name the columns and measures whose impossible values a feature must not swallow."""
    names = [feature.measure, feature.weight, *(column for column, _, _ in feature.hit)]
    return [name for name in dict.fromkeys(names) if name]


class _Stack:
    """Integer columns for the kernels, each once."""

    def __init__(self) -> None:
        self.columns: list[list[Ints]] = []
        self._places: dict[tuple[object, ...], int] = {}

    def add(self, key: tuple[object, ...], column: list[Ints]) -> int:
        """Give a column's place, at the end if it is new."""
        if key not in self._places:
            self._places[key] = len(self.columns)
            self.columns.append(column)
        return self._places[key]

    def laid(self, side: int, events: int) -> Ints:
        """Lay the columns of prompt (0) or late (1) events one above the other."""
        laid = np.empty((len(self.columns), events), np.int64)
        for at, column in enumerate(self.columns):
            laid[at] = column[side]
        return laid


@dataclass(frozen=True)
class _Job:
    """Questions, columns and windows of one stream, and where the answers go."""

    questions: Questions
    columns: _Columns
    windows: Ints
    out: Reals

    def _call(
        self, kernel: Any, columns: tuple[Any, Any], *rest: Any, windows: bool = True
    ) -> None:
        """Call a kernel with the questions and the two sides' columns."""
        asked, (prompt, late) = self.questions, self.columns.sides
        reach = (self.windows[:, 0].copy(), self.windows[:, 1].copy()) if windows else ()
        own, hidden = (each if isinstance(each, tuple) else (each,) for each in columns)
        kernel(
            asked.as_of, asked.row, asked.start, prompt.time, prompt.start, *own, late.time,
            late.start, late.since, late.until, *hidden, *reach, *rest,
        )  # fmt: skip

    def add_up(self, wants: list[_Want]) -> None:
        """Answer counts, sums, means, spreads, shares, days and ages."""
        if not wants:
            return
        stack = _Stack()
        squares: list[int] = []
        ops, scale = [], []
        for want in sorted(wants, key=lambda each: each.window):
            value, known, square, units = self._added(want, stack, squares)
            code, support = _ADDED[want.aggregate], want.feature.min_support
            ops.append((code, want.window, value, known, square, support, want.out))
            scale.append(float(units))
        self._run_sums(stack, ops, scale, squares, self.out)

    def _added(self, want: _Want, stack: _Stack, squares: list[int]) -> tuple[int, int, int, int]:
        """Give the places of an operation's columns, and what divides its integers."""
        value, known, square, units = -1, -1, -1, 1
        if want.number >= 0:
            units = sql.units_of(want.feature)
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
        return value, known, square, units

    def _measured(self, want: _Want) -> list[Ints]:
        """Give the measure of a feature as exact integers."""
        return self.columns.whole(want.number, _factor(want.feature, want.feature.measure))

    def _run_sums(
        self,
        stack: _Stack,
        ops: Sequence[tuple[int, ...]],
        scale: list[float],
        squares: list[int],
        out: Reals,
    ) -> None:
        """Run the kernel of sums; its last column counts all events."""
        table = np.array(ops, np.int64)
        table[table[:, 3] < 0, 3] = len(stack.columns) + 2 * len(squares)
        prompt, late = (stack.laid(at, len(side)) for at, side in enumerate(self.columns.sides))
        self._call(
            sums.add_up, (prompt, late), table, np.array(scale), np.array(squares, np.int64), out
        )

    def compare_periods(self, wants: list[_Want]) -> None:
        """Answer slopes, variations, empty shares and downsides."""
        if not wants:
            return
        stack = _Stack()
        rows = []
        for want in wants:
            units = sql.units_of(want.feature)
            value = stack.add(("whole", want.number, units), self._measured(want))
            count = int(self.windows[want.window, 0]) // _WEEK
            code, support = _PERIODIC[want.aggregate], want.feature.min_support
            rows.append((value, _WEEK, count, (code, support, want.out), float(units)))
        rows.sort()
        ops = [(code, value, each, count, n, out) for value, each, count, (code, n, out), _ in rows]
        prompt, late = (stack.laid(at, len(side)) for at, side in enumerate(self.columns.sides))
        self._call(
            periods.compare_periods, (prompt, late), np.array(ops, np.int64),
            np.array([row[-1] for row in rows]), self.out, windows=False,
        )  # fmt: skip

    def count_keys(self, wants: list[_Want]) -> None:
        """Answer aggregates over keys, one pass for each pair of key and weight."""
        weights = sorted({(want.key, want.weight) for want in wants if want.weight >= 0})
        groups: dict[tuple[int, int], list[_Want]] = {}
        for want in wants:
            weight = want.weight
            if want.aggregate in ("distinct", "repeat_share"):
                weight = next((w for key, w in weights if key == want.key), weight)
            groups.setdefault((want.key, weight), []).append(want)
        for (key, weight), members in groups.items():
            self._count_keys(key, weight, members)

    def _count_keys(self, key: int, weight: int, wants: list[_Want]) -> None:
        """Run the kernel of keys."""
        weigh = [np.empty(0, np.int64)] * 2
        if weight >= 0:
            first = next(want.feature for want in wants if want.weight == weight)
            weigh = self.columns.whole(weight, _factor(first, first.weight))
        columns = zip(self.columns.key(key), weigh, strict=True)
        prompt, late = columns
        self._call(keyed.count_keys, (prompt, late), _ops(wants, _KEYED), self.out)

    def take_ends(self, wants: list[_Want]) -> None:
        """Answer least, largest, first and last, one pass for each column."""
        for column, members in _by_column(wants):
            prompt, late = zip(self.columns.shown(*column), self.columns.place(), strict=True)
            self._call(ordered.take_ends, (prompt, late), _ops(members, _ENDS), self.out)

    def take_quantiles(self, wants: list[_Want]) -> None:
        """Answer quantiles, one pass for each column."""
        for column, members in _by_column(wants):
            by_window = sorted(members, key=lambda want: want.window)
            ops = [(want.window, want.feature.min_support, want.out) for want in by_window]
            shares = [_QUANTILES[want.aggregate] for want in by_window]
            prompt, late = self.columns.shown(*column)
            self._call(
                ordered.take_quantiles, (prompt, late), np.array(ops, np.int64),
                np.array(shares), self.out,
            )  # fmt: skip

    def poison(self, marked: list[tuple[_Want, list[Ints] | None]]) -> None:
        """Make a feature infinite where its window holds an impossible value."""
        stack = _Stack()
        hurt = sorted(
            ((want, marks) for want, marks in marked if marks is not None),
            key=lambda each: each[0].window,
        )
        ops = [
            (sums.SUM, want.window, stack.add(("bad", at), marks), -1, -1, 1, at)
            for at, (want, marks) in enumerate(hurt)
        ]
        if not ops:
            return
        found = np.zeros((len(ops), self.out.shape[1]))
        self._run_sums(stack, ops, [1.0] * len(ops), [], found)
        for at, (want, _) in enumerate(hurt):
            self.out[want.out][found[at] > 0] = np.inf


def _ops(wants: list[_Want], codes: Mapping[str, int]) -> Ints:
    """Write operations of code, window, support and place, by window."""
    rows = [
        (want.window, codes[want.aggregate], want.feature.min_support, want.out) for want in wants
    ]
    return np.array([(code, w, n, out) for w, code, n, out in sorted(rows)], np.int64)


def _factor(feature: Feature, name: str) -> int:
    """Give by how much a number as read is multiplied to be whole: fen are so already."""
    return 1 if sql.kind_of(feature, name) == "fen" else sql.units_of(feature, name)


def _by_column(wants: list[_Want]) -> list[tuple[tuple[int, int], list[_Want]]]:
    """Put wants of one column together, with what the column is divided by to be shown."""
    groups: dict[tuple[int, int], list[_Want]] = {}
    for want in wants:
        is_fen = sql.kind_of(want.feature, want.feature.measure) == "fen"
        groups.setdefault((want.number, 100 if is_fen else 1), []).append(want)
    return sorted(groups.items())
