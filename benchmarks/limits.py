"""Limits: time of eligibility, limit and price, and what limits earn where the truth is known.

``python benchmarks/limits.py [--rows N] [--rounds N]``: a made-up frame of merchants through the
rules, limits and prices of ``ali-2013-planned`` (three live products, the card as a what-if), one
thread; microseconds a merchant, the best and the median of the rounds.

``python benchmarks/limits.py --truth [--merchants N] [--seed N]``: a simulated platform whose true
probabilities, and the true effect of the limit on them, are known. A model is fitted on the loans
of the past, limits of the revolving line are chosen by it a year later, and their expected profit
is taken at the true probability of each merchant at each amount (a static evaluation: nobody is
lent anything). Beside them: the limits that the true probabilities would have chosen under the
same policy, a fixed limit, a matrix of amounts by grade, and months of sales by grade, each scaled
to the same drawn balance.
"""

from __future__ import annotations

# ruff: noqa: E402 - threads are set before what reads the setting is imported
import os

for _name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
    os.environ.setdefault(f"{_name}_NUM_THREADS", "1")

import argparse
import statistics
import time
from dataclasses import replace

import numpy as np
import pandas as pd

import alicredit as ac
from alicredit.policy import (
    build_applicants,
    curve_of,
    find_rules,
    grade_of,
    load_policy,
    offer_limits,
    price_loan,
)
from alicredit.policy.limits import find_limits, year_of_line
from alicredit.simulate import true_risks

AS_OF, LEARNED = pd.Timestamp("2012-04-01"), pd.Timestamp("2011-04-01")
LEVERAGES = np.exp(np.linspace(np.log(0.01), np.log(30), 25))


def made(rows: int, seed: int) -> pd.DataFrame:
    """Make up facts of merchants."""
    rng = np.random.default_rng(seed)
    sales = rng.lognormal(9.6, 1.5, rows).round(2)
    day = pd.Timestamp("2008-01-01")
    return pd.DataFrame({
        "merchant_id": np.arange(rows),
        "platform": rng.choice(["alibaba_b2b", "taobao", "tmall", "alipay"], rows),
        "membership": rng.choice(["ordinary", "paying"], rows),
        "region": rng.choice(["zhejiang", "jiangsu", "sichuan", "guangdong"], rows),
        "registered_at": day + pd.to_timedelta(rng.integers(0, 1800, rows), unit="D"),
        "shop_opened_at": day + pd.to_timedelta(rng.integers(365, 1850, rows), unit="D"),
        "blacklisted": rng.random(rows) < 0.001,
        "days_past_due": np.where(rng.random(rows) < 0.02, 5, 0),
        "positive_rating_share": 0.9 + 0.1 * rng.random(rows),
        "violation_points_365d": rng.integers(0, 13, rows).astype(float),
        "monthly_sales_median_180d": sales, "order_base": (sales * rng.random(rows)).round(2),
        "outstanding": 0.0, "pd": rng.lognormal(-4.6, 0.9, rows).clip(1e-5, 0.5),
    })  # fmt: skip


def speed(rows: int, rounds: int) -> None:
    """Time rules, limits and prices."""
    facts, policy = made(rows, 1), load_policy("ali-2013-planned")
    chance = facts["pd"].to_numpy()
    upper, sales = np.minimum(chance * 1.4, 1), facts["monthly_sales_median_180d"].to_numpy()
    took: list[tuple[float, float, float]] = []
    for _ in range(rounds):
        parts = [0.0, 0.0, 0.0]
        for product in policy.active:
            at = [time.perf_counter()]
            rules = list(find_rules(facts, product, pd.Timestamp("2013-05-01"), gates=policy.gates))
            np.min([rule.outcome for rule in rules], axis=0)
            at.append(time.perf_counter())
            limits = find_limits(facts, product, policy, chance, upper=upper)
            at.append(time.perf_counter())
            price_loan(product, policy)
            year_of_line(limits.fen, chance, product, policy, sales=sales)
            at.append(time.perf_counter())
            parts = [total + late - early for total, early, late in zip(parts, at, at[1:])]
        took.append((parts[0], parts[1], parts[2]))
    for name, times in zip(("rules", "limits", "prices and profit"), zip(*took)):
        print(f"{name:18} {min(times) / rows * 1e6:6.2f} us a merchant")
    whole = [sum(each) / rows * 1e6 for each in took]
    print(f"{'all':18} {min(whole):6.2f} best, {statistics.median(whole):.2f} median")


class Truth:
    """What limits of the revolving line earn at the true probabilities."""

    def __init__(self, merchants: int, seed: int) -> None:
        """Simulate, fit on the past, score a year later, and keep who is on both lists."""
        stage = {"seed": seed, "months": 36, "default_rate": 0.008}
        records, _ = ac.simulate_platform(merchants, orders_per_month=4, **stage)
        cohort = ac.Cohort.of_loans(records)
        X, y = ac.build_features(records, cohort), ac.label_defaults(records, cohort)
        is_past = (cohort.frame["as_of"] < LEARNED).to_numpy() & y.notna().to_numpy()
        model = ac.DefaultModel(shape="points").fit(X[is_past], y[is_past], cohort=cohort[is_past])
        scored = ac.score_portfolio(records, model, as_of=AS_OF)
        scored = scored[(scored["product_id"] == "taobao_credit") & (scored["status"] == "ok")]
        own = true_risks(merchants, as_of=AS_OF, **stage)
        table = np.stack([
            true_risks(merchants, as_of=AS_OF, leverage=float(each), **stage)["true_pd"].to_numpy()
            for each in LEVERAGES
        ], axis=1)  # fmt: skip
        facts = build_applicants(records, ac.Cohort.at(records, AS_OF)).assign(outstanding=0.0)
        facts = facts.merge(scored[["merchant_id", "pd", "pd_upper"]], on="merchant_id")
        place = pd.Index(own["merchant_id"]).get_indexer(facts["merchant_id"])
        self.facts, self.table = facts[place >= 0].reset_index(drop=True), table[place[place >= 0]]
        self.policy = load_policy("ali-2013")
        self.product = self.policy.product("taobao_credit")
        self.sales = self.facts["monthly_sales_median_180d"].to_numpy()
        self.curve = curve_of(self.product, self.policy, beta=0.0)
        self.at_a_month = self.chance(np.maximum(self.sales, 0.01))

    def chance(self, limit: np.ndarray) -> np.ndarray:
        """Give the true probability of each merchant at its limit."""
        ends = np.log(LEVERAGES[[0, -1]])
        log = np.clip(np.log(np.maximum(limit, 1) / np.maximum(self.sales, 0.01)), *ends)
        at = (log - ends[0]) / (ends[1] - ends[0]) * (len(LEVERAGES) - 1)
        low = np.minimum(at.astype(int), len(LEVERAGES) - 2)
        row = np.arange(len(low))
        return (self.table[row, low] * (low + 1 - at)) + self.table[row, low + 1] * (at - low)

    def earned(self, limit: np.ndarray) -> float:
        """Give the year's profit in yuan."""
        profit = self.curve.profit(limit, self.chance(limit), self.sales)
        return float(profit[limit > 0].sum())

    def drawn(self, limit: np.ndarray) -> float:
        """Give the mean balance in yuan."""
        return float(self.curve.drawn(limit, self.sales).sum())

    def offered(self, chance: np.ndarray, upper: np.ndarray) -> np.ndarray:
        """Give the policy's limits by probabilities; none above the product's cut."""
        rows = self.facts.assign(pd=chance, pd_upper=upper)
        offers = offer_limits(rows, self.policy, product=self.product.id)
        return offers["limit"].to_numpy() * (chance <= self.product.max_pd)

    def scaled(self, shape: np.ndarray, drawn: float) -> np.ndarray:
        """Scale amounts to a drawn balance, in steps and within the product's maximum."""
        low, high = 0.0, 1e4
        for _ in range(60):
            middle = (low + high) / 2
            amount = np.minimum(shape * middle, 1e6) // 100 * 100
            low, high = (low, middle) if self.drawn(amount) > drawn else (middle, high)
        return np.minimum(shape * low, 1e6) // 100 * 100

    def compare(self) -> pd.DataFrame:
        """Compare ways to set limits at equal capital."""
        chance, upper = self.facts["pd"].to_numpy(), self.facts["pd_upper"].to_numpy()
        ours, sure = self.offered(chance, upper), self.offered(self.at_a_month, self.at_a_month)
        may = (chance <= self.product.max_pd) * 1000.0
        grades = self.policy.grades
        months = dict(zip(grades.names, grades.months_of_sales))
        by_grade = np.array([months[each] for each in grade_of(chance, grades)])
        capital = self.drawn(ours)
        ways = {
            "the policy, by the model": ours,
            "the policy, by true probabilities": sure,
            "a fixed limit": self.scaled(may, capital),
            "an amount by grade": self.scaled(may * by_grade, capital),
            "months of sales by grade": self.scaled(may * by_grade * self.sales, capital),
        }
        return pd.DataFrame([
            {"way": name, "lines": int((limit > 0).sum()), "drawn": self.drawn(limit),
             "profit": self.earned(limit)} for name, limit in ways.items()
        ])  # fmt: skip

    def swept(self) -> pd.DataFrame:
        """Choose limits by other coefficients and see what they truly earn."""
        rows, kept = [], self.policy
        for beta in (0.0, 0.1, 0.25, 0.5, 1.0):
            self.policy = replace(kept, limit_rules=replace(kept.limit_rules, leverage_effect=beta))
            limit = self.offered(self.facts["pd"].to_numpy(), self.facts["pd_upper"].to_numpy())
            rows.append({"beta": beta, "drawn": self.drawn(limit), "profit": self.earned(limit)})
        self.policy = kept
        return pd.DataFrame(rows)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--truth", action="store_true")
    parser.add_argument("--merchants", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=3)
    given = parser.parse_args()
    if not given.truth:
        speed(given.rows, given.rounds)
        return
    truth = Truth(given.merchants, given.seed)
    print(truth.compare().round(0).to_string(index=False))
    print(truth.swept().round(2).to_string(index=False))


if __name__ == "__main__":
    main()
