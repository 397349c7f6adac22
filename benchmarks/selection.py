"""What learning from granted loans alone costs, where the risk of the refused is known.

`python benchmarks/selection.py [MERCHANTS] [DEFAULT_RATE] [SEEDS]`

A platform is simulated; its old rule refuses the riskier half of those who apply, on a noisy view
of its own. Half the merchants are learned from, at month starts of one year, the others are scored
a year later. Outcomes are drawn from the simulator's true risk, the same way for each model, so
that they differ by who was in the rows alone:

- granted: merchants whom the old rule had approved
- everybody: as many rows of all merchants (what nobody has)
- explored: granted ones, and others let in with a logged chance of 1 in 20; plain and weighted

Each is held against the true probability of everybody scored: mean claim over mean truth, expected
area under the curve, and regret (mean divergence of the claim from the truth, x 10,000), for the
merchants the old rule would grant and for the others. Features of credit history are left out: who
never borrowed has none. Then the band for the rejected, beside what is true of them.

Measured with 4,000 merchants, 5 %, 3 seeds (points; +- standard error): of the others, learned from
granted alone, claim over truth 0.98 +- 0.10, area 0.745 +- 0.004, regret 232 +- 30; from everybody
1.00 +- 0.02, 0.751 +- 0.003, 192 +- 5; from explored rows without weights 1.04 +- 0.05, 0.747 and
217, with weights to 4 1.01 +- 0.03, 0.746 and 218, with weights to 20 0.99 +- 0.08, 0.732 and 285:
here selection costs little, level is its main danger, and heavy weights cost more than they mend.
"""

from __future__ import annotations

import sys
import time
import zlib

import numpy as np
import pandas as pd

import alicredit as ac
from alicredit.evaluation import expected_auc, reject_band, weigh_exploration
from alicredit.simulate import true_risks

LEARNED = pd.date_range("2011-05-01", periods=12, freq="MS")
SCORED = pd.Timestamp("2013-06-01")
ROWS = 6000
EXPLORED = 0.05
CREDIT = {
    "loans", "instalments", "repayments", "loan_orders", "credit_lines", "limit_history",
    "collections", "account_events", "blacklist", "applications", "restructures",
}  # fmt: skip


def is_learned_from(merchants: pd.Series) -> np.ndarray:
    """Part merchants by their names, the same on every machine."""
    return merchants.map(lambda name: zlib.crc32(name.encode()) % 2 == 0).to_numpy()


def without_credit() -> ac.Catalogue:
    """Keep the features that somebody who never borrowed has."""
    names = [n for n in ac.CATALOGUE.names if not CREDIT & set(ac.CATALOGUE.sources(n))]
    return ac.CATALOGUE.subset(names)


def take(risks: pd.DataFrame, chosen: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Draw so many rows of those chosen, and what happened to them."""
    at = np.flatnonzero(chosen)
    rows = risks.iloc[np.sort(rng.choice(at, min(ROWS, len(at)), replace=False))]
    return rows.assign(y=(rng.random(len(rows)) < rows["true_pd"]).astype(float))


def judge(name: str, p: np.ndarray, scored: pd.DataFrame) -> list[dict[str, object]]:
    """Hold a model's claims against the truth, by whom the old rule grants."""
    lines = []
    for group, chosen in (
        ("granted", scored["is_approved"].to_numpy()),
        ("others", ~scored["is_approved"].to_numpy()),
        ("all", np.ones(len(scored), dtype=bool)),
    ):
        chosen = chosen & np.isfinite(p)
        q, t = p[chosen], scored["true_pd"].to_numpy()[chosen]
        regret = (t * np.log(t / q) + (1 - t) * np.log((1 - t) / (1 - q))).mean()
        lines.append({
            "model": name, "scored": group, "rows": len(t), "claim/truth": q.mean() / t.mean(),
            "auc": expected_auc(t, q), "best auc": expected_auc(t, t), "regret": 1e4 * regret,
        })  # fmt: skip
    return lines


def run(merchants: int, default_rate: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Simulate, learn four ways, score everybody."""
    stage = {"seed": seed, "default_rate": default_rate}
    records, _ = ac.simulate_platform(merchants, orders_per_month=4, **stage)
    rng = np.random.default_rng(seed)
    risks = true_risks(merchants, as_of=list(LEARNED), **stage)
    risks = risks[is_learned_from(risks["merchant_id"])]
    granted = risks["is_approved"].to_numpy()
    let_in = granted | (rng.random(len(risks)) < EXPLORED)
    samples = {
        "granted": take(risks, granted, rng),
        "everybody": take(risks, np.ones(len(risks), dtype=bool), rng),
        "explored": take(risks, let_in, rng),
    }
    scored = true_risks(merchants, as_of=SCORED, **stage)
    scored = scored[~is_learned_from(scored["merchant_id"])].reset_index(drop=True)
    catalogue = without_credit()
    X = ac.build_features(records, ac.Cohort.from_frame(scored), catalogue=catalogue)
    lines, models = [], {}
    for name, rows in samples.items():
        cohort = ac.Cohort.from_frame(rows)
        x = ac.build_features(records, cohort, catalogue=catalogue)
        y = pd.Series(rows["y"].to_numpy(), name="default")
        chance = np.where(rows["is_approved"], 1.0, EXPLORED)
        weighings = {name: None}
        if name == "explored":
            weighings["explored, weights to 20"] = weigh_exploration(chance)
            weighings["explored, weights to 4"] = weigh_exploration(chance, most=4)
        for label, weighing in weighings.items():
            weight = None if weighing is None else weighing.weight
            model = ac.DefaultModel("points").fit(x, y, sample_weight=weight, cohort=cohort)
            lines += judge(label, model.score_frame(X)["pd"].to_numpy(float), scored)
            models[label] = model
    known = scored["is_approved"].to_numpy()
    y = (rng.random(len(scored)) < scored["true_pd"]).to_numpy(float)
    band = reject_band(models["granted"], X[known], y[known], X[~known], max_pd=default_rate)
    return pd.DataFrame(lines), band.assign(true_rejected=scored["true_pd"][~known].mean())


def main(merchants: int = 8000, default_rate: float = 0.05, seeds: int = 3) -> None:
    """Run the seeds, print means and the spread over seeds."""
    pd.set_option("display.width", 200, "display.max_columns", 40)
    begun = time.time()
    found, bands = zip(*(run(merchants, default_rate, seed) for seed in range(seeds)))
    table = pd.concat(found).groupby(["scored", "model"], sort=False)
    print(f"{merchants} merchants, {default_rate:.1%}, {seeds} seeds: {time.time() - begun:.0f} s")
    print(table.mean().round(3).sort_index().to_string())
    print("standard error over seeds")
    print((table.std() / seeds**0.5).drop(columns="rows").round(3).sort_index().to_string())
    print("band for the others, model of the granted")
    print(pd.concat(bands).groupby("odds_factor").mean().round(4).T.to_string())


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*(kind(each) for kind, each in zip((int, float, int), given)))
