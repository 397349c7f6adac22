"""Further features of money: bank, bills, customs, declarations, assets, and credit."""

from __future__ import annotations

from collections.abc import Iterator

from alicredit.declarations import Feature

_FLOWS = (
    ("sale", "inflow", "bank inflows from sales", "销售回款", -1),
    ("supplier", "outflow", "payments to suppliers", "供应商付款", 0),
    ("wage", "outflow", "wages paid", "工资支出", 0),
    ("tax", "outflow", "taxes paid", "税费支出", -1),
    ("loan_in", "inflow", "loans from elsewhere paid in", "外部贷款流入", 1),
    ("loan_repay", "outflow", "loans from elsewhere repaid", "外部贷款还款", 1),
)


def _bank_flows() -> Iterator[Feature]:
    """Declare what flows through the bank account, and for what."""
    for kind, measure, title, chinese, sign in _FLOWS:
        yield Feature(
            table="bank_txns", label=kind, aggregate="sum", measure=measure, window_days=90,
            where=(("kind", "==", kind),), unit="yuan", expected=sign, evidence="B",
            title=f"{title} in 90 days", title_zh=f"近90天{chinese}", code="SC_CASHFLOW",
        )  # fmt: skip
    yield Feature(
        label="bank_platform_gap_90d", aggregate="gap",
        of=("bank_txns_sale_inflow_sum_90d", "orders_settled_amount_sum_90d"),
        support="bank_txns_count_90d", min_support=5, unit="log ratio", expected=1,
        title="distance of bank inflows from platform sales",
        title_zh="银行回款与平台成交差距", code="SC_CASHFLOW",
    )  # fmt: skip
    yield Feature(
        label="net_cash_90d", aggregate="difference",
        of=("bank_txns_inflow_sum_90d", "bank_txns_outflow_sum_90d"), unit="yuan", expected=-1,
        evidence="B", title="bank inflows less outflows of 90 days", title_zh="近90天净现金流",
        code="SC_CASHFLOW",
    )  # fmt: skip


def _bank_balances() -> Iterator[Feature]:
    """Declare how low the bank balance is, and how often it runs low."""
    yield Feature(
        table="bank_txns", label="low", aggregate="share", window_days=90,
        where=(("balance_after", "set", None),), hit=(("balance_after", "<", 1000),),
        min_support=5, unit="share", expected=1, evidence="B",
        title="share of postings that left less than 1,000 yuan",
        title_zh="余额低于1000元流水占比", code="SC_CASHFLOW",
    )  # fmt: skip
    for label, told, title, chinese in (
        ("low", ("<", 1000), "days that saw a balance below 1,000 yuan", "余额低于1000元天数"),
        ("told", ("set", None), "days with a known balance", "有余额记录天数"),
    ):
        yield Feature(
            table="bank_txns", label=label, aggregate="active_days", window_days=90,
            where=(("balance_after", *told),), unit="days", expected=1 if label == "low" else 0,
            evidence="B", is_part=label == "told", title=f"{title} of 90",
            title_zh=f"近90天{chinese}", code="SC_CASHFLOW",
        )  # fmt: skip
    yield Feature(
        label="bank_low_days_share_90d", aggregate="ratio",
        of=("bank_txns_low_active_days_90d", "bank_txns_told_active_days_90d"),
        support="bank_txns_told_active_days_90d", min_support=5, unit="share", expected=1,
        evidence="B", title="share of days with postings that saw less than 1,000 yuan",
        title_zh="余额低于1000元天数占比", code="SC_CASHFLOW",
    )  # fmt: skip
    for aggregate, title, chinese in (
        ("median", "median bank balance", "余额中位数"), ("p10", "low bank balance", "余额10分位"),
    ):  # fmt: skip
        yield Feature(
            table="bank_txns", aggregate=aggregate, measure="balance_after", window_days=180,
            min_support=5, unit="yuan", expected=-1, evidence="B", title=f"{title} of 180 days",
            title_zh=f"近180天{chinese}", code="SC_CASHFLOW",
        )  # fmt: skip


def _bank_payers() -> Iterator[Feature]:
    """Declare how unsteady bank inflows are, and how far they hang on one payer."""
    yield Feature(
        table="bank_txns", aggregate="cv", measure="inflow", window_days=182, min_support=5,
        unit="ratio", expected=1, evidence="B", title="variation of weekly bank inflows",
        title_zh="近26周银行流入变异系数", code="SC_CASHFLOW",
    )  # fmt: skip
    yield Feature(
        table="bank_txns", aggregate="top_share", measure="counterparty", weight="inflow",
        window_days=180, min_support=5, unit="share", expected=1, evidence="B",
        title="share of the largest payer", title_zh="最大付款方占比", code="SC_CASHFLOW",
    )  # fmt: skip


def _bills() -> Iterator[Feature]:
    """Declare how utility bills are paid, and whether power is used."""
    yield Feature(
        table="utilities", label="on_time", aggregate="share", time="paid_at", window_days=365,
        hit=(("days_late", "<=", 0),), min_support=3, unit="share", expected=-1,
        title="share of utility bills paid on time", title_zh="水电费按时缴纳占比",
        code="SC_UTILITY_LATE",
    )  # fmt: skip
    for days in (90, 365):
        yield Feature(
            table="utilities", label="power", aggregate="sum", measure="billed",
            window_days=days, where=(("kind", "==", "power"),), unit="yuan", expected=-1,
            title=f"power billed in {days} days", title_zh=f"近{days}天电费",
            code="SC_UTILITY_LATE",
        )  # fmt: skip
    yield Feature(
        label="power_trend_90_365", aggregate="ratio", factor=365 / 90,
        of=("utilities_power_billed_sum_90d", "utilities_power_billed_sum_365d"), unit="ratio",
        expected=-1, title="power of 90 days against the year's pace",
        title_zh="近90天电费与全年均速之比", code="SC_UTILITY_LATE",
    )  # fmt: skip
    yield Feature(
        label="power_to_sales_365d", aggregate="log_ratio",
        of=("utilities_power_billed_sum_365d", "orders_settled_amount_sum_365d"),
        unit="log ratio", title="power against settled sales of a year",
        title_zh="一年电费与成交金额之比", code="SC_UTILITY_LATE",
    )  # fmt: skip


def _customs() -> Iterator[Feature]:
    """Declare more of what customs saw, and whether it bears out what is declared."""
    for days in (90, 180):
        yield Feature(
            table="customs", label="export", aggregate="sum", measure="value_usd",
            window_days=days, where=(("direction", "==", "E"),), unit="US dollars", expected=-1,
            evidence="B", title=f"exports of {days} days", title_zh=f"近{days}天出口额",
            code="SC_CUSTOMS",
        )  # fmt: skip
    yield Feature(
        table="customs", label="import", aggregate="sum", measure="value_usd", window_days=365,
        where=(("direction", "==", "I"),), unit="US dollars", evidence="B",
        title="imports of a year", title_zh="一年进口额", code="SC_CUSTOMS",
    )  # fmt: skip
    yield Feature(
        label="export_trend_90_365", aggregate="ratio", factor=365 / 90,
        of=("customs_export_value_usd_sum_90d", "customs_export_value_usd_sum_365d"),
        support="customs_count_365d", min_support=3, unit="ratio", expected=-1, evidence="B",
        title="exports of 90 days against the year's pace",
        title_zh="近90天出口与全年均速之比", code="SC_CUSTOMS",
    )  # fmt: skip
    yield Feature(
        label="import_to_export_365d", aggregate="log_ratio",
        of=("customs_import_value_usd_sum_365d", "customs_export_value_usd_sum_365d"),
        support="customs_count_365d", min_support=3, unit="log ratio", evidence="B",
        title="imports against exports of a year", title_zh="一年进出口之比", code="SC_CUSTOMS",
    )  # fmt: skip
    yield Feature(
        table="customs", aggregate="active_days", window_days=365, unit="days", expected=-1,
        evidence="B", title="days with customs declarations of a year",
        title_zh="一年有报关天数", code="SC_CUSTOMS",
    )  # fmt: skip
    yield Feature(
        table="customs", aggregate="days_since", unit="days", expected=1, evidence="B",
        title="days since the last customs declaration", title_zh="距最近报关天数",
        code="SC_CUSTOMS",
    )  # fmt: skip
    for measure, title, chinese in (
        ("partner_country", "partner countries", "贸易伙伴国家数"),
        ("hs_code", "kinds of goods at customs", "报关商品种类数"),
    ):
        yield Feature(
            table="customs", aggregate="distinct", measure=measure, window_days=365, unit=title,
            expected=-1, evidence="B", title=f"{title} of a year", title_zh=f"一年{chinese}",
            code="SC_CUSTOMS",
        )  # fmt: skip


def _declared() -> Iterator[Feature]:
    """Declare how far off what the merchant says is, either way, and what it owns."""
    yield Feature(
        label="declared_gap_365d", aggregate="gap",
        of=("declared_sales_total_amount_sum_365d", "orders_settled_amount_sum_365d"),
        support="declared_sales_total_count_365d", min_support=3, unit="log ratio", expected=1,
        title="distance of declared from observed sales", title_zh="申报与实际销售额差距",
        code="SC_DECL_GAP",
    )  # fmt: skip
    for measure, unit, sign, title, chinese in (
        ("stock_value", "yuan", 0, "stock held", "库存金额"),
        ("turnover_days", "days", 1, "days to turn the stock over", "库存周转天数"),
    ):
        yield Feature(
            table="inventory", aggregate="mean", measure=measure, window_days=90, unit=unit,
            expected=sign, evidence="B", title=f"mean {title} of 90 days",
            title_zh=f"近90天平均{chinese}",
            code="SC_OTHER",
        )  # fmt: skip
    for measure, title, chinese in (
        ("assets", "assets", "总资产"), ("revenue", "revenue", "营业收入"),
        ("profit", "profit", "利润"),
    ):  # fmt: skip
        yield Feature(
            table="financial_statements", aggregate="last", measure=measure, window_days=730,
            unit="yuan", expected=-1, evidence="B", title=f"latest {title} stated",
            title_zh=f"最近报表{chinese}", code="SC_OTHER",
        )  # fmt: skip
    yield Feature(
        label="profit_margin", aggregate="ratio",
        of=("financial_statements_profit_last_730d", "financial_statements_revenue_last_730d"),
        unit="share", expected=-1, evidence="B", title="profit over revenue",
        title_zh="利润率", code="SC_OTHER",
    )  # fmt: skip
    yield Feature(
        table="receivables", label="open", aggregate="sum", measure="amount", window_days=365,
        where=(("paid_at", "missing", None),), unit="yuan", expected=1, evidence="B",
        title="receivables not yet paid", title_zh="未收回应收账款", code="SC_CASHFLOW",
    )  # fmt: skip
    yield Feature(
        table="receivables", aggregate="hhi", measure="debtor_id", weight="amount",
        window_days=365, min_support=3, unit="share", expected=1, evidence="B",
        title="concentration of debtors", title_zh="应收账款债务人集中度", code="SC_BUYER_CONC",
    )  # fmt: skip


def _borrowing() -> Iterator[Feature]:
    """Declare how much, how often and for how long the merchant has borrowed."""
    yield Feature(
        table="loans", aggregate="count", window_days=30, unit="loans", expected=1, evidence="B",
        title="loans of 30 days", title_zh="近30天贷款笔数", code="SC_CREDIT_USE",
    )  # fmt: skip
    yield Feature(
        table="loans", aggregate="count", unit="loans", expected=-1, evidence="B",
        title="loans ever taken", title_zh="历史贷款笔数", code="SC_CREDIT_USE",
    )  # fmt: skip
    for days in (30, 365):
        yield Feature(
            table="loans", aggregate="sum", measure="principal", window_days=days, unit="yuan",
            expected=1, evidence="B", title=f"borrowed in {days} days",
            title_zh=f"近{days}天借款金额", code="SC_CREDIT_USE",
        )  # fmt: skip
    for aggregate, measure, unit, title, chinese in (
        ("mean", "term_days", "days", "mean term of loans", "平均贷款期限"),
        ("max", "principal", "yuan", "largest loan", "最大单笔贷款"),
        ("mean", "principal", "yuan", "mean loan", "平均单笔贷款"),
    ):
        yield Feature(
            table="loans", aggregate=aggregate, measure=measure, window_days=365, unit=unit,
            evidence="B", title=f"{title} of a year", title_zh=f"一年{chinese}",
            code="SC_CREDIT_USE",
        )  # fmt: skip
    yield Feature(
        table="loans", aggregate="days_since_first", unit="days", expected=-1, evidence="B",
        title="days since the first loan", title_zh="首次贷款距今天数", code="SC_CREDIT_USE",
    )  # fmt: skip
    yield Feature(
        label="utilisation_30d", aggregate="utilisation",
        of=("loans_principal_sum_30d", "limit_history_limit_last"), unit="share", expected=1,
        evidence="B", title="borrowed in 30 days over the limit", title_zh="近30天额度使用率",
        code="SC_CREDIT_USE",
    )  # fmt: skip
    yield Feature(
        label="borrowing_trend_30_365", aggregate="ratio", factor=365 / 30,
        of=("loans_principal_sum_30d", "loans_principal_sum_365d"), unit="ratio", expected=1,
        evidence="B", title="borrowed in 30 days against the year's pace",
        title_zh="近30天借款与全年均速之比", code="SC_CREDIT_USE",
    )  # fmt: skip
    yield Feature(
        table="applications", aggregate="count", window_days=90, unit="applications",
        expected=1, evidence="B", title="applications of 90 days",
        title_zh="近90天贷款申请次数", code="SC_CREDIT_USE",
    )  # fmt: skip
    yield Feature(
        table="applications", label="declined", aggregate="share", time="decided_at",
        window_days=365, hit=(("outcome", "==", "declined"),), min_support=3, unit="share",
        expected=1, evidence="B", title="share of applications declined",
        title_zh="一年申请被拒占比", code="SC_CREDIT_USE",
    )  # fmt: skip


def _repaying() -> Iterator[Feature]:
    """Declare how what was due was repaid."""
    yield Feature(
        table="repayments", aggregate="sum", measure="amount", window_days=90, unit="yuan",
        expected=-1, evidence="B", title="repaid in 90 days", title_zh="近90天还款金额",
        code="SC_PAST_OVERDUE",
    )  # fmt: skip
    yield Feature(
        table="repayments", aggregate="sum", measure="penalty", window_days=365, unit="yuan",
        expected=1, evidence="B", title="penalties paid in a year", title_zh="一年已付罚息",
        code="SC_PAST_OVERDUE",
    )  # fmt: skip
    yield Feature(
        table="repayments", label="late", aggregate="share", window_days=365,
        where=(("penalty", "set", None),), hit=(("penalty", ">", 0),), min_support=3,
        unit="share", expected=1, evidence="B", title="share of repayments with a penalty",
        title_zh="一年含罚息还款占比", code="SC_PAST_OVERDUE",
    )  # fmt: skip
    yield Feature(
        table="repayments", aggregate="days_since", unit="days", expected=1, evidence="B",
        title="days since the last repayment", title_zh="距最近还款天数", code="SC_PAST_OVERDUE",
    )  # fmt: skip
    yield Feature(
        table="collections", aggregate="count", window_days=365, unit="contacts", expected=1,
        evidence="B", title="collection contacts of a year", title_zh="一年催收次数",
        code="SC_PAST_OVERDUE",
    )  # fmt: skip
    yield Feature(
        table="restructures", aggregate="count", unit="restructures", expected=1, evidence="B",
        title="loans ever restructured", title_zh="历史贷款重组次数", code="SC_PAST_OVERDUE",
    )  # fmt: skip


def money_features() -> Iterator[Feature]:
    """Yield the further features of money, in order."""
    for family in (
        _bank_flows,
        _bank_balances,
        _bank_payers,
        _bills,
        _customs,
        _declared,
        _borrowing,
        _repaying,
    ):
        yield from family()
