"""What is learned: the truth where it is known, in the stated direction, the same each time."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from model_stage import DIRECTIONS, Stage, make_cohort, make_merchants
from scipy.special import logit
from sklearn.metrics import log_loss, roc_auc_score

from alicredit.model import DefaultModel, ScoreModel


@pytest.fixture(scope="module")
def fresh() -> tuple[pd.DataFrame, pd.Series, np.ndarray]:
    """Draw merchants the shared model was not fitted on."""
    return make_merchants(20_000, seed=99)


def test_the_ranking_comes_near_that_of_the_truth(stage: Stage, fresh) -> None:
    X, y, true_pd = fresh
    found = roc_auc_score(y, stage.model.predict_proba(X)[:, 1])
    assert found > roc_auc_score(y, true_pd) - 0.01


def test_the_probability_is_near_the_truth_at_every_level(stage: Stage, fresh) -> None:
    X, _, true_pd = fresh
    found = stage.model.predict_proba(X)[:, 1]
    assert found.mean() == pytest.approx(true_pd.mean(), rel=0.08)
    for tenth in np.array_split(np.argsort(found), 10):
        assert logit(found[tenth].mean()) == pytest.approx(logit(true_pd[tenth].mean()), abs=0.35)


def test_an_additive_truth_costs_nothing_against_free_trees(stage: Stage, fresh) -> None:
    X, y, true_pd = fresh

    def numbers(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(region=frame["region"].astype("category"), is_new=frame["is_new"] * 1.0)

    peer = lgb.LGBMClassifier(
        n_estimators=300, learning_rate=0.03, num_leaves=8, min_child_samples=40, subsample=0.8,
        subsample_freq=1, colsample_bytree=0.6, reg_lambda=5, n_jobs=1, verbosity=-1,
        random_state=0,
    )  # fmt: skip
    peer.fit(numbers(stage.X), stage.y)
    theirs = peer.predict_proba(numbers(X))[:, 1]
    ours = stage.model.predict_proba(X)[:, 1]
    assert roc_auc_score(y, ours) > roc_auc_score(y, theirs) - 0.002
    # Against the true probability itself, where chance has no part.
    assert log_loss(true_pd > 0.5, true_pd) >= 0

    def excess(p: np.ndarray) -> float:
        own = -(true_pd * np.log(true_pd) + (1 - true_pd) * np.log(1 - true_pd))
        return float(np.mean(-(true_pd * np.log(p) + (1 - true_pd) * np.log(1 - p)) - own))

    assert excess(ours) < excess(theirs)


def test_noise_gets_hardly_any_points(model: ScoreModel) -> None:
    spread = {t.name: max(t.points) - min(t.points) for t in model.tables}
    assert spread.get("noise", 0) * 4 < min(spread["debt"], spread["sales"])


def test_missing_is_a_step_of_its_own_with_its_own_risk() -> None:
    X, y, _ = make_merchants(20_000, seed=41)
    hidden = X["sales"].isna()
    worse = y.where(~hidden, np.random.default_rng(0).random(len(y)) < 0.5).astype(float)
    model = DefaultModel("points", directions=DIRECTIONS).fit(X, worse)
    table = next(t for t in model.portable_.tables if t.name == "sales")
    assert table.missing_points < min(table.points)


def test_a_value_never_missing_in_training_costs_the_most_when_it_is(model: ScoreModel) -> None:
    table = next(t for t in model.tables if t.name == "debt")
    assert table.missing_share == 0
    assert table.missing_points == min(table.points)


def test_rare_levels_share_a_step_and_unlearned_ones_cost_the_most() -> None:
    X, y, _ = make_merchants(6000, seed=42)
    model = DefaultModel("points", directions=None).fit(
        X[X["region"] != "islet"], y[X["region"] != "islet"]
    )
    table = next(t for t in model.portable_.tables if t.name == "region")
    assert table.levels == ("north", "south", "west")
    assert table.look_up_one("moon") == min(table.points)
    rare = X.assign(region=X["region"].where(X.index % 400 != 0, "hamlet"))
    table = next(
        t
        for t in DefaultModel("points", directions=None).fit(rare, y).portable_.tables
        if t.name == "region"
    )
    assert "hamlet" not in table.levels
    assert "islet" not in table.levels


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_stated_directions_hold_on_the_tables_whatever_the_data_say(seed: int) -> None:
    X, y, _ = make_merchants(2500, seed=seed)
    against = {"debt": -1, "sales": 1, "noise": 1, "is_new": -1}
    model = DefaultModel("points", directions=against).fit(X, y).portable_
    for table in model.tables:
        if table.name in against:
            moves = np.diff(table.points) * against[table.name]
            assert (moves <= 0).all(), table.name


def test_a_higher_score_is_always_a_lower_probability(model: ScoreModel) -> None:
    assert (np.diff(model.pds) < 0).all()
    assert all(a <= b <= c for a, b, c in zip(model.lowers, model.pds, model.uppers, strict=True))
    assert model.pds[-1] > 0
    assert model.pds[0] < 1


def test_points_mean_what_the_scale_says(stage: Stage, fresh) -> None:
    X, _, true_pd = fresh
    points = stage.model.predict_score(X)
    slope = np.polyfit(points, logit(true_pd), 1)[0]
    # Twenty points halve the odds of default; a fitted model only comes near it.
    assert slope == pytest.approx(-np.log(2) / 20, rel=0.2)


def test_two_fits_write_identical_files_on_one_thread_and_on_two(tmp_path) -> None:
    X, y, _ = make_merchants(3000, seed=43)
    files = []
    for number, threads in enumerate((1, 1, 2)):
        path = tmp_path / str(number)
        DefaultModel("points", directions=DIRECTIONS, n_jobs=threads).fit(X, y).save(path)
        files.append(path.read_bytes())
    assert files[0] == files[1] == files[2]


@pytest.mark.usefixtures("learning_briefly")
def test_the_order_of_rows_makes_no_difference_with_a_cohort() -> None:
    X, y, _ = make_merchants(3000, seed=44)
    cohort = make_cohort(3000, merchants=600, seed=44)
    order = np.random.default_rng(1).permutation(3000)
    one = DefaultModel("points", directions=DIRECTIONS).fit(X, y, cohort=cohort)
    mixed_y = y.iloc[order]
    mixed_y.attrs = y.attrs
    two = DefaultModel("points", directions=DIRECTIONS).fit(
        X.iloc[order], mixed_y, cohort=cohort[order]
    )
    assert one.model_id == two.model_id
    assert one.portable_.training["merchants"] == cohort.frame["merchant_id"].nunique()


@pytest.mark.usefixtures("learning_briefly")
@pytest.mark.parametrize("shape", ["points", "pairs", "trees"])
def test_the_order_of_rows_makes_no_difference_without_one_either(shape: str) -> None:
    X, y, _ = make_merchants(1500, seed=44)
    weight = np.random.default_rng(2).integers(1, 4, 1500).astype(float)
    order = np.random.default_rng(1).permutation(1500)
    one = DefaultModel(shape, directions=DIRECTIONS).fit(X, y, sample_weight=weight)
    two = DefaultModel(shape, directions=DIRECTIONS).fit(
        X.iloc[order], y.iloc[order], sample_weight=weight[order]
    )
    assert one.model_id == two.model_id


@pytest.mark.usefixtures("learning_briefly")
def test_another_seed_is_another_model() -> None:
    X, y, _ = make_merchants(1500, seed=45)
    ids = {
        DefaultModel("points", directions=None, random_state=k).fit(X, y).model_id for k in range(3)
    }
    assert len(ids) == 3


@pytest.mark.usefixtures("learning_briefly")
def test_the_file_says_how_folds_were_made() -> None:
    X, y, _ = make_merchants(4000, seed=46)
    cohort = make_cohort(4000, merchants=900, seed=46)
    y.attrs = {"horizon_days": 60, "level": "borrower", "days_past_due": 30}
    facts = DefaultModel("points", directions=None).fit(X, y, cohort=cohort).portable_.training
    assert "time order" in facts["folds"]
    assert facts["rows"] == 4000
    assert facts["defaults"] == int(y.sum())
    assert facts["first_as_of"] == f"{cohort.frame['as_of'].min():%Y-%m-%d}"
    y.attrs = {"horizon_days": 1150, "level": "borrower", "days_past_due": 30}
    facts = DefaultModel("points", directions=None).fit(X, y, cohort=cohort).portable_.training
    assert "too few defaults for time order" in facts["folds"]


def test_many_draws_of_a_merchant_widen_the_interval_to_its_witnesses() -> None:
    X, y, _ = make_merchants(600, seed=47)
    owner = np.repeat(np.arange(600), 8)
    times = pd.Timestamp("2012-01-01") + pd.to_timedelta(np.arange(4800), unit="h")
    frame = pd.DataFrame({"merchant_id": [f"m{k:04d}" for k in owner], "as_of": times})
    frame["as_of"] = frame["as_of"].astype("datetime64[us]")
    cohort = type(make_cohort(2, 1, seed=0)).from_frame(frame)
    draws, fates = X.iloc[owner].reset_index(drop=True), y.iloc[owner].reset_index(drop=True)
    names = ["debt", "sales", "is_new"]
    honest = DefaultModel("points", directions=DIRECTIONS).fit(draws[names], fates, cohort=cohort)
    naive = DefaultModel("points", directions=DIRECTIONS).fit(draws[names], fates)

    def width(model: DefaultModel) -> float:
        frame = model.score_frame(X[names])
        return float((logit(frame["pd_upper"]) - logit(frame["pd_lower"])).median())

    assert width(honest) > 1.5 * width(naive)


def test_nothing_to_learn_gives_the_rate_to_everybody() -> None:
    rng = np.random.default_rng(48)
    X = pd.DataFrame({"constant": np.ones(2000)})
    y = (rng.random(2000) < 0.1).astype(float)
    found = DefaultModel("points", directions=None).fit(X, y).predict_proba(X)[:, 1]
    assert len(set(found)) == 1
    assert found[0] == pytest.approx(y.mean(), rel=1e-6)


def test_classes_that_part_perfectly_still_give_a_lawful_model(tmp_path) -> None:
    X = pd.DataFrame({f"x{k}": np.repeat([0.0, 1.0], 500) for k in range(12)})
    y = np.repeat([0.0, 1.0], 500)
    model = DefaultModel("points", directions=None).fit(X, y)
    model.save(tmp_path / "model.alicredit")
    found = model.predict_proba(X)[:, 1]
    assert found[:500].max() < 0.1
    assert found[500:].min() > 0.9


@pytest.mark.slow
def test_at_seven_in_a_thousand_the_mean_is_right_over_seeds() -> None:
    ratios = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X = pd.DataFrame(rng.normal(size=(30_000, 4)), columns=list("abcd"))
        true_pd = 1 / (1 + np.exp(5.6 - 0.9 * X["a"] + 0.6 * X["b"] - 0.4 * X["c"]))
        y = (rng.random(len(X)) < true_pd).astype(float)
        half = len(X) // 2
        model = DefaultModel("points", directions=None).fit(X[:half], y[:half])
        ratios.append(model.predict_proba(X[half:])[:, 1].mean() / true_pd[half:].mean())
    error = np.std(ratios, ddof=1) / np.sqrt(len(ratios))
    assert abs(np.mean(ratios) - 1) < 2.5 * error + 0.01
    assert min(ratios) > 0.7
    assert max(ratios) < 1.3
