"""What limits earn where the true probabilities, and what an amount does to them, are known.

A static evaluation: nobody is lent anything; profit is expected at the true probability of each
merchant at each amount.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.policy import build_applicants, curve_of, grade_of, load_policy, offer_limits
from alicredit.simulate import true_risks

MERCHANTS, AS_OF, LEARNED = 6000, pd.Timestamp("2012-04-01"), pd.Timestamp("2011-04-01")
STAGE = {"seed": 5, "months": 36, "default_rate": 0.008}
LEVERAGES = np.exp(np.linspace(np.log(0.01), np.log(30), 9))
POLICY = load_policy("ali-2013")
CREDIT = POLICY.product("taobao_credit")


def test_the_limit_moves_the_true_risk_as_the_assumed_coefficient_says() -> None:
    """The slope of log odds on the log of amount over sales, read off the simulator's truth."""
    own = {leverage: true_risks(400, seed=1, months=12, as_of="2010-03-01", leverage=leverage)
           for leverage in (0.5, 1.0, 2.0)}  # fmt: skip
    logit = {k: np.log(f["true_pd"] / (1 - f["true_pd"])) for k, f in own.items()}
    slope = (logit[2.0] - logit[0.5]) / np.log(4)
    assert (slope > 0).all()
    low, high = np.quantile(slope, [0.25, 0.75])
    assert low < POLICY.limit_rules.leverage_effect < high
    for bad in (0, -1, "x", 1e9, True):
        with pytest.raises(ac.errors.InputError, match="leverage must"):
            true_risks(60, seed=1, months=12, as_of="2010-03-01", leverage=bad)


@pytest.mark.slow
def test_limits_earn_nearly_what_the_truth_would_and_more_than_simpler_ways() -> None:
    records, _ = ac.simulate_platform(MERCHANTS, orders_per_month=4, **STAGE)
    cohort = ac.Cohort.of_loans(records)
    quarter = cohort.frame["as_of"].dt.to_period("Q")  # more loans of one borrower tell little more
    again = cohort.frame.assign(quarter=quarter).duplicated(["merchant_id", "quarter"])
    cohort = cohort[~again.to_numpy()]
    y = ac.label_defaults(records, cohort)
    past = (cohort.frame["as_of"] < LEARNED).to_numpy() & y.notna().to_numpy()
    X, y = ac.build_features(records, cohort[past]), y[past].reset_index(drop=True)
    model = ac.DefaultModel(shape="points").fit(X, y, cohort=cohort[past])
    scored = ac.score_portfolio(records, model, as_of=AS_OF)
    scored = scored[(scored["product_id"] == CREDIT.id) & (scored["status"] == "ok")]
    ids = true_risks(MERCHANTS, as_of=AS_OF, **STAGE)["merchant_id"]
    truth = np.stack([
        true_risks(MERCHANTS, as_of=AS_OF, leverage=float(x), **STAGE)["true_pd"].to_numpy()
        for x in LEVERAGES
    ], axis=1)  # fmt: skip
    facts = build_applicants(records, ac.Cohort.at(records, AS_OF)).assign(outstanding=0.0)
    facts = facts.merge(scored[["merchant_id", "pd", "pd_upper"]], on="merchant_id")
    facts = facts[facts["merchant_id"].isin(ids)].reset_index(drop=True)
    table = truth[pd.Index(ids).get_indexer(facts["merchant_id"])]
    sales = facts["monthly_sales_median_180d"].to_numpy()
    curve = curve_of(CREDIT, POLICY, beta=0.0)

    def true_chance(limit: np.ndarray) -> np.ndarray:
        log = np.log(np.clip(limit / np.maximum(sales, 0.01), 0.01, 30))
        return np.array([np.interp(x, np.log(LEVERAGES), row) for x, row in zip(log, table)])

    def earned(limit: np.ndarray) -> float:
        return float(curve.profit(limit, true_chance(limit), sales)[limit > 0].sum())

    def drawn(limit: np.ndarray) -> float:
        return float(curve.drawn(limit, sales).sum())

    def scaled(shape: np.ndarray, capital: float) -> np.ndarray:
        low, high = 0.0, 1e7
        for _ in range(60):
            middle = (low + high) / 2
            is_more = drawn(np.minimum(shape * middle, 1e6) // 100 * 100) > capital
            low, high = (low, middle) if is_more else (middle, high)
        return np.minimum(shape * low, 1e6) // 100 * 100

    def offered(chance: np.ndarray, upper: np.ndarray) -> np.ndarray:
        rows = facts.assign(pd=chance, pd_upper=upper)
        limit = offer_limits(rows, POLICY, product=CREDIT.id)["limit"].to_numpy()
        return limit * (chance <= CREDIT.max_pd)

    chance = facts["pd"].to_numpy()
    ours = offered(chance, facts["pd_upper"].to_numpy())
    sure = true_chance(np.maximum(sales, 0.01))
    assert earned(ours) >= 0.9 * earned(offered(sure, sure))
    may = (chance <= CREDIT.max_pd).astype(float)
    months = dict(zip(POLICY.grades.names, POLICY.grades.months_of_sales))
    by_grade = np.array([months[each] for each in grade_of(chance, POLICY.grades)])
    for simpler in (may, may * by_grade, may * by_grade * sales):
        limit = scaled(simpler, drawn(ours))
        assert drawn(limit) == pytest.approx(drawn(ours), rel=0.01)
        assert earned(ours) > earned(limit)
