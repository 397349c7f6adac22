"""A policy as a whole: known by its content, changed only into another one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from alicredit.checks import (
    nearest,
    refusal,
    require_between,
    require_kind,
    require_mapping,
    write_whole,
)
from alicredit.errors import PolicyError
from alicredit.policy.lender import Lender
from alicredit.policy.rules import GATES, Gates, Grades, LimitRules, Referral
from alicredit.policy.terms import EXTRA_FACTS, FACTS, Product

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Policy:
    """What the lender chooses, as read from a file.

    Parameters
    ----------
    name, title, title_zh : str
        Its name, and what a person reads.
    products : mapping of str to Product
        By id, in the file's order.
    lender : Lender
        Whose money it is.
    grades : Grades
        The master scale.
    gates : Gates
        What bars an applicant before any score.
    measured_lgd : mapping of str to float, default empty
        Losses given default that stand in place of the file's, see :meth:`with_lgd`.
    limit_rules : LimitRules
        How limits are chosen.
    refer : Referral, default nothing
        What is left to a person.

    Examples
    --------
    >>> from alicredit.policy import load_policy
    >>> policy = load_policy("ali-2013")
    >>> [product.id for product in policy.active]
    ['ali_credit', 'taobao_credit', 'taobao_order']
    >>> policy.product("taobao_orders")
    Traceback (most recent call last):
    alicredit.errors.PolicyError: product must be one of the policy; found 'taobao_orders'. ...
    """

    name: str
    title: str
    title_zh: str
    products: Mapping[str, Product]
    lender: Lender
    grades: Grades
    gates: Gates = field(default_factory=Gates)
    measured_lgd: Mapping[str, float] = field(default_factory=dict)
    limit_rules: LimitRules = field(default_factory=LimitRules)
    refer: Referral = field(default_factory=Referral)

    def __post_init__(self) -> None:
        """Make the products and what was measured read-only."""
        object.__setattr__(self, "products", MappingProxyType(dict(self.products)))
        object.__setattr__(self, "measured_lgd", MappingProxyType(dict(self.measured_lgd)))

    def __repr__(self) -> str:
        """Name it, its live products and its id."""
        live = ", ".join(product.id for product in self.active)
        return f"Policy({self.name}: {live}; {self.policy_id[:12]})"

    def __eq__(self, other: object) -> bool:
        """Tell whether both say the same."""
        return isinstance(other, Policy) and self.policy_id == other.policy_id

    def __hash__(self) -> int:
        """Stand in sets by content."""
        return hash(self.policy_id)

    @cached_property
    def policy_id(self) -> str:
        """Digest of the content: order of keys, spaces, comments and ways to write a number aside.

        Examples
        --------
        >>> from alicredit.policy import load_policy
        >>> len(load_policy("ali-2013").policy_id)
        64
        """
        text = json.dumps(self.content(), sort_keys=True, default=str, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def active(self) -> tuple[Product, ...]:
        """Give the products that can be lent, in the file's order."""
        return tuple(product for product in self.products.values() if product.is_active)

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Give the facts of an applicant that rules and limits read."""
        asked = [product.eligibility for product in self.active]
        reads = {
            "city": any(each.cities_excluded for each in asked),
            "sales_12m": any(each.sales_12m_min is not None for each in asked),
            "core_company": any(each.core_companies for each in asked),
        }
        gates = [
            column
            for gate, column in GATES.items()
            if self.gates.is_required and self.gates.is_asked(gate)
        ]
        return (*FACTS, *(name for name in EXTRA_FACTS if reads.get(name)), *gates)

    def product(self, product_id: str) -> Product:
        """Give a product by id.

        Parameters
        ----------
        product_id : str
            Of any product, planned ones too.

        Returns
        -------
        Product
            With the terms in force.

        Raises
        ------
        PolicyError
            With the nearest id, for another.
        """
        if not isinstance(product_id, str) or product_id not in self.products:
            hint = nearest(product_id, self.products)
            rule = "must be one of the policy"
            raise PolicyError(refusal("product", rule, repr(product_id), hint))
        return self.products[product_id]

    def with_lgd(self, lgd: Mapping[str, float]) -> Policy:
        """Give the policy with losses given default that were measured; its id changes with them.

        ``lgd`` maps ids of active products to shares from 0 to 1. The id is the digest of all
        content and of all that was measured, whatever the order in which it came. PolicyError for a
        product that is unknown or has no economics, or a share that is none.

        Examples
        --------
        >>> from alicredit.policy import load_policy
        >>> policy = load_policy("ali-2013")
        >>> measured = policy.with_lgd({"taobao_order": 0.45})
        >>> measured.product("taobao_order").economics.lgd, measured.policy_id == policy.policy_id
        (0.45, False)
        >>> policy.with_lgd({"taobao_order": 45})
        Traceback (most recent call last):
        alicredit.errors.PolicyError: lgd['taobao_order'] must be a number from 0 to 1; found 45.
        """
        rule = "must be a mapping from product to share"
        require_mapping("lgd", lgd, rule, error=PolicyError)
        products = dict(self.products)
        for each, share in lgd.items():
            product = self.product(each)
            require_between(f"lgd[{each!r}]", share, 0, 1, error=PolicyError)
            if product.economics is None:
                raise PolicyError(refusal(f"lgd[{each!r}]", "must be of a product with economics",
                                          product.status))  # fmt: skip
            products[each] = replace(
                product,
                economics=replace(product.economics, lgd=float(share)),
                filed=product.filed or product,
            )
        measured = dict(self.measured_lgd) | {each: float(share) for each, share in lgd.items()}
        return replace(self, products=products, measured_lgd=measured) if measured else self

    def with_overrides(self, overrides: Mapping[str, Mapping[str, Any]]) -> Policy:
        """Give the policy with terms set in place of products' own; its id changes with them.

        The defaults stay as they are written, and what is set stands beside them in the file. A
        term can be set only within the product's bounds: ``rate`` from ``rate.min`` to
        ``rate.max``, ``limit_min`` and ``limit_max`` within the limit, another one where
        ``bounds`` names it. None takes an override back.

        Parameters
        ----------
        overrides : mapping of str to mapping
            Product -> term -> value.

        Returns
        -------
        Policy
            Another policy.

        Raises
        ------
        PolicyError
            For an unknown product, a term that may not be set, or a value outside its bounds.

        Examples
        --------
        >>> from alicredit.policy import load_policy
        >>> policy = load_policy("ali-2013")
        >>> dear = policy.with_overrides({"taobao_credit": {"rate": "0.0006"}})
        >>> dear.product("taobao_credit").rate.value, dear == policy
        (Decimal('0.0006'), False)
        >>> dear.with_overrides({"taobao_credit": {"rate": None}}) == policy
        True
        >>> policy.with_overrides({"taobao_credit": {"rate": "0.0007"}})
        Traceback (most recent call last):
        alicredit.errors.PolicyError: products[1].overrides.rate must lie from 0.0005 to 0.0006; ...
        """
        from alicredit.policy.file.load import read_policy

        rule = "must be a mapping from product to terms"
        require_mapping("overrides", overrides, rule, error=PolicyError)
        for terms in overrides.values():
            require_mapping("overrides", terms, rule, error=PolicyError)
        content = self.content()
        rows = {row["id"]: row for row in content["products"]}
        for product_id, terms in overrides.items():
            row = rows[self.product(product_id).id]
            both = row.get("overrides", {}) | dict(terms)
            row["overrides"] = {name: value for name, value in both.items() if value is not None}
        return read_policy(content)

    def with_product(self, product: Mapping[str, Any]) -> Policy:
        """Give the policy with a product added, or put in the place of the one with its id.

        Parameters
        ----------
        product : mapping
            What a ``[[products]]`` table of the file says.

        Returns
        -------
        Policy
            Another policy.

        Raises
        ------
        PolicyError
            With the key, the value and what is allowed.

        Examples
        --------
        >>> from alicredit.policy import load_policy
        >>> planned = {"id": "leasing", "title": "Leasing", "title_zh": "租赁", "kind": "planned",
        ...            "status": "planned"}
        >>> list(load_policy("ali-2013").with_product(planned).products)[-1]
        'leasing'
        >>> load_policy("ali-2013").with_product(planned | {"status": "active"})
        Traceback (most recent call last):
        alicredit.errors.PolicyError: products[6].kind must be a kind that can be lent; ...
        """
        from alicredit.policy.file.load import read_policy

        require_mapping("product", product, "must be a mapping", error=PolicyError)
        content = self.content()
        rows = content["products"]
        ids = [row["id"] for row in rows]
        at = ids.index(product.get("id")) if product.get("id") in ids else len(rows)
        rows[at : at + 1] = [dict(product)]
        return read_policy(content)

    def content(self) -> dict[str, Any]:
        """Give the whole content as plain tables, as the file would say it."""
        from alicredit.policy.file.written import content_of

        return content_of(self)

    def to_toml(self) -> str:
        """Write the policy as the text of a file; loading it gives an equal policy.

        Examples
        --------
        >>> from alicredit.policy import load_policy
        >>> print(load_policy("ali-2013").to_toml().splitlines()[1])
        name = "ali-2013"
        """
        from alicredit.policy.file.written import toml_of

        return toml_of(self)

    def save(self, path: str | Path) -> None:
        """Write the policy to a ``.toml`` file, whole or not at all.

        Parameters
        ----------
        path : str or Path
            Ends in ``.toml``, in a folder that exists.

        Raises
        ------
        PolicyError
            For another ending, or where the place cannot be written.

        Examples
        --------
        >>> from alicredit.policy import load_policy
        >>> load_policy("ali-2013").save("mine.json")
        Traceback (most recent call last):
        alicredit.errors.PolicyError: path must end in .toml; found mine.json.
        """
        if not str(path).endswith(".toml"):
            raise PolicyError(refusal("path", "must end in .toml", path))
        write_whole("path", path, self.to_toml().encode(), error=PolicyError)

    def describe(self, *, language: str = "en") -> pd.DataFrame:
        """Tell the whole policy to a person, a row a statement.

        Parameters
        ----------
        language : {"en", "zh"}, default "en"
            English or Chinese.

        Returns
        -------
        pandas.DataFrame
            ``part`` (the lender, the grades, a product by its title), ``term`` (what is said),
            ``value`` (with its unit), ``may_be_set`` (from where to where, where it may),
            ``assumed`` (marked where the number is a choice of the policy's author and no source's)
            and ``key`` (where it stands in the file).

        Raises
        ------
        InputError
            If the language is unknown.

        Examples
        --------
        >>> from alicredit.policy import load_policy
        >>> told = load_policy("ali-2013").describe().set_index("key")
        >>> told.loc["products.taobao_credit.rate.value", ["value", "may_be_set"]].tolist()
        ['0.05% a day (18.25% a year, simple, act/365)', '0.05% to 0.06%']
        >>> load_policy("ali-2013").describe(language="fr")
        Traceback (most recent call last):
        alicredit.errors.InputError: language must be one of 2 known words; found 'fr'. ...
        """
        from alicredit.policy.file.describing import describe

        return describe(self, language)

    def diff(self, other: Policy) -> pd.DataFrame:
        """List what another policy says otherwise.

        Parameters
        ----------
        other : Policy
            The later one.

        Returns
        -------
        pandas.DataFrame
            ``path, before, after, kind``: ``changed``, ``added``, ``removed``, ``product added``,
            ``product removed``; empty where both say the same. An opening is one row a region and
            membership, its notes rows of their own.

        Raises
        ------
        PolicyError
            If it is no policy.

        Examples
        --------
        >>> from alicredit.policy import load_policy
        >>> policy = load_policy("ali-2013")
        >>> dear = policy.with_overrides({"taobao_credit": {"rate": "0.0006"}})
        >>> policy.diff(dear).values.tolist()
        [['products.taobao_credit.overrides.rate', '', '0.0006', 'added']]
        >>> policy.diff("cn-2025")
        Traceback (most recent call last):
        alicredit.errors.PolicyError: other must be a policy; found str. Try: load_policy(...).
        """
        from alicredit.policy.file.differing import differences

        do = "load_policy(...)"
        require_kind("other", other, Policy, "must be a policy", do=do, error=PolicyError)
        return differences(self, other)
