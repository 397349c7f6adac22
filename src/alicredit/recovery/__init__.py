"""After a loan is overdue: whom to speak to, whom to help, whom to refuse."""

from alicredit.recovery.accepted import plan_facts, restructure_facts, swept
from alicredit.recovery.blacklist import BlacklistRules, blacklist_after, blacklist_changes
from alicredit.recovery.claims import StageRules, find_claims
from alicredit.recovery.conduct import ConductRules, Willingness, assess_willingness
from alicredit.recovery.contact import ContactRules
from alicredit.recovery.restoration import (
    RestorationOffers,
    RestorationRules,
    restoration_offers,
)
from alicredit.recovery.worklist import worklist

__all__ = [
    "BlacklistRules",
    "ConductRules",
    "ContactRules",
    "RestorationOffers",
    "RestorationRules",
    "StageRules",
    "Willingness",
    "assess_willingness",
    "blacklist_after",
    "blacklist_changes",
    "find_claims",
    "plan_facts",
    "restoration_offers",
    "restructure_facts",
    "swept",
    "worklist",
]
