"""The fast engine: streams of events through compiled windows, all features of a cohort at once.

DuckDB reads, joins and filters; the kernels of :mod:`alicredit.windows` aggregate. Merchants are
independent, so that any part of them gives the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt

from alicredit.features import sql
from alicredit.features.declaration import Feature
from alicredit.features.measures import MEASURES
from alicredit.features.streams import Asked, Layout, Read, Stream, reach, read_events
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


def build_stream(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    stream: Stream,
    questions: Questions,
    asked: Asked,
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
        _wanted(feature, at, windows.index(reach(feature)), layout)
        for at, feature in enumerate(stream.features)
    ]
    bad = _Bad(layout, stream)
    read = read_events(con, records, stream, layout, asked)
    columns = _Columns(read, len(questions.start) - 1, is_ahead=stream.is_ahead)
    job = _Job(questions, columns, np.array(windows, np.int64), out)
    job.add_up([want for want in wants if want.feature.aggregate in _ADDED])
    job.compare_periods([want for want in wants if want.feature.aggregate in _PERIODIC])
    job.count_keys([want for want in wants if want.feature.aggregate in _KEYED])
    job.take_ends([want for want in wants if want.feature.aggregate in _ENDS])
    job.take_quantiles([want for want in wants if want.feature.aggregate in _QUANTILES])
    job.poison([(want, bad.of(want, columns)) for want in wants])


def _wanted(feature: Feature, out: int, window: int, layout: Layout) -> _Want:
    """Ask for the columns that a feature reads."""
    number = weight = key = hit = -1
    if feature.aggregate in _KEYED:
        key = layout.key(_key_sql(feature))
    elif feature.measure:
        number = layout.number(sql.expression_sql(feature, feature.measure))
    if feature.weight:
        weight = layout.number(sql.expression_sql(feature, feature.weight))
    if feature.hit:
        hit = layout.flag(sql.conditions_sql(feature.hit, feature))
    return _Want(feature, out, window, number, weight, key, hit)


def _key_sql(feature: Feature) -> str:
    """Write a key as 64 bits: a hash of its text; a missing one has a mark of its own."""
    name = sql.expression_sql(feature, feature.measure)
    hashed = f"CAST(hash(CAST({name} AS VARCHAR)) >> 1 AS BIGINT)"
    return f"coalesce(CASE WHEN {name} IS NOT NULL THEN {hashed} END, {keyed.NO_KEY + 1} - 1)"


class _Columns:
    """A stream's columns in the order of its events, prompt and late, made when first asked for."""

    def __init__(self, read: Read, merchants: int, *, is_ahead: bool) -> None:
        self.read = read
        self.prompt, self.late = group_events(
            read.merchant, read.time, merchants, since=read.since, until=read.until,
            is_ahead=is_ahead,
        )  # fmt: skip
        sizes = np.diff(self.prompt.start) + np.diff(self.late.start)
        self._most = int(sizes.max()) if len(sizes) else 0
        self._kept: dict[object, npt.NDArray[np.generic]] = {}

    def whole(self, number: int, units: int) -> Ints:
        """Give a number as exact integers, as read."""
        key = ("whole", number, units)
        if key not in self._kept:
            column, largest = exact.to_whole(self.read.numbers[number], units)
            if largest * max(self._most, 1) > _LIMIT:
                raise TooWideError
            self._kept[key] = column
        return self._kept[key]  # type: ignore[return-value]

    def known(self, number: int) -> Ints | None:
        """Give 1 where a number is known, or nothing where all are."""
        missing = np.isnan(self.read.numbers[number])
        return (~missing).astype(np.int64) if missing.any() else None

    def shown(self, number: int, divisor: int) -> Reals:
        """Give a number in the unit in which it is shown."""
        column = self.read.numbers[number]
        return column / 100.0 if divisor == 100 else column

    def place(self) -> tuple[Ints, Ints]:
        """Give each event's place among its merchant's, by time and key; equal where both are."""
        place = self.read.place
        if place is None:
            return self.prompt.order, self.late.order
        return self.prompt.take(place), self.late.take(place)


class _Bad:
    """Which features meet an impossible value, where one of a stream's facts has one."""

    def __init__(self, layout: Layout, stream: Stream) -> None:
        self._bounds: dict[str, tuple[int, float, float]] = {}
        self._flags: dict[str, int] = {}
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

    def of(self, want: _Want, columns: _Columns) -> npt.NDArray[np.bool_] | None:
        """Mark the events at which a feature meets an impossible value; nothing where none does."""
        found = None
        for name in _numbers_read(want.feature):
            marks = self._marks(name, columns.read)
            if marks is not None:
                found = marks if found is None else found | marks
        if found is not None and want.key >= 0 and want.feature.aggregate != "distinct":
            found = found & (columns.read.keys[want.key] != keyed.NO_KEY)
        return found

    def _marks(self, name: str, read: Read) -> npt.NDArray[np.bool_] | None:
        """Mark the impossible values of one column or measure."""
        if name in self._bounds:
            at, low, high = self._bounds[name]
            values = read.numbers[at]
            if not len(values) or (
                np.fmin.reduce(values) >= low and np.fmax.reduce(values) <= high
            ):
                return None
            return (values < low) | (values > high)
        if name in self._flags:
            flags = read.flags[self._flags[name]]
            return flags.astype(bool) if flags.any() else None
        return None


def _numbers_read(feature: Feature) -> list[str]:
    """Name the columns and measures whose impossible values a feature must not swallow."""
    names = [feature.measure, feature.weight, *(column for column, _, _ in feature.hit)]
    return [name for name in dict.fromkeys(names) if name]


@dataclass(frozen=True)
class _Job:
    """Questions, columns and windows of one stream, and where the answers go."""

    questions: Questions
    columns: _Columns
    windows: Ints
    out: Reals

    def _asked(self) -> tuple[Ints, Ints, Ints]:
        return self.questions.as_of, self.questions.row, self.questions.start

    def _late(self) -> tuple[Ints, Ints, Ints, Ints]:
        late = self.columns.late
        return late.time, late.start, late.since, late.until

    def _reach(self) -> tuple[Ints, Ints]:
        return self.windows[:, 0].copy(), self.windows[:, 1].copy()

    def _stack(self, columns: list[npt.NDArray[np.generic]]) -> tuple[Ints, Ints]:
        """Lay integer columns one above the other, in the order of prompt and late events."""
        prompt, late = self.columns.prompt, self.columns.late
        return _laid(columns, prompt), _laid(columns, late)

    def add_up(self, wants: list[_Want]) -> None:
        """Answer counts, sums, means, spreads, shares, days and ages."""
        if not wants:
            return
        stack = _Stack()
        squares: list[int] = []
        ops, scale = [], []
        for want in sorted(wants, key=lambda each: each.window):
            feature = want.feature
            value = known = square = -1
            units = 1
            if want.number >= 0:
                units = sql.units_of(feature)
                whole = self.columns.whole(want.number, _factor(feature, feature.measure))
                value = stack.add(("w", want.number, units), whole)
                if feature.aggregate != "sum":
                    known = self._known(stack, want.number)
            if want.hit >= 0:
                value = stack.add(("h", want.hit), self.columns.read.flags[want.hit])
            if feature.aggregate == "std":
                if value not in squares:
                    squares.append(value)
                square = squares.index(value)
            code = _ADDED[feature.aggregate]
            ops.append((code, want.window, value, known, square, feature.min_support, want.out))
            scale.append(float(units))
        self._run_sums(stack, ops, scale, squares, self.out)

    def _known(self, stack: _Stack, number: int) -> int:
        """Ask for the count of known values, where some are missing."""
        if ("k", number) not in stack.places:
            known = self.columns.known(number)
            if known is None:
                return -1
            stack.add(("k", number), known)
        return stack.places["k", number]

    def _run_sums(
        self,
        stack: _Stack,
        ops: Sequence[tuple[int, ...]],
        scale: list[float],
        squares: list[int],
        out: Reals,
    ) -> None:
        """Run the kernel of sums."""
        prompt_ints, late_ints = self._stack(stack.columns)
        prompt = self.columns.prompt
        sums.add_up(
            *self._asked(), prompt.time, prompt.start, prompt_ints, *self._late(), late_ints,
            *self._reach(), np.array(ops, np.int64), np.array(scale), np.array(squares, np.int64),
            out,
        )  # fmt: skip

    def compare_periods(self, wants: list[_Want]) -> None:
        """Answer slopes, variations, empty shares and downsides."""
        if not wants:
            return
        stack = _Stack()
        rows = []
        for want in wants:
            feature = want.feature
            whole = self.columns.whole(want.number, _factor(feature, feature.measure))
            units = sql.units_of(feature)
            value = stack.add(("w", want.number, units), whole)
            count = int(self.windows[want.window, 0]) // _WEEK
            code = _PERIODIC[feature.aggregate]
            op = (code, value, _WEEK, count, feature.min_support, want.out)
            rows.append((value, _WEEK, count, float(units), op))
        rows.sort()
        prompt_ints, late_ints = self._stack(stack.columns)
        prompt = self.columns.prompt
        periods.compare_periods(
            *self._asked(), prompt.time, prompt.start, prompt_ints, *self._late(), late_ints,
            np.array([row[4] for row in rows], np.int64), np.array([row[3] for row in rows]),
            self.out,
        )  # fmt: skip

    def count_keys(self, wants: list[_Want]) -> None:
        """Answer aggregates over keys, one pass for each pair of key and weight."""
        weights = {(w.key, w.weight) for w in wants if w.weight >= 0}
        groups: dict[tuple[int, int], list[_Want]] = {}
        for want in wants:
            weight = want.weight
            if want.feature.aggregate in ("distinct", "repeat_share"):
                weight = next((w for k, w in sorted(weights) if k == want.key), weight)
            groups.setdefault((want.key, weight), []).append(want)
        for (key, weight), members in groups.items():
            self._count_keys(key, weight, members)

    def _count_keys(self, key: int, weight: int, wants: list[_Want]) -> None:
        """Run the kernel of keys."""
        keys = self.columns.read.keys[key]
        none = np.empty(0, np.int64)
        prompt, late = self.columns.prompt, self.columns.late
        weigh = weight >= 0
        own = late_own = none
        if weigh:
            first = next(want.feature for want in wants if want.weight == weight)
            whole = self.columns.whole(weight, _factor(first, first.weight))
            own, late_own = prompt.take(whole), late.take(whole)
        ops = sorted(
            (w.window, _KEYED[w.feature.aggregate], w.feature.min_support, w.out) for w in wants
        )
        keyed.count_keys(
            *self._asked(), prompt.time, prompt.start, prompt.take(keys), own, late.time,
            late.start, late.since, late.until, late.take(keys), late_own, *self._reach(),
            np.array([(code, w, support, out) for w, code, support, out in ops], np.int64), weigh,
            self.out,
        )  # fmt: skip

    def take_ends(self, wants: list[_Want]) -> None:
        """Answer least, largest, first and last, one pass for each column."""
        if not wants:
            return
        place, late_place = self.columns.place()
        for column, members in _by_column(wants):
            values = self.columns.shown(*column)
            ops = sorted(
                (w.window, _ENDS[w.feature.aggregate], w.feature.min_support, w.out)
                for w in members
            )
            prompt, late = self.columns.prompt, self.columns.late
            ordered.take_ends(
                *self._asked(), prompt.time, prompt.start, prompt.take(values), place, late.time,
                late.start, late.since, late.until, late.take(values), late_place,
                *self._reach(),
                np.array([(code, w, support, out) for w, code, support, out in ops], np.int64),
                self.out,
            )  # fmt: skip

    def take_quantiles(self, wants: list[_Want]) -> None:
        """Answer quantiles, one pass for each column."""
        for column, members in _by_column(wants):
            values = self.columns.shown(*column)
            ops = sorted(
                (w.window, w.feature.min_support, w.out, _QUANTILES[w.feature.aggregate])
                for w in members
            )
            prompt, late = self.columns.prompt, self.columns.late
            ordered.take_quantiles(
                *self._asked(), prompt.time, prompt.start, prompt.take(values), late.time,
                late.start, late.since, late.until, late.take(values), *self._reach(),
                np.array([op[:3] for op in ops], np.int64), np.array([op[3] for op in ops]),
                self.out,
            )  # fmt: skip

    def poison(self, marked: list[tuple[_Want, npt.NDArray[np.bool_] | None]]) -> None:
        """Make a feature infinite where its window holds an impossible value."""
        stack = _Stack()
        ops = []
        hurt = [(want, marks) for want, marks in marked if marks is not None]
        for at, (want, marks) in enumerate(hurt):
            value = stack.add(("b", at), marks)
            ops.append((sums.SUM, want.window, value, -1, -1, 1, at))
        if not ops:
            return
        found = np.zeros((len(ops), self.out.shape[1]))
        ops.sort(key=lambda op: op[1])
        self._run_sums(stack, ops, [1.0] * len(ops), [], found)
        for at, (want, _) in enumerate(hurt):
            self.out[want.out][found[at] > 0] = np.inf


class _Stack:
    """Integer columns for the kernels, each once."""

    def __init__(self) -> None:
        self.columns: list[npt.NDArray[np.generic]] = []
        self.places: dict[tuple[object, ...], int] = {}

    def add(self, key: tuple[object, ...], column: npt.NDArray[np.generic]) -> int:
        """Give a column's place, at the end if it is new."""
        if key not in self.places:
            self.places[key] = len(self.columns)
            self.columns.append(column)
        return self.places[key]


def _laid(columns: list[npt.NDArray[np.generic]], events: Events) -> Ints:
    """Lay columns in the order of events."""
    laid = np.empty((len(columns), len(events.order)), np.int64)
    for at, column in enumerate(columns):
        laid[at] = np.take(column, events.order)
    return laid


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
