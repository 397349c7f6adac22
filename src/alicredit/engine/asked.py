"""Who is asked about: merchants with their questions, and how a query tells whose a fact is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from alicredit.windows.grouped import Ints, Questions, find_slots

_WHOLE = "^(0|-?[1-9][0-9]{0,18})$"
_SURE_DIGITS = 18
"""Text of so many characters is a number of 64 bits whatever its digits."""

_EVENTS_A_MERCHANT = 1000
"""Rows for each merchant asked about up to which looking all up costs less than a join that reads
fewer (assumed)."""

_GAPS = 64
"""Places of a table of merchants for each who is asked about, at most (assumed)."""


@dataclass(frozen=True)
class Part:
    """Some merchants of a cohort with their questions."""

    merchants: npt.NDArray[np.object_]
    questions: Questions
    first: np.datetime64
    last: np.datetime64


@dataclass(frozen=True)
class Slots:
    """Numbers of the merchants asked about, where their identifiers are whole numbers close by.

    ``table[id - low]`` is the number of a merchant, -1 for one who is not asked about.
    """

    low: int
    table: npt.NDArray[np.int32]

    def find(self, ids: Ints) -> npt.NDArray[np.int32]:
        """Give the number of each identifier's merchant."""
        return find_slots(ids, self.low, self.table)


@dataclass(frozen=True)
class Asked:
    """What a query must know of the questions: who is asked about, the span of their moments.

    ``numbers`` are the identifiers that the connection shows as numbers. Merchants are numbered by
    ``slots``, or where these are None by the table ``whose`` (``merchant_id, slot``). ``joined``
    names tables of facts that have found their merchant already, as
    :func:`alicredit.engine.streams.join_once` lets them. ``events`` says about how many facts of
    each table are of those who are asked about.
    """

    first: Any
    last: Any
    numbers: frozenset[tuple[str, str]] = frozenset()
    slots: Slots | None = None
    whose: str = "_slots"
    joined: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_single(self) -> bool:
        """Tell whether all questions have one moment."""
        return bool(self.first == self.last)

    def slot_sql(self, table: str) -> str:
        """Write what tells a fact's merchant: its number, or where slots find that, its id."""
        if self.slots is not None:
            return "f._merchant_id"
        return "f._slot" if table in self.joined else "s.slot"


def number_merchants(
    con: duckdb.DuckDBPyConnection,
    part: Part,
    numbers: frozenset[tuple[str, str]],
    sizes: Mapping[str, int],
    *,
    parts: int = 1,
) -> Asked:
    """Number the merchants of a part, for a kernel to look up or for the query to join.

    Parameters
    ----------
    con : DuckDB connection
        Where the table ``_slots`` is laid if queries are to join it.
    part : Part
        The merchants and their questions.
    numbers : frozenset of (table, column)
        Identifiers that the connection shows as numbers.
    sizes : mapping of str to int
        Rows of each table, of all merchants.
    parts : int, default 1
        Into how many parts the merchants are dealt.

    Returns
    -------
    Asked
        What a query must know; its events are the rows of one part, if all have as many.
    """
    events = {name: -(-rows // parts) for name, rows in sizes.items()}
    slot = np.arange(len(part.merchants), dtype=np.int32)
    if ("merchants", "merchant_id") not in numbers:
        ids = pa.array(part.merchants, pa.string())
    else:  # an identifier that is no number is nobody's
        whole, kept = read_whole(part.merchants)
        slot = slot[kept]
        slots = _find_slots(whole, slot, max(sizes.values()))
        if slots is not None:
            return Asked(part.first, part.last, numbers, slots, events=events)
        ids = pa.array(whole)
    con.register("slot_rows", pa.table({"merchant_id": ids, "slot": slot}))
    con.execute("CREATE OR REPLACE TEMP TABLE _slots AS SELECT * FROM slot_rows")
    con.unregister("slot_rows")
    return Asked(part.first, part.last, numbers, events=events)


def _find_slots(
    ids: npt.NDArray[np.int64], slot: npt.NDArray[np.int32], events: int
) -> Slots | None:
    """Lay merchants' numbers in a table by identifier, where it is short and most are asked about.

    A query that joins reads less where few are asked about; a table that is looked up costs less.
    """
    if not len(ids) or len(ids) * _EVENTS_A_MERCHANT < events:
        return None
    low, high = int(ids.min()), int(ids.max())
    if high - low > _GAPS * len(ids) or max(-low, high) >= 2**62:
        return None
    table = np.full(high - low + 1, -1, np.int32)
    table[ids - low] = slot
    return Slots(low, table)


def read_whole(
    texts: npt.NDArray[np.object_],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Read texts that are how a whole number of 64 bits is written; and mark which are.

    Examples
    --------
    >>> numbers, are = read_whole(np.array(["7", "07", "-1", "-0", "9223372036854775808"], object))
    >>> numbers.tolist(), are.tolist()
    ([7, -1], [True, False, True, False, False])
    """
    column = pa.array(texts, pa.string())
    is_whole = pc.match_substring_regex(column, _WHOLE).to_numpy(zero_copy_only=False)
    is_long = is_whole & (pc.binary_length(column).to_numpy() > _SURE_DIGITS)
    for at in np.flatnonzero(is_long):
        is_whole[at] = -(2**63) <= int(texts[at]) < 2**63
    return pc.cast(column.filter(pa.array(is_whole)), pa.int64()).to_numpy(), is_whole
