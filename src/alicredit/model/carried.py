"""What a frame of features tells a model beside its numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alicredit.features.meanings import read_meanings, read_uses
from alicredit.model.lawful import use_facts


@dataclass(frozen=True, eq=False)
class Carried:
    """What came with the inputs: it goes into the model's file as it is.

    Parameters
    ----------
    facts : mapping of str to str
        For the facts of training: the digest of peers, the stated uses of restricted data.
    definitions : Any
        The note of the definitions by which features were built, if it is one.
    meanings : mapping of str to mapping
        Feature -> code, titles and unit of those that are not built in.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    definitions: Any = ""
    meanings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read_carried(X: Any, data_use: Mapping[str, Any] | None = None) -> Carried:
    """Read what a frame carries in its ``attrs``; a use stated outright goes before a carried one.

    Examples
    --------
    >>> import pandas as pd
    >>> use = {"psych_items": {"purpose": "second screen", "legal_basis": "consent"}}
    >>> read_carried(pd.DataFrame({"debt": [1.0]}), use).facts
    {'data_use psych_items': 'second screen; consent'}
    >>> read_carried(pd.DataFrame({"debt": [1.0]}), {"psych_items": {"purpose": "screen"}})
    Traceback (most recent call last):
    alicredit.errors.InputError: data_use['psych_items'] must state a legal_basis; found none.
    """
    attrs = getattr(X, "attrs", {})
    peers = attrs.get("peers")
    facts: dict[str, str] = {}
    if isinstance(peers, str) and re.fullmatch("[0-9a-f]{64}", peers):
        facts["peers"] = peers
    facts |= use_facts(read_uses(attrs.get("data_use"))) | use_facts(data_use)
    return Carried(facts, attrs.get("definitions", ""), read_meanings(attrs.get("meanings")))
