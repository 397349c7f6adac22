"""Each loan's state on each day, from dues and payments: for features, labels and monitoring."""

from alicredit.ledger.arrears import Spells, days_past_due_at, find_spells
from alicredit.ledger.postings import Postings, read_postings, signs_of_loans
from alicredit.ledger.replay import replay, replay_batches
from alicredit.ledger.states import BUCKETS, IN_DEFAULT, STATES, StateRules

__all__ = [
    "BUCKETS",
    "IN_DEFAULT",
    "STATES",
    "Postings",
    "Spells",
    "StateRules",
    "days_past_due_at",
    "find_spells",
    "read_postings",
    "replay",
    "replay_batches",
    "signs_of_loans",
]
