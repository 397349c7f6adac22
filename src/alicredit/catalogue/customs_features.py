"""Features of customs in yuan, and of the months in which there was trade."""

from __future__ import annotations

from collections.abc import Iterator

from alicredit.declarations import Feature


def customs_features() -> Iterator[Feature]:
    """Yield the further features of customs, in order."""
    for days in (90, 365):
        yield Feature(
            table="customs_cny", label="export", aggregate="sum", measure="amount",
            window_days=days, where=(("direction", "==", "E"),), unit="yuan", expected=-1,
            evidence="B", title=f"exports of {days} days in yuan",
            title_zh=f"近{days}天出口额(人民币)", code="SC_CUSTOMS",
        )  # fmt: skip
        yield Feature(
            label=f"log_export_cny_{days}d", aggregate="log1p",
            of=(f"customs_cny_export_amount_sum_{days}d",), unit="ln yuan", expected=-1,
            evidence="B", title=f"logarithm of exports of {days} days in yuan",
            title_zh=f"近{days}天出口额对数(人民币)", code="SC_CUSTOMS",
        )  # fmt: skip
    yield Feature(
        table="customs", aggregate="distinct", measure="month", window_days=365, unit="months",
        expected=-1, evidence="B", title="months with customs declarations of a year",
        title_zh="一年有报关月数", code="SC_CUSTOMS",
    )  # fmt: skip
