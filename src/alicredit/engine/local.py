"""The fast engine: streams of events through compiled windows, all features of a cohort at once.

DuckDB reads, joins and filters; the kernels of :mod:`alicredit.windows` aggregate. Merchants are
independent, so that any part of them gives the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np

from alicredit.declarations import Feature
from alicredit.engine import sql
from alicredit.engine.columns import LIMIT, Columns, Pair, Stack
from alicredit.engine.impossible import Impossible, Marks
from alicredit.engine.reading import no_events, read_events
from alicredit.engine.slabs import Shares, Slabs, shares_of
from alicredit.engine.streams import (
    Asked,
    Layout,
    Stream,
    back_of,
    is_placed,
    is_timed,
    reach,
)
from alicredit.engine.together import read_together
from alicredit.records import Records
from alicredit.windows import keyed, ordered, periods, sums
from alicredit.windows.grouped import Block, Ints, Questions, Reach, Reals, Room, group_events

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
) -> list[tuple[Feature, Ints]]:
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

    Returns
    -------
    list of (Feature, int64 array)
        Rows of ``out`` left to the reference, by feature: those in whose own window values are so
        large that sums of 64 bits could overflow. What other merchants or later facts are does
        not matter, so that the answer to a question never hangs on what it is asked with.
    """
    plan = _planned(stream, asked, places)
    merchants, events = len(questions.start) - 1, asked.events.get(stream.table, 0)
    shares = shares_of(merchants, events * (1 + len(stream.timing)), plan.layout.width)
    if plan.layout.is_placed:
        shares = Shares(merchants, max(1, merchants))
    every = read_events(con, records, stream, plan.layout, asked, shares)
    each = (every.pop(0) for _ in range(len(shares)))
    timed = is_timed(records, stream, asked)
    return _answered(plan, shares, each, questions, out, timed=timed)


def build_together(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    streams: Sequence[Stream],
    questions: Questions,
    asked: Asked,
    places: Mapping[str, int],
    out: Reals,
    *,
    events: int,
    folder: str | None = None,
) -> list[tuple[Feature, Ints]]:
    """Answer the features of streams that one reading gives.

    Parameters
    ----------
    con, records, questions, asked, places, out
        As for :func:`build_stream`; all questions of one moment.
    streams : sequence of Stream
        As :func:`alicredit.engine.together.find_together` gives them.
    events : int
        About how many the first stream has.
    folder : str or None, default None
        Where events are laid that memory has no room for; None: all are held.

    Returns
    -------
    list of (Feature, int64 array)
        As :func:`build_stream`.
    """
    plans = [_planned(stream, asked, places) for stream in streams]
    merchants, furthest = len(questions.start) - 1, back_of(streams[0])
    shares = [
        shares_of(merchants, events * back_of(stream) // furthest, plan.layout.width)
        for stream, plan in zip(streams, plans, strict=True)
    ]
    layouts = [plan.layout for plan in plans]
    read = read_together(con, records, streams, layouts, asked, shares, folder)
    left = []
    for plan, own in zip(plans, shares, strict=True):
        each = _taken(read.pop(0), len(own), no_events(plan.layout, timed=False))
        left += _answered(plan, own, each, questions, out, timed=False)
    return left


def _taken(slabs: Slabs, shares: int, none: Block) -> Iterator[list[Block]]:
    """Take each share's events once, at least a block of none."""
    for share in range(shares):
        yield slabs.take(share) or [none]


@dataclass(frozen=True)
class _Plan:
    """What one stream is asked for."""

    stream: Stream
    layout: Layout
    wants: list[_Want]
    bad: Impossible
    windows: list[tuple[int, int]]


def _planned(stream: Stream, asked: Asked, places: Mapping[str, int]) -> _Plan:
    """Ask for all columns that a stream's features read."""
    layout = Layout()
    windows = sorted({reach(feature) for feature in stream.features})
    wants = [
        _wanted(feature, places[feature.name], windows.index(reach(feature)), layout, asked)
        for feature in stream.features
    ]
    layout.is_placed = any(is_placed(want.feature) for want in wants)
    return _Plan(stream, layout, wants, Impossible(layout, stream), windows)


def _answered(
    plan: _Plan,
    shares: Shares,
    each: Iterator[list[Block]],
    questions: Questions,
    out: Reals,
    *,
    timed: bool,
) -> list[tuple[Feature, Ints]]:
    """Answer a stream's features, a share of the merchants after the other; give what is left."""
    left: dict[Feature, list[Ints]] = {}
    back, ahead = np.array(plan.windows, np.int64).T.copy()
    is_ahead = plan.stream.is_ahead
    room = Room()
    for share in range(len(shares)):
        own = shares.questions(questions, share)
        sides = group_events(
            next(each), len(own.start) - 1, is_timed=timed, is_ahead=is_ahead, room=room
        )
        job = _Job(own, Columns(sides, plan.layout), Reach(back, ahead), out, room)
        for feature, rows in job.answer(plan.wants, plan.bad):
            left.setdefault(feature, []).append(rows)
    return [(feature, np.concatenate(rows)) for feature, rows in left.items()]


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


@dataclass(frozen=True)
class _Job:
    """Questions, columns and windows of one stream, and where the answers go."""

    questions: Questions
    columns: Columns
    reach: Reach
    out: Reals
    room: Room

    def answer(self, wants: list[_Want], bad: Impossible) -> list[tuple[Feature, Ints]]:
        """Answer all; give what is left to the reference."""
        self.add_up([want for want in wants if want.aggregate in _ADDED])
        self.compare_periods([want for want in wants if want.aggregate in _PERIODIC])
        self.count_keys([want for want in wants if want.aggregate in _KEYED])
        self.take_ends([want for want in wants if want.aggregate in _ENDS])
        self.take_quantiles([want for want in wants if want.aggregate in _QUANTILES])
        marks = Marks(bad, self.columns)
        self.poison([(want, marks.of(want.feature, want.key)) for want in wants])
        return self.find_wide(wants)

    def add_up(self, wants: list[_Want]) -> None:
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
        self, want: _Want, stack: Stack, squares: list[int]
    ) -> tuple[int, int, int, int, int, int]:
        """Give the rest of an operation: its columns, support, answer and scale."""
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
        return value, known, square, want.feature.min_support, want.out, units

    def _measured(self, want: _Want) -> Pair:
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

    def compare_periods(self, wants: list[_Want]) -> None:
        """Answer slopes, variations, empty shares and downsides."""
        if not wants:
            return
        stack = Stack()
        rows = []
        for want in wants:
            units = sql.units_of(want.feature)
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
        weigh = (np.empty(0, np.int64), np.empty(0, np.int64))
        if weight >= 0:
            first = next(want.feature for want in wants if want.weight == weight)
            weigh = self.columns.whole(weight, _factor(first, first.weight))
        ops = keyed.KeyOps(*_by_window(wants, _KEYED))
        keys, sides = self.columns.key(key), self.columns.sides
        keyed.count_keys(self.questions, sides, keys, weigh, self.reach, ops, self.out)

    def take_ends(self, wants: list[_Want]) -> None:
        """Answer least, largest, first and last, one pass for each column."""
        for column, members in _by_column(wants):
            values, places = self.columns.shown(*column), self.columns.place()
            ops = ordered.EndOps(*_by_window(members, _ENDS))
            ordered.take_ends(
                self.questions, self.columns.sides, values, places, self.reach, ops, self.out
            )

    def take_quantiles(self, wants: list[_Want]) -> None:
        """Answer quantiles, one pass for each column."""
        for column, members in _by_column(wants):
            number, window, support, place = _by_window(members, _QUANTILE_CODES)
            share = np.array(list(_QUANTILES.values()))[number]
            ops = ordered.QuantileOps(window, support, place, share)
            values, sides = self.columns.shown(*column), self.columns.sides
            ordered.take_quantiles(self.questions, sides, values, self.reach, ops, self.out)

    def poison(self, marked: list[tuple[_Want, Pair | None]]) -> None:
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

    def find_wide(self, wants: list[_Want]) -> list[tuple[Feature, Ints]]:
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


def _summed(want: _Want) -> tuple[int, int] | None:
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


def _by_window(wants: list[_Want], codes: Mapping[str, int]) -> list[Ints]:
    """Give the code, window, support and place of operations, by window."""
    rows = [
        (want.window, codes[want.aggregate], want.feature.min_support, want.out) for want in wants
    ]
    window, code, support, place = _entries(sorted(rows))
    return [code, window, support, place]


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
