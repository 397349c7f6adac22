"""Rules that a careful analyst would ask of records, beyond what the schema implies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Within:
    """A condition that no row of one table should meet.

    Parameters
    ----------
    table : str
        Where.
    name : str
        The rule.
    severity : str
        error, warning or note.
    columns : tuple of str
        What it reads; asked only where all are there.
    condition : str
        SQL over the row.
    message : str
        What is wrong and what to do.
    """

    table: str
    name: str
    severity: str
    columns: tuple[str, ...]
    condition: str
    message: str


@dataclass(frozen=True, slots=True)
class Across:
    """A query over several tables that should find no row.

    ``sql`` gives ``key`` and ``_merchant_id`` and names tables in braces; ``needs`` says which
    tables and columns must be there. ``hint``, which may name a table's own rows (``{own_NAME}``)
    too, is a query sooner answered that finds a row wherever ``sql`` does, as long as the keys of
    parents stand once.
    """

    table: str
    name: str
    severity: str
    needs: Mapping[str, tuple[str, ...]]
    sql: str
    message: str
    hint: str = ""


def _in_order(table: str, first: str, second: str) -> Within:
    """Ask that one time does not lie before another."""
    return Within(
        table,
        f"{second} before {first}",
        "warning",
        (first, second),
        f'"{second}" < "{first}"',
        f"{second} must not lie before {first}: check the clocks that wrote them",
    )


WRONG_UNIT = "wrong unit suspected"
UNIT_MERCHANTS, UNIT_TIMES = 20, 30
RATIO_NEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"orders": ("amount", "paid_at"), "declared_sales": ("amount", "source")}
)
"""Tables and columns without which sales are not held against what was declared."""
SALES_RATIOS = (
    "SELECT o.s / d.s AS ratio FROM (SELECT _merchant_id, sum(amount) AS s FROM {orders}"
    " WHERE paid_at IS NOT NULL GROUP BY 1) o JOIN (SELECT _merchant_id, sum(amount) AS s"
    " FROM {declared_sales} WHERE source = 'total' GROUP BY 1) d USING (_merchant_id)"
    " WHERE d.s > 0"
)
"""Each merchant's sales over what it declared."""

WITHIN: tuple[Within, ...] = (
    _in_order("orders", "created_at", "paid_at"),
    _in_order("orders", "paid_at", "shipped_at"),
    _in_order("orders", "shipped_at", "confirmed_at"),
    _in_order("refunds", "opened_at", "resolved_at"),
    _in_order("disputes", "opened_at", "resolved_at"),
    _in_order("loans", "disbursed_at", "due_at"),
    _in_order("applications", "applied_at", "decided_at"),
    _in_order("blacklist", "from", "to"),
    Within(
        "merchants", "shop opened before registration", "warning",
        ("shop_opened_at", "registered_at"), "shop_opened_at < registered_at",
        "a shop cannot open before its merchant is registered",
    ),
    Within(
        "orders", "refund above amount", "error", ("refund_amount", "amount"),
        "refund_amount > amount + 0.005", "refund_amount must not exceed amount",
    ),
    Within(
        "orders", "shipped without payment", "warning", ("shipped_at", "paid_at"),
        "shipped_at IS NOT NULL AND paid_at IS NULL AND payment IS DISTINCT FROM 'cod'",
        "an escrowed order is shipped after it is paid: check the feed of payments",
    ),
    Within(
        "orders", "status contradicts times", "warning", ("status", "confirmed_at"),
        "status = 'success' AND confirmed_at IS NULL",
        "a successful order has a time of confirmation: features read the times",
    ),
    Within(
        "interactions_daily", "more answered than asked", "warning",
        ("msgs_in", "msgs_answered"), "msgs_answered > msgs_in",
        "answered messages must not exceed received ones",
    ),
    Within(
        "repayments", "parts do not sum", "warning",
        ("amount", "principal", "interest", "penalty"),
        "abs(amount - coalesce(principal, 0) - coalesce(interest, 0) - coalesce(penalty, 0))"
        " > 0.005",
        "principal, interest and penalty must sum to the amount",
    ),
    Within(
        "loans", "rate looks annual", "warning", ("rate", "rate_unit"),
        "(rate_unit = 'day' AND rate > 0.01) OR (rate_unit = 'month' AND rate > 0.1)",
        "the rate is per day or month: divide an annual one",
    ),
    Within(
        "utilities", "paid above billed", "warning", ("paid", "billed"), "paid > billed + 0.005",
        "paid must not exceed billed",
    ),
)  # fmt: skip
"""Rules on one row each."""

_HINT = (
    'SELECT 1 FROM (SELECT hash(loan_id) AS hashed, min("at") AS since,'
    " sum(greatest(TRY_CAST(round(principal * 100) AS BIGINT), 0)) AS fen FROM {own_repayments}"
    " GROUP BY hashed) r JOIN {loans} l ON hash(l.loan_id) = r.hashed"
    " WHERE r.fen > round(l.principal * 100) OR r.since < l.disbursed_at"
)
"""Whether any payment may precede its loan or exceed it: with rows that are not known yet, and of
loans whose hashes are the same together, at worst."""

ACROSS: tuple[Across, ...] = (
    Across(
        "refunds", "refund above order", "warning",
        {"refunds": ("amount",), "orders": ("amount",)},
        "SELECT r._key AS key, r._merchant_id FROM {refunds} r JOIN {orders} o"
        " ON o.order_id = r.order_id WHERE r.amount > o.amount + 0.005",
        "a refund must not exceed its order",
    ),
    Across(
        "refunds", "refund before order", "warning",
        {"refunds": ("opened_at",), "orders": ("created_at",)},
        "SELECT r._key AS key, r._merchant_id FROM {refunds} r JOIN {orders} o"
        " ON o.order_id = r.order_id WHERE r.opened_at < o.created_at",
        "a refund must not be asked for before its order",
    ),
    Across(
        "ratings", "rating before order", "warning",
        {"ratings": ("rated_at",), "orders": ("created_at",)},
        "SELECT r._key AS key, r._merchant_id FROM {ratings} r JOIN {orders} o"
        " ON o.order_id = r.order_id WHERE r.rated_at < o.created_at",
        "a rating must not lie before its order",
    ),
    Across(
        "repayments", "repayment before disbursement", "error",
        {"repayments": ("at",), "loans": ("disbursed_at",)},
        "SELECT r._key AS key, r._merchant_id FROM {repayments} r JOIN {loans} l"
        " ON l.loan_id = r.loan_id WHERE r.at < l.disbursed_at",
        "money cannot come back before it went out",
        hint=_HINT,
    ),
    Across(
        "repayments", "more principal repaid than lent", "error",
        {"repayments": ("principal",), "loans": ("principal",)},
        "SELECT l.loan_id AS key, l._merchant_id FROM {loans} l JOIN (SELECT loan_id,"
        " sum(TRY_CAST(round(principal * 100) AS BIGINT)) AS fen FROM {repayments}"
        " GROUP BY loan_id) r"
        " ON r.loan_id = l.loan_id WHERE r.fen > round(l.principal * 100)",
        "repaid principal must not exceed the loan's: look for payments booked twice",
        hint=_HINT,
    ),
    Across(
        "repayments", "repayment booked twice", "warning",
        {"repayments": ("at", "amount")},
        "SELECT _key AS key, _merchant_id FROM {repayments} QUALIFY count(*) OVER"
        " (PARTITION BY loan_id, \"at\", amount) > 1",
        "the same amount at the same moment for one loan: remove the copy, if it is one",
    ),
    Across(
        "repayments", "far more repaid than lent", "warning",
        {"repayments": ("amount",), "loans": ("principal",)},
        "SELECT l.loan_id AS key, l._merchant_id FROM {loans} l JOIN (SELECT loan_id,"
        " sum(amount) AS yuan FROM {repayments} GROUP BY loan_id) r"
        " ON r.loan_id = l.loan_id WHERE r.yuan > 2 * l.principal + 0.005",
        "repayments come to more than twice the loan: look for payments of another loan or unit",
    ),
    Across(
        "instalments", "instalments do not sum to the loan", "warning",
        {"instalments": ("principal",), "loans": ("principal",)},
        "SELECT l.loan_id AS key, any_value(l._merchant_id) AS _merchant_id FROM {loans} l"
        " JOIN {instalments} i ON i.loan_id = l.loan_id"
        " AND i._known <= greatest(l._happened, l._known) + INTERVAL 1 DAY GROUP BY l.loan_id"
        " HAVING sum(i.principal) <> round(any_value(l.principal) * 100)",
        "the principal of a loan's instalments must sum to its principal, in fen (those known later"
        " than a day after the loan are a plan's)",
    ),
    Across(
        "orders", WRONG_UNIT, "warning", dict(RATIO_NEEDS),
        f"SELECT 'median of sales over declared: ' || round(median(ratio), 2) AS key,"
        f" NULL AS _merchant_id FROM ({SALES_RATIOS})"
        f" HAVING count(*) >= {UNIT_MERCHANTS} AND (median(ratio) > {UNIT_TIMES}"
        f" OR median(ratio) < 1.0 / {UNIT_TIMES})",
        f"orders and declared sales differ by more than {UNIT_TIMES} times: amounts are in yuan",
    ),
)  # fmt: skip
"""Rules over several tables."""
