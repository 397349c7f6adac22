"""Where data speak against the direction a feature is held to, with the evidence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_complex_dtype, is_numeric_dtype
from scipy.special import expit, logit, ndtr

from alicredit.checks import (
    nearest,
    refuse,
    require_between,
    require_kind,
    require_mapping,
    require_one_order,
    require_whole,
)
from alicredit.cohort import Cohort, require_cohort
from alicredit.evaluation.arrays import Floats, clusters, labels, numbers, require_sign
from alicredit.evaluation.rates import Estimate
from alicredit.evaluation.stability import adjust_p

COLUMNS = (
    "feature", "test", "direction", "found", "estimate", "low", "high", "p", "p_adjusted", "rows",
    "defaults", "evidence",
)  # fmt: skip
"""Columns of the report."""

TESTS = ("alone", "beside the others")
"""The feature against outcomes by itself, and against what a model's probabilities leave over."""

_STEPS = 100
_FEWEST = 20
_NOTHING = 1e-12


def find_contradictions(
    X: pd.DataFrame,
    y: npt.ArrayLike,
    directions: Mapping[str, int],
    *,
    cohort: Cohort | None = None,
    probability: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    level: float = 0.05,
    min_defaults: int = _FEWEST,
) -> pd.DataFrame:
    """List features whose outcomes go against the direction they are held to.

    Two one-sided tests a feature, over the ranks of its values in at most 100 steps. *Alone*: the
    area under its own ROC curve (one half: it says nothing). *Beside the others*, where
    ``probability`` is given: the log-odds that its rank would add to those probabilities, from its
    lowest value to its highest, with their intercept and slope left free (score test, Rao 1948);
    this means something where the probabilities do not use the feature themselves, as a model held
    to a direction that data speak against does not. Variances sum over merchants; p-values are
    adjusted over all tests (Holm 1979): where nothing speaks against any direction, something is
    listed with a chance of at most ``level``.

    Parameters
    ----------
    X : pandas.DataFrame
        Features, one row a question; a missing value leaves its row out of that feature's tests.
    y : array of 0 and 1
        Outcomes, all known.
    directions : mapping of str to int
        Feature -> +1 (more is riskier), -1, or 0, which is passed over.
    cohort : Cohort or None, default None
        Of the same rows: whose they are. None takes each row for a merchant of its own.
    probability : array or None, default None
        The probability of default that all else gives for each row; NaN leaves a row out of the
        second test, None makes the first test alone.
    weight : array or None, default None
        Weights of rows; a row of weight 0 is not there.
    level : float, default 0.05
        The adjusted p-value up to which a test is listed; 1 lists all that could be made.
    min_defaults : int, default 20 (assumed)
        Fewer defaulting, or surviving, merchants with a known value: no test.

    Returns
    -------
    pandas.DataFrame
        Smallest p first: ``feature, test, direction, found`` (the sign that the data show),
        ``estimate, low, high`` (area, or log-odds; 95 %), ``p, p_adjusted, rows, defaults,
        evidence`` (a sentence). Where the values of all defaulters lie beyond those of all others,
        no error shows: the area is 0 or 1, and p is 0 against the direction, 1 with it.

    Raises
    ------
    InputError
        If lengths differ, a feature is no column of numbers, a sign or a label is none.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"debt": rng.normal(size=4000), "sales": rng.normal(size=4000)})
    >>> y = rng.random(4000) < 1 / (1 + np.exp(2 - X["debt"]))
    >>> find_contradictions(X, y, {"debt": -1, "sales": -1})[["feature", "found"]].values.tolist()
    [['debt', 1]]
    >>> find_contradictions(X, y, {"dept": -1})
    Traceback (most recent call last):
    alicredit.errors.InputError: directions must name columns of X; found 'dept'. Try: ...
    """
    require_between("level", level, 0, 1)
    found = measure_directions(
        X, y, directions, cohort=cohort, probability=probability, weight=weight,
        min_defaults=min_defaults,
    )  # fmt: skip
    return listed(found, level)


def listed(found: pd.DataFrame, level: float) -> pd.DataFrame:
    """Keep the tests that speak against a direction at a level, smallest p first."""
    kept = found[found["p_adjusted"].notna() & (found["p_adjusted"] <= level)]
    return kept.sort_values(["p", "feature", "test"], ignore_index=True)


def measure_directions(
    X: pd.DataFrame,
    y: npt.ArrayLike,
    directions: Mapping[str, int],
    *,
    cohort: Cohort | None = None,
    probability: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    min_defaults: int = _FEWEST,
    unused: Collection[str] | None = None,
) -> pd.DataFrame:
    """Make the tests of :func:`find_contradictions`, in the order of ``directions``.

    p is NaN where the rows say nothing. The second test is made of ``unused`` features alone (None:
    of all); one that is not made for this still counts in the adjustment.

    Parameters
    ----------
    X, y, directions : as of :func:`find_contradictions`
        The same.
    cohort : Cohort or None, default None
        The same.
    probability, weight : array or None, default None
        The same.
    min_defaults : int, default 20 (assumed)
        The same.
    unused : collection of str or None, default None
        Features that the probabilities do not use.

    Returns
    -------
    pandas.DataFrame
        As :func:`find_contradictions` gives, a row a test, all of them.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"debt": rng.normal(size=4000), "sales": rng.normal(size=4000)})
    >>> y = rng.random(4000) < 1 / (1 + np.exp(2 - X["debt"]))
    >>> measure_directions(X, y, {"debt": 1, "sales": -1})["feature"].tolist()
    ['debt', 'sales']
    >>> measure_directions(X, y, {"dept": -1})
    Traceback (most recent call last):
    alicredit.errors.InputError: directions must name columns of X; found 'dept'. Try: ...
    """
    require_kind("X", X, pd.DataFrame, "must be a pandas DataFrame")
    require_whole("min_defaults", min_defaults, 1)
    _check_directions(X, directions)
    require_one_order(X=X, y=y, probability=probability, weight=weight)
    label = labels(y)
    if np.isnan(label).any():
        refuse("y", "must be known for each row", f"{int(np.isnan(label).sum())} NaN")
    who = np.arange(len(label)) if cohort is None else _merchants(require_cohort(cohort))
    if not len(X) == len(label) == len(who):
        refuse("X, y and cohort", "must have the same rows", f"{len(X)}, {len(label)}, {len(who)}")
    mass = np.ones(len(label)) if weight is None else _weights(weight, len(label))
    margin = np.zeros(len(label)) if probability is None else _margin(probability, len(label))
    rows = _Rows(label, mass, who, margin)
    second = set() if probability is None else set(directions if unused is None else unused)
    lines: list[tuple[Any, ...]] = []
    for feature in (name for name, sign in directions.items() if sign):
        values = _finite_or_missing(X[feature], feature)
        there = np.isfinite(values) & (mass > 0)
        step = _steps(values, there)
        for test in TESTS if feature in second else TESTS[:1]:
            used = there & np.isfinite(margin) if test == TESTS[1] else there
            known = rows.take(used)
            found = known.test(test, step[used], min_defaults)
            size = (len(known.y), int(known.y.sum()))
            lines.append((feature, test, int(directions[feature]), found, *size))
    least = 0 if probability is None else 2 * sum(map(bool, directions.values()))
    return _report(lines, least)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Outcomes, weights, merchants by number, and the log-odds of a model."""

    y: Floats
    weight: Floats
    who: npt.NDArray[np.int64]
    margin: Floats

    def take(self, used: npt.NDArray[np.bool_]) -> _Rows:
        """Keep some rows."""
        return _Rows(self.y[used], self.weight[used], self.who[used], self.margin[used])

    def test(self, test: str, step: npt.NDArray[np.int64], least: int) -> Estimate:
        """Make a test; NaN where too few merchants stand behind an outcome."""
        sides = [np.bincount(self.who[self.y == k]) for k in (0, 1)]
        if min(np.count_nonzero(side) for side in sides) < least:
            return Estimate(np.nan, np.nan)
        return (_alone if test == TESTS[0] else _beside)(step, self)

    def error(self, parts: Floats) -> float:
        """Give the standard error of a sum whose rows share fates within merchants; NaN of one."""
        sums = np.bincount(self.who, weights=parts)
        many = np.count_nonzero(np.bincount(self.who))
        if many < 2:
            return np.nan
        return float(np.sqrt((sums**2).sum() * many / (many - 1)))


def _steps(values: Floats, there: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Number the steps of values between the percentiles of those there; equal ones share one."""
    if not there.any():
        return np.zeros(len(values), dtype=np.int64)
    at = np.linspace(0, 1, _STEPS + 1)[1:-1]
    edges = np.unique(np.quantile(values[there], at, method="inverted_cdf"))
    return np.searchsorted(edges, values, side="left")


def _alone(step: npt.NDArray[np.int64], known: _Rows) -> Estimate:
    """Estimate the area under the curve over steps, its error by placements (DeLong 1988)."""
    bad, good = (known.weight * (known.y == k) for k in (1, 0))
    low_bad, low_good = (_ranks_below(step, each) for each in (bad, good))
    area = float((bad * low_good[step]).sum() / bad.sum())
    parts = bad / bad.sum() * (low_good[step] - area)
    parts += good / good.sum() * (1 - low_bad[step] - area)
    return Estimate(area, known.error(parts))


def _ranks_below(step: npt.NDArray[np.int64], weight: Floats) -> Floats:
    """Give the share of weight below each step, half of its own with it."""
    held = np.bincount(step, weights=weight)
    return (np.cumsum(held) - held / 2) / held.sum()


def _beside(step: npt.NDArray[np.int64], known: _Rows) -> Estimate:
    """Estimate in one step the log-odds that ranks add to a margin of free intercept and slope."""
    rank = _ranks_below(step, known.weight)[step]
    p = expit(known.margin)
    curve = known.weight * p * (1 - p)
    base = np.column_stack([np.ones_like(p), known.margin])
    nuisance = np.linalg.lstsq((base * curve[:, None]).T @ base, base.T @ (curve * rank), None)[0]
    rest = rank - base @ nuisance
    information = float((curve * rest**2).sum())
    if information <= 1e-9 * curve.sum():
        return Estimate(np.nan, 0.0)
    parts = known.weight * (known.y - p) * rest / information
    value = float(parts.sum())
    return Estimate(value, known.error(parts))


def _report(lines: list[tuple[Any, ...]], least: int) -> pd.DataFrame:
    """Lay out estimates, one-sided p-values against the direction, and what they say in words.

    P-values are adjusted as of at least so many tests.
    """
    rows: list[tuple[Any, ...]] = []
    for name, test, sign, found, size, defaults in lines:
        neutral = 0.5 if test == TESTS[0] else 0.0
        off = found.value - neutral
        z = _errors_off(off, found.se)
        shown = 0 if np.isnan(z) else int(np.sign(off))
        ends = (found.value, found.low, found.high)
        rows.append((name, test, sign, shown, *ends, float(ndtr(sign * z)), size, defaults))
    at = [each for each in COLUMNS if each not in ("p_adjusted", "evidence")]
    frame = pd.DataFrame(rows, columns=at)
    p = np.append(frame["p"].to_numpy(float), np.ones(max(least - len(frame), 0)))
    frame.insert(COLUMNS.index("p_adjusted"), "p_adjusted", adjust_p(p)[: len(frame)])
    errors = [found.se for _, _, _, found, _, _ in lines]
    texts = [_sentence(row, se) for row, se in zip(frame.itertuples(), errors, strict=True)]
    return frame.assign(evidence=pd.Series(texts, index=frame.index, dtype=object))


def _errors_off(off: float, se: float) -> float:
    """Give how many errors lie between; without error, infinitely many, or NaN where none is."""
    if se <= _NOTHING:
        return float(np.copysign(np.inf, off)) if abs(off) > _NOTHING else np.nan
    return off / se


def _sentence(row: Any, se: float) -> str:
    """Say what a test found."""
    if np.isnan(row.p) and np.isnan(se):
        return f"too few merchants behind an outcome among {row.rows} rows to say"
    if np.isnan(row.p):
        beside = "" if row.test == TESTS[0] else " beside the others"
        return f"no variation{beside} among {row.rows} rows, so that nothing can be said"
    more = "more" if row.found > 0 else "less"
    stated = "riskier" if row.direction > 0 else "safer"
    if row.test == TESTS[0]:
        shown = f"alone, area under the curve {row.estimate:.3f} ({row.low:.3f} to {row.high:.3f})"
    else:
        shown = (
            f"beside the others, {row.estimate:+.2f} ({row.low:+.2f} to {row.high:+.2f}) in "
            "log-odds from lowest to highest"
        )
    return (
        f"{shown}: more of it goes with {more} default, held to be {stated}; "
        f"{row.defaults} defaults in {row.rows} rows, adjusted p {row.p_adjusted:.2g}"
    )


def _check_directions(X: pd.DataFrame, directions: Mapping[str, int]) -> None:
    """Refuse directions of no column, or of several, and signs that are none."""
    require_mapping("directions", directions, "must be a mapping from feature to sign")
    if X.columns.duplicated().any():
        refuse("X", "must have columns of different names", list(X.columns), "drop one")
    for name, sign in directions.items():
        if name not in X:
            refuse("directions", "must name columns of X", repr(name), nearest(name, list(X)))
        require_sign(f"directions[{name!r}]", sign)


def _finite_or_missing(column: pd.Series, name: str) -> Floats:
    """Take a column of numbers or booleans; refuse text, times, complex numbers and infinities."""
    is_real = is_numeric_dtype(column) and not is_complex_dtype(column)
    if not is_real:
        refuse(f"X[{name!r}]", "must hold numbers", str(column.dtype), "leave it out of directions")
    values: Floats = column.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        refuse(f"X[{name!r}]", "must be finite or missing", "an infinite value", "mend it")
    return values


def _merchants(cohort: Cohort) -> npt.NDArray[np.int64]:
    """Number the merchants of the rows."""
    return clusters(cohort.frame["merchant_id"].to_numpy(), len(cohort))


def _margin(probability: npt.ArrayLike, size: int) -> Floats:
    """Take probabilities as log-odds."""
    p = numbers("probability", probability)
    odd = p[~(np.isnan(p) | ((p > 0) & (p < 1)))]
    if len(p) != size or len(odd):
        found = f"{len(p)}, {len(odd)} of them not so"
        refuse("probability", f"must be {size} numbers between 0 and 1", found)
    margin: Floats = logit(p)
    return margin


def _weights(weight: npt.ArrayLike, size: int) -> Floats:
    """Take weights of rows."""
    w = numbers("weight", weight)
    if len(w) != size or not np.isfinite(w).all() or (w < 0).any():
        refuse("weight", f"must be {size} finite numbers, none negative", f"{len(w)} others")
    return w
