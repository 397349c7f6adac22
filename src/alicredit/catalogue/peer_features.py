"""Features held against peers: sales against their season, against a year ago, shrunk ratings."""

from __future__ import annotations

from collections.abc import Iterator

from alicredit.declarations import Feature

_PRIOR = 50.0
"""Ratings that the mean of peers counts for (DOMAIN 3.3)."""


def _season() -> Iterator[Feature]:
    """Declare sales of 30 days against what the season made of peers' sales."""
    for days in (30, 180, 365):
        yield Feature(
            table="sales_by_day", aggregate="sum", measure="amount", window_days=days,
            unit="yuan", is_part=True, title=f"sales of {days} whole days",
            title_zh=f"近{days}个整日付款金额", code="SC_SALES_LOW",
        )  # fmt: skip
        yield Feature(
            table="peer_sales", aggregate="sum", measure="amount", window_days=days,
            unit="yuan", is_part=True, title=f"peers' sales of {days} days",
            title_zh=f"近{days}天同类商户销售额", code="SC_OTHER",
        )  # fmt: skip
        yield Feature(
            table="peer_sales", aggregate="mean", measure="merchants", window_days=days,
            min_support=min(days, 90) // 3, unit="merchants", is_part=True,
            title=f"peers selling of {days} days", title_zh=f"近{days}天同类在售商户数",
            code="SC_OTHER",
        )  # fmt: skip
        yield Feature(
            label=f"peer_pace_{days}d", aggregate="ratio",
            of=(f"peer_sales_amount_sum_{days}d", f"peer_sales_merchants_mean_{days}d"),
            unit="yuan a merchant", is_part=True, title=f"a peer's sales of {days} days",
            title_zh=f"近{days}天同类商户平均销售额", code="SC_OTHER",
        )  # fmt: skip
    for days in (180, 365):
        yield Feature(
            label=f"peer_season_30_{days}", aggregate="ratio", factor=days / 30,
            of=("peer_pace_30d", f"peer_pace_{days}d"), unit="ratio", is_part=True,
            title=f"season of peers in 30 days of {days}", title_zh=f"近30天同类季节指数({days}天)",
            code="SC_OTHER",
        )  # fmt: skip
        yield Feature(
            label=f"own_pace_30_{days}", aggregate="ratio", factor=days / 30,
            of=("sales_by_day_amount_sum_30d", f"sales_by_day_amount_sum_{days}d"),
            support="orders_paid_days_since_first", min_support=days, unit="ratio", is_part=True,
            title=f"sales of 30 whole days against the pace of {days}",
            title_zh=f"近30个整日与近{days}个整日均速之比", code="SC_SALES_FALLING",
        )  # fmt: skip
        yield Feature(
            label=f"sales_over_season_30_{days}", aggregate="ratio",
            of=(f"own_pace_30_{days}", f"peer_season_30_{days}"), unit="ratio", expected=-1,
            title=f"sales of 30 days over their seasonal expectation from {days}",
            title_zh=f"近30天销售与季节预期之比(基期{days}天)", code="SC_SALES_FALLING",
        )  # fmt: skip


def _year_on_year() -> Iterator[Feature]:
    """Declare sales of 30 days against those of the same days a year ago."""
    for aggregate, measure in (("sum", "amount"), ("count", "")):
        what, chinese = ("sales", "付款金额") if measure else ("orders", "付款订单数")
        yield Feature(
            table="orders", label="paid", aggregate=aggregate, measure=measure, time="paid_at",
            window_days=395, unit="yuan" if measure else "orders", is_part=True,
            title=f"paid {what} of 395 days", title_zh=f"近395天{chinese}", code="SC_SALES_LOW",
        )  # fmt: skip
        name = "_".join(part for part in ("orders_paid", measure, aggregate) if part)
        yield Feature(
            label=f"{what}_year_ago_30d", aggregate="difference",
            of=(f"{name}_395d", f"{name}_365d"), unit="yuan" if measure else "orders",
            is_part=True, title=f"paid {what} of the same 30 days a year ago",
            title_zh=f"去年同期30天{chinese}", code="SC_SALES_LOW",
        )  # fmt: skip
    yield Feature(
        label="sales_year_on_year", aggregate="log_ratio",
        of=("orders_paid_amount_sum_30d", "sales_year_ago_30d"), support="orders_year_ago_30d",
        min_support=5, unit="log ratio", expected=-1,
        title="paid sales of 30 days against a year ago", title_zh="近30天销售额同比",
        code="SC_SALES_FALLING",
    )  # fmt: skip


def _ratings() -> Iterator[Feature]:
    """Declare ratings drawn to the mean of peers as if 50 more had been given with it."""
    known = (("polarity", "set", None),)
    own = (
        ("positive", "count", "", (("polarity", "==", 1),), "positive ratings", "好评数"),
        ("told", "count", "", known, "ratings with a word", "有效评价数"),
        ("scored", "count", "", (("dsr", "set", None),), "ratings with a score", "有评分评价数"),
        ("", "sum", "dsr", (), "sum of detailed ratings", "动态评分合计"),
    )
    for label, aggregate, measure, where, title, chinese in own:
        yield Feature(
            table="ratings", label=label, aggregate=aggregate, measure=measure, where=where,
            window_days=180, unit="ratings" if not measure else "points", is_part=True,
            title=f"{title} of 180 days", title_zh=f"近180天{chinese}", code="SC_RATING",
        )  # fmt: skip
    for over, under, least, label, title, chinese in (
        ("dsr_sum", "dsr_count", 300, "peer_dsr_365d", "detailed rating", "动态评分"),
        ("positive", "ratings", 100, "peer_positive_365d", "share of positive ratings", "好评率"),
    ):
        for name, unit in ((over, "summed"), (under, "counted")):
            yield Feature(
                table="peer_ratings", aggregate="sum", measure=name, window_days=365,
                unit=unit, is_part=True, title=f"peers' {title} of 365 days, {unit}",
                title_zh=f"近365天同类{chinese}{'合计' if unit == 'summed' else '样本数'}",
                code="SC_RATING",
            )  # fmt: skip
        yield Feature(
            label=label, aggregate="ratio",
            of=(f"peer_ratings_{over}_sum_365d", f"peer_ratings_{under}_sum_365d"),
            support=f"peer_ratings_{under}_sum_365d", min_support=least, unit="mean", is_part=True,
            title=f"peers' {title} of 365 days", title_zh=f"近365天同类{chinese}", code="SC_RATING",
        )  # fmt: skip
    yield Feature(
        label="dsr_shrunk_180d", aggregate="shrunk", factor=_PRIOR,
        of=("ratings_dsr_sum_180d", "ratings_scored_count_180d", "peer_dsr_365d"),
        unit="points of 5", direction=-1, evidence="B",
        title="detailed rating drawn to that of peers", title_zh="近180天动态评分(贝叶斯收缩)",
        code="SC_RATING",
    )  # fmt: skip
    yield Feature(
        label="positive_share_shrunk_180d", aggregate="shrunk", factor=_PRIOR,
        of=("ratings_positive_count_180d", "ratings_told_count_180d", "peer_positive_365d"),
        unit="share", direction=-1, evidence="B",
        title="share of positive ratings drawn to that of peers",
        title_zh="近180天好评率(贝叶斯收缩)", code="SC_RATING",
    )  # fmt: skip


def _power() -> Iterator[Feature]:
    """Declare power against sales, beyond what peers need for theirs."""
    for measure, what, chinese in (
        ("billed", "power", "电费"),
        ("bills", "power bills", "电费账单数"),
    ):
        yield Feature(
            table="peer_power", aggregate="sum", measure=measure, window_days=365,
            unit="yuan" if measure == "billed" else "bills", is_part=True,
            title=f"peers' {what} of 365 days", title_zh=f"近365天同类{chinese}",
            code="SC_UTILITY_LATE",
        )  # fmt: skip
    yield Feature(
        label="peer_power_year", aggregate="ratio", factor=12.0,
        of=("peer_power_billed_sum_365d", "peer_power_bills_sum_365d"),
        support="peer_power_bills_sum_365d", min_support=100, unit="yuan", is_part=True,
        title="a peer's power of a year", title_zh="同类商户全年平均电费", code="SC_UTILITY_LATE",
    )  # fmt: skip
    yield Feature(
        label="peer_power_to_sales_365d", aggregate="log_ratio",
        of=("peer_power_year", "peer_pace_365d"), unit="log ratio", is_part=True,
        title="a peer's power against sales of a year", title_zh="同类一年电费与销售额之比",
        code="SC_UTILITY_LATE",
    )  # fmt: skip
    yield Feature(
        label="power_residual_365d", aggregate="difference",
        of=("power_to_sales_365d", "peer_power_to_sales_365d"),
        support="utilities_power_billed_sum_365d", min_support=1, unit="log ratio",
        title="power against sales beyond that of peers", title_zh="电费与销售额之比相对同类偏离",
        code="SC_UTILITY_LATE",
    )  # fmt: skip


def _prices() -> Iterator[Feature]:
    """Declare how far declared prices lie from those of peers."""
    yield Feature(
        table="customs_prices", aggregate="median", measure="price_distance", window_days=365,
        min_support=3, unit="standard deviations", expected=1,
        title="median distance of declared prices from those of peers",
        title_zh="一年报关单价与同类偏离中位数", code="SC_CUSTOMS",
    )  # fmt: skip
    yield Feature(
        table="customs_prices", label="odd", aggregate="share", window_days=365,
        hit=(("price_distance", ">", 3),), min_support=3, unit="share", expected=1,
        title="share of declared prices three deviations from those of peers",
        title_zh="一年报关单价异常占比", code="SC_CUSTOMS",
    )  # fmt: skip


def peer_features() -> Iterator[Feature]:
    """Yield the features held against peers, in order."""
    for family in (_season, _year_on_year, _ratings, _power, _prices):
        yield from family()
