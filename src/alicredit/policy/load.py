"""Reading a policy strictly: every refusal names the key, the value and what is allowed."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

from alicredit.checks import nearest, refusal
from alicredit.errors import PolicyError
from alicredit.policy.contracts import contract_terms
from alicredit.policy.terms import (
    KINDS,
    PRODUCT_STATUSES,
    REGIONS,
    Economics,
    Eligibility,
    Grades,
    Lender,
    Limit,
    Opening,
    Policy,
    Product,
    Rate,
)

SCHEMA_VERSION = 1
BUILT_IN = ("ali-2013",)
_MEMBERSHIPS = ("ordinary", "paying")
_PLATFORMS = ("alibaba_b2b", "taobao", "tmall", "alipay")
_CUSTODY = ("alipay", "custody")
_MOST_OF_TERMS = {
    "service_fee_rate": "1", "prepay_fee_rate": "1", "penalty_multiplier": "100",
    "misuse_penalty": "100",
}  # fmt: skip


@dataclass(frozen=True)
class Section:
    """One table of the file, read key by key; what was not asked for is refused at the end."""

    content: Mapping[str, Any]
    where: str

    def refuse(self, key: str, rule: str, found: object, do: str = "") -> PolicyError:
        """Compose the refusal of one key."""
        return PolicyError(refusal(f"{self.where}{key}", rule, found, do))

    def only(self, *known: str) -> None:
        """Refuse keys that have no meaning."""
        for key in self.content:
            if key not in known:
                rule = "must be a known key"
                raise self.refuse(key, rule, repr(key), nearest(key, known))

    def get(self, key: str, *, required: bool = True) -> Any:
        """Take a value; refuse its absence where it is required."""
        if required and key not in self.content:
            raise self.refuse(key, "must be given", "nothing")
        return self.content.get(key)

    def text(self, key: str) -> str:
        """Take a text that is not empty."""
        value = self.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.refuse(key, "must be a text", repr(value))
        return value

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        """Take one of the allowed words."""
        value = self.text(key)
        if value not in allowed:
            raise self.refuse(key, "must be an allowed word", repr(value), nearest(value, allowed))
        return value

    def choices(self, key: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        """Take a list of allowed words."""
        values = self.get(key)
        if not isinstance(values, list) or not values:
            raise self.refuse(key, "must be a list of words", repr(values))
        for value in values:
            if value not in allowed:
                rule = "must hold allowed words"
                raise self.refuse(key, rule, repr(value), nearest(str(value), allowed))
        return tuple(values)

    def decimal(self, key: str, low: str, high: str, *, required: bool = True) -> Decimal | None:
        """Take an exact number within bounds, written as text or number."""
        value = self.get(key, required=required)
        if value is None:
            return None
        try:
            number = Decimal(str(value))
        except InvalidOperation as error:
            raise self.refuse(key, "must be a number", repr(value)) from error
        if isinstance(value, bool) or not number.is_finite():
            raise self.refuse(key, "must be a number", repr(value))
        if not Decimal(low) <= number <= Decimal(high):
            raise self.refuse(key, f"must lie from {low} to {high}", value)
        return number

    def number(self, key: str, low: str, high: str) -> Decimal:
        """Take an exact number that must be there."""
        found = self.decimal(key, low, high)
        return Decimal(0) if found is None else found

    def whole(self, key: str, low: int, high: int, *, required: bool = True) -> int | None:
        """Take a whole number within bounds."""
        value = self.get(key, required=required)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.refuse(key, f"must be a whole number from {low} to {high}", repr(value))
        return value

    def section(self, key: str, *, required: bool = True) -> Section:
        """Take a table within this one; an empty one where it may be absent."""
        value = self.get(key, required=required)
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            raise self.refuse(key, "must be a table", type(value).__name__)
        return Section(value, f"{self.where}{key}.")

    def sections(self, key: str) -> list[Section]:
        """Take a list of tables; empty where it is absent."""
        value = self.content.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
            raise self.refuse(key, "must be a list of tables", type(value).__name__)
        return [Section(each, f"{self.where}{key}[{k}].") for k, each in enumerate(value)]

    def floats(self, key: str) -> tuple[float, ...]:
        """Take a list of finite numbers."""
        values = self.get(key)
        good = isinstance(values, list) and all(
            isinstance(each, int | float) and not isinstance(each, bool) and math.isfinite(each)
            for each in values
        )
        if not good:
            raise self.refuse(key, "must be a list of numbers", repr(values))
        return tuple(float(each) for each in values)

    def texts(self, key: str) -> tuple[str, ...]:
        """Take a list of texts that may be absent."""
        value = self.content.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.refuse(key, "must be a list of texts", repr(value))
        return tuple(value)


def load_policy(name_or_path: str | Path | Policy) -> Policy:
    """Load a built-in policy by name, or one's own from a TOML file.

    Parameters
    ----------
    name_or_path : str, Path or Policy
        ``"ali-2013"``, a path ending in ``.toml``, or a policy, which is given back.

    Returns
    -------
    Policy
        Validated and frozen.

    Raises
    ------
    PolicyError
        For an unknown name, or with the place in the file, the value and what is allowed.

    Examples
    --------
    >>> load_policy("ali-2013").lender.lending_cap
    Decimal('2400000000.0')
    >>> load_policy("ali-2031")
    Traceback (most recent call last):
    alicredit.errors.PolicyError: policy must be a built-in name or a .toml file; ...
    """
    if isinstance(name_or_path, Policy):
        return name_or_path
    name = str(name_or_path)
    if name in BUILT_IN:
        place = resources.files("alicredit.policy") / "builtin" / f"{name}.toml"
        text = place.read_text(encoding="utf-8")
    elif name.endswith(".toml") and Path(name).is_file():
        text = _text_of(Path(name))
    else:
        rule = "must be a built-in name or a .toml file"
        raise PolicyError(refusal("policy", rule, repr(name), nearest(name, BUILT_IN)))
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(refusal("policy", "must be valid TOML", error)) from error
    return read_policy(content)


def _text_of(path: Path) -> str:
    """Read a file of text; refuse one that is none."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        rule = "must be a text file in UTF-8"
        raise PolicyError(refusal("policy", rule, f"{path} ({error})")) from error


def read_policy(content: Mapping[str, Any]) -> Policy:
    """Make a policy of parsed content, refusing what it does not understand."""
    if not isinstance(content, Mapping):
        raise PolicyError(refusal("policy", "must be a table", type(content).__name__))
    top = Section(content, "")
    top.only("schema_version", "name", "title", "title_zh", "lender", "grades", "products")
    version = top.whole("schema_version", 1, 1000)
    if version != SCHEMA_VERSION:
        raise top.refuse("schema_version", f"must be {SCHEMA_VERSION}", version)
    products = [_product(each) for each in top.sections("products")]
    ids = [product.id for product in products]
    for one in ids:
        if ids.count(one) > 1:
            raise top.refuse("products", "must have different ids", repr(one))
    if not any(product.is_active for product in products):
        raise top.refuse("products", "must have an active one", f"{len(ids)} others")
    text = json.dumps(content, sort_keys=True, default=str, ensure_ascii=False)
    lender = _lender(top.section("lender"))
    policy = Policy(
        name=top.text("name"),
        title=top.text("title"),
        title_zh=top.text("title_zh"),
        products={product.id: product for product in products},
        lender=lender,
        grades=_grades(top.section("grades")),
        policy_id=hashlib.sha256(text.encode()).hexdigest(),
    )
    for product in policy.active:
        contract_terms(product)
    _check_rates(policy)
    return policy


def _lender(s: Section) -> Lender:
    """Read the lender; client money held in custody is never a source of funds."""
    s.only(
        "net_capital", "borrowings", "max_banks", "borrow_ratio", "single_borrower_ratio",
        "rate_cap_multiple", "rate_floor_multiple", "benchmark", "funding_rate",
        "operation_per_draw", "assumed",
    )  # fmt: skip
    s.texts("assumed")
    banks = s.section("borrowings", required=False)
    borrowings = {bank: banks.number(bank, "0", "1e15") for bank in banks.content}
    for bank in borrowings:
        if any(word in bank.lower() for word in _CUSTODY):
            rule = "must not be money held in custody for clients"
            raise banks.refuse(bank, rule, repr(bank))
    lender = Lender(
        net_capital=s.number("net_capital", "1", "1e15"),
        borrowings=borrowings,
        max_banks=s.whole("max_banks", 0, 100) or 0,
        borrow_ratio=s.number("borrow_ratio", "0", "10"),
        single_borrower_ratio=s.number("single_borrower_ratio", "0", "1"),
        rate_cap_multiple=s.number("rate_cap_multiple", "0", "100"),
        rate_floor_multiple=s.number("rate_floor_multiple", "0", "100"),
        benchmark=s.number("benchmark", "0", "1"),
        funding_rate=s.number("funding_rate", "0", "1"),
        operation_per_draw=s.number("operation_per_draw", "0", "1e6"),
    )
    if lender.rate_floor_multiple > lender.rate_cap_multiple:
        rule = "must not be above rate_cap_multiple"
        raise s.refuse("rate_floor_multiple", rule, lender.rate_floor_multiple)
    return lender


def _grades(s: Section) -> Grades:
    """Read the master scale: bounds that rise to 1, multiples that do not rise."""
    s.only("names", "upper_pd", "months_of_sales", "assumed")
    s.texts("assumed")
    names = s.texts("names")
    if not names or len(set(names)) < len(names):
        raise s.refuse("names", "must be texts, each another", repr(names))
    bounds, months = s.floats("upper_pd"), s.floats("months_of_sales")
    if not len(names) == len(bounds) == len(months):
        raise s.refuse("upper_pd", f"must have one value a name ({len(names)})", len(bounds))
    if any(a >= b for a, b in pairwise(bounds)) or bounds[0] <= 0 or bounds[-1] != 1:
        raise s.refuse("upper_pd", "must rise from above 0 to 1", bounds)
    if any(a < b for a, b in pairwise(months)) or months[-1] < 0:
        raise s.refuse("months_of_sales", "must not rise as risk does", months)
    return Grades(names, bounds, months)


def _product(s: Section) -> Product:
    """Read one product; one that can be lent needs every term."""
    s.only(
        "id", "title", "title_zh", "kind", "status", "limit", "rate", "term", "terms",
        "economics", "eligibility", "max_pd", "claims", "advance_rate", "repayment", "assumed",
    )  # fmt: skip
    status = s.choice("status", PRODUCT_STATUSES)
    kind = s.choice("kind", KINDS)
    if status == "active" and kind in ("planned", "card", "supply_chain_order"):
        rule = "must be of a kind this version can lend"
        raise s.refuse("kind", rule, repr(kind), "use term, revolving or order_advance")
    required = status == "active"
    term = s.section("term", required=required)
    term.only("months", "days")
    terms = s.section("terms", required=False)
    for key, most in _MOST_OF_TERMS.items():
        terms.decimal(key, "0", most, required=False)
    product = Product(
        id=s.text("id"),
        title=s.text("title"),
        title_zh=s.text("title_zh"),
        kind=kind,
        status=status,
        limit=_limit(s.section("limit", required=required), required=required),
        rate=_rate(s.section("rate", required=required), required=required),
        term_months=term.whole("months", 1, 600, required=False),
        term_days=term.whole("days", 1, 36_500, required=False),
        terms=dict(terms.content),
        economics=_economics(s.section("economics", required=required), required=required),
        eligibility=_eligibility(s.section("eligibility", required=required)),
        max_pd=float(s.number("max_pd", "0", "1")) if required else 1.0,
        claims=_claims(s) if required else (),
        advance_rate=s.decimal("advance_rate", "0.01", "1", required=kind == "order_advance"),
        repayment=s.text("repayment") if required else "",
        assumed=s.texts("assumed"),
    )
    if required and (product.term_months is None) == (product.term_days is None):
        raise s.refuse("term", "must have months or days, one of them", dict(term.content))
    return product


def _limit(s: Section, *, required: bool) -> Limit | None:
    """Read the limit's bounds and step."""
    s.only("min", "max", "step")
    if not required and not s.content:
        return None
    limit = Limit(
        max=s.number("max", "0.01", "1e12"),
        step=s.number("step", "0.01", "1e9"),
        min=s.decimal("min", "0", "1e12", required=False),
    )
    if limit.min is not None and limit.min > limit.max:
        raise s.refuse("min", "must not be above max", f"{limit.min} over {limit.max}")
    return limit


def _rate(s: Section, *, required: bool) -> Rate | None:
    """Read the rate and the bounds it may be set within."""
    s.only("value", "unit", "min", "max")
    if not required and not s.content:
        return None
    rate = Rate(
        value=s.number("value", "0", "0.2"),
        unit=s.choice("unit", ("day", "month")),
        min=s.number("min", "0", "0.2"),
        max=s.number("max", "0", "0.2"),
    )
    if not rate.min <= rate.value <= rate.max:
        raise s.refuse("value", f"must lie from min {rate.min} to max {rate.max}", rate.value)
    return rate


def _economics(s: Section, *, required: bool) -> Economics | None:
    """Read how a line is used and lost."""
    s.only("lgd", "use_at_default", "mean_use", "draws_a_year")
    if not required and not s.content:
        return None
    return Economics(
        lgd=float(s.number("lgd", "0", "1")),
        use_at_default=float(s.number("use_at_default", "0", "1.5")),
        mean_use=float(s.number("mean_use", "0", "1")),
        draws_a_year=float(s.number("draws_a_year", "0", "1000")),
    )


def _claims(s: Section) -> tuple[tuple[str, int], ...]:
    """Read which probabilities the product takes: level and horizon in days."""
    claims = s.get("claims")
    good = isinstance(claims, list) and claims and all(
        isinstance(c, list) and len(c) == 2 and c[0] in ("borrower", "facility")
        and type(c[1]) is int and c[1] > 0
        for c in claims
    )  # fmt: skip
    if not good:
        raise s.refuse("claims", 'must be a list such as [["borrower", 365]]', repr(claims))
    return tuple((level, horizon) for level, horizon in claims)


def _eligibility(s: Section) -> Eligibility:
    """Read who may borrow."""
    s.only(
        "platforms", "any_of", "registered_months_min", "shop_months_min", "positive_rating_min",
        "violation_points_max", "sales_12m_min",
    )  # fmt: skip
    rating = s.decimal("positive_rating_min", "0", "1", required=False)
    points = s.decimal("violation_points_max", "0", "1000", required=False)
    openings = tuple(_opening(each) for each in s.sections("any_of"))
    _refuse_overlaps(s, openings)
    return Eligibility(
        platforms=s.choices("platforms", _PLATFORMS) if "platforms" in s.content else (),
        any_of=openings,
        registered_months_min=s.whole("registered_months_min", 0, 1200, required=False),
        shop_months_min=s.whole("shop_months_min", 0, 1200, required=False),
        positive_rating_min=None if rating is None else float(rating),
        violation_points_max=None if points is None else float(points),
        sales_12m_min=s.decimal("sales_12m_min", "0", "1e12", required=False),
    )


def _opening(s: Section) -> Opening:
    """Read where and for whom a product is open."""
    s.only("regions", "memberships", "valid_from", "valid_to")
    start, end = s.get("valid_from"), s.get("valid_to", required=False)
    for key, day in (("valid_from", start), ("valid_to", end)):
        if day is not None and type(day) is not date:
            raise s.refuse(key, "must be a date such as 2013-03-01", repr(day))
    if end is not None and end < start:
        raise s.refuse("valid_to", f"must not lie before valid_from {start}", end)
    return Opening(
        s.choices("regions", REGIONS), s.choices("memberships", _MEMBERSHIPS), start, end
    )


def _refuse_overlaps(s: Section, openings: tuple[Opening, ...]) -> None:
    """Refuse two openings that say the same of one region, membership and day."""
    for k, one in enumerate(openings):
        for other in openings[k + 1 :]:
            shared = set(one.regions) & set(other.regions)
            if not shared or not set(one.memberships) & set(other.memberships):
                continue
            last = one.valid_to or date.max
            other_last = other.valid_to or date.max
            if one.valid_from <= other_last and other.valid_from <= last:
                rule = "must not overlap in region, membership and dates"
                raise s.refuse("any_of", rule, f"{sorted(shared)[0]} twice")


def _check_rates(policy: Policy) -> None:
    """Refuse a contract rate above the cap or below the floor the policy itself names."""
    lender = policy.lender
    for product in policy.active:
        if product.rate is None:
            continue
        annual = product.rate.value * (365 if product.rate.unit == "day" else 12)
        cap = lender.rate_cap_multiple * lender.benchmark
        floor = lender.rate_floor_multiple * lender.benchmark
        if not floor <= annual <= cap:
            rule = f"must give a simple annual rate (act/365) from {floor} to {cap}"
            where = f"products.{product.id}.rate.value"
            raise PolicyError(refusal(where, rule, annual, "RATE_CAP"))
