"""Every table of a platform's records, declared once as data.

A fact has a time at which it happened and a time at which it became known. A column that fills in
later names the column that times it and reads as absent before; a column whose past values nobody
kept (a status, a running total) is marked ``mutable`` and is read by no feature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "id": "VARCHAR",
        "code": "VARCHAR",
        "text": "VARCHAR",
        "flag": "BOOLEAN",
        "count": "BIGINT",
        "number": "DOUBLE",
        "yuan": "DOUBLE",
        "share": "DOUBLE",
        "fen": "BIGINT",
        "date": "DATE",
        "time": "TIMESTAMP",
    }
)
"""Kind of column -> canonical SQL type; times are naive local microseconds."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
        Its name in the data.
    kind : str
        A key of ``KINDS``.
    unit : str, default ""
        Unit of the value where the kind does not say it.
    required : bool, default True
        Whether a table without it is refused.
    nullable : bool, default False
        Whether values may be missing.
    values : tuple of str, default ()
        The codes allowed; empty means any.
    timed_by : str, default ""
        The column that says when this one was filled in; its own name for a time that times itself.
    mutable : bool, default False
        Whether it changes without a time of change; no feature may read it.
    low, high : float or None
        Bounds of possible values, inclusive.
    refers_to : str, default ""
        ``table.column`` that must hold the value.
    """

    name: str
    kind: str
    unit: str = ""
    required: bool = True
    nullable: bool = False
    values: tuple[str, ...] = ()
    timed_by: str = ""
    mutable: bool = False
    low: float | None = None
    high: float | None = None
    refers_to: str = ""

    @property
    def sql_type(self) -> str:
        """Give the canonical SQL type."""
        return KINDS[self.kind]


@dataclass(frozen=True, slots=True)
class Table:
    """One table of records.

    Parameters
    ----------
    name : str
        Its name.
    title : str
        What it holds, in words.
    columns : tuple of Column
        Its columns; ``known_at`` is always allowed and need not be listed.
    key : tuple of str
        What identifies a row.
    happened : str
        The column that says when the fact happened; empty: when the parent row did.
    period : {"instant", "day", "month"}, default "instant"
        What ``happened`` names; a summary of a day or month happens at its last microsecond.
    known : str, default "known_at"
        The column that says when it became known; where absent or empty: when it happened.
    parent : str, default ""
        ``table.column`` through which a row finds its merchant; empty: its own ``merchant_id``.
    unique : bool, default True
        Whether a repeated key is an error.
    restricted : bool, default False
        Whether it is read only under a stated purpose and legal basis.
    merchantless : bool, default False
        Whether its rows belong to no merchant (reference data such as exchange rates).
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    happened: str = ""
    period: str = "instant"
    known: str = "known_at"
    parent: str = ""
    unique: bool = True
    restricted: bool = False
    merchantless: bool = False

    def __contains__(self, name: object) -> bool:
        """Tell whether a column of that name is declared."""
        return any(column.name == name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        """Give the declared column of that name; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Give the names of the declared columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """Give the names of the columns without which the table is refused."""
        return tuple(column.name for column in self.columns if column.required)


def _id(name: str, refers_to: str = "", *, required: bool = True, nullable: bool = False) -> Column:
    return Column(name, "id", required=required, nullable=nullable, refers_to=refers_to)


def _merchant() -> Column:
    return _id("merchant_id", "merchants.merchant_id")


def _code(
    name: str,
    *values: str,
    required: bool = True,
    nullable: bool = False,
    timed_by: str = "",
    mutable: bool = False,
) -> Column:
    return Column(
        name,
        "code",
        required=required,
        nullable=nullable,
        values=values,
        timed_by=timed_by,
        mutable=mutable,
    )


def _time(name: str, *, required: bool = True) -> Column:
    """Declare the time of a fact, never missing."""
    return Column(name, "time", required=required)


def _later(name: str, *, required: bool = False) -> Column:
    """Declare a time that fills in later and times itself."""
    return Column(name, "time", required=required, nullable=True, timed_by=name)


def _yuan(
    name: str,
    *,
    required: bool = True,
    low: float | None = 0.0,
    timed_by: str = "",
    mutable: bool = False,
    nullable: bool | None = None,
) -> Column:
    return Column(
        name,
        "yuan",
        unit="yuan",
        required=required,
        nullable=not required if nullable is None else nullable,
        timed_by=timed_by,
        mutable=mutable,
        low=low,
        high=1e11,
    )


def _count(name: str, *, required: bool = True) -> Column:
    return Column(name, "count", required=required, nullable=not required, low=0, high=1e12)


def _number(
    name: str,
    unit: str = "",
    *,
    required: bool = True,
    low: float | None = 0.0,
    high: float | None = 1e12,
) -> Column:
    return Column(
        name, "number", unit=unit, required=required, nullable=not required, low=low, high=high
    )


REGION_FIELDS = (
    "region",
    "city",
    "membership",
    "cert_level",
    "real_name",
    "licence",
    "address",
    "legal_rep",
    "category",
)
"""What may change about a merchant and is read from ``merchant_history``."""

_PLATFORMS = ("alibaba_b2b", "taobao", "tmall", "alipay")
_MEMBERSHIPS = ("ordinary", "paying")
_REFUND_REASONS = ("quality", "not_received", "mismatch", "no_reason", "other")


def _claim_columns() -> tuple[Column, ...]:
    """Declare the columns that refunds and disputes share."""
    return (
        _id("id"),
        _id("order_id", "orders.order_id"),
        _time("opened_at"),
        _later("resolved_at"),
        _yuan("amount"),
        _code("reason", *_REFUND_REASONS, required=False, nullable=True),
        Column("seller_fault", "flag", required=False, nullable=True, timed_by="resolved_at"),
    )


_DECLARED: tuple[Table, ...] = (
    Table(
        "merchants",
        "who is registered on the platform",
        (
            _id("merchant_id"),
            _code("platform", *_PLATFORMS),
            _code("membership", *_MEMBERSHIPS, required=False, nullable=True),
            Column("registered_at", "date"),
            Column(
                "shop_opened_at", "date", required=False, nullable=True, timed_by="shop_opened_at"
            ),
            _code("region", required=False, nullable=True),
            _code("city", required=False, nullable=True),
            _code("category", required=False, nullable=True),
            _code("entity_kind", "person", "firm", required=False, nullable=True),
            Column("real_name_verified", "flag", required=False, nullable=True),
            Column("business_licence_verified", "flag", required=False, nullable=True),
            Column("cert_level", "count", required=False, nullable=True, low=0, high=5),
        ),
        ("merchant_id",),
        "registered_at",
    ),
    Table(
        "merchant_history",
        "what changed about a merchant, and when",
        (
            _merchant(),
            _code("field", *REGION_FIELDS),
            Column("value", "text", nullable=True),
            _time("event_time"),
        ),
        ("merchant_id", "field", "event_time"),
        "event_time",
    ),
    Table(
        "orders",
        "orders placed with a merchant",
        (
            _id("order_id"),
            _merchant(),
            _id("buyer_id"),
            _time("created_at"),
            _later("paid_at"),
            _later("shipped_at"),
            _later("confirmed_at"),
            _later("closed_at"),
            _yuan("amount"),
            _yuan("freight", required=False),
            _yuan("refund_amount", required=False, mutable=True),
            _code(
                "status",
                "created",
                "paid",
                "shipped",
                "success",
                "refunding",
                "refunded",
                "closed",
                required=False,
                nullable=True,
                mutable=True,
            ),
            _code("channel", "organic", "ad", "promo", required=False, nullable=True),
            _code("category", required=False, nullable=True),
            Column("is_virtual_goods", "flag", required=False, nullable=True),
            _code("payment", "escrow", "cod", required=False, nullable=True),
            _code("buyer_region", required=False, nullable=True),
            _id("device_hash", required=False, nullable=True),
            _id("address_hash", required=False, nullable=True),
        ),
        ("order_id",),
        "created_at",
    ),
    Table(
        "refunds",
        "refunds asked for by buyers",
        _claim_columns(),
        ("id",),
        "opened_at",
        parent="orders.order_id",
    ),
    Table(
        "disputes",
        "disputes opened by buyers",
        _claim_columns(),
        ("id",),
        "opened_at",
        parent="orders.order_id",
    ),
    Table(
        "ratings",
        "ratings that buyers gave",
        (
            _id("order_id", "orders.order_id"),
            _time("rated_at"),
            Column("polarity", "count", low=-1, high=1),
            _number("dsr_desc", "points of 5", required=False, low=1, high=5),
            _number("dsr_service", "points of 5", required=False, low=1, high=5),
            _number("dsr_ship", "points of 5", required=False, low=1, high=5),
        ),
        ("order_id",),
        "rated_at",
        parent="orders.order_id",
    ),
    Table(
        "violations",
        "violations of platform rules",
        (
            _merchant(),
            _time("at"),
            _number("points", "points", high=1000),
            _code("kind", "fake_trade", "counterfeit", "delay", "other"),
        ),
        ("merchant_id", "at", "kind"),
        "at",
    ),
    Table(
        "interactions_daily",
        "a day's dealings of a merchant on the platform",
        (
            _merchant(),
            Column("day", "date"),
            _count("logins"),
            _number("active_minutes", "minutes", required=False, high=1440),
            _count("listing_edits", required=False),
            _count("msgs_in", required=False),
            _count("msgs_answered", required=False),
            _number("median_first_response_s", "seconds", required=False, high=1e7),
            _count("inquiries", required=False),
            _count("quotes", required=False),
        ),
        ("merchant_id", "day"),
        "day",
        "day",
    ),
    Table(
        "traffic_daily",
        "a day's visits and advertising of a shop",
        (
            _merchant(),
            Column("day", "date"),
            _count("uv"),
            _count("pv", required=False),
            _count("carts", required=False),
            _yuan("ad_spend", required=False),
            _count("ad_clicks", required=False),
        ),
        ("merchant_id", "day"),
        "day",
        "day",
    ),
    Table(
        "customs",
        "customs declarations",
        (
            _id("declaration_no"),
            _merchant(),
            _code("direction", "E", "I"),
            _time("declared_at"),
            _code("hs_code", required=False, nullable=True),
            _number("fob_usd", "US dollars", required=False),
            _number("cif_usd", "US dollars", required=False),
            _number("qty", "pieces", required=False),
            _number("weight_kg", "kg", required=False),
            _code("partner_country", required=False, nullable=True),
            _code("port", required=False, nullable=True),
            _code("trade_mode", "general", "processing", "other", required=False, nullable=True),
            _later("status_at"),
            _code(
                "status",
                "cleared",
                "amended",
                "returned",
                "inspected_fail",
                required=False,
                nullable=True,
                timed_by="status_at",
            ),
        ),
        ("declaration_no",),
        "declared_at",
    ),
    Table(
        "fx_rates",
        "exchange rates by day",
        (Column("day", "date"), _number("usd_cny", "yuan a dollar", low=0.01, high=1000)),
        ("day",),
        "day",
        "day",
        merchantless=True,
    ),
    Table(
        "declared_sales",
        "sales that a merchant declared for a month",
        (
            _merchant(),
            Column("month", "date"),
            _yuan("amount"),
            _code("source", "platform_external", "offline", "total"),
            _time("submitted_at", required=False),
        ),
        ("merchant_id", "month", "source"),
        "month",
        "month",
        known="submitted_at",
    ),
    Table(
        "bank_txns",
        "postings of a merchant's bank account",
        (
            _merchant(),
            _time("at"),
            _yuan("amount", low=-1e11),
            _yuan("balance_after", required=False, low=-1e11),
            _id("counterparty", required=False, nullable=True),
            _code(
                "kind",
                "sale",
                "supplier",
                "wage",
                "loan_in",
                "loan_repay",
                "tax",
                "other",
                required=False,
                nullable=True,
            ),
        ),
        ("merchant_id", "at", "amount", "balance_after", "counterparty"),
        "at",
        unique=False,
        restricted=True,
    ),
    Table(
        "utilities",
        "water and power bills",
        (
            _merchant(),
            Column("period", "date"),
            _code("kind", "water", "power"),
            _yuan("billed"),
            _yuan("paid", required=False, timed_by="paid_at"),
            Column("due_at", "date"),
            _later("paid_at"),
        ),
        ("merchant_id", "period", "kind"),
        "period",
        "month",
    ),
    Table(
        "marital",
        "marital status; never a feature",
        (
            _merchant(),
            _code("status"),
            _time("submitted_at"),
            Column("purpose", "text", required=False, nullable=True),
        ),
        ("merchant_id", "submitted_at"),
        "submitted_at",
        restricted=True,
    ),
    Table(
        "psych_items",
        "answers to a psychometric test; off by default",
        (
            _merchant(),
            _id("item_id"),
            Column("response", "text", nullable=True),
            _number("latency_ms", "ms", required=False),
            _code("scale", required=False, nullable=True),
            _code("test_version"),
            _time("answered_at"),
        ),
        ("merchant_id", "item_id", "test_version"),
        "answered_at",
        restricted=True,
    ),
    Table(
        "applications",
        "requests for credit and their outcome",
        (
            _id("application_id"),
            _merchant(),
            _code("product_id"),
            _time("applied_at"),
            _yuan("amount_asked", required=False),
            Column("purpose", "text", required=False, nullable=True),
            _code("channel", required=False, nullable=True),
            _later("decided_at"),
            _code(
                "outcome",
                "approved",
                "declined",
                "withdrawn",
                required=False,
                nullable=True,
                timed_by="decided_at",
            ),
            _code(
                "decided_by",
                "system",
                "officer",
                required=False,
                nullable=True,
                timed_by="decided_at",
            ),
            Column("policy_id", "id", required=False, nullable=True, timed_by="decided_at"),
            Column("reason", "text", required=False, nullable=True, timed_by="decided_at"),
        ),
        ("application_id",),
        "applied_at",
    ),
    Table(
        "limit_history",
        "limits that were given",
        (
            _merchant(),
            _code("product_id"),
            _yuan("limit"),
            _time("valid_from"),
            _id("policy_id", required=False, nullable=True),
        ),
        ("merchant_id", "product_id", "valid_from"),
        "valid_from",
    ),
    Table(
        "related_parties",
        "who is linked with whom",
        (
            _merchant(),
            _id("other_id"),
            _code("relation", "same_person", "family", "guarantee", "same_device", "same_address"),
            _time("event_time"),
        ),
        ("merchant_id", "other_id", "relation", "event_time"),
        "event_time",
    ),
    Table(
        "inventory",
        "stock at the end of a day",
        (
            _merchant(),
            Column("day", "date"),
            _yuan("stock_value"),
            _number("turnover_days", "days", required=False),
        ),
        ("merchant_id", "day"),
        "day",
        "day",
    ),
    Table(
        "receivables",
        "what debtors owe a merchant",
        (
            _id("receivable_id"),
            _merchant(),
            _id("debtor_id"),
            _time("issued_at"),
            Column("due_at", "time"),
            _yuan("amount"),
            _later("paid_at"),
            Column("assigned_to", "id", required=False, nullable=True, mutable=True),
        ),
        ("receivable_id",),
        "issued_at",
    ),
    Table(
        "financial_statements",
        "statements of a merchant's accounts",
        (
            _merchant(),
            Column("period_end", "date"),
            _time("submitted_at", required=False),
            _yuan("assets", required=False),
            _yuan("revenue", required=False),
            _yuan("profit", required=False, low=-1e11),
            _code("source", "declared", "audited", "tax"),
        ),
        ("merchant_id", "period_end", "source"),
        "period_end",
        "day",
        known="submitted_at",
    ),
    Table(
        "credit_lines",
        "lines of credit and their limits",
        (
            _merchant(),
            _code("product_id"),
            _time("opened_at"),
            _yuan("limit"),
            _later("closed_at"),
        ),
        ("merchant_id", "product_id", "opened_at"),
        "opened_at",
    ),
    Table(
        "loans",
        "money that was lent",
        (
            _id("loan_id"),
            _merchant(),
            _code("product_id"),
            _yuan("principal"),
            _number("rate", "per day or month, see rate_unit", high=1),
            _code("rate_unit", "day", "month", required=False, nullable=True),
            _yuan("fee", required=False),
            _time("disbursed_at"),
            Column("due_at", "time"),
            _code("status", required=False, nullable=True, mutable=True),
        ),
        ("loan_id",),
        "disbursed_at",
    ),
    Table(
        "instalments",
        "what falls due on a loan, and when",
        (
            _id("loan_id", "loans.loan_id"),
            Column("due_at", "time"),
            Column("principal", "fen", unit="fen", low=0, high=1e13),
            Column("interest", "fen", unit="fen", low=0, high=1e13),
            Column("fee", "fen", unit="fen", required=False, nullable=True, low=0, high=1e13),
        ),
        ("loan_id", "due_at"),
        parent="loans.loan_id",
    ),
    Table(
        "loan_orders",
        "orders pledged to a loan",
        (
            _id("loan_id", "loans.loan_id"),
            _id("order_id", "orders.order_id"),
            _yuan("pledged_amount"),
        ),
        ("loan_id", "order_id"),
        parent="loans.loan_id",
    ),
    Table(
        "repayments",
        "money that came back",
        (
            _id("loan_id", "loans.loan_id"),
            _time("at"),
            _yuan("amount"),
            _yuan("principal", required=False),
            _yuan("interest", required=False),
            _yuan("penalty", required=False),
            _code(
                "channel",
                "auto_order",
                "manual",
                "auto_debit",
                "collection",
                required=False,
                nullable=True,
            ),
        ),
        ("loan_id", "at", "amount", "channel"),
        "at",
        parent="loans.loan_id",
        unique=False,
    ),
    Table(
        "collections",
        "steps taken to collect a loan",
        (
            _id("loan_id", "loans.loan_id"),
            _time("at"),
            _code("action", "sms", "voice", "phone", "visit", "legal"),
            _code("outcome", required=False, nullable=True),
        ),
        ("loan_id", "at", "action"),
        "at",
        parent="loans.loan_id",
        unique=False,
    ),
    Table(
        "blacklist",
        "who may not borrow, from when to when",
        (
            _merchant(),
            _time("from"),
            _later("to"),
            Column("reason", "text", required=False, nullable=True),
            _code("source", required=False, nullable=True),
        ),
        ("merchant_id", "from"),
        "from",
    ),
    Table(
        "restructures",
        "changes of a loan's terms for a debtor in difficulty",
        (
            _id("loan_id", "loans.loan_id"),
            _time("at"),
            _code("kind", "extension", "rate_cut", "ops_support"),
            _number("npv_loss", "share of the claim", required=False, low=0, high=1),
        ),
        ("loan_id", "at"),
        "at",
        parent="loans.loan_id",
    ),
    Table(
        "account_events",
        "sealing, fraud, write-off and bankruptcy of an account",
        (
            _merchant(),
            _time("at"),
            _code("kind", "sealed", "unsealed", "fraud_found", "written_off", "bankrupt"),
            _code("source", required=False, nullable=True),
        ),
        ("merchant_id", "at", "kind"),
        "at",
    ),
)

TABLES: Mapping[str, Table] = MappingProxyType({table.name: table for table in _DECLARED})
"""Every declared table by its name."""
