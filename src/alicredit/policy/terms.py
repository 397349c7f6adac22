"""What a policy is made of: products with terms, bounds and rules; a lender; grades."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from alicredit.checks import nearest, refusal, require_between, require_kind
from alicredit.errors import PolicyError

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("term", "revolving", "order_advance", "card", "supply_chain_order", "planned")
PRODUCT_STATUSES = ("active", "planned", "example")
REGIONS = (
    "anhui", "beijing", "chongqing", "fujian", "gansu", "guangdong", "guangxi", "guizhou",
    "hainan", "hebei", "heilongjiang", "henan", "hongkong", "hubei", "hunan", "inner_mongolia",
    "jiangsu", "jiangxi", "jilin", "liaoning", "macau", "ningxia", "qinghai", "shaanxi",
    "shandong", "shanghai", "shanxi", "sichuan", "taiwan", "tianjin", "tibet", "xinjiang",
    "yunnan", "zhejiang",
)  # fmt: skip
"""Provinces as the records spell them."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Where and for whom a product is open, from when to when (inclusive)."""

    regions: tuple[str, ...]
    memberships: tuple[str, ...]
    valid_from: date
    valid_to: date | None = None


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Who may borrow; a rule that is None or empty is not asked."""

    platforms: tuple[str, ...] = ()
    any_of: tuple[Opening, ...] = ()
    registered_months_min: int | None = None
    shop_months_min: int | None = None
    positive_rating_min: float | None = None
    violation_points_max: float | None = None
    sales_12m_min: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """Least and most that may be lent, in yuan, and the step."""

    max: Decimal
    step: Decimal
    min: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """The contract rate, per day or month, and the bounds it may be set within."""

    value: Decimal
    unit: str
    min: Decimal
    max: Decimal


@dataclass(frozen=True, slots=True)
class Economics:
    """How a line is used and lost: assumed numbers that expected loss and profit rest on."""

    lgd: float
    use_at_default: float
    mean_use: float
    draws_a_year: float


@dataclass(frozen=True)
class Product:
    """One product: what it is, its default terms, its permitted bounds, who may have it."""

    id: str
    title: str
    title_zh: str
    kind: str
    status: str
    limit: Limit | None = None
    rate: Rate | None = None
    term_months: int | None = None
    term_days: int | None = None
    terms: Mapping[str, Any] = field(default_factory=dict)
    economics: Economics | None = None
    eligibility: Eligibility = field(default_factory=Eligibility)
    max_pd: float = 1.0
    claims: tuple[tuple[str, int], ...] = ()
    advance_rate: Decimal | None = None
    repayment: str = ""
    assumed: tuple[str, ...] = ()

    @property
    def is_active(self) -> bool:
        """Tell whether it can be lent."""
        return self.status == "active"


@dataclass(frozen=True)
class Lender:
    """Capital, borrowings and the limits that law sets on both."""

    net_capital: Decimal
    borrowings: Mapping[str, Decimal]
    max_banks: int
    borrow_ratio: Decimal
    single_borrower_ratio: Decimal
    rate_cap_multiple: Decimal
    rate_floor_multiple: Decimal
    benchmark: Decimal
    funding_rate: Decimal
    operation_per_draw: Decimal

    @property
    def lending_cap(self) -> Decimal:
        """Give the most that may be lent: net capital and what may be borrowed on it."""
        return self.net_capital * (1 + self.borrow_ratio)

    @property
    def single_borrower_cap(self) -> Decimal:
        """Give the most one borrower may owe."""
        return self.net_capital * self.single_borrower_ratio


@dataclass(frozen=True, slots=True)
class Grades:
    """Names by upper probability, and the months of sales each may be lent."""

    names: tuple[str, ...]
    upper_pd: tuple[float, ...]
    months_of_sales: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Policy:
    """What the lender chooses, as read from a file.

    Parameters
    ----------
    name, title, title_zh : str
        Its name, and what a person reads.
    products : mapping of str to Product
        By id, in the file's order.
    lender : Lender
        Whose money it is.
    grades : Grades
        The master scale.
    policy_id : str
        Digest of the content.
    measured_lgd : mapping of str to float, default empty
        Losses given default that stand in place of the file's, see :meth:`with_lgd`.
    file_id : str, default ""
        Digest of the file alone, where they do.

    Examples
    --------
    >>> from alicredit.policy import load_policy
    >>> policy = load_policy("ali-2013")
    >>> [product.id for product in policy.active]
    ['ali_credit', 'taobao_credit', 'taobao_order']
    >>> policy.product("taobao_orders")
    Traceback (most recent call last):
    alicredit.errors.PolicyError: product must be one of the policy; found 'taobao_orders'. ...
    """

    name: str
    title: str
    title_zh: str
    products: Mapping[str, Product]
    lender: Lender
    grades: Grades
    policy_id: str
    measured_lgd: Mapping[str, float] = field(default_factory=dict)
    file_id: str = ""

    def __post_init__(self) -> None:
        """Make the products and what was measured read-only."""
        object.__setattr__(self, "products", MappingProxyType(dict(self.products)))
        object.__setattr__(self, "measured_lgd", MappingProxyType(dict(self.measured_lgd)))

    def __repr__(self) -> str:
        """Name it, its live products and its id."""
        live = ", ".join(product.id for product in self.active)
        return f"Policy({self.name}: {live}; {self.policy_id[:12]})"

    @property
    def active(self) -> tuple[Product, ...]:
        """Give the products that can be lent, in the file's order."""
        return tuple(product for product in self.products.values() if product.is_active)

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Give the facts of an applicant that rules and limits read."""
        return REQUIRED_COLUMNS

    def product(self, product_id: str) -> Product:
        """Give a product by id; PolicyError with the nearest id otherwise."""
        if not isinstance(product_id, str) or product_id not in self.products:
            hint = nearest(product_id, self.products)
            rule = "must be one of the policy"
            raise PolicyError(refusal("product", rule, repr(product_id), hint))
        return self.products[product_id]

    def with_lgd(self, lgd: Mapping[str, float]) -> Policy:
        """Give the policy with losses given default that were measured; its id changes with them.

        ``lgd`` maps ids of active products to shares from 0 to 1. The id is the digest of the
        file's and of all that was measured, whatever the order in which it came. PolicyError for a
        product that is unknown or has no economics, or a share that is none.

        Examples
        --------
        >>> from alicredit.policy import load_policy
        >>> policy = load_policy("ali-2013")
        >>> measured = policy.with_lgd({"taobao_order": 0.45})
        >>> measured.product("taobao_order").economics.lgd, measured.policy_id == policy.policy_id
        (0.45, False)
        >>> policy.with_lgd({"taobao_order": 45})
        Traceback (most recent call last):
        alicredit.errors.PolicyError: lgd['taobao_order'] must be a number from 0 to 1; found 45.
        """
        rule = "must be a mapping from product to share"
        require_kind("lgd", lgd, Mapping, rule, error=PolicyError)  # type: ignore[type-abstract]
        products = dict(self.products)
        for each, share in lgd.items():
            product = self.product(each)
            require_between(f"lgd[{each!r}]", share, 0, 1, error=PolicyError)
            if product.economics is None:
                raise PolicyError(refusal(f"lgd[{each!r}]", "must be of a product with economics",
                                          product.status))  # fmt: skip
            products[each] = replace(
                product, economics=replace(product.economics, lgd=float(share))
            )
        measured = dict(self.measured_lgd) | {each: float(share) for each, share in lgd.items()}
        if not measured:
            return self
        file_id = self.file_id or self.policy_id
        text = json.dumps({"file": file_id, "lgd": measured}, sort_keys=True)
        return replace(self, products=products, measured_lgd=measured, file_id=file_id,
                       policy_id=hashlib.sha256(text.encode()).hexdigest())  # fmt: skip

    def describe(self) -> pd.DataFrame:
        """List the products as a frame: titles, limits, rate, term, who may have it."""
        import pandas as pd

        rows = [
            {
                "product_id": p.id,
                "title": p.title,
                "title_zh": p.title_zh,
                "status": p.status,
                "kind": p.kind,
                "limit_min": None if p.limit is None or p.limit.min is None else str(p.limit.min),
                "limit_max": None if p.limit is None else str(p.limit.max),
                "rate": None if p.rate is None else f"{p.rate.value} a {p.rate.unit}",
                "term": f"{p.term_months} months"
                if p.term_months
                else f"{p.term_days or '-'} days",
                "platforms": ", ".join(p.eligibility.platforms),
                "assumed": ", ".join(p.assumed),
            }
            for p in self.products.values()
        ]
        return pd.DataFrame(rows)


REQUIRED_COLUMNS = (
    "platform",
    "membership",
    "region",
    "registered_at",
    "shop_opened_at",
    "blacklisted",
    "days_past_due",
    "positive_rating_share",
    "violation_points_365d",
    "monthly_sales_median_180d",
    "order_base",
    "outstanding",
)
"""Columns of an applicant's facts; amounts in yuan, lateness in days."""
