"""Writing a policy: as plain tables, and as the text of a file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from alicredit.policy.file.schema import KEYS, SCHEMA_VERSION, children
from alicredit.policy.terms import Opening, Product

if TYPE_CHECKING:
    from alicredit.policy.policy import Policy

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def content_of(policy: Policy) -> dict[str, Any]:
    """Give the whole content as plain tables: one way to write each number, nothing empty."""
    parts = (policy.lender, policy.grades, policy.gates, policy.limit_rules)
    lender, grades, gates, limit_rules = (_plain(_fields(part)) for part in parts)
    for name in ("issue_ratio", "issued", "donated"):
        if lender.get(name) == "0":
            del lender[name]
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "name": policy.name,
        "title": policy.title,
        "title_zh": policy.title_zh,
        "lender": lender,
        "grades": grades,
        "limit_rules": limit_rules,
        "products": [_product(each) for each in policy.products.values()],
        "measured_lgd": dict(sorted(policy.measured_lgd.items())),
    }
    if gates != {"is_required": True}:
        content["gates"] = gates
    content["refer"] = _plain(_fields(policy.refer))
    return {key: value for key, value in content.items() if value != {}}


def _product(product: Product) -> dict[str, Any]:
    """Give a product as its table: what is written, overrides beside it."""
    written = product.filed or product
    content = _fields(written)
    content["term"] = {"months": written.term_months, "days": written.term_days}
    content["eligibility"] = _fields(written.eligibility)
    rules = content["eligibility"]
    rules["any_of"] = [_opening(each) for each in written.eligibility.any_of]
    for name in ("term_months", "term_days", "filed"):
        del content[name]
    plain: dict[str, Any] = _plain(content)
    if plain["purpose"] == "business":
        del plain["purpose"]
    if not written.is_active and plain.get("max_pd") == 1.0:
        del plain["max_pd"]
    if plain["eligibility"]["days_past_due_max"] == 0:
        del plain["eligibility"]["days_past_due_max"]
    if not plain["eligibility"] and not written.is_active:
        del plain["eligibility"]
    return plain


def _opening(opening: Opening) -> dict[str, Any]:
    """Give an opening as its table."""
    content = _fields(opening)
    is_planned = content.pop("is_planned")
    return content | ({"status": "planned"} if is_planned else {})


def _fields(part: Any) -> dict[str, Any]:
    """Give the fields of a part by name."""
    return {name: getattr(part, name) for name in part.__dataclass_fields__}


def _plain(value: Any) -> Any:
    """Give a value as a file would hold it; what is empty or absent is left out."""
    if isinstance(value, Mapping):
        pairs = ((str(key), _plain(each)) for key, each in value.items())
        return {key: each for key, each in pairs if each not in (None, "", [], {})}
    if isinstance(value, Decimal):
        return "0" if not value else f"{value.normalize():f}"
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return _plain(_fields(value))
    return value


def toml_of(policy: Policy) -> str:
    """Write the text of a file: the schema's order, a remark at what is assumed."""
    lines = _table(content_of(policy), "", "")
    return "\n".join(lines).strip() + "\n"


def _table(content: Mapping[str, Any], schema: str, header: str) -> list[str]:
    """Write a table: values first, then the tables within it."""
    known = list(children(schema)) if schema in (*KEYS, "") else []
    order = {name: k for k, name in enumerate(known)}
    keys = sorted(content, key=lambda key: (order.get(key, len(order)), key))
    assumed = content.get("assumed", [])
    simple = [key for key in keys if not _is_table(content[key])]
    lines = [
        f"{_name(key)} = {_value(content[key])}" + ("  # assumed" if key in assumed else "")
        for key in simple
    ]
    for key in keys:
        if key in simple:
            continue
        inside, path = f"{header}{_name(key)}", f"{schema}.{key}".removeprefix(".")
        if isinstance(content[key], list):
            for each in content[key]:
                lines += ["", f"[[{inside}]]", *_table(each, path, f"{inside}.")]
        else:
            remark = "  # assumed" if key in assumed else ""
            lines += ["", f"[{inside}]{remark}", *_table(content[key], path, f"{inside}.")]
    return lines


def _is_table(value: Any) -> bool:
    """Tell whether a value is written below a header of its own."""
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
    )


def _name(key: str) -> str:
    """Write a key, in quotes where it must be."""
    return key if _BARE.fullmatch(key) else _text(key)


def _text(value: str) -> str:
    """Write a text in quotes."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    """Write one value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return repr(value)
