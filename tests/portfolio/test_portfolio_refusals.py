"""A portfolio or an applicant that cannot be decided is refused with what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from model_stage import DIRECTIONS, decider, make_merchants

import alicredit as ac
from alicredit.errors import AlicreditError, InputError, PolicyError
from alicredit.portfolio import summarise

AS_OF = "2013-05-01"


@pytest.fixture(scope="module")
def model() -> ac.DefaultModel:
    return decider()


@pytest.fixture
def people() -> pd.DataFrame:
    X, _, _ = make_merchants(12, 9)
    return X.assign(merchant_id=[f"m{k}" for k in range(12)])


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("features", 3), ("features", []), ("features", "x.parquet"), ("features", {"a": [1]}),
        ("features", pd.DataFrame()), ("features", pd.Series([1])), ("as_of", "soon"),
        ("as_of", None), ("as_of", 20130501), ("as_of", "01/05/2013"), ("policy", "ali"),
        ("policy", 3), ("policy", None), ("policy", "nowhere.toml"), ("engine", "spark"),
        ("engine", None), ("prices", {}), ("prices", "frozen"), ("chunk_rows", 0),
        ("chunk_rows", -1), ("chunk_rows", 2.0), ("chunk_rows", "all"), ("chunk_rows", True),
        ("progress", 3), ("progress", "bar"), ("progress", True), ("progress", []),
        ("out", 3), ("out", ""), ("out", []), ("out", __file__), ("out", __file__ + "/deeper"),
    ],
    ids=repr,
)  # fmt: skip
def test_an_option_that_means_nothing_is_refused_by_name(people, model, option, value) -> None:
    options = {"as_of": AS_OF, "features": people} | {option: value}
    with pytest.raises(AlicreditError, match=f"{option} must"):
        ac.score_portfolio(None, model, **options)


@pytest.mark.parametrize("records", [3, "data/sample", {}, [], pd.DataFrame()], ids=str)
def test_what_is_no_records_is_refused_beside_features_too(people, model, records) -> None:
    with pytest.raises(InputError, match="records must be records or None beside features"):
        ac.score_portfolio(records, model, as_of=AS_OF, features=people)


@pytest.mark.parametrize("wrong", [None, 3, "model.alicredit", [], {}, object()])
def test_what_is_no_model_is_refused(people, wrong) -> None:
    with pytest.raises(InputError, match="model must"):
        ac.score_portfolio(None, wrong, as_of=AS_OF, features=people)


def test_each_active_product_needs_its_model(people, model) -> None:
    with pytest.raises(InputError, match="none for 'taobao_credit'"):
        ac.score_portfolio(None, {"ali_credit": model}, as_of=AS_OF, features=people)
    each = dict.fromkeys(("ali_credit", "taobao_credit", "taobao_order"), model)
    one = ac.score_portfolio(None, model, as_of=AS_OF, features=people)
    many = ac.score_portfolio(None, each, as_of=AS_OF, features=people)
    pd.testing.assert_frame_equal(one, many)


@pytest.mark.usefixtures("learning_briefly")
@pytest.mark.parametrize(
    "claim",
    [{}, {"horizon_days": 180, "level": "borrower"}, {"horizon_days": 365, "level": "facility"},
     {"horizon_days": 364, "level": "borrower"}],
)  # fmt: skip
def test_a_probability_of_another_claim_is_refused(people, claim) -> None:
    X, y, _ = make_merchants(1500, 5)
    y.attrs = claim
    other = ac.DefaultModel("points", directions=DIRECTIONS).fit(X, y)
    with pytest.raises(PolicyError, match=r"ali_credit takes .*borrower 365 days"):
        ac.score_portfolio(None, other, as_of=AS_OF, features=people)


@pytest.mark.parametrize("column", ["merchant_id", "debt", "sales", "is_new", "region", "noise"])
def test_a_column_that_lacks_or_stands_twice_is_refused(people, model, column: str) -> None:
    for wrong in (people.drop(columns=column), pd.concat([people, people[[column]]], axis=1)):
        with pytest.raises(InputError, match="features must"):
            ac.score_portfolio(None, model, as_of=AS_OF, features=wrong)


@pytest.mark.parametrize("day", ["2013-05-02", "2013-04-30 23:59:59", "soon", None, "01/05/2013"])
def test_features_of_another_day_are_refused(people, model, day) -> None:
    for days in ([day] * 12, [AS_OF] * 11 + [day]):
        with pytest.raises(InputError, match="features must be as of 2013-05-01"):
            ac.score_portfolio(None, model, as_of=AS_OF, features=people.assign(as_of=days))
    same = people.assign(as_of=pd.Timestamp(AS_OF))
    assert len(ac.score_portfolio(None, model, as_of=AS_OF, features=same)) == 36


@pytest.mark.parametrize("records", [None, 3, [], "data/sample", {}])
def test_without_features_there_must_be_records(model, records) -> None:
    with pytest.raises(AlicreditError, match="records must"):
        ac.score_portfolio(records, model, as_of=AS_OF)


def test_facts_that_lack_are_unknown_and_approve_nobody(people, model) -> None:
    bare = ac.score_portfolio(None, model, as_of=AS_OF, features=people)
    assert (bare["decision"] != "approve").all()
    assert bare["reasons"].map(lambda codes: "MISSING_DATA" in codes).all()


@pytest.mark.parametrize(
    ("option", "value"),
    [("product", None), ("product", 3), ("product", []), ("product", "taobao_orders"),
     ("product", "virtual_card"), ("as_of", "soon"), ("as_of", None), ("as_of", np.nan),
     ("policy", "x"), ("policy", 7)],
)  # fmt: skip
def test_an_applicant_is_asked_for_about_a_known_product_and_day(people, model, option, value):
    options = {"product": "taobao_order", "as_of": AS_OF} | {option: value}
    with pytest.raises(AlicreditError, match=f"{option} must"):
        ac.score_applicant(people.iloc[0].to_dict(), model, **options)


FEATURES = [
    None,
    3,
    [],
    "x",
    {},
    {"merchant_id": "m"},
    {1: 2},
    pd.DataFrame({"merchant_id": ["m"]}),
]


@pytest.mark.parametrize("features", FEATURES, ids=repr)
def test_an_applicant_is_a_mapping_with_the_models_inputs(model, features) -> None:
    with pytest.raises(InputError, match="features must"):
        ac.score_applicant(features, model, product="taobao_order", as_of=AS_OF)


@pytest.mark.parametrize(
    ("change", "status"),
    [({"debt": np.inf}, "bad_value"), ({"debt": "much"}, "bad_type"), ({"debt": [1]}, "bad_type"),
     ({"region": 3}, "bad_type"), ({"merchant_id": None}, "bad_value"),
     ({"debt": None, "sales": None, "is_new": None, "noise": None}, "too_many_missing")],
)  # fmt: skip
def test_an_input_outside_its_kind_is_a_status_and_no_score(people, model, change, status) -> None:
    row = people.iloc[0].to_dict() | change
    one = ac.score_applicant(row, model, product="taobao_order", as_of=AS_OF)
    assert (one.status, one.score, one.grade, one.limit) == (status, None, None, 0)
    assert one.decision != "approve"
    assert "NOT_SCORED" in one.reasons
    assert np.isnan([one.pd, one.pd_lower, one.pd_upper, one.expected_loss]).all()


@pytest.mark.parametrize("wrong", [None, 3, [], "x", {}, pd.DataFrame({"limit": [1]})], ids=str)
def test_a_summary_is_of_decisions(wrong) -> None:
    with pytest.raises(InputError, match="decisions must"):
        summarise(wrong)
