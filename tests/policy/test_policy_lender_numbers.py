"""The lender's limits and rates, number by number, and texts of any kind kept as they are."""

from __future__ import annotations

import random
import tomllib
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.errors import PolicyError
from alicredit.loans import annualise
from alicredit.policy import check_lender, load_policy, price_loan, read_policy
from alicredit.policy.file.load import policy_of_text
from alicredit.policy.file.places import Places

POLICY = load_policy("ali-2013")
LENDER = POLICY.lender


def test_caps_and_floors_are_multiples_of_the_benchmark() -> None:
    assert LENDER.rate_cap_multiple * LENDER.benchmark == Decimal("0.24")
    assert LENDER.rate_floor_multiple * LENDER.benchmark == Decimal("0.054")
    half_year = replace(LENDER, benchmark_six_months=Decimal("0.056"))
    order = POLICY.product("taobao_order")
    assert half_year.rate_cap_multiple * half_year.benchmark_of(order) == Decimal("0.224")
    for months, days, benchmark in ((6, None, "0.056"), (7, None, "0.06"), (None, 183, "0.056"),
                                    (None, 184, "0.06"), (12, None, "0.06")):  # fmt: skip
        product = replace(order, term_months=months, term_days=days)
        assert half_year.benchmark_of(product) == Decimal(benchmark)
        assert LENDER.benchmark_of(product) == Decimal("0.06")


@pytest.mark.parametrize(
    ("rate", "unit", "annual", "multiple"),
    [("0.0005", "day", "0.1825", 3.04), ("0.0006", "day", "0.219", 3.65),
     ("0.015", "month", "0.18", 3.00)],
)  # fmt: skip
def test_a_contract_rate_is_annualised_simply(rate, unit, annual, multiple) -> None:
    terms = replace(POLICY.product("taobao_order").rate, value=Decimal(rate), unit=unit)
    assert terms.annual == Decimal(annual)
    assert float(terms.annual) == pytest.approx(
        annualise(float(rate), "simple_act_365", unit=unit), abs=1e-12
    )
    assert float(terms.annual / LENDER.benchmark) == pytest.approx(multiple, abs=0.005)


@pytest.mark.parametrize(("rate", "may"), [("0.0005", True), ("0.0006", True), ("0.0007", False),
                                           ("0.0001", False)])  # fmt: skip
def test_a_daily_rate_passes_between_floor_and_cap(rate: str, may: bool) -> None:
    content = POLICY.content()
    content["products"][2]["rate"] |= {"value": rate, "min": rate, "max": rate}
    if may:
        assert read_policy(content).product("taobao_order").rate.value == Decimal(rate)
        return
    annual = str((Decimal(rate) * 365).normalize())  # 0.07 % a day is 25.55 % a year
    with pytest.raises(PolicyError, match=f"from 0.054 to 0.24; found {annual}"):
        read_policy(content)


def test_the_penalty_is_above_the_cap_and_flagged_not_clipped() -> None:
    for product in POLICY.active:
        price = price_loan(product, POLICY)
        assert price.flags == ("PENALTY_ABOVE_CAP",)
        assert price.rate == float(product.rate.value)
    penalty = POLICY.product("taobao_order").rate.annual * Decimal("1.5")
    assert penalty == Decimal("0.27375")


def test_a_small_lender_is_bound_at_five_per_cent() -> None:
    small = replace(LENDER, net_capital=Decimal(10_000_000))
    assert small.single_borrower_cap == 500_000
    for owed, outcome in ((500_000, "pass"), (500_001, "fail")):
        found = check_lender(small, borrowings={}, largest_borrower=owed).set_index("rule")
        assert found.loc["single_borrower", "outcome"] == outcome


def test_gifts_and_bonds_are_funds_within_the_cap() -> None:
    poor = replace(LENDER, borrowings={})
    assert poor.funds() == 1_600_000_000
    assert replace(poor, donated=Decimal(10)).funds() == 1_600_000_010
    assert replace(poor, issued=Decimal(10**12)).funds() == poor.lending_cap
    found = check_lender(replace(poor, donated=Decimal(10)), outstanding=1_600_000_010)
    assert (found["outcome"] == "pass").all()


@pytest.mark.parametrize("share", [("0.7", None), (None, "500000")])
def test_a_share_of_small_loans_needs_both_its_numbers(share) -> None:
    content = POLICY.content()
    for name, value in zip(("small_loan_share", "small_loan_threshold"), share, strict=True):
        if value:
            content["lender"][name] = value
    with pytest.raises(PolicyError, match="small_loan_threshold, or neither"):
        read_policy(content)
    content["lender"] |= {"small_loan_share": "0.7", "small_loan_threshold": "500000"}
    assert read_policy(content).lender.small_loan_share == Decimal("0.7")


WORDS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
SAID = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)


@given(SAID, SAID, st.lists(WORDS, max_size=3, unique=True))
@settings(max_examples=50)
def test_texts_and_names_of_banks_of_any_kind_are_kept(title, note, banks) -> None:
    banks = [name for name in banks if not any(w in name.lower() for w in ("alipay", "custody"))]
    content = POLICY.content()
    content["title"] = title
    content["products"][0]["note"] = note
    content["lender"]["borrowings"] = dict.fromkeys(banks, "1")
    del content["lender"]["companies"]
    content["lender"]["assumed"] = []
    policy = read_policy(content)
    again = policy_of_text(policy.to_toml())
    assert again == policy
    assert again.title == title
    assert again.product("ali_credit").note == note
    assert dict(again.lender.borrowings) == dict.fromkeys(banks, Decimal(1))


@pytest.mark.parametrize("text", ["", " ", "a\nb", "a\x00", "\t", 3, None, ["x"]])
def test_a_title_is_one_line_that_a_person_can_read(text) -> None:
    with pytest.raises(PolicyError, match="title must be a text"):
        read_policy(POLICY.content() | {"title": text})


@pytest.mark.parametrize("seed", range(4))
def test_a_text_that_is_changed_at_random_has_lines_or_is_refused(seed: int) -> None:
    chance = random.Random(seed)
    place = resources.files("alicredit.policy") / "builtin" / "distributor-example.toml"
    text, valid = place.read_text("utf-8"), 0
    for _ in range(60):
        letters = list(text)
        for _ in range(chance.randint(1, 3)):
            letters[chance.randrange(len(letters))] = chance.choice("\"'[]{}=,.#\n\\ a1_-")
        changed = "".join(letters)
        try:
            content = tomllib.loads(changed)
        except tomllib.TOMLDecodeError:
            continue
        valid += 1
        lines = Places(changed)
        assert all(lines[key,] >= 1 for key in content)
        with suppress(PolicyError):
            assert policy_of_text(changed).active
    assert valid
