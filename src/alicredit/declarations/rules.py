"""What a declaration must fulfil before anything is computed: lawful, computable, named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alicredit.checks import nearest, refuse, require_one_of, require_whole
from alicredit.declarations.aggregates import (
    KEYED,
    OPERATORS,
    OVER_EVENTS,
    OVER_FEATURES,
    PERIODIC,
    SINCE,
)
from alicredit.declarations.measures import MEASURES
from alicredit.derived import TABLES
from alicredit.errors import FeatureError
from alicredit.vocabulary import REASONS

if TYPE_CHECKING:
    from alicredit.declarations.declaration import Feature

NUMERIC = ("number", "yuan", "share", "count", "fen")
"""Kinds of columns that can be added."""

_FORBIDDEN = {
    "marital": "marital status is a prohibited basis of credit decisions",
}
_CLOSED = {
    "psych_items": "psychometric answers are read only by features declared restricted=True",
}
_PLACES = ("region", "city", "buyer_region", "address", "legal_rep_name")
_SPREAD = ("buyer_region",)


MOST_TITLE = 200
"""Letters of a title or unit at most (assumed; a model's file takes a few more)."""


def check_feature(feature: Feature) -> None:
    """Refuse a declaration without a lawful, computable meaning."""
    require_whole("min_support", feature.min_support, 1, error=FeatureError)
    if feature.direction not in (-1, 0, 1):
        refuse("direction", "must be -1, 0 or +1", feature.direction, error=FeatureError)
    require_one_of("code", feature.code, REASONS, error=FeatureError)
    require_one_of("evidence", feature.evidence, ("A", "B", "J"), error=FeatureError)
    if not feature.title:
        refuse("title", "must be given", "none", error=FeatureError)
    for name in ("title", "title_zh", "unit"):
        if len(getattr(feature, name)) > MOST_TITLE and not feature.counts_for:
            rule = f"must have at most {MOST_TITLE} letters: a model's file carries it"
            refuse(name, rule, len(getattr(feature, name)), error=FeatureError)
    if feature.of:
        _check_of_features(feature)
    else:
        _check_over_events(feature)


def _check_of_features(feature: Feature) -> None:
    """Refuse an aggregate of features that lacks its name or parts."""
    require_one_of("aggregate", feature.aggregate, OVER_FEATURES, error=FeatureError)
    if not feature.label:
        refuse("label", "must name a feature of other features", "none", error=FeatureError)
    needed = OVER_FEATURES[feature.aggregate]
    if len(feature.of) != needed:
        rule = f"must name {needed} for {feature.aggregate}"
        refuse("of", rule, feature.of, error=FeatureError)


def _check_over_events(feature: Feature) -> None:
    """Refuse an aggregate of events over what no feature may or can read."""
    _check_table(feature)
    require_one_of("aggregate", feature.aggregate, OVER_EVENTS, error=FeatureError)
    if OVER_EVENTS[feature.aggregate] != bool(feature.measure):
        need = "must" if OVER_EVENTS[feature.aggregate] else "must not"
        rule = f"{need} be given for {feature.aggregate}"
        refuse("measure", rule, repr(feature.measure), error=FeatureError)
    if feature.counts_for and feature.aggregate != "count":
        rule = "must be given for count alone"
        refuse("counts_for", rule, repr(feature.counts_for), error=FeatureError)
    for condition in (*feature.where, *feature.hit):
        _check_condition(condition)
    for column in feature.columns:
        _check_column(feature, column)
    _check_kinds(feature)
    _check_window(feature)
    if (feature.aggregate == "share") != bool(feature.hit):
        rule = "must be given for share and nothing else"
        refuse("hit", rule, feature.hit, error=FeatureError)


def _check_table(feature: Feature) -> None:
    """Refuse facts that no feature may read, and those that only a declared purpose opens."""
    if feature.table in _FORBIDDEN:
        rule = f"must be lawful: {_FORBIDDEN[feature.table]}"
        refuse("table", rule, repr(feature.table), error=FeatureError)
    if feature.table in _CLOSED and not feature.restricted:
        rule = f"must be lawful: {_CLOSED[feature.table]}"
        refuse("table", rule, repr(feature.table), error=FeatureError)
    require_one_of("table", feature.table, TABLES, error=FeatureError)
    if TABLES[feature.table].merchantless:
        refuse("table", "must hold facts of merchants", repr(feature.table), error=FeatureError)


def _check_window(feature: Feature) -> None:
    """Refuse two windows at once, broken weeks, and a look ahead at what is not known ahead."""
    lengths = {
        name: getattr(feature, name) for name in ("window_days", "window_hours", "ahead_days")
    }
    given = {name: length for name, length in lengths.items() if length is not None}
    for name, length in given.items():
        require_whole(name, length, 1, error=FeatureError)
    if len(given) > 1:
        rule = "must be given alone"
        refuse(" and ".join(given), rule, list(given.values()), error=FeatureError)
    if feature.aggregate in PERIODIC and (not feature.window_days or feature.window_days % 7):
        rule = f"must be whole weeks for {feature.aggregate}"
        refuse("window_days", rule, feature.window_days, error=FeatureError)
    if feature.ahead_days is not None:
        _check_ahead(feature)


def _check_ahead(feature: Feature) -> None:
    """Refuse a window after as_of over a time that is only known once it has come."""
    table = TABLES[feature.table]
    if not feature.time or feature.time == table.happened or table[feature.time].timed_by:
        rule = "must be a column of times known in advance, such as instalments.due_at"
        refuse("time", f"{rule}, for ahead_days", repr(feature.time), error=FeatureError)
    if feature.aggregate in SINCE:
        rule = f"must not be given for {feature.aggregate}, which looks back"
        refuse("ahead_days", rule, feature.ahead_days, error=FeatureError)


def _check_column(feature: Feature, column: str) -> None:
    """Refuse a column that is unknown, untimed or closed to features."""
    table = TABLES[feature.table]
    if (feature.table, column) in MEASURES:
        return
    if column not in table:
        known = [*table.names, *(m for t, m in MEASURES if t == feature.table)]
        rule = f"must be a column or measure of {feature.table}"
        refuse("column", rule, repr(column), do=nearest(column, known), error=FeatureError)
    if column in _PLACES and not _is_spread(feature, column):
        rule = "must not stand for a place or a protected trait"
        refuse("column", rule, repr(column), error=FeatureError)
    if table[column].mutable:
        rule = "must not change without a time of change"
        do = "derive the state from the timed columns"
        refuse("column", rule, repr(column), do=do, error=FeatureError)


def _is_spread(feature: Feature, column: str) -> bool:
    """Tell whether only the spread over a column's values is read, never a value itself."""
    conditions = (*feature.where, *feature.hit)
    read = [each for each, operator, _ in conditions if operator not in ("set", "missing")]
    spread = feature.aggregate in ("entropy", "hhi", "distinct")
    is_spread = (
        spread if column == feature.measure else column not in (feature.weight, feature.time)
    )
    return column in _SPREAD and is_spread and column not in read


def _check_kinds(feature: Feature) -> None:
    """Refuse a sum of words, a weight that is none and a time that is none."""
    table = TABLES[feature.table]
    if feature.time and (feature.table, feature.time) in MEASURES:
        refuse("time", "must be a column of times", repr(feature.time), error=FeatureError)
    if feature.time and table[feature.time].kind not in ("time", "date"):
        refuse("time", "must be a column of times", repr(feature.time), error=FeatureError)
    added = "" if feature.aggregate in (*KEYED, "distinct") else feature.measure
    for name in filter(None, (added, feature.weight)):
        measure = MEASURES.get((feature.table, name))
        is_number = not measure.is_key if measure else table[name].kind in NUMERIC
        if not is_number:
            rule = f"must be a number for {feature.aggregate}"
            refuse("measure", rule, repr(name), error=FeatureError)


def _check_condition(condition: Any) -> None:
    """Refuse a filter that is no column, operator and fitting value."""
    if not isinstance(condition, tuple) or len(condition) != 3:
        rule = "must be (column, operator, value)"
        refuse("where", rule, repr(condition), error=FeatureError)
    _, operator, value = condition
    require_one_of("operator", operator, OPERATORS, error=FeatureError)
    if (operator == "in") != isinstance(value, tuple):
        rule = "must be a tuple for 'in' and for nothing else"
        refuse("value of a filter", rule, repr(value), error=FeatureError)
    if (operator in ("set", "missing")) != (value is None):
        rule = "must be None for 'set' and 'missing', and for nothing else"
        refuse("value of a filter", rule, repr(value), error=FeatureError)
