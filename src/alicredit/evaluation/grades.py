"""The default rate of each grade, where defaults may be few or none."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse, require_between, require_one_order
from alicredit.evaluation.arrays import Floats, clusters, labels
from alicredit.evaluation.rates import effective_rows, jeffreys_interval, prudent_rates


def grade_pds(
    grades: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    order: Sequence[str],
    cluster: npt.ArrayLike | None = None,
    level: float = 0.75,
    correlation: float = 0.0,
    interval: float = 0.9,
) -> pd.DataFrame:
    """Estimate each grade's probability of default by the methods for books of few defaults.

    Pluto and Tasche's most prudent rate pools each grade with the worse ones; Jeffreys' posterior
    mean is (d + 1/2) / (n + 1), the neutral Bayes rate (d + 1) / (n + 2) (DOMAIN 5.2). Where rows
    of a merchant share a fate, n and d are those of so many rows as would tell as much (the design
    effect, of the grade or of the pool); n and d of the columns ``rows`` and ``defaults`` are as
    they are.

    Parameters
    ----------
    grades : array of str
        The grade of each row.
    y : array of 0 and 1
        Outcomes; none missing.
    order : sequence of str
        All grades, best first.
    cluster : array or None, default None
        The merchant of each row; None takes each row for itself.
    level : float, default 0.75
        Confidence of the most prudent rate.
    correlation : float, default 0.0
        Of borrowers' assets in the most prudent rate, 0 to 0.99.
    interval : float, default 0.9
        Chance that Jeffreys' interval holds the grade's true rate.

    Returns
    -------
    pandas.DataFrame
        A row a grade, best first: ``grade, rows, effective_rows, defaults, rate,
        pd_pluto_tasche, pd_jeffreys, pd_bayes, low, high``. A grade without rows has NaN but for
        the most prudent rate, which it takes from the worse ones.

    Raises
    ------
    InputError
        If lengths differ, ``order`` is no list of names, a grade is unknown or repeated in it, an
        outcome is missing, or a level is out of its range.

    Examples
    --------
    >>> grades = ["A"] * 100 + ["B"] * 400 + ["C"] * 300
    >>> found = grade_pds(grades, [0] * 800, order=["A", "B", "C"], level=0.5)
    >>> (100 * found["pd_pluto_tasche"]).round(4).tolist()
    [0.0866, 0.099, 0.2308]
    >>> grade_pds(["A", "X"], [0, 1], order=["A", "B"])
    Traceback (most recent call last):
    alicredit.errors.InputError: grades must be of the grades A, B; found 'X'.
    """
    require_between("level", level, 0, 1)
    require_between("correlation", correlation, 0, 0.99)
    require_between("interval", interval, 0, 1)
    at, outcome, who, names = _read(grades, y, order, cluster)
    rows = np.bincount(at, minlength=len(names))
    bad = np.bincount(at, outcome, minlength=len(names))
    size = np.array([_effective(outcome, who, at == k) for k in range(len(names))])
    pooled = np.array([_effective(outcome, who, at >= k) for k in range(len(names))])
    rate = np.divide(bad, rows, out=np.full(len(names), np.nan), where=rows > 0)
    some = rows > 0
    pool_rows, pool_bad = np.cumsum(rows[::-1])[::-1], np.cumsum(bad[::-1])[::-1]
    prudent = np.full(len(names), np.nan)
    told = pool_rows > 0
    prudent[told] = prudent_rates(
        pooled[told], pooled[told] * pool_bad[told] / pool_rows[told], level, correlation
    )
    bounds = [
        jeffreys_interval(int(n), int(d), level=interval, effective=float(e))
        if n
        else (np.nan,) * 2
        for n, d, e in zip(rows, bad, size, strict=True)
    ]
    counted = size * rate
    return pd.DataFrame(
        {
            "grade": names,
            "rows": rows,
            "effective_rows": size,
            "defaults": bad.astype(np.int64),
            "rate": rate,
            "pd_pluto_tasche": prudent,
            "pd_jeffreys": np.where(some, (counted + 0.5) / (size + 1), np.nan),
            "pd_bayes": np.where(some, (counted + 1) / (size + 2), np.nan),
            "low": [low for low, _ in bounds],
            "high": [high for _, high in bounds],
        }
    )


def _read(
    grades: npt.ArrayLike, y: npt.ArrayLike, order: Sequence[str], cluster: npt.ArrayLike | None
) -> tuple[npt.NDArray[np.int64], Floats, npt.NDArray[np.int64], list[str]]:
    """Read grades as positions, outcomes and merchants, all of one length."""
    names = _ordered(order)
    require_one_order(grades=grades, y=y, cluster=cluster)
    given = np.asarray(grades, dtype=object).ravel()
    outcome = labels(y)
    if len(given) != len(outcome) or not len(given):
        refuse("grades and y", "must have one length, above 0", f"{len(given)} and {len(outcome)}")
    if np.isnan(outcome).any():
        refuse("y", "must be known for each row", f"{int(np.isnan(outcome).sum())} NaN")
    try:
        at = pd.Index(names, dtype=object).get_indexer(pd.Index(given, dtype=object))
    except TypeError:
        refuse("grades", "must be one grade for each row", "others")
    if (at < 0).any():
        rule = f"must be of the grades {', '.join(map(str, names))}"
        refuse("grades", rule, repr(given[at < 0][0]))
    who = np.arange(len(given)) if cluster is None else clusters(cluster, len(given))
    return np.asarray(at, dtype=np.int64), outcome, who, names


def _ordered(order: object) -> list[str]:
    """Take all grades in an order that is one: no set, whose order is none."""
    if isinstance(order, str | bytes) or not isinstance(order, Sequence | np.ndarray | pd.Index):
        do = "give a list such as ['A', 'B', 'C']"
        refuse("order", "must be a list of grades, best first", type(order).__name__, do)
    names = list(order)
    odd = [each for each in names if not isinstance(each, str | Integral)]
    if odd:
        refuse("order", "must name grades by text or whole number", repr(odd[0]))
    if not names or len(set(names)) != len(names):
        refuse("order", "must list each grade once, best first", repr(order))
    return names


def _effective(y: Floats, who: npt.NDArray[np.int64], mine: npt.NDArray[np.bool_]) -> float:
    """Count the rows that tell as much, of some rows."""
    return effective_rows(y[mine], who[mine]) if mine.any() else 0.0
