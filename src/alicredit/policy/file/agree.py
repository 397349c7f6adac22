"""What the parts of a policy must agree on: rates with caps, limits with law, terms with loans."""

from __future__ import annotations

from alicredit.errors import PolicyError
from alicredit.policy.contracts import contract_terms
from alicredit.policy.file.strict import Table
from alicredit.policy.policy import Policy
from alicredit.policy.terms import Product


def check_policy(policy: Policy, top: Table) -> None:
    """Refuse a policy that contradicts itself."""
    for product, table in zip(policy.products.values(), top["products"], strict=True):
        if not product.is_active:
            continue
        _check_rate(policy, product, table)
        _check_cap(policy, product, table)
        if product.kind == "card":
            _check_card(product, table)
            continue
        try:
            contract_terms(product)
        except PolicyError as error:
            raise table.refuse("terms", "must make a contract", f"({error})") from error


def _check_rate(policy: Policy, product: Product, table: Table) -> None:
    """Refuse a contract rate above the cap or below the floor the policy itself names."""
    lender, rate = policy.lender, product.rate
    if rate is None:
        return
    benchmark = lender.benchmark_of(product)
    cap, floor = lender.rate_cap_multiple * benchmark, lender.rate_floor_multiple * benchmark
    if not floor <= rate.annual <= cap:
        rule = f"must give a simple annual rate (act/365) from {floor.normalize():f} to"
        do = "RATE_CAP: see lender.rate_cap_multiple and lender.benchmark"
        key = "overrides" if "rate" in product.overrides else "rate"
        at = table.table(key) if key in table.values else table
        raise at.refuse(
            "rate" if key == "overrides" else "value", f"{rule} {cap.normalize():f}",
            f"{rate.annual.normalize():f}", do,
        )  # fmt: skip


def _check_cap(policy: Policy, product: Product, table: Table) -> None:
    """Refuse a limit above what one household may owe for the product's purpose."""
    cap = policy.lender.borrower_caps.get(product.purpose)
    if cap is not None and product.limit is not None and product.limit.max > cap:
        rule = f"must not be above lender.borrower_caps.{product.purpose} {cap}"
        raise table.table("limit").refuse("max", rule, product.limit.max)


def _check_card(product: Product, table: Table) -> None:
    """Refuse a card whose term ends before its free days do."""
    days = product.term_days
    if product.card is None or days is None or days < product.card.interest_free_days:
        free = product.card.interest_free_days if product.card else "no"
        rule = f"must have days, at least the {free} free of interest"
        raise table.refuse("term", rule, days)
