"""What a frame of features says to a model beside its numbers: meanings, stated uses of data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

from alicredit.catalogue import CATALOGUE
from alicredit.declarations import Catalogue
from alicredit.records import TABLES, DataUse
from alicredit.vocabulary import REASONS

MEANING = ("code", "title", "title_zh", "unit")
"""What a model keeps of a feature's texts."""


def note_of_meanings(catalogue: Catalogue) -> str:
    """Write what features that are not built in mean: what ``attrs["meanings"]`` carries.

    Parameters
    ----------
    catalogue : Catalogue
        Which features.

    Returns
    -------
    str
        JSON, column -> code, title, Chinese title and unit; empty where all are built in.

    Examples
    --------
    >>> from alicredit.features import Feature
    >>> own = Feature(table="orders", aggregate="count", window_days=7, title="orders of a week")
    >>> note_of_meanings(Catalogue((own,)))
    '{"orders_count_7d": ["SC_OTHER", "orders of a week", "orders of a week", ""]}'
    >>> note_of_meanings(CATALOGUE)
    ''
    """
    if catalogue is CATALOGUE:
        return ""
    own = {
        name: [getattr(catalogue[name], each) for each in MEANING]
        for name in catalogue.names
        if name not in built_in()
    }
    return json.dumps(own, ensure_ascii=False) if own else ""


def note_of_uses(uses: Mapping[str, DataUse], catalogue: Catalogue) -> str:
    """Write the stated uses of restricted tables that features read: ``attrs["data_use"]``.

    Parameters
    ----------
    uses : mapping of str to DataUse
        Of the records.
    catalogue : Catalogue
        Which features.

    Returns
    -------
    str
        JSON, table -> purpose, legal basis and consent; empty where no restricted table is read.

    Examples
    --------
    >>> use = {"bank_txns": DataUse("credit decision", "consent", "2012-04")}
    >>> print(note_of_uses(use, CATALOGUE))
    {"bank_txns": {"purpose": "credit decision", "legal_basis": "consent", "consent_id": "2012-04"}}
    >>> note_of_uses(use, CATALOGUE.subset(["merchants_days_since"]))
    ''
    """
    if not uses:
        return ""
    read = {table for name in catalogue.names for table in catalogue.sources(name)}
    told = {
        table: asdict(use) for table, use in sorted(uses.items())
        if table in read and TABLES[table].restricted
    }  # fmt: skip
    return json.dumps(told, ensure_ascii=False) if told else ""


def read_meanings(note: Any) -> dict[str, dict[str, str]]:
    """Read a note of meanings; somebody else's word, whatever it holds, is no error.

    Examples
    --------
    >>> read_meanings('{"a": ["SC_RATING", "stars", "星级", ""]}')["a"]["title_zh"]
    '星级'
    >>> read_meanings('{"a": ["SC_NONE", "stars", "星级", ""]}'), read_meanings(3)
    ({}, {})
    """
    return {
        str(name): dict(zip(MEANING, texts, strict=True))
        for name, texts in _json(note).items()
        if isinstance(texts, list)
        and len(texts) == len(MEANING)
        and all(isinstance(text, str) for text in texts)
        and texts[0] in REASONS
    }


def read_uses(note: Any) -> dict[str, dict[str, str]]:
    """Read a note of stated uses; what is no such note says nothing.

    Examples
    --------
    >>> read_uses('{"bank_txns": {"purpose": "credit", "legal_basis": "consent"}}')["bank_txns"]
    {'purpose': 'credit', 'legal_basis': 'consent'}
    >>> read_uses("bank_txns")
    {}
    """
    return {
        str(table): {str(key): str(text) for key, text in use.items()}
        for table, use in _json(note).items()
        if table in TABLES
        and TABLES[table].restricted
        and isinstance(use, dict)
        and use.get("purpose")
        and use.get("legal_basis")
    }


def _json(note: Any) -> dict[Any, Any]:
    """Read a mapping written as JSON; anything else is an empty one."""
    try:
        held = json.loads(note) if isinstance(note, str) and note else {}
    except ValueError:
        return {}
    return held if isinstance(held, dict) else {}


@cache
def built_in() -> frozenset[str]:
    """Give the names of the built-in features."""
    return frozenset(CATALOGUE.names)
