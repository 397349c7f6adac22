"""Shifts of scores, grades and features: identities, loops, known worlds, refusals."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refused import refused
from scipy import stats

import alicredit as ac
from alicredit import evaluation as ev
from alicredit.errors import InputError
from alicredit.monitoring import feature_drift, population_shares, population_stability
from alicredit.portable.blocks import read_rows

GRADES = list("ABCDEFGHIJ")
WORKED = [8, 9, 10, 10, 11, 10, 10, 10, 11, 11]


def test_the_worked_number() -> None:
    then, now = np.repeat(GRADES, 10), np.repeat(GRADES, WORKED)
    found = population_stability(then, now, grades=GRADES).iloc[0]
    assert found["psi"] == pytest.approx(0.008376, abs=5e-7)
    assert found["critical"] == pytest.approx(stats.chi2.ppf(0.95, 9) / 50)
    assert (found["period"], found["rows"], found["folklore"]) == ("all", 100, "stable")
    assert not found["is_shifted"]


@pytest.mark.parametrize(
    ("counts", "word"), [((50, 50), "stable"), ((35, 65), "stable"), ((34, 66), "watch"),
                         ((27, 73), "watch"), ((26, 74), "shifted")],
)  # fmt: skip
def test_the_rule_of_thumb_is_told_beside(counts, word: str) -> None:
    then, now = np.repeat(["A", "B"], 50), np.repeat(["A", "B"], counts)
    found = population_stability(then, now, grades=["A", "B"]).iloc[0]
    share = counts[0] / 100
    want = (share - 0.5) * np.log(share / 0.5) + (0.5 - share) * np.log((1 - share) / 0.5)
    assert found["psi"] == pytest.approx(want)
    assert found["folklore"] == word


SCORES = st.lists(st.integers(500, 520) | st.none(), min_size=1, max_size=60)


@given(SCORES, SCORES, st.integers(2, 12))
def test_parts_sum_to_the_index_and_rows_to_the_populations(then, now, bins: int) -> None:
    pair = [np.array([np.nan if v is None else float(v) for v in rows]) for rows in (then, now)]
    shares = population_shares(*pair, bins=bins)
    whole = population_stability(*pair, bins=bins).iloc[0]
    assert shares["part"].sum() == pytest.approx(whole["psi"], abs=1e-12)
    assert (shares["part"] >= 0).all()
    assert shares["reference_rows"].sum() == len(then) == whole["reference_rows"]
    assert shares["rows"].sum() == len(now) == whole["rows"]
    missing = shares.loc[shares["bin"] == "(missing)", ["reference_rows", "rows"]].sum()
    assert missing.tolist() == [int(np.isnan(each).sum()) for each in pair]


@given(SCORES, st.integers(2, 12))
def test_a_population_does_not_move_from_itself(rows, bins: int) -> None:
    values = np.array([np.nan if v is None else float(v) for v in rows])
    found = population_stability(values, values[::-1], bins=bins).iloc[0]
    assert found["psi"] == 0
    assert found["p_value"] == 1


@given(SCORES, SCORES)
def test_the_index_of_grades_is_the_same_both_ways(then, now) -> None:
    pair = [["none" if v is None else "AB"[v % 2] for v in rows] for rows in (then, now)]
    grades = ["A", "B", "none"]
    there = population_stability(*pair, grades=grades)["psi"][0]
    assert population_stability(*pair[::-1], grades=grades)["psi"][0] == pytest.approx(there)


def test_bins_are_equal_shares_of_the_reference_and_equal_scores_stay_together() -> None:
    rng = np.random.default_rng(0)
    then = rng.normal(600, 40, 10_000)
    shares = population_shares(then, then[:100])
    np.testing.assert_allclose(shares["reference_share"], 0.1, atol=1e-4)
    tied = np.repeat([600.0, 610.0, 620.0], [500, 400, 100])
    lumps = population_shares(tied, tied)
    assert lumps["reference_rows"].tolist() == [500, 400, 100]
    assert lumps["bin"].tolist() == ["[600, 600]", "(600, 610]", "(610, 620]"]


def test_bins_of_one_scale_hold_what_a_loop_finds() -> None:
    rng = np.random.default_rng(1)
    then, now = rng.normal(0, 1, 300).round(1), rng.normal(0.4, 1.2, 200).round(1)
    edges = sorted({float(np.sort(then)[int(np.ceil(300 * k / 10)) - 1]) for k in range(1, 10)})
    want = [sum(1 for v in now if v <= edges[0])]
    want += [sum(1 for v in now if a < v <= b) for a, b in pairwise(edges)]
    want += [sum(1 for v in now if v > edges[-1])]
    assert population_shares(then, now)["rows"].tolist() == want


def test_periods_are_held_apart_in_order() -> None:
    rng = np.random.default_rng(2)
    then = rng.normal(size=5000)
    now = np.concatenate([rng.normal(size=2000), rng.normal(0.3, 1, 2000)])
    when = np.repeat(["2013Q2", "2013Q1"], 2000)
    found = population_stability(then, now, periods=when)
    assert found["period"].tolist() == ["2013Q1", "2013Q2"]
    assert found["is_shifted"].tolist() == [True, False]
    for row in found.itertuples():
        alone = population_stability(then, now[when == row.period]).iloc[0]
        assert row.psi == alone["psi"]
    mixed = rng.permutation(4000)
    again = population_stability(then, now[mixed], periods=when[mixed])
    pd.testing.assert_frame_equal(again, found, check_exact=True)


@pytest.mark.parametrize("n", [500, 50_000])
def test_scores_without_a_shift_alarm_at_the_stated_rate(n: int) -> None:
    """Scores are drawn by their ranks, so that bins of the reference's own quantiles are tried."""
    rng, draws = np.random.default_rng(n), 300 if n == 500 else 60
    alarms = [
        population_stability(rng.random(n), rng.random(n))["is_shifted"][0] for _ in range(draws)
    ]
    assert stats.binom.ppf(0.001, draws, 0.05) <= sum(alarms) <= stats.binom.ppf(0.999, draws, 0.06)


def test_merchants_in_both_populations_alarm_less() -> None:
    rng, alarms = np.random.default_rng(3), 0
    for _ in range(200):
        then = rng.normal(size=500)
        alarms += population_stability(then, 0.9 * then + np.sqrt(0.19) * rng.normal(size=500))[
            "is_shifted"
        ][0]
    assert alarms <= 10


def test_rows_of_one_merchant_count_once() -> None:
    rng = np.random.default_rng(4)
    then, now = rng.normal(size=300), rng.normal(0.2, 1, 200)
    five = np.repeat(np.arange(300), 5), np.repeat(np.arange(200), 5)
    once = population_stability(then, now).iloc[0]
    copied = population_stability(
        then[five[0]], now[five[1]], reference_merchants=five[0], merchants=five[1]
    ).iloc[0]
    assert copied["psi"] == pytest.approx(once["psi"])
    assert copied["effective"] == pytest.approx(200)
    assert copied["reference_effective"] == pytest.approx(300)
    assert copied["critical"] == pytest.approx(once["critical"], rel=0.05)
    assert (
        population_stability(then[five[0]], now[five[1]]).iloc[0]["critical"]
        < copied["critical"] / 3
    )


def test_names_of_merchants_do_not_matter() -> None:
    rng = np.random.default_rng(5)
    then, now, who = rng.normal(size=400), rng.normal(size=400), rng.integers(0, 50, 400)
    numbers = population_stability(then, now, merchants=who)
    texts = population_stability(then, now, merchants=[f"m{k}" for k in who])
    pd.testing.assert_frame_equal(numbers, texts)


def make_features(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "sales": rng.lognormal(8, 1, n),
            "refunds": rng.poisson(2, n).astype(float),
            "kind": rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]),
            "verified": rng.random(n) < 0.7,
        }
    )
    frame.loc[rng.random(n) < 0.1, "sales"] = np.nan
    frame["kind"] = frame["kind"].where(rng.random(n) < 0.95, None)
    return frame


@pytest.fixture(scope="module")
def trained():
    X = make_features(4000, 0)
    rng = np.random.default_rng(1)
    odds = -2 - 0.6 * (np.log(X["sales"].fillna(1500)) - 8) + 0.2 * X["refunds"]
    odds += X["kind"].map({"a": 0, "b": 0.5, "c": 1}).astype(float).fillna(0)
    y = (rng.random(4000) < 1 / (1 + np.exp(-odds - 0.4 * ~X["verified"]))).astype(float)
    return ac.DefaultModel("points", directions=None).fit(X, y), X


def test_moves_of_points_sum_exactly_to_the_move_of_the_mean_score(trained) -> None:
    model, X = trained
    now = make_features(900, 2)
    now["sales"] *= 0.6
    drift = feature_drift(X, now, model=model)
    assert drift["feature"].tolist() == list(model.portable_.feature_names)
    scores = [model.predict_score(each) for each in (X, now)]
    change = float(scores[1].mean()) - float(scores[0].mean())
    assert abs(change) > 1
    assert drift["points_change"].sum() == pytest.approx(change, abs=1e-9)
    base = model.portable_.base
    assert base + drift["reference_points"].sum() == pytest.approx(scores[0].mean(), abs=1e-9)
    assert base + drift["points"].sum() == pytest.approx(scores[1].mean(), abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 80))
def test_moves_of_points_sum_whatever_the_rows(trained, seed: int, rows: int) -> None:
    model, X = trained
    now = make_features(rows, seed)
    drift = feature_drift(X[:100], now, model=model)
    parts = model.portable_
    encoded = (read_rows(parts.tables, each)[0] for each in (now, X[:100]))
    found = (parts.scores_of(rows).mean() for rows in encoded)
    assert drift["points_change"].sum() == pytest.approx(next(found) - next(found), abs=1e-9)


def test_a_models_file_stands_for_its_training_rows(trained, tmp_path) -> None:
    model, X = trained
    model.save(tmp_path / "m.alicredit")
    loaded = ac.load_model(tmp_path / "m.alicredit")
    now = make_features(700, 3)
    by_file, by_frame = feature_drift(None, now, model=loaded), feature_drift(X, now, model=model)
    pd.testing.assert_frame_equal(by_file, by_frame)


def test_bins_with_a_model_are_the_steps_of_its_table(trained) -> None:
    model, X = trained
    now = make_features(500, 4)
    card = model.scorecard()
    drift = feature_drift(X, now, model=model).set_index("feature")
    for name, mine in card.groupby("feature", sort=False):
        counts = []
        for line in mine.itertuples():
            column = now[name]
            if line.category == "(missing)":
                counts.append(column.isna().sum())
            elif line.category == "(other)":
                counts.append((column.notna() & ~column.isin(mine["category"])).sum())
            elif line.category:
                counts.append((column == line.category).sum())
            else:
                number = column.astype(float)
                counts.append(((number > line.lower) & (number <= line.upper)).sum())
        want = ev.psi_test(mine["rows"].to_numpy(), np.array(counts))
        assert drift.loc[name, "psi"] == pytest.approx(want.psi)
        points = (np.array(counts) * mine["points"].to_numpy()).sum() / len(now)
        assert drift.loc[name, "points"] == pytest.approx(points)


def test_what_is_read_off_each_feature_is_what_pandas_finds(trained) -> None:
    X, now = make_features(3000, 5), make_features(400, 6)
    drift = feature_drift(X, now).set_index("feature")
    assert drift.index.tolist() == list(X.columns)
    for name in X:
        assert drift.loc[name, "missing"] == pytest.approx(now[name].isna().mean())
        assert drift.loc[name, "reference_missing"] == pytest.approx(X[name].isna().mean())
    assert drift.loc["sales", "median"] == now["sales"].median()
    assert drift.loc["refunds", "reference_median"] == X["refunds"].median()
    assert np.isnan(drift.loc["kind", "median"])
    assert drift["points_change"].isna().all()
    assert not drift["is_shifted"].any()


def test_a_value_that_goes_missing_is_a_shift() -> None:
    X, now = make_features(2000, 7), make_features(2000, 8)
    now.loc[::2, "refunds"] = np.nan
    found = feature_drift(X, now).set_index("feature")
    assert found["is_shifted"].to_dict() == {
        "sales": False, "refunds": True, "kind": False, "verified": False,
    }  # fmt: skip
    assert found.loc["refunds", "missing"] == 0.5


def test_a_level_never_seen_is_a_shift() -> None:
    X = make_features(2000, 9)
    now = make_features(2000, 10)
    now["kind"] = now["kind"].where(now["kind"] != "b", "new")
    found = feature_drift(X, now).set_index("feature")
    assert found.loc["kind", "folklore"] == "shifted"
    assert found.loc["kind", "is_shifted"]


def test_verdicts_are_adjusted_for_how_many_are_asked() -> None:
    rng = np.random.default_rng(11)
    alarms = {"holm": 0, "none": 0}
    for _ in range(30):
        then, now = (pd.DataFrame(rng.random((400, 15))).add_prefix("x") for _ in range(2))
        for method in alarms:
            drift = feature_drift(then, now, adjust=method)
            alarms[method] += int(drift["is_shifted"].any())
            want = ev.adjust_p(drift["p_value"], method=method)
            np.testing.assert_array_equal(drift["p_adjusted"], want)
    assert alarms["holm"] <= 6
    assert alarms["none"] >= 8


def test_tolerance_lets_small_shifts_pass() -> None:
    rng = np.random.default_rng(12)
    then = pd.DataFrame({"x": rng.normal(size=40_000)})
    now = pd.DataFrame({"x": rng.normal(0.08, 1, 40_000)})
    assert feature_drift(then, now)["is_shifted"][0]
    assert not feature_drift(then, now, tolerance=0.02)["is_shifted"][0]


def test_merchants_of_the_model_widen_what_chance_may_do(trained) -> None:
    _, X = trained
    y = np.random.default_rng(13).random(4000) < 0.2
    cohort = ac.Cohort.from_frame(
        pd.DataFrame({"merchant_id": np.arange(4000) % 100, "as_of": "2012-01-01"})
    )
    model = ac.DefaultModel("points", directions=None).fit(X, y.astype(float), cohort=cohort)
    now = make_features(5000, 14)
    drift = feature_drift(None, now, model=model)
    for row in drift.itertuples():
        want = stats.chi2.ppf(0.95, row.degrees) * (1 / 100 + 1 / 5000)
        assert row.critical == pytest.approx(want) or row.degrees == 0


def test_the_order_of_rows_changes_no_bit(trained) -> None:
    model, X = trained
    now = make_features(600, 15)
    who = np.arange(600) % 40
    mixed = np.random.default_rng(16).permutation(600)
    one = feature_drift(X, now, model=model, merchants=who)
    two = feature_drift(X[::-1], now.iloc[mixed], model=model, merchants=who[mixed])
    pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.parametrize("dtype", ["category", "string"])
def test_texts_of_any_type_are_texts(dtype: str) -> None:
    X, now = make_features(500, 17), make_features(300, 18)
    plain = feature_drift(X, now)
    other = feature_drift(X.astype({"kind": dtype}), now.astype({"kind": dtype}))
    pd.testing.assert_frame_equal(plain, other)


def test_numbers_of_any_type_are_numbers() -> None:
    X = pd.DataFrame({"x": [1, 2, 3, 4] * 20})
    kinds = (X.astype(float), X.astype("Int64"), X.astype(object), X.astype("float32"))
    frames = [feature_drift(X, each, bins=4) for each in kinds]
    for each in frames[1:]:
        pd.testing.assert_frame_equal(each, frames[0])
    assert frames[0]["psi"][0] == 0


X0 = pd.DataFrame({"x": [1.0, 2.0, 3.0], "t": ["a", "b", "a"]})
BAD = {
    "no reference": (lambda: population_stability([], [1.0]), "reference must hold"),
    "nobody now": (lambda: population_stability([1.0], []), "current must hold"),
    "texts for scores": (lambda: population_stability(["a"], ["b"]), "reference must hold numbers"),
    "an infinite score": (lambda: population_stability([1.0], [np.inf]), "current must be finite"),
    "an unknown grade": (lambda: population_stability(["A"], ["C"], grades=["A", "B"]), "current"),
    "one text of grades": (lambda: population_stability(["A"], ["A"], grades="AB"), "grades"),
    "a grade twice": (lambda: population_stability(["A"], ["A"], grades=["A", "A"]), "grades"),
    "one bin": (lambda: population_stability([1.0], [1.0], bins=1), "bins"),
    "periods too few": (lambda: population_stability([1.0], [1.0, 2.0], periods=["a"]), "periods"),
    "a period missing": (
        lambda: population_stability([1.0], [1.0, 2.0], periods=["a", None]), "periods"
    ),
    "merchants too few": (
        lambda: population_stability([1.0], [1.0, 2.0], merchants=["m"]), "merchants"
    ),
    "a merchant missing": (
        lambda: population_stability([1.0, 2.0], [1.0], reference_merchants=["m", None]),
        "reference_merchants",
    ),
    "nothing to compare with": (lambda: feature_drift(None, X0), "reference"),
    "an array": (lambda: feature_drift(X0, X0.to_numpy()), "current must be a frame"),
    "a column lacking": (lambda: feature_drift(X0, X0[["x"]]), "column 't'"),
    "no rows": (lambda: feature_drift(X0, X0[:0]), "current must have rows"),
    "an infinite value": (lambda: feature_drift(X0, X0.assign(x=np.inf)), "current['x']"),
    "text for numbers": (lambda: feature_drift(X0, X0.assign(x="1")), "current['x']"),
    "numbers for text": (lambda: feature_drift(X0, X0.assign(t=1.0)), "current['t']"),
    "days": (
        lambda: feature_drift(X0.assign(x=pd.Timestamp("2013-01-01")), X0), "numbers or texts"
    ),
    "columns of one name": (
        lambda: feature_drift(X0, pd.concat([X0, X0], axis=1)), "different names"
    ),
    "no model": (lambda: feature_drift(X0, X0, model="points"), "model"),
    "an unknown adjustment": (lambda: feature_drift(X0, X0, adjust="bonferroni"), "method"),
    "a level of 5": (lambda: feature_drift(X0, X0, level=5), "level"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_compared_is_refused_by_name(case: str) -> None:
    ask, words = BAD[case]
    with refused(words, error=InputError):
        ask()


@pytest.mark.parametrize("to", [300.0, 601.0])
def test_a_shift_away_from_a_tied_reference_is_seen(to: float) -> None:
    same, moved = np.full(1000, 600.0), np.full(1000, to)
    found = population_stability(same, moved).iloc[0]
    assert found["is_shifted"]
    assert found["folklore"] == "shifted"
    mostly = np.r_[same[:950], 600 - np.sign(to - 600) * np.arange(1, 51)]
    away = np.r_[moved[:950], mostly[950:]]
    assert population_stability(mostly, away)["is_shifted"].all()
    assert not population_stability(mostly, mostly)["is_shifted"].any()
    drift = feature_drift(pd.DataFrame({"x": same}), pd.DataFrame({"x": moved}))
    assert drift["is_shifted"].all()
    still = population_stability(same, same).iloc[0]
    assert (still["psi"], still["is_shifted"]) == (0, False)
