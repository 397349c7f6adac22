"""How a row of records becomes a fact with a merchant and two times.

Features, ledger and policy all read facts through the SQL made here, so that "what was known
before" has one meaning.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from alicredit.records.schema import TABLES, Column, Table

_END_OF_PERIOD = {
    "instant": "CAST({column} AS TIMESTAMP)",
    "day": "CAST({column} AS TIMESTAMP) + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND",
    "month": (
        "CAST(date_trunc('month', {column}) AS TIMESTAMP)"
        " + INTERVAL 1 MONTH - INTERVAL 1 MICROSECOND"
    ),
}


def end_of_period(period: str, expression: str) -> str:
    """Write the moment at which a row of a day or a month, or of an instant, happens.

    Parameters
    ----------
    period : {"instant", "day", "month"}
        What a row is of.
    expression : str
        SQL of its date or time.

    Returns
    -------
    str
        SQL of a timestamp: of a day or month its last microsecond.

    Examples
    --------
    >>> end_of_period("instant", '"paid_at"')
    'CAST("paid_at" AS TIMESTAMP)'
    """
    return _END_OF_PERIOD[period].format(column=expression)


def quoted(name: str) -> str:
    """Quote an identifier for SQL.

    Parameters
    ----------
    name : str
        Any text.

    Returns
    -------
    str
        In double quotes, those in it doubled.

    Examples
    --------
    >>> quoted('to')
    '"to"'
    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def fact_sql(
    columns: Mapping[str, Collection[str]], name: str, *, tables: Mapping[str, Table] = TABLES
) -> str:
    """Write the query that yields a table's facts.

    Every declared column is there, an absent optional one as a typed NULL; beside them stand
    ``_merchant_id``, ``_happened`` and ``_known`` (timestamps: the fact is visible at a moment iff
    both lie before it) and ``_key`` (text that breaks ties). A child row (a refund, a repayment)
    finds its merchant through its parent and is not known before its parent is.

    Parameters
    ----------
    columns : mapping of str to collection of str
        The columns present, by table.
    name : str
        A declared and present table.
    tables : mapping of str to Table, default TABLES
        Where it and its parent are declared.

    Returns
    -------
    str
        A SELECT statement without parameters, over views named as the tables.
    """
    table = tables[name]
    present = columns[name]
    listed = ", ".join(_column_sql(column, present) for column in table.columns)
    happened = _happened_sql(table)
    known = _known_sql(table, present, happened)
    key = _key_sql(table, present)
    if not table.parent:
        merchant = "CAST(NULL AS VARCHAR)" if table.merchantless else 't."merchant_id"'
        return (
            f"SELECT {listed}, {merchant} AS _merchant_id, "
            f"{happened} AS _happened, {known} AS _known, {key} AS _key FROM {quoted(name)} t"
        )
    parent, link = table.parent.split(".")
    return (
        f"SELECT {listed}, p._merchant_id AS _merchant_id, {happened} AS _happened, "
        f"greatest({known}, p._happened, p._known) AS _known, {key} AS _key FROM {quoted(name)} t "
        f"JOIN ({_parent_sql(tables[parent], columns[parent])}) p "
        f"ON t.{quoted(link)} = p._id"
    )


def own_fact_sql(present: Collection[str], name: str) -> str:
    """Write the query that yields a table's own rows as :func:`fact_sql` does, parents apart.

    Where the merchant, or a time, is the parent's it is missing. These are the rows of the facts
    and perhaps more: those without a parent, or with one that is known later.

    Examples
    --------
    >>> own_fact_sql(["loan_id", "at", "amount"], "repayments").endswith('FROM "repayments" t')
    True
    """
    table = TABLES[name]
    listed = ", ".join(_column_sql(column, present) for column in table.columns)
    happened = _happened_sql(table) if table.happened else "CAST(NULL AS TIMESTAMP)"
    is_own = not table.parent and not table.merchantless
    merchant = 't."merchant_id"' if is_own else "CAST(NULL AS VARCHAR)"
    return (
        f"SELECT {listed}, {merchant} AS _merchant_id, {happened} AS _happened, "
        f"{_known_sql(table, present, happened)} AS _known, {_key_sql(table, present)} AS _key "
        f"FROM {quoted(name)} t"
    )


def _parent_sql(parent: Table, present: Collection[str]) -> str:
    """Write the query for what a child needs of its parent: merchant and times."""
    happened = _happened_sql(parent)
    return (
        f'SELECT t.{quoted(parent.key[0])} AS _id, t."merchant_id" AS _merchant_id, '
        f"{happened} AS _happened, {_known_sql(parent, present, happened)} AS _known "
        f"FROM {quoted(parent.name)} t"
    )


def _column_sql(column: Column, present: Collection[str]) -> str:
    """Name a column, or a typed NULL where the data lack it."""
    name = quoted(column.name)
    return f"t.{name}" if column.name in present else f"CAST(NULL AS {column.sql_type}) AS {name}"


def _happened_sql(table: Table) -> str:
    """Give the moment at which a row happened; a schedule happens when its loan does."""
    if not table.happened:
        return "p._happened"
    return end_of_period(table.period, "t." + quoted(table.happened))


def _known_sql(table: Table, present: Collection[str], happened: str) -> str:
    """Give the moment at which a row became known: the latest of the times that say so."""
    times = [name for name in dict.fromkeys((table.known, "known_at")) if name in present]
    listed = ", ".join(f"CAST(t.{quoted(name)} AS TIMESTAMP)" for name in times)
    return f"greatest({happened}, {listed})" if times else happened


def _key_sql(table: Table, present: Collection[str]) -> str:
    """Give the text that breaks ties between rows of equal time."""
    names = [name for name in table.key if name in present]
    parts = ", ".join(f"coalesce(CAST(t.{quoted(name)} AS VARCHAR), '')" for name in names)
    return f"concat_ws('|', {parts})"
