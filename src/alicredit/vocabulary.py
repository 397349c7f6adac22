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
    | _vocabulary(
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
        ("COL_SAME_DEBTOR", "one contact speaks of all the debtor's loans", "同一债务人合并联系"),
    )
    | _vocabulary(
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
    | _vocabulary(
        "blacklist",
        ("BL_DEFAULT", "a loan is in default", "贷款违约"),
        ("BL_MALICIOUS", "a malicious debtor", "恶意拖欠"),
        ("BL_REPAID", "all is repaid and the time after it is over", "已全部清偿且观察期满"),
    )
    | _vocabulary(
        "restoration",
        ("RST_OFFERED", "help is offered", "可提供经营帮扶"),
        ("RST_MALICIOUS", "no help for a malicious debtor", "恶意拖欠不予帮扶"),
        ("RST_UNREACHABLE", "the debtor cannot be reached", "无法联系债务人"),
        ("RST_INACTIVE", "the shop is not active", "店铺已停止经营"),
        ("RST_COVER_LOW", "expected sales do not cover an instalment", "预计销售额不足以覆盖分期"),
    )
)
"""Reason codes; rule refusals come before score reasons in a decision."""


STAGES: Mapping[str, Word] = MappingProxyType(
    _vocabulary(
        "stage",
        ("message", "reminded by message", "短信提醒"),
        ("telephone", "called", "电话催收"),
        ("visit", "visited", "上门走访"),
        ("blacklist", "in default: listed, then visited", "违约：列入黑名单"),
        ("write_off", "to be written off", "核销"),
    )
)
"""How far the collection of an overdue loan has come."""

COLLECTION_STEPS: Mapping[str, Word] = MappingProxyType(
    _vocabulary(
        "action",
        ("sms", "send a message", "发送短信"),
        ("phone", "call", "拨打电话"),
        ("visit", "visit", "上门走访"),
        ("list", "enter on the blacklist", "列入黑名单"),
        ("write_off", "write off", "核销"),
    )
)
"""What is to be done next about an overdue loan."""

OUTCOMES: Mapping[str, Word] = MappingProxyType(
    _vocabulary(
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
    _vocabulary(
        "verdict",
        ("unable", "wants to pay and cannot", "有意愿但无力偿还"),
        ("unwilling", "can pay and does not want to", "有能力但无意偿还"),
        ("unclear", "the evidence does not tell", "证据不足"),
    )
)
"""Why a debtor does not pay, as far as evidence tells."""

TOOLS: Mapping[str, Word] = MappingProxyType(
    _vocabulary(
        "tool",
        ("extension", "more time to pay", "展期"),
        ("traffic_support", "visitors for the shop", "流量扶持"),
        ("sales_sweep", "a share of daily settlement", "销售款分成还款"),
    )
)
"""How a debtor is helped to pay again."""

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


CHECKS: Mapping[str, Word] = MappingProxyType(
    _vocabulary(
        "check",
        ("rows_refused", "share of rows the model refuses", "模型拒绝评分的行占比"),
        ("population", "scores moved from the reference, PSI", "分数分布偏离参照，PSI"),
        ("mean_score", "change of the mean score, points", "平均分变化，分"),
        ("features", "features that moved, number", "发生漂移的特征数"),
        ("missing_values", "largest rise of a share of missing values", "缺失率最大升幅"),
        ("feeds", "tables that fell silent, number", "停止更新的数据表数"),
        ("volumes", "tables of unusual volume, number", "数据量异常的数据表数"),
        ("outcomes", "share of rows whose outcome is known", "已有到期结果的行占比"),
        ("level_low", "chance that probabilities are high enough, p", "违约概率足够高的可能性，p"),
        ("level_high", "chance that probabilities are low enough, p", "违约概率足够低的可能性，p"),
        ("level_grades", "the same for the worst grade, p", "偏低最严重等级的同一检验，p"),
        (
            "shape",
            "test of the fit over grades (Hosmer-Lemeshow), p",
            "各等级拟合检验（Hosmer-Lemeshow），p",
        ),
        (
            "spread",
            "test of the spread of probabilities (Spiegelhalter), p",
            "概率离散度检验（Spiegelhalter），p",
        ),
        ("ranking", "lower end of the area under the curve", "AUC 区间下限"),
        ("decline", "test that ranking has not declined, p", "排序能力未下降检验，p"),
        ("migration", "test that no move skips nearer grades, p", "无越级迁移检验，p"),
        ("concentration", "test that grades are no more crowded, p", "等级集中度未上升检验，p"),
    )
)
"""What monitoring checks, each with the measure that it is held by."""

CHECK_ACTIONS: Mapping[str, Word] = MappingProxyType(
    _vocabulary(
        "action",
        ("rows_refused", "look at the refused rows' status and mend their source",
         "查看被拒行的状态并修复数据来源"),
        ("population", "find who is new: compare shares by bin, channel and region",
         "查明客群变化：按分箱、渠道、地区比较占比"),
        ("mean_score", "see which features moved the score, and whether outcomes follow",
         "查看哪些特征推动分数变化，并核对实际表现"),
        ("features", "trace each to its records: a changed source, rule or season",
         "逐一追溯到原始记录：来源、规则或季节变化"),
        ("missing_values", "ask the source of these features why values lack",
         "向数据来源核实缺失原因"),
        ("feeds", "stop scoring on these tables until they arrive again",
         "恢复更新前停止使用这些数据表评分"),
        ("volumes", "ask whether a season or a fault of the feed explains it",
         "核实是季节因素还是数据故障"),
        ("level_low", "calibrate anew before lending more; review limits and prices",
         "扩大放款前重新校准，并复核额度与定价"),
        ("level_high", "calibrate anew: good borrowers are turned away",
         "重新校准：优质客户可能被误拒"),
        ("level_grades", "calibrate anew; hold limits of this grade meanwhile",
         "重新校准，其间暂停提高该等级额度"),
        ("shape", "calibrate anew over grades", "按等级重新校准"),
        ("spread", "look at the slope of the calibration", "检查校准斜率"),
        ("ranking", "do not rank by this model; wait for more outcomes or train anew",
         "暂勿据此模型排序；等待更多结果或重新训练"),
        ("decline", "train a challenger on later loans", "用更近的贷款训练挑战者模型"),
        ("migration", "look at the borrowers who skipped grades", "查看越级迁移的借款人"),
        ("concentration", "see whether the scale still tells borrowers apart",
         "检查等级是否仍能区分借款人"),
    )
)  # fmt: skip
"""What to do where a check is not green."""

UNKNOWNS: Mapping[str, Word] = MappingProxyType(
    _vocabulary(
        "unknown",
        ("few_rows", "too few rows to tell", "行数过少，无法判断"),
        ("no_outcomes", "no outcome is known yet", "尚无到期结果"),
        ("no_reference", "a model file holds no scores: give a reference frame",
         "模型文件不含分数分布：请提供参照样本"),
        ("one_outcome", "only one outcome happened", "只出现一种结果"),
        ("no_move", "nobody moved", "没有等级变化"),
    )
)  # fmt: skip
"""Why a check cannot tell."""
