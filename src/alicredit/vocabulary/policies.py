"""The words that a lender's policy is written in."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from alicredit.vocabulary.words import Word, vocabulary

POLICY_WORDS: Mapping[str, Word] = MappingProxyType(
    vocabulary(
        "kind",
        ("term", "term loan", "定期贷款"),
        ("revolving", "revolving line", "循环贷款"),
        ("order_advance", "advance on orders", "订单贷款"),
        ("card", "card", "信用卡"),
        ("supply_chain_order", "advance on orders from a core company", "供应链订单贷款"),
    )
    | vocabulary(
        "status",
        ("active", "lent", "在售"),
        ("planned", "planned, not lent", "计划中，未推出"),
        ("example", "an example, not lent", "示例，不放贷"),
        ("open", "open", "已开放"),
    )
    | vocabulary("purpose", ("business", "business", "经营"), ("consumer", "consumption", "消费"))
    | vocabulary(
        "membership",
        ("ordinary", "ordinary members", "普通会员"),
        ("paying", "paying members", "付费会员"),
    )
    | vocabulary(
        "platform",
        ("alibaba_b2b", "Alibaba B2B", "阿里巴巴 B2B"),
        ("taobao", "Taobao", "淘宝"),
        ("tmall", "Tmall", "天猫"),
        ("alipay", "Alipay", "支付宝"),
    )
    | vocabulary(
        "repayment",
        ("interest_only_bullet", "interest monthly, principal at the end", "按月付息、到期还本"),
        ("annuity", "equal instalments", "等额本息"),
        ("equal_monthly_instalments", "equal instalments", "等额本息"),
        ("equal_principal", "equal parts of principal", "等额本金"),
        ("swept_by_confirmed_orders", "swept as buyers confirm orders", "买家确认后自动扣还"),
        (
            "swept_from_core_company_settlement",
            "swept from the core company's settlement",
            "从核心企业结算款中扣还",
        ),
        ("free_then_daily", "free of interest at first, then by day", "免息期后按日计息"),
    )
    | vocabulary(
        "charge",
        ("day", "by day", "按日"),
        ("month", "by month", "按月"),
        ("none", "never", "不收取"),
        ("per_disbursement", "on each draw", "每次放款收取"),
        ("per_line", "once a line", "每条额度收取一次"),
        ("replace", "in place of interest", "代替正常利息"),
        ("add", "on top of interest", "在正常利息之外加收"),
        ("principal", "principal", "本金"),
        ("principal_plus_interest", "principal and interest", "本金及利息"),
        ("pro_rata_30", "thirtieths of a month", "按三十分之一月计"),
        ("full_month", "whole months", "按整月计"),
    )
    | vocabulary(
        "level",
        ("borrower", "of the borrower", "借款人"),
        ("facility", "of the single loan", "单笔贷款"),
    )
    | vocabulary(
        "fact",
        ("platform", "platform", "平台"),
        ("membership", "membership", "会员类型"),
        ("region", "region", "地区"),
        ("registered_at", "date of registration", "注册日期"),
        ("shop_opened_at", "date the shop opened", "开店日期"),
        ("blacklisted", "whether it is on the blacklist", "是否在黑名单"),
        ("days_past_due", "days past due", "逾期天数"),
        ("positive_rating_share", "share of positive ratings", "好评率"),
        ("violation_points_365d", "violation points in 365 days", "近365天违规扣分"),
        ("monthly_sales_median_180d", "median monthly sales in 180 days", "近180天月销售额中位数"),
        ("order_base", "orders under way", "在途订单金额"),
        ("outstanding", "what is owed", "未偿余额"),
        ("city", "city", "城市"),
        ("sales_12m", "settled sales in 12 months", "近12个月成交额"),
        ("core_company", "core company", "核心企业"),
        ("human_review_requested", "whether a person's review was asked for", "是否要求人工审核"),
        ("declared_sales_total_amount_sum_365d", "declared sales of a year", "一年申报销售额"),
        ("orders_settled_amount_sum_365d", "settled sales of a year", "一年已结算销售额"),
        ("customs_cny_export_amount_sum_365d", "exports of a year in yuan", "一年出口额"),
    )
    | vocabulary(
        "region",
        ("anhui", "Anhui", "安徽"),
        ("beijing", "Beijing", "北京"),
        ("chongqing", "Chongqing", "重庆"),
        ("fujian", "Fujian", "福建"),
        ("gansu", "Gansu", "甘肃"),
        ("guangdong", "Guangdong", "广东"),
        ("guangxi", "Guangxi", "广西"),
        ("guizhou", "Guizhou", "贵州"),
        ("hainan", "Hainan", "海南"),
        ("hebei", "Hebei", "河北"),
        ("heilongjiang", "Heilongjiang", "黑龙江"),
        ("henan", "Henan", "河南"),
        ("hongkong", "Hong Kong", "香港"),
        ("hubei", "Hubei", "湖北"),
        ("hunan", "Hunan", "湖南"),
        ("inner_mongolia", "Inner Mongolia", "内蒙古"),
        ("jiangsu", "Jiangsu", "江苏"),
        ("jiangxi", "Jiangxi", "江西"),
        ("jilin", "Jilin", "吉林"),
        ("liaoning", "Liaoning", "辽宁"),
        ("macau", "Macau", "澳门"),
        ("ningxia", "Ningxia", "宁夏"),
        ("qinghai", "Qinghai", "青海"),
        ("shaanxi", "Shaanxi", "陕西"),
        ("shandong", "Shandong", "山东"),
        ("shanghai", "Shanghai", "上海"),
        ("shanxi", "Shanxi", "山西"),
        ("sichuan", "Sichuan", "四川"),
        ("taiwan", "Taiwan", "台湾"),
        ("tianjin", "Tianjin", "天津"),
        ("tibet", "Tibet", "西藏"),
        ("xinjiang", "Xinjiang", "新疆"),
        ("yunnan", "Yunnan", "云南"),
        ("zhejiang", "Zhejiang", "浙江"),
    )
)
"""Words of a policy's file, with what a person reads."""
