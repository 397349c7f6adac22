"""The policies built in say what their sources say, and mark every other number."""

from __future__ import annotations

import copy
import dataclasses
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from policy_plain import plain

from alicredit.errors import PolicyError
from alicredit.policy import (
    BUILT_IN,
    Policy,
    check_eligibility,
    check_lender,
    contract_terms,
    load_policy,
    offer_limits,
    price_loan,
    read_policy,
)
from alicredit.policy.file.schema import KEYS
from alicredit.policy.limits import year_of_line

# Number by number: key of ali-2013 -> what the report (R) or a public source (S) says.
REPORT = {
    "lender.registered_capital": 1_600_000_000, "lender.max_banks": 2, "lender.borrow_ratio": 0.5,
    "lender.single_borrower_ratio": 0.05, "lender.rate_cap_multiple": 4,
    "lender.rate_floor_multiple": 0.9, "lender.benchmark": 0.06, "lender.operation_per_draw": 2.3,
    "lender.companies.0.registered_capital": 600_000_000,
    "lender.companies.1.registered_capital": 1_000_000_000,
    "products.ali_credit.limit.min": 50_000, "products.ali_credit.limit.max": 3_000_000,
    "products.ali_credit.rate.value": 0.015, "products.ali_credit.rate.min": 0.015,
    "products.ali_credit.rate.max": 0.015, "products.ali_credit.term.months": 12,
    "products.ali_credit.terms.service_fee_rate": 0.01, "products.ali_credit.terms.refund_days": 3,
    "products.ali_credit.terms.min_interest_months": 1,
    "products.ali_credit.terms.prepay_fee_rate": 0,
    "products.ali_credit.terms.penalty_multiplier": 1.5,
    "products.ali_credit.eligibility.registered_months_min": 24,
    "products.taobao_credit.limit.max": 1_000_000, "products.taobao_credit.rate.value": 0.0005,
    "products.taobao_credit.rate.min": 0.0005, "products.taobao_credit.rate.max": 0.0006,
    "products.taobao_credit.term.months": 12, "products.taobao_credit.terms.service_fee_rate": 0,
    "products.taobao_credit.terms.penalty_multiplier": 1.5,
    "products.taobao_credit.eligibility.shop_months_min": 6,
    "products.taobao_order.limit.min": 1, "products.taobao_order.limit.max": 1_000_000,
    "products.taobao_order.rate.value": 0.0005, "products.taobao_order.rate.min": 0.0005,
    "products.taobao_order.rate.max": 0.0006, "products.taobao_order.term.days": 30,
    "products.taobao_order.terms.service_fee_rate": 0,
    "products.taobao_order.terms.penalty_multiplier": 1.5,
    "products.taobao_order.eligibility.shop_months_min": 2,
    "products.virtual_card.limit.min": 200, "products.virtual_card.limit.max": 5000,
    "products.virtual_card.card.interest_free_days": 38,
    "products.virtual_card.card.merchant_fee_rate": 0.01,
}  # fmt: skip
RULES_2025 = {
    "lender.borrow_ratio": 1, "lender.issue_ratio": 4, "lender.single_borrower_ratio": 0.1,
    "lender.rate_cap_multiple": 4, "lender.rate_floor_multiple": 0,
    "lender.borrower_caps.business": 10_000_000, "lender.borrower_caps.consumer": 200_000,
    "products.online_business.limit.max": 10_000_000, "products.online_consumer.limit.max": 200_000,
}  # fmt: skip
OF_2013 = ("lender.rate_cap_multiple", "lender.rate_floor_multiple", "lender.benchmark")
SOURCED = {
    "ali-2013": set(REPORT), "ali-2013-planned": set(REPORT), "cn-2025": set(RULES_2025),
    "distributor-example": set(OF_2013),
}  # fmt: skip
NUMBERS = {"exact", "share", "whole", "floats", "claims"}


def leaves(policy: Policy) -> list[tuple[str, object, list[str], str]]:
    """List path, value, the marks of the part around, and the path within the part."""
    content, found = policy.content(), []

    def walk(node, path: str, marks: list[str], inside: str) -> None:
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            here, below = f"{path}.{key}", f"{inside}.{key}".strip(".")
            if isinstance(value, dict) or (value and isinstance(value, list)
                                           and isinstance(value[0], dict)):  # fmt: skip
                walk(value, here, marks, below)
            else:
                found.append((here, value, marks, below))

    for part in ("lender", "grades", "gates"):
        walk(content.get(part, {}), part, content.get(part, {}).get("assumed", []), "")
    for product in content["products"]:
        walk(product, f"products.{product['id']}", product.get("assumed", []), "")
    return found


def form_of(path: str) -> str:
    """Give the form of a key by its path, names of products and numbers left out."""
    words = [word for word in path.split(".") if not word.isdigit()]
    if words[0] == "products":
        words.pop(1)
    while ".".join(words) not in KEYS:
        words.pop()
    return KEYS[".".join(words)].form


def marked(inside: str, marks: list[str]) -> bool:
    words = [word for word in inside.split(".") if not word.isdigit()]
    return any(".".join(words[:k]) in marks for k in range(1, len(words) + 1))


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_number_without_a_source_is_marked_assumed_and_no_sourced_one_is(name) -> None:
    unmarked, seen = set(), set()
    for path, _, marks, inside in leaves(load_policy(name)):
        if form_of(path) not in NUMBERS | {"amounts", "bounds", "flag"}:
            continue
        seen.add(path)
        if not marked(inside, marks):
            unmarked.add(path)
    flags = {path for path in unmarked if form_of(path) == "flag"}
    assert flags <= {"products.ali_credit.terms.refund_first_only", "gates.account_sealed"}
    of_card = {path for path in SOURCED[name] if path not in seen}
    assert not of_card, of_card
    bounds = {"products.virtual_card.bounds.merchant_fee_rate.min",
              "products.virtual_card.bounds.merchant_fee_rate.max"}  # fmt: skip
    assert unmarked - flags - bounds == SOURCED[name] & unmarked
    assert SOURCED[name] - unmarked <= {"lender.benchmark", "products.virtual_card.limit.step"}


@pytest.mark.parametrize(
    ("name", "facts"), [("ali-2013", REPORT), ("ali-2013-planned", REPORT), ("cn-2025", RULES_2025)]
)
def test_the_numbers_are_those_of_the_sources(name: str, facts: dict) -> None:
    told = {path: value for path, value, _, _ in leaves(load_policy(name))}
    for path, number in facts.items():
        assert Decimal(str(told[path])) == Decimal(str(number)), path


def test_the_lender_of_2013_number_by_number() -> None:
    lender = load_policy("ali-2013").lender
    assert (lender.lending_cap, lender.single_borrower_cap) == (2_400_000_000, 80_000_000)
    assert lender.funds() == 2_400_000_000
    assert sum(lender.borrowings.values()) == 800_000_000
    caps = {c.id: lender.company(c.id) for c in lender.companies}
    assert {k: v.lending_cap for k, v in caps.items()} == {
        "zhejiang": 900_000_000, "chongqing": 1_500_000_000}  # fmt: skip
    assert {k: v.single_borrower_cap for k, v in caps.items()} == {
        "zhejiang": 30_000_000, "chongqing": 50_000_000}  # fmt: skip
    for company in caps.values():
        assert (check_lender(company)["outcome"] == "pass").all()
    over = {"a": Decimal("300000000.01")}
    answer = check_lender(caps["zhejiang"], borrowings=over).set_index("rule")["outcome"]
    assert answer["borrowings"] == "fail"
    assert answer["banks"] == "pass"


def test_the_benchmark_is_that_of_the_loans_tenor_where_the_policy_has_it() -> None:
    content = load_policy("ali-2013").content()
    content["lender"]["benchmark_six_months"] = "0.056"
    policy = read_policy(content)
    caps = {p.id: 4 * policy.lender.benchmark_of(p) for p in policy.active}
    assert caps == {"ali_credit": Decimal("0.24"), "taobao_credit": Decimal("0.24"),
                    "taobao_order": Decimal("0.224")}  # fmt: skip
    content["products"][2]["rate"] |= {"max": "0.0007", "value": "0.00062"}
    with pytest.raises(PolicyError, match=r"products\[2\].rate.value must give .* to 0.224"):
        read_policy(content)
    del content["lender"]["benchmark_six_months"]
    assert price_loan(read_policy(content).product("taobao_order"), read_policy(content)).flags == (
        "PENALTY_ABOVE_CAP",
    )


def test_the_card_as_a_what_if_earns_what_the_report_says() -> None:
    policy = load_policy("ali-2013-planned")
    card = policy.product("virtual_card")
    assert [p.id for p in policy.active][-1] == "virtual_card"
    assert len(policy.active) == 4
    # 1,000 yuan for 38 days: fee 10.00 - funding 6.25 - operation 2.30 = 1.45 (DOMAIN 1.3)
    fee = card.card.merchant_fee_rate * 1000
    funding = 1000 * policy.lender.funding_rate * card.card.interest_free_days / 365
    assert round(fee - funding - policy.lender.operation_per_draw, 2) == Decimal("1.45")
    turns = 365 / 38
    once = dataclasses.replace(card.economics, mean_use=1.0, draws_a_year=turns)
    year = year_of_line(
        np.array([100_000]),
        np.array([0.0]),
        dataclasses.replace(card, economics=once),
        plain(policy),
    )[1]
    assert abs(year[0] / turns - 1.4534) < 0.001
    with pytest.raises(PolicyError, match="bear"):
        contract_terms(card)


def test_the_card_asks_for_users_of_the_payment_platform() -> None:
    rows = pd.DataFrame({"merchant_id": list("abcd"), "blacklisted": False, "days_past_due": 0,
                         "platform": ["alipay", "taobao", "tmall", "alibaba_b2b"]})  # fmt: skip
    rules = check_eligibility(rows, "ali-2013-planned", as_of="2013-05-01")
    card = rules[rules["product_id"] == "virtual_card"]
    failed = card[card["outcome"] != "pass"]
    assert failed[["merchant_id", "code"]].values.tolist() == [["d", "ELIG_PLATFORM"]]


FACTORING = {
    "id": "shangcheng_factoring", "title": "Factoring", "title_zh": "保理", "kind": "term",
    "status": "active", "max_pd": 0.03, "claims": [["borrower", 365]],
    "repayment": "interest_only_bullet", "limit": {"max": "500000", "step": "100"},
    "rate": {"value": "0.01", "unit": "month", "min": "0.008", "max": "0.012"},
    "term": {"months": 6},
    "economics": {"lgd": 0.4, "use_at_default": 1.0, "mean_use": 0.8, "draws_a_year": 2.0},
    "eligibility": {"platforms": ["alibaba_b2b"]},
}  # fmt: skip
NESTED = [
    (table, key)
    for table, keys in {"limit": ("max", "step"), "rate": ("value", "unit", "min", "max"),
                        "term": ("months",),
                        "economics": tuple(FACTORING["economics"])}.items()
    for key in keys
]  # fmt: skip


@pytest.mark.parametrize("product", ["shangcheng_factoring", "zhongan_insurance"])
def test_what_is_planned_is_refused_until_every_term_is_given(product: str) -> None:
    policy = load_policy("ali-2013-planned")
    assert not policy.product(product).is_active
    whole = FACTORING | {"id": product}
    for key in whole:
        part = {name: value for name, value in whole.items() if name != key}
        with pytest.raises(PolicyError, match=rf"{key} must be given|id must"):
            policy.with_product(part if key != "id" else part | {"id": ""})
    for table, key in NESTED:
        part = copy.deepcopy(whole)
        del part[table][key]
        with pytest.raises(PolicyError, match=rf"{table}(.{key})? must"):
            policy.with_product(part)
    with pytest.raises(PolicyError, match="kind must be a kind that can be lent"):
        policy.with_product(whole | {"kind": "planned"})
    lent = policy.with_product(whole)
    assert lent.product(product).is_active
    assert lent != policy
    assert list(lent.products) == list(policy.products)
    rows = pd.DataFrame({"merchant_id": ["m"], "platform": ["alibaba_b2b"], "blacklisted": [False],
                         "days_past_due": [0]})  # fmt: skip
    for which, may in ((policy, False), (lent, True)):
        rules = check_eligibility(rows, which, as_of="2013-05-01")
        mine = rules[rules["product_id"] == product]
        assert (mine["outcome"] == "pass").all() == may
        if not may:
            assert mine["code"].tolist() == ["PRODUCT_NOT_LAUNCHED"]
    assert contract_terms(lent.product(product)).months == 6


def test_the_rules_of_2025_cap_households_funds_and_rates() -> None:
    policy = load_policy("cn-2025")
    lender = policy.lender
    assert lender.lending_cap == 6 * lender.net_capital
    assert lender.single_borrower_cap == lender.net_capital / 10
    assert lender.rate_cap_multiple * lender.benchmark == Decimal("0.154")
    assert lender.max_banks is None
    banks = {str(k): Decimal(1) for k in range(50)}
    assert (check_lender(lender, borrowings=banks)["outcome"] == "pass").all()
    content = policy.content()
    for k, cap in ((0, 10_000_000), (1, 200_000)):
        more = copy.deepcopy(content)
        more["products"][k]["limit"]["max"] = str(cap + 100)
        rule = rf"products\[{k}\].limit.max must not be above lender.borrower_caps"
        with pytest.raises(PolicyError, match=rule):
            read_policy(more)
    dear = copy.deepcopy(content)
    dear["products"][0]["rate"] |= {"value": "0.0005", "max": "0.0006"}
    with pytest.raises(PolicyError, match=r"rate.value must give .* from 0 to 0.154"):
        read_policy(dear)
    for product in policy.active:
        assert price_loan(product, policy).flags == ("PENALTY_ABOVE_CAP",)


def test_distributors_of_a_core_company_borrow_on_their_orders() -> None:
    policy = load_policy("distributor-example")
    product = policy.product("supply_chain_order")
    assert (product.kind, product.is_active) == ("supply_chain_order", True)
    assert product.eligibility.core_companies == ("aokang",)
    assert policy.required_columns[-1] == "core_company"
    rows = pd.DataFrame({
        "merchant_id": list("abcd"), "core_company": ["aokang", "other", None, "aokang"],
        "blacklisted": False, "days_past_due": 0, "order_base": [100_000.0, 1e5, 1e5, None],
        "outstanding": 0.0, "monthly_sales_median_180d": 1e6, "pd": 0.004,
    })  # fmt: skip
    rules = check_eligibility(rows, policy, as_of="2013-05-01")
    bad = rules[rules["outcome"] != "pass"][["merchant_id", "code", "missing"]].values.tolist()
    assert bad == [["b", "ELIG_CORE_COMPANY", ""], ["c", "MISSING_DATA", "core_company"],
                   ["d", "MISSING_DATA", "order_base"]]  # fmt: skip
    limits = offer_limits(rows, policy, product="supply_chain_order")["limit"].tolist()
    assert limits == [70_000, 70_000, 70_000, 0]
    assert contract_terms(product).days == 90
    table = policy.content()["products"][0]
    del table["eligibility"]["core_companies"]
    with pytest.raises(PolicyError, match="core_companies must be given"):
        policy.with_product(table)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_price_of_every_product_is_within_its_bounds(name: str) -> None:
    policy = load_policy(name)
    for product in policy.active:
        for rate in (product.rate.min, product.rate.max):
            assert price_loan(product, policy, rate=float(rate)).rate == float(rate)
