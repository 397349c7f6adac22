"""Features of presence, of what others say, and of credit used and repaid."""

from __future__ import annotations

from collections.abc import Iterator

from alicredit.declarations import Feature


def _presence() -> Iterator[Feature]:
    """Declare how present the merchant is."""
    for days in (30, 90):
        yield Feature(
            table="interactions_daily", aggregate="sum", measure="logins", window_days=days,
            unit="logins", expected=-1,
            title=f"logins of {days} days", title_zh=f"近{days}天登录次数", code="SC_INACTIVE",
        )  # fmt: skip
    yield Feature(
        label="login_trend_30_90", aggregate="ratio", factor=3.0,
        of=("interactions_daily_logins_sum_30d", "interactions_daily_logins_sum_90d"),
        unit="ratio", expected=-1, title="logins of 30 days against the mean of 90",
        title_zh="近30天登录与近90天月均之比", code="SC_INACTIVE",
    )  # fmt: skip
    yield Feature(
        table="interactions_daily", aggregate="sum", measure="listing_edits", window_days=90,
        unit="edits", expected=-1, title="listing edits of 90 days",
        title_zh="近90天商品编辑次数", code="SC_INACTIVE",
    )  # fmt: skip
    yield Feature(
        table="interactions_daily", label="seen", aggregate="days_since",
        where=(("logins", ">", 0),), unit="days", expected=1,
        title="days since the last login", title_zh="距最近登录天数", code="SC_INACTIVE",
    )  # fmt: skip


def _answers() -> Iterator[Feature]:
    """Declare how fast and how often buyers are answered."""
    yield Feature(
        table="interactions_daily", aggregate="median", measure="median_first_response_s",
        window_days=90, min_support=3, unit="seconds", expected=1, evidence="B",
        title="median seconds to the first answer", title_zh="首次响应时长中位数",
        code="SC_RESPONSE_SLOW",
    )  # fmt: skip
    for measure, title, chinese in (
        ("msgs_in", "messages received", "收到消息数"),
        ("msgs_answered", "messages answered", "已回复消息数"),
    ):
        yield Feature(
            table="interactions_daily", aggregate="sum", measure=measure, window_days=90,
            unit="messages", title=f"{title} of 90 days", title_zh=f"近90天{chinese}",
            code="SC_RESPONSE_SLOW", expected=-1,
        )  # fmt: skip
    yield Feature(
        label="answer_rate_90d", aggregate="ratio",
        of=("interactions_daily_msgs_answered_sum_90d", "interactions_daily_msgs_in_sum_90d"),
        support="interactions_daily_msgs_in_sum_90d", min_support=5, unit="share", expected=-1,
        evidence="B", title="share of messages answered", title_zh="消息回复率",
        code="SC_RESPONSE_SLOW",
    )  # fmt: skip


def _traffic() -> Iterator[Feature]:
    """Declare what the shop draws, and what it pays for that."""
    for days in (30, 90):
        yield Feature(
            table="traffic_daily", aggregate="sum", measure="uv", window_days=days,
            unit="visitors", expected=-1, title=f"visitors of {days} days",
            title_zh=f"近{days}天访客数", code="SC_TRAFFIC_LOW",
        )  # fmt: skip
    yield Feature(
        label="traffic_trend_30_90", aggregate="ratio", factor=3.0,
        of=("traffic_daily_uv_sum_30d", "traffic_daily_uv_sum_90d"), unit="ratio", expected=-1,
        title="visitors of 30 days against the mean of 90",
        title_zh="近30天访客与近90天月均之比", code="SC_TRAFFIC_LOW",
    )  # fmt: skip
    yield Feature(
        table="traffic_daily", aggregate="sum", measure="ad_spend", window_days=90, unit="yuan",
        title="advertising of 90 days", title_zh="近90天广告支出", code="SC_OTHER",
    )  # fmt: skip
    yield Feature(
        label="ad_share_90d", aggregate="ratio",
        of=("traffic_daily_ad_spend_sum_90d", "orders_paid_amount_sum_90d"),
        support="orders_paid_count_90d", min_support=5, unit="share",
        title="advertising over sales of 90 days", title_zh="近90天广告费占比", code="SC_OTHER",
    )  # fmt: skip


def _customs() -> Iterator[Feature]:
    """Declare what customs saw."""
    yield Feature(
        table="customs", label="export", aggregate="sum", measure="value_usd", window_days=365,
        where=(("direction", "==", "E"),), unit="US dollars", expected=-1, evidence="B",
        title="exports of a year", title_zh="一年出口额", code="SC_CUSTOMS",
    )  # fmt: skip
    yield Feature(
        table="customs", aggregate="count", window_days=365, unit="declarations", expected=-1,
        evidence="B", title="customs declarations of a year", title_zh="一年报关单数",
        code="SC_CUSTOMS",
    )  # fmt: skip
    yield Feature(
        table="customs", aggregate="hhi", measure="partner_country", weight="value_usd",
        window_days=365, min_support=3, unit="share", expected=1,
        title="concentration of trade partners", title_zh="贸易伙伴集中度", code="SC_CUSTOMS",
    )  # fmt: skip
    yield Feature(
        table="customs", label="trouble", aggregate="share", window_days=365,
        where=(("status", "set", None),), hit=(("status", "in", ("returned", "inspected_fail")),),
        min_support=3, unit="share", expected=1, title="share returned or failed at inspection",
        title_zh="退运或查验不合格占比", code="SC_CUSTOMS",
    )  # fmt: skip


def _declared() -> Iterator[Feature]:
    """Declare what the merchant says of itself."""
    yield Feature(
        table="declared_sales", label="total", aggregate="sum", measure="amount",
        window_days=365, where=(("source", "==", "total"),), unit="yuan", expected=-1,
        title="declared sales of a year", title_zh="一年申报销售额", code="SC_DECL_GAP",
    )  # fmt: skip
    yield Feature(
        table="declared_sales", label="total", aggregate="count", window_days=365,
        where=(("source", "==", "total"),), unit="months",
        title="months declared of a year", title_zh="一年申报月数", code="SC_DECL_GAP",
    )  # fmt: skip
    yield Feature(
        label="declared_overstatement_365d", aggregate="overstatement",
        of=("declared_sales_total_amount_sum_365d", "orders_settled_amount_sum_365d"),
        support="declared_sales_total_count_365d", min_support=3, unit="log ratio", expected=1,
        title="declared over observed sales", title_zh="申报销售额高于实际程度",
        code="SC_DECL_GAP",
    )  # fmt: skip


def _bank() -> Iterator[Feature]:
    """Declare what its bank and its bills show."""
    for measure, title, chinese in (
        ("inflow", "bank inflows", "银行流入"),
        ("outflow", "bank outflows", "银行流出"),
    ):
        yield Feature(
            table="bank_txns", aggregate="sum", measure=measure, window_days=90, unit="yuan",
            expected=-1 if measure == "inflow" else 0, evidence="B",
            title=f"{title} of 90 days", title_zh=f"近90天{chinese}", code="SC_CASHFLOW",
        )  # fmt: skip
    yield Feature(
        table="bank_txns", aggregate="count", window_days=90, unit="postings",
        title="bank postings of 90 days", title_zh="近90天银行流水笔数", code="SC_CASHFLOW",
    )  # fmt: skip
    yield Feature(
        label="cash_coverage_90d", aggregate="ratio",
        of=("bank_txns_inflow_sum_90d", "bank_txns_outflow_sum_90d"),
        support="bank_txns_count_90d", min_support=5, unit="ratio", direction=-1, evidence="B",
        title="bank inflows over outflows", title_zh="现金流覆盖率", code="SC_CASHFLOW",
    )  # fmt: skip
    yield Feature(
        table="bank_txns", aggregate="min", measure="balance_after", window_days=90, unit="yuan",
        direction=-1, evidence="B", title="lowest bank balance of 90 days",
        title_zh="近90天最低余额", code="SC_CASHFLOW",
    )  # fmt: skip
    yield Feature(
        table="bank_txns", aggregate="last", measure="balance_after", window_days=90, unit="yuan",
        evidence="B", expected=-1, title="latest bank balance of 90 days",
        title_zh="近90天最新余额", code="SC_CASHFLOW",
    )  # fmt: skip
    yield Feature(
        label="latest_balance_to_inflow_90d", aggregate="ratio", factor=3.0,
        of=("bank_txns_balance_after_last_90d", "bank_txns_inflow_sum_90d"),
        support="bank_txns_count_90d", min_support=5, unit="months", direction=-1, evidence="B",
        title="latest balance in months of inflow", title_zh="最新余额相当于几个月流入",
        code="SC_CASHFLOW",
    )  # fmt: skip
    yield Feature(
        label="balance_to_inflow_90d", aggregate="ratio", factor=3.0,
        of=("bank_txns_balance_after_min_90d", "bank_txns_inflow_sum_90d"),
        support="bank_txns_count_90d", min_support=5, unit="months", direction=-1, evidence="B",
        title="lowest balance in months of inflow", title_zh="最低余额相当于几个月流入",
        code="SC_CASHFLOW",
    )  # fmt: skip
    yield Feature(
        table="utilities", aggregate="mean", measure="days_late", time="paid_at",
        window_days=365, min_support=3, unit="days", direction=0, expected=1,
        title="mean days utility bills were paid late", title_zh="水电费平均逾期天数",
        code="SC_UTILITY_LATE",
    )  # fmt: skip


def _borrowing() -> Iterator[Feature]:
    """Declare how the merchant has used credit."""
    yield Feature(
        table="loans", aggregate="count", window_days=90, unit="loans", evidence="B", expected=1,
        title="loans of 90 days", title_zh="近90天贷款笔数", code="SC_CREDIT_USE",
    )  # fmt: skip
    yield Feature(
        table="loans", aggregate="days_since", unit="days", evidence="B",
        title="days since the last loan", title_zh="距最近贷款天数", code="SC_CREDIT_USE",
    )  # fmt: skip
    yield Feature(
        table="loans", aggregate="sum", measure="principal", window_days=90, unit="yuan",
        evidence="B", expected=1, title="borrowed in 90 days", title_zh="近90天借款金额",
        code="SC_CREDIT_USE",
    )  # fmt: skip
    yield Feature(
        label="borrowed_to_sales_90d", aggregate="ratio",
        of=("loans_principal_sum_90d", "orders_paid_amount_sum_90d"),
        support="orders_paid_count_90d", min_support=5, unit="ratio", direction=1, evidence="B",
        title="borrowed over sold in 90 days", title_zh="近90天借款与销售之比",
        code="SC_CREDIT_USE",
    )  # fmt: skip
    yield Feature(
        table="limit_history", aggregate="last", measure="limit", unit="yuan", evidence="B",
        title="latest limit given", title_zh="最近授信额度", code="SC_CREDIT_USE",
    )  # fmt: skip
    yield Feature(
        label="limit_to_sales_90d", aggregate="ratio", factor=3.0,
        of=("limit_history_limit_last", "orders_paid_amount_sum_90d"),
        support="orders_paid_count_90d", min_support=5, unit="months", direction=1, evidence="B",
        title="limit in months of sales", title_zh="额度相当于几个月销售额",
        code="SC_CREDIT_USE",
    )  # fmt: skip


def _repaying() -> Iterator[Feature]:
    """Declare how the merchant has repaid."""
    yield Feature(
        table="repayments", label="by_orders", aggregate="share", window_days=180,
        where=(("channel", "set", None),), hit=(("channel", "==", "auto_order"),), min_support=5,
        unit="share", evidence="B", expected=-1,
        title="share of repayments made by confirmed orders", title_zh="订单自动还款占比",
        code="SC_PAST_OVERDUE",
    )  # fmt: skip
    yield Feature(
        table="repayments", label="collected", aggregate="count",
        where=(("channel", "==", "collection"),), unit="repayments", direction=1, evidence="B",
        title="repayments that had to be collected", title_zh="经催收的还款次数",
        code="SC_PAST_OVERDUE",
    )  # fmt: skip


def outside_features() -> Iterator[Feature]:
    """Yield the features of presence, outside sources and credit, in order."""
    for family in (
        _presence, _answers, _traffic, _customs, _declared, _bank, _borrowing, _repaying,
    ):  # fmt: skip
        yield from family()
