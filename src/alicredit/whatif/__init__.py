"""What would be otherwise: reasons and what lifts them, another policy, a worse year."""

from alicredit.whatif.reasons import explain_decision

__all__ = ["explain_decision"]
