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
    refuse,
    require_between,
    require_columns,
    require_kind,
    require_one_of,
    require_whole,
)
from alicredit.cohort import as_moment
from alicredit.records import Records
from alicredit.recovery.workouts import WorkoutRules, Workouts, find_workouts

ALL = "all"
BOUNDS = ("lgd", "lgd_lower", "lgd_upper")
_DRAWS_AT_ONCE = 25

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LgdRules:
    """How few defaults may speak, and for how much.

    Parameters
    ----------
    full_support : int, default 50
        Merchants in default from which on a product's or segment's own month counts alone; with n
        fewer it counts sqrt(n / full_support), and the product's or the portfolio's the rest
        (limited-fluctuation credibility; the number is assumed).
    least_support : int, default 10
        Merchants of the whole portfolio without whom a month tells nothing: no recovery is assumed
        from the first such month on (assumed).

    Examples
    --------
    >>> LgdRules().full_support
    50
    >>> LgdRules(full_support=5)
    Traceback (most recent call last):
    alicredit.errors.InputError: full_support must be a whole number of at least 10; found 5.
    """

    full_support: int = 50
    least_support: int = 10

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        require_whole("least_support", self.least_support, 1)
        require_whole("full_support", self.full_support, self.least_support)


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
    chosen, counted = rules or LgdRules(), workout or WorkoutRules()
    found = find_workouts(records, as_of=as_of, rules=counted)
    cells = _Cells.of(found, _segments(found, segments), counted.horizon_months, chosen)
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


@dataclass(frozen=True, eq=False)
class _Cells:
    """Sums by merchant and leaf (product and segment) for each month, and the tree above them.

    ``groups`` lists leaves, products and the portfolio; ``parent`` gives the place of the group
    above each, ``members`` which leaves are in it.
    """

    groups: pd.DataFrame
    parent: npt.NDArray[np.int64]
    members: Floats
    merchants: int
    who: npt.NDArray[np.int64]
    leaf: npt.NDArray[np.int64]
    leaf_of_loan: npt.NDArray[np.int64]
    sums: dict[str, Floats]
    seen: npt.NDArray[np.int64]
    credit: Floats
    months: int

    @classmethod
    def of(cls, found: Workouts, segment: pd.Series, horizon: int, rules: LgdRules) -> _Cells:
        """Lay the workouts out by month."""
        loans = found.loans
        who, names = pd.factorize(loans["merchant_id"], sort=True)
        leaves = pd.DataFrame({"product_id": loans["product_id"], "segment": segment})
        keys = leaves.drop_duplicates().sort_values(["product_id", "segment"], ignore_index=True)
        of_loan = pd.MultiIndex.from_frame(keys).get_indexer(pd.MultiIndex.from_frame(leaves))
        groups, parent, members = _tree(keys)
        many = max(len(keys), 1)
        cell, inverse = np.unique(who * many + of_loan, return_inverse=True)
        sums = _by_month(found, inverse, len(cell), horizon)
        who, leaf = cell // many, cell % many
        seen = np.zeros((len(groups), horizon), dtype=np.int64)
        for place, mine in enumerate(members):
            part = np.zeros((len(names), horizon))
            np.add.at(part, who, sums["loans"] * mine[leaf][:, None])
            seen[place] = (part > 0).sum(axis=0)
        enough = seen[-1] >= rules.least_support
        months = horizon if enough.all() else int(enough.argmin())
        if not months:
            rule = f"must hold at least {rules.least_support} merchants in default, seen a month"
            refuse("records", rule, int(seen[-1, 0]), "keep the policy's loss given default")
        credit = np.minimum(1.0, np.sqrt(seen / rules.full_support))[:, :months]
        credit[-1] = 1.0
        kept = {name: each[:, :months] for name, each in sums.items()}
        return cls(groups, parent, members, len(names), who, leaf, of_loan, kept,
                   seen[:, :months], credit, months)  # fmt: skip

    def recovered(self, weight: Floats, *, by_count: bool = False) -> Floats:
        """Add months up, by draw of merchants, group and month; few defaults lean on the parent."""
        names = ("shares", "loans") if by_count else ("money", "exposure")
        above, below = (self._leaf_sums(weight, self.sums[name]) for name in names)
        above, below = (np.einsum("gl,blm->bgm", self.members, each) for each in (above, below))
        own = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
        rate = np.where((below > 0), own, 0)
        for place in range(len(self.groups) - 2, -1, -1):
            share = self.credit[place] * (below[:, place] > 0)
            rate[:, place] = share * own[:, place] + (1 - share) * rate[:, self.parent[place]]
        return np.cumsum(rate, axis=2)

    def _leaf_sums(self, weight: Floats, values: Floats) -> Floats:
        """Sum rows by leaf for each draw of merchants."""
        sums = np.zeros((len(weight), self.members.shape[1], values.shape[1]))
        for leaf in range(self.members.shape[1]):
            rows = self.leaf == leaf
            sums[:, leaf] = weight[:, self.who[rows]] @ values[rows]
        return sums

    def summary(self, found: Workouts) -> pd.DataFrame:
        """Count each group's defaults, and say how far they speak for themselves."""
        loans = found.loans
        rows = []
        for place, group in enumerate(self.groups.itertuples()):
            mine = loans[self.members[place][self.leaf_of_loan] > 0]
            outcome = mine["outcome"]
            credit = float(self.credit[place].mean())
            method = "own" if credit == 1 else "shrunk" if credit > 0 else "parent"
            rows.append({
                "product_id": group.product_id, "segment": group.segment, "defaults": len(mine),
                "merchants": mine["merchant_id"].nunique(),
                "exposure": int(mine["exposure_fen"].sum()) / 100,
                "complete_share": float(mine["is_complete"].mean()),
                "cured_share": float(outcome.isin(("current", "arrears", "cured")).mean()),
                "repaid_share": float(outcome.eq("closed").mean()),
                "months": self.months, "credibility": credit, "method": method,
            })  # fmt: skip
        return pd.DataFrame(rows)

    def curves(self, recovered: Floats) -> pd.DataFrame:
        """Lay the curves out as a frame."""
        size = self.months
        frame = self.groups.loc[self.groups.index.repeat(size)].reset_index(drop=True)
        frame["month"] = np.tile(np.arange(1, size + 1), len(self.groups))
        frame["merchants"] = self.seen.ravel()
        frame["recovered"] = recovered.ravel()
        return frame


def _tree(keys: pd.DataFrame) -> tuple[pd.DataFrame, npt.NDArray[np.int64], Floats]:
    """List leaves, products and the portfolio, what is above each, and the leaves of each."""
    products = keys["product_id"].drop_duplicates().tolist()
    is_split = not keys["segment"].eq(ALL).all()
    leaves = list(keys.itertuples(index=False, name=None)) if is_split else []
    listed = [*leaves, *((product, ALL) for product in products), (ALL, ALL)]
    groups = pd.DataFrame(listed, columns=["product_id", "segment"])
    above = [len(leaves) + products.index(product) for product, _ in leaves]
    parent = np.array([*above, *[len(groups) - 1] * (len(products) + 1)], dtype=np.int64)
    members = np.zeros((len(groups), len(keys)))
    for place, (product, segment) in enumerate(listed):
        inside = keys["product_id"].eq(product) | (product == ALL)
        members[place] = inside & (keys["segment"].eq(segment) | (segment == ALL))
    return groups, parent, members


def _by_month(
    found: Workouts, cell: npt.NDArray[np.int64], size: int, horizon: int
) -> dict[str, Floats]:
    """Sum money, exposure, shares recovered and loans by cell and month, over months seen whole."""
    exposure = found.loans["exposure_fen"].to_numpy(np.float64)
    seen = found.loans["months_observed"].to_numpy(np.int64)
    sums = {name: np.zeros((size, horizon)) for name in ("money", "exposure", "shares", "loans")}
    for month in range(horizon):
        rows = seen > month
        np.add.at(sums["exposure"][:, month], cell[rows], exposure[rows])
        np.add.at(sums["loans"][:, month], cell[rows], 1.0)
    loan, place = (found.flows[name].to_numpy(np.int64) for name in ("loan", "month"))
    whole = place <= seen[loan]
    loan, place = loan[whole], place[whole] - 1
    money = found.flows["discounted_fen"].to_numpy(np.float64)[whole]
    np.add.at(sums["money"], (cell[loan], place), money)
    np.add.at(sums["shares"], (cell[loan], place), money / exposure[loan])
    return sums


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
