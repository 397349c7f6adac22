"""A stream's columns as kernels take them: exact integers, flags, places, each made once."""

from __future__ import annotations

import numpy as np

from alicredit.engine.streams import Layout
from alicredit.windows import exact
from alicredit.windows.grouped import Ints, Reals, Room, Sides

Pair = tuple[Ints, Ints]
"""A column of prompt and of late events."""

LIMIT = 2.0**60
"""Largest value of a window times its events: what kernels take; beyond, 64 bits might not do."""

_BEYOND = 2.0**62


class Columns:
    """A stream's columns, of prompt and of late events, derived when first asked for."""

    def __init__(self, sides: Sides, layout: Layout) -> None:
        self.sides = sides
        self._layout = layout
        sizes = np.diff(sides.prompt.start) + np.diff(sides.late.start)
        self._most = int(sizes.max()) if len(sizes) else 0
        self._whole: dict[tuple[int, int], Pair] = {}
        self._wide: set[tuple[int, int]] = set()
        self._known: dict[int, Pair | None] = {}
        self._flags: dict[int, Pair] = {}

    def number(self, number: int) -> tuple[Reals, Reals]:
        """Give a number as read."""
        prompt, late = self._row(1 + number)
        return prompt.view(np.float64), late.view(np.float64)

    def key(self, key: int) -> Pair:
        """Give keys."""
        return self._row(1 + len(self._layout.numbers) + key)

    def flag(self, flag: int) -> Pair:
        """Give 1 where a flag is set."""
        if flag not in self._flags:
            prompt, late = self._row(self._layout.flag_row)
            self._flags[flag] = ((prompt >> flag) & 1, (late >> flag) & 1)
        return self._flags[flag]

    def place(self) -> Pair:
        """Give each event's place by time and key; without keys its time will do."""
        return self._row(-1 if self._layout.is_placed else 0)

    def _row(self, at: int) -> Pair:
        """Give a column of prompt and of late events."""
        return self.sides.prompt.columns[at], self.sides.late.columns[at]

    def whole(self, number: int, units: int) -> Pair:
        """Give a number as exact integers."""
        if (number, units) not in self._whole:
            values = self.number(number)
            found = (np.empty(len(values[0]), np.int64), np.empty(len(values[1]), np.int64))
            for real, into in zip(values, found, strict=True):
                largest = float(exact.to_whole(real, units, into))
                if largest * self._most > LIMIT:
                    self._wide.add((number, units))
            self._whole[number, units] = found
        return self._whole[number, units]

    def size(self, number: int, units: int) -> tuple[Reals, Reals] | None:
        """Give how large exact integers are, or nothing where no sum of them can be too large."""
        whole = self.whole(number, units)
        if (number, units) not in self._wide:
            return None
        made = []
        for real, own in zip(self.number(number), whole, strict=True):
            is_beyond = (np.abs(real) <= exact.REACH) & (np.abs(real) * units > exact.LIMIT)
            made.append(np.where(is_beyond, _BEYOND, np.abs(own).astype(np.float64)))
        return made[0], made[1]

    def known(self, number: int) -> Pair | None:
        """Give 1 where a number is known, or nothing where all are."""
        if number not in self._known:
            prompt, late = (np.isnan(values) for values in self.number(number))
            some = prompt.any() or late.any()
            known = ((~prompt).astype(np.int64), (~late).astype(np.int64)) if some else None
            self._known[number] = known
        return self._known[number]

    def shown(self, number: int, divisor: int) -> tuple[Reals, Reals]:
        """Give a number in the unit in which it is shown."""
        prompt, late = self.number(number)
        return (prompt / divisor, late / divisor) if divisor > 1 else (prompt, late)


class Stack:
    """Integer columns for the kernels, each once."""

    def __init__(self) -> None:
        self.columns: list[Pair] = []
        self._places: dict[tuple[object, ...], int] = {}

    def add(self, key: tuple[object, ...], column: Pair) -> int:
        """Give a column's place, at the end if it is new."""
        if key not in self._places:
            self._places[key] = len(self.columns)
            self.columns.append(column)
        return self._places[key]

    def laid(self, sides: Sides, room: Room) -> Pair:
        """Lay the columns one above the other."""
        laid = tuple(
            room.array(f"laid {at}", (len(self.columns), len(side.time)))
            for at, side in enumerate(sides)
        )
        for at, column in enumerate(self.columns):
            for into, values in zip(laid, column, strict=True):
                into[at] = values
        return laid[0], laid[1]
