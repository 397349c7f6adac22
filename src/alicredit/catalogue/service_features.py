"""Further features of how the merchant serves: refunds, disputes, ratings, answers, traffic."""

from __future__ import annotations

from collections.abc import Iterator

from alicredit.declarations import Feature


def _refunds() -> Iterator[Feature]:
    """Declare where refunds are going."""
    yield Feature(
        label="refund_rate_180d", aggregate="ratio",
        of=("refunds_amount_sum_180d", "orders_paid_amount_sum_180d"),
        support="orders_paid_count_180d", min_support=5, unit="share", direction=1, evidence="B",
        title="refunds over sales of 180 days", title_zh="近180天退款率", code="SC_REFUND_HIGH",
    )  # fmt: skip
    yield Feature(
        label="refund_rate_change_30_180", aggregate="difference",
        of=("refund_rate_30d", "refund_rate_180d"), unit="share", expected=1, evidence="B",
        title="change of the refund rate", title_zh="退款率变化", code="SC_REFUND_HIGH",
    )  # fmt: skip
    for days in (30, 180):
        yield Feature(
            table="refunds", aggregate="count", window_days=days, unit="refunds", expected=1,
            evidence="B", title=f"refunds of {days} days", title_zh=f"近{days}天退款笔数",
            code="SC_REFUND_HIGH",
        )  # fmt: skip
    for reason, title, chinese in (
        ("quality", "for quality", "质量问题"),
        ("not_received", "for goods not received", "未收到货"),
        ("mismatch", "for goods unlike described", "描述不符"),
    ):
        yield Feature(
            table="refunds", label=reason, aggregate="share", window_days=180,
            hit=(("reason", "==", reason),), min_support=5, unit="share", expected=1,
            evidence="B", title=f"share of refunds {title}", title_zh=f"近180天{chinese}退款占比",
            code="SC_REFUND_HIGH",
        )  # fmt: skip
    yield Feature(
        table="refunds", label="open", aggregate="sum", measure="amount", window_days=90,
        where=(("resolved_at", "missing", None),), unit="yuan", expected=1, evidence="B",
        title="refunds of 90 days not yet resolved", title_zh="近90天未处理退款金额",
        code="SC_REFUND_HIGH",
    )  # fmt: skip


def _disputes() -> Iterator[Feature]:
    """Declare what buyers disputed, and who was right."""
    yield Feature(
        table="disputes", aggregate="count", window_days=180, unit="disputes", expected=1,
        evidence="B", title="disputes of 180 days", title_zh="近180天纠纷笔数",
        code="SC_DISPUTE",
    )  # fmt: skip
    yield Feature(
        label="dispute_rate_180d", aggregate="ratio",
        of=("disputes_count_180d", "orders_paid_count_180d"), support="orders_paid_count_180d",
        min_support=5, unit="share", direction=1, evidence="B", title="disputes per order",
        title_zh="近180天纠纷率", code="SC_DISPUTE",
    )  # fmt: skip
    yield Feature(
        table="disputes", aggregate="sum", measure="amount", window_days=180, unit="yuan",
        expected=1, evidence="B", title="disputed in 180 days", title_zh="近180天纠纷金额",
        code="SC_DISPUTE",
    )  # fmt: skip
    yield Feature(
        table="disputes", label="fault", aggregate="share", window_days=365,
        where=(("seller_fault", "set", None),), hit=(("seller_fault", "==", True),),
        min_support=3, unit="share", direction=1, evidence="B",
        title="share of disputes found against the seller", title_zh="卖家责任纠纷占比",
        code="SC_DISPUTE",
    )  # fmt: skip
    yield Feature(
        table="disputes", aggregate="median", measure="resolve_hours", time="resolved_at",
        window_days=365, min_support=3, unit="hours", expected=1, evidence="B",
        title="median hours to settle a dispute", title_zh="纠纷处理时长中位数",
        code="SC_DISPUTE",
    )  # fmt: skip


def _standing() -> Iterator[Feature]:
    """Declare more of what buyers and the platform hold against the shop."""
    yield Feature(
        table="ratings", aggregate="count", window_days=90, unit="ratings", expected=-1,
        evidence="B", title="ratings of 90 days", title_zh="近90天评价数", code="SC_RATING",
    )  # fmt: skip
    for days in (30, 180):
        yield Feature(
            table="ratings", label="negative", aggregate="share", window_days=days,
            where=(("polarity", "set", None),), hit=(("polarity", "==", -1),), min_support=5,
            unit="share", expected=1, evidence="B",
            title=f"share of negative ratings of {days} days", title_zh=f"近{days}天差评率",
            code="SC_RATING",
        )  # fmt: skip
    for measure, title, chinese in (
        ("dsr_desc", "description", "描述相符评分"),
        ("dsr_service", "service", "服务态度评分"),
        ("dsr_ship", "shipping", "发货速度评分"),
    ):
        yield Feature(
            table="ratings", aggregate="mean", measure=measure, window_days=180, min_support=5,
            unit="points of 5", expected=-1, evidence="B", title=f"mean rating of {title}",
            title_zh=f"近180天{chinese}", code="SC_RATING",
        )  # fmt: skip
    yield Feature(
        table="ratings", aggregate="p10", measure="dsr", window_days=180, min_support=5,
        unit="points of 5", expected=-1, evidence="B", title="low detailed rating of 180 days",
        title_zh="近180天动态评分10分位", code="SC_RATING",
    )  # fmt: skip
    for days in (90, 365):
        yield Feature(
            table="violations", aggregate="count", window_days=days, unit="violations",
            expected=1, evidence="B", title=f"violations of {days} days",
            title_zh=f"近{days}天违规次数", code="SC_VIOLATION",
        )  # fmt: skip
    yield Feature(
        table="violations", aggregate="days_since", unit="days", expected=-1, evidence="B",
        title="days since the last violation", title_zh="距最近违规天数", code="SC_VIOLATION",
    )  # fmt: skip


def _speed() -> Iterator[Feature]:
    """Declare how slow shipping and answers get at their worst, and whether they slow down."""
    yield Feature(
        table="orders", label="shipped", aggregate="p90", measure="ship_hours",
        time="shipped_at", window_days=90, min_support=5, unit="hours", expected=1, evidence="B",
        title="slow hours to shipping", title_zh="发货时长90分位", code="SC_SHIP_SLOW",
    )  # fmt: skip
    for days in (30, 180):
        yield Feature(
            table="orders", label="shipped", aggregate="mean", measure="ship_hours",
            time="shipped_at", window_days=days, min_support=5, unit="hours", expected=1,
            evidence="B", title=f"mean hours to shipping of {days} days",
            title_zh=f"近{days}天平均发货时长", code="SC_SHIP_SLOW",
        )  # fmt: skip
    yield Feature(
        label="ship_hours_change_30_180", aggregate="difference",
        of=("orders_shipped_ship_hours_mean_30d", "orders_shipped_ship_hours_mean_180d"),
        unit="hours", expected=1, evidence="B", title="change of the hours to shipping",
        title_zh="发货时长变化", code="SC_SHIP_SLOW",
    )  # fmt: skip
    yield Feature(
        table="interactions_daily", aggregate="p90", measure="median_first_response_s",
        window_days=90, min_support=5, unit="seconds", expected=1, evidence="B",
        title="slow seconds to the first answer", title_zh="首次响应时长90分位",
        code="SC_RESPONSE_SLOW",
    )  # fmt: skip


def _presence() -> Iterator[Feature]:
    """Declare more of how present the merchant is."""
    for days in (30, 90):
        yield Feature(
            table="interactions_daily", label="seen", aggregate="active_days",
            where=(("logins", ">", 0),), window_days=days, unit="days", expected=-1,
            title=f"days with a login of {days}", title_zh=f"近{days}天登录天数",
            code="SC_INACTIVE",
        )  # fmt: skip
        yield Feature(
            table="interactions_daily", aggregate="sum", measure="active_minutes",
            window_days=days, unit="minutes", expected=-1,
            title=f"active minutes of {days} days", title_zh=f"近{days}天活跃分钟数",
            code="SC_INACTIVE",
        )  # fmt: skip
    yield Feature(
        table="interactions_daily", label="edited", aggregate="days_since",
        where=(("listing_edits", ">", 0),), unit="days", expected=1,
        title="days since the last listing edit", title_zh="距最近商品编辑天数",
        code="SC_INACTIVE",
    )  # fmt: skip
    yield Feature(
        table="interactions_daily", aggregate="cv", measure="logins", window_days=182,
        min_support=5, unit="ratio", expected=1, title="variation of weekly logins",
        title_zh="近26周登录变异系数", code="SC_INACTIVE",
    )  # fmt: skip
    for measure, title, chinese in (
        ("inquiries", "inquiries", "询盘数"), ("quotes", "quotes", "报价数"),
    ):  # fmt: skip
        yield Feature(
            table="interactions_daily", aggregate="sum", measure=measure, window_days=90,
            unit=title, expected=-1, title=f"{title} of 90 days", title_zh=f"近90天{chinese}",
            code="SC_INACTIVE",
        )  # fmt: skip
    yield Feature(
        label="quote_rate_90d", aggregate="ratio",
        of=("interactions_daily_quotes_sum_90d", "interactions_daily_inquiries_sum_90d"),
        support="interactions_daily_inquiries_sum_90d", min_support=5, unit="ratio", expected=-1,
        title="quotes per inquiry", title_zh="询盘报价率", code="SC_RESPONSE_SLOW",
    )  # fmt: skip


def _traffic() -> Iterator[Feature]:
    """Declare what visitors do, and what they cost."""
    for measure, title, chinese in (
        ("pv", "page views", "浏览量"), ("carts", "carts filled", "加购数"),
        ("ad_clicks", "clicks on advertising", "广告点击数"),
    ):  # fmt: skip
        yield Feature(
            table="traffic_daily", aggregate="sum", measure=measure, window_days=90, unit=title,
            expected=-1, title=f"{title} of 90 days", title_zh=f"近90天{chinese}",
            code="SC_TRAFFIC_LOW",
        )  # fmt: skip
    for label, over, under, title, chinese in (
        ("conversion_90d", "orders_paid_count_90d", "traffic_daily_uv_sum_90d",
         "paid orders a visitor", "访客转化率"),
        ("conversion_30d", "orders_paid_count_30d", "traffic_daily_uv_sum_30d",
         "paid orders a visitor of 30 days", "近30天访客转化率"),
        ("cart_rate_90d", "traffic_daily_carts_sum_90d", "traffic_daily_uv_sum_90d",
         "carts a visitor", "加购率"),
        ("depth_90d", "traffic_daily_pv_sum_90d", "traffic_daily_uv_sum_90d",
         "pages a visitor", "人均浏览量"),
    ):  # fmt: skip
        yield Feature(
            label=label, aggregate="ratio", of=(over, under), support=under, min_support=5,
            unit="ratio", expected=-1, title=title, title_zh=chinese, code="SC_TRAFFIC_LOW",
        )  # fmt: skip
    for label, over, under, title, chinese in (
        ("ad_payback_90d", "orders_paid_amount_sum_90d", "traffic_daily_ad_spend_sum_90d",
         "sales over advertising", "广告投产比"),
        ("ad_click_cost_90d", "traffic_daily_ad_spend_sum_90d", "traffic_daily_ad_clicks_sum_90d",
         "advertising a click", "点击成本"),
    ):  # fmt: skip
        yield Feature(
            label=label, aggregate="ratio", of=(over, under), support=under, min_support=5,
            unit="ratio", title=title, title_zh=f"近90天{chinese}", code="SC_OTHER",
        )  # fmt: skip
    for aggregate, sign, title, chinese in (
        ("slope", -1, "weekly growth of log visitors", "周访客对数趋势"),
        ("cv", 1, "variation of weekly visitors", "周访客变异系数"),
    ):
        yield Feature(
            table="traffic_daily", aggregate=aggregate, measure="uv", window_days=182,
            min_support=5, unit="ratio", expected=sign, title=f"{title} over 26 weeks",
            title_zh=f"近26周{chinese}", code="SC_TRAFFIC_LOW",
        )  # fmt: skip


def service_features() -> Iterator[Feature]:
    """Yield the further features of service, in order."""
    for family in (_refunds, _disputes, _standing, _speed, _presence, _traffic):
        yield from family()
