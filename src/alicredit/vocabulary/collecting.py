"""What is done about an overdue loan, what came of it, and why a debtor does not pay."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from alicredit.vocabulary.words import Word, vocabulary

STAGES: Mapping[str, Word] = MappingProxyType(
    vocabulary(
        "stage",
        ("message", "reminded by message", "短信提醒"),
        ("telephone", "called", "电话催收"),
        ("visit", "visited", "上门走访"),
        ("blacklist", "in default: listed, then visited", "违约：列入黑名单"),
        ("write_off", "to be written off", "核销"),
    )
)
"""How far the collection of an overdue loan has come."""

CLAIM_STATUSES: Mapping[str, Word] = MappingProxyType(
    vocabulary(
        "status of a claim",
        ("claimed", "overdue, and it is known what is owed", "已逾期，欠款金额明确"),
        ("on_plan", "a plan is being kept", "还款方案履行中"),
        ("no_due_day", "it is not known when anything falls due", "缺少到期日"),
        (
            "uncounted",
            "a payment or the loan itself has no amount, or the loan is listed twice",
            "还款或贷款缺少金额，或贷款重复登记",
        ),
        ("other_product", "the policy does not lend its product", "政策不含该贷款产品"),
    )
)
"""Whether it is known what an overdue loan owes."""

COLLECTION_STEPS: Mapping[str, Word] = MappingProxyType(
    vocabulary(
        "action",
        ("sms", "send a message", "发送短信"),
        ("phone", "call", "拨打电话"),
        ("visit", "visit", "上门走访"),
        ("list", "enter on the blacklist", "列入黑名单"),
        ("write_off", "write off", "核销"),
        ("keep_plan", "nothing: a plan is being kept", "无需处理：还款方案履行中"),
        ("mend", "mend the loan's records", "修正贷款记录"),
    )
)
"""What is to be done next about an overdue loan."""

OUTCOMES: Mapping[str, Word] = MappingProxyType(
    vocabulary(
        "outcome",
        ("answered", "the debtor answered", "债务人已应答"),
        ("promised", "the debtor promised to pay", "债务人承诺还款"),
        ("refused", "the debtor refuses to pay", "债务人拒绝还款"),
        ("no_answer", "nobody answered", "无人应答"),
        ("unreachable", "the contact does not exist any more", "联系方式失效"),
    )
)
"""What came of a contact, as the table ``collections`` may say it."""

VERDICTS: Mapping[str, Word] = MappingProxyType(
    vocabulary(
        "verdict",
        ("unable", "wants to pay and cannot", "有意愿但无力偿还"),
        ("unwilling", "can pay and does not want to", "有能力但无意偿还"),
        ("unclear", "the evidence does not tell", "证据不足"),
    )
)
"""Why a debtor does not pay, as far as evidence tells."""

TOOLS: Mapping[str, Word] = MappingProxyType(
    vocabulary(
        "tool",
        ("extension", "more time to pay", "展期"),
        ("traffic_support", "visitors for the shop", "流量扶持"),
        ("sales_sweep", "a share of daily settlement", "销售款分成还款"),
    )
)
"""How a debtor is helped to pay again."""
