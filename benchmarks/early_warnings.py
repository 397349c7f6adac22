"""How many later defaults are warned of in time, at a stated number of false alarms.

`python benchmarks/early_warnings.py [MERCHANTS] [DEFAULT_RATE] [SEED]`

A platform is simulated. The score is learned on one third of its merchants, on loans whose outcome
was known before the first look; the warnings are tuned on the second third, in the first half of
the looks; and all is measured on the last third, in the second half of the looks. What the
simulator knows (the true probability that a loan's draw is fatal, as of its disbursement) stands
beside as the most that a look at the disbursement could tell.
"""

from __future__ import annotations

import sys
import time
import zlib

import numpy as np
import pandas as pd

import alicredit as ac
from alicredit.ledger import read_postings
from alicredit.monitoring import (
    WARNING_RULES,
    early_warnings,
    loan_outcomes,
    measure_warnings,
    rate_warnings,
    tune_warnings,
)

FIRST, MIDDLE, LAST = map(pd.Timestamp, ("2012-06-04", "2013-03-04", "2013-12-02"))
ORDERS_A_MONTH = 20


def third_of(merchants: pd.Series) -> np.ndarray:
    """Give each merchant a third by its name, the same on every machine."""
    return merchants.map(lambda name: zlib.crc32(name.encode()) % 3).to_numpy()


def learn(records: ac.Records) -> ac.DefaultModel:
    """Learn the borrower's score on the first third, from what was over before the first look."""
    cohort = ac.Cohort.of_loans(records, "taobao_order")
    at = cohort.frame
    old = (at["as_of"] < FIRST - pd.Timedelta(days=365)).to_numpy() & (
        third_of(at["merchant_id"]) == 0
    )
    month = at["as_of"].dt.to_period("M")
    once = ~at[old].assign(month=month[old]).duplicated(["merchant_id", "month"])
    rows = np.flatnonzero(old)[once.to_numpy()]
    cohort = cohort[rows]
    y = ac.label_defaults(records, cohort, observed_until=FIRST)
    known = y.notna().to_numpy()
    x = ac.build_features(records, cohort[known])
    return ac.DefaultModel(shape="points").fit(x, y[known], cohort=cohort[known])


def scores_at(
    records: ac.Records, model: ac.DefaultModel, asked: pd.DataFrame, chunk: int = 40_000
) -> pd.DataFrame:
    """Score merchants at looks."""
    parts = []
    for start in range(0, len(asked), chunk):
        cohort = ac.Cohort.from_frame(asked.iloc[start : start + chunk])
        x = ac.build_features(records, cohort)
        p = model.predict_proba(x)[:, 1]
        parts.append(cohort.frame.assign(score=600 + 20 * np.log2((1 - p) / p / 50)))
    return pd.concat(parts, ignore_index=True)


def main(merchants: int = 4000, default_rate: float = 0.05, seed: int = 1) -> None:
    """Simulate, learn, tune, measure, print."""
    pd.set_option("display.width", 200, "display.max_columns", 40)
    begun = time.time()
    records, truth = ac.simulate_platform(
        merchants, seed=seed, default_rate=default_rate, orders_per_month=ORDERS_A_MONTH
    )
    postings = read_postings(records)
    fate = loan_outcomes(postings, observed_until=records.notes["observed_until"])
    looks = pd.date_range(FIRST, LAST, freq="7D")
    print(f"simulated {merchants} merchants, {len(fate)} loans: {time.time() - begun:.0f} s")
    plain = early_warnings(records, as_of=looks)
    plain = plain[plain["product_id"] == "taobao_order"]
    print(f"{len(plain)} looks at loans: {time.time() - begun:.0f} s")
    model = learn(records)
    print(f"learned: {time.time() - begun:.0f} s")
    back = plain[["merchant_id", "as_of"]].drop_duplicates()
    earlier = back.assign(as_of=back["as_of"] - pd.Timedelta(days=28))
    asked = pd.concat([back, earlier]).drop_duplicates()
    asked = asked[third_of(asked["merchant_id"]) > 0]
    scores = scores_at(records, model, asked)
    print(f"{len(scores)} scores: {time.time() - begun:.0f} s")
    full = early_warnings(records, as_of=looks, scores=scores)
    full = full[full["product_id"] == "taobao_order"]
    part = third_of(full["merchant_id"])
    tuning = full[(part == 1) & (full["as_of"] < MIDDLE).to_numpy()]
    measured = full[(part == 2) & (full["as_of"] >= MIDDLE).to_numpy()]
    whole = full[part == 2]
    no_score = WARNING_RULES.without("WARN_SCORE_FALL", "WARN_SCORE_LOW")
    chance = truth.set_index("loan_id")["true_pd_draw"]
    for budget in (0.05, 0.1):
        report(budget, no_score, tuning, fate, {"later": measured, "all looks": whole}, chance)
    print("untuned, as declared")
    print(measure_warnings(rate_warnings(measured, no_score), fate).round(3).T.to_string())
    print(f"done: {time.time() - begun:.0f} s")


def report(budget, no_score, tuning, fate, parts, chance) -> None:
    """Tune for a budget and print what it gives on merchants kept apart."""
    without = tune_warnings(tuning, fate, rules=no_score, false_alarms=budget)
    with_score = tune_warnings(tuning, fate, false_alarms=budget)
    for rule in with_score.rules:
        print("   ", rule.code, rule.operator, rule.steps)
    print("    marks", with_score.amber_points, with_score.red_points)
    for name, part in parts.items():
        tables = []
        for label, rules in (("rules", without), ("with score", with_score)):
            rated = rate_warnings(part, rules)
            tables.append(measure_warnings(rated, fate).assign(rules=label))
        known = rate_warnings(part, without)
        known["score"] = -chance.reindex(known["loan_id"]).to_numpy()
        ceiling = measure_warnings(known, fate).iloc[1:].assign(alarm="truth", rules="as of loan")
        table = pd.concat([*tables, ceiling]).set_index(["rules", "alarm"])
        print(f"budget {budget:.0%} of repaid loans a month, merchants kept apart, {name}")
        print(table.round(3).T.to_string())


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*(kind(each) for kind, each in zip((int, float, int), given)))
