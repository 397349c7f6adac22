"""Does a feature speak as it is declared to? Its sign against outcomes, and how steady it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from alicredit.checks import nearest, refuse, require_one_order, require_whole
from alicredit.cohort import Cohort, require_cohort
from alicredit.evaluation.arrays import labels, require_sign
from alicredit.evaluation.metrics import auc
from alicredit.evaluation.rates import Estimate

COLUMNS = (
    "feature", "expected", "rows", "defaults", "missing", "auc", "low", "high", "verdict",
    "periods", "periods_same_side",
)  # fmt: skip
"""Columns of the report."""

VERDICTS = ("as expected", "against", "open", "no expectation", "no data")
"""What may be found of a feature."""


def measure_signs(
    X: pd.DataFrame,
    y: pd.Series,
    expected: Mapping[str, int],
    *,
    cohort: Cohort,
    min_defaults: int = 20,
) -> pd.DataFrame:
    """Hold each feature's expected sign against outcomes, over all rows and half-year by half-year.

    The area under the ROC curve of the feature alone says which way it speaks: above one half more
    of it goes with default. Its interval is clustered by merchant.

    Parameters
    ----------
    X : pandas.DataFrame
        Features, one row a question.
    y : pandas.Series of 0, 1 and NaN
        Labels; rows without one are left out.
    expected : mapping of str to int
        Feature -> its expected sign, -1, 0 (none) or +1, such as ``CATALOGUE.expected``.
    cohort : Cohort
        Of the same rows: whose they are and when.
    min_defaults : int, default 20 (assumed)
        Fewer defaults, or survivors, with a known value say nothing, of all or of a half-year.

    Returns
    -------
    pandas.DataFrame
        One row a feature, as in ``expected``: ``feature, expected`` (-1, 0, +1), ``rows`` and
        ``defaults`` with a known value, ``missing`` (share of labelled rows), ``auc, low, high``
        (95 %), ``verdict`` (``as expected`` or ``against`` where the interval excludes one half;
        ``open`` where it does not; ``no expectation``; ``no data``), ``periods`` (half-years that
        say something) and ``periods_same_side`` (of these, on the side of all rows).

    Raises
    ------
    InputError
        If lengths differ, a feature is no column, a sign or a label is none, or no label is known.

    Examples
    --------
    >>> n = 200
    >>> cohort = Cohort.from_frame(pd.DataFrame(
    ...     {"merchant_id": [f"m{k}" for k in range(n)], "as_of": "2013-05-01"}))
    >>> X = pd.DataFrame({"sales": [float(k % 10) for k in range(n)]})
    >>> y = pd.Series([1.0 if k % 10 < 2 else 0.0 for k in range(n)])
    >>> report = measure_signs(X, y, {"sales": -1}, cohort=cohort)
    >>> report[["auc", "verdict", "periods"]].to_numpy().tolist()
    [[0.0, 'as expected', 1]]
    >>> measure_signs(X, y[:5], {"sales": -1}, cohort=cohort)
    Traceback (most recent call last):
    alicredit.errors.InputError: X, y and cohort must have the same rows; found 200, 5 and 200.
    """
    require_cohort(cohort)
    require_whole("min_defaults", min_defaults, 1)
    require_one_order(X=X, y=y)
    if not len(X) == len(y) == len(cohort):
        found = f"{len(X)}, {len(y)} and {len(cohort)}"
        refuse("X, y and cohort", "must have the same rows", found)
    for name, sign in expected.items():
        if name not in X:
            do = nearest(name, list(X))
            refuse("expected", "must name columns of X", repr(name), do)
        require_sign(f"expected[{name!r}]", sign)
    known = y.notna().to_numpy()
    if not known.any():
        refuse("y", "must hold labels", "none", "take a cohort whose time is over")
    label = labels(y[known])
    who = cohort.frame["merchant_id"].to_numpy()[known]
    moment = cohort.frame["as_of"][known]
    half = (moment.dt.year * 2 + (moment.dt.month > 6)).to_numpy()
    lines = []
    for name, sign in expected.items():
        values = X[name].to_numpy(dtype=float, na_value=np.nan)[known]
        lines.append((name, *_measured(values, label, who, half, sign, min_defaults)))
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _measured(
    values: np.ndarray, label: np.ndarray, who: np.ndarray, half: np.ndarray, expected: int,
    least: int,
) -> tuple[object, ...]:  # fmt: skip
    """Measure one feature."""
    there = np.isfinite(values)
    whole = _area(values, label, who, there, least)
    size = (int(there.sum()), int(label[there].sum()), float(1 - there.mean()))
    if whole is None:
        return expected, *size, np.nan, np.nan, np.nan, "no data", 0, 0
    sides = []
    for period in np.unique(half):
        area = _area(values, label, who, there & (half == period), least)
        if area is not None:
            sides.append(np.sign(area.value - 0.5) == np.sign(whole.value - 0.5))
    ends = (whole.value, max(whole.low, 0.0), min(whole.high, 1.0))
    return expected, *size, *ends, _verdict(whole, expected), len(sides), int(sum(sides))


def _area(
    values: np.ndarray, label: np.ndarray, who: np.ndarray, rows: np.ndarray, least: int
) -> Estimate | None:
    """Give the area under the curve, or nothing where the rows say nothing."""
    bad = int(label[rows].sum())
    if min(bad, int(rows.sum()) - bad) < least:
        return None
    return auc(label[rows], values[rows], cluster=who[rows])


def _verdict(area: Estimate, expected: int) -> str:
    """Say what the interval says of the expected sign."""
    if expected == 0:
        return "no expectation"
    if area.low <= 0.5 <= area.high:
        return "open"
    return "as expected" if (area.value > 0.5) == (expected > 0) else "against"
