"""What each library's first page does with one made table, and with four broken ones.

python benchmarks/first_pages.py alicredit|optbinning|toad|interpret     (where it is installed)

The lines that fit and score are those of each library's own first page or tutorial, on 4,000 made
loans with four inputs; 4,000 others judge. Then: a category never seen, an infinite number, a
column that lacks, amounts in fen instead of yuan. `docs/compare.md` tells what came out.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

ROWS = 4_000
Score = Callable[[pd.DataFrame], Any]


def made(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Make loans whose risk falls with sales and months and rises with refunds."""
    draw = np.random.default_rng(seed)
    sales, months = draw.lognormal(8, 1, ROWS), draw.integers(1, 80, ROWS).astype(float)
    refund = draw.beta(1, 20, ROWS)
    city = draw.choice(["hangzhou", "jinhua", "ningbo", "wenzhou"], ROWS, p=[0.4, 0.3, 0.2, 0.1])
    logit = -2.4 - 0.5 * (np.log(sales) - 8) - 0.015 * (months - 40) + 12 * (refund - 0.05)
    logit += np.where(city == "wenzhou", 0.5, 0)
    y = (draw.random(ROWS) < 1 / (1 + np.exp(-logit))).astype(int)
    sales[draw.random(ROWS) < 0.05] = np.nan
    return pd.DataFrame({"sales": sales, "months": months, "refund": refund, "city": city}), y


def optbinning(X: pd.DataFrame, y: np.ndarray) -> tuple[Score, Score]:
    """Bin optimally, fit a logistic regression, scale: the lines of its scorecard tutorial."""
    from optbinning import BinningProcess, Scorecard
    from sklearn.linear_model import LogisticRegression

    card = Scorecard(
        binning_process=BinningProcess(list(X.columns), categorical_variables=["city"]),
        estimator=LogisticRegression(),
        scaling_method="pdo_odds",
        scaling_method_params={"pdo": 20, "odds": 50, "scorecard_points": 600},
        rounding=True,
    )
    card.fit(X, y)
    return lambda frame: card.predict_proba(frame)[:, 1], card.score


def toad(X: pd.DataFrame, y: np.ndarray) -> tuple[Score, Score]:
    """Combine, weigh, fit: the lines of its first page."""
    import toad as library

    data = X.assign(target=y)
    combiner = library.transform.Combiner()
    combiner.fit(data, y="target", method="chi", min_samples=0.05)
    woe = library.transform.WOETransformer()
    found = woe.fit_transform(combiner.transform(data), data["target"], exclude=["target"])
    card = library.ScoreCard(
        combiner=combiner, transer=woe, base_score=600, base_odds=50, pdo=20, rate=2
    )
    card.fit(found[list(X.columns)], found["target"])
    return lambda frame: card.predict_proba(frame)[:, 1], card.predict


def interpret(X: pd.DataFrame, y: np.ndarray) -> tuple[Score, Score]:
    """Fit an explainable boosting machine: the lines of its first page."""
    from interpret.glassbox import ExplainableBoostingClassifier

    model = ExplainableBoostingClassifier()
    model.fit(X, y)
    return lambda frame: model.predict_proba(frame)[:, 1], lambda f: model.predict_proba(f)[:, 1]


def alicredit(X: pd.DataFrame, y: np.ndarray) -> tuple[Score, Score]:
    """Fit a points table; broken frames go through the check that runs before a portfolio."""
    import alicredit as ac

    with tempfile.TemporaryDirectory() as folder:
        ac.DefaultModel(shape="points").fit(X, y).save(Path(folder) / "model.alicredit")
        model = ac.load_model(Path(folder) / "model.alicredit")

    def told(frame: pd.DataFrame) -> Any:
        model.check_frame(frame)
        if len(frame) == 1:
            return [model.score_one(frame.iloc[0].to_dict())["score"]]
        return model.score_frame(frame)[["status", "score", "flags"]].to_dict("list")

    return lambda frame: model.score_frame(frame)["pd"].to_numpy(dtype=float), told


def broken(X: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Break a frame in four ways."""
    return {
        "a city never seen": X.assign(city="atlantis"),
        "infinite sales": X.assign(sales=np.inf),
        "no months": X.drop(columns="months"),
        "sales in fen": X.assign(sales=X["sales"] * 100),
    }


def main(name: str) -> None:
    """Fit, judge, break, time one row."""
    (X, y), (Xt, yt) = made(1), made(2)
    start = time.process_time()
    probability, score = globals()[name](X, y)
    fit = time.process_time() - start
    found = probability(Xt)
    print(f"{name}: fit {fit:.2f} CPU-s, AUC {roc_auc_score(yt, found):.4f}, "
          f"mean {found.mean():.4f} against {yt.mean():.4f}")  # fmt: skip
    for what, frame in broken(Xt).items():
        try:
            said = score(frame)
            shown = {k: v[:3] for k, v in said.items()} if isinstance(said, dict) else said[:3]
        except Exception as error:  # noqa: BLE001  what a stranger's code raises is what is asked
            shown = f"{type(error).__name__}: {error}"
        print(f"  {what}: {str(shown)[:230]}")
    one = Xt.iloc[[0]]
    score(one)
    times = []
    for _ in range(50):
        start = time.perf_counter()
        score(one)
        times.append(time.perf_counter() - start)
    print(f"  one row of a frame: {np.median(times) * 1e3:.2f} ms")


if __name__ == "__main__":
    main(sys.argv[1])
