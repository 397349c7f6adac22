"""Room for events as they are read: merchants dealt into shares that fit a cache, each by itself.

Memory that is used again costs much less than new memory: its first touch is most of what a batch
costs the system. So a batch is copied and given back at once, and what is made of a share's events
is small enough to be laid where the last share's was.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.checks import writing
from alicredit.errors import RecordError
from alicredit.windows.compiled import compiled
from alicredit.windows.grouped import Block, Questions

BATCH_ROWS = 2**17
_SLAB_ROWS = 2**20
_LAID_ROWS = 2**15
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
    """Columns of events, merchants first, by share.

    Parameters
    ----------
    shares : Shares
        The merchants.
    folder : str or None, default None
        Where events are laid that memory has no room for; the file has no name there and goes with
        the process. None: all are held.

    Raises
    ------
    RecordError
        If the folder's disk is full.

    Examples
    --------
    >>> room = Slabs(Shares(3, 2))
    >>> room.add([np.array([2, 0], np.int32), np.array([7, 8])])
    >>> [block.columns[0].tolist() for block in room.take(1)]
    [[7]]
    """

    def __init__(self, shares: Shares, folder: str | None = None) -> None:
        self._shares = shares
        self._slabs: list[list[list[npt.NDArray[Any]]]] = [[] for _ in range(len(shares))]
        self._used: list[list[int]] = [[] for _ in range(len(shares))]
        self._kinds: list[np.dtype[Any]] = []
        self._file: Any = None
        self._folder = folder
        if folder is not None:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with this
            weakref.finalize(self, self._file.close)
        self._laid: list[list[tuple[int, int]]] = [[] for _ in range(len(shares))]
        self._rows = max(2 * BATCH_ROWS, _SLAB_ROWS // len(shares))
        if folder is not None:
            self._rows = _LAID_ROWS

    @property
    def is_whole(self) -> bool:
        """Tell whether there is one share, of all: nobody's events would be kept with it."""
        return len(self._shares) == 1

    def add(self, columns: Sequence[npt.NDArray[Any]]) -> None:
        """Copy a batch's columns; nobody's events are left out where there are several shares."""
        self._kinds = [column.dtype for column in columns]
        if self.is_whole:
            whole = self._room(0, columns, len(columns[0]))
            for into, column in zip(whole, columns, strict=True):
                into[:] = column
            return
        merchant = columns[0].view()
        merchant.flags.writeable = False  # as Arrow gives it, so that the kernel is compiled once
        order, start = _deal(merchant, self._shares.size, len(self._shares))
        for share, (first, last) in enumerate(pairwise(start.tolist())):
            if first == last:
                continue
            its = order[first:last]
            own = self._room(share, columns, last - first)
            for into, column in zip(own, columns, strict=True):
                column.take(its, out=into, mode="clip")

    def _room(
        self, share: int, columns: Sequence[npt.NDArray[Any]], rows: int
    ) -> list[npt.NDArray[Any]]:
        """Give room for so many rows of a share."""
        slabs, used = self._slabs[share], self._used[share]
        if slabs and self._file is not None and used[-1] + rows > len(slabs[-1][0]):
            self._lay(share)
        if not slabs or used[-1] + rows > len(slabs[-1][0]):
            slabs.append(_slab(columns, max(self._rows, rows)))
            used.append(0)
        first = used[-1]
        used[-1] = first + rows
        return [column[first : first + rows] for column in slabs[-1]]

    def _lay(self, share: int) -> None:
        """Lay a share's slab in the file, column by column, and use it again where it is usual."""
        slab, rows = self._slabs[share][-1], self._used[share][-1]
        self._laid[share].append((self._file.seek(0, os.SEEK_END), rows))
        with writing("folder of what memory has no room for", self._folder, error=RecordError):
            for column in slab:
                column[:rows].tofile(self._file)
        self._used[share][-1] = 0
        if len(slab[0]) > self._rows:
            self._slabs[share].clear()
            self._used[share].clear()

    def _pieces(self, share: int) -> Iterator[list[npt.NDArray[Any]]]:
        """Give a share's columns, those in the file first, as they came."""
        slabs, used = self._slabs[share], self._used[share]
        for at, rows in self._laid[share]:
            self._file.seek(at)
            yield [np.fromfile(self._file, kind, rows) for kind in self._kinds]
        for slab, rows in zip(slabs, used, strict=True):
            yield [column[:rows] for column in slab]

    def take(self, share: int) -> list[Block]:
        """Give a share's columns in pieces that a cache can hold, and let go of them."""
        low = np.int32(self._shares.span(share)[0])
        blocks = []
        for piece in self._pieces(share):
            for first in range(0, len(piece[0]), BATCH_ROWS):
                part = [column[first : first + BATCH_ROWS] for column in piece]
                blocks.append(Block(part[0] - low if low else part[0], part[1:]))
        self._slabs[share].clear()
        self._used[share].clear()
        self._laid[share].clear()
        return blocks

    def blocks(self) -> list[list[Block]]:
        """Give all shares' columns, and let go of them."""
        return [self.take(share) for share in range(len(self._shares))]


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
