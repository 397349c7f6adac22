"""The closed vocabularies: row statuses, decisions, reason codes, each with its texts.

Codes are what programs compare; texts are what a merchant or an officer reads, in English and
Chinese. They stand on the floor because features name codes, policies raise them and decisions
carry them.
"""

from alicredit.vocabulary.answers import (
    DECISIONS,
    OTHER,
    REASONS,
    STATUSES,
    input_code,
    reason_text,
    reason_word,
    require_answers,
)
from alicredit.vocabulary.collecting import (
    CLAIM_STATUSES,
    COLLECTION_STEPS,
    OUTCOMES,
    STAGES,
    TOOLS,
    VERDICTS,
)
from alicredit.vocabulary.policies import POLICY_WORDS
from alicredit.vocabulary.watching import (
    CHECK_ACTIONS,
    CHECKS,
    FEED_STATUSES,
    FUNDS_CAVEAT,
    FUNDS_OUTCOMES,
    FUNDS_READINGS,
    FUNDS_STATUSES,
    LOAN_GRADES,
    UNKNOWNS,
    VOLUME_STATUSES,
    WARNING_ACTIONS,
    WARNING_LEVELS,
    WARNINGS,
)
from alicredit.vocabulary.words import Word

__all__ = [
    "CHECKS",
    "CHECK_ACTIONS",
    "CLAIM_STATUSES",
    "COLLECTION_STEPS",
    "DECISIONS",
    "FEED_STATUSES",
    "FUNDS_CAVEAT",
    "FUNDS_OUTCOMES",
    "FUNDS_READINGS",
    "FUNDS_STATUSES",
    "LOAN_GRADES",
    "OTHER",
    "OUTCOMES",
    "POLICY_WORDS",
    "REASONS",
    "STAGES",
    "STATUSES",
    "TOOLS",
    "UNKNOWNS",
    "VERDICTS",
    "VOLUME_STATUSES",
    "WARNINGS",
    "WARNING_ACTIONS",
    "WARNING_LEVELS",
    "Word",
    "input_code",
    "reason_text",
    "reason_word",
    "require_answers",
]
