"""Is the population still the one the model knows? Shifts of scores, grades and features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse, require_one_order, require_whole
from alicredit.evaluation import PsiTest, effective_shares, psi_test, share_covariance
from alicredit.stability.bins import (
    Bins,
    Floats,
    Whole,
    grade_bins,
    number_owners,
    quantile_bins,
    read_grades,
    read_values,
)

FOLKLORE = (("stable", 0.10), ("watch", 0.25), ("shifted", float("inf")))
"""What is said of an index below 0.10, below 0.25 and above, whatever the sample (DOMAIN 5.3)."""


def population_stability(
    reference: Any,
    current: Any,
    *,
    grades: Sequence[str] | None = None,
    bins: int = 10,
    periods: Any = None,
    reference_merchants: Any = None,
    merchants: Any = None,
    tolerance: float = 0.0,
    level: float = 0.05,
) -> pd.DataFrame:
    """Hold the distribution of scores or grades against that of a reference population.

    PSI = sum (q - p) ln(q / p) over bins (DOMAIN 5.3). Its critical value is
    (1/n + 1/m) chi-square with bins - 1 degrees of freedom; where rows of a merchant share a fate
    both numbers follow from how they do, see :func:`alicredit.evaluation.psi_test`. It holds
    for two samples that are drawn apart; where the same merchants stand in both, chance moves the
    shares less, and the test errs on the side of fewer alarms. It is rough where ``fewest`` is
    below 5.

    Parameters
    ----------
    reference, current : array of numbers or of grades
        Scores, or names of grades; a missing one counts in a bin of its own.
    grades : sequence of str or None, default None
        Names of the grades, best first; None takes numbers, in bins of equal shares of the
        reference.
    bins : int, default 10
        Bins of numbers at most; and one beyond a smallest or largest value that fills a bin.
    periods : array or None, default None
        Of ``current``: rows of each period are held against the reference apart.
    reference_merchants, merchants : array or None, default None
        Whose each row is: rows of one merchant then count as what they tell together.
    tolerance : float, default 0
        A true index up to which a shift is no matter.
    level : float, default 0.05
        Rate of false alarms of each row.

    Returns
    -------
    pandas.DataFrame
        One row a period, in order (``"all"`` where none are told apart): ``period, reference_rows,
        rows``, ``reference_effective, effective`` (independent rows), ``fewest`` (the smallest
        count expected in a bin), ``psi, degrees, critical, p_value, is_shifted`` and ``folklore``
        (``stable`` below 0.10, ``watch`` below 0.25, ``shifted``: what the rule of thumb says).

    Raises
    ------
    InputError
        If a population is empty, a value is infinite, a grade unknown, or lengths differ.

    Examples
    --------
    >>> reference = np.repeat(list("ABCDEFGHIJ"), 100)
    >>> current = np.repeat(list("ABCDEFGHIJ"), [80, 90, 100, 100, 110, 100, 100, 100, 110, 110])
    >>> found = population_stability(reference, current, grades=list("ABCDEFGHIJ"))
    >>> found[["psi", "critical"]].round(6).to_numpy().tolist(), found["folklore"][0]
    ([[0.008376, 0.033838]], 'stable')
    >>> population_stability(reference, current, grades=["A"])
    Traceback (most recent call last):
    alicredit.errors.InputError: reference must be of the grades A; found 'B'.
    """
    require_one_order(reference=reference, reference_merchants=reference_merchants)
    require_one_order(current=current, periods=periods, merchants=merchants)
    cuts, before, after = _placed(reference, current, grades, bins)
    whose_then = number_owners("reference_merchants", reference_merchants, len(before))
    whose_now = number_owners("merchants", merchants, len(after))
    old = np.bincount(before, minlength=cuts.size)
    spread_old = shares_spread(before, whose_then, cuts.size)
    rows = []
    for period, mine in period_groups(periods, len(after)):
        counts = np.bincount(after[mine], minlength=cuts.size)
        spread = shares_spread(
            after[mine], None if whose_now is None else whose_now[mine], cuts.size
        )
        found = psi_test(
            old, counts, covariance_reference=spread_old[1], covariance_current=spread[1],
            tolerance=tolerance, level=level,
        )  # fmt: skip
        sizes = (int(old.sum()), int(counts.sum()), spread_old[0], spread[0])
        rows.append((period, *sizes, fewest_expected(old, counts), *verdict(found, level)))
    names = [
        "period", "reference_rows", "rows", "reference_effective", "effective", "fewest", *VERDICT,
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


VERDICT = ("psi", "degrees", "critical", "p_value", "is_shifted", "folklore")
"""Columns that say what an index is against chance."""


def population_shares(
    reference: Any, current: Any, *, grades: Sequence[str] | None = None, bins: int = 10
) -> pd.DataFrame:
    """Lay out how rows moved between bins, with each bin's part of the stability index.

    Parameters
    ----------
    reference, current : array of numbers or of grades
        As in :func:`population_stability`.
    grades : sequence of str or None, default None
        Names of the grades, best first; None takes numbers.
    bins : int, default 10
        Bins of numbers at most.

    Returns
    -------
    pandas.DataFrame
        One row a bin that either fills: ``bin, reference_rows, rows, reference_share, share`` and
        ``part``: the parts sum to the index (half a row stands for an empty bin).

    Raises
    ------
    InputError
        As in :func:`population_stability`.

    Examples
    --------
    >>> shares = population_shares(["A", "A", "B"], ["A", "B", "B"], grades=["A", "B"])
    >>> shares[["bin", "rows"]].to_numpy().tolist(), f"{shares['part'].sum():.4f}"
    ([['A', 1], ['B', 2]], '0.4621')
    >>> population_shares([], [1.0])
    Traceback (most recent call last):
    alicredit.errors.InputError: reference must hold at least one row; found none.
    """
    cuts, before, after = _placed(reference, current, grades, bins)
    old, new = (np.bincount(each, minlength=cuts.size) for each in (before, after))
    frame = pd.DataFrame({"bin": cuts.names, "reference_rows": old, "rows": new})
    frame = frame[(old > 0) | (new > 0)].reset_index(drop=True)
    frame["reference_share"] = frame["reference_rows"] / old.sum()
    frame["share"] = frame["rows"] / new.sum()
    p, q = (
        frame[name].where(frame[name] > 0, 0.5).to_numpy(float)
        for name in ("reference_rows", "rows")
    )
    p, q = p / p.sum(), q / q.sum()
    frame["part"] = (q - p) * np.log(q / p)
    return frame


def _placed(
    reference: Any, current: Any, grades: Sequence[str] | None, bins: int
) -> tuple[Bins, Whole, Whole]:
    """Place both populations in the bins of the reference, or of the grades."""
    require_whole("bins", bins, 2)
    for name, each in (("reference", reference), ("current", current)):
        if not np.size(each):
            refuse(name, "must hold at least one row", "none")
    if grades is not None:
        cuts = grade_bins(grades)
        old = read_grades("reference", reference, grades)
        new = read_grades("current", current, grades)
        return cuts, cuts.place(old), cuts.place(new)
    old, new = (
        read_values(name, each, as_text=False)
        for name, each in (("reference", reference), ("current", current))
    )
    cuts = quantile_bins(old, bins, open_ends=True)
    return cuts, cuts.place(old), cuts.place(new)


def shares_spread(places: Whole, whose: Whole | None, bins: int) -> tuple[float, Floats | None]:
    """Count the independent rows, and give the covariance of shares of rows that share fates."""
    if whose is None:
        return float(len(places)), None
    effective = effective_shares(places, whose, bins=bins)
    return effective, share_covariance(places, whose, bins=bins)


def period_groups(periods: Any, rows: int) -> list[tuple[Any, npt.NDArray[np.bool_]]]:
    """Tell the rows of each period, in order; all where none are told apart."""
    if periods is None:
        return [("all", np.ones(rows, dtype=bool))]
    given = pd.Series(np.asarray(periods).ravel() if not hasattr(periods, "array") else periods)
    if len(given) != rows:
        refuse("periods", f"must have one value for each of the {rows} rows", len(given))
    if given.isna().any():
        refuse("periods", "must be known for each row", f"{int(given.isna().sum())} missing")
    texts = given.astype(str).to_numpy(object)
    return [(each, texts == each) for each in sorted(set(texts))]


def fewest_expected(old: Whole, new: Whole) -> float:
    """Give the smallest count that a bin would hold in the smaller population without a shift."""
    pooled = (old + new)[(old + new) > 0]
    return float(pooled.min() / pooled.sum() * min(old.sum(), new.sum()))


def verdict(found: PsiTest, level: float) -> tuple[float, float, float, float, bool, str]:
    """Say what an index is against chance, and by the rule of thumb."""
    word = next(word for word, below in FOLKLORE if found.psi < below)
    return found.psi, found.degrees, found.critical, found.p_value, found.p_value < level, word
