"""One frozen answer: what was decided of whom, from which inputs, and who overrode it."""

from alicredit.decision.digest import digest_inputs, digest_rows
from alicredit.decision.overriding import Override, override
from alicredit.decision.record import COLUMNS, Decision
from alicredit.vocabulary import DECISIONS, REASONS, STATUSES

__all__ = [
    "COLUMNS",
    "DECISIONS",
    "REASONS",
    "STATUSES",
    "Decision",
    "Override",
    "digest_inputs",
    "digest_rows",
    "override",
]
