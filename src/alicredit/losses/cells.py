"""Sums of recoveries by merchant, product, segment and month, and how few of them may speak."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse, require_whole
from alicredit.losses.workouts import Workouts

ALL = "all"

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
class Cells:
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
    def of(cls, found: Workouts, segment: pd.Series, horizon: int, rules: LgdRules) -> Cells:
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
