"""From which grade to which: how borrowers moved on the scale, and how they crowd on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import ndtr

from alicredit.checks import refuse, require_one_order
from alicredit.evaluation import (
    adjust_p,
    concentration_test,
    hhi,
    matrix_bandwidths,
    monotone_tests,
)
from alicredit.stability.bins import Floats, grade_bins, read_grades, read_values


@dataclass(frozen=True, eq=False)
class Migration:
    """How borrowers moved between grades.

    Parameters
    ----------
    matrix : pandas.DataFrame
        One row a pair of grades: ``before, after, borrowers, share`` (of those of ``before``).
    summary : pandas.DataFrame
        ``metric, value, note``: shares that stayed, became better and worse; bandwidths; who
        entered and left.
    tests : pandas.DataFrame
        One row a cell off the diagonal: ``before, after, near`` (the neighbour nearer to the
        diagonal), ``share, near_share, z, p_value`` (ECB), ``exact_p`` (binomial, of the borrowers
        in these two cells; holds for few borrowers too) and ``p_adjusted`` (``exact_p`` after
        Holm): small where the far cell is the fuller one.
    concentration : pandas.DataFrame
        ``when`` (before, after), ``weight`` (count, exposure), ``hhi``, ``normalised`` and
        ``p_value`` (after against before: small says more concentrated).
    """

    matrix: pd.DataFrame
    summary: pd.DataFrame
    tests: pd.DataFrame
    concentration: pd.DataFrame

    def __repr__(self) -> str:
        """Show the matrix of counts."""
        wide = self.matrix.pivot_table(
            index="before", columns="after", values="borrowers", sort=False, observed=False
        )
        return f"Migration\n{wide.astype(int)}"


def migration(
    before: Any,
    after: Any,
    *,
    grades: Sequence[str],
    exposure_before: Any = None,
    exposure_after: Any = None,
) -> Migration:
    """Compare the grades of the same borrowers at two times.

    The statistics are the ECB's for the stability of grades (2019, DOMAIN 5.3), of borrowers who
    have a grade at both times: bandwidths say how far those who changed moved, against the
    farthest they could; a migration matrix should be no fuller away from its diagonal than nearer
    to it; Herfindahl's index says how borrowers crowd on few grades.

    Parameters
    ----------
    before, after : array of str, or Series with one index
        Each borrower's grade at both times, in one order; missing: had none.
    grades : sequence of str
        All grades, best first.
    exposure_before, exposure_after : array or None, default None
        Money at stake with each, at least 0, to weigh concentration by.

    Returns
    -------
    Migration
        ``matrix, summary, tests, concentration``.

    Raises
    ------
    InputError
        If lengths or indices differ, a grade is unknown, grades have no order, nobody has a grade
        at both times, or an exposure is negative or missing.

    Examples
    --------
    >>> moved = migration(list("AAABBC"), list("AABBCC"), grades=list("ABC"))
    >>> moved.summary[["metric", "value"]].round(3).to_numpy().tolist()[:4]
    [['stayed', 0.667], ['became better', 0.0], ['became worse', 0.333], ['upper bandwidth', 0.667]]
    >>> migration(["A"], ["D"], grades=["A", "B"])
    Traceback (most recent call last):
    alicredit.errors.InputError: after must be of the grades A, B; found 'D'.
    """
    names = list(grade_bins(grades).levels or ())
    is_named = isinstance(before, pd.Series) and isinstance(after, pd.Series)
    if is_named and len(before) == len(after) and not before.index.equals(after.index):
        do = "reindex one by the other, so that each row is one borrower"
        refuse("before and after", "must have the same index", "others", do)
    require_one_order(
        before=before, after=after, exposure_before=exposure_before, exposure_after=exposure_after
    )
    old, new = read_grades("before", before, names), read_grades("after", after, names)
    if len(old) != len(new) or not len(old):
        found = f"{len(old)} and {len(new)}"
        refuse("before and after", "must have one length, above 0", found)
    exposures = (_exposure("exposure_before", exposure_before, len(old)),
                 _exposure("exposure_after", exposure_after, len(old)))  # fmt: skip
    at = pd.Index(names).get_indexer(old), pd.Index(names).get_indexer(new)
    entered, left = (int(((at[k] < 0) & (at[1 - k] >= 0)).sum()) for k in (0, 1))
    both = (at[0] >= 0) & (at[1] >= 0)
    if not both.any():
        refuse("before and after", "must hold a borrower graded at both times", "none")
    size = len(names)
    pairs = at[0][both] * size + at[1][both]
    moves = np.bincount(pairs, minlength=size * size).reshape(size, size)
    return Migration(
        _matrix(moves, names),
        _summary(moves, entered, left),
        _tests(moves.astype(np.float64), names),
        _concentration(at, exposures, size),
    )


def _exposure(name: str, given: Any, rows: int) -> Floats | None:
    """Read money at stake."""
    if given is None:
        return None
    found: Floats = read_values(name, given, as_text=False)
    if len(found) != rows:
        refuse(name, f"must have one value for each of the {rows} rows", len(found))
    if np.isnan(found).any() or (found < 0).any():
        refuse(name, "must be known and at least 0", "a missing or negative amount")
    return found


def _matrix(moves: Any, names: list[str]) -> pd.DataFrame:
    """Lay out counts and shares of each pair."""
    kind = pd.CategoricalDtype(names, ordered=True)
    total = np.repeat(moves.sum(axis=1), len(names))
    count = moves.ravel()
    share = np.divide(count, total, out=np.full(len(count), np.nan), where=total > 0)
    frame = pd.DataFrame(
        {
            "before": np.repeat(np.array(names, dtype=object), len(names)),
            "after": np.tile(np.array(names, dtype=object), len(names)),
            "borrowers": count,
            "share": share,
        }
    )
    return frame.astype({"before": kind, "after": kind})


def _summary(moves: Any, entered: int, left: int) -> pd.DataFrame:
    """Sum the moves up."""
    before, after = np.indices(moves.shape)
    total = float(moves.sum())
    lower, upper = matrix_bandwidths(moves)
    lines = [
        ("stayed", float(np.trace(moves)) / total, "share of borrowers graded at both times"),
        ("became better", float(moves[after < before].sum()) / total, "share"),
        ("became worse", float(moves[after > before].sum()) / total, "share"),
        ("upper bandwidth", upper, "how far those who became worse moved, of the farthest"),
        ("lower bandwidth", lower, "how far those who became better moved, of the farthest"),
        ("graded at both times", total, "borrowers"),
        ("entered", float(entered), "borrowers graded after alone"),
        ("left", float(left), "borrowers graded before alone"),
    ]
    return pd.DataFrame(lines, columns=["metric", "value", "note"])


def _tests(moves: Floats, names: list[str]) -> pd.DataFrame:
    """Test each cell off the diagonal against its neighbour nearer to it."""
    z = monotone_tests(moves)
    total = moves.sum(axis=1, keepdims=True)
    share = np.divide(moves, total, out=np.full_like(moves, np.nan), where=total > 0)
    before, after = np.nonzero(~np.eye(len(names), dtype=bool))
    near = after - np.sign(after - before)
    label = np.array(names, dtype=object)
    value = z[before, after]
    frame = pd.DataFrame(
        {
            "before": label[before], "after": label[after], "near": label[near],
            "share": share[before, after], "near_share": share[before, near], "z": value,
            "p_value": ndtr(-value),
        }
    )  # fmt: skip
    far, close = moves[before, after], moves[before, near]
    exact = stats.binom.sf(far - 1, far + close, 0.5)
    frame["exact_p"] = np.where(far + close > 0, exact, np.nan)
    frame["p_adjusted"] = adjust_p(frame["exact_p"])
    return frame


def _concentration(
    at: tuple[Any, Any], exposures: tuple[Floats | None, Floats | None], size: int
) -> pd.DataFrame:
    """Say how borrowers, and the money at stake, crowd on grades."""
    lines = []
    for weight, given in (("count", (None, None)), ("exposure", exposures)):
        mass: list[Floats | None] = []
        for place, money in zip(at, given, strict=True):
            has_grade = place >= 0
            worth = None if money is None else money[has_grade]
            total = np.bincount(place[has_grade], weights=worth, minlength=size).astype(np.float64)
            told = (weight == "count" or money is not None) and total.sum() > 0
            mass.append(total if told else None)
        for when, mine in zip(("before", "after"), mass, strict=True):
            if mine is None:
                continue
            chance = np.nan
            if when == "after" and mass[0] is not None:
                chance = concentration_test(mass[0], mine)
            lines.append((when, weight, *hhi(mine), chance))
    return pd.DataFrame(lines, columns=["when", "weight", "hhi", "normalised", "p_value"])
