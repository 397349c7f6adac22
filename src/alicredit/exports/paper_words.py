"""What the printed page says, in English and Chinese, and how it looks."""

from __future__ import annotations

STYLE = """
body { font: 11px/1.35 sans-serif; margin: 1.5em; color: #111; }
h1 { font-size: 17px; margin: 0 0 .3em; } h2 { font-size: 13px; margin: 1em 0 .3em; }
p { margin: .3em 0; max-width: 90em; } .start { font-size: 13px; }
.tables { columns: 3 19em; column-gap: 1.2em; }
table { border-collapse: collapse; margin: 0 0 .8em; break-inside: avoid; }
table.input { width: 100%; } table.pds { columns: 2; }
caption { text-align: left; } td, th { border: 1px solid #999; padding: 0 .5em; }
td:last-child { text-align: right; font-variant-numeric: tabular-nums; }
td.seen { text-align: left; color: #555; } q { quotes: "“" "”"; }
@page { size: A4; margin: 10mm; } @media print { body { margin: 0; font-size: 8.5px; } }
"""

WORDS = {
    "en": {
        "title": "Points table",
        "claim": "Claim of the probability of default",
        "model": "Model",
        "how": (
            "Begin with the points at the start. In each table find the line of the applicant's "
            "value and add its points, which may be negative. A sign ≤ holds the bound itself. An "
            "unknown value has the line “missing”; where more than {share} of all inputs are "
            "missing, those without points too, there is no score. Nor is there one where a value "
            "is of another kind, infinite or impossible. More points are safer."
        ),
        "start": "Start",
        "no": "no",
        "yes": "yes",
        "missing": "missing",
        "special": "the code",
        "special_rule": "A value that is one of a table's codes has the line of that code alone.",
        "special_how": "Here a value that is a code stands under “missing”.",
        "other": "any other",
        "seen": "Seen in training:",
        "pairs": "What two inputs add together",
        "pairs_how": "Add also the points where the line of the first meets the column of the "
        "second.",
        "flat": "Inputs without points of their own (what they give everybody is in the start)",
        "pds": "From the score to the probability of default",
        "pds_how": "Between two lines the probability lies between theirs.",
        "score": "Score",
        "pd": "Probability of default",
        "interval": "90 % interval",
        "example": "An example: every number at its median of training",
    },
    "zh": {
        "title": "评分卡",
        "claim": "违约概率的定义",
        "model": "模型",
        "how": (
            "从起始分开始，在每张表中找到申请人取值所在的行，加上该行分数（可为负）。符号≤包含界值本身。"
            "取值未知时用“缺失”行；若全部输入（含无分数的输入）中缺失超过{share}，则不评分。"
            "取值类型不符、无穷大或不可能时，也不评分。分数越高越安全。"
        ),
        "start": "起始分",
        "no": "否",
        "yes": "是",
        "missing": "缺失",
        "special": "代码",
        "special_rule": "取值等于表中所列代码时，只用该代码所在行。",
        "special_how": "取值为代码时，在此按“缺失”处理。",
        "other": "其他",
        "seen": "训练样本取值范围：",
        "pairs": "两个输入共同的分数",
        "pairs_how": "另加第一个输入所在行与第二个输入所在列交叉处的分数。",
        "flat": "自身没有分数的输入（人人相同的部分已计入起始分）",
        "pds": "由分数查违约概率",
        "pds_how": "介于两行之间的分数，其概率也介于两行之间。",
        "score": "分数",
        "pd": "违约概率",
        "interval": "90%区间",
        "example": "示例：各数值取训练样本中位数",
    },
}
