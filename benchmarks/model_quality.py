"""The default model against its peers: same rows, same folds, nothing tuned.

``python benchmarks/model_quality.py OUT.csv [--folder FOLDER] [--sets ...] [--repeats N]
[--models ...]``: FOLDER holds public sets as Parquet (``south_german``, ``taiwan_default``,
``slovak_sme`` and others); sets called ``made_...`` need none. Five stratified folds, dealt anew in
each repeat. Lines are added to OUT.csv as they are found and those that are there are not found
again. Peers that are not installed are left out. The table gives the mean of AUC, log loss and
Brier score over folds, their paired difference to the first model, its standard error over folds,
and CPU-seconds of fitting.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from scorecard import read_set
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import alicredit as ac

Floats = np.ndarray[Any, np.dtype[np.float64]]
Fit = Callable[[pd.DataFrame, Floats], Callable[[pd.DataFrame], Floats]]
_COLUMNS = ("set", "repeat", "fold", "model", "shape", "auc", "log_loss", "brier", "seconds")
REGULARISED = {
    "n_estimators": 300, "learning_rate": 0.03, "num_leaves": 8, "min_child_samples": 40,
    "subsample": 0.8, "subsample_freq": 1, "colsample_bytree": 0.6, "reg_lambda": 5.0,
}  # fmt: skip


def ours(shape: str) -> Fit:
    """Fit a shape; a row that is refused (too much is missing) gets the rate of training."""

    def fit(X: pd.DataFrame, y: Floats) -> Callable[[pd.DataFrame], Floats]:
        model = ac.DefaultModel(shape, directions=None).fit(X, y)

        def predict(new: pd.DataFrame) -> Floats:
            return model.score_frame(new, reasons=0)["pd"].fillna(y.mean()).to_numpy()

        predict.shape = model.shapes_.loc[model.shapes_["chosen"], "shape"].iloc[0]  # type: ignore[attr-defined]
        return predict

    return fit


def boosted(**settings: Any) -> Fit:
    """Fit LightGBM, text as its own categories."""

    def fit(X: pd.DataFrame, y: Floats) -> Callable[[pd.DataFrame], Floats]:
        kinds = {name: pd.CategoricalDtype(sorted(X[name].dropna().unique())) for name in text(X)}
        model = lgb.LGBMClassifier(verbosity=-1, n_jobs=1, random_state=0, **settings)
        model.fit(X.astype(kinds), y)
        return lambda new: model.predict_proba(new.astype(kinds))[:, 1]

    return fit


def text(X: pd.DataFrame) -> list[str]:
    """Name the columns that hold text."""
    return [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]


def plain(estimator: Any) -> Fit:
    """Fit an estimator of scikit-learn behind filled gaps, scaling and indicators of text."""

    def fit(X: pd.DataFrame, y: Floats) -> Callable[[pd.DataFrame], Floats]:
        words = text(X)
        numbers = [name for name in X if name not in words]
        before = make_column_transformer(
            (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), numbers),
            (OneHotEncoder(handle_unknown="ignore"), words),
        )
        model = make_pipeline(before, estimator).fit(X, y)
        return lambda new: model.predict_proba(new)[:, 1]

    return fit


def explainable(X: pd.DataFrame, y: Floats) -> Callable[[pd.DataFrame], Floats]:
    """Fit EBM as it comes."""
    from interpret.glassbox import ExplainableBoostingClassifier

    model = ExplainableBoostingClassifier(n_jobs=1, random_state=0).fit(X, y)
    return lambda new: model.predict_proba(new)[:, 1]


def binned(X: pd.DataFrame, y: Floats) -> Callable[[pd.DataFrame], Floats]:
    """Fit optbinning's weights of evidence and a logistic regression on them."""
    from optbinning import BinningProcess

    process = BinningProcess(list(X), categorical_variables=text(X) or None)
    model = make_pipeline(process, LogisticRegression(max_iter=2000)).fit(X, y)
    return lambda new: model.predict_proba(new)[:, 1]


MODELS: dict[str, Fit] = {
    "auto": ours("auto"),
    "points": ours("points"),
    "pairs": ours("pairs"),
    "trees": ours("trees"),
    "lightgbm regularised": boosted(**REGULARISED),
    "lightgbm defaults": boosted(),
    "random forest": plain(RandomForestClassifier(500, random_state=0)),
    "logistic": plain(LogisticRegression(max_iter=2000)),
    "ebm": explainable,
    "optbinning": binned,
}


def compare(
    out: Path, name: str, data: tuple[pd.DataFrame, Floats], models: list[str], repeats: int
) -> None:
    """Judge models on the same folds of a set; add a line where a fold and model has none."""
    X, y = data
    known: set[tuple[str, int, int, str]] = set()
    if out.exists():
        lines = pd.read_csv(out)
        known = set(lines[["set", "repeat", "fold", "model"]].itertuples(index=False, name=None))
    with out.open("a", newline="") as file:
        found = csv.writer(file)
        if not out.stat().st_size:
            found.writerow(_COLUMNS)
        for repeat in range(repeats):
            folds = StratifiedKFold(5, shuffle=True, random_state=repeat)
            for fold, (learn, judge) in enumerate(folds.split(X, y)):
                for model in models:
                    if (name, repeat, fold, model) in known:
                        continue
                    start = time.process_time()
                    try:
                        predict = MODELS[model](X.iloc[learn], y[learn])
                    except ImportError:
                        continue
                    seconds = time.process_time() - start
                    pd_ = np.clip(predict(X.iloc[judge]), 1e-9, 1 - 1e-9)
                    truth = y[judge]
                    losses = log_loss(truth, pd_), brier_score_loss(truth, pd_)
                    shape = getattr(predict, "shape", "")
                    auc = roc_auc_score(truth, pd_)
                    found.writerow((name, repeat, fold, model, shape, auc, *losses, seconds))
                    file.flush()


def summary(lines: pd.DataFrame, models: list[str]) -> pd.DataFrame:
    """Give means over folds, and paired differences to the first model with their errors."""
    order = [model for model in models if (lines["model"] == model).any()]
    measures = ["auc", "log_loss", "brier"]
    wide = lines.pivot_table(
        index=["repeat", "fold"], columns="model", values=[*measures, "seconds"]
    )
    wide = wide.dropna()
    found = pd.DataFrame({kind: wide[kind][order].mean() for kind in [*measures, "seconds"]})
    for measure in measures:
        apart = wide[measure][order].sub(wide[measure][order[0]], axis=0)
        found[f"{measure}_apart"] = apart.mean()
        found[f"{measure}_se"] = apart.std(ddof=1) / len(apart) ** 0.5
    found["folds"] = len(wide)
    return found


def main() -> None:
    """Print a table for each set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--sets", nargs="+", default=["south_german", "taiwan_default"])
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    for name in given.sets:
        data = read_set(name, given.folder)
        compare(given.out, name, data, given.models, given.repeats)
        lines = pd.read_csv(given.out)
        print(f"\n{name}")
        print(summary(lines[lines["set"] == name], given.models).round(5).to_string())


if __name__ == "__main__":
    main()
