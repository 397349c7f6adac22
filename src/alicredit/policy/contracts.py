"""A product's terms as the contract that its loans are kept under."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from alicredit.checks import nearest, refusal, require_kind
from alicredit.errors import InputError, PolicyError
from alicredit.loans import EarlyTerms, FeeTerms, PenaltyTerms, Terms, per_day, per_month
from alicredit.policy.terms import Product

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "interest_only_bullet": "bullet",
        "revolving": "bullet",
        "swept_by_confirmed_orders": "bullet",
        "swept_from_core_company_settlement": "bullet",
        "free_then_daily": "bullet",
        "annuity": "annuity",
        "equal_monthly_instalments": "annuity",
        "equal_principal": "equal_principal",
    }
)
"""How each word for repayment lays principal out."""

_KEYS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "service_fee_rate": ("fee", "rate"),
        "fee_basis": ("fee", "basis"),
        "fee_withheld": ("fee", "is_withheld"),
        "refund_days": ("early", "refund_days"),
        "refund_first_only": ("early", "refund_first_only"),
        "min_interest_months": ("early", "min_interest_months"),
        "stub_rule": ("early", "stub"),
        "prepay_fee_rate": ("early", "prepay_fee_rate"),
        "penalty_multiplier": ("penalty", "multiplier"),
        "penalty_mode": ("penalty", "mode"),
        "penalty_base": ("penalty", "base"),
        "misuse_penalty": ("penalty", "misuse_multiplier"),
    }
)
"""The keys a product's terms may have, and where each goes."""


def contract_terms(product: Product) -> Terms:
    """Turn what a policy says of a product into the terms of its contracts.

    Parameters
    ----------
    product : Product
        One that has a rate and a term.

    Returns
    -------
    Terms
        For :func:`alicredit.loans.settle` and :func:`alicredit.loans.book.settle`.

    Raises
    ------
    PolicyError
        If the product cannot be lent, or a term is unknown or contradicts another.

    Examples
    --------
    >>> from alicredit.policy import load_policy
    >>> policy = load_policy("ali-2013")
    >>> terms = contract_terms(policy.product("ali_credit"))
    >>> terms.rate, terms.months, str(terms.fee.rate), terms.early.min_interest_months
    (Rate(1.5 % a month), 12, '0.01', 1)
    >>> contract_terms(policy.product("virtual_card"))
    Traceback (most recent call last):
    alicredit.errors.PolicyError: product must be one that can be lent; found 'virtual_card'.
    """
    require_kind("product", product, Product, "must be a product of a policy")
    if product.rate is None or not product.is_active:
        raise PolicyError(refusal("product", "must be one that can be lent", repr(product.id)))
    if product.kind == "card":
        do = "alicredit.loans.interest_free_until says from which day a purchase bears interest"
        rule = "must be a loan that bears interest from its first day"
        raise PolicyError(refusal("product", rule, f"the card {product.id!r}", do))
    if product.repayment not in METHODS:
        rule, hint = "must be a known way to repay", nearest(product.repayment, METHODS)
        raise PolicyError(refusal("repayment", rule, repr(product.repayment), hint))
    parts: dict[str, dict[str, Any]] = {"fee": {}, "early": {}, "penalty": {}}
    for key, value in product.terms.items():
        if key not in _KEYS:
            rule, hint = "must be terms of a contract", nearest(key, _KEYS)
            raise PolicyError(refusal(f"{product.id}.terms", rule, repr(key), hint))
        part, name = _KEYS[key]
        parts[part][name] = value
    make = per_day if product.rate.unit == "day" else per_month
    try:
        return Terms(
            rate=make(product.rate.value),
            months=product.term_months,
            days=product.term_days,
            method=METHODS[product.repayment],
            penalty=PenaltyTerms(**parts["penalty"]),
            fee=FeeTerms(**parts["fee"]),
            early=EarlyTerms(**parts["early"]),
        )
    except InputError as error:
        raise PolicyError(f"{product.id}: {error}") from error
