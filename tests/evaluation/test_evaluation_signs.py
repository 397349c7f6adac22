"""Signs: what is planted is found, and what is not there is not claimed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import alicredit as ac
from alicredit.errors import InputError
from alicredit.evaluation import measure_signs
from alicredit.evaluation.signs import COLUMNS, VERDICTS

ROWS = 3000


def platform(seed: int, *, per_merchant: int = 3) -> tuple[pd.DataFrame, pd.Series, ac.Cohort]:
    """Draw a risk for each merchant and features that rise, fall or have nothing to do with it."""
    rng = np.random.default_rng(seed)
    risk = np.repeat(rng.normal(size=ROWS // per_merchant), per_merchant)
    y = (rng.random(ROWS) < 1 / (1 + np.exp(2.5 - risk))).astype(float)
    X = pd.DataFrame(
        {
            "worse": risk + rng.normal(size=ROWS),
            "better": -risk + rng.normal(size=ROWS),
            "noise": np.repeat(rng.normal(size=ROWS // per_merchant), per_merchant),
        }
    )
    month = pd.Timestamp("2012-01-15") + pd.to_timedelta(rng.integers(0, 700, ROWS), "D")
    owner = [f"m{k // per_merchant}" for k in range(ROWS)]
    cohort = ac.Cohort.from_frame(pd.DataFrame({"merchant_id": owner, "as_of": month}))
    return X, pd.Series(y), cohort


def test_a_planted_sign_is_found_and_a_wrong_one_denied() -> None:
    X, y, cohort = platform(1)
    found = measure_signs(X, y, {"worse": 1, "better": -1, "noise": 0}, cohort=cohort)
    assert list(found.columns) == list(COLUMNS)
    assert found["verdict"].tolist() == ["as expected", "as expected", "no expectation"]
    assert found["periods"].tolist() == [4, 4, 4]
    assert found["periods_same_side"].tolist()[:2] == [4, 4]
    wrong = measure_signs(X, y, {"worse": -1, "better": 1}, cohort=cohort)
    assert wrong["verdict"].tolist() == ["against", "against"]


@pytest.mark.parametrize("name", ["worse", "better", "noise"])
def test_the_area_is_that_of_scikit_learn_over_the_rows_that_are_known(name: str) -> None:
    X, y, cohort = platform(2)
    X.loc[::7, name] = np.nan
    y[::5] = np.nan
    found = measure_signs(X, y, {name: 1}, cohort=cohort).iloc[0]
    rows = (X[name].notna() & y.notna()).to_numpy()
    assert found["rows"] == rows.sum()
    assert found["defaults"] == y[rows].sum()
    assert found["missing"] == pytest.approx(1 - rows.sum() / y.notna().sum())
    assert found["auc"] == pytest.approx(roc_auc_score(y[rows], X[name][rows]), abs=1e-12)
    assert found["low"] < found["auc"] < found["high"]


def test_noise_is_claimed_about_as_often_as_the_interval_promises() -> None:
    """Merchants' rows share their noise and their fate: rows taken as alone would claim more."""
    claims = 0
    for seed in range(60):
        X, y, cohort = platform(seed)
        verdict = measure_signs(X, y, {"noise": 1}, cohort=cohort)["verdict"].iloc[0]
        claims += verdict != "open"
    assert claims <= 9  # 3 of 60 are expected; more than 9 has a chance of 0.2 %


def test_few_defaults_say_nothing() -> None:
    X, y, cohort = platform(3)
    y[np.flatnonzero(y == 1)[19:]] = np.nan
    found = measure_signs(X, y, {"worse": 1}, cohort=cohort).iloc[0]
    assert found["verdict"] == "no data"
    assert np.isnan(found["auc"])
    enough = measure_signs(X, y, {"worse": 1}, cohort=cohort, min_defaults=19).iloc[0]
    assert enough["verdict"] in VERDICTS[:3]


def test_a_feature_without_values_has_no_data() -> None:
    X, y, cohort = platform(4)
    X["worse"] = np.nan
    found = measure_signs(X, y, {"worse": 1}, cohort=cohort).iloc[0]
    assert (found["verdict"], found["rows"], found["missing"]) == ("no data", 0, 1.0)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    X, y, cohort = platform(5)
    by = np.random.default_rng(seed).permutation(ROWS)
    plain = measure_signs(X, y, {"worse": 1}, cohort=cohort)
    other = measure_signs(
        X.iloc[by].reset_index(drop=True), y.iloc[by].reset_index(drop=True), {"worse": 1},
        cohort=cohort[by],
    )  # fmt: skip
    pd.testing.assert_frame_equal(plain, other, rtol=1e-12)


def test_turning_a_feature_round_turns_its_area_round() -> None:
    X, y, cohort = platform(6)
    X["round"] = -X["worse"]
    found = measure_signs(X, y, {"worse": 1, "round": 1}, cohort=cohort)
    assert found["auc"].sum() == pytest.approx(1, abs=1e-12)
    assert found["verdict"].tolist() == ["as expected", "against"]


REFUSED = {
    "another length": (lambda X, y, c: measure_signs(X[:5], y, {"worse": 1}, cohort=c), "same"),
    "no column": (lambda X, y, c: measure_signs(X, y, {"wors": 1}, cohort=c), "worse"),
    "no sign": (lambda X, y, c: measure_signs(X, y, {"worse": 2}, cohort=c), "-1, 0 or 1"),
    "no label": (lambda X, y, c: measure_signs(X, y * np.nan, {"worse": 1}, cohort=c), "labels"),
    "labels of three": (lambda X, y, c: measure_signs(X, y * 2, {"worse": 1}, cohort=c), "y"),
    "no cohort": (lambda X, y, c: measure_signs(X, y, {"worse": 1}, cohort=X), "cohort"),
    "no least": (
        lambda X, y, c: measure_signs(X, y, {"worse": 1}, cohort=c, min_defaults=0), "min_defaults",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_asked_is_refused(case: str) -> None:
    ask, word = REFUSED[case]
    with pytest.raises(InputError, match=word):
        ask(*platform(7))
