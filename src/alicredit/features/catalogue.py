"""The built-in features, one literal list: what each reads, means, and is expected to say of risk.

Signs are expectations, not established facts. Only families for which lenders' practice or a study
speaks (evidence A or B) carry a direction that the model obeys; the others are free.
"""

from __future__ import annotations

from collections.abc import Iterator

from alicredit.features.declaration import Catalogue, Feature

_PAID = (("paid_at", "set", None),)
_OPEN = (("shipped_at", "set", None), ("confirmed_at", "missing", None))


def _merchant() -> Iterator[Feature]:
    """Declare who the merchant is and how long it has been there."""
    yield Feature(
        table="merchants", aggregate="days_since", unit="days", direction=-1, evidence="B",
        title="days since registration", title_zh="注册天数", code="SC_TENURE_SHORT",
    )  # fmt: skip
    yield Feature(
        table="merchants", label="shop", aggregate="days_since", time="shop_opened_at",
        unit="days", direction=-1, evidence="B",
        title="days since the shop opened", title_zh="开店天数", code="SC_TENURE_SHORT",
    )  # fmt: skip
    yield Feature(
        table="merchants", aggregate="last", measure="cert_level", unit="level 0-5", expected=-1,
        title="certification at registration", title_zh="注册时认证等级",
        code="SC_CERTIFICATION", evidence="B",
    )  # fmt: skip
    yield Feature(
        table="merchant_history", label="cert", aggregate="last", measure="value_number",
        where=(("field", "==", "cert_level"),), unit="level 0-5", expected=-1,
        title="latest change of certification", title_zh="最近变更的认证等级",
        code="SC_CERTIFICATION", evidence="B",
    )  # fmt: skip
    yield Feature(
        label="cert_level", aggregate="coalesce",
        of=("merchant_history_cert_value_number_last", "merchants_cert_level_last"),
        unit="level 0-5", direction=-1, evidence="B",
        title="certification level", title_zh="认证等级", code="SC_CERTIFICATION",
    )  # fmt: skip
    yield Feature(
        table="merchant_history", label="identity", aggregate="count", window_days=365,
        where=(("field", "in", ("address", "legal_rep")),), unit="changes", direction=1,
        title="changes of address or representative in a year",
        title_zh="一年内地址或法定代表人变更次数", code="SC_IDENTITY_CHANGE", evidence="B",
    )  # fmt: skip


def _sales() -> Iterator[Feature]:
    """Declare how much is sold, how it moves and to whom."""
    for days in (30, 90, 365):
        yield Feature(
            table="orders", label="settled", aggregate="sum", measure="amount",
            time="confirmed_at", window_days=days, unit="yuan",
            direction=-1 if days == 90 else 0, expected=-1, evidence="B",
            title=f"settled sales of {days} days", title_zh=f"近{days}天成交金额",
            code="SC_SALES_LOW",
        )  # fmt: skip
    for days in (30, 90, 180):
        yield Feature(
            table="orders", label="paid", aggregate="count", time="paid_at", window_days=days,
            unit="orders", direction=-1 if days == 90 else 0, expected=-1, evidence="B",
            title=f"paid orders of {days} days", title_zh=f"近{days}天付款订单数",
            code="SC_SALES_LOW",
        )  # fmt: skip
    yield Feature(
        table="orders", label="paid", aggregate="mean", measure="amount", time="paid_at",
        window_days=180, min_support=5, unit="yuan",
        title="mean order value of 180 days", title_zh="近180天平均订单金额", code="SC_SALES_LOW",
    )  # fmt: skip
    yield Feature(
        table="orders", label="paid", aggregate="std", measure="amount", time="paid_at",
        window_days=180, min_support=5, unit="yuan",
        title="spread of order values of 180 days", title_zh="近180天订单金额标准差",
        code="SC_SALES_UNSTABLE",
    )  # fmt: skip
    yield Feature(
        table="orders", label="paid", aggregate="active_days", time="paid_at", window_days=90,
        unit="days", direction=-1, evidence="B",
        title="days with sales of 90", title_zh="近90天有成交天数", code="SC_SALES_LOW",
    )  # fmt: skip
    yield Feature(
        table="orders", label="paid", aggregate="days_since", time="paid_at", unit="days",
        expected=1, evidence="B",
        title="days since the last sale", title_zh="距最近成交天数", code="SC_INACTIVE",
    )  # fmt: skip
    yield Feature(
        label="sales_trend_30_90", aggregate="ratio", factor=3.0,
        of=("orders_settled_amount_sum_30d", "orders_settled_amount_sum_90d"),
        support="orders_paid_count_90d", min_support=5, unit="ratio", direction=-1, evidence="B",
        title="settled sales of 30 days against the mean of 90",
        title_zh="近30天成交与近90天月均之比", code="SC_SALES_FALLING",
    )  # fmt: skip
    yield Feature(
        label="sales_trend_90_365", aggregate="ratio", factor=365 / 90,
        of=("orders_settled_amount_sum_90d", "orders_settled_amount_sum_365d"),
        support="orders_paid_count_180d", min_support=5, unit="ratio", direction=-1, evidence="B",
        title="settled sales of 90 days against the year's pace",
        title_zh="近90天成交与全年均速之比", code="SC_SALES_FALLING",
    )  # fmt: skip
    for aggregate, direction, code, title, chinese in (
        ("slope", -1, "SC_SALES_FALLING", "weekly growth of log sales", "周对数销售额趋势"),
        ("cv", 1, "SC_SALES_UNSTABLE", "variation of weekly sales", "周销售额变异系数"),
        ("empty_share", 1, "SC_SALES_UNSTABLE", "share of weeks without sales", "无成交周占比"),
        ("downside", 1, "SC_SALES_UNSTABLE", "downside of weekly sales", "周销售额下行偏差"),
    ):
        yield Feature(
            table="orders", label="paid", aggregate=aggregate, measure="amount", time="paid_at",
            window_days=182, min_support=5, unit="" if aggregate != "slope" else "a week",
            direction=direction, evidence="B", title=f"{title} over 26 weeks",
            title_zh=f"近26周{chinese}", code=code,
        )  # fmt: skip
    for aggregate, sign, code, title, chinese in (
        ("distinct", -1, "SC_SALES_LOW", "distinct buyers", "买家数"),
        ("repeat_share", -1, "SC_BUYER_CONC", "share of buyers who came again", "复购买家占比"),
        ("top_share", 1, "SC_BUYER_CONC", "share of the largest buyer", "最大买家占比"),
        ("hhi", 1, "SC_BUYER_CONC", "concentration of buyers", "买家集中度"),
    ):
        yield Feature(
            table="orders", label="paid", aggregate=aggregate, measure="buyer_id",
            weight="amount" if aggregate in ("top_share", "hhi") else "", time="paid_at",
            window_days=180, min_support=5, unit="share" if aggregate != "distinct" else "buyers",
            expected=sign, title=f"{title} of 180 days", title_zh=f"近180天{chinese}", code=code,
        )  # fmt: skip
    yield Feature(
        table="orders", label="paid", aggregate="entropy", measure="category", time="paid_at",
        window_days=180, min_support=5, unit="nats", expected=-1,
        title="spread over categories of 180 days", title_zh="近180天类目分散度",
        code="SC_BUYER_CONC",
    )  # fmt: skip


def _service() -> Iterator[Feature]:
    """Declare how orders are served: shipping, refunds, disputes, ratings, answers."""
    yield Feature(
        table="orders", label="shipped", aggregate="median", measure="ship_hours",
        time="shipped_at", window_days=90, min_support=5, unit="hours", direction=1, evidence="B",
        title="median hours to shipping", title_zh="发货时长中位数", code="SC_SHIP_SLOW",
    )  # fmt: skip
    yield Feature(
        table="orders", label="late", aggregate="share", time="shipped_at", window_days=90,
        where=_PAID, hit=(("ship_hours", ">", 72),), min_support=5, unit="share", direction=1,
        title="share shipped after 72 hours", title_zh="超过72小时发货占比",
        code="SC_SHIP_SLOW", evidence="B",
    )  # fmt: skip
    yield Feature(
        table="orders", label="confirmed", aggregate="median", measure="confirm_hours",
        time="confirmed_at", window_days=90, min_support=5, unit="hours", expected=1,
        title="median hours from shipping to confirmation", title_zh="发货到确认时长中位数",
        code="SC_SHIP_SLOW",
    )  # fmt: skip
    yield Feature(
        table="orders", label="quick", aggregate="share", time="confirmed_at", window_days=90,
        where=(("shipped_at", "set", None),), hit=(("confirm_hours", "<", 24),), min_support=5,
        unit="share", expected=1, title="share confirmed within a day of shipping",
        title_zh="发货后24小时内确认占比", code="SC_SELFTRADE",
    )  # fmt: skip
    for days in (30, 90, 180):
        yield Feature(
            table="refunds", aggregate="sum", measure="amount", window_days=days, unit="yuan",
            expected=1, evidence="B", title=f"refunds of {days} days",
            title_zh=f"近{days}天退款金额", code="SC_REFUND_HIGH",
        )  # fmt: skip
    for days in (30, 90):
        yield Feature(
            table="orders", label="paid", aggregate="sum", measure="amount", time="paid_at",
            window_days=days, unit="yuan", expected=-1, evidence="B",
            title=f"paid sales of {days} days", title_zh=f"近{days}天付款金额",
            code="SC_SALES_LOW",
        )  # fmt: skip
        yield Feature(
            label=f"refund_rate_{days}d", aggregate="ratio",
            of=(f"refunds_amount_sum_{days}d", f"orders_paid_amount_sum_{days}d"),
            support=f"orders_paid_count_{days}d", min_support=5, unit="share", direction=1,
            evidence="B", title=f"refunds over sales of {days} days",
            title_zh=f"近{days}天退款率", code="SC_REFUND_HIGH",
        )  # fmt: skip
    yield Feature(
        table="refunds", aggregate="count", window_days=90, unit="refunds", expected=1,
        title="refunds of 90 days", title_zh="近90天退款笔数", code="SC_REFUND_HIGH",
        evidence="B",
    )  # fmt: skip
    yield Feature(
        label="refund_count_rate_90d", aggregate="ratio",
        of=("refunds_count_90d", "orders_paid_count_90d"), support="orders_paid_count_90d",
        min_support=5, unit="share", direction=1, evidence="B",
        title="refunds per order of 90 days", title_zh="近90天退款笔数率", code="SC_REFUND_HIGH",
    )  # fmt: skip
    yield Feature(
        table="refunds", label="fault", aggregate="share", window_days=180,
        where=(("seller_fault", "set", None),), hit=(("seller_fault", "==", True),),
        min_support=3, unit="share", direction=1, evidence="B",
        title="share of resolved refunds that were the seller's fault",
        title_zh="卖家责任退款占比", code="SC_DISPUTE",
    )  # fmt: skip
    yield Feature(
        table="refunds", aggregate="median", measure="resolve_hours", time="resolved_at",
        window_days=180, min_support=3, unit="hours", expected=1, evidence="B",
        title="median hours to resolve a refund", title_zh="退款处理时长中位数",
        code="SC_DISPUTE",
    )  # fmt: skip
    for days in (90, 365):
        yield Feature(
            table="ratings", label="positive", aggregate="share", window_days=days,
            where=(("polarity", "set", None),), hit=(("polarity", "==", 1),), min_support=5,
            unit="share", direction=-1, evidence="B",
            title=f"share of positive ratings of {days} days",
            title_zh=f"近{days}天好评率", code="SC_RATING",
        )  # fmt: skip
    for days in (30, 180):
        yield Feature(
            table="ratings", aggregate="mean", measure="dsr", window_days=days, min_support=3,
            unit="points of 5", direction=-1 if days == 180 else 0, expected=-1, evidence="B",
            title=f"mean detailed rating of {days} days",
            title_zh=f"近{days}天店铺动态评分", code="SC_RATING",
        )  # fmt: skip
    yield Feature(
        label="dsr_change_30_180", aggregate="difference",
        of=("ratings_dsr_mean_30d", "ratings_dsr_mean_180d"), unit="points of 5", direction=-1,
        evidence="B", title="change of the detailed rating", title_zh="动态评分变化",
        code="SC_RATING",
    )  # fmt: skip
    yield Feature(
        table="violations", aggregate="sum", measure="points", window_days=365, unit="points",
        direction=1, evidence="B", title="violation points of a year",
        title_zh="一年违规扣分", code="SC_VIOLATION",
    )  # fmt: skip
    yield Feature(
        table="violations", label="fake", aggregate="count", window_days=365,
        where=(("kind", "==", "fake_trade"),), unit="violations", direction=1, evidence="B",
        title="fake trades found in a year", title_zh="一年虚假交易次数", code="SC_SELFTRADE",
    )  # fmt: skip


def _activity() -> Iterator[Feature]:
    """Declare how present the merchant is, and what the shop draws."""
    for days in (30, 90):
        yield Feature(
            table="interactions_daily", aggregate="sum", measure="logins", window_days=days,
            unit="logins", direction=-1 if days == 30 else 0, expected=-1, evidence="B",
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
    yield Feature(
        table="interactions_daily", aggregate="median", measure="median_first_response_s",
        window_days=90, min_support=3, unit="seconds", direction=1, evidence="B",
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
        support="interactions_daily_msgs_in_sum_90d", min_support=5, unit="share", direction=-1,
        evidence="B", title="share of messages answered", title_zh="消息回复率",
        code="SC_RESPONSE_SLOW",
    )  # fmt: skip
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


def _outside() -> Iterator[Feature]:
    """Declare what others say: customs, the merchant's own declarations, its bank."""
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
        support="declared_sales_total_count_365d", min_support=3, unit="log ratio", direction=1,
        evidence="B", title="declared over observed sales", title_zh="申报销售额高于实际程度",
        code="SC_DECL_GAP",
    )  # fmt: skip
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


def _credit() -> Iterator[Feature]:
    """Declare how the merchant has used and repaid credit."""
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


CATALOGUE = Catalogue((*_merchant(), *_sales(), *_service(), *_activity(), *_outside(), *_credit()))
"""The built-in features; ``CATALOGUE + [Feature(...)]`` adds one's own."""
