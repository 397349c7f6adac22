"""What no model may learn from, and what only a stated purpose and legal basis open."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any

from alicredit.checks import refuse
from alicredit.errors import InputError, RecordError
from alicredit.records import DataUse
from alicredit.records.data_use import read_data_use

log = logging.getLogger(__name__)

_MARITAL = frozenset(
    {"marital", "married", "unmarried", "spouse", "divorced", "divorcee", "widow", "widowed"}
)
_MARRIAGE_OF_SOMEBODY = frozenset({"status", "state", "certificate", "licence", "license"})
_MARITAL_ZH = ("婚姻", "已婚", "未婚", "离婚", "丧偶", "配偶")
_PSYCHOMETRIC = frozenset({"psych", "psychometric", "psychometrics"})
_PSYCHOMETRIC_ZH = ("心理测", "心理量表")
_PSYCHOMETRIC_TABLE = "psych_items"
_MOST_TEXT = 200


def require_lawful(names: Iterable[object], data_use: Mapping[str, Any] | None) -> None:
    """Refuse columns of marital status, and psychometric ones without a stated basis.

    Columns are told by the words of their names (a column that hides what it is cannot be told);
    marital status is a prohibited basis of credit decisions, business credit included (ECOA and
    Regulation B, DOMAIN 5.5), so no basis opens it. A bare "marriage" may be a trade in wedding
    goods: it is logged.

    Parameters
    ----------
    names : iterable of str
        Columns.
    data_use : mapping of str to mapping or DataUse, or None
        As for ``read_records``: restricted table -> ``purpose`` and ``legal_basis``.

    Raises
    ------
    InputError
        Naming the column and what to do.

    Examples
    --------
    >>> require_lawful(["orders_count_90d"], None)
    >>> require_lawful(["orders_count_90d", "marital_status"], None)
    Traceback (most recent call last):
    alicredit.errors.InputError: X['marital_status'] must be lawful: marital status is a ...
    """
    uses = _read(data_use)
    for name in map(str, names):
        words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}
        if _is_marital(name, words):
            rule = "must be lawful: marital status is a prohibited basis of credit decisions"
            refuse(f"X[{name!r}]", rule, "such a column", "leave it out; no legal basis opens it")
        if "marriage" in words:
            log.warning("column %r: leave it out if it says whether somebody is married", name)
        is_psychometric = words & _PSYCHOMETRIC or any(each in name for each in _PSYCHOMETRIC_ZH)
        if is_psychometric and _PSYCHOMETRIC_TABLE not in uses:
            rule = "must be lawful: psychometric scores are off until a legal basis is stated"
            stated = "{'purpose': ..., 'legal_basis': ...}"
            do = f"leave it out, or give fit data_use={{'{_PSYCHOMETRIC_TABLE}': {stated}}}"
            refuse(f"X[{name!r}]", rule, "none", do)


def use_facts(data_use: Mapping[str, Any] | None) -> dict[str, str]:
    """Give what the model file says of the purpose and legal basis of restricted inputs.

    Examples
    --------
    >>> use_facts({"psych_items": {"purpose": "second screen", "legal_basis": "consent"}})
    {'data_use psych_items': 'second screen; consent'}
    >>> use_facts({"psych_items": {"purpose": "second screen"}})
    Traceback (most recent call last):
    alicredit.errors.InputError: data_use['psych_items'] must state a legal_basis; found none.
    """
    facts = {}
    for table, use in sorted(_read(data_use).items()):
        parts = (use.purpose, use.legal_basis, use.consent_id)
        facts[f"data_use {table}"] = "; ".join(part[:_MOST_TEXT] for part in parts if part)
    return facts


def _is_marital(name: str, words: set[str]) -> bool:
    """Tell whether a column's name says that it holds somebody's marital status."""
    is_somebodys = "marriage" in words and words & _MARRIAGE_OF_SOMEBODY
    return bool(words & _MARITAL or is_somebodys or any(each in name for each in _MARITAL_ZH))


def _read(data_use: Mapping[str, Any] | None) -> Mapping[str, DataUse]:
    """Check stated uses, whether mappings or already read."""
    if not isinstance(data_use, Mapping):
        stated: Any = data_use
    else:
        stated = {
            table: {"purpose": use.purpose, "legal_basis": use.legal_basis,
                    "consent_id": use.consent_id} if isinstance(use, DataUse) else use
            for table, use in data_use.items()
        }  # fmt: skip
    try:
        return read_data_use(stated)
    except RecordError as error:
        raise InputError(str(error)) from error
