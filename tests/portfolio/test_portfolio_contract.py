"""Each column of the decisions keeps its word, whoever else is decided and in whatever order."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_stage import DIRECTIONS, make_merchants

import alicredit as ac
from alicredit.decision import COLUMNS, DECISIONS, REASONS, STATUSES, digest_inputs
from alicredit.policy import check_eligibility, grade_of, load_policy, offer_limits
from alicredit.portfolio import summarise

AS_OF = "2013-05-01"
POLICY = load_policy("ali-2013")


@pytest.fixture(scope="module")
def model() -> ac.DefaultModel:
    X, y, _ = make_merchants(2500, 5)
    X["sales"], X["debt"] = X["sales"] * 3, X["debt"] * 0.5
    rare = pd.Series(np.where(np.random.default_rng(1).random(len(y)) < 0.3, y, 0.0))
    rare.attrs = y.attrs
    named = X.rename(columns={"region": "area"})
    return ac.DefaultModel("points", directions=DIRECTIONS).fit(named, rare)


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """Draw merchants of every fate: unlike platforms, regions, ages, books and damages."""
    size, rng = 240, np.random.default_rng(8)
    X, _, _ = make_merchants(size, 9)
    X["sales"], X["debt"] = X["sales"] * 3, X["debt"] * 0.5
    X.loc[::40, "debt"] = np.inf
    money = rng.lognormal(10, 1.5, size).round(2)
    return X.rename(columns={"region": "area"}).assign(
        merchant_id=[f"m{k:03d}" for k in range(size)],
        platform=rng.choice(["alibaba_b2b", "taobao", "tmall"], size),
        region=rng.choice(["jiangsu", "guangdong", "sichuan"], size),
        membership=rng.choice(["ordinary", "paying"], size),
        registered_at=pd.Timestamp("2013-04-01")
        - pd.to_timedelta(rng.integers(0, 1500, size), unit="D"),
        shop_opened_at=pd.Timestamp("2013-04-01")
        - pd.to_timedelta(rng.integers(0, 400, size), unit="D"),
        blacklisted=rng.random(size) < 0.05,
        days_past_due=np.where(rng.random(size) < 0.1, 3.0, 0.0),
        positive_rating_share=np.where(rng.random(size) < 0.1, np.nan, 0.98),
        violation_points_365d=0.0,
        monthly_sales_median_180d=money,
        order_base=(money * rng.random(size)).round(2),
        outstanding=np.where(rng.random(size) < 0.3, (money / 2).round(2), 0.0),
    )


def decide(people: pd.DataFrame, model: ac.DefaultModel, **options) -> pd.DataFrame:
    return ac.score_portfolio(None, model, as_of=AS_OF, features=people, **options)


@pytest.fixture(scope="module")
def decisions(people, model) -> pd.DataFrame:
    return decide(people, model)


def test_the_population_meets_every_decision_and_several_statuses(decisions) -> None:
    assert set(decisions["decision"]) == set(DECISIONS)
    assert {"ok", "bad_value"} <= set(decisions["status"]) <= set(STATUSES)
    assert (decisions["decision"] == "approve").sum() > 20


def test_each_merchant_stands_once_for_each_active_product_in_order(people, decisions) -> None:
    products = [product.id for product in POLICY.active]
    assert tuple(decisions.columns) == COLUMNS
    assert decisions["product_id"].tolist() == products * len(people)
    assert decisions["merchant_id"].tolist() == people["merchant_id"].repeat(3).tolist()
    assert (decisions["as_of"] == pd.Timestamp(AS_OF)).all()
    assert decisions.index.tolist() == list(range(len(decisions)))


def test_probabilities_lie_within_their_interval_and_only_where_scored(decisions) -> None:
    ok = decisions["status"] == "ok"
    scored, rest = decisions[ok], decisions[~ok]
    assert ((scored["pd"] > 0) & (scored["pd"] < 1)).all()
    assert (scored["pd_lower"] <= scored["pd"]).all()
    assert (scored["pd"] <= scored["pd_upper"]).all()
    numbers = ["pd", "pd_lower", "pd_upper", "score", "expected_loss", "expected_profit"]
    assert scored[numbers].notna().all(axis=None)
    assert rest[numbers].isna().all(axis=None)
    assert rest["grade"].isna().all()
    assert scored["grade"].tolist() == grade_of(scored["pd"].to_numpy(), POLICY.grades).tolist()


def test_probability_and_score_are_the_models_own(people, decisions, model) -> None:
    one = decisions[decisions["product_id"] == "taobao_order"].reset_index(drop=True)
    ok = (one["status"] == "ok").to_numpy()
    X = people.loc[ok, list(model.feature_names)]
    assert one.loc[ok, "pd"].tolist() == model.predict_proba(X)[:, 1].tolist()
    assert one.loc[ok, "score"].tolist() == model.predict_score(X).tolist()
    assert set(decisions["model_id"]) == {model.model_id}
    assert set(decisions["policy_id"]) == {POLICY.policy_id}
    assert set(decisions["prices_id"]) == {""}


def test_a_decision_follows_from_rules_probability_and_limit(people, decisions) -> None:
    rules = check_eligibility(people, POLICY, as_of=AS_OF)
    rank = rules["outcome"].map({"fail": 0, "unknown": 1, "pass": 2})
    worst = rank.groupby([rules["merchant_id"], rules["product_id"]]).min()
    for product in POLICY.active:
        mine = decisions[decisions["product_id"] == product.id].reset_index(drop=True)
        rule = worst.xs(product.id, level=1).loc[mine["merchant_id"]].to_numpy()
        line = offer_limits(
            people.assign(pd=mine["pd"], pd_upper=mine["pd_upper"]), POLICY, product=product.id
        )["limit"]
        ok = (mine["status"] == "ok").to_numpy()
        may = ok & (rule == 2) & (mine["pd"] <= product.max_pd).to_numpy() & (line > 0).to_numpy()
        want = np.where(may, "approve", np.where(ok | (rule == 0), "decline", "refer"))
        assert mine["decision"].tolist() == want.tolist()
        assert mine["limit"].tolist() == np.where(may, line, 0).tolist()


def test_limits_lie_on_steps_within_bounds_and_nobody_else_has_one(decisions) -> None:
    assert (decisions.loc[decisions["decision"] != "approve", "limit"] == 0).all()
    for product in POLICY.active:
        mine = decisions[(decisions["product_id"] == product.id)
                         & (decisions["decision"] == "approve")]  # fmt: skip
        for amount in mine["limit"]:
            yuan = Decimal(str(amount))
            assert (product.limit.min or 0) <= yuan <= product.limit.max
            assert yuan % product.limit.step == 0
        assert (mine["pd"] <= product.max_pd).all()


def test_rates_are_the_products_with_their_unit(decisions) -> None:
    for product in POLICY.active:
        mine = decisions[decisions["product_id"] == product.id]
        assert set(mine["rate"]) == {float(product.rate.value)}
        assert set(mine["rate_unit"]) == {product.rate.unit}


def test_expected_loss_and_profit_are_those_of_the_approved_line(people, decisions) -> None:
    annual = {"ali_credit": 0.18, "taobao_credit": 0.1825, "taobao_order": 0.1825}
    cost = 0.06 / 3 + 0.10 * 2 / 3  # one yuan in three is borrowed, two are capital
    sales = dict(zip(people["merchant_id"], people["monthly_sales_median_180d"]))
    for line in decisions[decisions["status"] == "ok"].itertuples():
        e, limit, rate = (
            POLICY.product(line.product_id).economics,
            line.limit,
            annual[line.product_id],
        )
        if not limit:
            assert (line.expected_loss, line.expected_profit) == (0, 0)
            continue
        months = limit / sales[line.merchant_id]
        odds = line.pd / (1 - line.pd) * months**0.25
        drawn = limit * e.mean_use / (1 + months / (e.half_use_months or math.inf))
        at_default = e.use_at_default * limit
        if e.credit_conversion is not None:
            at_default = drawn + e.credit_conversion * (limit - drawn)
        loss = odds / (1 + odds) * e.lgd * at_default * (1 + rate * 90 / 365)
        fee = 0.01 if line.product_id == "ali_credit" else 0.0
        profit = (1 - 0.055) * (drawn * rate + drawn * fee) - cost * drawn
        profit -= 2.30 * e.draws_a_year + loss
        assert line.expected_loss == pytest.approx(loss, abs=0.00501)
        assert line.expected_profit == pytest.approx(profit, abs=0.00501)
        assert line.expected_profit > 0


def test_reasons_are_known_words_said_once_rules_first(decisions) -> None:
    for line in decisions.itertuples():
        codes = [code.partition(":")[0] for code in line.reasons]
        assert codes
        assert set(codes) <= set(REASONS)
        assert len(set(line.reasons)) == len(line.reasons)
        is_rule = [REASONS[c].kind == "rule" and c != "ELIG_LIMIT_MIN" for c in codes]
        assert is_rule == sorted(is_rule, reverse=True)
        assert sum(code.startswith("SC_") for code in codes) <= 4
        assert ("NOT_SCORED" in codes) == (line.status != "ok")
        if line.decision == "approve":
            assert len(codes) == 1
            assert codes[0].startswith("LIM_")
        if line.status == "ok":
            cut = POLICY.product(line.product_id).max_pd
            assert ("PD_ABOVE_CUT" in codes) == (line.pd > cut)


def test_rule_reasons_are_those_of_check_eligibility(people, decisions) -> None:
    rules = check_eligibility(people, POLICY, as_of=AS_OF)
    failed = rules[rules["code"] != ""].groupby(["merchant_id", "product_id"])["code"].agg(set)
    for line in decisions.itertuples():
        mine = {c for c in line.reasons if REASONS[c.partition(":")[0]].kind == "rule"}
        want = failed.get((line.merchant_id, line.product_id), set())
        assert mine - {"ELIG_LIMIT_MIN"} == want


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Write texts as objects, an absent one as None, whatever the frame made of them."""
    texts = ["merchant_id", "product_id", "status", "grade", "decision", "rate_unit", "reasons",
             "model_id", "policy_id", "prices_id"]  # fmt: skip
    as_objects = frame[texts].astype(object)
    return frame.assign(**as_objects.where(as_objects.notna(), None))


@given(st.randoms(), st.integers(1, 60))
@settings(max_examples=8)
def test_no_answer_depends_on_company_or_order(people, model, decisions, random, count) -> None:
    rows = random.sample(range(len(people)), count)
    mine = decide(people.iloc[rows], model)
    at = [3 * row + k for row in rows for k in range(3)]
    want = decisions.iloc[at].reset_index(drop=True)
    pd.testing.assert_frame_equal(plain(mine), plain(want))


@pytest.mark.parametrize("row", [0, 1, 2, 3, 17, 40, 77])
@pytest.mark.parametrize("product", [product.id for product in POLICY.active])
def test_one_applicant_gets_the_answer_of_the_portfolio(people, model, decisions, row, product):
    features = people.iloc[row].to_dict()
    one = ac.score_applicant(features, model, product=product, as_of=AS_OF)
    at = (decisions["merchant_id"] == one.merchant_id) & (decisions["product_id"] == product)
    want = decisions[at].iloc[0]
    for name in set(COLUMNS) - {"reasons"}:
        mine, theirs = getattr(one, name), want[name]
        assert mine == theirs or (pd.isna(mine) and pd.isna(theirs)), name
    assert list(one.reasons) == list(want["reasons"])
    assert one.inputs_digest == digest_inputs(features)
    assert len(one.explain()) == len(one.explain(language="zh")) == len(one.reasons)
    with pytest.raises(FrozenInstanceError):
        one.limit = 1e9


def test_a_merchant_that_stands_twice_is_answered_twice_and_never_scored(people, model) -> None:
    twice = pd.concat([people.iloc[1:5], people.iloc[[2]]], ignore_index=True)
    got = decide(twice, model)
    assert len(got) == 15
    hit = got["merchant_id"] == people["merchant_id"].iloc[2]
    assert hit.sum() == 6
    assert (got["status"] == np.where(hit, "duplicated", "ok")).all()
    assert got.loc[hit, "pd"].isna().all()


def test_a_merchant_without_a_name_is_never_approved(people, model, decisions) -> None:
    nameless = people.assign(merchant_id=people["merchant_id"].where(people.index % 2 == 0, None))
    got = decide(nameless, model)
    odd = got.index // 3 % 2 == 1
    assert (got.loc[odd, "status"] == "bad_value").all()
    assert (got.loc[odd, "decision"] != "approve").all()
    kept = decisions[~odd].reset_index(drop=True)
    pd.testing.assert_frame_equal(plain(got[~odd].reset_index(drop=True)), plain(kept))


@pytest.mark.parametrize("ids", [[1, "1"], ["1", 1.0], [np.int64(1), 1], ["1", "1"]], ids=repr)
def test_ids_that_are_written_the_same_are_one_merchant(people, model, decisions, ids) -> None:
    rows = decisions.index[decisions["decision"] == "approve"][0] // 3
    twice = people.iloc[[rows, rows]].assign(merchant_id=pd.Series(ids, dtype=object).to_numpy())
    got = decide(twice, model)
    assert got["merchant_id"].tolist() == ["1"] * 6
    assert set(got["status"]) == {"duplicated"}
    assert (got["decision"] != "approve").all()


@pytest.mark.parametrize(
    ("name", "status"),
    [("", "bad_value"), ("  ", "bad_value"), (None, "bad_value"), (np.nan, "bad_value"),
     (pd.NA, "bad_value"), (1.5, "bad_type"), (True, "bad_type"), ([1], "bad_type"),
     (np.inf, "bad_type"), (b"m", "bad_type")],
    ids=repr,
)  # fmt: skip
def test_what_is_no_name_is_never_approved(people, model, decisions, name, status) -> None:
    row = people.iloc[decisions.index[decisions["decision"] == "approve"][0] // 3]
    for product in POLICY.active:
        features = row.to_dict() | {"merchant_id": name}
        one = ac.score_applicant(features, model, product=product.id, as_of=AS_OF)
        assert (one.status, one.limit) == (status, 0)
        assert one.decision != "approve"
        assert isinstance(one.merchant_id, str)


def test_an_id_that_lacks_changes_no_other_ids_name(people, model) -> None:
    numbered = people.iloc[1:9].assign(merchant_id=range(1, 9))
    gap = numbered.assign(merchant_id=[1, 2, None, 4, 5, 6, 7, 8])
    assert gap["merchant_id"].dtype == np.float64
    whole, lacking = decide(numbered, model), decide(gap, model)
    kept = [row for row in range(24) if row // 3 != 2]
    pd.testing.assert_frame_equal(plain(lacking.iloc[kept]), plain(whole.iloc[kept]))
    assert set(lacking.iloc[6:9]["status"]) == {"bad_value"}


def test_what_is_written_is_what_is_given_and_the_summary_adds_up(
    people, model, decisions, tmp_path
) -> None:
    summary = decide(people, model, out=tmp_path / "a" / "b")
    back = pd.read_parquet(tmp_path / "a" / "b" / "part-00000.parquet")
    assert tuple(back.columns) == COLUMNS
    for name in COLUMNS:
        assert list(map(str, back[name])) == list(map(str, _as_read(decisions[name]))), name
    manifest = json.loads((tmp_path / "a" / "b" / "manifest.json").read_text("utf-8"))
    assert manifest["rows"] == len(decisions) == summary["merchants"].sum()
    assert manifest["model_ids"] == [model.model_id]
    pd.testing.assert_frame_equal(summary, summarise(decisions))
    assert summary["limit"].sum() == pytest.approx(decisions["limit"].sum())
    assert not list((tmp_path / "a" / "b").glob(".*"))


def _as_read(column: pd.Series) -> pd.Series:
    return column.map(np.array) if column.name == "reasons" else column


def test_the_digest_of_inputs_knows_values_and_names_but_not_their_order() -> None:
    first = digest_inputs({"a": 1.0, "b": None})
    assert digest_inputs({"b": None, "a": 1.0}) == first
    others = [{"a": 1.0}, {"a": 1.0, "b": 0}, {"b": 1.0, "a": None}, {"a": 1.5, "b": None}, {}]
    assert len({first, *map(digest_inputs, others)}) == 6
