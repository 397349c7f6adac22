"""One frozen answer: what was decided of whom, by which model and policy, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from alicredit.checks import nearest, refuse, require_mapping, require_one_of
from alicredit.vocabulary import DECISIONS, STATUSES, reason_text, reason_word

__all__ = ["COLUMNS", "FORMAT", "Decision"]

FORMAT = "alicredit-decision/1"

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


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """One decision with all that is needed to defend it.

    Two are equal where every field is, bit for bit; a number that lacks (NaN) equals one that
    lacks.

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

    Examples
    --------
    >>> Decision.from_dict({"pd": 0.01})
    Traceback (most recent call last):
    alicredit.errors.InputError: decision must be of the format 'alicredit-decision/1'; ...
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
        """Give the reasons as texts in English or Chinese.

        Parameters
        ----------
        language : {"en", "zh"}, default "en"
            English or Chinese.

        Returns
        -------
        tuple of str
            In the order of ``reasons``.

        Raises
        ------
        InputError
            For another language.
        """
        return tuple(reason_text(code, language=language) for code in self.reasons)

    def to_html(self, path: str | Path, *, explained: Any = None) -> None:
        """Write one page for the merchant, in both languages; needs the extra ``[report]``.

        Parameters
        ----------
        path : str or Path
            In a folder that exists.
        explained : mapping or None, default None
            What would change each reason, from :func:`alicredit.whatif.explain_decision`: it is
            shown, too.

        Raises
        ------
        AlicreditError
            Where the place cannot be written, or the extra lacks.
        """
        from alicredit.report import write_decision_page

        write_decision_page(self, path, explained=explained)

    def __eq__(self, other: object) -> bool:
        """Tell whether every field is the same."""
        return isinstance(other, Decision) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        """Stand in sets by content."""
        return hash((self.merchant_id, self.product_id, self.inputs_digest, self.decision))

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON holds them: exact numbers, None for NaN, the time as text.

        Returns
        -------
        dict
            ``format`` and every field; ``json.dumps(..., allow_nan=False)`` takes it, and
            :meth:`from_dict` gives an equal decision back.
        """
        found: dict[str, Any] = {"format": FORMAT}
        for each in fields(self):
            value = getattr(self, each.name)
            found[each.name] = None if value is None else _plain(each.name, value)
        return found

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Decision:
        """Read back what :meth:`to_dict` gave; refuse anything else by the name of the field.

        Parameters
        ----------
        stored : mapping
            As it was stored.

        Returns
        -------
        Decision
            Equal to the one that was stored.

        Raises
        ------
        InputError
            For another format, a field that lacks or is not known, or a value that is none of it.
        """
        rule = "must be a mapping from field to value"
        require_mapping("decision", stored, rule)
        if stored.get("format") != FORMAT:
            refuse("decision", f"must be of the format {FORMAT!r}", repr(stored.get("format")))
        names = [each.name for each in fields(cls)]
        for name in stored:
            if name not in (*names, "format"):
                refuse(f"decision[{name!r}]", "must be a known field", name, nearest(name, names))
        for name in names:
            if name not in stored:
                refuse("decision", f"must have the field {name!r}", f"{len(stored)} others")
        return cls(**{name: _read(name, stored[name]) for name in names})


_NUMBERS = ("pd", "pd_lower", "pd_upper", "limit", "rate", "expected_loss", "expected_profit")
_NEVER_MISSING = ("limit", "rate")


def _plain(name: str, value: Any) -> Any:
    """Give a field as JSON holds it."""
    if name in _NUMBERS:
        return None if math.isnan(value) else float(value)
    if name == "as_of":
        return value.isoformat()
    return list(value) if name == "reasons" else value


def _read(name: str, value: Any) -> Any:
    """Read one field; refuse what it cannot hold."""
    here = f"decision[{name!r}]"
    if name in _NUMBERS:
        if value is None and name not in _NEVER_MISSING:
            return math.nan
        if type(value) not in (float, int) or not math.isfinite(value):
            refuse(here, "must be a finite number", repr(value))
        return float(value)
    if name == "as_of":
        return _moment(here, value)
    if name == "reasons":
        if not isinstance(value, list | tuple):
            refuse(here, "must be a list of codes", repr(value))
        return tuple(reason_word(code).code for code in value)
    if name == "score" and (value is None or type(value) is int):
        return value
    if name == "score" or not isinstance(value, str):
        if name == "grade" and value is None:
            return None
        refuse(here, "must be a whole number" if name == "score" else "must be text", repr(value))
    known = {"decision": DECISIONS, "status": STATUSES}.get(name)
    return value if known is None else require_one_of(here, value, known)


def _moment(here: str, value: Any) -> Any:
    """Read a moment from its text."""
    import pandas as pd

    try:
        moment = pd.Timestamp(value) if isinstance(value, str) else pd.NaT
    except ValueError:
        moment = pd.NaT
    if moment is pd.NaT:
        refuse(here, "must be a time as text", repr(value))
    return moment
