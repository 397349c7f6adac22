"""Features of credit behaviour: each due against its payment, and what is still owed."""

from __future__ import annotations

from collections.abc import Iterator

from alicredit.declarations import Feature

_IN_FORCE = (("replaced_at", "missing", None),)
_OPEN = (*_IN_FORCE, ("settled_at", "missing", None))


def _punctuality() -> Iterator[Feature]:
    """Declare whether what fell due was paid on its day, and how late at worst."""
    for days, obeyed in ((90, 0), (365, -1)):
        yield Feature(
            table="loan_dues", label="on_time", aggregate="share", time="late_from",
            window_days=days, where=_IN_FORCE, hit=(("days_late", "<=", 0),), min_support=3,
            unit="share", direction=obeyed, expected=-1, evidence="B",
            title=f"share of dues of {days} days paid on time", title_zh=f"近{days}天按期还款占比",
            code="SC_PAST_OVERDUE",
        )  # fmt: skip
    yield Feature(
        table="loan_dues", aggregate="mean", measure="days_late", time="late_from",
        window_days=365, where=_IN_FORCE, min_support=3, unit="days", expected=1, evidence="B",
        title="mean days dues of a year were paid late", title_zh="一年平均逾期天数",
        code="SC_PAST_OVERDUE",
    )  # fmt: skip
    yield Feature(
        table="loan_dues", aggregate="max", measure="days_late", time="late_from",
        window_days=365, where=_IN_FORCE, unit="days", evidence="B", is_part=True,
        title="most days a due of a year was paid late", title_zh="一年已还款最长逾期天数",
        code="SC_PAST_OVERDUE",
    )  # fmt: skip
    yield Feature(
        table="loan_dues", label="open", aggregate="days_since_first", time="due_day",
        where=_OPEN, unit="days", expected=1, evidence="B",
        title="days since the day of the oldest unpaid due", title_zh="最早未还款项到期距今天数",
        code="SC_PAST_OVERDUE",
    )  # fmt: skip
    yield Feature(
        label="days_late_max_365d", aggregate="larger",
        of=("loan_dues_days_late_max_365d", "loan_dues_open_days_since_first"), unit="days",
        direction=1, evidence="B", title="most days past due in a year",
        title_zh="一年最长逾期天数", code="SC_PAST_OVERDUE",
    )  # fmt: skip


def _owed() -> Iterator[Feature]:
    """Declare what is owed, overdue and soon due, against the limit and the cash flow."""
    yield Feature(
        table="loan_dues", label="overdue", aggregate="sum", measure="amount", time="late_from",
        where=_OPEN, unit="yuan", expected=1, evidence="B", title="dues past their day and unpaid",
        title_zh="逾期未还金额", code="SC_PAST_OVERDUE",
    )  # fmt: skip
    yield Feature(
        table="loan_dues", label="open", aggregate="sum", measure="principal", where=_OPEN,
        unit="yuan", expected=1, evidence="B", title="principal not yet repaid",
        title_zh="未还本金", code="SC_CREDIT_USE",
    )  # fmt: skip
    yield Feature(
        label="utilisation", aggregate="utilisation",
        of=("loan_dues_open_principal_sum", "limit_history_limit_last"), unit="share", expected=1,
        evidence="B", title="principal not yet repaid over the limit", title_zh="额度占用率",
        code="SC_CREDIT_USE",
    )  # fmt: skip
    yield Feature(
        label="draws_per_month", aggregate="ratio", factor=30.4375,
        of=("loans_count", "loans_days_since_first"), support="loans_days_since_first",
        min_support=30, unit="loans a month", expected=1, evidence="B",
        title="loans a month since the first", title_zh="月均借款次数", code="SC_CREDIT_USE",
    )  # fmt: skip
    yield Feature(
        table="loan_dues", label="open", aggregate="sum", measure="amount", time="due_at",
        ahead_days=90, where=_OPEN, unit="yuan", expected=1, evidence="B",
        title="falling due in the next 90 days", title_zh="未来90天应还金额",
        code="SC_CREDIT_USE",
    )  # fmt: skip
    yield Feature(
        label="debt_service_coverage_90d", aggregate="ratio",
        of=("net_cash_90d", "loan_dues_open_amount_sum_next_90d"), support="bank_txns_count_90d",
        min_support=5, unit="ratio", direction=-1, evidence="B",
        title="net cash of 90 days over dues of the next 90", title_zh="偿债覆盖率",
        code="SC_CASHFLOW",
    )  # fmt: skip


def _use() -> Iterator[Feature]:
    """Declare what changed after the latest loan, and where its money went."""
    for measure, title, chinese in (
        ("sales_change", "sales", "销售"), ("uv_change", "visitors", "访客"),
        ("ad_change", "advertising", "广告支出"),
    ):  # fmt: skip
        yield Feature(
            table="loan_effects", aggregate="last", measure=measure, window_days=365,
            unit="log ratio", expected=-1, evidence="B",
            title=f"change of {title} after the latest loan", title_zh=f"最近贷款后{chinese}变化",
            code="SC_CREDIT_USE",
        )  # fmt: skip
    yield Feature(
        table="loan_spending", aggregate="last", measure="supplier_share", window_days=365,
        unit="share", expected=-1, evidence="B",
        title="share of the latest loan spent on suppliers", title_zh="最近贷款支付供应商占比",
        code="SC_CREDIT_USE",
    )  # fmt: skip
    yield Feature(
        table="loan_spending", aggregate="last", measure="transfer_share", window_days=365,
        unit="share", expected=1, evidence="B",
        title="share of the latest loan moved away within a day",
        title_zh="最近贷款24小时内转出占比", code="SC_CREDIT_USE",
    )  # fmt: skip


def credit_features() -> Iterator[Feature]:
    """Yield the features of credit behaviour, in order."""
    for family in (_punctuality, _owed, _use):
        yield from family()
