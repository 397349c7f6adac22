"""What happened after: default within a horizon, from the ledger of dues and payments."""

from alicredit.labels.definition import DefaultDefinition
from alicredit.labels.label import STATUSES, label_defaults, label_status

__all__ = ["STATUSES", "DefaultDefinition", "label_defaults", "label_status"]
