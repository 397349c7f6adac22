"""Features of trade with oneself: amounts that repeat, and buyers who are one."""

from __future__ import annotations

from collections.abc import Iterator

from alicredit.declarations import Feature

_DIGITS = 3
"""Equal figures, the zeros at the end aside, that are more than chance (assumed)."""


def _amounts() -> Iterator[Feature]:
    """Declare how often order amounts repeat, are round, or are one digit over and over."""
    yield Feature(
        table="orders", label="paid", aggregate="top_share", measure="amount", time="paid_at",
        window_days=90, min_support=5, unit="share", expected=1,
        title="share of orders of the most frequent amount", title_zh="近90天最常见金额订单占比",
        code="SC_SELFTRADE",
    )  # fmt: skip
    for label, hit, title, chinese in (
        ("round", ("fen_over_hundreds", "==", 0), "of whole hundreds of yuan", "整百金额"),
        ("repdigit", ("same_digits", ">=", _DIGITS), "of one digit over and over", "重复数字金额"),
    ):
        yield Feature(
            table="orders", label=label, aggregate="share", time="paid_at", window_days=90,
            hit=(hit,), min_support=5, unit="share", expected=1, title=f"share of orders {title}",
            title_zh=f"近90天{chinese}订单占比", code="SC_SELFTRADE",
        )  # fmt: skip


def _shared() -> Iterator[Feature]:
    """Declare how many buyers stand behind one device or address."""
    for word, several, chinese in (("device", "devices", "设备"), ("address", "addresses", "地址")):
        column = f"{word}_hash"
        for measure, plural, told in (
            ("buyer_id", "buyers", "买家数"), (column, several, f"{chinese}数"),
        ):  # fmt: skip
            yield Feature(
                table="orders", label=f"{word}_told", aggregate="distinct", measure=measure,
                time="paid_at", window_days=90, where=((column, "set", None),), unit=plural,
                is_part=True, title=f"{plural} of orders of 90 days with a known {word}",
                title_zh=f"近90天{chinese}已知订单{told}", code="SC_SELFTRADE",
            )  # fmt: skip
        yield Feature(
            label=f"buyers_per_{word}_90d", aggregate="ratio",
            of=(f"orders_{word}_told_buyer_id_distinct_90d",
                f"orders_{word}_told_{column}_distinct_90d"),
            support=f"orders_{word}_told_buyer_id_distinct_90d", min_support=5,
            unit="buyers", expected=1, title=f"buyers for each {word} of 90 days",
            title_zh=f"近90天单一{chinese}买家数", code="SC_SELFTRADE",
        )  # fmt: skip


def selftrade_features() -> Iterator[Feature]:
    """Yield the features of trade with oneself, in order."""
    for family in (_amounts, _shared):
        yield from family()
