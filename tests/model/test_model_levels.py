"""A model at the user's level: long-run rate, under-sampling, and a model brought to another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from model_stage import make_merchants
from scipy.special import logit

from alicredit.errors import InputError
from alicredit.model import DefaultModel, load_model, relevel

DIRECTIONS = {"debt": 1, "sales": -1}


def fit(X: pd.DataFrame, y: pd.Series, **given) -> DefaultModel:
    return DefaultModel("points", directions=DIRECTIONS, **given).fit(X, y)


@pytest.fixture(scope="module")
def merchants() -> tuple[pd.DataFrame, pd.Series, np.ndarray]:
    return make_merchants(4000, 5)


@pytest.fixture(scope="module")
def plain(merchants) -> DefaultModel:
    return fit(*merchants[:2])


@pytest.fixture(scope="module")
def known(merchants) -> DefaultModel:
    return fit(*merchants[:2], long_run_rate=0.02)


def test_the_long_run_rate_is_the_mean_of_the_training_rows(merchants, known) -> None:
    X = merchants[0]
    assert known.predict_proba(X)[:, 1].mean() == pytest.approx(0.02, rel=1e-6)
    assert known.portable_.training["rate"] == 0.02


def test_only_the_level_differs_and_the_id(merchants, plain, known) -> None:
    X = merchants[0]
    np.testing.assert_array_equal(plain.predict_score(X), known.predict_score(X))
    moved = logit(known.predict_proba(X)[:, 1]) - logit(plain.predict_proba(X)[:, 1])
    np.testing.assert_allclose(np.ptp(moved), 0, atol=1e-9)
    assert plain.model_id != known.model_id


def test_a_known_level_leaves_the_interval_the_error_of_the_shape(merchants, plain) -> None:
    X, y, _ = merchants
    exact = fit(X, y, long_run_rate=float(y.mean()))

    def widths(model: DefaultModel) -> np.ndarray:
        frame = model.score_frame(X)
        return logit(frame["pd_upper"].to_numpy()) - logit(frame["pd_lower"].to_numpy())

    assert np.median(widths(exact)) < 0.9 * np.median(widths(plain))


def test_undersampled_training_finds_the_level_of_the_population(merchants) -> None:
    X, y, true_pd = merchants
    rng = np.random.default_rng(1)
    kept = (y == 1) | (rng.random(len(y)) < 0.3)
    told = fit(X[kept], y[kept], sampling_rate=0.3).predict_proba(X)[:, 1].mean()
    naive = fit(X[kept], y[kept]).predict_proba(X)[:, 1].mean()
    assert told == pytest.approx(true_pd.mean(), rel=0.15)
    assert naive > 1.5 * true_pd.mean()


def test_a_sampling_rate_is_the_same_as_weights(merchants) -> None:
    X, y, _ = merchants
    model = DefaultModel("points", directions=DIRECTIONS)
    weighted = model.fit(X, y, sample_weight=np.where(y == 1, 1.0, 5.0))
    assert weighted.model_id == fit(X, y, sampling_rate=0.2).model_id


def test_a_relevelled_model_reaches_the_rate_on_its_population(merchants, plain, tmp_path) -> None:
    X = merchants[0]
    old = plain.portable_
    new = relevel(plain, 0.012, X=X)
    assert new.predict_proba(X)[:, 1].mean() == pytest.approx(0.012, rel=1e-9)
    before, after = old.score_frame(X), new.score_frame(X)
    assert after["score"].equals(before["score"])
    assert after["reasons"].tolist() == before["reasons"].tolist()
    for name in ("pd", "pd_lower", "pd_upper"):
        shift = logit(after[name].to_numpy()) - logit(before[name].to_numpy())
        np.testing.assert_allclose(shift, np.log(new.training["odds_factor"]), atol=1e-6)
    assert new.claim == old.claim
    assert new.model_id not in ("", old.model_id)
    assert new.training["relevelled_from"] == old.model_id
    new.save(tmp_path / "m.alicredit")
    assert load_model(tmp_path / "m.alicredit") == new


def test_without_a_population_the_prior_is_shifted(merchants, plain) -> None:
    old = plain.portable_
    new = relevel(old, 0.012)
    trained = float(merchants[1].mean())
    assert old.training["rate"] == pytest.approx(trained, rel=1e-12)
    offset = logit(0.012) - logit(trained)
    np.testing.assert_allclose(logit(new.pds) - logit(old.pds), offset, atol=1e-6)
    home = relevel(new, trained)
    np.testing.assert_allclose(home.pds, old.pds, rtol=1e-9)


def test_it_agrees_with_a_fit_at_that_level(merchants, plain, known) -> None:
    X = merchants[0]
    moved = relevel(plain, 0.02, X=X)
    np.testing.assert_allclose(moved.pds, known.portable_.pds, rtol=1e-6)


def test_scores_between_whole_points_reach_the_rate_too(merchants) -> None:
    X, y, _ = merchants
    model = DefaultModel("trees", directions=DIRECTIONS).fit(X[:1500], y[:1500])
    assert model.portable_.unit > 1
    new = relevel(model, 0.05, X=X)
    assert new.predict_proba(X)[:, 1].mean() == pytest.approx(0.05, rel=1e-9)


def test_rows_outside_the_contract_do_not_count(merchants, plain) -> None:
    X = merchants[0]
    spoiled = X.copy()
    spoiled.loc[spoiled.index[:50], "debt"] = np.inf
    new = relevel(plain, 0.012, X=spoiled)
    clean = relevel(plain, 0.012, X=X.iloc[50:])
    assert new.pds == clean.pds


@pytest.mark.parametrize("rate", [0, 1, -0.1, 1.2, None, "0.01", np.nan, True])
def test_a_rate_that_is_none_is_refused(merchants, plain, rate) -> None:
    with pytest.raises(InputError, match="rate must be a number"):
        relevel(plain, rate)
    if rate is not None:
        with pytest.raises(InputError, match="long_run_rate must be a number"):
            fit(*merchants[:2], long_run_rate=rate)


@pytest.mark.parametrize("share", [0, 1.5, -1, "half", np.nan])
def test_a_share_that_is_none_is_refused(merchants, share) -> None:
    with pytest.raises(InputError, match="sampling_rate must be a number"):
        fit(*merchants[:2], sampling_rate=share)


def test_what_is_no_model_or_scores_nothing_is_refused(merchants, plain) -> None:
    X = merchants[0]
    with pytest.raises(InputError, match="model must be a fitted or loaded model"):
        relevel("model", 0.01)
    with pytest.raises(InputError, match="must have a row that the model scores"):
        relevel(plain, 0.01, X=X.assign(debt=np.inf))
    with pytest.raises(InputError, match="must have the column"):
        relevel(plain, 0.01, X=X.drop(columns="debt"))
