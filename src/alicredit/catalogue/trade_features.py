"""Features of the trade: who the merchant is, what it sells, to whom, and how well it serves."""

from __future__ import annotations

from collections.abc import Iterator

from alicredit.declarations import Feature

_PAID = (("paid_at", "set", None),)


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
        unit="level 0-5", expected=-1, evidence="B",
        title="certification level", title_zh="认证等级", code="SC_CERTIFICATION",
    )  # fmt: skip
    yield from _proofs()
    yield Feature(
        table="merchant_history", label="identity", aggregate="count", window_days=365,
        where=(("field", "in", ("address", "legal_rep")),), unit="changes", direction=1,
        title="changes of address or representative in a year",
        title_zh="一年内地址或法定代表人变更次数", code="SC_IDENTITY_CHANGE", evidence="B",
    )  # fmt: skip


def _proofs() -> Iterator[Feature]:
    """Declare what is proven of the merchant: by the latest change, else at registration."""
    for field, label, now, then, title, chinese in (
        ("real_name", "real_name_verified", "is_true", "is_real_name", "real name verified",
         "实名认证"),
        ("licence", "licence_verified", "is_true", "is_licensed", "business licence verified",
         "营业执照认证"),
        ("membership", "paying_member", "is_paying", "is_paying", "paying member", "付费会员"),
    ):  # fmt: skip
        yield Feature(
            table="merchants", aggregate="last", measure=then, is_part=True, unit="1 yes, 0 no",
            expected=-1, evidence="B", title=f"{title} at registration",
            title_zh=f"注册时{chinese}", code="SC_CERTIFICATION",
        )  # fmt: skip
        yield Feature(
            table="merchant_history", label=field, aggregate="last", measure=now,
            where=(("field", "==", field),), is_part=True, unit="1 yes, 0 no", expected=-1,
            evidence="B", title=f"latest change of {title}", title_zh=f"最近变更的{chinese}",
            code="SC_CERTIFICATION",
        )  # fmt: skip
        yield Feature(
            label=label, aggregate="coalesce",
            of=(f"merchant_history_{field}_{now}_last", f"merchants_{then}_last"),
            unit="1 yes, 0 no", expected=-1, evidence="B", title=title, title_zh=chinese,
            code="SC_CERTIFICATION",
        )  # fmt: skip


def _sales() -> Iterator[Feature]:
    """Declare how much is sold and paid for."""
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


def _order_values() -> Iterator[Feature]:
    """Declare how large and how regular orders are."""
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


def _sales_path() -> Iterator[Feature]:
    """Declare where sales are going and how steady they are."""
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


def _buyers() -> Iterator[Feature]:
    """Declare who buys, and what."""
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


def _shipping() -> Iterator[Feature]:
    """Declare how fast orders are shipped and confirmed."""
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


def _refunds() -> Iterator[Feature]:
    """Declare what comes back, and whose fault it was."""
    for days in (30, 90, 180):
        yield Feature(
            table="refunds", aggregate="sum", measure="amount", window_days=days, unit="yuan",
            expected=1, evidence="B", title=f"refunded in {days} days",
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


def _standing() -> Iterator[Feature]:
    """Declare what buyers and the platform hold against the shop."""
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


def trade_features() -> Iterator[Feature]:
    """Yield the features of the trade, in order."""
    for family in (
        _merchant, _sales, _order_values, _sales_path, _buyers, _shipping, _refunds, _standing,
    ):  # fmt: skip
        yield from family()
