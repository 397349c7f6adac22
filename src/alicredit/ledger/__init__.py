"""Each loan's state on each day, from dues and payments: for features, labels and monitoring."""

from alicredit.ledger.arrears import Spells, find_spells
from alicredit.ledger.faults import find_uncounted, find_unknown
from alicredit.ledger.late import Unpaid, days_past_due_at, hold_unpaid
from alicredit.ledger.plans import dues_in_force
from alicredit.ledger.postings import (
    DEFAULT_LOSS,
    FAULTS,
    Postings,
    is_listed,
    read_postings,
    require_each_once,
)
from alicredit.ledger.quality import (
    GRADES,
    GradeRules,
    asset_quality,
    classify_loans,
    expected_credit_loss,
)
from alicredit.ledger.replay import replay, replay_batches
from alicredit.ledger.signs import signs_in, signs_of_loans
from alicredit.ledger.states import BUCKETS, STATES, StateRules

__all__ = [
    "Unpaid",
    "BUCKETS",
    "DEFAULT_LOSS",
    "FAULTS",
    "GRADES",
    "STATES",
    "GradeRules",
    "Postings",
    "Spells",
    "StateRules",
    "asset_quality",
    "classify_loans",
    "days_past_due_at",
    "dues_in_force",
    "expected_credit_loss",
    "find_spells",
    "find_uncounted",
    "find_unknown",
    "hold_unpaid",
    "is_listed",
    "read_postings",
    "replay",
    "replay_batches",
    "require_each_once",
    "signs_in",
    "signs_of_loans",
]
