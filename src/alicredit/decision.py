"""One frozen answer: what was decided of whom, by which model and policy, and why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alicredit.vocabulary import DECISIONS, REASONS, STATUSES, reason_text

__all__ = ["COLUMNS", "DECISIONS", "REASONS", "STATUSES", "Decision", "digest_inputs"]

COLUMNS = (
    "merchant_id",
    "product_id",
    "as_of",
    "status",
    "pd",
    "pd_lower",
    "pd_upper",
    "score",
    "grade",
    "decision",
    "limit",
    "rate",
    "rate_unit",
    "expected_loss",
    "expected_profit",
    "reasons",
    "model_id",
    "policy_id",
    "prices_id",
)
"""Columns of a portfolio's decisions, in order."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision with all that is needed to defend it.

    Parameters
    ----------
    merchant_id, product_id : str
        Of whom, for what.
    as_of : pandas.Timestamp
        When.
    status : str
        ``ok``, or why there is no score.
    pd, pd_lower, pd_upper : float
        Probability of default and its 90 % interval; NaN without a score.
    score : int or None
        Whole points.
    grade : str or None
        On the policy's master scale.
    decision : str
        ``approve``, ``decline`` or ``refer``.
    limit : float
        Yuan, 0 unless approved.
    rate : float
        Contract rate a ``rate_unit``.
    rate_unit : str
        ``day`` or ``month``.
    expected_loss, expected_profit : float
        Of the line over a year, in yuan; 0 unless approved, NaN without a score.
    reasons : tuple of str
        Codes; rules first.
    model_id, policy_id, prices_id : str
        What decided.
    inputs_digest : str
        Digest of the inputs.
    """

    merchant_id: str
    product_id: str
    as_of: Any
    status: str
    pd: float
    pd_lower: float
    pd_upper: float
    score: int | None
    grade: str | None
    decision: str
    limit: float
    rate: float
    rate_unit: str
    expected_loss: float
    expected_profit: float
    reasons: tuple[str, ...]
    model_id: str
    policy_id: str
    prices_id: str
    inputs_digest: str

    def explain(self, *, language: str = "en") -> tuple[str, ...]:
        """Give the reasons as texts in English or Chinese."""
        return tuple(reason_text(code, language=language) for code in self.reasons)


def digest_inputs(inputs: Mapping[str, Any]) -> str:
    """Give the digest of one applicant's inputs.

    Examples
    --------
    >>> digest_inputs({"a": 1.0}) == digest_inputs({"a": 1.0})
    True
    """
    text = json.dumps({str(key): str(value) for key, value in inputs.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
