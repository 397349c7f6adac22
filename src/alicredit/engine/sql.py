"""From declarations to SQL over a view that shows only what was known.

The view joins each question with the facts of its merchant that had happened and were known before
as_of, and shows a column that fills in later only if its time lies before as_of. Aggregates read
nothing but the view, so that a leak would have to be in the view itself. Sums are of integers (fen,
or millionths), so that no order of rows can change a bit.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

from alicredit.declarations import MEASURES, Feature
from alicredit.declarations.aggregates import KEYED, PERIODIC, Condition
from alicredit.derived import TABLES
from alicredit.records import Column, quoted
from alicredit.records.sources import literal

_INFINITY = "CAST('inf' AS DOUBLE)"
_DAY_US = 86_400_000_000
_HALF = f"CAST({2**31} AS HUGEINT)"


def view_sql(fact_sql: str, table: str, features: Iterable[Feature]) -> str:
    """Write the masked view of one table: what each question may see of it.

    Parameters
    ----------
    fact_sql : str
        The table's facts, from ``Records.fact_sql``.
    table : str
        Its name.
    features : iterable of Feature
        Which columns are needed, and how far back.

    Returns
    -------
    str
        A SELECT over ``question`` (``row, merchant_id, as_of``) and the facts.
    """
    needed = list(features)
    columns = sorted({column for feature in needed for column in stored_columns(feature)})
    shown = [f"{_masked(TABLES[table][column])} AS {quoted(column)}" for column in columns]
    listed = "".join(f", {each}" for each in shown)
    return (
        f"SELECT q.row, q.as_of, f._happened AS _happened, f._key AS _key{listed} "
        f"FROM question q JOIN ({fact_sql}) f ON f._merchant_id = q.merchant_id "
        f"WHERE f._happened < q.as_of AND f._known < q.as_of{_reach(needed)}"
    )


def _reach(features: list[Feature]) -> str:
    """Leave out facts that lie before every window, by each of the times that place them."""
    starts: dict[str, int] = {}
    for feature in features:
        start, time = feature.window[0], _time_column(feature)
        if start is None:
            return ""
        starts[time] = min(start, starts.get(time, start))
    recent = [f"f.{quoted(time)} >= {_moved('q.as_of', starts[time])}" for time in sorted(starts)]
    return f" AND ({' OR '.join(recent)})"


def _moved(moment: str, microseconds: int) -> str:
    """Write a moment moved by whole hours or days; a day is 24 hours."""
    if not microseconds:
        return moment
    sign = "-" if microseconds < 0 else "+"
    days, rest = divmod(abs(microseconds), _DAY_US)
    length = f"{days} DAY" if not rest else f"{abs(microseconds) * 24 // _DAY_US} HOUR"
    return f"{moment} {sign} INTERVAL {length}"


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


def _time_column(feature: Feature) -> str:
    """Give the column that places a fact in the window."""
    return feature.time or "_happened"


def _masked(column: Column) -> str:
    """Show a column only if what times it lies before as_of."""
    name = f"f.{quoted(column.name)}"
    if not column.timed_by:
        return name
    return f"CASE WHEN f.{quoted(column.timed_by)} < q.as_of THEN {name} END"


def aggregate_sql(feature: Feature, view: str) -> str:
    """Write the query of one feature over its table's view: ``row`` and the value."""
    name = quoted(feature.name)
    if feature.aggregate in KEYED:
        return _keyed_sql(feature, view, name)
    if feature.aggregate in PERIODIC:
        return _periodic_sql(feature, view, name)
    return f"SELECT row, {value_sql(feature)} AS {name} FROM {view} GROUP BY row"


def is_plain(feature: Feature) -> bool:
    """Tell whether a feature is one aggregate over the view, so that many share one pass."""
    return feature.aggregate not in KEYED and feature.aggregate not in PERIODIC


def value_sql(feature: Feature) -> str:
    """Write the aggregate expression of a plain feature, with its support and poison rules."""
    keep = f"FILTER (WHERE {_inside(feature)})"
    value = _plain(feature, keep)
    count = f"count({measure_sql(feature)}) {keep}" if feature.measure else f"count(*) {keep}"
    if not feature.zero_when_empty:
        value = f"CASE WHEN {count} >= {feature.min_support} THEN {value} END"
    bad = bad_sql(feature)
    if bad != "false":
        value = (
            f"CASE WHEN coalesce(bool_or({bad}) {keep}, false) THEN {_INFINITY} ELSE {value} END"
        )
    return f"CAST({value} AS DOUBLE)"


def _plain(feature: Feature, keep: str) -> str:
    """Write the bare aggregate."""
    time = quoted(_time_column(feature))
    measure, whole, scale = measure_sql(feature), _whole(feature), units_of(feature)
    known = f"FILTER (WHERE {_inside(feature)} AND {measure} IS NOT NULL)"
    count = f"(count({measure}) {keep})"
    total = f"CAST(coalesce(sum({whole}) {keep}, 0) AS DOUBLE)"
    coarse = f"CAST(round({whole} / 1e6) AS HUGEINT)"
    is_wide = f"max(abs({whole})) {keep} * {count} > CAST(1e18 AS HUGEINT)"
    spread = (
        f"CASE WHEN {is_wide} THEN 1e6 * {_spread(coarse, count, keep)}"
        f" ELSE {_spread(whole, count, keep)} END"
    )
    hits = f"count(*) FILTER (WHERE {_inside(feature)} AND {conditions_sql(feature.hit, feature)})"
    since = f"date_diff('microsecond', {{}}({time}) {keep}, any_value(as_of)) / 86400000000.0"
    return {
        "count": f"count(*) {keep}",
        "sum": f"{total} / {scale}",
        "mean": f"{total} / {scale} / {count}",
        "std": f"CASE WHEN {count} > 1 THEN {spread} / {scale} END",
        "min": f"min({measure}) {keep}",
        "max": f"max({measure}) {keep}",
        "first": f"first({measure} ORDER BY {time}, _key, {measure}) {known}",
        "last": f"last({measure} ORDER BY {time}, _key, {measure}) {known}",
        "median": f"median({measure}) {keep}",
        "p10": f"quantile_cont({measure}, 0.1) {keep}",
        "p90": f"quantile_cont({measure}, 0.9) {keep}",
        "share": f"({hits}) / CAST(count(*) {keep} AS DOUBLE)" if feature.hit else "NULL",
        "distinct": f"count(DISTINCT {measure}) {keep}",
        "active_days": f"count(DISTINCT CAST({time} AS DATE)) {keep}",
        "days_since": since.format("max"),
        "days_since_first": since.format("min"),
    }[feature.aggregate]


def _spread(whole: str, count: str, keep: str) -> str:
    """Write the sample standard deviation of exact integers.

    Squares are summed in halves: those of integers too large for them, which are never put
    together, must not overflow either.
    """
    total = f"sum({whole}) {keep}"
    high, low = f"({whole} // {_HALF})", f"({whole} % {_HALF})"
    squares = (
        f"((sum({high} * {high}) {keep}) * {_HALF} * {_HALF}"
        f" + 2 * (sum({high} * {low}) {keep}) * {_HALF} + (sum({low} * {low}) {keep}))"
    )
    exact = f"{count} * {squares} - ({total}) * ({total})"
    return f"sqrt(greatest(CAST({exact} AS DOUBLE), 0) / ({count} * ({count} - 1)))"


def _keyed_sql(feature: Feature, view: str, name: str) -> str:
    """Write an aggregate over the keys of a window (buyers, categories)."""
    weight = f"sum({_whole(feature, feature.weight)})" if feature.weight else "count(*)"
    total = "CAST(sum(w) FILTER (WHERE w > 0) AS DOUBLE)"
    largest = "CAST(list_sum(list_reverse_sort(list(w))[1:5]) AS DOUBLE)"
    squares = "list_sum(list_sort(list(pow(CAST(w AS DOUBLE), 2))))"
    logs = f"list_sum(list_sort(list({_log_weight()}) FILTER (WHERE w > 0)))"
    value = {
        "repeat_share": "count(*) FILTER (WHERE n > 1) / CAST(count(*) AS DOUBLE)",
        "top_share": "CAST(max(w) AS DOUBLE) / nullif(CAST(sum(w) AS DOUBLE), 0)",
        "top5_share": f"{largest} / nullif(CAST(sum(w) AS DOUBLE), 0)",
        "hhi": f"{squares} / nullif(pow(CAST(sum(w) AS DOUBLE), 2), 0)",
        "entropy": f"CASE WHEN {total} > 0 THEN round(ln({total}) - {logs} / {total}, 12) END",
    }[feature.aggregate]
    key = measure_sql(feature)
    inner = (
        f"SELECT row, {key} AS key, count(*) AS n, CAST({weight} AS HUGEINT) AS w, "
        f"bool_or({bad_sql(feature)}) AS bad FROM {view} WHERE {_inside(feature)} "
        f"AND {key} IS NOT NULL GROUP BY row, key"
    )
    guarded = f"CASE WHEN sum(n) >= {feature.min_support} THEN {value} END"
    poisoned = f"CASE WHEN coalesce(bool_or(bad), false) THEN {_INFINITY} ELSE {guarded} END"
    return f"SELECT row, CAST({poisoned} AS DOUBLE) AS {name} FROM ({inner}) GROUP BY row"


def _log_weight() -> str:
    """Write w ln w of a key; keys without weight are left out, and their logarithm never taken."""
    return "CASE WHEN w > 0 THEN CAST(w AS DOUBLE) * ln(CAST(w AS DOUBLE)) END"


def _periodic_sql(feature: Feature, view: str, name: str) -> str:
    """Write an aggregate over the equal weeks of a window, the oldest first."""
    weeks = (feature.window_days or 0) // 7
    time = quoted(_time_column(feature))
    age = f"date_diff('microsecond', {time}, as_of)"
    week = f"CAST({weeks - 1} - floor(({age} - 1) / {7 * 86_400_000_000}.0) AS INTEGER)"
    bad, units = bad_sql(feature), units_of(feature)
    sums = ", ".join(
        f"CAST(coalesce(sum(q) FILTER (WHERE week = {k}), 0) AS DOUBLE) / {units} AS w{k}"
        for k in range(weeks)
    )
    inner = (
        f"SELECT row, {week} AS week, {_whole(feature)} AS q, {bad} AS bad FROM {view} "
        f"WHERE {_inside(feature)}"
    )
    middle = f"SELECT row, count(*) AS n, bool_or(bad) AS bad, {sums} FROM ({inner}) GROUP BY row"
    guarded = f"CASE WHEN n >= {feature.min_support} THEN {_over_weeks(feature, weeks)} END"
    poisoned = f"CASE WHEN coalesce(bad, false) THEN {_INFINITY} ELSE {guarded} END"
    return f"SELECT row, CAST({poisoned} AS DOUBLE) AS {name} FROM ({middle})"


def _over_weeks(feature: Feature, weeks: int) -> str:
    """Write slope, variation, emptiness or downside of weekly sums w0 .. in fixed order."""
    every = [f"w{k}" for k in range(weeks)]
    if feature.aggregate == "empty_share":
        empty = " + ".join(f"CAST({each} = 0 AS INTEGER)" for each in every)
        return f"({empty}) / {weeks}.0"
    if feature.aggregate == "slope":
        centre = (weeks - 1) / 2
        scale = sum((k - centre) ** 2 for k in range(weeks))
        parts = [
            f"({k - centre}) * sign({each}) * ln(1 + abs({each}))" for k, each in enumerate(every)
        ]
        return f"({' + '.join(parts)}) / {scale}"
    mean = f"(({' + '.join(every)}) / {weeks}.0)"
    if feature.aggregate == "cv":
        squares = " + ".join(f"pow({each} - {mean}, 2)" for each in every)
        return f"CASE WHEN {mean} > 0 THEN sqrt(({squares}) / {weeks - 1}.0) / {mean} END"
    below = " + ".join(f"pow(least({each} - {mean}, 0), 2)" for each in every)
    return f"CASE WHEN {mean} > 0 THEN sqrt(({below}) / {weeks}.0) / {mean} END"


def composed_sql(feature: Feature) -> str:
    """Write the expression of a feature of other features; an infinite part stays infinite."""
    parts = [quoted(part) for part in feature.of]
    plain = feature.aggregate == "shrunk" or math.isclose(feature.factor, 1)
    first = parts[0] if plain else f"({feature.factor!r} * {parts[0]})"
    second = parts[1] if len(parts) > 1 else "0"
    prior = f"{feature.factor!r} * {parts[-1]}"
    log = f"CASE WHEN {first} > -1 AND {second} > -1 THEN ln(({first} + 1) / ({second} + 1)) END"
    value = {
        "ratio": f"CASE WHEN {second} <> 0 THEN {first} / {second} END",
        "difference": f"{first} - {second}",
        "gap": f"abs({log})",
        "log_ratio": log,
        "overstatement": f"CASE WHEN {first} <= {second} THEN 0 ELSE {log} END",
        "log1p": f"CASE WHEN {first} < 0 THEN 0 ELSE ln(1 + {first}) END",
        "coalesce": f"coalesce({first}, {second})",
        "larger": f"greatest({first}, {second})",
        "utilisation": f"{first} / CASE WHEN {second} < 1 THEN 1 ELSE {second} END",
        "normalised": f"CASE WHEN {second} > 1 THEN greatest(({first} - 1 / {second})"
        f" / (1 - 1 / {second}), 0) END",
        "shrunk": f"({first} + {prior}) / ({second} + {feature.factor!r})",
    }[feature.aggregate]
    if feature.support:
        value = f"CASE WHEN {quoted(feature.support)} >= {feature.min_support} THEN {value} END"
    poisoned = " OR ".join(f"coalesce(isinf({part}), false)" for part in parts)
    return f"CAST(CASE WHEN {poisoned} THEN {_INFINITY} ELSE {value} END AS DOUBLE)"


def _inside(feature: Feature) -> str:
    """Write the condition that a fact lies in the window and meets the filters."""
    time = quoted(_time_column(feature))
    start, end = feature.window
    conditions = [f"{time} < {_moved('as_of', end)}"]
    if start is not None:
        conditions.append(f"{time} >= {_moved('as_of', start)}")
    if feature.where:
        conditions.append(conditions_sql(feature.where, feature))
    return " AND ".join(conditions)


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


def expression_sql(feature: Feature, name: str) -> str:
    """Write a column, or a declared measure over masked columns."""
    measure = MEASURES.get((feature.table, name))
    if measure is None:
        return quoted(name)
    return measure.sql.format(**{column: quoted(column) for column in measure.columns})


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


def _whole(feature: Feature, name: str = "") -> str:
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
