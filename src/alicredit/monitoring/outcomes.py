"""What was claimed against what happened, by grade and by period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse, require_between, require_one_order
from alicredit.evaluation import (
    auc,
    auc_decline,
    binomial_test,
    effective_rows,
    hosmer_lemeshow,
    jeffreys_interval,
    jeffreys_test,
    spiegelhalter,
)
from alicredit.monitoring.shape import shape_p_value
from alicredit.stability.bins import (
    Floats,
    Whole,
    grade_bins,
    number_owners,
    quantile_bins,
    read_grades,
    read_values,
)
from alicredit.stability.population import period_groups

LIGHTS = (("green", 0.05), ("amber", 0.001), ("red", 0.0))
"""Traffic light of the binomial chance: green above 5 %, red below 0.1 % (DOMAIN 5.3, S71)."""

GRADE_COLUMNS = (
    "period", "grade", "rows", "immature", "merchants", "effective", "defaults", "mean_pd", "rate",
    "low", "high", "jeffreys_p", "binomial_p", "z", "light",
)  # fmt: skip

PERIOD_COLUMNS = (
    "period", "rows", "defaults", "hosmer_lemeshow", "degrees", "hosmer_lemeshow_p", "shape_p",
    "spiegelhalter_z", "spiegelhalter_p", "auc", "auc_se", "auc_low", "auc_high", "decline",
    "decline_p",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class RealisedReport:
    """Claims against outcomes.

    Parameters
    ----------
    grades : pandas.DataFrame
        By period and grade, with a row ``all`` for each period: the level of the claim.
    periods : pandas.DataFrame
        By period: the claim's shape and ranking.
    """

    grades: pd.DataFrame
    periods: pd.DataFrame


def realised_against_predicted(
    pd_values: Any,
    defaults: Any,
    *,
    grades: Any = None,
    scale: Sequence[str] | None = None,
    periods: Any = None,
    merchants: Any = None,
    correlation: float = 0.0,
    development_auc: float | None = None,
    interval: float = 0.9,
) -> RealisedReport:
    """Hold probabilities of default against what happened, grade by grade and period by period.

    Only rows whose outcome is known count; the others are counted as ``immature``. Rows of one
    merchant count as the number of independent rows that tell as much, in every figure.

    Parameters
    ----------
    pd_values : array
        Probabilities claimed, strictly between 0 and 1.
    defaults : array of 0, 1 and NaN
        What happened; NaN where it is too early to say, for an early default too: where the
        windows of the others are not over, it would stand alone.
    grades : array of str or None, default None
        Each row's grade; None takes tenths of the probability, named 01 to 10 from the safest.
    scale : sequence of str or None, default None
        Names of the grades, best first; None takes those that occur, sorted.
    periods : array or None, default None
        Each row's period; None takes all rows as one, ``"all"``.
    merchants : array or None, default None
        Whose each row is; None takes each row for itself.
    correlation : float, default 0
        Correlation of borrowers through one factor, for the binomial chance alone.
    development_auc : float or None, default None
        Area under the curve at development: a decline from it is tested.
    interval : float, default 0.9
        Level of the Jeffreys interval of a rate.

    Returns
    -------
    RealisedReport
        ``grades``: ``period, grade`` (``all`` last), ``rows`` (mature), ``immature, merchants,
        effective, defaults, mean_pd, rate, low, high`` (Jeffreys), ``jeffreys_p`` (small: the
        probability is too low), ``binomial_p`` (chance of so many defaults or more), ``z`` (rate
        less claim in standard errors of the claim) and ``light`` (of the binomial chance: green
        above 5 %, red below 0.1 %; empty without mature rows). ``periods``: ``period, rows,
        defaults, hosmer_lemeshow, degrees`` (grades with rows), ``hosmer_lemeshow_p``
        (by the chi-square limit), ``shape_p`` (the same; where a grade expects few defaults drawn
        from the claims, since the limit does not hold there), ``spiegelhalter_z, spiegelhalter_p``
        (two-sided), ``auc, auc_se, auc_low, auc_high`` (95 %),
        ``decline`` (S) and ``decline_p`` (small: ranks worse). Formulas: DOMAIN 5.3.

    Raises
    ------
    InputError
        If lengths differ, a probability is not between 0 and 1, an outcome is not 0, 1 or NaN, or
        a grade is unknown.

    Examples
    --------
    >>> p = np.repeat([0.001, 0.004, 0.01, 0.03], [2000, 3000, 3000, 2000])
    >>> y = np.concatenate([np.arange(n) < d for n, d in
    ...                     zip([2000, 3000, 3000, 2000], [2, 11, 35, 70])]).astype(float)
    >>> found = realised_against_predicted(p, y, grades=np.repeat(list("ABCD"), [2000, 3000, 3000,
    ...                                                                          2000]))
    >>> found.periods[["hosmer_lemeshow", "spiegelhalter_z"]].round(6).to_numpy().tolist()
    [[2.643632, 1.374804]]
    >>> found.grades[["grade", "defaults", "light"]].to_numpy().tolist()[-2:]
    [['D', 70, 'green'], ['all', 118, 'green']]
    >>> realised_against_predicted([0.0, 0.1], [0, 1])
    Traceback (most recent call last):
    alicredit.errors.InputError: pd_values must lie strictly between 0 and 1; found 0.0.
    """
    require_between("correlation", correlation, 0, 0.99)
    require_between("interval", interval, 0, 1)
    if development_auc is not None:
        require_between("development_auc", development_auc, 0, 1)
    require_one_order(
        pd_values=pd_values, defaults=defaults, grades=grades, periods=periods, merchants=merchants
    )
    p, y = _claims(pd_values, defaults)
    names, at = _graded(p, grades, scale)
    whose = number_owners("merchants", merchants, len(p))
    groups = period_groups(periods, len(p))
    order = np.lexsort((at, y, p) if whose is None else (at, whose, y, p))
    p, y, at = p[order], y[order], at[order]
    who = np.arange(len(p)) if whose is None else whose[order]
    by_grade: list[tuple[Any, ...]] = []
    by_period: list[tuple[Any, ...]] = []
    for period, rows_of_period in groups:
        mine = rows_of_period[order]
        cells = [(name, mine & (at == k)) for k, name in enumerate(names)]
        for name, rows in (*cells, ("all", mine)):
            cell = _level(p[rows], y[rows], who[rows], correlation, interval)
            by_grade.append((period, name, *cell))
        known = mine & ~np.isnan(y)
        shape = _shape(p[known], y[known], who[known], at[known], len(names), development_auc)
        by_period.append((period, int(known.sum()), int(np.nansum(y[known])), *shape))
    return RealisedReport(
        pd.DataFrame(by_grade, columns=list(GRADE_COLUMNS)),
        pd.DataFrame(by_period, columns=list(PERIOD_COLUMNS)),
    )


def _claims(pd_values: Any, defaults: Any) -> tuple[Floats, Floats]:
    """Read probabilities and outcomes of one length."""
    p = read_values("pd_values", pd_values, as_text=False)
    y = read_values("defaults", defaults, as_text=False)
    if len(p) != len(y) or not len(p):
        refuse("pd_values and defaults", "must have one length, above 0", f"{len(p)} and {len(y)}")
    if np.isnan(p).any():
        do = "leave out rows that were not scored, and count them"
        refuse("pd_values", "must be known for each row", f"{int(np.isnan(p).sum())} missing", do)
    inside = (p > 0) & (p < 1)
    if not inside.all():
        refuse("pd_values", "must lie strictly between 0 and 1", p[~inside][0])
    odd = y[~np.isnan(y) & (y != 0) & (y != 1)]
    if len(odd):
        refuse("defaults", "must be 0, 1 or NaN", odd[0])
    return p, y


def _graded(p: Floats, grades: Any, scale: Sequence[str] | None) -> tuple[list[str], Whole]:
    """Name the grades and place each row in one."""
    if grades is None:
        if scale is not None:
            refuse("scale", "must be left out where no grades are given", list(scale)[:10])
        cuts = quantile_bins(p, 10)
        return [f"{k + 1:02d}" for k in range(cuts.size - 1)], cuts.place(p)
    given = np.asarray(grades, dtype=object).ravel()
    if len(given) != len(p):
        refuse("grades", f"must have one value for each of the {len(p)} rows", len(given))
    if pd.isna(given).any():
        refuse("grades", "must be known for each row", f"{int(pd.isna(given).sum())} missing")
    levels = grade_bins(sorted({str(each) for each in given}) if scale is None else scale)
    names = list(levels.levels or ())
    return names, levels.place(read_grades("grades", given, names))


def _level(
    p: Floats, y: Floats, who: Whole, correlation: float, interval: float
) -> tuple[Any, ...]:
    """Hold the mean claim against the rate."""
    known = ~np.isnan(y)
    immature, n = int((~known).sum()), int(known.sum())
    if not n:
        return 0, immature, 0, 0.0, 0, *(np.nan,) * 7, ""
    p, y, who = p[known], y[known], who[known]
    bad, mean, rate = int(y.sum()), float(p.mean()), float(y.mean())
    merchants = len(np.unique(who))
    counted = _independent(y, who)
    low, high = jeffreys_interval(n, bad, level=interval, effective=counted)
    tests = (
        jeffreys_test(n, bad, mean, effective=counted),
        binomial_test(n, bad, mean, correlation=correlation, effective=counted),
    )
    z = (rate - mean) / np.sqrt(float((p * (1 - p)).mean()) / counted)
    light = next(word for word, above in LIGHTS if tests[1] > above or word == "red")
    return n, immature, merchants, counted, bad, mean, rate, low, high, *tests, float(z), light


def _shape(
    p: Floats, y: Floats, who: Whole, at: Whole, grades: int, development: float | None
) -> tuple[float, ...]:
    """Hold the claim's shape over grades and its ranking against outcomes."""
    none = (np.nan,) * 6
    if not len(y):
        return (np.nan, 0, np.nan, np.nan, np.nan, np.nan, *none)
    n = np.bincount(at, minlength=grades)
    used = n > 0
    bad = np.bincount(at, weights=y, minlength=grades)
    mean = np.bincount(at, weights=p, minlength=grades)[used] / n[used]
    counted = [_independent(y[at == k], who[at == k]) for k in np.flatnonzero(used)]
    value, p_value = hosmer_lemeshow(n[used], bad[used], mean, effective=counted)
    drawn = shape_p_value(value, np.array(counted), mean)
    z = spiegelhalter(y, p, cluster=who)
    shape = (value, int(used.sum()), p_value, drawn, z, float(_two_sided(z)))
    if y.min() == y.max():
        return (*shape, *none)
    area = auc(y, p, cluster=who)
    decline = (np.nan, np.nan) if development is None else auc_decline(development, area)
    return (*shape, area.value, area.se, max(area.low, 0.0), min(area.high, 1.0), *decline)


def _independent(y: Floats, who: Whole) -> float:
    """Count the independent rows that tell as much; all where each merchant has one."""
    return float(len(y)) if len(np.unique(who)) == len(y) else effective_rows(y, who)


def _two_sided(z: float) -> npt.NDArray[np.float64]:
    """Give the two-sided p-value of a standard normal deviation."""
    from scipy.special import ndtr

    return np.asarray(2 * ndtr(-abs(z)))
