"""The fast engine: streams of events through compiled windows, all features of a cohort at once.

DuckDB reads, joins and filters; the kernels of :mod:`alicredit.windows` aggregate. Merchants are
independent, so that any part of them gives the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from alicredit.declarations import Feature
from alicredit.engine.answering import Job, Want, want_of
from alicredit.engine.answers import Answers
from alicredit.engine.asked import Asked
from alicredit.engine.columns import Columns
from alicredit.engine.impossible import Impossible
from alicredit.engine.reading import no_events, read_events
from alicredit.engine.slabs import Shares, Slabs, shares_of
from alicredit.engine.streams import (
    Layout,
    Stream,
    back_of,
    is_placed,
    is_timed,
    reach,
)
from alicredit.engine.together import read_together
from alicredit.records import Records
from alicredit.windows.grouped import Block, Ints, Questions, Reach, Reals, Room, group_events


def build_stream(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    stream: Stream,
    questions: Questions,
    asked: Asked,
    answers: Answers,
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
    answers : Answers
        Filled in at the questions' rows.

    Returns
    -------
    list of (Feature, int64 array)
        Questions left to the reference, by feature: those in whose own window values are so
        large that sums of 64 bits could overflow. What other merchants or later facts are does
        not matter, so that the answer to a question never hangs on what it is asked with.
    """
    plan = _planned(stream, asked, answers)
    merchants, events = len(questions.start) - 1, asked.events.get(stream.table, 0)
    shares = shares_of(merchants, events * (1 + len(stream.timing)), plan.layout.width)
    if plan.layout.is_placed:
        shares = Shares(merchants, max(1, merchants))
    every = read_events(con, records, stream, plan.layout, asked, shares)
    each = (every.pop(0) for _ in range(len(shares)))
    timed = is_timed(records, stream, asked)
    return _answered(plan, shares, each, questions, answers.rows, timed=timed)


def build_together(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    streams: Sequence[Stream],
    questions: Questions,
    asked: Asked,
    answers: Answers,
    *,
    events: int,
    folder: str | None = None,
) -> list[tuple[Feature, Ints]]:
    """Answer the features of streams that one reading gives.

    Parameters
    ----------
    con, records, questions, asked, answers
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
    plans = [_planned(stream, asked, answers) for stream in streams]
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
        left += _answered(plan, own, each, questions, answers.rows, timed=False)
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
    wants: list[Want]
    bad: Impossible
    windows: list[tuple[int, int]]


def _planned(stream: Stream, asked: Asked, answers: Answers) -> _Plan:
    """Ask for all columns that a stream's features read."""
    layout = Layout()
    windows = sorted({reach(feature) for feature in stream.features})
    wants = [
        want_of(feature, answers.places[feature.name], windows.index(reach(feature)), layout, asked)
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
        job = Job(own, Columns(sides, plan.layout), Reach(back, ahead), out, room)
        for feature, rows in job.answer(plan.wants, plan.bad):
            left.setdefault(feature, []).append(rows)
    return [(feature, np.concatenate(rows)) for feature, rows in left.items()]
