"""What was not yet known, changed: the disturbances that no honest feature can feel.

Each kind of disturbance is one entry of ``DISTURBANCES``. All keep the records valid: types, codes
and bounds as declared, keys unique, times in their order (sums that ought to agree need not). What
is drawn depends on the seed, the kind and the table alone, so that a merchant's rows are disturbed
in the same way whatever the moments of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from alicredit.audit.arrivals import ARRIVALS, new_rows
from alicredit.audit.knowledge import Mask, Placed, Scene, Times, Whole, link_of, times_in
from alicredit.records import Column

Change = tuple[str, Mask, pa.Array]
"""A column, which of its rows change, and what they change to."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One kind of disturbance.

    Parameters
    ----------
    name : str
        Its word.
    moves : str
        What it disturbs.
    remedy : str
        What to do about a feature that feels it.
    """

    name: str
    moves: str
    remedy: str


DISTURBANCES: Mapping[str, Disturbance] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Disturbance(
                "changed",
                "values of rows that happened or became known from as_of on",
                "leave out rows that are not from before as_of, before anything of them is read",
            ),
            Disturbance(
                "deleted",
                "rows and fillings from as_of on, taken away so that the records stand as they did",
                "do not ask what came or filled in later: who survived is known only afterwards",
            ),
            Disturbance(
                "added",
                "new rows a day and more after as_of",
                "end the window at as_of, not where the data end",
            ),
            Disturbance(
                "next_day",
                "new rows from as_of itself to a day after it",
                "keep the time of day of as_of, exclude as_of itself, and let a summary of a day or"
                " month happen when the period ends",
            ),
            Disturbance(
                "known_late",
                "new rows that happened before as_of and became known from as_of on",
                "require of known_at, too, that it lies before as_of",
            ),
            Disturbance(
                "late_values",
                "values of columns that filled in from as_of on",
                "read such a column as absent unless the time that fills it in is before as_of",
            ),
            Disturbance(
                "late_times",
                "times that filled in from as_of on, and blanks that may yet be filled",
                "read a time that is not before as_of as a blank",
            ),
            Disturbance(
                "untimed",
                "columns that change without a time of change, such as a status",
                "derive the state from columns that have a time",
            ),
        )
    }
)
"""Name -> kind of disturbance, in the order of a report."""


def disturb(
    scene: Scene, plan: Mapping[str, Mask]
) -> tuple[dict[str, pa.Table], dict[tuple[str, str], int]]:
    """Disturb what was not yet known.

    Parameters
    ----------
    scene : Scene
        The records, and each merchant's moment.
    plan : mapping of str to boolean array
        Kind -> whose rows, by merchant's number (the last: rows of nobody).

    Returns
    -------
    tuple of dict of str to pyarrow.Table, and dict of (str, str) to int
        The tables; and how many cells or rows were disturbed, by kind and table.
    """
    counts: dict[tuple[str, str], int] = {}
    tables = {
        name: _disturbed(scene, placed, plan, counts) for name, placed in scene.tables.items()
    }
    return tables, counts


def thin_past(scene: Scene, *, every: int) -> dict[str, pa.Table]:
    """Take away part of what was known, and register every merchant earlier under other words.

    No disturbance of the future but its counterpart: a feature that does not even feel this shows
    nothing when it does not feel the others.

    Parameters
    ----------
    scene : Scene
        The records, and each merchant's moment.
    every : int
        Each so manieth row goes, the first one too.

    Returns
    -------
    dict of str to pyarrow.Table
        The tables.
    """
    tables = {}
    for name, placed in scene.tables.items():
        seen, rows = placed.visible(scene.cuts), placed.rows
        if name == "merchants":
            for column, values in _other_words(scene, placed):
                rows = _replaced(rows, column, seen, values)
            tables[name] = rows
        else:
            gone = seen & ((np.cumsum(seen) - 1) % every == 0)
            tables[name] = rows.filter(pa.array(~gone))
    return tables


def _other_words(scene: Scene, placed: Placed) -> Iterator[tuple[str, pa.Array]]:
    """Describe merchants in other words, registered a month earlier."""
    month = np.timedelta64(-30, "D")
    for column in placed.table.columns:
        if column.kind == "id" or column.name not in placed.rows.column_names:
            continue
        if column.kind in ("time", "date"):
            earlier = times_in(placed.rows, column.name) + month
            yield column.name, _times(placed, column.name, earlier)
        else:
            yield column.name, _fresh(scene, placed, column)


def _disturbed(
    scene: Scene, placed: Placed, plan: Mapping[str, Mask], counts: dict[tuple[str, str], int]
) -> pa.Table:
    """Disturb one table: its cells, then which rows are there; count the places."""
    name, rows = placed.table.name, placed.rows
    gone = np.zeros(rows.num_rows, dtype=bool)
    arrived = []
    for kind, chosen in plan.items():
        mine, count = chosen[placed.owner], 0
        for column, mask, values in _CHANGES[kind](scene, placed) if kind in _CHANGES else ():
            rows = _replaced(rows, column, mask & mine, values)
            count += int((mask & mine).sum())
        if kind == "deleted":
            hidden = mine & ~placed.visible(scene.cuts)
            gone |= hidden
            count += int(hidden.sum())
        if kind in ARRIVALS:
            arrived.append(new_rows(scene, placed, kind, chosen))
            count += arrived[-1].num_rows
        counts[kind, name] = count
    return pa.concat_tables([rows.filter(pa.array(~gone)), *arrived])


def _replaced(rows: pa.Table, column: str, mask: Mask, values: pa.Array) -> pa.Table:
    """Replace the chosen cells of a column."""
    at = rows.column_names.index(column)
    new = pc.if_else(pa.array(mask), values, rows[column])
    return rows.set_column(at, rows.schema.field(at), new)


def _changed(scene: Scene, placed: Placed) -> Iterator[Change]:
    """Change what rows that were not yet known say; who, when and under which key stay."""
    table, hidden = placed.table, ~placed.visible(scene.cuts)
    fixed = {link_of(table), table.happened, table.known, "known_at"}
    fixed |= set(table.key) if table.unique else set()
    days = scene.draw("changed", table.name).integers(1, 31, len(hidden)).astype("timedelta64[D]")
    for column in table.columns:
        name = column.name
        if name in fixed or name not in placed.rows.column_names or column.mutable:
            continue
        if column.kind in ("time", "date"):
            moved = times_in(placed.rows, name) + days
            yield name, hidden, _times(placed, name, moved)
        else:
            yield name, hidden, _fresh(scene, placed, column)
    for name in placed.rows.column_names:
        if name not in table and name != "known_at":
            yield name, hidden, placed.rows[name].take(pa.array(_donors(scene, placed)))


def _unfilled(scene: Scene, placed: Placed, column: Column) -> Mask:
    """Tell in which visible rows a column that another times had not filled in yet."""
    filled = np.zeros(len(placed.owner), dtype=bool)
    if column.timed_by in placed.rows.column_names:
        filled = times_in(placed.rows, column.timed_by) < scene.cuts[placed.owner]
    return placed.visible(scene.cuts) & ~filled


def _late_columns(placed: Placed) -> list[Column]:
    """List the columns there that fill in later."""
    there = placed.rows.column_names
    return [column for column in placed.table.columns if column.timed_by and column.name in there]


def _emptied(scene: Scene, placed: Placed) -> Iterator[Change]:
    """Take away what filled in later: the records as they stood."""
    for column in _late_columns(placed):
        cells = placed.rows[column.name]
        blank = pa.nulls(len(cells), cells.type)
        yield column.name, _unfilled(scene, placed, column) & _given(cells), blank


def _late_values(scene: Scene, placed: Placed) -> Iterator[Change]:
    """Change values that another column times and had not filled in yet."""
    for column in _late_columns(placed):
        if column.timed_by != column.name:
            given = _given(placed.rows[column.name])
            fresh = _fresh(scene, placed, column)
            yield column.name, _unfilled(scene, placed, column) & given, fresh


def _late_times(scene: Scene, placed: Placed) -> Iterator[Change]:
    """Move times that had not come yet, and fill blanks, each after the times before it."""
    latest = np.fmax(placed.happened, scene.cuts[placed.owner])
    fillable = np.ones(len(latest), dtype=bool)
    for column in _late_columns(placed):
        if column.timed_by != column.name:
            continue
        draw = scene.draw("late_times", placed.table.name, column.name)
        days = np.where(draw.random(len(latest)) < 0.2, 0.0, draw.random(len(latest)) ** 3 * 60)
        times = times_in(placed.rows, column.name)
        blank = np.isnat(times)
        filling = blank & fillable & (draw.random(len(latest)) < 0.5)
        moving = _unfilled(scene, placed, column) & (filling | ~blank)
        moved = _rounded(latest + np.floor(days * 86_400_000_000).astype("timedelta64[us]"), column)
        times = np.where(moving, moved, times)
        yield column.name, moving, _times(placed, column.name, times)
        fillable = ~np.isnat(times)
        latest = np.fmax(latest, times)


def _rounded(times: Times, column: Column) -> Times:
    """Round times of a column of dates up to a day, so that they do not fall before as_of."""
    if column.kind != "date":
        return times
    days = times.astype("datetime64[D]")
    return (days + (days < times)).astype("datetime64[us]")


def _untimed(scene: Scene, placed: Placed) -> Iterator[Change]:
    """Change, in all rows, the columns that nobody kept the past of."""
    every = np.ones(len(placed.owner), dtype=bool)
    for column in placed.table.columns:
        if column.name in placed.rows.column_names and scene.is_mutable(placed.table, column):
            is_money = column.kind in ("yuan", "fen")
            fresh = _part_of(scene, placed, column) if is_money else _fresh(scene, placed, column)
            yield column.name, every, fresh


_CHANGES = MappingProxyType(
    {
        "changed": _changed,
        "deleted": _emptied,
        "late_values": _late_values,
        "late_times": _late_times,
        "untimed": _untimed,
    }
)


def _given(cells: pa.ChunkedArray) -> Mask:
    """Tell which cells have a value."""
    return pc.is_valid(cells).to_numpy()


def _times(placed: Placed, name: str, times: Times) -> pa.Array:
    """Write times in the type of their column."""
    kind = placed.rows.schema.field(name).type
    unit = "datetime64[D]" if pa.types.is_date(kind) else "datetime64[us]"
    return pa.array(times.astype(unit), type=kind)


def _fresh(scene: Scene, placed: Placed, column: Column) -> pa.Array:
    """Give each cell another possible value of its column."""
    cells = placed.rows[column.name].combine_chunks()
    codes = column.values
    if column.kind == "flag":
        return pc.if_else(pc.is_valid(cells), pc.invert(cells), pa.scalar(value=True))
    if codes:
        known = pc.fill_null(pc.index_in(cells, value_set=pa.array(codes, cells.type)), 0)
        step = scene.draw(placed.table.name, column.name).integers(
            1, max(len(codes), 2), len(cells)
        )
        return pa.array(codes, cells.type).take(pa.array((known.to_numpy() + step) % len(codes)))
    other = cells.take(pa.array(_donors(scene, placed)))
    if column.kind in ("id", "code", "text"):
        return other
    return _scaled(scene, placed, column, other)


def _scaled(scene: Scene, placed: Placed, column: Column, other: pa.Array) -> pa.Array:
    """Shrink numbers towards their least value by one factor a merchant, so that they still agree.

    Money that is nothing stays so; any other number at its least takes another row's value.
    """
    cells = placed.rows[column.name].combine_chunks()
    numbers = cells.to_numpy(zero_copy_only=False).astype(np.float64)
    least = column.low if column.low is not None and column.low > -1000 else 0.0
    factor = scene.draw("factor").uniform(0.2, 0.9, len(scene.cuts))[placed.owner]
    with np.errstate(invalid="ignore"):  # what is infinite stays it
        scaled = least + (numbers - least) * factor
    if column.kind in ("count", "fen"):
        scaled = np.floor(scaled)
    if column.kind in ("yuan", "fen"):
        return _numbers(np.round(scaled, 2), cells.type)
    spare = other.to_numpy(zero_copy_only=False).astype(np.float64)
    return _numbers(np.where(numbers == least, spare, scaled), cells.type)


def _part_of(scene: Scene, placed: Placed, column: Column) -> pa.Array:
    """Give money that changes without a time as a part of the row's first amount."""
    rows = placed.rows
    amounts = [
        other.name
        for other in placed.table.columns
        if other.kind == column.kind and other.name in rows.column_names
        and not scene.is_mutable(placed.table, other)
    ]  # fmt: skip
    amount = rows[(*amounts, column.name)[0]].to_numpy().astype(np.float64)
    part = scene.draw(placed.table.name, column.name).uniform(0.1, 0.9, rows.num_rows)
    fine = 100 if column.kind == "yuan" else 1
    return _numbers(np.floor(amount * part * fine) / fine, rows.schema.field(column.name).type)


def _numbers(numbers: npt.NDArray[np.float64], kind: pa.DataType) -> pa.Array:
    """Write numbers in the type of their column; NaN is missing."""
    return pa.array(numbers, mask=np.isnan(numbers)).cast(kind)


def _donors(scene: Scene, placed: Placed) -> Whole:
    """Pair each row with another whose key has the same codes (the same field of a change)."""
    rows, size = placed.rows, placed.rows.num_rows
    group = np.zeros(size, dtype=np.int64)
    for name in placed.table.key:
        if placed.table[name].kind == "code" and name in rows.column_names:
            codes = rows[name].combine_chunks().dictionary_encode().indices
            group = group * (size + 1) + pc.fill_null(codes, -1).to_numpy() + 1
    order = np.lexsort((scene.draw("donors", placed.table.name).random(size), group))
    arranged = group[order]
    is_first = np.r_[True, arranged[1:] != arranged[:-1]][:size]
    start = np.maximum.accumulate(np.where(is_first, np.arange(size), 0))
    following = np.arange(1, size + 1)
    is_last = np.r_[is_first[1:], True][:size]
    donors = np.empty(size, dtype=np.int64)
    donors[order] = order[np.where(is_last, start, following % max(size, 1))]
    return donors
