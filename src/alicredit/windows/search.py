"""Small steps that the kernels share."""

from __future__ import annotations

from typing import Any

from alicredit.windows.compiled import inlined


@inlined
def first_from(times: Any, moment: int, lo: int, hi: int) -> int:
    """Find the first of ``times[lo:hi]`` that is not before a moment, quick if it is near lo."""
    step = 1
    end = lo
    while end < hi and times[end] < moment:
        lo = end + 1
        end += step
        step *= 2
    end = min(end, hi)
    while lo < end:
        middle = (lo + end) // 2
        if times[middle] < moment:
            lo = middle + 1
        else:
            end = middle
    return lo


@inlined
def has(codes: Any, code: int) -> bool:
    """Tell whether a code is among codes."""
    found = False
    for k in range(len(codes)):
        found |= codes[k] == code
    return found


@inlined
def sort_places(values: Any, order: Any, room: Any, n: int) -> None:
    """Lay out in ``order`` the places of the first n values from the least on, ties as they came.

    By insertion within sixteen places, then by merging. NumPy's own sorts take a second to compile
    and more.
    """
    for i in range(n):
        first = i - i % 16
        j = i
        while j > first and values[order[j - 1]] > values[i]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i
    width = 16
    while width < n:
        for i in range(n):
            room[i] = order[i]
        for begin in range(0, n, 2 * width):
            a, b, to = begin, begin + width, begin
            middle, end = min(b, n), min(b + width, n)
            while a < middle or b < end:
                if b >= end or (a < middle and not values[room[b]] < values[room[a]]):
                    order[to] = room[a]
                    a += 1
                else:
                    order[to] = room[b]
                    b += 1
                to += 1
        width *= 2


@inlined
def longest(asked: Any, sides: Any) -> int:
    """Give the most events that a merchant with questions has, prompt and late together."""
    most = 0
    for m in range(len(asked.start) - 1):
        if asked.start[m + 1] > asked.start[m]:
            prompt = sides.prompt.start[m + 1] - sides.prompt.start[m]
            most = max(most, prompt + sides.late.start[m + 1] - sides.late.start[m])
    return most


@inlined
def late_range(start: Any, time: Any, m: int, begin: int, end: int) -> tuple[int, int]:
    """Find a merchant's late events whose time lies in a window, whether seen or not."""
    first, last = start[m], start[m + 1]
    if first == last:
        return first, first
    first = first_from(time, begin, first, last)
    return first, first_from(time, end, first, last)


@inlined
def is_seen(late: Any, i: int, now: int) -> bool:
    """Tell whether a late event is seen at a moment."""
    return late.since[i] < now <= late.until[i]


@inlined
def times_128(a: int, b: int) -> tuple[int, int]:
    """Multiply two signed 64-bit numbers exactly: high and low 64 bits, two's complement."""
    mask = 0xFFFFFFFF
    a0, a1 = a & mask, a >> 32
    b0, b1 = b & mask, b >> 32
    low = a0 * b0  # wraps as an unsigned number would
    carry = (low >> 32) & mask
    middle = a1 * b0 + carry
    part = (middle & mask) + a0 * b1
    high = a1 * b1 + (middle >> 32) + (part >> 32)
    return high, (part << 32) | (low & mask)


@inlined
def plus_128(high: int, low: int, more_high: int, more_low: int) -> tuple[int, int]:
    """Add two signed 128-bit numbers."""
    total = low + more_low
    # the carry of an unsigned addition, by signs alone
    carry = ((low & more_low) | ((low | more_low) & ~total)) >> 63
    return high + more_high + (carry & 1), total


@inlined
def minus_128(high: int, low: int, less_high: int, less_low: int) -> tuple[int, int]:
    """Subtract two signed 128-bit numbers."""
    total = low - less_low
    borrow = ((~low & less_low) | (~(low ^ less_low) & total)) >> 63
    return high - less_high - (borrow & 1), total


@inlined
def real_128(high: int, low: int) -> float:
    """Give a signed 128-bit number as the nearest real, to the last bit or the one before."""
    if high < 0:
        high, low = minus_128(0, 0, high, low)
        return -(high * 18446744073709551616.0 + _unsigned(low))
    return high * 18446744073709551616.0 + _unsigned(low)


@inlined
def _unsigned(low: int) -> float:
    """Read 64 bits as an unsigned number."""
    if low >= 0:
        return float(low)
    return float((low >> 1) & 0x7FFFFFFFFFFFFFFF | (low & 1)) * 2.0
