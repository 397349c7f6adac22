"""Expected profit of a line in a year as a curve over its amount, and where it is highest.

Default rises with the amount: logit PD(L) = logit PD + beta ln(L / monthly sales), beta assumed
(DOMAIN 5.7). Use of the line is concave: mean balance U(L) = u L / (1 + L / (h S)), S monthly sales
and h the months of sales at which half as much of the line is used. With both, profit depends on
the amount by L / S alone but for the fixed cost of draws, so that the best multiple of monthly
sales is a falling function of the probability, one for each product: it is tabulated once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.checks import refuse
from alicredit.errors import PolicyError
from alicredit.policy.policy import Policy
from alicredit.policy.price import annual_yield
from alicredit.policy.terms import Product

Floats = npt.NDArray[np.float64]

_GRID = np.linspace(np.log(1e-4), np.log(1e4), 8001)
_MOST_CHANCE = 0.5
_FAR = 60.0
_MOST_CURVES = 64


@dataclass(frozen=True, slots=True)
class Curve:
    """What a yuan of a line earns and loses in a year, in shares; rates are simple, act/365.

    Parameters
    ----------
    use : float
        Mean balance over the limit while the limit is small beside sales, 0 to 1.
    half_months : float
        Months of sales at which half of that is used; infinite where use does not fall.
    earned : float
        On a yuan drawn for a year: interest and fees on draws after turnover tax, less the cost of
        funds and of equity.
    earned_on_limit : float
        On a yuan of the limit: fees on the line after turnover tax.
    operation : float
        Cost of a year's draws in yuan, whatever the amount.
    lgd : float
        Loss given default.
    exposed_limit, exposed_use : float
        Exposure at default is exposed_limit x limit + exposed_use x balance, with accrued interest.
    beta : float
        How log odds of default rise with the log of the amount over monthly sales, 0 to 1.
    """

    use: float
    half_months: float
    earned: float
    earned_on_limit: float
    operation: float
    lgd: float
    exposed_limit: float
    exposed_use: float
    beta: float

    def chance(self, limit: Floats, pd_: Floats, sales: Floats | None) -> Floats:
        """Give the probability of default at amounts of yuan; at a month's sales it is the PD.

        Parameters
        ----------
        limit : array of float64
            Yuan, 0 and above.
        pd_ : array of float64
            Probability of default in a year at a month's sales, 0 to 1.
        sales : array of float64 or None
            Monthly sales in yuan; None: amounts change nothing.

        Returns
        -------
        array of float64
            0 to 1, of the shape of all three together.

        Examples
        --------
        >>> curve = Curve(0.3, np.inf, 0.1, 0.0, 0.0, 0.6, 0.5, 0.0, 0.25)
        >>> at = np.array([50.0, 100.0, 200.0])
        >>> curve.chance(at, np.array(0.02), np.array(100.0)).round(5).tolist()
        [0.01687, 0.02, 0.02369]
        """
        if sales is None or not self.beta:
            return np.broadcast_to(pd_, np.broadcast_shapes(np.shape(limit), np.shape(pd_)))
        with np.errstate(divide="ignore", invalid="ignore"):
            grown = (np.maximum(limit, 0.0) / np.maximum(sales, 0.01)) ** self.beta * pd_
            return np.where(pd_ >= 1, 1.0 * (limit > 0), grown / (1 - pd_ + grown))

    def drawn(self, limit: Floats, sales: Floats | None) -> Floats:
        """Give the mean balance in yuan.

        Parameters
        ----------
        limit : array of float64
            Yuan, 0 and above.
        sales : array of float64 or None
            Monthly sales in yuan; None: amounts change nothing.

        Returns
        -------
        array of float64
            Yuan, at most ``limit``.
        """
        if sales is None or np.isinf(self.half_months):
            return limit * self.use
        return limit * self.use / (1 + limit / (np.maximum(sales, 0.01) * self.half_months))

    def loss(self, limit: Floats, pd_: Floats, sales: Floats | None) -> Floats:
        """Give the expected loss of a year in yuan: PD(L) x LGD x exposure at default.

        Parameters
        ----------
        limit : array of float64
            Yuan, 0 and above.
        pd_ : array of float64
            Probability of default in a year at a month's sales, 0 to 1.
        sales : array of float64 or None
            Monthly sales in yuan; None: amounts change nothing.

        Returns
        -------
        array of float64
            Yuan, 0 and above.
        """
        exposed = self.exposed_limit * limit
        if self.exposed_use:
            exposed = exposed + self.exposed_use * self.drawn(limit, sales)
        return self.chance(limit, pd_, sales) * self.lgd * exposed

    def profit(self, limit: Floats, pd_: Floats, sales: Floats | None) -> Floats:
        """Give the expected profit of a year in yuan, 0 for no line.

        Parameters
        ----------
        limit : array of float64
            Yuan, 0 and above.
        pd_ : array of float64
            Probability of default in a year at a month's sales, 0 to 1.
        sales : array of float64 or None
            Monthly sales in yuan; None leaves default and use as they are at a small amount.

        Returns
        -------
        array of float64
            Yuan; below 0 where a line costs more than it earns.

        Examples
        --------
        >>> curve = Curve(1.0, np.inf, 0.1, 0.0, 2.3, 0.5, 1.0, 0.0, 0.0)
        >>> curve.profit(np.array([1000.0, 0.0]), np.array(0.02), None).tolist()
        [87.7, 0.0]
        """
        earned = self.earned * self.drawn(limit, sales) + self.earned_on_limit * limit
        return earned - self.operation * (limit > 0) - self.loss(limit, pd_, sales)

    def best_multiple(self, pd_: Floats) -> Floats:
        """Give the multiple of monthly sales that earns most, a falling function of the PD.

        The marginal profit is above 0 while the chance of default is below the smaller root of
        B s^2 - (A + B) s + R = 0, with A = lgd (e_L + e_U U'), B = lgd beta (e_L + e_U U / L) and
        R = earned U' + earned on the limit: that chance, taken back to the PD, is tabulated over
        multiples from 1e-4 to 1e4 and read the other way. No amount is best at which default is
        more likely than not. Infinite where the curve only rises, 0 where it only falls. Where a
        yuan drawn costs more than it earns, its own default counted, and a fee on the limit pays
        for it, the curve may fall first and rise far out: no line is taken through its loss to get
        there.

        Parameters
        ----------
        pd_ : array of float64
            Probability of default in a year at a month's sales, 0 to 1.

        Returns
        -------
        array of float64
            Months of sales; NaN where the PD is.

        Examples
        --------
        >>> curve = Curve(0.337, 4.0, 0.0725, 0.0, 10.8, 0.6, 0.7, 0.3, 0.25)
        >>> curve.best_multiple(np.array([0.001, 0.01, 0.05])).round(2).tolist()
        [15.31, 3.28, 0.27]
        """
        logits, multiples = _table(self)
        with np.errstate(divide="ignore", invalid="ignore"):
            asked = np.log(pd_ / (1 - pd_))
        asked = np.where(pd_ >= 1, _FAR, np.maximum(asked, -_FAR))
        log = np.interp(asked, logits, multiples, left=np.inf, right=-np.inf)
        return np.where(np.isnan(pd_), np.nan, np.exp(log))


@lru_cache(maxsize=256)
def _table(curve: Curve) -> tuple[Floats, Floats]:
    """Tabulate logs of best multiples against rising log odds."""
    x = np.exp(_GRID)
    full = 1 + (0.0 if np.isinf(curve.half_months) else 1.0) * x / min(curve.half_months, 1e300)
    slope, share = curve.use / full**2, curve.use / full
    once = curve.lgd * (curve.exposed_limit + curve.exposed_use * slope)
    more = curve.lgd * curve.beta * (curve.exposed_limit + curve.exposed_use * share)
    gain = curve.earned * slope + curve.earned_on_limit
    both = once + more
    inside = both**2 - 4 * more * gain
    with np.errstate(divide="ignore", invalid="ignore"):
        root = 2 * gain / (both + np.sqrt(np.maximum(inside, 0)))
        chance = np.where((inside < 0) | (root > _MOST_CHANCE), _MOST_CHANCE, root)
        chance = np.where(gain > 0, chance, 0.0)
        logits = np.log(chance / (1 - chance)) - curve.beta * _GRID
    falling = np.minimum.accumulate(np.clip(logits, -_FAR, _FAR))
    found = np.ascontiguousarray(falling[::-1]), np.ascontiguousarray(_GRID[::-1])
    for each in found:
        each.setflags(write=False)
    return found


def curve_of(
    product: Product, policy: Policy, *, annual: float | None = None, beta: float | None = None
) -> Curve:
    """Give the curve of a product's lines under a policy.

    Parameters
    ----------
    product : Product
        With a rate and economics.
    policy : Policy
        Whose funding, equity, tax, operation and limit rules count.
    annual : float or None, default None
        Another simple annual rate (act/365) than the product's.
    beta : float or None, default None
        Another coefficient than the policy's.

    Returns
    -------
    Curve
        Cost of a yuan: funding rate x (1 - s) + cost of equity x s, with s = 1 / lending multiple
        the share that capital stands for; the funding rate alone where no cost of equity is given.

    Raises
    ------
    PolicyError
        If the product has no rate or no economics.

    Examples
    --------
    >>> from alicredit.policy import load_policy
    >>> policy = load_policy("ali-2013")
    >>> curve_of(policy.product("taobao_credit"), policy).beta
    0.25
    >>> curve_of(policy.product("zhongan_insurance"), policy)
    Traceback (most recent call last):
    alicredit.errors.PolicyError: product must have economics; found zhongan_insurance.
    """
    found: dict[Any, tuple[Product, Curve]] = policy.__dict__.setdefault("_curves", {})
    key = (id(product), annual, beta)
    if key not in found or found[key][0] is not product:
        if len(found) >= _MOST_CURVES:
            found.clear()
        found[key] = product, _curve_of(product, policy, annual, beta)
    return found[key][1]


def _curve_of(product: Product, policy: Policy, annual: float | None, beta: float | None) -> Curve:
    """Count what a yuan earns and loses; both are frozen, so that once is enough."""
    use, lender, rules = product.economics, policy.lender, policy.limit_rules
    if use is None:
        refuse("product", "must have economics", product.id, error=PolicyError)
    gross = annual_yield(product, annual)
    kept = 1 - float(lender.turnover_tax or 0)
    fee, basis = float(product.terms.get("service_fee_rate", 0)), product.terms.get("fee_basis")
    on_draws = fee / use.mean_use if basis == "per_disbursement" and use.mean_use else 0.0
    on_limit = fee if basis not in ("per_disbursement", "none", None) else 0.0
    if basis == "per_disbursement" and not use.mean_use:
        on_limit = fee
    grown = 1 + gross * (use.accrued_days or 0) / 365
    convert = use.credit_conversion
    return Curve(
        use=use.mean_use,
        half_months=np.inf if use.half_use_months is None else use.half_use_months,
        earned=kept * (gross + on_draws) - cost_of_funds(policy),
        earned_on_limit=kept * on_limit,
        operation=float(lender.operation_per_draw) * use.draws_a_year,
        lgd=use.lgd,
        exposed_limit=(use.use_at_default if convert is None else convert) * grown,
        exposed_use=0.0 if convert is None else (1 - convert) * grown,
        beta=(rules.leverage_effect or 0.0) if beta is None else beta,
    )


def pd_of_year(pd_: Floats, product: Product, claim: tuple[str, int] | None) -> Floats:
    """Turn a probability of what a model claims into one of a year's line.

    One of a single draw (level ``facility``, a horizon below a year) meets every draw of the year:
    1 - (1 - p)^draws a year, draws taken as independent. Any other is of the borrower or the whole
    line and stands as it is, as does one of no known claim.

    Examples
    --------
    >>> from alicredit.policy import load_policy
    >>> order = load_policy("ali-2013").product("taobao_order")
    >>> pd_of_year(np.array([0.001]), order, ("facility", 90)).round(5).tolist()
    [0.02957]
    >>> pd_of_year(np.array([0.001]), order, ("borrower", 365)).tolist()
    [0.001]
    """
    if claim is None or claim[0] != "facility" or claim[1] >= 365 or product.economics is None:
        return pd_
    return -np.expm1(product.economics.draws_a_year * np.log1p(-np.minimum(pd_, 1 - 1e-15)))


def cost_of_funds(policy: Policy) -> float:
    """Give what a yuan lent for a year costs: borrowed money, and capital at its own price."""
    lender = policy.lender
    borrowed = float(lender.funding_rate)
    if lender.equity_cost is None:
        return borrowed
    share = float(1 / lender.lending_multiple)
    return borrowed * (1 - share) + float(lender.equity_cost) * share
