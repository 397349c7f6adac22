"""Money as whole fen, rounded half-up once for each posting."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from fractions import Fraction

from alicredit.checks import refuse

_EXACT = Context(prec=40, rounding=ROUND_HALF_UP)
_LARGEST = 10**15

Amount = int | str | float | Decimal


def decimal_of(argument: str, value: Amount) -> Decimal:
    """Read a number as an exact decimal; a float by its shortest text.

    Parameters
    ----------
    argument : str
        Its name, for the refusal.
    value : int, str, float or Decimal
        The number.

    Returns
    -------
    Decimal
        The same number, exact.

    Raises
    ------
    InputError
        If it is no finite number.

    Examples
    --------
    >>> decimal_of("rate", 0.0005)
    Decimal('0.0005')
    >>> decimal_of("rate", "five")
    Traceback (most recent call last):
    alicredit.errors.InputError: rate must be a finite number; found 'five'.
    """
    if isinstance(value, bool) or not isinstance(value, int | str | float | Decimal):
        refuse(argument, "must be a finite number", repr(value))
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        refuse(argument, "must be a finite number", repr(value))
    if not number.is_finite():
        refuse(argument, "must be a finite number", repr(value))
    return number


def to_fen(yuan: Amount) -> int:
    """Turn yuan into whole fen, half a fen rounded up.

    Parameters
    ----------
    yuan : int, str, float or Decimal
        Amount in yuan.

    Returns
    -------
    int
        Amount in fen.

    Raises
    ------
    InputError
        If it is no finite number, or larger than 10 trillion yuan.

    Examples
    --------
    >>> to_fen("7647.06")
    764706
    >>> to_fen(float("inf"))
    Traceback (most recent call last):
    alicredit.errors.InputError: yuan must be a finite number; found inf.
    """
    return round_half_up(decimal_of("yuan", yuan) * 100)


def from_fen(fen: int) -> Decimal:
    """Turn whole fen into yuan with two decimals.

    Parameters
    ----------
    fen : int
        Amount in fen; an integer of NumPy will do.

    Returns
    -------
    Decimal
        Amount in yuan.

    Raises
    ------
    InputError
        If it is no whole number.

    Examples
    --------
    >>> from_fen(764706)
    Decimal('7647.06')
    >>> from_fen(0.5)
    Traceback (most recent call last):
    alicredit.errors.InputError: fen must be a whole number; found 0.5.
    """
    if isinstance(fen, bool) or not hasattr(fen, "__index__"):
        refuse("fen", "must be a whole number", fen)
    return Decimal(int(fen)).scaleb(-2, _EXACT)


def round_half_up(fen: Decimal | Fraction | int) -> int:
    """Round an exact amount in fen to whole fen, half away from zero.

    Parameters
    ----------
    fen : Decimal, Fraction or int
        Exact amount in fen.

    Returns
    -------
    int
        Whole fen.

    Raises
    ------
    InputError
        If it is a float or not finite, or larger than 10 trillion yuan.

    Examples
    --------
    >>> round_half_up(Decimal("0.5")), round_half_up(Fraction(-1, 2)), round_half_up(Fraction(1, 3))
    (1, -1, 0)
    >>> round_half_up(Decimal("1e16"))
    Traceback (most recent call last):
    alicredit.errors.InputError: amount must be at most 10 trillion yuan; found ...
    """
    if isinstance(fen, bool) or not isinstance(fen, int | Decimal | Fraction):
        refuse("amount", "must be an exact number", repr(fen), "use Decimal or Fraction")
    if isinstance(fen, Decimal) and not fen.is_finite():
        refuse("amount", "must be a finite number", fen)
    exact = Fraction(fen)
    if abs(exact) > _LARGEST:
        refuse(
            "amount", "must be at most 10 trillion yuan", f"{Decimal(int(exact)) / 100:.6g} yuan"
        )
    whole = int(abs(exact) + Fraction(1, 2))
    return whole if exact >= 0 else -whole
