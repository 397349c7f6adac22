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
    {
        "married", "unmarried", "remarried", "ismarried", "spouse", "spouses", "husband", "wife",
        "divorce", "divorced", "divorcee", "divorces", "widow", "widowed", "widower", "widowhood",
        "maritial", "matrimonial", "marstat", "familienstand", "hunyin", "hyzk",
    }
)  # fmt: skip
_MARITAL_STEMS = ("marital", "marriagestat")
_MARRIAGE_OF_SOMEBODY = frozenset({"status", "state", "certificate", "licence", "license"})
_STATUS_OF_A_PERSON = (
    {"civil", "status"}, {"family", "status"}, {"is", "single"}, {"estado", "civil"},
    {"mar", "stat"},
)  # fmt: skip
_MARITAL_ZH = (
    "婚姻", "已婚", "未婚", "离婚", "離婚", "离异", "離異", "再婚", "婚否", "婚龄", "丧偶", "喪偶",
    "配偶", "丈夫", "妻子",
)  # fmt: skip
_PERSONAL = ({"marriage"}, {"marriages"}, {"personal", "status"}, {"partner", "status"})
_PSYCHOMETRIC = frozenset({"psych", "psychometric", "psychometrics", "psychoscore", "mbti"})
_PSYCHOMETRIC_STEMS = ("psycho", "personality")
_OF_A_TEST = frozenset(
    {"answer", "answers", "item", "items", "scale", "score", "scores", "test", "tests"}
)
_PSYCHOMETRIC_ZH = ("心理测", "心理量表", "心理评", "心理分", "心理得分", "人格测", "性格测")
_PSYCHOMETRIC_TABLE = "psych_items"
_MOST_TEXT = 200


def require_lawful(names: Iterable[object], data_use: Mapping[str, Any] | None) -> None:
    """Refuse columns of marital status, and psychometric ones without a stated basis.

    Columns are told by the words of their names; marital status is a prohibited basis of credit
    decisions, business credit included (ECOA and Regulation B, DOMAIN 5.5), so no basis opens it.
    A bare "marriage" may be a trade in wedding goods, a "personal status" anything: they are
    logged, as levels are that say it under another name (:func:`note_levels`).

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
        words = _words(name)
        if _is_marital(name, words):
            rule = "must be lawful: marital status is a prohibited basis of credit decisions"
            refuse(f"X[{name!r}]", rule, "such a column", "leave it out; no legal basis opens it")
        if any(each <= words for each in _PERSONAL):
            log.warning("column %r: leave it out if it says whether somebody is married", name)
        if _is_psychometric(name, words) and _PSYCHOMETRIC_TABLE not in uses:
            rule = "must be lawful: psychometric scores are off until a legal basis is stated"
            stated = "{'purpose': ..., 'legal_basis': ...}"
            do = f"leave it out, or give fit data_use={{'{_PSYCHOMETRIC_TABLE}': {stated}}}"
            refuse(f"X[{name!r}]", rule, "none", do)


def note_levels(levels: Mapping[str, Iterable[str]]) -> None:
    """Log the categories of which a level says whether somebody is married.

    Examples
    --------
    >>> note_levels({"region": ["north"], "kind": ["single", "married"]})
    """
    for name, own in levels.items():
        said = next((level for level in own if _is_marital(level, _words(level))), None)
        if said is not None:
            do = "leave it out if it says whether somebody is married"
            log.warning("column %r has the level %r: %s", name, said, do)


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


def _words(text: str) -> set[str]:
    """Part a name into words, in small letters."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)}


def _is_marital(name: str, words: set[str]) -> bool:
    """Tell whether a column's name says that it holds somebody's marital status."""
    is_somebodys = "marriage" in words and words & _MARRIAGE_OF_SOMEBODY
    is_status = "product" not in words and any(each <= words for each in _STATUS_OF_A_PERSON)
    is_run_together = any(word.startswith(_MARITAL_STEMS) for word in words)
    is_word = bool(words & _MARITAL) or is_run_together or bool(is_somebodys) or is_status
    return is_word or any(each in name for each in _MARITAL_ZH)


def _is_psychometric(name: str, words: set[str]) -> bool:
    """Tell whether a column's name says that it holds what somebody answered in a test."""
    is_about = any(word.startswith(_PSYCHOMETRIC_STEMS) for word in words)
    is_word = bool(words & _PSYCHOMETRIC) or (is_about and bool(words & _OF_A_TEST))
    return is_word or any(each in name for each in _PSYCHOMETRIC_ZH)


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
