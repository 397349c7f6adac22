"""Products: their terms, the bounds these may be set within, and who may borrow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Opening:
    """Where and for whom a product is open, from when to when.

    Parameters
    ----------
    regions : tuple of str
        Provinces, of ``REGIONS``.
    memberships : tuple of str
        Of ``MEMBERSHIPS``.
    valid_from : date or None, default None
        First day; None of what is only planned.
    valid_to : date or None, default None
        Last day, which counts; None: open until the policy changes.
    is_planned : bool, default False
        Announced without a date: it opens nothing.
    note, note_zh : str, default ""
        What else is to be said of it.

    Examples
    --------
    >>> opening = Opening(("zhejiang",), ("paying",), date(2013, 1, 1), date(2013, 6, 30))
    >>> [opening.is_open(date(2013, month, 30)) for month in (6, 7)]
    [True, False]
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
    """Who may borrow; a rule that is None or empty is not asked.

    Parameters
    ----------
    platforms : tuple of str, default ()
        Platforms that the shop may stand on, of ``PLATFORMS``.
    any_of : tuple of Opening, default ()
        One of which must be in force for the shop's region and membership.
    cities_excluded : tuple of str, default ()
        Cities left out.
    registered_months_min, shop_months_min : int or None, default None
        Least completed months since registration, and since the shop opened.
    positive_rating_min : float or None, default None
        Least share of positive ratings in 365 days, 0 to 1.
    violation_points_max : float or None, default None
        Most violation points in 365 days.
    sales_12m_min : Decimal or None, default None
        Least settled sales in 12 months, in yuan.
    core_companies : tuple of str, default ()
        Core companies whose distributors may borrow.
    days_past_due_max : int, default 0
        Most days past due now.
    data_required : tuple of str, default ()
        Facts that must be known.
    """

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
    """Least and most that may be lent, in yuan, and the step.

    Parameters
    ----------
    max : Decimal
        Most.
    step : Decimal
        Limits are whole multiples of it.
    min : Decimal or None, default None
        Least; None: one step.
    """

    max: Decimal
    step: Decimal
    min: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """The contract rate, a day or a month, and the bounds it may be set within.

    Parameters
    ----------
    value : Decimal
        Share of the principal for one unit: 0.0005 for 0.05 %.
    unit : {"day", "month"}
        What it is for.
    min, max : Decimal
        Lowest and highest that may be set, for the same unit.

    Examples
    --------
    >>> Rate(Decimal("0.0005"), "day", Decimal("0.0005"), Decimal("0.0006")).annual
    Decimal('0.1825')
    """

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
    """What only a card has: a free period, and a fee that the shop pays on each purchase.

    Parameters
    ----------
    interest_free_days : int
        Days from a purchase on which it can be repaid without interest.
    merchant_fee_rate : Decimal
        Share of a purchase.
    """

    interest_free_days: int
    merchant_fee_rate: Decimal


@dataclass(frozen=True, slots=True)
class Economics:
    """How a line is used and lost: assumed numbers that expected loss and profit rest on.

    Parameters
    ----------
    lgd : float
        Loss given default, a share of what is owed then, 0 to 1.
    use_at_default : float
        Share of the limit that is drawn at default, 0 to 1.5.
    mean_use : float
        Share of the limit that is drawn on average, 0 to 1.
    draws_a_year : float
        Draws in a year, each of which costs its operation.
    credit_conversion : float or None, default None
        Share of what is not drawn that is drawn by default; in place of ``use_at_default``.
    half_use_months : float or None, default None
        Months of sales at which a limit is used half as much; None: use does not fall.
    accrued_days : float or None, default None
        Days of interest that are owed at default; None: none.
    may_lose : bool or None, default None
        Whether it is lent even where no amount is expected to earn its costs.
    """

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
    """From where to where a term may be set in place of the product's own, both inclusive.

    Parameters
    ----------
    min, max : Decimal
        In the term's own unit.
    """

    min: Decimal
    max: Decimal


@dataclass(frozen=True)
class Product:
    """One product: its default terms, its permitted bounds, what is set in their place, and rules.

    The fields hold the terms in force.

    Parameters
    ----------
    id : str
        By which the policy and every decision name it.
    title, title_zh : str
        What a person reads.
    kind : str
        Of ``KINDS``.
    status : str
        Of ``PRODUCT_STATUSES``; only an active one is lent.
    purpose : str, default "business"
        Of ``PURPOSES``.
    limit : Limit or None, default None
        How much may be lent; what is not lent may have none, here and below.
    rate : Rate or None, default None
        The contract rate.
    term_months, term_days : int or None, default None
        For how long, one of both.
    terms : mapping, default empty
        Fees, early and late repayment, by the keys of the file's ``terms``.
    card : Card or None, default None
        What only a card has.
    economics : Economics or None, default None
        How it is used and lost.
    eligibility : Eligibility, default nothing
        Who may borrow.
    max_pd : float, default 1.0
        Highest probability of default, 0 to 1.
    claims : tuple of (str, int), default ()
        Which probabilities it takes: level (``borrower``, ``facility``) and days.
    advance_rate : Decimal or None, default None
        Share of its orders that is advanced.
    core_company_share_max : Decimal or None, default None
        Most of the lending cap that may stand on one core company, a share.
    repayment : str, default ""
        How it is repaid.
    bounds : mapping of str to Bound, default empty
        Terms that may be set, beside rate and limit.
    overrides : mapping, default empty
        Term -> what is set in place of the product's own.
    assumed : tuple of str, default ()
        Keys of the terms that are the author's choice and no source's.
    note, note_zh : str, default ""
        What else is to be said of it.
    filed : Product or None, default None
        The product as it is written, where overrides or measured losses stand in place of its own.

    Examples
    --------
    >>> from alicredit.policy import load_policy
    >>> product = load_policy("ali-2013").product("taobao_order")
    >>> product.is_active, product.limit.max, product.claims[0]
    (True, Decimal('1000000'), ('borrower', 365))
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
