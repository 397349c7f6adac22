"""Who may borrow: each rule of each product, asked of all applicants at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse, require_columns, require_kind
from alicredit.cohort import as_moment
from alicredit.policy.facts import codes_of, column_of, completed_months, numbers_of
from alicredit.policy.file.load import load_policy
from alicredit.policy.one_applicant import OneApplicant
from alicredit.policy.policy import Policy
from alicredit.policy.rules import GATES, Gates
from alicredit.policy.terms import Eligibility, Limit, Product

OUTCOMES = ("fail", "unknown", "pass")
FAIL, UNKNOWN, PASS = 0, 1, 2

Outcomes = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class RuleResult:
    """What one rule says of all applicants; ``facts`` are the columns it reads."""

    rule: str
    code: str
    outcome: Outcomes
    value: Any
    threshold: str
    facts: tuple[str, ...] = ()
    lacking: npt.NDArray[np.object_] | None = None

    @property
    def codes(self) -> npt.NDArray[np.object_]:
        """Give the reason code of each applicant: none where it passes."""
        choice = np.array([self.code, "MISSING_DATA", ""], dtype=object)
        return choice[self.outcome]

    @property
    def missing(self) -> npt.NDArray[np.object_]:
        """Name the facts that lack, or are impossible, where the rule is unknown."""
        names: Any = ", ".join(self.facts) if self.lacking is None else self.lacking
        return np.where(self.outcome == UNKNOWN, names, "").astype(object)


def find_rules(
    applicants: pd.DataFrame | OneApplicant,
    product: Product,
    as_of: pd.Timestamp,
    *,
    gates: Gates | None = None,
) -> Iterator[RuleResult]:
    """Ask the gates, then every rule of a product, of all applicants.

    A column that lacks is unknown to all, but for gates that a policy does not require.

    Parameters
    ----------
    applicants : pandas.DataFrame or OneApplicant
        With facts as columns (``policy.required_columns``).
    product : Product
        Whose rules are asked; of a planned one only whether it is launched.
    as_of : pandas.Timestamp
        The moment, by which openings and tenure are counted.
    gates : Gates or None, default None
        What bars an applicant before any score; None: nothing.

    Yields
    ------
    RuleResult
        Of each rule that is asked, in that order: its name, its code, and of each applicant the
        outcome, the value and the threshold.
    """
    size, rules = len(applicants), product.eligibility
    launched = np.full(size, PASS if product.is_active else FAIL, dtype=np.int8)
    status = np.full(size, product.status, dtype=object)
    yield RuleResult("launched", "PRODUCT_NOT_LAUNCHED", launched, status, "active")
    if product.is_active:
        listed = numbers_of(applicants, "blacklisted")
        yield _compared("blacklisted", listed, listed == 0, "BLACKLIST", "not listed")
        yield from _gates(applicants, gates or Gates())
    if rules.platforms:
        yield _among(applicants, "platform", rules.platforms, "ELIG_PLATFORM")
    if rules.any_of:
        yield from _openings(applicants, product, as_of)
    if rules.cities_excluded:
        yield _city(applicants, rules.cities_excluded)
    if rules.core_companies:
        yield _among(applicants, "core_company", rules.core_companies, "ELIG_CORE_COMPANY")
    yield from _tenure(applicants, rules, as_of)
    yield from _conduct(applicants, rules)
    if product.is_active:
        late, most = numbers_of(applicants, "days_past_due"), rules.days_past_due_max
        threshold = f"<= {most} days" if most else "0 days"
        yield _compared("days_past_due", late, late <= most, "CURRENT_OVERDUE", threshold)
    if rules.data_required:
        yield _known(applicants, rules.data_required)
    if "amount_asked" in applicants and product.is_active and product.limit is not None:
        yield from _asked(applicants, product.limit)


_GATE_CODES = {
    "account_sealed": "ACCOUNT_SEALED",
    "fraud_found": "FRAUD_FOUND",
    "linked_shops_max": "LINKED_SHOPS",
    "shared_device_max": "SHARED_DEVICE",
    "shared_address_max": "SHARED_ADDRESS",
    "related_barred_max": "RELATED_BARRED",
}


def _gates(applicants: pd.DataFrame | OneApplicant, gates: Gates) -> Iterator[RuleResult]:
    """Ask what bars an applicant before any score."""
    for gate, column in GATES.items():
        most = getattr(gates, gate)
        if not gates.is_asked(gate) or not (gates.is_required or column in applicants):
            continue
        count = numbers_of(applicants, column)
        least = 0 if most is True else most
        threshold = "no" if most is True else f"<= {most}"
        yield _compared(column, count, count <= least, _GATE_CODES[gate], threshold)


def _tenure(
    applicants: pd.DataFrame | OneApplicant, rules: Eligibility, as_of: pd.Timestamp
) -> Iterator[RuleResult]:
    """Ask how long ago they registered and opened."""
    for column, least, code in (
        ("registered_at", rules.registered_months_min, "ELIG_TENURE"),
        ("shop_opened_at", rules.shop_months_min, "ELIG_SHOP_MONTHS"),
    ):
        if least is not None:
            months = completed_months(column_of(applicants, column), as_of)
            rule = column.replace("_at", "_months")
            yield _compared(rule, months, months >= least, code, f">= {least} months", column)


def _conduct(applicants: pd.DataFrame | OneApplicant, rules: Eligibility) -> Iterator[RuleResult]:
    """Ask for reputation, violations and sales."""
    if rules.positive_rating_min is not None:
        share = numbers_of(applicants, "positive_rating_share", most=1.0)
        least_share = rules.positive_rating_min
        yield _compared(
            "positive_rating_share", share, share >= least_share, "ELIG_REPUTATION",
            f">= {least_share:g}",
        )  # fmt: skip
    if rules.violation_points_max is not None:
        points = numbers_of(applicants, "violation_points_365d")
        most = rules.violation_points_max
        yield _compared(
            "violation_points", points, points <= most, "ELIG_VIOLATION", f"<= {most:g}",
            "violation_points_365d",
        )  # fmt: skip
    if rules.sales_12m_min is not None:
        sales = numbers_of(applicants, "sales_12m")
        least_sales = float(rules.sales_12m_min)
        yield _compared(
            "sales_12m", sales, sales >= least_sales, "ELIG_SALES", f">= {least_sales:,.0f} yuan"
        )


def _city(applicants: pd.DataFrame | OneApplicant, excluded: tuple[str, ...]) -> RuleResult:
    """Ask whether the city is none of those left out."""
    city = column_of(applicants, "city")
    at, known = codes_of(city)
    threshold = f"not {'/'.join(excluded)}"
    return _outcome_of("city", at, ~np.isin(known, excluded), city, threshold, "ELIG_CITY")


def _known(applicants: pd.DataFrame | OneApplicant, facts: tuple[str, ...]) -> RuleResult:
    """Ask whether facts are known at all."""
    lacking = np.full(len(applicants), "", dtype=object)
    for fact in facts:
        column = column_of(applicants, fact)
        absent = column.isna().to_numpy(bool)
        if fact in _AMOUNTS:
            absent = np.isnan(numbers_of(applicants, fact))
        lacking += np.where(absent, f", {fact}", "").astype(object)
    outcome = np.where(lacking == "", PASS, UNKNOWN).astype(np.int8)
    named = np.array([text[2:] for text in lacking.tolist()], dtype=object)
    threshold = ", ".join(facts)
    return RuleResult("data_required", "MISSING_DATA", outcome, named, threshold, facts, named)


_AMOUNTS = (
    "days_past_due", "violation_points_365d", "monthly_sales_median_180d", "order_base",
    "outstanding", "sales_12m",
)  # fmt: skip


def _asked(applicants: pd.DataFrame | OneApplicant, limit: Limit) -> Iterator[RuleResult]:
    """Ask whether the amount asked for can be lent at all; who asks for no amount passes."""
    asked = numbers_of(applicants, "amount_asked")
    is_none = column_of(applicants, "amount_asked").isna().to_numpy(bool)
    least, most = limit.min or limit.step, limit.max
    for rule, fits, code, threshold in (
        ("amount_asked_min", asked >= float(least), "ELIG_LIMIT_MIN", f">= {least:,f} yuan"),
        ("amount_asked_max", asked <= float(most), "ELIG_LIMIT_MAX", f"<= {most:,f} yuan"),
    ):
        result = _compared(rule, asked, fits, code, threshold, "amount_asked")
        outcome = np.where(is_none, PASS, result.outcome).astype(np.int8)
        yield replace(result, outcome=outcome)


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
        (pass, fail, unknown), ``value, threshold, code`` (empty where it passes) and ``missing``.
        Unknown is not eligible: its code is MISSING_DATA, and ``missing`` names the facts that
        lack or are impossible. The gates (blacklist, sealed accounts, links) come first. Where
        applicants have ``amount_asked``, the product's least and most are rules too.

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
    asked = [
        (product.id, result)
        for product in chosen.products.values()
        for result in find_rules(rows, product, moment, gates=chosen.gates)
    ]
    products, results = zip(*asked, strict=True)
    size = len(rows)
    values = np.empty((size, len(asked)), dtype=object)
    for at, result in enumerate(results):
        values[:, at] = np.asarray(result.value, dtype=object)
    outcome = np.column_stack([result.outcome for result in results])
    return pd.DataFrame(
        {
            "merchant_id": np.repeat(rows["merchant_id"].to_numpy(object), len(asked)),
            "product_id": np.tile(np.array(products, dtype=object), size),
            "rule": np.tile(np.array([r.rule for r in results], dtype=object), size),
            "outcome": np.array(OUTCOMES, dtype=object)[outcome.ravel()],
            "value": values.ravel(),
            "threshold": np.tile(np.array([r.threshold for r in results], dtype=object), size),
            "code": np.column_stack([result.codes for result in results]).ravel(),
            "missing": np.column_stack([result.missing for result in results]).ravel(),
        }
    )


def _openings(
    applicants: pd.DataFrame | OneApplicant, product: Product, as_of: pd.Timestamp
) -> Iterator[RuleResult]:
    """Ask region first, then membership within it, of the openings in force."""
    day = as_of.date()
    open_now = [each for each in product.eligibility.any_of if each.is_open(day)]
    regions = sorted({region for each in open_now for region in each.regions})
    region, membership = (column_of(applicants, name) for name in ("region", "membership"))
    at_region, known_regions = codes_of(region)
    at_member, known_members = codes_of(membership)
    fits_here = np.isin(known_regions, regions)
    fits = np.zeros((len(known_regions) + 1, len(known_members) + 1), dtype=bool)
    for each in open_now:
        here = np.ix_(
            np.isin(known_regions, each.regions), np.isin(known_members, each.memberships)
        )
        fits[:-1, :-1][here] = True
    yield _outcome_of("region", at_region, fits_here, region, "/".join(regions), "ELIG_REGION")
    is_known = (at_region >= 0) & (at_member >= 0)
    outcome = np.where(is_known, np.where(fits[at_region, at_member], PASS, FAIL), UNKNOWN)
    outcome = outcome.astype(np.int8)
    threshold = "; ".join(f"{'/'.join(e.regions)}: {'/'.join(e.memberships)}" for e in open_now)
    lacks = [
        np.array([name, ""], dtype=object)[(at >= 0).astype(np.int8)]
        for name, at in (("region", at_region), ("membership", at_member))
    ]
    both = np.where((lacks[0] != "") & (lacks[1] != ""), ", ", "").astype(object)
    yield RuleResult(
        "membership", "ELIG_MEMBERSHIP", outcome, membership, threshold,
        ("region", "membership"), lacks[0] + both + lacks[1],
    )  # fmt: skip


def _among(
    applicants: pd.DataFrame | OneApplicant, column: str, allowed: tuple[str, ...], code: str
) -> RuleResult:
    """Ask whether a code is among the allowed ones."""
    value = column_of(applicants, column)
    at, known = codes_of(value)
    return _outcome_of(column, at, np.isin(known, allowed), value, "/".join(allowed), code)


def _outcome_of(
    column: str,
    at: npt.NDArray[np.int64],
    fits: npt.NDArray[np.bool_],
    value: pd.Series,
    threshold: str,
    code: str,
) -> RuleResult:
    """Turn which of a column's codes fit into outcomes; a missing one, the last, is unknown."""
    by_code = np.append(np.where(fits, PASS, FAIL), UNKNOWN).astype(np.int8)
    return RuleResult(column, code, by_code[at], value, threshold, (column,))


def _compared(
    rule: str,
    value: npt.NDArray[np.float64],
    fits: Any,
    code: str,
    threshold: str,
    fact: str = "",
) -> RuleResult:
    """Turn a comparison into outcomes; a missing value is unknown."""
    outcome = np.where(np.isnan(value), UNKNOWN, np.where(fits, PASS, FAIL)).astype(np.int8)
    return RuleResult(rule, code, outcome, value, threshold, (fact or rule,))
