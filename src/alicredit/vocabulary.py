"""The closed vocabularies: row statuses, decisions, reason codes, each with its texts.

Codes are what programs compare; texts are what a merchant or an officer reads, in English and
Chinese. They stand on the floor because features name codes, policies raise them and decisions
carry them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from alicredit.checks import require_one_of


@dataclass(frozen=True, slots=True)
class Word:
    """One entry of a vocabulary.

    Parameters
    ----------
    code : str
        What programs compare.
    text : str
        What a person reads, in English.
    text_zh : str
        The same in Chinese.
    kind : str
        Which group the word belongs to.
    """

    code: str
    text: str
    text_zh: str
    kind: str


def _vocabulary(kind: str, *rows: tuple[str, str, str]) -> dict[str, Word]:
    """Make the words of one kind from literal rows of code, text and Chinese text."""
    return {code: Word(code, text, text_zh, kind) for code, text, text_zh in rows}


STATUSES: Mapping[str, Word] = MappingProxyType(
    _vocabulary(
        "status",
        ("ok", "scored", "已评分"),
        ("bad_records", "the merchant's records contradict themselves", "商户记录自相矛盾"),
        ("no_history", "nothing was known of this merchant yet", "该商户当时尚无记录"),
        ("missing_source", "a record source the model needs is absent", "缺少模型所需的数据来源"),
        ("too_many_missing", "too many of the model's inputs are missing", "缺失的模型输入过多"),
        ("bad_type", "an input is not of the declared type", "输入类型与声明不符"),
        ("bad_value", "an input is infinite or impossible", "输入为无穷大或不可能的数值"),
        (
            "duplicated",
            "this merchant stands more than once in the input",
            "该商户在输入中重复出现",
        ),
    )
)

DECISIONS: Mapping[str, Word] = MappingProxyType(
    _vocabulary(
        "decision",
        ("approve", "approved", "批准"),
        ("decline", "declined", "拒绝"),
        ("refer", "referred to a person", "转人工审核"),
    )
)

REASONS: Mapping[str, Word] = MappingProxyType(
    _vocabulary(
        "rule",
        ("ELIG_PLATFORM", "the shop is not on this product's platform", "店铺不在该产品所属平台"),
        ("ELIG_REGION", "the region is not open for this product", "所在地区尚未开放该产品"),
        ("ELIG_MEMBERSHIP", "the membership is not the one required", "会员类型不符合要求"),
        ("ELIG_TENURE", "registered for too short a time", "注册时间不足"),
        ("ELIG_SHOP_MONTHS", "the shop has been open for too short a time", "开店时间不足"),
        (
            "ELIG_REPUTATION",
            "the shop's reputation is below what is required",
            "店铺信誉未达到要求",
        ),
        ("ELIG_VIOLATION", "a serious violation in the last 12 months", "近12个月有严重违规"),
        ("ELIG_SALES", "sales are below what is required", "销售额未达到要求"),
        ("ELIG_CITY", "the city is excluded from this product", "所在城市不在该产品范围内"),
        (
            "ELIG_LIMIT_MIN",
            "the limit would be below the product's minimum",
            "可贷额度低于产品下限",
        ),
        ("ELIG_LIMIT_MAX", "the amount is above the product's maximum", "金额高于产品上限"),
        ("PRODUCT_NOT_LAUNCHED", "the product has not been launched", "产品尚未推出"),
        ("BLACKLIST", "the merchant is on the blacklist", "商户在黑名单中"),
        ("CURRENT_OVERDUE", "a loan is overdue now", "当前有逾期贷款"),
        ("MISSING_DATA", "a fact that the decision needs is missing", "缺少决策所需的信息"),
        ("LENDER_CAP", "the lender's capital does not allow more", "受放贷机构资本限制"),
        ("RATE_CAP", "the rate would be above the legal cap", "利率将超过法定上限"),
        ("PENALTY_ABOVE_CAP", "the penalty rate is above the cap on rates", "罚息利率高于利率上限"),
    )
    | _vocabulary(
        "score",
        ("SC_SALES_LOW", "low sales", "销售额偏低"),
        ("SC_SALES_FALLING", "falling sales", "销售额下滑"),
        ("SC_SALES_UNSTABLE", "unstable sales", "销售额不稳定"),
        ("SC_REFUND_HIGH", "many refunds", "退款偏多"),
        ("SC_DISPUTE", "disputes found against the seller", "卖家责任纠纷"),
        ("SC_RATING", "low ratings by buyers", "买家评价偏低"),
        ("SC_VIOLATION", "violations of platform rules", "违反平台规则"),
        ("SC_SHIP_SLOW", "slow shipping", "发货偏慢"),
        ("SC_RESPONSE_SLOW", "slow answers to buyers", "回复买家偏慢"),
        ("SC_BUYER_CONC", "sales depend on few buyers", "销售集中于少数买家"),
        ("SC_INACTIVE", "little activity on the platform", "平台活跃度偏低"),
        ("SC_TRAFFIC_LOW", "little traffic to the shop", "店铺流量偏低"),
        ("SC_DECL_GAP", "declared sales exceed observed sales", "申报销售额高于实际观测"),
        ("SC_CUSTOMS_GAP", "declared exports exceed customs records", "申报出口额高于海关记录"),
        ("SC_CUSTOMS", "few or troubled customs declarations", "报关记录偏少或存在异常"),
        ("SC_CASHFLOW", "weak cash flow", "现金流偏弱"),
        ("SC_UTILITY_LATE", "utility bills paid late", "水电费缴纳逾期"),
        ("SC_TENURE_SHORT", "short time on the platform", "平台经营时间较短"),
        ("SC_CERTIFICATION", "weak certification", "认证等级偏低"),
        (
            "SC_IDENTITY_CHANGE",
            "recent changes of address or representative",
            "近期变更地址或法定代表人",
        ),
        ("SC_PAST_OVERDUE", "past repayments were late", "过往还款有逾期"),
        ("SC_CREDIT_USE", "heavy use of credit", "信贷使用偏高"),
        ("SC_SELFTRADE", "signs of self-trading", "存在自我交易迹象"),
        ("SC_PIPELINE", "few orders under way", "在途订单偏少"),
        ("SC_OTHER", "another input of the score", "其他评分因素"),
    )
    | _vocabulary(
        "limit",
        ("LIM_PRODUCT_MAX", "the limit is the product's maximum", "额度达到产品上限"),
        ("LIM_SALES", "the limit follows monthly sales and grade", "额度由月销售额与等级决定"),
        ("LIM_ORDER_BASE", "the limit follows the orders under way", "额度由在途订单决定"),
        ("LIM_SINGLE_BORROWER", "the limit is the cap for one borrower", "额度受单户上限限制"),
        ("PD_ABOVE_CUT", "the probability of default is too high", "违约概率过高"),
        ("NOT_SCORED", "no score could be computed", "无法计算评分"),
    )
)
"""Reason codes; rule refusals come before score reasons in a decision."""


WARNING_LEVELS: Mapping[str, Word] = MappingProxyType(
    _vocabulary(
        "warning level",
        ("green", "no warning", "正常"),
        ("amber", "warned", "预警"),
        ("red", "urgently warned", "严重预警"),
        ("unknown", "too little is known to tell", "信息不足，无法判断"),
    )
)
"""How urgently a loan that is out is warned about."""

WARNING_ACTIONS: Mapping[str, Word] = MappingProxyType(
    _vocabulary(
        "warning action",
        ("none", "nothing to do", "无需处理"),
        ("freeze_undrawn", "freeze the part of the line not drawn", "冻结未提用额度"),
        ("pull_order_loan", "take the order loan back at once", "提前收回订单贷款"),
    )
)
"""What a warning asks the lender to do."""

WARNINGS: Mapping[str, Word] = MappingProxyType(
    _vocabulary(
        "warning",
        ("WARN_SALES_FALL", "sales fell below what the season explains", "销售额低于季节性预期"),
        ("WARN_REFUND_RISE", "refunds rose", "退款率上升"),
        ("WARN_RATING_DROP", "detailed ratings dropped", "店铺动态评分下降"),
        ("WARN_NO_LOGIN", "no login for days", "连续多日未登录"),
        ("WARN_TRANSFER_OUT", "the loan was moved away within a day", "放款后24小时内资金转出"),
        ("WARN_VIOLATION", "a new violation of platform rules", "新增平台违规"),
        ("WARN_SCORE_FALL", "the score fell", "评分下降"),
        ("WARN_SCORE_LOW", "the score is low", "评分偏低"),
        ("WARN_OVERDUE", "a payment is overdue", "还款逾期"),
    )
)
"""Rules of early warning, by code."""

FUNDS_OUTCOMES: Mapping[str, Word] = MappingProxyType(
    _vocabulary(
        "use of funds",
        ("ad_spend", "advertising", "广告支出"),
        ("traffic", "visitors", "访客数"),
        ("orders", "paid orders", "付款订单数"),
        ("sales", "paid sales", "付款金额"),
        ("supplier_payments", "payments to suppliers", "供应商付款"),
        ("transfers_out", "other transfers out right after the loan", "放款后即时转出"),
    )
)
"""What a loan may change, as far as the records show it."""

FUNDS_READINGS: Mapping[str, Word] = MappingProxyType(
    _vocabulary(
        "reading of the use of funds",
        ("rose", "rose by more than among similar merchants who did not borrow then",
         "增幅高于同期未借款的相似商户"),
        ("fell", "fell against similar merchants who did not borrow then",
         "相对同期未借款的相似商户下降"),
        ("no_difference", "no difference from similar merchants that the data can tell from chance",
         "与同期未借款的相似商户无显著差异"),
        ("unknown", "too little is known to compare", "信息不足，无法比较"),
    )
)  # fmt: skip
"""How a comparison with similar merchants reads; a difference is no proof of what caused it."""

FUNDS_CAVEAT = Word(
    "caveat",
    "What a loan was really used for is hard to see: those who borrow differ from those who do not"
    " in ways that no record shows, and a difference is no proof that the loan caused it.",
    "贷款的真实用途难以监控：借款商户与未借款商户存在记录无法体现的差异，差异并不证明由贷款造成。",
    "caveat",
)
"""What must stand beside every comparison of the use of funds (DOMAIN 3.1 and 7)."""

FUNDS_STATUSES: Mapping[str, Word] = MappingProxyType(
    _vocabulary(
        "status of a compared loan",
        ("compared", "compared with similar merchants", "已与相似商户比较"),
        ("borrowed_before", "another loan was out in the weeks before", "此前数周已有其他贷款"),
        ("too_young", "the merchant was registered too shortly before", "商户注册时间过短"),
        ("no_match", "no merchant was similar enough", "没有足够相似的商户"),
    )
)
"""Whether a loan's use could be compared, and why not."""

OTHER = "SC_OTHER"
"""The family of inputs that no other family holds; such an input has a code of its own."""


def input_code(family: str, name: str) -> str:
    """Give the reason code of a model's input: its family's, or one that names it.

    Parameters
    ----------
    family : str
        A key of ``REASONS``.
    name : str
        The input's column.

    Returns
    -------
    str
        The family; for ``SC_OTHER`` the family and the column.

    Examples
    --------
    >>> input_code("SC_RATING", "ratings_dsr_mean_180d")
    'SC_RATING'
    >>> input_code("SC_OTHER", "years_in_trade")
    'SC_OTHER:years_in_trade'
    """
    return f"{OTHER}:{name}" if family == OTHER else family


def reason_word(code: str) -> Word:
    """Give the word of a reason code; one that names an input says so in both texts.

    Parameters
    ----------
    code : str
        A key of ``REASONS``, or ``SC_OTHER:`` and a column.

    Returns
    -------
    Word
        Code, texts and kind.

    Raises
    ------
    InputError
        If the code is unknown.

    Examples
    --------
    >>> reason_word("SC_OTHER:years_in_trade").text
    'another input of the score: years_in_trade'
    >>> reason_word("SC_RATING:years_in_trade")
    Traceback (most recent call last):
    alicredit.errors.InputError: code must be one of ... found 'SC_RATING:years_in_trade'. ...
    """
    family, _, name = code.partition(":") if isinstance(code, str) else ("", "", "")
    if family == OTHER and name:
        word = REASONS[OTHER]
        return Word(code, f"{word.text}: {name}", f"{word.text_zh}：{name}", word.kind)
    return REASONS[require_one_of("code", code, REASONS)]


def reason_text(code: str, *, language: str = "en") -> str:
    """Give the text of a reason code in a language.

    Parameters
    ----------
    code : str
        A key of ``REASONS``, or ``SC_OTHER:`` and a column.
    language : {"en", "zh"}, default "en"
        English or Chinese.

    Returns
    -------
    str
        What a merchant or an officer reads.

    Raises
    ------
    InputError
        If the code or the language is unknown.

    Examples
    --------
    >>> reason_text("BLACKLIST")
    'the merchant is on the blacklist'
    >>> reason_text("BLACKLIST", language="zh")
    '商户在黑名单中'
    >>> reason_text("BLACK_LIST")
    Traceback (most recent call last):
    alicredit.errors.InputError: code must be one of ... found 'BLACK_LIST'. ...
    """
    word = reason_word(code)
    chosen = require_one_of("language", language, ("en", "zh"))
    return word.text if chosen == "en" else word.text_zh
