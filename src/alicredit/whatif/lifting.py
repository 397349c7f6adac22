"""The nearest change that would lift a reason: of a fact, of the model's inputs, of a limit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from alicredit.errors import InputError
from alicredit.features import CATALOGUE
from alicredit.policy import Policy, Product, offer_limits
from alicredit.policy.eligibility import RuleResult
from alicredit.policy.rules import Grades
from alicredit.portable import what_would_change
from alicredit.vocabulary import POLICY_WORDS

PdAndUpper = tuple[float, float]
"""A probability of default and the upper end of its interval."""

_NUMBER = re.compile(r"^(?:>=|<=)?\s*([\d,.]+)\s*(?:months|days|yuan)?$")
_MOST_FEN = 10**14
_SPLIT = 1000
_LARGE = 100_000
_RAISES = {
    "monthly_sales_median_180d": 1, "order_base": 1, "outstanding": -1,
    "bank_inflows_median_180d": 1, "group_outstanding": -1,
}  # fmt: skip
"""Facts that a limit follows, and which way they raise it."""
_FIRST = {
    "LIM_SALES": "monthly_sales_median_180d",
    "LIM_ORDER_BASE": "order_base",
    "LIM_SINGLE_BORROWER": "outstanding",
    "LIM_RELATED": "group_outstanding",
    "LIM_CAPACITY": "monthly_sales_median_180d",
}


@dataclass(frozen=True)
class Lift:
    """What would lift a reason, in values and in words; empty where nothing would."""

    change: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""
    advice_zh: str = ""
    value: float = np.nan


def lift_rule(rule: RuleResult, value: Any, missing: str) -> Lift:
    """Give what a rule asks for: its threshold, or the facts that it lacks."""
    if missing:
        names = str(missing).split(", ")
        return Lift(
            dict.fromkeys(names, "known"),
            "give " + ", ".join(_title(name, "en") for name in names),
            "请提供" + "、".join(_title(name, "zh") for name in names),
        )
    fact, found = (rule.facts or (rule.rule,))[0], _NUMBER.match(rule.threshold)
    if found is None:
        if rule.threshold in ("no", "not listed", "active"):
            return Lift()
        words = (_title(fact, "en"), _title(fact, "zh"))
        en, zh = f"{words[0]}: {rule.threshold}", f"{words[1]}：{rule.threshold}"
        return Lift({fact: rule.threshold}, en, zh)
    need = float(found[1].replace(",", "").rstrip("."))
    if rule.rule.endswith("_months"):
        more = round(need - float(value))
        en = f"{more} more month{'s' if more != 1 else ''}"
        return Lift({rule.rule: need}, en, f"再满 {more} 个月")
    words = (_title(fact, "en"), _title(fact, "zh"))
    en = f"{words[0]}: {_short(value)} to {_short(need)}"
    return Lift({fact: need}, en, f"{words[1]}：由 {_short(value)} 变为 {_short(need)}")


def lift_score(
    facts: Mapping[str, Any], model: Any, most_pd: float, feasible: Mapping[str, Any] | None
) -> Lift:
    """Give the nearest change of the model's inputs that brings the probability to the cut."""
    target = ("within", Grades(("within", "above"), (most_pd, 1.0), (1.0, 0.0)))
    portable = getattr(model, "portable_", model)
    row = {name: facts[name] for name in portable.feature_names}
    try:
        ways = what_would_change(model, row, target=target, feasible=feasible)
    except InputError:
        return Lift()
    nearest = ways[ways["option"] == 1]
    change = dict(zip(nearest["feature"], nearest["change_to"], strict=True))
    moves = [(name, _short(row[name]), _short(to)) for name, to in change.items()]
    pairs = [f"{_title(name, 'en')}: {old} to {new}" for name, old, new in moves]
    chinese = [f"{_title(name, 'zh')}：由 {old} 变为 {new}" for name, old, new in moves]
    return Lift(change, " and ".join(pairs), "，且".join(chinese))


def lift_limit(
    facts: Mapping[str, Any], product: Product, policy: Policy, pds: PdAndUpper, wanted: float
) -> Lift:
    """Give the limit as it is offered, and the least change of one fact that raises it enough.

    The fact that binds is tried first, then the others that a limit follows, then the probability
    at the bounds of better grades. Higher sales or orders, less that is owed and a better grade
    never lower a limit, so that halving finds the least change.
    """
    offered = offer_limits(_rows(facts, pds, 1), policy, product=product.id)
    now, binding = float(offered["limit"].iloc[0]), str(offered["binding"].iloc[0])
    if now >= wanted:
        return Lift(value=now)
    first = _FIRST.get(binding, "")
    for name in sorted(_RAISES, key=lambda each: (each != first, each)):
        to = _least_change(facts, product, policy, (pds, wanted), name)
        if to is not None:
            given = _short(facts.get(name))
            en = f"{_title(name, 'en')}: {given} to {to:,.2f} yuan"
            zh = f"{_title(name, 'zh')}：由 {given} 变为 {to:,.2f} 元"
            return Lift({name: to}, en, zh, now)
    return _by_grade(facts, product, policy, (pds, wanted), now)


def _by_grade(
    facts: Mapping[str, Any],
    product: Product,
    policy: Policy,
    asked: tuple[PdAndUpper, float],
    now: float,
) -> Lift:
    """Give the worst better grade at whose bound the limit is enough."""
    pds, wanted = asked
    better = [
        (name, upper)
        for name, upper in zip(policy.grades.names, policy.grades.upper_pd, strict=True)
        if upper < pds[0]
    ]
    if not better:
        return Lift(value=now)
    frame = _rows(facts, pds, len(better))
    wider = frame["pd_upper"] / frame["pd"]
    frame["pd"] = [upper for _, upper in better]
    frame["pd_upper"] = np.minimum(frame["pd"] * wider, 1.0)
    limits = offer_limits(frame, policy, product=product.id)["limit"].to_numpy()
    enough = np.flatnonzero(limits >= wanted)
    if not len(enough):
        return Lift(value=now)
    name, upper = better[int(enough[-1])]
    en = f"grade {name}: a probability of default of at most {upper:g}"
    return Lift({"pd": upper}, en, f"等级 {name}：违约概率不高于 {upper:g}", now)


def _least_change(
    facts: Mapping[str, Any],
    product: Product,
    policy: Policy,
    asked: tuple[PdAndUpper, float],
    name: str,
) -> float | None:
    """Give the value of a fact, nearest to its own, at which the limit is enough."""
    try:
        own = round(float(facts.get(name, np.nan)) * 100)
    except (TypeError, ValueError, OverflowError):
        return None
    pds, wanted = asked
    near, far = own, _MOST_FEN if _RAISES[name] > 0 else 0

    def enough(values: list[int]) -> np.ndarray[Any, Any]:
        frame = _rows(facts, pds, len(values)).assign(**{name: np.array(values) / 100})
        limits = offer_limits(frame, policy, product=product.id)["limit"].to_numpy(np.float64)
        reached: np.ndarray[Any, Any] = limits >= wanted
        return reached

    if near == far or not enough([far])[0]:
        return None
    while abs(far - near) > 1:
        steps = [near + (far - near) * k // _SPLIT for k in range(1, _SPLIT)]
        inside = sorted(set(steps) - {near, far}, key=lambda each: abs(each - near))
        reached = np.append(enough(inside), True)
        at = int(np.argmax(reached))
        near, far = [near, *inside][at], [*inside, far][at]
    return far / 100


def _rows(facts: Mapping[str, Any], pds: PdAndUpper, size: int) -> pd.DataFrame:
    """Give an applicant's facts in so many equal rows, with the probability and its upper end."""
    needed = ("monthly_sales_median_180d", "order_base", "outstanding")
    known = {name: facts.get(name) for name in (*facts, *needed)}
    frame = pd.DataFrame({name: pd.Series([value] * size) for name, value in known.items()})
    return frame.assign(pd=float(pds[0]), pd_upper=float(pds[1]))


def _title(name: str, language: str) -> str:
    """Name a fact of the policy or a built-in feature in a language; another by its column."""
    word = POLICY_WORDS.get(name)
    if word is not None:
        return word.text if language == "en" else word.text_zh
    english, chinese = _feature_titles().get(name, ("", ""))
    return (english if language == "en" else chinese) or name


@cache
def _feature_titles() -> dict[str, tuple[str, str]]:
    """Give the titles of the built-in features by their columns."""
    return {each.name: (each.title, each.title_zh) for each in CATALOGUE}


def _short(value: Any) -> str:
    """Write a value shortly."""
    if isinstance(value, float | np.floating) and not isinstance(value, bool):
        if abs(float(value)) >= _LARGE:
            return f"{value:,.2f}".removesuffix(".00")
        return f"{value:,.6g}"
    return str(value)
