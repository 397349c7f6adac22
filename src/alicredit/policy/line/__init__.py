"""A line: what it earns and loses in a year, what bounds it, how it may change."""

from alicredit.policy.line.bounds import Bounds, find_bounds, group_outstanding
from alicredit.policy.line.change import change_limits
from alicredit.policy.line.curve import Curve, curve_of
from alicredit.policy.line.risk_rate import price_for
from alicredit.policy.line.sweep import sweep_beta

__all__ = [
    "Bounds",
    "Curve",
    "change_limits",
    "curve_of",
    "find_bounds",
    "group_outstanding",
    "price_for",
    "sweep_beta",
]
