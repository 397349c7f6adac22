"""A decision that a person set aside: recorded with two names, and never in its place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alicredit.checks import (
    refuse,
    require_between,
    require_kind,
    require_mapping,
    require_one_of,
)
from alicredit.decision.record import Decision
from alicredit.vocabulary import DECISIONS

FORMAT = "alicredit-override/1"
_FIELDS = ("to", "by", "approved_by", "reason", "limit")


@dataclass(frozen=True, slots=True)
class Override:
    """What a person decided in place of a decision, which stays as it was.

    Parameters
    ----------
    decision : Decision
        What had been decided.
    to : str
        ``approve``, ``decline`` or ``refer``; another than the decision's.
    by, approved_by : str
        Who did it and who agreed: two names.
    reason : str
        Why, in words.
    limit : float, default 0
        Yuan that were approved; 0 unless ``to`` is ``approve``.

    Examples
    --------
    >>> Override.from_dict({"to": "approve"})
    Traceback (most recent call last):
    alicredit.errors.InputError: override must be of the format 'alicredit-override/1'; ...
    """

    decision: Decision
    to: str
    by: str
    approved_by: str
    reason: str
    limit: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON holds it; :meth:`from_dict` gives an equal one back."""
        own = {name: getattr(self, name) for name in _FIELDS}
        return {"format": FORMAT, "decision": self.decision.to_dict(), **own}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Override:
        """Read back what :meth:`to_dict` gave, under all rules of :func:`override`.

        Parameters
        ----------
        stored : mapping
            As it was stored.

        Returns
        -------
        Override
            Equal to the one that was stored.

        Raises
        ------
        InputError
            For another format, fields that lack or are not known, or what :func:`override` refuses.
        """
        rule = "must be a mapping from field to value"
        require_mapping("override", stored, rule)
        if stored.get("format") != FORMAT:
            refuse("override", f"must be of the format {FORMAT!r}", repr(stored.get("format")))
        unlike = set(stored) ^ {"format", "decision", *_FIELDS}
        if unlike:
            refuse("override", "must have its own fields and no other", repr(sorted(unlike)[0]))
        given = {name: stored[name] for name in _FIELDS}
        if given["to"] != "approve":
            given["limit"] = given["limit"] or None
        return override(Decision.from_dict(stored["decision"]), **given)


def override(
    decision: Decision,
    *,
    to: str,
    by: str,
    approved_by: str,
    reason: str,
    limit: float | None = None,
) -> Override:
    """Record that a person decided otherwise, with the name of a second one who agreed.

    Parameters
    ----------
    decision : Decision
        What was decided.
    to : str
        What is decided in its place: ``approve``, ``decline`` or ``refer``.
    by, approved_by : str
        Two different names.
    reason : str
        Why, in words.
    limit : float or None, default None
        Yuan that are approved; needed, and only taken, where ``to`` is ``approve``.

    Returns
    -------
    Override
        A frozen record that holds the decision as it was.

    Raises
    ------
    InputError
        For one name twice or an empty one, no reason, no change, or a limit that is none.

    Examples
    --------
    >>> stored = {"format": "alicredit-decision/1", "merchant_id": "m", "product_id": "p",
    ...     "as_of": "2013-05-01T00:00:00", "status": "ok", "pd": 0.04, "pd_lower": 0.02,
    ...     "pd_upper": 0.06, "score": 560, "grade": "E", "decision": "refer", "limit": 0.0,
    ...     "rate": 0.0005, "rate_unit": "day", "expected_loss": 0.0, "expected_profit": 0.0,
    ...     "reasons": ["PD_ABOVE_CUT"], "model_id": "a", "policy_id": "b", "prices_id": "",
    ...     "inputs_digest": "c"}
    >>> referred = Decision.from_dict(stored)
    >>> made = override(referred, to="approve", by="Li", approved_by="Wang",
    ...                 reason="contract seen", limit=20_000)
    >>> made.to, made.decision.decision, Override.from_dict(made.to_dict()) == made
    ('approve', 'refer', True)
    >>> override(referred, to="approve", by="Li", approved_by=" li", reason="seen", limit=1)
    Traceback (most recent call last):
    alicredit.errors.InputError: approved_by must be another name than by; found ' li'. ...
    """
    require_kind("decision", decision, Decision, "must be a decision")
    require_one_of("to", to, DECISIONS)
    if to == decision.decision:
        refuse("to", "must be another answer than the decision's", repr(to))
    for name, text in (("by", by), ("approved_by", approved_by), ("reason", reason)):
        if not isinstance(text, str) or not text.strip():
            refuse(name, "must be a text that is not empty", repr(text))
    if _folded(by) == _folded(approved_by):
        do = "a second person must agree"
        refuse("approved_by", "must be another name than by", repr(approved_by), do)
    if to != "approve":
        if limit is not None:
            refuse("limit", "must be left out unless to is 'approve'", repr(limit))
        return Override(decision, to, by, approved_by, reason)
    if limit is None:
        refuse("limit", "must be given where to is 'approve'", "None", "the yuan to be lent")
    require_between("limit", limit, 0.01, 1e12)
    if not math.isclose(round(float(limit) * 100) / 100, float(limit), abs_tol=1e-9):
        refuse("limit", "must be whole fen", repr(limit))
    return Override(decision, to, by, approved_by, reason, float(limit))


def _folded(name: str) -> str:
    """Give a name without case and spaces."""
    return "".join(name.split()).casefold()
