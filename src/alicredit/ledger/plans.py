"""What a plan puts in the place of a loan's earlier dues, from its date on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Whole = npt.NDArray[np.int64]

PLANNED = "planned"
"""The kind of an event that says that a plan was accepted."""

_DAY = np.timedelta64(1, "D")
_REACH = 1_000_000
_AMOUNTS = ("fen", "principal_fen", "interest_fen")


def of_plans(dues: pd.DataFrame, events: pd.DataFrame) -> Whole:
    """Tell which plan each due belongs to: the last accepted by the day it became known, or 0.

    Examples
    --------
    >>> day = pd.to_datetime(["2013-01-01", "2013-02-01"])
    >>> dues = pd.DataFrame({"loan_id": "l", "known_at": day})
    >>> plan = pd.DataFrame({"loan_id": ["l"], "kind": PLANNED, "day": day[1:]})
    >>> of_plans(dues, plan).tolist()
    [0, 1]
    """
    plans = _accepted(events)
    if plans.empty or dues.empty:
        return np.zeros(len(dues), dtype=np.int64)
    ids = pd.Index(plans["loan_id"].unique())
    mine = np.sort(_key(ids.get_indexer(plans["loan_id"]), plans["day"]))
    loan = ids.get_indexer(dues["loan_id"])
    seen = np.searchsorted(mine, _key(loan, dues["known_at"]), side="right")
    number = seen - np.searchsorted(mine, loan.astype(np.int64) * _REACH, side="left")
    return np.where(loan >= 0, number, 0).astype(np.int64)


def dues_in_force(dues: pd.DataFrame, payments: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Give dues whose running sum by loan is what was to be paid by each day, plans included.

    A plan, which is an accepted restructure whose instalments became known on its day or later,
    replaces what was due before: earlier dues that lie on its day or after are left out, and a row
    on its day brings the running sum to what had been paid before it.

    Parameters
    ----------
    dues, payments, events : pandas.DataFrame
        As ``Postings`` has them.

    Returns
    -------
    pandas.DataFrame
        The dues with ``late_day`` (from which what is unpaid is overdue), ``until_day`` (of the
        plan that replaced it, NaT) and ``plan`` (its number, 0: none).

    Examples
    --------
    >>> day = pd.to_datetime(["2013-01-01", "2013-01-11", "2013-02-01", "2013-03-01"])
    >>> dues = pd.DataFrame({"loan_id": "l", "day": day[[1, 3]], "fen": [100, 104],
    ...                      "known_at": day[[0, 2]]})
    >>> plan = pd.DataFrame({"loan_id": ["l"], "kind": PLANNED, "day": day[[2]]})
    >>> found = dues_in_force(dues, dues[["loan_id", "day", "fen"]][:0], plan)
    >>> found["fen"].cumsum().tolist()
    [100, 0, 104]
    """
    number = of_plans(dues, events)
    made = dues.assign(late_day=dues["day"] + _DAY, until_day=pd.NaT, plan=number)
    made["until_day"] = made["until_day"].astype("datetime64[us]")
    if not number.any():
        return made
    plans = _in_use(made, events)
    made["until_day"] = _replaced_on(made, plans)
    made = made[~(made["day"] >= made["until_day"])]
    whole = pd.concat([made, _bridges(made, payments, plans)], ignore_index=True)
    return whole.sort_values(["loan_id", "day", "plan"], kind="stable", ignore_index=True)


def _accepted(events: pd.DataFrame) -> pd.DataFrame:
    """List the plans accepted: ``loan_id, day``, each day once, sorted."""
    plans = events.loc[events["kind"] == PLANNED, ["loan_id", "day"]] if "kind" in events else (
        pd.DataFrame({"loan_id": [], "day": []})
    )  # fmt: skip
    return plans.drop_duplicates().sort_values(["loan_id", "day"], ignore_index=True)


def _key(loan: npt.ArrayLike, times: pd.Series) -> Whole:
    """Put loan and day in one number."""
    day = times.to_numpy().astype("datetime64[D]").astype(np.int64)
    return np.asarray(loan, dtype=np.int64) * _REACH + day


def _in_use(dues: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """List the plans that have instalments: ``loan_id, plan, from_day``."""
    plans = _accepted(events)
    plans["plan"] = plans.groupby("loan_id").cumcount() + 1
    used = dues.loc[dues["plan"] > 0, ["loan_id", "plan"]].drop_duplicates()
    found = plans.merge(used, on=["loan_id", "plan"]).rename(columns={"day": "from_day"})
    return found.sort_values(["loan_id", "plan"], ignore_index=True)


def _replaced_on(dues: pd.DataFrame, plans: pd.DataFrame) -> npt.NDArray[np.datetime64]:
    """Give the day of the next plan of each due's loan; NaT where none follows."""
    ids = pd.Index(plans["loan_id"].unique())
    keys = ids.get_indexer(plans["loan_id"]) * _REACH + plans["plan"].to_numpy()
    loan = ids.get_indexer(dues["loan_id"]).astype(np.int64)
    at = np.searchsorted(keys, loan * _REACH + dues["plan"].to_numpy(), side="right")
    follows = (loan >= 0) & (at < len(keys))
    at = np.minimum(at, len(keys) - 1)
    follows &= keys[at] // _REACH == loan
    day = plans["from_day"].to_numpy().astype("datetime64[us]")[at]
    return np.where(follows, day, np.datetime64("NaT", "us"))


def _bridges(dues: pd.DataFrame, payments: pd.DataFrame, plans: pd.DataFrame) -> pd.DataFrame:
    """Give for each plan a row that brings what was to be paid to what had been paid."""
    amounts = [name for name in _AMOUNTS if name in dues]
    paid = payments[payments["loan_id"].isin(plans["loan_id"])]
    toward = paid.get("penalty_fen", 0)
    paid = paid.assign(fen=paid["fen"] - toward).merge(plans, on="loan_id")
    paid = paid[paid["day"] < paid["from_day"]]
    keys = ["loan_id", "from_day"]
    listed = pd.MultiIndex.from_frame(plans[keys])
    lapsed = dues[dues["until_day"].notna()].rename(columns={"until_day": "from_day"})
    bridge = plans.assign(day=plans["from_day"], late_day=plans["from_day"])
    bridge["until_day"] = pd.Series(pd.NaT, index=bridge.index, dtype="datetime64[us]")
    for name in amounts:
        had = paid.groupby(keys)[name].sum() if name in paid else pd.Series(dtype=float)
        had = pd.Series(had.reindex(listed).fillna(0).to_numpy(np.int64), index=plans.index)
        before = had.groupby(plans["loan_id"]).shift(fill_value=0)
        left = lapsed.groupby(keys)[name].sum().reindex(listed).fillna(0).to_numpy(np.int64)
        bridge[name] = had - before - left
    if "known_at" in dues:
        bridge["known_at"] = bridge["from_day"]
    return bridge.drop(columns="from_day")
