"""Why it was declined, why the limit is lower, why the rate; and what would lift each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from alicredit.allocation import Prices
from alicredit.checks import refuse, require_between
from alicredit.decision import Decision
from alicredit.policy import Policy, Product, find_rules, load_policy, price_loan
from alicredit.policy.eligibility import PASS, RuleResult
from alicredit.policy.one_applicant import OneApplicant, OneColumn
from alicredit.portfolio import score_applicant
from alicredit.vocabulary import reason_word
from alicredit.whatif.lifting import Lift, lift_limit, lift_rule, lift_score

REASON_COLUMNS = (
    "kind", "code", "text", "text_zh", "value", "threshold", "change", "advice", "advice_zh",
)  # fmt: skip
KINDS = ("decline", "refer", "limit", "price")

Line = tuple[str, str, Any, str, Lift]


def explain_decision(
    features: Mapping[str, Any],
    model: Any,
    *,
    product: str,
    as_of: object,
    policy: str | Policy = "ali-2013",
    prices: Prices | None = None,
    asked: float | None = None,
    feasible: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Explain one decision: each reason apart, with the nearest change that would lift it.

    Each change is sought for its own reason alone, and found by asking the rule, the model or the
    limit again: a rule at its threshold; the score by the nearest feasible change of the model's
    inputs (see :func:`~alicredit.portable.what_would_change`); the limit by the least change of the
    one fact that binds it, or else of another, to whole fen.

    Parameters
    ----------
    features : mapping of str to value
        As :func:`~alicredit.portfolio.score_applicant` takes them.
    model : ScoreModel or DefaultModel
        Fitted or loaded.
    product : str
        Id of an active product.
    as_of : str or timestamp
        The moment.
    policy : str or Policy, default "ali-2013"
        Rules, limits, prices.
    prices : Prices or None, default None
        Frozen shadow prices.
    asked : float or None, default None
        Yuan asked for; None takes ``amount_asked`` of the features, or else the product's maximum.
    feasible : mapping or None, default None
        Which of the model's inputs can change, and to what.

    Returns
    -------
    pandas.DataFrame
        A row a reason, in the decision's order: ``kind`` (``decline``, ``refer``, ``limit``: lower
        than asked, ``price``), ``code``, ``text``, ``text_zh``, ``value`` and ``threshold`` (what
        was found, and what it is held against), ``change`` (fact -> value that would lift it; empty
        where there is none), ``advice``, ``advice_zh`` (the same in words).

    Raises
    ------
    InputError
        For an impossible amount, or as ``score_applicant`` does.
    PolicyError
        For a product that is unknown or cannot be lent.

    Examples
    --------
    >>> explain_decision({}, None, product="taobao_order", as_of="2013-05-01", asked=-1)
    Traceback (most recent call last):
    alicredit.errors.InputError: asked must be a number from 0.01 to 1e+12; found -1.
    >>> KINDS
    ('decline', 'refer', 'limit', 'price')
    """
    if asked is not None:
        require_between("asked", asked, 0.01, 1e12)
    chosen = load_policy(policy)
    made = score_applicant(
        features, model, product=product, as_of=as_of, policy=chosen, prices=prices
    )
    facts = {str(name): value for name, value in features.items()}
    explainer = _Explainer(facts, model, made, chosen, feasible)
    lines = [*explainer.of_codes(_wanted(asked, facts, explainer.product)), *explainer.of_price()]
    rows = [_row(*line) for line in lines]
    return pd.DataFrame(rows, columns=list(REASON_COLUMNS))


def _wanted(asked: float | None, facts: Mapping[str, Any], product: Product) -> float:
    """Give the yuan that were asked for."""
    if asked is not None:
        return float(asked)
    given = facts.get("amount_asked")
    if isinstance(given, int | float | np.number):
        amount = float(given)
        if np.isfinite(amount) and amount > 0:
            return amount
    if product.limit is None:
        refuse("product", "must have a limit", product.id)
    return float(product.limit.max)


def _row(kind: str, code: str, value: Any, threshold: str, lift: Lift) -> tuple[Any, ...]:
    """Give one reason as a row."""
    word = reason_word(code)
    advice = (dict(lift.change), lift.advice, lift.advice_zh)
    return (kind, code, word.text, word.text_zh, value, threshold, *advice)


class _Explainer:
    """Holds one decision beside what decided it."""

    def __init__(
        self,
        facts: dict[str, Any],
        model: Any,
        made: Decision,
        policy: Policy,
        feasible: Mapping[str, Any] | None,
    ) -> None:
        """Ask the rules again."""
        self.facts, self.model, self.made, self.policy = facts, model, made, policy
        self.feasible, self.pds = feasible, (made.pd, made.pd_upper)
        self.product = policy.product(made.product_id)
        asked = find_rules(OneApplicant(facts), self.product, made.as_of, gates=policy.gates)
        self.rules = [rule for rule in asked if rule.outcome[0] != PASS]

    def of_codes(self, wanted: float) -> list[Line]:
        """Explain each code of the decision; a limit only where it is lower than wanted."""
        lines: list[Line] = []
        for code in self.made.reasons:
            failed = [rule for rule in self.rules if rule.codes[0] == code]
            if failed:
                lines += [self._of_rule(rule, code) for rule in failed]
            elif code == "PD_ABOVE_CUT":
                lines.append(self._of_cut())
            elif code == "ELIG_LIMIT_MIN" or code.startswith("LIM_"):
                lines += self._of_limit(code, wanted)
            else:
                lines.append((self._kind(code), *self._of_other(code, wanted)))
        return lines

    def _kind(self, code: str) -> str:
        """Give what a code that neither rule nor limit raised speaks of."""
        if self.made.decision == "approve":
            return "limit"
        is_left = reason_word(code).kind == "referral" or self.made.decision == "refer"
        return "refer" if is_left else "decline"

    def _of_rule(self, rule: RuleResult, code: str) -> Line:
        """Explain a rule that fails or is unknown."""
        given = rule.value
        value = given.value if isinstance(given, OneColumn) else np.ravel(given)[0]
        kind = "refer" if self.made.decision == "refer" else "decline"
        missing = rule.missing[0]
        return kind, code, value, rule.threshold, lift_rule(rule, value, missing)

    def _of_cut(self) -> Line:
        """Explain a probability above the product's cut."""
        most = self.product.max_pd
        kind = "refer" if self.made.decision == "refer" else "decline"
        lift = lift_score(self.facts, self.model, most, self.feasible)
        return kind, "PD_ABOVE_CUT", self.made.pd, f"<= {most:g}", lift

    def _of_limit(self, code: str, wanted: float) -> list[Line]:
        """Explain what binds a limit; below the least amount it declines."""
        limit = self.product.limit
        if limit is None:
            return []
        if code == "ELIG_LIMIT_MIN" or self.made.decision == "decline":
            least = float(limit.min or limit.step)
            lift = lift_limit(self.facts, self.product, self.policy, self.pds, least)
            return [("decline", code, lift.value, f">= {least:,.12g} yuan", lift)]
        offered = self.made.limit if self.made.decision == "approve" else None
        if offered is not None and offered >= wanted:
            return []
        lift = lift_limit(self.facts, self.product, self.policy, self.pds, wanted)
        if lift.value >= wanted:
            return []
        return [
            (
                "limit",
                code,
                lift.value if offered is None else offered,
                f">= {wanted:,.12g} yuan",
                lift,
            )
        ]

    def _of_other(self, code: str, wanted: float) -> tuple[str, Any, str, Lift]:
        """Explain what has no threshold of its own, and the rules that leave it to a person."""
        made, refer, lender = self.made, self.policy.refer, self.policy.lender
        if code == "REFER_STRADDLES_CUT":
            value = f"{made.pd_lower:.4g} to {made.pd_upper:.4g}"
            return code, value, f"not across {self.product.max_pd:g}", Lift()
        if code == "REFER_SOURCES":
            return code, None, f"<= {refer.source_ratio_max} times apart", Lift()
        if code == "REFER_AUTHORITY":
            lift = lift_limit(self.facts, self.product, self.policy, self.pds, 0.0)
            return code, lift.value, f"<= {lender.authority_max:,f} yuan", Lift()
        if code == "NOT_SCORED":
            return code, made.status, "ok", Lift()
        if made.decision == "approve":
            return code, made.limit, f">= {wanted:,.12g} yuan", Lift()
        return code, None, "", Lift()

    def of_price(self) -> list[Line]:
        """Explain the rate, and what of it stands above a cap."""
        price, terms = price_loan(self.product, self.policy), self.product.rate
        if terms is None:
            return []
        own = "PRICE_SET" if "rate" in self.product.overrides else "PRICE_PRODUCT"
        span = f"{terms.min.normalize():f} to {terms.max.normalize():f} a {terms.unit}"
        cap = float(self.policy.lender.rate_cap_multiple) * float(
            self.policy.lender.benchmark_of(self.product)
        )
        annual = price.annual_simple_act_365
        penal = annual * float(self.product.terms.get("penalty_multiplier", 1))
        heights = {"RATE_CAP": annual, "PENALTY_ABOVE_CAP": penal}
        above = [
            ("price", flag, heights.get(flag), f"<= {cap:g} a year (simple, act/365)", Lift())
            for flag in price.flags
        ]
        return [("price", own, self.made.rate, span, Lift()), *above]
