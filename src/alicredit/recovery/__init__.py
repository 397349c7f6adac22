"""After a loan is overdue: what comes back, whom to speak to, whom to help, whom to refuse."""

from alicredit.recovery.lgd import (
    LgdEstimate,
    LgdRules,
    estimate_lgd,
    lgd_by_product,
    lgd_of_loans,
)
from alicredit.recovery.workouts import WorkoutRules, Workouts, find_workouts

__all__ = [
    "LgdEstimate",
    "LgdRules",
    "WorkoutRules",
    "Workouts",
    "estimate_lgd",
    "find_workouts",
    "lgd_by_product",
    "lgd_of_loans",
]
