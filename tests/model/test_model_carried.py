"""What a model file says beside its numbers: uses of restricted data, meanings of own features."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.evaluation import validate_model
from alicredit.features import Catalogue
from alicredit.features.meanings import note_of_uses, read_meanings, read_uses
from alicredit.vocabulary import REASONS

USE = {
    "bank_txns": {"purpose": "credit decision", "legal_basis": "consent", "consent_id": "c-1"},
}
OWN = ac.Feature(
    table="orders", aggregate="max", measure="amount", window_days=45, code="SC_SALES_LOW",
    title="largest order of 45 days", title_zh="近45天最大订单", unit="yuan",
)  # fmt: skip
ENGLISH = ac.Feature(
    table="orders", aggregate="count", window_days=45, title="orders of 45 days", direction=-1
)


@pytest.fixture(scope="module")
def records() -> ac.Records:
    rng = np.random.default_rng(3)
    ids = [f"m{k:03d}" for k in range(150)]
    moments = pd.Timestamp("2013-03-20") + pd.to_timedelta(rng.uniform(0, 40, 3000), "D")
    merchants = pd.DataFrame(
        {"merchant_id": ids, "platform": "taobao", "registered_at": pd.Timestamp("2011-05-01")}
    )
    orders = pd.DataFrame(
        {"order_id": [f"o{k}" for k in range(3000)], "merchant_id": rng.choice(ids[:140], 3000),
         "buyer_id": "b", "created_at": moments, "amount": rng.lognormal(5, 1, 3000)}
    )  # fmt: skip
    bank = pd.DataFrame(
        {
            "merchant_id": rng.choice(ids, 600),
            "at": moments[:600],
            "amount": rng.normal(0, 9e3, 600),
        }
    )
    tables = {"merchants": merchants, "orders": orders, "bank_txns": bank}
    return ac.read_records(tables, data_use=USE)


@pytest.fixture(scope="module")
def cohort(records) -> ac.Cohort:
    return ac.Cohort.at(records, "2013-05-01")


@pytest.fixture(scope="module")
def built(records, cohort) -> pd.DataFrame:
    chosen = ac.CATALOGUE.subset(["bank_txns_inflow_sum_90d", "merchants_days_since"])
    return ac.build_features(records, cohort, catalogue=chosen + [OWN, ENGLISH])


@pytest.fixture(scope="module")
def label(built) -> pd.Series:
    few = built["orders_count_45d"] + np.random.default_rng(5).normal(0, 3, len(built)) < 18
    y = few.astype(float)
    y.attrs = {"horizon_days": 365, "level": "borrower", "days_past_due": 90}
    return y


@pytest.fixture(scope="module")
def model(built, label) -> ac.DefaultModel:
    return ac.DefaultModel(shape="points").fit(built, label)


def test_the_file_states_the_use_of_restricted_tables_that_were_read(model, tmp_path) -> None:
    model.save(tmp_path / "m.alicredit")
    kept = ac.load_model(tmp_path / "m.alicredit").training
    assert kept["data_use bank_txns"] == "credit decision; consent; c-1"


def test_the_validation_page_names_it(model, built, label) -> None:
    card = validate_model(model, built, label).tables["card"].set_index("item")["value"]
    told = card["restricted data, and legal basis"]
    assert told == "bank_txns: credit decision; consent; c-1"


def test_a_policys_name_in_its_place_is_answered_with_the_call_that_loads_it(
    model, built, label
) -> None:
    with pytest.raises(ac.InputError, match=r"give alicredit\.load_policy\('cn-2025'\)"):
        validate_model(model, built, label, policy="cn-2025")
    graded = validate_model(model, built, label, policy=ac.load_policy("cn-2025"))
    assert graded.tables["grades"]["rows"].sum() == len(built)


def test_no_use_is_stated_of_a_table_that_no_feature_reads(records, cohort, label) -> None:
    X = ac.build_features(records, cohort, catalogue=Catalogue((OWN, ENGLISH)))
    assert "data_use" not in X.attrs
    found = ac.DefaultModel(shape="points").fit(X, label).portable_.training
    assert not [name for name in found if name.startswith("data_use")]


def test_what_fit_is_told_goes_before_what_the_frame_carries(built, label) -> None:
    other = {"bank_txns": {"purpose": "audit", "legal_basis": "law"}}
    found = ac.DefaultModel(shape="points").fit(built, label, data_use=other)
    assert found.portable_.training["data_use bank_txns"] == "audit; law"


def test_own_features_keep_their_code_and_titles_in_the_file(model, tmp_path) -> None:
    model.save(tmp_path / "m.alicredit")
    tables = {table.name: table for table in ac.load_model(tmp_path / "m.alicredit").tables}
    if OWN.name in tables:
        own = tables[OWN.name]
        assert (own.code, own.title, own.title_zh, own.unit) == (
            "SC_SALES_LOW", OWN.title, OWN.title_zh, "yuan",
        )  # fmt: skip
    english = tables[ENGLISH.name]
    assert (english.title, english.title_zh) == ("orders of 45 days", "orders of 45 days")
    assert english.code == "SC_OTHER"


def test_reasons_say_the_titles_in_both_languages(model, built) -> None:
    told = model.explain(built, top=4)
    named = told[told["feature"] == ENGLISH.name]
    assert len(named)
    assert set(named["code"]) == {f"SC_OTHER:{ENGLISH.name}"}
    assert set(named["text"]) == {f"{REASONS['SC_OTHER'].text}: orders of 45 days"}
    assert set(named["text_zh"]) == {f"{REASONS['SC_OTHER'].text_zh}：orders of 45 days"}


def test_the_vendored_file_says_the_same_texts(model, built, tmp_path) -> None:
    model.to_python(tmp_path / "score_own.py")
    space: dict = {"__name__": "score_own"}
    exec((tmp_path / "score_own.py").read_text("utf-8"), space)  # noqa: S102 - our own file
    texts = space["REASON_TEXTS"][f"SC_OTHER:{ENGLISH.name}"]
    told = model.explain(built, top=4)
    mine = told[told["feature"] == ENGLISH.name].iloc[0]
    assert list(texts) == [mine["text"], mine["text_zh"]]


@pytest.mark.parametrize("shape", ["pairs", "trees"])
def test_every_shape_carries_them(built, label, shape) -> None:
    tables = ac.DefaultModel(shape=shape).fit(built, label).portable_.tables
    titles = {table.name: table.title for table in tables}
    assert titles[ENGLISH.name] == ENGLISH.title


def test_meanings_change_no_score(built, label, model) -> None:
    bare = built.copy()
    bare.attrs = {name: text for name, text in built.attrs.items() if name != "meanings"}
    plain = ac.DefaultModel(shape="points").fit(bare, label)
    assert (plain.predict_score(built) == model.predict_score(built)).all()
    assert {table.code for table in plain.portable_.tables if table.name == ENGLISH.name} == {
        "SC_OTHER"
    }


@pytest.mark.parametrize(
    "note",
    [None, 3, "", "{", "[]", '{"a": 1}', '{"a": ["SC_RATING", "b"]}', '{"a": ["X", "b", "c", ""]}',
     '{"a": ["SC_RATING", "b", 3, ""]}'],
)  # fmt: skip
def test_a_note_that_is_none_says_nothing(note) -> None:
    assert read_meanings(note) == {}
    assert read_uses(note) == {}


@pytest.mark.parametrize(
    "use", [{"orders": USE["bank_txns"]}, {"bank_txns": {"purpose": "x"}}, {"bank_txns": "consent"},
            {"nothing": USE["bank_txns"]}, {"bank_txns": {"purpose": "", "legal_basis": "law"}}],
)  # fmt: skip
def test_a_use_that_is_not_stated_is_not_carried(use) -> None:
    assert read_uses(json.dumps(use)) == {}


def test_unused_tables_are_not_looked_for(records) -> None:
    assert note_of_uses({}, ac.CATALOGUE) == ""
    assert json.loads(note_of_uses(records.data_use, ac.CATALOGUE)) == USE


def test_a_feature_without_a_title_is_refused() -> None:
    with pytest.raises(ac.FeatureError, match="title_zh must have at most"):
        ac.Feature(table="orders", aggregate="count", window_days=9, title="a", title_zh="订" * 201)
    with pytest.raises(ac.FeatureError, match="title must be given"):
        ac.Feature(table="orders", aggregate="count", window_days=9, title="", title_zh="订单")
