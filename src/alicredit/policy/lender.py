"""Whether a lender's books stand within its limits: a structured answer, never a bare yes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pandas as pd

from alicredit.checks import refuse, require_kind, require_mapping
from alicredit.policy.terms import Lender


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
