"""What a feature reads of its table, written as SQL: columns, measures, conditions, bounds.

Both engines read by these, so that a number, its unit and what is impossible of it are the same in
the compiled windows and in the SQL that these are held to.
"""

from __future__ import annotations

from collections.abc import Collection

from alicredit.declarations import MEASURES, Feature
from alicredit.declarations.aggregates import Condition
from alicredit.derived import TABLES
from alicredit.records import Column, quoted
from alicredit.records.sources import literal

INFINITY = "CAST('inf' AS DOUBLE)"
"""What a feature is that meets an impossible value, so that no score comes of it."""


def stored_columns(feature: Feature) -> list[str]:
    """Give the stored columns a feature reads, its measures taken apart."""
    return [name for read in feature.columns for name in parts_of(feature, read)]


def parts_of(feature: Feature, name: str) -> tuple[str, ...]:
    """Give the stored columns of a measure, or the column itself."""
    measure = MEASURES.get((feature.table, name))
    return measure.columns if measure else (name,)


def is_fed(feature: Feature, present: Collection[str]) -> bool:
    """Tell whether the data have what a feature reads; with the columns that time them.

    Parameters
    ----------
    feature : Feature
        Over events.
    present : collection of str
        The columns of its table that the data have.

    Returns
    -------
    bool
        False where a column, or the column that times it, is not among the data: a sum over it
        would be a zero that nobody wrote down.
    """
    return all(_is_fed(feature, name, present) for name in feature.columns)


def _is_fed(feature: Feature, name: str, present: Collection[str]) -> bool:
    """Tell whether a column or measure is there, with what times it."""
    table = TABLES[feature.table]
    measure = MEASURES.get((feature.table, name))
    stored = [
        column in present and (table[column].timed_by or column) in present
        for column in parts_of(feature, name)
        if measure is None or column not in measure.optional
    ]
    return any(stored) if measure is not None and measure.any_of else all(stored)


def expression_sql(feature: Feature, name: str) -> str:
    """Write a column, or a declared measure over masked columns."""
    measure = MEASURES.get((feature.table, name))
    if measure is None:
        return quoted(name)
    return measure.sql.format(**{column: quoted(column) for column in measure.columns})


def conditions_sql(conditions: tuple[Condition, ...], feature: Feature) -> str:
    """Write filter conditions; a missing value meets none but ``missing``."""
    written = []
    for column, operator, value in conditions:
        name = expression_sql(feature, column)
        if operator in ("set", "missing"):
            written.append(f"{name} IS {'NOT ' if operator == 'set' else ''}NULL")
        elif operator == "in":
            written.append(f"{name} IN ({', '.join(_constant(each) for each in value)})")
        else:
            sign = {"==": "=", "!=": "<>"}.get(operator, operator)
            written.append(f"{name} {sign} {_constant(value)}")
    return "(" + " AND ".join(f"coalesce({each}, false)" for each in written) + ")"


def _constant(value: object) -> str:
    """Write a constant of a declaration."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else literal(str(value))


def measure_sql(feature: Feature) -> str:
    """Write the measure of a feature; fen are shown in yuan."""
    if not feature.measure:
        return "1"
    expression = expression_sql(feature, feature.measure)
    return f"({expression} / 100.0)" if kind_of(feature, feature.measure) == "fen" else expression


def units_of(feature: Feature, name: str = "") -> int:
    """Give how many units of the exact integer make one: fen in a yuan, millionths of a number.

    Numbers that cannot pass ten thousand are taken to billionths; fractions of fen do not exist.
    """
    column = name or feature.measure
    if (feature.table, column) in MEASURES:
        return MEASURES[feature.table, column].scale
    kind = kind_of(feature, column)
    if kind not in ("number", "share"):
        return 100 if kind in ("yuan", "fen") else 1
    high = TABLES[feature.table][column].high
    return 10**9 if high is not None and high <= 10_000 else 10**6


def whole_sql(feature: Feature, name: str = "") -> str:
    """Write a measure as an exact integer; values out of reach are NULL here and poison there."""
    column = name or feature.measure
    if not column:
        return "1"
    expression, scale = expression_sql(feature, column), units_of(feature, name)
    if scale == 100 and kind_of(feature, column) == "fen":
        return f"CAST({expression} AS HUGEINT)"
    bounded = f"CASE WHEN abs({expression}) <= 1e13 THEN {expression} END"
    return f"CAST(round({bounded} * {scale}) AS HUGEINT)"


def kind_of(feature: Feature, column: str) -> str:
    """Give the kind of a stored column, or nothing for a measure."""
    table = TABLES[feature.table]
    return table[column].kind if column in table else ""


def bad_sql(feature: Feature) -> str:
    """Write the condition that any number a fact gives to the feature is impossible."""
    names = [feature.measure, feature.weight, *(column for column, _, _ in feature.hit)]
    found = [impossible_sql(feature, name) for name in dict.fromkeys(names) if name]
    return " OR ".join(f"coalesce({each}, false)" for each in found if each) or "false"


def impossible_sql(feature: Feature, name: str) -> str:
    """Write the condition that a number read is infinite or outside its declared bounds."""
    measure = MEASURES.get((feature.table, name))
    conditions = []
    for column in measure.columns if measure else (name,):
        declared = TABLES[feature.table][column]
        if declared.kind not in ("number", "yuan", "share", "count", "fen"):
            continue
        low, high = bounds_of(declared)
        conditions.append(f"{quoted(column)} NOT BETWEEN {low!r} AND {high!r}")
    return "(" + " OR ".join(conditions) + ")" if conditions else ""


def bounds_of(column: Column) -> tuple[float, float]:
    """Give the least and the largest possible value of a numeric column; no infinity is one."""
    low = -1e300 if column.low is None else column.low
    return low, 1e300 if column.high is None else column.high
