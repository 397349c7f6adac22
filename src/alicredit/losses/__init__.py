"""What a default costs: what came back on loans that defaulted, and the loss given default."""

from alicredit.losses.cells import LgdRules
from alicredit.losses.lgd import LgdEstimate, estimate_lgd, lgd_by_product, lgd_of_loans
from alicredit.losses.workouts import WorkoutRules, Workouts, find_workouts

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
