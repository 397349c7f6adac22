"""A policy as a file without rules for limits, equity, tax and use by amount would say it."""

from __future__ import annotations

from dataclasses import replace

from alicredit.policy import LimitRules, Policy


def plain(policy: Policy) -> Policy:
    """Take out all that limits by profit rest on."""
    nothing = dict.fromkeys(("credit_conversion", "half_use_months", "accrued_days"))
    products = {
        name: product
        if product.economics is None
        else replace(product, economics=replace(product.economics, **nothing))
        for name, product in policy.products.items()
    }
    lender = replace(policy.lender, equity_cost=None, turnover_tax=None)
    return replace(policy, products=products, lender=lender, limit_rules=LimitRules())
