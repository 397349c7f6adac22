"""How a table of records is declared: its columns, its key, its two times.

A fact has a time at which it happened and a time at which it became known. A column that fills in
later names the column that times it and reads as absent before; a column whose past values nobody
kept (a status, a running total) is marked ``mutable`` and is read by no feature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "id": "VARCHAR",
        "code": "VARCHAR",
        "text": "VARCHAR",
        "flag": "BOOLEAN",
        "count": "BIGINT",
        "number": "DOUBLE",
        "yuan": "DOUBLE",
        "share": "DOUBLE",
        "fen": "BIGINT",
        "date": "DATE",
        "time": "TIMESTAMP",
    }
)
"""Kind of column -> canonical SQL type; times are naive local microseconds."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
        Its name in the data.
    kind : str
        A key of ``KINDS``.
    unit : str, default ""
        Unit of the value where the kind does not say it.
    required : bool, default True
        Whether a table without it is refused.
    nullable : bool, default False
        Whether values may be missing.
    values : tuple of str, default ()
        The codes allowed; empty means any.
    timed_by : str, default ""
        The column that says when this one was filled in; its own name for a time that times itself.
    mutable : bool, default False
        Whether it changes without a time of change; no feature may read it.
    low, high : float or None, default None
        Bounds of possible values, inclusive.
    refers_to : str, default ""
        ``table.column`` that must hold the value.
    """

    name: str
    kind: str
    unit: str = ""
    required: bool = True
    nullable: bool = False
    values: tuple[str, ...] = ()
    timed_by: str = ""
    mutable: bool = False
    low: float | None = None
    high: float | None = None
    refers_to: str = ""

    @property
    def sql_type(self) -> str:
        """Give the canonical SQL type."""
        return KINDS[self.kind]


KNOWN_AT = Column("known_at", "time", required=False, nullable=True)
"""What every table may have beside its own columns."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of records.

    Parameters
    ----------
    name : str
        Its name.
    title : str
        What it holds, in words.
    columns : tuple of Column
        Its columns; ``known_at`` is always allowed and need not be listed.
    key : tuple of str
        What identifies a row.
    happened : str
        The column that says when the fact happened; empty: when the parent row did.
    period : {"instant", "day", "month"}, default "instant"
        What ``happened`` names; a summary of a day or month happens at its last microsecond.
    known : str, default "known_at"
        The column that says when it became known; where absent or empty: when it happened.
    parent : str, default ""
        ``table.column`` through which a row finds its merchant; empty: its own ``merchant_id``.
    unique : bool, default True
        Whether a repeated key is an error.
    restricted : bool, default False
        Whether it is read only under a stated purpose and legal basis.
    merchantless : bool, default False
        Whether its rows belong to no merchant (reference data such as exchange rates).
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    happened: str = ""
    period: str = "instant"
    known: str = "known_at"
    parent: str = ""
    unique: bool = True
    restricted: bool = False
    merchantless: bool = False

    def __contains__(self, name: object) -> bool:
        """Tell whether a column of that name is declared."""
        return any(column.name == name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        """Give the declared column of that name; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Give the names of the declared columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def parent_table(self) -> str:
        """Name the table through which rows find their merchant; empty: they name their own."""
        return self.parent.split(".")[0]

    @property
    def required(self) -> tuple[str, ...]:
        """Give the names of the columns without which the table is refused."""
        return tuple(column.name for column in self.columns if column.required)


def identifier(
    name: str, refers_to: str = "", *, required: bool = True, nullable: bool = False
) -> Column:
    """Declare an identifier, by default one that every row has."""
    return Column(name, "id", required=required, nullable=nullable, refers_to=refers_to)


def merchant_column() -> Column:
    """Declare the merchant a row belongs to."""
    return identifier("merchant_id", "merchants.merchant_id")


def code(
    name: str,
    *values: str,
    required: bool = True,
    nullable: bool = False,
    timed_by: str = "",
    mutable: bool = False,
) -> Column:
    """Declare a code, from a closed list where values are given."""
    return Column(
        name,
        "code",
        required=required,
        nullable=nullable,
        values=values,
        timed_by=timed_by,
        mutable=mutable,
    )


def moment(name: str, *, required: bool = True) -> Column:
    """Declare the time of a fact, never missing."""
    return Column(name, "time", required=required)


def later(name: str) -> Column:
    """Declare a time that fills in later and times itself."""
    return Column(name, "time", required=False, nullable=True, timed_by=name)


def yuan(
    name: str,
    *,
    required: bool = True,
    low: float | None = 0.0,
    timed_by: str = "",
    mutable: bool = False,
    nullable: bool | None = None,
) -> Column:
    """Declare an amount of money in yuan, by default not negative."""
    return Column(
        name,
        "yuan",
        unit="yuan",
        required=required,
        nullable=not required if nullable is None else nullable,
        timed_by=timed_by,
        mutable=mutable,
        low=low,
        high=1e11,
    )


def count(name: str, *, required: bool = True) -> Column:
    """Declare a count."""
    return Column(name, "count", required=required, nullable=not required, low=0, high=1e12)


def number(
    name: str,
    unit: str = "",
    *,
    required: bool = True,
    low: float | None = 0.0,
    high: float | None = 1e12,
) -> Column:
    """Declare a number with its unit."""
    return Column(
        name, "number", unit=unit, required=required, nullable=not required, low=low, high=high
    )
