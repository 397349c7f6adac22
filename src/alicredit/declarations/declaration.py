"""A feature is declared as data; its column name, its query and its meaning follow from that."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from alicredit.checks import nearest, refusal, refuse
from alicredit.declarations.aggregates import (
    OPERATORS,
    OVER_EVENTS,
    OVER_FEATURES,
    PERIODIC,
    ZERO_WHEN_EMPTY,
    Condition,
)
from alicredit.declarations.rules import check_feature
from alicredit.derived import base_tables
from alicredit.errors import FeatureError

__all__ = ["OPERATORS", "OVER_EVENTS", "OVER_FEATURES", "Catalogue", "Condition", "Feature"]

_DAY_US = 86_400_000_000
_TEXTS = (
    "title", "title_zh", "unit", "direction", "expected", "code", "evidence", "note", "is_part",
)  # fmt: skip


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
    window_hours : int or None, default None
        The same in hours, instead of days.
    ahead_days : int or None, default None
        Facts, known before as_of, whose ``time`` lies in ``[as_of, as_of + ahead_days)``: what is
        known in advance, such as dues; instead of a window before as_of.
    where : tuple of (str, str, object), default ()
        Conditions that a fact must meet: column, operator, value.
    hit : tuple of (str, str, object), default ()
        For ``share``: the further conditions that count.
    time : str, default ""
        Column whose time places the fact in the window; empty: when it happened.
    weight : str, default ""
        For shares, concentration and entropy of keys: amounts that weigh a key; empty: counts.
    of : tuple of str, default ()
        Names of the features that an aggregate of features takes.
    factor : float, default 1.0
        Multiplies the first of ``of`` (to compare windows of unlike lengths); the weight of the
        prior mean for ``shrunk``.
    support : str, default ""
        Name of a count that must reach ``min_support``; empty: the facts of the window.
    min_support : int, default 1
        Fewer facts give NaN; counts and sums are 0 instead.
    label : str, default ""
        Word that tells filters apart in the name; the whole name for features of features.
    counts_for : str, default ""
        Name of the feature whose facts a count counts; the count is named after it, with ``_n``.
    restricted : bool, default False
        Whether the caller states a lawful basis for reading a restricted table of answers.
    is_part : bool, default False
        Whether it is only what other features are made of, and no column of its own (what peers
        sold tells the calendar, which no model should learn).
    title, title_zh : str
        What a person reads; where there is no Chinese, the English stands for both.
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
    note : str, default ""
        Why it stays where data speak against its sign or leave it open.

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
    window_hours: int | None = None
    ahead_days: int | None = None
    where: tuple[Condition, ...] = ()
    hit: tuple[Condition, ...] = ()
    time: str = ""
    weight: str = ""
    of: tuple[str, ...] = ()
    factor: float = 1.0
    support: str = ""
    min_support: int = 1
    label: str = ""
    counts_for: str = ""
    restricted: bool = False
    is_part: bool = False
    title: str
    title_zh: str = ""
    unit: str = ""
    direction: int = 0
    expected: int | None = None
    code: str = "SC_OTHER"
    evidence: str = "J"
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse a declaration without a lawful, computable meaning."""
        check_feature(self)
        if not self.title_zh:
            object.__setattr__(self, "title_zh", self.title)

    @functools.cached_property
    def name(self) -> str:
        """Give the column name that follows from the declaration."""
        if self.of:
            return self.label
        if self.counts_for:
            return f"{self.counts_for}_n"
        window = "" if self.window_days is None else f"{self.window_days}d"
        window += "" if self.window_hours is None else f"{self.window_hours}h"
        window += "" if self.ahead_days is None else f"next_{self.ahead_days}d"
        parts = (self.table, self.label, self.measure, self.aggregate, window)
        return "_".join(part for part in parts if part)

    @property
    def zero_when_empty(self) -> bool:
        """Tell whether no facts give 0 instead of NaN."""
        return self.aggregate in ZERO_WHEN_EMPTY and not self.of

    @property
    def window(self) -> tuple[int | None, int]:
        """Give the window's start and end in microseconds from as_of; None: from the beginning.

        A fact lies inside if its time is at least as_of + start and before as_of + end.
        """
        if self.ahead_days is not None:
            return 0, self.ahead_days * _DAY_US
        if self.window_hours is not None:
            return -self.window_hours * _DAY_US // 24, 0
        return (None if self.window_days is None else -self.window_days * _DAY_US), 0

    @property
    def parts(self) -> tuple[str, ...]:
        """Give the names of the features it takes, its support among them."""
        return tuple(dict.fromkeys(part for part in (*self.of, self.support) if part))

    @property
    def columns(self) -> tuple[str, ...]:
        """Give the columns and measures it reads."""
        read = [self.measure, self.weight, self.time]
        read += [column for column, _, _ in (*self.where, *self.hit)]
        return tuple(dict.fromkeys(each for each in read if each))

    def definition(self) -> dict[str, Any]:
        """Give what the value depends on, without its texts."""
        return {key: value for key, value in asdict(self).items() if key not in _TEXTS}

    def count(self) -> Feature:
        """Declare the count of the facts that support it: those whose measure is known.

        Examples
        --------
        >>> median = Feature(table="orders", aggregate="median", measure="amount", min_support=5,
        ...                  window_days=90, title="median order", title_zh="订单金额中位数")
        >>> median.count().name
        'orders_amount_median_90d_n'
        """
        known = self.measure and self.aggregate not in PERIODIC
        return Feature(
            table=self.table,
            aggregate="count",
            window_days=self.window_days,
            window_hours=self.window_hours,
            ahead_days=self.ahead_days,
            where=(*self.where, *([(self.measure, "set", None)] if known else [])),
            time=self.time,
            counts_for=self.name,
            restricted=self.restricted,
            title=f"{self.title}: facts counted",
            title_zh=f"{self.title_zh}：样本数",
            unit="facts",
            code=self.code,
        )


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
        """Refuse what is no feature, repeated names and parts that are not there."""
        object.__setattr__(self, "features", _listed(self.features))
        seen: set[str] = set()
        for feature in self.features:
            if feature.name in seen:
                rule = "must have different names"
                found = f"{feature.name!r} twice"
                raise FeatureError(refusal("features", rule, found, "give one a label"))
            for part in feature.parts:
                if part not in seen:
                    rule = f"must stand before {feature.name!r}, which takes it"
                    do = nearest(part, seen)
                    raise FeatureError(refusal(f"feature {part!r}", rule, "no such one", do))
            seen.add(feature.name)

    @functools.cached_property
    def _by_name(self) -> dict[str, Feature]:
        """Give the features by name."""
        return {feature.name: feature for feature in self.features}

    def __len__(self) -> int:
        """Count the features."""
        return len(self.features)

    def __iter__(self) -> Iterator[Feature]:
        """Go through the features in order."""
        return iter(self.features)

    def __contains__(self, key: object) -> bool:
        """Tell whether a feature is there, by name or itself."""
        if isinstance(key, str):
            return key in self._by_name
        return key in self.features

    def __getitem__(self, key: Any) -> Any:
        """Take a feature by name or position, or a slice of features."""
        if isinstance(key, str):
            if key in self._by_name:
                return self._by_name[key]
            rule = "must be a feature of the catalogue"
            raise FeatureError(refusal(f"{key!r}", rule, "none", nearest(key, self.names)))
        return self.features[key]

    def __add__(self, more: Iterable[Feature]) -> Catalogue:
        """Give a catalogue with more features at its end."""
        return Catalogue((*self.features, *_listed(more)))

    def __repr__(self) -> str:
        """Say how many features over which tables."""
        return f"Catalogue({len(self)} features over {', '.join(self.tables)})"

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """Give the column names in order; a mere part of other features is none."""
        return tuple(feature.name for feature in self.features if not feature.is_part)

    @property
    def tables(self) -> tuple[str, ...]:
        """Give the tables the features read, in order of first use."""
        return tuple(dict.fromkeys(f.table for f in self.features if f.table))

    @property
    def directions(self) -> dict[str, int]:
        """Give the constrained direction of risk by name."""
        return {feature.name: feature.direction for feature in self._shown}

    @property
    def expected(self) -> dict[str, int]:
        """Give the expected direction of risk by name, whether constrained or not."""
        return {f.name: f.direction if f.expected is None else f.expected for f in self._shown}

    def sources(self, name: str) -> tuple[str, ...]:
        """Give the tables of records that a feature needs, through its parts and derived tables.

        Parameters
        ----------
        name : str
            A feature.

        Returns
        -------
        tuple of str
            Each table once.

        Raises
        ------
        FeatureError
            For a feature that is not in the catalogue.
        """
        feature = self[name]
        found = list(base_tables([feature.table])) if feature.table else []
        for part in feature.parts:
            found += self.sources(part)
        return tuple(dict.fromkeys(found))

    def subset(self, names: Iterable[str]) -> Catalogue:
        """Keep the named features and what they take, in the catalogue's order.

        Parameters
        ----------
        names : iterable of str
            Features.

        Returns
        -------
        Catalogue
            With their parts, and what they need for support.

        Raises
        ------
        FeatureError
            For a feature that is not in the catalogue, or one text in place of names.
        """
        wanted: set[str] = set()
        if isinstance(names, str):
            refuse(
                "names", "must be a list of names", repr(names), f"[{names!r}]", error=FeatureError
            )
        stack = list(names)
        while stack:
            feature = self[stack.pop()]
            wanted.add(feature.name)
            stack += feature.parts
        return Catalogue(tuple(f for f in self.features if f.name in wanted))

    def with_counts(self) -> Catalogue:
        """Add, after each feature that needs more than one fact, how many it has: ``name_n``."""
        named, kept = {feature.name for feature in self.features}, list[Feature]()
        for feature in self.features:
            kept.append(feature)
            counted = self._support_of(feature)
            if counted and counted not in named and not feature.of and not feature.is_part:
                kept.append(feature.count())
        return Catalogue(tuple(kept))

    @property
    def digest(self) -> str:
        """Give a digest of all definitions, for a model to remember."""
        text = json.dumps([f.definition() for f in self.features], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def describe(self) -> pd.DataFrame:
        """List the features as a frame: name, titles, unit, signs, evidence, code, support."""
        return pd.DataFrame(
            {
                "name": self.names,
                "title": [f.title for f in self._shown],
                "title_zh": [f.title_zh for f in self._shown],
                "unit": [f.unit for f in self._shown],
                "direction": [f.direction for f in self._shown],
                "expected": list(self.expected.values()),
                "evidence": [f.evidence for f in self._shown],
                "code": [f.code for f in self._shown],
                "tables": [", ".join(self.sources(name)) for name in self.names],
                "min_support": [f.min_support for f in self._shown],
                "support": [self._support_of(feature) for feature in self._shown],
                "note": [f.note for f in self._shown],
            }
        )

    @property
    def _shown(self) -> tuple[Feature, ...]:
        """Give the features that are columns."""
        return tuple(feature for feature in self.features if not feature.is_part)

    def _support_of(self, feature: Feature) -> str:
        """Name the column that counts what a feature rests on, where it needs more than one."""
        if feature.support or feature.min_support == 1 or feature.zero_when_empty:
            return feature.support
        return f"{feature.name}_n"


def _listed(features: object) -> tuple[Feature, ...]:
    """Give features as a tuple, or say what stands there that is none."""
    rule, do = "must be a list of features", "[Feature(...), ...]"
    if isinstance(features, str) or not isinstance(features, Iterable):
        refuse("features", rule, type(features).__name__, do, error=FeatureError)
    listed = tuple(features)
    for each in listed:
        if not isinstance(each, Feature):
            found = repr(each) if isinstance(each, str) else type(each).__name__
            refuse("features", rule, found, do, error=FeatureError)
    return listed
