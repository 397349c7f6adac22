"""The contracts that a policy's products are lent under."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from alicredit.errors import PolicyError
from alicredit.loans import Contract, Event, payoff, settle, to_fen
from alicredit.policy import contract_terms, load_policy

POLICY = load_policy("ali-2013")
START = date(2013, 4, 1)


def closing(product: str, yuan: int, days: int, *, is_first_loan: bool = False) -> int:
    """Give what closes a loan after so many days, in fen."""
    terms = contract_terms(POLICY.product(product))
    contract = Contract(
        terms=terms, principal_fen=to_fen(yuan), start=START, is_first_loan=is_first_loan
    )
    return payoff(contract, on=START + timedelta(days=days))


def test_the_products_of_2013_charge_what_the_report_says() -> None:
    assert closing("taobao_order", 5000, 6) == to_fen("5015.00")
    assert closing("taobao_order", 5000, 40) == to_fen("5112.50")
    assert closing("ali_credit", 100_000, 20) == to_fen(101_500)
    assert closing("ali_credit", 100_000, 3, is_first_loan=True) == to_fen(100_000)
    assert closing("ali_credit", 100_000, 4, is_first_loan=True) == to_fen(101_500)
    assert closing("taobao_credit", 100_000, 20) == to_fen(101_000)


def test_ali_credit_bears_a_fee_on_each_draw_and_the_others_none() -> None:
    fees = {}
    for product in POLICY.active:
        contract = Contract(terms=contract_terms(product), principal_fen=10_000_000, start=START)
        fees[product.id] = contract.fee_fen
    assert fees == {"ali_credit": 100_000, "taobao_credit": 0, "taobao_order": 0}


def test_confirmed_orders_repay_an_order_loan_of_the_policy() -> None:
    terms = contract_terms(POLICY.product("taobao_order"))
    contract = Contract(terms=terms, principal_fen=500_000, start=START, slices=(500_000,))
    paid = Event(START + timedelta(days=6), "order_success", 625_000, slice=0)
    account = settle(contract, [paid], until=paid.day)
    assert account.balance_fen == 0
    assert account.returned_fen == 625_000 - 501_500


def test_terms_of_the_policy_reach_the_contract() -> None:
    ali = POLICY.product("ali_credit")
    given = {
        "stub_rule": "full_month", "prepay_fee_rate": "0.03", "penalty_mode": "add",
        "penalty_base": "principal_plus_interest", "misuse_penalty": "2",
    }  # fmt: skip
    terms = contract_terms(replace(ali, terms={**ali.terms, **given}))
    assert terms.early.stub == "full_month"
    assert terms.early.prepay_fee_rate == "0.03"
    assert (terms.penalty.mode, terms.penalty.base) == ("add", "principal_plus_interest")
    assert terms.penalty.misuse_multiplier == "2"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"repayment": "ballon"}, "repayment must be a known way to repay"),
        ({"terms": {"fee": "0.01"}}, "terms must be terms of a contract"),
        ({"terms": {"fee_basis": "yearly"}}, "ali_credit: basis"),
        ({"terms": {"penalty_multiplier": "-1"}}, "ali_credit: multiplier"),
        ({"repayment": "annuity", "terms": {"refund_days": 1.5}}, "ali_credit: refund_days"),
        ({"status": "planned"}, "must be one that can be lent"),
    ],
)
def test_what_is_no_contract_is_refused(change, message) -> None:
    with pytest.raises(PolicyError, match=message):
        contract_terms(replace(POLICY.product("ali_credit"), **change))
