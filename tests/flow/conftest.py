"""One small simulated platform, and the way along it, shared by the tests of the whole flow."""

from __future__ import annotations

import pandas as pd
import pytest
from flow_walk import AS_OF, Walk

import alicredit as ac


@pytest.fixture(scope="session")
def walk() -> Walk:
    """Walk from a simulated platform to decisions, once for all tests."""
    records, truth = ac.simulate_platform(500, seed=11, orders_per_month=4, default_rate=0.15)
    cohort = ac.Cohort.of_loans(records)
    one_a_month = ~cohort.frame.assign(month=cohort.frame["as_of"].dt.to_period("M")).duplicated(
        ["merchant_id", "month"]
    )
    cohort = cohort[one_a_month.to_numpy()]
    features = ac.build_features(records, cohort)
    labels = ac.label_defaults(records, cohort)
    train, _ = cohort.split_by_time("2012-11-01", labels=labels)
    model = ac.DefaultModel("points").fit(features[train], labels[train], cohort=cohort[train])
    decisions = ac.score_portfolio(records, model, as_of=AS_OF)
    return Walk(records, truth, cohort, features, labels, model, decisions)


@pytest.fixture(scope="session")
def frames(walk: Walk) -> dict[str, pd.DataFrame]:
    """Turn the platform's tables to frames once."""
    return {name: walk.records[name].to_pandas() for name in walk.records.tables}


@pytest.fixture
def tables(frames: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Give copies of the platform's frames that a test may damage."""
    return {name: frame.copy() for name, frame in frames.items()}
