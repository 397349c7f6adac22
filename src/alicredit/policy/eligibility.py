"""Who may borrow: each rule of each product, asked of all applicants at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse, require_columns, require_kind
from alicredit.cohort import as_moment
from alicredit.policy.load import load_policy
from alicredit.policy.one import OneApplicant, OneColumn, numbers_of
from alicredit.policy.terms import Policy, Product
from alicredit.records.moments import is_written_as_time
from alicredit.records.reading import TIMEZONE

OUTCOMES = ("fail", "unknown", "pass")
FAIL, UNKNOWN, PASS = 0, 1, 2

Outcomes = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class RuleResult:
    """What one rule says of all applicants."""

    rule: str
    code: str
    outcome: Outcomes
    value: Any
    threshold: str

    @property
    def codes(self) -> npt.NDArray[np.object_]:
        """Give the reason code of each applicant: none where it passes."""
        choice = np.array([self.code, "MISSING_DATA", ""], dtype=object)
        return choice[self.outcome]


def completed_months(start: pd.Series | OneColumn, end: pd.Timestamp) -> npt.NDArray[np.float64]:
    """Count whole calendar months from dates to a day; NaN where a date is missing or later.

    A month is complete on the same day of the month, or on the month's last day where it has no
    such day. What is no date written with the year first is missing.
    """
    if isinstance(start, OneColumn):
        return np.array([_months_of_one(_date(start.value), end)])
    begun = _dates(start)
    months = (end.year - begun.dt.year) * 12 + (end.month - begun.dt.month)
    day = np.minimum(begun.dt.day, end.days_in_month)
    count = (months - (end.day < day)).to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(count >= 0, count, np.nan)


def _months_of_one(begun: pd.Timestamp, end: pd.Timestamp) -> float:
    """Count the same of one date."""
    if begun is pd.NaT:
        return np.nan
    months = (end.year - begun.year) * 12 + (end.month - begun.month)
    count = months - (end.day < min(begun.day, end.days_in_month))
    return float(count) if count >= 0 else np.nan


def find_rules(
    applicants: pd.DataFrame | OneApplicant, product: Product, as_of: pd.Timestamp
) -> Iterator[RuleResult]:
    """Ask every rule of a product of all applicants; a column that lacks is unknown to all."""
    size, rules = len(applicants), product.eligibility
    launched = np.full(size, PASS if product.is_active else FAIL, dtype=np.int8)
    status = np.full(size, product.status, dtype=object)
    yield RuleResult("launched", "PRODUCT_NOT_LAUNCHED", launched, status, "active")
    if rules.platforms:
        yield _among(applicants, "platform", rules.platforms, "ELIG_PLATFORM")
    if rules.any_of:
        yield from _openings(applicants, product, as_of)
    for column, least, code in (
        ("registered_at", rules.registered_months_min, "ELIG_TENURE"),
        ("shop_opened_at", rules.shop_months_min, "ELIG_SHOP_MONTHS"),
    ):
        if least is not None:
            months = completed_months(_column(applicants, column), as_of)
            rule = column.replace("_at", "_months")
            yield _compared(rule, months, months >= least, code, f">= {least} months")
    if rules.positive_rating_min is not None:
        share = _numbers(applicants, "positive_rating_share", most=1.0)
        least_share = rules.positive_rating_min
        yield _compared(
            "positive_rating_share", share, share >= least_share, "ELIG_REPUTATION",
            f">= {least_share:g}",
        )  # fmt: skip
    if rules.violation_points_max is not None:
        points = _numbers(applicants, "violation_points_365d")
        most = rules.violation_points_max
        yield _compared(
            "violation_points", points, points <= most, "ELIG_VIOLATION", f"<= {most:g}"
        )
    if rules.sales_12m_min is not None:
        sales = _numbers(applicants, "sales_12m")
        least_sales = float(rules.sales_12m_min)
        yield _compared(
            "sales_12m", sales, sales >= least_sales, "ELIG_SALES", f">= {least_sales:g} yuan"
        )
    if product.is_active:
        listed = _numbers(applicants, "blacklisted")
        yield _compared("blacklisted", listed, listed == 0, "BLACKLIST", "not listed")
        late = _numbers(applicants, "days_past_due")
        yield _compared("days_past_due", late, late <= 0, "CURRENT_OVERDUE", "0 days")


def check_eligibility(
    applicants: pd.DataFrame, policy: str | Policy, *, as_of: object
) -> pd.DataFrame:
    """Ask every rule of every product of all applicants.

    Parameters
    ----------
    applicants : pandas.DataFrame
        ``merchant_id`` and facts named as ``policy.required_columns``; what lacks is unknown.
    policy : str or Policy
        Which products and rules.
    as_of : str or timestamp
        The day the rules are asked on; dates in force include their ends.

    Returns
    -------
    pandas.DataFrame
        One row per applicant, product and rule: ``merchant_id, product_id, rule, outcome``
        (pass, fail, unknown), ``value, threshold, code`` (empty where it passes). Unknown is not
        eligible: its code is MISSING_DATA.

    Raises
    ------
    InputError
        If the frame has no ``merchant_id``, or ``as_of`` is no time.
    PolicyError
        For an unknown policy.

    Examples
    --------
    >>> applicant = pd.DataFrame({"merchant_id": ["m"], "platform": ["alibaba_b2b"],
    ...     "region": ["guangdong"], "membership": ["paying"], "blacklisted": [False],
    ...     "registered_at": ["2011-03-01"], "days_past_due": [0]})
    >>> rules = check_eligibility(applicant, "ali-2013", as_of="2013-02-28")
    >>> ali = rules[rules["product_id"] == "ali_credit"]
    >>> ali.loc[ali["outcome"] != "pass", "code"].tolist()
    ['ELIG_REGION', 'ELIG_MEMBERSHIP', 'ELIG_TENURE']
    >>> check_eligibility(applicant.drop(columns="merchant_id"), "ali-2013", as_of="2013-02-28")
    Traceback (most recent call last):
    alicredit.errors.InputError: applicants must have the column 'merchant_id'; ...
    """
    require_kind("applicants", applicants, pd.DataFrame, "must be a frame")
    require_columns("applicants", map(str, applicants.columns), ("merchant_id",))
    if not applicants.columns.is_unique:
        refuse("applicants", "must have columns of different names", "a repeated name")
    moment, chosen = as_moment("as_of", as_of), load_policy(policy)
    rows = applicants.reset_index(drop=True)
    parts = [
        pd.DataFrame(
            {
                "position": np.arange(len(rows)),
                "order": at * 100 + number,
                "merchant_id": rows["merchant_id"].to_numpy(),
                "product_id": product.id,
                "rule": result.rule,
                "outcome": np.array(OUTCOMES, dtype=object)[result.outcome],
                "value": pd.Series(result.value, dtype=object),
                "threshold": result.threshold,
                "code": result.codes,
            }
        )
        for at, product in enumerate(chosen.products.values())
        for number, result in enumerate(find_rules(rows, product, moment))
    ]
    frame = pd.concat(parts, ignore_index=True).sort_values(["position", "order"])
    return frame.drop(columns=["position", "order"]).reset_index(drop=True)


def _openings(
    applicants: pd.DataFrame | OneApplicant, product: Product, as_of: pd.Timestamp
) -> Iterator[RuleResult]:
    """Ask region first, then membership within it, of the openings in force."""
    day = as_of.date()
    open_now = [
        each
        for each in product.eligibility.any_of
        if each.valid_from <= day and (each.valid_to is None or day <= each.valid_to)
    ]
    regions = sorted({region for each in open_now for region in each.regions})
    yield _among(applicants, "region", tuple(regions), "ELIG_REGION")
    region = _column(applicants, "region")
    membership = _column(applicants, "membership")
    fits = np.zeros(len(applicants), dtype=bool)
    for each in open_now:
        here = region.isin(each.regions) & membership.isin(each.memberships)
        fits |= here.to_numpy(dtype=bool)
    is_known = (region.notna() & membership.notna()).to_numpy()
    outcome = np.where(is_known, np.where(fits, PASS, FAIL), UNKNOWN).astype(np.int8)
    threshold = "; ".join(f"{'/'.join(e.regions)}: {'/'.join(e.memberships)}" for e in open_now)
    yield RuleResult("membership", "ELIG_MEMBERSHIP", outcome, membership.to_numpy(), threshold)


def _among(
    applicants: pd.DataFrame | OneApplicant, column: str, allowed: tuple[str, ...], code: str
) -> RuleResult:
    """Ask whether a code is among the allowed ones."""
    value = _column(applicants, column)
    fits = value.isin(allowed).to_numpy(dtype=bool)
    outcome = np.where(value.isna().to_numpy(), UNKNOWN, np.where(fits, PASS, FAIL))
    return RuleResult(column, code, outcome.astype(np.int8), value.to_numpy(), "/".join(allowed))


def _compared(
    rule: str, value: npt.NDArray[np.float64], fits: Any, code: str, threshold: str
) -> RuleResult:
    """Turn a comparison into outcomes; a missing value is unknown."""
    outcome = np.where(np.isnan(value), UNKNOWN, np.where(fits, PASS, FAIL)).astype(np.int8)
    return RuleResult(rule, code, outcome, value, threshold)


def _column(applicants: pd.DataFrame | OneApplicant, name: str) -> Any:
    """Take a column, or a missing value for everybody where it lacks."""
    if name in applicants:
        return applicants[name].reset_index(drop=True)
    return pd.Series([None] * len(applicants), dtype=object)


def _dates(column: pd.Series) -> pd.Series:
    """Take a column as local dates; a number, a flag or another text is none, and so missing."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.dt.tz_convert(TIMEZONE).dt.tz_localize(None)
    if pd.api.types.is_datetime64_dtype(column):
        return column
    return pd.Series([_date(each) for each in column.astype(object)], dtype="datetime64[us]")


def _date(value: object) -> pd.Timestamp:
    """Take one value as a local date; NaT where it is none."""
    is_date = isinstance(value, date | np.datetime64)
    if not (is_written_as_time(value) if isinstance(value, str) else is_date):
        return pd.NaT
    try:
        moment = pd.Timestamp(value)
    except ValueError:
        return pd.NaT
    local = moment if moment.tzinfo is None else moment.tz_convert(TIMEZONE).tz_localize(None)
    return local.as_unit("us")


def _numbers(
    applicants: pd.DataFrame | OneApplicant, name: str, *, most: float = np.inf
) -> npt.NDArray[np.float64]:
    """Take a column as numbers; what is none, or impossible, is missing, and so unknown."""
    numbers = numbers_of(_column(applicants, name))
    return np.where(np.isinf(numbers) | (numbers < 0) | (numbers > most), np.nan, numbers)
