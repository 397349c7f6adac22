"""What a validation says first: figures, claims by tenths, months, points and reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.evaluation.calibration_tests import calibration_line, spiegelhalter
from alicredit.evaluation.metrics import auc, brier, log_loss
from alicredit.evaluation.rates import (
    clustered_mean,
    effective_rows,
    jeffreys_interval,
    jeffreys_test,
)
from alicredit.evaluation.stability import PsiTest, psi_test, share_covariance

Floats = npt.NDArray[np.float64]
_BINS = 10


def summarise(y: Floats, p: Floats, who: Any, refused: int) -> pd.DataFrame:
    """Sum up ranking and level, with intervals that cluster by merchant."""
    rows: list[tuple[str, float, float, float, str]] = []
    area = auc(y, p, cluster=who)
    rows.append(("AUC", area.value, area.low, area.high, "chance to rank a default above another"))
    rate = clustered_mean(y, who)
    rows.append(("default rate", rate.value, rate.low, rate.high, "what happened"))
    rows.append(("mean probability", float(p.mean()), np.nan, np.nan, "what was claimed"))
    gap = clustered_mean(y - p, who)
    rows.append(
        ("rate less claim", gap.value, gap.low, gap.high, "0 lies inside when the level holds")
    )
    line = zip(("intercept", "slope"), calibration_line(y, p, cluster=who), strict=True)
    notes = {"intercept": "0 when right", "slope": "1 when right; below 1: too spread"}
    rows += [(f"calibration {k}", e.value, e.low, e.high, notes[k]) for k, e in line]
    for metric, score, loss in (
        ("Brier score", brier(y, p), (y - p) ** 2),
        ("log loss", log_loss(y, p), -np.where(y == 1, np.log(p), np.log1p(-p))),
    ):
        mean = clustered_mean(loss, who)
        rows.append((metric, score, mean.low, mean.high, "lower is better"))
    constant = float(y.mean() * (1 - y.mean()))
    rows.append(("Brier of the plain rate", constant, np.nan, np.nan, "to compare with"))
    z, beyond = spiegelhalter(y, p, cluster=who), "beyond +-1.96: off"
    rows.append(("Spiegelhalter z", z, np.nan, np.nan, beyond))
    rows.append(("rows", float(len(y)), np.nan, np.nan, "scored"))
    merchants = float(len(np.unique(who)))
    rows.append(("merchants", merchants, np.nan, np.nan, "each is one witness in the intervals"))
    rows.append(("rows refused", float(refused), np.nan, np.nan, "outside the model's contract"))
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "note"])


def hold_claims(y: Floats, p: Floats, who: Any) -> pd.DataFrame:
    """Compare claim and outcome by tenths of the probability; equal claims stay together.

    Intervals (90 %, Jeffreys) and p-values count as many rows as would tell as much if each were a
    merchant of its own.
    """
    edges = np.unique(np.quantile(p, np.linspace(0, 1, _BINS + 1)[1:-1]))
    at = np.searchsorted(edges, p, side="left")
    rows: list[tuple[float, ...]] = []
    for k in np.unique(at):
        mine = at == k
        n, bad, mean = int(mine.sum()), int(y[mine].sum()), float(p[mine].mean())
        counted = effective_rows(y[mine], who[mine])
        low, high = jeffreys_interval(n, bad, effective=counted)
        test = jeffreys_test(n, bad, mean, effective=counted)
        merchants = len(np.unique(who[mine]))
        rows.append((len(rows) + 1, n, merchants, bad, mean, bad / n, low, high, test))
    names = ["bin", "rows", "merchants", "defaults", "mean_pd", "rate", "low", "high", "jeffreys_p"]
    return pd.DataFrame(rows, columns=names)


def follow_months(y: Floats, p: Floats, who: Any, months: pd.Series | None) -> pd.DataFrame:
    """Compare claim and outcome by month, and the shift of scores against the first month.

    A month is shifted where its index is beyond what chance exceeds once in twenty validations:
    the level is shared among the months.
    """
    names = [
        "month", "rows", "defaults", "mean_pd", "rate", "low", "high", "psi", "critical",
        "is_shifted",
    ]  # fmt: skip
    if months is None:
        return pd.DataFrame(columns=names)
    keys = months.to_numpy()
    edges = np.unique(np.quantile(p, np.linspace(0, 1, _BINS + 1)[1:-1]))
    at, every = np.searchsorted(edges, p, side="left"), sorted(set(keys))
    whose, bins = pd.factorize(np.asarray(who))[0], len(edges) + 1
    first = keys == every[0]
    rows: list[tuple[object, ...]] = []
    for month in every:
        mine = keys == month
        found = compare_places((at[first], whose[first]), (at[mine], whose[mine]), bins,
                               0.05 / max(len(every) - 1, 1))  # fmt: skip
        n, bad = int(mine.sum()), int(y[mine].sum())
        ends = jeffreys_interval(n, bad, effective=effective_rows(y[mine], whose[mine]))
        shift = (found.psi, found.critical, bool(month != every[0] and found.psi > found.critical))
        rows.append((month, n, bad, float(p[mine].mean()), bad / n, *ends, *shift))
    return pd.DataFrame(rows, columns=names)


Placed = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def compare_places(then: Placed, now: Placed, bins: int, level: float) -> PsiTest:
    """Hold the shares of bins against chance, of rows (bin, merchant) then and now."""
    counted = [np.bincount(at, minlength=bins) for at, _ in (then, now)]
    old, new = (share_covariance(at, who, bins=bins) for at, who in (then, now))
    return psi_test(*counted, covariance_reference=old, covariance_current=new, level=level)


def lay_out_points(model: Any) -> pd.DataFrame:
    """Lay out the scorecard with what each input is called, and its unit."""
    card = model.scorecard()
    titles = {table.name: table.title for table in model.tables}
    units = {table.name: table.unit for table in model.tables}
    card = card.assign(title=card["feature"].map(titles), unit=card["feature"].map(units))
    if "feature_2" not in card:
        return card
    return card.assign(title_2=card["feature_2"].map(titles).fillna(""))


def count_reasons(lists: pd.Series) -> pd.DataFrame:
    """Count how often each reason stands first and at all."""
    every = lists.explode().dropna()
    first = lists[lists.map(len) > 0].map(lambda codes: codes[0])
    frame = pd.DataFrame({"rows": every.value_counts(), "first": first.value_counts()}).fillna(0)
    frame = frame.astype(int).rename_axis("code").reset_index()
    return frame.sort_values(["rows", "code"], ascending=[False, True], ignore_index=True)
