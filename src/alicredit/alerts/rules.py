"""Rules of early warning, as data: what is read, from which value on it counts, how much."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from alicredit.checks import refuse, require_kind, require_one_of, require_whole
from alicredit.features import Feature
from alicredit.vocabulary import WARNINGS

__all__ = ["WARNING_RULES", "WarningRule", "WarningRules"]

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

_COMPARE = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


@dataclass(frozen=True, kw_only=True)
class WarningRule:
    """One rule: from which values on something counts as a warning, and how many points.

    Parameters
    ----------
    code : str
        A key of ``vocabulary.WARNINGS``, which holds its titles in English and Chinese.
    features : tuple of Feature
        What it reads of the merchant, point in time; empty for what no feature declares (the first
        day after a disbursement, a score's own path).
    operator : {"<", "<=", ">", ">="}
        On which side of a step values are worse.
    steps : tuple of (float, int)
        Thresholds with their points, the mildest first, each worse than the one before and with
        more points; a value has the points of the worst step that it reaches.
    window_days : int
        How many days before the look it reads for what is new.
    unit : str
        Unit of the value.
    evidence : str
        A: studies of default; B: lenders' practice or adjacent studies; J: judgement.

    Examples
    --------
    >>> rule = WARNING_RULES["WARN_RATING_DROP"]
    >>> rule.threshold, rule.title_zh
    (-0.1, '店铺动态评分下降')
    >>> rule.points_of(np.array([-0.3, 0.0, np.nan])).tolist()
    [1, 0, 0]
    >>> WarningRule(code="WARN_NO_LOGIN", features=(), operator=">=", steps=((5, 1), (4, 2)),
    ...             window_days=5, unit="days", evidence="J")
    Traceback (most recent call last):
    alicredit.errors.InputError: steps must be each worse than the one before, ...
    """

    code: str
    features: tuple[Feature, ...]
    operator: str
    steps: tuple[tuple[float, int], ...]
    window_days: int
    unit: str
    evidence: str

    def __post_init__(self) -> None:
        """Refuse a rule without meaning."""
        require_one_of("code", self.code, WARNINGS)
        require_one_of("operator", self.operator, _COMPARE)
        require_one_of("evidence", self.evidence, ("A", "B", "J"))
        require_whole("window_days", self.window_days, 1)
        if not isinstance(self.steps, tuple) or not self.steps:
            refuse("steps", "must be at least one pair of threshold and points", repr(self.steps))
        before: tuple[float, int] | None = None
        for threshold, points in self.steps:
            require_whole("points", points, 1)
            if isinstance(threshold, bool) or not math.isfinite(threshold):
                refuse("threshold", "must be a finite number", repr(threshold))
            if before and not (self.is_worse(threshold, before[0]) and points > before[1]):
                rule = "must be each worse than the one before, and have more points"
                refuse("steps", rule, self.steps)
            before = threshold, points

    @property
    def threshold(self) -> float:
        """Give the mildest threshold."""
        return self.steps[0][0]

    @property
    def title(self) -> str:
        """Give what an officer reads, in English."""
        return WARNINGS[self.code].text

    @property
    def title_zh(self) -> str:
        """Give the same in Chinese."""
        return WARNINGS[self.code].text_zh

    def is_worse(self, value: float, than: float) -> bool:
        """Tell whether a value lies on the worse side of another."""
        return value < than if self.operator in ("<", "<=") else value > than

    def reaches(self, values: Floats, threshold: float) -> npt.NDArray[np.bool_]:
        """Tell which values reach a threshold; an unknown one does not."""
        return np.asarray(_COMPARE[self.operator](values, threshold), dtype=bool)

    def points_of(self, values: Floats) -> Whole:
        """Give each value's points; an unknown value has none."""
        points = np.zeros(len(values), dtype=np.int64)
        for threshold, worth in self.steps:
            points[self.reaches(values, threshold)] = worth
        return points


@dataclass(frozen=True)
class WarningRules:
    """A set of rules and how many points together are a warning.

    Points add up, so that a worse value or one more rule never lowers a level.

    Parameters
    ----------
    rules : tuple of WarningRule
        Of different codes.
    amber_points : int, default 1
        From so many points on a loan is amber.
    red_points : int, default 2
        From so many on it is red.
    pulled_products : tuple of str, default ("taobao_order",)
        Products whose loan is taken back at red, by sweeping the orders behind it.

    Examples
    --------
    >>> len(WARNING_RULES), WARNING_RULES.amber_points
    (9, 1)
    >>> WARNING_RULES.without("WARN_TRANSFER_OUT").codes[-1]
    'WARN_OVERDUE'
    >>> WarningRules(WARNING_RULES.rules, amber_points=3, red_points=2)
    Traceback (most recent call last):
    alicredit.errors.InputError: red_points must be a whole number of at least 3; found 2.
    """

    rules: tuple[WarningRule, ...]
    amber_points: int = 1
    red_points: int = 2
    pulled_products: tuple[str, ...] = ("taobao_order",)

    def __post_init__(self) -> None:
        """Refuse none, repeated rules and levels out of order."""
        require_kind("rules", self.rules, tuple, "must be a tuple of rules")
        if not self.rules:
            refuse("rules", "must be at least one", "none")
        for rule in self.rules:
            require_kind("rules", rule, WarningRule, "must hold WarningRule and nothing else")
        if len(set(self.codes)) < len(self.codes):
            refuse("rules", "must have different codes", self.codes)
        require_whole("amber_points", self.amber_points, 1)
        require_whole("red_points", self.red_points, self.amber_points)

    def __repr__(self) -> str:
        """Name the rules and the marks."""
        return (f"WarningRules({', '.join(self.codes)}; amber from {self.amber_points} points, "
                f"red from {self.red_points})")  # fmt: skip

    def __len__(self) -> int:
        """Count the rules."""
        return len(self.rules)

    def __getitem__(self, code: str) -> WarningRule:
        """Take a rule by its code."""
        require_one_of("code", code, self.codes)
        return next(rule for rule in self.rules if rule.code == code)

    @property
    def codes(self) -> tuple[str, ...]:
        """Give the codes in order."""
        return tuple(rule.code for rule in self.rules)

    def without(self, *codes: str) -> WarningRules:
        """Leave rules out: a decision that the reader of the rules can see."""
        for code in codes:
            require_one_of("code", code, self.codes)
        return replace(self, rules=tuple(r for r in self.rules if r.code not in codes))


def _feature(chinese: str, title: str, **declared: object) -> Feature:
    """Declare a feature that a rule reads."""
    return Feature(title=title, title_zh=chinese, **declared)  # type: ignore[arg-type]


def _paid(days: int, aggregate: str = "sum") -> Feature:
    """Declare the value or number of orders paid in a window."""
    measure = {"measure": "amount"} if aggregate == "sum" else {}
    return _feature("付款订单", "paid orders", table="orders", label="paid", time="paid_at",
                    aggregate=aggregate, window_days=days, **measure)  # fmt: skip


def _ratings(days: int) -> Feature:
    """Declare the mean detailed rating of a window; three ratings at least."""
    return _feature("店铺动态评分", "mean detailed rating", table="ratings", aggregate="mean",
                    measure="dsr", window_days=days, min_support=3)  # fmt: skip


def _days_written(days: int) -> Feature:
    """Declare the days of a window whose dealings are written down."""
    return _feature("有记录天数", "days written down", table="interactions_daily",
                    aggregate="count", window_days=days)  # fmt: skip


def _refunds(days: int) -> Feature:
    """Declare the refunds asked for in a window."""
    return _feature("退款笔数", "refunds", table="refunds", aggregate="count", window_days=days)


SALES = (_paid(14), _paid(98), _paid(14, "count"), _paid(98, "count"))
REFUNDS = (_refunds(28), _refunds(208), _paid(28, "count"), _paid(208, "count"))
RATINGS = (
    _ratings(30), _ratings(180),
    _feature("评分变化", "change of the rating", label="rating_change", aggregate="difference",
             of=("ratings_dsr_mean_30d", "ratings_dsr_mean_180d")),
)  # fmt: skip
LOGINS = (
    _days_written(5), _days_written(33),
    _feature("距最近登录天数", "days since the last login", table="interactions_daily",
             label="seen", aggregate="days_since", where=(("logins", ">", 0),)),
)  # fmt: skip
VIOLATIONS = (
    _feature("违规次数", "violations", table="violations", aggregate="count", window_days=30),
)


def _rule(
    code: str,
    operator: str,
    *steps: tuple[float, int],
    reads: Iterable[Feature] = (),
    days: int,
    unit: str,
    evidence: str = "J",
) -> WarningRule:
    """Declare a rule."""
    return WarningRule(code=code, features=tuple(reads), operator=operator, steps=steps,
                       window_days=days, unit=unit, evidence=evidence)  # fmt: skip


WARNING_RULES = WarningRules(
    (
        _rule("WARN_SALES_FALL", "<", (0.5, 1), reads=SALES, days=14,
              unit="share of expectation", evidence="B"),
        _rule("WARN_REFUND_RISE", ">=", (2.0, 1), reads=REFUNDS, days=28,
              unit="times the usual rate", evidence="B"),
        _rule("WARN_RATING_DROP", "<=", (-0.1, 1), reads=RATINGS, days=30,
              unit="points of 5", evidence="B"),
        _rule("WARN_NO_LOGIN", ">=", (5.0, 1), reads=LOGINS, days=5, unit="days"),
        _rule("WARN_TRANSFER_OUT", ">", (0.8, 2), days=1, unit="share of the loan"),
        _rule("WARN_VIOLATION", ">=", (1.0, 1), reads=VIOLATIONS, days=30, unit="violations",
              evidence="B"),
        _rule("WARN_SCORE_FALL", "<=", (-20.0, 1), days=28, unit="points of the score"),
        _rule("WARN_SCORE_LOW", "<", (550.0, 1), days=31, unit="points of the score"),
        _rule("WARN_OVERDUE", ">=", (1.0, 1), (91.0, 2), days=1, unit="days", evidence="B"),
    )
)  # fmt: skip
"""The rule set of DOMAIN 3.3 with its thresholds; and a low or falling score, if scores are given.

An overdue payment is no early sign, but no loan is green that has one: amber from the first day
past due, red in default (DOMAIN 5.1).

Assumed: windows of 28 days for refunds and 30 for violations, one point a rule (amber) and two
(red) for a transfer out, 20 points of the score (the odds halved on the default scale) and 550
points (DOMAIN 5.7: a probability of default near 10 %).
"""
