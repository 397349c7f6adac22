"""Events of many merchants, grouped by merchant and sorted by time.

An event has a place in time and an interval of moments at which it can be seen: it is in the window
of a question iff its time lies in the window and ``since < as_of <= until``. Most events are seen
from their own time on and for ever; they are *prompt*. The others, known late or superseded when a
column filled in, are *late* and kept apart, because they are few and need a look each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.windows.compiled import compiled

Ints = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

FOREVER = np.int64(2**62)
"""End of an event that nothing supersedes, in microseconds."""


@dataclass(frozen=True)
class Questions:
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

    def __len__(self) -> int:
        """Count the questions."""
        return len(self.as_of)


@dataclass(frozen=True)
class Events:
    """Prompt or late events of all merchants, grouped by merchant, sorted by time.

    Parameters
    ----------
    time : int64 array
        Place in time, microseconds.
    start : int64 array
        One more than merchants: where each merchant's events begin.
    order : int64 array
        The positions in the columns as they were read.
    since, until : int64 array
        Moments between which a late event is seen; empty for prompt ones.
    """

    time: Ints
    start: Ints
    order: Ints
    since: Ints
    until: Ints

    def take(self, column: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Lay a column, as it was read, in the order of the events."""
        return np.take(column, self.order)


def sort_questions(merchant: Ints, as_of: Ints, merchants: int) -> Questions:
    """Sort questions by merchant (0, 1, ...) and time."""
    row = np.lexsort((as_of, merchant)).astype(np.int64)
    start = np.zeros(merchants + 1, np.int64)
    np.cumsum(np.bincount(merchant, minlength=merchants), out=start[1:])
    return Questions(as_of[row], row, start)


def group_events(
    merchant: npt.NDArray[np.int32],
    time: Ints,
    merchants: int,
    *,
    since: Ints | None = None,
    until: Ints | None = None,
    is_ahead: bool = False,
) -> tuple[Events, Events]:
    """Group events by merchant and sort each merchant's by time; prompt ones and late ones.

    Parameters
    ----------
    merchant : int32 array
        Whose each event is, 0 to ``merchants`` - 1.
    time : int64 array
        Where it stands in time.
    merchants : int
        How many there are.
    since, until : int64 array or None
        When each is seen; None: from its time on, for ever.
    is_ahead : bool, default False
        Whether windows reach beyond the question, where an event is seen before its time.

    Returns
    -------
    tuple of Events
        Prompt and late.
    """
    none = np.empty(0, np.int64)
    since = time if since is None else since
    late = np.ones(len(time), bool) if is_ahead else since > time
    if until is not None:
        late |= until < FOREVER
    if not late.any():
        order, start = _order(merchant, time, merchants)
        prompt = Events(np.take(time, order), start, order, none, none)
        return prompt, Events(none, np.zeros(merchants + 1, np.int64), none, none, none)
    parts = []
    for mask in (~late, late):
        at = np.flatnonzero(mask)
        order, start = _order(np.take(merchant, at), np.take(time, at), merchants)
        parts.append((np.take(at, order), start))
    (first, first_start), (second, second_start) = parts
    until = np.full(len(time), FOREVER) if until is None else until
    return (
        Events(np.take(time, first), first_start, first, none, none),
        Events(
            np.take(time, second),
            second_start,
            second,
            np.take(since, second),
            np.take(until, second),
        ),
    )


@compiled
def _order(merchant: Any, time: Any, merchants: int) -> Any:
    """Order events by merchant and time, ties in the order they came: counting, then insertion.

    Logs come nearly sorted, so that an insertion seldom moves far; a merchant whose events do not
    is sorted by merging instead.
    """
    n = len(merchant)
    start = np.zeros(merchants + 1, np.int64)
    for i in range(n):
        start[merchant[i] + 1] += 1
    for m in range(merchants):
        start[m + 1] += start[m]
    at = start[:-1].copy()
    order = np.empty(n, np.int64)
    times = np.empty(n, np.int64)
    for i in range(n):
        m = merchant[i]
        order[at[m]] = i
        times[at[m]] = time[i]
        at[m] += 1
    for m in range(merchants):
        lo, hi = start[m], start[m + 1]
        budget = 16 * (hi - lo)
        is_sorted = True
        for i in range(lo + 1, hi):
            t, o = times[i], order[i]
            j = i
            while j > lo and times[j - 1] > t:
                times[j], order[j] = times[j - 1], order[j - 1]
                j -= 1
            times[j], order[j] = t, o
            budget -= i - j
            if budget < 0:
                is_sorted = False
                break
        if not is_sorted:
            own = np.sort(order[lo:hi])  # as they came, so that the stable sort keeps ties so
            by = np.argsort(time[own], kind="mergesort")
            for k in range(hi - lo):
                order[lo + k] = own[by[k]]
    return order, start
