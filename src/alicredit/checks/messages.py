"""The one maker of refusal messages.

Every refusal has four parts: which argument, what must hold, what was found, what to try.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from typing import NoReturn

from alicredit.errors import AlicreditError, InputError

_NEAR, _NEAR_BUT_FOR_FIRST = 0.7, 0.8
"""Least likeness (difflib's ratio) of a word that is suggested for another, and where their first
letters differ (assumed)."""


def refusal(argument: str, rule: str, found: object, do: str = "") -> str:
    """Compose the text of a refusal from its four parts.

    Parameters
    ----------
    argument : str
        The argument, table, column or key that is refused.
    rule : str
        What must hold, as a clause: ``"must be between 0 and 1"``.
    found : object
        What was found instead; shown by ``str``.
    do : str, default ""
        What to try.

    Returns
    -------
    str
        One line.

    Examples
    --------
    >>> refusal("horizon_days", "must be at least 1", 0, "use 365 for an annual PD")
    'horizon_days must be at least 1; found 0. Try: use 365 for an annual PD.'
    """
    text = f"{argument} {rule}; found {found}."
    return f"{text} Try: {do.rstrip('.')}." if do else text


def refuse(
    argument: str,
    rule: str,
    found: object,
    do: str = "",
    *,
    error: type[AlicreditError] = InputError,
) -> NoReturn:
    """Raise ``error`` with the composed message.

    Parameters
    ----------
    argument : str
        The argument, table, column or key, as the refusal names it.
    rule : str
        What must hold, as a clause.
    found : object
        What was found instead.
    do : str, default ""
        What to try.
    error : type of AlicreditError, default InputError
        What is raised.

    Raises
    ------
    AlicreditError
        Of the type ``error``, always.

    Examples
    --------
    >>> refuse("prices", "must be frozen prices", "a float", "leave it out")
    Traceback (most recent call last):
    alicredit.errors.InputError: prices must be frozen prices; found a float. Try: leave it out.
    """
    raise error(refusal(argument, rule, found, do))


def nearest(word: object, words: Iterable[str]) -> str:
    """Suggest the known word nearest to an unknown one, or list what is known; empty for none.

    Parameters
    ----------
    word : object
        What was written.
    words : iterable of str
        The known words.

    Returns
    -------
    str
        A suggestion, or a list of the known words, twenty at most; empty where none is known.

    Examples
    --------
    >>> nearest("guangdnog", ["jiangsu", "guangdong"])
    "did you mean 'guangdong'"
    >>> nearest("x", ["b", "a"])
    "use one of 'a', 'b'"
    """
    known = sorted(set(words))
    if not known:
        return ""
    if close := near(word, known):
        return f"did you mean {close!r}"
    shown = ", ".join(repr(each) for each in known[:20])
    return f"use one of {shown}" + (", ..." if len(known) > 20 else "")


def near(word: object, words: Iterable[str]) -> str:
    """Give the known word that an unknown one is a slip of, or its end or beginning; empty: none.

    Seven letters in ten must agree, eight where the first differs (assumed): a farther word
    misleads more than none.

    Parameters
    ----------
    word : object
        What was written.
    words : iterable of str
        The known words.

    Returns
    -------
    str
        A known word, or empty.

    Examples
    --------
    >>> near("loan_no", ["loan_id", "limit"]), near("rate", ["date"])
    ('loan_id', '')
    """
    asked = str(word)
    close = difflib.get_close_matches(asked, sorted(set(words)), n=3, cutoff=_NEAR)
    for each in close:
        likeness = difflib.SequenceMatcher(None, each, asked).ratio()
        if each[:1] == asked[:1] or likeness >= _NEAR_BUT_FOR_FIRST:
            return each
    return ""


def lacking_columns(argument: str, have: Collection[str], lacking: Collection[str]) -> str:
    """Compose the refusal of a frame without columns: those it has, and which may be meant.

    Parameters
    ----------
    argument : str
        The argument, table, column or key, as the refusal names it.
    have : collection of str
        Columns that the frame has.
    lacking : collection of str
        Columns that it must have and has not; one at least.

    Returns
    -------
    str
        One line.

    Examples
    --------
    >>> print(lacking_columns("frame", ["merchant_no", "at"], ["merchant_id", "amount"]))
    frame must have the columns 'merchant_id', 'amount'; found 'merchant_no', 'at' without them. \
Try: did you mean 'merchant_no' for 'merchant_id'.
    """
    names = _listed(lacking)
    rule = f"must have the column{'s' if len(lacking) > 1 else ''} {names}"
    spare = [name for name in have if name not in lacking]
    pairs = [(close, name) for name in lacking if (close := near(name, spare))]
    meant = ", ".join(f"{close!r} for {name!r}" for close, name in pairs)
    do = f"did you mean {meant}" if meant else "rename the column that holds it, or add it"
    if not have:
        do = "give a frame that has columns"
    found = f"{_listed(have) or 'no columns'} without {'them' if len(lacking) > 1 else 'it'}"
    return refusal(argument, rule, found, do)


def _listed(names: Collection[str]) -> str:
    """Write names, twenty at most."""
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(repr(name) for name in list(names)[:20]) + more
