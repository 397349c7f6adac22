"""How far limits and profits hang on the assumed effect of the amount on default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from alicredit.checks import refuse, require_between
from alicredit.policy.file.load import load_policy
from alicredit.policy.policy import Policy


def sweep_beta(
    applicants: pd.DataFrame,
    policy: str | Policy,
    *,
    product: str,
    betas: Sequence[float] = (0.0, 0.1, 0.25, 0.5, 1.0),
) -> pd.DataFrame:
    """Offer limits again under other coefficients of default on the amount.

    Parameters
    ----------
    applicants : pandas.DataFrame
        As :func:`offer_limits` takes them.
    policy : str or Policy
        Whose own coefficient is set aside.
    product : str
        Id of an active product.
    betas : sequence of float, default (0.0, 0.1, 0.25, 0.5, 1.0)
        Coefficients, each 0 to 1.

    Returns
    -------
    pandas.DataFrame
        A row each: ``beta, offered`` (how many have a limit), ``limit`` (their sum in yuan),
        ``by_profit`` (how many are bound by profit), ``expected_loss, expected_profit`` (sums in
        yuan a year, each under its own coefficient).

    Raises
    ------
    InputError
        For a coefficient out of range, or what :func:`offer_limits` refuses.

    Examples
    --------
    >>> shop = pd.DataFrame({"merchant_id": ["m"], "pd": [0.015], "order_base": [0.0],
    ...     "monthly_sales_median_180d": [50_000.0], "outstanding": [0.0]})
    >>> swept = sweep_beta(shop, "ali-2013", product="taobao_credit", betas=[0.0, 1.0])
    >>> bool(swept["limit"].is_monotonic_decreasing)
    True
    >>> sweep_beta(shop, "ali-2013", product="taobao_credit", betas=[2.0])
    Traceback (most recent call last):
    alicredit.errors.InputError: betas must be a number from 0 to 1; found 2.0.
    """
    from alicredit.policy.limits import offer_limits

    if not len(betas):
        refuse("betas", "must be one coefficient or more", "none")
    chosen, rows = load_policy(policy), []
    for beta in betas:
        require_between("betas", beta, 0, 1)
        rules = replace(chosen.limit_rules, leverage_effect=float(beta))
        offers = offer_limits(applicants, replace(chosen, limit_rules=rules), product=product)
        rows.append(
            {
                "beta": float(beta),
                "offered": int((offers["limit"] > 0).sum()),
                "limit": float(offers["limit"].sum()),
                "by_profit": int((offers["binding"] == "LIM_PROFIT").sum()),
                "expected_loss": float(np.nansum(offers["expected_loss"])),
                "expected_profit": float(np.nansum(offers["expected_profit"])),
            }
        )
    return pd.DataFrame(rows)
