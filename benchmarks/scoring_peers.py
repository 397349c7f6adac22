"""Scorecards of other packages for ``scoring.py``: learned once, then timed a round at a time.

Reads ``learn.parquet`` and ``few.parquet`` of a folder, prints the names of those that learned, and
for each name read from standard input the seconds that scoring takes.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")


def by_optbinning(learn: Any, few: Any) -> Callable[[], object]:
    """Give the scorer of BinningProcess and Scorecard with a logistic regression."""
    from optbinning import BinningProcess, Scorecard
    from sklearn.linear_model import LogisticRegression

    X, y = learn.drop(columns="y"), learn["y"].astype(int)
    process = BinningProcess(list(X.columns))
    card = Scorecard(
        binning_process=process,
        estimator=LogisticRegression(max_iter=2000),
        scaling_method="pdo_odds",
        scaling_method_params={"pdo": 20, "odds": 50, "scorecard_points": 600},
    ).fit(X, y)
    return lambda: card.score(few)


def by_toad(learn: Any, few: Any) -> Callable[[], object]:
    """Give the scorer of toad's Combiner, WOETransformer and ScoreCard."""
    import toad

    X, y = learn.drop(columns="y"), learn["y"].astype(int)
    combiner = toad.transform.Combiner()
    combiner.fit(X, y, method="chi", min_samples=0.05, empty_separate=True)
    woe = toad.transform.WOETransformer()
    weights = woe.fit_transform(combiner.transform(X), y)
    card = toad.ScoreCard(combiner=combiner, transer=woe).fit(weights, y)
    return lambda: card.predict(few)


def main() -> None:
    """Learn, then time what is asked for."""
    import pandas as pd

    folder = Path(sys.argv[1])
    learn = pd.read_parquet(folder / "learn.parquet")
    few = pd.read_parquet(folder / "few.parquet")
    runs = {}
    for name, make in {"optbinning": by_optbinning, "toad": by_toad}.items():
        try:
            runs[name] = make(learn, few)
            runs[name]()
        except Exception as error:  # noqa: BLE001 - whatever it lacks, it is left out and named
            print(f"{name}: left out, {type(error).__name__}: {error}", file=sys.stderr)
    print(" ".join(runs), flush=True)
    for line in sys.stdin:
        start = time.process_time()
        runs[line.strip()]()
        print(time.process_time() - start, flush=True)


if __name__ == "__main__":
    main()
