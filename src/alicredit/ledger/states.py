"""The words for a loan's state, and the rules that choose among them."""

from __future__ import annotations

from dataclasses import dataclass

from alicredit.checks import require_between, require_whole

STATES = (
    "current",
    "arrears",
    "default",
    "cured",
    "restructured",
    "written_off",
    "closed",
)
"""What a loan can be at the end of a day.

``current``: nothing is materially overdue. ``arrears``: something is, but not for longer than the
threshold. ``default``: for longer, or a sign that the borrower is unlikely to pay, or late again on
probation. ``cured``: paid up after a default, on probation. ``restructured``: on probation after a
restructure with a loss. ``written_off`` and ``closed`` end a loan. Labels of default count
``default``, ``cured``, ``restructured`` and ``written_off`` as in default.
"""

BUCKETS = ("0", "1-30", "31-60", "61-90", "91-180", "181-360", "over 360")
"""Days past due as the roll-rate tables of a lender group them."""

BUCKET_ENDS = (0, 30, 60, 90, 180, 360)
"""The last day of each bucket but the last."""


@dataclass(frozen=True, slots=True)
class StateRules:
    """When a loan is in arrears, in default and on probation.

    The defaults are those of the default definition that labels use.

    Parameters
    ----------
    default_days : int, default 90
        Default from the day after so many days past due.
    material_fen : int, default 10000
        Overdue amounts up to this are immaterial (assumed: 100 yuan).
    material_share : float, default 0.1
        Or up to this share of the principal, whichever is less (assumed).
    probation_days : int, default 90
        How long a loan is watched after its default is paid up.
    restructure_probation_days : int, default 365
        And how long after a restructure.

    Examples
    --------
    >>> StateRules().default_days
    90
    >>> StateRules(default_days=0)
    Traceback (most recent call last):
    alicredit.errors.InputError: default_days must be a whole number of at least 1; found 0.
    """

    default_days: int = 90
    material_fen: int = 10_000
    material_share: float = 0.1
    probation_days: int = 90
    restructure_probation_days: int = 365

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        require_whole("default_days", self.default_days, 1)
        require_whole("material_fen", self.material_fen, 0)
        require_between("material_share", self.material_share, 0, 1)
        require_whole("probation_days", self.probation_days, 0)
        require_whole("restructure_probation_days", self.restructure_probation_days, 0)
