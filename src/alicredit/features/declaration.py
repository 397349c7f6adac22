"""A feature is declared as data; its column name, its query and its meaning follow from that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd

from alicredit.checks import nearest, refusal, require_one_of, require_whole
from alicredit.errors import FeatureError
from alicredit.features.measures import MEASURES
from alicredit.records import TABLES
from alicredit.vocabulary import REASONS

Condition = tuple[str, str, Any]

OPERATORS = ("==", "!=", "in", "<", "<=", ">", ">=", "set", "missing")
"""What a filter may ask of a column; ``set`` and ``missing`` take None."""

OVER_EVENTS: Mapping[str, bool] = MappingProxyType(
    {
        "count": False,
        "sum": True,
        "mean": True,
        "std": True,
        "min": True,
        "max": True,
        "first": True,
        "last": True,
        "median": True,
        "p10": True,
        "p90": True,
        "share": False,
        "distinct": True,
        "repeat_share": True,
        "top_share": True,
        "hhi": True,
        "entropy": True,
        "active_days": False,
        "days_since": False,
        "slope": True,
        "cv": True,
        "empty_share": True,
        "downside": True,
    }
)
"""Aggregate over the events of a window -> whether it needs a measure."""

OVER_FEATURES = ("ratio", "difference", "gap", "overstatement", "log1p", "coalesce", "utilisation")
"""Aggregates of other features: a / b, a - b, |ln((a+1)/(b+1))|, its positive part, ln(1+a),
the first that is known, a / max(b, 1)."""

_COUNTS_KEYS = ("distinct", "repeat_share", "top_share", "hhi", "entropy")
_NUMERIC = ("number", "yuan", "share", "count", "fen")
_PERIODIC = ("slope", "cv", "empty_share", "downside")
_UNSUPPORTED_IS_ZERO = ("count", "sum", "distinct", "active_days")
_FORBIDDEN = {
    "marital": "marital status is a prohibited basis of credit decisions",
    "psych_items": "psychometric answers are no feature of this catalogue",
}
_FORBIDDEN_COLUMNS = ("region", "city", "buyer_region", "address", "legal_rep_name")


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One column: an aggregate of a table's facts in a window before as_of, or of other features.

    Parameters
    ----------
    table : str, default ""
        Table of the facts; empty for a feature of other features.
    aggregate : str
        A key of ``OVER_EVENTS`` or a word of ``OVER_FEATURES``.
    measure : str, default ""
        Column or declared measure that is aggregated.
    window_days : int or None, default None
        Facts in ``[as_of - window_days, as_of)``; None: all before as_of.
    where : tuple of (str, str, object), default ()
        Conditions that a fact must meet: column, operator, value.
    hit : tuple of (str, str, object), default ()
        For ``share``: the further conditions that count.
    time : str, default ""
        Column whose time places the fact in the window; empty: when it happened.
    weight : str, default ""
        For ``top_share``, ``hhi`` and ``entropy``: amounts that weigh a key; empty: counts.
    of : tuple of str, default ()
        Names of the features that an aggregate of features takes.
    factor : float, default 1.0
        Multiplies the first of ``of`` (to compare windows of unlike lengths).
    support : str, default ""
        Name of a count that must reach ``min_support``; empty: the facts of the window.
    min_support : int, default 1
        Fewer facts give NaN; counts and sums are 0 instead.
    label : str, default ""
        Word that tells filters apart in the name; the whole name for features of features.
    title, title_zh : str
        What a person reads.
    unit : str, default ""
        Unit of the value.
    direction : int, default 0
        +1 where more is held to be riskier, -1 safer, 0 unconstrained: what the model obeys.
    expected : int or None, default None
        Expected sign where it is not constrained; None: the direction.
    code : str, default "SC_OTHER"
        Reason code.
    evidence : str, default "J"
        A: studies of default; B: lenders' practice or adjacent studies; J: judgement.

    Examples
    --------
    >>> Feature(table="orders", aggregate="sum", measure="amount", window_days=90,
    ...         title="order value", title_zh="订单金额").name
    'orders_amount_sum_90d'
    >>> Feature(table="marital", aggregate="count", title="x", title_zh="x")
    Traceback (most recent call last):
    alicredit.errors.FeatureError: table must be lawful: marital status is a prohibited basis ...
    """

    table: str = ""
    aggregate: str
    measure: str = ""
    window_days: int | None = None
    where: tuple[Condition, ...] = ()
    hit: tuple[Condition, ...] = ()
    time: str = ""
    weight: str = ""
    of: tuple[str, ...] = ()
    factor: float = 1.0
    support: str = ""
    min_support: int = 1
    label: str = ""
    title: str
    title_zh: str
    unit: str = ""
    direction: int = 0
    expected: int | None = None
    code: str = "SC_OTHER"
    evidence: str = "J"

    def __post_init__(self) -> None:
        """Refuse a declaration without a lawful, computable meaning."""
        require_whole("min_support", self.min_support, 1, error=FeatureError)
        if self.direction not in (-1, 0, 1):
            raise FeatureError(refusal("direction", "must be -1, 0 or +1", self.direction))
        require_one_of("code", self.code, REASONS, error=FeatureError)
        require_one_of("evidence", self.evidence, ("A", "B", "J"), error=FeatureError)
        if not (self.title and self.title_zh):
            raise FeatureError(refusal("title and title_zh", "must both be given", "none"))
        if self.of:
            self._check_of_features()
        else:
            self._check_over_events()

    @property
    def name(self) -> str:
        """Give the column name that follows from the declaration."""
        if self.of:
            return self.label
        window = "" if self.window_days is None else f"{self.window_days}d"
        parts = (self.table, self.label, self.measure, self.aggregate, window)
        return "_".join(part for part in parts if part)

    @property
    def zero_when_empty(self) -> bool:
        """Tell whether no facts give 0 instead of NaN."""
        return self.aggregate in _UNSUPPORTED_IS_ZERO and not self.of

    def _check_of_features(self) -> None:
        """Refuse an aggregate of features that lacks its name or parts."""
        require_one_of("aggregate", self.aggregate, OVER_FEATURES, error=FeatureError)
        if not self.label:
            raise FeatureError(refusal("label", "must name a feature of other features", "none"))
        needed = 1 if self.aggregate == "log1p" else 2
        if len(self.of) != needed:
            rule = f"must name {needed} for {self.aggregate}"
            raise FeatureError(refusal("of", rule, self.of))

    def _check_over_events(self) -> None:
        """Refuse an aggregate of events over what no feature may or can read."""
        if self.table in _FORBIDDEN:
            rule = f"must be lawful: {_FORBIDDEN[self.table]}"
            raise FeatureError(refusal("table", rule, repr(self.table)))
        require_one_of("table", self.table, TABLES, error=FeatureError)
        require_one_of("aggregate", self.aggregate, OVER_EVENTS, error=FeatureError)
        if self.window_days is not None:
            require_whole("window_days", self.window_days, 1, error=FeatureError)
        if OVER_EVENTS[self.aggregate] != bool(self.measure):
            need = "must" if OVER_EVENTS[self.aggregate] else "must not"
            rule = f"{need} be given for {self.aggregate}"
            raise FeatureError(refusal("measure", rule, repr(self.measure)))
        if self.aggregate in _PERIODIC and (self.window_days or 0) % 7:
            rule = f"must be whole weeks for {self.aggregate}"
            raise FeatureError(refusal("window_days", rule, self.window_days))
        for condition in (*self.where, *self.hit):
            _check_condition(condition)
        for column in self.columns:
            self._check_column(column)
        self._check_kinds()
        if (self.aggregate == "share") != bool(self.hit):
            raise FeatureError(refusal("hit", "must be given for share and nothing else", self.hit))

    @property
    def columns(self) -> tuple[str, ...]:
        """Give the columns and measures it reads."""
        read = [self.measure, self.weight, self.time]
        read += [column for column, _, _ in (*self.where, *self.hit)]
        return tuple(dict.fromkeys(each for each in read if each))

    def _check_column(self, column: str) -> None:
        """Refuse a column that is unknown, untimed or closed to features."""
        table = TABLES[self.table]
        if (self.table, column) in MEASURES:
            return
        if column not in table:
            known = [*table.names, *(m for t, m in MEASURES if t == self.table)]
            rule = f"must be a column or measure of {self.table}"
            raise FeatureError(refusal("column", rule, repr(column), nearest(column, known)))
        if column in _FORBIDDEN_COLUMNS:
            rule = "must not stand for a place or a protected trait"
            raise FeatureError(refusal("column", rule, repr(column)))
        if table[column].mutable:
            rule = "must not change without a time of change"
            do = "derive the state from the timed columns"
            raise FeatureError(refusal("column", rule, repr(column), do))

    def _check_kinds(self) -> None:
        """Refuse a sum of words, a weight that is none and a time that is none."""
        if TABLES[self.table].merchantless:
            rule = "must hold facts of merchants"
            raise FeatureError(refusal("table", rule, repr(self.table)))
        if self.time and TABLES[self.table][self.time].kind not in ("time", "date"):
            raise FeatureError(refusal("time", "must be a column of times", repr(self.time)))
        added = "" if self.aggregate in _COUNTS_KEYS else self.measure
        for name in filter(None, (added, self.weight)):
            is_measure = (self.table, name) in MEASURES
            if not is_measure and TABLES[self.table][name].kind not in _NUMERIC:
                rule = f"must be a number for {self.aggregate}"
                raise FeatureError(refusal("measure", rule, repr(name)))

    def definition(self) -> dict[str, Any]:
        """Give what the value depends on, without its texts."""
        texts = ("title", "title_zh", "unit", "direction", "expected", "code", "evidence")
        return {key: value for key, value in asdict(self).items() if key not in texts}


def _check_condition(condition: Condition) -> None:
    """Refuse a filter that is no column, operator and fitting value."""
    if not isinstance(condition, tuple) or len(condition) != 3:
        raise FeatureError(refusal("where", "must be (column, operator, value)", repr(condition)))
    _, operator, value = condition
    require_one_of("operator", operator, OPERATORS, error=FeatureError)
    if (operator == "in") != isinstance(value, tuple):
        rule = "must be a tuple for 'in' and for nothing else"
        raise FeatureError(refusal("value of a filter", rule, repr(value)))
    if (operator in ("set", "missing")) != (value is None):
        rule = "must be None for 'set' and 'missing', and for nothing else"
        raise FeatureError(refusal("value of a filter", rule, repr(value)))


@dataclass(frozen=True, eq=False)
class Catalogue(Sequence[Feature]):
    """Features in order, by name; add to it with ``+``.

    Parameters
    ----------
    features : tuple of Feature
        Of different names; what a feature takes of others stands in it too.

    Examples
    --------
    >>> orders = Feature(table="orders", aggregate="count", window_days=30, title="orders",
    ...                  title_zh="订单数")
    >>> catalogue = Catalogue((orders,))
    >>> catalogue.names, catalogue.directions
    (('orders_count_30d',), {'orders_count_30d': 0})
    >>> catalogue + [orders]
    Traceback (most recent call last):
    alicredit.errors.FeatureError: features must have different names; found 'orders_count_30d' ...
    """

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        """Refuse repeated names and parts that are not there."""
        seen: set[str] = set()
        for feature in self.features:
            if feature.name in seen:
                rule = "must have different names"
                found = f"{feature.name!r} twice"
                raise FeatureError(refusal("features", rule, found, "give one a label"))
            parts = [*feature.of, *([feature.support] if feature.support else [])]
            for part in parts:
                if part not in seen:
                    rule = f"must stand before {feature.name!r}, which takes it"
                    raise FeatureError(refusal(f"feature {part!r}", rule, nearest(part, seen)))
            seen.add(feature.name)

    def __len__(self) -> int:
        """Count the features."""
        return len(self.features)

    def __iter__(self) -> Iterator[Feature]:
        """Go through the features in order."""
        return iter(self.features)

    def __getitem__(self, key: Any) -> Any:
        """Take a feature by name or position, or a slice of features."""
        if isinstance(key, str):
            for feature in self.features:
                if feature.name == key:
                    return feature
            rule = "must be a feature of the catalogue"
            raise FeatureError(refusal(f"{key!r}", rule, "none", nearest(key, self.names)))
        return self.features[key]

    def __add__(self, more: Iterable[Feature]) -> Catalogue:
        """Give a catalogue with more features at its end."""
        return Catalogue((*self.features, *more))

    def __repr__(self) -> str:
        """Say how many features over which tables."""
        return f"Catalogue({len(self)} features over {', '.join(self.tables)})"

    @property
    def names(self) -> tuple[str, ...]:
        """Give the column names in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def tables(self) -> tuple[str, ...]:
        """Give the tables the features read, in order of first use."""
        return tuple(dict.fromkeys(f.table for f in self.features if f.table))

    @property
    def directions(self) -> dict[str, int]:
        """Give the constrained direction of risk by name."""
        return {feature.name: feature.direction for feature in self.features}

    def sources(self, name: str) -> tuple[str, ...]:
        """Give the tables that a feature needs, through its parts too."""
        feature = self[name]
        parts = [*feature.of, *([feature.support] if feature.support else [])]
        found = [feature.table] if feature.table else []
        for part in parts:
            found += self.sources(part)
        return tuple(dict.fromkeys(found))

    def subset(self, names: Iterable[str]) -> Catalogue:
        """Keep the named features and what they take, in the catalogue's order."""
        wanted: set[str] = set()
        stack = list(names)
        while stack:
            feature = self[stack.pop()]
            wanted.add(feature.name)
            stack += [*feature.of, *([feature.support] if feature.support else [])]
        return Catalogue(tuple(f for f in self.features if f.name in wanted))

    @property
    def digest(self) -> str:
        """Give a digest of all definitions, for a model to remember."""
        text = json.dumps([f.definition() for f in self.features], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def describe(self) -> pd.DataFrame:
        """List the features as a frame: name, titles, unit, direction, evidence, code, tables."""
        return pd.DataFrame(
            {
                "name": self.names,
                "title": [f.title for f in self.features],
                "title_zh": [f.title_zh for f in self.features],
                "unit": [f.unit for f in self.features],
                "direction": [f.direction for f in self.features],
                "expected": [
                    f.direction if f.expected is None else f.expected for f in self.features
                ],
                "evidence": [f.evidence for f in self.features],
                "code": [f.code for f in self.features],
                "tables": [", ".join(self.sources(name)) for name in self.names],
                "min_support": [f.min_support for f in self.features],
            }
        )
