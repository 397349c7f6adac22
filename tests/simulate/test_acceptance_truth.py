"""Out of time on 20,000 simulated merchants, the model nearly knows what the simulator knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import alicredit as ac
from alicredit.evaluation import clustered_mean


@dataclass(frozen=True)
class Outcome:
    """One seed's figures."""

    gap: float
    mean_pd: float
    mean_true: float
    off_in_se: float


def run(seed: int, rate: float) -> Outcome:
    """Simulate, train before the cut on one loan a borrower and month, and look after it."""
    records, truth = ac.simulate_platform(20_000, seed=seed, orders_per_month=4, default_rate=rate)
    cohort = ac.Cohort.of_loans(records)
    month = cohort.frame["as_of"].dt.to_period("M")
    first = ~cohort.frame.assign(month=month).duplicated(["merchant_id", "month"])
    cohort = cohort[first.to_numpy()]
    y = ac.label_defaults(records, cohort)
    train, test = cohort.split_by_time("2012-11-01", labels=y)
    used = train | test
    X = ac.build_features(records, cohort[used])
    train, test, y = train[used], test[used], y[used].reset_index(drop=True)
    cohort = cohort[used]
    y.attrs = {"horizon_days": 365, "level": "borrower", "days_past_due": 90}
    model = ac.DefaultModel().fit(X[train], y[train], cohort=cohort[train])
    p = model.predict_proba(X[test])[:, 1]
    later = cohort[test].frame
    true = truth.set_index("loan_id")["true_pd"].loc[later["loan_id"]].to_numpy()
    off = clustered_mean(y[test].to_numpy() - p, later["merchant_id"].to_numpy())
    return Outcome(
        roc_auc_score(y[test], true) - roc_auc_score(y[test], p),
        float(p.mean()),
        float(true.mean()),
        off.value / off.se,
    )


@pytest.mark.slow
def test_ranking_and_level_at_a_stressed_rate() -> None:
    found = [run(seed, 0.05) for seed in range(3)]
    assert np.mean([each.gap for each in found]) < 0.03, found
    ratio = np.mean([e.mean_pd for e in found]) / np.mean([e.mean_true for e in found])
    assert abs(ratio - 1) < 0.10, found


@pytest.mark.slow
def test_level_at_the_ordinary_rate() -> None:
    found = run(0, 0.008)
    assert abs(found.off_in_se) < 2, found
