"""The score is a sum of whole points, agrees with itself everywhere, ranks what it should."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from alicredit.cohort import Cohort
from alicredit.errors import InputError
from alicredit.model import DefaultModel, ScoreModel, load_model
from alicredit.model.folds import make_folds
from alicredit.model.learning import FEW_STEPS
from alicredit.model.points import merge_steps, simple_cut, whole
from alicredit.score import PointScale


def world(n: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Make inputs, the true probability and outcomes: steps, a bend, a category, missing values."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 6)), columns=list("abcdef"))
    X["kind"] = rng.choice(["red", "blue", "green", "rare"], n, p=[0.5, 0.3, 0.199, 0.001])
    X["flag"] = rng.random(n) < 0.3
    X.loc[rng.random(n) < 0.15, "c"] = np.nan
    eta = -2.8 + 0.9 * X["a"] - 0.7 * (X["b"] > 0.5) + 0.6 * X["c"].isna()
    eta += 0.8 * (X["kind"] == "blue") + 0.5 * X["flag"] + 0.4 * np.sin(2 * X["d"])
    p = 1 / (1 + np.exp(-eta.to_numpy()))
    return X, p, (rng.random(n) < p).astype(float)


@pytest.fixture(scope="module")
def fitted() -> DefaultModel:
    X, _, y = world(12_000)
    return DefaultModel("points", directions={"a": 1, "b": -1}).fit(X, y)


@pytest.fixture(scope="module")
def later() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    return world(12_000, seed=1)


def test_it_ranks_nearly_as_well_as_the_truth(fitted, later) -> None:
    X, p, y = later
    mine = roc_auc_score(y, fitted.predict_proba(X)[:, 1])
    assert mine > roc_auc_score(y, p) - 0.01


def test_it_beats_a_logistic_regression_where_the_truth_bends(fitted, later) -> None:
    X, _, y = later
    plain = X.drop(columns=["kind"]).fillna(0).astype(float)
    base, _, base_y = world(12_000)
    base = base.drop(columns=["kind"]).fillna(0).astype(float)
    other = LogisticRegression(max_iter=1000).fit(base, base_y).predict_proba(plain)[:, 1]
    assert roc_auc_score(y, fitted.predict_proba(X)[:, 1]) > roc_auc_score(y, other)


def test_its_probabilities_are_right_on_new_rows(fitted, later) -> None:
    X, p, _ = later
    mine = fitted.predict_proba(X)[:, 1]
    assert mine.mean() == pytest.approx(p.mean(), rel=0.05)
    tenths = pd.qcut(mine, 10, duplicates="drop")
    by = pd.DataFrame({"mine": mine, "true": p}).groupby(tenths, observed=True).mean()
    assert np.abs(np.log(by["mine"] / by["true"])).mean() < 0.1


def test_the_interval_holds_the_probability_and_narrows_with_rows() -> None:
    widths = []
    for n in (1500, 12_000):
        X, _, y = world(n)
        frame = DefaultModel("points").fit(X, y).portable_.score_frame(X)
        assert (frame["pd_lower"] <= frame["pd"]).all()
        assert (frame["pd"] <= frame["pd_upper"]).all()
        widths.append((frame["pd_upper"] / frame["pd_lower"]).median())
    assert widths[1] < widths[0]


def test_the_score_is_the_sum_of_the_scorecards_points(fitted, later) -> None:
    X = later[0].head(200)
    card, model = fitted.scorecard(), fitted.portable_
    for row, score in zip(X.to_dict("records"), fitted.predict_score(X), strict=True):
        total = model.base
        for feature, steps in card.groupby("feature", sort=False):
            value = row[feature]
            if isinstance(value, str):
                hit = steps[steps["category"] == value]
                hit = hit if len(hit) else steps[steps["category"] == "(other)"]
            elif np.isnan(value):
                hit = steps[steps["category"] == "(missing)"]
            else:
                hit = steps[(steps["lower"] < value) & (value <= steps["upper"])]
            total += int(hit["points"].iloc[0])
        assert total == score


def test_every_route_gives_the_same_bytes(fitted, later, tmp_path) -> None:
    X = later[0].head(400)
    fitted.save(tmp_path / "m.alicredit")
    model = load_model(tmp_path / "m.alicredit")
    whole_frame = model.score_frame(X)
    order = np.random.default_rng(0).permutation(len(X))
    shuffled = model.score_frame(X.iloc[order]).loc[X.index]
    chunks = pd.concat([model.score_frame(X.iloc[k : k + 37]) for k in range(0, len(X), 37)])
    for other in (fitted.portable_.score_frame(X), shuffled, chunks):
        pd.testing.assert_frame_equal(whole_frame, other, check_exact=True)
    for (_, line), row in zip(whole_frame.iterrows(), X.to_dict("records"), strict=True):
        one = model.score_one(row)
        assert (one["score"], one["pd"], one["pd_upper"]) == (
            line["score"], line["pd"], line["pd_upper"],
        )  # fmt: skip
        assert one["reasons"] == line["reasons"]
    assert model.model_id == fitted.model_id


@settings(max_examples=60, deadline=None)
@given(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(["red", "purple", "", None, 3, True]),
    st.sampled_from([True, False, None, 0, 1, 0.5, "yes"]),
)
def test_one_row_and_a_frame_agree_on_anything(fitted, number, kind, flag) -> None:
    row = dict.fromkeys("abcdef", number) | {"kind": kind, "flag": flag}
    frame = pd.DataFrame({name: pd.Series([value], dtype=object) for name, value in row.items()})
    line = fitted.portable_.score_frame(frame).iloc[0]
    one = fitted.portable_.score_one(row)
    assert one["status"] == line["status"]
    if one["status"] == "ok":
        assert one["score"] == line["score"]
        assert one["pd"] == line["pd"]
    else:
        assert np.isnan(line["pd"])
        assert pd.isna(line["score"])


def test_values_at_and_around_each_cut(fitted) -> None:
    model = fitted.portable_
    table = next(t for t in model.tables if t.name == "a")
    for at, cut in enumerate(table.cuts):
        below, above = np.nextafter(cut, -np.inf), np.nextafter(cut, np.inf)
        got = table.look_up(np.array([below, cut, above]))
        assert got.tolist() == [table.points[at], table.points[at], table.points[at + 1]]
        assert [table.look_up_one(v) for v in (below, cut, above)] == got.tolist()
        narrow = float(np.float32(cut))
        assert table.look_up(np.array([cut], np.float32).astype(float))[0] == table.look_up_one(
            narrow
        )


def test_points_follow_the_stated_directions(fitted) -> None:
    tables = {t.name: t for t in fitted.portable_.tables}
    assert (np.diff(tables["a"].points) <= 0).all()
    assert (np.diff(tables["b"].points) >= 0).all()
    numbers = [t for t in fitted.portable_.tables if t.kind == "numeric"]
    assert all(len(t.points) <= FEW_STEPS for t in numbers)


def test_probability_falls_as_the_score_rises(fitted) -> None:
    assert (np.diff(fitted.portable_.pds) < 0).all()


def test_reasons_are_exact_parts_of_the_score(fitted, later) -> None:
    X = later[0].head(100)
    model = fitted.portable_
    explained = fitted.explain(X, top=10)
    reference = model.base + sum(t.reference for t in model.tables)
    for row, score in enumerate(fitted.predict_score(X)):
        lost = explained.loc[explained["row"] == row, "points_lost"]
        assert (lost > 0).all()
        assert lost.is_monotonic_decreasing
        assert lost.sum() >= reference - score


def test_a_fit_does_not_depend_on_threads_or_on_row_order_given_a_cohort() -> None:
    X, _, y = world(3000)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "merchant_id": rng.integers(0, 500, 3000).astype(str),
            "as_of": pd.Timestamp("2012-01-01") + pd.to_timedelta(np.arange(3000), unit="h"),
        }
    )
    cohort = Cohort.from_frame(frame)
    ids = {DefaultModel("points", n_jobs=k).fit(X, y, cohort=cohort).model_id for k in (1, 2)}
    order = rng.permutation(3000)
    ids.add(DefaultModel("points").fit(X.iloc[order], y[order], cohort=cohort[order]).model_id)
    assert len(ids) == 1


def test_folds_keep_merchants_apart_and_purge_what_was_not_known() -> None:
    rng = np.random.default_rng(1)
    n = 4000
    frame = pd.DataFrame(
        {
            "merchant_id": rng.integers(0, 400, n).astype(str),
            "as_of": pd.Timestamp("2011-01-01")
            + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
        }
    )
    y, cohort = (rng.random(n) < 0.3).astype(float), Cohort.from_frame(frame)
    ordered = make_folds(y, cohort, 90, seed=0)
    assert ordered.kind.startswith("in time order")
    for learn, judge in ordered.pairs:
        assert not set(frame["merchant_id"][learn]) & set(frame["merchant_id"][judge])
        over = frame["as_of"][learn] + pd.Timedelta(days=90)
        assert over.max() <= frame["as_of"][judge].min()
    short = make_folds(y, cohort, 800, seed=0)
    assert "too few defaults" in short.kind
    for learn, judge in short.pairs:
        assert not set(frame["merchant_id"][learn]) & set(frame["merchant_id"][judge])
    covered = np.concatenate([judge for _, judge in make_folds(y, None, None, seed=0).pairs])
    assert sorted(covered) == list(range(n))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=9), st.integers(1, 4))
def test_merging_is_the_best_of_all_merges(values: list[float], most: int) -> None:
    array, weights = np.array(values), np.arange(1.0, len(values) + 1)

    def loss(parts) -> float:
        return sum(
            float((weights[p] * (array[p] - np.average(array[p], weights=weights[p])) ** 2).sum())
            for p in parts
        )

    def every(start: int, left: int):
        if start == len(array):
            yield []
        elif left:
            for end in range(start + 1, len(array) + 1):
                for rest in every(end, left - 1):
                    yield [slice(start, end), *rest]

    found = merge_steps(array, weights, most)
    assert found[0].start == 0
    assert found[-1].stop == len(array)
    assert loss(found) <= min(map(loss, every(0, most))) + 1e-6


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_a_simple_cut_parts_the_same_values(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    cut = simple_cut(low, high)
    assert low <= cut
    assert cut < high or low == high


def test_rounding_goes_half_away_from_zero() -> None:
    assert whole([0.5, -0.5, 1.49, -2.5]) == [1, -1, 1, -3]


def test_scale_of_published_points() -> None:
    scale = PointScale()
    assert scale.to_points(np.array([0.007, 0.02, 0.1])).round(2).tolist() == [
        630.09,
        599.42,
        550.52,
    ]
    odds = [(1 - p) / p for p in scale.to_probability(np.array([600.0, 620.0]))]
    assert odds == pytest.approx([50, 100])
    with pytest.raises(InputError, match="strictly between"):
        scale.to_points(np.array([0.0]))


BAD_FITS = {
    "NaN labels": (lambda X, y: (X, np.where(np.arange(len(y)) < 1, np.nan, y)), "NaN"),
    "three outcomes": (lambda X, y: (X, np.arange(len(y)) % 3), "0 or 1"),
    "one outcome": (lambda X, y: (X, np.zeros(len(y))), "4 defaults"),
    "lengths": (lambda X, y: (X, y[:-1]), "one value for each"),
    "infinite": (lambda X, y: (X.assign(a=np.inf), y), "infinite"),
    "dates": (lambda X, y: (X.assign(a=pd.Timestamp("2013-01-01")), y), "numbers, booleans"),
    "no rows": (lambda X, y: (X.iloc[:0], y[:0]), "defaults|rows"),
}


@pytest.mark.parametrize("case", BAD_FITS)
def test_bad_training_input_is_refused(case: str) -> None:
    spoil, match = BAD_FITS[case]
    X, _, y = world(300)
    bad_X, bad_y = spoil(X, y)
    with pytest.raises(InputError, match=match):
        DefaultModel("points").fit(bad_X, bad_y)


def test_other_refusals(fitted) -> None:
    X, _, y = world(300)
    with pytest.raises(InputError, match="shape"):
        DefaultModel(shape="forest").fit(X, y)
    with pytest.raises(InputError, match="directions"):
        DefaultModel("points", directions={"a": 3}).fit(X, y)
    with pytest.raises(NotFittedError):
        DefaultModel().predict_proba(X)
    with pytest.raises(InputError, match="'kind'"):
        fitted.predict_proba(X.drop(columns="kind"))
    with pytest.raises(InputError, match="first at position 2"):
        fitted.predict_proba(X.assign(a=np.where(np.arange(300) == 2, np.inf, 0.0)))
    assert clone(fitted).get_params() == fitted.get_params()


def test_a_whole_frame_is_checked_for_units_and_lost_sources(fitted) -> None:
    X, _, y = world(2000)
    model = DefaultModel("points", directions=None).fit(X.assign(a=np.exp(X["a"])), y).portable_
    good = X.assign(a=np.exp(X["a"]))
    model.check_frame(good)
    with pytest.raises(InputError, match="100 times off"):
        model.check_frame(good.assign(a=good["a"] * 100))
    with pytest.raises(InputError, match=r"'a'.*every row missing"):
        model.check_frame(good.assign(a=np.nan))


def test_scoring_a_file_needs_numpy_alone(fitted, tmp_path) -> None:
    fitted.save(tmp_path / "m.alicredit")
    code = (
        "import sys; from alicredit.model import load_model;"
        f"m = load_model(r'{tmp_path / 'm.alicredit'}');"
        "r = m.score_one(dict(a=1.0, b=0.0, c=None, d=0.1, e=0.0, f=0.0, kind='red', flag=True));"
        "heavy = [n for n in ('lightgbm', 'sklearn', 'pandas', 'scipy', 'duckdb', 'pyarrow')"
        " if n in sys.modules]; print(r['status'], heavy)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "ok []"


def test_arrays_are_named_by_position() -> None:
    X, _, y = world(600)
    array = X[["a", "b", "d"]].to_numpy()
    model = DefaultModel("points", directions=None).fit(array, y)
    assert set(model.feature_names) <= {"x0", "x1", "x2"}
    frame = pd.DataFrame(array, columns=["x0", "x1", "x2"])
    assert isinstance(model.portable_, ScoreModel)
    assert model.predict_score(frame).dtype == np.int64


def test_an_input_that_lacks_is_named_and_the_nearest_name_suggested(fitted) -> None:
    row = {"a": 1.0, "b": 0.0, "c": None, "d": 0.1, "e": 0.0, "f": 0.0, "kind": "red", "flag": True}
    row["flags"] = row.pop("flag")
    told = r"values must have 'flag'; found 8 of other names\. Try: did you mean 'flags'\.$"
    with pytest.raises(InputError, match=told):
        fitted.portable_.score_one(row)
    with pytest.raises(InputError, match="values must have"):
        fitted.portable_.score_one({})
