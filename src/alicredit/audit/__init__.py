"""Are features clean? What was not yet known is disturbed, and what moves is named."""

from alicredit.audit.search import COLUMNS, audit_features

__all__ = ["COLUMNS", "audit_features"]
