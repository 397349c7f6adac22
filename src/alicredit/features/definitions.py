"""By which definitions features were built: what a frame carries of it, and a model remembers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

from alicredit.catalogue import CATALOGUE
from alicredit.checks import refuse, require_kind
from alicredit.declarations import Catalogue
from alicredit.errors import FeatureError

_BUILT_IN, _OWN = "built-in ", "own "
"""How a digest begins: of built-in features alone, or also of somebody's own, which only a note
can tell."""


def note_of_definitions(catalogue: Catalogue) -> str:
    """Write the digest of each feature's definition: what ``attrs["definitions"]`` carries.

    A digest is of what the feature's value depends on, its parts too, and not of its texts.

    Parameters
    ----------
    catalogue : Catalogue
        Which features.

    Returns
    -------
    str
        A line for each, ``name digest``.

    Raises
    ------
    FeatureError
        For what is no catalogue.

    Examples
    --------
    >>> note_of_definitions(CATALOGUE.subset(["orders_paid_count_90d"])).split()[0]
    'orders_paid_count_90d'
    >>> note_of_definitions(Catalogue(()))
    ''
    >>> note_of_definitions(None)
    Traceback (most recent call last):
    alicredit.errors.FeatureError: catalogue must be a Catalogue; found NoneType.
    """
    rule = "must be a Catalogue"
    require_kind("catalogue", catalogue, Catalogue, rule, error=FeatureError)
    if catalogue == CATALOGUE:
        return _built_in_note()
    return _written(catalogue)


def digest_of_definitions(names: Iterable[str], note: Any = "") -> str:
    """Give the digest of the definitions of some features, for a model to remember.

    Parameters
    ----------
    names : iterable of str
        Of columns; those that are no feature are left out.
    note : str, default ""
        What their frame carries in ``attrs["definitions"]``; without it features are taken to be
        the built-in ones.

    Returns
    -------
    str
        ``built-in`` and the digest of the built-in features among them; ``own`` and a digest where
        the note names features that are not built in, or defines one otherwise; empty for neither.

    Raises
    ------
    InputError
        For one text in place of names.

    Examples
    --------
    >>> names = ["orders_paid_count_90d", "colour"]
    >>> digest_of_definitions(names)[:9]
    'built-in '
    >>> digest_of_definitions(names, "colour 1")[:4]
    'own '
    >>> digest_of_definitions(["colour"])
    ''
    >>> digest_of_definitions("colour")
    Traceback (most recent call last):
    alicredit.errors.InputError: names must be a list of names; found 'colour'.
    """
    _require_names(names)
    return _digest(tuple(names), note if isinstance(note, str) else "")


def are_defined_alike(names: Iterable[str], digest: str, note: Any = "") -> bool:
    """Tell whether features are built by the definitions that a model was trained on.

    Parameters
    ----------
    names : iterable of str
        Of the model's inputs.
    digest : str
        What the model remembers; where it is empty, or of an older kind that held more features
        than the model uses, nothing is known, and nothing differs.
    note : str, default ""
        What the frame carries in ``attrs["definitions"]``; without it built-in features are taken
        to be those of this release, and of others nothing is known.

    Returns
    -------
    bool
        False where any built-in feature, or one that the model knew by a note, is another now.

    Raises
    ------
    InputError
        For one text in place of names, or a digest that is no text.

    Examples
    --------
    >>> names = ["orders_paid_count_90d"]
    >>> digest = digest_of_definitions(names)
    >>> are_defined_alike(names, digest), are_defined_alike(names, "built-in 0")
    (True, False)
    >>> are_defined_alike(names, digest, "orders_paid_count_90d 1")
    False
    >>> are_defined_alike(names, None)
    Traceback (most recent call last):
    alicredit.errors.InputError: digest must be a model's catalogue_digest; found NoneType.
    """
    _require_names(names)
    require_kind("digest", digest, str, "must be a model's catalogue_digest")
    return _are_alike(tuple(names), digest, note if isinstance(note, str) else "")


def _require_names(names: Any) -> None:
    """Refuse one name for a list of them."""
    if isinstance(names, str):
        refuse("names", "must be a list of names", repr(names))


@lru_cache(maxsize=64)
def _are_alike(names: tuple[str, ...], digest: str, note: str) -> bool:
    """Compare digests; kept for the models last asked of."""
    if digest.startswith(_OWN):
        return not note or _digest(names, note) == digest
    if not digest.startswith(_BUILT_IN):
        return True
    built_in, noted = _read(_built_in_note()), _read(note)
    is_other = any(
        noted.get(name, each) != each for name, each in built_in.items() if name in names
    )
    return not is_other and _digest(names, "") == digest


@lru_cache(maxsize=64)
def _digest(names: tuple[str, ...], note: str) -> str:
    """Digest the definitions of some features; kept for those last asked of."""
    built_in, noted = _read(_built_in_note()), _read(note)
    used = {name: noted.get(name, built_in.get(name, "")) for name in sorted(set(names))}
    kept = [f"{name} {each}" for name, each in used.items() if each]
    if not kept:
        return ""
    is_own = any(each != built_in.get(name) for name, each in used.items() if each)
    digest = hashlib.sha256("\n".join(kept).encode()).hexdigest()
    return (_OWN if is_own else _BUILT_IN) + digest


@cache
def _built_in_note() -> str:
    """Write the note of the built-in features, once."""
    return _written(CATALOGUE)


def _written(catalogue: Catalogue) -> str:
    """Write a line for each feature."""
    return "\n".join(f"{name} {catalogue.subset([name]).digest[:16]}" for name in catalogue.names)


@lru_cache(maxsize=8)
def _read(note: str) -> Mapping[str, str]:
    """Read a note; somebody else's word, whatever it holds, is no error."""
    lines = (line.rpartition(" ") for line in note.splitlines())
    return {name: digest for name, _, digest in lines if name}
