"""Every key that a policy's file may have: its form, its bounds and what it means.

Reading, writing, telling and the reference in ``docs/policy.md`` all go by this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from alicredit.loans.charges import FEE_BASES, PENALTY_MODES
from alicredit.loans.contract import PENALTY_BASES
from alicredit.loans.rates import STUBS
from alicredit.policy.contracts import METHODS
from alicredit.policy.terms import (
    EXTRA_FACTS,
    FACTS,
    KINDS,
    MEMBERSHIPS,
    PLATFORMS,
    PRODUCT_STATUSES,
    PURPOSES,
    REGIONS,
)

SCHEMA_VERSION = 1
LENT_KINDS = tuple(kind for kind in KINDS if kind != "planned")


@dataclass(frozen=True, slots=True)
class Key:
    """One key: where it stands, how it is written, what it says.

    ``needed`` is "always" (wherever its table stands), "" (never), "lent" (of a product that can be
    lent), or the kind of product that, being lent, needs it.
    """

    path: str
    form: str
    text: str
    text_zh: str
    low: str = ""
    high: str = ""
    words: tuple[str, ...] = ()
    needed: str = ""
    unit: str = ""


_P, _L, _E, _T = "products", "lender", "products.eligibility", "products.terms"
_MONEY, _OVERDUE = "1e15", "100"

_TOP = (
    Key("schema_version", "whole", "version of this format", "格式版本",
        "1", "1000000", needed="always"),
    Key("name", "text", "name of the policy", "政策代号", needed="always"),
    Key("title", "text", "title in English", "英文名称", needed="always"),
    Key("title_zh", "text", "title in Chinese", "中文名称", needed="always"),
    Key("lender", "table", "whose money it is", "放贷机构", needed="always"),
    Key("grades", "table", "the master scale of grades", "风险等级主标尺", needed="always"),
    Key("gates", "table", "what bars an applicant before any score", "评分前的准入闸门"),
    Key("limit_rules", "table", "how limits are chosen", "额度规则"),
    Key("products", "tables", "the products", "产品", needed="always"),
    Key("refer", "table", "what is left to a person", "转人工审核规则"),
    Key("refer.straddles_cut", "flag",
        "refer where the interval of the probability of default holds the product's cut",
        "违约概率区间跨越准入线时转人工"),
    Key("refer.source_ratio_max", "exact",
        "refer where sources are further apart: declared and settled sales, customs and declared",
        "申报、平台成交与报关数据之比超过该倍数时转人工", "1", "1000", unit="times"),
    Key("refer.assumed", "paths", "which of these numbers are assumed", "假设值"),
    Key("measured_lgd", "amounts", "losses given default that were measured, by product",
        "实测违约损失率（按产品）", "0", "1", unit="share"),
)  # fmt: skip
_LENDER = (
    Key(f"{_L}.net_capital", "exact", "net capital", "资本净额", "1", _MONEY,
        needed="always", unit="yuan"),
    Key(f"{_L}.registered_capital", "exact", "registered capital", "注册资本", "1", _MONEY,
        unit="yuan"),
    Key(f"{_L}.borrowings", "amounts", "owed to each bank", "银行融入资金余额", "0", _MONEY,
        unit="yuan"),
    Key(f"{_L}.max_banks", "whole", "most banks it may borrow from", "融资银行家数上限",
        "0", "1000"),
    Key(f"{_L}.borrow_ratio", "exact", "most it may borrow from banks, of net capital",
        "银行融资与资本净额之比上限", "0", "10", needed="always", unit="share"),
    Key(f"{_L}.issue_ratio", "exact", "most it may raise by bonds and securities, of net capital",
        "债券与证券化融资与资本净额之比上限", "0", "10", unit="share"),
    Key(f"{_L}.issued", "exact", "raised by bonds and securities", "债券与证券化融资余额", "0",
        _MONEY, unit="yuan"),
    Key(f"{_L}.donated", "exact", "donated funds", "捐赠资金", "0", _MONEY, unit="yuan"),
    Key(f"{_L}.single_borrower_ratio", "exact", "most one borrower may owe, of net capital",
        "单户贷款与资本净额之比上限", "0", "1", needed="always", unit="share"),
    Key(f"{_L}.rate_cap_multiple", "exact", "cap on annual rates, times the benchmark",
        "利率上限（基准倍数）", "0", "100", needed="always", unit="times"),
    Key(f"{_L}.rate_floor_multiple", "exact", "floor of annual rates, times the benchmark",
        "利率下限（基准倍数）", "0", "100", needed="always", unit="times"),
    Key(f"{_L}.benchmark", "exact", "one-year benchmark rate", "一年期基准利率", "0", "1",
        needed="always", unit="share"),
    Key(f"{_L}.benchmark_six_months", "exact", "benchmark rate up to six months",
        "六个月以内基准利率", "0", "1", unit="share"),
    Key(f"{_L}.funding_rate", "exact", "cost of funds a year", "资金成本年率", "0", "1",
        needed="always", unit="share"),
    Key(f"{_L}.operation_per_draw", "exact", "cost of operating one draw", "单笔操作成本", "0",
        "1e6", needed="always", unit="yuan"),
    Key(f"{_L}.borrower_caps", "table", "most one household may owe, by purpose of the loan",
        "单户余额上限（按用途）"),
    Key(f"{_L}.borrower_caps.business", "exact", "most one household may owe, for business",
        "单户余额上限（经营）", "1", _MONEY,
        unit="yuan"),
    Key(f"{_L}.borrower_caps.consumer", "exact", "most one household may owe, for consumption",
        "单户余额上限（消费）", "1", _MONEY,
        unit="yuan"),
    Key(f"{_L}.authority_max", "exact", "most that is lent without a person's consent",
        "自动审批授权上限", "0", _MONEY, unit="yuan"),
    Key(f"{_L}.small_loan_share", "exact", "least share of lending in small loans",
        "小额贷款占比下限", "0", "1", unit="share"),
    Key(f"{_L}.small_loan_threshold", "exact", "what counts as a small loan, at most",
        "小额贷款口径", "1", _MONEY, unit="yuan"),
    Key(f"{_L}.companies", "tables", "the companies it consists of", "所含公司"),
    Key(f"{_L}.companies.id", "text", "id", "代号", needed="always"),
    Key(f"{_L}.companies.title", "text", "title in English", "英文名称", needed="always"),
    Key(f"{_L}.companies.title_zh", "text", "title in Chinese", "中文名称", needed="always"),
    Key(f"{_L}.companies.net_capital", "exact", "net capital", "资本净额", "1", _MONEY,
        needed="always", unit="yuan"),
    Key(f"{_L}.companies.registered_capital", "exact", "registered capital", "注册资本", "1",
        _MONEY, unit="yuan"),
    Key(f"{_L}.companies.borrowings", "amounts", "owed to each bank", "银行融入资金余额", "0",
        _MONEY, unit="yuan"),
    Key(f"{_L}.equity_cost", "exact", "cost of equity a year; without it capital costs as funds do",
        "股权资本成本年率（缺省同资金成本）", "0", "1", unit="share"),
    Key(f"{_L}.turnover_tax", "exact", "turnover tax on interest and fees; without it none",
        "利息与费用收入流转税率（缺省为零）", "0", "1", unit="share"),
    Key(f"{_L}.assumed", "paths", "which of these numbers are assumed", "假设值"),
)  # fmt: skip
_GRADES = (
    Key("grades.names", "texts", "names, best first", "等级名称（由优到劣）", needed="always"),
    Key("grades.upper_pd", "floats", "highest probability of default of each", "各级违约概率上限",
        "0", "1", needed="always", unit="share"),
    Key("grades.months_of_sales", "floats", "months of sales that each may be lent",
        "各级可贷月销售额倍数", "0", "1000", needed="always", unit="months"),
    Key("grades.assumed", "paths", "which of these numbers are assumed", "假设值"),
)  # fmt: skip
_GATES = (
    Key("gates.account_sealed", "flag", "bar sealed accounts", "账户被查封者不予准入"),
    Key("gates.fraud_found", "flag", "bar those whose fraud was found", "查实欺诈者不予准入"),
    Key("gates.linked_shops_max", "whole", "most other shops of the same person",
        "同一人名下其他店铺数上限", "0", "100000"),
    Key("gates.shared_device_max", "whole", "most other merchants on the same device",
        "同一设备其他商户数上限", "0", "100000"),
    Key("gates.shared_address_max", "whole", "most other merchants at the same address",
        "同一地址其他商户数上限", "0", "100000"),
    Key("gates.related_barred_max", "whole", "most related parties blacklisted or sealed",
        "关联方在黑名单或被查封的户数上限", "0", "100000"),
    Key("gates.is_required", "flag",
        "whether a gate without data is unknown to all, or else not asked",
        "缺少数据的闸门是否视为未知（否则不询问）"),
    Key("gates.assumed", "paths", "which of these numbers are assumed", "假设值"),
)  # fmt: skip
_R = "limit_rules"
_LIMIT_RULES = (
    Key(f"{_R}.by_profit", "flag",
        "the amount that earns most bounds the limit; without it not asked",
        "额度以预期利润最大为限（缺省不询问）"),
    Key(f"{_R}.leverage_effect", "share",
        "how log odds of default rise with the log of amount over monthly sales; without it 0",
        "额度与月销售额之比对违约对数几率的影响（缺省为零）", "0", "1"),
    Key(f"{_R}.prudence", "share",
        "share of the way from the probability to its upper end; without it 0",
        "确定额度时违约概率向区间上限靠拢的比例（缺省为零）", "0", "1", unit="share"),
    Key(f"{_R}.capacity_share", "share",
        "share of monthly cash flow that may serve debt; without it not asked",
        "可用于偿债的月现金流比例（缺省不询问）", "0", "10", unit="share"),
    Key(f"{_R}.bank_inflows_most", "share",
        "bank inflows count up to this many times platform sales; without it 1",
        "银行流入计入上限（平台销售额倍数，缺省为一）", "0", "100", unit="times"),
    Key(f"{_R}.keep_within", "share",
        "wanted change that leaves a limit in force as it is; without it 0",
        "现有额度保持不变的变动幅度（缺省为零）", "0", "1", unit="share"),
    Key(f"{_R}.raise_most", "share", "largest raise at once; without it any",
        "单次提额幅度上限（缺省不限）", "0", "100", unit="share"),
    Key(f"{_R}.cut_most", "share", "largest cut at once; without it any",
        "单次降额幅度上限（缺省不限）", "0", "1", unit="share"),
    Key(f"{_R}.margin", "share", "profit that a rate by risk asks on a yuan drawn; without it 0",
        "风险定价所要求的年化利润率（缺省为零）", "0", "1", unit="share"),
    Key(f"{_R}.assumed", "paths", "which of these numbers are assumed", "假设值"),
)  # fmt: skip
_PRODUCT = (
    Key(f"{_P}.id", "text", "id", "产品代号", needed="always"),
    Key(f"{_P}.title", "text", "title in English", "英文名称", needed="always"),
    Key(f"{_P}.title_zh", "text", "title in Chinese", "中文名称", needed="always"),
    Key(f"{_P}.kind", "word", "kind of product", "产品类型", words=KINDS, needed="always"),
    Key(f"{_P}.status", "word", "whether it can be lent", "状态", words=PRODUCT_STATUSES,
        needed="always"),
    Key(f"{_P}.purpose", "word", "what the money is for", "贷款用途", words=PURPOSES),
    Key(f"{_P}.note", "text", "note", "说明（英文）"),
    Key(f"{_P}.note_zh", "text", "note in Chinese", "说明"),
    Key(f"{_P}.max_pd", "share", "highest probability of default", "违约概率上限", "0", "1",
        needed="lent", unit="share"),
    Key(f"{_P}.claims", "claims", "which probabilities it takes: level and days",
        "所用违约概率（层级与天数）", needed="lent"),
    Key(f"{_P}.advance_rate", "exact", "advanced on orders", "订单垫付比例", "0.01", "1",
        needed="order_advance supply_chain_order", unit="share"),
    Key(f"{_P}.core_company_share_max", "exact", "most of the lending cap on one core company",
        "单一核心企业集中度上限", "0", "1", needed="supply_chain_order", unit="share"),
    Key(f"{_P}.repayment", "word", "how it is repaid", "还款方式", words=tuple(METHODS),
        needed="lent"),
    Key(f"{_P}.assumed", "paths", "which of these terms are assumed", "假设值"),
    Key(f"{_P}.limit", "table", "how much may be lent", "额度", needed="lent"),
    Key(f"{_P}.limit.min", "exact", "least that is lent", "额度下限", "0", "1e12", unit="yuan"),
    Key(f"{_P}.limit.max", "exact", "most that is lent", "额度上限", "0.01", "1e12",
        needed="always", unit="yuan"),
    Key(f"{_P}.limit.step", "exact", "step of limits", "额度步长", "0.01", "1e9",
        needed="always", unit="yuan"),
    Key(f"{_P}.rate", "table", "the contract rate", "合同利率", needed="lent"),
    Key(f"{_P}.rate.value", "exact", "rate", "利率", "0", "0.2", needed="always", unit="rate"),
    Key(f"{_P}.rate.unit", "word", "unit of the rate", "计息单位", words=("day", "month"),
        needed="always"),
    Key(f"{_P}.rate.min", "exact", "lowest rate that may be set", "利率可设下限", "0", "0.2",
        needed="always", unit="rate"),
    Key(f"{_P}.rate.max", "exact", "highest rate that may be set", "利率可设上限", "0", "0.2",
        needed="always", unit="rate"),
    Key(f"{_P}.term", "table", "how long, in months or in days", "期限", needed="lent"),
    Key(f"{_P}.term.months", "whole", "term in months", "期限（月）", "1", "600", unit="months"),
    Key(f"{_P}.term.days", "whole", "term in days", "期限（天）", "1", "36500", unit="days"),
    Key(f"{_P}.card", "table", "what only a card has", "信用卡条款", needed="card"),
    Key(f"{_P}.card.interest_free_days", "whole", "days free of interest", "免息期", "0", "365",
        needed="always", unit="days"),
    Key(f"{_P}.card.merchant_fee_rate", "exact", "fee that the shop pays on a purchase",
        "商户交易手续费率", "0", "1", needed="always", unit="share"),
)  # fmt: skip
_TERMS = (
    Key(_T, "table", "fees, early and late repayment", "费用、提前与逾期还款"),
    Key(f"{_T}.service_fee_rate", "exact", "service fee", "技术服务费率", "0", "1", unit="share"),
    Key(f"{_T}.fee_basis", "word", "when the fee is charged", "服务费收取方式", words=FEE_BASES),
    Key(f"{_T}.fee_withheld", "flag", "the fee is kept back from the principal",
        "服务费从本金中扣收"),
    Key(f"{_T}.refund_days", "whole", "interest given back on loans returned up to this day",
        "无理由退息天数", "0", "3650", unit="days"),
    Key(f"{_T}.refund_first_only", "flag", "only a first loan's interest is given back",
        "仅首笔贷款可退息"),
    Key(f"{_T}.min_interest_months", "whole", "least months of interest", "最低计息月数", "0",
        "600", unit="months"),
    Key(f"{_T}.stub_rule", "word", "how days beyond whole months count", "不足整月计息方式",
        words=STUBS),
    Key(f"{_T}.prepay_fee_rate", "exact", "fee on principal repaid early", "提前还款手续费率",
        "0", "1", unit="share"),
    Key(f"{_T}.penalty_multiplier", "exact", "penalty rate, times the contract rate",
        "罚息倍数", "0", _OVERDUE, unit="times"),
    Key(f"{_T}.penalty_mode", "word", "whether the penalty replaces interest", "罚息计收方式",
        words=PENALTY_MODES),
    Key(f"{_T}.penalty_base", "word", "what the penalty is charged on", "罚息基数",
        words=PENALTY_BASES),
    Key(f"{_T}.misuse_penalty", "exact", "penalty for misuse, times the contract rate",
        "挪用罚息倍数", "0", _OVERDUE, unit="times"),
)  # fmt: skip
_ECONOMICS = (
    Key(f"{_P}.economics", "table", "how a line is used and lost", "使用与损失假设",
        needed="lent"),
    Key(f"{_P}.economics.lgd", "share", "loss given default", "违约损失率", "0", "1",
        needed="always", unit="share"),
    Key(f"{_P}.economics.use_at_default", "share", "use of the limit at default",
        "违约时额度使用率", "0", "1.5", needed="always", unit="share"),
    Key(f"{_P}.economics.mean_use", "share", "mean use of the limit", "平均额度使用率", "0", "1",
        needed="always", unit="share"),
    Key(f"{_P}.economics.draws_a_year", "share", "draws a year", "年支用次数", "0", "1000",
        needed="always"),
    Key(f"{_P}.economics.credit_conversion", "share",
        "share of what is not drawn that is drawn by default; in place of use_at_default",
        "未用额度违约时转为已用的比例（替代违约时额度使用率）", "0", "1", unit="share"),
    Key(f"{_P}.economics.half_use_months", "share",
        "months of sales at which half of the mean use is left; without it use does not fall",
        "使用率减半的额度（月销售额倍数，缺省不减）", "0.01", "1000", unit="months"),
    Key(f"{_P}.economics.accrued_days", "share", "days of interest owed at default; without it 0",
        "违约时应计利息天数（缺省为零）", "0", "3650", unit="days"),
    Key(f"{_P}.economics.may_lose", "flag",
        "lent even where no amount is expected to earn its costs",
        "预期收益不足以覆盖成本时仍可放贷"),
    Key(f"{_P}.bounds", "bounds", "which other terms may be set, and from where to where",
        "可调整条款的上下限"),
    Key(f"{_P}.overrides", "overrides", "terms set in place of the product's own",
        "已调整条款"),
)  # fmt: skip
_ELIGIBILITY = (
    Key(_E, "table", "who may borrow", "准入条件", needed="lent"),
    Key(f"{_E}.platforms", "words", "platforms", "所在平台", words=PLATFORMS),
    Key(f"{_E}.any_of", "tables", "where and for whom it is open", "开放地区与会员"),
    Key(f"{_E}.any_of.regions", "words", "regions", "地区", words=REGIONS, needed="always"),
    Key(f"{_E}.any_of.memberships", "words", "memberships", "会员类型", words=MEMBERSHIPS,
        needed="always"),
    Key(f"{_E}.any_of.valid_from", "day", "first day", "生效日"),
    Key(f"{_E}.any_of.valid_to", "day", "last day", "截止日"),
    Key(f"{_E}.any_of.status", "word", "open, or planned and opening nothing", "状态",
        words=("open", "planned")),
    Key(f"{_E}.any_of.note", "text", "note", "说明（英文）"),
    Key(f"{_E}.any_of.note_zh", "text", "note in Chinese", "说明"),
    Key(f"{_E}.cities_excluded", "texts", "cities left out", "排除城市"),
    Key(f"{_E}.registered_months_min", "whole", "least completed months since registration",
        "注册满月数下限", "0", "1200", unit="months"),
    Key(f"{_E}.shop_months_min", "whole", "least completed months since the shop opened",
        "开店满月数下限", "0", "1200", unit="months"),
    Key(f"{_E}.positive_rating_min", "share", "least share of positive ratings in 365 days",
        "近365天好评率下限", "0", "1", unit="share"),
    Key(f"{_E}.violation_points_max", "share", "most violation points in 365 days",
        "近365天违规扣分上限", "0", "1000"),
    Key(f"{_E}.sales_12m_min", "exact", "least settled sales in 12 months",
        "近12个月成交额下限", "0", "1e12", unit="yuan"),
    Key(f"{_E}.core_companies", "texts", "core companies whose distributors may borrow",
        "核心企业", needed="supply_chain_order"),
    Key(f"{_E}.days_past_due_max", "whole", "most days past due now", "当前逾期天数上限", "0",
        "3650", unit="days"),
    Key(f"{_E}.data_required", "words", "facts that must be known", "必备数据",
        words=(*FACTS, *EXTRA_FACTS)),
)  # fmt: skip

SCHEMA: tuple[Key, ...] = (
    *_TOP, *_LENDER, *_GRADES, *_GATES, *_LIMIT_RULES, *_PRODUCT, *_TERMS, *_ECONOMICS,
    *_ELIGIBILITY,
)  # fmt: skip
KEYS: Mapping[str, Key] = MappingProxyType({key.path: key for key in SCHEMA})
SETTABLE: Mapping[str, str] = MappingProxyType(
    {
        "rate": "rate.value",
        "limit_min": "limit.min",
        "limit_max": "limit.max",
        "term_months": "term.months",
        "term_days": "term.days",
        "advance_rate": "advance_rate",
        "max_pd": "max_pd",
        "service_fee_rate": "terms.service_fee_rate",
        "prepay_fee_rate": "terms.prepay_fee_rate",
        "penalty_multiplier": "terms.penalty_multiplier",
        "misuse_penalty": "terms.misuse_penalty",
        "refund_days": "terms.refund_days",
        "min_interest_months": "terms.min_interest_months",
        "interest_free_days": "card.interest_free_days",
        "merchant_fee_rate": "card.merchant_fee_rate",
        "registered_months_min": "eligibility.registered_months_min",
        "shop_months_min": "eligibility.shop_months_min",
        "positive_rating_min": "eligibility.positive_rating_min",
        "violation_points_max": "eligibility.violation_points_max",
    }
)
"""Terms that a user or a single deal may set, and the key whose place each takes."""
OWN_BOUNDS = ("rate", "limit_min", "limit_max")
"""Those whose bounds stand in the product's ``rate`` and ``limit``."""


def children(prefix: str) -> dict[str, Key]:
    """Give the keys that a table may have, by their last word."""
    start = f"{prefix}." if prefix else ""
    return {
        key.path[len(start) :]: key
        for key in SCHEMA
        if key.path.startswith(start) and "." not in key.path[len(start) :]
    }
