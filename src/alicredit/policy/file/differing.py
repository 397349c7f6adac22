"""What a later policy says otherwise, key by key."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from alicredit.policy.policy import Policy

_MORE = ("status", "note", "note_zh")
"""What is said of an opening beside its days."""


def differences(before: Policy, after: Policy) -> pd.DataFrame:
    """List what the later policy says otherwise."""
    one, two = before.content(), after.content()
    rows = _paired(_flat(one), _flat(two))
    for product in dict.fromkeys([*before.products, *after.products]):
        path = f"products.{product}"
        if product not in after.products:
            rows.append((path, before.products[product].title, "", "product removed"))
        elif product not in before.products:
            rows.append((path, "", after.products[product].title, "product added"))
        else:
            filed = (_flat(_product_of(each, product), f"{path}.") for each in (one, two))
            rows += _paired(*filed)
    return pd.DataFrame(rows, columns=["path", "before", "after", "kind"])


def _paired(before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str, str, str]]:
    """List path, text before, text after and kind of each leaf that is not the same in both."""
    rows = []
    for path in dict.fromkeys([*before, *after]):
        old, new = before.get(path, ""), after.get(path, "")
        if old != new:
            kind = "added" if not old else "changed" if new else "removed"
            rows.append((path, old, new, kind))
    return rows


def _product_of(content: Mapping[str, Any], product_id: str) -> dict[str, Any]:
    """Give the table of a product."""
    return next(each for each in content["products"] if each["id"] == product_id)


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Give every leaf as text by path; an opening by region and membership."""
    flat: dict[str, str] = {}
    for name, value in content.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{path}.")
        elif path == "products":
            continue
        elif name == "any_of":
            flat |= _openings(value, path)
        elif name == "companies":
            for each in value:
                flat |= _flat(each, f"{path}.{each['id']}.")
        elif isinstance(value, list):
            flat[path] = ", ".join(_said(each) for each in value)
        else:
            flat[path] = str(value)
    return flat


def _said(value: Any) -> str:
    """Write one member of a list."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _openings(openings: list[Mapping[str, Any]], path: str) -> dict[str, str]:
    """Give the days of each region and membership, and what else is said of them."""
    flat: dict[str, list[str]] = {}
    for days, each in sorted(((_days(each), each) for each in openings), key=lambda pair: pair[0]):
        for region, member in itertools.product(each["regions"], each["memberships"]):
            key = f"{path}.{region}.{member}"
            flat.setdefault(key, []).append(days)
            for name in filter(each.get, _MORE):
                flat.setdefault(f"{key}.{name}", []).append(str(each[name]))
    return {key: "; ".join(said) for key, said in flat.items()}


def _days(opening: Mapping[str, Any]) -> str:
    """Write from when to when an opening is in force."""
    end = f" to {opening['valid_to']}" if "valid_to" in opening else ""
    return f"{opening.get('valid_from', 'planned')}{end}"
