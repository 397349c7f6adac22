"""Special codes in learning: found where they say something, harmless where they say nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from alicredit.errors import InputError
from alicredit.model import DefaultModel
from alicredit.model.inputs import read_inputs
from alicredit.model.learner import TrainingSet
from alicredit.model.specials import special_values
from alicredit.portable import load_model

DIRECTIONS = {"score": 1, "debt": 1}
CODES = [-999, -998]


def draw(
    rows: int, seed: int, none: float = 0.0, refused: float = 0.0
) -> tuple[pd.DataFrame, pd.Series, np.ndarray]:
    """Draw two bureau columns that are codes together, one other, and the true probability."""
    rng = np.random.default_rng(seed)
    score, debt, sales = rng.normal(size=rows), rng.gamma(2, 1, rows), rng.normal(size=rows)
    kind = rng.choice(4, rows, p=[0.75, 0.12, 0.06, 0.07])
    known = 0.8 * score + 0.3 * debt
    other = 0.6 + np.array([0.0, none, refused, 0.0])[kind]
    logit = -3 + 0.7 * sales + np.where(kind == 0, known, other)
    true = 1 / (1 + np.exp(-logit))
    y = pd.Series((rng.random(rows) < true).astype(float))
    cells = np.array([0.0, -999.0, -998.0, np.nan])[kind]
    X = pd.DataFrame({
        "score": np.where(kind == 0, score, cells), "debt": np.where(kind == 0, debt, cells),
        "sales": sales,
    })  # fmt: skip
    return X, y, true


def fitted(shape: str, X: pd.DataFrame, y: pd.Series, **settings: Any) -> DefaultModel:
    """Fit with codes unless told otherwise."""
    named = {"score": CODES, "debt": CODES}
    kept = {"directions": DIRECTIONS, "special_codes": named, **settings}
    return DefaultModel(shape, **kept).fit(X, y)


def regret(model: DefaultModel, X: pd.DataFrame, true: np.ndarray) -> float:
    """Give the log loss beyond that of the true probability."""
    p = model.predict_proba(X)[:, 1]
    cross, own = (-(true * np.log(q) + (1 - true) * np.log(1 - q)).mean() for q in (p, true))
    return float(cross - own)


@pytest.fixture(scope="module")
def plain() -> tuple[DefaultModel, pd.DataFrame, pd.Series]:
    X, y, _ = draw(6000, 1, -0.9, 1.2)
    return fitted("points", X, y), X, y


@pytest.mark.parametrize(("none", "refused"), [(-0.9, 1.2), (0.0, 0.0)])
def test_codes_that_say_something_gain_and_those_that_say_nothing_cost_nothing(
    none: float, refused: float
) -> None:
    lost = []
    for seed in range(3):
        (X, y, _), (Z, _, true) = (
            draw(rows, s, none, refused) for rows, s in ((4000, seed), (20000, seed + 50))
        )
        one = fitted("points", X, y)
        gone = [frame.replace(dict.fromkeys(map(float, CODES), np.nan)) for frame in (X, Z)]
        other = fitted("points", gone[0], y, special_codes=None)
        lost.append((regret(one, Z, true), regret(other, gone[1], true)))
    mine, missing = np.mean(lost, axis=0)
    assert mine < (0.6 if none else 1.1) * missing


@pytest.mark.parametrize("shape", ["points", "pairs"])
def test_the_order_of_codes_is_that_of_their_risk(shape: str) -> None:
    X, y, _ = draw(8000, 4, -0.9, 1.2)
    model = fitted(shape, X, y)
    row = {"sales": 0.0}
    units = {
        code: model.score_one({**row, "score": code, "debt": code})["score"]
        for code in (-999.0, None, -998.0)
    }
    assert units[-999.0] > units[None] > units[-998.0]


def test_no_step_range_or_median_holds_a_code(plain: Any) -> None:
    model, X, _ = plain
    for table in model.portable_.tables:
        known = X[table.name].where(~X[table.name].isin(CODES)).dropna()
        assert (table.low, table.high) == (known.min(), known.max())
        assert table.median == pytest.approx(known.median())
        assert all(known.min() <= cut <= known.max() for cut in table.cuts)
        assert table.missing_share == pytest.approx(X[table.name].isna().mean())


def test_the_card_counts_the_rows_of_each_code(plain: Any) -> None:
    model, X, y = plain
    card = model.scorecard()
    for name in ("score", "debt"):
        for code in CODES:
            mine = (X[name] == code).to_numpy()
            line = card[(card["feature"] == name) & (card["category"] == f"(special {code})")]
            assert line["rows"].tolist() == [mine.sum()]
            assert line["defaults"].tolist() == [y[mine].sum()]
    assert card.groupby("feature")["rows"].sum().eq(len(X)).all()


def test_the_file_scores_training_rows_as_the_model_does(plain: Any, tmp_path: Any) -> None:
    model, X, _ = plain
    model.save(tmp_path / "m.alicredit")
    again = load_model(tmp_path / "m.alicredit")
    assert again.predict_score(X).tolist() == model.predict_score(X).tolist()
    assert model.score_frame(X)["flags"].str.len().eq(0).all()


def test_two_fits_and_another_order_of_codes_are_one_model(plain: Any) -> None:
    model, X, y = plain
    named = {"debt": (-998.0, -999.0), "score": np.array([-998, -999])}
    again = fitted("points", X, y, special_codes=named)
    assert again.model_id == model.model_id
    assert clone(again).special_codes is not None


def test_one_list_is_of_all_numbers_and_a_code_never_seen_is_as_missing() -> None:
    X, y, _ = draw(3000, 6, -0.9, 1.2)
    X["is_new"], X["region"] = X["sales"] > 0, np.where(X["sales"] > 1, "a", "b")
    model = fitted("points", X, y, special_codes=[*CODES, -7])
    own = {table.name: table for table in model.portable_.tables}
    for name in ("score", "debt", "sales"):
        table = own[name]
        assert table.specials == (-999.0, -998.0, -7.0)
        assert table.special_points[2] == table.missing_points
    assert all(not own[name].specials for name in ("is_new", "region") if name in own)


def test_a_code_of_few_rows_has_the_points_of_the_missing() -> None:
    X, y, _ = draw(3000, 7)
    X.loc[X.index[:15], "sales"], X.loc[X.index[15:300], "sales"] = -5555.0, np.nan
    y.iloc[:15] = 1.0
    table = fitted("points", X, y, special_codes={"sales": [-5555]}).portable_.tables[-1]
    assert (table.name, table.specials) == ("sales", (-5555.0,))
    assert table.special_points == (table.missing_points,)
    assert table.rows[-2:] == (15, 285)


def test_the_fewer_defaults_the_nearer_to_the_missing() -> None:
    """By hand: one code of twice the others' odds, told apart the more the more rows there are."""
    moves = []
    for rows in (400, 4000, 40000):
        half = rows // 2
        given = np.where(np.arange(rows) < half, -9.0, np.nan)[:, None]
        y = np.zeros(rows)
        y[: half // 5], y[half : half + half // 10] = 1.0, 1.0
        data = TrainingSet(
            np.full((rows, 1), np.nan), y, np.ones(rows), (0,), (), np.arange(rows), raw=given
        )
        start = float(np.log(0.15 / 0.85))
        found = special_values(data, [(-9.0,)], {0: start}, np.full(rows, start))[0]
        moves.append(found - start)
    true = np.log([0.2 / 0.8, 0.1 / 0.9]) - start
    assert (np.diff(np.abs(moves), axis=0) > 0).all()
    assert moves[0][0] > 0 > moves[0][1]
    assert moves[-1] == pytest.approx(true, abs=0.02)
    many = TrainingSet(
        data.X, y, data.weight, (0,), (), np.arange(rows) // 100, raw=given
    )  # the same rows of a hundredth of the merchants
    fewer = special_values(many, [(-9.0,)], {0: start}, np.full(rows, start))[0] - start
    assert (np.abs(fewer) < np.abs(moves[-1])).all()


def test_rows_of_codes_are_no_witness_against_a_direction() -> None:
    rng = np.random.default_rng(9)
    score, sales, coded = rng.normal(size=6000), rng.normal(size=6000), rng.random(6000) < 0.5
    logit = np.where(coded, -4.0, -2 + 0.3 * score) + 0.5 * sales
    y = pd.Series((rng.random(6000) < 1 / (1 + np.exp(-logit))).astype(float))
    X = pd.DataFrame({"score": np.where(coded, 999.0, score), "sales": sales})  # safe and highest
    one = {"directions": {"score": 1}}
    blind = fitted("points", X, y, special_codes=None, **one)
    told = fitted("points", X, y, special_codes={"score": [999]}, **one)
    assert "score" in set(blind.contradictions()["feature"])
    assert "score" not in set(told.contradictions()["feature"])


def test_trees_read_a_code_as_missing() -> None:
    X, y, _ = draw(2500, 10, -0.9, 1.2)
    model = fitted("trees", X, y)
    gone = X.replace(dict.fromkeys(map(float, CODES), np.nan))
    rows = X["sales"].notna() & ~(X["score"].isin(CODES) | X["score"].isna())
    assert model.predict_score(X[rows]).tolist() == model.predict_score(gone[rows]).tolist()
    coded = X["score"].isin(CODES)
    one = model.predict_score(X[coded].assign(debt=1.0))
    assert one.tolist() == model.predict_score(gone[coded].assign(debt=1.0)).tolist()


def test_inputs_keep_codes_beside_the_numbers() -> None:
    X = draw(300, 11)[0]
    inputs = read_inputs(X, {}, {"score": (-999.0,)})
    coded = (X["score"] == -999).to_numpy()
    assert np.isnan(inputs.X[coded, 0]).all()
    assert (inputs.given[coded, 0] == -999).all()
    assert inputs.take(np.arange(10)).given.shape == (10, 3)
    assert read_inputs(X, {}, {"score": (-5.5,)}).raw is None


BAD = {
    "text": ("-999", "list of finite numbers"),
    "a number": (-999, "list of finite numbers"),
    "no codes": ([], "list of finite numbers"),
    "none of an input": ({"score": []}, "list of finite numbers"),
    "a truth": ([True], "list of finite numbers"),
    "missing": ([np.nan], "list of finite numbers"),
    "infinite": ({"score": [np.inf]}, "list of finite numbers"),
    "beyond a double": ([10**400], "list of finite numbers"),
    "twice": ({"score": [-999, -999.0]}, "different numbers"),
    "too many": (list(range(60)), "different numbers"),
    "no input": ({"scor": [-999]}, "must name inputs"),
    "a flag": ({"is_new": [-999]}, "must be of numbers"),
    "a category": ({"region": [-999]}, "must be of numbers"),
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_codes_that_mean_nothing_are_refused(case: str) -> None:
    X, y, _ = draw(200, 12)
    X["is_new"], X["region"] = X["sales"] > 0, "a"
    given, message = BAD[case]
    with pytest.raises(InputError, match=message):
        fitted("points", X, y, special_codes=given)
