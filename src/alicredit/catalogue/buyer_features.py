"""Further features of the trade: its scale, who buys, how orders end, and what is under way."""

from __future__ import annotations

from collections.abc import Iterator

from alicredit.declarations import Feature

_ZH_BY_COLUMN = {"device_hash": "设备", "address_hash": "地址"}


def _scale() -> Iterator[Feature]:
    """Declare how large the trade is, over more windows, in logarithms and net of refunds."""
    for days in (7, 365):
        yield Feature(
            table="orders", label="paid", aggregate="count", time="paid_at", window_days=days,
            unit="orders", expected=-1, evidence="B", title=f"paid orders of {days} days",
            title_zh=f"近{days}天付款订单数", code="SC_SALES_LOW",
        )  # fmt: skip
    for days in (7, 180):
        yield Feature(
            table="orders", label="settled", aggregate="sum", measure="amount",
            time="confirmed_at", window_days=days, unit="yuan", expected=-1, evidence="B",
            title=f"settled sales of {days} days", title_zh=f"近{days}天成交金额",
            code="SC_SALES_LOW",
        )  # fmt: skip
    for days in (180, 365):
        yield Feature(
            table="orders", label="paid", aggregate="sum", measure="amount", time="paid_at",
            window_days=days, unit="yuan", expected=-1, evidence="B",
            title=f"paid sales of {days} days", title_zh=f"近{days}天付款金额",
            code="SC_SALES_LOW",
        )  # fmt: skip
    for days in (90, 365):
        yield Feature(
            label=f"log_settled_{days}d", aggregate="log1p",
            of=(f"orders_settled_amount_sum_{days}d",), unit="ln yuan", expected=-1, evidence="B",
            title=f"logarithm of settled sales of {days} days",
            title_zh=f"近{days}天成交金额对数", code="SC_SALES_LOW",
        )  # fmt: skip
    for days in (30, 90):
        yield Feature(
            label=f"net_sales_{days}d", aggregate="difference",
            of=(f"orders_paid_amount_sum_{days}d", f"refunds_amount_sum_{days}d"), unit="yuan",
            expected=-1, evidence="B", title=f"paid sales less refunds of {days} days",
            title_zh=f"近{days}天净销售额", code="SC_SALES_LOW",
        )  # fmt: skip

    yield Feature(
        label="net_settled_90d", aggregate="difference", is_part=True,
        of=("orders_settled_amount_sum_90d", "refunds_amount_sum_90d"), unit="yuan", expected=-1,
        evidence="B", title="settled sales less refunds of 90 days",
        title_zh="近90天净成交金额", code="SC_SALES_LOW",
    )  # fmt: skip
    yield Feature(
        label="log_net_settled_90d", aggregate="log1p", of=("net_settled_90d",), unit="ln yuan",
        expected=-1, evidence="B", title="logarithm of settled sales less refunds of 90 days",
        title_zh="近90天净成交金额对数", code="SC_SALES_LOW",
    )  # fmt: skip


def _rhythm() -> Iterator[Feature]:
    """Declare on how many days there is trade, since when, and how order values spread."""
    for days in (30, 180, 365):
        yield Feature(
            table="orders", label="paid", aggregate="active_days", time="paid_at",
            window_days=days, unit="days", expected=-1, evidence="B",
            title=f"days with sales of {days}", title_zh=f"近{days}天有成交天数",
            code="SC_SALES_LOW",
        )  # fmt: skip
    yield Feature(
        table="orders", label="paid", aggregate="days_since_first", time="paid_at", unit="days",
        expected=-1, evidence="B", title="days since the first sale", title_zh="首次成交距今天数",
        code="SC_TENURE_SHORT",
    )  # fmt: skip
    for aggregate, title, chinese in (
        ("p10", "small order value", "订单金额10分位"),
        ("median", "median order value", "订单金额中位数"),
        ("p90", "large order value", "订单金额90分位"),
        ("max", "largest order value", "最大订单金额"),
    ):
        yield Feature(
            table="orders", label="paid", aggregate=aggregate, measure="amount", time="paid_at",
            window_days=180, min_support=5, unit="yuan", title=f"{title} of 180 days",
            title_zh=f"近180天{chinese}", code="SC_SALES_LOW",
        )  # fmt: skip
    yield Feature(
        label="order_value_skew_180d", aggregate="ratio",
        of=("orders_paid_amount_mean_180d", "orders_paid_amount_median_180d"), unit="ratio",
        title="mean over median order value", title_zh="订单金额均值与中位数之比",
        code="SC_SALES_UNSTABLE",
    )  # fmt: skip
    yield Feature(
        label="order_trend_7_30", aggregate="ratio", factor=30 / 7,
        of=("orders_paid_count_7d", "orders_paid_count_30d"), support="orders_paid_count_30d",
        min_support=5, unit="ratio", expected=-1, evidence="B",
        title="paid orders of 7 days against the pace of 30",
        title_zh="近7天订单与近30天均速之比", code="SC_SALES_FALLING",
    )  # fmt: skip
    yield Feature(
        label="order_trend_30_180", aggregate="ratio", factor=6.0,
        of=("orders_paid_count_30d", "orders_paid_count_180d"),
        support="orders_paid_count_180d", min_support=5, unit="ratio", expected=-1, evidence="B",
        title="paid orders of 30 days against the pace of 180",
        title_zh="近30天订单与近180天均速之比", code="SC_SALES_FALLING",
    )  # fmt: skip


def _buyers() -> Iterator[Feature]:
    """Declare how many buyers there are and how the trade spreads over them."""
    for days in (30, 90, 365):
        yield Feature(
            table="orders", label="paid", aggregate="distinct", measure="buyer_id",
            time="paid_at", window_days=days, unit="buyers", expected=-1,
            title=f"distinct buyers of {days} days", title_zh=f"近{days}天买家数",
            code="SC_SALES_LOW",
        )  # fmt: skip
    yield Feature(
        table="orders", label="paid", aggregate="top5_share", measure="buyer_id",
        weight="amount", time="paid_at", window_days=180, min_support=5, unit="share", expected=1,
        title="share of the five largest buyers of 180 days", title_zh="近180天前五大买家占比",
        code="SC_BUYER_CONC",
    )  # fmt: skip
    yield Feature(
        label="buyer_hhi_normalised_180d", aggregate="normalised",
        of=("orders_paid_buyer_id_hhi_180d", "orders_paid_buyer_id_distinct_180d"), unit="share",
        expected=1, title="concentration of buyers beyond the least possible",
        title_zh="标准化买家集中度", code="SC_BUYER_CONC",
    )  # fmt: skip
    yield Feature(
        label="orders_per_buyer_180d", aggregate="ratio",
        of=("orders_paid_count_180d", "orders_paid_buyer_id_distinct_180d"),
        support="orders_paid_count_180d", min_support=5, unit="orders", expected=-1,
        title="orders a buyer of 180 days", title_zh="近180天人均订单数", code="SC_BUYER_CONC",
    )  # fmt: skip
    yield Feature(
        table="orders", label="paid", aggregate="entropy", measure="buyer_region",
        time="paid_at", window_days=180, min_support=5, unit="nats", expected=-1,
        title="spread over the regions of buyers", title_zh="近180天买家地区分散度",
        code="SC_BUYER_CONC",
    )  # fmt: skip
    yield Feature(
        table="orders", label="paid", aggregate="distinct", measure="category", time="paid_at",
        window_days=180, unit="categories", expected=-1, title="categories sold in 180 days",
        title_zh="近180天销售类目数", code="SC_BUYER_CONC",
    )  # fmt: skip
    for column, chinese in _ZH_BY_COLUMN.items():
        word = column.split("_")[0]
        yield Feature(
            table="orders", label="paid", aggregate="top_share", measure=column, time="paid_at",
            window_days=90, min_support=5, unit="share", expected=1,
            title=f"share of orders from the most frequent {word}",
            title_zh=f"近90天同一{chinese}订单占比", code="SC_SELFTRADE",
        )  # fmt: skip


def _order_ends() -> Iterator[Feature]:
    """Declare how orders end, through which door they came, and what stands open."""
    yield Feature(
        table="orders", label="abandoned", aggregate="share", window_days=90,
        hit=(("closed_at", "set", None), ("paid_at", "missing", None)), min_support=5,
        unit="share", expected=1, title="share of orders closed unpaid",
        title_zh="近90天未付款关闭订单占比", code="SC_SALES_UNSTABLE",
    )  # fmt: skip
    yield Feature(
        table="orders", label="unpaid", aggregate="share", window_days=30,
        hit=(("paid_at", "missing", None),), min_support=5, unit="share", expected=1,
        title="share of orders of 30 days not yet paid", title_zh="近30天未付款订单占比",
        code="SC_SALES_UNSTABLE",
    )  # fmt: skip
    for word, column, value, title, chinese in (
        ("advertised", "channel", "ad", "came by advertising", "广告订单"),
        ("promoted", "channel", "promo", "came by promotion", "促销订单"),
        ("on_delivery", "payment", "cod", "paid on delivery", "货到付款订单"),
        ("virtual", "is_virtual_goods", True, "were of virtual goods", "虚拟商品订单"),
    ):
        yield Feature(
            table="orders", label=word, aggregate="share", time="paid_at", window_days=90,
            hit=((column, "==", value),), min_support=5, unit="share",
            title=f"share of orders that {title}", title_zh=f"近90天{chinese}占比",
            code="SC_OTHER",
        )  # fmt: skip
    yield Feature(
        table="orders", label="under_way", aggregate="sum", measure="amount", time="shipped_at",
        window_days=30, where=(("confirmed_at", "missing", None),), unit="yuan", evidence="B",
        title="shipped in 30 days and not yet confirmed", title_zh="近30天已发货未确认金额",
        code="SC_PIPELINE",
    )  # fmt: skip
    yield Feature(
        table="orders", label="under_way", aggregate="days_since_first", time="shipped_at",
        window_days=90, where=(("confirmed_at", "missing", None),), unit="days",
        title="age of the oldest unconfirmed shipment", title_zh="最早未确认发货距今天数",
        code="SC_PIPELINE",
    )  # fmt: skip
    yield Feature(
        label="pipeline_to_sales", aggregate="ratio",
        of=("orders_under_way_amount_sum_30d", "orders_paid_amount_sum_30d"),
        support="orders_paid_count_30d", min_support=5, unit="share",
        title="unconfirmed over paid of 30 days", title_zh="近30天在途金额占比",
        code="SC_PIPELINE",
    )  # fmt: skip


def buyer_features() -> Iterator[Feature]:
    """Yield the further features of the trade, in order."""
    for family in (_scale, _rhythm, _buyers, _order_ends):
        yield from family()
