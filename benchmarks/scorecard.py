"""Points tables against what one would take instead: same rows, same folds, nothing tuned.

``python benchmarks/scorecard.py FOLDER [SET ...]``: FOLDER holds public sets as Parquet
(``south_german``, ``taiwan_default``, ``slovak_sme``, ``customs_declarations``, ``berka``); sets
that are made up need no folder. Peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

Floats = np.ndarray[Any, np.dtype[np.float64]]
REPEATS = {
    "south_german": 20, "south_german_named": 20, "berka": 20, "slovak_sme": 4,
    "taiwan_default": 2, "customs": 2, "customs_2000": 10, "made_additive": 8,
    "made_thresholds": 8, "made_rare": 4, "made_many": 4,
}  # fmt: skip
NAMED = (
    "status", "credit_history", "purpose", "savings", "employment_duration", "personal_status_sex",
    "other_debtors", "property", "other_installment_plans", "housing", "job", "telephone",
    "foreign_worker",
)  # fmt: skip


def read_set(name: str, folder: Path | None) -> tuple[pd.DataFrame, Floats]:
    """Give one set's inputs and outcomes."""
    if name.startswith("made_"):
        return made(name, seed=11)
    assert folder is not None, f"{name} needs the folder of public sets"
    if name.startswith("south_german"):
        frame = pd.read_parquet(folder / "south_german/south_german.parquet")
        y = 1.0 - frame.pop("credit_risk").to_numpy(np.float64)
        if name.endswith("named"):
            frame = frame.assign(
                **{c: frame[c].astype(str).radd("k").astype(object) for c in NAMED}
            )
        return frame, y
    if name == "taiwan_default":
        frame = pd.read_parquet(folder / "taiwan_default/taiwan_default.parquet")
        y = frame.pop("default.payment.next.month").to_numpy(np.float64)
        return frame.drop(columns="ID"), y
    if name == "slovak_sme":
        frame = pd.read_parquet(folder / "slovak_sme/slovak_sme.parquet")
        y = frame.pop("bankrupt").to_numpy(np.float64)
        return frame.assign(sector=frame["sector"].astype(object)), y
    if name.startswith("customs"):
        parts = [
            pd.read_parquet(folder / f"customs_declarations/{part}.parquet")
            for part in ("train", "valid", "test")
        ]
        return _customs(pd.concat(parts, ignore_index=True), name)
    if name == "berka":
        return _berka(folder / "berka")
    message = f"no set {name!r}"
    raise SystemExit(message)


def _customs(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, Floats]:
    """Keep what is no identity; a small set is every 27th row."""
    if name.endswith("2000"):
        frame = frame.iloc[::27].reset_index(drop=True)
    y = frame["Fraud"].to_numpy(np.float64)
    ids = ["Declaration ID", "Date", "Declarant ID", "Importer ID", "Seller ID", "Courier ID"]
    frame = frame.drop(columns=[*ids, "Fraud", "Critical Fraud"])
    frame["HS6 Code"] = (frame["HS6 Code"] // 10000).astype(str)
    for column in ("Office ID", "Import Type", "Import Use", "Payment Type", "Mode of Transport"):
        frame[column] = frame[column].astype(str)
    text = frame.columns[[not pd.api.types.is_numeric_dtype(t) for t in frame.dtypes]]
    return frame.astype(dict.fromkeys(text, object)), y


def _berka(folder: Path) -> tuple[pd.DataFrame, Floats]:
    """Join what is known of the account's district and owner when the loan is granted."""
    loan = pd.read_parquet(folder / "loan.parquet")
    account = pd.read_parquet(folder / "account.parquet").rename(columns={"date": "opened"})
    district = pd.read_parquet(folder / "district.parquet")
    frame = loan.merge(account, on="account_id").merge(
        district, left_on="district_id", right_on="A1", how="left"
    )
    frame["account_days"] = (
        pd.to_datetime(frame["date"]) - pd.to_datetime(frame["opened"])
    ).dt.days
    orders = pd.read_parquet(folder / "order.parquet").groupby("account_id")["amount"]
    frame = frame.join(orders.agg(order_sum="sum", order_count="count"), on="account_id")
    y = frame["default"].to_numpy(np.float64)
    kept = ["amount", "duration", "payments", "account_days", "order_sum", "order_count"]
    kept += ["frequency", "A3", *[f"A{k}" for k in range(4, 17)]]
    return frame[kept].astype({"frequency": object, "A3": object}), y


def made(name: str, *, seed: int, rows: int | None = None) -> tuple[pd.DataFrame, Floats]:
    """Make a set up whose mechanism is known: smooth and additive, of thresholds, rare, or wide."""
    size, width, rate = {
        "made_additive": (2000, 15, 0.12),
        "made_thresholds": (3000, 20, 0.10),
        "made_rare": (15000, 25, 0.012),
        "made_many": (20000, 60, 0.05),
    }[name]
    n = rows or size
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, 3))
    load = rng.normal(size=(3, width)) * 0.6
    z = common @ load + rng.normal(size=(n, width))
    z /= z.std(axis=0)
    margin = np.zeros(n)
    for k in range(width):
        form, size_ = k % 5, 0.8 / (1 + 0.35 * k)
        if name == "made_thresholds":
            margin += size_ * 1.6 * (z[:, k] > rng.normal() * 0.7)
        elif form < 3:
            margin += size_ * (z[:, k], np.tanh(2 * z[:, k]), np.abs(z[:, k]) - 0.8)[form]
        elif form == 3:
            margin += size_ * 0.5 * np.sin(2 * z[:, k])
    margin += 0.25 * z[:, 0] * (z[:, 1] > 0)
    frame = pd.DataFrame({f"v{k}": z[:, k] for k in range(width)})
    for k in range(0, width, 3):
        frame[f"v{k}"] = np.exp(frame[f"v{k}"] * 1.3).round(2)
    for k in range(1, width, 4):
        frame[f"v{k}"] = frame[f"v{k}"].where(rng.random(n) > 0.12)
    region = rng.integers(0, 25, n) ** 2 // 25
    margin += 0.5 * rng.normal(size=25)[region]
    frame["region"] = pd.Series(region).map(lambda k: f"r{k}").astype(object)
    low, high = -12.0, 6.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = float((1 / (1 + np.exp(-margin - middle))).mean())
        low, high = (middle, high) if mean < rate else (low, middle)
    y = (rng.random(n) < 1 / (1 + np.exp(-margin - low))).astype(np.float64)
    return frame, y


def folds_of(y: Floats, repeat: int) -> list[tuple[Any, Any]]:
    """Deal rows to five folds, each class alike."""
    rng = np.random.default_rng(1000 + repeat)
    fold = np.empty(len(y), dtype=np.int64)
    for value in (0.0, 1.0):
        rows = np.flatnonzero(y == value)
        fold[rng.permutation(rows)] = np.arange(len(rows)) % 5
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(5)]


def by_points(X: pd.DataFrame, y: Floats, T: pd.DataFrame) -> Floats:
    """Our points table of at most 8 steps an input; a row that is not scored has the rate."""
    from alicredit import DefaultModel

    scored = DefaultModel(shape="points", max_steps=8).fit(X, y).score_frame(T, reasons=0)
    return scored["pd"].fillna(y.mean()).to_numpy(np.float64)


def by_optbinning(X: pd.DataFrame, y: Floats, T: pd.DataFrame) -> Floats:
    """BinningProcess and Scorecard with a logistic regression, defaults throughout."""
    from optbinning import BinningProcess, Scorecard
    from sklearn.linear_model import LogisticRegression

    text = [c for c in X if not pd.api.types.is_numeric_dtype(X[c])]
    process = BinningProcess(list(X.columns), categorical_variables=text)
    card = Scorecard(binning_process=process, estimator=LogisticRegression(max_iter=2000))
    return card.fit(X, y.astype(int)).predict_proba(T)[:, 1]


def by_logistic(X: pd.DataFrame, y: Floats, T: pd.DataFrame) -> Floats:
    """Medians for the missing, standardised, levels as columns."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    text = [c for c in X if not pd.api.types.is_numeric_dtype(X[c])]
    number = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = make_column_transformer(
        (number, [c for c in X if c not in text]),
        (OneHotEncoder(handle_unknown="ignore"), text),
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=2000))
    X, T = (each.assign(**{c: each[c].fillna("none") for c in text}) for each in (X, T))
    return model.fit(X, y).predict_proba(T)[:, 1]


def by_lightgbm(X: pd.DataFrame, y: Floats, T: pd.DataFrame) -> Floats:
    """LightGBM as it comes."""
    from lightgbm import LGBMClassifier

    text = [c for c in X if not pd.api.types.is_numeric_dtype(X[c])]
    known = {c: pd.CategoricalDtype(sorted(X[c].dropna().unique())) for c in text}
    model = LGBMClassifier(n_jobs=1, verbosity=-1)
    return model.fit(X.astype(known), y).predict_proba(T.astype(known))[:, 1]


METHODS: dict[str, Callable[..., Floats]] = {
    "points": by_points,
    "optbinning": by_optbinning,
    "logistic": by_logistic,
    "lightgbm": by_lightgbm,
}


def measure(y: Floats, p: Floats) -> dict[str, float]:
    """Rank, log loss and Brier of probabilities."""
    p = np.clip(p, 1e-9, 1 - 1e-9)
    return {
        "auc": float(roc_auc_score(y, p)),
        "log_loss": float(log_loss(y, p)),
        "brier": float(np.mean((p - y) ** 2)),
    }


def compare(
    name: str, folder: Path | None, repeats: int, methods: dict[str, Callable[..., Floats]]
) -> pd.DataFrame:
    """Give a line for each method, repeat and fold."""
    X, y = read_set(name, folder)
    lines = []
    for repeat in range(repeats):
        for fold, (learn, judge) in enumerate(folds_of(y, repeat)):
            for method, run in methods.items():
                start = time.perf_counter()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    p = run(
                        X.iloc[learn].reset_index(drop=True),
                        y[learn],
                        X.iloc[judge].reset_index(drop=True),
                    )
                took = time.perf_counter() - start
                lines.append(
                    {"set": name, "method": method, "repeat": repeat, "fold": fold}
                    | measure(y[judge], p)
                    | {"seconds": took}
                )
    return pd.DataFrame(lines)


def summary(lines: pd.DataFrame) -> pd.DataFrame:
    """Give means, and what points gain on each peer with the error over repeats and folds."""
    means = lines.groupby(["set", "method"], sort=False)[
        ["auc", "log_loss", "brier", "seconds"]
    ].mean()
    key = ["set", "repeat", "fold"]
    ours = lines[lines["method"] == "points"].set_index(key)["auc"]
    gains = {}
    for (name, method), mine in lines.groupby(["set", "method"], sort=False):
        paired = (ours - mine.set_index(key)["auc"]).dropna()
        gains[name, method] = (paired.mean(), paired.std() / np.sqrt(max(len(paired), 1)))
    gained = pd.DataFrame(gains, index=["auc_points_gain", "error"]).T
    return means.join(gained.rename_axis(means.index.names))


def main() -> None:
    """Run the sets asked for and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("sets", nargs="*", default=list(REPEATS))
    parser.add_argument("--repeats", type=int, default=None)
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    given = parser.parse_args()
    chosen = {m: METHODS[m] for m in given.methods}
    for name in given.sets or list(REPEATS):
        lines = compare(name, given.folder, given.repeats or REPEATS[name], chosen)
        print(summary(lines).round(5).to_string(), flush=True)


if __name__ == "__main__":
    main()
