"""What a model may not learn from, and what it says of whom it learned from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from model_stage import Stage, make_cohort, make_merchants

from alicredit.catalogue import PSYCHOMETRIC
from alicredit.cohort import Cohort
from alicredit.errors import InputError
from alicredit.model import DefaultModel, load_model
from alicredit.model.lawful import require_lawful
from alicredit.records import DataUse

BASIS = {"psych_items": {"purpose": "second screen", "legal_basis": "consent", "consent_id": "c7"}}


@pytest.mark.parametrize(
    "name",
    [
        "marital_status", "marital", "maritalStatus", "MARITAL_STATUS", "marital_count_365d",
        "owner.marital.code", "is_married", "married", "unmarried", "spouse_income", "divorced",
        "marriage_certificate", "MarriageStatus", "婚姻状况", "是否已婚", "maritalstatus",
        "MARITALSTATUS", "maritial_status", "NAME_FAMILY_STATUS", "civil_status", "is_single",
        "ismarried", "husband_income", "wife_employed", "divorces", "widower", "remarried",
        "marstat", "mar_stat", "estado_civil", "marriagestatus", "婚否", "离异", "離婚", "再婚次数",
        "丈夫收入", "hunyin_zhuangkuang", "hyzk",
    ],
)  # fmt: skip
@pytest.mark.parametrize("data_use", [None, {"marital": BASIS["psych_items"]}, BASIS])
def test_marital_status_is_refused_whatever_is_stated(name: str, data_use) -> None:
    with pytest.raises(InputError) as caught:
        require_lawful(["orders_count_90d", name], data_use)
    assert f"X[{name!r}] must be lawful: marital status" in str(caught.value)
    assert "leave it out" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "market_share", "martial_arts_orders", "orders_count_90d", "psychology_books_sold",
        "singles_day_sales", "statement_marks", "wedding_goods_share", "MARRIAGE", 7,
        "product_family_status", "single_orders_count", "personality_goods",
        "consumer_psychology_share", "partner_count", "housewife_goods", "civil_cases",
    ],
)  # fmt: skip
def test_a_name_that_only_looks_alike_is_let_in(name: object) -> None:
    require_lawful([name], None)


def test_a_bare_marriage_is_logged(caplog) -> None:
    with caplog.at_level("WARNING"):
        require_lawful(["MARRIAGE", "amount", "personal_status_sex"], None)
    assert [record.args for record in caplog.records] == [("MARRIAGE",), ("personal_status_sex",)]


def test_levels_that_say_it_under_another_name_are_logged(caplog) -> None:
    X, y, _ = make_merchants(400, seed=5)
    X["kind"] = np.where(np.arange(400) % 2, "single", "Married")
    X["group"] = np.where(np.arange(400) % 3, "已婚", "其他")
    with caplog.at_level("WARNING"):
        DefaultModel("points", directions=None).fit(X, y)
    said = [record.args for record in caplog.records if "level" in record.msg]
    assert [args[:2] for args in said] == [("kind", "Married"), ("group", "已婚")]


@pytest.mark.parametrize(
    "name",
    [
        *(each.name for each in PSYCHOMETRIC),
        "psychometric_score",
        "psychScore",
        "心理测试分",
        "psychological_test",
        "psychoscore",
        "personality_score",
        "心理得分",
        "人格测试",
    ],
)
def test_psychometric_scores_are_off_until_a_basis_is_stated(name: str) -> None:
    with pytest.raises(InputError) as caught:
        require_lawful([name], {"bank_txns": BASIS["psych_items"]})
    assert f"X[{name!r}] must be lawful: psychometric" in str(caught.value)
    assert "data_use={'psych_items'" in str(caught.value)
    require_lawful([name], BASIS)
    require_lawful([name], {"psych_items": DataUse("second screen", "consent")})


@pytest.mark.parametrize(
    "data_use",
    [
        {"psych_items": {"purpose": "second screen"}},
        {"psych_items": {"purpose": "second screen", "legal_basis": "  "}},
        {"psych_items": "consent"},
        {"psych_item": BASIS["psych_items"]},
        {"psych_items": {**BASIS["psych_items"], "basis": "x"}},
        "consent",
        ["psych_items"],
        3,
    ],
)
def test_a_basis_that_is_none_is_refused(data_use) -> None:
    with pytest.raises(InputError, match="data_use"):
        require_lawful(["psychometric_score"], data_use)


@pytest.mark.usefixtures("learning_briefly")
def test_fit_refuses_before_it_learns_and_learns_where_it_may(stage: Stage, tmp_path) -> None:
    X, y = stage.X[:1500], stage.y[:1500]
    score = np.random.default_rng(0).normal(size=len(X)) + y
    with pytest.raises(InputError, match="marital status"):
        DefaultModel("points").fit(X.assign(marital_status="single"), y)
    tested = X.assign(psych_items_lie_score_mean_730d=score)
    with pytest.raises(InputError, match="psychometric"):
        DefaultModel("points").fit(tested, y)
    model = DefaultModel("points").fit(tested, y, data_use=BASIS)
    assert "psych_items_lie_score_mean_730d" in model.feature_names
    model.save(tmp_path / "m.alicredit")
    facts = load_model(tmp_path / "m.alicredit").training
    assert facts["data_use psych_items"] == "second screen; consent; c7"
    plain = DefaultModel("points").fit(X, y).portable_.training
    assert not any(key.startswith("data_use") for key in plain)


def with_loans(cohort: Cohort) -> Cohort:
    """Give each question a loan."""
    return Cohort.from_frame(cohort.frame.assign(loan_id=[f"l{k}" for k in range(len(cohort))]))


@pytest.mark.usefixtures("learning_briefly")
def test_a_model_says_whose_outcomes_it_learned_from(stage: Stage) -> None:
    X, y = stage.X[:1500], stage.y[:1500]
    cohort = make_cohort(1500, merchants=500, seed=3)
    said = [
        DefaultModel("points").fit(X, y, cohort=each).portable_.training["selection"]
        for each in (None, cohort, with_loans(cohort))
    ]
    assert said[0].startswith("not stated")
    assert said[1].startswith("merchants asked about")
    assert said[2].startswith("granted loans alone")


def test_contradictions_are_kept_from_fit_and_say_which_input() -> None:
    rng = np.random.default_rng(4)
    X = pd.DataFrame(rng.normal(size=(4000, 3)), columns=["debt", "sales", "noise"])
    X["region"] = rng.choice(["north", "south"], 4000)
    y = pd.Series(rng.random(4000) < 1 / (1 + np.exp(2 - X["debt"] - 0.5 * X["sales"])))
    X.loc[:100, ["debt", "noise"]] = np.nan
    model = DefaultModel("points", directions={"debt": 1, "sales": -1, "noise": 1}).fit(
        X, y.astype(float)
    )
    found = model.contradictions()
    assert set(found["feature"]) == {"sales"}
    assert set(found["test"]) == {"alone", "beside the others"}
    assert set(model.contradictions(level=1)["feature"]) == {"debt", "sales", "noise"}
    assert model.contradictions(level=0).empty
    with pytest.raises(InputError, match="level"):
        model.contradictions(level=2)
    free = DefaultModel("points", directions=None).fit(X, y.astype(float))
    assert free.contradictions(level=1).empty


def test_contradictions_do_not_depend_on_the_order_of_rows(stage: Stage) -> None:
    cohort = make_cohort(2000, merchants=600, seed=5)
    X, y = stage.X[:2000], stage.y[:2000]
    by = np.random.default_rng(1).permutation(2000)
    one, two = (
        DefaultModel("points", directions={"debt": -1, "sales": -1}).fit(
            X.iloc[rows].reset_index(drop=True), y.iloc[rows].reset_index(drop=True),
            cohort=cohort[rows],
        )
        for rows in (np.arange(2000), by)
    )  # fmt: skip
    assert "debt" in set(one.contradictions()["feature"])
    pd.testing.assert_frame_equal(one.contradictions(level=1), two.contradictions(level=1))


def test_rows_nearly_all_missing_are_learned_from_and_left_out_of_the_second_test() -> None:
    rng = np.random.default_rng(6)
    X = pd.DataFrame(rng.normal(size=(2000, 5)), columns=list("abcde"))
    y = (rng.random(2000) < 1 / (1 + np.exp(1.5 - X.sum(axis=1)))).astype(float)
    X.iloc[:300, 1:] = np.nan
    model = DefaultModel("points", directions={"a": -1}).fit(X, y)
    rows = model.contradictions().set_index("test")["rows"]
    assert rows.to_dict() == {"alone": 2000, "beside the others": 1700}
