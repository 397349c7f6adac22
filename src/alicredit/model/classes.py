"""Which of two labels means default: the second in order, unless their words say otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from alicredit.checks import refuse

_DEFAULT = frozenset(
    {
        "b", "bad", "bads", "bad payer", "charged off", "charge off", "default", "defaulted",
        "defaulter", "delinquent", "in default", "late", "loss", "npl", "non performing",
        "not paid", "overdue", "unpaid", "written off", "不良", "坏", "坏账", "失信", "损失",
        "拖欠", "拒绝还款", "未还", "违约", "逾期",
    }
)  # fmt: skip
_PAID = frozenset(
    {
        "current", "fully paid", "g", "good", "good payer", "goods", "no default", "non default",
        "normal", "not default", "paid", "paid off", "performing", "regular", "repaid", "优", "好",
        "已还", "守信", "未逾期", "未违约", "正常", "结清", "良好", "还清",
    }
)  # fmt: skip
"""Words that outcomes of loans go by, in small letters, their parts one blank apart (assumed)."""


def require_default_second(classes: Iterable[Any]) -> None:
    """Refuse two words of which the first in order means default, or the second that it was paid.

    Examples
    --------
    >>> require_default_second(["good", "in arrears"])
    >>> require_default_second(["bad", "good"])
    Traceback (most recent call last):
    alicredit.errors.InputError: y must have default as the second of its two labels in order; ...
    """
    given = tuple(classes)
    first, second = map(_word, given)
    is_turned = (first in _DEFAULT) + (second in _PAID) > (first in _PAID) + (second in _DEFAULT)
    if is_turned:
        rule = "must have default as the second of its two labels in order"
        bad = str(given[0])
        found = f"{bad!r} before {str(given[1])!r}, whose probability would be learned"
        refuse("y", rule, found, f"give 0 and 1, as with (y == {bad!r}).astype(float)")


def _word(label: object) -> str:
    """Write a label in small letters, its parts one blank apart; what is no text is no word."""
    if not isinstance(label, str):
        return ""
    return " ".join(re.findall(r"\w+", label.replace("_", " ").casefold()))
