"""What falls due when: schedules that repay their principal to the fen."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from alicredit.checks import require_one_of, require_whole
from alicredit.loans.money import Amount, round_half_up
from alicredit.loans.rates import exact_rate

METHODS = ("bullet", "annuity", "equal_principal")


@dataclass(frozen=True, slots=True)
class Instalment:
    """What falls due at the end of one period, in fen.

    Parameters
    ----------
    period : int
        Which period, from 1.
    principal, interest : int
        Parts, in fen.

    Examples
    --------
    >>> Instalment(1, 500_000, 7_500).payment
    507500
    """

    period: int
    principal: int
    interest: int

    @property
    def payment(self) -> int:
        """Give principal and interest together."""
        return self.principal + self.interest


def schedule(
    principal_fen: int, rate_per_period: Amount, periods: int, *, method: str = "bullet"
) -> tuple[Instalment, ...]:
    """Lay out what falls due at the end of each period.

    ``bullet`` pays interest each period and the principal at the end; ``annuity`` pays
    P r / (1 - (1 + r)^-n); ``equal_principal`` repays P / n and interest on the balance. Each
    posting is rounded half-up once; the last instalment absorbs the rest.

    Parameters
    ----------
    principal_fen : int
        Amount lent in fen.
    rate_per_period : int, str, float or Decimal
        Contract rate a period.
    periods : int
        Number of periods.
    method : {"bullet", "annuity", "equal_principal"}, default "bullet"
        How principal is repaid.

    Returns
    -------
    tuple of Instalment
        One for each period; principals sum to ``principal_fen``.

    Raises
    ------
    InputError
        For an unknown method, no period, or negative numbers.

    Examples
    --------
    >>> [i.payment for i in schedule(10_000_000, "0.015", 12, method="annuity")][-2:]
    [916800, 916799]
    >>> schedule(10_000_000, "0.015", 0)
    Traceback (most recent call last):
    alicredit.errors.InputError: periods must be a whole number of at least 1; found 0.
    """
    principal_fen = require_whole("principal_fen", principal_fen, 0)
    periods = require_whole("periods", periods, 1)
    require_one_of("method", method, METHODS)
    rate = exact_rate("rate_per_period", rate_per_period)
    level = level_payment(principal_fen, rate, periods) if method == "annuity" else 0
    each = round_half_up(Fraction(principal_fen, periods))
    balance, rows = principal_fen, []
    for period in range(1, periods + 1):
        interest = round_half_up(balance * rate)
        part = {"bullet": 0, "annuity": level - interest, "equal_principal": each}[method]
        part = balance if period == periods else min(part, balance)
        rows.append(Instalment(period, part, interest))
        balance -= part
    return tuple(rows)


def level_payment(principal_fen: int, rate: Fraction, periods: int) -> int:
    """Give the rounded annuity payment; without interest an equal share.

    Examples
    --------
    >>> level_payment(10_000_000, Fraction(3, 200), 12)
    916800
    """
    return round_half_up(principal_fen * level_share(rate, periods))


def level_share(rate: Fraction, periods: int) -> Fraction:
    """Give the annuity payment as a share of the principal: r / (1 - (1 + r)^-n), or 1 / n.

    Examples
    --------
    >>> level_share(Fraction(1, 2), 1), level_share(Fraction(0), 4)
    (Fraction(3, 2), Fraction(1, 4))
    """
    if rate == 0:
        return Fraction(1, periods)
    growth = (1 + rate) ** periods
    return rate * growth / (growth - 1)
