"""Each loan's state on each day, from dues and payments: for features, labels and monitoring."""

from alicredit.ledger.arrears import Spells, days_past_due_at, find_spells
from alicredit.ledger.postings import Postings, read_postings
from alicredit.ledger.states import replay_days

__all__ = [
    "Postings",
    "Spells",
    "days_past_due_at",
    "find_spells",
    "read_postings",
    "replay_days",
]
