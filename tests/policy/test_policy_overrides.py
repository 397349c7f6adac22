"""Terms, bounds and overrides are three things; a policy is kept, compared and told."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.errors import InputError, PolicyError
from alicredit.policy import BUILT_IN, load_policy, read_policy
from alicredit.policy.file.load import policy_of_text
from alicredit.policy.file.schema import KEYS, SETTABLE

POLICY = load_policy("ali-2013")
PLANNED = load_policy("ali-2013-planned")


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_policy_written_and_read_is_the_same_policy(name: str, tmp_path) -> None:
    policy = load_policy(name)
    policy.save(tmp_path / "mine.toml")
    again = load_policy(tmp_path / "mine.toml")
    assert again == policy
    assert hash(again) == hash(policy)
    assert again is not policy
    assert again.policy_id == policy.policy_id == read_policy(policy.content()).policy_id
    assert again.to_toml() == policy.to_toml() == (tmp_path / "mine.toml").read_text("utf-8")
    for product, other in zip(policy.products.values(), again.products.values(), strict=True):
        assert product == other


def test_a_policy_is_saved_whole_to_a_toml_file_or_refused(tmp_path) -> None:
    for path in (tmp_path / "mine.txt", tmp_path / "none" / "mine.toml", tmp_path):
        with pytest.raises(PolicyError, match="path must"):
            POLICY.save(path)
    assert list(tmp_path.iterdir()) == []


OVERRIDES = {
    "taobao_credit": {"rate": "0.0006", "limit_max": "500000"},
    "ali_credit": {"prepay_fee_rate": "0.03", "service_fee_rate": "0", "limit_min": "60000"},
    "taobao_order": {"advance_rate": "0.7"},
}


def test_overrides_are_in_force_and_the_defaults_stay_written(tmp_path) -> None:
    mine = POLICY.with_overrides(OVERRIDES)
    credit, ali = mine.product("taobao_credit"), mine.product("ali_credit")
    assert (credit.rate.value, credit.limit.max) == (Decimal("0.0006"), 500_000)
    assert (ali.terms["prepay_fee_rate"], ali.terms["service_fee_rate"]) == (Decimal("0.03"), 0)
    assert ali.limit.min == 60_000
    assert mine.product("taobao_order").advance_rate == Decimal("0.7")
    assert mine.policy_id != POLICY.policy_id
    mine.save(tmp_path / "mine.toml")
    again = load_policy(tmp_path / "mine.toml")
    assert again == mine
    assert again.product("taobao_credit") == credit
    text = mine.to_toml()
    assert 'value = "0.0005"' in text
    assert 'rate = "0.0006"' in text
    back = mine.with_overrides({p: dict.fromkeys(o) for p, o in OVERRIDES.items()})
    assert back == POLICY
    assert back.product("ali_credit") == POLICY.product("ali_credit")
    one = POLICY
    for product in reversed(OVERRIDES):
        for name, value in OVERRIDES[product].items():
            one = one.with_overrides({product: {name: value}})
    assert one == mine


@pytest.mark.parametrize(
    ("product", "name", "value", "words"),
    [
        ("taobao_credit", "rate", "0.00061", ["overrides.rate", "0.0005 to 0.0006", "0.00061"]),
        ("taobao_credit", "rate", "0.00049", ["overrides.rate", "0.0005 to 0.0006"]),
        ("taobao_credit", "rate", True, ["must be a number"]),
        ("taobao_credit", "rat", "0.0005", ["did you mean 'rate'"]),
        ("taobao_credit", "advance_rate", "0.5", ["bounds let be set", "limit_max"]),
        ("taobao_credit", "max_pd", 0.01, ["bounds let be set"]),
        ("taobao_credit", "limit_max", "1000100", ["100 to 1000000"]),
        ("taobao_credit", "limit_max", "500050", ["steps of 100"]),
        ("ali_credit", "rate", "0.016", ["0.015 to 0.015"]),
        ("ali_credit", "prepay_fee_rate", "0.031", ["0 to 0.03"]),
        ("ali_credit", "limit_min", "49900", ["50000 to 3000000"]),
        ("virtual_card", "rate", "0.0005", ["bounds let be set"]),
        ("taobao_order", "advance_rate", "0", ["advance_rate", "0.01"]),
        ("taobao_orders", "rate", "0.0005", ["did you mean 'taobao_order'"]),
    ],
)
def test_an_override_outside_its_bounds_is_refused(product, name, value, words) -> None:
    with pytest.raises(PolicyError, match=r" must ") as caught:
        POLICY.with_overrides({product: {name: value}})
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    "bad", [None, 3, "rate", [("a", 1)], {"ali_credit": 3}, {"ali_credit": "x"}]
)
def test_overrides_are_a_mapping_of_mappings(bad) -> None:
    with pytest.raises(PolicyError, match="overrides must be a mapping"):
        POLICY.with_overrides(bad)
    with pytest.raises(PolicyError, match=r" must "):
        POLICY.with_product(bad)


def test_limits_set_so_that_they_cross_are_refused() -> None:
    with pytest.raises(PolicyError, match="limit_min must not be above limit_max"):
        POLICY.with_overrides({"ali_credit": {"limit_min": "200000", "limit_max": "100000"}})


def test_an_override_above_the_rate_cap_is_told_under_its_own_name() -> None:
    content = POLICY.content()
    content["lender"]["rate_cap_multiple"] = "3.6"
    with pytest.raises(PolicyError, match=r"products\[1\].overrides.rate must give .* to 0.216"):
        read_policy(content).with_overrides({"taobao_credit": {"rate": "0.0006"}})


def test_measured_losses_and_overrides_stand_beside_each_other(tmp_path) -> None:
    both = POLICY.with_lgd({"taobao_credit": 0.123456789012345}).with_overrides(OVERRIDES)
    turned = POLICY.with_overrides(OVERRIDES).with_lgd({"taobao_credit": 0.123456789012345})
    assert both == turned
    assert both.product("taobao_credit").economics.lgd == 0.123456789012345
    both.save(tmp_path / "mine.toml")
    again = load_policy(tmp_path / "mine.toml")
    assert again == both
    assert dict(again.measured_lgd) == {"taobao_credit": 0.123456789012345}
    assert again.product("taobao_credit").economics.lgd == 0.123456789012345
    text = both.to_toml().replace("taobao_credit = 0.12", "taobao_credits = 0.12")
    with pytest.raises(PolicyError, match=r"measured_lgd.*did you mean 'taobao_credit'"):
        policy_of_text(text)


@given(st.decimals("0.0005", "0.0006", places=7), st.integers(1, 10_000))
@settings(max_examples=20)
def test_any_override_within_its_bounds_is_kept_as_it_is(rate: Decimal, hundreds: int) -> None:
    mine = POLICY.with_overrides(
        {"taobao_credit": {"rate": str(rate), "limit_max": str(hundreds * 100)}}
    )
    assert mine.product("taobao_credit").rate.value == rate
    again = policy_of_text(mine.to_toml())
    assert again == mine
    told = set(POLICY.diff(mine)["path"])
    assert told == {"products.taobao_credit.overrides.rate",
                    "products.taobao_credit.overrides.limit_max"}  # fmt: skip


def test_a_policy_changed_in_memory_is_another_policy_and_writes_what_it_is() -> None:
    order = POLICY.product("taobao_order")
    less = replace(order, advance_rate=Decimal("0.5"))
    mine = replace(POLICY, products={**POLICY.products, "taobao_order": less})
    assert mine != POLICY
    assert policy_of_text(mine.to_toml()) == mine
    assert POLICY.diff(mine).values.tolist() == [
        ["products.taobao_order.advance_rate", "0.8", "0.5", "changed"]
    ]


def test_differences_name_path_before_after_and_kind() -> None:
    content = POLICY.content()
    ali = content["products"][0]["eligibility"]["any_of"]
    ali[1]["regions"].append("fujian")
    content["lender"]["max_banks"] = 3
    del content["products"][1]["eligibility"]["violation_points_max"]
    content["products"][1]["assumed"].remove("eligibility.violation_points_max")
    content["products"] = [p for p in content["products"] if p["id"] != "zhongan_insurance"]
    content["products"].append({"id": "leasing", "title": "Leasing", "title_zh": "租赁",
                                "kind": "planned", "status": "planned"})  # fmt: skip
    other = read_policy(content)
    there = POLICY.diff(other).set_index("path")
    any_of = "products.ali_credit.eligibility.any_of"
    assert there.loc["lender.max_banks"].tolist() == ["2", "3", "changed"]
    assert there.loc[f"{any_of}.fujian.paying"].tolist() == ["", "2013-03-01", "added"]
    gone = "products.taobao_credit.eligibility.violation_points_max"
    assert there.loc[gone].tolist() == ["11.0", "", "removed"]
    assert there.loc["products.zhongan_insurance", "kind"] == "product removed"
    assert there.loc["products.leasing"].tolist() == ["", "Leasing", "product added"]
    for name in ("note", "note_zh"):  # as the other regions of that opening have
        assert there.loc[f"{any_of}.fujian.paying.{name}"].tolist() == ["", ali[1][name], "added"]
    assert len(there) == 8  # and the mark that went with its number
    back = other.diff(POLICY).set_index("path")
    assert set(back.index) == set(there.index)
    assert (back["before"] == there["after"].reindex(back.index)).all()
    turn = {"added": "removed", "removed": "added", "changed": "changed",
            "product added": "product removed", "product removed": "product added"}  # fmt: skip
    assert (back["kind"] == there["kind"].map(turn).reindex(back.index)).all()


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_policy_differs_in_nothing_from_itself_and_in_something_from_others(name: str) -> None:
    policy = load_policy(name)
    same = policy.diff(policy)
    assert same.empty
    assert list(same.columns) == ["path", "before", "after", "kind"]
    for other in BUILT_IN:
        assert policy.diff(load_policy(other)).empty == (other == name)


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_policy_is_told_whole_in_either_language(name: str, language: str) -> None:
    policy = load_policy(name)
    told = policy.describe(language=language)
    assert list(told.columns) == ["part", "term", "value", "may_be_set", "assumed", "key"]
    assert told["key"].is_unique or told["key"].duplicated(keep=False).sum() < 20
    texts = told[["part", "term", "value"]]
    assert (texts != "").all(axis=None)
    han = texts["term"].str.contains(r"[一-鿿]")
    assert han.all() if language == "zh" else not han.any()
    if language == "en":
        words = texts["part"] + texts["term"] + texts["value"]
        assert not words.str.contains(r"[一-鿿]").any()
    else:
        words = " ".join(told["value"]) + " ".join(told["may_be_set"])
        latin = set(re.findall(r"[a-z_]{3,}", words))
        assert latin <= {name, "ali", "cn", "planned", "example", "distributor", "aokang"}, latin
    for key in told["key"]:
        path = [w for w in key.split(".") if not w.isdigit() and w not in policy.products]
        while path and ".".join(path) not in KEYS:
            path.pop()
        assert path, key


def test_what_is_told_is_what_the_policy_says() -> None:
    told = PLANNED.with_overrides({"taobao_credit": {"rate": "0.0006"}}).describe()
    rows = told.set_index("key")
    one = "products.taobao_credit.rate.value"
    assert rows.loc[one, "value"] == (
        "0.06% a day (21.9% a year, simple, act/365) "
        "(in place of 0.05% a day (18.25% a year, simple, act/365))"
    )
    assert rows.loc["products.ali_credit.limit.max", "value"] == "3,000,000 yuan"
    assert (
        rows.loc["products.ali_credit.rate.value", "value"] == "1.5% a month (18% a year, simple)"
    )
    assert rows.loc["products.ali_credit.rate.value", "may_be_set"] == ""
    assert rows.loc["lender.operation_per_draw", "value"] == "2.30 yuan"
    assert rows.loc["products.ali_credit.eligibility.any_of.1", "value"].startswith(
        "Guangdong paying members: from 2013-03-01"
    )
    assert "planned, not open" in rows.loc["products.ali_credit.eligibility.any_of.3", "value"]
    assert rows.loc["products.ali_credit.eligibility.days_past_due_max", "value"] == "0 days"
    zh = PLANNED.describe(language="zh").set_index("key")
    assert zh.loc["products.virtual_card.limit.max", "value"] == "5,000 元"
    assert zh.loc["products.ali_credit.rate.value", "value"] == "每月 1.5%（年化单利 18%）"
    assert zh.loc["lender.borrow_ratio", "value"] == "50%（800,000,000 元）"
    assert rows.loc["lender.single_borrower_ratio", "value"] == "5% (80,000,000 yuan)"
    assert rows.loc["lender.rate_cap_multiple", "value"] == "4 times (24% a year)"
    penalty = "products.taobao_order.terms.penalty_multiplier"
    assert rows.loc[penalty, "value"] == "1.5 times (27.375% a year)"


def test_marks_in_the_description_are_those_of_the_file() -> None:
    told = POLICY.describe().set_index("key")
    assert told.loc["products.taobao_order.advance_rate", "assumed"] == "assumed"
    assert told.loc["products.taobao_order.economics.lgd", "assumed"] == "assumed"
    assert told.loc["products.taobao_order.rate.value", "assumed"] == ""
    assert told.loc["lender.companies.0.net_capital", "assumed"] == "assumed"
    assert told.loc["lender.borrowings.first_bank", "assumed"] == "assumed"
    assert (POLICY.describe()["assumed"] == "assumed").sum() == (
        POLICY.describe(language="zh")["assumed"] == "假设"
    ).sum()


def test_a_measured_loss_is_told_in_place_of_the_assumed_one() -> None:
    told = POLICY.with_lgd({"taobao_order": 0.45}).describe().set_index("key")
    lgd = told.loc["products.taobao_order.economics.lgd"]
    assert lgd[["value", "assumed"]].tolist() == ["45% (in place of 60%)", ""]
    assert told.loc["measured_lgd.taobao_order", "value"] == "45%"


@pytest.mark.parametrize("language", ["", "cn", None, 3, "EN"])
def test_a_language_nobody_speaks_is_refused(language) -> None:
    with pytest.raises(InputError, match="language must"):
        POLICY.describe(language=language)
    with pytest.raises(PolicyError, match="other must be a policy"):
        POLICY.diff(language)


def test_every_term_that_may_be_set_is_a_key_of_a_product() -> None:
    assert all(f"products.{path}" in KEYS for path in SETTABLE.values())
    assert isinstance(POLICY.describe(), pd.DataFrame)
