"""Room for events as they are read: merchants dealt into shares that fit a cache, each by itself.

Memory that is used again costs much less than new memory: its first touch is most of what a batch
costs the system. So a batch is copied and given back at once, and what is made of a share's events
is small enough to be laid where the last share's was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.windows.compiled import compiled
from alicredit.windows.grouped import Block, Questions

BATCH_ROWS = 2**17
_SLAB_ROWS = 2**20
_SHARE_BYTES = 32 * 2**20
"""Of the events of one share, side by side; what the allocator still keeps (assumed)."""


@dataclass(frozen=True)
class Shares:
    """Merchants dealt into shares of so many that stand together.

    Parameters
    ----------
    merchants : int
        How many there are.
    size : int
        How many stand in a share; the last may have fewer.

    Examples
    --------
    >>> [Shares(5, 2).span(at) for at in range(len(Shares(5, 2)))]
    [(0, 2), (2, 4), (4, 5)]
    """

    merchants: int
    size: int

    def __len__(self) -> int:
        """Count the shares, one at least."""
        return max(1, -(-self.merchants // self.size))

    def span(self, share: int) -> tuple[int, int]:
        """Give the first merchant of a share and the first of the next."""
        return share * self.size, min((share + 1) * self.size, self.merchants)

    def questions(self, whole: Questions, share: int) -> Questions:
        """Give a share's questions; its merchants are numbered from 0."""
        low, high = self.span(share)
        first, last = whole.start[low], whole.start[high]
        return Questions(
            whole.as_of[first:last], whole.row[first:last], whole.start[low : high + 1] - first
        )


def shares_of(merchants: int, events: int, width: int) -> Shares:
    """Deal merchants so that the events of a share are few megabytes, if all have as many.

    Examples
    --------
    >>> len(shares_of(50_000, 10_000_000, 5)), len(shares_of(50_000, 100_000, 5))
    (12, 1)
    """
    count = max(1, -(-events * 8 * width // _SHARE_BYTES))
    return Shares(merchants, max(1, -(-merchants // count)))


class Slabs:
    """Columns of events, merchants first, by share."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._slabs: list[list[list[npt.NDArray[Any]]]] = [[] for _ in range(len(shares))]
        self._used: list[list[int]] = [[] for _ in range(len(shares))]
        self._dealt: list[npt.NDArray[Any]] = []
        self._rows = max(2 * BATCH_ROWS, _SLAB_ROWS // len(shares))

    def add(self, columns: Sequence[npt.NDArray[Any]]) -> None:
        """Copy a batch's columns; nobody's events are left out where there are several shares."""
        if len(self._shares) == 1:
            whole = self._room(0, columns, len(columns[0]))
            for into, column in zip(whole, columns, strict=True):
                into[:] = column
            return
        order, start = _deal(columns[0], self._shares.size, len(self._shares))
        if not self._dealt or len(self._dealt[0]) < len(order):
            self._dealt = [np.empty(max(BATCH_ROWS, len(order)), each.dtype) for each in columns]
        dealt = [
            column.take(order, out=room[: len(order)], mode="clip")
            for column, room in zip(columns, self._dealt, strict=True)
        ]
        for share, (first, last) in enumerate(pairwise(start.tolist())):
            own = self._room(share, columns, last - first)
            for into, column in zip(own, dealt, strict=True):
                into[:] = column[first:last]

    def _room(
        self, share: int, columns: Sequence[npt.NDArray[Any]], rows: int
    ) -> list[npt.NDArray[Any]]:
        """Give room for so many rows of a share."""
        slabs, used = self._slabs[share], self._used[share]
        if not slabs or used[-1] + rows > len(slabs[-1][0]):
            slabs.append(_slab(columns, max(self._rows, rows)))
            used.append(0)
        first = used[-1]
        used[-1] = first + rows
        return [column[first : first + rows] for column in slabs[-1]]

    def blocks(self) -> list[list[Block]]:
        """Give each share's columns in pieces that a cache can hold, and let go of them."""
        found: list[list[Block]] = []
        self._dealt = []
        for share, (slabs, used) in enumerate(zip(self._slabs, self._used, strict=True)):
            low = np.int32(self._shares.span(share)[0])
            blocks = []
            for slab, rows in zip(slabs, used, strict=True):
                for first in range(0, rows, BATCH_ROWS):
                    piece = [column[first : min(rows, first + BATCH_ROWS)] for column in slab]
                    merchant = piece[0] - low if low else piece[0]
                    blocks.append(Block(merchant, piece[1:]))
            slabs.clear()
            found.append(blocks)
        return found


def _slab(columns: Sequence[npt.NDArray[Any]], rows: int) -> list[npt.NDArray[Any]]:
    """Give room for so many rows of columns like these, in one piece that large pages can hold."""
    found, room = [], np.empty(rows * sum(each.itemsize for each in columns) + 64, np.uint8)
    at = 0
    order = sorted(range(len(columns)), key=lambda k: -columns[k].itemsize)  # all stay aligned
    for k in order:
        end = at + rows * columns[k].itemsize
        found.append((k, room[at:end].view(columns[k].dtype)))
        at = end
    return [column for _, column in sorted(found, key=lambda each: each[0])]


@compiled
def _deal(merchant: Any, size: int, shares: int) -> Any:
    """Order rows by the share of their merchant, as they came within it; nobody's in none."""
    start = np.zeros(shares + 1, np.int64)
    for i in range(len(merchant)):
        if merchant[i] >= 0:
            start[merchant[i] // size + 1] += 1
    for share in range(shares):
        start[share + 1] += start[share]
    at = start.copy()
    order = np.empty(start[shares], np.int64)
    for i in range(len(merchant)):
        if merchant[i] >= 0:
            share = merchant[i] // size
            order[at[share]] = i
            at[share] += 1
    return order, start
