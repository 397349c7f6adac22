"""What a policy is made of: products with terms, bounds and rules; a lender; grades."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from alicredit.checks import nearest, refuse
from alicredit.errors import PolicyError

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
MEMBERSHIPS = ("ordinary", "paying")
PLATFORMS = ("alibaba_b2b", "taobao", "tmall", "alipay")
PURPOSES = ("business", "consumer")
FACTS = (
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
"""Columns of an applicant's facts that every policy reads; amounts in yuan, lateness in days."""
SOURCE_FACTS = (
    "declared_sales_total_amount_sum_365d",
    "orders_settled_amount_sum_365d",
    "customs_cny_export_amount_sum_365d",
)
"""Yuan of a year, that each source says: declared, settled on the platform, exported."""
EXTRA_FACTS = (
    "city", "sales_12m", "core_company", "human_review_requested", "current_limit",
    "group_outstanding", "bank_inflows_median_180d", *SOURCE_FACTS,
)  # fmt: skip
"""Columns that only some policies read, or that only some applicants have."""
GATES: Mapping[str, str] = MappingProxyType(
    {
        "account_sealed": "account_sealed",
        "fraud_found": "fraud_found",
        "linked_shops_max": "linked_shops",
        "shared_device_max": "shared_device",
        "shared_address_max": "shared_address",
        "related_barred_max": "related_barred",
    }
)
"""Gates before any score, and the column of an applicant's facts that each reads."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Where and for whom a product is open, from when to when (inclusive).

    A planned one has no dates and opens nothing.
    """

    regions: tuple[str, ...]
    memberships: tuple[str, ...]
    valid_from: date | None = None
    valid_to: date | None = None
    is_planned: bool = False
    note: str = ""
    note_zh: str = ""

    def is_open(self, day: date) -> bool:
        """Tell whether it is in force on a day; both ends are."""
        if self.is_planned or self.valid_from is None or day < self.valid_from:
            return False
        return self.valid_to is None or day <= self.valid_to


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Who may borrow; a rule that is None or empty is not asked."""

    platforms: tuple[str, ...] = ()
    any_of: tuple[Opening, ...] = ()
    cities_excluded: tuple[str, ...] = ()
    registered_months_min: int | None = None
    shop_months_min: int | None = None
    positive_rating_min: float | None = None
    violation_points_max: float | None = None
    sales_12m_min: Decimal | None = None
    core_companies: tuple[str, ...] = ()
    days_past_due_max: int = 0
    data_required: tuple[str, ...] = ()


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

    @property
    def annual(self) -> Decimal:
        """Give the simple annual rate (act/365; twelve months)."""
        return self.value * (365 if self.unit == "day" else 12)


@dataclass(frozen=True, slots=True)
class Card:
    """What only a card has: a free period, and a fee that the shop pays on each purchase."""

    interest_free_days: int
    merchant_fee_rate: Decimal


@dataclass(frozen=True, slots=True)
class Economics:
    """How a line is used and lost: assumed numbers that expected loss and profit rest on."""

    lgd: float
    use_at_default: float
    mean_use: float
    draws_a_year: float
    credit_conversion: float | None = None
    half_use_months: float | None = None
    accrued_days: float | None = None
    may_lose: bool | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """From where to where a term may be set in place of the product's own, both inclusive."""

    min: Decimal
    max: Decimal


@dataclass(frozen=True)
class Product:
    """One product: its default terms, its permitted bounds, what is set in their place, and rules.

    The fields hold the terms in force; ``filed`` is the product as it is written where overrides
    or measured losses stand in place of its own.
    """

    id: str
    title: str
    title_zh: str
    kind: str
    status: str
    purpose: str = "business"
    limit: Limit | None = None
    rate: Rate | None = None
    term_months: int | None = None
    term_days: int | None = None
    terms: Mapping[str, Any] = field(default_factory=dict)
    card: Card | None = None
    economics: Economics | None = None
    eligibility: Eligibility = field(default_factory=Eligibility)
    max_pd: float = 1.0
    claims: tuple[tuple[str, int], ...] = ()
    advance_rate: Decimal | None = None
    core_company_share_max: Decimal | None = None
    repayment: str = ""
    bounds: Mapping[str, Bound] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    note: str = ""
    note_zh: str = ""
    filed: Product | None = None

    def __post_init__(self) -> None:
        """Make what is a mapping read-only."""
        for name in ("terms", "bounds", "overrides"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def is_active(self) -> bool:
        """Tell whether it can be lent."""
        return self.status == "active"


@dataclass(frozen=True, slots=True)
class Company:
    """One of the companies that a lender consists of, with capital and borrowings of its own."""

    id: str
    title: str
    title_zh: str
    net_capital: Decimal
    registered_capital: Decimal | None = None
    borrowings: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Lender:
    """Capital, borrowings and the limits that law sets on both."""

    net_capital: Decimal
    borrowings: Mapping[str, Decimal]
    max_banks: int | None
    borrow_ratio: Decimal
    single_borrower_ratio: Decimal
    rate_cap_multiple: Decimal
    rate_floor_multiple: Decimal
    benchmark: Decimal
    funding_rate: Decimal
    operation_per_draw: Decimal
    registered_capital: Decimal | None = None
    benchmark_six_months: Decimal | None = None
    issue_ratio: Decimal = Decimal(0)
    issued: Decimal = Decimal(0)
    donated: Decimal = Decimal(0)
    borrower_caps: Mapping[str, Decimal] = field(default_factory=dict)
    authority_max: Decimal | None = None
    small_loan_share: Decimal | None = None
    small_loan_threshold: Decimal | None = None
    companies: tuple[Company, ...] = ()
    equity_cost: Decimal | None = None
    turnover_tax: Decimal | None = None
    assumed: tuple[str, ...] = ()

    @property
    def lending_multiple(self) -> Decimal:
        """Give the yuan that each yuan of net capital may lend."""
        return 1 + self.borrow_ratio + self.issue_ratio

    @property
    def lending_cap(self) -> Decimal:
        """Give the most that may be lent: net capital and what may be borrowed on it."""
        return self.net_capital * self.lending_multiple

    @property
    def single_borrower_cap(self) -> Decimal:
        """Give the most one borrower may owe."""
        return self.net_capital * self.single_borrower_ratio

    def funds(self, borrowed: Decimal | None = None) -> Decimal:
        """Give what there is to lend: capital, gifts, bonds and what banks lent, up to the cap."""
        owed = sum(self.borrowings.values(), Decimal(0)) if borrowed is None else borrowed
        return min(self.lending_cap, self.net_capital + self.donated + self.issued + owed)

    @property
    def company_titles(self) -> dict[str, list[str]]:
        """Give the titles of its companies by language."""
        return {
            "en": [each.title for each in self.companies],
            "zh": [each.title_zh for each in self.companies],
        }

    def benchmark_of(self, product: Product) -> Decimal:
        """Give the benchmark of a product's tenor: the six-month one, where known, up to that."""
        months, days = product.term_months, product.term_days
        is_short = (months is not None and months <= 6) or (days is not None and days <= 183)
        if is_short and self.benchmark_six_months is not None:
            return self.benchmark_six_months
        return self.benchmark

    def company(self, company_id: str) -> Lender:
        """Give one company as a lender of its own, under the same rules.

        Examples
        --------
        >>> from alicredit.policy import load_policy
        >>> load_policy("ali-2013").lender.company("zhejiang").single_borrower_cap
        Decimal('30000000.00')
        >>> load_policy("ali-2013").lender.company("hangzhou")
        Traceback (most recent call last):
        alicredit.errors.PolicyError: company must be one of the lender's; found 'hangzhou'. ...
        """
        by_id = {each.id: each for each in self.companies}
        if company_id not in by_id:
            hint = nearest(company_id, by_id)
            rule = "must be one of the lender's"
            refuse("company", rule, repr(company_id), hint, error=PolicyError)
        one = by_id[company_id]
        return replace(
            self, net_capital=one.net_capital, registered_capital=one.registered_capital,
            borrowings=one.borrowings, companies=(), issued=Decimal(0), donated=Decimal(0),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grades:
    """Names by upper probability, and the months of sales each may be lent."""

    names: tuple[str, ...]
    upper_pd: tuple[float, ...]
    months_of_sales: tuple[float, ...]
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Referral:
    """What of an applicant that passes all rules is left to a person; None is not asked.

    The lender's ``authority_max`` is the most that is lent without one.
    """

    straddles_cut: bool | None = None
    source_ratio_max: Decimal | None = None
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gates:
    """What bars an applicant before any score; a gate that is None is not asked.

    Where ``is_required`` is false, a gate is asked only of applicants whose facts have its column.
    """

    account_sealed: bool | None = None
    fraud_found: bool | None = None
    linked_shops_max: int | None = None
    shared_device_max: int | None = None
    shared_address_max: int | None = None
    related_barred_max: int | None = None
    is_required: bool = True
    assumed: tuple[str, ...] = ()

    def is_asked(self, gate: str) -> bool:
        """Tell whether a gate is asked at all; a bound of 0 is."""
        value = getattr(self, gate)
        return value is not None and value is not False


@dataclass(frozen=True, slots=True)
class LimitRules:
    """How limits are chosen; a rule that is None is not asked.

    Parameters
    ----------
    by_profit : bool or None
        Whether the amount that earns most in a year bounds the limit, and what earns nothing is
        not lent.
    leverage_effect : float or None
        How the log odds of default rise with the log of the amount over monthly sales.
    prudence : float or None
        Which PD limits are chosen at: pd + prudence x (pd_upper - pd), 0 to 1.
    capacity_share : float or None
        Share of monthly cash flow that may serve debt.
    bank_inflows_most : float or None
        Up to which multiple of platform sales bank inflows count; 1 where none is given.
    keep_within : float or None
        Wanted change of a limit in force that is none, as a share of it.
    raise_most, cut_most : float or None
        Largest change at once, as shares of the limit in force.
    margin : float or None
        Profit that a rate by risk asks for, on a yuan drawn for a year.
    assumed : tuple of str, default ()
        Names of the rules whose numbers are assumptions.
    """

    by_profit: bool | None = None
    leverage_effect: float | None = None
    prudence: float | None = None
    capacity_share: float | None = None
    bank_inflows_most: float | None = None
    keep_within: float | None = None
    raise_most: float | None = None
    cut_most: float | None = None
    margin: float | None = None
    assumed: tuple[str, ...] = ()
