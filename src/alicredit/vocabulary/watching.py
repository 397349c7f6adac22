"""What warnings, the use of funds and the checks of a model are called."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from alicredit.vocabulary.words import Word, vocabulary

WARNING_LEVELS: Mapping[str, Word] = MappingProxyType(
    vocabulary(
        "warning level",
        ("green", "no warning", "正常"),
        ("amber", "warned", "预警"),
        ("red", "urgently warned", "严重预警"),
        ("unknown", "too little is known to tell", "信息不足，无法判断"),
    )
)
"""How urgently a loan that is out is warned about."""

WARNING_ACTIONS: Mapping[str, Word] = MappingProxyType(
    vocabulary(
        "warning action",
        ("none", "nothing to do", "无需处理"),
        ("freeze_undrawn", "freeze the part of the line not drawn", "冻结未提用额度"),
        ("pull_order_loan", "take the order loan back at once", "提前收回订单贷款"),
    )
)
"""What a warning asks the lender to do."""

WARNINGS: Mapping[str, Word] = MappingProxyType(
    vocabulary(
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
    vocabulary(
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
    vocabulary(
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
    vocabulary(
        "status of a compared loan",
        ("compared", "compared with similar merchants", "已与相似商户比较"),
        ("borrowed_before", "another loan was out in the weeks before", "此前数周已有其他贷款"),
        ("too_young", "the merchant was registered too shortly before", "商户注册时间过短"),
        ("no_match", "no merchant was similar enough", "没有足够相似的商户"),
    )
)
"""Whether a loan's use could be compared, and why not."""

FEED_STATUSES: Mapping[str, Word] = MappingProxyType(
    vocabulary(
        "status of a table",
        ("fresh", "still arrives in its rhythm", "正常更新"),
        ("stale", "silent for longer than its rhythm explains", "停止更新"),
        ("unknown", "too few arrivals to know a rhythm", "到达次数过少，无法判断更新规律"),
        ("empty", "without any fact", "无数据"),
    )
)
"""Whether a table still arrives."""

VOLUME_STATUSES: Mapping[str, Word] = MappingProxyType(
    vocabulary(
        "volume of a table",
        ("usual", "as many facts as usual on that weekday", "数据量正常"),
        ("low", "fewer facts than usual on that weekday", "数据量偏低"),
        ("high", "more facts than usual on that weekday", "数据量偏高"),
        ("unknown", "too short a history, or no fact on the usual day",
         "历史过短或通常无数据，无法判断"),
    )
)  # fmt: skip
"""Whether a day of a table held as many facts as usual."""

LOAN_GRADES: Mapping[str, Word] = MappingProxyType(
    vocabulary(
        "grade of a loan",
        ("pass", "pass", "正常"),
        ("special_mention", "special mention", "关注"),
        ("substandard", "substandard", "次级"),
        ("doubtful", "doubtful", "可疑"),
        ("loss", "loss", "损失"),
    )
)
"""The five grades of loans of Chinese banks, from good to bad."""

CHECKS: Mapping[str, Word] = MappingProxyType(
    vocabulary(
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
    vocabulary(
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
    vocabulary(
        "unknown",
        ("few_rows", "too few rows to tell", "行数过少，无法判断"),
        ("few_defaults", "too few defaults to tell", "违约数过少，无法判断"),
        ("no_outcomes", "no outcome is known yet", "尚无到期结果"),
        ("no_reference", "a model file holds no scores: give a reference frame",
         "模型文件不含分数分布：请提供参照样本"),
        ("one_outcome", "only one outcome happened", "只出现一种结果"),
        ("no_move", "nobody moved", "没有等级变化"),
        ("no_chance", "no telling what chance would do", "无法判断偶然波动的范围"),
        ("no_rhythm", "too few arrivals to know a rhythm", "到达次数过少，无法判断更新规律"),
    )
)  # fmt: skip
"""Why a check cannot tell."""
