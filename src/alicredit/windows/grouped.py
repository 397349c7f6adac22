"""Events of many merchants, grouped by merchant and sorted by time.

An event has a place in time and an interval of moments at which it can be seen: it is in the window
of a question iff its time lies in the window and ``since < as_of <= until``. Most events are seen
from their own time on and for ever; they are *prompt*. The others, known late or superseded when a
column filled in, are *late* and kept apart, because they are few and need a look each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from alicredit.windows.compiled import compiled, inlined
from alicredit.windows.search import sort_places

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


class Room:
    """Memory that is used again: arrays by name, each as large as was ever asked for.

    New memory costs more than what is done with it; what was laid in an array before is gone.

    Examples
    --------
    >>> room = Room()
    >>> first = room.array("rows", (3, 2))
    >>> room.array("rows", (2, 2)).base is first.base
    True
    """

    def __init__(self) -> None:
        self._held: dict[str, Ints] = {}

    def array(self, name: str, shape: tuple[int, int]) -> Ints:
        """Give an array, not filled."""
        size = shape[0] * shape[1]
        if name not in self._held or len(self._held[name]) < size:
            self._held[name] = np.empty(size, np.int64)
        return self._held[name][:size].reshape(shape)


class Block(NamedTuple):
    """Some events as they were read.

    Parameters
    ----------
    merchant : int32 array
        Whose each event is; below 0: nobody's who is asked about.
    columns : list of arrays of 64 bits, or of fewer for integers
        The first is the time. Where events can be late, the last two say between which moments
        each is seen.
    """

    merchant: npt.NDArray[np.int32]
    columns: Sequence[npt.NDArray[Any]]


_PROMPT, _TIMED, _AHEAD = range(3)
# events are all prompt; late where their two moments say so; all to be looked at one by one


def group_events(
    blocks: list[Block],
    merchants: int,
    *,
    is_timed: bool = False,
    is_ahead: bool = False,
    room: Room | None = None,
) -> Sides:
    """Group events by merchant and sort each merchant's by time; prompt ones and late ones.

    Parameters
    ----------
    blocks : list of Block
        The events, each block with the same columns; used up, so that memory is free for the rest.
    merchants : int
        How many there are.
    is_timed : bool, default False
        Whether the last two columns say between which moments an event is seen; otherwise it is
        from its time on, for ever.
    is_ahead : bool, default False
        Whether windows reach beyond the question, where an event is seen before its time.
    room : Room or None, default None
        Where to lay the events: in place of those that were laid there before.

    Returns
    -------
    Sides
        Prompt and late; ties stand as they came.
    """
    mode = _AHEAD if is_ahead else (_TIMED if is_timed else _PROMPT)
    start = np.zeros(merchants + 1, np.int64)
    for block in blocks:
        _count(block.merchant, start)
    np.cumsum(start, out=start)
    width = len(blocks[0].columns) if blocks else 1 + 2 * is_timed
    room = Room() if room is None else room
    rows = room.array("rows", (int(start[-1]), width))
    at = start[:-1].copy()
    most = max((len(each.merchant) for each in blocks), default=0)
    side_by_side = room.array("block", (width, most))
    blocks.reverse()
    while blocks:
        block = blocks.pop()
        _fill(block, side_by_side)
        _scatter(block.merchant, side_by_side, at, rows)
    prompt_start, late_start = _starts(rows, start, mode)
    carried = width - 2 * is_timed
    prompt = room.array("prompt", (carried, int(prompt_start[-1])))
    late = room.array("late", (carried + 2, int(late_start[-1])))
    _lay(rows, start, mode, prompt_start, prompt, late_start, late)
    if is_ahead and not is_timed:
        late[-2], late[-1] = late[0], FOREVER
    none = np.empty(0, np.int64)
    return Sides(
        Events(prompt[0], prompt_start, none, none, prompt),
        Events(late[0], late_start, late[-2], late[-1], late[:-2]),
    )


def _fill(block: Block, room: Ints) -> None:
    """Lay the columns of a block one above the other, reals as their bits."""
    for into, values in zip(room, block.columns, strict=True):
        into[: len(values)] = values.view(np.int64) if values.dtype.kind in "fM" else values


@compiled
def find_slots(ids: Any, low: int, table: Any) -> Any:
    """Look identifiers up in a table that begins with ``low``; -1 for one that is not there."""
    found = np.full(len(ids), -1, np.int32)
    for i in range(len(ids)):
        at = ids[i] - low
        if 0 <= at < len(table):
            found[i] = table[at]
    return found


@compiled
def _count(merchant: Any, start: Any) -> None:
    """Count each merchant's events, one place on."""
    for i in range(len(merchant)):
        if merchant[i] >= 0:
            start[merchant[i] + 1] += 1


@compiled
def _scatter(merchant: Any, columns: Any, at: Any, rows: Any) -> None:
    """Move events to where their merchant's stand, row by row, so that each moves once."""
    for i in range(len(merchant)):
        m = merchant[i]
        if m < 0:
            continue
        to = at[m]
        at[m] = to + 1
        for j in range(len(columns)):
            rows[to, j] = columns[j, i]


@compiled
def _starts(rows: Any, start: Any, mode: int) -> Any:
    """Count the prompt and the late events before each merchant's."""
    prompt, late = np.zeros(len(start), np.int64), np.zeros(len(start), np.int64)
    for m in range(len(start) - 1):
        behind = 0
        if mode != 0:
            for i in range(start[m], start[m + 1]):
                behind += _is_late(rows, i, mode)
        late[m + 1] = late[m] + behind
        prompt[m + 1] = start[m + 1] - late[m + 1]
    return prompt, late


@inlined
def _is_late(rows: Any, i: int, mode: int) -> bool:
    """Tell whether an event must be looked at by itself."""
    if mode != 1:
        return mode == 2
    width = rows.shape[1]
    return rows[i, width - 2] > rows[i, 0] or rows[i, width - 1] < FOREVER


@compiled
def _lay(
    rows: Any, start: Any, mode: int, prompt_start: Any, prompt: Any, late_start: Any, late: Any
) -> None:
    """Lay each merchant's events back into columns, by time, ties as they came.

    Logs come nearly sorted, so that an insertion seldom moves far; a merchant whose events do not
    is sorted by merging.
    """
    most = 0
    for m in range(len(start) - 1):
        most = max(most, start[m + 1] - start[m])
    order, room, time = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    for m in range(len(start) - 1):
        lo, n = start[m], start[m + 1] - start[m]
        _find_order(rows, lo, n, order, room, time)
        if late_start[m] == late_start[m + 1]:
            for j in range(len(prompt)):
                for i in range(n):
                    prompt[j, prompt_start[m] + i] = rows[lo + order[i], j]
        else:
            _lay_both(rows, lo, n, order, mode, prompt_start[m], prompt, late_start[m], late)


@inlined
def _lay_both(
    rows: Any, lo: int, n: int, order: Any, mode: int, p: int, prompt: Any, q: int, late: Any
) -> None:
    """Lay a merchant's prompt and late events apart."""
    for i in range(n):
        its = lo + order[i]
        if _is_late(rows, its, mode):
            for j in range(rows.shape[1]):
                late[j, q] = rows[its, j]
            q += 1
        else:
            for j in range(len(prompt)):
                prompt[j, p] = rows[its, j]
            p += 1


@inlined
def _find_order(rows: Any, lo: int, n: int, order: Any, room: Any, time: Any) -> None:
    """Find the order of time by insertion, or by merging where rows stand far from their place.

    ``time`` is room for the times found so far, in order, or for all of them.
    """
    budget = 16 * n
    for i in range(n):
        t = rows[lo + i, 0]
        j = i
        while j > 0 and time[j - 1] > t:
            time[j] = time[j - 1]
            order[j] = order[j - 1]
            j -= 1
        time[j] = t
        order[j] = i
        budget -= i - j
        if budget < 0:
            for k in range(n):
                time[k] = rows[lo + k, 0]
            sort_places(time, order, room, n)
            return
