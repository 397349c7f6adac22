"""Changes of merchants and of their neighbours, and what differs between them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.evaluation import Estimate
from alicredit.funds.windows import LAST_DAY, Daily
from alicredit.vocabulary import FUNDS_OUTCOMES

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

TRANSFER_DAYS = 2

SOURCES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "ad_spend": ("ad_spend", "ad_days"),
        "traffic": ("traffic", "traffic_days"),
        "orders": ("orders", ""),
        "sales": ("orders", ""),
        "supplier_payments": ("bank", "postings"),
        "transfers_out": ("bank", "postings"),
    }
)
"""Outcome -> where it is read, and what must be written down for it to be known."""

SUMMARY = (
    "outcome", "loans", "merchants", "before", "after", "change", "others_change",
    "effect", "effect_low", "effect_high", "log_effect", "log_effect_low", "log_effect_high",
    "effect_size", "effect_size_low", "effect_size_high", "reading", "title", "title_zh",
)  # fmt: skip
"""Columns of a summary, in order."""


def read_rates(
    daily: Mapping[str, Daily],
    outcome: str,
    place: Whole,
    day: Whole,
    *,
    before_days: int,
    after_days: int,
) -> tuple[Floats, Floats]:
    """Give an outcome a day before and after days of disbursement; NaN where it is unknown.

    Traffic and advertising are means over the days that are written down, since a day that is not
    is no day without visitors; payments are known where the account had a posting before, and one
    from the days after on, without which it may no longer be read.
    """
    source, support = SOURCES[outcome]
    if source not in daily:
        return np.full(len(place), np.nan), np.full(len(place), np.nan)
    facts = daily[source]
    after = (day, day + TRANSFER_DAYS) if outcome == "transfers_out" else (
        day + 1, day + 1 + after_days)  # fmt: skip
    found = []
    for start, stop in ((day - before_days, day), after):
        total = facts.sums(outcome, place, start, stop)
        length = (stop - start).astype(float)
        if support in ("ad_days", "traffic_days"):
            length = facts.sums(support, place, start, stop)
        found.append(np.divide(total, length, out=np.full(len(total), np.nan), where=length > 0))
    if support == "postings":
        live = facts.sums(support, place, day - before_days, day) > 0
        live &= facts.sums(support, place, after[0], np.full_like(day, LAST_DAY)) > 0
        found = [np.where(live, each, np.nan) for each in found]
    return found[0], found[1]


def dyadic_mean(value: Floats, weight: Floats, one: Whole, other: Whole) -> Estimate:
    """Estimate a weighted mean over pairs; pairs that share a member on any side share fates.

    V = sum over members of (sum of their pairs' errors)^2 less sum over pairs of (error)^2, each
    pair having two members (dyadic cluster-robust variance; Aronow, Samii, Assenova 2015); never
    less than what clusters of the first side alone give.

    Examples
    --------
    >>> dyadic_mean(np.array([1.0, 3.0]), np.ones(2), np.array([0, 1]), np.array([2, 3]))
    Estimate(value=2.0, se=1.0)
    """
    total = weight.sum()
    mean = float((weight * value).sum() / total)
    error = weight * (value - mean) / total
    several = len(np.unique(one))
    if several < 2:
        return Estimate(mean, np.nan)
    members = np.concatenate([one, other])
    by_member = pd.Series(np.concatenate([error, error])).groupby(members).sum().to_numpy()
    by_pair = pd.Series(error).groupby([np.minimum(one, other), np.maximum(one, other)]).sum()
    by_one = pd.Series(error).groupby(one).sum().to_numpy()
    both = float((by_member**2).sum() - (by_pair.to_numpy() ** 2).sum())
    variance = max(both, float((by_one**2).sum())) * several / (several - 1)
    return Estimate(mean, float(np.sqrt(variance)))


def read_effect(
    loans: tuple[Floats, Floats], others: tuple[Floats, Floats], pairs: pd.DataFrame, owner: Whole
) -> tuple[dict[str, Floats], dict[str, object]]:
    """Set the changes of borrowers against those of their neighbours.

    Parameters
    ----------
    loans, others : tuple of two arrays
        A day before and after: of each loan, of each pair's neighbour.
    pairs : pandas.DataFrame
        ``loan, place``.
    owner : array of int64
        Each loan's merchant.

    Returns
    -------
    tuple of two dicts
        Columns of the loans, and the outcome's row of the summary.
    """
    row = pairs["loan"].to_numpy(np.int64)
    gone = loans[1] - loans[0]
    theirs = others[1] - others[0]
    is_known = ~np.isnan(theirs) & ~np.isnan(gone[row])
    row, place = row[is_known], pairs["place"].to_numpy(np.int64)[is_known]
    count = np.bincount(row, minlength=len(gone)).astype(float)
    weight = 1.0 / count[row]
    summed = np.bincount(row, weights=theirs[is_known] * weight, minlength=len(gone))
    others_change = np.where(count > 0, summed, np.nan)
    columns = {
        "before": loans[0], "after": loans[1], "change": gone, "others_change": others_change,
        "effect": gone - others_change,
    }  # fmt: skip
    used = count > 0
    told: dict[str, object] = {"loans": int(used.sum()), "merchants": len(np.unique(owner[used]))}
    if not used.any():
        return columns, told | {"reading": "unknown"}
    told |= {name: float(columns[name][used].mean()) for name in tuple(columns)[:4]}
    logs = [
        np.log1p(np.maximum(each, 0.0)) for each in (np.stack(loans), np.stack(others)[:, is_known])
    ]
    mine, beside = logs[0][1] - logs[0][0], logs[1][1] - logs[1][0]
    plain = dyadic_mean(gone[row] - theirs[is_known], weight, owner[row], place)
    relative = dyadic_mean(mine[row] - beside, weight, owner[row], place)
    spread = float(beside.std(ddof=1)) if len(beside) > 1 else np.nan
    unit = 1 / spread if spread > 0 else np.nan
    for name, estimate, scale in (
        ("effect", plain, 1.0), ("log_effect", relative, 1.0), ("effect_size", relative, unit),
    ):  # fmt: skip
        told |= {name: estimate.value * scale, f"{name}_low": estimate.low * scale,
                 f"{name}_high": estimate.high * scale}  # fmt: skip
    return columns, told | {"reading": _reading(relative)}


def _reading(effect: Estimate) -> str:
    """Read an interval."""
    if not np.isfinite(effect.se):
        return "unknown"
    if effect.low > 0:
        return "rose"
    return "fell" if effect.high < 0 else "no_difference"


def summary_of(rows: Mapping[str, dict[str, object]]) -> pd.DataFrame:
    """Lay rows out as a summary, with titles."""
    told = [{"outcome": name, **row, "title": FUNDS_OUTCOMES[name].text,
             "title_zh": FUNDS_OUTCOMES[name].text_zh} for name, row in rows.items()]  # fmt: skip
    return pd.DataFrame(told).reindex(columns=SUMMARY)
