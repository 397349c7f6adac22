"""Events of many merchants, grouped by merchant and sorted by time.

An event has a place in time and an interval of moments at which it can be seen: it is in the window
of a question iff its time lies in the window and ``since < as_of <= until``. Most events are seen
from their own time on and for ever; they are *prompt*. The others, known late or superseded when a
column filled in, are *late* and kept apart, because they are few and need a look each.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from alicredit.windows.compiled import compiled, inlined

Ints = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

FOREVER = np.int64(2**62)
"""End of an event that nothing supersedes, in microseconds."""


class Questions(NamedTuple):
    """Moments at which merchants are asked about, sorted by merchant and time.

    Parameters
    ----------
    as_of : int64 array
        Microseconds.
    row : int64 array
        Where the answer of each question goes.
    start : int64 array
        One more than merchants: where each merchant's questions begin.
    """

    as_of: Ints
    row: Ints
    start: Ints


class Events(NamedTuple):
    """Prompt or late events of all merchants, grouped by merchant, sorted by time.

    Parameters
    ----------
    time : int64 array
        Place in time, microseconds.
    start : int64 array
        One more than merchants: where each merchant's events begin.
    since, until : int64 array
        Moments between which a late event is seen; empty for prompt ones.
    columns : int64 array, columns by events
        What the events carry.
    """

    time: Ints
    start: Ints
    since: Ints
    until: Ints
    columns: Ints


class Sides(NamedTuple):
    """The prompt and the late events of the same merchants."""

    prompt: Events
    late: Events


class Reach(NamedTuple):
    """How far each window reaches back from its question and ahead of it, in microseconds."""

    back: Ints
    ahead: Ints


def sort_questions(merchant: Ints, as_of: Ints, merchants: int) -> Questions:
    """Sort questions by merchant (0, 1, ...) and time."""
    row = np.lexsort((as_of, merchant)).astype(np.int64)
    start = np.zeros(merchants + 1, np.int64)
    np.cumsum(np.bincount(merchant, minlength=merchants), out=start[1:])
    return Questions(as_of[row], row, start)


def group_events(
    merchant: npt.NDArray[np.int32],
    columns: Ints,
    merchants: int,
    *,
    since: Ints | None = None,
    until: Ints | None = None,
    is_ahead: bool = False,
) -> Sides:
    """Group events by merchant and sort each merchant's by time; prompt ones and late ones.

    Parameters
    ----------
    merchant : int32 array
        Whose each event is, 0 to ``merchants`` - 1.
    columns : int64 array, columns by events
        The first is the time; the array is used up: its rows come back sorted.
    merchants : int
        How many there are.
    since, until : int64 array or None
        When each is seen; None: from its time on, for ever.
    is_ahead : bool, default False
        Whether windows reach beyond the question, where an event is seen before its time.

    Returns
    -------
    Sides
        Prompt and late.
    """
    none = np.empty(0, np.int64)
    time = columns[0]
    since = time if since is None else since
    late = np.ones(len(time), bool) if is_ahead else since > time
    if until is not None:
        late |= until < FOREVER
    if not late.any():
        start = _group(merchant, columns, merchants)
        nothing = np.empty((len(columns), 0), np.int64)
        no_start = np.zeros(merchants + 1, np.int64)
        return Sides(
            Events(columns[0], start, none, none, columns),
            Events(none, no_start, none, none, nothing),
        )
    prompt = np.ascontiguousarray(columns[:, ~late])
    start = _group(merchant[~late], prompt, merchants)
    ends = np.full(len(time), FOREVER) if until is None else until
    hidden = np.vstack((columns[:, late], since[late], ends[late]))
    late_start = _group(merchant[late], hidden, merchants)
    return Sides(
        Events(prompt[0], start, none, none, prompt),
        Events(hidden[0], late_start, hidden[-2], hidden[-1], hidden[:-2]),
    )


@compiled
def _group(merchant: Any, columns: Any, merchants: int) -> Any:
    """Group the columns in place by merchant, each merchant's by time, ties as they came.

    Events are first laid out row by row, so that each moves once; the pieces of one merchant then
    go back into columns. Logs come nearly sorted, so that an insertion seldom moves far; a
    merchant whose events do not is sorted by merging.
    """
    width, n = columns.shape
    start = np.zeros(merchants + 1, np.int64)
    for i in range(n):
        start[merchant[i] + 1] += 1
    most = 0
    for m in range(merchants):
        most = max(most, start[m + 1])
        start[m + 1] += start[m]
    at = start[:-1].copy()
    rows = np.empty((n, width), np.int64)
    for i in range(n):
        m = merchant[i]
        to = at[m]
        at[m] = to + 1
        for j in range(width):
            rows[to, j] = columns[j, i]
    order = np.empty(most, np.int64)
    for m in range(merchants):
        lo, hi = start[m], start[m + 1]
        if _is_sorted(rows, lo, hi):
            for j in range(width):
                for i in range(lo, hi):
                    columns[j, i] = rows[i, j]
        else:
            _find_order(rows, lo, hi, order)
            for j in range(width):
                for i in range(hi - lo):
                    columns[j, lo + i] = rows[lo + order[i], j]
    return start


@inlined
def _is_sorted(rows: Any, lo: int, hi: int) -> bool:
    """Tell whether rows stand in the order of time."""
    i = lo + 1
    while i < hi and rows[i, 0] >= rows[i - 1, 0]:
        i += 1
    return i >= hi


@inlined
def _find_order(rows: Any, lo: int, hi: int, order: Any) -> None:
    """Find the order of time by insertion, or by merging where rows stand far from their place."""
    budget = 16 * (hi - lo)
    for i in range(hi - lo):
        t = rows[lo + i, 0]
        j = i
        while j > 0 and rows[lo + order[j - 1], 0] > t:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i
        budget -= i - j
        if budget < 0:
            order[: hi - lo] = np.argsort(rows[lo:hi, 0].copy(), kind="mergesort")
            return
