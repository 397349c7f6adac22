"""What is asked of applicants about one product."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from alicredit.allocation import Prices
from alicredit.policy import Policy, Product


@dataclass(frozen=True, slots=True)
class ProductQuestion:
    """May it be lent, and how much: a product under a policy, as of a moment, at frozen prices.

    Parameters
    ----------
    product : Product
        One of the policy's active ones.
    policy : Policy
        Rules, limits, prices and grades.
    as_of : pandas.Timestamp
        The moment, naive.
    prices : Prices or None, default None
        Of a book under the same policy; None: capital is not rationed.
    """

    product: Product
    policy: Policy
    as_of: pd.Timestamp
    prices: Prices | None = None
