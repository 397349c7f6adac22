"""A stored decision made again is the same to the bit; anything else that decided is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import draw_rows, make_model

import alicredit as ac
from alicredit.decision import Decision, digest_rows
from alicredit.errors import InputError, PolicyError
from alicredit.policy import load_policy
from alicredit.portfolio import replay_decision, replay_portfolio

AS_OF = "2013-05-01"
POLICY = load_policy("ali-2013")
MODEL, OTHER = make_model("points", 4), make_model("points", 5)
FACTS = {
    "platform": "taobao", "region": "zhejiang", "membership": "paying",
    "registered_at": "2008-01-01", "shop_opened_at": "2010-01-01", "blacklisted": False,
    "days_past_due": 0, "positive_rating_share": 0.99, "violation_points_365d": 0.0,
    "monthly_sales_median_180d": 80_000.0, "order_base": 60_000.0, "outstanding": 0.0,
}  # fmt: skip


def people(size: int, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = draw_rows(MODEL.feature_names, size, rng).assign(**FACTS)
    frame["order_base"] = rng.lognormal(9, 2, size).round(2)
    frame["blacklisted"] = rng.random(size) < 0.1
    return frame.assign(merchant_id=[f"m{k:03d}" for k in range(size)])


PEOPLE = people(60)
KEPT = {"model": MODEL, "policy": POLICY}


def decide(frame: pd.DataFrame = PEOPLE, **options) -> pd.DataFrame:
    return ac.score_portfolio(None, MODEL, as_of=AS_OF, features=frame, **options)


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), product=st.sampled_from([p.id for p in POLICY.active]))
def test_a_decision_kept_as_json_with_its_inputs_is_replayed_bit_for_bit(seed, product) -> None:
    inputs = people(1, seed).iloc[0].to_dict()
    made = ac.score_applicant(inputs, MODEL, product=product, as_of=AS_OF)
    decision = Decision.from_dict(json.loads(json.dumps(made.to_dict(), allow_nan=False)))
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in inputs.items()}
    back = json.loads(json.dumps(plain))
    again = replay_decision(decision, features=back, **KEPT)
    assert again.is_same
    assert again.decision == made


def test_rows_of_a_portfolio_are_replayed_from_its_stored_inputs(tmp_path) -> None:
    frame = decide()
    frame["inputs_digest"] = digest_rows(PEOPLE).repeat(3).to_numpy()
    PEOPLE.to_parquet(tmp_path / "inputs.parquet")
    frame.to_parquet(tmp_path / "decisions.parquet")
    inputs = pd.read_parquet(tmp_path / "inputs.parquet")
    stored = pd.read_parquet(tmp_path / "decisions.parquet")
    assert set(stored["decision"]) >= {"approve", "decline"}
    for row in range(0, len(stored), 7):
        features = inputs.iloc[row // 3].to_dict()
        assert replay_decision(stored.iloc[row], features=features, **KEPT).differs == ()
    assert replay_portfolio(stored, features=inputs, **KEPT).empty


def test_what_differs_is_told_field_by_field() -> None:
    inputs = PEOPLE.iloc[0].to_dict()
    made = ac.score_applicant(inputs, MODEL, product="taobao_order", as_of=AS_OF)
    altered = replace(made, pd=np.nextafter(made.pd, 1), limit=made.limit + 1, reasons=())
    again = replay_decision(altered, features=inputs, **KEPT)
    assert [each[0] for each in again.differs] == ["pd", "limit", "reasons"]
    assert again.differs[1][1:] == (made.limit + 1, made.limit)
    frame = decide()
    frame.loc[5, "pd_upper"] = np.nextafter(frame.loc[5, "pd_upper"], 2)
    frame.loc[2, "decision"] = "refer"
    told = replay_portfolio(frame, features=PEOPLE, **KEPT)
    assert told[["row", "field"]].values.tolist() == [[2, "decision"], [5, "pd_upper"]]


def test_another_model_policy_prices_or_input_is_refused_by_its_id() -> None:
    inputs = PEOPLE.iloc[0].to_dict()
    made = ac.score_applicant(inputs, MODEL, product="taobao_order", as_of=AS_OF)
    dear = POLICY.with_lgd({"taobao_order": 0.9})
    for change, says in (
        ({"model": OTHER}, "model_id"), ({"policy": dear}, "policy_id"),
        ({"features": inputs | {"order_base": 1.0}}, "inputs_digest"),
        ({"features": inputs | {"days_past_due": "0"}}, "inputs_digest"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=says):
            replay_decision(made, **({"features": inputs, **KEPT} | change))
    both = {"features": {}, "model": OTHER, "policy": dear}
    with pytest.raises(InputError, match=r"model_id .*policy_id .*inputs_digest "):
        replay_decision(made, **both)
    with pytest.raises(InputError, match="prices_id"):
        replay_decision(replace(made, prices_id="abc"), features=inputs, **KEPT)
    with pytest.raises(InputError, match="policy_id"):
        replay_portfolio(decide(), features=PEOPLE, model=MODEL, policy=dear)
    with pytest.raises(InputError, match="model_id"):
        replay_portfolio(decide(), features=PEOPLE, model=OTHER, policy=POLICY)


def test_a_mapping_of_models_gives_the_products_own() -> None:
    inputs = PEOPLE.iloc[1].to_dict()
    made = ac.score_applicant(inputs, MODEL, product="taobao_order", as_of=AS_OF)
    models = {p.id: OTHER for p in POLICY.active} | {"taobao_order": MODEL}
    assert replay_decision(made, features=inputs, model=models, policy=POLICY).is_same
    with pytest.raises(InputError, match="model must be a fitted"):
        replay_decision(made, features=inputs, model={}, policy=POLICY)


def test_a_status_that_came_from_other_rows_is_replayed_with_them() -> None:
    twice = pd.concat([PEOPLE.iloc[:3], PEOPLE.iloc[:1]], ignore_index=True)
    frame = decide(twice)
    row = frame[frame["status"] == "duplicated"].iloc[0]
    with pytest.raises(InputError, match="replay_portfolio"):
        replay_decision(row, features=twice.iloc[0].to_dict(), **KEPT)
    assert replay_portfolio(frame, features=twice, **KEPT).empty


def test_bad_arguments_are_refused() -> None:
    frame, inputs = decide(), PEOPLE.iloc[0].to_dict()
    with pytest.raises(InputError, match="must have the columns"):
        replay_decision({"pd": 1}, features=inputs, **KEPT)
    with pytest.raises(InputError, match="features must be a mapping"):
        replay_decision(frame.iloc[0], features=PEOPLE, **KEPT)
    with pytest.raises(InputError, match="frozen prices"):
        replay_decision(frame.iloc[0], features=inputs, prices=0.1, **KEPT)
    with pytest.raises(InputError, match="one moment"):
        replay_portfolio(frame.iloc[:0], features=PEOPLE, **KEPT)
    with pytest.raises(InputError, match="merchants and products"):
        replay_portfolio(frame, features=PEOPLE.iloc[1:], **KEPT)
    with pytest.raises(InputError, match="active products"):
        replay_portfolio(frame.replace("taobao_order", "virtual_card"), features=PEOPLE, **KEPT)
    kept = frame.assign(inputs_digest=digest_rows(PEOPLE).repeat(3).to_numpy())
    with pytest.raises(InputError, match=r"row 0, inputs_digest"):
        replay_portfolio(kept, features=PEOPLE.assign(age=1.25), **KEPT)
    with pytest.raises(PolicyError):
        replay_decision(frame.iloc[0], features=inputs, model=MODEL, policy="ali-2014")
