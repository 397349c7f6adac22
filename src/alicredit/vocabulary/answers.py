"""Row statuses, decisions and reason codes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from alicredit.checks import nearest, refuse, require_one_of
from alicredit.vocabulary.words import Word, vocabulary

STATUSES: Mapping[str, Word] = MappingProxyType(
    vocabulary(
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
    vocabulary(
        "decision",
        ("approve", "approved", "批准"),
        ("decline", "declined", "拒绝"),
        ("refer", "referred to a person", "转人工审核"),
    )
)

REASONS: Mapping[str, Word] = MappingProxyType(
    vocabulary(
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
        (
            "ELIG_CORE_COMPANY",
            "no distributor of a core company of this product",
            "不是该产品核心企业的经销商",
        ),
        ("ACCOUNT_SEALED", "the account is sealed", "账户已被查封"),
        ("FRAUD_FOUND", "fraud was found on the account", "账户曾查实欺诈"),
        ("LINKED_SHOPS", "too many other shops of the same person", "同一人名下店铺过多"),
        ("SHARED_DEVICE", "too many merchants on the same device", "同一设备上商户过多"),
        ("SHARED_ADDRESS", "too many merchants at the same address", "同一地址商户过多"),
        (
            "RELATED_BARRED",
            "a related party is on the blacklist or sealed",
            "关联方在黑名单中或已被查封",
        ),
        ("MISSING_DATA", "a fact that the decision needs is missing", "缺少决策所需的信息"),
        ("LENDER_CAP", "the lender's capital does not allow more", "受放贷机构资本限制"),
        ("RATE_CAP", "the rate would be above the legal cap", "利率将超过法定上限"),
        ("RATE_FLOOR", "the rate would be below the legal floor", "利率将低于法定下限"),
        ("RATE_AT_MAX", "the risk asks for more than the highest rate", "风险所需利率高于产品上限"),
        ("RATE_AT_MIN", "the risk asks for less than the lowest rate", "风险所需利率低于产品下限"),
        ("FEE_ABOVE_CAP", "the rate with the fee is above the cap", "含费综合利率高于利率上限"),
        ("PENALTY_ABOVE_CAP", "the penalty rate is above the cap on rates", "罚息利率高于利率上限"),
    )
    | vocabulary(
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
    | vocabulary(
        "limit",
        ("LIM_PRODUCT_MAX", "the limit is the product's maximum", "额度达到产品上限"),
        ("LIM_SALES", "the limit follows monthly sales and grade", "额度由月销售额与等级决定"),
        ("LIM_ORDER_BASE", "the limit follows the orders under way", "额度由在途订单决定"),
        ("LIM_SINGLE_BORROWER", "the limit is the cap for one borrower", "额度受单户上限限制"),
        ("LIM_RELATED", "what related parties owe leaves no more", "额度受关联方合并余额限制"),
        ("LIM_CAPACITY", "the limit is what cash flow can serve", "额度由现金流偿债能力决定"),
        ("LIM_PROFIT", "a higher limit would be expected to earn less", "额度已达预期收益最优水平"),
        ("LIM_UNPROFITABLE", "no amount is expected to earn its costs", "预期收益不足以覆盖成本"),
        ("LIM_KEPT", "the limit stays, the change would be small", "变动幅度小，维持原额度"),
        ("LIM_RAISE_STEP", "the limit rises by the largest step at once", "额度按单次上限提高"),
        ("LIM_CUT_STEP", "the limit falls by the largest step at once", "额度按单次上限降低"),
        ("PD_ABOVE_CUT", "the probability of default is too high", "违约概率过高"),
        ("NOT_SCORED", "no score could be computed", "无法计算评分"),
    )
    | vocabulary(
        "referral",
        ("REFER_REVIEW_ASKED", "the applicant asked for a person's review", "申请人要求人工审核"),
        (
            "REFER_STRADDLES_CUT",
            "the probability of default is too uncertain to decide without a person",
            "违约概率区间跨越准入线",
        ),
        ("REFER_SOURCES", "sources of the applicant's sales conflict", "销售额各数据来源相互矛盾"),
        (
            "REFER_AUTHORITY",
            "the amount is above what is lent without a person's consent",
            "金额超出自动审批授权",
        ),
    )
    | vocabulary(
        "price",
        ("PRICE_PRODUCT", "the rate is the product's own", "利率为产品标准利率"),
        ("PRICE_SET", "the rate was set in place of the product's own", "利率已按政策调整"),
    )
    | vocabulary(
        "allocation",
        (
            "ALLOC_LOSS_BUDGET",
            "the book's budget for expected losses does not allow more",
            "受贷款组合预期损失预算限制",
        ),
        ("ALLOC_REGION", "the book holds all it may of this region", "该地区已达集中度上限"),
        (
            "ALLOC_CATEGORY",
            "the book holds all it may of this category",
            "该类目已达集中度上限",
        ),
        ("ALLOC_PRODUCT", "the book holds all it may of this product", "该产品已达集中度上限"),
        (
            "ALLOC_SMALL_SHARE",
            "the book must keep its share of small loans",
            "受小额贷款占比要求限制",
        ),
        (
            "ALLOC_OTHER_AMOUNT",
            "another amount of the product was chosen",
            "同一产品已选择其他额度",
        ),
        (
            "ALLOC_UNPRICED",
            "the book had no such region or category",
            "贷款组合中没有该地区或类目，无法定价",
        ),
        ("ALLOC_NO_PROFIT", "the offer is not expected to earn", "该笔贷款预期无收益"),
    )
    | vocabulary(
        "collection",
        ("COL_CAPACITY", "more debtors than people can reach today", "当日人手不足"),
        ("COL_COST", "it would cost more than it is expected to bring", "预计回收不抵成本"),
        ("COL_DAY_CAP", "contacted often enough today", "当日联系次数已达上限"),
        ("COL_WEEK_CAP", "contacted often enough in seven days", "七日内联系次数已达上限"),
        ("COL_VISIT_CAP", "visited often enough in seven days", "七日内走访次数已达上限"),
        ("COL_REST_DAY", "a day on which nobody is contacted", "休息日不联系"),
        ("COL_HOURS", "outside the hours of contact", "不在允许联系的时段内"),
        ("COL_NO_OWN_CONTACT", "no contact of the debtor's own is known", "无债务人本人联系方式"),
        ("COL_PROMISE", "a promise to pay is running", "还款承诺尚在期内"),
        ("COL_PLAN", "an accepted plan is being kept", "重组还款方案履行中"),
        ("COL_UNKNOWN", "it is not known what the loan owes", "贷款欠款金额不明"),
        ("COL_SAME_DEBTOR", "one contact speaks of all the debtor's loans", "同一债务人合并联系"),
    )
    | vocabulary(
        "willingness",
        ("WIL_TRANSFER_OUT", "the loan was moved out within a day", "贷款一日内转出"),
        ("WIL_SALES_GO_ON", "sales go on while nothing is paid", "销售照常但不还款"),
        ("WIL_PROMISE_BROKEN", "promises to pay were broken", "多次违背还款承诺"),
        ("WIL_UNREACHABLE", "does not answer", "多次联系无应答"),
        ("WIL_FAKE_TRADE", "fake trade or fraud was found", "查实虚假交易或欺诈"),
        ("WIL_SALES_FELL", "sales have fallen", "销售大幅下降"),
        ("WIL_PART_PAID", "a part was paid while overdue", "逾期期间已部分还款"),
        ("WIL_ANSWERS", "answers", "可正常联系"),
    )
    | vocabulary(
        "blacklist",
        ("BL_DEFAULT", "a loan is in default", "贷款违约"),
        ("BL_MALICIOUS", "a malicious debtor", "恶意拖欠"),
        ("BL_REPAID", "all is repaid and the time after it is over", "已全部清偿且观察期满"),
    )
    | vocabulary(
        "restoration",
        ("RST_OFFERED", "help is offered", "可提供经营帮扶"),
        ("RST_MALICIOUS", "no help for a malicious debtor", "恶意拖欠不予帮扶"),
        ("RST_PLAN", "an accepted plan is still being kept", "已有重组还款方案履行中"),
        ("RST_UNREACHABLE", "the debtor cannot be reached", "无法联系债务人"),
        ("RST_INACTIVE", "the shop is not active", "店铺已停止经营"),
        ("RST_COVER_LOW", "expected sales do not cover an instalment", "预计销售额不足以覆盖分期"),
    )
)
"""Reason codes; rule refusals come before score reasons in a decision."""


OTHER = "SC_OTHER"
"""The family of inputs that no other family holds; such an input has a code of its own."""


def require_answers(name: str, decisions: Any) -> None:
    """Refuse a frame of decisions that would be counted wrongly: unknown answers, lines twice.

    An answer that is no known word would count as not approved, a line that is approved twice as
    two. Rows that are not approved may repeat: a merchant that stands twice is refused on both.

    Examples
    --------
    >>> import pandas as pd
    >>> book = pd.DataFrame({"merchant_id": ["m"], "product_id": ["p"], "decision": ["Approve"]})
    >>> require_answers("decisions", book.assign(decision="approve"))
    >>> require_answers("decisions", book)
    Traceback (most recent call last):
    alicredit.errors.InputError: decisions['decision'] must be approve, decline or refer; found ...
    """
    said = decisions["decision"]
    odd = said[~said.isin(list(DECISIONS))]
    if len(odd):
        word, rule = odd.iloc[0], "must be approve, decline or refer"
        refuse(f"{name}['decision']", rule, repr(word), nearest(word, DECISIONS))
    keys = ["merchant_id", "product_id"]
    lent = decisions[said == "approve"]
    twice = lent.loc[lent.duplicated(keys), keys]
    if len(twice):
        rule = "must have each merchant and product once"
        refuse(name, rule, f"{twice.iloc[0].tolist()!r} twice", "drop what repeats")


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
