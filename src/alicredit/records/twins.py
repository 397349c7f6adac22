"""Which of many numbers stand more than once, told without sorting them; compiled.

A number that finds the place of its first bits taken may stand twice: these are few where there are
sixteen places for each number. Only numbers that share the later bits of one of them are sorted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from alicredit.records.repeats import copies_of

Hashes = npt.NDArray[np.uint64]

_SPARE = 4
"""Bits that a place has beyond those that count the numbers."""
_LATER = np.uint64(24)
"""Bits of a number after which its later ones begin."""


def find_twins(hashes: Hashes) -> Hashes:
    """Find the numbers that stand more than once, each as often as it does, in order.

    Parameters
    ----------
    hashes : array of uint64
        Evenly spread; no more than 2**32 of them.

    Returns
    -------
    array of uint64
        None that stands once.

    Examples
    --------
    >>> find_twins(np.array([5, 7, 5, 1, 7, 5], np.uint64)).tolist()
    [5, 5, 5, 7, 7]
    """
    held = np.empty(len(hashes), np.uint64)
    places, drop = _places(len(hashes))
    few = np.unique(held[: _mark(hashes, places, drop, held)])
    places, drop = _places(len(few))
    _mark(few << _LATER, places, drop, np.empty(len(few), np.uint64))
    return copies_of(np.sort(held[: _keep(hashes, places, drop, held)]))


def deal_out(hashes: Hashes, shares: int) -> list[Hashes]:
    """Deal numbers into shares by their last 16 bits, in each as they came; equal ones into one.

    Parameters
    ----------
    hashes : array of uint64
        Evenly spread.
    shares : int
        How many, at most 2**16.

    Returns
    -------
    list of arrays of uint64
        Of each share, views of one array.

    Examples
    --------
    >>> [own.tolist() for own in deal_out(np.array([65535, 1, 32768, 65537], np.uint64), 2)]
    [[1, 65537], [65535, 32768]]
    """
    dealt, ends = np.empty(len(hashes), np.uint64), np.zeros(shares + 1, np.int64)
    given = hashes.view()
    given.flags.writeable = False  # as Arrow gives it, so that the kernel is compiled once
    _deal(given, np.uint64(shares), dealt, ends)
    return np.split(dealt, ends[: shares - 1])


def _places(count: int) -> tuple[Hashes, np.uint64]:
    """Lay out places for so many numbers, a bit each; and how many bits do not tell the place."""
    width = max(count.bit_length() + _SPARE, 6)
    return np.zeros(2 ** (width - 6), np.uint64), np.uint64(64 - width)


def _compiled(function: Callable[..., Any]) -> Any:
    """Compile a kernel when it is first called; kept on disk where there is a folder for it."""
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        return numba.njit(nogil=True)(function)


@_compiled
def _mark(hashes: Hashes, places: Hashes, drop: np.uint64, held: Hashes) -> int:
    """Take each number's place; hold and count those that find it taken."""
    count = 0
    for hashed in hashes:
        place = hashed >> drop
        bit = np.uint64(1) << (place & np.uint64(63))
        word = place >> np.uint64(6)
        if places[word] & bit:
            held[count] = hashed
            count += 1
        else:
            places[word] |= bit
    return count


@_compiled
def _keep(hashes: Hashes, places: Hashes, drop: np.uint64, held: Hashes) -> int:
    """Hold and count the numbers whose later bits' place is taken."""
    count = 0
    for hashed in hashes:
        place = (hashed << _LATER) >> drop
        if places[place >> np.uint64(6)] & (np.uint64(1) << (place & np.uint64(63))):
            held[count] = hashed
            count += 1
    return count


@_compiled
def _deal(hashes: Hashes, shares: np.uint64, dealt: Hashes, ends: npt.NDArray[np.int64]) -> None:
    """Lay the numbers of each share side by side, and say where each share's end."""
    last, bits = np.uint64(0xFFFF), np.uint64(16)
    for hashed in hashes:
        ends[((hashed & last) * shares >> bits) + np.uint64(1)] += 1
    for share in range(1, len(ends)):
        ends[share] += ends[share - 1]
    for hashed in hashes:
        share_of = (hashed & last) * shares >> bits
        dealt[ends[share_of]] = hashed
        ends[share_of] += 1
