"""Categories of many rare levels: what each says is learned, and drawn to nothing as it is rare."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from alicredit.model import DefaultModel
from alicredit.model.inputs import read_inputs


def levels_of(counts: dict[str, int]) -> tuple[str, ...]:
    column = np.repeat(np.array(list(counts), dtype=object), list(counts.values()))
    return read_inputs(pd.DataFrame({"a": column}), {}).levels["a"]


def test_few_rows_of_rare_levels_are_others_and_many_are_learned() -> None:
    assert levels_of({"a": 81, "b": 19}) == ("a",)  # 19 rows of 100
    assert levels_of({"a": 79, "b": 19, "c": 2}) == ("a", "b")  # 21, of which 2 teach nothing
    assert levels_of({f"p{k}": 3 for k in range(40)}) == tuple(sorted(f"p{k}" for k in range(40)))
    assert levels_of({f"p{k}": 2 for k in range(40)}) == ()
    assert levels_of({f"id{k}": 1 for k in range(500)}) == ()


def test_of_very_many_the_most_frequent_are_learned_whatever_the_order_of_rows() -> None:
    counts = {f"p{k:04d}": 3 + (k % 7 == 0) for k in range(900)}
    found = levels_of(counts)
    often = [name for name, count in counts.items() if count == 4]
    assert len(found) == 500
    assert set(often) <= set(found)
    backwards = dict(reversed(counts.items()))
    assert levels_of(backwards) == found


def postcodes(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    effect = np.random.default_rng(0).normal(size=200)
    rng = np.random.default_rng(seed)
    code = rng.integers(200, size=rows)
    z = rng.normal(size=(rows, 2))
    true = 1 / (1 + np.exp(2 - effect[code] - 0.5 * z[:, 0]))
    X = pd.DataFrame(z, columns=["a", "b"]).assign(post=pd.Series(code).astype(str).radd("p"))
    return X, (rng.random(rows) < true).astype(float), true


def test_postcodes_of_ten_rows_each_are_told_apart() -> None:
    X, y, _ = postcodes(2000, 1)
    new, fate, _ = postcodes(20_000, 2)
    model = DefaultModel("points", directions=None).fit(X, y)
    auc = roc_auc_score(fate, model.predict_proba(new)[:, 1])
    without = DefaultModel("points", directions=None).fit(X[["a", "b"]], y)
    assert auc > roc_auc_score(fate, without.predict_proba(new)[:, 1]) + 0.05
    table = next(each for each in model.portable_.tables if each.name == "post")
    assert len(set(table.points)) <= 16


def test_postcodes_that_say_nothing_cost_little() -> None:
    X, y, _ = postcodes(2000, 3)
    shuffled = X.assign(post=np.random.default_rng(4).permutation(X["post"].to_numpy()))
    new, _, true = postcodes(20_000, 5)
    losses = []
    for columns in (["a", "b"], ["a", "b", "post"]):
        model = DefaultModel("points", directions=None).fit(shuffled[columns], y)
        p = model.predict_proba(new[columns])[:, 1]
        losses.append(-np.mean(true * np.log(p) + (1 - true) * np.log(1 - p)))
    assert losses[1] - losses[0] < 0.004
