"""What a book must keep to, beside the lender's own limits: declared, never deduced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from types import MappingProxyType

from alicredit.checks import nearest, refuse, require_between, require_kind
from alicredit.errors import PolicyError
from alicredit.policy import Lender, Policy, check_lender

Shares = Mapping[str, float] | float | None

KINDS = (
    "expected_balance",
    "peak_balance",
    "expected_loss",
    "region",
    "category",
    "product",
    "small_loans",
)
"""Kinds of constraints that have a price, in the order in which they are charged."""

CODES = {
    "expected_balance": "LENDER_CAP",
    "peak_balance": "LENDER_CAP",
    "expected_loss": "ALLOC_LOSS_BUDGET",
    "region": "ALLOC_REGION",
    "category": "ALLOC_CATEGORY",
    "product": "ALLOC_PRODUCT",
    "small_loans": "ALLOC_SMALL_SHARE",
}
"""The reason code of each kind."""

_MOST = 1e15


@dataclass(frozen=True)
class BookRules:
    """What a book of offers must keep to; yuan, yuan a year, and shares from 0 to 1.

    Parameters
    ----------
    outstanding : float, default 0.0
        Mean balance that loans already made go on drawing; it is taken off the funds.
    outstanding_peak : float or None, default None
        The same on the day of the 99 % peak; None takes ``outstanding``.
    loss_budget : float or None, default None
        Most expected loss of the offers in a year.
    region_share, category_share, product_share : mapping, float or None, default None
        Most mean balance of one region, category or product, as a share of the funds: one share for
        all, or by name.
    small_share : float, default 0.0
        Least share of mean balance lent as small loans.
    small_limit : float, default 500_000.0
        The largest limit that is a small loan (assumed: DOMAIN 2.2 holds it for unconfirmed).
    common_share : float, default 1.0
        Share of the variance of peak balances that all borrowers have in common (assumed; 1, all
        moving together, is the safe end).
    peak_quantile : float, default 0.99
        Which peak must fit the funds (DOMAIN 2.3).

    Examples
    --------
    >>> BookRules(region_share={"guangdong": 0.2}, small_share=0.7).region_share["guangdong"]
    0.2
    >>> BookRules(small_share=70)
    Traceback (most recent call last):
    alicredit.errors.InputError: small_share must be a number from 0 to 1; found 70.
    """

    outstanding: float = 0.0
    outstanding_peak: float | None = None
    loss_budget: float | None = None
    region_share: Shares = None
    category_share: Shares = None
    product_share: Shares = None
    small_share: float = 0.0
    small_limit: float = 500_000.0
    common_share: float = 1.0
    peak_quantile: float = 0.99

    def __post_init__(self) -> None:
        """Check every number; make mappings read-only."""
        for name in ("outstanding", "outstanding_peak", "loss_budget", "small_limit"):
            value = getattr(self, name)
            if value is not None:
                require_between(name, value, 0, _MOST)
        for name in ("small_share", "common_share"):
            require_between(name, getattr(self, name), 0, 1)
        require_between("peak_quantile", self.peak_quantile, 0.5, 0.999999)
        if self.outstanding_peak is not None and self.outstanding_peak < self.outstanding:
            rule = f"must be at least outstanding ({self.outstanding})"
            refuse("outstanding_peak", rule, self.outstanding_peak)
        for name in ("region_share", "category_share", "product_share"):
            object.__setattr__(self, name, _shares(name, getattr(self, name)))

    @property
    def peak_z(self) -> float:
        """Give the standard deviations above the mean at which the peak lies."""
        return NormalDist().inv_cdf(self.peak_quantile)

    def shares_of(self, kind: str, names: tuple[str, ...]) -> dict[str, float]:
        """Give the shares of a kind by name; a mapping may name only what there is.

        Names that lack among ``names`` are refused with the nearest one.
        """
        given = getattr(self, f"{kind}_share")
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            return dict.fromkeys(names, float(given))
        for name in given:
            if name not in names:
                rule = f"must name a {kind} that is offered"
                refuse(f"{kind}_share", rule, repr(name), nearest(name, names))
        return {name: float(given[name]) for name in names if name in given}


def _shares(name: str, given: object) -> Shares:
    """Check one share or shares by name."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        require_between(name, given, 0, 1)  # type: ignore[arg-type]
        return float(given)  # type: ignore[arg-type]
    for key, share in given.items():
        require_kind(f"{name} key", key, str, "must be a name")
        require_between(f"{name}[{key!r}]", share, 0, 1)
    return MappingProxyType(dict(given))


def lender_of(policy_or_lender: object) -> Lender:
    """Take a lender or a policy's; refuse one that already passes its limits on borrowing.

    Examples
    --------
    >>> from alicredit.policy import load_policy
    >>> lender_of(load_policy("ali-2013")).max_banks
    2
    >>> lender_of("ali-2013")
    Traceback (most recent call last):
    alicredit.errors.InputError: policy_or_lender must be a Policy or a Lender; found str. ...
    """
    lender = policy_or_lender.lender if isinstance(policy_or_lender, Policy) else policy_or_lender
    do = "use load_policy"
    require_kind("policy_or_lender", lender, Lender, "must be a Policy or a Lender", do=do)
    checked = check_lender(lender)  # type: ignore[arg-type]
    for line in checked[checked["outcome"] == "fail"].itertuples():
        rule = f"must keep to {line.rule} of at most {line.threshold}"
        refuse("lender", rule, line.value, error=PolicyError)
    return lender  # type: ignore[return-value]


def funds_of(lender: Lender) -> float:
    """Give what can be lent: the lending cap, or capital and actual borrowings where less."""
    return float(lender.funds())
