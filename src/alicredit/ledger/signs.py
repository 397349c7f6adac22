"""Signs that a borrower is unlikely to pay, and when they are over."""

from __future__ import annotations

import pandas as pd

from alicredit.ledger.plans import PLANNED
from alicredit.ledger.postings import Postings

RELEASED = "unsealed"
"""The kind of an event that ends a seal."""


def signs_in(events: pd.DataFrame) -> pd.DataFrame:
    """Give the signs among events, each with the day it was over.

    An account that is unsealed is sealed no more: the first release after a seal ends it. Nothing
    ends the other signs.

    Parameters
    ----------
    events : pandas.DataFrame
        As ``Postings`` has them; ``at``, where it is there, tells the order within a day.

    Returns
    -------
    pandas.DataFrame
        The events that are signs, with ``over_day`` (NaT: not over).

    Examples
    --------
    >>> day = pd.to_datetime(["2013-01-01", "2013-02-01", "2013-03-01"]).astype("datetime64[us]")
    >>> events = pd.DataFrame({"merchant_id": "m", "loan_id": None, "day": day,
    ...                        "kind": ["sealed", "unsealed", "sealed"]})
    >>> over = signs_in(events)["over_day"]
    >>> str(over[0].date()), bool(over.isna()[1])
    ('2013-02-01', True)
    """
    is_sign = ~events["kind"].isin((RELEASED, PLANNED)).to_numpy(bool)
    signs = events[is_sign].reset_index(drop=True)
    signs["over_day"] = pd.Series(pd.NaT, index=signs.index, dtype="datetime64[us]")
    released = events[events["kind"] == RELEASED]
    if released.empty or signs.empty:
        return signs
    time = "at" if "at" in events else "day"
    seals = signs.loc[signs["kind"] == "sealed", ["merchant_id", time]].reset_index()
    both = seals.merge(released[["merchant_id", time]], on="merchant_id", suffixes=("", "_over"))
    both = both[both[f"{time}_over"] > both[time]]
    first = both.groupby("index")[f"{time}_over"].min().dt.normalize()
    signs.loc[first.index, "over_day"] = first.astype("datetime64[us]")
    return signs


def signs_of_loans(postings: Postings) -> pd.DataFrame:
    """Give the signs of trouble loan by loan: a restructure's own, else all of the merchant's.

    Parameters
    ----------
    postings : Postings
        Loans and events.

    Returns
    -------
    pandas.DataFrame
        ``loan_id, merchant_id, day, kind, known_at, over_day``; a sign before a loan's
        disbursement too, but for one that was over by then.

    Examples
    --------
    >>> day = pd.to_datetime(["2013-01-01"]).astype("datetime64[us]")
    >>> loans = pd.DataFrame({"loan_id": ["a", "b"], "merchant_id": ["m", "m"]})
    >>> signs = pd.DataFrame({"merchant_id": ["m"], "loan_id": [None], "day": day,
    ...                       "kind": ["sealed"], "known_at": day})
    >>> signs_of_loans(Postings(loans, loans[:0], loans[:0], signs))["loan_id"].tolist()
    ['a', 'b']
    """
    events = signs_in(postings.events)
    own = events[events["loan_id"].notna()]
    common = events[events["loan_id"].isna()].drop(columns="loan_id")
    names = [name for name in ("merchant_id", "loan_id", "disbursed_at") if name in postings.loans]
    spread = common.merge(postings.loans[names], on="merchant_id")
    if "disbursed_at" in spread:
        spread = spread[~(spread["over_day"] <= spread["disbursed_at"].dt.normalize())]
    parts = [part[_SIGN] for part in (own, spread) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else own[_SIGN]


_SIGN = ["loan_id", "merchant_id", "day", "kind", "known_at", "over_day"]
