"""How a table that is made of other facts is declared: its sources, its query, its two times."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from alicredit.records import Table

PEERS = "peers"
"""Kind of owner whose rows belong to a group of merchants and not to one of them."""


@dataclass(frozen=True, slots=True)
class RowsOf:
    """What says of a derived table that each of its rows is a row of another.

    Columns of the same name hold the same, so that who reads the other reads both. A row is known
    when the other's fact is and the time of it that counts is past.

    Parameters
    ----------
    table : str
        The other table.
    time : str
        The time of the other that counts: there is a row of each fact that has one. It is never
        after the moment at which the row happens.
    days : int
        By how many days it is before that at most.
    made : mapping of str to str
        Column that the other lacks -> its expression over the other's facts.
    """

    table: str
    time: str
    days: int
    made: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DerivedTable:
    """A table of facts that are made of other facts, read as if it stood among the records.

    A derived fact happens when its ``table`` says and becomes known with the last of its parents;
    a value that can only be made later has a time of its own, as any column that fills in later.

    Parameters
    ----------
    table : Table
        Its columns, key and times, as of any table of records.
    sources : mapping of str to tuple of str
        Table it is made of -> columns that must be there beside the required ones; where one lacks
        there is no derived table, and features of it are NaN.
    sql : str
        A query that gives the columns and ``known_at``; it reads ``NAME_facts`` for each source.
    optional : tuple of str, default ()
        Tables that it reads where they are there.
    needs : mapping of str to tuple of (str, str), default empty
        Column -> (table, column) without which this column cannot be made and is left out; it is
        also where it is not read. An optional table that stands here bears on these columns alone.
    owner : str, default "merchant"
        ``"merchant"``, or ``"peers"``: ``merchant_id`` names a group of merchants.
    is_of_others : bool, default False
        Whether facts that are not the merchant's go into its own (other merchants', or exchange
        rates, which are nobody's), so that it must be made of all.
    is_view : bool, default False
        Whether it is made anew at each reading, in constant memory, instead of once.
    sums : str, default ""
        A query of whole numbers that merchants add to each other's facts, which ``sql`` reads as
        ``NAME_sums``: those of some merchants and those of all others add up to those of all. A
        table of others is made by it on a cluster, whose tasks see a part of the merchants each;
        being whole numbers, the sums are the same however they are added up.
    summed : tuple of str, default ()
        The columns of ``sums`` that are added up; by all its others.
    lasting : mapping of str to (str, int), default empty
        Source -> the moment of its facts, and the days after it for which a fact bears on rows of
        the table; empty where that has no end.
    apart : str, default ""
        A column of all that it is made of, rows of unlike values of which never meet, so that it
        can be made a part at a time; empty where there is none.
    plain, odd : str, default ""
        A query of the rows of plain values of ``apart``, the same rows as of ``sql`` but found
        sooner; and the query of the hashes (``hashed``) of values that are not. They read
        ``NAME_own`` too: rows without their parent's.
    once : tuple of str, default ()
        Tables in each of which a plain value stands once at most.
    rows_of : RowsOf or None, default None
        The table each row of which, or of some of which, is a row of this one.
    """

    table: Table
    sources: Mapping[str, tuple[str, ...]]
    sql: str
    optional: tuple[str, ...] = ()
    needs: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    owner: str = "merchant"
    is_of_others: bool = False
    is_view: bool = False
    sums: str = ""
    summed: tuple[str, ...] = ()
    lasting: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    apart: str = ""
    plain: str = ""
    odd: str = ""
    once: tuple[str, ...] = ()
    rows_of: RowsOf | None = None

    @property
    def name(self) -> str:
        """Give the table's name."""
        return self.table.name

    def is_of_use(self, source: str, columns: Set[str] | None) -> bool:
        """Tell whether an optional table bears on any of the columns that are read; None: all."""
        on = [c for c, needs in self.needs.items() if source in {table for table, _ in needs}]
        return columns is None or not on or not columns.isdisjoint(on)
