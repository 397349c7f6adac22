"""Features of psychometric answers: restricted, and off until a lender adds them on purpose."""

from __future__ import annotations

from collections.abc import Iterator

from alicredit.declarations import Feature

_SLOW_MS = 60_000.0
"""An answer that took longer was thought over or looked up (assumed)."""

_FAST_MS = 1_000.0
"""An answer that took less was not read (assumed)."""


def _psychometric() -> Iterator[Feature]:
    """Declare scale scores, the index of lying and concealing, and odd answering times."""
    for scale, sign, title, chinese in (
        ("concealment", 1, "concealment", "隐瞒量表得分"),
        ("lie", 1, "lying", "说谎量表得分"),
        ("conscientiousness", -1, "conscientiousness", "尽责性量表得分"),
    ):
        yield Feature(
            table="psych_items", label=scale, aggregate="mean", measure="score",
            window_days=730, where=(("scale", "==", scale),), min_support=3, unit="score",
            expected=sign, evidence="A", restricted=True, title=f"mean answer on {title}",
            title_zh=chinese, code="SC_OTHER",
        )  # fmt: skip
    yield Feature(
        table="psych_items", label="candour", aggregate="mean", measure="score", window_days=730,
        where=(("scale", "in", ("concealment", "lie")),), min_support=5, unit="score", expected=1,
        evidence="A", restricted=True, title="index of lying and concealing",
        title_zh="说谎与隐瞒指数", code="SC_OTHER",
    )  # fmt: skip
    for label, operator, limit, title, chinese in (
        ("slow", ">", _SLOW_MS, "slow answers", "作答过慢占比"),
        ("fast", "<", _FAST_MS, "answers too fast to be read", "作答过快占比"),
    ):
        yield Feature(
            table="psych_items", label=label, aggregate="share", window_days=730,
            where=(("latency_ms", "set", None),), hit=(("latency_ms", operator, limit),),
            min_support=5, unit="share", expected=1, evidence="A", restricted=True,
            title=f"share of {title}", title_zh=chinese, code="SC_OTHER",
        )  # fmt: skip


PSYCHOMETRIC = tuple(_psychometric())
"""Features of the restricted table ``psych_items``, in no catalogue of ours: a lender adds them by
``CATALOGUE + PSYCHOMETRIC``, and reads the table only under a ``data_use`` that states purpose and
legal basis. Published tools reach a Gini of 20 to 40 % (DOMAIN 3.3)."""
