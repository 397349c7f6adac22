"""A policy that contradicts itself is refused with the place, the value and the nearest word."""

from __future__ import annotations

import copy
import tomllib
from importlib import resources

import pytest

from alicredit.errors import PolicyError
from alicredit.policy import load_policy, read_policy

TEXT = (resources.files("alicredit.policy") / "builtin" / "ali-2013.toml").read_text("utf-8")
GOOD = tomllib.loads(TEXT)


def changed(place: str, value) -> dict:
    """Set one key of the built-in policy; a value of None removes it."""
    content = copy.deepcopy(GOOD)
    *path, last = place.split(".")
    node = content
    for key in path:
        node = node[int(key)] if key.isdigit() else node[key]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return content


ORDER = "products.2"
BAD = [
    (f"{ORDER}.colour", "red", "products[2].colour"),
    (f"{ORDER}.rate.value", "-0.0005", "products[2].rate.value"),
    (f"{ORDER}.rate.value", "0.0009", "from min 0.0005 to max 0.0006"),
    (f"{ORDER}.rate.value", "five", "must be a number"),
    (f"{ORDER}.rate.unit", "week", "products[2].rate.unit"),
    (f"{ORDER}.rate", None, "products[2].rate"),
    (f"{ORDER}.limit.min", "2000000", "must not be above max"),
    (f"{ORDER}.limit.step", "0", "products[2].limit.step"),
    (f"{ORDER}.advance_rate", "1.2", "from 0.01 to 1"),
    (f"{ORDER}.advance_rate", None, "advance_rate"),
    (f"{ORDER}.term", {"days": 30, "months": 1}, "one of them"),
    (f"{ORDER}.kind", "order_advanced", "did you mean 'order_advance'"),
    (f"{ORDER}.status", "live", "status"),
    (f"{ORDER}.claims", [["borrower"]], "claims"),
    (f"{ORDER}.eligibility.platforms", ["taobo"], "did you mean 'taobao'"),
    (f"{ORDER}.eligibility.shop_months_min", 2.5, "whole number"),
    (f"{ORDER}.id", "ali_credit", "different ids"),
    ("products.0.eligibility.any_of.1.regions", ["guangdnog"], "did you mean 'guangdong'"),
    ("products.0.eligibility.any_of.1.valid_from", "2013-03-01", "must be a date"),
    ("products.0.eligibility.any_of.1.regions", ["jiangsu"], "overlap"),
    ("products.4.status", "active", "kind that can be lent"),
    ("products.3.status", "active", "must be given for a product of kind card"),
    ("lender.net_capital", "0", "lender.net_capital"),
    ("lender.borrowings", {"alipay_custody": "1"}, "custody"),
    ("lender.rate_floor_multiple", "5", "rate_cap_multiple"),
    ("lender.benchmark", "0.02", "products[0].rate.value"),
    ("lender.max_banks", True, "whole number"),
    ("grades.upper_pd", [0.5, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0], "rise"),
    ("grades.upper_pd", [0.1, 1.0], "one value a name"),
    ("grades.months_of_sales", [1, 2, 3, 4, 5, 6, 7], "must not rise"),
    ("schema_version", 2, "schema_version"),
    ("name", "", "must be a text"),
    ("products", [], "active"),
    ("products", "none", "list of tables"),
    ("lender", "none", "must be a table"),
]


@pytest.mark.parametrize(("place", "value", "match"), BAD)
def test_a_bad_policy_is_refused_with_its_place(place: str, value, match: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_policy(changed(place, value))
    assert match in str(caught.value)


def test_the_built_in_policy_says_what_the_report_says() -> None:
    policy = load_policy("ali-2013")
    assert [p.id for p in policy.active] == ["ali_credit", "taobao_credit", "taobao_order"]
    ali, credit, order = policy.active
    assert (str(ali.limit.min), str(ali.limit.max)) == ("50000", "3000000")
    assert (str(credit.limit.max), str(order.limit.max)) == ("1000000", "1000000")
    assert [str(p.rate.value) for p in policy.active] == ["0.015", "0.0005", "0.0005"]
    assert (ali.term_months, credit.term_months, order.term_days) == (12, 12, 30)
    assert str(ali.terms["service_fee_rate"]) == "0.01"
    assert {p.id for p in policy.products.values() if not p.is_active} == {
        "virtual_card", "shangcheng_factoring", "zhongan_insurance",
    }  # fmt: skip
    assert "advance_rate" in order.assumed


def test_a_policy_is_frozen_and_known_by_its_content(tmp_path) -> None:
    policy = load_policy("ali-2013")
    with pytest.raises(TypeError):
        policy.products["x"] = policy.active[0]  # type: ignore[index]
    path = tmp_path / "mine.toml"
    path.write_text(TEXT, encoding="utf-8")
    assert load_policy(path).policy_id == policy.policy_id
    path.write_text(TEXT.replace('"0.80"', '"0.70"'), encoding="utf-8")
    assert load_policy(str(path)).policy_id != policy.policy_id
    path.write_text("name = ", encoding="utf-8")
    with pytest.raises(PolicyError, match="TOML"):
        load_policy(path)


def test_a_policy_says_its_name_its_live_products_and_its_id() -> None:
    policy = load_policy("ali-2013")
    said = f"Policy(ali-2013: ali_credit, taobao_credit, taobao_order; {policy.policy_id[:12]})"
    assert repr(policy) == said
