"""What a policy asks of every product: grades, gates, how limits are chosen, what is referred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

GATES: Mapping[str, str] = MappingProxyType(
    {
        "account_sealed": "account_sealed",
        "fraud_found": "fraud_found",
        "linked_shops_max": "linked_shops",
        "shared_device_max": "shared_device",
        "shared_address_max": "shared_address",
        "related_barred_max": "related_barred",
    }
)
"""Gates before any score, and the column of an applicant's facts that each reads."""


@dataclass(frozen=True, slots=True)
class Grades:
    """The master scale: names by upper probability, and the months of sales each may be lent.

    Parameters
    ----------
    names : tuple of str
        Best first.
    upper_pd : tuple of float
        Highest probability of default of each, which rises to 1.
    months_of_sales : tuple of float
        Months of median monthly settled sales that each may be lent.
    assumed : tuple of str, default ()
        Keys of the numbers that are the author's choice and no source's.
    """

    names: tuple[str, ...]
    upper_pd: tuple[float, ...]
    months_of_sales: tuple[float, ...]
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Referral:
    """What of an applicant that passes all rules is left to a person; None is not asked.

    The lender's ``authority_max`` is the most that is lent without one.

    Parameters
    ----------
    straddles_cut : bool or None, default None
        Whether one is whose interval of the PD holds the product's highest.
    source_ratio_max : Decimal or None, default None
        Most times that one source's sales may be another's: declared and settled ones, exports at
        customs and declared ones.
    assumed : tuple of str, default ()
        Keys of the numbers that are the author's choice and no source's.

    Examples
    --------
    >>> Referral(straddles_cut=True).source_ratio_max is None
    True
    """

    straddles_cut: bool | None = None
    source_ratio_max: Decimal | None = None
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gates:
    """What bars an applicant before any score; a gate that is None is not asked.

    Parameters
    ----------
    account_sealed, fraud_found : bool or None, default None
        Whether sealed accounts, and those whose fraud was found, are barred.
    linked_shops_max : int or None, default None
        Most other shops of the same person.
    shared_device_max, shared_address_max : int or None, default None
        Most other merchants on the same device, and at the same address.
    related_barred_max : int or None, default None
        Most related parties that are blacklisted or sealed.
    is_required : bool, default True
        Whether a gate without data is unknown to all; else it is asked only of applicants whose
        facts have its column.
    assumed : tuple of str, default ()
        Keys of the numbers that are the author's choice and no source's.

    Examples
    --------
    >>> gates = Gates(fraud_found=True, linked_shops_max=0)
    >>> [gates.is_asked(gate) for gate in ("fraud_found", "linked_shops_max", "account_sealed")]
    [True, True, False]
    """

    account_sealed: bool | None = None
    fraud_found: bool | None = None
    linked_shops_max: int | None = None
    shared_device_max: int | None = None
    shared_address_max: int | None = None
    related_barred_max: int | None = None
    is_required: bool = True
    assumed: tuple[str, ...] = ()

    def is_asked(self, gate: str) -> bool:
        """Tell whether a gate is asked at all; a bound of 0 is."""
        value = getattr(self, gate)
        return value is not None and value is not False


@dataclass(frozen=True, slots=True)
class LimitRules:
    """How limits are chosen; a rule that is None is not asked.

    Parameters
    ----------
    by_profit : bool or None
        Whether the amount that earns most in a year bounds the limit, and what earns nothing is
        not lent.
    leverage_effect : float or None
        How the log odds of default rise with the log of the amount over monthly sales.
    prudence : float or None
        Which PD limits are chosen at: pd + prudence x (pd_upper - pd), 0 to 1.
    capacity_share : float or None
        Share of monthly cash flow that may serve debt.
    bank_inflows_most : float or None
        Up to which multiple of platform sales bank inflows count; 1 where none is given.
    keep_within : float or None
        Wanted change of a limit in force that is none, as a share of it.
    raise_most, cut_most : float or None
        Largest change at once, as shares of the limit in force.
    margin : float or None
        Profit that a rate by risk asks for, on a yuan drawn for a year.
    assumed : tuple of str, default ()
        Names of the rules whose numbers are assumptions.
    """

    by_profit: bool | None = None
    leverage_effect: float | None = None
    prudence: float | None = None
    capacity_share: float | None = None
    bank_inflows_most: float | None = None
    keep_within: float | None = None
    raise_most: float | None = None
    cut_most: float | None = None
    margin: float | None = None
    assumed: tuple[str, ...] = ()
