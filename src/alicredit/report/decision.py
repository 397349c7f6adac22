"""The page of one decision, for the merchant it is about: what, why, and what would change it.

It holds the answer and its reasons, in English and Chinese, and none of the merchant's records but
the values that the reasons themselves name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from alicredit.checks import refuse, require_columns, require_kind
from alicredit.pages import Cell, Head, Part, both, lay_out, percent, write_page, yuan
from alicredit.vocabulary import DECISIONS, STATUSES, reason_word

_NEEDED = ("kind", "text", "text_zh", "code", "value", "threshold", "advice", "advice_zh")
_KINDS = {
    "decline": ("why it was declined", "拒绝原因"),
    "refer": ("why a person decides", "转人工原因"),
    "limit": ("why not more", "额度原因"),
    "price": ("why this rate", "利率说明"),
}


_OF_SCORE = ("what weighed most in the score", "评分中的主要因素")


def write_decision_page(
    decision: Any, path: str | Path, *, explained: pd.DataFrame | None = None
) -> None:
    """Write one decision as a page for the merchant, with what would change each reason.

    Parameters
    ----------
    decision : Decision
        From ``score_applicant``.
    path : str or Path
        The file to write.
    explained : pandas.DataFrame or None, default None
        What :func:`alicredit.whatif.explain_decision` gives of the same decision; None shows the
        reasons without what would change them.

    Raises
    ------
    AlicreditError
        If the extra ``[report]`` is not installed, or the file cannot be written.
    InputError
        If it is no decision, or the frame does not explain this one.

    Examples
    --------
    >>> write_decision_page({"decision": "approve"}, "page.html")
    Traceback (most recent call last):
    alicredit.errors.InputError: decision must be a decision of score_applicant; found dict.
    """
    for name in ("merchant_id", "decision", "reasons", "limit"):
        if not hasattr(decision, name):
            refuse("decision", "must be a decision of score_applicant", type(decision).__name__)
    word = DECISIONS[decision.decision]
    parts = [Part("The answer", _say(decision), "决定", _figures(decision))]
    if explained is None:
        parts.append(_reasons(decision))
    else:
        parts.append(_explained(decision, explained))
    parts.append(
        Part(
            "Your rights",
            "You may ask for an explanation, have wrong records put right, and ask that a person "
            "decide again (PIPL art. 24). 您有权要求说明、更正错误信息，并要求由人工复核该决定"
            "（《个人信息保护法》第二十四条）。",
            "您的权利",
        )
    )
    lead = f"{decision.merchant_id}, {decision.product_id}, as of {decision.as_of:%Y-%m-%d}."
    ids = f"Model {decision.model_id}. Policy {decision.policy_id}."
    foot = ids + (f" Prices {decision.prices_id}." if decision.prices_id else "")
    foot += f" Inputs {decision.inputs_digest}."
    title = f"Decision: {word.text}"
    write_page(path, title, lead, tuple(parts), foot, title_zh=f"决定：{word.text_zh}")


def _say(decision: Any) -> str:
    """Say the answer in words, in both languages."""
    if decision.decision == "approve":
        return (
            f"A line of up to {decision.limit:,.0f} yuan is approved. "
            f"批准额度不超过 {decision.limit:,.0f} 元。"
        )
    if decision.decision == "refer":
        return "A person will look at this application. 该申请将由人工审核。"
    return "The application is declined for the reasons below. 因以下原因，申请未获批准。"


def _figures(decision: Any) -> tuple[tuple[str, str], ...]:
    """Give the figures of the answer."""
    found = []
    if decision.decision == "approve":
        unit = "日" if decision.rate_unit == "day" else "月"
        rate = f"{100 * decision.rate:.4g}%"
        found += [(yuan(decision.limit), "limit, yuan 额度（元）"),
                  (rate, f"rate a {decision.rate_unit} {unit}利率")]  # fmt: skip
    if decision.status == "ok":
        ends = f"{percent(decision.pd_lower)} to {percent(decision.pd_upper)}"
        found += [(percent(decision.pd), f"probability of default, {ends} 违约概率及区间"),
                  (str(decision.grade), "grade 等级")]  # fmt: skip
    else:
        told = STATUSES[decision.status]
        found.append((told.text, told.text_zh))
    return tuple(found)


def _reasons(decision: Any) -> Part:
    """List the reasons alone."""
    told = [reason_word(code) for code in decision.reasons]
    frame = pd.DataFrame(
        {"text": [w.text for w in told], "text_zh": [w.text_zh for w in told],
         "code": list(decision.reasons)}
    )  # fmt: skip
    table = lay_out(frame, (_meaning(),))
    note = "The most important first. 最重要的在前。"
    return Part("Reasons", note, "原因", tables=(table,))


def _explained(decision: Any, explained: Any) -> Part:
    """List reasons with what was found, what is asked for, and what would change them."""
    frame = require_kind("explained", explained, pd.DataFrame, "must be a frame")
    require_columns("explained", map(str, frame.columns), _NEEDED)
    strange = sorted(set(frame.loc[frame["kind"] != "price", "code"]) - set(decision.reasons))
    if strange:
        do = "explain_decision with the same features, model, product, moment and policy"
        refuse("explained", "must explain this decision", f"a reason {strange[0]!r} beside", do)
    kinds = [
        _OF_SCORE if reason_word(code).kind == "score" else _KINDS.get(kind, (kind, ""))
        for kind, code in zip(frame["kind"], frame["code"], strict=True)
    ]
    shown = frame.assign(
        of=[f"{en} {zh}".strip() for en, zh in kinds],
        found=[_written(value) for value in frame["value"]],
        advice=frame["advice"].where(frame["advice"] != "", "–"),
    )
    columns = (
        _meaning(),
        (Head("found 实际值"), lambda row: Cell(row["found"])),
        (Head("asked for 要求"), lambda row: Cell(str(row["threshold"]))),
        both("what would change it 如何改变", "advice", "advice_zh"),
    )
    note = (
        "Each reason apart; a change is the least that would lift that reason alone, and lifting "
        "one may leave others. 每条原因分别说明；所列变化仅消除该条原因。"
    )
    return Part("Reasons, and what would change them", note, "原因及如何改变",
                tables=(lay_out(shown, columns, group="of", is_prose=True),))  # fmt: skip


def _meaning() -> Any:
    """Make the column of what a reason means."""
    return Head("reason 原因"), lambda row: Cell(row["text"], row["text_zh"], row["code"])


def _written(value: Any) -> str:
    """Write what was found."""
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "–"
    if isinstance(value, bool):
        return "yes 是" if value else "no 否"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    is_number = hasattr(value, "__float__") and not isinstance(value, str)
    return f"{float(value):,.6g}" if is_number else str(value)
