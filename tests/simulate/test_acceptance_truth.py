"""Out of time on simulated merchants, the model nearly knows what the simulator knows.

One world at a stressed rate, held to bounds that were those of the mean of several, and one at the
ordinary rate. Of each borrower one loan a quarter is looked at: more would share its fate and tell
little. With some 4 % of bad loans the level of one world is known to about 4 % of itself, so that
a tenth off is seen. At the ordinary rate outcomes of 12,000 merchants tell it to a quarter of
itself only: there the model's level is held to the true one too, whose outcomes play no part.
Of what is measured over several windows the model sees the one of 90 days: the longer and the
shorter ones cost as much again and tell little more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from sklearn.metrics import roc_auc_score

import alicredit as ac
from alicredit.evaluation import clustered_mean

SEEN = [name for name in ac.CATALOGUE.names
        if name.endswith("_90d") or not re.search(r"_\d+d?$", name)]  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """One seed's figures."""

    gap: float
    mean_pd: float
    mean_true: float
    off_in_se: float


def run(seed: int, rate: float, merchants: int = 20_000) -> Outcome:
    """Simulate, train before the cut on one loan a borrower and quarter, and look after it."""
    records, truth = ac.simulate_platform(
        merchants, seed=seed, orders_per_month=4, default_rate=rate
    )
    cohort = ac.Cohort.of_loans(records)
    quarter = cohort.frame["as_of"].dt.to_period("Q")
    first = ~cohort.frame.assign(quarter=quarter).duplicated(["merchant_id", "quarter"])
    cohort = cohort[first.to_numpy()]
    y = ac.label_defaults(records, cohort)
    train, test = cohort.split_by_time("2012-11-01", labels=y)
    used = train | test
    X = ac.build_features(records, cohort[used], catalogue=ac.CATALOGUE.subset(SEEN))
    train, test, y = train[used], test[used], y[used].reset_index(drop=True)
    cohort = cohort[used]
    y.attrs = {"horizon_days": 365, "level": "borrower", "days_past_due": 90}
    model = ac.DefaultModel("points").fit(X[train], y[train], cohort=cohort[train])
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
    found = run(0, 0.05)
    assert found.gap < 0.03, found
    assert abs(found.mean_pd / found.mean_true - 1) < 0.10, found


@pytest.mark.slow
def test_level_at_the_ordinary_rate() -> None:
    found = run(0, 0.008, 12_000)
    assert abs(found.off_in_se) < 2, found
    assert abs(found.mean_pd / found.mean_true - 1) < 0.25, found
