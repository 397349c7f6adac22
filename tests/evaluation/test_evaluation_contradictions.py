"""Contradictions: what is planted is listed, what agrees is not, and chance alarms stay rare."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from scipy.special import expit
from sklearn.metrics import roc_auc_score

import alicredit as ac
from alicredit.errors import InputError
from alicredit.evaluation import find_contradictions, measure_directions, measure_signs
from alicredit.evaluation.contradictions import COLUMNS, TESTS

MERCHANTS, EACH = 400, 5
DIRECTIONS = {"debt": 1, "sales": -1, "turned": 1, "noise": 1}


OWNER = np.repeat(np.arange(MERCHANTS), EACH)
NAMES = pd.DataFrame({"merchant_id": [f"m{each}" for each in OWNER], "as_of": "2012-05-01"})
COHORT = ac.Cohort.from_frame(NAMES)


def platform(seed: int, *, fate: float = 0.7) -> tuple[pd.DataFrame, np.ndarray, ac.Cohort]:
    """Draw merchants whose rows share a fate; ``turned`` is safer where it is held to be riskier.

    ``debt`` is right by itself and beside the others; ``noise`` has nothing to do with it.
    """
    rng = np.random.default_rng(seed)
    each = rng.normal(size=(MERCHANTS, 4))[OWNER]
    X = pd.DataFrame(each, columns=["debt", "sales", "turned", "noise"])
    lasting = fate * rng.normal(size=MERCHANTS)[OWNER]
    margin = -2 + 0.8 * X["debt"] - 0.6 * X["sales"] - 0.7 * X["turned"] + lasting
    y = (rng.random(len(X)) < expit(margin)).astype(float)
    return X, y, COHORT


def tenths(X: pd.DataFrame) -> pd.DataFrame:
    """Keep of each feature only which tenth of the rows a value stands in."""
    return X.rank(pct=True).mul(10).apply(np.ceil)


def nothing(seed: int, features: int = 6) -> tuple[pd.DataFrame, np.ndarray, ac.Cohort]:
    """Draw features that stand for merchants, and fates that have nothing to do with them."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(MERCHANTS, features))[OWNER]).rename(columns="x{}".format)
    fate = expit(-2 + 1.5 * rng.normal(size=MERCHANTS))[OWNER]
    return X, (rng.random(len(X)) < fate).astype(float), COHORT


def test_a_planted_contradiction_is_found_and_agreement_is_not() -> None:
    X, y, cohort = platform(1)
    found = find_contradictions(X, y, DIRECTIONS, cohort=cohort)
    assert tuple(found.columns) == COLUMNS
    assert found["feature"].tolist() == ["turned"]
    row = found.iloc[0]
    assert (row["test"], row["direction"], row["found"]) == ("alone", 1, -1)
    assert row["high"] < 0.5
    assert row["rows"] == len(X)
    assert row["defaults"] == y.sum()
    for word in ("less default", "held to be riskier", f"{row['estimate']:.3f}"):
        assert word in row["evidence"]


def test_it_is_found_in_nearly_every_draw_and_only_it() -> None:
    listed = [
        find_contradictions(X, y, DIRECTIONS, cohort=cohort)["feature"].tolist()
        for X, y, cohort in map(platform, range(40))
    ]
    assert sum("turned" in each for each in listed) >= 36
    assert not any({"debt", "sales"} & set(each) for each in listed)


def test_what_only_the_others_hide_is_found_beside_them() -> None:
    """More visits are safer at the same debt; alone they look riskier, since debtors visit more."""
    rng = np.random.default_rng(2)
    debt = rng.normal(size=6000)
    visits = 0.8 * debt + 0.6 * rng.normal(size=6000)
    y = (rng.random(6000) < expit(-2 + 1.2 * debt - 0.5 * visits)).astype(float)
    X = pd.DataFrame({"debt": debt, "visits": visits})
    beside = expit(-2 + 0.8 * debt)  # what a model that holds visits to be riskier can say
    found = find_contradictions(X, y, {"debt": 1, "visits": 1}, probability=beside)
    assert found[["feature", "test", "found"]].to_numpy().tolist() == [["visits", TESTS[1], -1]]
    assert "beside the others" in found["evidence"].iloc[0]


def test_where_nothing_speaks_false_alarms_stay_at_the_level() -> None:
    """Without clusters, rows that share fates cry wolf."""
    directions = {f"x{k}": 1 if k % 2 else -1 for k in range(6)}
    ours = naive = 0
    draws = 80
    for seed in range(draws):
        X, y, cohort = nothing(seed)
        ours += len(find_contradictions(X, y, directions, cohort=cohort)) > 0
        naive += len(find_contradictions(X, y, directions)) > 0
    assert ours <= stats.binom.ppf(0.999, draws, 0.05)
    assert naive > stats.binom.ppf(0.9999, draws, 0.05)


def test_intervals_cover_and_p_values_are_level_in_both_tests() -> None:
    """Under truth, in probabilities too: one-sided p below a tenth a tenth of the time."""
    p = []
    for seed in range(150):
        X, y, cohort = nothing(seed + 1000, features=2)
        # A level that is off is no evidence against a direction: intercept and slope are free.
        probability = expit(-1.2 + 0.3 * X["x1"].to_numpy())
        p.append(measure_directions(X, y, {"x0": 1}, cohort=cohort, probability=probability)["p"])
    for k in (0, 1):
        below = sum(each.iloc[k] < 0.1 for each in p)
        assert stats.binom.ppf(0.0005, 150, 0.1) <= below <= stats.binom.ppf(0.9995, 150, 0.1)


def test_the_area_is_that_of_other_ways_to_measure_it() -> None:
    X, y, cohort = platform(3)
    X = tenths(X)  # fewer values than steps, so that nothing is lost
    X.loc[::7, "debt"] = np.nan
    ours = measure_directions(X, y, {"debt": 1, "turned": 1}, cohort=cohort).set_index("feature")
    theirs = measure_signs(X, pd.Series(y), {"debt": 1, "turned": 1}, cohort=cohort)
    theirs = theirs.set_index("feature").rename(columns={"auc": "estimate"})
    columns = ["rows", "defaults", "estimate", "low", "high"]
    pd.testing.assert_frame_equal(ours[columns], theirs[columns], rtol=1e-12)
    known = X["debt"].notna().to_numpy()
    area = roc_auc_score(y[known], X["debt"][known])
    assert ours.loc["debt", "estimate"] == pytest.approx(area, abs=1e-12)


def test_whole_weights_are_rows_that_stand_so_often() -> None:
    X, y, cohort = platform(4)
    times = np.random.default_rng(0).integers(0, 4, len(y))
    again = np.repeat(np.arange(len(y)), times)
    p = expit(-2 + 0.5 * X["debt"].to_numpy())
    X = tenths(X)
    weighted = measure_directions(X, y, DIRECTIONS, cohort=cohort, probability=p, weight=times)
    repeated = measure_directions(
        X.iloc[again].reset_index(drop=True), y[again], DIRECTIONS,
        cohort=cohort[again], probability=p[again],
    )  # fmt: skip
    columns = ["estimate", "low", "high", "p"]
    pd.testing.assert_frame_equal(weighted[columns], repeated[columns], rtol=1e-9)


def test_what_ranks_add_is_near_what_a_fit_adds() -> None:
    """One step of scoring against the likeliest of three coefficients, found by an optimiser."""
    rng = np.random.default_rng(5)
    debt, extra = rng.normal(size=(2, 40_000))
    rank = stats.rankdata(extra) / len(extra)
    y = (rng.random(40_000) < expit(-1.5 + debt - 0.3 * rank)).astype(float)
    margin = -1.65 + debt  # the likeliest line without it
    design = np.column_stack([np.ones_like(margin), margin, rank])
    fitted = optimize.minimize(
        lambda b: np.logaddexp(0, design @ b).sum() - y @ design @ b, [0, 1, 0]
    ).x
    X = pd.DataFrame({"extra": extra})
    found = measure_directions(X, y, {"extra": 1}, probability=expit(margin)).iloc[1]
    assert found["estimate"] == pytest.approx(fitted[2], abs=0.01)
    assert found["low"] < -0.3 < found["high"]


def test_rows_without_a_probability_stand_in_the_first_test_alone() -> None:
    X, y, cohort = platform(6)
    p = np.full(len(y), 0.2)
    p[:500] = np.nan
    found = measure_directions(X, y, {"debt": 1}, cohort=cohort, probability=p)
    assert found["rows"].tolist() == [len(y), len(y) - 500]


def test_too_few_merchants_say_nothing_and_count_as_no_test() -> None:
    X, y, cohort = platform(7)
    few = y * (np.cumsum(y) <= 30) * (np.arange(len(y)) < 10 * EACH)
    found = measure_directions(X, few, DIRECTIONS, cohort=cohort)
    assert found["p"].isna().all()
    assert found["p_adjusted"].isna().all()
    assert found["evidence"].str.contains("too few merchants").all()
    assert find_contradictions(X, few, DIRECTIONS, cohort=cohort, level=1).empty


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("weighted", [False, True])
def test_what_tells_outcomes_wholly_apart_is_the_plainest_evidence(
    way: int, weighted: bool
) -> None:
    """An area of 0 or 1 has no error; it speaks against the direction, or wholly for it."""
    y = np.repeat([1.0, 0.0], [200, 1800])
    weight = np.random.default_rng(3).random(len(y)) if weighted else None
    X = pd.DataFrame({"a": way * y})
    found = find_contradictions(X, y, {"a": -way}, weight=weight)
    row = found.iloc[0]
    assert (row["feature"], row["found"], row["p"], row["p_adjusted"]) == ("a", way, 0, 0)
    assert row[["estimate", "low", "high"]].tolist() == pytest.approx([(way + 1) / 2] * 3)
    assert ("more default" if way > 0 else "less default") in row["evidence"]
    assert find_contradictions(X, y, {"a": way}, weight=weight).empty
    agreed = measure_directions(X, y, {"a": way}, weight=weight).iloc[0]
    assert (agreed["p"], agreed["found"]) == (1, way)


def test_one_merchant_alone_has_no_error_and_says_nothing() -> None:
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0]})
    one = ac.Cohort.from_frame(pd.DataFrame({
        "merchant_id": "m", "as_of": pd.date_range("2012-01-01", periods=4)}))  # fmt: skip
    found = measure_directions(X, [0, 1, 0, 1], {"a": -1}, cohort=one, min_defaults=1).iloc[0]
    assert np.isnan(found[["low", "high", "p"]].to_numpy(float)).all()
    assert found["evidence"].startswith("too few merchants")


def test_a_constant_feature_and_no_direction_say_nothing() -> None:
    X, y, cohort = platform(8)
    X["same"] = 1.0
    found = measure_directions(
        X, y, {"same": 1, "debt": 0}, cohort=cohort, probability=np.full(len(y), 0.2)
    )
    assert found["feature"].unique().tolist() == ["same"]
    assert found["p"].isna().all()
    assert found["evidence"].str.startswith("no variation").all()
    weight = np.random.default_rng(8).random(len(y))
    found = measure_directions(X, y, {"same": 1}, cohort=cohort, weight=weight)
    assert found["p"].isna().all()  # whatever the last digits of sums of weights
    assert tuple(measure_directions(X, y, {}, cohort=cohort).columns) == COLUMNS


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_order_of_rows_and_rising_maps_change_nothing(seed: int) -> None:
    X, y, cohort = platform(9)
    by = np.random.default_rng(seed).permutation(len(y))
    p = expit(-2 + 0.5 * X["debt"].to_numpy())
    plain = measure_directions(X, y, DIRECTIONS, cohort=cohort, probability=p)
    other = measure_directions(
        np.exp(X.iloc[by]), y[by], DIRECTIONS, cohort=cohort[by],
        probability=p[by],
    )  # fmt: skip
    numbers = [name for name in COLUMNS if name != "evidence"]
    pd.testing.assert_frame_equal(plain[numbers], other[numbers], rtol=1e-9)


@pytest.mark.parametrize("kind", ["bool", "boolean", "Int64", "float32", "int8", "Float64"])
def test_booleans_and_numbers_of_any_kind_are_numbers(kind: str) -> None:
    X, y, cohort = platform(12)
    X["debt"] = (X["debt"] > 0).astype(float)
    plain = measure_directions(X, y, {"debt": -1}, cohort=cohort)
    other = measure_directions(X.astype({"debt": kind}), y, {"debt": -1}, cohort=cohort)
    pd.testing.assert_frame_equal(plain, other)


def test_turning_a_direction_round_turns_its_p_round() -> None:
    X, y, cohort = platform(10)
    up, down = (measure_directions(X, y, {"debt": k}, cohort=cohort)["p"][0] for k in (1, -1))
    assert up + down == pytest.approx(1, abs=1e-12)


def _ask(X, y, cohort, **given):
    return find_contradictions(X, y, given.pop("directions", {"debt": 1}), cohort=cohort, **given)


REFUSED = {
    "no frame": (lambda X, y, c: _ask(X.to_numpy(), y, c), "X must be a pandas DataFrame"),
    "another length": (lambda X, y, c: _ask(X, y[:9], c), "same rows"),
    "another cohort": (lambda X, y, c: _ask(X, y, c[:9]), "same rows"),
    "no cohort": (lambda X, y, c: _ask(X, y, X), "cohort"),
    "no column": (lambda X, y, c: _ask(X, y, c, directions={"dept": 1}), "did you mean 'debt'"),
    "no sign": (lambda X, y, c: _ask(X, y, c, directions={"debt": 2}), "-1, 0 or 1"),
    "no mapping": (lambda X, y, c: _ask(X, y, c, directions=["debt"]), "must be a mapping"),
    "two of a name": (lambda X, y, c: _ask(pd.concat([X, X], axis=1), y, c), "different names"),
    "words": (lambda X, y, c: _ask(X.assign(debt="much"), y, c), "X['debt'] must hold numbers"),
    "number-like text": (
        lambda X, y, c: _ask(X.assign(debt=X["debt"].astype(str)), y, c), "must hold numbers",
    ),
    "times": (lambda X, y, c: _ask(X.assign(debt=pd.Timestamp(0)), y, c), "must hold numbers"),
    "lengths of time": (
        lambda X, y, c: _ask(X.assign(debt=pd.Timedelta(days=1)), y, c), "must hold numbers",
    ),
    "complex": (lambda X, y, c: _ask(X.assign(debt=X["debt"] + 0j), y, c), "must hold numbers"),
    "a sign in words": (lambda X, y, c: _ask(X, y, c, directions={"debt": "1"}), "-1, 0 or 1"),
    "signs for a sign": (
        lambda X, y, c: _ask(X, y, c, directions={"debt": np.array([1, 1])}), "-1, 0 or 1",
    ),
    "infinite": (lambda X, y, c: _ask(X.assign(debt=np.inf), y, c), "finite or missing"),
    "labels unknown": (lambda X, y, c: _ask(X, y * np.nan, c), "y must be known"),
    "labels of three": (lambda X, y, c: _ask(X, y * 2, c), "y must be 0 or 1"),
    "a certainty": (lambda X, y, c: _ask(X, y, c, probability=y), "between 0 and 1"),
    "few probabilities": (lambda X, y, c: _ask(X, y, c, probability=[0.5]), "between 0 and 1"),
    "negative weight": (lambda X, y, c: _ask(X, y, c, weight=-y), "none negative"),
    "level": (lambda X, y, c: _ask(X, y, c, level=5), "level"),
    "least": (lambda X, y, c: _ask(X, y, c, min_defaults=0), "min_defaults"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_asked_is_refused(case: str) -> None:
    ask, words = REFUSED[case]
    with pytest.raises(InputError) as caught:
        ask(*platform(11))
    assert words in str(caught.value)
