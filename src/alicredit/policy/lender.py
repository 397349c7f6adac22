"""The lender: its capital, the limits of law on it, and whether its books stand within them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pandas as pd

from alicredit.checks import nearest, refuse, require_kind, require_mapping
from alicredit.errors import PolicyError
from alicredit.policy.terms import Product


@dataclass(frozen=True, slots=True)
class Company:
    """One of the companies that a lender consists of, with capital and borrowings of its own.

    Parameters
    ----------
    id : str
        By which :meth:`Lender.company` finds it.
    title, title_zh : str
        What a person reads.
    net_capital : Decimal
        In yuan.
    registered_capital : Decimal or None, default None
        In yuan.
    borrowings : mapping of str to Decimal, default empty
        Bank -> yuan that are owed.
    """

    id: str
    title: str
    title_zh: str
    net_capital: Decimal
    registered_capital: Decimal | None = None
    borrowings: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Lender:
    """Capital, borrowings and the limits that law sets on both; amounts in yuan.

    Parameters
    ----------
    net_capital : Decimal
        What the ratios are of.
    borrowings : mapping of str to Decimal
        Bank -> yuan that are owed.
    max_banks : int or None
        Most banks it may borrow from; None: any number.
    borrow_ratio : Decimal
        Most it may borrow from banks, a share of net capital.
    single_borrower_ratio : Decimal
        Most one borrower may owe, a share of net capital.
    rate_cap_multiple, rate_floor_multiple : Decimal
        Highest and lowest annual rate, times the benchmark.
    benchmark : Decimal
        One-year benchmark rate.
    funding_rate : Decimal
        Cost of funds a year.
    operation_per_draw : Decimal
        Cost of operating one draw.
    registered_capital : Decimal or None, default None
        As registered.
    benchmark_six_months : Decimal or None, default None
        Benchmark rate of terms up to six months; None: the one-year one.
    issue_ratio : Decimal, default 0
        Most it may raise by bonds and securities, a share of net capital.
    issued, donated : Decimal, default 0
        Raised by bonds and securities, and given to it.
    borrower_caps : mapping of str to Decimal, default empty
        Purpose -> most one household may owe.
    authority_max : Decimal or None, default None
        Most that is lent without a person's consent; None: any amount.
    small_loan_share : Decimal or None, default None
        Least share of lending in small loans.
    small_loan_threshold : Decimal or None, default None
        What counts as a small loan, at most.
    companies : tuple of Company, default ()
        That it consists of.
    equity_cost : Decimal or None, default None
        Cost of equity a year; None: capital costs as funds do.
    turnover_tax : Decimal or None, default None
        Share of interest and fees; None: no tax.
    assumed : tuple of str, default ()
        Keys of the numbers that are the author's choice and no source's.

    Examples
    --------
    >>> from alicredit.policy import load_policy
    >>> lender = load_policy("ali-2013").lender
    >>> lender.lending_cap == lender.net_capital * lender.lending_multiple
    True
    """

    net_capital: Decimal
    borrowings: Mapping[str, Decimal]
    max_banks: int | None
    borrow_ratio: Decimal
    single_borrower_ratio: Decimal
    rate_cap_multiple: Decimal
    rate_floor_multiple: Decimal
    benchmark: Decimal
    funding_rate: Decimal
    operation_per_draw: Decimal
    registered_capital: Decimal | None = None
    benchmark_six_months: Decimal | None = None
    issue_ratio: Decimal = Decimal(0)
    issued: Decimal = Decimal(0)
    donated: Decimal = Decimal(0)
    borrower_caps: Mapping[str, Decimal] = field(default_factory=dict)
    authority_max: Decimal | None = None
    small_loan_share: Decimal | None = None
    small_loan_threshold: Decimal | None = None
    companies: tuple[Company, ...] = ()
    equity_cost: Decimal | None = None
    turnover_tax: Decimal | None = None
    assumed: tuple[str, ...] = ()

    @property
    def lending_multiple(self) -> Decimal:
        """Give the yuan that each yuan of net capital may lend."""
        return 1 + self.borrow_ratio + self.issue_ratio

    @property
    def lending_cap(self) -> Decimal:
        """Give the most that may be lent: net capital and what may be borrowed on it."""
        return self.net_capital * self.lending_multiple

    @property
    def single_borrower_cap(self) -> Decimal:
        """Give the most one borrower may owe."""
        return self.net_capital * self.single_borrower_ratio

    def funds(self, borrowed: Decimal | None = None) -> Decimal:
        """Give what there is to lend: capital, gifts, bonds and what banks lent, up to the cap."""
        owed = sum(self.borrowings.values(), Decimal(0)) if borrowed is None else borrowed
        return min(self.lending_cap, self.net_capital + self.donated + self.issued + owed)

    @property
    def company_titles(self) -> dict[str, list[str]]:
        """Give the titles of its companies by language."""
        return {
            "en": [each.title for each in self.companies],
            "zh": [each.title_zh for each in self.companies],
        }

    def benchmark_of(self, product: Product) -> Decimal:
        """Give the benchmark of a product's tenor: the six-month one, where known, up to that."""
        months, days = product.term_months, product.term_days
        is_short = (months is not None and months <= 6) or (days is not None and days <= 183)
        if is_short and self.benchmark_six_months is not None:
            return self.benchmark_six_months
        return self.benchmark

    def company(self, company_id: str) -> Lender:
        """Give one company as a lender of its own, under the same rules.

        Examples
        --------
        >>> from alicredit.policy import load_policy
        >>> load_policy("ali-2013").lender.company("zhejiang").single_borrower_cap
        Decimal('30000000.00')
        >>> load_policy("ali-2013").lender.company("hangzhou")
        Traceback (most recent call last):
        alicredit.errors.PolicyError: company must be one of the lender's; found 'hangzhou'. ...
        """
        by_id = {each.id: each for each in self.companies}
        if company_id not in by_id:
            hint = nearest(company_id, by_id)
            rule = "must be one of the lender's"
            refuse("company", rule, repr(company_id), hint, error=PolicyError)
        one = by_id[company_id]
        return replace(
            self, net_capital=one.net_capital, registered_capital=one.registered_capital,
            borrowings=one.borrowings, companies=(), issued=Decimal(0), donated=Decimal(0),
        )  # fmt: skip


def check_lender(
    lender: Lender,
    *,
    outstanding: Decimal | int = 0,
    largest_borrower: Decimal | int = 0,
    borrowings: Mapping[str, Decimal] | None = None,
) -> pd.DataFrame:
    """Check borrowings, banks, the lending cap and the largest borrower.

    Parameters
    ----------
    lender : Lender
        Capital and ratios (China's 2008 guidance on small-loan companies: at most two banks, at
        most half of net capital, at most 5 % to one borrower).
    outstanding : Decimal or int, default 0
        What is lent, in yuan.
    largest_borrower : Decimal or int, default 0
        What one borrower owes over all products, in yuan.
    borrowings : mapping or None, default None
        Bank -> yuan; None takes the lender's own.

    Returns
    -------
    pandas.DataFrame
        ``rule, outcome, value, threshold``, one row a rule.

    Raises
    ------
    InputError
        For what is no amount of money, or negative.

    Examples
    --------
    >>> from alicredit.policy import load_policy
    >>> check_lender(load_policy("ali-2013").lender)["outcome"].tolist()
    ['pass', 'pass', 'pass', 'pass']
    >>> check_lender(load_policy("ali-2013").lender, outstanding=-1)
    Traceback (most recent call last):
    alicredit.errors.InputError: outstanding must not be negative; found -1.
    """
    require_kind("lender", lender, Lender, "must be a policy's lender")
    for name, amount in (("outstanding", outstanding), ("largest_borrower", largest_borrower)):
        _require_money(name, amount)
    owed = lender.borrowings if borrowings is None else borrowings
    require_mapping("borrowings", owed, "must be a mapping from bank to yuan")
    for bank, amount in owed.items():
        _require_money(f"borrowings[{bank!r}]", amount)
    total = sum((Decimal(amount) for amount in owed.values()), Decimal(0))
    cap = lender.funds(total)
    most_banks = Decimal("Infinity") if lender.max_banks is None else Decimal(lender.max_banks)
    rows = [
        ("banks", Decimal(len(owed)), most_banks),
        ("borrowings", total, lender.net_capital * lender.borrow_ratio),
        ("lending_cap", Decimal(outstanding), cap),
        ("single_borrower", Decimal(largest_borrower), lender.single_borrower_cap),
    ]
    return pd.DataFrame(
        [(rule, "pass" if value <= most else "fail", value, most) for rule, value, most in rows],
        columns=["rule", "outcome", "value", "threshold"],
    )


def _require_money(name: str, amount: object) -> None:
    """Refuse what is no exact amount, or a negative one."""
    if not isinstance(amount, Decimal | int) or isinstance(amount, bool):
        refuse(name, "must be an amount as Decimal or int", repr(amount))
    if not Decimal(amount).is_finite():
        refuse(name, "must be an amount as Decimal or int", repr(amount))
    if amount < 0:
        refuse(name, "must not be negative", amount)
