"""New rows that no question could know of yet: from as_of on, later, or known late."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from alicredit.audit.knowledge import (
    NOBODY,
    Mask,
    Placed,
    Scene,
    Times,
    Whole,
    known_columns,
    link_of,
    place,
    times_in,
)
from alicredit.records import Table

ARRIVALS = ("added", "next_day", "known_late")
"""The kinds of disturbance that add rows."""

_EACH = 6  # rows a merchant and table: enough for a support of five
_DAY_US = 86_400_000_000
_FURTHEST_DAYS = 400.0
_LEAST_DAYS = 7.0
_OLDEST_HOURS = 24 * 180.0

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Seats:
    """Where new rows go: whose they are, what they copy, through which parent, by what draws."""

    owner: Whole
    donor: Whole
    parent: Whole
    share: Numbers
    spread: Numbers


def new_rows(scene: Scene, placed: Placed, kind: str, chosen: Mask) -> pa.Table:
    """Make rows of a table that no question may see.

    Each copies a row of the same merchant where there is one, moved in time as a whole, under a new
    key; rows that would repeat a key, or that a question could know, are left out.

    Parameters
    ----------
    scene : Scene
        The records and each merchant's moment.
    placed : Placed
        The table.
    kind : str
        Of ``ARRIVALS``.
    chosen : boolean array
        Whose rows, by merchant's number.

    Returns
    -------
    pyarrow.Table
        New rows of the table's own columns and types; none where nothing can be copied, or where
        the table does not say when a row happened or became known.
    """
    table, rows = placed.table, placed.rows
    told = known_columns(table, rows)
    impossible = not told if kind == "known_late" else not table.happened
    impossible = impossible or bool(np.isnat(placed.happened).all())  # nothing to copy
    seats = None if impossible else _seats(scene, placed, kind)
    if seats is None:
        return rows.slice(0, 0)
    made = _moved(placed, rows.take(pa.array(seats.donor)), _delta(scene, placed, seats, kind))
    made = _linked(scene, placed, made, seats)
    made = _rekeyed(table, made, kind, seats)
    if kind == "known_late":
        late = scene.cuts[seats.owner] + _microseconds(_late_days(seats))
        made = _with_times(made, told[0], late)
    return _kept(scene, placed, made, chosen[seats.owner])


def _seats(scene: Scene, placed: Placed, kind: str) -> _Seats | None:
    """Lay out the new rows: so many for each merchant, the first of them at the very edge."""
    table = placed.table
    count = len(scene.merchants)
    numbers = np.array([NOBODY]) if table.merchantless else np.arange(count)
    owner = np.repeat(numbers, _EACH)
    draw = scene.draw(kind, table.name)
    timed = ~np.isnat(placed.happened)
    donor = _pick(placed.owner, timed, owner, draw.random(len(owner)))
    stray = donor < 0
    donor = np.where(stray, draw.choice(np.flatnonzero(timed), len(owner)), donor)
    parent = np.full(len(owner), -1)
    fits = ~(stray & _names_others(table))
    if table.parent:
        above = scene.tables[table.parent_table]
        seen = above.visible(scene.cuts)
        parent = _pick(above.owner, seen, owner, draw.random(len(owner)))
        fits &= parent >= 0
    step = np.tile(np.arange(_EACH), len(numbers))
    share = (step + np.where(step > 0, draw.random(len(owner)), 0.0)) / _EACH
    spread = draw.random(len(owner))
    seats = _Seats(owner[fits], donor[fits], parent[fits], share[fits], spread[fits])
    return seats if fits.any() else None


def _names_others(table: Table) -> bool:
    """Tell whether a row names a row of another table beside its parent and merchant."""
    own = ("", "merchants.merchant_id", table.parent)
    return any(column.refers_to not in own for column in table.columns)


def _pick(owners: Whole, eligible: Mask, wanted: Whole, draws: Numbers) -> Whole:
    """Pick for each wanted merchant one of its eligible rows; -1 where it has none."""
    positions = np.flatnonzero(eligible)
    positions = positions[np.argsort(owners[positions], kind="stable")]
    mine = owners[positions]
    start = np.searchsorted(mine, wanted, "left")
    count = np.searchsorted(mine, wanted, "right") - start
    at = start + np.floor(draws * count).astype(np.int64)
    if not len(positions):
        return np.full(len(wanted), -1)
    return np.where(count > 0, positions[np.minimum(at, len(positions) - 1)], -1)


def _late_days(seats: _Seats) -> Numbers:
    """Draw how long after as_of a row becomes known; the first at as_of itself."""
    return np.where(seats.share > 0, seats.spread * 60, 0.0)


def _microseconds(days: Numbers) -> npt.NDArray[np.timedelta64]:
    """Turn days into whole microseconds."""
    return np.floor(days * _DAY_US).astype("timedelta64[us]")


def _delta(scene: Scene, placed: Placed, seats: _Seats, kind: str) -> npt.NDArray[np.timedelta64]:
    """Give how far each copied row moves in time, in whole periods where the table has them."""
    cut = scene.cuts[seats.owner]
    if kind == "known_late":
        moment = _before(scene, placed.table, seats, cut)
    elif kind == "next_day":
        moment = cut + _microseconds(seats.share)
    else:
        moment = cut + _microseconds(_days_left(scene, cut) ** seats.share)
    start = placed.happened[seats.donor]
    if placed.table.happened:
        start = times_in(placed.rows, placed.table.happened)[seats.donor]
        moment = _on_the_calendar(placed.table, moment, late=kind == "known_late")
    return moment - start


def _days_left(scene: Scene, cut: Times) -> Numbers:
    """Give how far after as_of new rows may lie: to the end of the records, if there is room."""
    days = (scene.end - cut).astype(np.int64) / _DAY_US - 1
    return np.clip(np.where(days > _LEAST_DAYS, days, _FURTHEST_DAYS), None, _FURTHEST_DAYS)


def _before(scene: Scene, table: Table, seats: _Seats, cut: Times) -> Times:
    """Draw when a row happened that becomes known late: before as_of, after its parent."""
    back = _microseconds(_OLDEST_HOURS**seats.share / 24)
    if not table.parent:
        return cut - back
    born = scene.tables[table.parent_table].happened[seats.parent]
    if not table.happened:
        return born
    age = (cut - born).astype(np.int64)
    return born + np.floor(age * (1 - seats.share) * 0.999).astype("timedelta64[us]")


def _on_the_calendar(table: Table, moment: Times, *, late: bool) -> Times:
    """Round a moment to what the table writes: a day, a month, or a date on the right side."""
    if table.period == "month":
        month = moment.astype("datetime64[M]")
        return (month - np.timedelta64(1, "M") if late else month).astype("datetime64[us]")
    if table.period == "instant" and table[table.happened].kind != "date":
        return moment
    day = moment.astype("datetime64[D]")
    if table.period == "day":
        return (day - np.timedelta64(1, "D") if late else day).astype("datetime64[us]")
    ceiling = day + (day.astype("datetime64[us]") < moment)
    return (day if late else ceiling).astype("datetime64[us]")


def _moved(placed: Placed, made: pa.Table, delta: npt.NDArray[np.timedelta64]) -> pa.Table:
    """Move all times of copied rows alike, so that they keep their order."""
    timed = [c.name for c in placed.table.columns if c.kind in ("time", "date")]
    for name in dict.fromkeys((*timed, "known_at")):
        if name in made.column_names:
            made = _with_times(made, name, times_in(made, name) + delta)
    return made


def _with_times(rows: pa.Table, name: str, times: Times) -> pa.Table:
    """Set a column of times, or of dates by their day."""
    at = rows.column_names.index(name)
    kind = rows.schema.field(at).type
    unit = "datetime64[D]" if pa.types.is_date(kind) else "datetime64[us]"
    return rows.set_column(at, rows.schema.field(at), pa.array(times.astype(unit), type=kind))


def _with_texts(rows: pa.Table, name: str, texts: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Set a column of identifiers."""
    at = rows.column_names.index(name)
    return rows.set_column(at, rows.schema.field(at), texts.cast(rows.schema.field(at).type))


def _linked(scene: Scene, placed: Placed, made: pa.Table, seats: _Seats) -> pa.Table:
    """Give each new row to its merchant, directly or through a parent."""
    table, link = placed.table, link_of(placed.table)
    if table.merchantless:
        return made
    if table.parent:
        above = scene.tables[table.parent_table]
        return _with_texts(made, link, above.rows[link].take(pa.array(seats.parent)))
    names = np.array(scene.merchants, dtype=object)[seats.owner]
    return _with_texts(made, link, pa.array(names, pa.string()))


def _rekeyed(table: Table, made: pa.Table, kind: str, seats: _Seats) -> pa.Table:
    """Give new identifiers where a table's rows are told apart by their own."""
    for name in table.key if table.unique else ():
        is_own = table[name].kind == "id" and not table[name].refers_to
        if is_own and name in made.column_names:
            step = np.floor(seats.share * _EACH).astype(np.int64)
            fresh = [f"{kind}-{n}-{k}" for n, k in zip(seats.owner, step)]
            made = _with_texts(made, name, pa.array(fresh, pa.string()))
    return made


def _kept(scene: Scene, placed: Placed, made: pa.Table, chosen: Mask) -> pa.Table:
    """Keep the chosen new rows that no question could know and that repeat no key."""
    table = placed.table
    above = scene.tables[table.parent_table] if table.parent else None
    made = made.filter(pa.array(chosen))
    made = made.filter(pa.array(~place(table, made, scene.merchants, above).visible(scene.cuts)))
    if not table.unique:
        return made
    keys = [name for name in table.key if name in made.column_names]
    both = pa.concat_tables([placed.rows.select(keys), made.select(keys)]).to_pandas()
    repeated = both.duplicated().to_numpy()[placed.rows.num_rows :]
    return made.filter(pa.array(~repeated))
