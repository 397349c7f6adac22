"""From declarations to SQL over a view that shows only what was known.

The view joins each question with the facts of its merchant that had happened and were known before
as_of, and shows a column that fills in later only if its time lies before as_of. Aggregates read
nothing but the view, so that a leak would have to be in the view itself. Sums are of integers (fen,
or millionths), so that no order of rows can change a bit.
"""

from __future__ import annotations

from collections.abc import Iterable

from alicredit.declarations import Feature
from alicredit.declarations.aggregates import KEYED, PERIODIC
from alicredit.derived import TABLES
from alicredit.engine.expressions import (
    INFINITY,
    bad_sql,
    conditions_sql,
    measure_sql,
    stored_columns,
    units_of,
    whole_sql,
)
from alicredit.records import Column, quoted

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
        value = f"CASE WHEN coalesce(bool_or({bad}) {keep}, false) THEN {INFINITY} ELSE {value} END"
    return f"CAST({value} AS DOUBLE)"


def _plain(feature: Feature, keep: str) -> str:
    """Write the bare aggregate."""
    time = quoted(_time_column(feature))
    measure, whole, scale = measure_sql(feature), whole_sql(feature), units_of(feature)
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
    weight = f"sum({whole_sql(feature, feature.weight)})" if feature.weight else "count(*)"
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
    poisoned = f"CASE WHEN coalesce(bool_or(bad), false) THEN {INFINITY} ELSE {guarded} END"
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
        f"SELECT row, {week} AS week, {whole_sql(feature)} AS q, {bad} AS bad FROM {view} "
        f"WHERE {_inside(feature)}"
    )
    middle = f"SELECT row, count(*) AS n, bool_or(bad) AS bad, {sums} FROM ({inner}) GROUP BY row"
    guarded = f"CASE WHEN n >= {feature.min_support} THEN {_over_weeks(feature, weeks)} END"
    poisoned = f"CASE WHEN coalesce(bad, false) THEN {INFINITY} ELSE {guarded} END"
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
