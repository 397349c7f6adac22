"""Each loan's state on each day, from dues and payments: for features, labels and monitoring."""

from alicredit.ledger.arrears import Spells, days_past_due_at, find_spells
from alicredit.ledger.postings import Postings, is_listed, read_postings, signs_of_loans
from alicredit.ledger.quality import (
    GRADES,
    GRADES_ZH,
    GradeRules,
    asset_quality,
    classify_loans,
    expected_credit_loss,
)
from alicredit.ledger.replay import replay, replay_batches
from alicredit.ledger.states import BUCKETS, IN_DEFAULT, STATES, StateRules

__all__ = [
    "BUCKETS",
    "GRADES",
    "GRADES_ZH",
    "IN_DEFAULT",
    "STATES",
    "GradeRules",
    "Postings",
    "Spells",
    "StateRules",
    "asset_quality",
    "classify_loans",
    "days_past_due_at",
    "expected_credit_loss",
    "find_spells",
    "is_listed",
    "read_postings",
    "replay",
    "replay_batches",
    "signs_of_loans",
]
