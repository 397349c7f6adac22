"""From tables that were read to the parts of a policy."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

from alicredit.policy.file.schema import LENT_KINDS, OWN_BOUNDS, SETTABLE, children
from alicredit.policy.file.strict import Table
from alicredit.policy.lender import Company, Lender
from alicredit.policy.rules import Gates, Grades, LimitRules, Referral
from alicredit.policy.terms import (
    Bound,
    Card,
    Economics,
    Eligibility,
    Limit,
    Opening,
    Product,
    Rate,
)

_CUSTODY = ("alipay", "custody")


def build_lender(table: Table) -> Lender:
    """Build the lender; client money held in custody is never a source of funds."""
    _refuse_custody(table)
    given = dict(table.values)
    companies = [_company(each) for each in given.pop("companies", [])]
    caps = table.table("borrower_caps").values
    known = {name: value for name, value in given.items() if name != "borrower_caps"}
    made = Lender(
        **{"borrowings": {}, "max_banks": None, "borrower_caps": dict(caps)} | known,
        companies=tuple(companies),
    )
    if made.rate_floor_multiple > made.rate_cap_multiple:
        rule = "must not be above rate_cap_multiple"
        raise table.refuse("rate_floor_multiple", rule, made.rate_floor_multiple)
    if (made.small_loan_share is None) != (made.small_loan_threshold is None):
        rule = "must be given with small_loan_threshold, or neither"
        raise table.refuse("small_loan_share", rule, made.small_loan_share)
    if companies:
        _check_companies(table, made)
    return made


def _company(table: Table) -> Company:
    """Build one of the lender's companies."""
    _refuse_custody(table)
    return Company(**table.values)


def _refuse_custody(table: Table) -> None:
    """Refuse money held for clients as a source of funds."""
    for bank in table["borrowings"] or {}:
        if any(word in bank.lower() for word in _CUSTODY):
            rule = "must not be money held in custody for clients"
            raise table.table("borrowings").refuse(bank, rule, repr(bank))


def _check_companies(table: Table, lender: Lender) -> None:
    """Refuse companies whose capital or borrowings do not add up to the lender's."""
    ids = [each.id for each in lender.companies]
    if len(set(ids)) < len(ids):
        raise table.refuse("companies", "must have different ids", repr(ids))
    for name in ("net_capital", "registered_capital"):
        parts, whole = [getattr(each, name) for each in lender.companies], getattr(lender, name)
        if all(part is not None for part in (*parts, whole)) and sum(parts) != whole:
            rule = f"must add up to the lender's {name} {whole}"
            raise table.refuse("companies", rule, sum(parts))
    banks: dict[str, Any] = {}
    for each in lender.companies:
        for bank, owed in each.borrowings.items():
            banks[bank] = banks.get(bank, 0) + owed
    if banks and banks != dict(lender.borrowings):
        rule = "must owe each bank what the lender does"
        raise table.refuse("companies", rule, {bank: str(owed) for bank, owed in banks.items()})


def build_grades(table: Table) -> Grades:
    """Build the master scale: bounds that rise to 1, multiples that do not rise."""
    names, bounds, months = (table[key] for key in ("names", "upper_pd", "months_of_sales"))
    for key in ("upper_pd", "months_of_sales"):
        if len(table[key]) != len(names):
            raise table.refuse(key, f"must have one value a name ({len(names)})", len(table[key]))
    if any(a >= b for a, b in pairwise(bounds)) or bounds[0] <= 0 or bounds[-1] != 1:
        raise table.refuse("upper_pd", "must rise from above 0 to 1", list(bounds))
    if any(a < b for a, b in pairwise(months)):
        raise table.refuse("months_of_sales", "must not rise as risk does", list(months))
    return Grades(**table.values)


def build_gates(table: Table) -> Gates:
    """Build the gates."""
    return Gates(**table.values)


def build_limit_rules(table: Table) -> LimitRules:
    """Build how limits are chosen."""
    return LimitRules(**table.values)


def build_refer(table: Table) -> Referral:
    """Build what is left to a person."""
    return Referral(**table.values)


def build_product(table: Table) -> Product:
    """Build one product; one that can be lent needs every term of its kind."""
    kind, is_lent = table["kind"], table["status"] == "active"
    if is_lent and kind not in LENT_KINDS:
        rule, do = "must be a kind that can be lent", f"use one of {', '.join(LENT_KINDS)}"
        raise table.refuse("kind", rule, repr(kind), f"{do}, and give every term of it")
    if is_lent:
        _require_terms(table, "products", kind)
        if "eligibility" in table.values:
            _require_terms(table.table("eligibility"), "products.eligibility", kind)
    given = {name: value for name, value in table.values.items() if not isinstance(value, Table)}
    term = table.table("term")
    if term.values and (term["months"] is None) == (term["days"] is None):
        raise table.refuse("term", "must have months or days, one of them", dict(term.values))
    if is_lent and not term.values:
        raise table.refuse("term", "must have months or days, one of them", {})
    has = table.values
    product = Product(
        **given,
        limit=_limit(table.table("limit")) if "limit" in has else None,
        rate=_rate(table.table("rate")) if "rate" in has else None,
        term_months=term["months"],
        term_days=term["days"],
        terms=dict(table.table("terms").values),
        card=Card(**table.table("card").values) if "card" in has else None,
        economics=Economics(**table.table("economics").values) if "economics" in has else None,
        eligibility=_eligibility(table.table("eligibility")),
    )
    return _overridden(_within_bounds(product, table), table)


def _require_terms(table: Table, prefix: str, kind: str) -> None:
    """Refuse a product that is lent without a term that its kind needs."""
    for name, key in children(prefix).items():
        if name not in table.values and ("lent" in key.needed or kind in key.needed.split()):
            rule = f"must be given for a product of kind {kind} that is lent"
            do = f"{key.text}" + (f", from {key.low} to {key.high}" if key.low else "")
            raise table.refuse(name, rule, "nothing", do)


def _limit(table: Table) -> Limit:
    """Build the limit's bounds and step."""
    limit = Limit(**table.values)
    if limit.min is not None and limit.min > limit.max:
        raise table.refuse("min", f"must not be above max {limit.max}", limit.min)
    for name, amount in (("max", limit.max), ("min", limit.min)):
        if amount is not None and amount % limit.step:
            rule = f"must divide {name} {amount} without rest"
            raise table.refuse("step", rule, limit.step)
        if amount is not None and amount * 100 % 1:
            raise table.refuse(name, "must be whole fen", amount)
    if limit.step * 100 % 1:
        raise table.refuse("step", "must be whole fen", limit.step)
    return limit


def _rate(table: Table) -> Rate:
    """Build the contract rate within its bounds."""
    rate = Rate(**table.values)
    if rate.min > rate.max:
        raise table.refuse("min", f"must not be above max {rate.max}", rate.min)
    if not rate.min <= rate.value <= rate.max:
        raise table.refuse("value", f"must lie from min {rate.min} to max {rate.max}", rate.value)
    return rate


def _eligibility(table: Table) -> Eligibility:
    """Build who may borrow."""
    given = {name: value for name, value in table.values.items() if name != "any_of"}
    tables = table["any_of"] or []
    openings = tuple(_opening(each) for each in tables)
    _refuse_overlaps(tables, openings)
    return Eligibility(**given, any_of=openings)


def _opening(table: Table) -> Opening:
    """Build where and for whom a product is open."""
    start, end, is_planned = table["valid_from"], table["valid_to"], table["status"] == "planned"
    if start is None and not is_planned:
        do = 'a date such as 2013-03-01, or status = "planned"'
        raise table.refuse("valid_from", "must be given", "nothing", do)
    if is_planned and (start is not None or end is not None):
        raise table.refuse("valid_from", "must be left out of what is planned", start or end)
    if end is not None and end < start:
        raise table.refuse("valid_to", f"must not lie before valid_from {start}", end)
    given = {name: value for name, value in table.values.items() if name != "status"}
    return Opening(**given, is_planned=is_planned)


def _refuse_overlaps(tables: list[Table], openings: tuple[Opening, ...]) -> None:
    """Refuse two openings that say the same of one region, membership and day."""
    for k, one in enumerate(openings):
        for j, other in enumerate(openings[:k]):
            shared = sorted(set(one.regions) & set(other.regions))
            members = sorted(set(one.memberships) & set(other.memberships))
            if not shared or not members or one.is_planned or other.is_planned:
                continue
            latest = max(day for day in (one.valid_from, other.valid_from) if day)
            if one.is_open(latest) and other.is_open(latest):
                rule = f"must not overlap any_of[{j}] in region, membership and dates"
                found = f"{shared[0]} {members[0]} from {one.valid_from} twice"
                raise tables[k].refuse("valid_from", rule, found, "end the other with valid_to")


def _within_bounds(product: Product, table: Table) -> Product:
    """Refuse a default outside its own bounds, or bounds of a term that is not given."""
    for name, bound in product.bounds.items():
        value = value_of(product, name)
        if value is None:
            rule = "must bound a term that the product has"
            raise table.table("bounds").refuse(name, rule, f"no {SETTABLE[name]}")
        if not _holds(bound, value):
            rule = f"must hold the product's own {SETTABLE[name]} {value}"
            raise table.table("bounds").refuse(name, rule, f"{bound.min} to {bound.max}")
    return product


def _holds(bound: Bound, value: Any) -> bool:
    """Tell whether a value lies within bounds; an estimate is compared as one."""
    if isinstance(value, float):
        return float(bound.min) <= value <= float(bound.max)
    return bool(bound.min <= value <= bound.max)


def value_of(product: Product, name: str) -> Any:
    """Give the value of a term that may be set; None where the product has none."""
    first, _, last = SETTABLE[name].partition(".")
    if first == "term":
        return getattr(product, name)
    part = getattr(product, first)
    if not last or part is None:
        return part
    return part.get(last) if first == "terms" else getattr(part, last)


def bound_of(product: Product, name: str) -> Bound | None:
    """Give from where to where a term may be set; None where it may not."""
    if name not in OWN_BOUNDS:
        return product.bounds.get(name)
    if name == "rate":
        return None if product.rate is None else Bound(product.rate.min, product.rate.max)
    limit = product.limit
    return None if limit is None else Bound(limit.step if limit.min is None else limit.min,
                                            limit.max)  # fmt: skip


def _overridden(product: Product, table: Table) -> Product:
    """Set terms in place of the product's own, within its bounds."""
    if not product.overrides:
        return product
    here, made = table.table("overrides"), product
    here = Table(product.overrides, (*table.path, "overrides"), table.lines)
    for name, value in product.overrides.items():
        bound = bound_of(product, name)
        if bound is None:
            able = [each for each in SETTABLE if bound_of(product, each) is not None]
            rule = "must be a term that the product's bounds let be set"
            raise here.refuse(name, rule, repr(name), f"use one of {', '.join(able)}")
        if not _holds(bound, value):
            raise here.refuse(name, f"must lie from {bound.min} to {bound.max}", value)
        made = _set(made, name, value)
    limit = made.limit
    if limit is not None and limit.min is not None and limit.min > limit.max:
        raise here.refuse("limit_min", f"must not be above limit_max {limit.max}", limit.min)
    for name in ("limit_min", "limit_max"):
        if limit is not None and name in product.overrides and product.overrides[name] % limit.step:
            raise here.refuse(name, f"must be steps of {limit.step}", product.overrides[name])
    return replace(made, filed=product)


def _set(product: Product, name: str, value: Any) -> Product:
    """Give the product with one term in the place of its own."""
    first, _, last = SETTABLE[name].partition(".")
    if first == "term":
        return replace(product, **{name: value})
    if not last:
        return replace(product, **{first: value})
    part = getattr(product, first)
    if first == "terms":
        return replace(product, terms={**part, last: value})
    return replace(product, **{first: replace(part, **{last: value})})
