"""When a borrower, or one loan, counts as defaulted, and over what time."""

from __future__ import annotations

from dataclasses import dataclass

from alicredit.checks import require_between, require_one_of, require_whole

_MOST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class DefaultDefinition:
    """When a borrower (or one loan) counts as defaulted, and over what time.

    Default: more than ``days_past_due`` days past due on a material amount, or a sign that the
    borrower is unlikely to pay (EU Capital Requirements Regulation, art. 178): a restructure with a
    loss of present value above 1 %, fraud, bankruptcy, write-off, a sealed account.

    Parameters
    ----------
    days_past_due : int, default 90
        Default from the day after so many days.
    horizon_days : int, default 365
        The window ``(as_of, as_of + horizon_days]``.
    level : str, default "borrower"
        ``"borrower"`` (any of its loans) or ``"facility"`` (the loan of the row).
    material_fen : int, default 10000
        Overdue amounts up to this are immaterial (assumed: 100 yuan).
    material_share : float, default 0.1
        Or up to this share of the principal, whichever is less (assumed).
    probation_days : int, default 90
        After what was overdue is paid, the borrower stays in default so long.
    restructure_probation_days : int, default 365
        And so long after a restructure.

    Examples
    --------
    >>> DefaultDefinition().horizon_days
    365
    >>> DefaultDefinition.of_product("taobao_order").days_past_due
    30
    >>> DefaultDefinition(horizon_days=0)
    Traceback (most recent call last):
    alicredit.errors.InputError: horizon_days must be a whole number of at least 1 ...; found 0.
    """

    days_past_due: int = 90
    horizon_days: int = 365
    level: str = "borrower"
    material_fen: int = 10_000
    material_share: float = 0.1
    probation_days: int = 90
    restructure_probation_days: int = 365

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        require_whole("days_past_due", self.days_past_due, 1, high=_MOST_DAYS)
        require_whole("horizon_days", self.horizon_days, 1, high=_MOST_DAYS)
        require_one_of("level", self.level, ("borrower", "facility"))
        require_whole("material_fen", self.material_fen, 0)
        require_between("material_share", self.material_share, 0, 1)
        require_whole("probation_days", self.probation_days, 0, high=_MOST_DAYS)
        for_restructures = self.restructure_probation_days
        require_whole("restructure_probation_days", for_restructures, 0, high=_MOST_DAYS)

    @classmethod
    def of_product(cls, product: str, *, purpose: str = "development") -> DefaultDefinition:
        """Give the built-in definition of a product's own loans.

        Parameters
        ----------
        product : str
            Id of a built-in product.
        purpose : {"development", "calibration"}, default "development"
            They differ for the order loan: more than 30 days past due within 90 days of
            disbursement, or more than 90 within 150.

        Returns
        -------
        DefaultDefinition
            Of the level ``"facility"``.

        Raises
        ------
        InputError
            For another product or purpose.

        Examples
        --------
        >>> definition = DefaultDefinition.of_product("taobao_order", purpose="calibration")
        >>> definition.days_past_due, definition.horizon_days
        (90, 150)
        >>> DefaultDefinition.of_product("leasing")
        Traceback (most recent call last):
        alicredit.errors.InputError: product must be one of 4 known words; found 'leasing'. ...
        """
        require_one_of("purpose", purpose, ("development", "calibration"))
        require_one_of("product", product, _OF_PRODUCT)
        early, late = _OF_PRODUCT[product]
        days, horizon = early if purpose == "development" else late
        return cls(days_past_due=days, horizon_days=horizon, level="facility")


_OF_PRODUCT = {
    "taobao_order": ((30, 90), (90, 150)),
    "taobao_credit": ((90, 485), (90, 485)),
    "ali_credit": ((90, 485), (90, 485)),
    "virtual_card": ((90, 403), (90, 403)),
}
