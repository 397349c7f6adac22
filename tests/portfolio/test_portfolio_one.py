"""One applicant decided without a frame is decided as by one, whatever its facts are."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import draw_rows, make_model

import alicredit as ac
from alicredit.deciding.one import _by_frame, decide_one
from alicredit.deciding.question import ProductQuestion
from alicredit.policy import BUILT_IN
from alicredit.policy.one_applicant import OneColumn, doubles_of

AS_OF = pd.Timestamp("2013-05-01")
MODELS = {shape: make_model(shape, 4) for shape in ("points", "pairs", "trees")}
PRODUCTS = [
    (ac.load_policy(name), product) for name in BUILT_IN for product in ac.load_policy(name).active
]
ABSENT = (None, math.nan, pd.NA, pd.NaT)
NUMBERS = (
    0, 0.0, 1, 0.98, 3.5, 20_050.01, 1e9, -1, math.inf, -math.inf, 2**60, 10**400, True, False,
    "12.5", "x", "", np.float32(0.98), np.int64(3), np.bool_(1), Decimal("7.25"), 1j, "1e3", b"1",
)  # fmt: skip
TEXTS = (
    "jiangsu", "guangdong", "zhejiang", "paying", "ordinary", "alibaba_b2b", "taobao", "Taobao",
    "", "x", 3, 3.5, True, np.str_("taobao"), np.str_("paying"), Decimal(1),
)  # fmt: skip
DATES = (
    "2008-01-01", "2010-02-28", "2013-04-30", "2014-01-01", "01/02/2008", "soon", "", 2008, 1.5,
    dt.date(2009, 8, 31), dt.datetime(2011, 1, 31, 5), pd.Timestamp("2012-02-29"),  # noqa: DTZ001
    np.datetime64("2007-06-30"), pd.Timestamp("2010-01-01", tz="UTC"), True,
)  # fmt: skip
KINDS = {
    "platform": TEXTS, "region": TEXTS, "membership": TEXTS, "registered_at": DATES,
    "shop_opened_at": DATES,
}  # fmt: skip
NAMES = sorted({name for policy, _ in PRODUCTS for name in policy.required_columns})
IDS = ("m1", "", " ", None, 7, 7.0, 7.5, True, np.int64(7), math.nan, pd.NA, b"m", np.str_("m"))
GOOD: dict[str, Any] = {
    "merchant_id": "m", "platform": "taobao", "region": "zhejiang", "membership": "paying",
    "registered_at": "2008-01-01", "shop_opened_at": "2010-01-01", "blacklisted": False,
    "days_past_due": 0, "positive_rating_share": 0.99, "violation_points_365d": 0.0,
    "monthly_sales_median_180d": 80_000.0, "order_base": 60_000.0, "outstanding": 0.0,
    "sales_12m": 900_000.0,
}  # fmt: skip


def assert_same(features: dict[str, Any], model: Any, policy: Any, product: Any) -> dict[str, Any]:
    """Hold one route against the other, types too."""
    question = ProductQuestion(product, policy, AS_OF)
    mine = decide_one(features, model, question)
    theirs = _by_frame(features, model, question)
    assert set(mine) == set(theirs)
    for name, value in theirs.items():
        if isinstance(value, float) and math.isnan(value):
            assert math.isnan(mine[name]), name
        else:
            assert mine[name] == value or (value is None and mine[name] is None), name
    return mine


@pytest.mark.parametrize("shape", MODELS)
@settings(max_examples=25, deadline=None)
@given(data=st.data(), seed=st.integers(0, 10**6))
def test_whatever_the_facts_the_answer_is_that_of_a_frame(shape: str, data, seed: int) -> None:
    model = MODELS[shape]
    inputs = draw_rows(model.feature_names, 1, np.random.default_rng(seed)).iloc[0].to_dict()
    policy, product = data.draw(st.sampled_from(PRODUCTS))
    features = {**GOOD, **inputs}
    for name in data.draw(st.lists(st.sampled_from(NAMES), max_size=4, unique=True)):
        known = KINDS.get(name, NUMBERS)
        features[name] = data.draw(st.sampled_from((*known, *ABSENT)))
        if data.draw(st.booleans()) and name != "merchant_id":
            del features[name]
    features["merchant_id"] = data.draw(st.just("m") | st.sampled_from(IDS))
    assert_same(features, model, policy, product)


@pytest.mark.parametrize("name", NAMES)
def test_each_fact_alone_may_be_anything(name: str) -> None:
    model = MODELS["points"]
    inputs = {"debt": 0.0, "sales": 1.0, "age": 1.0, "flag": False, "kind": "a"}
    seen = set()
    for at, value in enumerate((*KINDS.get(name, NUMBERS), *ABSENT), NAMES.index(name)):
        for policy, product in PRODUCTS[at % 3 :: 3]:  # each product meets every third value
            answer = assert_same({**GOOD, **inputs, name: value}, model, policy, product)
            seen.add(answer["decision"])
    assert seen


def test_bad_inputs_of_the_model_are_told_alike() -> None:
    good = {"debt": 0.0, "sales": 1.0, "age": 1.0, "flag": False, "kind": "a"}
    for change in ({"debt": "x"}, {"debt": math.inf}, {"flag": 3}, dict.fromkeys(good)):
        for policy, product in PRODUCTS:
            features = {**GOOD, **good, **change}
            answer = assert_same(features, MODELS["points"], policy, product)
            assert answer["status"] != "ok"
            assert answer["score"] is None
            assert answer["decision"] != "approve"


def test_the_public_answer_is_made_of_plain_values() -> None:
    inputs = {"debt": 0.0, "sales": 1.0, "age": 1.0, "flag": False, "kind": "a"}
    options = {"product": "taobao_order", "as_of": "2013-05-01"}
    one = ac.score_applicant({**GOOD, **inputs}, MODELS["points"], **options)
    for name in ("pd", "pd_lower", "pd_upper", "limit", "rate", "expected_loss"):
        assert type(getattr(one, name)) is float, name
    assert type(one.score) is int
    assert type(one.decision) is type(one.grade) is type(one.status) is str
    dated = ac.score_applicant(
        {**GOOD, **inputs, "as_of": "2013-05-01"}, MODELS["points"], **options
    )
    assert (dated.pd, dated.limit, dated.reasons) == (one.pd, one.limit, one.reasons)
    with pytest.raises(ac.InputError, match="must be as of 2013-05-01"):
        ac.score_applicant({**GOOD, **inputs, "as_of": "2013-05-02"}, MODELS["points"], **options)
    with pytest.raises(ac.InputError, match="features must have the columns 'debt'"):
        ac.score_applicant(GOOD, MODELS["trees"], **options)


def test_a_built_in_policy_is_read_once_and_another_each_time(tmp_path) -> None:
    assert ac.load_policy("ali-2013") is ac.load_policy("ali-2013")
    assert ac.load_policy(ac.load_policy("ali-2013")) is ac.load_policy("ali-2013")
    with pytest.raises(ac.PolicyError):
        ac.load_policy(tmp_path / "absent.toml")


@pytest.mark.parametrize("value", [*NUMBERS, *TEXTS, *ABSENT], ids=repr)
def test_a_column_of_one_is_asked_as_a_series_is(value: object) -> None:
    series, one = pd.Series([value], dtype=object), OneColumn(value)
    allowed = ("taobao", "paying")
    assert one.isna().value == bool(series.isna().iloc[0])
    assert one.notna().value == bool(series.notna().iloc[0])
    assert one.isin(allowed).value == bool(series.isin(allowed).iloc[0])
    assert one.to_numpy()[0] is value
    assert np.array_equal(doubles_of(one), doubles_of(series), equal_nan=True)


@pytest.mark.parametrize("odd", [10**400, 1j, "x", None, Decimal("1e400")], ids=repr)
def test_an_impossible_amount_stops_none_of_the_others(odd: object) -> None:
    inputs = {"debt": 0.0, "sales": 1.0, "age": 1.0, "flag": False, "kind": "a"}
    rows = [{**GOOD, **inputs, "merchant_id": name} for name in ("a", "b")]
    frame = pd.DataFrame(rows).astype(object)
    want = ac.score_portfolio(None, MODELS["points"], as_of=AS_OF, features=frame.iloc[[0]])
    frame.loc[1, ["outstanding", "days_past_due"]] = [odd, odd]
    found = ac.score_portfolio(None, MODELS["points"], as_of=AS_OF, features=frame)
    pd.testing.assert_frame_equal(found.iloc[: len(want)], want)
    assert set(found["decision"].iloc[len(want) :]) <= {"decline", "refer"}
