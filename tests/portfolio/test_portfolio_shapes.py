"""A model of any shape decides the same in a batch, alone, from file, in any order and chunks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.decision import COLUMNS
from alicredit.portable import ScoreModel

AS_OF = "2013-05-01"
SHAPES = ("points", "pairs", "trees")
PRODUCTS = [product.id for product in ac.load_policy("ali-2013").active]
WIDTH = len(PRODUCTS)


def draw(rows: int, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """Draw inputs of every kind and outcomes in which two of them bear on each other."""
    rng = np.random.default_rng(seed)
    debt, sales = rng.normal(size=rows), rng.normal(size=rows)
    is_new, area = rng.random(rows) < 0.3, rng.choice(["north", "south", "west"], rows)
    logit = -3.8 + 1.2 * debt + 1.6 * np.sign(debt) * np.sign(sales) + 0.8 * is_new
    logit = logit + 0.8 * (area == "west")
    y = pd.Series((rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(float))
    y.attrs = {"horizon_days": 365, "level": "borrower"}
    hidden = np.where(rng.random(rows) < 0.1, np.nan, sales)
    return pd.DataFrame({"debt": debt, "sales": hidden, "is_new": is_new, "area": area}), y


@pytest.fixture(scope="module", params=SHAPES)
def model(request: pytest.FixtureRequest) -> ac.DefaultModel:
    X, y = draw(2500, 3)
    fitted = ac.DefaultModel(request.param, directions=None).fit(X, y)
    assert fitted.portable_.shape == request.param
    return fitted


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    size, rng = 120, np.random.default_rng(8)
    X, _ = draw(size, 9)
    X.loc[::30, "debt"] = np.inf
    X["area"] = X["area"].where(rng.random(size) > 0.05, "islet")
    money = rng.lognormal(10, 1.5, size).round(2)
    return X.assign(
        merchant_id=[f"m{k:03d}" for k in range(size)],
        platform=rng.choice(["alibaba_b2b", "taobao"], size),
        region=rng.choice(["jiangsu", "guangdong", "sichuan"], size),
        membership="paying",
        registered_at=pd.Timestamp("2008-01-01"),
        shop_opened_at=pd.Timestamp("2010-01-01"),
        blacklisted=rng.random(size) < 0.05,
        days_past_due=0.0,
        positive_rating_share=np.where(rng.random(size) < 0.1, np.nan, 0.98),
        violation_points_365d=0.0,
        monthly_sales_median_180d=money,
        order_base=(money * rng.random(size)).round(2),
        outstanding=0.0,
    )


def decide(people: pd.DataFrame, model: object, **options: object) -> pd.DataFrame:
    return ac.score_portfolio(None, model, as_of=AS_OF, features=people, **options)


@pytest.fixture(scope="module")
def decisions(people: pd.DataFrame, model: ac.DefaultModel) -> pd.DataFrame:
    return decide(people, model)


def test_the_book_has_every_decision_and_reasons_of_the_score(decisions) -> None:
    assert set(decisions["decision"]) == {"approve", "decline", "refer"}
    assert set(decisions["status"]) == {"ok", "bad_value"}
    given = Counter(code for codes in decisions["reasons"] for code in codes)
    assert given["PD_ABOVE_CUT"] > 10
    assert any(code.startswith("SC_") for code in given)


def test_one_alone_is_decided_as_among_all(people, model, decisions) -> None:
    for row in range(0, len(people), 5):
        features = people.iloc[row].to_dict()
        for at, product in enumerate(PRODUCTS):
            one = ac.score_applicant(features, model, product=product, as_of=AS_OF)
            among = decisions.iloc[WIDTH * row + at]
            for name in set(COLUMNS) - {"reasons"}:
                mine, theirs = getattr(one, name), among[name]
                assert mine == theirs or (pd.isna(mine) and pd.isna(theirs)), (row, name)
            assert list(one.reasons) == among["reasons"]


def test_after_save_and_load_every_byte_is_the_same(people, model, decisions, tmp_path) -> None:
    model.save(tmp_path / "model.alicredit")
    loaded = ac.load_model(tmp_path / "model.alicredit", digest=model.model_id)
    again = decide(people, loaded)
    pd.testing.assert_frame_equal(again, decisions, check_exact=True)
    assert again.to_parquet() == decisions.to_parquet()


@pytest.mark.parametrize("size", [7, 119, 500])
def test_the_size_of_chunks_changes_no_byte(people, model, decisions, tmp_path, size: int) -> None:
    again = decide(people, model, chunk_rows=size)
    assert again.to_parquet() == decisions.to_parquet()
    decide(people, model, out=tmp_path / "whole")
    decide(people, model, chunk_rows=size, out=tmp_path / "chunks")
    files = sorted(path for path in (tmp_path / "whole").rglob("*") if path.is_file())
    names = [path.relative_to(tmp_path / "whole").as_posix() for path in files]
    assert names == ["manifest.json", "part-00000.parquet", "quarantine/part-00000.parquet"]
    for name in names:
        whole, chunks = tmp_path / "whole" / name, tmp_path / "chunks" / name
        assert whole.read_bytes() == chunks.read_bytes()


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_rows_changes_no_byte(people, model, decisions, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(people))
    mixed = decide(people.iloc[order], model, chunk_rows=50)
    back = np.argsort(order)[:, None] * WIDTH + np.arange(WIDTH)
    again = mixed.iloc[back.ravel()].reset_index(drop=True)
    assert again.to_parquet() == decisions.to_parquet()


def test_progress_tells_of_every_merchant_once(people, model) -> None:
    for size, want in ((50, [50, 100, 120]), (None, [120]), (120, [120]), (119, [119, 120])):
        told: list[tuple[int, int]] = []
        decide(people, model, chunk_rows=size, progress=lambda *each, told=told: told.append(each))
        assert told == [(done, 120) for done in want]


def test_reasons_of_risk_are_the_models_own(people, model, decisions) -> None:
    want = model.portable_.score_frame(people)["reasons"].tolist()
    for row, line in enumerate(decisions.itertuples()):
        codes = [code for code in line.reasons if code.startswith("SC_")]
        is_risky = "PD_ABOVE_CUT" in line.reasons
        assert codes == (want[row // WIDTH] if is_risky else [])


def test_a_model_scores_everybody_once_however_many_products_take_it(
    people, model, decisions, tmp_path: Path, monkeypatch
) -> None:
    model.save(tmp_path / "model.alicredit")
    each = {product: ac.load_model(tmp_path / "model.alicredit") for product in PRODUCTS}
    asked: list[tuple[int, int]] = []
    real = ScoreModel.score_frame

    def count(
        self: ScoreModel, X: pd.DataFrame, *, reasons: int = 4, flags: bool = True
    ) -> pd.DataFrame:
        asked.append((len(X), reasons))
        return real(self, X, reasons=reasons, flags=flags)

    monkeypatch.setattr(ScoreModel, "score_frame", count)
    again = decide(people, each)
    assert again.to_parquet() == decisions.to_parquet()
    risky = decisions["reasons"].map(lambda codes: "PD_ABOVE_CUT" in codes).to_numpy()
    assert asked == [(120, 0), (int(risky.reshape(-1, WIDTH).any(axis=1).sum()), 4)]
