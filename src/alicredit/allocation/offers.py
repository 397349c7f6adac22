"""Offers as arrays in the order of their ids, whatever the order in which they came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from alicredit.allocation.choice import Bools, Floats, Ints
from alicredit.checks import nearest, refuse, require_columns, require_kind
from alicredit.policy import Policy
from alicredit.policy.terms import REGIONS

OFFER_COLUMNS = (
    "merchant_id",
    "product_id",
    "limit",
    "minimum",
    "expected_profit",
    "expected_loss",
    "mean_balance",
    "peak_balance",
    "region",
    "category",
)
"""Columns that a frame of offers must have; ``peak_sd, group_id, step`` may be there too."""

UNSTATED = "unstated"
"""The region or category of an offer of which it is not known."""

_MOST = 1e12


@dataclass(frozen=True, eq=False)
class Book:
    """Offers sorted by group, merchant, product and amount; names beside codes.

    ``order`` is the row of the frame that each stands in.
    """

    order: Ints
    group: Ints
    item: Ints
    limit: Ints
    least: Ints
    step: Ints
    profit: Floats
    loss: Floats
    mean: Floats
    peak: Floats
    peak_sd: Floats
    region: Ints
    category: Ints
    product: Ints
    regions: tuple[str, ...]
    categories: tuple[str, ...]
    products: tuple[str, ...]


def read_offers(offers: pd.DataFrame, policy: Policy | None) -> Book:
    """Read and check a frame of offers; with a policy, against its products' bounds and steps."""
    require_kind("offers", offers, pd.DataFrame, "must be a frame of offers")
    names = [str(name) for name in offers.columns]
    if len(set(names)) < len(names):
        refuse("offers", "must have columns of different names", "a repeated name")
    require_columns("offers", names, OFFER_COLUMNS)
    merchant, _ = _codes(offers, "merchant_id")
    product, products = _codes(offers, "product_id")
    region, regions = _codes(offers, "region")
    category, categories = _codes(offers, "category")
    for name in regions:
        if name not in (*REGIONS, UNSTATED):
            rule = "must be a province as records spell it"
            refuse("offers['region']", rule, repr(name), nearest(name, REGIONS))
    group = _groups(offers, merchant)
    limit, least, step = _amounts(offers, policy, product, products)
    place = _ranks(group, merchant)
    item = place[merchant] * max(len(products), 1) + product
    order = np.lexsort((limit, item))
    item = item[order]
    is_twice = (np.diff(item) == 0) & (np.diff(limit[order]) == 0)
    if is_twice.any():
        row = offers.iloc[int(order[np.flatnonzero(is_twice)[0]])]
        found = f"{row['merchant_id']!r}, {row['product_id']!r}, {row['limit']} twice"
        refuse("offers", "must have a merchant's amount of a product once", found)
    money = _money(offers, limit)
    return Book(
        order=order,
        group=_rising(group[order]),
        item=_rising(item),
        limit=limit[order],
        least=least[order],
        step=step[order],
        **{name: values[order] for name, values in money.items()},
        region=region[order],
        category=category[order],
        product=product[order],
        regions=regions,
        categories=categories,
        products=products,
    )


def _codes(offers: pd.DataFrame, column: str) -> tuple[Ints, tuple[str, ...]]:
    """Number the names of a column in their own order; names are text, ids may be whole numbers."""
    values = offers[column]
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    if values.isna().any():
        refuse(f"offers[{column!r}]", "must be known in every row", f"{values.isna().sum()} lack")
    kind = pd.api.types.infer_dtype(values, skipna=False)
    allowed = ("string", "empty") + (("integer",) if column.endswith("_id") else ())
    if kind not in allowed:
        refuse(f"offers[{column!r}]", f"must be {' or '.join(allowed[::2])}", kind)
    codes, labels = pd.factorize(values, sort=True)
    names = tuple(map(str, labels)) if column not in ("merchant_id", "group_id") else ()
    return codes.astype(np.int64), names


def _groups(offers: pd.DataFrame, merchant: Ints) -> Ints:
    """Number the groups of related parties; a merchant alone where none are given."""
    if "group_id" not in offers:
        return merchant
    group, _ = _codes(offers, "group_id")
    first = np.zeros(int(merchant.max(initial=-1)) + 1, dtype=np.int64)
    first[merchant] = group
    differs = np.flatnonzero(first[merchant] != group)
    if len(differs):
        found = repr(offers["merchant_id"].iloc[int(differs[0])])
        refuse("offers['group_id']", "must be one for all rows of a merchant", found)
    return group


def _ranks(group: Ints, merchant: Ints) -> Ints:
    """Give each merchant's place when they stand by group and id."""
    of = np.zeros(int(merchant.max(initial=-1)) + 1, dtype=np.int64)
    of[merchant] = group
    place = np.empty(len(of), dtype=np.int64)
    place[np.argsort(of, kind="stable")] = np.arange(len(of))
    return place


def _amounts(
    offers: pd.DataFrame, policy: Policy | None, product: Ints, products: tuple[str, ...]
) -> tuple[Ints, Ints, Ints]:
    """Give limits, least amounts and steps in fen, within the bounds of the policy's products."""
    limit = _fen(offers, "limit", least=1)
    least = _fen(offers, "minimum", least=0)
    step = np.full(len(limit), 100)
    if policy is not None and products:
        bounds = [_bounds(policy, name) for name in products]
        low, high, steps = (np.array(each, dtype=np.int64) for each in zip(*bounds))
        _refuse_where(limit > high[product], offers, "limit", "must not pass its product's maximum")
        least, step = np.maximum(least, low[product]), steps[product]
    if "step" in offers:
        step = _fen(offers, "step", least=1)
    _refuse_where(limit < least, offers, "limit", "must be at least the minimum")
    return limit, least, step


def _bounds(policy: Policy, name: str) -> tuple[int, int, int]:
    """Give a product's least and most limit and its step in fen."""
    product = policy.product(name)
    if product.limit is None or not product.is_active:
        refuse("offers['product_id']", "must be products that can be lent", repr(name))
    low = product.limit.min or 0
    return int(low * 100), int(product.limit.max * 100), int(product.limit.step * 100)


def _money(offers: pd.DataFrame, limit: Ints) -> dict[str, Floats]:
    """Give profits, losses and balances; a balance lies within its limit, a peak not below it."""
    profit = _numbers(offers, "expected_profit", low=-_MOST)
    loss = _numbers(offers, "expected_loss")
    mean = _numbers(offers, "mean_balance")
    peak = _numbers(offers, "peak_balance")
    sd = _numbers(offers, "peak_sd") if "peak_sd" in offers else np.zeros(len(limit))
    yuan = limit / 100 * (1 + 1e-9)
    _refuse_where(mean > yuan, offers, "mean_balance", "must not be above the limit")
    _refuse_where(peak > yuan, offers, "peak_balance", "must not be above the limit")
    _refuse_where(sd > yuan, offers, "peak_sd", "must not be above the limit")
    _refuse_where(peak < mean, offers, "peak_balance", "must be at least mean_balance")
    return {"profit": profit, "loss": loss, "mean": mean, "peak": peak, "peak_sd": sd}


def _numbers(offers: pd.DataFrame, column: str, *, low: float = 0.0) -> Floats:
    """Take a column of finite numbers of at least ``low``."""
    values = offers[column]
    where = f"offers[{column!r}]"
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        refuse(where, "must be numbers", str(values.dtype))
    found = values.to_numpy(np.float64, na_value=np.nan)
    if not np.isfinite(found).all():
        bad = found[~np.isfinite(found)]
        refuse(where, "must be finite in every row", f"{bad[0]} in {len(bad)} of {len(found)}")
    if (found < low).any() or (found > _MOST).any():
        rule = f"must lie from {low:g} to {_MOST:g}"
        refuse(where, rule, found[(found < low) | (found > _MOST)][0])
    return found


def _fen(offers: pd.DataFrame, column: str, *, least: int) -> Ints:
    """Take a column of yuan as whole fen."""
    yuan = _numbers(offers, column)
    fen = np.rint(yuan * 100)
    _refuse_where(np.abs(fen - yuan * 100) > 1e-4, offers, column, "must be whole fen")
    _refuse_where(fen < least, offers, column, f"must be at least {least / 100:g} yuan")
    return fen.astype(np.int64)


def _refuse_where(is_wrong: Bools, offers: pd.DataFrame, column: str, rule: str) -> None:
    """Refuse the first row of which something holds that must not."""
    rows = np.flatnonzero(is_wrong)
    if len(rows):
        row = offers.iloc[int(rows[0])]
        of = f"{row[column]} for merchant {row['merchant_id']!r}, {row['product_id']!r}"
        refuse(f"offers[{column!r}]", rule, of)


def _rising(codes: Ints) -> Ints:
    """Number sorted codes by ones from 0."""
    return np.cumsum(np.diff(codes, prepend=codes[:1]) != 0)
