"""Loading a policy: from a name, a file or parsed content to what is frozen and agrees."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from alicredit.checks import nearest, refusal, require_mapping
from alicredit.errors import PolicyError
from alicredit.policy.file.agree import check_policy
from alicredit.policy.file.build import (
    build_gates,
    build_grades,
    build_lender,
    build_limit_rules,
    build_product,
    build_refer,
)
from alicredit.policy.file.places import Places
from alicredit.policy.file.schema import SCHEMA_VERSION
from alicredit.policy.file.strict import Table, read_table, refused
from alicredit.policy.policy import Policy

BUILT_IN = ("ali-2013", "ali-2013-planned", "cn-2025", "distributor-example")
_MOST_BYTES = 1_000_000


def load_policy(name_or_path: str | Path | Policy) -> Policy:
    """Load a built-in policy by name, or one's own from a TOML file.

    Parameters
    ----------
    name_or_path : str, Path or Policy
        ``"ali-2013"`` (the products in force in spring 2013), ``"ali-2013-planned"`` (the same and
        the card as a what-if), ``"cn-2025"`` (the rules of January 2025), ``"distributor-example"``
        (order finance through a core company), a path ending in ``.toml``, or a policy, which is
        given back.

    Returns
    -------
    Policy
        Validated and frozen; a built-in one is read once.

    Raises
    ------
    PolicyError
        For an unknown name, or with the place in the file, the value and what is allowed.

    Examples
    --------
    >>> load_policy("ali-2013").lender.lending_cap
    Decimal('2400000000.0')
    >>> load_policy("ali-2031")
    Traceback (most recent call last):
    alicredit.errors.PolicyError: policy must be a built-in name or a .toml file; ...
    """
    if isinstance(name_or_path, Policy):
        return name_or_path
    name = str(name_or_path)
    if name in BUILT_IN:
        return _built_in(name)
    if name.endswith(".toml") and Path(name).is_file():
        text = _text_of(Path(name))
    else:
        rule, do = "must be a built-in name or a .toml file", nearest(name, BUILT_IN)
        if do.startswith("did"):
            do += f"; built in are {', '.join(BUILT_IN)}"
        raise PolicyError(refusal("policy", rule, repr(name), do))
    return policy_of_text(text)


@cache
def _built_in(name: str) -> Policy:
    """Read a built-in policy, which nothing can change."""
    place = resources.files("alicredit.policy") / "builtin" / f"{name}.toml"
    return policy_of_text(place.read_text(encoding="utf-8"))


def policy_of_text(text: str) -> Policy:
    """Make a policy of the text of a file; numbers are read by their decimal digits."""
    if not text.strip():
        do = "copy a built-in policy: load_policy('ali-2013').save(path)"
        raise PolicyError(refusal("policy", "must be a policy's TOML", "an empty file", do))
    try:
        content = tomllib.loads(text, parse_float=_number)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PolicyError(refusal("policy", "must be valid TOML", error)) from error
    return read_policy(content, lines=Places(text))


def _number(text: str) -> Decimal | float:
    """Read a number of the file exactly; what is none, as binary says it."""
    return float(text) if text.lstrip("+-") in ("inf", "nan") else Decimal(text)


def _text_of(path: Path) -> str:
    """Read a file of text; refuse one that is none, or far too large to be a policy."""
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            rule = f"must be a file of at most {_MOST_BYTES:,} bytes"
            raise PolicyError(refusal("policy", rule, f"{size:,} bytes in {path}"))
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        rule = "must be a text file in UTF-8"
        raise PolicyError(refusal("policy", rule, f"{path} ({error})")) from error


def read_policy(
    content: Mapping[str, Any], *, lines: Mapping[tuple[str | int, ...], int] | None = None
) -> Policy:
    """Make a policy of parsed content, refusing what it does not understand.

    Parameters
    ----------
    content : mapping
        What the file says, as tables.
    lines : mapping or None, default None
        The line of each key, for refusals.

    Returns
    -------
    Policy
        Validated and frozen.

    Raises
    ------
    PolicyError
        With the key, its line, the value and what is allowed.

    Examples
    --------
    >>> read_policy({"schema_version": 2})
    Traceback (most recent call last):
    alicredit.errors.PolicyError: schema_version must be 1, the version this library reads; ...
    """
    where = {} if lines is None else lines
    _check_version(content, where)
    top = read_table(content, "", lines=where)
    policy = Policy(
        name=top["name"],
        title=top["title"],
        title_zh=top["title_zh"],
        products=_products(top, where),
        lender=build_lender(top.table("lender")),
        grades=build_grades(top.table("grades")),
        gates=build_gates(top.table("gates")),
        limit_rules=build_limit_rules(top.table("limit_rules")),
        refer=build_refer(top.table("refer")),
    )
    check_policy(policy, top)
    measured = top["measured_lgd"] or {}
    for name in measured:
        if name not in policy.products:
            hint = nearest(name, policy.products)
            rule = "must be the id of a product"
            raise top.table("measured_lgd").refuse(name, rule, repr(name), hint)
    return policy.with_lgd(measured)


def _check_version(content: object, lines: Mapping[tuple[str | int, ...], int]) -> None:
    """Refuse another version before anything that it may have meant otherwise."""
    table = require_mapping("policy", content, "must be a table", error=PolicyError)
    version = table.get("schema_version")
    if version is None:
        raise refused(("schema_version",), lines, "must be given", "nothing", str(SCHEMA_VERSION))
    if isinstance(version, bool) or not isinstance(version, int) or version != SCHEMA_VERSION:
        rule = f"must be {SCHEMA_VERSION}, the version this library reads"
        raise refused(("schema_version",), lines, rule, repr(version))


def _products(top: Table, lines: Mapping[tuple[str | int, ...], int]) -> dict[str, Any]:
    """Read the products; ids differ and one can be lent."""
    found: dict[str, Any] = {}
    for table in top["products"]:
        product = build_product(table)
        if product.id in found:
            rule = "must have different ids"
            raise refused((*table.path, "id"), lines, f"{rule} in products", repr(product.id))
        found[product.id] = product
    if not any(product.is_active for product in found.values()):
        do = 'set status = "active" where every term is given'
        raise top.refuse("products", "must have an active one", f"{len(found)} others", do)
    return found
