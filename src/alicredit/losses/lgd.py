"""Loss given default by product and segment, with workouts that are not over counted as they are.

The recovery of month m after default is told by the loans whose m-th month is over, whatever has
become of them; the months add up to the recovery of a whole workout. A loan still in workout tells
of the months it has been seen for and of no other, so that neither the quick nor the slow weigh
more than their share (the mean cumulative function of recurrent events, Nelson 1995).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import (
    given_or,
    refuse,
    require_between,
    require_columns,
    require_kind,
    require_one_of,
    require_whole,
)
from alicredit.cohort import as_moment
from alicredit.losses.cells import ALL, Cells, LgdRules
from alicredit.losses.workouts import WorkoutRules, Workouts, find_workouts
from alicredit.records import Records

BOUNDS = ("lgd", "lgd_lower", "lgd_upper")
_DRAWS_AT_ONCE = 25

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LgdEstimate:
    """Losses given default, as known at a moment.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row for each product and segment with a default, then each product (segment ``all``)
        and the portfolio (both ``all``): ``product_id, segment, defaults, merchants, exposure``
        (yuan), ``lgd, lgd_lower, lgd_upper`` (weighted by exposure), ``lgd_by_count`` (each loan
        alike), ``complete_share`` (of workouts, by number), ``cured_share`` (back from default and
        running), ``repaid_share`` (closed), ``months`` (whose recovery is told), ``credibility``
        (mean weight of its own months) and ``method``: ``own``, ``shrunk`` or ``parent``.
    curves : pandas.DataFrame
        ``product_id, segment, month, merchants`` (seen to the end of that month), ``recovered``:
        share of the exposure recovered within so many months, discounted and less costs.
    as_of : pandas.Timestamp
        What was known before is in it.
    """

    frame: pd.DataFrame
    curves: pd.DataFrame
    as_of: pd.Timestamp


def estimate_lgd(
    records: Records,
    *,
    as_of: object,
    segments: pd.Series | None = None,
    workout: WorkoutRules | None = None,
    rules: LgdRules | None = None,
    level: float = 0.9,
    draws: int = 400,
    seed: int = 0,
) -> LgdEstimate:
    """Estimate losses given default by product and segment from what came back.

    LGD = 1 - sum over months m of (money of month m, discounted to the default, less costs) /
    (exposure at default), each month over the loans that were seen to its end. It is cut to 0 and 1
    where interest and penalties paid, or costs, lead beyond.

    Parameters
    ----------
    records : Records
        With ``loans``, what was due and paid, and ``collections`` where steps were taken.
    as_of : str, date or timestamp
        Only what happened and was known before is read.
    segments : pandas.Series or None, default None
        A word for each loan, by ``loan_id``; it must have been known when the loan was lent.
    workout : WorkoutRules or None, default None
        How recoveries are counted; None stands for ``WorkoutRules()``.
    rules : LgdRules or None, default None
        How few defaults may speak; None stands for ``LgdRules()``.
    level : float, default 0.9
        Of the intervals, which come from drawing merchants with replacement. With few defaults of
        its own a row's interval is that of its shrunk estimate.
    draws : int, default 400
        How many times merchants are drawn.
    seed : int, default 0
        Same seed, same intervals.

    Returns
    -------
    LgdEstimate
        The frame, the curves and the moment.

    Raises
    ------
    InputError
        If a number is out of range, a defaulted loan has no segment, or fewer than
        ``least_support`` merchants in default have been seen for a month: keep the policy's number.

    Examples
    --------
    >>> from alicredit.simulate import simulate_platform
    >>> records, _ = simulate_platform(300, seed=3, orders_per_month=0.5, default_rate=0.2)
    >>> estimate = estimate_lgd(records, as_of="2014-06-01", draws=50)
    >>> bool(estimate.frame["lgd"].between(0, 1).all())
    True
    >>> estimate_lgd(records, as_of="2010-08-01")
    Traceback (most recent call last):
    alicredit.errors.InputError: records must hold at least 10 merchants in default ...
    """
    require_between("level", level, 0.5, 0.999)
    require_whole("draws", draws, 20, high=100_000)
    require_whole("seed", seed, 0)
    chosen, counted = given_or("rules", rules, LgdRules), given_or("workout", workout, WorkoutRules)
    found = find_workouts(records, as_of=as_of, rules=counted)
    cells = Cells.of(found, _segments(found, segments), counted.horizon_months, chosen)
    lost = 1 - cells.recovered(np.ones((1, cells.merchants)))[0]
    by_count = 1 - cells.recovered(np.ones((1, cells.merchants)), by_count=True)[0]
    rng, parts = np.random.default_rng(seed), []
    for low in range(0, draws, _DRAWS_AT_ONCE):
        size = min(_DRAWS_AT_ONCE, draws - low)
        even = np.full(cells.merchants, 1 / cells.merchants)
        weight = rng.multinomial(cells.merchants, even, size=size).astype(float)
        parts.append(1 - cells.recovered(weight)[:, :, -1])
    drawn = np.clip(np.concatenate(parts), 0, 1)
    tails = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    frame = cells.summary(found)
    frame["lgd"] = np.clip(lost[:, -1], 0, 1)
    frame["lgd_lower"] = np.minimum(tails[0], frame["lgd"])
    frame["lgd_upper"] = np.maximum(tails[1], frame["lgd"])
    frame["lgd_by_count"] = np.clip(by_count[:, -1], 0, 1)
    return LgdEstimate(frame[_COLUMNS], cells.curves(1 - lost), as_moment("as_of", as_of))


_COLUMNS = [
    "product_id", "segment", "defaults", "merchants", "exposure", "lgd", "lgd_lower", "lgd_upper",
    "lgd_by_count", "complete_share", "cured_share", "repaid_share", "months", "credibility",
    "method",
]  # fmt: skip


def _segments(found: Workouts, segments: pd.Series | None) -> pd.Series:
    """Give each defaulted loan's segment, ``all`` where none are asked for."""
    ids = found.loans["loan_id"]
    if segments is None:
        return pd.Series([ALL] * len(ids), dtype=object)
    require_kind("segments", segments, pd.Series, "must be a Series by loan_id")
    by_loan = segments.set_axis(segments.index.astype(str))
    if by_loan.index.has_duplicates:
        refuse("segments", "must have one word a loan", "a loan twice")
    mine = by_loan.reindex(ids)
    if mine.isna().any():
        lacking = mine.index[mine.isna()][0]
        refuse("segments", "must have a word for each defaulted loan", f"none for {lacking!r}")
    words = mine.astype(str).to_numpy(object)
    if (words == ALL).any():
        refuse("segments", f"must not be {ALL!r}, the word for a whole product", repr(ALL))
    return pd.Series(words, dtype=object)


def lgd_by_product(estimate: LgdEstimate, *, bound: str = "lgd") -> dict[str, float]:
    """Give each product's loss given default, for :meth:`alicredit.policy.Policy.with_lgd`.

    Parameters
    ----------
    estimate : LgdEstimate
        From :func:`estimate_lgd`.
    bound : {"lgd", "lgd_lower", "lgd_upper"}, default "lgd"
        The estimate or an end of its interval; the upper one is the prudent one.

    Returns
    -------
    dict of str to float
        Products without a default of their own are left out: the policy's number stays.

    Raises
    ------
    InputError
        If the bound is unknown.

    Examples
    --------
    >>> frame = pd.DataFrame({"product_id": ["taobao_order", "all"], "segment": "all",
    ...                       "lgd": [0.45, 0.45], "lgd_upper": [0.5, 0.5]})
    >>> measured = LgdEstimate(frame, frame, pd.Timestamp("2013-05-01"))
    >>> lgd_by_product(measured, bound="lgd_upper")
    {'taobao_order': 0.5}
    >>> lgd_by_product(measured, bound="upper")
    Traceback (most recent call last):
    alicredit.errors.InputError: bound must be one of 3 known words; found 'upper'. ...
    """
    require_one_of("bound", bound, BOUNDS)
    frame = require_kind("estimate", estimate, LgdEstimate, "must come from estimate_lgd").frame
    rows = frame[frame["segment"].eq(ALL) & frame["product_id"].ne(ALL)]
    return {product: float(share) for product, share in zip(rows["product_id"], rows[bound])}


def lgd_of_loans(
    estimate: LgdEstimate,
    loans: pd.DataFrame,
    *,
    bound: str = "lgd",
    otherwise: float | None = None,
) -> Floats:
    """Give each loan's loss given default, for :func:`alicredit.ledger.expected_credit_loss`.

    Parameters
    ----------
    estimate : LgdEstimate
        From :func:`estimate_lgd`.
    loans : pandas.DataFrame
        ``product_id``, and ``segment`` where the estimate has segments.
    bound : {"lgd", "lgd_lower", "lgd_upper"}, default "lgd"
        The estimate or an end of its interval.
    otherwise : float or None, default None
        For a product or segment without a default; None: it is refused.

    Returns
    -------
    ndarray of float64
        Shares from 0 to 1, one a row.

    Raises
    ------
    InputError
        If a column lacks, or nothing was estimated for a row and ``otherwise`` is None.

    Examples
    --------
    >>> frame = pd.DataFrame({"product_id": ["taobao_order", "all"], "segment": "all",
    ...                       "lgd": [0.45, 0.45]})
    >>> measured = LgdEstimate(frame, frame, pd.Timestamp("2013-05-01"))
    >>> lgd_of_loans(measured, pd.DataFrame({"product_id": ["taobao_order"]}))
    array([0.45])
    >>> lgd_of_loans(measured, pd.DataFrame({"product_id": ["ali_credit"]}))
    Traceback (most recent call last):
    alicredit.errors.InputError: loans must be of products and segments that were estimated; ...
    """
    require_one_of("bound", bound, BOUNDS)
    frame = require_kind("estimate", estimate, LgdEstimate, "must come from estimate_lgd").frame
    is_split = bool(frame["segment"].ne(ALL).any())
    names = ["product_id", "segment"] if is_split else ["product_id"]
    require_columns("loans", map(str, loans.columns), names)
    rows = frame[frame["product_id"].ne(ALL) & (frame["segment"].ne(ALL) if is_split else True)]
    known = pd.MultiIndex.from_frame(rows[names])
    place = known.get_indexer(pd.MultiIndex.from_frame(loans[names]))
    if otherwise is not None:
        require_between("otherwise", otherwise, 0, 1)
    elif (place < 0).any():
        first = tuple(loans[names].iloc[int((place < 0).argmax())])
        rule = "must be of products and segments that were estimated"
        refuse("loans", rule, first, "pass otherwise=, the policy's number")
    values = np.append(rows[bound].to_numpy(np.float64), np.nan if otherwise is None else otherwise)
    return values[place]
