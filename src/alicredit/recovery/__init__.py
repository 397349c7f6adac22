"""After a loan is overdue: what comes back, whom to speak to, whom to help, whom to refuse."""

from alicredit.recovery.accepted import plan_facts, restructure_facts, swept
from alicredit.recovery.blacklist import BlacklistRules, blacklist_after, blacklist_changes
from alicredit.recovery.claims import StageRules, find_claims
from alicredit.recovery.conduct import ConductRules, Willingness, assess_willingness
from alicredit.recovery.contact import ContactRules
from alicredit.recovery.lgd import LgdEstimate, estimate_lgd, lgd_by_product, lgd_of_loans
from alicredit.recovery.lgd_cells import LgdRules
from alicredit.recovery.restoration import (
    RestorationOffers,
    RestorationRules,
    restoration_offers,
)
from alicredit.recovery.worklist import worklist
from alicredit.recovery.workouts import WorkoutRules, Workouts, find_workouts

__all__ = [
    "BlacklistRules",
    "ConductRules",
    "ContactRules",
    "LgdEstimate",
    "LgdRules",
    "RestorationOffers",
    "RestorationRules",
    "StageRules",
    "Willingness",
    "WorkoutRules",
    "Workouts",
    "assess_willingness",
    "blacklist_after",
    "blacklist_changes",
    "estimate_lgd",
    "find_claims",
    "find_workouts",
    "lgd_by_product",
    "lgd_of_loans",
    "plan_facts",
    "restoration_offers",
    "restructure_facts",
    "swept",
    "worklist",
]
